/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One data-channel key: id, two AEAD sessions, packet ids for sending, replay window for
 * receiving. Born from key material, dies by explicit_bzero.
 *
 * Made and freed by the agent; workers read it through keyslots under QSBR, so it is freed only
 * after every worker has been quiescent with no job of it in flight.
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

	/* written by whichever worker encrypts */
	alignas(CACHE_LINE) struct pktid tx;

	/* written by whichever worker decrypts, under the lock, once a run */
	alignas(CACHE_LINE) atomic_flag lock;
	_Atomic(uint64_t) failed; /* failed decryptions */
	struct replay rx;	  /* last: its words follow */
};

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
