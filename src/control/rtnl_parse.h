/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink bytes -> what they say. Pure. Each returns false for a message that is malformed or
 * that is of no interest here: another address family, a bridge's view of a link, a proxy entry.
 */
#ifndef RTNL_PARSE_H
#define RTNL_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct nlmsghdr;

#define RTNL_MAC_LEN	  6
#define RTNL_NAME_LEN	  16
#define RTNL_MAX_NEXTHOPS 64 /* of one route; those beyond are not looked at */

struct rtnl_link {
	uint32_t ifindex;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;	/* 0: not said */
	char name[RTNL_NAME_LEN];
};

struct rtnl_address {
	uint32_t ifindex;
	struct ip_addr ip;
	uint8_t prefix_len;
	bool usable; /* not waiting for duplicate address detection, nor failed it */
};

struct rtnl_neighbour {
	uint32_t ifindex;
	struct ip_addr ip;
	uint16_t state; /* NUD_* */
	bool managed;	/* the kernel keeps it confirmed by itself */
	bool has_mac;
	uint8_t mac[RTNL_MAC_LEN];
};

struct rtnl_nexthop {
	uint32_t ifindex;
	struct ip_addr via; /* IP_NONE: the destination is on the link */
};

struct rtnl_route {
	struct ip_addr prefix;
	uint8_t prefix_len;
	uint8_t tos;
	uint8_t type; /* RTN_* */
	uint32_t table;
	uint32_t metric;
	struct ip_addr source; /* IP_NONE: not said */
	uint32_t mtu;	       /* 0: not said */
	unsigned int nb_nexthops;
	struct rtnl_nexthop nexthops[RTNL_MAX_NEXTHOPS];
};

bool rtnl_parse_link(const struct nlmsghdr *nlh, struct rtnl_link *l);
bool rtnl_parse_address(const struct nlmsghdr *nlh, struct rtnl_address *a);
bool rtnl_parse_neighbour(const struct nlmsghdr *nlh, struct rtnl_neighbour *n);
bool rtnl_parse_route(const struct nlmsghdr *nlh, struct rtnl_route *r);

/* AF_INET, AF_INET6 and back; IP_NONE: neither. */
uint8_t rtnl_family_ip(int af);
int rtnl_family_af(uint8_t family);

#endif
