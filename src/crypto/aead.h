/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between OpenVPN's data packets and cryptodev: AEAD sessions, queues and jobs.
 *
 * A set of devices (struct aead) is made once by main. Each worker has one queue (one queue pair
 * per device behind it). A key has two sessions, one a direction. A job is one packet's work; it
 * lives in the packet's private area and belongs to the queue between aead_submit() and the
 * aead_poll() that returns it.
 *
 * Two back ends stand behind it: synchronous CPU crypto (aead_cpu.c) and enqueue/dequeue
 * (aead_queue.c). The caller sees no difference: results always come from aead_poll(), jobs of one
 * session in the order in which they were submitted.
 *
 * This header knows nothing of DPDK, so that the modules above it can be tested without it.
 */
#ifndef AEAD_H
#define AEAD_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_TAG_LEN	 16
#define AEAD_NONCE_LEN	 12
#define AEAD_AAD_LEN	 8
#define AEAD_KEY_MAX	 32
#define AEAD_MAX_DEVICES 8
#define AEAD_BURST_MAX	 64 /* jobs one aead_submit() takes at most */

enum aead_alg {
	AEAD_AES_128_GCM,
	AEAD_AES_192_GCM,
	AEAD_AES_256_GCM,
	AEAD_CHACHA20_POLY1305,
	AEAD_NB_ALGS,
	AEAD_NULL = AEAD_NB_ALGS, /* no cipher, no authentication: see aead_conf */
};

enum aead_dir { AEAD_ENCRYPT, AEAD_DECRYPT };

enum aead_status { AEAD_OK = 0, AEAD_AUTH_FAILED = 1, AEAD_DEVICE_ERROR = 2 };

/*
 * One packet's work, in place. The caller fills the first four. It stands AEAD_JOB_OFFSET bytes
 * into the private area of its mbuf, whose only segment holds AAD, tag and, within data_len, text.
 */
struct aead_job {
	uint8_t *text;	/* ciphertext becomes plaintext or the other way round; may be 0 bytes */
	int16_t tag_at; /* AEAD_TAG_LEN bytes, from text: written by encrypt, checked by decrypt */
	int16_t aad_at; /* AEAD_AAD_LEN bytes, from text */
	uint16_t len;	/* of text, bytes */
	uint8_t status; /* enum aead_status, set when aead_poll() returns the job */
	alignas(16) uint8_t backend[144]; /* the back end's own, e.g. the crypto op */
};

/* What comes before the job shares a cache line with what a synchronous device needs of it. */
#define AEAD_JOB_OFFSET 48

static inline uint8_t *aead_job_tag(const struct aead_job *j)
{
	return j->text + j->tag_at;
}

static inline uint8_t *aead_job_aad(const struct aead_job *j)
{
	return j->text + j->aad_at;
}

/* The first AEAD_NONCE_LEN bytes are used. Write it with one 16-byte store: see pkt.h. */
struct aead_nonce {
	alignas(16) uint8_t b[16];
};

struct aead;
struct aead_queue;
struct aead_session;

enum aead_mode {
	AEAD_MODE_AUTO,	 /* CPU crypto where the device passes its self-test with it, else queue */
	AEAD_MODE_CPU,	 /* CPU crypto or refuse the device */
	AEAD_MODE_QUEUE, /* enqueue/dequeue */
};

struct aead_device_conf {
	const char *name; /* cryptodev name ("crypto_aesni_gcm0") or devargs that create it */
	enum aead_mode mode;
};

struct aead_conf {
	const struct aead_device_conf *devices; /* in order of preference */
	unsigned int nb_devices;
	unsigned int nb_queues;	  /* one a worker */
	unsigned int nb_sessions; /* two a key */
	int socket_id;		  /* NUMA node, -1: any */
	/*
	 * Sessions are AEAD_NULL, and no others: for benchmarks of what surrounds the cipher. The
	 * daemon never sets it, so no peer can be given such a key.
	 */
	bool null;
};

/*
 * Probes, configures, self-tests (known answers against OpenSSL, both directions, each algorithm
 * and length, a broken tag) and starts the devices. A device that fails its self-test, or that
 * does not exist, is refused: the error names it and says why. Main thread, once.
 * 0, or -errno after log_err(). -ENODEV: no such device; -EBADMSG: a self-test failed;
 * -ENOTSUP: the mode is not to be had; -ENOMEM.
 */
int aead_new(const struct aead_conf *conf, struct aead **out);
/* All queues and sessions must be freed before. */
void aead_free(struct aead *a);

/* What `show crypto` prints. */
struct aead_device_info {
	char name[64];
	char driver[64];
	bool cpu;	   /* CPU crypto, else enqueue/dequeue */
	uint32_t algs;	   /* bit i: enum aead_alg i */
	uint32_t sessions; /* in use */
	uint32_t sessions_max;
	uint32_t session_bytes; /* memory of one */
	uint64_t bytes;		/* taken for sessions so far */
};
unsigned int aead_nb_devices(const struct aead *a);
void aead_device_info(const struct aead *a, unsigned int i, struct aead_device_info *info);
/* The most memory that one session of any algorithm takes. */
uint32_t aead_session_bytes(const struct aead *a);
const char *aead_alg_name(enum aead_alg alg); /* as openvpn writes it: "AES-256-GCM" */
size_t aead_key_len(enum aead_alg alg);

/*
 * Puts a key on the first device that has the algorithm. key holds aead_key_len(alg) bytes, which
 * are not kept here after the call. Agent thread. -ENOTSUP: no device has it; -ENOMEM: the
 * session pool is used up.
 */
int aead_session_new(struct aead *a, enum aead_alg alg, enum aead_dir dir, const uint8_t *key,
	struct aead_session **out);
/* Wipes and frees; no job may hold it. Agent thread. NULL is ignored. */
void aead_session_free(struct aead *a, struct aead_session *s);

/* Cache lines of a session of that algorithm, for those who fetch sessions ahead. */
unsigned int aead_session_lines(const struct aead *a, enum aead_alg alg);

/* The queue of worker i (0 .. nb_queues-1). Made by main, then used by that worker only. */
int aead_queue_new(struct aead *a, unsigned int i, struct aead_queue **out);
void aead_queue_free(struct aead_queue *q);

/*
 * Submits n <= AEAD_BURST_MAX jobs of one session, in order, each with its nonce, which is read
 * before this returns. Returns k: jobs[0..k) belong to the queue now, jobs[k..n) were not taken
 * because the device is full and are still the caller's.
 */
uint16_t aead_submit(struct aead_queue *q, struct aead_session *s, struct aead_job **jobs,
	const struct aead_nonce *nonces, uint16_t n);
/* Returns up to n finished jobs, the caller's again, with status set. 0: none is ready. */
uint16_t aead_poll(struct aead_queue *q, struct aead_job **jobs, uint16_t n);
/* Jobs submitted and not yet polled. */
uint32_t aead_inflight(const struct aead_queue *q);

#endif
