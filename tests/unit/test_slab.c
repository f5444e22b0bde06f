/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects come zeroed, aligned and apart from each other, and go back for others to use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "slab.h"

#ifdef __SANITIZE_ADDRESS__
#define PACKED false /* each object is malloc's then */
#else
#define PACKED true
#endif

#define MANY 20000

struct objects {
	struct slab slab;
	uint8_t *o[MANY];
	uint8_t mark[MANY];
};

static bool holds(const uint8_t *o, uint8_t mark, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (o[i] != mark)
			return false;
	}
	return true;
}

static void take(struct objects *s, int i, uint8_t mark)
{
	s->o[i] = slab_take(&s->slab);
	assert_non_null(s->o[i]);
	assert_int_equal((uintptr_t)s->o[i] % CACHE_LINE, 0);
	assert_true(holds(s->o[i], 0, s->slab.size));
	memset(s->o[i], mark, s->slab.size);
	s->mark[i] = mark;
}

static void give(struct objects *s, int i)
{
	assert_true(holds(s->o[i], s->mark[i], s->slab.size)); /* nobody else wrote into it */
	slab_give(s->o[i]);
	s->o[i] = NULL;
}

static void objects_are_zeroed_and_apart(void **state)
{
	static struct objects a, b;
	struct arena arena = {0};

	(void)state;
	slab_init(&a.slab, &arena, 1000);
	slab_init(&b.slab, &arena, 1);
	assert_int_equal(a.slab.size, 1024);
	assert_int_equal(b.slab.size, CACHE_LINE);
	srand(1);
	for (int turn = 0; turn < 20 * MANY; turn++) {
		struct objects *s = rand() % 2 ? &a : &b;
		int i = rand() % 2000;

		if (s->o[i] == NULL)
			take(s, i, (uint8_t)rand() | 1);
		else
			give(s, i);
	}
	for (int i = 0; i < 2000; i++) {
		if (a.o[i] != NULL)
			give(&a, i);
		if (b.o[i] != NULL)
			give(&b, i);
	}
	slab_give(NULL);
	assert_int_equal(a.slab.used, 0);
	assert_int_equal(b.slab.used, 0);
	assert_int_equal(slab_bytes(&a.slab), 0);
	assert_int_equal(slab_bytes(&b.slab), 0);
	arena_fini(&arena);
}

/* What one slab gave back another takes: the arena does not grow for it. */
static void memory_goes_round(void **state)
{
	static struct objects s;
	struct arena arena = {0};
	uint64_t most = 0;

	(void)state;
	for (size_t size = 64; size <= 4096; size *= 2) {
		int n = (int)(4096 * 4000 / size / (size == 64 ? 8 : 1));

		n = n > MANY ? MANY : n;
		slab_init(&s.slab, &arena, size);
		for (int i = 0; i < n; i++)
			take(&s, i, 7);
		assert_int_equal(s.slab.used, n);
		assert_true(slab_bytes(&s.slab) >= (uint64_t)n * size);
		if (PACKED) {
			assert_int_equal(slab_bytes(&s.slab), slab_bytes_of(size, (uint64_t)n));
			assert_true(arena.bytes >= slab_bytes(&s.slab));
			assert_true(arena.bytes <=
				(most > slab_bytes(&s.slab) ? most : slab_bytes(&s.slab)) +
					(2u << 20));
		}
		most = arena.bytes > most ? arena.bytes : most;
		for (int i = 0; i < n; i++)
			give(&s, i);
		assert_int_equal(slab_bytes(&s.slab), 0);
	}
	assert_int_equal(arena.bytes, most);
	arena_fini(&arena);
	assert_int_equal(arena.bytes, 0);
}

static void the_widest_objects_fit(void **state)
{
	struct arena arena = {0};
	struct slab s;
	void *o[20];

	(void)state;
	slab_init(&s, &arena, SLAB_SIZE_MAX);
	for (int i = 0; i < 20; i++) {
		o[i] = slab_take(&s);
		assert_non_null(o[i]);
		memset(o[i], 1, SLAB_SIZE_MAX);
	}
	if (PACKED)
		assert_int_equal(slab_bytes(&s), 20 * SLAB_RUN);
	assert_int_equal(slab_bytes_of(SLAB_SIZE_MAX, 20), 20 * SLAB_RUN);
	for (int i = 0; i < 20; i++)
		slab_give(o[i]);
	assert_int_equal(s.used, 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_and_apart),
		cmocka_unit_test(memory_goes_round),
		cmocka_unit_test(the_widest_objects_fit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
