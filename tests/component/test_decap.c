/* SPDX-License-Identifier: BSD-3-Clause */
/* Outside to inside: packets that OpenSSL has made, and what must not get through. */
#include <stdlib.h>

#include "dataplane/decap.h"
#include "dataplane/dp_view.h"
#include "world.h"

#define PEER 5

struct bench {
	struct site s;
	struct udp_addr remote;
	struct key_material m;
	uint32_t next; /* packet id */
};

static struct world *world_of(struct bench *b)
{
	return b->s.world;
}

static int bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->remote = udp_of("198.51.100.7", 50000);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	b->next = 1;
	site_new(&b->s, world_new(NULL), 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", "fd00::2", &b->m);
	*state = b;
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

static size_t inner_from(const char *src, uint8_t *inner, size_t len)
{
	struct ip_addr from = ip_of(src);
	struct ip_addr to = ip_of(from.family == IP_V4 ? "10.8.0.1" : "fd00::1");

	return frame_inner(inner, &from, &to, len, (uint8_t)len);
}

static void send_text(struct bench *b, const void *text, size_t len)
{
	site_data(&b->s, b->remote, &b->m, PEER, b->next++, text, len);
	world_settle(world_of(b));
}

static void expect_delivered(struct bench *b, const uint8_t *inner, size_t len)
{
	uint8_t frame[FRAME_MAX], mac[MAC_LEN];

	site_peer_mac(&b->s, PEER, mac);
	assert_int_equal(world_read(b->s.device, frame), 14 + len);
	assert_memory_equal(frame, b->s.mac, MAC_LEN);
	assert_memory_equal(frame + 6, mac, MAC_LEN);
	assert_int_equal(be16_load(frame + 12), inner[0] >> 4 == 4 ? 0x0800 : 0x86dd);
	assert_memory_equal(frame + 14, inner, len);
}

static void expect_nothing(struct bench *b)
{
	uint8_t frame[FRAME_MAX];

	assert_int_equal(world_read(b->s.device, frame), 0);
	assert_int_equal(world_read(b->s.world->mirror[0], frame), 0);
}

static void expect_works(struct bench *b)
{
	uint8_t inner[100];

	send_text(b, inner, inner_from("10.8.0.2", inner, 100));
	expect_delivered(b, inner, 100);
}

/* --- what gets through ------------------------------------------------------------------ */

static void try_lengths(struct bench *b)
{
	static const uint16_t lens[] = {
		40, 41, 47, 48, 63, 64, 65, 127, 128, 129, 500, 1279, 1280, 1400, 1408};
	uint8_t inner[FRAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		inner_from("10.8.0.2", inner, lens[i]);
		send_text(b, inner, lens[i]);
		expect_delivered(b, inner, lens[i]);
		inner_from("fd00::2", inner, lens[i]);
		send_text(b, inner, lens[i]);
		expect_delivered(b, inner, lens[i]);
	}
}

static void what_openssl_encrypts_is_delivered_exactly(void **state)
{
	static const char *const outer[][2] = {
		{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:9::7"}};
	struct world *wd = *state;

	for (int o = 0; o < 2; o++) {
		for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++) {
			struct bench b = {.remote = udp_of(outer[o][1], 50000), .next = 1};
			struct dp_peer_info info;

			b.m = reference_key(alg, alg, alg * 7 + 100 * (uint32_t)o);
			site_new(&b.s, wd, 0, DP_MODE_MP, outer[o][0], (uint16_t)(1194 + alg));
			site_peer(&b.s, PEER, b.remote, "10.8.0.2", "fd00::2", &b.m);
			try_lengths(&b);
			assert_int_equal(dp_peer_get(wd->dp, b.s.iid, PEER, &info), 0);
			assert_int_equal(info.vpn_rx_packets, 30);
			assert_int_equal(info.link_rx_packets, 30);
			assert_int_equal(info.link_rx_bytes, info.vpn_rx_bytes + 30 * 24);
			assert_int_equal(info.key[0].rx_top, 30);
			assert_int_equal(info.key[0].failed, 0);
			close(b.s.device);
			dp_instance_del(wd->dp, b.s.iid);
			world_reclaim(wd);
		}
	}
	world_no_drops(wd);
}

static void bytes_behind_the_ip_packet_are_not_delivered(void **state)
{
	struct bench *b = *state;
	struct key_material far = reference_mirror(&b->m);
	struct flow f = site_flow_in(&b->s, b->remote);
	uint8_t inner[100], packet[200], frame[400];
	size_t len = reference_seal(
		&far, PEER, b->next++, inner, inner_from("10.8.0.2", inner, sizeof(inner)), packet);

	len = frame_udp(frame, &f, packet, len);
	memset(frame + len, 0xdd, 50);
	assert_true(world_arrive(world_of(b), 0, frame, len + 50));
	world_settle(world_of(b));
	expect_delivered(b, inner, sizeof(inner));
	world_no_drops(world_of(b));
}

static void keepalives_are_swallowed_and_count_as_a_sign_of_life(void **state)
{
	struct bench *b = *state;
	struct dp_peer_info info;
	static const uint8_t ping[16] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};

	for (int i = 0; i < 3; i++)
		send_text(b, ping, sizeof(ping));
	expect_nothing(b);
	world_no_drops(world_of(b));
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.link_rx_packets, 3);
	assert_int_equal(info.link_rx_bytes, 3 * 40);
	assert_int_equal(info.vpn_rx_packets, 0);
	assert_true(info.rx_ago_ms < 1000);
}

