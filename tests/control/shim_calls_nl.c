/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim_calls_nl.h"

#include <sys/socket.h>

#include "shim_calls.h"

#define ACK_LEN (sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr))

int genl_socket(void)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof(name);
	int size = 32768;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	CHECK(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	CHECK(len == sizeof(name) && name.nl_family == AF_NETLINK && name.nl_pid != 0);
	return fd;
}

ssize_t nl_send(int fd, const void *request, size_t len)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct iovec iov = {(void *)(uintptr_t)request, len};
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	return sendmsg(fd, &msg, 0);
}

ssize_t nl_recv(int fd, void *buf, size_t len, int flags)
{
	struct sockaddr_nl from;
	struct iovec iov = {buf, len};
	char control[64];
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(&from, 0xff, sizeof(from));
	n = recvmsg(fd, &msg, flags);
	if (n < 0)
		return n;
	CHECK(msg.msg_namelen == sizeof(from) && from.nl_family == AF_NETLINK);
	CHECK(from.nl_pid == 0 && msg.msg_controllen == 0);
	CHECK(((msg.msg_flags & MSG_TRUNC) != 0) == ((size_t)n > len));
	return n;
}

const struct calls_version *version = &calls_26;

static int read_ack(int fd, struct nlmsghdr *h)
{
	uint8_t buf[512];
	struct nlmsgerr e;

	ssize_t len = nl_recv(fd, buf, 4, MSG_PEEK | MSG_TRUNC);

	CHECK(len >= (ssize_t)ACK_LEN); /* the kernel's own repeats the request */
	CHECK(nl_recv(fd, buf, sizeof(buf), 0) == len);
	memcpy(h, buf, sizeof(*h));
	memcpy(&e, buf + sizeof(*h), sizeof(e));
	CHECK(h->nlmsg_type == NLMSG_ERROR && h->nlmsg_seq == CALLS_NL_SEQ);
	return e.error;
}

int nl_ack(int fd)
{
	struct nlmsghdr h;

	return read_ack(fd, &h);
}

int nl_ack_to(int fd, uint32_t pid)
{
	struct nlmsghdr h;
	int error = read_ack(fd, &h);

	CHECK(h.nlmsg_pid == pid);
	return error;
}

ssize_t ask_family(int fd, const char *family)
{
	struct calls_getfamily r;
	size_t len = calls_getfamily(&r, family);

	return nl_send(fd, &r, len);
}

int attached_genl(void)
{
	uint8_t buf[256];
	int fd = genl_socket();
	struct sockaddr_nl kernels;
	struct sockaddr_nl ours;
	socklen_t len = sizeof(kernels);

	CHECK(getsockname(fd, (struct sockaddr *)&kernels, &len) == 0);
	CHECK(ask_family(fd, version->family) > 0);
	CHECK(nl_recv(fd, buf, sizeof(buf), 0) == sizeof(calls_family_answer));
	CHECK(memcmp(buf, calls_family_answer, sizeof(calls_family_answer)) == 0);
	CHECK(nl_ack(fd) == 0);
	/* to libnl it is the same socket still */
	CHECK(getsockname(fd, (struct sockaddr *)&ours, &len) == 0 && len == sizeof(ours));
	CHECK(memcmp(&ours, &kernels, sizeof(ours)) == 0);
	return fd;
}
