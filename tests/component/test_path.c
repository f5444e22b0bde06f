/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What inner packets and the path outside tell each other: DSCP, ECN, the sizes of TCP segments,
 * and how many packets go in pieces.
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/dp_view.h"
#include "world.h"

#define PEER	 5
#define SYN	 0x02
#define ACK	 0x10
#define OVERHEAD 24

/* A site with one peer; the test is the far end. */
struct far {
	struct world *wd;
	struct site s;
	struct udp_addr remote;
	struct key_material m, mirror;
	uint8_t mac[MAC_LEN];
	uint32_t next; /* packet id */
};

static const char *const outers[][2] = {
	{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:9::7"}};

static void far_new(struct far *f, int outer, const struct world_conf *conf)
{
	f->wd = world_new(conf);
	f->remote = udp_of(outers[outer][1], 50000);
	f->m = reference_key(AEAD_AES_128_GCM, 1, 5);
	f->mirror = reference_mirror(&f->m);
	f->next = 1;
	site_new(&f->s, f->wd, 0, DP_MODE_MP, outers[outer][0], 1194);
	site_peer(&f->s, PEER, f->remote, "10.8.0.2", "fd00::2", &f->m);
	site_peer_mac(&f->s, PEER, f->mac);
}

static void far_free(struct far *f)
{
	world_free(f->wd);
	close(f->s.device);
}

/* --- packets ---------------------------------------------------------------------------- */

/* Of an IP packet at p, with the IPv4 checksum. */
static void set_tos(uint8_t *p, uint8_t tos)
{
	if (p[0] >> 4 == 4) {
		p[1] = tos;
		be16_store(p + 10, 0);
		be16_store(p + 10, frame_checksum(0, p, 20));
	} else {
		p[0] = (uint8_t)(0x60 | tos >> 4);
		p[1] = (uint8_t)((tos & 15) << 4 | (p[1] & 15));
	}
}

static uint8_t get_tos(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? p[1] : (uint8_t)(p[0] << 4 | p[1] >> 4);
}

static size_t inner_of(uint8_t *p, int family, bool outward, size_t len, uint8_t tos)
{
	struct ip_addr here = ip_of(family == 4 ? "10.8.0.1" : "fd00::1");
	struct ip_addr there = ip_of(family == 4 ? "10.8.0.2" : "fd00::2");

	frame_inner(p, outward ? &here : &there, outward ? &there : &here, len, (uint8_t)len);
	set_tos(p, tos);
	return len;
}

static uint32_t sum_of(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

/* 0 when TCP's checksum holds. */
static uint16_t tcp_checksum(const uint8_t *p, size_t len)
{
	size_t hdr = p[0] >> 4 == 4 ? 20 : 40;
	uint32_t pseudo =
		6 + (uint32_t)(len - hdr) + (hdr == 20 ? sum_of(p + 12, 8) : sum_of(p + 8, 32));

	return frame_checksum(pseudo, p + hdr, len - hdr);
}

/* A SYN that offers segments of mss bytes. */
static size_t syn_of(uint8_t *p, int family, bool outward, uint8_t flags, uint16_t mss)
{
	size_t hdr = family == 4 ? 20 : 40, len = hdr + 24;

	inner_of(p, family, outward, len, 0);
	p[family == 4 ? 9 : 6] = 6;
	set_tos(p, 0);
	p[hdr + 12] = 6 << 4;
	p[hdr + 13] = flags;
	p[hdr + 20] = 2;
	p[hdr + 21] = 4;
	be16_store(p + hdr + 22, mss);
	be16_store(p + hdr + 16, 0);
	be16_store(p + hdr + 16, tcp_checksum(p, len));
	assert_int_equal(tcp_checksum(p, len), 0);
	return len;
}

static uint16_t mss_in(const uint8_t *p, size_t len)
{
	assert_int_equal(tcp_checksum(p, len), 0);
	return be16_load(p + len - 2);
}

/* The inner packet leaves; the outer frame and what is in it come back. Their lengths agree. */
static void leave(struct far *f, const uint8_t *inner, size_t len, uint8_t *outer, uint8_t *text)
{
	size_t hdr = frame_hdr_len(f->remote.ip.family);
	struct flow flow = site_flow_out(&f->s, f->remote);
	uint8_t frame[FRAME_MAX];
	const char *wrong;

	world_write(f->s.device, frame, site_frame(frame, f->mac, inner, len));
	world_settle(f->wd);
	assert_int_equal(world_sent(f->wd, 0, outer), hdr + OVERHEAD + len);
	wrong = frame_udp_wrong(outer, hdr + OVERHEAD + len, &flow, OVERHEAD + len);
	if (wrong != NULL)
		fail_msg("outer header: %s", wrong);
	assert_true(reference_open(&f->mirror, outer + hdr, OVERHEAD + len, text));
}

/* A data frame with this TOS outside. */
static size_t sealed(struct far *f, const uint8_t *inner, size_t len, uint8_t tos, uint8_t *frame)
{
	struct flow flow = site_flow_in(&f->s, f->remote);
	uint8_t packet[FRAME_MAX];
	size_t n = frame_udp(frame, &flow, packet,
		reference_seal(&f->mirror, PEER, f->next++, inner, len, packet));

	set_tos(frame + 14, tos);
	return n;
}

static void arrive(struct far *f, const uint8_t *inner, size_t len, uint8_t tos)
{
	uint8_t frame[FRAME_MAX];

	assert_true(world_arrive(f->wd, 0, frame, sealed(f, inner, len, tos, frame)));
	world_settle(f->wd);
}

/* What was delivered; its length, 0: nothing. */
static size_t delivered(struct far *f, uint8_t *inner)
{
	uint8_t frame[FRAME_MAX];
	size_t len = world_read(f->s.device, frame);

	if (len == 0)
		return 0;
	memcpy(inner, frame + 14, len - 14);
	return len - 14;
}

/* --- DSCP and ECN ----------------------------------------------------------------------- */

static void try_outward(uint8_t clear)
{
	const struct world_conf conf = {.nb_ports = 1, .tos_clear = clear};
	uint8_t inner[100], outer[FRAME_MAX], text[FRAME_MAX];

	for (int o = 0; o < 2; o++) {
		struct far f;

		far_new(&f, o, &conf);
		/* every bit, and ECN in all its ways; test_endpoint has every value */
		for (unsigned int k = 0; k < 2 * 256; k += clear == 0 ? 7 : 37) {
			uint8_t tos = (uint8_t)k;

			leave(&f, inner, inner_of(inner, k < 256 ? 4 : 6, true, 100, tos), outer,
				text);
			assert_int_equal(get_tos(outer + 14), tos & ~clear);
			if (o == 1) /* the flow label is the packet's own affair */
				assert_int_equal(be32_load(outer + 14) & 0xfffff, 0);
			assert_memory_equal(text, inner, 100);
		}
		world_no_drops(f.wd);
		far_free(&f);
	}
}

static void dscp_and_ecn_are_copied_outward(void **state)
{
	(void)state;
	try_outward(0);
}

static void each_is_left_out_if_the_operator_says_so(void **state)
{
	(void)state;
	try_outward(0xfc);
	try_outward(0x03);
	try_outward(0xff);
}

static void keepalives_have_neither(void **state)
{
	(void)state;
	for (int o = 0; o < 2; o++) {
		uint8_t outer[FRAME_MAX], inner[100], text[FRAME_MAX];
		struct far f;
		struct peer *p;

		far_new(&f, o, NULL);
		leave(&f, inner, inner_of(inner, 4, true, 100, 0xff), outer, text);
		assert_int_equal(dp_peer_set(f.wd->dp, f.s.iid, PEER, 1, 0), 0);
		p = peertab_find(&instance_find(f.wd->dp, f.s.iid)->peers, PEER);
		p->since = 1;
		p->stats[0].last_tx = 1;
		dp_tick(f.wd->dp);
		world_settle(f.wd);
		assert_int_equal(world_sent(f.wd, 0, outer),
			frame_hdr_len(f.remote.ip.family) + OVERHEAD + 16);
		assert_int_equal(get_tos(outer + 14), 0);
		far_free(&f);
	}
}

/* RFC 6040, figure 4: inner, then what becomes of it by outer 0 to 3; -1: dropped. */
static const int merged[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

static void ecn_is_carried_inward_as_rfc_6040_says(void **state)
{
	uint8_t inner[100], got[FRAME_MAX];

	(void)state;
	for (int o = 0; o < 2; o++) {
		struct far f;

		far_new(&f, o, NULL);
		for (unsigned int k = 0; k < 2 * 16 * 2; k++) {
			unsigned int in = k / 2 % 4, out = k / 8 % 4, dscp = k / 32 * 0xb8;
			int want = merged[in][out];

			inner_of(inner, k % 2 ? 4 : 6, false, 100, (uint8_t)(dscp | in));
			arrive(&f, inner, 100, (uint8_t)((0xfc ^ dscp) | out));
			if (want < 0) {
				assert_int_equal(delivered(&f, got), 0);
				world_drops(f.wd, DROP_CONGESTION, 1);
				continue;
			}
			assert_int_equal(delivered(&f, got), 100);
			set_tos(inner, (uint8_t)(dscp | (unsigned int)want));
			assert_memory_equal(got, inner, 100);
		}
		world_no_drops(f.wd);
		far_free(&f);
	}
}

/* A mark is for IP packets: it costs no sign of life. */
static void a_marked_keepalive_is_one_all_the_same(void **state)
{
	static const uint8_t ping[16] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};
	struct dp_peer_info info;
	struct far f;

	(void)state;
	far_new(&f, 0, NULL);
	arrive(&f, ping, sizeof(ping), 3);
	world_no_drops(f.wd);
	assert_int_equal(dp_peer_get(f.wd->dp, f.s.iid, PEER, &info), 0);
	assert_int_equal(info.link_rx_packets, 1);
	far_free(&f);
}

/* --- ECN of pieces ---------------------------------------------------------------------- */

/* Three pieces of a frame, cut by the RFCs; piece i is ip[i] and has this TOS. */
static void arrive_in_pieces(
	struct far *f, const uint8_t *whole, size_t len, const uint8_t tos[3], bool backward)
{
	bool v4 = f->remote.ip.family == IP_V4;
	size_t hdr = v4 ? 34 : 54, n = len - hdr, room = n / 3 & ~(size_t)7;

	for (unsigned int k = 0; k < 3; k++) {
		unsigned int i = backward ? 2 - k : k;
		size_t at = i * room, part = i == 2 ? n - at : room;
		uint8_t frame[FRAME_MAX], *ip = frame + 14;

		memcpy(frame, whole, hdr);
		if (v4) {
			be16_store(ip + 2, (uint16_t)(20 + part));
			be16_store(ip + 4, (uint16_t)f->next);
			be16_store(ip + 6, (uint16_t)(at / 8 | (i < 2 ? 0x2000u : 0)));
			memcpy(ip + 20, whole + hdr + at, part);
		} else {
			be16_store(ip + 4, (uint16_t)(8 + part));
			ip[6] = 44;
			ip[40] = 17;
			ip[41] = 0;
			be16_store(ip + 42, (uint16_t)(at | (i < 2)));
			be32_store(ip + 44, f->next);
			memcpy(ip + 48, whole + hdr + at, part);
		}
		set_tos(ip, tos[i]);
		assert_true(world_arrive(f->wd, 0, frame, (v4 ? 34 : 62) + part));
	}
	world_settle(f->wd);
}

/* RFC 3168, section 5.3: a mark on any piece is one on all; not beside one that knows no marks. */
static void a_mark_on_one_piece_is_a_mark_on_the_datagram(void **state)
{
	uint8_t inner[600], whole[FRAME_MAX], got[FRAME_MAX];

	(void)state;
	for (int o = 0; o < 2; o++) {
		struct far f;

		far_new(&f, o, NULL);
		for (unsigned int k = 0; k < 64; k++) {
			uint8_t tos[3] = {k % 4, k / 4 % 4, k / 16 % 4};
			bool marked = tos[0] == 3 || tos[1] == 3 || tos[2] == 3;
			bool deaf = tos[0] == 0 || tos[1] == 0 || tos[2] == 0;
			size_t len;

			inner_of(inner, k % 3 ? 4 : 6, false, 600, 2);
			len = sealed(&f, inner, 600, 0, whole);
			arrive_in_pieces(&f, whole, len, tos, (k + (unsigned int)o) % 2);
			if (marked && deaf) {
				assert_int_equal(delivered(&f, got), 0);
				world_drops_of_none(f.wd, DROP_FRAGMENT, 3, 3);
				continue;
			}
			assert_int_equal(delivered(&f, got), 600);
			if (marked)
				assert_int_equal(get_tos(got), 3);
			set_tos(got, 2); /* ECT(1) outside may make another of ECT(0) */
			assert_memory_equal(got, inner, 600);
		}
		world_no_drops(f.wd);
		far_free(&f);
	}
}

static void every_piece_has_the_packets_dscp_and_ecn(void **state)
{
	uint8_t inner[1500], frame[FRAME_MAX];

	(void)state;
	for (int o = 0; o < 2; o++) {
		struct far f;

		far_new(&f, o, NULL);
		site_path(&f.s, PEER, 600);
		for (unsigned int tos = 0; tos < 256; tos += 51) {
			unsigned int pieces = 0;

			world_write(f.s.device, frame,
				site_frame(frame, f.mac, inner,
					inner_of(inner, 4, true, 1500, (uint8_t)tos)));
			world_settle(f.wd);
			for (; world_sent(f.wd, 0, frame) > 0; pieces++) {
				assert_int_equal(get_tos(frame + 14), tos);
				if (o == 0)
					assert_int_equal(frame_checksum(0, frame + 14, 20), 0);
			}
			assert_int_equal(pieces, 3);
		}
		far_free(&f);
	}
}

/* --- TCP's segments --------------------------------------------------------------------- */

/* A SYN offers `offered` and comes out with `want`, both ways, in both families. */
static void expect_mss(struct far *f, uint16_t offered, uint16_t want4, uint16_t want6)
{
	uint8_t p[100], got[FRAME_MAX], outer[FRAME_MAX];

	for (unsigned int k = 0; k < 4; k++) {
		uint8_t flags = k % 2 ? SYN : SYN | ACK;
		int family = k / 2 ? 6 : 4;
		uint16_t want = family == 4 ? want4 : want6;
		size_t len = syn_of(p, family, true, flags, offered);

		leave(f, p, len, outer, got);
		assert_int_equal(mss_in(got, len), want);
		len = syn_of(p, family, false, flags, offered);
		arrive(f, p, len, 0);
		assert_int_equal(delivered(f, got), len);
		assert_int_equal(mss_in(got, len), want);
	}
}

/* The largest segment that the peers were told of is the largest that needs no pieces. */
static void expect_it_just_fits(struct far *f, uint16_t mtu, uint16_t mss4)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];

	for (size_t more = 0; more < 2; more++) {
		size_t len = mss4 + 40u + more;
		unsigned int n = 0;

		world_write(f->s.device, frame,
			site_frame(frame, f->mac, inner, inner_of(inner, 4, true, len, 0)));
		world_settle(f->wd);
		for (size_t got; (got = world_sent(f->wd, 0, frame)) > 0; n++) {
			assert_true(got <= 14u + mtu);
			if (more == 0)
				assert_int_equal(got, 14 + mtu);
		}
		assert_int_equal(n, 1 + more);
	}
}

static void full_segments_fit_the_path_without_pieces(void **state)
{
	static const uint16_t paths[] = {576, 1280, 1281, 1500};

	(void)state;
	for (int o = 0; o < 2; o++) {
		struct far f;

		far_new(&f, o, NULL);
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			uint16_t fits = (uint16_t)(paths[i] - (o == 0 ? 28 : 48) - OVERHEAD);

			site_path(&f.s, PEER, paths[i]);
			expect_mss(&f, 9000, fits - 40, fits - 60);
			expect_mss(&f, fits - 60, fits - 60, fits - 60);
			expect_it_just_fits(&f, paths[i], fits - 40);
		}
		world_no_drops(f.wd);
		far_free(&f);
	}
}

