/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "component/stream.h"

/* --- cutting ---------------------------------------------------------------------------- */

/* Every segment is byte for byte the packet that would have been made without offload. */
static void check_cut(const struct shape *s, size_t n, uint16_t size, uint8_t flags)
{
	static uint8_t whole[STREAM_FRAME_MAX], want[STREAM_FRAME_MAX];
	struct super_vnet v;
	struct super_cut c;
	size_t len = make_super(s, whole, n, size, flags, &v);
	uint8_t *got;

	assert_true(super_cut_begin(&c, &v, whole, len));
	assert_int_equal(c.n, n <= size ? 1 : (n + size - 1) / size);
	got = malloc(super_cut_room(&c));
	for (unsigned int i = 0; i < c.n; i++) {
		uint32_t from = i * size;
		size_t part = i + 1 < c.n ? size : n - from;
		uint8_t own = flags;

		if (i + 1 < c.n)
			own &= (uint8_t)~0x09; /* FIN, PSH */
		if (i > 0)
			own &= (uint8_t)~0x80; /* CWR */
		make(s, want, from, part, (uint16_t)i, own);
		assert_int_equal(super_cut_segment(&c, i, got), hdr_of(s) + part);
		if (memcmp(got, want, hdr_of(s) + part) != 0)
			fail_msg("%s: segment %u of %zu bytes in %u is wrong", s->name, i, n, size);
	}
	free(got);
}

static void every_segment_is_the_packet_it_would_have_been(void **state)
{
	static const uint16_t sizes[] = {1, 536, 1399, 1448};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		for (size_t n = 1; n <= 3000; n++) {
			uint16_t size = sizes[n % ARRAY_LEN(sizes)];

			if (size == 1 && n > 200)
				size = (uint16_t)(n - 1);
			check_cut(&shapes[k], n, size, 0x18);
		}
	}
}

static void the_largest_super_frame_is_cut(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		size_t most = 65535 - (hdr_of(&shapes[k]) - 14) + (shapes[k].v4 ? 0 : 40);

		check_cut(&shapes[k], most, 1448, 0x10);
		check_cut(&shapes[k], most, 88, 0x10);
		check_cut(&shapes[k], most, 65535, 0x10);
	}
}

static void flags_of_the_ends_stay_at_the_ends(void **state)
{
	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++)
		check_cut(&shapes[1], 5000, 1448, (uint8_t)flags);
}

static void a_super_frame_that_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *what;
		int shape, at, value; /* at: offset in the frame; < 0: in the virtio_net_hdr */
	} rows[] = {
		{"no such offload", 0, -9, 3},
		{"TCP over IPv6 in IPv4", 0, -9, 4},
		{"TCP over IPv4 in IPv6", 3, -9, 1},
		{"UDP in TCP", 0, -9, 5},
		{"checksum not ours to fill in", 0, -10, 0},
		{"UDP's checksum in TCP", 0, -2, 6},
		{"TCP header elsewhere", 0, -4, 38},
		{"TCP header elsewhere, IPv6", 3, -4, 50},
		{"no IP", 0, 12, 9},
		{"IPv4 version", 0, 14, 0x55},
		{"IPv4 header length", 0, 14, 0x46},
		{"IPv4 header too short", 0, 14, 0x44},
		{"IPv4 total length", 0, 17, 1},
		{"IPv4 fragment", 0, 20, 0x60},
		{"IPv4 fragment offset", 0, 21, 1},
		{"IPv4 protocol", 0, 23, 17},
		{"IPv6 version", 3, 14, 0x42},
		{"IPv6 payload length", 3, 19, 1},
		{"IPv6 next header", 3, 20, 17},
		{"TCP header too short", 0, 46, 0x40},
		{"UDP: TCP's protocol", 6, 23, 6},
	};
	uint8_t frame[4096], raw[10];
	struct super_vnet v;
	struct super_cut c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = make_super(&shapes[rows[i].shape], frame, 3000, 1448, 0x10, &v);

		assert_true(super_cut_begin(&c, &v, frame, len));
		memcpy(raw, &v, sizeof(raw));
		if (rows[i].at < 0)
			raw[10 + rows[i].at] = (uint8_t)rows[i].value;
		else
			frame[rows[i].at] = (uint8_t)rows[i].value;
		memcpy(&v, raw, sizeof(raw));
		if (super_cut_begin(&c, &v, frame, len))
			fail_msg("%s: accepted", rows[i].what);
	}
	v.gso_size = 0;
	assert_false(super_cut_begin(&c, &v, frame, make_super(&shapes[0], frame, 9, 0, 0, &v)));
}

