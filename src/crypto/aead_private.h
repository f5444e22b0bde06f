/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files behind aead.h share: devices, sessions, queues. Everything that knows cryptodev
 * is in aead*.c; nobody else includes this (but the contract tests).
 */
#ifndef AEAD_PRIVATE_H
#define AEAD_PRIVATE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_crypto_sym.h>
#include <rte_cryptodev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include "base.h"
#include "crypto/aead.h"

#define AEAD_LANE_SIZE	 1024 /* jobs of one queue inside one device, at most */
#define AEAD_DONE_SIZE	 512  /* jobs done at once and not yet polled */
#define AEAD_NAME_LEN	 64
#define AEAD_MAX_VDEVS	 (AEAD_MAX_DEVICES * 9) /* a scheduler has up to eight workers */
#define AEAD_POOLS_MAX	 64			/* of one device */
#define AEAD_MAX_LENGTHS 40			/* text lengths of the self-test */

/* A job and its mbuf. */
static inline struct aead_job *aead_job_of(struct rte_mbuf *m)
{
	return (struct aead_job *)((char *)rte_mbuf_to_priv(m) + AEAD_JOB_OFFSET);
}

static inline struct rte_mbuf *aead_job_mbuf(struct aead_job *j)
{
	return (struct rte_mbuf *)((char *)j - AEAD_JOB_OFFSET) - 1;
}

/* What the private area of an mbuf must hold. */
#define AEAD_PRIV_SIZE                                                                             \
	RTE_ALIGN_CEIL(AEAD_JOB_OFFSET + sizeof(struct aead_job), (size_t)RTE_MBUF_PRIV_ALIGN)

struct aead_device {
	/* read by every worker, constant after the self-test */
	alignas(CACHE_LINE) uint8_t id; /* of cryptodev */
	uint8_t index;			/* in struct aead */
	bool cpu;			/* CPU crypto, else enqueue/dequeue */
	bool serial;			/* one thread at a time: see aead_scheduler.c */
	uint32_t limit;			/* jobs of one queue inside the device */

	/* main and agent thread only */
	bool configured, started;
	uint64_t features; /* RTE_CRYPTODEV_FF_* */
	uint32_t algs;	   /* bit i: enum aead_alg i */
	uint32_t objects;  /* pool objects behind one session */
	uint32_t sessions, sessions_max;
	uint32_t session_size;	/* bytes of one object */
	uint32_t session_bytes; /* of one, as it lies in memory with all its objects */
	uint64_t pool_bytes;
	unsigned int nb_pools;
	struct rte_mempool *pools[AEAD_POOLS_MAX];
	int socket_id;
	char name[AEAD_NAME_LEN];
	char driver[AEAD_NAME_LEN];

	/* taken by workers if serial */
	alignas(CACHE_LINE) rte_spinlock_t lock;
};

struct aead {
	struct aead_device devices[AEAD_MAX_DEVICES];
	unsigned int nb_devices;
	unsigned int nb_queues;
	char vdevs[AEAD_MAX_VDEVS][AEAD_NAME_LEN]; /* made here, to be removed in reverse */
	unsigned int nb_vdevs;
};

/* struct aead_session is cryptodev's own session, whose opaque word is the device. */
static inline struct aead_device *aead_session_device(const struct aead_session *s)
{
	return (struct aead_device *)(uintptr_t)rte_cryptodev_sym_session_opaque_data_get(
		(void *)(uintptr_t)s);
}

/* The jobs of one queue inside one asynchronous device, in the order of submission. */
struct aead_lane {
	struct aead_device *device;
	uint16_t qp;
	uint32_t head, tail; /* free-running */
	struct aead_job *jobs[AEAD_LANE_SIZE];
};

/* Vectors of one CPU crypto call; what never changes is set by aead_cpu_init(). */
struct aead_cpu {
	struct rte_crypto_sym_vec vec;
	struct rte_crypto_sgl sgl[AEAD_BURST_MAX];
	struct rte_crypto_vec text[AEAD_BURST_MAX];
	struct rte_crypto_va_iova_ptr iv[AEAD_BURST_MAX];
	struct rte_crypto_va_iova_ptr tag[AEAD_BURST_MAX];
	struct rte_crypto_va_iova_ptr aad[AEAD_BURST_MAX];
	int32_t status[AEAD_BURST_MAX];
};

