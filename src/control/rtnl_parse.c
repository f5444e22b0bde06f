/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rtnl_parse.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

uint8_t rtnl_family_ip(int af)
{
	return af == AF_INET ? IP_V4 : af == AF_INET6 ? IP_V6 : IP_NONE;
}

int rtnl_family_af(uint8_t family)
{
	return family == IP_V4 ? AF_INET : AF_INET6;
}

/* The fixed header of the message, or NULL when there is not even that much. */
static const void *head(const struct nlmsghdr *nlh, size_t len)
{
	return mnl_nlmsg_get_payload_len(nlh) < len ? NULL : mnl_nlmsg_get_payload(nlh);
}

static bool take_u32(const struct nlattr *a, uint32_t *out)
{
	if (mnl_attr_get_payload_len(a) < sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(a), sizeof(*out));
	return true;
}

static bool take_ip(const struct nlattr *a, uint8_t family, struct ip_addr *out)
{
	if (family == IP_NONE || mnl_attr_get_payload_len(a) < ip_len(family))
		return false;
	*out = ip_from_bytes(family, mnl_attr_get_payload(a));
	return true;
}

bool rtnl_parse_link(const struct nlmsghdr *nlh, struct rtnl_link *l)
{
	const struct ifinfomsg *m = head(nlh, sizeof(*m));
	const struct nlattr *a;

	memset(l, 0, sizeof(*l));
	/* AF_BRIDGE tells of a bridge's ports: a DELLINK there removes no link. */
	if (m == NULL || m->ifi_family != AF_UNSPEC || m->ifi_index <= 0)
		return false;
	l->ifindex = (uint32_t)m->ifi_index;
	l->flags = m->ifi_flags;
	mnl_attr_for_each (a, nlh, sizeof(*m)) {
		size_t len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) == IFLA_IFNAME && len <= sizeof(l->name))
			memcpy(l->name, mnl_attr_get_payload(a), len);
		else if (mnl_attr_get_type(a) == IFLA_MTU)
			take_u32(a, &l->mtu);
	}
	l->name[sizeof(l->name) - 1] = '\0';
	return true;
}

bool rtnl_parse_address(const struct nlmsghdr *nlh, struct rtnl_address *out)
{
	const struct ifaddrmsg *m = head(nlh, sizeof(*m));
	const struct nlattr *a;
	bool local = false;
	uint32_t flags;
	uint8_t family;

	memset(out, 0, sizeof(*out));
	if (m == NULL)
		return false;
	flags = m->ifa_flags;
	family = rtnl_family_ip(m->ifa_family);
	out->ifindex = m->ifa_index;
	out->prefix_len = m->ifa_prefixlen;
	mnl_attr_for_each (a, nlh, sizeof(*m)) {
		uint16_t type = mnl_attr_get_type(a);

		/* With a peer address, IFA_ADDRESS is the peer's and IFA_LOCAL ours. */
		if (type == IFA_LOCAL)
			local = take_ip(a, family, &out->ip);
		else if (type == IFA_ADDRESS && !local)
			take_ip(a, family, &out->ip);
		else if (type == IFA_FLAGS)
			take_u32(a, &flags);
	}
	out->usable = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
	return out->ip.family != IP_NONE;
}

bool rtnl_parse_neighbour(const struct nlmsghdr *nlh, struct rtnl_neighbour *n)
{
	const struct ndmsg *m = head(nlh, sizeof(*m));
	const struct nlattr *a;
	uint32_t flags = 0;

	memset(n, 0, sizeof(*n));
	if (m == NULL || m->ndm_flags & NTF_PROXY || m->ndm_ifindex <= 0)
		return false;
	n->ifindex = (uint32_t)m->ndm_ifindex;
	n->state = m->ndm_state;
	mnl_attr_for_each (a, nlh, sizeof(*m)) {
		uint16_t type = mnl_attr_get_type(a);

		if (type == NDA_DST)
			take_ip(a, rtnl_family_ip(m->ndm_family), &n->ip);
		if (type == NDA_LLADDR && mnl_attr_get_payload_len(a) == sizeof(n->mac)) {
			memcpy(n->mac, mnl_attr_get_payload(a), sizeof(n->mac));
			n->has_mac = true;
		}
		if (type == NDA_FLAGS_EXT)
			take_u32(a, &flags);
	}
	n->managed = flags & NTF_EXT_MANAGED;
	return n->ip.family != IP_NONE;
}