static void a_burst_of_interleaved_peers_is_delivered_in_order(void **state)
{
	struct bench *b = *state;
	struct key_material other = reference_key(AEAD_CHACHA20_POLY1305, 2, 78);
	struct udp_addr remote = udp_of("198.51.100.8", 50001);
	uint8_t inner[200], frame[FRAME_MAX];
	uint8_t last[2] = {99, 99}; /* lengths rise */
	unsigned int n[2] = {0, 0};
	size_t len;

	site_peer(&b->s, PEER + 1, remote, "10.8.0.3", NULL, &other);
	for (uint8_t i = 0; i < 60; i++) {
		if (i % 3 == 0)
			site_data(&b->s, b->remote, &b->m, PEER, i + 1u, inner,
				inner_from("10.8.0.2", inner, 100u + i));
		else
			site_data(&b->s, remote, &other, PEER + 1, i + 1u, inner,
				inner_from("10.8.0.3", inner, 100u + i));
	}
	world_settle(world_of(b));
	while ((len = world_read(b->s.device, frame)) > 0) {
		unsigned int k = frame[14 + 15] == 3;

		assert_true(len - 14 > last[k]);
		last[k] = (uint8_t)(len - 14);
		n[k]++;
	}
	assert_int_equal(n[0], 20);
	assert_int_equal(n[1], 40);
	world_no_drops(world_of(b));
}

/* While one key takes over from the other, packets of both come mixed; of a third none is known. */
static void a_burst_of_two_keys_of_a_peer_is_delivered(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material second = reference_key(AEAD_AES_256_GCM, 3, 80), third = b->m;
	uint8_t inner[100];

	third.key_id = 6; /* 4 would be the next, and wait for its key */
	assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &second), 0);
	inner_from("10.8.0.2", inner, sizeof(inner));
	for (uint32_t i = 1; i <= 30; i++) {
		const struct key_material *m = i % 3 == 0 ? &b->m : i % 3 == 1 ? &second : &third;

		site_data(&b->s, b->remote, m, PEER, i, inner, sizeof(inner));
	}
	world_settle(wd);
	for (int i = 0; i < 20; i++)
		expect_delivered(b, inner, sizeof(inner));
	expect_nothing(b);
	world_drops(wd, DROP_UNKNOWN_KEY, 10);
}

/* --- replay ----------------------------------------------------------------------------- */

