/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside to outside: what leaves the port, byte for byte. */
#include "dataplane/dp_view.h"
#include "world.h"

#define PEER 0x123456

static const struct {
	const char *local, *remote;
} outers[] = {
	{"192.0.2.1", "198.51.100.7"},
	{"2001:db8::1", "2001:db8:9::7"},
};

static size_t inner_of(int family, uint8_t *inner, size_t len, uint8_t seed)
{
	struct ip_addr src = ip_of(family == 4 ? "10.8.0.1" : "fd00::1");
	struct ip_addr dst = ip_of(family == 4 ? "10.8.0.2" : "fd00::2");

	return frame_inner(inner, &src, &dst, len, seed);
}

/* One packet from the device; expects it on the wire with these ids of peer and packet. */
static void expect_encap(struct site *s, struct udp_addr remote, const struct key_material *m,
	const uint8_t *inner, size_t len, uint32_t id, uint32_t pktid)
{
	struct flow flow = site_flow_out(s, remote);
	uint8_t mac[MAC_LEN], frame[FRAME_MAX], want[FRAME_MAX];
	size_t n = reference_seal(m, id, pktid, inner, len, want), hdr;
	const char *wrong;

	site_peer_mac(s, PEER, mac);
	world_write(s->device, frame, site_frame(frame, mac, inner, len));
	world_settle(s->world);
	hdr = frame_hdr_len(remote.ip.family);
	assert_int_equal(world_sent(s->world, s->port, frame), hdr + n);
	wrong = frame_udp_wrong(frame, hdr + n, &flow, n);
	if (wrong != NULL)
		fail_msg("outer header: %s", wrong);
	assert_memory_equal(frame + hdr, want, n);
	assert_int_equal(world_sent(s->world, s->port, frame), 0);
}

/* Lengths around the blocks of the ciphers, odd ones, and the largest that fits. */
static void try_lengths(struct site *s, struct udp_addr remote, const struct key_material *m)
{
	static const uint16_t lens[] = {40, 41, 47, 48, 49, 63, 64, 65, 79, 80, 100, 127, 128, 129,
		255, 256, 257, 511, 513, 1000, 1279, 1280, 1281, 1399, 1400, 1401, 1408};
	uint32_t pktid = 1;
	uint8_t inner[FRAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (int family = 4; family <= 6; family += 2)
			expect_encap(s, remote, m, inner,
				inner_of(family, inner, lens[i], (uint8_t)i), PEER, pktid++);
	}
}

static void packets_leave_as_openssl_would_make_them(void **state)
{
	struct world *wd = *state;

	for (unsigned int o = 0; o < ARRAY_LEN(outers); o++) {
		struct udp_addr remote = udp_of(outers[o].remote, 50000);

		for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++) {
			struct key_material m = reference_key(alg, alg * 2 + o, alg * 2 + o + 10);
			struct dp_peer_info info;
			struct site s;

			site_new(&s, wd, o, DP_MODE_MP, outers[o].local, (uint16_t)(1194 + alg));
			site_peer(&s, PEER, remote, "10.8.0.2", "fd00::2", &m);
			try_lengths(&s, remote, &m);
			assert_int_equal(dp_peer_get(wd->dp, s.iid, PEER, &info), 0);
			assert_int_equal(info.vpn_tx_packets, 54);
			assert_int_equal(info.link_tx_packets, 54);
			assert_int_equal(info.link_tx_bytes, info.vpn_tx_bytes + 54 * 24);
			assert_int_equal(info.key[0].tx_ids, 54);
			assert_true(info.key[0].transmits);
			close(s.device);
			assert_int_equal(dp_instance_del(wd->dp, s.iid), 0);
			world_reclaim(wd);
		}
	}
	world_no_drops(wd);
}

