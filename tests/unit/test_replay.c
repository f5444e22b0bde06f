/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window from its definition: id 0 is never right; of the ids top - window + 1 .. top each is
 * accepted once; before them all is too old; above top all is fresh and becomes the top.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base.h"
#include "crypto/replay.h"

static const uint32_t windows[] = {64, 128, 8192, 65536};

/* Allocated exactly, so that the sanitizer sees accesses beyond; dirty, so that init must clear. */
static struct replay *new_replay(uint32_t window)
{
	struct replay *r = malloc(replay_size(window));

	assert_non_null(r);
	memset(r, 0xff, replay_size(window));
	replay_init(r, window);
	return r;
}

/* --- a table, w being the window ---------------------------------------------------------- */

enum base { ABS, W }; /* the id is n, or w + n */

struct row {
	enum base base;
	int64_t n;
	enum replay_verdict verdict;
};

#define ROW(base, n, verdict)                                                                      \
	{                                                                                          \
		base, n, REPLAY_##verdict                                                          \
	}

static const struct row edges[] = {
	ROW(ABS, 0, ZERO), /* never, not even first */
	ROW(ABS, 1, FRESH),
	ROW(ABS, 1, REPEATED),
	ROW(ABS, 0, ZERO),
	ROW(W, 0, FRESH), /* top = w: 1 is the oldest inside */
	ROW(ABS, 1, REPEATED),
	ROW(ABS, 2, FRESH),
	ROW(W, 1, FRESH), /* top = w + 1: 1 has left, 2 is the oldest inside */
	ROW(ABS, 1, TOO_OLD),
	ROW(ABS, 2, REPEATED),
	ROW(ABS, 3, FRESH),
	ROW(W, -1, FRESH),
	ROW(W, 0, REPEATED),
	ROW(W, -1, REPEATED),
	ROW(W, 65, FRESH), /* top = w + 65: 66 is the oldest inside */
	ROW(ABS, 65, TOO_OLD),
	ROW(W, 64, FRESH), /* ids whose bits were those of 64, 2 and 3, of which two were seen */
	ROW(W, 2, FRESH),
	ROW(W, 3, FRESH),
	ROW(W, 2, REPEATED),
	ROW(ABS, 0, ZERO),
};

static uint64_t id_of(const struct row *row, uint32_t window)
{
	return (row->base == W ? window : 0) + (uint64_t)row->n;
}

static void replay_edges_of_the_window_are_exact(void **state)
{
	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		struct replay *r = new_replay(windows[w]);

		for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
			uint64_t id = id_of(&edges[i], windows[w]);

			if (replay_check(r, id) != edges[i].verdict ||
				replay_commit(r, id) != edges[i].verdict)
				fail_msg("window %u, row %zu: verdict %d", windows[w], i,
					replay_check(r, id));
		}
		free(r);
	}
}

/* top, then one id relative to top, each on a new window */
static const uint64_t tops[] = {1, 63, 64, 65, 127, 128, 129, 8191, 8192, 8193, 16384, 65535, 65536,
	65537, 131072, UINT32_MAX - 1, UINT32_MAX, 1ull << 32, (1ull << 48) - 1, 1ull << 63,
	UINT64_MAX - 1, UINT64_MAX};

static void replay_each_edge_at_each_top(void **state)
{
	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
			struct replay *r = new_replay(windows[w]);
			uint64_t top = tops[i];
			uint64_t size = windows[w];

			assert_int_equal(replay_commit(r, top), REPLAY_FRESH);
			assert_true(r->top == top);
			assert_int_equal(replay_check(r, top), REPLAY_REPEATED);
			assert_int_equal(replay_check(r, 0), REPLAY_ZERO);
			if (top > 1)
				assert_int_equal(replay_check(r, top - 1), REPLAY_FRESH);
			if (top >= size)
				assert_int_equal(replay_check(r, top - size + 1), REPLAY_FRESH);
			if (top > size)
				assert_int_equal(replay_check(r, top - size), REPLAY_TOO_OLD);
			if (top > size + 1)
				assert_int_equal(replay_check(r, 1), REPLAY_TOO_OLD);
			if (top < UINT64_MAX)
				assert_int_equal(replay_check(r, top + 1), REPLAY_FRESH);
			free(r);
		}
	}
}

/* A full window, a jump, and then every id around: what stayed is known, what left is too old. */
static void replay_jump_forgets_exactly_what_leaves(void **state)
{
	static const uint64_t jumps[] = {1, 2, 63, 64, 65, 127, 128, 8191, 8192, 8193, 65535, 65536,
		65537, 1ull << 32, 1ull << 63};

	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
			struct replay *r = new_replay(windows[w]);
			uint64_t old = windows[w] + 37;
			uint64_t top = old + jumps[i];

			for (uint64_t id = 1; id <= old; id++)
				assert_int_equal(replay_commit(r, id), REPLAY_FRESH);
			assert_int_equal(replay_commit(r, top), REPLAY_FRESH);
			for (uint64_t id = 1; id <= old; id++)
				assert_int_equal(replay_commit(r, id),
					top - id >= windows[w] ? REPLAY_TOO_OLD : REPLAY_REPEATED);
			for (uint64_t id = top - 1; id > old && top - id < windows[w]; id--)
				assert_int_equal(replay_commit(r, id), REPLAY_FRESH);
			free(r);
		}
	}
}

