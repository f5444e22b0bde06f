/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink sockets are the kernel's, and stay so: it knows links, addresses and routes. Only
 * making and removing a link of OpenVPN's kind is taken out, and answered by the next recvmsg().
 */
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

static struct kept_link *link_entry(uint32_t ifindex)
{
	for (unsigned int i = 0; i < SHIM_LINKS; i++) {
		if (shim.links[i].link.ifindex == ifindex)
			return &shim.links[i];
	}
	return NULL;
}

/* False: longer than a name may be. */
static bool copy_name(char *to, size_t size, const void *from, size_t len)
{
	size_t n = len != 0 ? strnlen(from, len) : 0;

	if (n >= size)
		return false;
	if (n != 0)
		memcpy(to, from, n);
	return true;
}

/* Reads RTM_NEWLINK; false: another kind of link, or a name that the kernel will refuse. */
static bool read_newlink(const uint8_t *p, size_t len, struct shim_link *link)
{
	const uint8_t *info;
	const uint8_t *data;
	const void *value;
	size_t info_len;
	size_t data_len;
	size_t n;

	if (len < sizeof(struct ifinfomsg))
		return false;
	p += sizeof(struct ifinfomsg);
	len -= sizeof(struct ifinfomsg);
	info = nl_attr(p, len, IFLA_LINKINFO, &info_len);
	value = nl_attr(info, info_len, IFLA_INFO_KIND, &n);
	if (!copy_name(link->kind, sizeof(link->kind), value, n))
		return false;
	if (strcmp(link->kind, "ovpn-dco") != 0 && strcmp(link->kind, "ovpn") != 0)
		return false;
	value = nl_attr(p, len, IFLA_IFNAME, &n);
	if (!copy_name(link->name, sizeof(link->name), value, n))
		return false;
	data = nl_attr(info, info_len, IFLA_INFO_DATA, &data_len);
	value = nl_attr(data, data_len, 1, &n);
	if (n >= 1)
		link->mode = *(const uint8_t *)value;
	return true;
}

static int link_new(const struct shim_link *link)
{
	struct kept_link *k = link_entry(0);
	struct shim_link made = {0};
	int fd = -1;
	int ret;

	if (k == NULL)
		return -ENOBUFS;
	ret = rpc_link(link, &fd, &made);
	if (ret == -ENOTCONN && away_wait()) {
		fd = -1;
		ret = rpc_link(link, &fd, &made);
	}
	if (ret < 0)
		return ret;
	*k = (struct kept_link){.link = *link, .fd = fd};
	k->link.ifindex = made.ifindex;
	return 0;
}

/* Without the agent, its end is that of the last descriptor. */
static int link_del(struct kept_link *k)
{
	struct shim_link link = {.ifindex = k->link.ifindex};
	int ret;

	if (k->fd >= 0)
		real()->close(k->fd);
	*k = (struct kept_link){.fd = -1};
	ret = rpc_call(SHIM_LINK_DEL, 0, &link, sizeof(link), -1, NULL, 0);
	return ret < 0 && ret != -ENOTCONN ? ret : 0;
}

int rtnl_again(struct kept_link *k)
{
	struct shim_link made = {0};
	int fd = k->fd;
	int ret = rpc_link(&k->link, &fd, &made);

	if (ret == 0 && made.ifindex != k->link.ifindex)
		ret = -ENODEV;
	/* it is the same device: the descriptor that is here already will do */
	if (fd >= 0)
		real()->close(fd);
	return ret;
}

/* Does what the request asks, if it concerns our links. */
static bool handle(int fd, const struct nlmsghdr *h, const uint8_t *p, int *error)
{
	size_t len = h->nlmsg_len - sizeof(*h);
	struct shim_link link = {0};
	struct ifinfomsg ifi;
	struct kept_link *entry;

	if (h->nlmsg_type == RTM_NEWLINK && read_newlink(p, len, &link)) {
		if (!nl_is(fd, NETLINK_ROUTE))
			return false;
		*error = link_new(&link);
		return true;
	}
	if (h->nlmsg_type != RTM_DELLINK || len < sizeof(ifi))
		return false;
	memcpy(&ifi, p, sizeof(ifi));
	entry = ifi.ifi_index > 0 ? link_entry((uint32_t)ifi.ifi_index) : NULL;
	if (entry == NULL || !nl_is(fd, NETLINK_ROUTE))
		return false;
	*error = link_del(entry);
	return true;
}

/* The kernel's answers bear the socket's address; openvpn 2.7 leaves others unread. */
static uint32_t address(int fd, uint32_t otherwise)
{
	struct sockaddr_nl bound = {0};
	socklen_t len = sizeof(bound);

	if (real()->getsockname(fd, (struct sockaddr *)&bound, &len) < 0 || bound.nl_pid == 0)
		return otherwise;
	return bound.nl_pid;
}

bool rtnl_send(int fd, const struct msghdr *msg, ssize_t *result)
{
	struct nlmsghdr h;
	const uint8_t *p = nl_request(msg, &h);
	struct sock *s;
	int error;

	if (p == NULL || msg->msg_iovlen != 1 || !handle(fd, &h, p, &error))
		return false;
	*result = (ssize_t)msg->msg_iov[0].iov_len;
	h.nlmsg_pid = address(fd, h.nlmsg_pid);
	s = sock_find(fd);
	if (s == NULL)
		s = sock_new(KIND_RTNL, fd);
	if (s == NULL || replies_error(&s->replies, &h, error) < 0)
		*result = -ENOBUFS;
	return true;
}

ssize_t rtnl_recv(struct sock *s, struct msghdr *msg, int flags)
{
	ssize_t n = replies_recv(&s->replies, msg, flags);

	if (n == -EAGAIN) {
		n = real()->recvmsg(s->fd, msg, flags);
		return n < 0 ? -errno : n;
	}
	if (s->replies.head == s->replies.tail)
		sock_free(s); /* the descriptor is the kernel's alone again */
	return n;
}
