/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>

#define STALL_S 5 /* so long without a packet, and the crypto device is given up */

/* What one timed pass over a batch took. */
struct pass {
	uint64_t worker, source; /* cycles */
};

static uint64_t drops_of(const struct lane *l)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < NB_DROPS; i++)
		n += stat_read(&l->w->stats.drops[i]);
	return n;
}

/* --- phase A ---------------------------------------------------------------------------- */

/* Replaces mbufs that were dropped; all of a new one's room is text. */
static bool replace(struct lane *l)
{
	for (unsigned int i = 0; i < BENCH_BATCH; i++) {
		if (l->slot[i] != NULL)
			continue;
		l->slot[i] = rte_pktmbuf_alloc(l->rig->dp->ports[0].pool);
		if (l->slot[i] == NULL)
			return false;
		rte_pktmbuf_append(l->slot[i], rte_pktmbuf_tailroom(l->slot[i]));
	}
	return true;
}

/* Writes the next BENCH_BATCH packets. */
static bool fill(struct lane *l)
{
	if (!replace(l))
		return false;
	for (unsigned int i = 0; i < BENCH_BATCH; i++)
		feed_fill(&l->feed, l->feed.number + i, l->slot[i]);
	return true;
}

/*
 * A worker of the daemon is quiescent every few microseconds. What takes longer here, and is none
 * of its work, must not hold up the freeing of keys.
 */
static bool fill_aside(struct lane *l)
{
	bool ok;

	rcu_offline(&l->rig->dp->rcu, l->w->index);
	ok = fill(l);
	rcu_online(&l->rig->dp->rcu, l->w->index);
	return ok;
}

/* --- phase B ---------------------------------------------------------------------------- */

static inline void gap_add(struct lane *l, uint64_t cycles)
{
	struct gaps *g = &l->gaps[l->window & 1];

	g->cycles += cycles;
	if (cycles > g->largest)
		g->largest = cycles;
	if (cycles > l->gap_long)
		g->nb_long++;
}

/*
 * Of left packets, how many to hand over next. A sender that knows no measure would only show how
 * fast packets are dropped, so an asynchronous device has a window's worth at most.
 */
static unsigned int next_burst(const struct lane *l, unsigned int left)
{
	const struct bench_conf *c = &l->rig->conf;
	uint32_t inside = aead_inflight(l->w->aead);
	unsigned int burst = l->rig->async ? RTE_MIN(c->burst, c->window) : c->burst;

	if (inside > 0 && inside + burst > c->window)
		return 0;
	return RTE_MIN(burst, left);
}

/* The crypto device has had nothing to say since *since (TSC; 0: it has). */
static bool stalled(uint64_t now, bool moved, uint64_t *since)
{
	if (moved || *since == 0)
		*since = now;
	return now - *since > STALL_S * rte_get_tsc_hz();
}

/*
 * Hands the n packets in slot[] to the worker, a burst at a time, and takes back what comes out, in
 * its order. Returns how many did.
 */
static unsigned int pass(struct lane *l, struct rte_ring *in, struct rte_ring *out, unsigned int n,
	struct pass *took)
{
	struct rte_mbuf *done[BENCH_BATCH];
	unsigned int sent = 0, got = 0;
	uint64_t t0 = rte_rdtsc(), since = 0;

	while (sent < n || aead_inflight(l->w->aead) > 0) {
		unsigned int k = next_burst(l, n - sent), back;
		uint64_t t1, t2, t3;

		if (k > 0)
			sent += rte_ring_sp_enqueue_burst(in, (void **)&l->slot[sent], k, NULL);
		t1 = rte_rdtsc();
		do {
			worker_iteration(l->w);
		} while (!rte_ring_empty(in));
		t2 = rte_rdtsc();
		back = rte_ring_sc_dequeue_burst(out, (void **)&done[got], BENCH_BATCH - got, NULL);
		got += back;
		took->worker += t2 - t1;
		t3 = rte_rdtsc();
		took->source += t1 - t0 + t3 - t2;
		gap_add(l, t3 - t0);
		t0 = t3;
		if (stalled(t2, k + back > 0, &since)) {
			l->fault = LANE_STALLED;
			break;
		}
	}
	memcpy(l->slot, done, got * sizeof(done[0]));
	for (unsigned int i = got; i < n; i++)
		l->slot[i] = NULL;
	return got;
}

static unsigned int encap(struct lane *l, unsigned int n, struct pass *took)
{
	return pass(l, l->w->rings.host_in, l->rig->tx[l->index], n, took);
}

static unsigned int decap(struct lane *l, unsigned int n, struct pass *took)
{
	return pass(l, l->rig->rx[l->index], l->w->rings.host_out, n, took);
}

bool lane_in_order(struct lane *l, uint64_t n)
{
	uint64_t *newest = &l->newest[feed_peer(&l->feed, n)];
	bool in_order = n >= *newest;

	*newest = n + 1;
	return in_order;
}

