/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/floats.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_ring_elem.h>

#include "crypto/key.h"
#include "dataplane/classify.h"
#include "dataplane/inner.h"
#include "dataplane/state.h"
#include "dataplane/wire.h"

/* --- worker ----------------------------------------------------------------------------- */

static bool is_newest(const struct pkt *p)
{
	return p->pktid == __atomic_load_n(&p->key->rx.top, __ATOMIC_RELAXED);
}

/* Its peer was found by where it came from: it cannot say that the peer is elsewhere. */
static bool is_of_undefined_peer(const struct pkt *p)
{
	return wire_data_read(p->job.text - WIRE_DATA_HDR_LEN).peer_id == WIRE_PEER_UNDEF;
}

void float_propose(struct worker *w, struct pkt *p)
{
	struct peer *peer = p->peer;
	struct event ev;

	if (w->now < atomic_load_explicit(&peer->float_after, memory_order_relaxed))
		return;
	if (!is_newest(p) || is_of_undefined_peer(p))
		return;
	ev = (struct event){.iid = p->iid, .peer_id = peer->id, .tid = p->tid, .port = p->port};
	classify_addrs(rte_pktmbuf_mtod(pkt_mbuf(p), const uint8_t *), p->family, p->payload,
		&ev.remote, &ev.local);
	if (rte_ring_sp_enqueue_elem(w->rings.event, &ev, sizeof(ev)) != 0)
		return; /* the next packet proposes again */
	atomic_store_explicit(&peer->float_after, w->now + rte_get_tsc_hz(), memory_order_relaxed);
	w->wake_agent = true;
}

/* --- agent ------------------------------------------------------------------------------ */

/* Takes a float from what the peer has left, and says when the next may be. False: nothing left. */
static bool pay(struct peer *p, uint64_t now)
{
	uint64_t cost = FLOAT_SECONDS * rte_get_tsc_hz();
	uint64_t depth = FLOATS_AT_ONCE * cost;
	uint64_t from = RTE_MAX(p->floats_at, now);
	bool enough = from - now + cost <= depth;

	if (enough)
		p->floats_at = from += cost;
	atomic_store_explicit(&p->float_after, from - now + cost <= depth ? 0 : from + cost - depth,
		memory_order_relaxed);
	return enough;
}

int dp_peer_float(struct dp *dp, uint32_t iid, uint32_t id, const struct udp_addr *remote,
	const struct dp_path *path)
{
	struct instance *inst = instance_find(dp, iid);
	struct peer *p = inst == NULL || id > WIRE_PEER_MAX ? NULL : peertab_find(&inst->peers, id);
	int ret;

	if (p == NULL)
		return -ENOENT;
	if (remote->port == 0 || inner_source_is_martian(remote->ip.b, remote->ip.family))
		return -EINVAL;
	if (!pay(p, rte_rdtsc()))
		return -EAGAIN;
	ret = peer_lead(dp, p, remote, path);
	if (ret < 0)
		return ret;
	known_remove(&dp->known, source_hash_flow(&dp->secret, &p->remote));
	known_add(&dp->known, source_hash_flow(&dp->secret, remote));
	p->remote = *remote;
	p->floats++;
	return 0;
}
