/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random numbers that a seed decides, and the keys of churn's peers: known to whoever knows peer id
 * and key id, so that another process (noise) can be such a peer's other end.
 */
#ifndef SOAK_KEYS_H
#define SOAK_KEYS_H

#include "nlclient.h"

/* splitmix64 */
static inline uint64_t soak_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline void soak_bytes(uint64_t *state, uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		p[i] = (uint8_t)soak_random(state);
}

static inline struct nlc_key soak_key(uint32_t peer_id, uint8_t key_id)
{
	uint64_t state = (uint64_t)peer_id << 8 | key_id;
	struct nlc_key k = {.id = key_id, .cipher = (enum nlc_cipher)((peer_id + key_id) % 4)};

	soak_bytes(&state, k.encrypt, NLC_KEY_MAX);
	soak_bytes(&state, k.decrypt, NLC_KEY_MAX);
	soak_bytes(&state, k.encrypt_tail, NLC_TAIL_LEN);
	soak_bytes(&state, k.decrypt_tail, NLC_TAIL_LEN);
	return k;
}

#endif
