/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Known answers through a device as it will be used: every algorithm it offers, both directions,
 * the data packet's layout in one segment, texts of many lengths, against OpenSSL at run time.
 * Whatever a driver's feature flags say, only what passes here is used.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <rte_cryptodev.h>
#include <rte_mbuf.h>

#include "crypto/aead_private.h"

/* | header 8 (AAD) | tag 16 | text | guard: must not change | */
#define HEAD	  (AEAD_AAD_LEN + AEAD_TAG_LEN)
#define GUARD	  16
#define TIMEOUT_S 2

static const uint16_t lengths[] = {0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 100, 127, 128,
	129, 255, 256, 257, 511, 512, 513, 767, 1023, 1024, 1025, 1279, 1280, 1400, 1420, 1472,
	1500, 1501, 1600, 2000};

static_assert(ARRAY_LEN(lengths) <= AEAD_MAX_LENGTHS && ARRAY_LEN(lengths) <= AEAD_BURST_MAX,
	"one submit takes them all");

enum spoil { SPOIL_NOTHING, SPOIL_TAG, SPOIL_TEXT, SPOIL_AAD, SPOIL_NONCE, NB_SPOILS };

static const char *const spoiled[NB_SPOILS] = {"", "tag", "text", "header", "nonce"};

struct selftest {
	struct aead_device *device;
	struct aead_queue *queue;
	struct rte_mempool *pool;
	const struct aead_reference *reference;
	struct aead_fault *fault;
	enum aead_alg alg;
	enum aead_dir dir;
	uint8_t key[AEAD_KEY_MAX];
	uint8_t plain[AEAD_MAX_LENGTHS][2048];
	uint8_t cipher[AEAD_MAX_LENGTHS][2048];
	uint8_t tag[AEAD_MAX_LENGTHS][AEAD_TAG_LEN];
	uint8_t aad[AEAD_MAX_LENGTHS][AEAD_AAD_LEN];
	uint8_t nonce[AEAD_MAX_LENGTHS][AEAD_NONCE_LEN];
	struct aead_nonce sent[AEAD_MAX_LENGTHS];
	struct rte_mbuf *mbufs[AEAD_MAX_LENGTHS];
	struct aead_job *jobs[AEAD_MAX_LENGTHS];
};

/* --- the reference ---------------------------------------------------------------------- */

static bool seal(const struct aead_reference *r, enum aead_alg alg, const uint8_t *key,
	const uint8_t *nonce, const uint8_t *aad, uint8_t *text, size_t len, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok = ctx != NULL && EVP_EncryptInit_ex(ctx, r->ciphers[alg], NULL, NULL, NULL) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, AEAD_NONCE_LEN, NULL) == 1 &&
		EVP_EncryptInit_ex(ctx, NULL, NULL, key, nonce) == 1 &&
		EVP_EncryptUpdate(ctx, NULL, &n, aad, AEAD_AAD_LEN) == 1 &&
		(len == 0 || EVP_EncryptUpdate(ctx, text, &n, text, (int)len) == 1) &&
		EVP_EncryptFinal_ex(ctx, text + len, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, tag) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

int aead_reference_init(struct aead_reference *r)
{
	static const char *const names[AEAD_NB_ALGS] = {
		"AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

	memset(r, 0, sizeof(*r));
	r->seal = seal;
	r->lib = OSSL_LIB_CTX_new();
	if (r->lib == NULL)
		return -ENOMEM;
	for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++) {
		r->ciphers[alg] = EVP_CIPHER_fetch(r->lib, names[alg], NULL);
		if (r->ciphers[alg] == NULL) {
			aead_reference_fini(r);
			return -ENOTSUP;
		}
	}
	return 0;
}

void aead_reference_fini(struct aead_reference *r)
{
	for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++)
		EVP_CIPHER_free(r->ciphers[alg]);
	OSSL_LIB_CTX_free(r->lib);
}

