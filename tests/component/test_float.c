/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that move, those who would like them to, and data packets whose peer id is undefined. */
#include <stdlib.h>

#include "dataplane/decap.h"
#include "dataplane/dp_view.h"
#include "dataplane/floats.h"
#include "world.h"

#define PEER 5

struct bench {
	struct site s;
	struct udp_addr home, moved;
	struct key_material m;
	uint32_t next; /* packet id */
};

static struct world *world_of(struct bench *b)
{
	return b->s.world;
}

static struct bench *bench_new(enum dp_mode mode)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->home = udp_of("198.51.100.7", 50000);
	b->moved = udp_of("203.0.113.9", 4444);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	b->next = 1000000;
	site_new(&b->s, world_new(NULL), 0, mode, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->home, "10.8.0.2", "fd00::2", &b->m);
	return b;
}

static int bench_setup(void **state)
{
	*state = bench_new(DP_MODE_MP);
	return 0;
}

static int bench_setup_p2p(void **state)
{
	*state = bench_new(DP_MODE_P2P);
	return 0;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static struct peer *peer_of(struct bench *b)
{
	return peertab_find(&instance_find(world_of(b)->dp, b->s.iid)->peers, PEER);
}

/* As after the second in which nothing is proposed. */
static void let_propose(struct bench *b)
{
	atomic_store(&peer_of(b)->float_after, 0);
}

static size_t inner_packet(uint8_t *inner)
{
	struct ip_addr from = ip_of("10.8.0.2"), to = ip_of("10.8.0.1");

	return frame_inner(inner, &from, &to, 100, 3);
}

/* Authentic data from there; not yet turned. */
static void arrives(struct bench *b, struct udp_addr from, uint32_t id, uint32_t pktid)
{
	uint8_t inner[FRAME_MAX];
	size_t len = inner_packet(inner);

	site_data(&b->s, from, &b->m, id, pktid, inner, len);
}

static unsigned int delivered(struct bench *b)
{
	uint8_t frame[FRAME_MAX];
	unsigned int n = 0;

	world_settle(world_of(b));
	while (world_read(b->s.device, frame) > 0)
		n++;
	return n;
}

static bool proposal(struct bench *b, struct dp_event *ev)
{
	if (!dp_event_next(world_of(b)->dp, ev))
		return false;
	assert_int_equal(ev->type, DP_EVENT_FLOAT);
	assert_int_equal(ev->iid, b->s.iid);
	assert_int_equal(ev->peer_id, PEER);
	return true;
}

static void nothing_proposed(struct bench *b)
{
	struct dp_event ev;

	assert_false(proposal(b, &ev));
}

static int floats_by(struct bench *b, struct udp_addr to, struct udp_addr local)
{
	struct dp_path path = {.port = 0, .local = local, .dst_mac = {2, 9, 9, 9, 9, 9}};

	return dp_peer_float(world_of(b)->dp, b->s.iid, PEER, &to, &path);
}

static int floats(struct bench *b, struct udp_addr to)
{
	return floats_by(b, to, b->s.local);
}

/* A packet from inside leaves to there, from there. */
static void expect_sent_to(struct bench *b, struct udp_addr to, struct udp_addr from)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX], mac[MAC_LEN];
	size_t len = inner_packet(inner);
	bool v4 = to.ip.family == IP_V4;
	const uint8_t *udp = frame + 14 + (v4 ? 20 : 40);

	site_peer_mac(&b->s, PEER, mac);
	len = site_frame(frame, mac, inner, len);
	world_write(b->s.device, frame, len);
	world_settle(world_of(b));
	assert_true(world_sent(world_of(b), 0, frame) > 0);
	assert_memory_equal(frame + 14 + (v4 ? 16 : 24), to.ip.b, ip_len(to.ip.family));
	assert_memory_equal(frame + 14 + (v4 ? 12 : 8), from.ip.b, ip_len(from.ip.family));
	assert_int_equal(be16_load(udp), from.port);
	assert_int_equal(be16_load(udp + 2), to.port);
}

