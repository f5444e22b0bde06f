/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer id (24 bits) -> peer, two levels of 4096. Pages are made when an id in them is first used.
 * Those of many peers stay until the table goes; where one peer follows another with ids from all
 * over, peertab_prune() takes out what is left empty. A reader needs two dependent loads and no
 * check of bounds.
 * Writer: the agent. Readers: workers under QSBR.
 */
#ifndef PEERTAB_H
#define PEERTAB_H

#include <stdatomic.h>

#include "slab.h"

#define PEERTAB_BITS 12
#define PEERTAB_PAGE (1u << PEERTAB_BITS)

struct peer;
struct tombstone;

struct peertab_entry {
	_Atomic(struct peer *) peer;
	struct tombstone *tomb; /* agent only */
};

#define PEERTAB_PAGE_SIZE (PEERTAB_PAGE * sizeof(struct peertab_entry))

struct peertab {
	_Atomic(struct peertab_entry *) page[PEERTAB_PAGE];
};

/* Worker. NULL: no such peer. id < 2^24. */
static inline struct peer *peertab_find(const struct peertab *t, uint32_t id)
{
	struct peertab_entry *page =
		atomic_load_explicit(&t->page[id >> PEERTAB_BITS], memory_order_acquire);

	if (page == NULL)
		return NULL;
	return atomic_load_explicit(&page[id & (PEERTAB_PAGE - 1)].peer, memory_order_acquire);
}

/* Worker. Fetches what peertab_find() will read. id < 2^24. */
static inline void peertab_prefetch(const struct peertab *t, uint32_t id)
{
	const struct peertab_entry *page =
		atomic_load_explicit(&t->page[id >> PEERTAB_BITS], memory_order_relaxed);

	if (page != NULL)
		__builtin_prefetch(&page[id & (PEERTAB_PAGE - 1)]);
}

/* Agent. The entry of an id; NULL: its page does not exist. */
struct peertab_entry *peertab_entry(struct peertab *t, uint32_t id);
/* Agent. The same, but makes the page; pages: of PEERTAB_PAGE_SIZE. NULL: no memory. */
struct peertab_entry *peertab_make(struct peertab *t, uint32_t id, struct slab *pages);
/* Agent. The smallest id >= from with a peer or a tombstone; UINT32_MAX: none. */
uint32_t peertab_next(struct peertab *t, uint32_t from);
/*
 * Agent. Takes the page of this id out, if nothing is in it: the caller's to give back to its slab
 * after quiescence.
 * NULL: something is, or there is no page.
 */
struct peertab_entry *peertab_prune(struct peertab *t, uint32_t id);
/* After quiescence; entries must be empty. */
void peertab_free(struct peertab *t);

#endif
