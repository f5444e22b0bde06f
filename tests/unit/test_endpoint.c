/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/endpoint.h"

static const char *const pairs[][2] = {
	{"192.0.2.1", "198.51.100.7"},
	{"0.0.0.1", "255.255.255.254"},
	{"255.255.255.255", "255.255.255.255"},
	{"2001:db8::1", "2001:db8::ffff:2"},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
	{"fe80::1", "fe80::2"},
};

static struct endpoint *build(const struct flow *f)
{
	struct endpoint *e = aligned_alloc(CACHE_LINE, (sizeof(*e) + 63) / 64 * 64);

	assert_non_null(e);
	endpoint_build(e, &f->dst, &f->src, f->src_mac, f->dst_mac, 3, 1400);
	return e;
}

/* Headers in front of len bytes, in a buffer of exactly that size; NULL or what is wrong. */
static const char *write_and_check(
	const struct endpoint *e, const struct flow *f, uint16_t len, uint16_t id, uint8_t fill)
{
	size_t hdr = frame_hdr_len(f->src.ip.family);
	uint8_t *frame = malloc(hdr + len);
	const char *wrong;

	for (size_t i = 0; i < hdr + len; i++)
		frame[i] = (uint8_t)(fill * (i + 3));
	endpoint_write(e, frame, len, id, 0);
	if (e->family == IP_V6)
		endpoint_checksum6(e, frame, len);
	wrong = frame_udp_wrong(frame, hdr + len, f, len);
	if (wrong == NULL && e->family == IP_V4 && be16_load(frame + 18) != id)
		wrong = "IPv4 identification";
	if (wrong == NULL && e->family == IP_V4 && be16_load(frame + 40) != 0)
		wrong = "UDP checksum over IPv4: zero means none";
	free(frame);
	return wrong;
}

static void headers_hold_for_every_small_length_and_family(void **state)
{
	static const uint8_t fills[] = {0, 0xff, 1, 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct flow f = flow_of(udp_of(pairs[i][0], 1194), udp_of(pairs[i][1], 65535));
		struct endpoint *e = build(&f);

		assert_int_equal(e->hdr_len, frame_hdr_len(f.src.ip.family));
		assert_int_equal(e->family, f.src.ip.family);
		assert_int_equal(e->port, 3);
		assert_int_equal(e->mtu, 1400);
		for (uint16_t len = 0; len < 300; len++) {
			for (size_t k = 0; k < ARRAY_LEN(fills); k++)
				assert_null(write_and_check(e, &f, len, len, fills[k]));
		}
		for (uint16_t len = 1380; len < 1480; len++)
			assert_null(write_and_check(e, &f, len, 0xfff0 + len, 0xa5));
		free(e);
	}
}

static void ip4_checksum_holds_for_every_identification(void **state)
{
	struct flow f = flow_of(udp_of("192.0.2.1", 1194), udp_of("198.51.100.7", 50000));
	struct endpoint *e = build(&f);

	(void)state;
	for (uint32_t id = 0; id <= 0xffff; id++)
		assert_null(write_and_check(e, &f, 33, (uint16_t)id, 1));
	free(e);
}

static void tos_is_written_as_far_as_the_mask_lets_it(void **state)
{
	static const uint8_t masks[] = {0x00, 0x03, 0xfc, 0xff};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(pairs) * ARRAY_LEN(masks) * 256; k++) {
		const char *const *pair = pairs[k / 256 / ARRAY_LEN(masks)];
		struct flow f = flow_of(udp_of(pair[0], 1194), udp_of(pair[1], 65535));
		uint8_t tos = (uint8_t)k, mask = masks[k / 256 % ARRAY_LEN(masks)];
		struct endpoint *e = build(&f);
		uint8_t frame[100] = {0};
		size_t len = sizeof(frame) - e->hdr_len;
		uint32_t word;

		e->tos_mask = mask;
		endpoint_write(e, frame, (uint16_t)len, 1, tos);
		if (e->family == IP_V6)
			endpoint_checksum6(e, frame, (uint16_t)len);
		assert_null(frame_udp_wrong(frame, sizeof(frame), &f, len));
		word = be32_load(frame + 14);
		if (e->family == IP_V4)
			assert_int_equal(word >> 16, 0x4500 | (tos & mask));
		else
			assert_int_equal(word, 0x60000000 | (uint32_t)(tos & mask) << 20);
		free(e);
	}
}

static void ip6_checksum_holds_for_random_addresses(void **state)
{
	uint32_t seed = 4711;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct flow f = flow_of(udp_of("::", 0), udp_of("::", 0));
		struct endpoint *e;

		for (int i = 0; i < 16; i++) {
			f.src.ip.b[i] = (uint8_t)frame_random(&seed);
			f.dst.ip.b[i] = (uint8_t)frame_random(&seed);
		}
		f.src.port = (uint16_t)frame_random(&seed);
		f.dst.port = (uint16_t)frame_random(&seed);
		e = build(&f);
		assert_null(write_and_check(
			e, &f, frame_random(&seed) % 1500, 0, (uint8_t)frame_random(&seed)));
		free(e);
	}
}

/* Finds two payload bytes that make the sum come out as zero: it is sent as all ones. */
static void ip6_checksum_zero_is_sent_as_ones(void **state)
{
	struct flow f = flow_of(udp_of("2001:db8::1", 1194), udp_of("2001:db8::2", 1195));
	struct endpoint *e = build(&f);
	unsigned int ones = 0;

	(void)state;
	for (uint32_t v = 0; v <= 0xffff; v++) {
		uint8_t frame[64] = {0};

		be16_store(frame + 62, (uint16_t)v);
		endpoint_write(e, frame, 2, 0, 0);
		endpoint_checksum6(e, frame, 2);
		assert_int_not_equal(be16_load(frame + 60), 0);
		assert_null(frame_udp_wrong(frame, sizeof(frame), &f, 2));
		ones += be16_load(frame + 60) == 0xffff;
	}
	assert_true(ones > 0);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_hold_for_every_small_length_and_family),
		cmocka_unit_test(ip4_checksum_holds_for_every_identification),
		cmocka_unit_test(tos_is_written_as_far_as_the_mask_lets_it),
		cmocka_unit_test(ip6_checksum_holds_for_random_addresses),
		cmocka_unit_test(ip6_checksum_zero_is_sent_as_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
