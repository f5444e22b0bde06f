/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/rcu.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

/*
 * A burst takes a part of what waits besides, so that this stays bounded however fast the agent
 * defers: of 65,536 peers at once two more bursts in the first call.
 */
#define PART 128

struct rcu_deferred {
	struct rcu_deferred *next;
	uint64_t token;
	uint64_t since; /* TSC */
	void (*free_fn)(void *arg);
	void *arg;
};

int rcu_init(struct rcu *r, unsigned int readers)
{
	r->qsbr = aligned_alloc(CACHE_LINE, rte_rcu_qsbr_get_memsize(readers));
	if (r->qsbr == NULL)
		return -ENOMEM;
	if (rte_rcu_qsbr_init(r->qsbr, readers) != 0) {
		free(r->qsbr);
		return -EINVAL;
	}
	/* registered here and not by the readers, so that a grace period counts all of them */
	for (unsigned int i = 0; i < readers; i++)
		rte_rcu_qsbr_thread_register(r->qsbr, i);
	r->readers = readers;
	r->head = NULL;
	r->tail = &r->head;
	r->nb_deferred = 0;
	return 0;
}

static void free_head(struct rcu *r)
{
	struct rcu_deferred *d = r->head;

	r->head = d->next;
	if (r->head == NULL)
		r->tail = &r->head;
	r->nb_deferred--;
	d->free_fn(d->arg);
	free(d);
}

void rcu_fini(struct rcu *r)
{
	while (r->head != NULL)
		free_head(r);
	free(r->qsbr);
	r->qsbr = NULL;
}

void rcu_defer(struct rcu *r, void (*free_fn)(void *arg), void *arg)
{
	struct rcu_deferred *d = malloc(sizeof(*d));
	uint64_t token = rte_rcu_qsbr_start(r->qsbr);

	if (d == NULL) {
		/* no memory to remember it by: wait, as the lesser evil */
		rte_rcu_qsbr_check(r->qsbr, token, true);
		free_fn(arg);
		return;
	}
	*d = (struct rcu_deferred){
		.token = token, .since = rte_rdtsc(), .free_fn = free_fn, .arg = arg};
	*r->tail = d;
	r->tail = &d->next;
	r->nb_deferred++;
}

bool rcu_reclaim(struct rcu *r)
{
	unsigned int n = RCU_BURST + r->nb_deferred / PART;

	for (; n > 0 && r->head != NULL; n--) {
		if (rte_rcu_qsbr_check(r->qsbr, r->head->token, false) != 1)
			return false;
		free_head(r);
	}
	return r->head != NULL;
}

bool rcu_behind(const struct rcu *r, unsigned int i)
{
	uint64_t cnt = __atomic_load_n(&r->qsbr->qsbr_cnt[i].cnt, __ATOMIC_RELAXED);

	return r->head != NULL && cnt != __RTE_QSBR_CNT_THR_OFFLINE && cnt < r->head->token;
}

uint64_t rcu_waiting_ms(const struct rcu *r)
{
	if (r->head == NULL)
		return 0;
	return (rte_rdtsc() - r->head->since) / (rte_get_tsc_hz() / MSEC_PER_SEC);
}
