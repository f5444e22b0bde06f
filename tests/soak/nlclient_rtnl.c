/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink as openvpn speaks it: a socket for each request, closed at once. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "nlclient_private.h"

#define REQUEST_MAX 1024
#define SEQ	    1

static struct nlmsghdr *begin(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = SEQ;
	return h;
}

/* Sends the request and reads its acknowledgement. */
static int request(struct nlmsghdr *h)
{
	uint8_t buf[8192] __attribute__((aligned(4)));
	const struct nlmsghdr *a = (const void *)buf;
	uint32_t pid;
	int fd = nlc_socket(NETLINK_ROUTE, &pid);
	int n = (int)nlc_send(fd, h);

	if (n == 0)
		n = (int)nlc_receive(fd, buf, sizeof(buf));
	close(fd);
	if (n < 0)
		return n;
	if (!mnl_nlmsg_ok(a, n) || a->nlmsg_type != NLMSG_ERROR || a->nlmsg_seq != SEQ)
		nlc_die("rtnetlink: the answer is no acknowledgement");
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(a))->error;
}

int nlc_rtnl_link_new(const char *name, const char *kind, bool many_peers)
{
	uint8_t buf[REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *h = begin(buf, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	struct nlattr *info, *data;

	(void)ifi;
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = nlc_nest(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, kind);
	data = nlc_nest(h, IFLA_INFO_DATA);
	mnl_attr_put_u8(h, 1, many_peers);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return request(h);
}

int nlc_rtnl_link_del(uint32_t ifindex)
{
	uint8_t buf[REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *h = begin(buf, RTM_DELLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));

	ifi->ifi_index = (int)ifindex;
	return request(h);
}

int nlc_rtnl_link_up(uint32_t ifindex)
{
	uint8_t buf[REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *h = begin(buf, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));

	ifi->ifi_index = (int)ifindex;
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return request(h);
}

int nlc_link_address(struct nlc *c, const struct ip_addr *a, uint8_t prefix_len)
{
	uint8_t buf[REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *h = begin(buf, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
	int ret = nlc_rtnl_link_up(c->ifindex);

	if (ret < 0)
		return ret;
	ifa->ifa_family = a->family == IP_V4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_flags = IFA_F_NODAD;
	ifa->ifa_index = c->ifindex;
	mnl_attr_put(h, IFA_LOCAL, ip_len(a->family), a->b);
	mnl_attr_put(h, IFA_ADDRESS, ip_len(a->family), a->b);
	return request(h);
}

struct neighbour {
	const void *ip, *mac;
	uint16_t ip_len, mac_len;
};

static int on_attr(const struct nlattr *a, void *arg)
{
	struct neighbour *n = arg;

	if (mnl_attr_get_type(a) == NDA_DST) {
		n->ip = mnl_attr_get_payload(a);
		n->ip_len = mnl_attr_get_payload_len(a);
	} else if (mnl_attr_get_type(a) == NDA_LLADDR) {
		n->mac = mnl_attr_get_payload(a);
		n->mac_len = mnl_attr_get_payload_len(a);
	}
	return MNL_CB_OK;
}

struct walk {
	uint32_t ifindex;
	void (*each)(const struct ip_addr *a, const uint8_t mac[NLC_MAC_LEN], void *arg);
	void *arg;
};

static int on_neighbour(const struct nlmsghdr *h, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(h);
	const struct walk *w = arg;
	struct neighbour n = {0};
	struct ip_addr a;

	if (h->nlmsg_type != RTM_NEWNEIGH || (uint32_t)nd->ndm_ifindex != w->ifindex ||
		!(nd->ndm_state & NUD_PERMANENT))
		return MNL_CB_OK;
	mnl_attr_parse(h, sizeof(*nd), on_attr, &n);
	if (n.ip == NULL || n.mac == NULL || n.mac_len != NLC_MAC_LEN)
		return MNL_CB_OK;
	a = ip_from_bytes(nd->ndm_family == AF_INET ? IP_V4 : IP_V6, n.ip);
	w->each(&a, n.mac, w->arg);
	return MNL_CB_OK;
}

int nlc_neighbours(struct nlc *c,
	void (*each)(const struct ip_addr *a, const uint8_t mac[NLC_MAC_LEN], void *arg), void *arg)
{
	struct walk w = {c->ifindex, each, arg};
	struct nlmsghdr *h = begin(c->answer, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(h, sizeof(*nd));
	uint32_t pid;
	int fd = nlc_socket(NETLINK_ROUTE, &pid);
	int ret = nlc_send(fd, h);

	(void)nd;
	while (ret == 0) {
		ssize_t n = nlc_receive(fd, c->answer, sizeof(c->answer));

		if (n < 0)
			ret = (int)n;
		else if (mnl_cb_run(c->answer, (size_t)n, SEQ, pid, on_neighbour, &w) <= 0)
			break;
	}
	close(fd);
	return ret;
}
