/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes from a device and cannot be sent, and every ring and queue when it is full. */
#include <stdlib.h>

#include "world.h"
#include "dataplane/dp_view.h"
#include "dataplane/hostout.h"

#define PEER 5

struct bench {
	struct site s;
	struct udp_addr remote;
	struct key_material m;
	uint8_t mac[MAC_LEN], inner[100];
};

static int setup_with(void **state, const struct world_conf *conf)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ip_addr src = ip_of("10.8.0.1"), dst = ip_of("10.8.0.2");
	struct world *wd = world_new(conf);

	/* the same senders share a bucket in every run: none that matters */
	wd->dp->secret = (struct source_secret){
		{0x0123456789abcdef, 0x9e3779b97f4a7c15, 0xfeedfacecafebeef, 0x5851f42d4c957f2d}};
	for (unsigned int i = 0; i < wd->dp->nb_workers; i++)
		wd->dp->workers[i]->limit.secret = wd->dp->secret;
	b->remote = udp_of("198.51.100.7", 50000);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	site_new(&b->s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	site_peer_mac(&b->s, PEER, b->mac);
	frame_inner(b->inner, &src, &dst, sizeof(b->inner), 1);
	*state = b;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_small_tx(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .out_size = 64, .mbufs = 8191};

	return setup_with(state, &conf);
}

static int setup_many_mbufs(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .mbufs = 8191};

	return setup_with(state, &conf);
}

static int setup_handshake_limit(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .handshake_rate = 1};

	return setup_with(state, &conf);
}

static int setup_two_workers(void **state)
{
	static const struct world_conf conf = {
		.nb_ports = 1, .nb_workers = 2, .handshake_rate = 100};

	return setup_with(state, &conf);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static void send_inner(struct bench *b, const uint8_t mac[MAC_LEN])
{
	uint8_t frame[200];

	world_write(b->s.device, frame, site_frame(frame, mac, b->inner, sizeof(b->inner)));
}

static void expect_dropped(struct bench *b, const uint8_t mac[MAC_LEN], enum drop_reason why)
{
	uint8_t frame[FRAME_MAX];

	send_inner(b, mac);
	world_settle(b->s.world);
	world_drops(b->s.world, why, 1);
	assert_int_equal(world_sent(b->s.world, 0, frame), 0);
}

static void expect_works(struct bench *b)
{
	uint8_t frame[FRAME_MAX];

	send_inner(b, b->mac);
	world_settle(b->s.world);
	assert_int_equal(world_sent(b->s.world, 0, frame), 42 + 24 + sizeof(b->inner));
	world_no_drops(b->s.world);
}

/* --- frames without a peer -------------------------------------------------------------- */

static void frames_without_a_peer_are_dropped_by_name(void **state)
{
	static const uint8_t broadcast[MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t multicast[MAC_LEN] = {0x33, 0x33, 0, 0, 0, 2};
	struct bench *b = *state;
	uint8_t mac[MAC_LEN], frame[64] = {0};

	expect_dropped(b, broadcast, DROP_INNER_MULTICAST);
	expect_dropped(b, multicast, DROP_INNER_MULTICAST);
	expect_dropped(b, b->s.mac, DROP_NO_ROUTE);
	for (size_t i = 1; i < MAC_LEN; i++) {
		memcpy(mac, b->mac, MAC_LEN);
		mac[i] ^= 0x10; /* another generation, another id */
		expect_dropped(b, mac, DROP_STALE_PEER);
	}
	memcpy(frame, b->mac, MAC_LEN);
	for (uint32_t type = 0; type < 0x10000; type += 0x0101) {
		if (type == 0x0800 || type == 0x86dd)
			continue;
		be16_store(frame + 12, (uint16_t)type);
		world_write(b->s.device, frame, sizeof(frame));
		world_settle(b->s.world);
		world_drops(b->s.world, DROP_INNER_NOT_IP, 1);
	}
	world_write(b->s.device, frame, 13);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_RUNT, 1);
	expect_works(b);
}

static void a_peer_that_is_gone_is_stale_also_when_its_id_returns(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	uint8_t old[MAC_LEN];

	memcpy(old, b->mac, MAC_LEN);
	assert_int_equal(dp_peer_del(wd->dp, b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	expect_dropped(b, old, DROP_STALE_PEER);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	expect_dropped(b, old, DROP_STALE_PEER);
	site_peer_mac(&b->s, PEER, b->mac);
	assert_memory_not_equal(old, b->mac, MAC_LEN);
	expect_works(b);
	world_reclaim(wd);
}

static void without_key_or_path_packets_are_dropped_by_name(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;

	assert_int_equal(dp_peer_path(wd->dp, b->s.iid, PEER, NULL), 0);
	expect_dropped(b, b->mac, DROP_NO_PATH);
	site_path(&b->s, PEER, 0);
	expect_works(b);
	assert_int_equal(dp_key_del(wd->dp, b->s.iid, PEER, KEYSLOT_PRIMARY), 0);
	expect_dropped(b, b->mac, DROP_NO_KEY);
	world_reclaim(wd);
}

static void a_frame_larger_than_the_buffers_is_too_big(void **state)
{
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX] = {0};

	memcpy(frame, b->mac, MAC_LEN);
	be16_store(frame + 12, 0x0800);
	world_write(b->s.device, frame, 3000);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_TOO_BIG, 1);
	expect_works(b);
}

/* --- packet ids ------------------------------------------------------------------------- */

static void a_key_without_ids_sends_no_more(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct peer *p = peertab_find(&instance_find(wd->dp, b->s.iid)->peers, PEER);
	struct key *key = keyslots_tx_key(&p->keys);
	uint8_t frame[FRAME_MAX], text[FRAME_MAX];
	struct key_material far = reference_mirror(&b->m);

	atomic_store(&key->tx.next, 0xfffffffe);
	for (int i = 0; i < 5; i++)
		send_inner(b, b->mac);
	world_settle(wd);
	world_drops(wd, DROP_PKTID_EXHAUSTED, 3);
	for (uint32_t id = 0xfffffffe; id != 0; id++) {
		size_t len = world_sent(wd, 0, frame);

		assert_int_equal(be32_load(frame + 46), id);
		assert_true(reference_open(&far, frame + 42, len - 42, text));
	}
	assert_int_equal(world_sent(wd, 0, frame), 0);
	expect_dropped(b, b->mac, DROP_PKTID_EXHAUSTED);
	/* a new key is a new start; the same bytes would be the same key */
	b->m.key_id++;
	b->m.encrypt[0] ^= 1;
	assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_PRIMARY, &b->m), 0);
	expect_works(b);
	world_reclaim(wd);
}

