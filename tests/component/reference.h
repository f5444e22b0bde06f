/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * P_DATA_V2 by OpenSSL's EVP, from the protocol's description alone: the independent judge of what
 * the data plane encrypts, and the maker of what it must accept.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "crypto/key.h"

#define REFERENCE_OVERHEAD 24

/* Key material as openvpn would deliver it, different for each seed. */
struct key_material reference_key(enum aead_alg alg, uint8_t key_id, uint32_t seed);
/* The same key at the other end. */
struct key_material reference_mirror(const struct key_material *m);

/* A data packet as the holder of m sends it. Returns its length, len + 24. */
size_t reference_seal(const struct key_material *m, uint32_t peer_id, uint32_t pktid,
	const void *text, size_t len, uint8_t *out);
/* Opens one that the other end of m sent. False: it is not authentic or no data packet. */
bool reference_open(const struct key_material *m, const uint8_t *packet, size_t len, uint8_t *text);

#endif
