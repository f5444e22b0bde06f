/* SPDX-License-Identifier: BSD-3-Clause */
/* DSCP and ECN: all combinations of inner and outer, in both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/tos.h"

#define LEN 60

/* RFC 6040, figure 4, in its own order and words. */
#define DROPPED -1
static const struct {
	const char *inner;
	uint8_t bits;
	int by_outer[4]; /* not-ECT, ECT(0), ECT(1), CE */
} figure4[] = {
	{"not-ECT", 0, {0, 0, 0, DROPPED}},
	{"ECT(0)", 2, {2, 2, 1, 3}},
	{"ECT(1)", 1, {1, 1, 1, 3}},
	{"CE", 3, {3, 3, 3, 3}},
};
static const uint8_t outers[4] = {0, 2, 1, 3};

static void packet(uint8_t *p, int family, uint8_t tos)
{
	struct ip_addr src = ip_of(family == 4 ? "10.8.0.1" : "fd00::1");
	struct ip_addr dst = ip_of(family == 4 ? "10.8.0.2" : "fd00::2");

	frame_inner(p, &src, &dst, LEN, tos);
	if (family == 4) {
		p[1] = tos;
		be16_store(p + 10, 0);
		be16_store(p + 10, frame_checksum(0, p, 20));
	} else {
		p[0] = (uint8_t)(0x60 | tos >> 4);
		p[1] = (uint8_t)(tos << 4 | 0x0b); /* flow label */
	}
}

static void all_combinations_come_out_as_the_rfc_says(void **state)
{
	uint8_t p[LEN], want[LEN];

	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		for (unsigned int k = 0; k < 64 * 64 * 16; k++) {
			unsigned int dscp = k / 16 % 64 * 4, outer_dscp = k / 16 / 64 * 4;
			unsigned int i = k % 4, o = k / 4 % 4;
			int ecn = figure4[i].by_outer[o];
			uint8_t outer = (uint8_t)(outer_dscp | outers[o]);
			bool passes;

			packet(p, family, (uint8_t)(dscp | figure4[i].bits));
			packet(want, family, (uint8_t)(dscp | (ecn >= 0 ? ecn : figure4[i].bits)));
			memcpy(want + 20, p + 20, LEN - 20); /* the body has another seed */
			if (family == 6)
				memcpy(want + 2, p + 2, LEN - 2);
			/* who does not ask because it cannot matter, is right */
			passes = !tos_matters(outer) || tos_decap(p, family, outer);
			if (passes != (ecn != DROPPED) || memcmp(p, want, LEN) != 0)
				fail_msg("IPv%d, inner %s, outer bits %u", family, figure4[i].inner,
					outers[o]);
			packet(p, family, (uint8_t)(dscp | figure4[i].bits));
			assert_int_equal(tos_decap(p, family, outer), ecn != DROPPED);
			assert_memory_equal(p, want, 12);
		}
	}
}

static void a_wrong_checksum_is_not_made_right(void **state)
{
	uint8_t p[LEN];

	(void)state;
	for (uint32_t wrong = 1; wrong < 0xffff; wrong++) {
		uint16_t sum;

		packet(p, 4, 2);
		sum = be16_load(p + 10);
		be16_store(p + 10, (uint16_t)(sum ^ wrong));
		assert_true(tos_decap(p, IP_V4, 3));
		if ((uint16_t)(sum ^ wrong) != 0 && (uint16_t)(sum ^ wrong) != 0xffff)
			assert_int_not_equal(frame_checksum(0, p, 20), 0);
	}
}

static void the_byte_is_read_of_ip_packets_only(void **state)
{
	uint8_t p[LEN];

	(void)state;
	for (unsigned int tos = 0; tos < 256; tos++) {
		packet(p, 4, (uint8_t)tos);
		assert_int_equal(tos_of(p), tos);
		packet(p, 6, (uint8_t)tos);
		assert_int_equal(tos_of(p), tos);
		for (unsigned int version = 0; version < 16; version++) {
			p[0] = (uint8_t)(version << 4 | (tos & 15));
			if (version != 4 && version != 6)
				assert_int_equal(tos_of(p), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_combinations_come_out_as_the_rfc_says),
		cmocka_unit_test(a_wrong_checksum_is_not_made_right),
		cmocka_unit_test(the_byte_is_read_of_ip_packets_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
