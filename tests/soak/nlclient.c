/* SPDX-License-Identifier: BSD-3-Clause */
#include "nlclient.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>

#include "nlclient_private.h"

void nlc_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "nlclient: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

/* --- sockets ------------------------------------------------------------------------------ */

int nlc_socket(int protocol, uint32_t *pid)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof(name);
	int size = 32768;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
		bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
		getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		nlc_die("no netlink socket: %s", strerror(errno));
	if (len != sizeof(name) || name.nl_family != AF_NETLINK)
		nlc_die("a netlink socket with a name that is none");
	*pid = name.nl_pid;
	return fd;
}

int nlc_send(int fd, struct nlmsghdr *h)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct iovec iov = {h, h->nlmsg_len};
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = sendmsg(fd, &msg, 0);

	if (n < 0)
		return -errno;
	if (n != (ssize_t)h->nlmsg_len)
		nlc_die("%zd of %u bytes of a request were taken", n, h->nlmsg_len);
	return 0;
}

static ssize_t receive(int fd, void *buf, size_t size, int flags)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {buf, size};
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &msg, flags);

	if (n < 0)
		return -errno;
	if (msg.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
		nlc_die("a netlink message that does not come from the kernel");
	if (!(flags & MSG_PEEK) && (msg.msg_flags & MSG_TRUNC))
		nlc_die("a netlink message of more than %zu bytes", size);
	return n;
}

ssize_t nlc_receive(int fd, void *buf, size_t size)
{
	ssize_t want = receive(fd, buf, size, MSG_PEEK | MSG_TRUNC);
	ssize_t n;

	if (want < 0)
		return want;
	n = receive(fd, buf, size, 0);
	if (n != want)
		nlc_die("a netlink message of %zd bytes was announced with %zd", n, want);
	return n;
}

struct nlattr *nlc_nest(struct nlmsghdr *h, uint16_t type)
{
	struct nlattr *a = mnl_nlmsg_get_payload_tail(h);

	a->nla_type = type;
	h->nlmsg_len += MNL_ALIGN(sizeof(*a));
	return a;
}

enum { KEY_DIR_KEY = 1, KEY_DIR_TAIL };

void nlc_key_dir(struct nlmsghdr *h, uint16_t attr, const uint8_t *key, unsigned int len,
	const uint8_t *tail)
{
	struct nlattr *n = nlc_nest(h, attr);

	mnl_attr_put(h, KEY_DIR_KEY, len, key);
	mnl_attr_put(h, KEY_DIR_TAIL, NLC_TAIL_LEN, tail);
	mnl_attr_nest_end(h, n);
}

/* --- requests and answers ----------------------------------------------------------------- */

struct nlmsghdr *nlc_ask(
	struct nlc *c, struct nlc_question *q, uint16_t type, uint8_t cmd, uint16_t flags)
{
	struct genlmsghdr *g;

	q->h = mnl_nlmsg_put_header(q->bytes);
	q->h->nlmsg_type = type;
	q->h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	q->h->nlmsg_seq = ++c->seq;
	q->h->nlmsg_pid = c->pid;
	g = mnl_nlmsg_put_extra_header(q->h, sizeof(*g));
	g->cmd = cmd;
	return q->h;
}

int nlc_answer(struct nlc *c, int fd, const struct nlc_question *q,
	void (*each)(struct nlc *c, const struct nlmsghdr *h, void *arg), void *arg)
{
	int ret = nlc_send(fd, q->h);

	if (ret < 0)
		nlc_die("a request was not taken: %s", strerror(-ret));
	c->requests++;
	for (;;) {
		ssize_t n = nlc_receive(fd, c->answer, sizeof(c->answer));
		const struct nlmsghdr *h = (const void *)c->answer;
		int left = (int)n;

		if (n < 0)
			nlc_die("request %u has no answer: %s", c->seq, strerror((int)-n));
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != c->seq || h->nlmsg_pid != c->pid)
				nlc_die("an answer to %u of %u where one to %u of %u was due",
					h->nlmsg_seq, h->nlmsg_pid, c->seq, c->pid);
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
			if (each != NULL)
				each(c, h, arg);
		}
		if (left != 0)
			nlc_die("%d bytes behind the last message of an answer", left);
	}
}

/* --- the families ------------------------------------------------------------------------- */

