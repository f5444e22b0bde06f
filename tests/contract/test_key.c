/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key.c with the AEAD of a real device. It is pure code, but what it does is to own two sessions,
 * and a stand-in for them would only repeat what the test believes; so it is tested in this tier.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "crypto/key.h"
#include "rig.h"

static struct arena arena;
static struct slab keys; /* of windows of up to 8192 ids */

/* The linker puts this before slab_give() (meson.build): what a slab gets back holds nothing. */
void __real_slab_give(void *object);
void __wrap_slab_give(void *object);

void __wrap_slab_give(void *object)
{
	const uint8_t *p = object;

	for (size_t i = 0; p != NULL && i < keys.size; i++)
		assert_int_equal(p[i], 0);
	__real_slab_give(object);
}

static uint32_t sessions_in_use(struct aead *a)
{
	struct aead_device_info info;

	aead_device_info(a, 0, &info);
	return info.sessions;
}

static struct aead *device(unsigned int sessions)
{
	struct aead *a;

	assert_int_equal(rig_aead("crypto_aesni_gcm", AEAD_MODE_AUTO, 1, sessions, &a), 0);
	return a;
}

static struct key_material material(void)
{
	struct key_material m = {.key_id = 5, .alg = AEAD_AES_256_GCM};

	rig_bytes(m.encrypt, sizeof(m.encrypt), 1);
	rig_bytes(m.decrypt, sizeof(m.decrypt), 2);
	rig_bytes(m.encrypt_tail, sizeof(m.encrypt_tail), 3);
	rig_bytes(m.decrypt_tail, sizeof(m.decrypt_tail), 4);
	return m;
}

static void key_is_born_unused_and_unconfirmed(void **state)
{
	const struct key_material m = material();
	struct aead *a = device(4);
	struct key *k;
	uint64_t first;

	(void)state;
	assert_int_equal(key_new(a, &keys, &m, 8192, 123456, &k), 0);
	assert_int_equal((uintptr_t)k % CACHE_LINE, 0);
	assert_int_equal(k->id, 5);
	assert_int_equal(k->alg, AEAD_AES_256_GCM);
	assert_false(atomic_load(&k->confirmed));
	assert_int_equal(k->born_ms, 123456);
	assert_int_equal(atomic_load(&k->failed), 0);
	assert_memory_equal(k->encrypt_tail, m.encrypt_tail, KEY_NONCE_TAIL_LEN);
	assert_memory_equal(k->decrypt_tail, m.decrypt_tail, KEY_NONCE_TAIL_LEN);
	assert_int_equal(pktid_reserve(&k->tx, 1, &first), 1);
	assert_int_equal(first, 1);
	assert_true(k->tx.limit == PKTID_MAX_CLASSIC);
	key_lock(k);
	assert_int_equal(replay_commit(&k->rx, 8193), REPLAY_FRESH);
	assert_int_equal(replay_commit(&k->rx, 2), REPLAY_FRESH);
	assert_int_equal(replay_commit(&k->rx, 1), REPLAY_TOO_OLD);
	key_unlock(k);
	key_lock(k); /* was free again */
	key_unlock(k);
	assert_int_equal(sessions_in_use(a), 2);
	key_free(a, k);
	assert_int_equal(sessions_in_use(a), 0);
	key_free(a, NULL);
	aead_free(a);
}

/* Encrypts with the encrypt key, and opens what the peer encrypted with ours to decrypt. */
static void key_uses_each_half_for_its_direction(void **state)
{
	const struct key_material m = material();
	struct rig_packets *p = rig_packets_new(1);
	uint8_t text[100], sealed[100], nonce[AEAD_NONCE_LEN] = {7}, aad[AEAD_AAD_LEN] = {9};
	uint8_t tag[AEAD_TAG_LEN];
	struct aead *a = device(4);
	struct aead_queue *q;
	struct key *k;

	(void)state;
	rig_bytes(text, sizeof(text), 11);
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &k), 0);
	assert_int_equal(aead_queue_new(a, 0, &q), 0);

	memcpy(sealed, text, sizeof(text));
	rig_seal(m.alg, m.encrypt, nonce, aad, sealed, sizeof(sealed), tag);
	rig_load(p, 0, nonce, aad, text, sizeof(text), NULL);
	rig_pass(q, k->encrypt, p, 1, 1);
	assert_memory_equal(p->jobs[0]->text, sealed, sizeof(sealed));
	assert_memory_equal(aead_job_tag(p->jobs[0]), tag, sizeof(tag));

	memcpy(sealed, text, sizeof(text));
	rig_seal(m.alg, m.decrypt, nonce, aad, sealed, sizeof(sealed), tag);
	rig_load(p, 0, nonce, aad, sealed, sizeof(sealed), tag);
	rig_pass(q, k->decrypt, p, 1, 1);
	assert_int_equal(p->jobs[0]->status, AEAD_OK);
	assert_memory_equal(p->jobs[0]->text, text, sizeof(text));

	aead_queue_free(q);
	key_free(a, k);
	aead_free(a);
	rig_packets_free(p);
}

