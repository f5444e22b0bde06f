/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outer fragments. With OpenVPN's default tun-mtu of 1500 on a link of 1500 bytes every full packet
 * travels in two, so both ways are ordinary ones. Worker only.
 *
 * In: rte_ip_frag holds fragments of datagrams for our addresses until they are complete, then one
 * copy makes a single segment of them. Memory is bounded by FRAG_HELD_MAX; what overlaps,
 * contradicts itself, has more than RTE_LIBRTE_IP_FRAG_MAX_FRAG pieces or is not complete in time
 * is dropped and counted. The pieces of a packet come within microseconds, so in a flood of others
 * that never complete the time is cut short, and the good ones still pass.
 *
 * Out: our own copying fragmenter, because what enters a port is one segment (rte_ip_frag makes
 * chains, and gives every IPv6 fragment the same id).
 */
#ifndef FRAG_H
#define FRAG_H

#include <rte_ip_frag.h>

#include "base.h"

#define FRAG_DATAGRAMS	4096
#define FRAG_HELD_MAX	2048 /* fragments of a worker */
#define FRAG_TIMEOUT_MS 500
#define FRAG_CROWDED_MS 20   /* the timeout when FRAG_HELD_MAX is reached */
#define FRAG_ROOM	9600 /* bytes of a reassembled frame at most */

struct endpoint;
struct peer;
struct worker;

struct frag {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row dead;
	uint32_t held;	      /* fragments in the table */
	uint64_t sweep, last; /* TSC: next look for expired datagrams (0: none), last fragment */
	uint32_t id6;	      /* identification of the next fragmented IPv6 datagram */
};

int frag_init(struct frag *f, unsigned int worker, int socket_id);
void frag_fini(struct frag *f);

/*
 * Takes a frame that classify() called a fragment. The complete datagram, its IP header repaired,
 * as one segment; NULL: the frame is held or was dropped.
 */
struct rte_mbuf *frag_reassemble(struct worker *w, struct rte_mbuf *m);
/* Once an iteration: drops what has waited too long. */
void frag_sweep(struct worker *w);

/*
 * Sends a finished frame that exceeds e->mtu in fragments; consumes it. Its outer headers were
 * written by endpoint_write().
 */
void frag_send(struct worker *w, struct peer *peer, const struct endpoint *e, struct rte_mbuf *m);

#endif
