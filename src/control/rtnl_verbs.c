/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rtnl_verbs.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define TX_QUEUE_LEN	   1000
#define ADDR_GEN_MODE_NONE 1 /* IFLA_INET6_ADDR_GEN_MODE: no link-local address */

static struct nlmsghdr *link_request(
	struct rtnl *r, uint16_t type, uint32_t ifindex, unsigned int flags)
{
	struct ifinfomsg m = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex,
		.ifi_flags = flags,
		.ifi_change = flags,
	};

	return rtnl_request(r, type, 0, &m, sizeof(m));
}

int rtnl_link_no_arp(struct rtnl *r, uint32_t ifindex, const uint8_t mac[RTNL_MAC_LEN])
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, ifindex, IFF_NOARP);
	struct nlattr *families;
	struct nlattr *inet6;
	int ret;

	mnl_attr_put(nlh, IFLA_ADDRESS, RTNL_MAC_LEN, mac);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, TX_QUEUE_LEN);
	ret = rtnl_do(r);
	if (ret < 0)
		return ret;
	nlh = link_request(r, RTM_NEWLINK, ifindex, 0);
	families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	/* A kernel without IPv6 refuses this, and has nothing to switch off. */
	rtnl_do(r);
	return 0;
}

int rtnl_link_ethernet(
	struct rtnl *r, uint32_t ifindex, const uint8_t mac[RTNL_MAC_LEN], uint32_t mtu)
{
	struct nlmsghdr *nlh = link_request(r, RTM_NEWLINK, ifindex, 0);

	mnl_attr_put(nlh, IFLA_ADDRESS, RTNL_MAC_LEN, mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, TX_QUEUE_LEN);
	return rtnl_do(r);
}

int rtnl_link_mtu(struct rtnl *r, uint32_t ifindex, uint32_t mtu)
{
	mnl_attr_put_u32(link_request(r, RTM_NEWLINK, ifindex, 0), IFLA_MTU, mtu);
	return rtnl_do(r);
}

int rtnl_link_up(struct rtnl *r, uint32_t ifindex)
{
	link_request(r, RTM_NEWLINK, ifindex, IFF_UP);
	return rtnl_do(r);
}

int rtnl_link_del(struct rtnl *r, uint32_t ifindex)
{
	link_request(r, RTM_DELLINK, ifindex, 0);
	return rtnl_do(r);
}

static void on_link(const struct nlmsghdr *nlh, void *arg)
{
	rtnl_parse_link(nlh, arg);
}

int rtnl_link_get(struct rtnl *r, uint32_t ifindex, struct rtnl_link *l)
{
	memset(l, 0, sizeof(*l));
	link_request(r, RTM_GETLINK, ifindex, 0);
	return rtnl_ask(r, on_link, l);
}

int rtnl_address_add(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, uint8_t prefix_len)
{
	struct ifaddrmsg m = {
		.ifa_family = (uint8_t)rtnl_family_af(ip->family),
		.ifa_prefixlen = prefix_len,
		.ifa_index = ifindex,
	};
	struct nlmsghdr *nlh =
		rtnl_request(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof(m));

	mnl_attr_put(nlh, IFA_LOCAL, ip_len(ip->family), ip->b);
	mnl_attr_put(nlh, IFA_ADDRESS, ip_len(ip->family), ip->b);
	if (ip->family == IP_V6) {
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	} else if (prefix_len < 31) {
		uint8_t broadcast[4];

		be32_store(broadcast, be32_load(ip->b) | (uint32_t)(0xffffffffull >> prefix_len));
		mnl_attr_put(nlh, IFA_BROADCAST, sizeof(broadcast), broadcast);
	}
	return rtnl_do(r);
}

int rtnl_address_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg)
{
	struct ifaddrmsg m = {.ifa_family = AF_INET, .ifa_index = ifindex};
	int ret;

	rtnl_request(r, RTM_GETADDR, 0, &m, sizeof(m));
	ret = rtnl_dump(r, cb, arg);
	if (ret < 0)
		return ret;
	m.ifa_family = AF_INET6;
	rtnl_request(r, RTM_GETADDR, 0, &m, sizeof(m));
	return rtnl_dump(r, cb, arg);
}

