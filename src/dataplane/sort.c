/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sort.h"

static void punt_control(struct worker *w, struct rte_mbuf *m, bool opener)
{
	const struct pkt *p = pkt_of(m);
	struct udp_addr src, dst;
	enum drop_reason why;

	classify_addrs(rte_pktmbuf_mtod(m, const uint8_t *), p->family, p->payload, &src, &dst);
	if (!limit_pass(&w->limit, &w->dp->known, &src, opener, w->now, &why)) {
		drop(w, m, why);
		return;
	}
	stat_add(&w->stats.control_packets, 1);
	worker_send_exception(w, m);
}

bool sort_out(struct worker *w, const struct locals *locals, uint8_t port, struct rte_mbuf **pm,
	struct alike *last)
{
	struct rte_mbuf *m = *pm;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct classified c;

	classify(locals, frame, m->data_len, port_ip_checked(m), &c);
	if (c.verdict == VERDICT_FRAGMENT) {
		stat_add(&w->stats.fragments_received, 1);
		pkt_of(m)->port = port;
		*pm = m = frag_reassemble(w, locals, m);
		return m != NULL && sort_out(w, locals, port, pm, last);
	}
	alike_learn(last, frame, &c);
	sort_note(m, port, &c);
	switch (c.verdict) {
	case VERDICT_DATA:
		return true;
	case VERDICT_CONTROL:
		punt_control(w, m, c.opener);
		return false;
	case VERDICT_DROP:
		drop(w, m, c.reason);
		return false;
	default:
		worker_send_mirror(w, m);
		return false;
	}
}
