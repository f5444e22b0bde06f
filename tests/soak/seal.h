/* SPDX-License-Identifier: BSD-3-Clause */
/* Data packets as the other end of a peer of these tests makes and reads them, by OpenSSL. */
#ifndef SEAL_H
#define SEAL_H

#include <stddef.h>

#include "nlclient.h"

#define SEAL_HEADER_LEN 8
#define SEAL_TAG_LEN	16

/*
 * Encrypts text with what k's owner decrypts with: header, tag, ciphertext, of the returned length,
 * SEAL_HEADER_LEN + SEAL_TAG_LEN more than the text. Ends the program if OpenSSL does not.
 */
size_t seal(const struct nlc_key *k, uint32_t peer_id, uint32_t packet_id, const uint8_t *text,
	size_t len, uint8_t *out);

/*
 * The reverse: decrypts a packet that k's owner encrypted, of more than SEAL_HEADER_LEN +
 * SEAL_TAG_LEN bytes, to so many fewer. False: it is not authentic.
 */
bool unseal(const struct nlc_key *k, const uint8_t *packet, size_t len, uint8_t *text);

#endif
