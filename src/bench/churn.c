/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/churn.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "log.h"

#define TICK_MS	  100 /* as the agent's */
#define TURN_MOST 64  /* verbs in a row, so that windows and ticks come in time */

/* One kind of work, at its rate. */
struct job {
	uint32_t rate;
	uint64_t done; /* in the run */
	uint32_t next; /* whose turn it is: counts up */
};

struct churn {
	struct rig *rig;
	struct lane *const *lanes;
	struct job installs, adds;
	bool on;					      /* rig->window is odd */
	uint64_t window_since, on_cycles, ticked, reclaim_ms; /* TSC */
	bool held_back;
	uint64_t *keys;	   /* [peers and others] given to each so far, beside its first */
	uint64_t *batches; /* [peers] of its lane, when it was given its last */
};

int churn_new(struct rig *r, struct lane *const *lanes, struct churn **out)
{
	struct churn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	*c = (struct churn){
		.rig = r,
		.lanes = lanes,
		.installs.rate = r->conf.key_installs,
		.adds.rate = r->conf.peer_adds,
		.keys = calloc(r->nb_peers + r->nb_others, sizeof(*c->keys)),
		.batches = calloc(r->nb_peers, sizeof(*c->batches)),
	};
	if (c->keys == NULL || c->batches == NULL) {
		churn_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void churn_free(struct churn *c)
{
	if (c == NULL)
		return;
	free(c->keys);
	free(c->batches);
	free(c);
}

/* --- what openvpn asks for ---------------------------------------------------------------- */

static uint64_t batches_of(const struct churn *c, uint32_t id)
{
	const struct worker *w = encap_worker(c->rig->dp, c->rig->iid, id);

	/* pairs with the release in lane.c */
	return atomic_load_explicit(&c->lanes[w->index]->batches, memory_order_acquire);
}

/* The end of the key before the last, a new one, and it is the one to use. */
static int rekey(struct churn *c, uint32_t id)
{
	struct rig *r = c->rig;
	int ret = dp_key_del(r->dp, r->iid, id, KEYSLOT_SECONDARY);

	if (ret == 0)
		ret = rig_key_new(r, id, KEYSLOT_SECONDARY, c->keys[id] + 1);
	if (ret == 0)
		ret = dp_key_swap(r->dp, r->iid, id);
	if (ret == 0)
		c->keys[id]++;
	return ret;
}

/* -EAGAIN: not now. */
static int install(struct churn *c)
{
	struct rig *r = c->rig;
	uint32_t n = c->installs.next, id;
	uint64_t batches;
	int ret;

	if (r->conf.rekey == BENCH_REKEY_OTHERS) {
		ret = rekey(c, r->nb_peers + n % r->nb_others);
		return ret == -ENOENT ? -EAGAIN : ret; /* it goes and comes just now: see add() */
	}
	id = n % r->nb_peers;
	batches = batches_of(c, id);
	/* packets of the key that would go may be under way */
	if (batches == c->batches[id])
		return -EAGAIN;
	ret = rekey(c, id);
	/* afterwards: packets of the key that came may be of a batch that has begun meanwhile */
	if (ret == 0)
		c->batches[id] = batches_of(c, id);
	return ret;
}

static int add(struct churn *c)
{
	struct rig *r = c->rig;
	uint32_t id = r->nb_peers + c->adds.next % r->nb_others;
	int ret = dp_peer_del(r->dp, r->iid, id, DP_GONE_USERSPACE);

	if (ret < 0 && ret != -ENOENT) /* gone: the last try had no memory for its key */
		return ret;
	c->keys[id] = 0;
	ret = rig_peer_new(r, id);
	if (ret < 0)
		dp_peer_del(r->dp, r->iid, id, DP_GONE_USERSPACE);
	return ret;
}

/* --- at which rate ------------------------------------------------------------------------ */

/* How many are due in the run by now: what a window was too short for comes in the next. */
static uint64_t due(const struct churn *c, const struct job *j, uint64_t now)
{
	double seconds = (double)(c->on_cycles + now - c->window_since) / (double)rte_get_tsc_hz();

	if (j->rate == BENCH_RATE_ANY)
		return j->done + TURN_MOST;
	return (uint64_t)(seconds * j->rate);
}

static int work(struct churn *c, struct job *j, int (*one)(struct churn *c), uint64_t now)
{
	uint64_t wanted = due(c, j, now);

	for (unsigned int i = 0; i < TURN_MOST && j->done < wanted; i++) {
		int ret = one(c);

		/* what was freed is not back yet: as openvpn would, it comes again */
		if (ret == -EAGAIN || ret == -ENOMEM) {
			c->held_back = true;
			return 0;
		}
		if (ret < 0) {
			log_err("a key or peer cannot be installed: %s", strerror(-ret));
			return ret;
		}
		j->done++;
		j->next++;
	}
	return j->rate == BENCH_RATE_ANY;
}

static void tick(struct churn *c, uint64_t now)
{
	struct rcu *rcu = &c->rig->dp->rcu;

	c->ticked = now;
	dp_tick(c->rig->dp);
	c->reclaim_ms = RTE_MAX(c->reclaim_ms, rcu_waiting_ms(rcu));
}

static void switch_window(struct churn *c, uint64_t now)
{
	if (c->on)
		c->on_cycles += now - c->window_since;
	c->on = !c->on;
	c->window_since = now;
	atomic_fetch_add_explicit(&c->rig->window, 1, memory_order_relaxed);
}

void churn_start(struct churn *c)
{
	c->on = false;
	c->window_since = c->ticked = rte_rdtsc();
	c->on_cycles = c->reclaim_ms = 0;
	c->held_back = false;
	c->installs.done = c->adds.done = 0;
}

int churn_turn(struct churn *c)
{
	uint64_t ms = rte_get_tsc_hz() / MSEC_PER_SEC, now = rte_rdtsc();
	int ret = 0, more = 0;

	if (now - c->window_since > CHURN_WINDOW_MS * ms)
		switch_window(c, now);
	if (c->on)
		ret = work(c, &c->installs, install, now);
	if (c->on && ret >= 0)
		more = work(c, &c->adds, add, now);
	if (now - c->ticked > TICK_MS * ms)
		tick(c, now);
	dp_go_on(c->rig->dp);
	return ret < 0 || more < 0 ? RTE_MIN(ret, more) : ret | more;
}

const char *churn_stop(struct churn *c, struct churn_result *res)
{
	struct dp *dp = c->rig->dp;

	if (c->on)
		switch_window(c, rte_rdtsc());
	tick(c, rte_rdtsc());
	while (dp_go_on(dp))
		;
	*res = (struct churn_result){
		.held_back = c->held_back,
		.seconds = (double)c->on_cycles / (double)rte_get_tsc_hz(),
		.reclaim_ms = (double)c->reclaim_ms,
	};
	if (res->seconds > 0) {
		res->installs_per_s = (double)c->installs.done / res->seconds;
		res->adds_per_s = (double)c->adds.done / res->seconds;
	}
	/* nobody reads any more: whatever was to be freed must be */
	if (dp->rcu.head != NULL || dp->peers.used != dp->nb_peers ||
		dp->keys.used > 2 * dp->nb_peers + dp->nb_graces)
		return "keys or peers that are gone were not freed: no result";
	return NULL;
}
