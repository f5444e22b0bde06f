/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/traffic.h"

#include <time.h>

#include <rte_cycles.h>

#include "bench/lane.h"

#define SAMPLE_PACKETS 4096 /* so many packets make a sample */
#define DRAIN_MS       100  /* how long packets under way are waited for at the end */

/* What a lane over ports counts between two samples. */
struct tally {
	uint64_t cycles, packets;
};

/* Offers the next burst if the last one was taken. */
static void offer(struct lane *l)
{
	struct rte_mbuf *m[BENCH_BURST_MAX];
	uint16_t burst = l->rig->conf.burst;
	struct rte_ring *in = l->w->rings.host_in;

	if (!rte_ring_empty(in) || rte_pktmbuf_alloc_bulk(l->rig->dp->ports[0].pool, m, burst) != 0)
		return;
	for (uint16_t i = 0; i < burst; i++)
		feed_fill(&l->feed, l->feed.number + i, m[i]);
	rte_ring_sp_enqueue_bulk(in, (void **)m, burst, NULL);
	l->feed.number += burst;
	l->offered += burst;
}

/* Loop: is it one of ours, with its bytes, in its order? */
static void look_at(struct lane *l, const struct rte_mbuf *m)
{
	uint64_t n;

	if (!feed_recognize(&l->feed, m, &n))
		l->fault = LANE_DIFFERENT;
	else if (n != FEED_UNKNOWN && !lane_in_order(l, n))
		l->fault = LANE_REORDERED;
}

/* Takes what was delivered to the instance's device, and what is for the kernel or openvpn. */
static void take(struct lane *l)
{
	struct rte_mbuf *m[BURST_MAX];
	unsigned int n;

	while ((n = rte_ring_sc_dequeue_burst(l->w->rings.host_out, (void **)m, BURST_MAX, NULL)) >
		0) {
		for (unsigned int i = 0; i < n && l->rig->conf.mode == BENCH_LOOP; i++) {
			if (pkt_of(m[i])->iid == l->rig->iid)
				look_at(l, m[i]);
		}
		rte_pktmbuf_free_bulk(m, n);
		l->taken += n;
	}
	while ((n = rte_ring_sc_dequeue_burst(
			l->w->rings.mirror_out, (void **)m, BURST_MAX, NULL)) > 0) {
		rte_pktmbuf_free_bulk(m, n);
		l->taken += n;
	}
	while ((n = rte_ring_sc_dequeue_burst(l->w->rings.exception, (void **)m, BURST_MAX, NULL)) >
		0) {
		rte_pktmbuf_free_bulk(m, n);
		l->taken += n;
	}
}

static void turn(struct lane *l, struct tally *t)
{
	uint64_t before = l->w->stats.encap_packets + l->w->stats.decap_packets, start, end;
	bool sends = l->rig->conf.mode != BENCH_DECAP;

	start = rte_rdtsc();
	if (sends && !atomic_load_explicit(&l->stop, memory_order_relaxed))
		offer(l);
	end = rte_rdtsc();
	l->source_cycles += end - start;
	if (worker_iteration(l->w) > 0) {
		uint64_t took = rte_rdtsc() - end;

		t->cycles += took;
		l->worker_cycles += took;
	}
	lane_look(l);
	take(l);
	before = l->w->stats.encap_packets + l->w->stats.decap_packets - before;
	t->packets += before;
	l->packets += before;
	if (t->packets >= SAMPLE_PACKETS) {
		samples_add(&l->ours, t->cycles, (unsigned int)t->packets);
		*t = (struct tally){0};
	}
}

int traffic_main(void *arg)
{
	struct lane *l = arg;
	struct tally t = {0};
	uint64_t received = l->w->stats.rx_packets, until;

	lane_begin(l);
	while (!atomic_load_explicit(&l->stop, memory_order_relaxed) && l->fault == LANE_OK)
		turn(l, &t);
	lane_stop_clock(l);
	l->timed = l->packets; /* the far end may go on sending */
	until = rte_rdtsc() + rte_get_tsc_hz() / MSEC_PER_SEC * DRAIN_MS;
	while (rte_rdtsc() < until)
		turn(l, &t);
	l->received = l->w->stats.rx_packets - received;
	lane_end(l);
	return 0;
}
