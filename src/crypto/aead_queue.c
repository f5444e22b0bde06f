/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The asynchronous back end: enqueue/dequeue. The crypto op is built inside the job, so there is
 * no op pool.
 *
 * A device may finish jobs in any order, and a scheduler may even give them to another queue than
 * the one that submitted them (see aead_scheduler.c). So each queue keeps its jobs in a lane, in
 * the order of submission; dequeuing only marks jobs done, and aead_poll() takes them from the
 * head of the lane.
 */
#include "crypto/aead.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_mbuf.h>

#include "crypto/aead_private.h"

struct queue_job {
	struct rte_crypto_op op;
	struct rte_crypto_sym_op sym;
	alignas(16) uint8_t iv[16]; /* drivers find it by a positive offset from op */
	uint8_t aad[16];	    /* zero behind AEAD_AAD_LEN: QAT reads all 16 */
	_Atomic(bool) done;
};

static_assert(offsetof(struct queue_job, sym) == sizeof(struct rte_crypto_op),
	"drivers expect the symmetric op behind the op");
static_assert(offsetof(struct queue_job, iv) == AEAD_IV_OFFSET, "sessions are made with it");
static_assert(sizeof(struct queue_job) <= sizeof(((struct aead_job *)0)->backend),
	"the op must fit the job");

static inline struct queue_job *backend(struct aead_job *j)
{
	return (struct queue_job *)j->backend;
}

/* Jobs live in the private area of their mbuf, in the same IOVA-contiguous object. */
static inline rte_iova_t iova(const struct rte_mbuf *m, const void *p)
{
	return m->buf_iova + (uintptr_t)p - (uintptr_t)m->buf_addr;
}

static struct rte_crypto_op *prepare(
	struct aead_job *j, const struct aead_nonce *nonce, void *session)
{
	struct rte_mbuf *m = aead_job_mbuf(j);
	struct queue_job *b = backend(j);
	uint64_t aad[2] = {0};

	assert(m->nb_segs == 1);
	assert(j->text >= rte_pktmbuf_mtod(m, uint8_t *));
	assert(j->text + j->len <= rte_pktmbuf_mtod(m, uint8_t *) + m->data_len);
	b->op = (struct rte_crypto_op){
		.type = RTE_CRYPTO_OP_TYPE_SYMMETRIC,
		.status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED,
		.sess_type = RTE_CRYPTO_OP_WITH_SESSION,
		.phys_addr = iova(m, b),
	};
	b->sym.m_src = m;
	b->sym.m_dst = NULL;
	b->sym.session = session;
	b->sym.aead.data.offset = (uint32_t)(j->text - rte_pktmbuf_mtod(m, uint8_t *));
	b->sym.aead.data.length = j->len;
	b->sym.aead.digest.data = aead_job_tag(j);
	b->sym.aead.digest.phys_addr = iova(m, aead_job_tag(j));
	b->sym.aead.aad.data = b->aad;
	b->sym.aead.aad.phys_addr = iova(m, b->aad);
	memcpy(aad, aead_job_aad(j), AEAD_AAD_LEN);
	memcpy(b->aad, aad, sizeof(b->aad));
	memcpy(b->iv, nonce->b, sizeof(b->iv));
	atomic_store_explicit(&b->done, false, memory_order_relaxed);
	return &b->op;
}

static inline void lock(struct aead_device *d)
{
	if (d->serial)
		rte_spinlock_lock(&d->lock);
}

static inline void unlock(struct aead_device *d)
{
	if (d->serial)
		rte_spinlock_unlock(&d->lock);
}

/*
 * Some drivers stop a burst at a job that they will never take and leave the error in it: it would
 * stand in the way for ever, so it counts as taken and finished.
 */
static uint16_t enqueue(struct aead_lane *l, struct rte_crypto_op **ops, uint16_t n)
{
	struct aead_device *d = l->device;
	uint16_t k = 0;

	lock(d);
	for (;;) {
		k += rte_cryptodev_enqueue_burst(d->id, l->qp, ops + k, n - k);
		if (k == n || ops[k]->status == RTE_CRYPTO_OP_STATUS_NOT_PROCESSED)
			break;
		atomic_store_explicit(
			&((struct queue_job *)ops[k])->done, true, memory_order_relaxed);
		if (++k == n)
			break;
	}
	unlock(d);
	return k;
}

uint16_t aead_lane_submit(struct aead_lane *l, struct aead_session *s, struct aead_job **jobs,
	const struct aead_nonce *nonces, uint16_t n)
{
	struct rte_crypto_op *ops[AEAD_BURST_MAX];
	uint32_t room = l->device->limit - (l->tail - l->head);

	if (n > room)
		n = (uint16_t)room;
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++)
		ops[i] = prepare(jobs[i], &nonces[i], s);
	n = enqueue(l, ops, n);
	for (uint16_t i = 0; i < n; i++)
		l->jobs[l->tail++ % AEAD_LANE_SIZE] = jobs[i];
	return n;
}

static enum aead_status status_of(uint8_t status)
{
	return status == RTE_CRYPTO_OP_STATUS_SUCCESS	     ? AEAD_OK
		: status == RTE_CRYPTO_OP_STATUS_AUTH_FAILED ? AEAD_AUTH_FAILED
							     : AEAD_DEVICE_ERROR;
}

uint16_t aead_lane_poll(struct aead_lane *l, struct aead_job **jobs, uint16_t n)
{
	struct rte_crypto_op *ops[AEAD_BURST_MAX];
	uint16_t got = 0;
	uint16_t k;

	lock(l->device);
	k = rte_cryptodev_dequeue_burst(l->device->id, l->qp, ops, AEAD_BURST_MAX);
	unlock(l->device);
	/* Release: the owner of the lane may be another thread; pairs with the acquire below. */
	for (uint16_t i = 0; i < k; i++)
		atomic_store_explicit(
			&((struct queue_job *)ops[i])->done, true, memory_order_release);
	while (got < n && l->head != l->tail) {
		struct aead_job *j = l->jobs[l->head % AEAD_LANE_SIZE];

		if (!atomic_load_explicit(&backend(j)->done, memory_order_acquire))
			break;
		j->status = (uint8_t)status_of(backend(j)->op.status);
		jobs[got++] = j;
		l->head++;
	}
	return got;
}