/* Above all as additional data: the peer authenticates what it reads. */
static void packets_bear_the_id_by_which_the_peer_knows_us(void **state)
{
	static const uint32_t ids[] = {0, 1, PEER + 1, 0x800000, 0xfffffe, 0xffffff, PEER};
	struct world *wd = *state;

	for (enum dp_mode mode = DP_MODE_P2P; mode <= DP_MODE_MP; mode++) {
		struct udp_addr remote = udp_of(outers[mode].remote, 50000);
		struct key_material m = reference_key(AEAD_AES_256_GCM, 7, mode);
		struct dp_peer_info info;
		uint8_t inner[100];
		struct site s;

		site_new(&s, wd, mode, mode, outers[mode].local, 1194);
		site_peer(&s, PEER, remote, "10.8.0.2", NULL, &m);
		assert_int_equal(dp_peer_get(wd->dp, s.iid, PEER, &info), 0);
		assert_int_equal(info.tx_id, PEER);
		for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
			assert_int_equal(dp_peer_tx_id(wd->dp, s.iid, PEER, ids[i]), 0);
			assert_int_equal(dp_peer_tx_id(wd->dp, s.iid, PEER, 0x1000000), -EINVAL);
			assert_int_equal(dp_peer_tx_id(wd->dp, s.iid, PEER + 1, 3), -ENOENT);
			assert_int_equal(dp_peer_get(wd->dp, s.iid, PEER, &info), 0);
			assert_int_equal(info.tx_id, ids[i]);
			expect_encap(
				&s, remote, &m, inner, inner_of(4, inner, 100, 0), ids[i], i + 1);
		}
		/* the next peer of that id begins with it */
		assert_int_equal(dp_peer_tx_id(wd->dp, s.iid, PEER, 3), 0);
		assert_int_equal(dp_peer_del(wd->dp, s.iid, PEER, DP_GONE_USERSPACE), 0);
		assert_int_equal(dp_peer_tx_id(wd->dp, s.iid, PEER, 3), -ENOENT);
		m = reference_key(AEAD_AES_256_GCM, 0, mode + 10);
		site_peer(&s, PEER, remote, "10.8.0.2", NULL, &m);
		expect_encap(&s, remote, &m, inner, inner_of(4, inner, 100, 0), PEER, 1);
		close(s.device);
	}
	world_no_drops(wd);
}

static void outer_ip4_packets_have_different_ids(void **state)
{
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	struct key_material m = reference_key(AEAD_AES_256_GCM, 0, 1);
	uint8_t mac[MAC_LEN], inner[100], frame[FRAME_MAX];
	uint16_t ids[3];
	struct site s;

	site_new(&s, *state, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&s, PEER, remote, "10.8.0.2", NULL, &m);
	site_peer_mac(&s, PEER, mac);
	inner_of(4, inner, 100, 0);
	for (int i = 0; i < 3; i++) {
		world_write(s.device, frame, site_frame(frame, mac, inner, 100));
		world_settle(*state);
		assert_int_equal(world_sent(*state, 0, frame), 42 + 124);
		ids[i] = be16_load(frame + 18);
	}
	assert_int_equal((uint16_t)(ids[1] - ids[0]), 1);
	assert_int_equal((uint16_t)(ids[2] - ids[1]), 1);
	close(s.device);
}

/* Two peers' packets alternate: each peer's stay in order, with ids of their own. */
static void interleaved_peers_keep_their_order(void **state)
{
	struct udp_addr remote[2] = {udp_of("198.51.100.7", 50000), udp_of("198.51.100.8", 50001)};
	struct key_material m[2] = {
		reference_key(AEAD_AES_256_GCM, 0, 1), reference_key(AEAD_CHACHA20_POLY1305, 1, 2)};
	uint8_t mac[2][MAC_LEN], inner[200], frame[FRAME_MAX], want[FRAME_MAX];
	uint32_t next[2] = {0, 0};
	struct site s;
	size_t len;

	site_new(&s, *state, 0, DP_MODE_MP, "192.0.2.1", 1194);
	for (uint32_t k = 0; k < 2; k++) {
		site_peer(&s, k, remote[k], k ? "10.8.0.3" : "10.8.0.2", NULL, &m[k]);
		site_peer_mac(&s, k, mac[k]);
	}
	for (uint8_t i = 0; i < 60; i++) {
		uint32_t k = i % 3 != 0;

		inner_of(4, inner, 100 + i, i);
		world_write(s.device, frame, site_frame(frame, mac[k], inner, 100 + i));
	}
	world_settle(*state);
	while ((len = world_sent(*state, 0, frame)) > 0) {
		uint32_t k = be16_load(frame + 36) == 50001;
		/* peer 0 had every third packet, peer 1 the others */
		uint8_t i = (uint8_t)(k == 0 ? next[0] * 3 : next[1] / 2 * 3 + next[1] % 2 + 1);

		inner_of(4, inner, 100 + i, i);
		next[k]++;
		assert_int_equal(len, 42 + reference_seal(&m[k], k, next[k], inner, 100 + i, want));
		assert_memory_equal(frame + 42, want, len - 42);
	}
	assert_int_equal(next[0], 20);
	assert_int_equal(next[1], 40);
	world_no_drops(*state);
	close(s.device);
}

/* The linker puts this before aead_poll() (meson.build): a device that fails. */
static bool device_fails;
uint16_t __real_aead_poll(struct aead_queue *q, struct aead_job **jobs, uint16_t n);
uint16_t __wrap_aead_poll(struct aead_queue *q, struct aead_job **jobs, uint16_t n);