/* --- joining ---------------------------------------------------------------------------- */

/* Begins with frame a; true: b joins it. */
static bool joins(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct super_frame fa, fb;
	struct super_join j;

	super_look(&fa, a, a_len);
	super_look(&fb, b, b_len);
	super_join_begin(&j, a, &fa);
	return super_join_add(&j, b, &fb);
}

/* Joins the segments of a super-frame and compares with it, vnet header and all. */
static void check_join(const struct shape *s, size_t n, uint16_t size, uint8_t flags)
{
	static uint8_t whole[STREAM_FRAME_MAX], parts[STREAM_FRAME_MAX * 2];
	struct super_vnet v;
	struct super_cut c;
	struct super_join j;
	struct super_head head;
	size_t len = make_super(s, whole, n, size, flags, &v), at = 0, from = hdr_of(s);

	assert_true(super_cut_begin(&c, &v, whole, len));
	for (unsigned int i = 0; i < c.n; i++) {
		size_t part = super_cut_segment(&c, i, parts + at);
		struct super_frame f;

		super_look(&f, parts + at, part);
		assert_int_equal(f.hdr_len, hdr_of(s));
		assert_memory_equal(parts + at + f.hdr_len, whole + from, f.payload);
		if (i == 0)
			super_join_begin(&j, parts, &f);
		else if (!super_join_add(&j, parts + at, &f))
			fail_msg("%s: segment %u of %zu bytes does not join", s->name, i, n);
		at += part;
		from += f.payload;
	}
	assert_int_equal(from, len);
	assert_int_equal(j.n, c.n);
	if (c.n < 2)
		return;
	assert_int_equal(super_join_head(&j, &head), 10 + hdr_of(s));
	assert_memory_equal(&head.vnet, &v, sizeof(v));
	assert_memory_equal(head.hdr, whole, hdr_of(s));
}

static void joining_the_segments_gives_the_super_frame_back(void **state)
{
	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		for (size_t n = 1; n <= 3000; n++)
			check_join(&shapes[k], n, n % 3 == 0 ? 1399 : (uint16_t)(40 + n / 2),
				n % 2 == 0 ? 0x10 : 0x18);
		check_join(&shapes[k], 44 * 1448 + 7, 1448, 0x18);
		check_join(&shapes[k], 64 * 600, 600, 0x10);
	}
}

static void sixty_four_frames_and_65535_bytes_are_the_most(void **state)
{
	static uint8_t frames[66][2048];

	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		const struct shape *s = &shapes[k];

		for (size_t size = 100; size <= 1900; size += 150) {
			size_t most = (65535 - (hdr_of(s) - 14)) / size, n = 1;
			struct super_frame f;
			struct super_join j;

			for (uint16_t i = 0; i < 66; i++) {
				size_t len =
					make(s, frames[i], (uint32_t)(i * size), size, i, 0x10);

				super_look(&f, frames[i], len);
				if (i == 0)
					super_join_begin(&j, frames[0], &f);
				else
					n += super_join_add(&j, frames[i], &f);
			}
			assert_int_equal(n, most < 64 ? most : 64);
			assert_int_equal(j.n, n);
		}
	}
}