/* --- gone while on the way -------------------------------------------------------------- */

static void what_is_on_the_way_when_its_instance_goes_is_stale(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct site other;
	uint8_t inner[100];
	struct ip_addr src = ip_of("10.8.0.2"), dst = ip_of("10.8.0.1");

	frame_inner(inner, &src, &dst, sizeof(inner), 1);
	send_inner(b, b->mac);
	hostio_turn(&wd->dp->hostio); /* in host_in */
	site_new(&other, wd, 0, DP_MODE_MP, "192.0.2.9", 1194);
	site_peer(&other, 1, b->remote, "10.8.0.2", NULL, &b->m);
	site_data(&other, b->remote, &b->m, 1, 1, inner, sizeof(inner));
	worker_iteration(wd->w); /* the first is sent; the other is in host_out, or in crypto */
	while (aead_inflight(wd->w->aead) > 0)
		worker_iteration(wd->w);
	assert_int_equal(dp_instance_del(wd->dp, other.iid), 0);
	world_settle(wd);
	world_drops(wd, DROP_STALE_INSTANCE, 1);
	send_inner(b, b->mac);
	hostio_turn(&wd->dp->hostio);
	assert_int_equal(dp_instance_del(wd->dp, b->s.iid), 0);
	world_settle(wd);
	world_drops(wd, DROP_STALE_INSTANCE, 1);
	world_reclaim(wd);
	close(other.device);
}

