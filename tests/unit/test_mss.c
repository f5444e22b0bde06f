/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MSS clamp: right on every shape of a SYN, and harmless on everything else. Packets lie in
 * buffers of exactly their length, so that ASan sees one byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "component/frames.h"
#include "dataplane/mss.h"

#define PACKET_MAX 400
#define SYN	   0x02
#define FIN	   0x01
#define RST	   0x04
#define ACK	   0x10

/* What stands between the IP header's fixed part and TCP: IPv4 options or extension headers. */
struct shape {
	const char *name;
	int family;
	uint8_t first; /* IPv6: next header of the fixed part */
	uint8_t n;
	uint8_t between[64];
};

static const struct shape shapes[] = {
	{"IPv4", 4, 6, 0, {0}},
	{"IPv4, 4 bytes of options", 4, 6, 4, {1, 1, 1, 0}},
	{"IPv4, 40 bytes of options", 4, 6, 40, {7, 39, 4}},
	{"IPv6", 6, 6, 0, {0}},
	{"IPv6, hop by hop", 6, 0, 8, {6, 0, 1, 4}},
	{"IPv6, routing", 6, 43, 24, {6, 2, 0, 0}},
	{"IPv6, destination options", 6, 60, 16, {6, 1, 1, 12}},
	{"IPv6, first fragment", 6, 44, 8, {6, 0, 0, 1, 1, 2, 3, 4}},
	{"IPv6, hop by hop, destination, routing, fragment", 6, 0, 32,
		{60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 6}},
};

#define HEADERS(s) ((s)->family == 4 ? 40u : 60u) /* IP and TCP, without options */

static size_t tcp_at(const struct shape *s)
{
	return (s->family == 4 ? 20u : 40u) + s->n;
}

static uint32_t add16(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

/* 0 when TCP's checksum holds; before it is filled in: what it has to be. */
static uint16_t tcp_checksum(const struct shape *s, const uint8_t *p, size_t len)
{
	size_t at = tcp_at(s), n = len - at;
	uint32_t pseudo = 6 + (uint32_t)n + (s->family == 4 ? add16(p + 12, 8) : add16(p + 8, 32));

	return frame_checksum(pseudo, p + at, n);
}

/* A TCP packet with these options (a multiple of 4 bytes) and `data` bytes of payload. */
static size_t make(const struct shape *s, uint8_t *p, uint8_t flags, const uint8_t *options,
	size_t n, size_t data)
{
	size_t at = tcp_at(s), len = at + 20 + n + data;
	uint8_t *tcp = p + at;

	assert_true(len <= PACKET_MAX && n % 4 == 0 && n <= 40);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 37 + 11);
	if (s->family == 4) {
		p[0] = (uint8_t)(0x40 | (20 + s->n) / 4);
		be16_store(p + 2, (uint16_t)len);
		be16_store(p + 6, 0x4000);
		p[9] = 6;
		memcpy(p + 20, s->between, s->n);
	} else {
		p[0] = 0x60;
		be16_store(p + 4, (uint16_t)(len - 40));
		p[6] = s->first;
		memcpy(p + 40, s->between, s->n);
	}
	tcp[12] = (uint8_t)((20 + n) / 4 << 4);
	tcp[13] = flags;
	if (n > 0)
		memcpy(tcp + 20, options, n);
	be16_store(tcp + 16, 0);
	be16_store(tcp + 16, tcp_checksum(s, p, len));
	assert_int_equal(tcp_checksum(s, p, len), 0);
	return len;
}

/* As the data plane does it: asks, then clamps. The packet lies in exactly len bytes. */
static bool clamp(uint8_t *p, size_t len, uint32_t most)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	bool may, lowered;

	memcpy(exact, p, len);
	may = mss_may_be_said(exact, len);
	assert_memory_equal(exact, p, len);
	lowered = mss_clamp(exact, len, most);
	if (lowered)
		assert_true(may); /* the question lets nothing pass by */
	else
		assert_memory_equal(exact, p, len);
	memcpy(p, exact, len);
	free(exact);
	return lowered;
}

/* Expects that the option at this place of TCP is lowered to mss, and nothing else is touched. */
static void expect_lowered(
	const struct shape *s, uint8_t *p, size_t len, uint32_t most, size_t at, uint16_t mss)
{
	uint8_t want[PACKET_MAX];

	memcpy(want, p, len);
	if (!clamp(p, len, most))
		fail_msg("%s: not lowered", s->name);
	assert_int_equal(be16_load(p + tcp_at(s) + at), mss);
	assert_int_equal(tcp_checksum(s, p, len), 0);
	be16_store(want + tcp_at(s) + at, mss);
	memcpy(want + tcp_at(s) + 16, p + tcp_at(s) + 16, 2);
	assert_memory_equal(p, want, len);
	assert_false(clamp(p, len, most));
}