static void replayed_and_old_and_zero_ids_are_dropped(void **state)
{
	struct bench *b = *state;
	uint8_t inner[100];

	inner_from("10.8.0.2", inner, 100);
	b->next = 9000;
	send_text(b, inner, 100);
	expect_delivered(b, inner, 100);
	b->next = 9000;
	send_text(b, inner, 100);
	world_drops(world_of(b), DROP_REPLAYED, 1);
	b->next = 9000 - 8192;
	send_text(b, inner, 100);
	world_drops(world_of(b), DROP_TOO_OLD, 1);
	b->next = 0;
	send_text(b, inner, 100);
	world_drops(world_of(b), DROP_PKTID_ZERO, 1);
	expect_nothing(b);
	b->next = 9000 - 8191; /* the oldest that the window holds */
	send_text(b, inner, 100);
	expect_delivered(b, inner, 100);
	b->next = 9000 - 8191;
	send_text(b, inner, 100);
	world_drops(world_of(b), DROP_REPLAYED, 1);
	expect_nothing(b);
	b->next = 0xffffffff;
	send_text(b, inner, 100);
	expect_delivered(b, inner, 100);
}

/* Both copies pass the check before decryption; the second is found out after it. */
static void a_packet_twice_in_one_burst_is_delivered_once(void **state)
{
	struct bench *b = *state;
	uint8_t inner[100];

	inner_from("10.8.0.2", inner, 100);
	for (int i = 0; i < 3; i++)
		site_data(&b->s, b->remote, &b->m, PEER, 7, inner, 100);
	world_settle(world_of(b));
	expect_delivered(b, inner, 100);
	expect_nothing(b);
	world_drops(world_of(b), DROP_REPLAYED, 2);
}

/* What has no chance is not decrypted first: a flood of it costs no more than its classification.
 */
static void replayed_forgeries_are_not_decrypted(void **state)
{
	struct bench *b = *state;
	uint8_t inner[100], packet[100] = {9 << 3 | 2, 0, 0, PEER};
	static const struct {
		uint32_t pktid;
		enum drop_reason why;
	} rows[] = {{9000, DROP_REPLAYED}, {9000 - 8192, DROP_TOO_OLD}, {1, DROP_TOO_OLD},
		{0, DROP_PKTID_ZERO}};
	struct dp_peer_info info;

	b->next = 9000;
	send_text(b, inner, inner_from("10.8.0.2", inner, 100));
	expect_delivered(b, inner, 100);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		be32_store(packet + 4, rows[i].pktid);
		site_payload(&b->s, b->remote, packet, sizeof(packet));
		world_settle(world_of(b));
		world_drops(world_of(b), rows[i].why, 1);
	}
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.key[0].failed, 0);
	expect_nothing(b);
}

/* --- forged and damaged ----------------------------------------------------------------- */

static void a_flipped_bit_anywhere_is_found(void **state)
{
	struct bench *b = *state;
	struct key_material far = reference_mirror(&b->m);
	uint8_t inner[60], packet[100], damaged[100];
	struct dp_peer_info info;
	size_t len = reference_seal(
		&far, PEER, 100, inner, inner_from("10.8.0.2", inner, sizeof(inner)), packet);

	for (size_t bit = 32; bit < len * 8; bit++) {
		memcpy(damaged, packet, len);
		damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		site_payload(&b->s, b->remote, damaged, len);
		world_settle(world_of(b));
		world_drops(world_of(b), DROP_AUTH_FAILED, 1);
	}
	expect_nothing(b);
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.key[0].failed, len * 8 - 32);
	assert_int_equal(info.key[0].rx_top, 0);
	assert_int_equal(info.link_rx_packets, 0);
	assert_int_equal(info.rx_ago_ms, UINT64_MAX);
	/* the window is as it was: the packet itself is still good */
	site_payload(&b->s, b->remote, packet, len);
	world_settle(world_of(b));
	expect_delivered(b, inner, sizeof(inner));
}

