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

/* Pairs with the loads in keyslots_find() and keyslots_tx_key(). */
static struct key *publish(struct keyslots *ks, enum keyslot slot, struct key *k)
{
	return atomic_exchange_explicit(&ks->slot[cell(ks, slot)], k, memory_order_acq_rel);
}

struct key *keyslots_install(struct keyslots *ks, enum keyslot slot, struct key *k)
{
	k->generation = ++ks->generations;
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

struct key *keyslots_get(const struct keyslots *ks, enum keyslot slot)
{
	return atomic_load_explicit(&ks->slot[cell(ks, slot)], memory_order_relaxed);
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

	return newer(if_id(a, key_id), if_id(b, key_id));
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
 * asked of both whether they are spent before it is asked of either whether it is confirmed.
 */
struct key *keyslots_tx_key(const struct keyslots *ks)
{
	struct key *a = atomic_load_explicit(&ks->slot[0], memory_order_acquire);
	struct key *b = atomic_load_explicit(&ks->slot[1], memory_order_acquire);
	bool a_spent = is_spent(a), b_spent = is_spent(b);

	return newer(a_spent ? NULL : if_confirmed(a), b_spent ? NULL : if_confirmed(b));
}

void keyslots_confirm(struct key *k)
{
	if (!atomic_load_explicit(&k->confirmed, memory_order_relaxed))
		atomic_store_explicit(&k->confirmed, true, memory_order_relaxed);
}