/* What may differ between two packets of a flow, and whether they still join; sealed after. */
static void frames_that_differ_do_not_join(void **state)
{
	static const struct {
		const char *what;
		int shape;
		bool join;
		unsigned int at, xor;
	} rows[] = {
		{"nothing", 1, true, 0, 0},
		{"destination MAC: another peer", 1, false, 5, 1},
		{"source MAC: another peer", 1, false, 11, 1},
		{"tos", 1, false, 15, 4},
		{"congestion mark", 1, false, 15, 1},
		{"total length", 1, false, 17, 1},
		{"identification, with DF", 1, true, 19, 0x55},
		{"DF", 1, false, 20, 0x40},
		{"more fragments", 1, false, 20, 0x20},
		{"reserved flag", 1, false, 20, 0x80},
		{"fragment offset", 1, false, 21, 1},
		{"ttl", 1, false, 22, 1},
		{"protocol", 1, false, 23, 6 ^ 17},
		{"source address", 1, false, 29, 1},
		{"destination address", 1, false, 33, 1},
		{"source port", 1, false, 35, 1},
		{"destination port", 1, false, 37, 1},
		{"sequence", 1, false, 41, 1},
		{"sequence, high", 1, false, 38, 1},
		{"acknowledgement", 1, false, 45, 1},
		{"header length", 1, false, 46, 0x10},
		{"reserved bits", 1, false, 46, 1},
		{"FIN", 1, false, 47, 0x01},
		{"SYN", 1, false, 47, 0x02},
		{"RST", 1, false, 47, 0x04},
		{"PSH", 1, true, 47, 0x08},
		{"no ACK", 1, false, 47, 0x10},
		{"URG", 1, false, 47, 0x20},
		{"ECE", 1, false, 47, 0x40},
		{"CWR", 1, false, 47, 0x80},
		{"window", 1, false, 49, 1},
		{"urgent pointer", 1, false, 53, 1},
		{"first option byte", 1, false, 54, 1},
		{"last option byte", 1, false, 65, 1},
		{"payload", 1, true, 66, 1},
		{"traffic class", 4, false, 15, 0x10},
		{"flow label", 4, false, 17, 1},
		{"payload length", 4, false, 19, 1},
		{"next header", 4, false, 20, 6 ^ 17},
		{"hop limit", 4, false, 21, 1},
		{"source address, IPv6", 4, false, 22, 1},
		{"destination address, IPv6", 4, false, 53, 1},
		{"window, IPv6", 4, false, 69, 1},
		{"nothing, UDP", 6, true, 0, 0},
		{"source port, UDP", 6, false, 35, 1},
		{"destination port, UDP", 6, false, 37, 1},
		{"length, UDP", 6, false, 39, 1},
		{"ttl, UDP", 6, false, 22, 1},
		{"nothing, UDP over IPv6", 7, true, 0, 0},
		{"hop limit, UDP over IPv6", 7, false, 21, 1},
	};
	uint8_t a[1000], b[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct shape *s = &shapes[rows[i].shape];
		size_t len = make(s, a, 0, 300, 0, 0x10);

		make(s, b, 300, 300, 1, 0x10);
		b[rows[i].at] ^= (uint8_t)rows[i].xor ;
		seal(s, b, len);
		if (joins(a, len, b, len) != rows[i].join)
			fail_msg("%s: %s", rows[i].what, rows[i].join ? "does not join" : "joins");
	}
}

/* Without DF the identification matters: the kernel would give out others than the sender did. */
static void identifications_go_on_or_may_not_matter(void **state)
{
	uint8_t a[1000], b[1000];

	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		const struct shape *s = &shapes[k];
		size_t len = make(s, a, 0, 300, 0, 0x10);

		if (!s->v4)
			continue;
		make(s, b, 300, 300, 1, 0x10);
		a[20] = b[20] = 0;
		seal(s, a, len);
		seal(s, b, len);
		assert_true(joins(a, len, b, len));
		b[19]++;
		seal(s, b, len);
		assert_false(joins(a, len, b, len));
	}
}

/* A wrong checksum anywhere, in either frame: it goes alone, as it is. */
static void what_is_damaged_does_not_join(void **state)
{
	uint8_t pair[2][400], damaged[400];

	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		size_t len = make(&shapes[k], pair[0], 0, 150, 0, 0x10);

		make(&shapes[k], pair[1], 150, 150, 1, 0x10);
		assert_true(joins(pair[0], len, pair[1], len));
		for (unsigned int bit = 14 * 8; bit < len * 8; bit++) {
			for (int which = 0; which < 2; which++) {
				memcpy(damaged, pair[which], len);
				damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
				/* IPv6 has bits under no checksum: they must be equal */
				assert_false(which == 0 ? joins(damaged, len, pair[1], len)
							: joins(pair[0], len, damaged, len));
			}
		}
	}
}