static void expect_alone(const char *name, uint8_t *p, size_t len)
{
	if (clamp(p, len, 1000))
		fail_msg("%s: touched", name);
}

/* --- what is lowered -------------------------------------------------------------------- */

static void every_shape_of_a_syn_is_lowered(void **state)
{
	static const uint8_t flags[] = {SYN, SYN | ACK, SYN | 0xc0, SYN | ACK | 0x40};
	static const struct {
		uint8_t n, at; /* of the value */
		uint8_t bytes[40];
	} options[] = {
		{4, 22, {2, 4, 0x05, 0xb4}},
		{8, 23, {1, 2, 4, 0x23, 0x28, 1, 1, 1}}, /* at an odd place */
		{8, 24, {1, 1, 2, 4, 0xff, 0xff, 0, 0}},
		{8, 25, {1, 1, 1, 2, 4, 0x05, 0xb5, 0}},
		{20, 22, {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7}},
		{40, 38, {19, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 0x05, 0xb4}},
		{8, 22, {2, 4, 0x05, 0xb4, 0, 2, 0, 99}}, /* what follows the end is nothing */
		{4, 22, {2, 4, 0xff, 0xff}},
	};
	uint8_t p[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];

		for (size_t k = 0; k < ARRAY_LEN(options) * ARRAY_LEN(flags); k++) {
			size_t o = k / ARRAY_LEN(flags);
			size_t len = make(s, p, flags[k % ARRAY_LEN(flags)], options[o].bytes,
				options[o].n, k % 3);

			expect_lowered(
				s, p, len, 1400, options[o].at, (uint16_t)(1400 - HEADERS(s)));
		}
	}
}

static void the_value_is_lowered_never_raised(void **state)
{
	uint8_t p[PACKET_MAX], option[4] = {2, 4};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];

		for (uint32_t mss = 0; mss <= 0xffff; mss++) {
			uint16_t most = (uint16_t)(1448 - HEADERS(s));
			size_t len;

			be16_store(option + 2, (uint16_t)mss);
			len = make(s, p, SYN, option, 4, 0);
			if (mss <= most)
				assert_false(clamp(p, len, 1448));
			else
				expect_lowered(s, p, len, 1448, 22, most);
		}
	}
}

static void the_checksum_holds_for_every_new_value(void **state)
{
	static const uint8_t even[4] = {2, 4, 0xff, 0xff}, odd[8] = {1, 2, 4, 0xff, 0xfe, 0, 0, 0};
	uint8_t p[PACKET_MAX];

	(void)state;
	for (uint32_t mss = MSS_LEAST; mss < 0xfffe; mss++) {
		for (size_t i = 0; i < 4; i += 3) { /* IPv4, IPv6 */
			const struct shape *s = &shapes[i];
			uint32_t most = mss + HEADERS(s);

			expect_lowered(s, p, make(s, p, SYN, even, 4, 0), most, 22, (uint16_t)mss);
			expect_lowered(s, p, make(s, p, SYN, odd, 8, 0), most, 23, (uint16_t)mss);
		}
	}
}