static void segments_are_no_larger_than_the_device_takes(void **state)
{
	struct far f;

	(void)state;
	far_new(&f, 0, NULL);
	assert_int_equal(dp_instance_mtu(f.wd->dp, f.s.iid, 1300), 0);
	expect_mss(&f, 1460, 1260, 1240);
	assert_int_equal(dp_instance_mtu(f.wd->dp, f.s.iid, 1500), 0);
	expect_mss(&f, 1460, 1408, 1388);
	assert_int_equal(dp_instance_mtu(f.wd->dp, f.s.iid + 1, 1500), -ENOENT);
	far_free(&f);
}

static void the_operator_says_how_large_or_not_at_all(void **state)
{
	struct world_conf conf = {.nb_ports = 1, .mssfix = 1400};
	struct far f;

	(void)state;
	far_new(&f, 0, &conf);
	expect_mss(&f, 1460, 1308, 1288);
	site_path(&f.s, PEER, 1300); /* who says more than the path takes gets what it takes */
	expect_mss(&f, 1460, 1208, 1188);
	far_free(&f);
	conf.mssfix = DP_MSSFIX_OFF;
	far_new(&f, 0, &conf);
	expect_mss(&f, 1460, 1460, 1460);
	expect_mss(&f, 65535, 65535, 65535);
	far_free(&f);
}

