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

static void pair_up_in(struct pair *p, int outer, uint16_t mtu, const struct world_conf *conf)
{
	struct key_material far;

	p->m = reference_key(AEAD_AES_256_GCM, 0, 9);
	far = reference_mirror(&p->m);
	p->wd = world_new(conf);
	site_new(&p->a, p->wd, 0, DP_MODE_MP, outers[outer][0], 1194);
	site_new(&p->b, p->wd, 1, DP_MODE_MP, outers[outer][1], 1195);
	site_peer(&p->a, PEER, p->b.local, "10.8.0.2", "fd00::2", &p->m);
	site_peer(&p->b, PEER, p->a.local, "10.8.0.1", "fd00::1", &far);
	site_path(&p->a, PEER, mtu);
	site_peer_mac(&p->a, PEER, p->mac_b);
}

static void pair_up(struct pair *p, int outer, uint16_t mtu)
{
	pair_up_in(p, outer, mtu, NULL);
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

/* Ids of what goes to one address differ, whichever peers and workers it is for and from. */
static void ids_never_repeat_within_reach(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .nb_workers = 2, .mbufs = 8191};

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		static uint32_t ids[20000];
		static uint8_t low[1 << 16];
		uint8_t inner[FRAME_MAX], frame[FRAME_MAX], mac[4][MAC_LEN];
		unsigned int n = 0, used = 0, begins = 0;
		struct world *wd = world_new(&conf);
		struct site s;

		memset(low, 0, sizeof(low));
		inner_of(inner, 1500);
		site_new(&s, wd, 0, DP_MODE_MP, outers[outer][0], 1194);
		for (uint32_t id = 0; id < 4; id++) { /* four clients behind one address */
			struct key_material m = reference_key(AEAD_AES_256_GCM, 0, id);

			site_peer(&s, id, udp_of(outers[outer][1], (uint16_t)(4000 + id)), NULL,
				NULL, &m);
			site_path(&s, id, 1500);
			site_peer_mac(&s, id, mac[id]);
		}
		/* counters that begin alike: whoever takes another's repeats its ids */
		for (unsigned int i = 0; i < IPID_COUNTERS; i++)
			atomic_store(&wd->dp->ipids[i].next, 0xfff0u);
		for (int i = 0; i < 4000; i++) {
			size_t len = site_frame(frame, mac[i / 5 % 4], inner, 1500);

			world_write(s.device, frame, len);
			if (i % 20 != 19)
				continue;
			world_settle(wd);
			while ((len = world_sent(wd, 0, frame)) > 0) {
				struct piece p = read_piece(frame, len, 1500);

				if (p.offset == 0)
					ids[n++] = p.id;
			}
		}
		assert_int_equal(n, 4000);
		/* one counter for all of them: no repetition, and no gap but what shares leave over
		 */
		for (unsigned int i = 0; i < n; i++) {
			assert_int_equal(low[ids[i] & 0xffff], 0);
			low[ids[i] & 0xffff] = 1;
		}
		for (unsigned int i = 0; i < sizeof(low); i++)
			begins += low[i] != 0 && low[(i + sizeof(low) - 1) % sizeof(low)] == 0;
		assert_true(begins <= 4000 / (IPID_SHARE - 5) + 2);
		for (unsigned int k = 0; k < 2; k++)
			used += wd->dp->workers[k]->stats.encap_packets > 0;
		assert_int_equal(used, 2);
		world_no_drops(wd);
		world_free(wd);
		close(s.device);
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

/* From the smallest packet to jumbo frames, on paths of any MTU. */
static void inner_packets_of_all_sizes_cross(void **state)
{
	static const struct world_conf conf = {.nb_ports = 2, .mtu = 9000};
	static const uint16_t mtus[] = {1280, 1281, 1400, 1492, 1500, 9000};
	uint8_t inner[FRAME_MAX];

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
			/* each waits for the device: fewer where that is another thread */
			size_t step = world_async() ? 998 : 89;
			struct pair p;

			pair_up_in(&p, outer, mtus[i], &conf);
			for (size_t len = 20; len != 9000 + step;
				len = len < 9000 && len + step > 9000 ? 9000 : len + step) {
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
	for (uint32_t i = 0; i < 900 * 5; i++) {
		struct flow f = site_flow_in(&p.b, p.a.local);
		size_t len = frame_udp(frame, &f, payload, sizeof(payload));

		be16_store(frame + 18, (uint16_t)(i / 5)); /* id */
		be16_store(frame + 20, (uint16_t)(0x2000 | i % 5 * 9));
		be16_store(frame + 24, 0);
		be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
		assert_true(world_arrive(p.wd, 1, frame, len));
		if (i % 50 != 0)
			continue;
		world_settle(p.wd);
		assert_true(p.wd->w->frag.held <= FRAG_HELD_MAX);
	}
	world_settle(p.wd);
	let_expire(p.wd);
	dp_pool_info(p.wd->dp, 1, &info);
	assert_int_equal(info.in_use, 0);
	dp_drops(p.wd->dp, drops);
	assert_int_equal(drops[DROP_FRAGMENT], 900 * 5);
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
		size_t len;

		f.src.ip.b[3] ^= 1; /* another's: ids of the same sender may be equal by chance */
		len = frame_udp(frame, &f, payload, sizeof(payload));

		be16_store(frame + 18, (uint16_t)i);
		be16_store(frame + 20, 0x2000);
		be16_store(frame + 24, 0);
		be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
		assert_true(world_arrive(p.wd, 1, frame, len));
		if (i % 50 == 0)
			world_settle(p.wd);
	}
	world_settle(p.wd);
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

/* --- pieces by hand --------------------------------------------------------------------- */

/* A piece of the datagram in `frame` (as frame_udp() makes it), from a to b. Returns its length. */
static size_t cut(uint8_t *out, const uint8_t *frame, size_t len, size_t at, size_t n, uint32_t id)
{
	bool v4 = be16_load(frame + 12) == 0x0800;
	size_t hdr = v4 ? 34 : 54, end = len - hdr;
	bool more = at + n < end;

	memcpy(out, frame, hdr);
	if (v4) {
		be16_store(out + 16, (uint16_t)(20 + n));
		be16_store(out + 18, (uint16_t)id);
		be16_store(out + 20, (uint16_t)(at / 8 | (more ? 0x2000 : 0)));
		be16_store(out + 24, 0);
		be16_store(out + 24, frame_checksum(0, out + 14, 20));
	} else {
		be16_store(out + 18, (uint16_t)(8 + n));
		out[20] = 44;
		memset(out + 54, 0, 8);
		out[54] = 17;
		be16_store(out + 56, (uint16_t)(at | more));
		be32_store(out + 58, id);
		hdr += 8;
	}
	memcpy(out + hdr, frame + len - end + at, n);
	return hdr + n;
}

struct control {
	struct pair p;
	uint8_t payload[FRAME_MAX], frame[FRAME_MAX];
	size_t len; /* of frame, */
	size_t end; /* and of what is cut: UDP header and payload */
};

/* A control packet for b, ready to be cut. */
static void control_up(struct control *c, int outer, size_t len, uint16_t port)
{
	struct flow f;

	pair_up(&c->p, outer, 1500);
	f = site_flow_in(&c->p.b, c->p.a.local);
	f.dst.port = port;
	for (size_t i = 0; i < len; i++)
		c->payload[i] = (uint8_t)(i * 3 + i / 256);
	c->payload[0] = 4 << 3;
	c->len = frame_udp(c->frame, &f, c->payload, len);
	c->end = len + 8;
}

static void piece_arrives(struct control *c, size_t at, size_t n, uint32_t id)
{
	uint8_t out[FRAME_MAX];

	assert_true(world_arrive(c->p.wd, 1, out, cut(out, c->frame, c->len, at, n, id)));
	world_settle(c->p.wd);
}

static void expect_control(struct control *c, bool there)
{
	struct dp_event ev;

	assert_int_equal(dp_event_next(c->p.wd->dp, &ev), there);
	if (!there)
		return;
	assert_int_equal(ev.len, c->end - 8);
	assert_memory_equal(ev.data, c->payload, ev.len);
	assert_false(dp_event_next(c->p.wd->dp, &ev));
}

static void equal_pieces_may_come_twice(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		struct control c;

		control_up(&c, outer, 2000, 1195);
		for (int twice = 0; twice < 2; twice++) {
			piece_arrives(&c, 1600, c.end - 1600, 7);
			piece_arrives(&c, 0, 800, 7);
		}
		world_drops(c.p.wd, DROP_FRAGMENT, 2);
		piece_arrives(&c, 800, 800, 7);
		expect_control(&c, true);
		world_no_drops(c.p.wd);
		pair_free(&c.p);
	}
}

/* Another version of bytes that are there: nothing of that datagram passes, whatever comes. */
static void pieces_in_conflict_never_pass(void **state)
{
	static const struct {
		size_t at, n; /* of the other version, beside 0-800 and 800-1600 */
	} rows[] = {{0, 800}, {0, 808}, {0, 8}, {792, 8}, {400, 800}, {800, 800}, {1592, 416},
		{800, 1208}};

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct control c;

			control_up(&c, outer, 2000, 1195);
			piece_arrives(&c, 0, 800, 7);
			piece_arrives(&c, 800, 800, 7);
			c.frame[c.len - c.end + rows[i].at] ^= 0xff;
			piece_arrives(&c, rows[i].at, rows[i].n, 7);
			world_drops(c.p.wd, DROP_FRAGMENT, 3);
			c.frame[c.len - c.end + rows[i].at] ^= 0xff;
			piece_arrives(&c, 1600, c.end - 1600, 7);
			piece_arrives(&c, 0, 800, 7);
			piece_arrives(&c, 800, 800, 7);
			piece_arrives(&c, 1600, c.end - 1600, 7);
			expect_control(&c, false);
			world_drops(c.p.wd, DROP_FRAGMENT, 4);
			/* the next one is not the last one's fault */
			piece_arrives(&c, 0, 800, 8);
			piece_arrives(&c, 800, c.end - 800, 8);
			expect_control(&c, true);
			let_expire(c.p.wd);
			world_no_drops(c.p.wd);
			pair_free(&c.p);
		}
	}
}

