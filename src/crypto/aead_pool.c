/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of a device's sessions, in pools that are made as they are needed. A key lies on one
 * device only, so of several devices none knows how many it will hold; memory for the most in each
 * would be taken twice and used once. Whether all may fit is asked at start (dp_fits()).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cryptodev.h>
#include <rte_memory.h>

#include "crypto/aead_private.h"
#include "log.h"

/*
 * Some drivers write more into a session than the size they tell: crypto_scheduler's own record
 * has 72 bytes, though it asks for its workers' size only (64 with crypto_chacha20_poly1305).
 */
#define SESSION_BYTES_MIN 128
#define POOL_SESSIONS_MIN 512

/* Key schedules do not belong into core dumps. Whole pages, rounded outward. */
static void keep_from_dumps(
	struct rte_mempool *mp, void *name, struct rte_mempool_memhdr *mem, unsigned int i)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(mem->addr);
	size_t page = list != NULL ? list->page_sz : (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)mem->addr & ~(page - 1);
	uintptr_t end = ((uintptr_t)mem->addr + mem->len + page - 1) & ~(page - 1);

	(void)mp;
	(void)i;
	if (madvise((void *)start, end - start, MADV_DONTDUMP) < 0)
		log_warn("crypto device %s: its keys may be in core dumps: madvise: %s",
			(const char *)name, strerror(errno));
}

static void add_bytes(
	struct rte_mempool *mp, void *bytes, struct rte_mempool_memhdr *mem, unsigned int i)
{
	(void)mp;
	(void)i;
	*(uint64_t *)bytes += mem->len;
}

/* Sessions of the next pool: few at first, then so that there are AEAD_POOLS_MAX pools at most. */
static uint32_t part(const struct aead_device *d)
{
	uint32_t n = d->sessions_max / (AEAD_POOLS_MAX - 1) + 1;

	if (d->nb_pools == 0 || n < POOL_SESSIONS_MIN)
		n = POOL_SESSIONS_MIN;
	return RTE_MIN(n, d->sessions_max);
}

int aead_pool_add(struct aead_device *d)
{
	unsigned int size = rte_cryptodev_sym_get_private_session_size(d->id);
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t n = part(d);
	struct rte_mempool *mp;

	if (d->nb_pools == AEAD_POOLS_MAX)
		return -ENOMEM;
	snprintf(name, sizeof(name), "aead_sessions_%u_%u", d->id, d->nb_pools);
	/* No cache: it is the agent alone that takes and gives, and the count stays exact. */
	mp = rte_cryptodev_sym_session_pool_create(name, n * d->objects,
		RTE_MAX(size, (unsigned int)SESSION_BYTES_MIN), 0, 0, d->socket_id);
	if (mp == NULL) {
		log_err("crypto device %s: no memory for %u more sessions (eal: -m, or hugepages)",
			d->name, n);
		return -ENOMEM;
	}
	rte_mempool_mem_iter(mp, keep_from_dumps, d->name);
	rte_mempool_mem_iter(mp, add_bytes, &d->pool_bytes);
	d->pools[d->nb_pools++] = mp;
	d->session_size = mp->elt_size;
	if (d->session_bytes == 0)
		d->session_bytes = (uint32_t)(d->pool_bytes / n);
	return 0;
}

struct rte_mempool *aead_pool_take(struct aead_device *d)
{
	/* Looked at here, because cryptodev would write an error line for each. */
	if (d->sessions == d->sessions_max)
		return NULL;
	for (unsigned int i = d->nb_pools; i-- > 0;) {
		if (rte_mempool_avail_count(d->pools[i]) >= d->objects)
			return d->pools[i];
	}
	return aead_pool_add(d) == 0 ? d->pools[d->nb_pools - 1] : NULL;
}

void aead_pools_free(struct aead_device *d)
{
	while (d->nb_pools > 0)
		rte_mempool_free(d->pools[--d->nb_pools]);
}
