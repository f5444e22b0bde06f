/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a frame of a port goes: a data packet on to its peer (decap.c), control packets to openvpn,
 * fragments to their datagram, the rest to the kernel. Worker only.
 */
#ifndef SORT_H
#define SORT_H

#include "dataplane/classify.h"
#include "dataplane/pkt.h"
#include "dataplane/state.h"

/*
 * Writes what classify() finds into the packet; of a fragment, what it finds in the whole datagram,
 * which then takes the packet's place. True: a data packet to look up. False: it has been sent on
 * its way. last: learns it.
 */
bool sort_out(struct worker *w, const struct locals *locals, uint8_t port, struct rte_mbuf **pm,
	struct alike *last);

/* Into the packet, what classify() has found. */
static inline void sort_note(struct rte_mbuf *m, uint8_t port, const struct classified *c)
{
	struct pkt *p = pkt_of(m);

	p->port = port;
	p->family = c->family;
	p->tos_outer = c->tos;
	p->payload = (uint16_t)c->payload;
	p->len = (uint16_t)c->len;
	p->job.text = rte_pktmbuf_mtod_offset(m, uint8_t *, c->payload) + WIRE_DATA_HDR_LEN;
	if (c->local != NULL) {
		p->inst = c->local->owner;
		p->iid = p->inst->iid;
		p->tid = c->local->tid;
	}
}

/* Most packets are data packets like the last one. True: as sort_out(). False: ask that. */
static inline bool sort_alike(struct rte_mbuf *m, uint8_t port, const struct alike *last)
{
	struct classified c;

	if (!classify_alike(last, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
		    port_ip_checked(m), &c))
		return false;
	sort_note(m, port, &c);
	return true;
}

#endif