/* The piece that came last says how long the datagram is; what lies behind it is a conflict. */
static void two_ends_of_a_datagram_are_a_conflict(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		struct control c;

		for (int first = 0; first < 2; first++) {
			control_up(&c, outer, 2000, 1195);
			for (int i = 0; i < 2; i++) {
				size_t all = c.len;

				if (i != first) { /* an end at 808 */
					c.len = c.len - c.end + 808;
					piece_arrives(&c, 800, 8, 7);
					c.len = all;
				} else {
					piece_arrives(&c, 1600, c.end - 1600, 7);
				}
			}
			world_drops(c.p.wd, DROP_FRAGMENT, 2);
			piece_arrives(&c, 0, 800, 7);
			expect_control(&c, false);
			world_drops(c.p.wd, DROP_FRAGMENT, 1);
			pair_free(&c.p);
		}
	}
}

/* Together as many bytes as the datagram has, but not the same ones. */
/* The same bytes, once as the end and once not. */
static void an_end_that_comes_again_as_none_is_a_conflict(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (int first = 0; first < 2; first++) {
			struct control c;

			control_up(&c, outer, 2000, 1195);
			for (int i = 0; i < 2; i++) {
				size_t all = c.len;

				if (i == first)
					c.len = c.len - c.end + 808;
				piece_arrives(&c, 800, 8, 7);
				c.len = all;
			}
			world_drops(c.p.wd, DROP_FRAGMENT, 2);
			piece_arrives(&c, 0, 800, 7);
			expect_control(&c, false);
			world_drops(c.p.wd, DROP_FRAGMENT, 1);
			pair_free(&c.p);
		}
	}
}

