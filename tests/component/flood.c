/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flood does to a tunnel: a real worker on a lcore of its own, and a generator on the main
 * lcore, which offers packets of a tunnel at half of what the worker can carry, and a flood beside
 * them.
 *
 *   generator -- in ring (2048) --> worker -- host ring --> generator counts what is delivered
 *                                     |
 *                                     +-- exception ring --> generator, as the agent
 *
 * By hand: flood [--seconds N] [--size BYTES] [--rate PACKETS/S], on a machine that does nothing
 * else; prints a table. As a test (flood --check): short; counts must be conserved, each flood be
 * counted under its own reasons and no other, and openvpn be given no more than the limit.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include "dataplane/dp_view.h"
#include "world.h"

#define PEER	       5
#define SET	       16384 /* packets of a key; then comes the other key, and this one is new again */
#define HANDSHAKE_RATE 1000
#define BURST	       32
#define MANY	       65536 /* sources */
#define SLICES	       10    /* of a measurement: their median counts */

enum flood { FLOOD_NONE, FLOOD_OPENERS, FLOOD_FORGED, FLOOD_UNKNOWN };

static const char *const flood_names[] = {
	[FLOOD_NONE] = "none",
	[FLOOD_OPENERS] = "handshake openers",
	[FLOOD_FORGED] = "forged data, live peer and key",
	[FLOOD_UNKNOWN] = "forged data, unknown peer",
};

/* Every reason that a flood may be dropped for, beside those of too much work. */
static const enum drop_reason reasons_of[][2] = {
	[FLOOD_NONE] = {NB_DROPS, NB_DROPS},
	[FLOOD_OPENERS] = {DROP_SOURCE_LIMIT, DROP_HANDSHAKE_LIMIT},
	[FLOOD_FORGED] = {DROP_AUTH_FAILED, NB_DROPS},
	[FLOOD_UNKNOWN] = {DROP_UNKNOWN_PEER, NB_DROPS},
};

/* The packets of one key, ready to be sent. */
struct set {
	struct key_material m;
	uint8_t *frames;
	size_t frame_len;
	bool fresh; /* none of them was sent since the key was installed */
};

struct bench {
	struct world *wd;
	struct site s;
	struct udp_addr remote;
	struct set sets[2];
	unsigned int set, next; /* the next packet of the tunnel */
	uint8_t flood_frame[256];
	size_t flood_len;
	uint32_t seed, flood_id;
	uint64_t ticked;
};

struct counts {
	uint64_t sent[2], missed[2]; /* tunnel, flood: into the ring; no room in it */
	uint64_t delivered, control;
	uint64_t drops[NB_DROPS];
	uint64_t busy; /* the worker's cycles */
	double seconds;
};

struct load {
	enum flood flood;
	unsigned int sources;
	double tunnel_pps, flood_pps; /* tunnel_pps 0: as many as there is room for */
	double seconds;
};

/* --- packets ---------------------------------------------------------------------------- */

static void make_set(struct bench *b, struct set *set, uint8_t key_id, size_t size)
{
	struct flow f = site_flow_in(&b->s, b->remote);
	struct ip_addr src = ip_of("10.8.0.2"), dst = ip_of("10.8.0.1");
	struct key_material far;
	uint8_t inner[2048], packet[2048];

	set->m = reference_key(AEAD_AES_256_GCM, key_id, 70 + key_id);
	far = reference_mirror(&set->m);
	frame_inner(inner, &src, &dst, size, 1);
	set->frame_len = frame_hdr_len(IP_V4) + REFERENCE_OVERHEAD + size;
	set->frames = malloc(SET * set->frame_len);
	assert_non_null(set->frames);
	for (uint32_t i = 0; i < SET; i++) {
		size_t len = reference_seal(&far, PEER, i + 1, inner, size, packet);

		frame_udp(set->frames + i * set->frame_len, &f, packet, len);
	}
}

/* The same packets are good again under a new key of the same bytes. */
static void renew(struct bench *b, struct set *set)
{
	enum keyslot slot = set == b->sets ? KEYSLOT_PRIMARY : KEYSLOT_SECONDARY;

	assert_int_equal(dp_key_new(b->wd->dp, b->s.iid, PEER, slot, &set->m), 0);
	set->fresh = true;
}