static void no_path_makes_crumbs_of_segments(void **state)
{
	static const uint8_t option[4] = {2, 4, 0x05, 0xb4};
	static const uint32_t paths[] = {0, 1, 39, 40, 60, 68, 255, 256, 295, 296};
	uint8_t p[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		expect_lowered(&shapes[0], p, make(&shapes[0], p, SYN, option, 4, 0), paths[i], 22,
			MSS_LEAST);
	expect_lowered(&shapes[0], p, make(&shapes[0], p, SYN, option, 4, 0), 297, 22, 257);
	expect_lowered(&shapes[3], p, make(&shapes[3], p, SYN, option, 4, 0), 316, 22, 256);
}

/* Who says it twice means the last, or the first: both are lowered. */
static void each_of_several_values_is_lowered(void **state)
{
	static const uint8_t options[8] = {2, 4, 0x05, 0xb4, 2, 4, 0x23, 0x28};
	uint8_t p[PACKET_MAX];
	size_t len = make(&shapes[0], p, SYN, options, 8, 0);

	(void)state;
	assert_true(clamp(p, len, 1240));
	assert_int_equal(be16_load(p + 42), 1200);
	assert_int_equal(be16_load(p + 46), 1200);
	assert_int_equal(tcp_checksum(&shapes[0], p, len), 0);
}

/* --- what is left alone ----------------------------------------------------------------- */

static void only_what_opens_a_connection_is_looked_at(void **state)
{
	static const uint8_t option[4] = {2, 4, 0x05, 0xb4};
	uint8_t p[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		for (unsigned int flags = 0; flags < 256; flags++) {
			size_t len = make(&shapes[i], p, (uint8_t)flags, option, 4, 8);
			bool plain = shapes[i].n == 0;

			if ((flags & (SYN | RST)) == SYN) {
				assert_true(mss_may_be_said(p, len));
				continue;
			}
			expect_alone(shapes[i].name, p, len);
			if (plain && (flags & SYN) == 0) /* data pays for the question only */
				assert_false(mss_may_be_said(p, len));
		}
	}
}

static void other_protocols_and_later_fragments_are_left_alone(void **state)
{
	static const uint8_t option[4] = {2, 4, 0x05, 0xb4};
	uint8_t p[PACKET_MAX];
	size_t len;

	(void)state;
	for (unsigned int proto = 0; proto < 256; proto++) {
		for (size_t i = 0; i < 4; i += 3) {
			len = make(&shapes[i], p, SYN, option, 4, 0);
			p[i == 0 ? 9 : 6] = (uint8_t)proto;
			if (proto != 6)
				expect_alone("another protocol", p, len);
		}
	}
	for (unsigned int offset = 1; offset < 0x2000; offset++) {
		len = make(&shapes[0], p, SYN, option, 4, 0);
		be16_store(p + 6, (uint16_t)offset);
		expect_alone("IPv4 fragment", p, len);
		be16_store(p + 6, (uint16_t)(offset | 0x2000));
		expect_alone("IPv4 fragment with more", p, len);
		len = make(&shapes[7], p, SYN, option, 4, 0);
		be16_store(p + 42, (uint16_t)(offset << 3));
		expect_alone("IPv6 fragment", p, len);
	}
	len = make(&shapes[0], p, SYN, option, 4, 0);
	be16_store(p + 6, 0x2000); /* the first of several has the header */
	assert_true(clamp(p, len, 1000));
	for (unsigned int version = 0; version < 16; version++) {
		len = make(&shapes[0], p, SYN, option, 4, 0);
		p[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			expect_alone("another version", p, len);
	}
}

static void options_that_contradict_themselves_leave_the_packet_alone(void **state)
{
	static const struct {
		const char *name;
		uint8_t n;
		uint8_t bytes[12];
	} options[] = {
		{"none", 0, {0}},
		{"another of length 0 before it", 8, {3, 0, 2, 4, 0x05, 0xb4, 1, 1}},
		{"another of length 1 before it", 8, {3, 1, 2, 4, 0x05, 0xb4, 1, 1}},
		{"another that is too long before it", 8, {3, 9, 2, 4, 0x05, 0xb4, 1, 1}},
		{"another that is too long behind it", 8, {2, 4, 0x05, 0xb4, 3, 5, 1, 1}},
		{"another of length 0 behind it", 8, {2, 4, 0x05, 0xb4, 3, 0, 1, 1}},
		{"a second one that is short", 8, {2, 4, 0x05, 0xb4, 2, 3, 1, 1}},
		{"a kind without length at the end", 8, {2, 4, 0x05, 0xb4, 1, 1, 1, 3}},
		{"it is the last byte", 4, {1, 1, 1, 2}},
		{"it is cut behind its length", 4, {1, 1, 2, 4}},
		{"it is cut within its value", 4, {1, 2, 4, 0x05}},
		{"behind the end of the list", 8, {0, 1, 2, 4, 0x05, 0xb4, 1, 1}},
		{"inside of another", 8, {5, 8, 2, 4, 0x05, 0xb4, 1, 1}},
	};
	uint8_t p[PACKET_MAX], option[8] = {2, 0, 0x05, 0xb4, 1, 1, 1, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];

		for (size_t k = 0; k < ARRAY_LEN(options); k++)
			expect_alone(options[k].name, p,
				make(s, p, SYN, options[k].bytes, options[k].n, 40));
		for (unsigned int len = 0; len < 256; len++) {
			option[1] = (uint8_t)len;
			if (len != 4)
				expect_alone("its length", p, make(s, p, SYN, option, 8, 40));
		}
	}
}

static void lengths_that_contradict_themselves_leave_the_packet_alone(void **state)
{
	static const uint8_t option[4] = {2, 4, 0x05, 0xb4};
	uint8_t p[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];
		size_t len;

		for (unsigned int words = 0; words < 16; words++) { /* of TCP's header */
			len = make(s, p, SYN, option, 4, 0);
			p[tcp_at(s) + 12] = (uint8_t)(words << 4);
			if (words < 6 || words > 6)
				expect_alone("TCP header's length", p, len);
		}
		for (unsigned int total = 0; total < 0x10000; total++) {
			len = make(s, p, SYN, option, 4, 0);
			be16_store(p + (s->family == 4 ? 2 : 4), (uint16_t)total);
			if (total != len - (s->family == 4 ? 0 : 40))
				expect_alone("IP length", p, len);
		}
		for (size_t cut = 0; cut < len; cut++) {
			make(s, p, SYN, option, 4, 0);
			expect_alone("cut", p, cut);
			if (s->family == 4)
				be16_store(p + 2, (uint16_t)cut);
			else if (cut >= 40)
				be16_store(p + 4, (uint16_t)(cut - 40));
			expect_alone("cut, and says so", p, cut);
		}
	}
}

