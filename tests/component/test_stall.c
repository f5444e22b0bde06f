/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crypto device that stands still: crypto_scheduler, whose lcores are stopped in the midst of
 * their work, for a while or for ever. Whatever happens meanwhile, nothing that a job needs is
 * freed, the worker's other work goes on, and every packet is accounted for.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "dataplane/dp_life.h"
#include "dataplane/dp_view.h"
#include "dataplane/grace.h"
#include "suite.h"
#include "world.h"

#define PEER   5
#define OTHER  6
#define CHUNK  50  /* packets a socket pair certainly holds */
#define HOLDS  250 /* jobs a device holds at least */
#define LIMIT  512 /* and one of two queues of a scheduler at most: see aead_device.c */
#define FEW    50  /* turns a second of a worker that does little but wait */
#define LEN    100 /* of inner packets */
#define HEADER 42  /* of outer ones */

struct bench {
	struct site s;
	struct udp_addr remote[2];
	struct key_material m[2];
	uint32_t next[2]; /* packet ids that arrive */
	uint32_t sent;	  /* the next number inside */
};

/* A packet from or to a VPN address of peer 5 + who, numbered. */
static void inner_of(uint8_t *inner, unsigned int who, bool from, uint32_t number)
{
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of(who == 0 ? "10.8.0.2" : "10.8.0.3");

	frame_inner(inner, from ? &them : &us, from ? &us : &them, LEN, 1);
	be32_store(inner + LEN - 4, number);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	site_new(&b->s, world_new(NULL), 0, DP_MODE_MP, "192.0.2.1", 1194);
	for (unsigned int i = 0; i < 2; i++) {
		b->remote[i] = udp_of(i == 0 ? "198.51.100.7" : "198.51.100.8", 50000);
		b->m[i] = reference_key(AEAD_AES_256_GCM, 2, 77 + i);
		b->next[i] = 1;
		site_peer(&b->s, PEER + i, b->remote[i], i == 0 ? "10.8.0.2" : "10.8.0.3", NULL,
			&b->m[i]);
	}
	world_settle(b->s.world); /* from now on readers are counted */
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	world_hold_crypto(false);
	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static struct world *world_of(struct bench *b)
{
	return b->s.world;
}

static struct dp *dp_of(struct bench *b)
{
	return b->s.world->dp;
}

static uint32_t sessions(void)
{
	struct aead_device_info info;

	aead_device_info(suite_aead(), 0, &info);
	return info.sessions;
}

static bool is_stuck(struct bench *b)
{
	struct dp_lcore_info l;

	dp_lcore_info(dp_of(b), 0, &l);
	return l.stuck;
}

/* Some turns of all threads: a second of ticks, as far as freeing is concerned. */
static void turn(struct bench *b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		worker_iteration(world_of(b)->w);
		hostio_turn(&dp_of(b)->hostio);
		dp_tick(dp_of(b));
	}
}

/* n packets of each of both peers in each direction, peers taking turns. */
static void offer(struct bench *b, unsigned int n)
{
	uint8_t inner[LEN], frame[200], mac[2][MAC_LEN];

	for (unsigned int who = 0; who < 2; who++)
		site_peer_mac(&b->s, PEER + who, mac[who]);
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int who = 0; who < 2; who++) {
			inner_of(inner, who, true, b->sent + i);
			site_data(&b->s, b->remote[who], &b->m[who], PEER + who, b->next[who]++,
				inner, LEN);
			inner_of(inner, who, false, b->sent + i);
			world_write(b->s.device, frame, site_frame(frame, mac[who], inner, LEN));
		}
		if (i % CHUNK == CHUNK - 1)
			turn(b, 4);
	}
	b->sent += n;
	turn(b, 4);
}

