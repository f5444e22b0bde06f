/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet costs the worker, whole and in two pieces: cycles of CPU time each way, in bursts
 * of 32, with real crypto and rings for ports. A measurement by hand; no test.
 *
 *   host ring --> worker: encap --> out ring of port 0 == in ring of port 1 --> worker: decap
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>

#include "world.h"

#define PEER   5
#define BURST  32
#define ROUNDS 2000 /* their median counts */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The worker's time for what waits for it, in ns. */
static uint64_t turn(struct world *wd)
{
	uint64_t t = cpu_ns();

	worker_iteration(wd->w);
	return cpu_ns() - t;
}

static void take_from_device(
	struct world *wd, const struct site *s, const uint8_t *frame, size_t len)
{
	for (int i = 0; i < BURST; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(wd->dp->hostio.pool);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
		pkt_of(m)->kind = PKT_INNER;
		pkt_of(m)->iid = s->iid;
		pkt_of(m)->port = 0;
		assert_int_equal(rte_ring_sp_enqueue(wd->w->rings.host_in, m), 0);
	}
}

static unsigned int move(struct rte_ring *from, struct rte_ring *to)
{
	unsigned int n = 0;
	void *m;

	while (rte_ring_dequeue(from, &m) == 0) {
		n++;
		if (to != NULL)
			assert_int_equal(rte_ring_enqueue(to, m), 0);
		else
			rte_pktmbuf_free(m);
	}
	return n;
}

static void measure(const char *const outer[2], size_t size)
{
	static uint64_t out[ROUNDS], in[ROUNDS];
	struct key_material m = reference_key(AEAD_AES_256_GCM, 0, 9), far = reference_mirror(&m);
	struct ip_addr src = ip_of("10.8.0.1"), dst = ip_of("10.8.0.2");
	uint8_t inner[2048], frame[2100], mac[MAC_LEN];
	struct world *wd = world_new(NULL);
	double ghz = (double)rte_get_tsc_hz() / 1e9;
	unsigned int pieces = 0;
	struct site a, b;
	size_t len;

	site_new(&a, wd, 0, DP_MODE_MP, outer[0], 1194);
	site_new(&b, wd, 1, DP_MODE_MP, outer[1], 1195);
	site_peer(&a, PEER, b.local, "10.8.0.2", NULL, &m);
	site_peer(&b, PEER, a.local, "10.8.0.1", NULL, &far);
	site_peer_mac(&a, PEER, mac);
	len = site_frame(frame, mac, inner, frame_inner(inner, &src, &dst, size, 1));
	for (int i = 0; i < ROUNDS; i++) {
		take_from_device(wd, &a, frame, len);
		out[i] = turn(wd);
		pieces = move(wd->out[0], wd->in[1]) / BURST;
		in[i] = turn(wd);
		if (pieces > 1)
			in[i] += turn(wd); /* 64 frames at a time */
		assert_int_equal(move(wd->w->rings.host_out, NULL), BURST);
	}
	qsort(out, ROUNDS, sizeof(out[0]), by_value);
	qsort(in, ROUNDS, sizeof(in[0]), by_value);
	printf("| %s | %zu | %u | %.0f | %.0f |\n", outer[0][4] == ':' ? "IPv6" : "IPv4", size,
		pieces, (double)out[ROUNDS / 2] * ghz / BURST,
		(double)in[ROUNDS / 2] * ghz / BURST);
	world_no_drops(wd);
	world_free(wd);
	close(a.device);
	close(b.device);
}

int main(int argc, char **argv)
{
	static const char *const outers[][2] = {
		{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:9::7"}};
	static const size_t sizes[] = {100, 1400, 1420, 1500};
	int ret = world_begin(argc, argv);

	if (ret != 0)
		return ret;
	printf("| outer | inner bytes | frames | encap, cycles | decap, cycles |\n|---|---|---|---|---|\n");
	for (int o = 0; o < 2; o++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			measure(outers[o], sizes[i]);
	}
	world_end();
	return 0;
}
