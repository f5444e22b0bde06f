/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_errno.h>

#include "crypto/aead_private.h"
#include "log.h"

static const struct {
	const char *name;
	size_t key_len;
	enum rte_crypto_aead_algorithm cryptodev;
} algs[AEAD_NB_ALGS + 1] = {
	[AEAD_AES_128_GCM] = {"AES-128-GCM", 16, RTE_CRYPTO_AEAD_AES_GCM},
	[AEAD_AES_192_GCM] = {"AES-192-GCM", 24, RTE_CRYPTO_AEAD_AES_GCM},
	[AEAD_AES_256_GCM] = {"AES-256-GCM", 32, RTE_CRYPTO_AEAD_AES_GCM},
	[AEAD_CHACHA20_POLY1305] = {"CHACHA20-POLY1305", 32, RTE_CRYPTO_AEAD_CHACHA20_POLY1305},
	[AEAD_NULL] = {"null", 0, 0},
};

const char *aead_alg_name(enum aead_alg alg)
{
	return algs[alg].name;
}

size_t aead_key_len(enum aead_alg alg)
{
	return algs[alg].key_len;
}

enum rte_crypto_aead_algorithm aead_cryptodev_alg(enum aead_alg alg)
{
	return algs[alg].cryptodev;
}

/* --- devices ---------------------------------------------------------------------------- */

/* Settles the back end: CPU crypto where wanted, promised and true, else the queues. */
static int choose(struct aead *a, struct aead_device *d, enum aead_mode mode,
	const struct aead_reference *ref)
{
	bool promised = d->features & RTE_CRYPTODEV_FF_SYM_CPU_CRYPTO;
	struct aead_fault fault;

	if (mode == AEAD_MODE_CPU && !promised) {
		log_err("crypto device %s refused: its driver %s has no CPU crypto", d->name,
			d->driver);
		return -ENOTSUP;
	}
	if (mode != AEAD_MODE_QUEUE && promised) {
		d->cpu = true;
		if (aead_selftest(a, d, ref, &fault) == 0)
			return 0;
		if (mode == AEAD_MODE_CPU)
			goto refuse;
		log_info("crypto device %s: no CPU crypto (%s), trying its queues", d->name,
			fault.text);
	}
	d->cpu = false;
	if (aead_selftest(a, d, ref, &fault) == 0)
		return 0;
refuse:
	log_err("crypto device %s refused: self-test of %s: %s", d->name, d->driver, fault.text);
	return fault.err;
}

static int prove(struct aead *a, struct aead_device *d, enum aead_mode mode)
{
	struct aead_reference ref;
	int ret = aead_reference_init(&ref);

	if (ret < 0) {
		log_err("crypto device %s cannot be tested: OpenSSL has not all algorithms",
			d->name);
		return ret;
	}
	ret = choose(a, d, mode, &ref);
	aead_reference_fini(&ref);
	return ret;
}

static int add_device(struct aead *a, const struct aead_conf *conf, unsigned int i)
{
	struct aead_device *d = &a->devices[i];
	int ret;

	d->index = (uint8_t)i;
	ret = aead_device_open(a, d, conf, conf->devices[i].name);
	if (ret < 0)
		goto close;
	a->nb_devices = i + 1;
	/* nothing to prove where nothing is protected */
	ret = conf->null ? 0 : prove(a, d, conf->devices[i].mode);
	if (ret < 0)
		goto close;
	log_info("crypto device %s (%s): %s", d->name, d->driver,
		d->cpu ? "CPU crypto" : "enqueue/dequeue");
	return 0;
close:
	a->nb_devices = i;
	aead_device_close(d);
	return ret;
}

int aead_new(const struct aead_conf *conf, struct aead **out)
{
	struct aead *a;
	int ret;

	if (conf->nb_devices == 0 || conf->nb_devices > AEAD_MAX_DEVICES) {
		log_err("crypto: %u devices given, 1 to %d are possible", conf->nb_devices,
			AEAD_MAX_DEVICES);
		return -EINVAL;
	}
	if (conf->nb_queues == 0 || conf->nb_queues > UINT16_MAX || conf->nb_sessions == 0)
		return -EINVAL;
	a = aligned_alloc(alignof(struct aead), sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	memset(a, 0, sizeof(*a));
	a->nb_queues = conf->nb_queues;
	for (unsigned int i = 0; i < conf->nb_devices; i++) {
		ret = add_device(a, conf, i);
		if (ret < 0)
			goto free_a;
	}
	*out = a;
	return 0;
free_a:
	aead_free(a);
	return ret;
}

void aead_free(struct aead *a)
{
	if (a == NULL)
		return;
	for (unsigned int i = a->nb_devices; i-- > 0;)
		aead_device_close(&a->devices[i]);
	aead_vdevs_free(a);
	free(a);
}

unsigned int aead_nb_devices(const struct aead *a)
{
	return a->nb_devices;
}

void aead_device_info(const struct aead *a, unsigned int i, struct aead_device_info *info)
{
	const struct aead_device *d = &a->devices[i];

	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", d->name);
	snprintf(info->driver, sizeof(info->driver), "%s", d->driver);
	info->cpu = d->cpu;
	info->algs = d->algs;
	info->sessions = d->sessions;
	info->sessions_max = d->sessions_max;
	info->session_bytes = d->session_bytes;
	info->bytes = d->pool_bytes;
}

uint32_t aead_session_bytes(const struct aead *a)
{
	uint32_t most = 0;

	for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++) {
		struct aead_device_info info = {0};

		/* the first device that has it, as in aead_session_new() */
		for (unsigned int i = 0; i < a->nb_devices; i++) {
			if (a->devices[i].algs & 1u << alg) {
				aead_device_info(a, i, &info);
				break;
			}
		}
		most = RTE_MAX(most, info.session_bytes);
	}
	return most;
}