static void a_device_that_takes_no_frames_costs_only_these(void **state)
{
	struct bench *b = *state;
	struct ip_addr src = ip_of("10.8.0.2"), dst = ip_of("10.8.0.1");
	uint64_t drops[NB_DROPS], n = 0;
	uint8_t inner[100], frame[FRAME_MAX];

	frame_inner(inner, &src, &dst, sizeof(inner), 1);
	for (uint32_t i = 1; i <= 1000; i++) {
		site_data(&b->s, b->remote, &b->m, PEER, i, inner, sizeof(inner));
		if (i % 64 == 0)
			world_settle(b->s.world);
	}
	world_settle(b->s.world);
	while (world_read(b->s.device, frame) > 0)
		n++;
	dp_drops(b->s.world->dp, drops);
	assert_true(n > 0 && n < 1000);
	world_drops(b->s.world, DROP_HOST_WRITE, 1000 - n);
	expect_works(b);
}

/* --- full ------------------------------------------------------------------------------- */

static void a_full_transmit_queue_drops_the_rest(void **state)
{
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX];
	unsigned int n = 0;

	for (int i = 0; i < 100; i++)
		send_inner(b, b->mac);
	world_settle(b->s.world);
	while (world_sent(b->s.world, 0, frame) > 0)
		n++;
	assert_int_equal(n, 63);
	world_drops(b->s.world, DROP_PORT_FULL, 37);
	expect_works(b);
}

static void a_full_ring_to_the_mirrors_drops_the_rest(void **state)
{
	struct bench *b = *state;
	uint8_t frame[60] = {0};
	unsigned int sent = 0;

	be16_store(frame + 12, 0x0806);
	for (; sent < MIRROR_RING_SIZE + 200; sent++) {
		assert_true(world_arrive(b->s.world, 0, frame, sizeof(frame)));
		if (sent % 64 == 63)
			worker_iteration(b->s.world->w);
	}
	while (worker_iteration(b->s.world->w) > 0)
		;
	world_drops_of_none(b->s.world, DROP_MIRROR_FULL, sent - (MIRROR_RING_SIZE - 1),
		sent - (MIRROR_RING_SIZE - 1)); /* frames for the kernel */
}

/*
 * Frames for the machine itself, which any stranger can send, while host I/O gets no CPU: the way
 * to the devices stays free, and host I/O serves that first, and some of the others in each turn.
 */
static void a_flood_for_the_kernel_leaves_tunnels_alone(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct ip_addr src = ip_of("10.8.0.2"), dst = ip_of("10.8.0.1");
	uint8_t flood[60] = {0}, frame[FRAME_MAX];
	unsigned int n = 0;

	be16_store(flood + 12, 0x0806);
	for (unsigned int i = 0; i < HOST_RING_SIZE + 200; i++) {
		assert_true(world_arrive(wd, 0, flood, sizeof(flood)));
		if (i % 64 == 63)
			worker_iteration(wd->w);
	}
	frame_inner(b->inner, &src, &dst, sizeof(b->inner), 1);
	for (uint32_t i = 0; i < BURST_MAX; i++)
		site_data(&b->s, b->remote, &b->m, PEER, 1 + i, b->inner, sizeof(b->inner));
	while (worker_iteration(wd->w) > 0 || aead_inflight(wd->w->aead) > 0)
		;
	hostio_turn(&wd->dp->hostio);
	for (uint32_t i = 0; i < BURST_MAX; i++)
		assert_int_equal(world_read(b->s.device, frame), ETH_HDR_LEN + sizeof(b->inner));
	while (world_read(wd->mirror[0], frame) > 0)
		n++;
	assert_int_equal(n, MIRROR_LEAST);
	n = HOST_RING_SIZE + 200 - (MIRROR_RING_SIZE - 1);
	world_drops_of_none(wd, DROP_MIRROR_FULL, n, n);
}

/* Frames of the kernel that find the worker busy wait where they are; none is lost. */
static void frames_wait_in_the_kernel_while_workers_are_full(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	uint8_t frame[FRAME_MAX] = {0};
	unsigned int sent = 0, got = 0;

	while (!rte_ring_full(wd->w->rings.host_in)) {
		world_write(wd->mirror[0], frame, 60);
		sent++;
		hostio_turn(&wd->dp->hostio);
	}
	for (int i = 0; i < 20; i++, sent++)
		world_write(wd->mirror[0], frame, 60);
	for (int i = 0; i < 20; i++)
		assert_int_equal(hostio_turn(&wd->dp->hostio), 0);
	for (int quiet = 0; quiet < 3; quiet++) {
		worker_iteration(wd->w);
		hostio_turn(&wd->dp->hostio);
		while (world_sent(wd, 0, frame) > 0) {
			got++;
			quiet = 0;
		}
	}
	assert_int_equal(got, sent);
	world_no_drops(wd);
}

