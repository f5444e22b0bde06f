/* SPDX-License-Identifier: BSD-3-Clause */
#include "reference.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "frames.h"

struct key_material reference_key(enum aead_alg alg, uint8_t key_id, uint32_t seed)
{
	struct key_material m = {.key_id = key_id, .alg = alg};

	seed = seed * 2654435761u + 1;
	for (int i = 0; i < AEAD_KEY_MAX; i++) {
		m.encrypt[i] = (uint8_t)frame_random(&seed);
		m.decrypt[i] = (uint8_t)frame_random(&seed);
	}
	for (int i = 0; i < KEY_NONCE_TAIL_LEN; i++) {
		m.encrypt_tail[i] = (uint8_t)frame_random(&seed);
		m.decrypt_tail[i] = (uint8_t)frame_random(&seed);
	}
	return m;
}

struct key_material reference_mirror(const struct key_material *m)
{
	struct key_material r = *m;

	memcpy(r.encrypt, m->decrypt, sizeof(r.encrypt));
	memcpy(r.decrypt, m->encrypt, sizeof(r.decrypt));
	memcpy(r.encrypt_tail, m->decrypt_tail, sizeof(r.encrypt_tail));
	memcpy(r.decrypt_tail, m->encrypt_tail, sizeof(r.decrypt_tail));
	return r;
}

static const EVP_CIPHER *cipher(enum aead_alg alg)
{
	switch (alg) {
	case AEAD_AES_128_GCM:
		return EVP_aes_128_gcm();
	case AEAD_AES_192_GCM:
		return EVP_aes_192_gcm();
	case AEAD_AES_256_GCM:
		return EVP_aes_256_gcm();
	case AEAD_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	default:
		abort();
	}
}

/* header: the first 8 bytes of the packet, additional data and nonce in one. */
static bool run(const struct key_material *m, bool encrypt, const uint8_t *header,
	const uint8_t *from, uint8_t *to, size_t len, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	int n;
	bool ok;

	memcpy(nonce, header + 4, 4);
	memcpy(nonce + 4, encrypt ? m->encrypt_tail : m->decrypt_tail, 8);
	ok = EVP_CipherInit_ex(ctx, cipher(m->alg), NULL, encrypt ? m->encrypt : m->decrypt, nonce,
		     encrypt) == 1 &&
		EVP_CipherUpdate(ctx, NULL, &n, header, 8) == 1 &&
		EVP_CipherUpdate(ctx, to, &n, from, (int)len) == 1;
	if (ok && !encrypt)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1;
	ok = ok && EVP_CipherFinal_ex(ctx, to + len, &n) == 1;
	if (ok && encrypt)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

size_t reference_seal(const struct key_material *m, uint32_t peer_id, uint32_t pktid,
	const void *text, size_t len, uint8_t *out)
{
	out[0] = (uint8_t)(9 << 3 | m->key_id);
	out[1] = (uint8_t)(peer_id >> 16);
	out[2] = (uint8_t)(peer_id >> 8);
	out[3] = (uint8_t)peer_id;
	out[4] = (uint8_t)(pktid >> 24);
	out[5] = (uint8_t)(pktid >> 16);
	out[6] = (uint8_t)(pktid >> 8);
	out[7] = (uint8_t)pktid;
	if (!run(m, true, out, text, out + REFERENCE_OVERHEAD, len, out + 8))
		abort();
	return len + REFERENCE_OVERHEAD;
}

bool reference_open(const struct key_material *m, const uint8_t *packet, size_t len, uint8_t *text)
{
	uint8_t tag[16];

	if (len < REFERENCE_OVERHEAD || packet[0] != (9 << 3 | m->key_id))
		return false;
	memcpy(tag, packet + 8, sizeof(tag));
	return run(
		m, false, packet, packet + REFERENCE_OVERHEAD, text, len - REFERENCE_OVERHEAD, tag);
}