static void udp_without_a_checksum_does_not_join(void **state)
{
	uint8_t a[400], b[400];
	size_t len = make(&shapes[6], a, 0, 150, 0, 0);

	(void)state;
	make(&shapes[6], b, 150, 150, 1, 0);
	put16(a + 40, 0);
	put16(b + 40, 0);
	assert_false(joins(a, len, b, len));
}

/* Only the last may be shorter, none longer, and after PSH there is nothing. */
static void lengths_and_push_end_a_super_frame(void **state)
{
	uint8_t a[400], b[400], c[400];

	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		const struct shape *s = &shapes[k];
		struct super_frame f;
		struct super_join j;
		size_t hdr = hdr_of(s);

		make(s, a, 0, 100, 0, 0x10);
		make(s, b, 100, 101, 1, 0x10);
		assert_false(joins(a, hdr + 100, b, hdr + 101));
		make(s, b, 100, 99, 1, 0x10);
		make(s, c, 199, 99, 2, 0x10);
		super_look(&f, a, hdr + 100);
		super_join_begin(&j, a, &f);
		super_look(&f, b, hdr + 99);
		assert_true(super_join_add(&j, b, &f));
		super_look(&f, c, hdr + 99);
		assert_false(super_join_add(&j, c, &f));
		if (!s->tcp)
			continue;
		make(s, a, 0, 100, 0, 0x18);
		make(s, b, 100, 100, 1, 0x10);
		assert_false(joins(a, hdr + 100, b, hdr + 100));
		/* an acknowledgement alone has nothing to join */
		make(s, a, 0, 0, 0, 0x10);
		make(s, b, 0, 100, 1, 0x10);
		assert_false(joins(a, hdr, b, hdr + 100));
	}
}

static void what_goes_alone_still_shows_its_flow(void **state)
{
	uint8_t a[400];
	struct super_frame data, f;

	(void)state;
	for (size_t k = 0; k < JOINABLE; k++) {
		const struct shape *s = &shapes[k];
		size_t len = make(s, a, 0, 100, 0, 0x10);

		super_look(&data, a, len);
		assert_int_not_equal(data.kind, SUPER_NONE);
		assert_int_not_equal(data.flow, 0);
		len = make(s, a, 100, 0, 1, 0x11);
		super_look(&f, a, len);
		assert_int_equal(f.kind, SUPER_NONE);
		assert_int_equal(f.flow, data.flow);
		a[s->v4 ? 21 : 20] = s->v4 ? 9 : 44; /* a fragment: of any flow */
		super_look(&f, a, len);
		assert_int_equal(f.kind, SUPER_NONE);
		assert_int_equal(f.flow, 0);
	}
	for (size_t k = JOINABLE; k < ARRAY_LEN(shapes); k++) {
		super_look(&f, a, make(&shapes[k], a, 0, 100, 0, 0x10));
		assert_int_equal(f.kind, SUPER_NONE);
		assert_int_equal(f.flow, 0);
	}
}

/* --- checksums of ordinary frames ------------------------------------------------------- */

static void a_checksum_left_to_us_is_filled_in(void **state)
{
	static uint8_t frame[4096], want[4096];

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		for (size_t n = 0; n < 2000; n += 7) {
			struct super_vnet v;
			size_t len = make_super(&shapes[k], frame, n, 0, 0x12, &v);

			v.gso_type = 0;
			make(&shapes[k], want, 0, n, 0, 0x12);
			assert_true(super_complete(&v, frame, len));
			assert_memory_equal(frame, want, len);
			v.flags = 0;
			frame[len - 1]++;
			want[len - 1]++;
			assert_true(super_complete(&v, frame, len));
			assert_memory_equal(frame, want, len);
		}
	}
}

static void a_checksum_outside_the_frame_is_refused(void **state)
{
	uint8_t *frame = calloc(1, 60);
	struct super_vnet v = {.flags = 1};

	(void)state;
	for (uint32_t start = 0; start < 65536; start += start < 80 ? 1 : 4093) {
		for (uint32_t offset = 0; offset < 65536; offset += offset < 80 ? 1 : 4093) {
			v.csum_start = (uint16_t)start;
			v.csum_offset = (uint16_t)offset;
			assert_int_equal(super_complete(&v, frame, 60), start + offset <= 58);
		}
	}
	free(frame);
}

