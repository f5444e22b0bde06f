/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the contract tests share: an EAL without hugepages under a prefix of its own, packets with
 * a job in their private area, and the way of jobs through a queue and back.
 */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/aead.h"

#define RIG_HEAD     (AEAD_AAD_LEN + AEAD_TAG_LEN) /* | AAD 8 | tag 16 | text */
#define RIG_TEXT_MAX 2048
#define RIG_LCORES   4

/* lcores 0..RIG_LCORES-1 float over the CPUs we may use. Exits if EAL does not start. */
void rig_start(void);
/* Removes what EAL leaves in the runtime directory. */
void rig_stop(void);

/* One device. The result of aead_new(). */
int rig_aead(const char *devargs, enum aead_mode mode, unsigned int queues, unsigned int sessions,
	struct aead **out);

/* A set of packets, each with its job; never more than can be inside a queue. */
struct rig_packets {
	unsigned int n;
	struct rte_mempool *pool;
	struct rte_mbuf **mbufs;
	struct aead_job **jobs;
	struct aead_nonce *nonces;
};
struct rig_packets *rig_packets_new(unsigned int n);
void rig_packets_free(struct rig_packets *p);

/* Lays text into packet i and fills its job. tag NULL: zeros. */
void rig_load(struct rig_packets *p, unsigned int i, const uint8_t *nonce, const uint8_t *aad,
	const uint8_t *text, uint16_t len, const uint8_t *tag);

/* Sends the first n jobs through in bursts of at most burst; fails the test on another order or
 * timeout. */
void rig_pass(struct aead_queue *q, struct aead_session *s, struct rig_packets *p, unsigned int n,
	unsigned int burst);
/* Polls until want jobs are back. */
void rig_poll(struct aead_queue *q, struct aead_job **back, unsigned int want);

/* Bytes that differ with the seed. */
void rig_bytes(uint8_t *p, size_t n, uint64_t seed);

/* Text and tag as OpenSSL has them; in place. */
void rig_seal(enum aead_alg alg, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
	uint8_t *text, size_t len, uint8_t *tag);

#endif
