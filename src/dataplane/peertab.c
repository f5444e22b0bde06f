/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peertab.h"

#include <stdlib.h>

struct peertab_entry *peertab_entry(struct peertab *t, uint32_t id, bool make)
{
	_Atomic(struct peertab_entry *) *at = &t->page[id >> PEERTAB_BITS];
	struct peertab_entry *page = atomic_load_explicit(at, memory_order_relaxed);

	if (page == NULL && make) {
		page = calloc(PEERTAB_PAGE, sizeof(*page));
		/* pairs with the acquire in peertab_find(): readers see zeroed entries */
		atomic_store_explicit(at, page, memory_order_release);
	}
	return page == NULL ? NULL : &page[id & (PEERTAB_PAGE - 1)];
}

uint32_t peertab_next(struct peertab *t, uint32_t from)
{
	for (uint32_t id = from; id < 1u << 2 * PEERTAB_BITS; id++) {
		struct peertab_entry *e = peertab_entry(t, id, false);

		if (e == NULL)
			id |= PEERTAB_PAGE - 1; /* on to the next page */
		else if (atomic_load_explicit(&e->peer, memory_order_relaxed) != NULL ||
			e->tomb != NULL)
			return id;
	}
	return UINT32_MAX;
}

void peertab_free(struct peertab *t)
{
	for (uint32_t i = 0; i < PEERTAB_PAGE; i++)
		free(atomic_load_explicit(&t->page[i], memory_order_relaxed));
}