static void pieces_behind_the_end_are_a_conflict(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (int end_first = 0; end_first < 2; end_first++) {
			struct control c;

			control_up(&c, outer, 3000, 1195);
			for (int i = 0; i < 2; i++) {
				size_t all = c.len;

				if (i == end_first) {
					piece_arrives(&c, 2000, 792, 7);
					continue;
				}
				c.len = all - c.end + 1000;
				piece_arrives(&c, 992, 8, 7);
				c.len = all;
			}
			world_drops(c.p.wd, DROP_FRAGMENT, 2);
			piece_arrives(&c, 0, 200, 7);
			world_drops(c.p.wd, DROP_FRAGMENT, 1);
			expect_control(&c, false);
			pair_free(&c.p);
		}
	}
}

/* The end of a datagram of 64 KiB and a little. */
static void last_piece_arrives_too_far(struct control *c)
{
	uint8_t out[FRAME_MAX];
	size_t n = cut(out, c->frame, c->len, c->end - 16, 16, 7);

	if (be16_load(out + 12) == 0x0800) {
		be16_store(out + 20, 65528 / 8);
		be16_store(out + 24, 0);
		be16_store(out + 24, frame_checksum(0, out + 14, 20));
	} else {
		be16_store(out + 56, 65528);
	}
	assert_true(world_arrive(c->p.wd, 1, out, n));
	world_settle(c->p.wd);
}

