/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this daemon asks of a kernel's links, addresses, neighbours and routes, one request each.
 * All return 0 or -errno, -ETIMEDOUT if the kernel does not answer.
 */
#ifndef RTNL_VERBS_H
#define RTNL_VERBS_H

#include "control/rtnl.h"
#include "control/rtnl_parse.h"

/* An instance's device as it must be before anyone sees it: that MAC, no ARP, no link-local. */
int rtnl_link_no_arp(struct rtnl *r, uint32_t ifindex, const uint8_t mac[RTNL_MAC_LEN]);
/* That MAC and MTU. */
int rtnl_link_ethernet(
	struct rtnl *r, uint32_t ifindex, const uint8_t mac[RTNL_MAC_LEN], uint32_t mtu);
int rtnl_link_mtu(struct rtnl *r, uint32_t ifindex, uint32_t mtu);
int rtnl_link_up(struct rtnl *r, uint32_t ifindex);
int rtnl_link_del(struct rtnl *r, uint32_t ifindex);
int rtnl_link_get(struct rtnl *r, uint32_t ifindex, struct rtnl_link *l);

/* Usable at once: no duplicate address detection. */
int rtnl_address_add(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, uint8_t prefix_len);
/* All addresses of a link, both families; -EINTR as rtnl_dump(). */
int rtnl_address_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg);

/* A permanent entry, in place of any other. */
int rtnl_neighbour_set(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip,
	const uint8_t mac[RTNL_MAC_LEN]);
int rtnl_neighbour_del(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip);
/* -ENOENT: no entry. */
int rtnl_neighbour_get(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, struct rtnl_neighbour *n);
/* All entries of a link, both families; -EINTR as rtnl_dump(). */
int rtnl_neighbour_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg);
/*
 * Counts as a packet to this neighbour: resolves or confirms it. managed: the kernel goes on doing
 * that by itself. Not for permanent entries: they would stop being permanent.
 */
int rtnl_neighbour_use(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, bool managed);
/* The kernel need not go on. */
int rtnl_neighbour_release(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip);

/*
 * The route a UDP datagram to dst would take, from src unless that is IP_NONE, and through that
 * link unless ifindex is 0. Its MTU is that of the path, where the kernel has learnt one.
 */
int rtnl_route_get(struct rtnl *r, const struct ip_addr *dst, const struct ip_addr *src,
	uint32_t ifindex, struct rtnl_route *route);
/* All routes of all tables over a link, both families; -EINTR as rtnl_dump(). */
int rtnl_route_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg);

#endif