/* The number and the peer's index of the next packet that left; false: none. */
static bool next_out(struct bench *b, uint32_t *number, unsigned int *who)
{
	uint8_t frame[FRAME_MAX], text[FRAME_MAX];
	size_t len = world_sent(world_of(b), 0, frame);
	struct key_material far;

	if (len == 0)
		return false;
	assert_int_equal(len, HEADER + REFERENCE_OVERHEAD + LEN);
	*who = be32_load(frame + 30) == be32_load(b->remote[0].ip.b) ? 0 : 1;
	far = reference_mirror(&b->m[*who]);
	assert_true(reference_open(&far, frame + HEADER, len - HEADER, text));
	*number = be32_load(text + LEN - 4);
	return true;
}

/* The same of what was delivered. */
static bool next_in(struct bench *b, uint32_t *number, unsigned int *who)
{
	uint8_t frame[FRAME_MAX], want[LEN];
	size_t len = world_read(b->s.device, frame);

	if (len == 0)
		return false;
	assert_int_equal(len, ETH_HDR_LEN + LEN);
	*number = be32_load(frame + len - 4);
	*who = frame[ETH_HDR_LEN + 15] - 2;
	inner_of(want, *who, true, *number);
	assert_memory_equal(frame + ETH_HDR_LEN, want, LEN);
	return true;
}

/* What ended of each peer: [in, out][who]; and the number after the last. */
struct tally {
	uint32_t count[2][2], next[2][2];
};

static void add(struct tally *t, unsigned int way, unsigned int who, uint32_t number)
{
	assert_true(number >= t->next[way][who]); /* in order, and not twice */
	t->next[way][who] = number + 1;
	t->count[way][who]++;
}

/* All that is under way ends, each peer's in its order. Returns how many packets. */
static unsigned int finish(struct bench *b, struct tally *t)
{
	unsigned int total = 0, who;
	uint32_t number;

	*t = (struct tally){0};
	for (unsigned int quiet = 0; quiet < 3; quiet++) {
		unsigned int moved = worker_iteration(world_of(b)->w);

		moved += hostio_turn(&dp_of(b)->hostio);
		for (; next_in(b, &number, &who); total++)
			add(t, 0, who, number);
		for (; next_out(b, &number, &who); total++)
			add(t, 1, who, number);
		if (moved > 0 || aead_inflight(world_of(b)->w->aead) > 0)
			quiet = 0;
	}
	return total;
}

/* The last n offered of each peer in each direction arrive. */
static void expect_all(struct bench *b, unsigned int n)
{
	struct tally t;

	assert_int_equal(finish(b, &t), 4 * n);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(t.count[i / 2][i % 2], n);
		assert_int_equal(t.next[i / 2][i % 2], b->sent);
	}
}

/* --- for a while ------------------------------------------------------------------------ */

static void after_a_pause_all_goes_on_in_order(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 3; round++) {
		world_hold_crypto(true);
		offer(b, 60);
		assert_int_equal(aead_inflight(world_of(b)->w->aead), 240);
		turn(b, 100);
		assert_int_equal(aead_inflight(world_of(b)->w->aead), 240);
		world_hold_crypto(false);
		expect_all(b, 60);
		offer(b, 1);
		expect_all(b, 1);
	}
	world_no_drops(world_of(b));
}

/* A device has its measure: what comes beyond it is dropped by name, at once. */
static void a_full_device_drops_by_name_and_recovers(void **state)
{
	struct bench *b = *state;
	uint64_t turns = world_of(b)->w->stats.iterations;
	struct tally t;
	uint32_t full;

	world_hold_crypto(true);
	offer(b, 300);
	full = aead_inflight(world_of(b)->w->aead);
	assert_in_range(full, HOLDS, LIMIT);
	world_drops(world_of(b), DROP_CRYPTO_FULL, 1200 - full);
	offer(b, 200);
	assert_int_equal(aead_inflight(world_of(b)->w->aead), full);
	world_drops(world_of(b), DROP_CRYPTO_FULL, 800);
	assert_true(world_of(b)->w->stats.iterations - turns < WORLD_HOPS);
	world_hold_crypto(false);
	assert_int_equal(finish(b, &t), full);
	offer(b, 30);
	expect_all(b, 30);
	world_no_drops(world_of(b));
}

