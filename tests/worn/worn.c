/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linked into a daemon, it makes the first key of each peer one that has nearly done what it may: a
 * CHACHA20-POLY1305 key by packets, an AES-GCM key by blocks of 16 bytes, which are its first
 * limit. What is left is the same number of pings for both. OVPN_DPDK_WORN=end: nearly no packet id
 * is left; OVPN_DPDK_WORN=next: it is with the next packet that another key must be asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"

#define FIRST_ID    0 /* the key id; it never comes again */
#define LEFT	    400
#define PING_BLOCKS 8 /* of 84 bytes inside, which are 108 on the wire: 7, and 1 for each packet   \
		       */

int __real_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out);
int __wrap_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out);

int __wrap_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out)
{
	int ret = __real_key_new(a, keys, m, replay_window, now_ms, out);
	const char *how = getenv("OVPN_DPDK_WORN");
	struct key *k;

	if (ret < 0 || m->key_id != FIRST_ID)
		return ret;
	k = *out;
	if (how != NULL && strcmp(how, "end") == 0)
		pktid_init(&k->tx, k->tx.limit - LEFT + 1, k->tx.limit);
	else if (how != NULL)
		pktid_init(&k->tx, KEY_PACKETS_ASK, k->tx.limit);
	else if (k->alg == AEAD_CHACHA20_POLY1305)
		pktid_init(&k->tx, KEY_PACKETS_ASK - LEFT + 1, k->tx.limit);
	else
		atomic_store_explicit(
			&k->tx_blocks, KEY_BLOCKS_ASK - LEFT * PING_BLOCKS, memory_order_relaxed);
	return ret;
}
