/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct device device;

int device_parse(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVARGS auto|cpu|queue\n", argv[0]);
		return -1;
	}
	device.devargs = argv[1];
	device.mode = strcmp(argv[2], "cpu") == 0 ? AEAD_MODE_CPU
		: strcmp(argv[2], "queue") == 0	  ? AEAD_MODE_QUEUE
						  : AEAD_MODE_AUTO;
	return 0;
}

int device_open(void **state)
{
	struct aead_device_info info;

	(void)state;
	if (rig_aead(device.devargs, device.mode, QUEUES, SESSIONS, &device.a) < 0)
		return -1;
	aead_device_info(device.a, 0, &info);
	device.algs = info.algs;
	for (unsigned int i = 0; i < QUEUES; i++) {
		if (aead_queue_new(device.a, i, &device.queue[i]) < 0)
			return -1;
	}
	return 0;
}

int device_close(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < QUEUES; i++)
		aead_queue_free(device.queue[i]);
	aead_free(device.a);
	return 0;
}

struct aead_session *device_session(enum aead_alg alg, enum aead_dir dir, const uint8_t *key)
{
	struct aead_session *s;

	assert_int_equal(aead_session_new(device.a, alg, dir, key, &s), 0);
	return s;
}

void load_plain(struct rig_packets *p, unsigned int i, uint64_t seed, uint16_t len)
{
	uint8_t text[RIG_TEXT_MAX], nonce[AEAD_NONCE_LEN], aad[AEAD_AAD_LEN];

	rig_bytes(text, len, seed);
	rig_bytes(nonce, sizeof(nonce), seed ^ 0x10000000);
	rig_bytes(aad, sizeof(aad), seed ^ 0x20000000);
	rig_load(p, i, nonce, aad, text, len, NULL);
}

void check_sealed(
	struct rig_packets *p, unsigned int i, uint64_t seed, enum aead_alg alg, const uint8_t *key)
{
	const struct aead_job *j = p->jobs[i];
	uint8_t text[RIG_TEXT_MAX], tag[AEAD_TAG_LEN];

	rig_bytes(text, j->len, seed);
	rig_seal(alg, key, p->nonces[i].b, aead_job_aad(j), text, j->len, tag);
	assert_int_equal(j->status, AEAD_OK);
	assert_memory_equal(j->text, text, j->len);
	assert_memory_equal(aead_job_tag(j), tag, AEAD_TAG_LEN);
}

void check_opened(struct rig_packets *p, unsigned int i, uint64_t seed)
{
	const struct aead_job *j = p->jobs[i];
	uint8_t text[RIG_TEXT_MAX];

	rig_bytes(text, j->len, seed);
	assert_int_equal(j->status, AEAD_OK);
	assert_memory_equal(j->text, text, j->len);
}
