/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sliding replay window of one key (as RFC 6479, ids of 64 bits). Pure; no lock of its own: the
 * owner of the key serialises who writes (see key.h). Anybody may ask replay_check() meanwhile.
 * Works with any window that is a power of two of at least 64 ids; the words follow the struct.
 *
 *         top - window + 1            top
 *   too old |  seen or not seen ...... |  fresh: slides the window
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 64u
#define REPLAY_WINDOW_MAX 65536u

enum replay_verdict {
	REPLAY_FRESH,
	REPLAY_ZERO,	 /* id 0 is never sent */
	REPLAY_REPEATED, /* inside the window and seen before */
	REPLAY_TOO_OLD,	 /* before the window */
};

struct replay {
	uint64_t top; /* highest id accepted; 0: none yet */
	uint32_t window;
	uint64_t seen[]; /* ring of bits, id modulo its size */
};

bool replay_window_valid(uint32_t window);
/* Bytes of a struct replay for that window. */
size_t replay_size(uint32_t window);
void replay_init(struct replay *r, uint32_t window);

/* Of a new window: accepts nothing up to and including top, as if all of it had been seen. */
void replay_skip(struct replay *r, uint64_t top);

/* Makes id, which is above the top, the top. The lock's holder. */
void replay_slide(struct replay *r, uint64_t id);

static inline uint64_t *replay_word(struct replay *r, uint64_t id)
{
	return &r->seen[(id & (r->window - 1)) / 64];
}

/* The lock's holder. Pairs with the acquire in replay_check(). */
static inline void replay_top_set(struct replay *r, uint64_t top)
{
	__atomic_store_n(&r->top, top, __ATOMIC_RELEASE);
}

/* The lock's holder, who alone writes: no read-modify-write of its own. */
static inline void replay_word_set(uint64_t *word, uint64_t bits)
{
	__atomic_store_n(word, bits, __ATOMIC_RELAXED);
}

/*
 * Would id be accepted now? Changes nothing: asked before the packet is authenticated.
 *
 * Without the lock the answer may be old, but never refuses what replay_commit() would accept: who
 * sees a top sees what was forgotten before it, so a bit inside the window is of this very id, and
 * whatever comes later makes ids seen, or too old. What is called fresh here is asked again there.
 */
static inline enum replay_verdict replay_check(const struct replay *r, uint64_t id)
{
	uint64_t top = __atomic_load_n(&r->top, __ATOMIC_ACQUIRE);
	uint64_t word;

	if (id > top)
		return REPLAY_FRESH;
	if (id == 0)
		return REPLAY_ZERO;
	if (top - id >= r->window)
		return REPLAY_TOO_OLD;
	word = __atomic_load_n(&r->seen[(id & (r->window - 1)) / 64], __ATOMIC_RELAXED);
	return word >> id % 64 & 1 ? REPLAY_REPEATED : REPLAY_FRESH;
}

/* Accepts id if it is fresh and remembers it. Only for authenticated packets. The lock's holder. */
static inline enum replay_verdict replay_commit(struct replay *r, uint64_t id)
{
	enum replay_verdict verdict = replay_check(r, id);
	uint64_t *word = replay_word(r, id);

	if (verdict != REPLAY_FRESH)
		return verdict;
	/* the usual case: of the ids passed over there is one, whose bit is set at once */
	if (id == r->top + 1)
		replay_top_set(r, id);
	else if (id > r->top)
		replay_slide(r, id);
	replay_word_set(word, *word | 1ull << id % 64);
	return REPLAY_FRESH;
}

#endif
