/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keepalive and expiry: the agent reads when each peer was last heard and sent to, and acts. A peer
 * that falls silent becomes a tombstone that is unreported until somebody acknowledges it: an event
 * that cannot be lost, because it is no event.
 */
#include <rte_cycles.h>

#include "crypto/key.h"
#include "dataplane/grace.h"
#include "dataplane/state.h"
#include "dataplane/wire.h"

#define SCAN_ALL   1024 /* peers in one turn; if there are no more, all in each tick */
#define SCAN_PARTS 10	/* of more, this fraction a tick: every peer about once a second */

/* False: the worker's ring is full, the next scan tries again. */
static bool send_ping(struct dp *dp, const struct instance *inst, const struct peer *p)
{
	struct worker *w = encap_worker(dp, inst->iid, p->id);
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp->ping_pool);

	if (m == NULL)
		return false;
	memcpy(rte_pktmbuf_append(m, WIRE_PING_LEN), wire_ping, WIRE_PING_LEN);
	pkt_of(m)->kind = PKT_PING;
	pkt_of(m)->iid = inst->iid;
	pkt_of(m)->peer_id = p->id;
	if (rte_ring_sp_enqueue(w->rings.inject, m) != 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	waker_wake(&w->waker);
	return true;
}

static bool wants_ping(const struct peer *p, uint64_t silent)
{
	return p->interval != 0 && silent >= p->interval * rte_get_tsc_hz() &&
		keyslots_tx_key(&p->keys) != NULL &&
		atomic_load_explicit(&p->endpoint, memory_order_relaxed) != NULL;
}

static bool is_silent(const struct dp *dp, const struct peer *p, uint64_t last_rx)
{
	return p->timeout != 0 &&
		hearing_silence(&dp->hearing, RTE_MAX(last_rx, p->since)) >
		p->timeout * rte_get_tsc_hz();
}

static void check_keepalive(struct dp *dp, struct instance *inst, struct peer *p, uint64_t now)
{
	struct peer_stats sum;
	uint64_t sent;

	if (p->interval == 0 && p->timeout == 0)
		return;
	peer_sum(p, &sum);
	if (is_silent(dp, p, sum.last_rx)) {
		peer_end(dp, inst, p, DP_GONE_EXPIRED, false);
		return;
	}
	/* one on its way counts as sent: a worker that is behind is not given one each tick */
	sent = RTE_MAX(RTE_MAX(sum.last_tx, p->since), p->pinged);
	/* a worker's clock may be a little ahead of the agent's reading */
	if (now > sent && wants_ping(p, now - sent) && send_ping(dp, inst, p))
		p->pinged = now;
}

static void check_peer(struct dp *dp, struct instance *inst, struct peer *p, uint64_t now)
{
	fragwatch_look(dp, inst, p, now);
	if (atomic_load_explicit(&p->goodbye, memory_order_relaxed))
		peer_end(dp, inst, p, DP_GONE_TRANSPORT_DISCONNECT, false);
	else if (wear_check(dp, inst, p, dp_now_ms()))
		/* openvpn 2.6 cannot be asked for a new key, 2.7 has not made one: it comes back */
		peer_end(dp, inst, p, DP_GONE_TRANSPORT_ERROR, false);
	else
		check_keepalive(dp, inst, p, now);
}

/* How many of its peers are looked at in a tick. */
static uint32_t part_of(const struct dp *dp, const struct instance *inst)
{
	return dp->nb_peers <= SCAN_ALL ? inst->nb_peers : inst->nb_peers / SCAN_PARTS + 1;
}

static void scan_begin(struct dp *dp)
{
	if (dp->scanned < DP_MAX_INSTANCES)
		return; /* the last one's has not come to its end */
	dp->scanned = 0;
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		struct instance *inst =
			atomic_load_explicit(&dp->instances[i], memory_order_relaxed);

		if (inst == NULL)
			continue;
		inst->scan_left = part_of(dp, inst);
		if (inst->scan == NULL)
			inst->scan = TAILQ_FIRST(&inst->peer_list);
	}
}

/* SCAN_ALL peers at most. True: there are more in this tick. */
static bool scan_some(struct dp *dp)
{
	uint64_t now = rte_rdtsc();
	unsigned int n = 0;

	for (; dp->scanned < DP_MAX_INSTANCES; dp->scanned++) {
		struct instance *inst =
			atomic_load_explicit(&dp->instances[dp->scanned], memory_order_relaxed);

		for (; inst != NULL && inst->scan != NULL && inst->scan_left > 0;
			inst->scan_left--) {
			struct peer *p = inst->scan;

			if (n++ == SCAN_ALL)
				return true;
			inst->scan = TAILQ_NEXT(p, link);
			check_peer(dp, inst, p, now);
		}
	}
	return false;
}

void dp_tick(struct dp *dp)
{
	uint64_t now = rte_rdtsc();

	locals_tick(dp);
	hearing_tick(dp, now);
	scan_begin(dp);
	grace_tick(dp, now);
	dp_go_on(dp);
}

bool dp_go_on(struct dp *dp)
{
	bool more = scan_some(dp);

	more = instances_end_some(dp) || more;
	return rcu_reclaim(&dp->rcu) || more;
}

uint32_t dp_gone_next(struct dp *dp, uint32_t iid, enum dp_gone *why)
{
	struct instance *inst = instance_find(dp, iid);
	struct tombstone *t = inst == NULL ? NULL : TAILQ_FIRST(&inst->unreported);

	if (t == NULL)
		return DP_NO_PEER;
	*why = t->why;
	return t->id;
}

static struct tombstone *tombstone_find(struct instance *inst, uint32_t id)
{
	struct peertab_entry *e;

	if (inst == NULL || id > WIRE_PEER_MAX)
		return NULL;
	e = peertab_entry(&inst->peers, id);
	return e == NULL ? NULL : e->tomb;
}

void dp_gone_ack(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct instance *inst = instance_find(dp, iid);
	struct tombstone *t = tombstone_find(inst, id);

	if (t == NULL || t->reported)
		return;
	TAILQ_REMOVE(&inst->unreported, t, link);
	t->reported = true;
}

void dp_gone_shown(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct tombstone *t = tombstone_find(instance_find(dp, iid), id);

	if (t != NULL && t->reported && t->owed > 0)
		t->owed--;
}