static void an_instance_can_have_a_size_of_its_own(void **state)
{
	struct world_conf conf = {.nb_ports = 1, .mssfix = 1400};
	struct far f;

	(void)state;
	far_new(&f, 0, &conf);
	assert_int_equal(dp_instance_mssfix(f.wd->dp, f.s.iid, 1300), 0);
	expect_mss(&f, 1460, 1208, 1188);
	assert_int_equal(dp_instance_mssfix(f.wd->dp, f.s.iid, DP_MSSFIX_OFF), 0);
	expect_mss(&f, 1460, 1460, 1460);
	assert_int_equal(dp_instance_mssfix(f.wd->dp, f.s.iid, 0), 0);
	expect_mss(&f, 1460, 1408, 1388);
	assert_int_equal(dp_instance_mssfix(f.wd->dp, f.s.iid + 1, 1300), -ENOENT);
	expect_mss(&f, 1460, 1408, 1388);
	far_free(&f);
}

static void lowered_sizes_are_counted(void **state)
{
	struct dp_lcore_info info;
	struct far f;

	(void)state;
	far_new(&f, 0, NULL);
	expect_mss(&f, 1400, 1400, 1388);
	dp_lcore_info(f.wd->dp, 0, &info);
	assert_int_equal(info.segments_lowered, 4); /* of IPv6 */
	far_free(&f);
}