/*
 * The agent waits for the worker, the worker for the device: but only now and then, so that what
 * needs no crypto passes. The worker is reported as stuck after a second, and well again.
 */
static void a_worker_that_waits_still_works_and_is_reported(void **state)
{
	struct bench *b = *state;
	uint64_t hz = rte_get_tsc_hz(), until;
	uint32_t turns = 0, frames = 0;
	uint8_t frame[FRAME_MAX] = {0};

	world_hold_crypto(true);
	offer(b, 10);
	until = rte_rdtsc() + hz * 9 / 10;
	assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, OTHER, DP_GONE_USERSPACE), 0);
	while (rte_rdtsc() < until) {
		world_write(world_of(b)->mirror[0], frame, 64);
		turn(b, 1);
		turns++;
		while (world_sent(world_of(b), 0, frame) == 64)
			frames++;
		assert_false(is_stuck(b) && rte_rdtsc() < until);
	}
	assert_true(turns > FEW);
	rte_delay_us_sleep(300000);
	turn(b, 2);
	while (world_sent(world_of(b), 0, frame) > 0)
		frames++;
	assert_int_equal(frames, turns);
	assert_true(is_stuck(b));
	assert_int_equal(sessions(), 4);
	world_hold_crypto(false);
	expect_all(b, 10);
	turn(b, 4);
	assert_false(is_stuck(b));
	assert_int_equal(sessions(), 2);
	world_no_drops(world_of(b));
}

/* --- peers and keys that go meanwhile --------------------------------------------------- */

static void a_peer_outlives_its_jobs(void **state)
{
	struct bench *b = *state;

	world_hold_crypto(true);
	offer(b, 40);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, PEER + i, DP_GONE_USERSPACE), 0);
	turn(b, 50);
	assert_int_equal(sessions(), 4);
	assert_non_null(dp_of(b)->rcu.head);
	world_hold_crypto(false);
	expect_all(b, 40);
	world_reclaim(world_of(b));
	assert_int_equal(sessions(), 0);
	world_no_drops(world_of(b));
}

/* The id is given away while jobs of its last holder are under way: they stay the last holder's. */
static void an_id_used_again_has_no_part_in_old_jobs(void **state)
{
	struct bench *b = *state;
	struct key_material next = reference_key(AEAD_CHACHA20_POLY1305, 2, 99);
	struct dp_peer_info info;

	world_hold_crypto(true);
	offer(b, 20);
	assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	site_peer(&b->s, PEER, b->remote[0], "10.8.0.2", NULL, &next);
	turn(b, 20);
	assert_int_equal(sessions(), 6);
	world_hold_crypto(false);
	expect_all(b, 20);
	assert_int_equal(dp_peer_get(dp_of(b), b->s.iid, PEER, &info), 0);
	assert_int_equal(info.link_rx_packets + info.link_tx_packets, 0);
	b->m[0] = next;
	b->next[0] = 1;
	offer(b, 5);
	expect_all(b, 5);
	assert_int_equal(dp_peer_get(dp_of(b), b->s.iid, PEER, &info), 0);
	assert_int_equal(info.link_rx_packets, 5);
	assert_int_equal(info.link_tx_packets, 5);
	world_reclaim(world_of(b));
	assert_int_equal(sessions(), 4);
	world_no_drops(world_of(b));
}

static void keys_outlive_their_jobs(void **state)
{
	struct bench *b = *state;

	world_hold_crypto(true);
	offer(b, 25);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(dp_key_del(dp_of(b), b->s.iid, PEER + i, KEYSLOT_PRIMARY), 0);
	grace_end_all(dp_of(b));
	turn(b, 50);
	assert_int_equal(sessions(), 4);
	world_hold_crypto(false);
	expect_all(b, 25);
	world_reclaim(world_of(b));
	assert_int_equal(sessions(), 0);
	world_no_drops(world_of(b));
}

/* --- for ever --------------------------------------------------------------------------- */

