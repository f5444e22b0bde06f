/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_memory MODE [PEERS]: as many peers as there may be, two keys each, and what that takes by
 * our own account and by the allocators'; then none, and nothing is left.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_version.h>

#include "dataplane/dp_view.h"
#include "dataplane/grace.h"
#include "suite.h"
#include "world.h"

/* of which three AEAD sessions of ipsec-mb, larger by some 800 bytes each with DPDK 24.11 */
#define BYTES_PER_PEER (RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0) ? 8192 : 10752)

#ifdef __SANITIZE_ADDRESS__
#define TELLS_HEAP false /* mallinfo2() knows nothing then */
#else
#define TELLS_HEAP true
#endif

static uint32_t max_peers = 8192; /* enough that what a slab rounds up does not count */

struct bench {
	struct site s;
	struct key_material m;
	uint64_t heap, eal, told; /* in use before, and of it told as growing */
};

/* Of malloc, and what dp maps beside it. */
static uint64_t heap_taken(const struct dp *dp)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd + dp->arena.bytes;
}

static uint64_t eal_taken(void)
{
	uint64_t taken, available;

	dp_eal_memory(&taken, &available);
	return taken;
}

static struct dp *dp_of(struct bench *b)
{
	return b->s.world->dp;
}

/* Sums of what grows: now, at most, and of now the heap's. */
static uint64_t account(struct bench *b, uint64_t *max, uint64_t *heap)
{
	struct dp_memory m;
	uint64_t now = 0;

	*max = *heap = 0;
	for (unsigned int i = 0; i < dp_nb_memory(dp_of(b)); i++) {
		dp_memory(dp_of(b), i, &m);
		if (!m.grows)
			continue;
		now += m.now;
		*max += m.max;
		if (!m.eal)
			*heap += m.now;
	}
	return now;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	uint64_t max, heap;
	struct world_conf conf = {.nb_ports = 1, .nb_workers = 1, .max_peers = max_peers};

	b->m = reference_key(AEAD_AES_256_GCM, 0, 77);
	site_new(&b->s, world_new(&conf), 0, DP_MODE_MP, "192.0.2.1", 1194);
	b->heap = heap_taken(dp_of(b));
	b->eal = eal_taken();
	b->told = account(b, &max, &heap) - heap;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static uint32_t sessions(void)
{
	struct aead_device_info d;
	uint32_t n = 0;

	for (unsigned int i = 0; i < aead_nb_devices(suite_aead()); i++) {
		aead_device_info(suite_aead(), i, &d);
		n += d.sessions;
	}
	return n;
}

static int new_peer(struct bench *b, uint32_t id)
{
	struct dp_peer_conf conf = {
		.id = id,
		.remote = udp_of("198.51.100.7", 50000),
		.local = b->s.local,
		.vpn4 = ip_of("10.8.0.2"),
		.vpn6 = ip_of("fd00::2"),
	};

	return dp_peer_new(dp_of(b), b->s.iid, &conf);
}

/* Never twice the same: that would be one key, of which one alone may encrypt. */
static void another_key(struct bench *b, uint8_t key_id)
{
	static uint32_t n;

	b->m.key_id = key_id;
	n++;
	memcpy(b->m.encrypt, &n, sizeof(n));
}

/* As openvpn does: into the secondary slot, then the labels are exchanged. */
static void rekey(struct bench *b, uint32_t id)
{
	another_key(b, (uint8_t)((b->m.key_id + 1) % 8));
	assert_int_equal(dp_key_new(dp_of(b), b->s.iid, id, KEYSLOT_SECONDARY, &b->m), 0);
	assert_int_equal(dp_key_swap(dp_of(b), b->s.iid, id), 0);
}

/* Ticks come ten times a second, whatever openvpn asks for meanwhile. */
static void tick(struct bench *b, uint32_t id)
{
	if (id % 32 == 31)
		world_reclaim(b->s.world);
}

static void fill(struct bench *b)
{
	for (uint32_t id = 0; id < max_peers; id++) {
		assert_int_equal(new_peer(b, id), 0);
		site_path(&b->s, id, 0);
		assert_int_equal(dp_key_new(dp_of(b), b->s.iid, id, KEYSLOT_PRIMARY, &b->m), 0);
		rekey(b, id);
		tick(b, id);
	}
	world_reclaim(b->s.world);
}

/* The account may be wrong by a twentieth: allocators round, and keep what they have. */
static void expect_about(const char *what, uint64_t told, uint64_t real)
{
	printf("%s: told %lu, taken %lu: %lu a peer\n", what, told, real, real / max_peers);
	if (told > real + real / 20 || real > told + told / 20)
		fail_msg("%s: %lu bytes by our account, %lu by the allocator's", what, told, real);
}

static void max_peers_take_what_is_told_and_leave_nothing(void **state)
{
	struct bench *b = *state;
	uint64_t now, max, heap, left_heap;

	fill(b);
	assert_int_equal(sessions(), 3 * max_peers);
	now = account(b, &max, &heap);
	if (TELLS_HEAP)
		expect_about("heap", heap, heap_taken(dp_of(b)) - b->heap);
	expect_about("EAL", now - heap - b->told, eal_taken() - b->eal);
	printf("with %u peers of two keys: %lu bytes each, at most %lu\n", max_peers,
		now / max_peers, max / max_peers);
	if (!world_async()) /* the default device */
		assert_true(now / max_peers <= BYTES_PER_PEER);

	for (uint32_t id = 0; id < max_peers; id++)
		assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, id, DP_GONE_USERSPACE), 0);
	world_reclaim(b->s.world);
	assert_int_equal(sessions(), 0);
	assert_int_equal(dp_of(b)->peers.used, 0);
	assert_int_equal(dp_of(b)->endpoints.used, 0);
	assert_int_equal(dp_of(b)->keys.used, 0);
	assert_int_equal(dp_of(b)->nb_tombstones, max_peers);
	assert_int_equal(dp_instance_del(dp_of(b), b->s.iid), 0);
	world_reclaim(b->s.world);
	assert_int_equal(dp_of(b)->nb_tombstones, 0);
	assert_int_equal(dp_of(b)->pages.used, 0);
	account(b, &max, &left_heap);
	/* made with the data plane; what was mapped for peers stays for the next ones */
	assert_int_equal(left_heap - dp_of(b)->arena.bytes, known_bytes(max_peers));
	if (TELLS_HEAP) /* the instance was made before */
		assert_true(heap_taken(dp_of(b)) - dp_of(b)->arena.bytes < b->heap);
}