/* --- hostile bytes ---------------------------------------------------------------------- */

/* Whatever it is, nothing is read beyond len or written beyond the room. */
static void use(const uint8_t *bytes, size_t len, const struct super_vnet *v)
{
	uint8_t *frame = malloc(len == 0 ? 1 : len), *copy = malloc(len == 0 ? 1 : len);
	struct super_frame f;
	struct super_join j;
	struct super_cut c;

	memcpy(frame, bytes, len);
	memcpy(copy, bytes, len);
	if (super_cut_begin(&c, v, frame, len)) {
		uint8_t *out = malloc(super_cut_room(&c));

		for (unsigned int i = 0; i < c.n; i++)
			assert_true(super_cut_segment(&c, i, out) <= super_cut_room(&c));
		free(out);
	}
	super_look(&f, frame, len);
	assert_true(f.kind == SUPER_NONE || (size_t)f.hdr_len + f.payload == len);
	super_join_begin(&j, frame, &f);
	if (super_join_add(&j, copy, &f)) {
		struct super_head head;

		assert_true(super_join_head(&j, &head) <= sizeof(head));
	}
	super_complete(v, frame, len);
	free(frame);
	free(copy);
}

static void frames_cut_off_anywhere_are_never_read_beyond(void **state)
{
	uint8_t frame[600];

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		struct super_vnet v;
		struct super_cut c;
		size_t len = make_super(&shapes[k], frame, 300, 100, 0x18, &v);

		for (size_t n = 0; n < len; n++) {
			use(frame, n, &v);
			assert_false(super_cut_begin(&c, &v, frame, n));
		}
		/* and with lengths that agree */
		for (size_t n = hdr_of(&shapes[k]) - 30; n < len; n++) {
			put16(frame + (shapes[k].v4 ? 16 : 18), n - (shapes[k].v4 ? 14 : 54));
			use(frame, n, &v);
		}
	}
}

static void random_damage_is_never_read_beyond(void **state)
{
	uint8_t frame[600];
	uint32_t seed = 11;

	(void)state;
	for (int round = 0; round < 60000; round++) {
		const struct shape *s = &shapes[frame_random(&seed) % ARRAY_LEN(shapes)];
		struct super_vnet v;
		size_t len = make_super(s, frame, 200, 60, 0x10, &v);

		for (uint32_t k = frame_random(&seed) % 4; k > 0; k--)
			frame[12 + frame_random(&seed) % (hdr_of(s) - 12)] =
				(uint8_t)frame_random(&seed);
		if (round % 3 == 0)
			((uint8_t *)&v)[frame_random(&seed) % 10] = (uint8_t)frame_random(&seed);
		use(frame, len, &v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_segment_is_the_packet_it_would_have_been),
		cmocka_unit_test(the_largest_super_frame_is_cut),
		cmocka_unit_test(flags_of_the_ends_stay_at_the_ends),
		cmocka_unit_test(a_super_frame_that_contradicts_itself_is_refused),
		cmocka_unit_test(joining_the_segments_gives_the_super_frame_back),
		cmocka_unit_test(sixty_four_frames_and_65535_bytes_are_the_most),
		cmocka_unit_test(frames_that_differ_do_not_join),
		cmocka_unit_test(identifications_go_on_or_may_not_matter),
		cmocka_unit_test(what_is_damaged_does_not_join),
		cmocka_unit_test(udp_without_a_checksum_does_not_join),
		cmocka_unit_test(lengths_and_push_end_a_super_frame),
		cmocka_unit_test(what_goes_alone_still_shows_its_flow),
		cmocka_unit_test(a_checksum_left_to_us_is_filled_in),
		cmocka_unit_test(a_checksum_outside_the_frame_is_refused),
		cmocka_unit_test(frames_cut_off_anywhere_are_never_read_beyond),
		cmocka_unit_test(random_damage_is_never_read_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