static void make_flood(struct bench *b, const struct load *l)
{
	struct flow f = site_flow_in(&b->s, udp_of("203.0.113.1", 4444));
	uint8_t payload[64 + REFERENCE_OVERHEAD];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)frame_random(&b->seed);
	be32_store(payload, (uint32_t)9 << 27 | (l->flood == FLOOD_UNKNOWN ? 0xabcdef : PEER));
	if (l->flood == FLOOD_OPENERS)
		payload[0] = 7 << 3;
	b->flood_len = frame_udp(b->flood_frame, &f, payload, sizeof(payload));
	b->flood_id = 0x40000000;
}

static struct rte_mbuf *mbuf_of(struct bench *b, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->wd->dp->ports[0].pool);

	if (m != NULL)
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	return m;
}

static struct rte_mbuf *tunnel_packet(struct bench *b)
{
	struct set *set = &b->sets[b->set];
	struct rte_mbuf *m;

	if (b->next == 0 && !set->fresh)
		renew(b, set);
	m = mbuf_of(b, set->frames + b->next * set->frame_len, set->frame_len);
	if (m == NULL)
		return NULL;
	set->fresh = false;
	if (++b->next == SET) {
		b->next = 0;
		b->set ^= 1;
	}
	return m;
}

static struct rte_mbuf *flood_packet(struct bench *b, const struct load *l)
{
	struct rte_mbuf *m = mbuf_of(b, b->flood_frame, b->flood_len);
	uint32_t r = frame_random(&b->seed) % l->sources;
	uint8_t *ip;

	if (m == NULL)
		return NULL;
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);
	be16_store(ip + 14, (uint16_t)r);
	be16_store(ip + 10, 0);
	be16_store(ip + 10, frame_checksum(0, ip, 20));
	if (l->flood == FLOOD_FORGED) {
		/* never an id that was used: what must find it out is the tag */
		ip[28] = (uint8_t)(9 << 3 | b->sets[b->set].m.key_id);
		be32_store(ip + 32, b->flood_id++);
	}
	return m;
}

/* --- one load --------------------------------------------------------------------------- */

static void offer(struct bench *b, const struct load *l, struct counts *c, bool flood, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct rte_mbuf *m;

		if (rte_ring_full(b->wd->in[0])) {
			c->missed[flood] += n - i; /* as a port without free descriptors */
			return;
		}
		m = flood ? flood_packet(b, l) : tunnel_packet(b);
		if (m == NULL) {
			c->missed[flood]++;
			continue;
		}
		assert_int_equal(rte_ring_sp_enqueue(b->wd->in[0], m), 0);
		c->sent[flood]++;
	}
}

/* What the worker has done, taken as host I/O and the agent would. */
static unsigned int collect(struct bench *b, struct counts *c)
{
	void *pkts[BURST_MAX];
	unsigned int n = rte_ring_sc_dequeue_burst(b->wd->w->rings.host_out, pkts, BURST_MAX, NULL);
	struct dp_event ev;

	for (unsigned int i = 0; i < n; i++)
		rte_pktmbuf_free(pkts[i]);
	c->delivered += n;
	for (int i = 0; i < 8 && dp_event_next(b->wd->dp, &ev); i++) {
		if (ev.type == DP_EVENT_FLOAT)
			continue;
		assert_true(ev.data[0] >> 3 != 9 && ev.data[0] >> 3 != 6);
		c->control++;
		n++;
	}
	if (rte_rdtsc() - b->ticked > rte_get_tsc_hz() / 100) {
		b->ticked = rte_rdtsc();
		dp_tick(b->wd->dp);
	}
	return n;
}

static uint64_t due(double pps, uint64_t cycles, uint64_t done)
{
	uint64_t target = (uint64_t)(pps * (double)cycles / (double)rte_get_tsc_hz());

	return target > done ? RTE_MIN(target - done, (uint64_t)BURST) : 0;
}

static struct counts run(struct bench *b, const struct load *l)
{
	uint64_t length = (uint64_t)(l->seconds * (double)rte_get_tsc_hz()), begin, t;
	struct counts c = {0};
	uint64_t before[NB_DROPS], busy = stat_read(&b->wd->w->stats.busy_cycles);

