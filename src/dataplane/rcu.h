/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quiescent-state reclamation over rte_rcu_qsbr. Readers: workers and the host I/O thread. Writer:
 * the agent, which unpublishes an object, hands it to rcu_defer() and goes on; the object is freed
 * by a later rcu_reclaim() when every reader has been quiescent since.
 *
 * QSBR alone is not enough: jobs inside a cryptodev hold key pointers. A reader that sees
 * rcu_wanted() empties its crypto queue before it reports (worker.c).
 */
#ifndef RCU_H
#define RCU_H

#include <rte_rcu_qsbr.h>

#include "base.h"

struct rcu_deferred;

struct rcu {
	struct rte_rcu_qsbr *qsbr;
	unsigned int readers;
	struct rcu_deferred *head, **tail; /* in order of their tokens; agent only */
	unsigned int nb_deferred;
};

int rcu_init(struct rcu *r, unsigned int readers);
/* No reader is left: frees all that was deferred. */
void rcu_fini(struct rcu *r);

/* Agent. Calls free_fn(arg) after a grace period. */
void rcu_defer(struct rcu *r, void (*free_fn)(void *arg), void *arg);
/*
 * Agent. Frees what can be freed, RCU_BURST and a part of what waits at most; never waits. True:
 * there may be more.
 */
#define RCU_BURST 256
bool rcu_reclaim(struct rcu *r);

/* Agent. Does the oldest grace period wait for reader i, and for how long has it waited? */
bool rcu_behind(const struct rcu *r, unsigned int i);
uint64_t rcu_waiting_ms(const struct rcu *r);

/* Reader i. */
static inline void rcu_online(struct rcu *r, unsigned int i)
{
	rte_rcu_qsbr_thread_online(r->qsbr, i);
}

static inline void rcu_offline(struct rcu *r, unsigned int i)
{
	rte_rcu_qsbr_thread_offline(r->qsbr, i);
}

static inline void rcu_quiescent(struct rcu *r, unsigned int i)
{
	rte_rcu_qsbr_quiescent(r->qsbr, i);
}

/* Does the agent wait for reader i to be quiescent? */
static inline bool rcu_wanted(const struct rcu *r, unsigned int i)
{
	return __atomic_load_n(&r->qsbr->token, __ATOMIC_RELAXED) !=
		__atomic_load_n(&r->qsbr->qsbr_cnt[i].cnt, __ATOMIC_RELAXED);
}

#endif
