/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of emulated descriptors, and what all kinds have in common. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct shim shim = {.rpc_fd = -1, .netns_fd = -1, .idle = {-1, -1}};

struct sock *sock_find(int fd)
{
	if (shim.nb_socks == 0)
		return NULL;
	for (unsigned int i = 0; i < SHIM_SOCKS; i++) {
		struct sock *s = &shim.socks[i];

		if (s->kind != KIND_NONE && s->fd == fd)
			return s;
	}
	return NULL;
}

struct sock *sock_new(enum sock_kind kind, int fd)
{
	for (unsigned int i = 0; i < SHIM_SOCKS; i++) {
		struct sock *s = &shim.socks[i];

		if (s->kind != KIND_NONE)
			continue;
		*s = (struct sock){.kind = kind, .fd = fd};
		shim.nb_socks++;
		return s;
	}
	return NULL;
}

void sock_free(struct sock *s)
{
	replies_free(&s->replies);
	s->kind = KIND_NONE;
	shim.nb_socks--;
}

/*
 * A socketpair's queue is bounded by the sender's buffer alone. FORCE passes net.core.wmem_max
 * while openvpn still has CAP_NET_ADMIN; without it the system's limit holds.
 */
static int enlarge(int fd, int name, int size)
{
	int force = name == SO_SNDBUF ? SO_SNDBUFFORCE : SO_RCVBUFFORCE;

	if (real()->setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) == 0)
		return 0;
	return real()->setsockopt(fd, SOL_SOCKET, name, &size, sizeof(size)) < 0 ? -errno : 0;
}

int sock_buffer(int fd, int name, const void *value, socklen_t len)
{
	int size;

	if (len < sizeof(size))
		return -EINVAL;
	memcpy(&size, value, sizeof(size));
	return enlarge(fd, name, size < SHIM_BUF ? SHIM_BUF : size);
}

/* So that it can be said again; a later value replaces an earlier one. */
static void remember(struct sock *s, const struct shim_opt *opt)
{
	unsigned int i = 0;

	while (i < s->nb_opts && (s->opts[i].level != opt->level || s->opts[i].name != opt->name))
		i++;
	if (i == SHIM_OPTS)
		return;
	s->opts[i] = *opt;
	if (i == s->nb_opts)
		s->nb_opts++;
}

int sock_option(struct sock *s, int level, int name, const void *value, socklen_t len)
{
	struct shim_opt opt = {.level = level, .name = name, .len = len};
	int ret;

	if (len > sizeof(opt.value))
		return -EINVAL;
	if (len != 0)
		memcpy(opt.value, value, len);
	ret = rpc_call(SHIM_SETOPT, s->id, &opt, sizeof(opt), -1, NULL, 0);
	if (ret < 0 && !away())
		return ret;
	remember(s, &opt);
	return 0;
}

int sock_pair(enum shim_kind kind, sa_family_t family, int want_fd, uint32_t *id)
{
	struct shim_open body = {.kind = kind, .family = family};
	int pair[2];
	int ret;

	/*
	 * Close-on-exec whatever the caller says: what openvpn starts has no shim, so the
	 * descriptor would mean nothing there.
	 */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	enlarge(pair[0], SO_SNDBUF, SHIM_BUF);
	enlarge(pair[1], SO_SNDBUF, SHIM_BUF);
	fcntl(pair[1], F_SETFL, O_NONBLOCK); /* the agent never waits for openvpn */
	body.fd = want_fd >= 0 ? want_fd : pair[0];
	*id = ++shim.last_id;
	ret = rpc_call(SHIM_OPEN, *id, &body, sizeof(body), pair[1], NULL, 0);
	real()->close(pair[1]);
	if (ret < 0) {
		real()->close(pair[0]);
		return ret;
	}
	return pair[0];
}

void sock_close(struct sock *s)
{
	/* not if a fork without exec closes its copies: rpc_call() does not ask from there */
	if (s->id != 0)
		rpc_call(SHIM_CLOSE, s->id, NULL, 0, -1, NULL, 0);
	sock_free(s);
}

ssize_t sock_received(ssize_t n, int msg_flags)
{
	if (n < 0 && errno != ECONNRESET && errno != EPIPE && errno != ENOTCONN)
		return -errno;
	/* Nobody sends empty records: this is the end, unless the caller gave no room. */
	if (n < 0 || (n == 0 && (msg_flags & MSG_TRUNC) == 0)) {
		rpc_lost("it closed a socket");
		return -EAGAIN;
	}
	return n;
}

void sock_idle(const struct sock *s)
{
	dup3(shim.idle[0], s->fd, O_CLOEXEC);
}

static int say_again(const struct sock *s)
{
	struct shim_addr bound;
	int ret = 0;

	for (unsigned int i = 0; i < s->nb_opts && ret >= 0; i++)
		ret = rpc_call(SHIM_SETOPT, s->id, &s->opts[i], sizeof(s->opts[i]), -1, NULL, 0);
	if (ret >= 0 && s->bound)
		ret = rpc_call(
			SHIM_BIND, s->id, &s->wish, sizeof(s->wish), -1, &bound, sizeof(bound));
	return ret < 0 ? ret : 0;
}

int sock_again(struct sock *s)
{
	enum shim_kind kind = s->kind == KIND_GENL ? SHIM_KIND_GENL : SHIM_KIND_UDP;
	int ours = sock_pair(kind, s->family, s->fd, &s->id);
	int ret;

	if (ours < 0)
		return ours;
	ret = say_again(s);
	/* openvpn may have asked for this long ago; none of its loops needs a read that waits */
	fcntl(ours, F_SETFL, O_NONBLOCK);
	if (ret == 0)
		dup3(ours, s->fd, O_CLOEXEC);
	real()->close(ours);
	return ret;
}
