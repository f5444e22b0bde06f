/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identifications of IP packets: counters that all workers share, one for each destination, so that
 * no two packets to it have the same id within reach (2^16 packets over IPv4, 2^32 fragmented ones
 * over IPv6), whichever peers and workers sent them. Destinations that share a counter only use it
 * up faster. Counters start at random. Pure.
 */
#ifndef IPID_H
#define IPID_H

#include <stdalign.h>
#include <stdatomic.h>

#include "dataplane/source.h"

#define IPID_COUNTERS 1024

struct ipid {
	/* a cache line each: their workers are not the same */
	alignas(CACHE_LINE) _Atomic(uint32_t) next;
};

/* Agent. Which of the counters is for a destination. */
static inline uint16_t ipid_index(const struct source_secret *s, const struct ip_addr *remote)
{
	const struct udp_addr a = {.ip = *remote};

	return source_hash_flow(s, &a) % IPID_COUNTERS;
}

/* The first of n ids that are the caller's. One atomic add, for a run of packets. */
static inline uint32_t ipid_take(struct ipid *c, uint32_t n)
{
	return atomic_fetch_add_explicit(&c->next, n, memory_order_relaxed);
}

#endif