static void replay_classic_id_space_ends_without_wrapping(void **state)
{
	struct replay *r = new_replay(8192);

	(void)state;
	assert_int_equal(replay_commit(r, UINT32_MAX), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT32_MAX), REPLAY_REPEATED);
	assert_int_equal(replay_commit(r, 0), REPLAY_ZERO);
	assert_int_equal(replay_commit(r, 1), REPLAY_TOO_OLD);
	assert_int_equal(replay_commit(r, UINT32_MAX - 8191), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT32_MAX - 8192), REPLAY_TOO_OLD);
	free(r);
}

static void replay_top_of_64_bits_does_not_overflow(void **state)
{
	struct replay *r = new_replay(64);

	(void)state;
	assert_int_equal(replay_commit(r, 5), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT64_MAX - 1), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT64_MAX), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT64_MAX), REPLAY_REPEATED);
	assert_int_equal(replay_commit(r, UINT64_MAX - 63), REPLAY_FRESH);
	assert_int_equal(replay_commit(r, UINT64_MAX - 64), REPLAY_TOO_OLD);
	assert_int_equal(replay_commit(r, 5), REPLAY_TOO_OLD);
	free(r);
}

static void replay_check_changes_nothing(void **state)
{
	struct replay *r = new_replay(128);
	struct replay *before = new_replay(128);

	(void)state;
	replay_commit(r, 100);
	memcpy(before, r, replay_size(128));
	for (uint64_t id = 0; id < 1000; id++)
		replay_check(r, id);
	assert_memory_equal(before, r, replay_size(128));
	free(before);
	free(r);
}

static void replay_refused_ids_change_nothing(void **state)
{
	struct replay *r = new_replay(64);
	struct replay *before = new_replay(64);

	(void)state;
	replay_commit(r, 200);
	memcpy(before, r, replay_size(64));
	assert_int_equal(replay_commit(r, 0), REPLAY_ZERO);
	assert_int_equal(replay_commit(r, 200), REPLAY_REPEATED);
	assert_int_equal(replay_commit(r, 136), REPLAY_TOO_OLD);
	assert_memory_equal(before, r, replay_size(64));
	free(before);
	free(r);
}

static void replay_skip_takes_nothing_up_to_there(void **state)
{
	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		struct replay *r = new_replay(windows[w]);
		uint64_t top = 3ull * windows[w] + 5;

		replay_skip(r, top);
		for (uint64_t id = 1; id <= top; id++)
			assert_int_equal(replay_commit(r, id),
				top - id >= windows[w] ? REPLAY_TOO_OLD : REPLAY_REPEATED);
		assert_int_equal(replay_commit(r, top + 1), REPLAY_FRESH);
		assert_int_equal(replay_commit(r, top + 40), REPLAY_FRESH);
		for (uint64_t id = top + 2; id < top + 40; id++)
			assert_int_equal(replay_commit(r, id), REPLAY_FRESH);
		assert_int_equal(replay_commit(r, top), REPLAY_REPEATED);
		free(r);
	}
}

static void replay_window_sizes_that_are_valid(void **state)
{
	(void)state;
	for (uint32_t w = 0; w <= 70000; w++) {
		bool power = w == 64 || w == 128 || w == 256 || w == 512 || w == 1024 ||
			w == 2048 || w == 4096 || w == 8192 || w == 16384 || w == 32768 ||
			w == 65536;

		assert_int_equal(replay_window_valid(w), power);
	}
	assert_false(replay_window_valid(1u << 17));
	assert_false(replay_window_valid(1u << 31));
}

/* --- against a model that remembers every id -------------------------------------------- */

#define MODEL_IDS 400000u

struct model {
	unsigned char *seen; /* by id - base */
	uint64_t base;
	uint64_t top;
};