uint16_t __wrap_aead_poll(struct aead_queue *q, struct aead_job **jobs, uint16_t n)
{
	uint16_t got = __real_aead_poll(q, jobs, n);

	for (uint16_t i = 0; device_fails && i < got; i++)
		jobs[i]->status = AEAD_DEVICE_ERROR;
	return got;
}

/* Who knows what is in its buffers: plain text, perhaps. */
static void what_a_device_did_not_encrypt_stays_inside(void **state)
{
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	struct key_material m = reference_key(AEAD_AES_256_GCM, 0, 1);
	uint8_t mac[MAC_LEN], inner[100], frame[FRAME_MAX];
	struct site s;

	site_new(&s, *state, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&s, PEER, remote, "10.8.0.2", NULL, &m);
	site_peer_mac(&s, PEER, mac);
	inner_of(4, inner, 100, 0);
	for (int i = 0; i < 4; i++) {
		device_fails = i % 2 == 0;
		world_write(s.device, frame, site_frame(frame, mac, inner, 100));
		world_settle(*state);
		assert_int_equal(world_sent(*state, 0, frame), device_fails ? 0 : 42 + 24 + 100);
		world_drops(*state, DROP_CRYPTO_ERROR, device_fails);
	}
	close(s.device);
}

/* Multicast and the peer's own: one worker has them all, or they would overtake each other. */
static void a_p2p_device_belongs_to_one_worker(void **state)
{
	static const uint8_t macs[][MAC_LEN] = {
		{0x01, 0, 0x5e, 0, 0, 5}, {0x33, 0x33, 0, 0, 0, 5}, {2, 4, 6, 8, 10, 12}};
	static const struct world_conf conf = {.nb_ports = 1, .nb_workers = 2};
	struct key_material m = reference_key(AEAD_AES_256_GCM, 0, 1);
	struct world *wd = world_new(&conf);
	uint8_t mac[MAC_LEN], inner[100], frame[FRAME_MAX];
	unsigned int used = 0, sent = 0;
	struct site s;

	(void)state;
	site_new(&s, wd, 0, DP_MODE_P2P, "192.0.2.1", 1194);
	site_peer(&s, PEER + 1, udp_of("198.51.100.7", 50000), "10.8.0.2", NULL, &m);
	site_peer_mac(&s, PEER + 1, mac);
	inner_of(4, inner, 100, 0);
	for (unsigned int i = 0; i < 40; i++) {
		const uint8_t *to = i % 4 < ARRAY_LEN(macs) ? macs[i % 4] : mac;

		world_write(s.device, frame, site_frame(frame, to, inner, 100));
	}
	world_settle(wd);
	while (world_sent(wd, 0, frame) > 0)
		sent++;
	assert_int_equal(sent, 40);
	for (unsigned int k = 0; k < 2; k++)
		used += wd->dp->workers[k]->stats.encap_packets > 0;
	assert_int_equal(used, 1);
	world_no_drops(wd);
	world_free(wd);
	close(s.device);
}

/* A and B are two instances of this data plane with mirrored keys; A's port is wired to B's. */
static void what_one_end_encrypts_the_other_delivers(void **state)
{
	struct world *wd = *state;
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX], mac_b[MAC_LEN], mac_a[MAC_LEN];

	for (unsigned int o = 0; o < ARRAY_LEN(outers); o++) {
		struct key_material m = reference_key(AEAD_AES_128_GCM, 5, o);
		struct key_material far = reference_mirror(&m);
		struct site a, b;

		site_new(&a, wd, 0, DP_MODE_MP, outers[o].local, 1194);
		site_new(&b, wd, 1, DP_MODE_MP, outers[o].remote, 1194);
		site_peer(&a, PEER, b.local, "10.8.0.2", "fd00::2", &m);
		site_peer(&b, PEER, a.local, "10.8.0.1", "fd00::1", &far);
		site_peer_mac(&a, PEER, mac_b);
		site_peer_mac(&b, PEER, mac_a);
		for (size_t len = 40; len < 1400; len += 97) {
			int family = len % 2 ? 4 : 6;

			inner_of(family, inner, len, (uint8_t)len);
			world_write(a.device, frame, site_frame(frame, mac_b, inner, len));
			world_settle(wd);
			assert_int_equal(world_carry(wd, 0, 1), 1);
			world_settle(wd);
			assert_int_equal(world_read(b.device, frame), 14 + len);
			assert_memory_equal(frame, b.mac, MAC_LEN);
			assert_memory_equal(frame + 6, mac_a, MAC_LEN);
			assert_int_equal(be16_load(frame + 12), family == 4 ? 0x0800 : 0x86dd);
			assert_memory_equal(frame + 14, inner, len);
		}
		close(a.device);
		close(b.device);
		dp_instance_del(wd->dp, a.iid);
		dp_instance_del(wd->dp, b.iid);
		world_reclaim(wd);
	}
	world_no_drops(wd);
}

