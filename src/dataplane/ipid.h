/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identifications of IP packets: counters that all workers share, one for each destination, so that
 * no two packets to it have the same id within reach (2^16 packets over IPv4, 2^32 fragmented ones
 * over IPv6), whichever peers and workers sent them. Destinations that share a counter only use it
 * up faster. Counters start at random. Pure.
 *
 * A worker takes ids by the hundred: an atomic add waits for all stores before it, the headers of
 * the last packets among them, which is more than all else that a run of one packet costs. What it
 * has left over is thrown away when the counter has gone on too far, so that ids are as good as
 * new: over IPv4 they repeat after 2^16 - IPID_OLD - IPID_SHARE packets at the earliest.
 */
#ifndef IPID_H
#define IPID_H

#include <stdalign.h>
#include <stdatomic.h>

#include "dataplane/source.h"

#define IPID_COUNTERS 1024
#define IPID_SHARE    256  /* ids that a worker takes at once */
#define IPID_OLD      4096 /* ids that others may have taken since */

struct ipid {
	/* a cache line each: their workers are not the same */
	alignas(CACHE_LINE) _Atomic(uint32_t) next;
};

/* Of one worker and counter. All zero: none. */
struct ipid_share {
	uint32_t next, end;
};

/* Agent. Which of the counters is for a destination. */
static inline uint16_t ipid_index(const struct source_secret *s, const struct ip_addr *remote)
{
	const struct udp_addr a = {.ip = *remote};

	return source_hash_flow(s, &a) % IPID_COUNTERS;
}

/* The first of n ids that are the caller's, whose share this is. Worker, once a run. */
static inline uint32_t ipid_take(struct ipid *c, struct ipid_share *s, uint32_t n)
{
	uint32_t now = atomic_load_explicit(&c->next, memory_order_relaxed);
	uint32_t id;

	if (s->end - s->next < n || now - s->end > IPID_OLD) {
		uint32_t share = n > IPID_SHARE ? n : IPID_SHARE;

		s->next = atomic_fetch_add_explicit(&c->next, share, memory_order_relaxed);
		s->end = s->next + share;
	}
	id = s->next;
	s->next += n;
	return id;
}

#endif
