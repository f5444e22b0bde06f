/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/key.h"

#include <errno.h>
#include <string.h>

size_t key_size(uint32_t replay_window)
{
	size_t size = offsetof(struct key, rx) + replay_size(replay_window);

	return (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static void wipe_free(struct key *k, size_t size)
{
	explicit_bzero(k, size);
	slab_give(k);
}

int key_new(struct aead *a, struct slab *keys, const struct key_material *m, uint32_t replay_window,
	uint64_t now_ms, struct key **out)
{
	size_t size = key_size(replay_window);
	struct key *k;
	int ret;

	if (!replay_window_valid(replay_window) || size > keys->size)
		return -EINVAL;
	k = slab_take(keys);
	if (k == NULL)
		return -ENOMEM;
	k->id = m->key_id;
	k->alg = (uint8_t)m->alg;
	memcpy(k->encrypt_tail, m->encrypt_tail, sizeof(k->encrypt_tail));
	memcpy(k->decrypt_tail, m->decrypt_tail, sizeof(k->decrypt_tail));
	k->born_ms = now_ms;
	atomic_flag_clear(&k->lock);
	pktid_init(&k->tx, 1, PKTID_MAX_CLASSIC);
	replay_init(&k->rx, replay_window);

	ret = aead_session_new(a, m->alg, AEAD_ENCRYPT, m->encrypt, &k->encrypt);
	if (ret < 0)
		goto free_key;
	ret = aead_session_new(a, m->alg, AEAD_DECRYPT, m->decrypt, &k->decrypt);
	if (ret < 0)
		goto free_encrypt;
	*out = k;
	return 0;

free_encrypt:
	aead_session_free(a, k->encrypt);
free_key:
	wipe_free(k, size);
	return ret;
}

enum key_wear key_wear(const struct key *k)
{
	uint64_t tx = atomic_load_explicit(&k->tx_blocks, memory_order_relaxed);
	uint64_t rx = __atomic_load_n(&k->rx_blocks, __ATOMIC_RELAXED);

	if (atomic_load_explicit(&k->failed, memory_order_relaxed) > KEY_FAILED_ASK)
		return KEY_WORN_FAILED;
	if (pktid_used(&k->tx) >= KEY_PACKETS_ASK)
		return KEY_WORN_PACKETS;
	if (k->alg == AEAD_CHACHA20_POLY1305)
		return KEY_GOOD;
	tx += pktid_used(&k->tx);
	rx += __atomic_load_n(&k->rx.top, __ATOMIC_RELAXED);
	return tx > KEY_BLOCKS_ASK || rx > KEY_BLOCKS_ASK ? KEY_WORN_BLOCKS : KEY_GOOD;
}

struct aead_session *key_spend(struct key *k)
{
	/* pairs with the acquire in keyslots_tx_key(): the newer key is seen confirmed by then */
	atomic_store_explicit(&k->spent, true, memory_order_release);
	return k->encrypt;
}

void key_free(struct aead *a, struct key *k)
{
	if (k == NULL)
		return;
	if (!atomic_load_explicit(&k->spent, memory_order_relaxed))
		aead_session_free(a, k->encrypt);
	aead_session_free(a, k->decrypt);
	wipe_free(k, key_size(k->rx.window));
}