/*
 * The end does not wait for ever, and frees nothing under the device. That the jobs still end well
 * when it goes on at last, however late, shows that keys and buffers were left as they are.
 */
static void the_end_of_all_leaves_a_dead_device_its_own(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct aead_job *jobs[BURST_MAX];
	uint64_t begin = rte_rdtsc();
	unsigned int good = 0;

	world_hold_crypto(true);
	offer(b, 30);
	for (unsigned int i = 0; i < wd->nb_ports; i++)
		port_stop(&wd->dp->ports[i]);
	assert_int_equal(dp_free(wd->dp), -EBUSY);
	assert_in_range(rte_rdtsc() - begin, 0, 10 * rte_get_tsc_hz());
	assert_int_equal(sessions(), 4);
	assert_int_equal(aead_inflight(wd->w->aead), 120);
	world_hold_crypto(false);
	while (aead_inflight(wd->w->aead) > 0) {
		uint16_t n = aead_poll(wd->w->aead, jobs, BURST_MAX);

		for (uint16_t i = 0; i < n; i++) {
			good += jobs[i]->status == AEAD_OK;
			rte_pktmbuf_free(pkt_mbuf(pkt_of_job(jobs[i])));
		}
	}
	assert_int_equal(good, 120);
	world_end_now(wd); /* dp_free() once more */
	close(b->s.device);
	free(b);
}

/*
 * A peer's packet waits in there, for 72 s: he is not silent. The worker turns so often between two
 * ticks.
 */
static void wait_inside(struct bench *b, unsigned int turns)
{
	struct hearing *h = &dp_of(b)->hearing;
	struct peer *p = peertab_find(&instance_find(dp_of(b), b->s.iid)->peers, PEER);
	uint64_t step = rte_get_tsc_hz() / 10 * 9; /* no stall that would be forgiven */
	enum dp_gone why;

	for (int i = 0; i < 80; i++) {
		p->since -= step;
		for (unsigned int k = 0; k < p->nb_stats; k++)
			p->stats[k].last_rx -= RTE_MIN(p->stats[k].last_rx, step);
		h->until -= step;
		h->mark -= step;
		for (unsigned int k = 1; k < turns; k++)
			worker_iteration(world_of(b)->w);
		turn(b, 1);
		assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	}
	world_hold_crypto(false);
	expect_all(b, 1);
	turn(b, 8);
	assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
}

static void who_is_inside_a_device_has_not_expired(void **state)
{
	struct bench *b = *state;

	assert_int_equal(dp_peer_set(dp_of(b), b->s.iid, PEER, 0, 60), 0);
	turn(b, 8);
	world_hold_crypto(true);
	offer(b, 1);
	wait_inside(b, 3);
}

/* Of a worker that is stuck nobody thinks that it has only much to do. */
static void who_is_inside_a_device_that_is_stuck_has_not_expired(void **state)
{
	struct bench *b = *state;

	assert_int_equal(dp_peer_set(dp_of(b), b->s.iid, PEER, 0, 60), 0);
	turn(b, 8);
	world_hold_crypto(true);
	offer(b, 1);
	/* somebody waits for the worker, and in vain */
	assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, OTHER, DP_GONE_USERSPACE), 0);
	rte_delay_us_sleep(1100000);
	turn(b, 1);
	assert_true(is_stuck(b));
	wait_inside(b, 300);
	world_reclaim(world_of(b));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(after_a_pause_all_goes_on_in_order),
		TEST(a_full_device_drops_by_name_and_recovers),
		TEST(a_worker_that_waits_still_works_and_is_reported),
		TEST(a_peer_outlives_its_jobs),
		TEST(an_id_used_again_has_no_part_in_old_jobs),
		TEST(keys_outlive_their_jobs),
		TEST(who_is_inside_a_device_has_not_expired),
		TEST(who_is_inside_a_device_that_is_stuck_has_not_expired),
		cmocka_unit_test_setup(the_end_of_all_leaves_a_dead_device_its_own, setup),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
