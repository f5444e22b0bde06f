/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers that take identifications from one counter, whoever is fast or slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/ipid.h"

#define WORKERS 4
#define REACH	((1u << 16) - IPID_OLD - IPID_SHARE)
#define SPARE	(WORKERS * 512) /* ids thrown away when runs do not fit the rest of a share */
#define IDS	2000000

static uint32_t used_at[1u << 16]; /* packet that had this IPv4 id last, counted from 1 */

/* Each of n packets: the id must not have been used within reach. */
static void use(uint32_t first, uint32_t n, uint32_t *packets)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t id = (uint16_t)(first + i);

		++*packets;
		if (used_at[id] != 0 && *packets - used_at[id] < REACH - SPARE)
			fail_msg("id %u again after %u packets", id, *packets - used_at[id]);
		used_at[id] = *packets;
	}
}

/* odds: of the last worker, who sends rarely, so that what it holds grows old. */
static void no_id_comes_again_within_reach(uint32_t runs_of, int odds)
{
	struct ipid_share share[WORKERS] = {0};
	struct ipid counter;
	uint32_t packets = 0;

	memset(used_at, 0, sizeof(used_at));
	atomic_init(&counter.next, UINT32_MAX - 100000); /* it wraps meanwhile */
	srand(1);
	while (packets < IDS) {
		int w = rand() % odds == 0 ? WORKERS - 1 : rand() % (WORKERS - 1);
		uint32_t n = 1 + (uint32_t)rand() % runs_of;

		use(ipid_take(&counter, &share[w], n), n, &packets);
	}
}

static void single_packets(void **state)
{
	(void)state;
	no_id_comes_again_within_reach(1, 4);
	no_id_comes_again_within_reach(1, 100000);
}

static void runs(void **state)
{
	(void)state;
	no_id_comes_again_within_reach(32, 4);
	no_id_comes_again_within_reach(32, 3000);
}

/* More than a share at once. */
static void long_runs(void **state)
{
	struct ipid_share share = {0};
	struct ipid counter;
	uint32_t first;

	(void)state;
	atomic_init(&counter.next, 7);
	first = ipid_take(&counter, &share, 2 * IPID_SHARE);
	assert_int_equal(first, 7);
	assert_int_equal(ipid_take(&counter, &share, 1), 7 + 2 * IPID_SHARE);
}

/* The shared counter is touched once in a share. */
static void a_share_lasts(void **state)
{
	struct ipid_share share = {0};
	struct ipid counter;

	(void)state;
	atomic_init(&counter.next, 0);
	for (uint32_t i = 0; i < IPID_SHARE; i++)
		assert_int_equal(ipid_take(&counter, &share, 1), i);
	assert_int_equal(atomic_load(&counter.next), IPID_SHARE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_packets),
		cmocka_unit_test(runs),
		cmocka_unit_test(long_runs),
		cmocka_unit_test(a_share_lasts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
