/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peer_drops.h"

static uint64_t get(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void set(_Atomic(uint64_t) *p, uint64_t v)
{
	atomic_store_explicit(p, v, memory_order_relaxed);
}

void peer_drops_add(struct peer_drops *d, enum drop_reason why, const struct drop_facts *f)
{
	uint64_t from[2] = {0};

	if (why < DROP_OF_PEER || why >= NB_DROPS)
		return;
	atomic_fetch_add_explicit(&d->count[why - DROP_OF_PEER], 1, memory_order_relaxed);
	if (f->family != IP_NONE)
		memcpy(from, f->from, ip_len(f->family));
	set(&d->last.pktid, f->pktid);
	set(&d->last.what, (uint64_t)why << 32 | (uint64_t)f->family << 16 | f->port);
	set(&d->last.from[0], from[0]);
	set(&d->last.from[1], from[1]);
	set(&d->last.when, f->now);
}

bool peer_drops_last(const struct peer_drops *d, enum drop_reason *why, uint64_t *when,
	uint64_t *pktid, struct udp_addr *from)
{
	uint64_t what = get(&d->last.what);
	uint64_t bytes[2] = {get(&d->last.from[0]), get(&d->last.from[1])};

	*when = get(&d->last.when);
	if (*when == 0)
		return false;
	*why = (enum drop_reason)(what >> 32);
	*pktid = get(&d->last.pktid);
	*from = (struct udp_addr){
		.ip = ip_from_bytes((uint8_t)(what >> 16), bytes),
		.port = (uint16_t)what,
	};
	return true;
}

void peer_drops_copy(struct peer_drops *to, const struct peer_drops *from)
{
	for (unsigned int i = 0; i < NB_PEER_DROPS; i++)
		set(&to->count[i], get(&from->count[i]));
	set(&to->last.pktid, get(&from->last.pktid));
	set(&to->last.what, get(&from->last.what));
	set(&to->last.from[0], get(&from->last.from[0]));
	set(&to->last.from[1], get(&from->last.from[1]));
	set(&to->last.when, get(&from->last.when));
}
