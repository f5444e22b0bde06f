/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys do not move when the labels are exchanged: each stays in its cell, and the agent alone
 * remembers which cell is called primary. So a worker never sees the middle of a swap, and a key
 * that is there throughout is found throughout.
 *
 * Whatever is primary is confirmed (install and swap see to it before they publish). Hence
 * "primary, unless secondary is newer and confirmed" is the same as "the newest confirmed key",
 * which a worker can answer without knowing the labels.
 */
#include "crypto/keyslots.h"

#include <stdbool.h>
#include <stddef.h>

#include "crypto/key.h"

static inline unsigned int cell(const struct keyslots *ks, enum keyslot slot)
{
	return ks->primary ^ (unsigned int)slot;
}

struct key *keyslots_get(const struct keyslots *ks, enum keyslot slot)
{
	return atomic_load_explicit(&ks->slot[cell(ks, slot)], memory_order_relaxed);
}

/*
 * Pairs with the loads in keyslots_find() and keyslots_tx_key(). What was in the slot is left
 * before it loses its label: a worker that does not find it under one finds it there.
 */
static struct key *publish(struct keyslots *ks, enum keyslot slot, struct key *k)
{
	struct key *displaced = keyslots_get(ks, slot);
	struct key *forgotten = NULL;

	if (displaced != NULL)
		forgotten = atomic_exchange_explicit(&ks->left, displaced, memory_order_acq_rel);
	atomic_store_explicit(&ks->slot[cell(ks, slot)], k, memory_order_release);
	return forgotten;
}

struct key *keyslots_install(struct keyslots *ks, enum keyslot slot, struct key *k)
{
	/* the release that publishes k orders it for who sees k */
	k->generation = atomic_fetch_add_explicit(&ks->generations, 1, memory_order_relaxed) + 1;
	if (slot == KEYSLOT_PRIMARY)
		keyslots_confirm(k);
	return publish(ks, slot, k);
}

void keyslots_swap(struct keyslots *ks)
{
	struct key *k = keyslots_get(ks, KEYSLOT_SECONDARY);

	if (k != NULL)
		keyslots_confirm(k);
	ks->primary ^= 1;
}

struct key *keyslots_remove(struct keyslots *ks, enum keyslot slot)
{
	return publish(ks, slot, NULL);
}

struct key *keyslots_forget(struct keyslots *ks)
{
	return atomic_exchange_explicit(&ks->left, NULL, memory_order_acq_rel);
}

bool keyslots_has_left(const struct keyslots *ks)
{
	return atomic_load_explicit(&ks->left, memory_order_relaxed) != NULL;
}

static inline struct key *newer(struct key *a, struct key *b)
{
	if (a == NULL || (b != NULL && b->generation > a->generation))
		return b;
	return a;
}

static inline struct key *if_id(struct key *k, uint8_t key_id)
{
	return k != NULL && k->id == key_id ? k : NULL;
}

struct key *keyslots_find(const struct keyslots *ks, uint8_t key_id)
{
	struct key *a = atomic_load_explicit(&ks->slot[0], memory_order_acquire);
	struct key *b = atomic_load_explicit(&ks->slot[1], memory_order_acquire);
	struct key *k = newer(if_id(a, key_id), if_id(b, key_id));

	if (k == NULL) /* after the cells: who is no longer there is here already */
		k = if_id(atomic_load_explicit(&ks->left, memory_order_acquire), key_id);
	return k;
}

struct key *keyslots_newest(const struct keyslots *ks)
{
	return newer(atomic_load_explicit(&ks->slot[0], memory_order_acquire),
		atomic_load_explicit(&ks->slot[1], memory_order_acquire));
}

static inline bool is_spent(const struct key *k)
{
	/* pairs with the release in key_spend() */
	return k == NULL || atomic_load_explicit(&k->spent, memory_order_acquire);
}

static inline struct key *if_confirmed(struct key *k)
{
	return k != NULL && atomic_load_explicit(&k->confirmed, memory_order_relaxed) ? k : NULL;
}

/*
 * Both cells are read before any flag: who sees the old key gone also sees the flag of the new
 * one, which was set before, and so never finds nothing to send with. For the same reason it is
 * asked of both whether they are spent before it is asked of either whether it is confirmed. Who
 * was interrupted in between while a key came looks again, else it would, after two of them, go
 * back to an old one; and who found only spent keys looks until what it looked at is what is there.
 */
struct key *keyslots_tx_key(const struct keyslots *ks)
{
	struct key *a, *b, *k;
	uint32_t before;

	do {
		bool a_spent, b_spent;

		before = atomic_load_explicit(&ks->generations, memory_order_acquire);
		a = atomic_load_explicit(&ks->slot[0], memory_order_acquire);
		b = atomic_load_explicit(&ks->slot[1], memory_order_acquire);
		a_spent = is_spent(a);
		b_spent = is_spent(b);
		k = newer(a_spent ? NULL : if_confirmed(a), b_spent ? NULL : if_confirmed(b));
	} while (before != atomic_load_explicit(&ks->generations, memory_order_acquire) ||
		(k == NULL &&
			(a != atomic_load_explicit(&ks->slot[0], memory_order_acquire) ||
				b != atomic_load_explicit(&ks->slot[1], memory_order_acquire))));
	return k;
}

void keyslots_confirm(struct key *k)
{
	if (!atomic_load_explicit(&k->confirmed, memory_order_relaxed))
		atomic_store_explicit(&k->confirmed, true, memory_order_relaxed);
}