/* What is no SYN passes bit by bit, though it looks like one. */
static void data_is_not_touched(void **state)
{
	uint8_t p[100], got[FRAME_MAX], outer[FRAME_MAX];
	struct far f;

	(void)state;
	far_new(&f, 0, NULL);
	for (unsigned int flags = 0; flags < 256; flags += 15) {
		size_t len = syn_of(p, flags % 2 ? 4 : 6, true, (uint8_t)flags & 0xfd, 9000);

		leave(&f, p, len, outer, got);
		assert_memory_equal(got, p, len);
		len = syn_of(p, flags % 2 ? 4 : 6, false, (uint8_t)flags & 0xfd, 9000);
		arrive(&f, p, len, 0);
		assert_int_equal(delivered(&f, got), len);
		assert_memory_equal(got, p, len);
	}
	far_free(&f);
}

/* A forged SYN from outside dies before anybody reads its options. */
static void a_syn_of_a_stranger_is_not_looked_at(void **state)
{
	struct dp_lcore_info info;
	uint8_t p[100], frame[FRAME_MAX];
	struct far f;
	size_t len;

	(void)state;
	far_new(&f, 0, NULL);
	len = sealed(&f, p, syn_of(p, 4, false, SYN, 9000), 0, frame);
	frame[len - 1] ^= 1;
	assert_true(world_arrive(f.wd, 0, frame, len));
	world_settle(f.wd);
	world_drops(f.wd, DROP_AUTH_FAILED, 1);
	dp_lcore_info(f.wd->dp, 0, &info);
	assert_int_equal(info.segments_lowered, 0);
	far_free(&f);
}