/* --- sessions --------------------------------------------------------------------------- */

static struct rte_crypto_sym_xform xform_of(
	enum aead_alg alg, enum aead_dir dir, const uint8_t *key)
{
	if (alg == AEAD_NULL)
		return (struct rte_crypto_sym_xform){
			.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
			.cipher = {.op = dir == AEAD_ENCRYPT ? RTE_CRYPTO_CIPHER_OP_ENCRYPT
							     : RTE_CRYPTO_CIPHER_OP_DECRYPT,
				.algo = RTE_CRYPTO_CIPHER_NULL},
		};
	return (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead =
			{
				.op = dir == AEAD_ENCRYPT ? RTE_CRYPTO_AEAD_OP_ENCRYPT
							  : RTE_CRYPTO_AEAD_OP_DECRYPT,
				.algo = algs[alg].cryptodev,
				.key = {.data = key, .length = (uint16_t)algs[alg].key_len},
				.iv = {.offset = AEAD_IV_OFFSET, .length = AEAD_NONCE_LEN},
				.digest_length = AEAD_TAG_LEN,
				.aad_length = AEAD_AAD_LEN,
			},
	};
}

int aead_session_on(struct aead_device *d, enum aead_alg alg, enum aead_dir dir, const uint8_t *key,
	struct aead_session **out)
{
	struct rte_crypto_sym_xform xform = xform_of(alg, dir, key);
	struct rte_mempool *pool;
	void *s;

	pool = aead_pool_take(d);
	if (pool == NULL)
		return -ENOMEM;
	s = rte_cryptodev_sym_session_create(d->id, &xform, pool);
	if (s == NULL)
		return rte_errno != 0 ? -rte_errno : -ENOMEM;
	rte_cryptodev_sym_session_opaque_data_set(s, (uintptr_t)d);
	d->sessions++;
	*out = s;
	return 0;
}

int aead_session_new(struct aead *a, enum aead_alg alg, enum aead_dir dir, const uint8_t *key,
	struct aead_session **out)
{
	if ((unsigned int)alg > AEAD_NULL)
		return -ENOTSUP;
	for (unsigned int i = 0; i < a->nb_devices; i++) {
		if (a->devices[i].algs & 1u << alg)
			return aead_session_on(&a->devices[i], alg, dir, key, out);
	}
	return -ENOTSUP;
}

/*
 * cryptodev zeroes a session's private data, key schedules included, between the driver's own
 * clear and the return to the pool (a scheduler's workers' sessions too). The contract tests look
 * for key bytes in the pool's memory afterwards.
 */
void aead_session_free(struct aead *a, struct aead_session *s)
{
	struct aead_device *d;
	int ret;

	(void)a;
	if (s == NULL)
		return;
	d = aead_session_device(s);
	ret = rte_cryptodev_sym_session_free(d->id, s);
	if (ret < 0)
		log_err("crypto device %s: a session cannot be freed: %s", d->name, strerror(-ret));
	else
		d->sessions--;
}

/* --- queues ----------------------------------------------------------------------------- */

int aead_queue_new(struct aead *a, unsigned int i, struct aead_queue **out)
{
	size_t size = sizeof(struct aead_queue) + a->nb_devices * sizeof(struct aead_lane);
	struct aead_queue *q;

	if (i >= a->nb_queues)
		return -EINVAL;
	size = (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	q = aligned_alloc(CACHE_LINE, size);
	if (q == NULL)
		return -ENOMEM;
	memset(q, 0, size);
	aead_cpu_init(&q->cpu);
	q->nb_lanes = a->nb_devices;
	for (unsigned int d = 0; d < a->nb_devices; d++) {
		q->lanes[d].device = &a->devices[d];
		q->lanes[d].qp = (uint16_t)i;
	}
	*out = q;
	return 0;
}

void aead_queue_free(struct aead_queue *q)
{
	free(q);
}

uint16_t aead_submit(struct aead_queue *q, struct aead_session *s, struct aead_job **jobs,
	const struct aead_nonce *nonces, uint16_t n)
{
	const struct aead_device *d = aead_session_device(s);

	assert(n <= AEAD_BURST_MAX);
	if (d->cpu)
		return aead_cpu_submit(q, d, s, jobs, nonces, n);
	return aead_lane_submit(&q->lanes[d->index], s, jobs, nonces, n);
}

uint16_t aead_poll(struct aead_queue *q, struct aead_job **jobs, uint16_t n)
{
	uint16_t got = 0;

	while (got < n && q->done_head != q->done_tail)
		jobs[got++] = q->done[q->done_head++ % AEAD_DONE_SIZE];
	for (unsigned int i = 0; i < q->nb_lanes; i++) {
		struct aead_lane *l = &q->lanes[i];

		if (l->head != l->tail && got < n)
			got += aead_lane_poll(l, jobs + got, n - got);
	}
	return got;
}

unsigned int aead_session_lines(const struct aead *a, enum aead_alg alg)
{
	unsigned int size = 0;

	for (unsigned int i = 0; i < a->nb_devices && size == 0; i++) {
		if (a->devices[i].algs & 1u << alg)
			size = a->devices[i].session_size;
	}
	return (size + CACHE_LINE - 1) / CACHE_LINE;
}

uint32_t aead_inflight(const struct aead_queue *q)
{
	uint32_t n = q->done_tail - q->done_head;

	for (unsigned int i = 0; i < q->nb_lanes; i++)
		n += q->lanes[i].tail - q->lanes[i].head;
	return n;
}
