/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer fragments: what is sent in pieces, and what arrives in pieces. */
#include <stdlib.h>

#include <rte_cycles.h>

#include "world.h"
#include "dataplane/dp_view.h"

#define PEER 5

struct pair {
	struct world *wd;
	struct site a, b; /* wired: a's port 0 to b's port 1 */
	struct key_material m;
	uint8_t mac_b[MAC_LEN];
};

static const char *const outers[][2] = {
	{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:9::7"}};

static void pair_up(struct pair *p, int outer, uint16_t mtu)
{
	struct key_material far;

	p->m = reference_key(AEAD_AES_256_GCM, 0, 9);
	far = reference_mirror(&p->m);
	p->wd = world_new(NULL);
	site_new(&p->a, p->wd, 0, DP_MODE_MP, outers[outer][0], 1194);
	site_new(&p->b, p->wd, 1, DP_MODE_MP, outers[outer][1], 1195);
	site_peer(&p->a, PEER, p->b.local, "10.8.0.2", "fd00::2", &p->m);
	site_peer(&p->b, PEER, p->a.local, "10.8.0.1", "fd00::1", &far);
	site_path(&p->a, PEER, mtu);
	site_peer_mac(&p->a, PEER, p->mac_b);
}

static void pair_free(struct pair *p)
{
	world_free(p->wd);
	close(p->a.device);
	close(p->b.device);
}

static void inner_of(uint8_t *inner, size_t len)
{
	struct ip_addr src = ip_of("10.8.0.1"), dst = ip_of("10.8.0.2");

	frame_inner(inner, &src, &dst, len, (uint8_t)len);
}

static void leave_a(struct pair *p, const uint8_t *inner, size_t len)
{
	uint8_t frame[FRAME_MAX];

	world_write(p->a.device, frame, site_frame(frame, p->mac_b, inner, len));
	world_settle(p->wd);
}

static void expect_at_b(struct pair *p, const uint8_t *inner, size_t len)
{
	uint8_t frame[FRAME_MAX];

	assert_int_equal(world_read(p->b.device, frame), 14 + len);
	assert_memory_equal(frame + 14, inner, len);
}

/* --- sending ---------------------------------------------------------------------------- */

struct piece {
	size_t at, len, offset;
	bool more;
	uint32_t id;
};

/* Reads one fragment's headers by the RFCs; offset and length of what it carries. */
static struct piece read_piece(const uint8_t *frame, size_t len, uint16_t mtu)
{
	const uint8_t *ip = frame + 14;
	struct piece p;

	assert_true(len - 14 <= mtu);
	if (be16_load(frame + 12) == 0x0800) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(be16_load(ip + 2), len - 14);
		assert_int_equal(frame_checksum(0, ip, 20), 0);
		p = (struct piece){.at = 34, .len = len - 34, .id = be16_load(ip + 4)};
		p.offset = (be16_load(ip + 6) & 0x1fff) * 8u;
		p.more = be16_load(ip + 6) & 0x2000;
	} else {
		assert_int_equal(be16_load(frame + 12), 0x86dd);
		assert_int_equal(be16_load(ip + 4), len - 54);
		assert_int_equal(ip[6], 44);
		assert_int_equal(ip[40], 17);
		assert_int_equal(ip[41], 0);
		p = (struct piece){.at = 62, .len = len - 62, .id = be32_load(ip + 44)};
		p.offset = be16_load(ip + 42) & 0xfff8;
		p.more = be16_load(ip + 42) & 1;
	}
	assert_true(!p.more || p.len % 8 == 0);
	return p;
}

/* Takes the pieces of one datagram off port 0; makes the frame it would have been. */
static size_t collect(struct pair *p, int outer, uint16_t mtu, uint8_t *whole, uint32_t *id)
{
	size_t hdr = outer == 0 ? 34 : 54, end = 0, len;
	uint8_t frame[FRAME_MAX];
	bool last = false;

	while ((len = world_sent(p->wd, 0, frame)) > 0) {
		struct piece piece = read_piece(frame, len, mtu);

		assert_false(last);
		assert_int_equal(piece.offset, end);
		if (end == 0)
			memcpy(whole, frame, hdr);
		else
			assert_int_equal(piece.id, *id);
		*id = piece.id;
		memcpy(whole + hdr + piece.offset, frame + piece.at, piece.len);
		end += piece.len;
		last = !piece.more;
	}
	assert_true(last);
	if (outer == 0) {
		be16_store(whole + 16, (uint16_t)(20 + end));
		be16_store(whole + 20, 0);
		be16_store(whole + 24, 0);
		be16_store(whole + 24, frame_checksum(0, whole + 14, 20));
	} else {
		be16_store(whole + 18, (uint16_t)end);
		whole[20] = 17;
	}
	return hdr + end;
}

static void pieces_add_up_to_what_openssl_would_have_sent(void **state)
{
	static const uint16_t mtus[] = {1500, 1499, 1280, 576, 100};
	uint8_t inner[FRAME_MAX], whole[FRAME_MAX], want[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
			size_t fits = mtus[i] - frame_hdr_len(outer ? IP_V6 : IP_V4) + 14 - 24;
			uint32_t pktid = 1, id = 0, last_id = 0;
			struct flow flow;
			struct pair p;

			pair_up(&p, outer, mtus[i]);
			flow = site_flow_out(&p.a, p.b.local);
			for (size_t len = fits + 1; len <= 1500; len += 1 + (1500 - fits) / 20) {
				size_t n, hdr = frame_hdr_len(flow.src.ip.family);
				const char *wrong;

				inner_of(inner, len);
				leave_a(&p, inner, len);
				n = collect(&p, outer, mtus[i], whole, &id);
				wrong = frame_udp_wrong(whole, n, &flow, len + 24);
				if (wrong != NULL)
					fail_msg("reassembled: %s", wrong);
				reference_seal(&p.m, PEER, pktid++, inner, len, want);
				assert_memory_equal(whole + hdr, want, len + 24);
				if (last_id != 0)
					assert_int_not_equal(id, last_id);
				last_id = id;
			}
			world_no_drops(p.wd);
			pair_free(&p);
		}
	}
}