/* One worker's; no other thread touches it. */
struct aead_queue {
	alignas(CACHE_LINE) uint32_t done_head;
	uint32_t done_tail; /* free-running */
	unsigned int nb_lanes;
	struct aead_cpu cpu;
	struct aead_job *done[AEAD_DONE_SIZE];
	struct aead_lane lanes[]; /* one a device, used if the device is asynchronous */
};

/* aead_device.c. Errors are logged there. */
int aead_device_open(
	struct aead *a, struct aead_device *d, const struct aead_conf *conf, const char *devargs);
void aead_device_close(struct aead_device *d);
/* Probes a vdev and remembers it in a->vdevs. args may be NULL. */
int aead_vdev_new(struct aead *a, const char *name, const char *args);
void aead_vdevs_free(struct aead *a);

/* aead_pool.c */
int aead_pool_add(struct aead_device *d);
/* A pool that has room for one more session, made if need be; NULL: out of memory, or of sessions.
 */
struct rte_mempool *aead_pool_take(struct aead_device *d);
void aead_pools_free(struct aead_device *d);

/* aead_scheduler.c: what is peculiar about crypto_scheduler. */
bool aead_is_scheduler(const char *name);
/* Are its arguments such that it can work? Logs what is wrong. */
int aead_scheduler_check(const char *name, const char *args);
/* Creates the workers that its arguments name and that do not exist yet. */
int aead_scheduler_workers_new(struct aead *a, const char *name, const char *args);
/* Session objects behind one session: its own and one for each kind of worker. */
uint32_t aead_scheduler_objects(const char *args);

/* aead.c */
int aead_session_on(struct aead_device *d, enum aead_alg alg, enum aead_dir dir, const uint8_t *key,
	struct aead_session **out);
enum rte_crypto_aead_algorithm aead_cryptodev_alg(enum aead_alg alg);

/* aead_cpu.c */
void aead_cpu_init(struct aead_cpu *c);
uint16_t aead_cpu_submit(struct aead_queue *q, const struct aead_device *d, struct aead_session *s,
	struct aead_job **jobs, const struct aead_nonce *nonces, uint16_t n);

/* aead_queue.c */
#define AEAD_IV_OFFSET 96 /* of the nonce's copy behind the crypto op */
uint16_t aead_lane_submit(struct aead_lane *l, struct aead_session *s, struct aead_job **jobs,
	const struct aead_nonce *nonces, uint16_t n);
uint16_t aead_lane_poll(struct aead_lane *l, struct aead_job **jobs, uint16_t n);

/* aead_selftest.c */
struct aead_fault {
	int err;	/* -EBADMSG: wrong; -ENOTSUP: CPU crypto is not to be had; -ENOMEM ... */
	char text[160]; /* algorithm, direction, length, what differed */
};
/*
 * OpenSSL's EVP in a library context of its own: crypto_openssl of DPDK 22.11 unloads the default
 * one's providers when it is removed.
 */
struct aead_reference {
	/* Encrypts text in place and writes the tag; false: it cannot. */
	bool (*seal)(const struct aead_reference *r, enum aead_alg alg, const uint8_t *key,
		const uint8_t *nonce, const uint8_t *aad, uint8_t *text, size_t len, uint8_t *tag);
	void *lib;
	void *ciphers[AEAD_NB_ALGS];
};
int aead_reference_init(struct aead_reference *r);
void aead_reference_fini(struct aead_reference *r);
/*
 * Proves the device as it is set up (d->cpu) with queue 0, against ref. 0, or fault->err. After a
 * time-out jobs may still be inside, so the device is stopped.
 */
int aead_selftest(struct aead *a, struct aead_device *d, const struct aead_reference *ref,
	struct aead_fault *fault);

#endif
