/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto/aead_bare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <rte_random.h>

#include "crypto/aead_private.h"

#define BURST_MAX  512
#define INSIDE_MAX (2 * BURST_MAX) /* operations, at most; there are more in the pool */
#define STALL_S	   5		   /* so long without an answer, and the device is given up */

/* Behind every crypto op. */
struct op_tail {
	uint8_t iv[16], aad[16];
};

struct aead_bare {
	uint8_t dev;
	uint16_t qp;
	uint32_t nb_sessions;
	unsigned int lines; /* cache lines of a session */
	uint32_t inside;    /* operations that the device has */
	struct rte_mempool *ops;
	struct aead_session **sessions[2]; /* by enum aead_dir */
};

static int make_sessions(struct aead *a, struct aead_bare *b, enum aead_alg alg)
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		b->sessions[dir] = calloc(b->nb_sessions, sizeof(struct aead_session *));
		if (b->sessions[dir] == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < b->nb_sessions; i++) {
		uint64_t key[AEAD_KEY_MAX / 8];

		for (unsigned int k = 0; k < ARRAY_LEN(key); k++)
			key[k] = rte_rand();
		for (unsigned int dir = 0; dir < 2; dir++) {
			int ret = aead_session_new(
				a, alg, (enum aead_dir)dir, (uint8_t *)key, &b->sessions[dir][i]);

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

int aead_bare_new(struct aead *a, unsigned int i, enum aead_alg alg, uint32_t nb_sessions,
	struct aead_bare **out)
{
	struct aead_bare *b;
	char name[RTE_MEMPOOL_NAMESIZE];
	int ret = -ENOMEM;

	if (a->devices[0].serial && a->nb_queues > 1)
		return -EBUSY;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->dev = a->devices[0].id;
	b->qp = (uint16_t)i;
	b->nb_sessions = nb_sessions;
	b->lines = aead_session_lines(a, alg);
	snprintf(name, sizeof(name), "bare_ops_%u", i);
	b->ops = rte_crypto_op_pool_create(name, RTE_CRYPTO_OP_TYPE_SYMMETRIC, 4 * BURST_MAX - 1,
		BURST_MAX / 2, sizeof(struct op_tail), SOCKET_ID_ANY);
	if (b->ops != NULL)
		ret = make_sessions(a, b, alg);
	if (ret < 0) {
		aead_bare_free(a, b);
		return ret;
	}
	*out = b;
	return 0;
}

bool aead_bare_free(struct aead *a, struct aead_bare *b)
{
	if (b == NULL)
		return true;
	if (b->inside > 0)
		return false;
	for (unsigned int dir = 0; dir < 2; dir++) {
		for (uint32_t i = 0; b->sessions[dir] != NULL && i < b->nb_sessions; i++)
			aead_session_free(a, b->sessions[dir][i]);
		free(b->sessions[dir]);
	}
	rte_mempool_free(b->ops);
	free(b);
	return true;
}

static inline void prefetch_session(const struct aead_bare *b, const struct aead_session *s)
{
	const char *p = (const char *)s;

	for (unsigned int i = 0; i < b->lines; i++)
		rte_prefetch1(p + i * CACHE_LINE);
}

static inline void populate(const struct aead_bare *b, enum aead_dir dir,
	const struct aead_bare_batch *batch, uint16_t i, struct rte_mbuf *m,
	struct rte_crypto_op *op)
{
	struct op_tail *tail = rte_crypto_op_ctod_offset(op, struct op_tail *, AEAD_IV_OFFSET);
	struct rte_crypto_sym_op *sym = op->sym;
	uint32_t tag = (uint32_t)batch->off + batch->len[i];
	const uint64_t nonce[2] = {i + 1, 0};

	op->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
	op->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
	sym->session = b->sessions[dir][batch->session[i]];
	sym->m_src = m;
	sym->m_dst = NULL;
	sym->aead.data.offset = batch->off;
	sym->aead.data.length = batch->len[i];
	sym->aead.digest.data = rte_pktmbuf_mtod_offset(m, uint8_t *, tag);
	sym->aead.digest.phys_addr = rte_pktmbuf_iova_offset(m, tag);
	sym->aead.aad.data = tail->aad;
	sym->aead.aad.phys_addr =
		rte_crypto_op_ctophys_offset(op, AEAD_IV_OFFSET + offsetof(struct op_tail, aad));
	if (!batch->reuse)
		memcpy(tail->iv, nonce, sizeof(nonce));
}

/* What came back; ok: all of it went well, and not too late. */
struct harvest {
	/* buffers that may be used again, if they are: as many as there may be inside the device */
	struct rte_mbuf *spare[INSIDE_MAX];
	uint16_t nb_spare;
	bool reuse;
	uint64_t last; /* TSC when something came; 0: since it was looked for */
	bool ok;
};

static void collect(struct aead_bare *b, struct harvest *h)
{
	struct rte_crypto_op *ops[BURST_MAX];
	uint16_t n = rte_cryptodev_dequeue_burst(b->dev, b->qp, ops, BURST_MAX);
	unsigned int failed = 0;

	if (n == 0) {
		uint64_t now = rte_rdtsc();

		h->last = h->last == 0 ? now : h->last;
		h->ok &= now - h->last < STALL_S * rte_get_tsc_hz();
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		failed |= ops[i]->status ^ RTE_CRYPTO_OP_STATUS_SUCCESS;
	if (failed != 0)
		h->ok = false;
	if (h->reuse) {
		struct rte_mbuf **spare = h->spare + h->nb_spare;

		for (uint16_t i = 0; i < n; i++)
			spare[i] = ops[i]->sym->m_src;
		h->nb_spare += n;
	}
	rte_mempool_put_bulk(b->ops, (void **)ops, n);
	b->inside -= n;
	h->last = 0;
}

/* Operations for the next n packets, once there is room for them. */
static bool allocate(struct aead_bare *b, uint16_t window, struct rte_crypto_op **ops, uint16_t n,
	struct harvest *h)
{
	while (b->inside + n > window && h->ok)
		collect(b, h);
	/* not rte_crypto_op_bulk_alloc(), which clears what populate() sets anyway */
	return h->ok && rte_mempool_get_bulk(b->ops, (void **)ops, n) == 0;
}

uint64_t aead_bare_run(struct aead_bare *b, enum aead_dir dir, const struct aead_bare_batch *batch)
{
	struct rte_crypto_op *ops[BURST_MAX];
	uint16_t window = RTE_MIN(batch->window, RTE_MIN(batch->n, INSIDE_MAX));
	struct harvest h = {.nb_spare = window, .reuse = batch->reuse, .ok = true};
	uint64_t start;

	memcpy(h.spare, batch->pkts, window * sizeof(h.spare[0]));
	start = rte_rdtsc();

	for (uint16_t at = 0, n, sent; at < batch->n; at += n) {
		struct rte_mbuf *const *pkts = batch->pkts + at;

		n = RTE_MIN(RTE_MIN(batch->burst, window), batch->n - at);
		if (!allocate(b, window, ops, n, &h))
			return 0;
		if (batch->reuse)
			pkts = h.spare + (h.nb_spare -= n);
		for (uint16_t i = 0; i < n; i++) {
			if (b->nb_sessions > 1)
				prefetch_session(b, b->sessions[dir][batch->session[at + i]]);
			populate(b, dir, batch, at + i, pkts[i], ops[i]);
		}
		for (sent = 0; sent < n && h.ok;) {
			uint16_t k =
				rte_cryptodev_enqueue_burst(b->dev, b->qp, ops + sent, n - sent);

			sent += k;
			b->inside += k;
			collect(b, &h);
		}
	}
	while (b->inside > 0 && h.ok)
		collect(b, &h);
	return h.ok ? rte_rdtsc() - start : 0;
}