static void key_that_cannot_be_made_leaves_nothing(void **state)
{
	struct key_material m = material();
	struct aead *a = device(3);
	struct key *k;
	struct key *none = NULL;

	(void)state;
	assert_int_equal(key_new(a, &keys, &m, 100, 0, &none), -EINVAL);
	assert_int_equal(key_new(a, &keys, &m, 16384, 0, &none), -EINVAL);
	m.alg = AEAD_CHACHA20_POLY1305; /* not on this device */
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &none), -ENOTSUP);
	m.alg = AEAD_AES_128_GCM;
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &k), 0);
	assert_int_equal(
		key_new(a, &keys, &m, 64, 0, &none), -ENOMEM); /* one session left, it needs two */
	assert_null(none);
	assert_int_equal(sessions_in_use(a), 2);
	key_free(a, k);
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &k), 0);
	key_free(a, k);
	assert_int_equal(sessions_in_use(a), 0);
	assert_int_equal(keys.used, 0);
	aead_free(a);
}

/* The numbers are openvpn's, written down anew: crypto.c, cipher_get_aead_limits(). */
#define BLOCKS_ASK 60129542137ull /* 2^36 - 1, of each eight seven */

static void key_wears_out_by_blocks_and_packets_of_a_direction(void **state)
{
	struct key_material m = material();
	struct aead *a = device(4);
	struct key *k;

	(void)state;
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &k), 0);
	atomic_store(&k->tx_blocks, BLOCKS_ASK);
	k->rx_blocks = BLOCKS_ASK;
	assert_int_equal(key_wear(k), KEY_GOOD); /* the directions are not added up */
	pktid_init(&k->tx, 2, PKTID_MAX_CLASSIC);
	assert_int_equal(key_wear(k), KEY_WORN_BLOCKS);
	atomic_store(&k->tx_blocks, BLOCKS_ASK - 1);
	assert_int_equal(key_wear(k), KEY_GOOD);
	key_lock(k);
	assert_int_equal(replay_commit(&k->rx, 1), REPLAY_FRESH);
	key_unlock(k);
	assert_int_equal(key_wear(k), KEY_WORN_BLOCKS);
	k->rx_blocks = BLOCKS_ASK - 1;
	assert_int_equal(key_wear(k), KEY_GOOD);
	/* another cipher has no such limit */
	k->alg = AEAD_CHACHA20_POLY1305;
	k->rx_blocks = UINT64_MAX / 2;
	atomic_store(&k->tx_blocks, UINT64_MAX / 2);
	assert_int_equal(key_wear(k), KEY_GOOD);
	key_free(a, k);
	aead_free(a);
}

static void key_wears_out_by_half_of_its_ids_and_by_failures(void **state)
{
	static const enum aead_alg algs[] = {AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305};
	struct key_material m = material();
	struct aead *a = device(4);
	struct key *k;

	(void)state;
	assert_int_equal(key_new(a, &keys, &m, 64, 0, &k), 0);
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		k->alg = (uint8_t)algs[i];
		pktid_init(&k->tx, 2147483648, PKTID_MAX_CLASSIC); /* has sent one less */
		assert_int_equal(key_wear(k), KEY_GOOD);
		pktid_init(&k->tx, 2147483649, PKTID_MAX_CLASSIC);
		assert_int_equal(key_wear(k), KEY_WORN_PACKETS);
		pktid_init(&k->tx, 1, PKTID_MAX_CLASSIC);
		atomic_store(&k->failed, 34359738368);
		assert_int_equal(key_wear(k), KEY_GOOD);
		atomic_store(&k->failed, 34359738369);
		assert_int_equal(key_wear(k), KEY_WORN_FAILED);
		atomic_store(&k->failed, 68719476736);
		assert_false(key_is_refused(k));
		atomic_store(&k->failed, 68719476737);
		assert_true(key_is_refused(k));
		atomic_store(&k->failed, 0);
	}
	key_free(a, k);
	aead_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_is_born_unused_and_unconfirmed),
		cmocka_unit_test(key_uses_each_half_for_its_direction),
		cmocka_unit_test(key_that_cannot_be_made_leaves_nothing),
		cmocka_unit_test(key_wears_out_by_blocks_and_packets_of_a_direction),
		cmocka_unit_test(key_wears_out_by_half_of_its_ids_and_by_failures),
	};
	int failed;

	rig_start();
	slab_init(&keys, &arena, key_size(8192));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&arena);
	rig_stop();
	return failed;
}
