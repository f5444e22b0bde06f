/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hashes of transport addresses, keyed with a secret of this run, so that nobody outside can choose
 * addresses that share a slot with another's. Pure.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "base.h"

struct source_secret {
	uint64_t word[4]; /* random */
};

/* The two halves of the product of a and b, folded: every bit of both is in every bit of it. */
static inline uint64_t source_mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t source_words(const struct source_secret *s, uint64_t high, uint64_t low)
{
	return source_mix(high ^ s->word[0], low ^ s->word[1]);
}

/* Of the network a sender is in: its IPv4 address, or the /64 of its IPv6 address. */
static inline uint64_t source_hash_net(const struct source_secret *s, const struct ip_addr *a)
{
	uint64_t net = 0;

	memcpy(&net, a->b, a->family == IP_V4 ? 4 : 8);
	return source_mix(source_words(s, net, a->family), s->word[2]);
}

/* Of an address and a port: of one sender, that is. */
static inline uint64_t source_hash_flow(const struct source_secret *s, const struct udp_addr *a)
{
	uint64_t words[2] = {0};

	memcpy(words, a->ip.b, ip_len(a->ip.family));
	return source_mix(
		source_words(s, words[0], words[1]) ^ a->port ^ (uint64_t)a->ip.family << 16,
		s->word[3]);
}

#endif