/* RTA_GATEWAY is of the route's family; RTA_VIA says its own (IPv4 through an IPv6 next hop). */
static void take_gateway(const struct nlattr *a, uint8_t family, struct ip_addr *via)
{
	uint16_t type = mnl_attr_get_type(a);

	if (type == RTA_GATEWAY) {
		take_ip(a, family, via);
	} else if (type == RTA_VIA && mnl_attr_get_payload_len(a) >= sizeof(struct rtvia)) {
		const struct rtvia *v = mnl_attr_get_payload(a);
		uint8_t via_family = rtnl_family_ip(v->rtvia_family);

		if (via_family != IP_NONE &&
			mnl_attr_get_payload_len(a) >= sizeof(*v) + ip_len(via_family))
			*via = ip_from_bytes(via_family, v->rtvia_addr);
	}
}

static void take_multipath(const struct nlattr *a, uint8_t family, struct rtnl_route *r)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	size_t left = mnl_attr_get_payload_len(a);

	while (left >= sizeof(struct rtnexthop) && r->nb_nexthops < RTNL_MAX_NEXTHOPS) {
		const struct rtnexthop *nh = (const struct rtnexthop *)(const void *)p;
		struct rtnl_nexthop *out = &r->nexthops[r->nb_nexthops];
		const struct nlattr *in;
		size_t step = RTNH_ALIGN(nh->rtnh_len);

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left)
			return;
		*out = (struct rtnl_nexthop){.ifindex = (uint32_t)nh->rtnh_ifindex};
		for (in = (const struct nlattr *)(const void *)(nh + 1);
			mnl_attr_ok(in, (int)(p + nh->rtnh_len - (const uint8_t *)in));
			in = mnl_attr_next(in))
			take_gateway(in, family, &out->via);
		r->nb_nexthops++;
		if (step >= left)
			return;
		p += step;
		left -= step;
	}
}

static void take_metrics(const struct nlattr *nest, struct rtnl_route *r)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested (a, nest) {
		if (mnl_attr_get_type(a) == RTAX_MTU)
			take_u32(a, &r->mtu);
	}
}

static void take_route_attribute(
	const struct nlattr *a, struct rtnl_route *r, struct rtnl_nexthop *single)
{
	switch (mnl_attr_get_type(a)) {
	case RTA_DST:
		take_ip(a, r->prefix.family, &r->prefix);
		break;
	case RTA_TABLE:
		take_u32(a, &r->table);
		break;
	case RTA_PRIORITY:
		take_u32(a, &r->metric);
		break;
	case RTA_PREFSRC:
		take_ip(a, r->prefix.family, &r->source);
		break;
	case RTA_METRICS:
		take_metrics(a, r);
		break;
	case RTA_OIF:
		take_u32(a, &single->ifindex);
		break;
	case RTA_MULTIPATH:
		take_multipath(a, r->prefix.family, r);
		break;
	default:
		take_gateway(a, r->prefix.family, &single->via);
		break;
	}
}

bool rtnl_parse_route(const struct nlmsghdr *nlh, struct rtnl_route *r)
{
	const struct rtmsg *m = head(nlh, sizeof(*m));
	struct rtnl_nexthop single = {0};
	const struct nlattr *a;

	memset(r, 0, sizeof(*r));
	if (m == NULL)
		return false;
	r->prefix.family = rtnl_family_ip(m->rtm_family);
	if (r->prefix.family == IP_NONE || m->rtm_dst_len > 8 * ip_len(r->prefix.family))
		return false;
	r->prefix_len = m->rtm_dst_len;
	r->tos = m->rtm_tos;
	r->type = m->rtm_type;
	r->table = m->rtm_table;
	mnl_attr_for_each (a, nlh, sizeof(*m))
		take_route_attribute(a, r, &single);
	if (r->nb_nexthops == 0 && single.ifindex != 0)
		r->nexthops[r->nb_nexthops++] = single;
	return true;
}