	make_flood(b, l);
	dp_drops(b->wd->dp, before);
	begin = rte_rdtsc();
	while ((t = rte_rdtsc() - begin) < length) {
		uint64_t room = rte_ring_free_count(b->wd->in[0]);

		offer(b, l, &c, false,
			l->tunnel_pps == 0 ? RTE_MIN(room, (uint64_t)BURST)
					   : due(l->tunnel_pps, t, c.sent[0] + c.missed[0]));
		if (l->flood != FLOOD_NONE)
			offer(b, l, &c, true, due(l->flood_pps, t, c.sent[1] + c.missed[1]));
		collect(b, &c);
	}
	/* until nothing came for 50 ms */
	for (t = rte_rdtsc(); rte_rdtsc() - t < rte_get_tsc_hz() / 20;) {
		if (collect(b, &c) > 0 || !rte_ring_empty(b->wd->in[0]))
			t = rte_rdtsc();
	}
	dp_drops(b->wd->dp, c.drops);
	for (unsigned int i = 0; i < NB_DROPS; i++)
		c.drops[i] -= before[i];
	c.busy = stat_read(&b->wd->w->stats.busy_cycles) - busy;
	c.seconds = (double)length / (double)rte_get_tsc_hz();
	return c;
}

/* --- what must hold --------------------------------------------------------------------- */

static bool is_own(enum flood flood, enum drop_reason r)
{
	return r == reasons_of[flood][0] || r == reasons_of[flood][1];
}

/* May a packet of the tunnel, or of any flood, end like this? When it comes to be too much. */
static bool is_shared(enum drop_reason r)
{
	return r == DROP_HOST_FULL || r == DROP_CRYPTO_FULL;
}

static void expect_conserved(const struct load *l, const struct counts *c)
{
	uint64_t own = 0, shared = 0;

	for (unsigned int i = 0; i < NB_DROPS; i++) {
		own += is_own(l->flood, i) ? c->drops[i] : 0;
		shared += is_shared(i) ? c->drops[i] : 0;
		if (c->drops[i] != 0 && !is_own(l->flood, i) && !is_shared(i))
			fail_msg("%s: %lu dropped as %s", flood_names[l->flood], c->drops[i],
				drop_name(i));
	}
	assert_int_equal(c->sent[0] + c->sent[1], c->delivered + c->control + own + shared);
	assert_true(c->sent[0] >= c->delivered && c->sent[1] >= c->control + own);
	if (l->flood == FLOOD_OPENERS)
		assert_true((double)c->control <=
			HANDSHAKE_RATE / (l->sources == 1 ? LIMIT_SHARE : 1) * (c->seconds + 0.5) +
				LIMIT_BURST + 1);
	else
		assert_int_equal(c->control, 0);
}

/* --- the measurement -------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median of slices: the worker's cycles a packet, fully loaded. */
static double cycles_per_packet(struct bench *b, double seconds)
{
	double slices[SLICES];

	for (int i = 0; i < SLICES; i++) {
		const struct load l = {.sources = 1, .seconds = seconds / SLICES};
		struct counts c = run(b, &l);

		expect_conserved(&l, &c);
		slices[i] = (double)c.busy / (double)RTE_MAX(c.delivered, (uint64_t)1);
	}
	qsort(slices, SLICES, sizeof(slices[0]), by_value);
	return slices[SLICES / 2];
}

struct result {
	double flood_pps;    /* that were offered in time */
	double loss;	     /* median of slices, % of the tunnel's packets */
	double flood_cycles; /* median */
	double control;	     /* a second, mean */
};

static struct result measure(struct bench *b, struct load l, double tunnel_cycles)
{
	double loss[SLICES], cost[SLICES];
	struct result r = {0};

	l.seconds /= SLICES;
	for (int i = 0; i < SLICES; i++) {
		struct counts c = run(b, &l);

		expect_conserved(&l, &c);
		loss[i] = 100.0 *
			(1 -
				(double)c.delivered /
					(double)RTE_MAX(c.sent[0] + c.missed[0], (uint64_t)1));
		cost[i] = ((double)c.busy - tunnel_cycles * (double)c.delivered) /
			(double)RTE_MAX(c.sent[1], (uint64_t)1);
		r.flood_pps += (double)c.sent[1] / c.seconds / SLICES;
		r.control += (double)c.control / c.seconds / SLICES;
	}
	qsort(loss, SLICES, sizeof(loss[0]), by_value);
	qsort(cost, SLICES, sizeof(cost[0]), by_value);
	r.loss = loss[SLICES / 2];
	r.flood_cycles = cost[SLICES / 2];
	return r;
}