static void a_wrong_peer_or_key_id_is_unknown(void **state)
{
	struct bench *b = *state;
	struct key_material far = reference_mirror(&b->m);
	uint8_t inner[60], packet[100];
	size_t len = reference_seal(
		&far, PEER, 1, inner, inner_from("10.8.0.2", inner, sizeof(inner)), packet);

	for (size_t bit = 0; bit < 24; bit++) {
		packet[1 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		site_payload(&b->s, b->remote, packet, len);
		world_settle(world_of(b));
		world_drops(world_of(b), DROP_UNKNOWN_PEER, 1);
		packet[1 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	memset(packet + 1, 0xff, 3);
	site_payload(&b->s, b->remote, packet, len);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_UNKNOWN_PEER, 1);
	be16_store(packet + 2, PEER);
	packet[1] = 0;
	for (uint8_t key_id = 0; key_id < 8; key_id++) {
		if (key_id == b->m.key_id || key_id == b->m.key_id % 7 + 1)
			continue; /* its own; the next, which waits for its key */
		packet[0] = (uint8_t)(9 << 3 | key_id);
		site_payload(&b->s, b->remote, packet, len);
		world_settle(world_of(b));
		world_drops(world_of(b), DROP_UNKNOWN_KEY, 1);
	}
	expect_nothing(b);
	expect_works(b);
}

/* Right ids, wrong key: another's, this peer's in the other direction, an old one of this peer. */
static void another_key_under_the_right_ids_is_found_out(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material other = reference_key(AEAD_AES_256_GCM, 2, 78);
	struct key_material mirror = reference_mirror(&b->m), old = b->m;
	struct key_material *const wrong[] = {&other, &mirror};
	uint8_t inner[60];

	inner_from("10.8.0.2", inner, sizeof(inner));
	site_peer(&b->s, PEER + 1, udp_of("198.51.100.8", 50001), "10.8.0.3", NULL, &other);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		site_data(&b->s, b->remote, wrong[i], PEER, b->next, inner, sizeof(inner));
		world_settle(wd);
		world_drops(wd, DROP_AUTH_FAILED, 1);
	}
	/* one peer as another, from its own address and from the other's */
	site_data(&b->s, b->remote, &b->m, PEER + 1, 1, inner, sizeof(inner));
	site_data(&b->s, udp_of("198.51.100.8", 50001), &b->m, PEER + 1, 1, inner, sizeof(inner));
	world_settle(wd);
	world_drops(wd, DROP_AUTH_FAILED, 2);
	/* the same key id again, eight rekeys later */
	b->m = reference_key(AEAD_AES_256_GCM, 2, 79);
	assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_PRIMARY, &b->m), 0);
	site_data(&b->s, b->remote, &old, PEER, 1, inner, sizeof(inner));
	world_settle(wd);
	world_drops(wd, DROP_AUTH_FAILED, 1);
	expect_nothing(b);
	expect_works(b);
	world_reclaim(wd);
}

/* --- the inner packet ------------------------------------------------------------------- */

static void authentic_rubbish_is_malformed(void **state)
{
	struct bench *b = *state;
	uint8_t inner[100], copy[100];
	uint64_t n = 0;

	inner_from("10.8.0.2", inner, sizeof(inner));
	for (size_t len = 0; len < sizeof(inner); len++, n++)
		send_text(b, inner, len);
	for (unsigned int version = 0; version < 16; version++) {
		memcpy(copy, inner, sizeof(copy));
		copy[0] = (uint8_t)(version << 4 | 5);
		if (version == 4)
			continue;
		if (version == 6)
			be16_store(copy + 4, 61);
		send_text(b, copy, sizeof(copy));
		n++;
	}
	world_drops(world_of(b), DROP_INNER_MALFORMED, n);
	expect_nothing(b);
	expect_works(b);
}

static void occ_messages_are_dropped_as_such(void **state)
{
	struct bench *b = *state;
	uint8_t occ[24] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3,
		0xaf, 0xc5, 0x45, 0x9c, 6};

	for (size_t len = 16; len <= sizeof(occ); len++)
		send_text(b, occ, len);
	world_drops(world_of(b), DROP_OCC, 9);
	expect_nothing(b);
}

