/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generic netlink. libnl's sockets begin as the kernel's own; the one that asks for an OpenVPN
 * family, or joins its group (since 2.7.8 that is another one), is replaced in place. So another
 * program that speaks generic netlink never notices us.
 *
 * A request is a synchronous call: openvpn asks in a loop until its socket has the answer.
 * Notifications come by the socketpair, so none can fall between a request and its answer.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/genetlink.h>

/* The numbers of those commands that are answered here while no agent is there. */
struct genl_family {
	const char *name;
	uint8_t new_key, get_peer;
	bool mixes; /* one process may serve UDP and TCP */
};

static bool names_our_family(const char *name, size_t len)
{
	static const struct genl_family families[] = {
		{"ovpn-dco-v2", 4, 7, false}, /* openvpn 2.6 */
		{"ovpn", 6, 3, true},	      /* openvpn 2.7 and later */
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		size_t n = strlen(families[i].name) + 1;

		if (len == n && memcmp(name, families[i].name, n) == 0) {
			shim.genl = &families[i];
			return true;
		}
	}
	return false;
}

bool genl_mixes(void)
{
	return shim.genl != NULL && shim.genl->mixes;
}

bool genl_asks(int fd, const struct msghdr *msg)
{
	struct genlmsghdr g;
	struct nlmsghdr h;
	const uint8_t *p = nl_request(msg, &h);
	size_t len;
	size_t name_len;
	const char *name;

	if (p == NULL || h.nlmsg_type != GENL_ID_CTRL || h.nlmsg_len < sizeof(h) + sizeof(g))
		return false;
	memcpy(&g, p, sizeof(g));
	if (g.cmd != CTRL_CMD_GETFAMILY)
		return false;
	len = h.nlmsg_len - sizeof(h) - sizeof(g);
	name = nl_attr(p + sizeof(g), len, CTRL_ATTR_FAMILY_NAME, &name_len);
	return nl_is(fd, NETLINK_GENERIC) && names_our_family(name, name_len);
}

bool genl_joins(int fd, int level, int name, const void *value, socklen_t len)
{
	uint32_t group;

	if (shim.state == SHIM_IDLE || level != SOL_NETLINK || name != NETLINK_ADD_MEMBERSHIP ||
		len != sizeof(group))
		return false;
	memcpy(&group, value, sizeof(group));
	return (group & 0xffff0000) == SHIM_GROUPS && nl_is(fd, NETLINK_GENERIC);
}

int genl_adopt(int fd, struct sock **out)
{
	struct sockaddr_nl bound = {0};
	socklen_t len = sizeof(bound);
	int flags = fcntl(fd, F_GETFL);
	struct sock *s;
	uint32_t id;
	int ours;
	int ret = rpc_attach();

	if (ret < 0)
		return ret;
	real()->getsockname(fd, (struct sockaddr *)&bound, &len);
	ours = sock_pair(SHIM_KIND_GENL, 0, fd, &id);
	/* between two sessions there was no socket by which to notice the daemon's end */
	if (ours == -ENOTCONN && away_wait())
		ours = sock_pair(SHIM_KIND_GENL, 0, fd, &id);
	if (ours < 0)
		return ours;
	s = sock_new(KIND_GENL, fd);
	if (s == NULL) {
		rpc_call(SHIM_CLOSE, id, NULL, 0, -1, NULL, 0);
		real()->close(ours);
		return -ENOBUFS;
	}
	s->id = id;
	s->nl_pid = bound.nl_pid;
	fcntl(ours, F_SETFL, flags & O_NONBLOCK);
	dup3(ours, fd, O_CLOEXEC);
	real()->close(ours);
	*out = s;
	return 0;
}

/*
 * What to say when the agent is not there. A dump is empty. A key that fails ends openvpn at once:
 * it is taken, because its peer is gone anyway and its session ends with the others. A question
 * for a peer's counters that fails restarts openvpn 2.7, too early: there is nothing new.
 */
static int answer_without_agent(struct replies *q, const struct nlmsghdr *h, const uint8_t *p)
{
	bool ours = h->nlmsg_type != GENL_ID_CTRL &&
		h->nlmsg_len >= sizeof(*h) + sizeof(struct genlmsghdr);
	bool well = ours && (p[0] == shim.genl->new_key || p[0] == shim.genl->get_peer);

	if (ours && (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		return replies_done(q, h);
	return replies_error(q, h, well ? 0 : -ENOTCONN);
}

/* The question for the family waits for a daemon: without an answer openvpn ends, or does without.
 */
static int request(struct sock *s, const struct msghdr *msg, const struct nlmsghdr *h)
{
	size_t tail = s->replies.tail;
	int ret = rpc_netlink(s->id, msg, &s->replies);

	if (ret != -ENOTCONN || h->nlmsg_type != GENL_ID_CTRL || !away_wait())
		return ret;
	s->replies.tail = tail;
	return rpc_netlink(s->id, msg, &s->replies);
}

ssize_t genl_send(struct sock *s, const struct msghdr *msg)
{
	struct nlmsghdr h;
	const uint8_t *p = nl_request(msg, &h);
	size_t len = 0;
	int ret;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		len += msg->msg_iov[i].iov_len;
	if (p == NULL)
		return -EINVAL;
	ret = request(s, msg, &h);
	if (ret == -EMSGSIZE)
		return ret;
	/*
	 * No answer at all makes openvpn ask for ever, ENODEV or ENOMEM make it exit at once: what
	 * failed here is the connection, or the agent did not understand.
	 */
	if (ret == -ENOTCONN)
		ret = answer_without_agent(&s->replies, &h, p);
	else if (ret < 0)
		ret = replies_error(&s->replies, &h, -EINVAL);
	return ret < 0 ? ret : (ssize_t)len;
}

ssize_t genl_recv(struct sock *s, struct msghdr *msg, int flags)
{
	struct msghdr plain = {.msg_iov = msg->msg_iov, .msg_iovlen = msg->msg_iovlen};
	ssize_t n;

	if ((flags & MSG_ERRQUEUE) != 0)
		return -EAGAIN;
	n = replies_recv(&s->replies, msg, flags);
	if (n != -EAGAIN || shim.state != SHIM_ATTACHED)
		return n;
	n = real()->recvmsg(s->fd, &plain, flags);
	n = sock_received(n, plain.msg_flags);
	if (n >= 0) {
		msg->msg_flags = plain.msg_flags;
		nl_from_kernel(msg);
	}
	return n;
}

int genl_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_NETLINK) /* which socket joins the group of notifications */
		return sock_option(s, level, name, value, len);
	if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF))
		return sock_buffer(s->fd, name, value, len);
	return real()->setsockopt(s->fd, level, name, value, len) < 0 ? -errno : 0;
}

int genl_name(const struct sock *s, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_pid = s->nl_pid};

	memcpy(addr, &name, *len < sizeof(name) ? *len : sizeof(name));
	*len = sizeof(name);
	return 0;
}