/* --- verdicts --------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int fault(
	struct selftest *t, int err, const char *fmt, ...)
{
	char what[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	t->fault->err = err;
	snprintf(t->fault->text, sizeof(t->fault->text), "%s %s: %s", aead_alg_name(t->alg),
		t->dir == AEAD_ENCRYPT ? "encrypt" : "decrypt", what);
	return err;
}

static int check_result(struct selftest *t, unsigned int i, enum spoil spoil)
{
	const uint8_t *text = t->dir == AEAD_ENCRYPT ? t->cipher[i] : t->plain[i];
	const struct aead_job *j = t->jobs[i];
	const uint8_t *p = rte_pktmbuf_mtod(t->mbufs[i], const uint8_t *);
	enum aead_status expected = spoil == SPOIL_NOTHING ? AEAD_OK : AEAD_AUTH_FAILED;

	if (j->status == AEAD_DEVICE_ERROR)
		return fault(t, t->device->cpu ? -ENOTSUP : -EBADMSG,
			"%u bytes: the device reports an error", lengths[i]);
	if (j->status != expected)
		return spoil == SPOIL_NOTHING
			? fault(t, -EBADMSG, "%u bytes: a good tag is refused", lengths[i])
			: fault(t, -EBADMSG, "%u bytes: a wrong %s is accepted", lengths[i],
				  spoiled[spoil]);
	for (unsigned int g = 0; g < GUARD; g++) {
		if (p[HEAD + lengths[i] + g] != 0xa5)
			return fault(t, -EBADMSG, "%u bytes: writes behind the text", lengths[i]);
	}
	if (spoil != SPOIL_NOTHING)
		return 0;
	if (memcmp(p + HEAD, text, lengths[i]) != 0)
		return fault(t, -EBADMSG, "%u bytes: text differs from OpenSSL's", lengths[i]);
	if (memcmp(p + AEAD_AAD_LEN, t->tag[i], AEAD_TAG_LEN) != 0)
		return fault(t, -EBADMSG, "%u bytes: tag differs from OpenSSL's", lengths[i]);
	if (memcmp(p, t->aad[i], AEAD_AAD_LEN) != 0)
		return fault(t, -EBADMSG, "%u bytes: writes before the tag", lengths[i]);
	return 0;
}

/* --- one burst -------------------------------------------------------------------------- */

static void load(struct selftest *t, unsigned int i, enum spoil spoil)
{
	struct rte_mbuf *m = t->mbufs[i];
	struct aead_job *j = t->jobs[i];
	uint8_t *p;

	rte_pktmbuf_reset(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(HEAD + lengths[i] + GUARD));
	memset(p, 0, HEAD);
	memset(p + HEAD + lengths[i], 0xa5, GUARD);
	memcpy(p, t->aad[i], AEAD_AAD_LEN);
	memcpy(p + HEAD, t->dir == AEAD_ENCRYPT ? t->plain[i] : t->cipher[i], lengths[i]);
	if (t->dir == AEAD_DECRYPT)
		memcpy(p + AEAD_AAD_LEN, t->tag[i], AEAD_TAG_LEN);
	memset(j, 0, sizeof(*j));
	j->text = p + HEAD;
	j->tag_at = AEAD_AAD_LEN - HEAD;
	j->aad_at = -HEAD;
	j->len = lengths[i];
	memcpy(t->sent[i].b, t->nonce[i], AEAD_NONCE_LEN);
	if (spoil == SPOIL_TAG)
		p[AEAD_AAD_LEN + i % AEAD_TAG_LEN] ^= (uint8_t)(1 << i % 8);
	if (spoil == SPOIL_TEXT && j->len > 0)
		j->text[i * 37 % j->len] ^= (uint8_t)(1 << i % 8);
	if (spoil == SPOIL_AAD)
		p[i % AEAD_AAD_LEN] ^= (uint8_t)(1 << i % 8);
	if (spoil == SPOIL_NONCE)
		t->sent[i].b[i % AEAD_NONCE_LEN] ^= (uint8_t)(1 << i % 8);
}

static bool timed_out(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec > TIMEOUT_S;
}

/* Through the device and back, in order. Yields: a scheduler's lcore may share our core. */
static int pass(struct selftest *t, struct aead_session *s)
{
	struct aead_job *back[AEAD_MAX_LENGTHS];
	struct timespec start;
	uint16_t sent = 0;
	uint16_t got = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (got < ARRAY_LEN(lengths)) {
		sent += aead_submit(t->queue, s, t->jobs + sent, t->sent + sent,
			(uint16_t)(ARRAY_LEN(lengths) - sent));
		got += aead_poll(t->queue, back + got, (uint16_t)(ARRAY_LEN(lengths) - got));
		if (got == ARRAY_LEN(lengths))
			break;
		if (timed_out(&start)) {
			/* The device must not write into our buffers any more. */
			rte_cryptodev_stop(t->device->id);
			t->device->started = false;
			return fault(t, -EBADMSG, "%u of %zu jobs came back within %d s", got,
				ARRAY_LEN(lengths), TIMEOUT_S);
		}
		sched_yield();
	}
	for (unsigned int i = 0; i < ARRAY_LEN(lengths); i++) {
		if (back[i] != t->jobs[i])
			return fault(t, -EBADMSG, "jobs came back in another order");
	}
	return 0;
}