static void only_the_peers_addresses_may_be_the_source(void **state)
{
	static const char *const spoofed[] = {"10.8.0.3", "10.8.0.1", "0.0.0.0", "192.168.7.1",
		"fd00::3", "::", "fe80::2", "fd01::1"};
	struct bench *b = *state;
	uint8_t inner[100];
	const struct dp_route routes[] = {
		{.prefix = ip_of("192.168.7.0"), .prefix_len = 24, .peer_id = PEER},
		{.prefix = ip_of("192.168.7.9"), .prefix_len = 32, .peer_id = PEER + 1},
		{.prefix = ip_of("fd01::"), .prefix_len = 16, .peer_id = PEER},
	};

	for (size_t i = 0; i < ARRAY_LEN(spoofed); i++)
		send_text(b, inner, inner_from(spoofed[i], inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, ARRAY_LEN(spoofed));
	expect_nothing(b);

	assert_int_equal(dp_instance_routes(world_of(b)->dp, b->s.iid, routes, 3), 0);
	send_text(b, inner, inner_from("192.168.7.1", inner, sizeof(inner)));
	expect_delivered(b, inner, sizeof(inner));
	send_text(b, inner, inner_from("fd01::1", inner, sizeof(inner)));
	expect_delivered(b, inner, sizeof(inner));
	world_no_drops(world_of(b));
	send_text(b, inner, inner_from("192.168.7.9", inner, sizeof(inner)));
	send_text(b, inner, inner_from("192.168.8.1", inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, 2);

	assert_int_equal(dp_instance_routes(world_of(b)->dp, b->s.iid, NULL, 0), 0);
	send_text(b, inner, inner_from("192.168.7.1", inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, 1);
	world_reclaim(world_of(b));
}

/* Even one to whom everything is routed has no business with these. */
static void martians_are_nobodys(void **state)
{
	static const char *const martians[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255",
		"224.0.0.1", "239.255.255.255", "255.255.255.255", "::", "::1", "ff02::1",
		"ff0e::1234", "::ffff:10.8.0.2", "::ffff:8.8.8.8", "::ffff:127.0.0.1"};
	static const char *const fine[] = {"1.0.0.0", "126.1.1.1", "128.0.0.1", "223.255.255.255",
		"8.8.8.8", "2001:db8::1", "fe80::1", "fd77::1", "::2", "::8.8.8.8", "64:ff9b::1",
		"::fffe:10.8.0.2", "feff::1"};
	struct bench *b = *state;
	uint8_t inner[100];
	const struct dp_route all[] = {
		{.prefix = ip_of("0.0.0.0"), .prefix_len = 0, .peer_id = PEER},
		{.prefix = ip_of("::"), .prefix_len = 0, .peer_id = PEER},
	};

	for (size_t i = 0; i < ARRAY_LEN(martians); i++)
		send_text(b, inner, inner_from(martians[i], inner, sizeof(inner)));
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		send_text(b, inner, inner_from(fine[i], inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, ARRAY_LEN(martians) + ARRAY_LEN(fine));
	assert_int_equal(dp_instance_routes(world_of(b)->dp, b->s.iid, all, 2), 0);
	for (size_t i = 0; i < ARRAY_LEN(martians); i++)
		send_text(b, inner, inner_from(martians[i], inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, ARRAY_LEN(martians));
	expect_nothing(b);
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		send_text(b, inner, inner_from(fine[i], inner, sizeof(inner)));
		expect_delivered(b, inner, sizeof(inner));
	}
	world_no_drops(world_of(b));
}

/* Another peer's addresses stay its own, whatever is routed to this one. */
static void routes_give_nobody_anothers_addresses(void **state)
{
	static const char *const theirs[] = {"10.8.0.3", "fd00::3"};
	struct bench *b = *state;
	struct key_material m = reference_key(AEAD_AES_128_GCM, 0, 3);
	uint8_t inner[100];

	site_peer(&b->s, PEER + 1, udp_of("198.51.100.8", 50001), theirs[0], theirs[1], &m);
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
		send_text(b, inner, inner_from(theirs[i], inner, sizeof(inner)));
	world_drops(world_of(b), DROP_INNER_SOURCE, ARRAY_LEN(theirs));
	/* the other family's bytes at the same place are another address */
	inner_from("fd00::2", inner, sizeof(inner));
	memcpy(inner + 8, (uint8_t[]){10, 8, 0, 2}, 4);
	send_text(b, inner, sizeof(inner));
	memset(inner + 8, 0, 16);
	memcpy(inner + 20, (uint8_t[]){10, 8, 0, 2}, 4);
	send_text(b, inner, sizeof(inner));
	world_drops(world_of(b), DROP_INNER_SOURCE, 2);
	expect_nothing(b);
}

/* Authentic packets of every small length, whatever they claim to be: one reason, or delivered. */
static void every_small_inner_packet_has_one_end(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	uint32_t seed = 99;

	for (size_t len = 0; len <= 64; len++) {
		/* each waits for the device: fewer of them where that is another thread */
		for (unsigned int first = 0; first < 256;
			first += world_async() ? 19 : 1 + first % 3) {
			uint8_t inner[64], frame[FRAME_MAX];
			bool v4 = first >> 4 == 4, v6 = first >> 4 == 6;
			size_t claim;
			bool good;

			for (size_t i = 0; i < sizeof(inner); i++)
				inner[i] = (uint8_t)frame_random(&seed);
			inner[0] = (uint8_t)first;
			inner[2] = inner[4] = 0;
			inner[3] = v4 ? (uint8_t)(frame_random(&seed) % 70) : inner[3];
			inner[5] = v6 ? (uint8_t)(frame_random(&seed) % 30) : inner[5];
			memcpy(inner + 12, (uint8_t[]){10, 8, 0, 2}, 4);
			if (v6)
				memcpy(inner + 8, ip_of("fd00::2").b, 16);
			claim = v4 ? inner[3] : 40u + inner[5];
			good = v4 ? len >= 20 && (first & 15) >= 5 && claim >= (first & 15) * 4 &&
					claim <= len
				  : v6 && len >= 40 && claim <= len;
			send_text(b, inner, len);
			if (!good)
				world_drops(wd, DROP_INNER_MALFORMED, 1);
			else
				world_no_drops(wd);
			assert_int_equal(world_read(b->s.device, frame), good ? 14 + len : 0);
		}
	}
}

static void a_peer_without_addresses_may_send_nothing(void **state)
{
	struct bench *b = *state;
	struct key_material m = reference_key(AEAD_AES_128_GCM, 0, 3);
	uint8_t inner[100];

	site_peer(&b->s, 9, b->remote, NULL, NULL, &m);
	site_data(&b->s, b->remote, &m, 9, 1, inner, inner_from("0.0.0.0", inner, 100));
	site_data(&b->s, b->remote, &m, 9, 2, inner, inner_from("::", inner, 100));
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_INNER_SOURCE, 2);
	expect_nothing(b);
}

static void without_a_device_packets_end_and_are_counted(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct site s = {.world = wd, .local = udp_of("192.0.2.1", 1195)};
	uint8_t inner[100];

	assert_int_equal(dp_instance_new(wd->dp, DP_MODE_MP, &s.iid), 0);
	assert_int_equal(dp_transport_add(wd->dp, s.iid, &s.local, false, &s.tid), 0);
	site_peer(&s, 1, b->remote, "10.8.0.2", NULL, &b->m);
	site_data(&s, b->remote, &b->m, 1, 1, inner, inner_from("10.8.0.2", inner, 100));
	world_settle(wd);
	world_drops(wd, DROP_NO_DEVICE, 1);
	expect_nothing(b);
}

/* --- outer ------------------------------------------------------------------------------ */

static void outer_faults_are_counted_by_their_names(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct flow f = site_flow_in(&b->s, b->remote);
	uint8_t frame[FRAME_MAX], payload[24] = {0x4a, 0, 0, PEER};
	size_t len = frame_udp(frame, &f, payload, sizeof(payload));

	frame[24] ^= 0x80;
	assert_true(world_arrive(wd, 0, frame, len));
	world_settle(wd);
	world_drops(wd, DROP_IP_CHECKSUM, 1);
	frame[24] ^= 0x80;
	frame[38] = 0xff;
	assert_true(world_arrive(wd, 0, frame, len));
	world_settle(wd);
	world_drops(wd, DROP_BAD_LENGTH, 1);
	assert_true(world_arrive(wd, 0, frame, 13));
	world_settle(wd);
	world_drops(wd, DROP_RUNT, 1);
	for (size_t n = 0; n < 24; n++) {
		site_payload(&b->s, b->remote, payload, n);
		world_settle(wd);
		world_drops(wd, n == 0 ? DROP_EMPTY : DROP_DATA_SHORT, 1);
	}
	payload[0] = 6 << 3;
	site_payload(&b->s, b->remote, payload, 24);
	world_settle(wd);
	world_drops(wd, DROP_DATA_V1, 1);
	payload[0] = 12 << 3;
	site_payload(&b->s, b->remote, payload, 24);
	world_settle(wd);
	world_drops(wd, DROP_BAD_OPCODE, 1);
	expect_nothing(b);
	expect_works(b);
}

/* Every opcode with every length to 64, from a stranger and from the address of a live peer. */
static void every_opcode_and_length_has_one_end(void **state)
{
	static const char *const locals[] = {"192.0.2.1", "2001:db8::1"};
	const struct udp_addr from[] = {udp_of("198.51.100.7", 50000), udp_of("203.0.113.5", 9),
		udp_of("2001:db8:9::7", 50000)};
	struct bench *b = *state;
	struct world *wd = world_of(b);
	uint32_t seed = 3;
	struct site v6;

	site_new(&v6, wd, 1, DP_MODE_MP, locals[1], 1194);
	for (unsigned int k = 0; k < 32 * 65 * ARRAY_LEN(from); k++) {
		unsigned int op = k % 32;
		size_t len = k / 32 % 65;
		struct site *s = k / 32 / 65 == 2 ? &v6 : &b->s;
		bool control = op >= 3 && op <= 11 && op != 6 && op != 9;
		uint8_t payload[64];
		struct dp_event ev;
		enum drop_reason why;

		for (size_t i = 0; i < sizeof(payload); i++)
			payload[i] = (uint8_t)frame_random(&seed);
		payload[0] = (uint8_t)(op << 3 | (payload[0] & 7));
		payload[1] |= 1; /* no peer has such an id */
		site_payload(s, from[k / 32 / 65], payload, len);
		world_settle(wd);
		why = len == 0	   ? DROP_EMPTY
			: op == 6  ? DROP_DATA_V1
			: op != 9  ? DROP_BAD_OPCODE
			: len < 24 ? DROP_DATA_SHORT
				   : DROP_UNKNOWN_PEER;
		if (control && len > 0) {
			assert_true(dp_event_next(wd->dp, &ev));
			assert_int_equal(ev.data[0] >> 3, op);
			world_no_drops(wd);
		} else {
			world_drops(wd, why, 1);
		}
		assert_false(dp_event_next(wd->dp, &ev));
	}
	expect_nothing(b);
	expect_works(b);
	close(v6.device);
}

/* Lengths of the outer headers that cannot be, in both families. */
static void outer_lengths_have_one_end(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct site v6;

	site_new(&v6, wd, 1, DP_MODE_MP, "2001:db8::1", 1194);
	for (int family = 0; family < 2; family++) {
		struct site *s = family ? &v6 : &b->s;
		struct flow f =
			site_flow_in(s, udp_of(family ? "2001:db8:9::7" : "198.51.100.7", 50000));
		uint8_t frame[FRAME_MAX], got[FRAME_MAX], payload[40] = {0x4a, 0, 0, PEER + 1};
		size_t len = frame_udp(frame, &f, payload, sizeof(payload));
		size_t udp_len = frame_hdr_len(f.src.ip.family) - 4;
		size_t ip_len_at = family ? 18 : 16, whole = family ? 48 : 68;

		for (unsigned int n = 0; n < 65536; n += n < 300 ? 1 : 4099) {
			be16_store(frame + udp_len, (uint16_t)n);
			assert_true(world_arrive(wd, s->port, frame, len));
			world_settle(wd);
			world_drops(wd,
				n < 8 || n > 48	     ? DROP_BAD_LENGTH
					: n == 8     ? DROP_EMPTY
					: n < 8 + 24 ? DROP_DATA_SHORT
						     : DROP_UNKNOWN_PEER,
				1);
		}
		be16_store(frame + udp_len, 48);
		for (unsigned int n = 0; n < 300; n++) {
			bool host = n > whole || n < (family ? 8 : 28);

			be16_store(frame + ip_len_at, (uint16_t)n);
			if (family == 0) {
				be16_store(frame + 24, 0);
				be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
			}
			assert_true(world_arrive(wd, s->port, frame, len));
			world_settle(wd);
			assert_int_equal(world_read(wd->mirror[s->port], got), host ? len : 0);
			if (host)
				world_no_drops(wd);
			else
				world_drops(
					wd, n == whole ? DROP_UNKNOWN_PEER : DROP_BAD_LENGTH, 1);
		}
	}
	close(v6.device);
}

/* A packet of `first` and `second` bytes in two segments arrives. */
static void arrive_in_two(struct world *wd, const uint8_t *frame, uint16_t first, uint16_t second)
{
	struct rte_mbuf *a = rte_pktmbuf_alloc(wd->dp->ports[0].pool);
	struct rte_mbuf *c = rte_pktmbuf_alloc(wd->dp->ports[0].pool);

	memcpy(rte_pktmbuf_append(a, first), frame, first);
	memcpy(rte_pktmbuf_append(c, second), frame + first, second);
	assert_int_equal(rte_pktmbuf_chain(a, c), 0);
	assert_int_equal(rte_ring_enqueue(wd->in[0], a), 0);
	world_settle(wd);
}

static void segments_are_joined_or_dropped(void **state)
{
	struct bench *b = *state;
	struct key_material far = reference_mirror(&b->m);
	struct flow f = site_flow_in(&b->s, b->remote);
	uint8_t inner[FRAME_MAX], packet[FRAME_MAX], frame[FRAME_MAX];
	size_t len = reference_seal(
		&far, PEER, b->next++, inner, inner_from("10.8.0.2", inner, 900), packet);

	len = frame_udp(frame, &f, packet, len);
	arrive_in_two(world_of(b), frame, 50, (uint16_t)(len - 50));
	expect_delivered(b, inner, 900);
	world_no_drops(world_of(b));
	arrive_in_two(world_of(b), frame, 2048, 200);
	world_drops(world_of(b), DROP_SEGMENTED, 1);
	expect_nothing(b);
}

/* A crypto queue takes so many jobs and no more: the rest is dropped, and all of it accounted. */
static void a_full_crypto_queue_drops_what_does_not_fit(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct rte_mbuf *pkts[BURST_MAX];
	uint64_t drops[NB_DROPS], delivered = 0;
	uint8_t inner[100], frame[FRAME_MAX];
	uint16_t n;

	inner_from("10.8.0.2", inner, 100);
	for (uint32_t i = 1; i <= 1600; i++)
		site_data(&b->s, b->remote, &b->m, PEER, i, inner, 100);
	while ((n = port_rx(&wd->dp->ports[0], 0, pkts, BURST_MAX)) > 0)
		decap_submit(wd->w, 0, pkts, n);
	for (int quiet = 0; quiet < 3; quiet++) {
		world_settle(wd);
		while (world_read(b->s.device, frame) > 0) {
			delivered++;
			quiet = 0;
		}
	}
	dp_drops(wd->dp, drops);
	assert_true(drops[DROP_CRYPTO_FULL] > 0);
	assert_int_equal(drops[DROP_CRYPTO_FULL] + drops[DROP_HOST_WRITE] + delivered, 1600);
	b->next = 2000;
	expect_works(b);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_openssl_encrypts_is_delivered_exactly, world_setup, world_teardown),
		TEST(bytes_behind_the_ip_packet_are_not_delivered),
		TEST(keepalives_are_swallowed_and_count_as_a_sign_of_life),
		TEST(a_burst_of_interleaved_peers_is_delivered_in_order),
		TEST(a_burst_of_two_keys_of_a_peer_is_delivered),
		TEST(replayed_and_old_and_zero_ids_are_dropped),
		TEST(a_packet_twice_in_one_burst_is_delivered_once),
		TEST(replayed_forgeries_are_not_decrypted),
		TEST(a_flipped_bit_anywhere_is_found),
		TEST(a_wrong_peer_or_key_id_is_unknown),
		TEST(another_key_under_the_right_ids_is_found_out),
		TEST(authentic_rubbish_is_malformed),
		TEST(occ_messages_are_dropped_as_such),
		TEST(only_the_peers_addresses_may_be_the_source),
		TEST(martians_are_nobodys),
		TEST(routes_give_nobody_anothers_addresses),
		TEST(every_small_inner_packet_has_one_end),
		TEST(a_peer_without_addresses_may_send_nothing),
		TEST(without_a_device_packets_end_and_are_counted),
		TEST(outer_faults_are_counted_by_their_names),
		TEST(every_opcode_and_length_has_one_end),
		TEST(outer_lengths_have_one_end),
		TEST(segments_are_joined_or_dropped),
		TEST(a_full_crypto_queue_drops_what_does_not_fit),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