static enum replay_verdict model_commit(struct model *m, uint32_t window, uint64_t id)
{
	if (id == 0)
		return REPLAY_ZERO;
	if (m->top >= window && id <= m->top - window)
		return REPLAY_TOO_OLD;
	if (m->seen[id - m->base])
		return REPLAY_REPEATED;
	m->seen[id - m->base] = 1;
	if (id > m->top)
		m->top = id;
	return REPLAY_FRESH;
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Mostly near the top, at times around the lower edge, at times far ahead. */
static uint64_t next_id(uint64_t *seed, const struct model *m, uint32_t window)
{
	uint64_t top = m->top > m->base ? m->top : m->base;
	uint64_t kind = rnd(seed) % 16;
	uint64_t back;

	if (kind < 7)
		return top + 1;
	if (kind < 9)
		return top + rnd(seed) % 70;
	if (kind == 9 && rnd(seed) % 64 == 0)
		return top + rnd(seed) % (window + window / 2);
	back = kind < 13 ? rnd(seed) % 130 : window - 3 + rnd(seed) % 6;
	return top - m->base > back ? top - back : m->base + rnd(seed) % 3;
}

static void compare_with_model(uint32_t window, uint64_t base, uint64_t seed)
{
	struct model m = {.seen = calloc(MODEL_IDS + 2 * window, 1), .base = base};
	struct replay *r = new_replay(window);
	unsigned int hits[4] = {0};

	assert_non_null(m.seen);
	while (m.top < base + MODEL_IDS - 2 * window) {
		uint64_t id = next_id(&seed, &m, window);
		enum replay_verdict asked = replay_check(r, id);
		enum replay_verdict said = replay_commit(r, id);
		enum replay_verdict right = model_commit(&m, window, id);

		if (asked != right || said != right || r->top != m.top)
			fail_msg("window %u id %llu: %d, %d, should be %d", window,
				(unsigned long long)id, asked, said, right);
		hits[right]++;
	}
	assert_true(
		hits[REPLAY_FRESH] > 0 && hits[REPLAY_REPEATED] > 0 && hits[REPLAY_TOO_OLD] > 0);
	free(r);
	free(m.seen);
}

static void replay_agrees_with_a_model_that_remembers_all(void **state)
{
	static const uint64_t bases[] = {
		0, UINT32_MAX - 200000u, (1ull << 63) - 200000u, UINT64_MAX - MODEL_IDS - 200000u};

	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		for (size_t b = 0; b < ARRAY_LEN(bases); b++)
			compare_with_model(windows[w], bases[b], 88172645463325252ull + w * 7 + b);
	}
}

/* --- asked without the lock ------------------------------------------------------------- */

#define RACE_WINDOW 65536u
#define RACE_BLOCK  8192u /* the top goes on by so many ids at once */
#define RACE_STEP   1024u /* of so many ids one is accepted */
#define RACE_SLIDES 300000u

struct race {
	struct replay *r;
	atomic_bool done;
};

/* An even one in one window, an odd one in the next. */
static uint64_t is_odd(uint64_t id)
{
	return id / RACE_WINDOW % 2;
}

static void *keep_sliding(void *arg)
{
	struct race *race = arg;
	uint64_t id = RACE_WINDOW;

	for (unsigned int i = 0; i < RACE_SLIDES; i++, id += RACE_BLOCK) {
		/* the last of a block first, then those that it passed over */
		for (uint64_t k = RACE_BLOCK; k != 0; k -= RACE_STEP)
			replay_commit(race->r, id + k - RACE_STEP + is_odd(id));
	}
	atomic_store(&race->done, true);
	return NULL;
}

/*
 * One thread accepts ids, another asks for ids that were never there. Their bits were set by ids of
 * one window earlier, and will be by those of the next: but as long as they are in the window they
 * are fresh.
 */
static void replay_without_the_lock_refuses_nothing_new(void **state)
{
	struct race race = {.r = new_replay(RACE_WINDOW)};
	uint64_t seed = 88172645463325252ull, asked = 0;
	pthread_t writer;

	(void)state;
	assert_int_equal(replay_commit(race.r, RACE_WINDOW - 1), REPLAY_FRESH);
	assert_int_equal(pthread_create(&writer, NULL, keep_sliding, &race), 0);
	while (!atomic_load_explicit(&race.done, memory_order_relaxed)) {
		uint64_t top = __atomic_load_n(&race.r->top, __ATOMIC_RELAXED);
		uint64_t id =
			top - top % RACE_STEP - RACE_STEP * (rnd(&seed) % (RACE_BLOCK / RACE_STEP));
		enum replay_verdict verdict;

		id += !is_odd(id);
		verdict = replay_check(race.r, id);
		top = __atomic_load_n(&race.r->top, __ATOMIC_ACQUIRE);
		if (top >= id && top - id >= RACE_WINDOW)
			continue; /* we were interrupted, and it has left */
		if (verdict != REPLAY_FRESH)
			fail_msg("id %llu was never there, the top is %llu: %d",
				(unsigned long long)id, (unsigned long long)top, verdict);
		asked++;
	}
	pthread_join(writer, NULL);
	assert_true(asked > 0);
	free(race.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_edges_of_the_window_are_exact),
		cmocka_unit_test(replay_each_edge_at_each_top),
		cmocka_unit_test(replay_jump_forgets_exactly_what_leaves),
		cmocka_unit_test(replay_classic_id_space_ends_without_wrapping),
		cmocka_unit_test(replay_top_of_64_bits_does_not_overflow),
		cmocka_unit_test(replay_check_changes_nothing),
		cmocka_unit_test(replay_refused_ids_change_nothing),
		cmocka_unit_test(replay_skip_takes_nothing_up_to_there),
		cmocka_unit_test(replay_window_sizes_that_are_valid),
		cmocka_unit_test(replay_agrees_with_a_model_that_remembers_all),
		cmocka_unit_test(replay_without_the_lock_refuses_nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
