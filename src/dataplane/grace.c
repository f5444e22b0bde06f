/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/grace.h"

#include <stdlib.h>

#include <rte_cycles.h>

#include "crypto/key.h"
#include "dataplane/state.h"

#define GRACE_SECONDS 5
#define GRACE_MAX     64 /* peers at a time; their sessions come out of those main.c has to spare */

struct dead_key {
	struct dp *dp;
	struct key *key;
};

static void dead_key_free(void *arg)
{
	struct dead_key *d = arg;

	key_free(d->dp->aead, d->key);
	free(d);
}

void key_retire(struct dp *dp, struct key *key)
{
	struct dead_key *d;

	if (key == NULL)
		return;
	wear_remember(dp, key);
	d = malloc(sizeof(*d));
	if (d == NULL)
		return; /* leaking a key is safe, freeing it early is not */
	*d = (struct dead_key){dp, key};
	rcu_defer(&dp->rcu, dead_key_free, d);
}

static void end(struct dp *dp, struct peer *p)
{
	grace_cancel(dp, p);
	key_retire(dp, keyslots_forget(&p->keys));
}

void grace_begin(struct dp *dp, struct peer *p)
{
	grace_cancel(dp, p);
	if (!keyslots_has_left(&p->keys))
		return;
	p->grace_since = rte_rdtsc();
	TAILQ_INSERT_TAIL(&dp->graces, p, grace);
	if (++dp->nb_graces > GRACE_MAX)
		end(dp, TAILQ_FIRST(&dp->graces));
}

void grace_cancel(struct dp *dp, struct peer *p)
{
	if (p->grace_since == 0)
		return;
	p->grace_since = 0;
	TAILQ_REMOVE(&dp->graces, p, grace);
	dp->nb_graces--;
}

void grace_tick(struct dp *dp, uint64_t now)
{
	uint64_t limit = GRACE_SECONDS * rte_get_tsc_hz();
	struct peer *p;

	while ((p = TAILQ_FIRST(&dp->graces)) != NULL && now - p->grace_since > limit)
		end(dp, p);
}

void grace_end_all(struct dp *dp)
{
	struct peer *p;

	while ((p = TAILQ_FIRST(&dp->graces)) != NULL)
		end(dp, p);
}
