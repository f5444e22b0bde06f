/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/inner.h"

static void a_peers_mac_carries_id_and_generation_there_and_back(void **state)
{
	static const uint8_t bytes[MAC_LEN] = {0x02, 0xab, 0xcd, 0x12, 0x34, 0x56};
	uint8_t mac[MAC_LEN];

	(void)state;
	inner_mac_write(mac, 0xabcd, 0x123456);
	assert_memory_equal(mac, bytes, MAC_LEN);
	for (uint32_t id = 0; id < 1u << 24; id += 4099) {
		uint16_t want = (uint16_t)(id * 31), generation;
		uint32_t got;

		inner_mac_write(mac, want, id);
		assert_true(inner_mac_read(mac, &generation, &got));
		assert_int_equal(generation, want);
		assert_int_equal(got, id);
		assert_int_equal(mac[0] & 3, 2); /* unicast, locally administered */
	}
}

static void only_macs_that_begin_with_02_are_peers(void **state)
{
	uint8_t mac[MAC_LEN] = {0};
	uint16_t generation;
	uint32_t id;

	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		mac[0] = (uint8_t)first;
		assert_int_equal(inner_mac_read(mac, &generation, &id), first == 2);
	}
}

/* The rule in other words: version, header and total length, each against the bytes there are. */
static enum ip_family model(const uint8_t *p, size_t len)
{
	if (len == 0)
		return IP_NONE;
	if (p[0] >> 4 == 4 && len >= 20) {
		size_t header = (size_t)(p[0] % 16) * 4, total = (size_t)p[2] * 256 + p[3];

		if (header < 20 || total < header || total > len)
			return IP_NONE;
		return IP_V4;
	}
	if (p[0] >> 4 == 6 && len >= 40 && (size_t)p[4] * 256 + p[5] + 40 <= len)
		return IP_V6;
	return IP_NONE;
}

static void family_needs_version_and_lengths_that_hold(void **state)
{
	static const uint16_t totals[] = {
		0, 1, 19, 20, 21, 23, 24, 39, 40, 41, 59, 60, 61, 64, 1000, 65535};
	const size_t lens[] = {0, 1, 3, 4, 5, 6, 19, 20, 21, 24, 39, 40, 41, 59, 60, 61, 64};

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
		uint8_t *p = calloc(1, lens[l] == 0 ? 1 : lens[l]); /* ASan guards its end */

		for (unsigned int first = 0; first < 256; first++) {
			for (size_t t = 0; t < ARRAY_LEN(totals); t++) {
				size_t at = first >> 4 == 6 ? 4 : 2;

				if (lens[l] > 0)
					p[0] = (uint8_t)first;
				if (lens[l] >= at + 2)
					be16_store(p + at, totals[t]);
				assert_int_equal(inner_family(p, lens[l]), model(p, lens[l]));
			}
		}
		free(p);
	}
}

static void whole_packets_are_seen_and_cut_ones_are_not(void **state)
{
	struct ip_addr a4 = ip_of("10.0.0.1"), b4 = ip_of("10.0.0.2");
	struct ip_addr a6 = ip_of("fd00::1"), b6 = ip_of("fd00::2");
	uint8_t p[100];

	(void)state;
	frame_inner(p, &a4, &b4, 100, 1);
	for (size_t len = 0; len <= 100; len++)
		assert_int_equal(inner_family(p, len), len == 100 ? IP_V4 : IP_NONE);
	assert_memory_equal(inner_source(p, IP_V4), a4.b, 4);
	frame_inner(p, &a6, &b6, 100, 1);
	for (size_t len = 0; len <= 100; len++)
		assert_int_equal(inner_family(p, len), len == 100 ? IP_V6 : IP_NONE);
	assert_memory_equal(inner_source(p, IP_V6), a6.b, 16);
}

static void occ_magic_is_known_in_front_of_anything(void **state)
{
	uint8_t p[20] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3,
		0xaf, 0xc5, 0x45, 0x9c, 6};

	(void)state;
	for (size_t len = 0; len <= sizeof(p); len++)
		assert_int_equal(inner_is_occ(p, len), len >= 16);
	for (size_t bit = 0; bit < 128; bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(inner_is_occ(p, sizeof(p)));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void goodbye_is_one_message_and_no_other(void **state)
{
	uint8_t p[20] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3,
		0xaf, 0xc5, 0x45, 0x9c, 6};

	(void)state;
	for (size_t len = 0; len <= sizeof(p); len++)
		assert_int_equal(inner_is_occ_exit(p, len), len == 17);
	for (size_t bit = 0; bit < 136; bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(inner_is_occ_exit(p, 17));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peers_mac_carries_id_and_generation_there_and_back),
		cmocka_unit_test(only_macs_that_begin_with_02_are_peers),
		cmocka_unit_test(family_needs_version_and_lengths_that_hold),
		cmocka_unit_test(whole_packets_are_seen_and_cut_ones_are_not),
		cmocka_unit_test(occ_magic_is_known_in_front_of_anything),
		cmocka_unit_test(goodbye_is_one_message_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
