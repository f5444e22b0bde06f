/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device and back end that a program of the contract is run for:
 *
 *   PROGRAM DEVARGS auto|cpu|queue
 *
 * One group of tests runs over one struct aead.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdint.h>

#include "crypto/aead.h"
#include "rig.h"

#define QUEUES	 2
#define SESSIONS 12

struct device {
	const char *devargs;
	enum aead_mode mode;
	struct aead *a;
	struct aead_queue *queue[QUEUES];
	uint32_t algs;
};

/* cmocka's tests take no argument of ours. */
extern struct device device;

#define FOR_EACH_ALG(alg)                                                                          \
	for (enum aead_alg alg = 0; alg < AEAD_NB_ALGS; alg++)                                     \
		if (device.algs >> alg & 1)

int device_parse(int argc, char **argv);
/* Set-up and tear-down of the group. */
int device_open(void **state);
int device_close(void **state);

struct aead_session *device_session(enum aead_alg alg, enum aead_dir dir, const uint8_t *key);

/* What packet i of a series holds; its text, header and nonce follow from the seed. */
void load_plain(struct rig_packets *p, unsigned int i, uint64_t seed, uint16_t len);
void check_sealed(struct rig_packets *p, unsigned int i, uint64_t seed, enum aead_alg alg,
	const uint8_t *key);
void check_opened(struct rig_packets *p, unsigned int i, uint64_t seed);

#endif
