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

#define BURST_MAX 512

/* Behind every crypto op. */
struct op_tail {
	uint8_t iv[16], aad[16];
};

struct aead_bare {
	uint8_t dev;
	uint16_t qp;
	uint32_t nb_sessions;
	unsigned int lines; /* cache lines of a session */
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
	struct aead_bare *b = calloc(1, sizeof(*b));
	char name[RTE_MEMPOOL_NAMESIZE];
	int ret = -ENOMEM;

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

void aead_bare_free(struct aead *a, struct aead_bare *b)
{
	if (b == NULL)
		return;
	for (unsigned int dir = 0; dir < 2; dir++) {
		for (uint32_t i = 0; b->sessions[dir] != NULL && i < b->nb_sessions; i++)
			aead_session_free(a, b->sessions[dir][i]);
		free(b->sessions[dir]);
	}
	rte_mempool_free(b->ops);
	free(b);
}

static inline void prefetch_session(const struct aead_bare *b, const struct aead_session *s)
{
	const char *p = (const char *)s;

	for (unsigned int i = 0; i < b->lines; i++)
		rte_prefetch1(p + i * CACHE_LINE);
}

static inline void populate(const struct aead_bare *b, enum aead_dir dir,
	const struct aead_bare_batch *batch, uint16_t i, struct rte_crypto_op *op)
{
	struct op_tail *tail = rte_crypto_op_ctod_offset(op, struct op_tail *, AEAD_IV_OFFSET);
	struct rte_crypto_sym_op *sym = op->sym;
	struct rte_mbuf *m = batch->pkts[i];
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
	memcpy(tail->iv, nonce, sizeof(nonce));
}

/* Takes what is done; true: all of it went well. */
static bool collect(struct aead_bare *b, uint32_t *got)
{
	struct rte_crypto_op *ops[BURST_MAX];
	uint16_t n = rte_cryptodev_dequeue_burst(b->dev, b->qp, ops, BURST_MAX);
	bool ok = true;

	for (uint16_t i = 0; i < n; i++)
		ok &= ops[i]->status == RTE_CRYPTO_OP_STATUS_SUCCESS;
	if (n > 0)
		rte_mempool_put_bulk(b->ops, (void **)ops, n);
	*got += n;
	return ok;
}

uint64_t aead_bare_run(struct aead_bare *b, enum aead_dir dir, const struct aead_bare_batch *batch)
{
	struct rte_crypto_op *ops[BURST_MAX];
	uint64_t start = rte_rdtsc();
	uint32_t got = 0;
	bool ok = true;

	for (uint16_t at = 0; at < batch->n;) {
		uint16_t n = RTE_MIN(batch->burst, batch->n - at), sent = 0;

		if (rte_crypto_op_bulk_alloc(b->ops, RTE_CRYPTO_OP_TYPE_SYMMETRIC, ops, n) != n) {
			ok &= collect(b, &got); /* all are inside an asynchronous device */
			continue;
		}
		for (uint16_t i = 0; i < n; i++) {
			if (b->nb_sessions > 1)
				prefetch_session(b, b->sessions[dir][batch->session[at + i]]);
			populate(b, dir, batch, at + i, ops[i]);
		}
		while (sent < n) {
			sent += rte_cryptodev_enqueue_burst(b->dev, b->qp, ops + sent, n - sent);
			ok &= collect(b, &got);
		}
		at += n;
	}
	while (got < batch->n)
		ok &= collect(b, &got);
	return ok ? rte_rdtsc() - start : 0;
}