static void pieces_that_no_datagram_has_end_it(void **state)
{
	enum { EMPTY, NOT_OF_EIGHT, TOO_FAR, NB };

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (int fault = 0; fault < NB; fault++) {
			struct control c;

			control_up(&c, outer, 2000, 1195);
			piece_arrives(&c, 800, 800, 7);
			if (fault == TOO_FAR)
				last_piece_arrives_too_far(&c);
			else
				piece_arrives(&c, 0, fault == EMPTY ? 0 : 796, 7);
			world_drops(c.p.wd, DROP_FRAGMENT, 2);
			piece_arrives(&c, 0, 800, 7);
			piece_arrives(&c, 1600, c.end - 1600, 7);
			expect_control(&c, false);
			world_drops(c.p.wd, DROP_FRAGMENT, 2);
			pair_free(&c.p);
		}
	}
}

static void a_datagram_has_so_many_bytes_and_no_more(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t over = 0; over < 2; over++) {
			struct control c;
			uint64_t pieces = 0;

			/* the first piece's headers count */
			control_up(&c, outer, FRAG_ROOM - (outer == 0 ? 34 : 62) - 8 + over, 1195);
			for (size_t at = 0; at < c.end; at += 1400, pieces++)
				piece_arrives(&c, at, RTE_MIN(1400, c.end - at), 7);
			expect_control(&c, over == 0);
			world_drops(c.p.wd, DROP_TOO_BIG, over == 0 ? 0 : pieces);
			world_no_drops(c.p.wd);
			pair_free(&c.p);
		}
	}
}

/* Some drivers share buffers, with a tap for example: what others may see is not written to. */
static void a_shared_first_piece_stays_as_it_came(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		uint8_t out[FRAME_MAX];
		struct rte_mbuf *m;
		struct control c;
		size_t n;

		control_up(&c, outer, 1600, 1195);
		n = cut(out, c.frame, c.len, 0, 800, 7);
		m = rte_pktmbuf_alloc(c.p.wd->dp->ports[1].pool);
		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), out, n);
		rte_mbuf_refcnt_update(m, 1);
		assert_int_equal(rte_ring_enqueue(c.p.wd->in[1], m), 0);
		piece_arrives(&c, 800, c.end - 800, 7);
		expect_control(&c, true);
		assert_int_equal(m->data_len, n);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), out, n);
		rte_pktmbuf_free(m);
		world_no_drops(c.p.wd);
		pair_free(&c.p);
	}
}

/* Even if what they have in common is the same. */
static void pieces_that_overlap_in_part_are_a_conflict(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		struct control c;

		control_up(&c, outer, 2000, 1195);
		memset(c.frame + c.len - c.end + 8, 0, c.end - 8);
		piece_arrives(&c, 800, 800, 7);
		piece_arrives(&c, 400, 800, 7);
		piece_arrives(&c, 0, 400, 7);
		piece_arrives(&c, 1600, c.end - 1600, 7);
		world_drops(c.p.wd, DROP_FRAGMENT, 4);
		expect_control(&c, false);
		pair_free(&c.p);
	}
}

static void a_datagram_has_so_many_pieces_and_no_more(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		for (size_t pieces = FRAG_PIECES; pieces <= FRAG_PIECES + 1; pieces++) {
			struct control c;

			control_up(&c, outer, pieces * 64 - 8, 1195);
			for (size_t i = pieces; i-- > 0;)
				piece_arrives(&c, i * 64, 64, 7);
			expect_control(&c, pieces == FRAG_PIECES);
			world_drops(c.p.wd, DROP_FRAGMENT, pieces == FRAG_PIECES ? 0 : pieces);
			pair_free(&c.p);
		}
	}
}

/* UDP that is not for openvpn: the kernel gets the pieces as they came, more than we would hold. */
static void pieces_for_others_are_the_kernels_as_they_came(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		static const size_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};

		for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
			uint8_t want[FRAME_MAX], got[FRAME_MAX];
			unsigned int came = 0;
			struct control c;

			control_up(&c, outer, 3992, 53);
			for (size_t i = 0; i < 4; i++) {
				piece_arrives(&c, orders[o][i] * 1000, 1000, 7);
				came += orders[o][i] == 0 ? (unsigned int)i + 1 : came > 0;
				if (came == 0)
					assert_int_equal(world_read(c.p.wd->mirror[1], got), 0);
			}
			for (size_t i = 0; i < 4; i++) {
				size_t n = cut(want, c.frame, c.len, orders[o][i] * 1000, 1000, 7);

				assert_int_equal(world_read(c.p.wd->mirror[1], got), n);
				assert_memory_equal(got, want, n);
			}
			for (size_t i = 1; i <= 100; i++)
				piece_arrives(&c, i * 8, 8, 7);
			for (size_t i = 1; i <= 100; i++)
				assert_true(world_read(c.p.wd->mirror[1], got) > 0);
			assert_int_equal(world_read(c.p.wd->mirror[1], got), 0);
			expect_control(&c, false);
			world_no_drops(c.p.wd);
			pair_free(&c.p);
		}
	}
}

