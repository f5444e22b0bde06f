/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "base.h"
#include "crypto/pktid.h"

static void pktid_first_id_is_one_and_ids_are_consecutive(void **state)
{
	struct pktid p;
	uint64_t first = 0;

	(void)state;
	pktid_init(&p, 1, PKTID_MAX_CLASSIC);
	assert_int_equal(pktid_used(&p), 0);
	assert_int_equal(pktid_reserve(&p, 32, &first), 32);
	assert_int_equal(first, 1);
	assert_int_equal(pktid_reserve(&p, 1, &first), 1);
	assert_int_equal(first, 33);
	assert_int_equal(pktid_reserve(&p, 64, &first), 64);
	assert_int_equal(first, 34);
	assert_int_equal(pktid_used(&p), 97);
}

static void pktid_gives_what_is_left_then_nothing_for_ever(void **state)
{
	struct pktid p;
	uint64_t first = 0;

	(void)state;
	pktid_init(&p, PKTID_MAX_CLASSIC - 9, PKTID_MAX_CLASSIC);
	assert_int_equal(pktid_reserve(&p, 7, &first), 7);
	assert_int_equal(first, PKTID_MAX_CLASSIC - 9);
	assert_int_equal(pktid_reserve(&p, 7, &first), 3);
	assert_int_equal(first, PKTID_MAX_CLASSIC - 2);
	assert_int_equal(pktid_used(&p), PKTID_MAX_CLASSIC);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(pktid_reserve(&p, UINT16_MAX, &first), 0);
	assert_int_equal(pktid_used(&p), PKTID_MAX_CLASSIC);
	assert_true(atomic_load(&p.next) > PKTID_MAX_CLASSIC);
}

static void pktid_gives_the_very_last_id_once(void **state)
{
	struct pktid p;
	uint64_t first = 0;

	(void)state;
	pktid_init(&p, PKTID_MAX_CLASSIC, PKTID_MAX_CLASSIC);
	assert_int_equal(pktid_reserve(&p, 1, &first), 1);
	assert_int_equal(first, PKTID_MAX_CLASSIC);
	assert_int_equal(pktid_reserve(&p, 1, &first), 0);
}

static void pktid_may_be_wider_than_the_classic_wire(void **state)
{
	struct pktid p;
	uint64_t first = 0;

	(void)state;
	pktid_init(&p, PKTID_MAX_CLASSIC, (1ull << 48) - 1);
	assert_int_equal(pktid_reserve(&p, 3, &first), 3);
	assert_int_equal(first, PKTID_MAX_CLASSIC);
	assert_int_equal(pktid_reserve(&p, 1, &first), 1);
	assert_int_equal(first, PKTID_MAX_CLASSIC + 3);
}

#define THREADS 4
#define IDS	6000001u /* not a multiple of any run: the end is cut */

struct sharer {
	struct pktid *p;
	pthread_barrier_t *start;
	unsigned char *given; /* [IDS + 1], one writer an id if all is well */
	uint32_t repeated, outside;
};

static void *reserve_all(void *arg)
{
	struct sharer *s = arg;
	uint16_t n = 1;
	uint16_t got;
	uint64_t first;

	pthread_barrier_wait(s->start);
	while ((got = pktid_reserve(s->p, n, &first)) > 0) {
		for (uint64_t id = first; id < first + got; id++) {
			if (id == 0 || id > IDS)
				s->outside++;
			else if (__atomic_exchange_n(&s->given[id], 1, __ATOMIC_RELAXED) != 0)
				s->repeated++;
		}
		n = n % 7 + 1;
	}
	return NULL;
}

static void pktid_never_gives_an_id_to_two_threads(void **state)
{
	unsigned char *given = calloc(IDS + 1, 1);
	struct sharer sharers[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	struct pktid p;

	(void)state;
	assert_non_null(given);
	pktid_init(&p, 1, IDS);
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){.p = &p, .start = &start, .given = given};
		assert_int_equal(pthread_create(&threads[i], NULL, reserve_all, &sharers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(sharers[i].repeated, 0);
		assert_int_equal(sharers[i].outside, 0);
	}
	for (uint32_t id = 1; id <= IDS; id++)
		assert_int_equal(given[id], 1); /* none lost either */
	assert_int_equal(pktid_used(&p), IDS);
	pthread_barrier_destroy(&start);
	free(given);
}

/* Another goes on where one stopped, while workers still ask it. */
static void pktid_hands_on_what_it_has_not_given(void **state)
{
	unsigned char *given = calloc(IDS + 1, 1);
	struct sharer sharers[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	struct pktid p, next;
	uint64_t first;
	uint16_t got;

	(void)state;
	assert_non_null(given);
	pktid_init(&p, 1, IDS);
	pthread_barrier_init(&start, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){.p = &p, .start = &start, .given = given};
		assert_int_equal(pthread_create(&threads[i], NULL, reserve_all, &sharers[i]), 0);
	}
	pthread_barrier_wait(&start);
	while (pktid_used(&p) < IDS / 100)
		continue;
	pktid_init(&next, pktid_close(&p), IDS);
	while ((got = pktid_reserve(&next, 64, &first)) > 0) {
		for (uint64_t id = first; id < first + got; id++)
			assert_int_equal(__atomic_exchange_n(&given[id], 1, __ATOMIC_RELAXED), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(sharers[i].repeated, 0);
		assert_int_equal(sharers[i].outside, 0);
	}
	for (uint32_t id = 1; id <= IDS; id++)
		assert_int_equal(given[id], 1);
	assert_int_equal(pktid_reserve(&p, 1, &first), 0);
	/* nothing is left to hand on, however often it is asked */
	assert_int_equal(pktid_close(&p), IDS + 1);
	assert_int_equal(pktid_close(&next), IDS + 1);
	pktid_init(&p, pktid_close(&next), IDS);
	assert_int_equal(pktid_reserve(&p, 1, &first), 0);
	assert_int_equal(pktid_used(&p), IDS);
	pthread_barrier_destroy(&start);
	free(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pktid_first_id_is_one_and_ids_are_consecutive),
		cmocka_unit_test(pktid_gives_what_is_left_then_nothing_for_ever),
		cmocka_unit_test(pktid_gives_the_very_last_id_once),
		cmocka_unit_test(pktid_may_be_wider_than_the_classic_wire),
		cmocka_unit_test(pktid_never_gives_an_id_to_two_threads),
		cmocka_unit_test(pktid_hands_on_what_it_has_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
