/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/htab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 16

/* FNV-1a; the last steps spread its weak low bits, which choose the slot. */
uint32_t htab_hash(uint32_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t h = seed ^ 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	h ^= h >> 16;
	h *= 0x7feb352du;
	return h ^ h >> 15;
}

static void push(struct htab *t, struct htab_node *n)
{
	struct htab_node **slot = &t->slots[n->hash & (t->nb_slots - 1)];

	n->next = *slot;
	*slot = n;
}

static int resize(struct htab *t, uint32_t nb_slots)
{
	struct htab old = *t;

	t->slots = calloc(nb_slots, sizeof(struct htab_node *));
	if (t->slots == NULL) {
		t->slots = old.slots;
		return -ENOMEM;
	}
	t->nb_slots = nb_slots;
	for (uint32_t i = 0; i < old.nb_slots; i++) {
		struct htab_node *next;

		for (struct htab_node *n = old.slots[i]; n != NULL; n = next) {
			next = n->next;
			push(t, n);
		}
	}
	free(old.slots);
	return 0;
}

int htab_add(struct htab *t, struct htab_node *n, uint32_t hash)
{
	if (t->nb_slots == 0 && resize(t, FIRST_SLOTS) < 0)
		return -ENOMEM;
	if (t->count >= t->nb_slots && t->nb_slots < UINT32_C(1) << 30)
		resize(t, 2 * t->nb_slots);
	n->hash = hash;
	push(t, n);
	t->count++;
	return 0;
}

void htab_del(struct htab *t, struct htab_node *n)
{
	struct htab_node **at = &t->slots[n->hash & (t->nb_slots - 1)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	t->count--;
}

struct htab_node *htab_find(const struct htab *t, uint32_t hash, htab_equal equal, const void *key)
{
	struct htab_node *n;

	if (t->nb_slots == 0)
		return NULL;
	for (n = t->slots[hash & (t->nb_slots - 1)]; n != NULL; n = n->next)
		if (n->hash == hash && equal(n, key))
			return n;
	return NULL;
}

void htab_sweep(struct htab *t, bool (*visit)(struct htab_node *n, void *arg), void *arg)
{
	for (uint32_t i = 0; i < t->nb_slots; i++) {
		struct htab_node *kept = NULL;
		struct htab_node **tail = &kept;
		struct htab_node *next;

		for (struct htab_node *n = t->slots[i]; n != NULL; n = next) {
			next = n->next;
			if (visit(n, arg)) {
				t->count--;
				continue;
			}
			*tail = n;
			tail = &n->next;
		}
		*tail = NULL;
		t->slots[i] = kept;
	}
}

void htab_free(struct htab *t)
{
	free(t->slots);
	memset(t, 0, sizeof(*t));
}
