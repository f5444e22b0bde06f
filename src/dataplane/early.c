/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/early.h"

#include <rte_cycles.h>

#include "crypto/key.h"
#include "dataplane/decap.h"
#include "dataplane/state.h"

#define WAIT_MS 200 /* openvpn answers within milliseconds, unless many clients want it at once */

static struct early_stream *find(struct early *e, const struct pkt *p, uint8_t key_id)
{
	for (unsigned int i = 0; i < EARLY_STREAMS; i++) {
		struct early_stream *s = &e->streams[i];

		if (s->n != 0 && s->iid == p->iid && s->peer_id == p->peer->id &&
			s->key_id == key_id)
			return s;
	}
	return NULL;
}

/* Key ids go 0, 1 to 7, 1: is this the one after the newest? */
static bool comes_next(const struct peer *peer, uint8_t key_id)
{
	const struct key *newest = keyslots_newest(&peer->keys);

	return newest != NULL && key_id == newest->id % 7 + 1;
}

static struct early_stream *begin(struct worker *w, struct pkt *p, uint8_t key_id)
{
	if (!comes_next(p->peer, key_id) || !pkt_is_from(p, p->peer))
		return NULL;
	for (unsigned int i = 0; i < EARLY_STREAMS; i++) {
		struct early_stream *s = &w->early.streams[i];

		if (s->n != 0)
			continue;
		s->iid = p->iid;
		s->peer_id = p->peer->id;
		s->key_id = key_id;
		s->port = p->port;
		s->since = w->now;
		w->early.n++;
		return s;
	}
	return NULL;
}

bool early_take(struct worker *w, struct pkt *p, uint8_t key_id)
{
	struct early_stream *s = w->early.n != 0 ? find(&w->early, p, key_id) : NULL;

	if (s == NULL && p->key == NULL)
		s = begin(w, p, key_id);
	if (s == NULL)
		return false;
	if (s->n == EARLY_PKTS)
		drop_of(w, p->peer, pkt_mbuf(p), DROP_UNKNOWN_KEY);
	else
		s->pkts[s->n++] = pkt_mbuf(p);
	return true;
}

static void submit(struct worker *w, struct early_stream *s)
{
	struct rte_mbuf *pkts[EARLY_PKTS];
	uint16_t n = s->n;

	/* it is free before: else its packets would go on waiting for each other */
	memcpy(pkts, s->pkts, n * sizeof(*pkts));
	s->n = 0;
	w->early.n--;
	for (uint16_t i = 0; i < n; i += BURST_MAX)
		decap_submit(w, s->port, &pkts[i], RTE_MIN(n - i, BURST_MAX));
	/* the streams of all peers together would fill the crypto queue */
	worker_finish_crypto(w);
}

/* peer: NULL if it is gone. */
static void give_up(struct worker *w, struct early_stream *s, struct peer *peer)
{
	for (uint16_t i = 0; i < s->n; i++) {
		if (peer != NULL)
			drop_of(w, peer, s->pkts[i], DROP_UNKNOWN_KEY);
		else
			drop(w, s->pkts[i], DROP_UNKNOWN_PEER);
	}
	s->n = 0;
	w->early.n--;
}

void early_turn(struct worker *w)
{
	for (unsigned int i = 0; w->early.n != 0 && i < EARLY_STREAMS; i++) {
		struct early_stream *s = &w->early.streams[i];
		struct instance *inst;
		struct peer *peer;

		if (s->n == 0)
			continue;
		inst = instance_find(w->dp, s->iid);
		peer = inst != NULL ? peertab_find(&inst->peers, s->peer_id) : NULL;
		if (peer != NULL && keyslots_find(&peer->keys, s->key_id) != NULL)
			submit(w, s);
		else if (peer == NULL || w->now - s->since > WAIT_MS * rte_get_tsc_hz() / 1000)
			give_up(w, s, peer);
	}
}

void early_fini(struct early *e)
{
	for (unsigned int i = 0; i < EARLY_STREAMS; i++) {
		for (uint16_t k = 0; k < e->streams[i].n; k++)
			rte_pktmbuf_free(e->streams[i].pkts[k]);
		e->streams[i].n = 0;
	}
	e->n = 0;
}
