/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The synchronous back end: one CPU crypto call for all jobs of an aead_submit(), in place. The
 * jobs are finished when it returns and wait in the queue for aead_poll().
 */
#include "crypto/aead.h"

#include <errno.h>

#include <rte_cryptodev.h>

#include "crypto/aead_private.h"

void aead_cpu_init(struct aead_cpu *c)
{
	for (unsigned int i = 0; i < AEAD_BURST_MAX; i++)
		c->sgl[i] = (struct rte_crypto_sgl){.vec = &c->text[i], .num = 1};
	c->vec = (struct rte_crypto_sym_vec){
		.src_sgl = c->sgl,
		.iv = c->iv,
		.digest = c->tag,
		.aad = c->aad,
		.status = c->status,
	};
}

static enum aead_status status_of(int32_t err)
{
	return err == 0 ? AEAD_OK : err == EBADMSG ? AEAD_AUTH_FAILED : AEAD_DEVICE_ERROR;
}

uint16_t aead_cpu_submit(struct aead_queue *q, const struct aead_device *d, struct aead_session *s,
	struct aead_job **jobs, const struct aead_nonce *nonces, uint16_t n)
{
	const union rte_crypto_sym_ofs whole = {.raw = 0};
	uint32_t room = AEAD_DONE_SIZE - (q->done_tail - q->done_head);
	struct aead_cpu *c = &q->cpu;

	if (n > room)
		n = (uint16_t)room;
	for (uint16_t i = 0; i < n; i++) {
		const struct aead_job *j = jobs[i];

		c->text[i].base = j->text;
		c->text[i].len = j->len;
		c->iv[i].va = (void *)(uintptr_t)nonces[i].b;
		c->tag[i].va = aead_job_tag(j);
		c->aad[i].va = aead_job_aad(j);
	}
	c->vec.num = n;
	rte_cryptodev_sym_cpu_crypto_process(d->id, s, whole, &c->vec);
	for (uint16_t i = 0; i < n; i++) {
		jobs[i]->status = (uint8_t)status_of(c->status[i]);
		q->done[q->done_tail++ % AEAD_DONE_SIZE] = jobs[i];
	}
	return n;
}