static void what_just_fits_is_sent_whole(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		size_t fits = 1500 - (outer ? 48 : 28) - 24;
		struct pair p;

		pair_up(&p, outer, 1500);
		inner_of(inner, fits);
		leave_a(&p, inner, fits);
		assert_int_equal(world_sent(p.wd, 0, frame), 1514);
		assert_int_equal(world_sent(p.wd, 0, frame), 0);
		inner_of(inner, fits + 1);
		leave_a(&p, inner, fits + 1);
		assert_true(world_sent(p.wd, 0, frame) > 0);
		assert_true(world_sent(p.wd, 0, frame) > 0);
		assert_int_equal(world_sent(p.wd, 0, frame), 0);
		pair_free(&p);
	}
}

/* --- receiving -------------------------------------------------------------------------- */

static void full_packets_cross_in_pieces(void **state)
{
	static const uint16_t mtus[] = {1500, 1280, 576, 320};
	uint8_t inner[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
			struct pair p;

			pair_up(&p, outer, mtus[i]);
			for (size_t len = 1400; len <= 1500; len += 5) {
				inner_of(inner, len);
				leave_a(&p, inner, len);
				world_carry(p.wd, 0, 1);
				world_settle(p.wd);
				expect_at_b(&p, inner, len);
			}
			world_no_drops(p.wd);
			pair_free(&p);
		}
	}
}

/* Pieces in any order, of many datagrams at once. */
static void pieces_may_come_in_any_order(void **state)
{
	uint8_t inner[FRAME_MAX];
	uint32_t seed = 8;

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		static uint8_t frames[64][FRAME_MAX];
		size_t lens[64], n = 0;
		struct pair p;

		pair_up(&p, outer, 576);
		for (size_t k = 0; k < 10; k++) {
			inner_of(inner, 1400 + k);
			leave_a(&p, inner, 1400 + k);
		}
		while ((lens[n] = world_sent(p.wd, 0, frames[n])) > 0)
			n++;
		assert_true(n >= 30);
		while (n > 0) {
			size_t k = frame_random(&seed) % n--;

			assert_true(world_arrive(p.wd, 1, frames[k], lens[k]));
			memcpy(frames[k], frames[n], lens[n]);
			lens[k] = lens[n];
		}
		world_settle(p.wd);
		for (size_t k = 0; k < 10; k++)
			assert_true(world_read(p.b.device, inner) >= 1414);
		assert_int_equal(world_read(p.b.device, inner), 0);
		world_no_drops(p.wd);
		pair_free(&p);
	}
}