/*
 * Every packet that came back is one that was sent, once, with all of its bytes, and not before one
 * of the same peer that was sent earlier.
 */
static enum lane_fault compare(struct lane *l, unsigned int n)
{
	bool seen[BENCH_BATCH] = {false};

	for (unsigned int i = 0; i < n; i++) {
		uint32_t k = l->slot[i]->hash.usr - (uint32_t)l->feed.number;

		if (k >= BENCH_BATCH || seen[k] ||
			!feed_check(&l->feed, l->feed.number + k, l->slot[i]))
			return LANE_DIFFERENT;
		if (!lane_in_order(l, l->feed.number + k))
			return LANE_REORDERED;
		seen[k] = true;
	}
	return LANE_OK;
}

/* --- a batch ---------------------------------------------------------------------------- */

void samples_add(struct samples *s, uint64_t cycles, unsigned int packets)
{
	s->v[s->n % SAMPLES_MAX] = (float)((double)cycles / packets);
	s->n++;
}

/* Of one batch in so many the stages are measured; its total does not count. */
#define STAGED_EVERY 8

static void add_staged(struct lane *l, const struct pass *took)
{
	struct staged *s = &l->staged[l->nb_staged++ % STAGED_MAX];

	s->total = (float)took->worker / BENCH_BATCH;
	for (unsigned int i = 0; i < NB_STAGES; i++)
		s->v[i] = (float)l->stages.cycles[i] / BENCH_BATCH;
}

static void count(struct lane *l, const struct pass *took, unsigned int n)
{
	struct samples *s = (l->window & 1) != 0 ? &l->churned : &l->ours;

	if (l->w->stages != NULL) {
		add_staged(l, took);
		return;
	}
	l->worker_cycles += took->worker;
	l->source_cycles += took->source;
	l->packets += n;
	/* begun in one state and ended in the other: says nothing of either */
	if (l->window != atomic_load_explicit(&l->rig->window, memory_order_relaxed))
		return;
	s->window[s->n % SAMPLES_MAX] = l->window;
	samples_add(s, took->worker, BENCH_BATCH);
}

static void run_ours(struct lane *l)
{
	enum bench_mode mode = l->rig->conf.mode;
	struct pass untimed = {0}, took = {0};
	uint64_t dropped = drops_of(l);
	bool staged = l->feed.number / BENCH_BATCH % STAGED_EVERY == STAGED_EVERY - 1;
	unsigned int n;

	if (!fill_aside(l)) {
		l->fault = LANE_LOST;
		return;
	}
	l->window = atomic_load_explicit(&l->rig->window, memory_order_relaxed);
	l->stages = (struct stages){0};
	l->w->stages = staged && mode != BENCH_DECAP ? &l->stages : NULL;
	n = encap(l, BENCH_BATCH, mode == BENCH_DECAP ? &untimed : &took);
	l->w->stages = staged ? &l->stages : NULL;
	if (mode != BENCH_ENCAP && l->fault == LANE_OK)
		n = decap(l, n, &took);
	dropped = drops_of(l) - dropped;
	if (l->fault == LANE_OK && n + dropped != BENCH_BATCH)
		l->fault = LANE_LOST;
	if (l->fault == LANE_OK && mode == BENCH_LOOP)
		l->fault = compare(l, n);
	l->dropped += dropped;
	count(l, &took, n);
	l->w->stages = NULL;
	/* pairs with the acquire in churn.c */
	atomic_fetch_add_explicit(&l->batches, 1, memory_order_release);
}

/*
 * The bare device over the same mbufs. Alone (crypto) it has them as dpdk-test-crypto-perf does:
 * used over and over, aligned, whatever is in them; and it has no rest in between, in which a core
 * that AVX-512 has slowed down would recover.
 */
static void run_bare(struct lane *l)
{
	bool alone = l->rig->conf.mode == BENCH_CRYPTO;
	struct aead_bare_batch b = {.pkts = l->slot,
		.reuse = alone,
		.len = l->bare_len,
		.session = l->bare_session,
		.n = BENCH_BATCH,
		.off = alone ? 0 : ETH_HDR_LEN,
		.burst = l->rig->conf.burst,
		.window = l->rig->async ? l->rig->conf.window : BENCH_BURST_MAX};
	enum bench_mode mode = l->rig->conf.mode;
	uint64_t encrypt, decrypt;

	if (!(alone ? replace(l) : fill(l)))
		return;
	for (unsigned int i = 0; i < BENCH_BATCH; i++) {
		l->bare_len[i] = feed_len(&l->feed, l->feed.number + i);
		l->bare_session[i] = feed_peer(&l->feed, l->feed.number + i);
	}
	encrypt = aead_bare_run(l->bare, AEAD_ENCRYPT, &b);
	decrypt = mode == BENCH_ENCAP || alone ? 1 : aead_bare_run(l->bare, AEAD_DECRYPT, &b);
	if (encrypt == 0 || decrypt == 0)
		l->fault = LANE_BARE;
	if (alone) {
		l->packets += BENCH_BATCH;
		l->worker_cycles += encrypt;
	}
	samples_add(&l->device,
		mode == BENCH_DECAP	     ? decrypt
			: mode == BENCH_LOOP ? encrypt + decrypt
					     : encrypt,
		BENCH_BATCH);
}