/* --- paths that cut packets in pieces --------------------------------------------------- */

static void send(struct far *f, unsigned int n, size_t len)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];

	inner_of(inner, 4, true, len, 0);
	for (unsigned int i = 0; i < n; i++) {
		world_write(f->s.device, frame, site_frame(frame, f->mac, inner, len));
		if (i % 32 != 31 && i != n - 1)
			continue;
		world_settle(f->wd);
		while (world_sent(f->wd, 0, frame) > 0)
			;
	}
}

static struct dp_fragmenting a_minute_passes(struct far *f)
{
	struct peer *p = peertab_find(&instance_find(f->wd->dp, f->s.iid)->peers, PEER);
	struct dp_fragmenting sum;

	dp_tick(f->wd->dp); /* not yet */
	p->fragwatch.since -= FRAGWATCH_SECONDS * rte_get_tsc_hz();
	dp_tick(f->wd->dp);
	dp_fragmenting(f->wd->dp, &sum);
	return sum;
}

static void expect_news(struct far *f, uint64_t packets, uint64_t fragmented, uint16_t mtu)
{
	struct dp_fragmenting_news news;

	assert_true(dp_fragmenting_news(f->wd->dp, &news));
	assert_int_equal(news.iid, f->s.iid);
	assert_int_equal(news.peer_id, PEER);
	assert_true(udp_addr_equal(&news.remote, &f->remote));
	assert_int_equal(news.packets, packets);
	assert_int_equal(news.fragmented, fragmented);
	assert_int_equal(news.path_mtu, mtu);
	assert_int_equal(news.fits, mtu - (f->remote.ip.family == IP_V4 ? 52 : 72));
	assert_int_equal(news.others, 0);
	assert_false(news.mssfix_off);
	assert_false(dp_fragmenting_news(f->wd->dp, &news));
}