static void padding_behind_a_last_piece_is_not_payload(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		struct pair p;
		size_t len;

		pair_up(&p, outer, 1500);
		inner_of(inner, 1470);
		leave_a(&p, inner, 1470);
		while ((len = world_sent(p.wd, 0, frame)) > 0) {
			if (len < 200) {
				memset(frame + len, 0xcc, 40);
				len += 40;
			}
			assert_true(world_arrive(p.wd, 1, frame, len));
		}
		world_settle(p.wd);
		expect_at_b(&p, inner, 1470);
		world_no_drops(p.wd);
		pair_free(&p);
	}
}

/* Lets the time of what waits for its other pieces run out. */
static void let_expire(struct world *wd)
{
	for (int i = 0; i < 3; i++) {
		uint64_t second = rte_get_tsc_hz();

		wd->w->now = rte_rdtsc() + (uint64_t)(i + 3) * second;
		frag_sweep(wd->w);
	}
}

static void what_stays_incomplete_is_dropped_after_a_while(void **state)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		uint64_t pieces = 0;
		struct pair p;
		size_t len;

		pair_up(&p, outer, 576);
		inner_of(inner, 1400);
		leave_a(&p, inner, 1400);
		for (int i = 0; (len = world_sent(p.wd, 0, frame)) > 0; i++) {
			if (i == 1)
				continue; /* lost */
			assert_true(world_arrive(p.wd, 1, frame, len));
			pieces++;
		}
		world_settle(p.wd);
		world_no_drops(p.wd);
		let_expire(p.wd);
		world_drops(p.wd, DROP_FRAGMENT, pieces);
		assert_int_equal(world_read(p.b.device, frame), 0);
		pair_free(&p);
	}
}

/* More incomplete datagrams than are held, several pieces each: bounded, and all given back. */
static void a_flood_of_first_pieces_holds_nothing_for_ever(void **state)
{
	uint8_t payload[64] = {0x48}, frame[FRAME_MAX];
	uint64_t drops[NB_DROPS];
	struct dp_pool_info info;
	struct pair p;

	(void)state;
	pair_up(&p, 0, 1500);
	for (uint32_t i = 0; i < 350 * 5; i++) {
		struct flow f = site_flow_in(&p.b, p.a.local);
		size_t len = frame_udp(frame, &f, payload, sizeof(payload));

		be16_store(frame + 18, (uint16_t)(i / 5)); /* id */
		be16_store(frame + 20, (uint16_t)(0x2000 | i % 5 * 9));
		be16_store(frame + 24, 0);
		be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
		assert_true(world_arrive(p.wd, 1, frame, len));
		if (i % 50 == 0)
			world_settle(p.wd);
	}
	world_settle(p.wd);
	let_expire(p.wd);
	dp_pool_info(p.wd->dp, 1, &info);
	assert_int_equal(info.in_use, 0);
	dp_drops(p.wd->dp, drops);
	assert_int_equal(drops[DROP_FRAGMENT], 350 * 5);
	pair_free(&p);
}

/* Anybody can send pieces that never complete; the packets of peers must still come together. */
static void a_flood_of_lone_pieces_does_not_stop_the_others(void **state)
{
	uint8_t payload[64] = {0x48}, frame[FRAME_MAX], inner[FRAME_MAX];
	struct pair p;

	(void)state;
	pair_up(&p, 0, 1500);
	for (uint32_t i = 0; i < FRAG_HELD_MAX + 500; i++) {
		struct flow f = site_flow_in(&p.b, p.a.local);
		size_t len = frame_udp(frame, &f, payload, sizeof(payload));

		be16_store(frame + 18, (uint16_t)i);
		be16_store(frame + 20, 0x2000);
		be16_store(frame + 24, 0);
		be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
		assert_true(world_arrive(p.wd, 1, frame, len));
		if (i % 50 == 0)
			world_settle(p.wd);
	}
	world_settle(p.wd);
	usleep(2 * FRAG_CROWDED_MS * 1000);
	inner_of(inner, 1500);
	leave_a(&p, inner, 1500);
	world_carry(p.wd, 0, 1);
	world_settle(p.wd);
	expect_at_b(&p, inner, 1500);
	let_expire(p.wd);
	pair_free(&p);
}