static void run_bare_aside(struct lane *l)
{
	rcu_offline(&l->rig->dp->rcu, l->w->index);
	run_bare(l);
	rcu_online(&l->rig->dp->rcu, l->w->index);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void lane_begin(struct lane *l)
{
	rcu_online(&l->rig->dp->rcu, l->w->index);
	l->cpu_s = -seconds(CLOCK_THREAD_CPUTIME_ID);
	l->wall_s = -seconds(CLOCK_MONOTONIC);
}

void lane_stop_clock(struct lane *l)
{
	l->cpu_s += seconds(CLOCK_THREAD_CPUTIME_ID);
	l->wall_s += seconds(CLOCK_MONOTONIC);
}

void lane_end(struct lane *l)
{
	rcu_offline(&l->rig->dp->rcu, l->w->index);
	for (unsigned int i = 0; i < NB_DROPS; i++)
		l->drops[i] = stat_read(&l->w->stats.drops[i]) - l->drops[i];
}

void lane_look(struct lane *l)
{
	const struct bench_conf *c = &l->rig->conf;
	/* what decap gets over a port comes from elsewhere */
	uint64_t had = c->nb_ports > 0 && c->mode == BENCH_DECAP ? l->packets : l->feed.number;

	if (c->packets == 0 || had < c->packets)
		return;
	atomic_store(&l->done, true);
	atomic_store(&l->stop, true);
}

/* A batch in units of the bare device's right behind it: what slowed the machine is in both. */
static void add_ratio(struct lane *l)
{
	const struct samples *ours = &l->ours, *device = &l->device;
	struct samples *r = &l->ratios;

	r->v[r->n++ % SAMPLES_MAX] =
		ours->v[(ours->n - 1) % SAMPLES_MAX] / device->v[(device->n - 1) % SAMPLES_MAX];
}

int lane_main(void *arg)
{
	struct lane *l = arg;

	lane_begin(l);
	while (!atomic_load_explicit(&l->stop, memory_order_relaxed) && l->fault == LANE_OK) {
		uint32_t ours = l->ours.n, device = l->device.n;

		if (l->rig->conf.mode != BENCH_CRYPTO)
			run_ours(l);
		if (l->rig->conf.bare)
			run_bare_aside(l);
		if (l->ours.n != ours && l->device.n != device)
			add_ratio(l);
		l->feed.number += BENCH_BATCH;
		lane_look(l);
	}
	lane_stop_clock(l);
	lane_end(l);
	return 0;
}

/* --- life ------------------------------------------------------------------------------- */

int lane_new(struct rig *r, unsigned int index, struct lane **out)
{
	struct lane *l = calloc(1, sizeof(*l));
	int ret;

	if (l == NULL)
		return -ENOMEM;
	l->rig = r;
	l->index = index;
	l->w = r->dp->workers[index];
	l->gap_long = rte_get_tsc_hz() / 1000000 * GAP_LONG_US;
	ret = feed_init(&l->feed, r, index);
	l->newest = calloc(r->nb_peers, sizeof(*l->newest));
	if (ret == 0 && l->newest == NULL)
		ret = -ENOMEM;
	if (ret == 0 && r->conf.bare)
		ret = aead_bare_new(r->aead, index, r->conf.alg, r->nb_peers, &l->bare);
	if (ret < 0) {
		lane_free(l);
		return ret;
	}
	*out = l;
	return 0;
}

void lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	for (unsigned int i = 0; i < BENCH_BATCH; i++)
		rte_pktmbuf_free(l->slot[i]);
	l->rig->stalled |= !aead_bare_free(l->rig->aead, l->bare);
	free(l->newest);
	feed_fini(&l->feed);
	free(l);
}

void lane_reset(struct lane *l, struct bench_size size)
{
	l->feed.size = size;
	l->fault = LANE_OK;
	l->packets = l->worker_cycles = l->source_cycles = l->dropped = 0;
	l->offered = l->received = l->taken = l->timed = 0;
	l->cpu_s = l->wall_s = 0;
	l->nb_staged = 0;
	l->ours.n = l->device.n = l->churned.n = l->ratios.n = 0;
	l->gaps[0] = l->gaps[1] = (struct gaps){0};
	for (unsigned int i = 0; i < NB_DROPS; i++)
		l->drops[i] = stat_read(&l->w->stats.drops[i]);
	l->feed.number = 0;
	memset(l->newest, 0, l->rig->nb_peers * sizeof(*l->newest));
	atomic_store(&l->done, false);
	atomic_store(&l->stop, false);
}
