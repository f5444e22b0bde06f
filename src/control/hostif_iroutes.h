/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which inner prefixes are behind which peer of one device: the kernel's routes over the device,
 * joined with the peers' inner addresses on the gateway. Either side may come first. Pure: it is
 * told of routes and peers, and says the set when it changed.
 *
 * Routes of every table count, because policy routing can send through any of them. Where routes
 * to one prefix lead to different peers, one peer gets it, as the source check asks for one: a
 * route of table main before those of others, then the lowest metric, then the lowest table.
 */
#ifndef HOSTIF_IROUTES_H
#define HOSTIF_IROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "control/rtnl_parse.h"
#include "dataplane/dp.h"

#define IROUTES_ADDRESS_BYTES 112 /* of a peer's inner address, about: gateway, claim, slots */

struct iroutes;

int iroutes_new(uint32_t ifindex, struct iroutes **out);
void iroutes_free(struct iroutes *r);

/* Of several peers with the same address the newest has it, until it goes. */
int iroutes_peer_add(struct iroutes *r, const struct ip_addr *ip, uint32_t peer_id);
void iroutes_peer_del(struct iroutes *r, const struct ip_addr *ip, uint32_t peer_id);
/* DP_NO_PEER: nobody. */
uint32_t iroutes_peer_of(const struct iroutes *r, const struct ip_addr *ip);

/*
 * One route more or less. -ESTALE: which of several routes of the same prefix, table and metric
 * this is about cannot be told; clear, dump and add them all. Routes over other devices matter
 * only in that one may have replaced one of ours: tell of them, too.
 */
int iroutes_add(struct iroutes *r, const struct rtnl_route *route);
int iroutes_del(struct iroutes *r, const struct rtnl_route *route);
/* In a dump, the same key twice is no riddle: there are two. */
int iroutes_add_dumped(struct iroutes *r, const struct rtnl_route *route);
void iroutes_clear(struct iroutes *r);

/* Has the set changed since iroutes_said()? */
bool iroutes_changed(const struct iroutes *r);
/* The set, malloc()ed, and how many. -ENOMEM. */
int iroutes_set(struct iroutes *r, struct dp_route **routes, unsigned int *n);
/* The set of the last iroutes_set() is known where it has to be. */
void iroutes_said(struct iroutes *r);

/* For an operator: an inner address or prefix, and whose it is. */
struct iroutes_row {
	bool vpn; /* a peer's own address, not a route */
	struct ip_addr prefix;
	uint8_t prefix_len;
	uint32_t peer_id; /* DP_NO_PEER: no peer has the gateway */
	/* of the route that decides; of several without a peer, any */
	struct ip_addr via;
	uint32_t table, metric;
};
/* Each once, in no order. */
void iroutes_each(
	struct iroutes *r, void (*visit)(const struct iroutes_row *row, void *arg), void *arg);

#endif
