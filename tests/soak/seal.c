/* SPDX-License-Identifier: BSD-3-Clause */
#include "seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define OP_DATA_V2 9

static const EVP_CIPHER *cipher_of(enum nlc_cipher c)
{
	switch (c) {
	case NLC_AES_128_GCM:
		return EVP_aes_128_gcm();
	case NLC_AES_192_GCM:
		return EVP_aes_192_gcm();
	case NLC_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	case NLC_AES_256_GCM:
		break;
	}
	return EVP_aes_256_gcm();
}

size_t seal(const struct nlc_key *k, uint32_t peer_id, uint32_t packet_id, const uint8_t *text,
	size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[4 + NLC_TAIL_LEN];
	int n;

	be32_store(out, (uint32_t)(OP_DATA_V2 << 3 | k->id) << 24 | peer_id);
	be32_store(out + 4, packet_id);
	memcpy(nonce, out + 4, 4);
	memcpy(nonce + 4, k->decrypt_tail, NLC_TAIL_LEN);
	if (ctx == NULL ||
		EVP_EncryptInit_ex(ctx, cipher_of(k->cipher), NULL, k->decrypt, nonce) != 1 ||
		EVP_EncryptUpdate(ctx, NULL, &n, out, SEAL_HEADER_LEN) != 1 ||
		EVP_EncryptUpdate(ctx, out + SEAL_HEADER_LEN + SEAL_TAG_LEN, &n, text, (int)len) !=
			1 ||
		EVP_EncryptFinal_ex(ctx, out + SEAL_HEADER_LEN + SEAL_TAG_LEN + n, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(
			ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN, out + SEAL_HEADER_LEN) != 1) {
		fprintf(stderr, "OpenSSL does not encrypt\n");
		exit(1);
	}
	EVP_CIPHER_CTX_free(ctx);
	return SEAL_HEADER_LEN + SEAL_TAG_LEN + len;
}

bool unseal(const struct nlc_key *k, const uint8_t *packet, size_t len, uint8_t *text)
{
	uint8_t nonce[4 + NLC_TAIL_LEN], tag[SEAL_TAG_LEN];
	EVP_CIPHER_CTX *ctx;
	bool authentic;
	int n;

	if (len <= SEAL_HEADER_LEN + SEAL_TAG_LEN)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	memcpy(nonce, packet + 4, 4);
	memcpy(nonce + 4, k->encrypt_tail, NLC_TAIL_LEN);
	memcpy(tag, packet + SEAL_HEADER_LEN, SEAL_TAG_LEN);
	authentic = ctx != NULL &&
		EVP_DecryptInit_ex(ctx, cipher_of(k->cipher), NULL, k->encrypt, nonce) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN, tag) == 1 &&
		EVP_DecryptUpdate(ctx, NULL, &n, packet, SEAL_HEADER_LEN) == 1 &&
		EVP_DecryptUpdate(ctx, text, &n, packet + SEAL_HEADER_LEN + SEAL_TAG_LEN,
			(int)(len - SEAL_HEADER_LEN - SEAL_TAG_LEN)) == 1 &&
		EVP_DecryptFinal_ex(ctx, text + n, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return authentic;
}