static bool is_known(struct bench *b, struct udp_addr a)
{
	struct dp *dp = world_of(b)->dp;

	return known_has(&dp->known, source_hash_flow(&dp->secret, &a));
}

/* --- proposals -------------------------------------------------------------------------- */

static void authentic_packets_from_elsewhere_propose_once(void **state)
{
	struct bench *b = *state;
	struct dp_event ev;

	for (uint32_t i = 0; i < 5; i++)
		arrives(b, b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 5);
	assert_true(proposal(b, &ev));
	assert_int_equal(ev.tid, b->s.tid);
	assert_true(udp_addr_equal(&ev.remote, &b->moved));
	assert_true(udp_addr_equal(&ev.local, &b->s.local));
	assert_int_equal(ev.port, 0);
	for (uint32_t i = 0; i < 5; i++) {
		arrives(b, b->moved, PEER, b->next++);
		assert_int_equal(delivered(b), 1);
	}
	nothing_proposed(b);
	/* nobody did anything about it: again, but not before a second has passed */
	assert_true(atomic_load(&peer_of(b)->float_after) > rte_rdtsc());
	assert_true(atomic_load(&peer_of(b)->float_after) <= rte_rdtsc() + rte_get_tsc_hz());
	let_propose(b);
	arrives(b, b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	assert_true(proposal(b, &ev));
	assert_true(udp_addr_equal(&ev.remote, &b->moved));
}

/* One end each for what must not move a peer: forged, replayed, too old, of another key or peer. */
static void nothing_moves_by_what_is_not_authentic_and_fresh(void **state)
{
	struct bench *b = *state;
	struct key_material other = reference_key(AEAD_AES_256_GCM, 2, 78);
	uint8_t forged[200] = {0x4a, 0, 0, PEER, 1, 0, 0, 0}, inner[FRAME_MAX];
	size_t len = inner_packet(inner);

	arrives(b, b->home, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	world_no_drops(world_of(b));
	site_payload(&b->s, b->moved, forged, sizeof(forged));
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_AUTH_FAILED, 1);
	site_data(&b->s, b->moved, &other, PEER, b->next, inner, len);
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_AUTH_FAILED, 1);
	arrives(b, b->moved, PEER, b->next - 1);
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_REPLAYED, 1);
	arrives(b, b->moved, PEER, 1);
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_TOO_OLD, 1);
	arrives(b, b->moved, PEER, 0);
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_PKTID_ZERO, 1);
	arrives(b, b->moved, PEER + 1, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
	forged[0] = 0x4b;
	site_payload(&b->s, b->moved, forged, sizeof(forged));
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_UNKNOWN_KEY, 1);
	nothing_proposed(b);
}