/* Random offsets, lengths and flags of one id: whatever comes of it, nothing leaks or crashes. */
static void contradicting_pieces_do_no_harm(void **state)
{
	uint8_t payload[1400] = {0x48}, frame[FRAME_MAX], inner[FRAME_MAX];
	uint32_t seed = 21;

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		struct pair p;

		pair_up(&p, outer, 576);
		for (int i = 0; i < 4000; i++) {
			struct flow f = site_flow_in(&p.b, p.a.local);
			uint32_t r = frame_random(&seed);
			size_t len = frame_udp(frame, &f, payload, 8 * (r % 20) + r / 64 % 2);
			uint16_t offset = r >> 8 & 0x1f ? r >> 8 & 15 : r >> 16 & 0x1fff;

			if (outer == 0) {
				be16_store(frame + 18, 7);
				be16_store(frame + 20, (uint16_t)((r >> 30 & 1) << 13 | offset));
				be16_store(frame + 24, 0);
				be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
			} else {
				frame[20] = 44;
				frame[54] = 17;
				frame[55] = 0;
				be16_store(frame + 56, (uint16_t)(offset << 3 | (r >> 30 & 1)));
				be32_store(frame + 58, 7);
			}
			assert_true(world_arrive(p.wd, 1, frame, len));
			if (i % 64 == 0) {
				world_settle(p.wd);
				while (world_read(p.wd->mirror[1], frame) > 0)
					;
			}
		}
		world_settle(p.wd);
		let_expire(p.wd);
		inner_of(inner, 1450);
		leave_a(&p, inner, 1450);
		world_carry(p.wd, 0, 1);
		world_settle(p.wd);
		expect_at_b(&p, inner, 1450);
		pair_free(&p);
	}
}

/* Control packets come in pieces as well: openvpn sees them whole, with their addresses. */
static void control_packets_in_pieces_reach_openvpn_whole(void **state)
{
	uint8_t payload[2000] = {4 << 3}, frame[FRAME_MAX], piece[FRAME_MAX];
	struct dp_event ev;
	struct pair p;
	struct flow f;
	size_t len;

	(void)state;
	for (size_t i = 1; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 3);
	pair_up(&p, 0, 1500);
	f = site_flow_in(&p.b, p.a.local);
	len = frame_udp(frame, &f, payload, sizeof(payload));
	for (size_t at = 0; at < len - 34; at += 800) {
		size_t n = len - 34 - at < 800 ? len - 34 - at : 800;

		memcpy(piece, frame, 34);
		memcpy(piece + 34, frame + 34 + at, n);
		be16_store(piece + 16, (uint16_t)(20 + n));
		be16_store(piece + 20, (uint16_t)(at / 8 | (at + n < len - 34 ? 0x2000 : 0)));
		be16_store(piece + 24, 0);
		be16_store(piece + 24, frame_checksum(0, piece + 14, 20));
		assert_true(world_arrive(p.wd, 1, piece, 34 + n));
	}
	world_settle(p.wd);
	assert_true(dp_event_next(p.wd->dp, &ev));
	assert_int_equal(ev.type, DP_EVENT_CONTROL);
	assert_int_equal(ev.iid, p.b.iid);
	assert_int_equal(ev.tid, p.b.tid);
	assert_int_equal(ev.port, 1);
	assert_int_equal(ev.len, sizeof(payload));
	assert_memory_equal(ev.data, payload, sizeof(payload));
	assert_true(udp_addr_equal(&ev.remote, &p.a.local));
	assert_true(udp_addr_equal(&ev.local, &p.b.local));
	assert_false(dp_event_next(p.wd->dp, &ev));
	pair_free(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_add_up_to_what_openssl_would_have_sent),
		cmocka_unit_test(what_just_fits_is_sent_whole),
		cmocka_unit_test(full_packets_cross_in_pieces),
		cmocka_unit_test(pieces_may_come_in_any_order),
		cmocka_unit_test(padding_behind_a_last_piece_is_not_payload),
		cmocka_unit_test(what_stays_incomplete_is_dropped_after_a_while),
		cmocka_unit_test(a_flood_of_first_pieces_holds_nothing_for_ever),
		cmocka_unit_test(a_flood_of_lone_pieces_does_not_stop_the_others),
		cmocka_unit_test(contradicting_pieces_do_no_harm),
		cmocka_unit_test(control_packets_in_pieces_reach_openvpn_whole),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
