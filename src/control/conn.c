/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A record that found the connection full. */
struct unsent {
	struct unsent *next;
	int fd; /* goes with it; -1: none */
	size_t len;
	uint8_t bytes[];
};

void conn_init(struct conn *c)
{
	c->src.fd = -1;
	c->last = &c->first;
}

static void unsent_drop_first(struct conn *c)
{
	struct unsent *u = c->first;

	c->first = u->next;
	if (c->first == NULL)
		c->last = &c->first;
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

void conn_close(struct conn *c, struct loop *l)
{
	loop_close(l, &c->src);
	while (c->first != NULL)
		unsent_drop_first(c);
}

ssize_t conn_receive(struct conn *c, int *fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))]; /* the kernel closes what has no room */
	} control;
	struct iovec iov = {.iov_base = c->record, .iov_len = sizeof(c->record)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int))};
	const struct cmsghdr *cm;
	ssize_t n = recvmsg(c->src.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n < 0)
		return -errno;
	cm = CMSG_FIRSTHDR(&m);
	if (cm != NULL && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS &&
		cm->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(cm), sizeof(int));
	return n;
}

/* 0; -EAGAIN; another error ends the connection. */
static int send_now(struct conn *c, struct iovec *iov, size_t nb_iov, int fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = nb_iov};

	if (fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	if (sendmsg(c->src.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	c->ended = true;
	return -errno;
}

static void keep_unsent(struct conn *c, const struct shim_hdr *h, const void *body, int fd)
{
	struct unsent *u = malloc(sizeof(*u) + sizeof(*h) + h->len);

	if (u == NULL) {
		c->ended = true;
		return;
	}
	u->next = NULL;
	u->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	u->len = sizeof(*h) + h->len;
	memcpy(u->bytes, h, sizeof(*h));
	if (h->len != 0)
		memcpy(u->bytes + sizeof(*h), body, h->len);
	*c->last = u;
	c->last = &u->next;
}

static void send_or_keep(struct conn *c, struct shim_hdr *h, const void *body, int fd)
{
	struct iovec iov[2] = {{.iov_base = h, .iov_len = sizeof(*h)}, {.iov_len = h->len}};

	if (c->ended)
		return;
	memcpy(&iov[1].iov_base, &body, sizeof(body)); /* iovec has no const */
	if (c->first != NULL || send_now(c, iov, 2, fd) == -EAGAIN)
		keep_unsent(c, h, body, fd);
}

static struct shim_hdr answer_to(
	const struct shim_hdr *request, uint16_t flags, int error, size_t len)
{
	return (struct shim_hdr){.magic = SHIM_MAGIC,
		.type = request->type,
		.flags = flags,
		.seq = request->seq,
		.id = request->id,
		.error = error,
		.len = (uint32_t)len};
}

void conn_answer(struct conn *c, const struct shim_hdr *request, uint16_t flags, int error,
	const void *body, size_t len)
{
	struct shim_hdr h = answer_to(request, flags, error, len);

	send_or_keep(c, &h, body, -1);
}

void conn_answer_fd(
	struct conn *c, const struct shim_hdr *request, const void *body, size_t len, int fd)
{
	struct shim_hdr h = answer_to(request, SHIM_LAST, 0, len);

	send_or_keep(c, &h, body, fd);
}

void conn_flush(struct conn *c)
{
	while (c->first != NULL && !c->ended) {
		struct unsent *u = c->first;
		struct iovec iov = {.iov_base = u->bytes, .iov_len = u->len};

		if (send_now(c, &iov, 1, u->fd) < 0)
			return;
		unsent_drop_first(c);
	}
}

bool conn_is_full(const struct conn *c)
{
	return c->first != NULL;
}

bool conn_is_socketpair(int fd)
{
	int domain = 0;
	int type = 0;
	socklen_t len = sizeof(int);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && domain == AF_UNIX &&
		type == SOCK_SEQPACKET;
}

void conn_close_foreign(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* no socket: no matter */
	close(fd);
}

bool conn_is_netns(int fd)
{
	char link[32], target[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = fd < 0 ? -1 : readlink(link, target, sizeof(target));
	return n > 5 && memcmp(target, "net:[", 5) == 0;
}