static void a_full_exception_ring_drops_control_packets(void **state)
{
	struct bench *b = *state;
	const uint8_t ack[20] = {5 << 3};
	struct dp_event ev;
	unsigned int n = 0;

	for (unsigned int i = 0; i < EXCEPTION_RING_SIZE + 100; i++)
		site_payload(&b->s, b->remote, ack, sizeof(ack));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_CONTROL_FULL, 101);
	while (dp_event_next(b->s.world->dp, &ev))
		n++;
	assert_int_equal(n, EXCEPTION_RING_SIZE - 1);
	expect_works(b);
}

/* Hard resets beyond the rate end in the worker; other control packets and data pass. */
/* So many control packets with this first byte from `from`, each from an address of its own or not.
 */
static unsigned int reach_openvpn(
	struct bench *b, uint8_t opcode, const char *from, unsigned int n, bool many)
{
	struct udp_addr a = udp_of(from, 50000);
	uint8_t payload[20] = {(uint8_t)(opcode << 3)};
	unsigned int reached = 0;
	struct dp_event ev;

	for (unsigned int i = 0; i < n; i++) {
		a.ip.b[2] = many ? (uint8_t)i : a.ip.b[2];
		site_payload(&b->s, a, payload, sizeof(payload));
	}
	world_settle(b->s.world);
	while (dp_event_next(b->s.world->dp, &ev)) {
		assert_int_equal(ev.data[0] >> 3, opcode);
		reached++;
	}
	return reached;
}

static void openers_beyond_the_rate_are_dropped(void **state)
{
	struct bench *b = *state;
	unsigned int n = reach_openvpn(b, 7, "203.0.113.1", 200, false);

	assert_true(n >= 64 && n <= 66); /* one a second may be added */
	world_drops(b->s.world, DROP_SOURCE_LIMIT, 200 - n);
	n = reach_openvpn(b, 10, "203.9.0.1", 200, true);
	assert_true(n <= 2); /* the bucket of all is as empty */
	world_drops(b->s.world, DROP_HANDSHAKE_LIMIT, 200 - n);
	expect_works(b);
}

static void strangers_are_limited_and_peers_are_not(void **state)
{
	static const uint8_t opcodes[] = {3, 4, 5, 8, 11};
	struct bench *b = *state;
	struct world *wd = b->s.world;
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++)
		n += reach_openvpn(b, opcodes[i], "203.0.113.1", 40, true);
	assert_true(n >= 64 && n <= 66);
	world_drops(wd, DROP_STRANGER_LIMIT, 200 - n);
}

static void control_packets_of_peers_pass_until_the_peer_is_gone(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	unsigned int n;

	reach_openvpn(b, 4, "203.0.113.1", 200, true); /* nothing is left for strangers */
	world_drops(wd, DROP_STRANGER_LIMIT, 136);
	assert_int_equal(reach_openvpn(b, 4, "198.51.100.7", 256, false), 256);
	n = reach_openvpn(b, 4, "198.51.100.7", 256, false);
	world_drops(wd, DROP_SESSION_LIMIT, 256 - n);
	assert_true(n < 200);
	site_peer(&b->s, PEER + 1, udp_of("198.51.100.8", 50000), NULL, NULL, NULL);
	assert_int_equal(reach_openvpn(b, 4, "198.51.100.8", 10, false), 10);
	assert_int_equal(dp_peer_del(wd->dp, b->s.iid, PEER + 1, DP_GONE_EXPIRED), 0);
	assert_true(reach_openvpn(b, 4, "198.51.100.8", 10, false) <= 2);
	world_reclaim(wd);
}

/* Two workers, one receive queue: who receives nothing needs no share of the handshakes. */
static void workers_that_receive_share_the_handshakes(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;

	assert_int_equal(wd->dp->workers[0]->nb_rx, 1);
	assert_int_equal(wd->dp->workers[1]->nb_rx, 0);
	assert_int_equal(wd->dp->workers[0]->limit.all.cost, dp_tsc_hz() / 100);
}

