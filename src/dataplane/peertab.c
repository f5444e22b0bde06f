/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peertab.h"

struct peertab_entry *peertab_entry(struct peertab *t, uint32_t id)
{
	struct peertab_entry *page =
		atomic_load_explicit(&t->page[id >> PEERTAB_BITS], memory_order_relaxed);

	return page == NULL ? NULL : &page[id & (PEERTAB_PAGE - 1)];
}

struct peertab_entry *peertab_make(struct peertab *t, uint32_t id, struct slab *pages)
{
	_Atomic(struct peertab_entry *) *at = &t->page[id >> PEERTAB_BITS];
	struct peertab_entry *page = atomic_load_explicit(at, memory_order_relaxed);

	if (page == NULL) {
		page = slab_take(pages);
		/* pairs with the acquire in peertab_find(): readers see zeroed entries */
		atomic_store_explicit(at, page, memory_order_release);
	}
	return page == NULL ? NULL : &page[id & (PEERTAB_PAGE - 1)];
}

uint32_t peertab_next(struct peertab *t, uint32_t from)
{
	for (uint32_t id = from; id < 1u << 2 * PEERTAB_BITS; id++) {
		struct peertab_entry *e = peertab_entry(t, id);

		if (e == NULL)
			id |= PEERTAB_PAGE - 1; /* on to the next page */
		else if (atomic_load_explicit(&e->peer, memory_order_relaxed) != NULL ||
			e->tomb != NULL)
			return id;
	}
	return UINT32_MAX;
}

struct peertab_entry *peertab_prune(struct peertab *t, uint32_t id)
{
	_Atomic(struct peertab_entry *) *at = &t->page[id >> PEERTAB_BITS];
	struct peertab_entry *page = atomic_load_explicit(at, memory_order_relaxed);

	for (uint32_t i = 0; page != NULL && i < PEERTAB_PAGE; i++) {
		if (atomic_load_explicit(&page[i].peer, memory_order_relaxed) != NULL ||
			page[i].tomb != NULL)
			return NULL;
	}
	atomic_store_explicit(at, NULL, memory_order_relaxed);
	return page;
}

void peertab_free(struct peertab *t)
{
	for (uint32_t i = 0; i < PEERTAB_PAGE; i++)
		slab_give(atomic_load_explicit(&t->page[i], memory_order_relaxed));
}
