/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does this transport address belong to a live peer? A counting Bloom filter: "no" is certain,
 * "yes" is wrong for about one stranger in a thousand, which is good enough for a limit and for
 * nothing else. Pure. The agent writes, workers read; nothing is ever freed while they do.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "dataplane/source.h"

#define KNOWN_SLOTS_PER_PEER 32

struct known {
	uint32_t mask; /* slots - 1 */
	uint8_t *count;
};

/* What the table takes. */
uint64_t known_bytes(uint32_t max_peers);
/* 0 or -ENOMEM. */
int known_init(struct known *k, uint32_t max_peers);
void known_fini(struct known *k);

/* Agent. hash: source_hash_flow(). Whatever is added is removed once. */
void known_add(struct known *k, uint64_t hash);
void known_remove(struct known *k, uint64_t hash);

/* Any thread. */
bool known_has(const struct known *k, uint64_t hash);

#endif