static void measure_all(struct bench *b, double seconds, size_t size, double flood_pps)
{
	double hz = (double)rte_get_tsc_hz(), full = cycles_per_packet(b, seconds);
	double half = hz / full / 2;
	struct load l = {.sources = 1, .tunnel_pps = half, .seconds = seconds};
	struct result quiet = measure(b, l, 0);
	double tunnel_cycles;

	/* at half load bursts are smaller, so a packet costs more */
	{
		struct counts c = run(b, &l);

		tunnel_cycles = (double)c.busy / (double)RTE_MAX(c.delivered, (uint64_t)1);
	}
	printf("TSC %.2f GHz; tunnel packets of %zu bytes: %.0f cycles each at full load, %.0f at "
	       "half, %.0f/s are half load\n\n",
		hz / 1e9, size, full, tunnel_cycles, half);
	printf("| flood | sources | offered/s | cycles each | to openvpn/s | loss of the tunnel, %% |\n"
	       "|---|---|---|---|---|---|\n");
	printf("| none | - | - | - | - | %.3f |\n", quiet.loss);
	for (l.flood = FLOOD_OPENERS; l.flood <= FLOOD_UNKNOWN; l.flood++) {
		for (l.sources = 1; l.sources <= MANY; l.sources += MANY - 1) {
			struct result r;

			l.flood_pps = flood_pps;
			r = measure(b, l, tunnel_cycles);
			printf("| %s | %u | %.0f | %.0f | %.0f | %.3f |\n", flood_names[l.flood],
				l.sources, r.flood_pps, r.flood_cycles, r.control, r.loss);
		}
	}
}

static void check_all(struct bench *b)
{
	struct load l = {.sources = 1, .seconds = 0.05, .tunnel_pps = 20000, .flood_pps = 1e6};

	for (l.flood = FLOOD_NONE; l.flood <= FLOOD_UNKNOWN; l.flood++) {
		for (l.sources = 1; l.sources <= MANY; l.sources += MANY - 1) {
			struct counts c = run(b, &l);

			expect_conserved(&l, &c);
			assert_true(c.delivered > 0);
			assert_true(l.flood == FLOOD_NONE || c.sent[1] > 100);
		}
	}
}

static void set_up(struct bench *b, size_t size)
{
	static const struct world_conf conf = {
		.nb_ports = 1,
		.mbufs = 16383,
		.handshake_rate = HANDSHAKE_RATE,
		.idle_poll = true,
	};

	*b = (struct bench){.remote = udp_of("198.51.100.7", 50000), .seed = 4711};
	b->wd = world_new(&conf);
	site_new(&b->s, b->wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, NULL);
	for (uint8_t k = 0; k < 2; k++) {
		make_set(b, &b->sets[k], k, size);
		renew(b, &b->sets[k]);
	}
	assert_int_equal(rte_eal_remote_launch(worker_main, b->wd->w, b->wd->w->lcore), 0);
}

static void tear_down(struct bench *b)
{
	atomic_store(&b->wd->dp->stop, true);
	rte_eal_wait_lcore(b->wd->w->lcore);
	world_free(b->wd);
	close(b->s.device);
	free(b->sets[0].frames);
	free(b->sets[1].frames);
}

static void usage(void)
{
	fputs("usage: flood [--seconds N] [--size BYTES] [--rate PACKETS/S] | flood --check [MODE]\n"
	      "\n"
	      "  --seconds N       of each measurement (default 5)\n"
	      "  --size BYTES      of the tunnel's inner packets, 20 to 1400 (default 1400)\n"
	      "  --rate PACKETS/S  of the flood (default 1000000)\n"
	      "  --check           the short test; MODE: cpu, queue or scheduler\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'},
		{"size", required_argument, NULL, 'b'},
		{"rate", required_argument, NULL, 'r'},
		{"check", no_argument, NULL, 'c'},
		{0},
	};
	double seconds = 5, rate = 1e6;
	static struct bench b;
	bool check = false;
	long size = 1400;
	char *mode[2] = {argv[0], NULL};
	int o, ret;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (o) {
		case 's':
			seconds = atof(optarg);
			break;
		case 'b':
			size = atol(optarg);
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 'c':
			check = true;
			break;
		default:
			usage();
		}
	}
	if (seconds <= 0 || rate <= 0 || size < 20 || size > 1400)
		usage();
	mode[1] = optind < argc ? argv[optind] : NULL;
	ret = world_begin(mode[1] != NULL ? 2 : 1, mode);
	if (ret != 0)
		return ret;
	set_up(&b, (size_t)size);
	if (check)
		check_all(&b);
	else
		measure_all(&b, seconds, (size_t)size, rate);
	tear_down(&b);
	world_end();
	return 0;
}