static void extension_headers_that_lead_nowhere_leave_the_packet_alone(void **state)
{
	static const uint8_t option[4] = {2, 4, 0x05, 0xb4};
	uint8_t p[PACKET_MAX];
	size_t len;

	(void)state;
	for (unsigned int n = 0; n < 256; n++) {
		len = make(&shapes[4], p, SYN, option, 4, 0);
		p[41] = (uint8_t)n;
		if (n != 0)
			expect_alone("length of hop by hop", p, len);
		len = make(&shapes[4], p, SYN, option, 4, 0);
		p[40] = (uint8_t)n;
		if (n != 6)
			expect_alone("what follows hop by hop", p, len);
	}
	/* authentication covers what follows: it may be read, but not changed */
	len = make(&shapes[4], p, SYN, option, 4, 0);
	p[6] = 51;
	expect_alone("authentication header", p, len);
}

/* --- anything --------------------------------------------------------------------------- */

/*
 * Bytes of a good packet are changed at random, and it is cut at random. Whatever comes of it, the
 * sum of the packet's words stays the same: what was lowered, the checksum has got.
 */
static void random_damage_does_no_harm(void **state)
{
	static const uint8_t options[][20] = {
		{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7},
		{1, 2, 4, 0xff, 0xff, 1, 2, 4, 5, 6, 3, 3, 7, 2, 4, 0x10, 0, 1, 1, 0},
	};
	uint8_t p[PACKET_MAX];
	unsigned int lowered = 0;
	uint32_t seed = 20170508;

	(void)state;
	for (unsigned int round = 0; round < 400000; round++) {
		const struct shape *s = &shapes[frame_random(&seed) % ARRAY_LEN(shapes)];
		size_t len = make(s, p, frame_random(&seed) % 2 ? SYN : SYN | ACK,
			options[frame_random(&seed) % 2], 20, frame_random(&seed) % 9);
		uint32_t before;

		for (uint32_t n = frame_random(&seed) % 5; n > 0; n--)
			p[frame_random(&seed) % len] = (uint8_t)frame_random(&seed);
		if (frame_random(&seed) % 4 == 0)
			len = frame_random(&seed) % (len + 1);
		before = add16(p, len) % 0xffff;
		lowered += clamp(p, len, frame_random(&seed) % 1500);
		assert_int_equal(add16(p, len) % 0xffff, before);
	}
	assert_true(lowered > 100000 && lowered < 400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_a_syn_is_lowered),
		cmocka_unit_test(the_value_is_lowered_never_raised),
		cmocka_unit_test(the_checksum_holds_for_every_new_value),
		cmocka_unit_test(no_path_makes_crumbs_of_segments),
		cmocka_unit_test(each_of_several_values_is_lowered),
		cmocka_unit_test(only_what_opens_a_connection_is_looked_at),
		cmocka_unit_test(other_protocols_and_later_fragments_are_left_alone),
		cmocka_unit_test(options_that_contradict_themselves_leave_the_packet_alone),
		cmocka_unit_test(lengths_that_contradict_themselves_leave_the_packet_alone),
		cmocka_unit_test(extension_headers_that_lead_nowhere_leave_the_packet_alone),
		cmocka_unit_test(random_damage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
