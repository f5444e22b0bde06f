/* SPDX-License-Identifier: BSD-3-Clause */
/* A kernel event goes to whom it may concern: devices, ports, ways to remotes. */
#include <linux/rtnetlink.h>

#include "control/hostif_state.h"

static void link_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh)
{
	bool gone = nlh->nlmsg_type == RTM_DELLINK;
	struct hostif_device *d;
	struct rtnl_link l;

	if (!rtnl_parse_link(nlh, &l))
		return;
	LIST_FOREACH (d, &ns->devices, link)
		hostif_device_link(d, &l, gone);
	if (ns != h->home)
		return;
	if (gone)
		hostif_ports_link_gone(&h->ports, l.ifindex);
	/* A link that goes down takes IPv4 routes along without a word about each. */
	hostif_paths_any(&h->paths);
}

static void address_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh)
{
	bool gone = nlh->nlmsg_type == RTM_DELADDR;
	struct hostif_device *d;
	struct rtnl_address a;

	if (!rtnl_parse_address(nlh, &a))
		return;
	LIST_FOREACH (d, &ns->devices, link) {
		if (gone)
			hostif_device_address_gone(d, &a);
	}
	if (ns == h->home) {
		hostif_ports_address(&h->ports, &a, gone);
		hostif_paths_any(&h->paths);
	}
}

static void neighbour_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh)
{
	bool gone = nlh->nlmsg_type == RTM_DELNEIGH;
	struct hostif_device *d;
	struct rtnl_neighbour n;

	if (!rtnl_parse_neighbour(nlh, &n))
		return;
	LIST_FOREACH (d, &ns->devices, link)
		hostif_device_neighbour(d, &n, gone);
	if (ns == h->home)
		hops_event(&h->paths.hops, &n, gone);
}

static void route_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh)
{
	bool gone = nlh->nlmsg_type == RTM_DELROUTE;
	struct hostif_device *d;
	struct rtnl_route r;

	if (!rtnl_parse_route(nlh, &r))
		return;
	LIST_FOREACH (d, &ns->devices, link)
		hostif_device_route(d, &r, gone);
	if (ns == h->home)
		hostif_paths_route(&h->paths, &r);
}

/* Next hop objects change routes that point to them; rules change which table is asked. */
static void other_event(struct hostif *h, struct hostif_ns *ns, uint16_t type)
{
	struct hostif_device *d;

	LIST_FOREACH (d, &ns->devices, link) {
		if (type == RTM_NEWNEXTHOP || type == RTM_DELNEXTHOP)
			d->stale = true;
	}
	if (ns == h->home)
		hostif_paths_any(&h->paths);
}

void hostif_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_event(h, ns, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		address_event(h, ns, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_event(h, ns, nlh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_event(h, ns, nlh);
		break;
	default:
		other_event(h, ns, nlh->nlmsg_type);
		break;
	}
}
