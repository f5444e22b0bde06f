/* SPDX-License-Identifier: BSD-3-Clause */
#include "slab.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK	   (2u << 20) /* the huge page of x86-64 */
#define CHUNK_RUNS (CHUNK / SLAB_RUN)

/* The sanitizer is to see each object's life: it gets them one by one from malloc. */
#ifdef __SANITIZE_ADDRESS__
#define ONE_BY_ONE true
#else
#define ONE_BY_ONE false
#endif

struct slab_run {
	struct slab *slab;
	LIST_ENTRY(slab_run) link;
	void *given_back; /* each holds the next one's address */
	uint32_t fresh;	  /* objects from here on were never used */
	uint32_t used;
};

static_assert(sizeof(struct slab_run) <= SLAB_RUN_HEADER, "objects start behind it");

static uint32_t objects(size_t size)
{
	return (uint32_t)(SLAB_SIZE_MAX / size);
}

static size_t whole_lines(size_t size)
{
	return (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

void arena_fini(struct arena *a)
{
	for (unsigned int i = 0; i < a->nb_chunks; i++)
		munmap(a->chunks[i], CHUNK);
	free(a->chunks);
	arena_init(a);
}

/* A chunk at a multiple of its size: what lies around it is given back at once. */
static uint8_t *map_chunk(void)
{
	uint8_t *all = mmap(NULL, 2 * (size_t)CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (all == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)all & (CHUNK - 1);
	if (before > 0)
		munmap(all, before);
	munmap(all + before + CHUNK, CHUNK - before);
	madvise(all + before, CHUNK, MADV_HUGEPAGE); /* without it it is slower, no more */
	return all + before;
}

static bool arena_grow(struct arena *a)
{
	void **chunks = realloc(a->chunks, (a->nb_chunks + 1) * sizeof(*chunks));
	uint8_t *chunk;

	if (chunks == NULL)
		return false;
	a->chunks = chunks;
	chunk = map_chunk();
	if (chunk == NULL)
		return false;
	a->chunks[a->nb_chunks++] = chunk;
	a->bytes += CHUNK;
	for (unsigned int i = CHUNK_RUNS; i-- > 0;) /* the first one is taken first */
		LIST_INSERT_HEAD(&a->free, (struct slab_run *)(chunk + i * SLAB_RUN), link);
	return true;
}

void slab_init(struct slab *s, struct arena *a, size_t size)
{
	*s = (struct slab){.arena = a, .size = (uint32_t)whole_lines(size)};
	assert(s->size > 0 && s->size <= SLAB_SIZE_MAX);
}

static struct slab_run *run_new(struct slab *s)
{
	struct slab_run *r;

	if (LIST_EMPTY(&s->arena->free) && !arena_grow(s->arena))
		return NULL;
	r = LIST_FIRST(&s->arena->free);
	LIST_REMOVE(r, link);
	*r = (struct slab_run){.slab = s};
	LIST_INSERT_HEAD(&s->room, r, link);
	s->runs++;
	return r;
}

/* A run of one object. */
static void *take_alone(struct slab *s)
{
	struct slab_run *r = aligned_alloc(CACHE_LINE, SLAB_RUN_HEADER + s->size);

	if (r == NULL)
		return NULL;
	*r = (struct slab_run){.slab = s};
	return (uint8_t *)r + SLAB_RUN_HEADER;
}

static void *take_packed(struct slab *s)
{
	struct slab_run *r = LIST_FIRST(&s->room);
	void *o;

	if (r == NULL)
		r = run_new(s);
	if (r == NULL)
		return NULL;
	o = r->given_back;
	if (o != NULL)
		memcpy(&r->given_back, o, sizeof(o));
	else
		o = (uint8_t *)r + SLAB_RUN_HEADER + (size_t)s->size * r->fresh++;
	if (++r->used == objects(s->size))
		LIST_REMOVE(r, link);
	return o;
}

void *slab_take(struct slab *s)
{
	void *o = ONE_BY_ONE ? take_alone(s) : take_packed(s);

	if (o == NULL)
		return NULL;
	memset(o, 0, s->size);
	s->used++;
	return o;
}

static struct slab_run *run_of(void *o)
{
	if (ONE_BY_ONE)
		return (struct slab_run *)((uint8_t *)o - SLAB_RUN_HEADER);
	return (struct slab_run *)((uintptr_t)o & ~(uintptr_t)(SLAB_RUN - 1));
}

void slab_give(void *o)
{
	struct slab_run *r;
	struct slab *s;

	if (o == NULL)
		return;
	r = run_of(o);
	s = r->slab;
	s->used--;
	if (ONE_BY_ONE) {
		free(r);
		return;
	}
	memcpy(o, &r->given_back, sizeof(o));
	r->given_back = o;
	if (r->used-- == objects(s->size))
		LIST_INSERT_HEAD(&s->room, r, link);
	if (r->used > 0)
		return;
	LIST_REMOVE(r, link);
	LIST_INSERT_HEAD(&s->arena->free, r, link);
	s->runs--;
}

uint64_t slab_bytes(const struct slab *s)
{
	return ONE_BY_ONE ? (uint64_t)s->used * s->size : (uint64_t)s->runs * SLAB_RUN;
}

uint64_t slab_bytes_of(size_t size, uint64_t n)
{
	uint32_t each = objects(whole_lines(size));

	return (n + each - 1) / each * SLAB_RUN;
}
