/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/known.h"

#include <errno.h>
#include <stdlib.h>

#define PROBES	  3
#define SLOTS_MAX (1u << 26)
#define FULL	  UINT8_MAX /* a slot that was full once stays so: it has lost count */

uint64_t known_bytes(uint32_t max_peers)
{
	uint64_t slots = 1024;

	while (slots < (uint64_t)max_peers * KNOWN_SLOTS_PER_PEER && slots < SLOTS_MAX)
		slots *= 2;
	return slots;
}

int known_init(struct known *k, uint32_t max_peers)
{
	uint64_t slots = known_bytes(max_peers);

	k->mask = (uint32_t)slots - 1;
	k->count = calloc(slots, 1);
	return k->count == NULL ? -ENOMEM : 0;
}

void known_fini(struct known *k)
{
	free(k->count);
	k->count = NULL;
}

static uint8_t *slot(const struct known *k, uint64_t hash, int probe)
{
	uint32_t step = (uint32_t)(hash >> 32) | 1;

	return &k->count[((uint32_t)hash + (uint32_t)probe * step) & k->mask];
}

void known_add(struct known *k, uint64_t hash)
{
	for (int i = 0; i < PROBES; i++) {
		uint8_t *s = slot(k, hash, i);

		if (*s < FULL)
			__atomic_store_n(s, (uint8_t)(*s + 1), __ATOMIC_RELAXED);
	}
}

void known_remove(struct known *k, uint64_t hash)
{
	for (int i = 0; i < PROBES; i++) {
		uint8_t *s = slot(k, hash, i);

		if (*s > 0 && *s < FULL)
			__atomic_store_n(s, (uint8_t)(*s - 1), __ATOMIC_RELAXED);
	}
}

bool known_has(const struct known *k, uint64_t hash)
{
	for (int i = 0; i < PROBES; i++) {
		if (__atomic_load_n(slot(k, hash, i), __ATOMIC_RELAXED) == 0)
			return false;
	}
	return true;
}
