/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash table of nodes that live inside the caller's structs: it owns the slots, never the nodes.
 * An all-zero struct htab is an empty table. One thread.
 */
#ifndef HTAB_H
#define HTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct htab_node {
	struct htab_node *next;
	uint32_t hash;
};

struct htab {
	struct htab_node **slots;
	uint32_t nb_slots; /* a power of two, or 0 */
	uint32_t count;
};

/* The struct of that type whose member is the node n. */
#define htab_entry(n, type, member) ((type *)((uintptr_t)(n)-offsetof(type, member)))

/* Hash of a key; a key of several parts goes through as a chain: the result seeds the next. */
uint32_t htab_hash(uint32_t seed, const void *bytes, size_t len);

/* -ENOMEM only for the very first slots: a table that cannot grow gets slower instead. */
int htab_add(struct htab *t, struct htab_node *n, uint32_t hash);
void htab_del(struct htab *t, struct htab_node *n);

typedef bool (*htab_equal)(const struct htab_node *n, const void *key);
struct htab_node *htab_find(const struct htab *t, uint32_t hash, htab_equal equal, const void *key);

/* Visits every node; one for which visit() returns true is out of the table and may be freed. */
void htab_sweep(struct htab *t, bool (*visit)(struct htab_node *n, void *arg), void *arg);

/* Frees the slots. The nodes are the caller's. */
void htab_free(struct htab *t);

#endif
