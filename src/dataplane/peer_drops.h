/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why packets of one peer were dropped: a count for each reason, and the last one. Any worker and
 * the host I/O thread add, the agent reads; nobody waits. A flood of forged packets for one peer
 * costs a relaxed add and a few stores a packet, and no more memory.
 *
 * Each of these drops is also in its thread's own counters: the peers' counts of a reason add up
 * to what `show drops` has, less what had no peer.
 */
#ifndef PEER_DROPS_H
#define PEER_DROPS_H

#include "dataplane/stats.h"

/* Written field by field by whoever drops: two at the same moment may leave a mixture. */
struct last_drop {
	_Atomic(uint64_t) when;	   /* TSC; 0: never */
	_Atomic(uint64_t) pktid;   /* 0: not known */
	_Atomic(uint64_t) what;	   /* reason, and of an outer source family and port */
	_Atomic(uint64_t) from[2]; /* the outer source address as it stands in the packet */
};

struct peer_drops {
	alignas(CACHE_LINE) _Atomic(uint64_t) count[NB_PEER_DROPS]; /* [reason - DROP_OF_PEER] */
	struct last_drop last;
};

/* What of a packet the last drop remembers. */
struct drop_facts {
	uint64_t now;	/* TSC */
	uint64_t pktid; /* 0: not known */
	uint8_t family; /* of the outer source; IP_NONE: not known */
	uint16_t port;
	const uint8_t *from; /* its ip_len(family) bytes */
};

/* why: one of a peer's; others are nobody's and are passed over. */
void peer_drops_add(struct peer_drops *d, enum drop_reason why, const struct drop_facts *f);

/* Agent. */
static inline uint64_t peer_drops_of(const struct peer_drops *d, enum drop_reason why)
{
	return atomic_load_explicit(&d->count[why - DROP_OF_PEER], memory_order_relaxed);
}

/* Agent. The last one; false: there was none. *when: TSC. */
bool peer_drops_last(const struct peer_drops *d, enum drop_reason *why, uint64_t *when,
	uint64_t *pktid, struct udp_addr *from);
/* Agent. A copy; from may still be written. */
void peer_drops_copy(struct peer_drops *to, const struct peer_drops *from);

#endif
