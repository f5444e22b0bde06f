/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/limit.h"

static struct limit_rate rate_of(double hz, unsigned int burst, uint64_t tsc_hz)
{
	uint64_t cost = (uint64_t)((double)tsc_hz / hz);

	return (struct limit_rate){.cost = cost, .depth = cost * burst};
}

void limit_init(struct limit *l, const struct source_secret *secret, double rate, uint64_t tsc_hz)
{
	*l = (struct limit){.on = rate > 0, .secret = *secret};
	if (!l->on)
		return;
	l->all = rate_of(rate, LIMIT_BURST, tsc_hz);
	l->source = rate_of(rate / LIMIT_SHARE, LIMIT_BURST, tsc_hz);
	l->session = rate_of(LIMIT_SESSION_HZ, LIMIT_SESSION_BURST, tsc_hz);
	while (tsc_hz >> l->time_shift > 1)
		l->time_shift++;
	l->lately = (uint16_t)(LIMIT_LATELY_S * tsc_hz >> l->time_shift);
}

/* Takes a token: the bucket is full again a packet's cost later. False: too much is owed. */
static bool take(uint64_t *full_at, const struct limit_rate *r, uint64_t now)
{
	uint64_t from = *full_at > now ? *full_at : now;

	if (from - now + r->cost > r->depth)
		return false;
	*full_at = from + r->cost;
	return true;
}

/* --- senders whose opener has passed ---------------------------------------------------- */

static uint16_t time_of(const struct limit *l, uint64_t now)
{
	return (uint16_t)(now >> l->time_shift);
}

static bool is_free(const struct limit *l, const struct limit_passed *p, uint64_t now)
{
	return p->credit == 0 || (uint16_t)(time_of(l, now) - p->time) > l->lately;
}

/* The entry of this sender, or NULL. */
static struct limit_passed *find(struct limit *l, uint64_t hash, uint64_t now)
{
	struct limit_passed *set = l->passed[hash % LIMIT_SETS];

	for (int i = 0; i < 2; i++) {
		if (set[i].tag == hash >> 32 && !is_free(l, &set[i], now))
			return &set[i];
	}
	return NULL;
}

/* A free entry of the set, or the older of its two. */
static struct limit_passed *oldest(struct limit *l, struct limit_passed *set, uint64_t now)
{
	uint16_t time = time_of(l, now);

	if (is_free(l, &set[0], now))
		return &set[0];
	if (is_free(l, &set[1], now))
		return &set[1];
	return &set[(uint16_t)(time - set[1].time) > (uint16_t)(time - set[0].time)];
}

static void note_passed(struct limit *l, uint64_t hash, uint64_t now)
{
	struct limit_passed *p = find(l, hash, now);

	if (p == NULL)
		p = oldest(l, l->passed[hash % LIMIT_SETS], now);
	*p = (struct limit_passed){
		.tag = (uint32_t)(hash >> 32),
		.time = time_of(l, now),
		.credit = LIMIT_CREDIT,
	};
}

/* Spends a packet of a sender whose opener has passed. */
static bool spend(struct limit *l, uint64_t hash, uint64_t now)
{
	struct limit_passed *p = find(l, hash, now);

	if (p == NULL)
		return false;
	p->credit--;
	p->time = time_of(l, now);
	return true;
}

/* --- the rule --------------------------------------------------------------------------- */

static bool pass_source(
	struct limit *l, const struct udp_addr *src, uint64_t now, enum drop_reason *why)
{
	uint64_t slot = source_hash_net(&l->secret, &src->ip) % LIMIT_SLOTS;

	*why = DROP_SOURCE_LIMIT;
	return take(&l->sources[slot], &l->source, now);
}

bool limit_pass(struct limit *l, const struct known *known, const struct udp_addr *src, bool opener,
	uint64_t now, enum drop_reason *why)
{
	uint64_t hash;

	if (!l->on)
		return true;
	hash = source_hash_flow(&l->secret, src);
	if (opener) {
		if (!pass_source(l, src, now, why))
			return false;
		*why = DROP_HANDSHAKE_LIMIT;
		if (!take(&l->openers, &l->all, now))
			return false;
		note_passed(l, hash, now);
		return true;
	}
	if (known_has(known, hash)) {
		*why = DROP_SESSION_LIMIT;
		return take(&l->sessions[hash % LIMIT_SLOTS], &l->session, now);
	}
	if (spend(l, hash, now))
		return true;
	if (!pass_source(l, src, now, why))
		return false;
	*why = DROP_STRANGER_LIMIT;
	return take(&l->strangers, &l->all, now);
}
