/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flood does to a tunnel: a generator offers packets of a tunnel at half of what a worker
 * can carry, and a flood beside them.
 *
 *   generator -- in ring (1024) --> worker -- host ring --> generator counts what is delivered
 *                                     |
 *                                     +-- exception ring --> generator, as the agent
 *
 * By hand: flood [--seconds N] [--size BYTES] [--rate PACKETS/S]; prints a table. The generator
 * turns the worker by hand, and the CPU time that the worker takes is the clock by which packets
 * arrive: so it is as if the worker had a CPU of its own and packets came at exactly these rates,
 * also on a machine with few CPUs and other work. With --lcore the worker is on a lcore and the
 * clock is the real one: for a machine with two CPUs that do nothing else.
 *
 * As a test (flood --check [MODE]), on a lcore and short: counts must be conserved, each flood be
 * counted under its own reasons and no other, and openvpn be given no more than the limit.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include "dataplane/dp_view.h"
#include "world.h"

#define PEER	       5
#define SET	       16384 /* packets of a key; then comes the other key, and this one is new again */
#define HANDSHAKE_RATE 1000
#define BURST	       32
#define QUEUE	       1024 /* descriptors of the port: what the ring may hold */
#define NAP_US	       10
#define MANY	       65536 /* sources */
#define SLICES	       10    /* of a measurement: their median counts */

#define MOST -1.0

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
	bool lcore; /* the worker has one, and the clock is the real one */
};

struct counts {
	uint64_t sent[2], missed[2]; /* tunnel, flood: into the ring; no room in it */
	uint64_t delivered, control;
	uint64_t drops[NB_DROPS];
	uint64_t busy;		      /* the worker's cycles */
	double seconds, real_seconds; /* by the clock of the packets; of the TSC */
};

struct load {
	enum flood flood;
	unsigned int sources;
	double tunnel_pps, flood_pps; /* MOST: as many as there is room for */
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

		if (rte_ring_count(b->wd->in[0]) >= QUEUE) {
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

/* Of this thread; cycles of the TSC. */
static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)((double)t.tv_sec * 1e9 + (double)t.tv_nsec) *
		(rte_get_tsc_hz() / 1000000) / 1000;
}

/* What asking for the time takes. */
static uint64_t cpu_time_cost(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 100; i++) {
		uint64_t t = cpu_time();

		least = RTE_MIN(least, cpu_time() - t);
	}
	return least;
}

static uint64_t due_now(const struct bench *b, double pps, uint64_t t, uint64_t done)
{
	return pps == MOST ? QUEUE - RTE_MIN(rte_ring_count(b->wd->in[0]), QUEUE)
			   : due(pps, t, done);
}

static void offer_due(struct bench *b, const struct load *l, struct counts *c, uint64_t t)
{
	uint64_t n, k;

	/* by turns, so that neither finds the queue full more often than the other */
	do {
		n = due_now(b, l->tunnel_pps, t, c->sent[0] + c->missed[0]);
		offer(b, l, c, false, n);
		k = l->flood == FLOOD_NONE ? 0
					   : due_now(b, l->flood_pps, t, c->sent[1] + c->missed[1]);
		offer(b, l, c, true, k);
	} while (n + k > 0 && l->tunnel_pps != MOST && l->flood_pps != MOST);
}

/*
 * The worker by hand: time passes while it works, and while it naps for a little when there is
 * little to do, as it does by default. Without naps the bursts would be tiny, and asking for the
 * time would be most of the work.
 */
static void run_by_hand(struct bench *b, const struct load *l, struct counts *c, uint64_t length)
{
	uint64_t t = 0, asking = cpu_time_cost();
	bool napped = false;

	while (t < length) {
		uint64_t before;

		offer_due(b, l, c, t);
		if (rte_ring_count(b->wd->in[0]) < BURST && !napped) {
			t += rte_get_tsc_hz() / 1000000 * NAP_US;
			napped = true;
			continue;
		}
		napped = false;
		before = cpu_time() + asking;
		worker_iteration(b->wd->w);
		before = RTE_MAX(cpu_time(), before) - before;
		c->busy += before;
		t += before;
		collect(b, c);
	}
	for (int quiet = 0; quiet < 10; quiet++) {
		if (worker_iteration(b->wd->w) + collect(b, c) > 0 || aead_inflight(b->wd->w->aead))
			quiet = 0;
	}
}

static uint64_t dropped(const struct bench *b)
{
	uint64_t drops[NB_DROPS], sum = 0;

	dp_drops(b->wd->dp, drops);
	for (unsigned int i = 0; i < NB_DROPS; i++)
		sum += drops[i];
	return sum;
}

static void run_on_lcore(struct bench *b, const struct load *l, struct counts *c, uint64_t length)
{
	uint64_t begin = rte_rdtsc(), t, busy = stat_read(&b->wd->w->stats.busy_cycles);
	uint64_t before = dropped(b), left, quiet;

	while ((t = rte_rdtsc() - begin) < length) {
		offer_due(b, l, c, t);
		collect(b, c);
	}
	/* until nothing came for 50 ms: where the worker may have something left, and no CPU, for
	 * long */
	t = rte_rdtsc();
	do {
		if (collect(b, c) > 0 || !rte_ring_empty(b->wd->in[0]))
			t = rte_rdtsc();
		left = c->sent[0] + c->sent[1];
		left -= RTE_MIN(left, c->delivered + c->control + dropped(b) - before);
		quiet = left > 0 ? 20 * rte_get_tsc_hz() : rte_get_tsc_hz() / 20;
	} while (rte_rdtsc() - t < quiet);
	c->busy = stat_read(&b->wd->w->stats.busy_cycles) - busy;
}