/* Data and control over IPv6 with a fragment header that means nothing (RFC 6946). */
static void a_datagram_in_one_fragment_is_whole(void **state)
{
	uint8_t inner[100], packet[200], frame[FRAME_MAX], out[FRAME_MAX];
	struct control c;
	struct flow f;
	size_t len;

	(void)state;
	control_up(&c, 1, 500, 1195);
	piece_arrives(&c, 0, c.end, 7);
	expect_control(&c, true);
	f = site_flow_in(&c.p.b, c.p.a.local);
	inner_of(inner, sizeof(inner));
	len = frame_udp(
		frame, &f, packet, reference_seal(&c.p.m, PEER, 1, inner, sizeof(inner), packet));
	assert_true(world_arrive(c.p.wd, 1, out, cut(out, frame, len, 0, len - 54, 8)));
	world_settle(c.p.wd);
	expect_at_b(&c.p, inner, sizeof(inner));
	world_no_drops(c.p.wd);
	pair_free(&c.p);
}

/* All that was held, dropped or put together is what came. */
static void every_piece_of_a_storm_is_accounted_for(void **state)
{
	uint32_t seed = 77;

	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		uint64_t drops[NB_DROPS], came = 0, whole = 0;
		struct dp_event ev;
		struct control c;

		control_up(&c, outer, 2000, 1195);
		for (int i = 0; i < 30000; i++) {
			uint32_t r = frame_random(&seed);
			uint8_t out[FRAME_MAX];

			c.frame[c.len - 1] = r % 64 == 0 ? (uint8_t)r : 1;
			assert_true(world_arrive(c.p.wd, 1, out,
				cut(out, c.frame, c.len, r / 64 % 2 ? 1000 : 0,
					r / 64 % 2 ? c.end - 1000 : 1000, r / 256 % 700)));
			came++;
			if (i % 64 != 0)
				continue;
			world_settle(c.p.wd);
			while (dp_event_next(c.p.wd->dp, &ev))
				whole++;
		}
		world_settle(c.p.wd);
		while (dp_event_next(c.p.wd->dp, &ev))
			whole++;
		let_expire(c.p.wd);
		assert_int_equal(c.p.wd->w->frag.held, 0);
		dp_drops(c.p.wd->dp, drops);
		assert_true(whole > 1000);
		assert_true(drops[DROP_FRAGMENT] > 1000);
		assert_int_equal(drops[DROP_FRAGMENT] + 2 * whole, came);
		world_drops(c.p.wd, DROP_FRAGMENT, drops[DROP_FRAGMENT]);
		pair_free(&c.p);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_add_up_to_what_openssl_would_have_sent),
		cmocka_unit_test(what_just_fits_is_sent_whole),
		cmocka_unit_test(ids_never_repeat_within_reach),
		cmocka_unit_test(inner_packets_of_all_sizes_cross),
		cmocka_unit_test(full_packets_cross_in_pieces),
		cmocka_unit_test(pieces_may_come_in_any_order),
		cmocka_unit_test(padding_behind_a_last_piece_is_not_payload),
		cmocka_unit_test(what_stays_incomplete_is_dropped_after_a_while),
		cmocka_unit_test(a_flood_of_first_pieces_holds_nothing_for_ever),
		cmocka_unit_test(a_flood_of_lone_pieces_does_not_stop_the_others),
		cmocka_unit_test(contradicting_pieces_do_no_harm),
		cmocka_unit_test(control_packets_in_pieces_reach_openvpn_whole),
		cmocka_unit_test(equal_pieces_may_come_twice),
		cmocka_unit_test(pieces_in_conflict_never_pass),
		cmocka_unit_test(two_ends_of_a_datagram_are_a_conflict),
		cmocka_unit_test(an_end_that_comes_again_as_none_is_a_conflict),
		cmocka_unit_test(pieces_behind_the_end_are_a_conflict),
		cmocka_unit_test(pieces_that_no_datagram_has_end_it),
		cmocka_unit_test(pieces_that_overlap_in_part_are_a_conflict),
		cmocka_unit_test(a_datagram_has_so_many_pieces_and_no_more),
		cmocka_unit_test(a_datagram_has_so_many_bytes_and_no_more),
		cmocka_unit_test(a_shared_first_piece_stays_as_it_came),
		cmocka_unit_test(pieces_for_others_are_the_kernels_as_they_came),
		cmocka_unit_test(a_datagram_in_one_fragment_is_whole),
		cmocka_unit_test(every_piece_of_a_storm_is_accounted_for),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
