/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/pktid.h"

#include <assert.h>

void pktid_init(struct pktid *p, uint64_t first, uint64_t limit)
{
	/* Room above the limit, so that reservations racing at the end cannot wrap next. */
	assert(limit < UINT64_MAX / 2);
	assert(first > 0 && first <= limit + 1);
	atomic_init(&p->next, first);
	p->limit = limit;
}

uint16_t pktid_reserve(struct pktid *p, uint16_t n, uint64_t *first)
{
	uint64_t id;
	uint64_t left;

	/* Without this look an exhausted key that is still asked would count on, up to the wrap. */
	if (atomic_load_explicit(&p->next, memory_order_relaxed) > p->limit)
		return 0;
	/* Relaxed: the id itself is all that is shared; nothing is published with it. */
	id = atomic_fetch_add_explicit(&p->next, n, memory_order_relaxed);
	if (id > p->limit)
		return 0;
	*first = id;
	left = p->limit - id + 1;
	return left < n ? (uint16_t)left : n;
}

uint64_t pktid_close(struct pktid *p)
{
	/* one step: a worker that reserves meanwhile has its ids before it, or none */
	uint64_t next = atomic_exchange_explicit(&p->next, p->limit + 1, memory_order_relaxed);

	return next > p->limit ? p->limit + 1 : next;
}

uint64_t pktid_used(const struct pktid *p)
{
	uint64_t next = atomic_load_explicit(&p->next, memory_order_relaxed);

	return next > p->limit ? p->limit : next - 1;
}
