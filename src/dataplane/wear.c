/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wear.h"

#include <rte_cycles.h>

#include "dataplane/state.h"

/* --- asking for the next key ------------------------------------------------------------ */

void wear_cancel(struct instance *inst, struct peer *p)
{
	if (!p->asking)
		return;
	p->asking = false;
	TAILQ_REMOVE(&inst->asking, p, ask);
}

/*
 * A newer key, even one that waits for its first packet, is what we would ask for. And openvpn
 * begins from scratch each time it is asked, which would undo a negotiation that is under way: so
 * it is asked once for a key, and again only when that must have failed.
 */
static void ask(struct instance *inst, struct peer *p, uint64_t now_ms)
{
	const struct key *k = keyslots_newest(&p->keys);

	if (p->asking || k == NULL || key_wear(k) == KEY_GOOD ||
		(k->asked_ms != 0 && now_ms - k->asked_ms < WEAR_ASK_AGAIN_MS))
		return;
	p->asking = true;
	TAILQ_INSERT_TAIL(&inst->asking, p, ask);
}

bool dp_key_worn_next(struct dp *dp, uint32_t iid, struct dp_key_worn *worn)
{
	struct instance *inst = instance_find(dp, iid);
	struct peer *p;

	while (inst != NULL && (p = TAILQ_FIRST(&inst->asking)) != NULL) {
		const struct key *k = keyslots_newest(&p->keys);

		if (k != NULL && key_wear(k) != KEY_GOOD) {
			*worn = (struct dp_key_worn){
				.peer_id = p->id,
				.key_id = k->id,
				.wear = key_wear(k),
				.again = k->asked_ms != 0,
			};
			return true;
		}
		wear_cancel(inst, p); /* another came meanwhile */
	}
	return false;
}

void dp_key_worn_ack(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct instance *inst = instance_find(dp, iid);
	struct peer *p = inst == NULL || id > WIRE_PEER_MAX ? NULL : peertab_find(&inst->peers, id);
	struct key *k = p == NULL || !p->asking ? NULL : keyslots_newest(&p->keys);

	if (k == NULL)
		return;
	k->asked_ms = dp_now_ms();
	wear_cancel(inst, p);
}

/* --- the end of the packet ids ---------------------------------------------------------- */

/*
 * A successor that nobody has used yet and that openvpn has not made primary is used now: what the
 * peer cannot read for a moment would not have been sent at all.
 */
static bool is_exhausted(struct dp *dp, struct peer *p)
{
	const struct key *k = keyslots_tx_key(&p->keys);
	struct key *newest;

	if (k == NULL || pktid_used(&k->tx) < k->tx.limit)
		return false;
	newest = keyslots_newest(&p->keys);
	if (newest->generation <= k->generation)
		return true;
	keyslots_confirm(newest);
	peer_spend_older(dp, p);
	return false;
}

bool wear_check(struct dp *dp, struct instance *inst, struct peer *p, uint64_t now_ms)
{
	if (is_exhausted(dp, p))
		return true;
	ask(inst, p, now_ms);
	return false;
}

/* --- a key that comes twice ------------------------------------------------------------- */

static uint64_t fingerprint_of(const struct source_secret *s, const struct key_material *m)
{
	uint64_t words[AEAD_KEY_MAX / 8 + 1] = {0}, f = s->word[2];

	memcpy(words, m->encrypt, aead_key_len(m->alg));
	memcpy(&words[AEAD_KEY_MAX / 8], m->encrypt_tail, KEY_NONCE_TAIL_LEN);
	for (unsigned int i = 0; i < ARRAY_LEN(words); i++)
		f = source_mix(source_words(s, f, words[i]), s->word[3]) + i;
	explicit_bzero(words, sizeof(words));
	return f | 1; /* 0 is none */
}

static struct key *same_of(const struct peer *p, uint64_t fingerprint)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct key *k = atomic_load_explicit(
			i < 2 ? &p->keys.slot[i] : &p->keys.left, memory_order_relaxed);

		if (k != NULL && k->fingerprint == fingerprint)
			return k;
	}
	return NULL;
}

static uint64_t received(const struct key *k)
{
	return __atomic_load_n(&k->rx.top, __ATOMIC_RELAXED);
}

bool wear_inherit(struct dp *dp, const struct peer *p, struct key *k, const struct key_material *m)
{
	struct wear_memory *w = &dp->worn;
	struct key *same;
	uint64_t first = 1, top = 0;

	k->fingerprint = fingerprint_of(&dp->secret, m);
	same = same_of(p, k->fingerprint);
	if (same != NULL) {
		first = pktid_close(&same->tx);
		top = received(same);
		same->fingerprint = 0; /* it has nothing to hand on any more */
	}
	for (unsigned int i = 0; i < WEAR_REMEMBERED; i++) {
		if (w->keys[i].fingerprint != k->fingerprint)
			continue;
		first = RTE_MAX(first, w->keys[i].first_id);
		top = RTE_MAX(top, w->keys[i].rx_top);
	}
	if (first > 1)
		pktid_init(&k->tx, first, k->tx.limit);
	if (top > 0)
		replay_skip(&k->rx, top);
	return same != NULL;
}

void wear_remember(struct dp *dp, struct key *k)
{
	struct wear_memory *w = &dp->worn;
	uint64_t first = pktid_close(&k->tx), top = received(k);

	if ((first == 1 && top == 0) || k->fingerprint == 0)
		return;
	w->keys[w->next].fingerprint = k->fingerprint;
	w->keys[w->next].first_id = first;
	w->keys[w->next].rx_top = top;
	w->next = (w->next + 1) % WEAR_REMEMBERED;
}
