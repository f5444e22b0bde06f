/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of one size, packed, in memory that the kernel is asked to back with huge pages of its
 * own accord (madvise(2), MADV_HUGEPAGE; nothing to set up). With thousands of peers in turn every
 * object a packet touches would cost a page walk beside the cache miss.
 *
 * An arena is cut into runs, and a run belongs to one slab as long as an object of it is in use.
 * The arena keeps what was given back, for whichever slab asks next. One thread at a time: the
 * agent.
 */
#ifndef SLAB_H
#define SLAB_H

#include <sys/queue.h>

#include "base.h"

#define SLAB_RUN	(128u << 10)
#define SLAB_RUN_HEADER (2 * CACHE_LINE) /* CPUs fetch lines by pairs */
#define SLAB_SIZE_MAX	(SLAB_RUN - SLAB_RUN_HEADER)

struct slab_run;
LIST_HEAD(slab_runs, slab_run);

struct arena {
	struct slab_runs free;
	void **chunks; /* what was mapped */
	unsigned int nb_chunks;
	uint64_t bytes; /* mapped */
};

struct slab {
	struct arena *arena;
	uint32_t size; /* of an object, whole cache lines */
	uint32_t used; /* objects */
	uint32_t runs;
	struct slab_runs room; /* runs in which there is some */
};

/* All zero is an arena, too. */
void arena_init(struct arena *a);
/* Unmaps all; no object may be in use. */
void arena_fini(struct arena *a);

/* size: bytes, SLAB_SIZE_MAX at most. */
void slab_init(struct slab *s, struct arena *a, size_t size);
/* Zeroed, at the start of a cache line; NULL: no memory. */
void *slab_take(struct slab *s);
/* Back to its slab; NULL is ignored. Whoever kept a secret in it has wiped it. */
void slab_give(void *object);
/* Bytes of the arena that are its own. */
uint64_t slab_bytes(const struct slab *s);
/* Bytes that n objects of that size take. */
uint64_t slab_bytes_of(size_t size, uint64_t n);

#endif
