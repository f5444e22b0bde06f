/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/recent.h"

static struct udp_addr remote(uint32_t n)
{
	struct udp_addr a = {.ip = {.family = IP_V4}, .port = (uint16_t)(1024 + n % 50000)};

	be32_store(a.ip.b, 0x0a000000 + n / 50000);
	return a;
}

static struct ip_addr local(uint8_t last)
{
	return (struct ip_addr){IP_V4, {192, 0, 2, last}};
}

static struct recent *new_recent(uint64_t key)
{
	struct recent *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->key = key;
	return r;
}

static void last_address_a_remote_wrote_to_is_known(void **state)
{
	struct recent *r = new_recent(1);
	struct udp_addr a = remote(1);
	struct udp_addr b = remote(2);
	struct ip_addr one = local(1);
	struct ip_addr two = local(2);
	struct ip_addr found;

	(void)state;
	assert_int_equal(recent_local(r, &a).family, IP_NONE);
	recent_note(r, &a, &one);
	recent_note(r, &b, &two);
	found = recent_local(r, &a);
	assert_true(ip_equal(&found, &one));
	recent_note(r, &a, &two);
	found = recent_local(r, &a);
	assert_true(ip_equal(&found, &two));
	free(r);
}

static void remote_that_writes_again_takes_no_second_place(void **state)
{
	struct recent *r = new_recent(2);
	struct udp_addr a = remote(7);
	struct ip_addr l = local(1);
	unsigned int places = 0;

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		recent_note(r, &a, &l);
	for (unsigned int i = 0; i < RECENT_SETS * RECENT_WAYS; i++)
		places += udp_addr_equal(&r->entries[i / RECENT_WAYS][i % RECENT_WAYS].remote, &a);
	assert_int_equal(places, 1);
	free(r);
}

/* Half as many as there are places: hardly one may be missing, whatever the key. */
static void remotes_are_spread_over_the_sets(void **state)
{
	(void)state;
	for (uint64_t key = 0; key < 20; key++) {
		struct recent *r = new_recent(key * 0x123456789abcdef);
		unsigned int n = RECENT_SETS * RECENT_WAYS / 2;
		struct ip_addr l = local(3);
		unsigned int missing = 0;

		for (uint32_t i = 0; i < n; i++) {
			struct udp_addr a = remote(i);

			recent_note(r, &a, &l);
		}
		for (uint32_t i = 0; i < n; i++) {
			struct udp_addr a = remote(i);

			missing += recent_local(r, &a).family == IP_NONE;
		}
		if (missing > n / 8)
			fail_msg("key %d: %u of %u are missing", (int)key, missing, n);
		free(r);
	}
}

/* Strangers can push others out; they cannot make it grow, or answer for another. */
static void flood_leaves_no_wrong_answer(void **state)
{
	struct recent *r = new_recent(3);
	struct udp_addr mine = remote(999999);
	struct ip_addr own = local(9);
	struct ip_addr other = local(1);
	struct ip_addr found;

	(void)state;
	recent_note(r, &mine, &own);
	for (uint32_t i = 0; i < 100000; i++) {
		struct udp_addr a = remote(i);

		recent_note(r, &a, &other);
	}
	found = recent_local(r, &mine);
	assert_true(found.family == IP_NONE || ip_equal(&found, &own));
	recent_note(r, &mine, &own);
	found = recent_local(r, &mine);
	assert_true(ip_equal(&found, &own));
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_address_a_remote_wrote_to_is_known),
		cmocka_unit_test(remote_that_writes_again_takes_no_second_place),
		cmocka_unit_test(remotes_are_spread_over_the_sets),
		cmocka_unit_test(flood_leaves_no_wrong_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
