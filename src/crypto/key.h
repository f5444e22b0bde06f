/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One data-channel key: id, two AEAD sessions, packet ids for sending, replay window for
 * receiving. Born from key material, dies by explicit_bzero.
 *
 * Made and freed by the agent; workers read it through keyslots under QSBR, so it is freed only
 * after every worker has been quiescent with no job of it in flight.
 *
 * A key wears out: with AES-GCM by blocks and packets (both directions, as openvpn 2.7 counts
 * them), with any cipher by packet ids and by failed decryptions. See key_wear().
 */
#ifndef KEY_H
#define KEY_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "crypto/aead.h"
#include "crypto/pktid.h"
#include "crypto/replay.h"
#include "slab.h"

#define KEY_NONCE_TAIL_LEN 8

/* Key bytes on their way from openvpn to the device. Whoever holds one wipes it. */
struct key_material {
	uint8_t key_id; /* 0..7 */
	enum aead_alg alg;
	uint8_t encrypt[AEAD_KEY_MAX];
	uint8_t decrypt[AEAD_KEY_MAX];
	uint8_t encrypt_tail[KEY_NONCE_TAIL_LEN];
	uint8_t decrypt_tail[KEY_NONCE_TAIL_LEN];
};

struct key {
	/* read by every worker, written before publication */
	alignas(CACHE_LINE) uint8_t id;
	uint8_t alg;		 /* enum aead_alg */
	_Atomic(bool) spent;	 /* a newer one encrypts for good: its encrypt is not to be used */
	_Atomic(bool) confirmed; /* the peer uses it, or openvpn made it primary: see keyslots.h */
	uint32_t generation;	 /* rises with each key of a peer */
	struct aead_session *encrypt;
	struct aead_session *decrypt;
	uint8_t encrypt_tail[KEY_NONCE_TAIL_LEN];
	uint8_t decrypt_tail[KEY_NONCE_TAIL_LEN];
	uint64_t born_ms; /* when it was installed, monotonic milliseconds */

	/* agent only */
	uint64_t asked_ms;    /* openvpn was last told that it wears out; 0: never */
	uint64_t fingerprint; /* 0: another goes on with its ids; see wear.h */

	/* written by whichever worker encrypts */
	alignas(CACHE_LINE) struct pktid tx;
	_Atomic(uint64_t) tx_blocks;

	/* written by whichever worker decrypts, under the lock, once a run */
	alignas(CACHE_LINE) atomic_flag lock;
	_Atomic(uint64_t) failed; /* failed decryptions */
	uint64_t rx_blocks;
	struct replay rx; /* last: its words follow */
};

/*
 * What a key may do (openvpn 2.7: crypto.c, cipher_get_aead_limits(); draft-irtf-cfrg-aead-limits).
 * A new one is asked for in time: at 7/8 of the blocks and packets, half the ids, half the
 * failures.
 */
#define KEY_BLOCKS_MAX	((1ull << 36) - 1) /* AES-GCM: blocks and packets of a direction */
#define KEY_BLOCKS_ASK	(KEY_BLOCKS_MAX / 8 * 7)
#define KEY_PACKETS_ASK (1ull << 31)
#define KEY_FAILED_ASK	(1ull << 35)
#define KEY_FAILED_MAX	(1ull << 36)

enum key_wear {
	KEY_GOOD,
	KEY_WORN_PACKETS, /* has sent KEY_PACKETS_ASK packets */
	KEY_WORN_BLOCKS,  /* more than KEY_BLOCKS_ASK */
	KEY_WORN_FAILED,  /* more than KEY_FAILED_ASK */
};

/* Should there be another key by now? Any thread. */
enum key_wear key_wear(const struct key *k);

/* Bytes of a struct key with that window; two sessions come with it. */
size_t key_size(uint32_t replay_window);
/* keys: of key_size() at least. -ENOTSUP: no device has the algorithm; -ENOMEM. Agent thread. Does
 * not wipe m. */
int key_new(struct aead *a, struct slab *keys, const struct key_material *m, uint32_t replay_window,
	uint64_t now_ms, struct key **out);
/*
 * The key encrypts no more; of its two sessions the one for it is the caller's now, to be freed
 * after quiescence. Agent thread, once.
 */
struct aead_session *key_spend(struct key *k);
/* Frees what sessions it has and wipes. NULL is ignored. Agent thread, after quiescence. */
void key_free(struct aead *a, struct key *k);

/* Fetches what decrypting a packet of that id needs of a key whose first line is here. */
static inline void key_prefetch_rx(struct key *k, uint64_t pktid)
{
	__builtin_prefetch(&k->lock, 1);
	__builtin_prefetch(replay_word(&k->rx, pktid), 1);
}

/* The same for encrypting; NULL is ignored. */
static inline void key_prefetch_tx(struct key *k)
{
	if (k != NULL)
		__builtin_prefetch(&k->tx, 1);
}

/* Blocks of a data packet of len bytes, header and tag included: openvpn counts them like that. */
static inline uint64_t key_blocks(uint16_t len)
{
	return (len + 15u) / 16;
}

/* Worker, once a run: the one that encrypts for the key's peer, so that nobody else writes. */
static inline void key_count_tx(struct key *k, uint64_t blocks)
{
	uint64_t so_far = atomic_load_explicit(&k->tx_blocks, memory_order_relaxed);

	/* an atomic add would wait for the stores of packets before it */
	atomic_store_explicit(&k->tx_blocks, so_far + blocks, memory_order_relaxed);
}

/* Worker that holds the lock, once a run. */
static inline void key_count_rx(struct key *k, uint64_t blocks)
{
	__atomic_store_n(&k->rx_blocks, k->rx_blocks + blocks, __ATOMIC_RELAXED);
}

/* So many forgeries were tried on it that the next might succeed: it decrypts nothing more. */
static inline bool key_is_refused(const struct key *k)
{
	return atomic_load_explicit(&k->failed, memory_order_relaxed) > KEY_FAILED_MAX;
}

static inline void key_lock(struct key *k)
{
	while (atomic_flag_test_and_set_explicit(&k->lock, memory_order_acquire))
		__builtin_ia32_pause();
}

static inline void key_unlock(struct key *k)
{
	atomic_flag_clear_explicit(&k->lock, memory_order_release);
}

#endif
