/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/nap.h"

/* A nap that gathered so many packets; the length of the next one. */
static uint32_t after(struct nap *n, uint32_t packets)
{
	nap_moved(n, packets);
	return nap_next(n);
}

static void naps_with_few_packets_grow_to_the_longest(void **state)
{
	struct nap n;

	(void)state;
	nap_init(&n);
	assert_int_equal(after(&n, 1), 2 * NAP_MIN_NS);
	assert_int_equal(after(&n, 0), 4 * NAP_MIN_NS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(after(&n, NAP_FEW - 1), NAP_MAX_NS);
}

static void naps_with_many_packets_shrink_to_the_shortest(void **state)
{
	struct nap n;

	(void)state;
	nap_init(&n);
	after(&n, 1);
	after(&n, 1);
	assert_int_equal(after(&n, NAP_MANY), NAP_MAX_NS / 2);
	for (int i = 0; i < 10; i++)
		assert_int_equal(after(&n, NAP_MANY), NAP_MIN_NS);
}

static void naps_with_enough_packets_stay_as_they_are(void **state)
{
	struct nap n;

	(void)state;
	nap_init(&n);
	after(&n, 1);
	for (uint32_t packets = NAP_FEW; packets < NAP_MANY; packets++)
		assert_int_equal(after(&n, packets), 2 * NAP_MIN_NS);
}

static void packets_of_several_turns_count_together(void **state)
{
	struct nap n;

	(void)state;
	nap_init(&n);
	after(&n, 1);
	nap_moved(&n, NAP_MANY - 1);
	assert_int_equal(after(&n, 1), NAP_MIN_NS);
}

static void lull_comes_after_its_time_and_ends_with_a_packet(void **state)
{
	struct nap n;
	uint64_t slept = 0;
	uint32_t ns;

	(void)state;
	nap_init(&n);
	while ((ns = after(&n, 0)) != 0)
		slept += ns;
	assert_true(slept >= NAP_LULL_NS && slept < NAP_LULL_NS + 2 * NAP_MAX_NS);
	assert_int_equal(after(&n, 0), 0);
	assert_int_not_equal(after(&n, 1), 0);
	/* the time counts from the last packet */
	for (slept = 0; (ns = after(&n, 0)) != 0;)
		slept += ns;
	assert_true(slept >= NAP_LULL_NS - NAP_MAX_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naps_with_few_packets_grow_to_the_longest),
		cmocka_unit_test(naps_with_many_packets_shrink_to_the_shortest),
		cmocka_unit_test(naps_with_enough_packets_stay_as_they_are),
		cmocka_unit_test(packets_of_several_turns_count_together),
		cmocka_unit_test(lull_comes_after_its_time_and_ends_with_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