static void host_io_without_buffers_counts_and_recovers(void **state)
{
	struct bench *b = *state;
	struct hostio *h = &b->s.world->dp->hostio;
	static struct rte_mbuf *all[16384];
	uint64_t drops[NB_DROPS];
	unsigned int n = 0;
	uint8_t frame[FRAME_MAX];

	while ((all[n] = rte_pktmbuf_alloc(h->pool)) != NULL)
		n++;
	send_inner(b, b->mac);
	hostio_turn(h);
	dp_drops(b->s.world->dp, drops);
	assert_int_equal(drops[DROP_NO_MBUF], 1);
	world_drops_of_none(b->s.world, DROP_NO_MBUF, 1, 1); /* of frames from the kernel */
	rte_pktmbuf_free_bulk(all, n);
	world_settle(b->s.world);
	/* it waited in the kernel */
	assert_int_equal(world_sent(b->s.world, 0, frame), 42 + 24 + sizeof(b->inner));
}

/* --- two workers ------------------------------------------------------------------------ */

/* Encap of a peer belongs to one worker; different peers are spread. */
static void each_peer_belongs_to_one_worker(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	uint64_t before[2], after[2];
	bool used[2] = {false, false};
	uint8_t frame[FRAME_MAX];

	for (uint32_t id = 10; id < 20; id++) {
		struct key_material m = reference_key(AEAD_AES_128_GCM, 0, id);
		uint8_t mac[MAC_LEN];

		site_peer(&b->s, id, b->remote, NULL, NULL, &m);
		site_peer_mac(&b->s, id, mac);
		for (int k = 0; k < 2; k++)
			before[k] = wd->dp->workers[k]->stats.encap_packets;
		for (int i = 0; i < 20; i++)
			send_inner(b, mac);
		world_settle(wd);
		for (uint32_t pktid = 1; pktid <= 20; pktid++) {
			assert_true(world_sent(wd, 0, frame) > 0);
			assert_int_equal(be32_load(frame + 46), pktid);
		}
		for (int k = 0; k < 2; k++) {
			after[k] = wd->dp->workers[k]->stats.encap_packets - before[k];
			assert_true(after[k] == 0 || after[k] == 20);
			used[k] |= after[k] != 0;
		}
		assert_int_equal(after[0] + after[1], 20);
	}
	assert_true(used[0] && used[1]);
	world_no_drops(wd);
}

int main(int argc, char **argv)
{
#define TEST(name, with) cmocka_unit_test_setup_teardown(name, with, teardown)
	const struct CMUnitTest tests[] = {
		TEST(frames_without_a_peer_are_dropped_by_name, setup),
		TEST(a_peer_that_is_gone_is_stale_also_when_its_id_returns, setup),
		TEST(without_key_or_path_packets_are_dropped_by_name, setup),
		TEST(a_frame_larger_than_the_buffers_is_too_big, setup),
		TEST(a_key_without_ids_sends_no_more, setup),
		TEST(what_is_on_the_way_when_its_instance_goes_is_stale, setup),
		TEST(a_device_that_takes_no_frames_costs_only_these, setup),
		TEST(a_full_transmit_queue_drops_the_rest, setup_small_tx),
		TEST(a_full_ring_to_the_mirrors_drops_the_rest, setup_many_mbufs),
		TEST(a_flood_for_the_kernel_leaves_tunnels_alone, setup_many_mbufs),
		TEST(frames_wait_in_the_kernel_while_workers_are_full, setup_many_mbufs),
		TEST(a_full_exception_ring_drops_control_packets, setup),
		TEST(openers_beyond_the_rate_are_dropped, setup_handshake_limit),
		TEST(workers_that_receive_share_the_handshakes, setup_two_workers),
		TEST(strangers_are_limited_and_peers_are_not, setup_handshake_limit),
		TEST(control_packets_of_peers_pass_until_the_peer_is_gone, setup_handshake_limit),
		TEST(host_io_without_buffers_counts_and_recovers, setup),
		TEST(each_peer_belongs_to_one_worker, setup_two_workers),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
