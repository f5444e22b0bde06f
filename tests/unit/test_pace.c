/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/pace.h"

/* As long as it was asked for, no longer than it takes. */
static void work(uint64_t ns)
{
	uint64_t end = pace_now_ns() + ns;

	while (pace_now_ns() < end)
		;
}

static void short_work_is_done_very_often(void **state)
{
	struct pace p = {0};
	uint64_t start = pace_now_ns();
	unsigned int times = 0;

	(void)state;
	/* a tenth of a second, but for a machine that has no time for this test */
	while (pace_now_ns() - start < (times > 1000 ? 100000000 : 1000000000)) {
		if (!pace_begin(&p))
			continue;
		pace_end(&p);
		times++;
	}
	assert_true(times > 1000);
}

static void long_work_gets_a_tenth_of_the_time(void **state)
{
	struct pace p = {0};
	uint64_t start = pace_now_ns(), took = 0;
	unsigned int times = 0;

	(void)state;
	/* one in 50 ms, or fewer on a machine that has no time for this test */
	while (times < 3 || took < 500000000) {
		took = pace_now_ns() - start;
		if (!pace_begin(&p))
			continue;
		work(5000000);
		pace_end(&p);
		times++;
	}
	assert_true(times <= took / 50000000 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_work_is_done_very_often),
		cmocka_unit_test(long_work_gets_a_tenth_of_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