static struct counts run(struct bench *b, const struct load *l)
{
	uint64_t length = (uint64_t)(l->seconds * (double)rte_get_tsc_hz());
	uint64_t before[NB_DROPS], began = rte_rdtsc();
	struct counts c = {.seconds = l->seconds};

	make_flood(b, l);
	dp_drops(b->wd->dp, before);
	(b->lcore ? run_on_lcore : run_by_hand)(b, l, &c, length);
	c.real_seconds = (double)(rte_rdtsc() - began) / (double)rte_get_tsc_hz();
	dp_drops(b->wd->dp, c.drops);
	for (unsigned int i = 0; i < NB_DROPS; i++)
		c.drops[i] -= before[i];
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
			HANDSHAKE_RATE / (l->sources == 1 ? LIMIT_SHARE : 1) * c->real_seconds +
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

/* The worker's cycles a packet of one kind, when nothing else comes and its queue is full. */
static double cycles_per_packet(struct bench *b, struct load l)
{
	double slices[SLICES];

	l.seconds /= SLICES;
	for (int i = 0; i < SLICES; i++) {
		struct counts c = run(b, &l);

		expect_conserved(&l, &c);
		slices[i] = (double)c.busy / (double)RTE_MAX(c.sent[0] + c.sent[1], (uint64_t)1);
	}
	qsort(slices, SLICES, sizeof(slices[0]), by_value);
	return slices[SLICES / 2];
}

struct result {
	double flood_pps; /* that found room */
	double loss;	  /* % of the tunnel's packets: median of slices */
	double busy;	  /* % of the time that the worker works, the same */
	double control;	  /* to openvpn, a second */
};

static struct result measure(struct bench *b, struct load l)
{
	struct result r = {0};
	double loss[SLICES], busy[SLICES];

	l.seconds /= SLICES;
	for (int i = 0; i < SLICES; i++) {
		struct counts c = run(b, &l);
		uint64_t offered = RTE_MAX(c.sent[0] + c.missed[0], (uint64_t)1);

		expect_conserved(&l, &c);
		loss[i] = 100.0 * (1 - (double)c.delivered / (double)offered);
		busy[i] = 100.0 * (double)c.busy / c.seconds / (double)rte_get_tsc_hz();
		r.flood_pps += (double)c.sent[1] / c.seconds / SLICES;
		r.control += (double)c.control / c.real_seconds / SLICES;
	}
	qsort(loss, SLICES, sizeof(loss[0]), by_value);
	r.loss = loss[SLICES / 2];
	qsort(busy, SLICES, sizeof(busy[0]), by_value);
	r.busy = busy[SLICES / 2];
	return r;
}

static void measure_all(struct bench *b, double seconds, size_t size, double flood_pps)
{
	struct load l = {.sources = 1, .seconds = seconds, .tunnel_pps = MOST};
	double hz = (double)rte_get_tsc_hz(), full = cycles_per_packet(b, l), half = hz / full / 2;
	struct result r;

	l.tunnel_pps = half;
	printf("TSC %.2f GHz; tunnel packets of %zu bytes take %.0f cycles; half load is %.0f/s\n\n",
		hz / 1e9, size, full, half);
	printf("| flood | sources | cycles each | offered/s | to openvpn/s | worker busy, %% | loss of the tunnel, %% |\n"
	       "|---|---|---|---|---|---|---|\n");
	r = measure(b, l);
	printf("| none | - | - | - | - | %.0f | %.3f |\n", r.busy, r.loss);
	for (l.flood = FLOOD_OPENERS; l.flood <= FLOOD_UNKNOWN; l.flood++) {
		for (l.sources = 1; l.sources <= MANY; l.sources += MANY - 1) {
			double cycles;

			l.tunnel_pps = 0;
			l.flood_pps = MOST;
			cycles = cycles_per_packet(b, l);
			l.tunnel_pps = half;
			l.flood_pps = flood_pps;
			r = measure(b, l);
			printf("| %s | %u | %.0f | %.0f | %.0f | %.0f | %.3f |\n",
				flood_names[l.flood], l.sources, cycles, r.flood_pps, r.control,
				r.busy, r.loss);
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

static void set_up(struct bench *b, size_t size, bool lcore)
{
	static const struct world_conf conf = {
		.nb_ports = 1,
		.mbufs = 16383,
		.handshake_rate = HANDSHAKE_RATE,
		.idle_poll = true,
	};

	*b = (struct bench){.remote = udp_of("198.51.100.7", 50000), .seed = 4711, .lcore = lcore};
	b->wd = world_new(&conf);
	site_new(&b->s, b->wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, NULL);
	for (uint8_t k = 0; k < 2; k++) {
		make_set(b, &b->sets[k], k, size);
		renew(b, &b->sets[k]);
	}
	if (b->lcore)
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
	fputs("usage: flood [--seconds N] [--size BYTES] [--rate PACKETS/S] [--lcore]\n"
	      "       flood --check [MODE]\n"
	      "\n"
	      "  --seconds N       of each measurement (default 1)\n"
	      "  --size BYTES      of the tunnel's inner packets, 20 to 1400 (default 1400)\n"
	      "  --rate PACKETS/S  of the flood (default 1000000)\n"
	      "  --lcore           a worker on a lcore and the real clock\n"
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
		{"lcore", no_argument, NULL, 'l'},
		{0},
	};
	double seconds = 1, rate = 1e6;
	static struct bench b;
	bool check = false, lcore = false;
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
		case 'l':
			lcore = true;
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
	set_up(&b, (size_t)size, check || lcore);
	if (check)
		check_all(&b);
	else
		measure_all(&b, seconds, (size_t)size, rate);
	tear_down(&b);
	world_end();
	return 0;
}