static void expect_silence(struct far *f, struct dp_fragmenting sum, uint32_t peers, uint64_t told)
{
	struct dp_fragmenting_news news;

	assert_int_equal(sum.peers, peers);
	assert_int_equal(sum.notices, told);
	assert_false(dp_fragmenting_news(f->wd->dp, &news));
}

static void a_path_that_cuts_many_packets_is_noticed_once(void **state)
{
	(void)state;
	for (int o = 0; o < 2; o++) {
		struct dp_fragmenting sum;
		struct dp_peer_info info;
		struct far f;

		far_new(&f, o, NULL);
		dp_tick(f.wd->dp); /* the first minute begins */
		site_path(&f.s, PEER, 1280);
		send(&f, FRAGWATCH_LEAST - 1, 1400);
		expect_silence(&f, a_minute_passes(&f), 0, 0); /* too few */
		send(&f, FRAGWATCH_LEAST, 1400);
		send(&f, FRAGWATCH_LEAST * 9 + 1, 100);
		expect_silence(&f, a_minute_passes(&f), 0, 0); /* less than a tenth */
		send(&f, FRAGWATCH_LEAST, 1400);
		send(&f, FRAGWATCH_LEAST * 9, 100);
		sum = a_minute_passes(&f);
		assert_int_equal(sum.peers, 1);
		assert_int_equal(sum.notices, 1);
		expect_news(&f, FRAGWATCH_LEAST * 10, FRAGWATCH_LEAST, 1280);
		send(&f, FRAGWATCH_LEAST, 1400); /* it goes on, and is no news */
		expect_silence(&f, a_minute_passes(&f), 1, 1);
		expect_silence(&f, a_minute_passes(&f), 0, 1);
		send(&f, 100, 1400);
		assert_int_equal(a_minute_passes(&f).notices, 2);
		expect_news(&f, 100, 100, 1280);
		assert_int_equal(dp_peer_get(f.wd->dp, f.s.iid, PEER, &info), 0);
		assert_int_equal(info.link_tx_fragmented, FRAGWATCH_LEAST * 4 - 1 + 100);
		assert_int_equal(dp_peer_del(f.wd->dp, f.s.iid, PEER, DP_GONE_USERSPACE), 0);
		dp_fragmenting(f.wd->dp, &sum);
		expect_silence(&f, sum, 0, 2);
		far_free(&f);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dscp_and_ecn_are_copied_outward),
		cmocka_unit_test(each_is_left_out_if_the_operator_says_so),
		cmocka_unit_test(keepalives_have_neither),
		cmocka_unit_test(ecn_is_carried_inward_as_rfc_6040_says),
		cmocka_unit_test(a_marked_keepalive_is_one_all_the_same),
		cmocka_unit_test(a_mark_on_one_piece_is_a_mark_on_the_datagram),
		cmocka_unit_test(every_piece_has_the_packets_dscp_and_ecn),
		cmocka_unit_test(full_segments_fit_the_path_without_pieces),
		cmocka_unit_test(segments_are_no_larger_than_the_device_takes),
		cmocka_unit_test(the_operator_says_how_large_or_not_at_all),
		cmocka_unit_test(an_instance_can_have_a_size_of_its_own),
		cmocka_unit_test(lowered_sizes_are_counted),
		cmocka_unit_test(data_is_not_touched),
		cmocka_unit_test(a_syn_of_a_stranger_is_not_looked_at),
		cmocka_unit_test(a_path_that_cuts_many_packets_is_noticed_once),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