/* An inner packet from one site's device to the other's. */
static void expect_passage(struct site *from, uint32_t peer, struct site *to, size_t len)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX], mac[MAC_LEN];

	inner_of(4, inner, len, (uint8_t)len);
	site_peer_mac(from, peer, mac);
	world_write(from->device, frame, site_frame(frame, mac, inner, len));
	world_settle(from->world);
	assert_int_equal(world_carry(from->world, from->port, to->port), 1);
	world_settle(from->world);
	assert_int_equal(world_read(to->device, frame), 14 + len);
	assert_memory_equal(frame + 14, inner, len);
}

/* Each end is named by the other as it asked for, and hears to its own name only. */
static void try_two_names(struct world *wd, enum dp_mode mode)
{
	enum { OF_A = 0x11, OF_B = 0x22 };
	struct key_material m = reference_key(AEAD_AES_128_GCM, 5, 1);
	struct key_material far = reference_mirror(&m);
	uint8_t inner[100], packet[200], frame[FRAME_MAX];
	struct site a, b;
	size_t len;

	site_new(&a, wd, 0, mode, outers[0].local, 1194);
	site_new(&b, wd, 1, mode, outers[0].remote, 1194);
	site_peer(&a, OF_A, b.local, "10.8.0.1", NULL, &m);
	site_peer(&b, OF_B, a.local, "10.8.0.1", NULL, &far);
	assert_int_equal(dp_peer_tx_id(wd->dp, a.iid, OF_A, OF_B), 0);
	assert_int_equal(dp_peer_tx_id(wd->dp, b.iid, OF_B, OF_A), 0);
	for (len = 40; len < 300; len += 50) {
		expect_passage(&a, OF_A, &b, len);
		expect_passage(&b, OF_B, &a, len);
	}
	/* the other end's name: authentic, and for nobody here */
	site_data(&a, b.local, &m, OF_B, 1000, inner, inner_of(4, inner, 100, 0));
	world_settle(wd);
	world_drops_of_none(wd, DROP_UNKNOWN_PEER, 1, 1);
	/* put right on the way */
	len = reference_seal(&far, OF_B, 1000, inner, 100, packet);
	packet[3] = OF_A;
	site_payload(&a, b.local, packet, len);
	world_settle(wd);
	world_drops(wd, DROP_AUTH_FAILED, 1);
	assert_int_equal(world_read(a.device, frame), 0);
	expect_passage(&b, OF_B, &a, 100);
	close(a.device);
	close(b.device);
	world_no_drops(wd);
}

static void ids_of_the_two_directions_may_differ(void **state)
{
	try_two_names(*state, DP_MODE_P2P);
}

static void and_so_may_those_of_many_peers(void **state)
{
	try_two_names(*state, DP_MODE_MP);
}

/* Mirror TAP to port and back: frames pass as they are. */
static void frames_of_the_kernel_pass_untouched(void **state)
{
	struct world *wd = *state;
	uint8_t frame[FRAME_MAX], got[FRAME_MAX];

	for (unsigned int port = 0; port < 2; port++) {
		for (size_t len = 14; len <= 1514; len += 100) {
			for (size_t i = 0; i < len; i++)
				frame[i] = (uint8_t)(i * 13 + len);
			world_write(wd->mirror[port], frame, len);
			world_settle(wd);
			assert_int_equal(world_sent(wd, port, got), len);
			assert_memory_equal(got, frame, len);
			be16_store(frame + 12, 0x0806);
			assert_true(world_arrive(wd, port, frame, len));
			world_settle(wd);
			assert_int_equal(world_read(wd->mirror[port], got), len);
			assert_memory_equal(got, frame, len);
		}
	}
	world_no_drops(wd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			packets_leave_as_openssl_would_make_them, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(packets_bear_the_id_by_which_the_peer_knows_us,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			ids_of_the_two_directions_may_differ, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			and_so_may_those_of_many_peers, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			outer_ip4_packets_have_different_ids, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			interleaved_peers_keep_their_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			what_one_end_encrypts_the_other_delivers, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			what_a_device_did_not_encrypt_stays_inside, world_setup, world_teardown),
		cmocka_unit_test(a_p2p_device_belongs_to_one_worker),
		cmocka_unit_test_setup_teardown(
			frames_of_the_kernel_pass_untouched, world_setup, world_teardown),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
