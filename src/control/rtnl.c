/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base.h"

#define REQUEST_MAX    1024
#define ANSWER_MAX     32768 /* the most the kernel puts into one datagram of a dump */
#define EVENTS_RCVBUF  (8 << 20)
#define ANSWER_SECONDS 1

struct rtnl {
	struct mnl_socket *sock;
	uint32_t seq;
	alignas(MNL_ALIGNTO) uint8_t out[REQUEST_MAX];
	alignas(MNL_ALIGNTO) uint8_t in[ANSWER_MAX];
};

struct rtnl_events {
	struct mnl_socket *sock;
	alignas(MNL_ALIGNTO) uint8_t in[ANSWER_MAX];
};

/* RTNLGRP_NEXTHOP: a route may point to a next hop object that changes under it. */
static const int groups[] = {
	RTNLGRP_LINK,
	RTNLGRP_NEIGH,
	RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,
	RTNLGRP_NEXTHOP,
};

static int sock_new(int flags, struct mnl_socket **out)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	int ret;

	if (s == NULL)
		return -errno;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		mnl_socket_close(s);
		return ret;
	}
	*out = s;
	return 0;
}

/*
 * One datagram of the kernel's: its length, 0 when there is none (or none in time), -errno.
 * -ENOBUFS when the socket or this buffer was too small for all.
 */
static ssize_t receive(struct mnl_socket *s, uint8_t *buf, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(mnl_socket_get_fd(s), buf, size, MSG_TRUNC,
			(struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid != 0)
			continue; /* another process, not the kernel */
		return (size_t)n > size ? -ENOBUFS : n;
	}
}

int rtnl_new(struct rtnl **out)
{
	struct timeval timeout = {.tv_sec = ANSWER_SECONDS};
	struct rtnl *r = calloc(1, sizeof(*r));
	int one = 1;
	int fd;
	int ret;

	if (r == NULL)
		return -ENOMEM;
	ret = sock_new(0, &r->sock);
	if (ret < 0)
		goto free_r;
	fd = mnl_socket_get_fd(r->sock);
	/* Strict: the kernel filters dumps by what the request names. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0) {
		ret = -errno;
		goto close_sock;
	}
	*out = r;
	return 0;
close_sock:
	mnl_socket_close(r->sock);
free_r:
	free(r);
	return ret;
}

void rtnl_free(struct rtnl *r)
{
	if (r == NULL)
		return;
	mnl_socket_close(r->sock);
	free(r);
}

struct nlmsghdr *rtnl_request(
	struct rtnl *r, uint16_t type, uint16_t flags, const void *head, size_t len)
{
	struct nlmsghdr *nlh;

	memset(r->out, 0, sizeof(r->out));
	nlh = mnl_nlmsg_put_header(r->out);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, len), head, len);
	return nlh;
}

static int send_request(struct rtnl *r, uint16_t flags)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)r->out;

	nlh->nlmsg_flags |= flags;
	nlh->nlmsg_seq = ++r->seq;
	if (mnl_socket_sendto(r->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return 0;
}

/* What an NLMSG_ERROR says, or the status an NLMSG_DONE ends a dump with: 0 or -errno. */
static int status_of(const struct nlmsghdr *nlh)
{
	int error;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(error))
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	return error;
}

struct answer {
	rtnl_cb cb;
	void *arg;
	bool dump;
	bool interrupted;
	bool done;
	int status;
};

static void take(struct answer *a, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		a->status = status_of(nlh);
		a->done = true;
	} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && a->cb != NULL) {
		a->cb(nlh, a->arg);
		a->done = !a->dump;
	}
}

/* Answers to earlier requests that came too late have another seq and are passed over. */
static int answer_wait(struct rtnl *r, struct answer *a)
{
	while (!a->done) {
		ssize_t n = receive(r->sock, r->in, sizeof(r->in));
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)r->in;
		int len = (int)n;

		if (n <= 0)
			return n == 0 ? -ETIMEDOUT : (int)n;
		for (; mnl_nlmsg_ok(nlh, len) && !a->done; nlh = mnl_nlmsg_next(nlh, &len))
			if (nlh->nlmsg_seq == r->seq)
				take(a, nlh);
	}
	return a->interrupted && a->status == 0 ? -EINTR : a->status;
}

int rtnl_do(struct rtnl *r)
{
	struct answer a = {0};
	int ret = send_request(r, NLM_F_ACK);

	return ret < 0 ? ret : answer_wait(r, &a);
}

int rtnl_ask(struct rtnl *r, rtnl_cb cb, void *arg)
{
	struct answer a = {.cb = cb, .arg = arg};
	int ret = send_request(r, 0);

	return ret < 0 ? ret : answer_wait(r, &a);
}

int rtnl_dump(struct rtnl *r, rtnl_cb cb, void *arg)
{
	struct answer a = {.cb = cb, .arg = arg, .dump = true};
	int ret = send_request(r, NLM_F_DUMP);

	return ret < 0 ? ret : answer_wait(r, &a);
}

int rtnl_events_new(struct rtnl_events **out)
{
	struct rtnl_events *e = calloc(1, sizeof(*e));
	int size = EVENTS_RCVBUF;
	int fd;
	int ret;

	if (e == NULL)
		return -ENOMEM;
	ret = sock_new(SOCK_NONBLOCK, &e->sock);
	if (ret < 0)
		goto free_e;
	fd = mnl_socket_get_fd(e->sock);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0) {
			ret = -errno;
			goto close_sock;
		}
	}
	*out = e;
	return 0;
close_sock:
	mnl_socket_close(e->sock);
free_e:
	free(e);
	return ret;
}

void rtnl_events_free(struct rtnl_events *e)
{
	if (e == NULL)
		return;
	mnl_socket_close(e->sock);
	free(e);
}

int rtnl_events_fd(const struct rtnl_events *e)
{
	return mnl_socket_get_fd(e->sock);
}

int rtnl_events_next(struct rtnl_events *e, rtnl_cb cb, void *arg)
{
	ssize_t n = receive(e->sock, e->in, sizeof(e->in));
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)e->in;
	int len = (int)n;

	if (n == 0)
		return 0;
	if (n < 0)
		return -ENOBUFS; /* whatever the reason: what was there is not known */
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		cb(nlh, arg);
	return 1;
}