/* What is refused takes nothing, whatever its id; and one less is room for one more. */
static void one_peer_more_is_refused_and_leaves_nothing(void **state)
{
	struct bench *b = *state;
	uint64_t now, max, heap;

	for (uint32_t id = 0; id < max_peers; id++)
		assert_int_equal(new_peer(b, id), 0);
	now = account(b, &max, &heap);
	for (uint32_t id = max_peers; id < DP_PEER_ID_MAX; id += 40961)
		assert_int_equal(new_peer(b, id), -ENOSPC);
	assert_int_equal(new_peer(b, 1), -EEXIST);
	assert_int_equal(account(b, &max, &heap), now);
	assert_int_equal(dp_of(b)->peers.used, max_peers);
	assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, 1, DP_GONE_USERSPACE), 0);
	assert_int_equal(new_peer(b, max_peers - 1), -EEXIST);
	assert_int_equal(new_peer(b, 1), 0);
	world_reclaim(b->s.world);
}

/* What one call of dp_go_on() may free while n objects wait. */
static uint32_t turn_of(uint32_t n)
{
	return RCU_BURST + n / 128;
}

/* Calls until nothing is left to do now; each frees some peers, and not too many. */
static void free_in_turns(struct bench *b, unsigned int least)
{
	uint32_t before = dp_of(b)->peers.used;
	unsigned int turns = 0;
	bool more = true;

	while (more) {
		more = dp_go_on(dp_of(b));
		assert_true(before - dp_of(b)->peers.used <= turn_of(before + 256));
		before = dp_of(b)->peers.used;
		turns++;
		assert_true(turns < 100);
	}
	assert_true(turns >= least);
}