/* Two copies in flight at once, of which the second comes from elsewhere. */
static void replay_in_flight_moves_nothing(void **state)
{
	struct bench *b = *state;

	arrives(b, b->home, PEER, b->next);
	arrives(b, b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	world_drops(world_of(b), DROP_REPLAYED, 1);
	nothing_proposed(b);
}

/* CVE-2020-11810: between the peer and its key nothing may move it. */
static void peer_without_a_key_stays(void **state)
{
	struct bench *b = *state;

	site_peer(&b->s, PEER + 1, udp_of("198.51.100.8", 1), "10.8.0.3", NULL, NULL);
	arrives(b, b->moved, PEER + 1, 1);
	assert_int_equal(delivered(b), 0);
	world_drops(world_of(b), DROP_UNKNOWN_KEY, 1);
	nothing_proposed(b);
}

static void late_packets_say_where_the_peer_has_been(void **state)
{
	struct bench *b = *state;
	struct dp_event ev;

	arrives(b, b->home, PEER, b->next + 10);
	assert_int_equal(delivered(b), 1);
	for (uint32_t i = 0; i < 10; i++) {
		arrives(b, b->moved, PEER, b->next + i);
		assert_int_equal(delivered(b), 1);
	}
	nothing_proposed(b);
	arrives(b, b->moved, PEER, b->next + 11);
	assert_int_equal(delivered(b), 1);
	assert_true(proposal(b, &ev));
}

/* Its way was lost, say with a route: how else should it ever be found again? */
static void peer_without_a_way_is_heard(void **state)
{
	struct bench *b = *state;
	struct dp_event ev;

	assert_int_equal(dp_peer_path(world_of(b)->dp, b->s.iid, PEER, NULL), 0);
	arrives(b, b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	assert_true(proposal(b, &ev));
	assert_true(udp_addr_equal(&ev.remote, &b->moved));
}

/* --- what is done about them ------------------------------------------------------------ */

static void packets_follow_the_peer(void **state)
{
	struct bench *b = *state;
	struct udp_addr neighbour = b->home;
	struct dp_peer_info info;
	struct dp_event ev;

	expect_sent_to(b, b->home, b->s.local);
	assert_int_equal(floats(b, b->moved), 0);
	expect_sent_to(b, b->moved, b->s.local);
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_true(udp_addr_equal(&info.remote, &b->moved));
	assert_int_equal(info.floats, 1);
	assert_true(is_known(b, b->moved));
	assert_false(is_known(b, b->home));
	/* it is there: no more of it */
	arrives(b, b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	nothing_proposed(b);
	/* behind the same NAT, another port */
	neighbour.port++;
	assert_int_equal(floats(b, neighbour), 0);
	arrives(b, b->home, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	assert_true(proposal(b, &ev));
	assert_true(udp_addr_equal(&ev.remote, &b->home));
	assert_int_equal(dp_peer_del(world_of(b)->dp, b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	assert_false(is_known(b, neighbour));
}

static void peers_change_families(void **state)
{
	struct bench *b = *state;
	struct udp_addr there = udp_of("2001:db8:7::7", 50000), here = udp_of("2001:db8::1", 1194);
	struct dp_event ev;
	struct site six = b->s;

	assert_int_equal(dp_port_addr_add(world_of(b)->dp, 0, &here.ip), 0);
	assert_int_equal(dp_transport_add(world_of(b)->dp, b->s.iid, &here, false, &six.tid), 0);
	six.local = here;
	site_data(&six, there, &b->m, PEER, b->next++, "?", 1);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_INNER_MALFORMED, 1);
	assert_true(proposal(b, &ev));
	assert_int_equal(ev.tid, six.tid);
	assert_true(udp_addr_equal(&ev.remote, &there));
	assert_true(udp_addr_equal(&ev.local, &here));
	assert_int_equal(floats(b, there), -EINVAL); /* from an IPv4 address of ours */
	expect_sent_to(b, b->home, b->s.local);
	assert_int_equal(floats_by(b, there, here), 0);
	expect_sent_to(b, there, here);
	assert_int_equal(floats(b, b->home), 0);
	expect_sent_to(b, b->home, b->s.local);
}

/* The peer stays, but reaches another of our addresses: it expects answers from there. */
static void answers_come_from_the_address_that_is_reached(void **state)
{
	struct bench *b = *state;
	struct udp_addr second = udp_of("192.0.2.2", 1194), other = udp_of("192.0.2.2", 1195);
	struct site s2 = b->s;
	struct dp_event ev;

	assert_int_equal(dp_port_addr_add(world_of(b)->dp, 0, &second.ip), 0);
	assert_int_equal(dp_transport_add(world_of(b)->dp, b->s.iid, &second, false, &s2.tid), 0);
	s2.local = second;
	site_data(&s2, b->home, &b->m, PEER, b->next++, "?", 1);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_INNER_MALFORMED, 1);
	assert_true(proposal(b, &ev));
	assert_true(udp_addr_equal(&ev.remote, &b->home));
	assert_true(udp_addr_equal(&ev.local, &second));
	assert_int_equal(floats_by(b, b->home, second), 0);
	expect_sent_to(b, b->home, second);
	assert_true(is_known(b, b->home));
	/* another port of ours */
	assert_int_equal(dp_transport_add(world_of(b)->dp, b->s.iid, &other, false, &s2.tid), 0);
	s2.local = other;
	site_data(&s2, b->home, &b->m, PEER, b->next++, "?", 1);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_INNER_MALFORMED, 1);
	assert_true(proposal(b, &ev));
	assert_true(udp_addr_equal(&ev.local, &other));
}

static void a_float_to_nowhere_waits_for_a_way(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct dp_path path = {.port = 0, .local = b->s.local};
	struct dp_peer_info info;

	assert_int_equal(dp_peer_float(dp, b->s.iid, PEER, &b->moved, NULL), 0);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_false(info.has_path);
	assert_int_equal(dp_peer_path(dp, b->s.iid, PEER, &path), 0);
	expect_sent_to(b, b->moved, b->s.local);
	assert_int_equal(dp_peer_float(dp, b->s.iid, PEER + 1, &b->moved, NULL), -ENOENT);
	assert_int_equal(dp_peer_float(dp, b->s.iid + 1, PEER, &b->moved, NULL), -ENOENT);
}

static void nobody_is_where_nobody_can_be(void **state)
{
	static const char *const nobody[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "ff02::1", "::ffff:1.2.3.4"};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
		assert_int_equal(
			dp_peer_float(world_of(b)->dp, b->s.iid, PEER,
				&(struct udp_addr){.ip = ip_of(nobody[i]), .port = 1}, NULL),
			-EINVAL);
	assert_int_equal(floats(b, udp_of("203.0.113.9", 0)), -EINVAL);
	expect_sent_to(b, b->home, b->s.local);
}

/* Between two addresses, or more: bounded in the agent, and workers do not ask in between. */
static void restless_peers_are_followed_now_and_then(void **state)
{
	struct bench *b = *state;
	struct dp_peer_info info;
	struct dp_event ev;
	uint64_t after;

	for (uint16_t i = 0; i < FLOATS_AT_ONCE; i++) {
		assert_true(atomic_load(&peer_of(b)->float_after) <= rte_rdtsc());
		assert_int_equal(floats(b, udp_of("203.0.113.9", (uint16_t)(100 + i))), 0);
	}
	after = atomic_load(&peer_of(b)->float_after);
	assert_true(after > rte_rdtsc());
	assert_true(after <= rte_rdtsc() + FLOAT_SECONDS * rte_get_tsc_hz());
	assert_int_equal(floats(b, b->home), -EAGAIN);
	expect_sent_to(b, udp_of("203.0.113.9", 100 + FLOATS_AT_ONCE - 1), b->s.local);
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.floats, FLOATS_AT_ONCE);
	for (uint32_t i = 0; i < 100; i++)
		arrives(b, i % 2 ? b->home : b->moved, PEER, b->next++);
	assert_int_equal(delivered(b), 100);
	nothing_proposed(b);
	/* as after some time: one more, and not two */
	peer_of(b)->floats_at -= FLOAT_SECONDS * rte_get_tsc_hz();
	let_propose(b);
	arrives(b, b->home, PEER, b->next++);
	assert_int_equal(delivered(b), 1);
	assert_true(proposal(b, &ev));
	assert_int_equal(floats(b, b->home), 0);
	assert_int_equal(floats(b, b->moved), -EAGAIN);
	assert_true(atomic_load(&peer_of(b)->float_after) > rte_rdtsc());
}

static void operators_count_from_their_zero_point(void **state)
{
	struct bench *b = *state;
	struct dp_peer_view v;

	assert_int_equal(floats(b, b->moved), 0);
	assert_int_equal(dp_peer_clear(world_of(b)->dp, b->s.iid, PEER), 0);
	assert_int_equal(floats(b, b->home), 0);
	assert_int_equal(dp_peer_view(world_of(b)->dp, b->s.iid, PEER, &v), 0);
	assert_int_equal(v.info.floats, 1);
}

/* --- peer id undefined ------------------------------------------------------------------ */

static void undefined_peer_of_p2p_is_the_one_at_that_address(void **state)
{
	struct bench *b = *state;
	struct udp_addr port = b->home, address = b->home;

	port.port++;
	address.ip.b[3]++;
	arrives(b, b->home, WIRE_PEER_UNDEF, b->next++);
	assert_int_equal(delivered(b), 1);
	/* in one burst with others */
	for (uint32_t i = 0; i < 8; i++)
		arrives(b, b->home, i % 2 ? PEER : WIRE_PEER_UNDEF, b->next++);
	assert_int_equal(delivered(b), 8);
	world_no_drops(world_of(b));
	arrives(b, port, WIRE_PEER_UNDEF, b->next);
	arrives(b, address, WIRE_PEER_UNDEF, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 2, 2);
	/* another id that is nobody's */
	arrives(b, b->home, WIRE_PEER_MAX, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
	nothing_proposed(b);
	assert_int_equal(dp_peer_path(world_of(b)->dp, b->s.iid, PEER, NULL), 0);
	arrives(b, b->home, WIRE_PEER_UNDEF, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
	site_path(&b->s, PEER, 0);
	assert_int_equal(dp_peer_del(world_of(b)->dp, b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	arrives(b, b->home, WIRE_PEER_UNDEF, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
}

static void undefined_peer_of_many_is_nobody(void **state)
{
	struct bench *b = *state;

	arrives(b, b->home, WIRE_PEER_UNDEF, b->next);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
	arrives(b, b->home, PEER, b->next++);
	arrives(b, b->home, WIRE_PEER_UNDEF, b->next);
	assert_int_equal(delivered(b), 1);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
}

/* It was found by its address, which changed while it was in flight. */
static void undefined_peer_moves_nothing(void **state)
{
	struct bench *b = *state;
	struct rte_mbuf *pkts[BURST_MAX];

	arrives(b, b->home, WIRE_PEER_UNDEF, b->next++);
	decap_submit(
		world_of(b)->w, 0, pkts, port_rx(&world_of(b)->dp->ports[0], 0, pkts, BURST_MAX));
	assert_int_equal(floats(b, b->moved), 0);
	assert_int_equal(delivered(b), 1);
	nothing_proposed(b);
	let_propose(b);
	arrives(b, b->home, WIRE_PEER_UNDEF, b->next++);
	assert_int_equal(delivered(b), 0);
	world_drops_of_none(world_of(b), DROP_UNKNOWN_PEER, 1, 1);
	nothing_proposed(b);
}

int main(int argc, char **argv)
{
#define TEST(name)     cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
#define TEST_P2P(name) cmocka_unit_test_setup_teardown(name, bench_setup_p2p, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(authentic_packets_from_elsewhere_propose_once),
		TEST_P2P(authentic_packets_from_elsewhere_propose_once),
		TEST(nothing_moves_by_what_is_not_authentic_and_fresh),
		TEST(replay_in_flight_moves_nothing),
		TEST(peer_without_a_key_stays),
		TEST(late_packets_say_where_the_peer_has_been),
		TEST(peer_without_a_way_is_heard),
		TEST(packets_follow_the_peer),
		TEST(peers_change_families),
		TEST(answers_come_from_the_address_that_is_reached),
		TEST(a_float_to_nowhere_waits_for_a_way),
		TEST(nobody_is_where_nobody_can_be),
		TEST(restless_peers_are_followed_now_and_then),
		TEST(operators_count_from_their_zero_point),
		TEST_P2P(undefined_peer_of_p2p_is_the_one_at_that_address),
		TEST(undefined_peer_of_many_is_nobody),
		TEST_P2P(undefined_peer_moves_nothing),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
