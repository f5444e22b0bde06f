/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring has exactly as many bits as the window has ids, so inside the window every id has a bit
 * of its own, and the edge is exact. Sliding forgets the ids that leave, which are the bits of the
 * ids passed over: whole words in between, masks at both ends.
 */
#include "crypto/replay.h"

#include <assert.h>
#include <string.h>

#define WORD_BITS 64u

static inline uint64_t bit(uint64_t id)
{
	return 1ull << (id % WORD_BITS);
}

bool replay_window_valid(uint32_t window)
{
	return window >= REPLAY_WINDOW_MIN && window <= REPLAY_WINDOW_MAX &&
		(window & (window - 1)) == 0;
}

size_t replay_size(uint32_t window)
{
	return sizeof(struct replay) + window / 8;
}

void replay_init(struct replay *r, uint32_t window)
{
	assert(replay_window_valid(window));
	r->top = 0;
	r->window = window;
	memset(r->seen, 0, window / 8);
}

void replay_skip(struct replay *r, uint64_t top)
{
	r->top = top;
	memset(r->seen, 0xff, r->window / 8);
}

/*
 * Makes id the top: clears the bits of all ids after the old top, up to and including id; then, and
 * not before, tells the top, because replay_check() asks without the lock.
 */
void replay_slide(struct replay *r, uint64_t id)
{
	uint64_t from = r->top + 1;
	uint64_t keep = bit(from) - 1; /* of the first word: what lies before from */
	uint64_t *last = replay_word(r, id);

	if (id - r->top >= r->window) {
		for (uint32_t i = 0; i < r->window / WORD_BITS; i++)
			replay_word_set(&r->seen[i], 0);
		replay_top_set(r, id);
		return;
	}
	for (; from / WORD_BITS < id / WORD_BITS; from += WORD_BITS) {
		uint64_t *word = replay_word(r, from);

		replay_word_set(word, *word & keep);
		keep = 0;
	}
	/* Of the last word: also what lies behind id, ids of one window earlier. */
	replay_word_set(last, *last & (keep | ~(bit(id) | (bit(id) - 1))));
	replay_top_set(r, id);
}