/* openvpns wait for the agent while it frees. */
static void many_ends_at_once_are_freed_in_turns(void **state)
{
	enum { MANY = 8 * RCU_BURST };
	struct bench *b = *state;
	uint32_t nb, max;

	/* as if these had begun: they have no threads here */
	for (unsigned int i = 0; i < dp_of(b)->rcu.readers; i++)
		rcu_online(&dp_of(b)->rcu, i);
	for (uint32_t id = 0; id < MANY; id++)
		assert_int_equal(new_peer(b, id), 0);
	for (uint32_t id = 0; id < 3; id++)
		assert_int_equal(dp_key_new(dp_of(b), b->s.iid, id, KEYSLOT_PRIMARY, &b->m), 0);
	for (uint32_t id = 0; id < MANY; id++)
		assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, id, DP_GONE_USERSPACE), 0);
	/* a worker may still have all of them */
	assert_false(dp_go_on(dp_of(b)));
	assert_int_equal(dp_of(b)->peers.used, MANY);
	world_settle(b->s.world);
	free_in_turns(b, 7);
	assert_int_equal(dp_of(b)->peers.used, 0);
	assert_int_equal(sessions(), 0);

	for (uint32_t id = 0; id < MANY; id++)
		assert_int_equal(new_peer(b, id + MANY / 2), 0);
	assert_int_equal(dp_of(b)->nb_tombstones, MANY / 2);
	assert_int_equal(dp_instance_del(dp_of(b), b->s.iid), 0);
	dp_peers(dp_of(b), &nb, &max);
	assert_int_equal(nb, 0); /* there is room for another's */
	assert_int_equal(dp_of(b)->rcu.nb_deferred, 256 + 2);
	for (unsigned int turns = 0; dp_go_on(dp_of(b)); turns++) {
		assert_int_equal(dp_of(b)->peers.used, MANY);
		assert_true(turns < 100);
	}
	assert_int_equal(dp_of(b)->nb_tombstones, 0);
	world_settle(b->s.world);
	free_in_turns(b, 7);
	assert_int_equal(dp_of(b)->peers.used, 0);
	assert_int_equal(dp_of(b)->pages.used, 0);
	assert_null(dp_of(b)->rcu.head);
}

/* Keys without a label decrypt for some seconds more. */
static void forget_left(struct bench *b)
{
	grace_end_all(dp_of(b));
	world_reclaim(b->s.world);
}

/* Nobody goes without a key because all want one at the same moment. */
static void all_peers_may_be_in_a_rekey_at_once(void **state)
{
	struct bench *b = *state;
	struct dp_peer_info info;

	fill(b);
	for (uint32_t id = 0; id < max_peers; id++) {
		another_key(b, 7);
		assert_int_equal(dp_key_new(dp_of(b), b->s.iid, id, KEYSLOT_SECONDARY, &b->m), 0);
		tick(b, id);
	}
	forget_left(b);
	assert_int_equal(sessions(), 4 * max_peers);
	for (uint32_t id = 0; id < max_peers; id++)
		assert_int_equal(dp_key_swap(dp_of(b), b->s.iid, id), 0);
	world_reclaim(b->s.world);
	assert_int_equal(sessions(), 3 * max_peers);
	assert_int_equal(dp_peer_get(dp_of(b), b->s.iid, 1, &info), 0);
	assert_int_equal(info.key[KEYSLOT_PRIMARY].key_id, 7);
	assert_true(info.key[KEYSLOT_PRIMARY].transmits);
	assert_false(info.key[KEYSLOT_SECONDARY].transmits);
}

/* openvpn removes the newer key: there is none to encrypt with, and the old one still decrypts. */
static void a_key_that_gave_back_its_session_encrypts_no_more(void **state)
{
	struct bench *b = *state;
	struct key_material old = b->m;
	uint8_t inner[60], frame[FRAME_MAX], mac[MAC_LEN];
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");

	assert_int_equal(new_peer(b, 5), 0);
	site_path(&b->s, 5, 0);
	assert_int_equal(dp_key_new(dp_of(b), b->s.iid, 5, KEYSLOT_PRIMARY, &b->m), 0);
	rekey(b, 5);
	world_reclaim(b->s.world);
	assert_int_equal(sessions(), 3);
	assert_int_equal(dp_key_del(dp_of(b), b->s.iid, 5, KEYSLOT_PRIMARY), 0);
	forget_left(b);
	assert_int_equal(sessions(), 1);
	frame_inner(inner, &us, &them, sizeof(inner), 1);
	site_peer_mac(&b->s, 5, mac);
	world_write(b->s.device, frame, site_frame(frame, mac, inner, sizeof(inner)));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_NO_KEY, 1);
	frame_inner(inner, &them, &us, sizeof(inner), 1);
	site_data(&b->s, udp_of("198.51.100.7", 50000), &old, 5, 1, inner, sizeof(inner));
	world_settle(b->s.world);
	assert_int_equal(world_read(b->s.device, frame), 14 + sizeof(inner));
	world_no_drops(b->s.world);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(max_peers_take_what_is_told_and_leave_nothing),
		TEST(one_peer_more_is_refused_and_leaves_nothing),
		TEST(all_peers_may_be_in_a_rekey_at_once),
		TEST(many_ends_at_once_are_freed_in_turns),
		TEST(a_key_that_gave_back_its_session_encrypts_no_more),
	};
	int ret = world_begin(argc, argv);

	if (argc > 2)
		max_peers = (uint32_t)atoi(argv[2]);
	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