static int run(struct selftest *t, struct aead_session *s, enum spoil spoil)
{
	int ret;

	for (unsigned int i = 0; i < ARRAY_LEN(lengths); i++)
		load(t, i, spoil);
	ret = pass(t, s);
	for (unsigned int i = 0; ret == 0 && i < ARRAY_LEN(lengths); i++) {
		if (spoil != SPOIL_TEXT || lengths[i] > 0)
			ret = check_result(t, i, spoil);
	}
	return ret;
}

/* --- algorithms ------------------------------------------------------------------------- */

static void scramble(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(seed >> 24);
	}
}

static int compute_answers(struct selftest *t)
{
	uint32_t seed = 7919u * (uint32_t)(t->alg + 1);

	scramble(t->key, sizeof(t->key), seed);
	for (unsigned int i = 0; i < ARRAY_LEN(lengths); i++) {
		scramble(t->plain[i], lengths[i], seed + i);
		scramble(t->aad[i], AEAD_AAD_LEN, seed + 100 + i);
		scramble(t->nonce[i], AEAD_NONCE_LEN, seed + 200 + i);
		memcpy(t->cipher[i], t->plain[i], lengths[i]);
		if (!t->reference->seal(t->reference, t->alg, t->key, t->nonce[i], t->aad[i],
			    t->cipher[i], lengths[i], t->tag[i]))
			return fault(t, -ENOTSUP, "OpenSSL cannot compute the answers");
	}
	return 0;
}

static int test_direction(struct selftest *t, enum aead_dir dir)
{
	unsigned int spoils = dir == AEAD_DECRYPT ? NB_SPOILS : SPOIL_NOTHING + 1;
	struct aead_session *s;
	int ret;

	t->dir = dir;
	ret = aead_session_on(t->device, t->alg, dir, t->key, &s);
	if (ret < 0)
		return fault(t, ret, "no session: %s", strerror(-ret));
	for (unsigned int i = 0; ret == 0 && i < spoils; i++)
		ret = run(t, s, i);
	aead_session_free(NULL, s);
	return ret;
}

static int test_algs(struct selftest *t)
{
	int ret = 0;

	for (unsigned int alg = 0; ret == 0 && alg < AEAD_NB_ALGS; alg++) {
		if ((t->device->algs >> alg & 1) == 0)
			continue;
		t->alg = alg;
		ret = compute_answers(t);
		if (ret == 0)
			ret = test_direction(t, AEAD_ENCRYPT);
		if (ret == 0)
			ret = test_direction(t, AEAD_DECRYPT);
	}
	return ret;
}

static int new_jobs(struct selftest *t)
{
	t->pool = rte_pktmbuf_pool_create("aead_selftest", ARRAY_LEN(lengths), 0, AEAD_PRIV_SIZE,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (t->pool == NULL || rte_pktmbuf_alloc_bulk(t->pool, t->mbufs, ARRAY_LEN(lengths)) != 0)
		return fault(t, -ENOMEM, "no memory for the self-test's packets");
	for (unsigned int i = 0; i < ARRAY_LEN(lengths); i++)
		t->jobs[i] = aead_job_of(t->mbufs[i]);
	return 0;
}

int aead_selftest(struct aead *a, struct aead_device *d, const struct aead_reference *ref,
	struct aead_fault *out)
{
	struct selftest *t = calloc(1, sizeof(*t));
	int ret = -ENOMEM;

	*out = (struct aead_fault){.err = -ENOMEM, .text = "no memory"};
	if (t == NULL)
		return -ENOMEM;
	t->device = d;
	t->reference = ref;
	t->fault = out;
	if (!d->started)
		ret = fault(t, -EBADMSG, "the device was stopped");
	else if (aead_queue_new(a, 0, &t->queue) == 0)
		ret = new_jobs(t);
	if (ret == 0)
		ret = test_algs(t);
	aead_queue_free(t->queue);
	rte_mempool_free(t->pool);
	free(t);
	return ret;
}
