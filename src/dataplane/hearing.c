/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hearing.h"

#include <rte_cycles.h>

#include "dataplane/state.h"

#define DEAF_MS	   1000	 /* from so long on a stall is no silence */
#define BUSY_MS	   100	 /* a worker that never idles is heard so long after the mark, ... */
#define QUEUE_MAX  16384 /* ... and when it has taken in what the deepest queue holds */
#define TURNS_IDLE 3	 /* one had begun before the mark, one may be half counted */
#define TURNS_BUSY (QUEUE_MAX / BURST_MAX)
#define READ_TRIES 8
#define STUCK_MS   1000

/* False: its counts change too fast to be read together. */
static bool read_turns(const struct worker *w, uint64_t *iterations, uint64_t *idle)
{
	const struct thread_stats *s = &w->stats;

	for (unsigned int i = 0; i < READ_TRIES; i++) {
		/* pairs with the fence in worker_iteration(): what these turns counted is seen */
		uint64_t before = __atomic_load_n(&s->iterations, __ATOMIC_ACQUIRE);
		uint64_t busy = __atomic_load_n(&s->busy_iterations, __ATOMIC_ACQUIRE);

		*iterations = __atomic_load_n(&s->iterations, __ATOMIC_ACQUIRE);
		*idle = *iterations - busy;
		if (*iterations == before)
			return true;
	}
	return false;
}

static void set_mark(struct dp *dp, uint64_t now)
{
	struct hearing *h = &dp->hearing;

	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		if (!read_turns(dp->workers[i], &h->then[i].iterations, &h->then[i].idle))
			h->then[i].idle = h->then[i].iterations; /* more than there were */
	}
	h->mark = now;
}

/* Has worker i counted all that had arrived at the mark? */
static bool has_caught_up(struct dp *dp, unsigned int i, uint64_t now)
{
	const struct hearing *h = &dp->hearing;
	struct worker *w = dp->workers[i];
	uint64_t iterations, idle;
	bool exact;

	if (w->nb_rx == 0)
		return true;
	if (rcu_behind(&dp->rcu, i) && rcu_waiting_ms(&dp->rcu) >= STUCK_MS)
		return false; /* packets are inside a device that does not answer */
	exact = read_turns(w, &iterations, &idle);
	if (exact && (int64_t)(idle - h->then[i].idle) >= TURNS_IDLE && aead_inflight(w->aead) == 0)
		return true;
	return iterations - h->then[i].iterations >= TURNS_BUSY &&
		now - h->mark >= rte_get_tsc_hz() / MSEC_PER_SEC * BUSY_MS;
}

/* The two oldest become one: their sum stays, at the end of the later. */
static void make_room(struct hearing *h)
{
	if (h->nb_deaf < HEARING_DEAF_MAX)
		return;
	h->deaf[1].length += h->deaf[0].length;
	memmove(&h->deaf[0], &h->deaf[1], (HEARING_DEAF_MAX - 1) * sizeof(h->deaf[0]));
	h->nb_deaf--;
}

static void hear(struct hearing *h, uint64_t until)
{
	uint64_t length = until - h->until;

	if (length >= rte_get_tsc_hz() / MSEC_PER_SEC * DEAF_MS) {
		make_room(h);
		h->deaf[h->nb_deaf].end = until;
		h->deaf[h->nb_deaf++].length = length;
	}
	h->until = until;
}

void hearing_init(struct dp *dp, uint64_t now)
{
	dp->hearing.until = now;
	set_mark(dp, now);
}

void hearing_tick(struct dp *dp, uint64_t now)
{
	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		if (!has_caught_up(dp, i, now))
			return;
	}
	hear(&dp->hearing, dp->hearing.mark);
	set_mark(dp, now);
}

uint64_t hearing_silence(const struct hearing *h, uint64_t last)
{
	uint64_t silence;

	if (h->until <= last)
		return 0;
	silence = h->until - last;
	for (unsigned int i = 0; i < h->nb_deaf; i++) {
		uint64_t end = h->deaf[i].end;

		if (end > last)
			silence -= RTE_MIN(silence, RTE_MIN(h->deaf[i].length, end - last));
	}
	return silence;
}
