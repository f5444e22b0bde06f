/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two halves of iroutes share: hostif_iroutes.c takes routes and peers in,
 * hostif_iroutes_say.c says what came of them.
 */
#ifndef HOSTIF_IROUTES_PRIVATE_H
#define HOSTIF_IROUTES_PRIVATE_H

#include <sys/queue.h>

#include "control/hostif_iroutes.h"
#include "control/htab.h"

/* An inner address: peers have it, routes lead through it. There while either is so. */
struct gateway {
	struct htab_node node;
	struct ip_addr ip;
	LIST_HEAD(, claim) claims; /* newest first */
	LIST_HEAD(, hop) hops;
};

struct claim {
	LIST_ENTRY(claim) link;
	uint32_t peer_id;
};

struct prefix_key {
	struct ip_addr ip;
	uint8_t len;
};

/* There while it has routes, or has to be taken back from where it was said. */
struct prefix {
	struct htab_node node;
	struct prefix_key key;
	LIST_HEAD(, iroute) routes;
	const struct iroute *chosen; /* of routes; NULL: none leads to a peer */
	uint32_t peer_id;	     /* DP_NO_PEER: nobody's */
	uint32_t said;		     /* peer_id when the set was last said */
};

/* What tells one route of a prefix from another, except for the next hops. */
struct iroute {
	LIST_ENTRY(iroute) link;
	struct prefix *prefix;
	uint32_t table;
	uint32_t metric;
	uint8_t tos;
	unsigned int times; /* the kernel has it, in this form */
	unsigned int nb_hops;
	struct hop {
		LIST_ENTRY(hop) link; /* of gateway */
		struct gateway *gateway;
		struct iroute *route;
	} hops[];
};

struct iroutes {
	uint32_t ifindex;
	struct htab gateways;
	struct htab prefixes;
	uint32_t nb_unsaid; /* prefixes whose peer_id is not what was said */
};

static inline uint32_t iroutes_gateway_peer(const struct gateway *g)
{
	const struct claim *c = LIST_FIRST(&g->claims);

	return c == NULL ? DP_NO_PEER : c->peer_id;
}

static inline bool iroutes_prefix_idle(const struct prefix *p)
{
	return LIST_EMPTY(&p->routes) && p->said == DP_NO_PEER;
}

#endif