const struct nlc_family *nlc_family_by_name(const char *name)
{
	static const struct nlc_family *const all[] = {&nlc_ovpn_dco_v2, &nlc_ovpn};

	for (unsigned int i = 0; i < ARRAY_LEN(all); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}

const char *nlc_family_name(const struct nlc_family *f)
{
	return f->name;
}

bool nlc_family_tells_floats(const struct nlc_family *f)
{
	return f->tells_floats;
}

/* --- the family --------------------------------------------------------------------------- */

static int on_group(const struct nlattr *a, void *arg)
{
	struct nlc *c = arg;

	if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
		c->group_id = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int on_groups(const struct nlattr *a, void *arg)
{
	return mnl_attr_parse_nested(a, on_group, arg);
}

static int on_family_attr(const struct nlattr *a, void *arg)
{
	struct nlc *c = arg;

	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
		c->family_id = mnl_attr_get_u16(a);
	else if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS)
		return mnl_attr_parse_nested(a, on_groups, c);
	return MNL_CB_OK;
}

static void on_family(struct nlc *c, const struct nlmsghdr *h, void *arg)
{
	(void)arg;
	mnl_attr_parse(h, sizeof(struct genlmsghdr), on_family_attr, c);
}

static int resolve(struct nlc *c, int fd, const char *name)
{
	struct nlc_question q;
	struct nlmsghdr *h = nlc_ask(c, &q, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);

	((struct genlmsghdr *)mnl_nlmsg_get_payload(h))->version = 1;
	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, name);
	c->family_id = 0;
	c->group_id = 0;
	return nlc_answer(c, fd, &q, on_family, NULL);
}

/* openvpn's dco_available(): is there such a family? */
static int available(struct nlc *c)
{
	int fd = nlc_socket(NETLINK_GENERIC, &c->pid);
	int ret = resolve(c, fd, c->family->name);

	close(fd);
	return ret;
}

int nlc_open(const struct nlc_family *family, struct nlc **out)
{
	struct nlc *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL)
		return -ENOMEM;
	c->family = family;
	c->genl = c->udp = c->news = -1;
	ret = available(c);
	if (ret == 0)
		ret = available(c);
	if (ret < 0) {
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}

static int join(struct nlc *c)
{
	int ret = resolve(c, c->genl, "nlctrl");

	if (ret == 0 && c->family_id != GENL_ID_CTRL)
		nlc_die("nlctrl has the id %u", c->family_id);
	if (ret == 0)
		ret = resolve(c, c->genl, c->family->name);
	if (ret == 0 && (c->family_id == 0 || c->group_id == 0))
		nlc_die("%s has no id or no group", c->family->name);
	if (ret == 0 &&
		setsockopt(c->news, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &c->group_id,
			sizeof(c->group_id)) < 0)
		ret = -errno;
	return ret;
}

/* --- life --------------------------------------------------------------------------------- */

/* The long-lived socket: asked for the family while it still blocks, then never again. */
static int open_genl(struct nlc *c)
{
	int size = 1 << 20;
	uint32_t other;
	int ret;

	c->genl = c->news = nlc_socket(NETLINK_GENERIC, &c->pid);
	ret = resolve(c, c->genl, c->family->name);
	if (ret < 0)
		return ret;
	if (fcntl(c->genl, F_SETFL, O_NONBLOCK) < 0 ||
		setsockopt(c->genl, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ||
		setsockopt(c->genl, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -errno;
	if (!c->family->joins_first)
		return 0;
	c->news = nlc_socket(NETLINK_GENERIC, &other);
	if (fcntl(c->news, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return join(c);
}

/* The long-lived sockets. */
static void close_genl(struct nlc *c)
{
	if (c->news >= 0 && c->news != c->genl)
		close(c->news);
	if (c->genl >= 0)
		close(c->genl);
	c->genl = c->news = -1;
}

int nlc_link(struct nlc *c, const char *name, bool many_peers)
{
	int ret = open_genl(c);

	if (ret == 0)
		ret = nlc_rtnl_link_new(name, c->family->kind, many_peers);
	if (ret < 0) {
		close_genl(c);
		return ret;
	}
	/* openvpn believes the acknowledgement */
	c->ifindex = if_nametoindex(name);
	if (c->ifindex == 0)
		nlc_die("the device %s was acknowledged, but is not there", name);
	return c->family->joins_first ? 0 : join(c);
}

int nlc_udp(struct nlc *c, uint8_t family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool six = family == IP_V6;
	int off = 0;
	int ret;

	c->udp = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	if (c->udp < 0)
		return -errno;
	fcntl(c->udp, F_SETFD, FD_CLOEXEC);
	if (six && setsockopt(c->udp, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	ret = six ? bind(c->udp, (struct sockaddr *)&v6, sizeof(v6))
		  : bind(c->udp, (struct sockaddr *)&v4, sizeof(v4));
	if (ret < 0)
		return -errno;
	fcntl(c->udp, F_SETFL, O_NONBLOCK);
	return 0;
}

int nlc_unlink(struct nlc *c)
{
	int ret;

	if (c->udp >= 0)
		close(c->udp);
	ret = nlc_rtnl_link_del(c->ifindex);
	close_genl(c);
	c->udp = -1;
	c->ifindex = 0;
	return ret;
}

void nlc_free(struct nlc *c)
{
	free(c);
}

int nlc_fd(const struct nlc *c)
{
	return c->news;
}

int nlc_udp_fd(const struct nlc *c)
{
	return c->udp;
}