static struct nlmsghdr *neighbour_request(struct rtnl *r, uint16_t type, uint16_t flags,
	uint32_t ifindex, const struct ip_addr *ip, struct ndmsg m)
{
	struct nlmsghdr *nlh;

	m.ndm_family = (uint8_t)rtnl_family_af(ip->family);
	m.ndm_ifindex = (int)ifindex;
	nlh = rtnl_request(r, type, flags, &m, sizeof(m));
	mnl_attr_put(nlh, NDA_DST, ip_len(ip->family), ip->b);
	return nlh;
}

int rtnl_neighbour_set(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, const uint8_t mac[RTNL_MAC_LEN])
{
	struct ndmsg m = {.ndm_state = NUD_PERMANENT};
	struct nlmsghdr *nlh =
		neighbour_request(r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, ip, m);

	mnl_attr_put(nlh, NDA_LLADDR, RTNL_MAC_LEN, mac);
	return rtnl_do(r);
}

int rtnl_neighbour_del(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip)
{
	neighbour_request(r, RTM_DELNEIGH, 0, ifindex, ip, (struct ndmsg){0});
	return rtnl_do(r);
}

static void on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	rtnl_parse_neighbour(nlh, arg);
}

int rtnl_neighbour_get(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, struct rtnl_neighbour *n)
{
	memset(n, 0, sizeof(*n));
	neighbour_request(r, RTM_GETNEIGH, 0, ifindex, ip, (struct ndmsg){0});
	return rtnl_ask(r, on_neighbour, n);
}

int rtnl_neighbour_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg)
{
	struct ndmsg m = {.ndm_family = AF_UNSPEC};
	struct nlmsghdr *nlh = rtnl_request(r, RTM_GETNEIGH, 0, &m, sizeof(m));

	mnl_attr_put_u32(nlh, NDA_IFINDEX, ifindex);
	return rtnl_dump(r, cb, arg);
}

int rtnl_neighbour_use(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, bool managed)
{
	struct ndmsg m = {.ndm_flags = NTF_USE};
	struct nlmsghdr *nlh = neighbour_request(r, RTM_NEWNEIGH, NLM_F_CREATE, ifindex, ip, m);

	if (managed)
		mnl_attr_put_u32(nlh, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	return rtnl_do(r);
}

int rtnl_neighbour_release(struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip)
{
	/* The use that is not managed takes the mark off; an entry that is gone is not made again.
	 */
	neighbour_request(r, RTM_NEWNEIGH, 0, ifindex, ip, (struct ndmsg){.ndm_flags = NTF_USE});
	return rtnl_do(r);
}

static void on_route(const struct nlmsghdr *nlh, void *arg)
{
	rtnl_parse_route(nlh, arg);
}

int rtnl_route_get(struct rtnl *r, const struct ip_addr *dst, const struct ip_addr *src,
	uint32_t ifindex, struct rtnl_route *route)
{
	uint8_t bits = (uint8_t)(8 * ip_len(dst->family));
	struct rtmsg m = {
		.rtm_family = (uint8_t)rtnl_family_af(dst->family),
		.rtm_dst_len = bits,
		.rtm_src_len = src->family == dst->family ? bits : 0,
	};
	struct nlmsghdr *nlh = rtnl_request(r, RTM_GETROUTE, 0, &m, sizeof(m));

	memset(route, 0, sizeof(*route));
	mnl_attr_put(nlh, RTA_DST, ip_len(dst->family), dst->b);
	if (m.rtm_src_len != 0)
		mnl_attr_put(nlh, RTA_SRC, ip_len(src->family), src->b);
	if (ifindex != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	mnl_attr_put_u8(nlh, RTA_IP_PROTO, IPPROTO_UDP);
	return rtnl_ask(r, on_route, route);
}

static int route_dump_family(struct rtnl *r, uint8_t af, uint32_t ifindex, rtnl_cb cb, void *arg)
{
	struct rtmsg m = {.rtm_family = af};
	struct nlmsghdr *nlh = rtnl_request(r, RTM_GETROUTE, 0, &m, sizeof(m));
	int ret;

	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	ret = rtnl_dump(r, cb, arg);
	/* A link without an address of the family, or a table gone meanwhile, has no routes. */
	return ret == -ENOENT || ret == -ENODEV ? 0 : ret;
}

int rtnl_route_dump(struct rtnl *r, uint32_t ifindex, rtnl_cb cb, void *arg)
{
	int ret = route_dump_family(r, AF_INET, ifindex, cb, arg);

	return ret < 0 ? ret : route_dump_family(r, AF_INET6, ifindex, cb, arg);
}
