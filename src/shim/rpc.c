/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one ordered connection to the agent. It is made in openvpn's option parsing, because chroot
 * and the loss of rights follow; later sockets are passed over it.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HIDDEN_FD 64 /* ours stay out of the way of openvpn's low numbers */
#define TEXT_MAX  512

static void print_line(const char *fmt, va_list ap)
{
	char line[TEXT_MAX + 64] = "ovpn-dpdk: ";
	size_t n = strlen(line);

	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	n = strlen(line);
	line[n++] = '\n';
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
}

void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}

/* openvpn asks several times while it parses options: one sentence is enough. */
__attribute__((format(printf, 1, 2))) static void refused(const char *fmt, ...)
{
	va_list ap;

	if (shim.told_refused)
		return;
	shim.told_refused = true;
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}

/* The caller keeps iov[0] free for the header. */
static int send_record(struct shim_hdr *h, struct iovec *iov, size_t nb_iov, int pass)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = nb_iov};
	ssize_t n;

	iov[0] = (struct iovec){h, sizeof(*h)};
	if (pass >= 0) {
		struct cmsghdr *c = &control.align;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(pass));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	do {
		n = real()->sendmsg(shim.rpc_fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A body longer than max is cut off: only sentences are that long. */
static int receive_record(
	const struct shim_hdr *request, struct shim_hdr *h, void *body, size_t max)
{
	struct iovec iov[2] = {{h, sizeof(*h)}, {body, max}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	do {
		n = real()->recvmsg(shim.rpc_fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	if ((size_t)n < sizeof(*h) || h->magic != SHIM_MAGIC || h->type != request->type ||
		h->seq != request->seq || h->error > 0)
		return -EPROTO;
	if ((msg.msg_flags & MSG_TRUNC) != 0)
		h->len = (uint32_t)max;
	return (size_t)n - sizeof(*h) == h->len ? 0 : -EPROTO;
}

static struct shim_hdr new_request(enum shim_type type, uint32_t id, uint32_t len)
{
	return (struct shim_hdr){
		.magic = SHIM_MAGIC,
		.type = (uint16_t)type,
		.flags = SHIM_LAST,
		.seq = ++shim.last_seq,
		.id = id,
		.len = len,
	};
}

/* -errno: the connection failed; the agent's own error is in *h, its sentence in answer. */
static int exchange(enum shim_type type, uint32_t id, const void *body, size_t len, int pass,
	struct shim_hdr *h, char answer[TEXT_MAX])
{
	struct shim_hdr request = new_request(type, id, (uint32_t)len);
	struct iovec iov[2] = {[1] = {(void *)(uintptr_t)body, len}};
	int ret = send_record(&request, iov, len != 0 ? 2 : 1, pass);

	return ret < 0 ? ret : receive_record(&request, h, answer, TEXT_MAX);
}

static bool usable(void)
{
	return shim.state == SHIM_ATTACHED && shim.owner == getpid();
}

static void lost_errno(int error)
{
	rpc_lost(error == -ETIMEDOUT	   ? "no answer in time"
			: error == -EPROTO ? "its answer is not in the protocol"
					   : strerror(-error));
}

int rpc_call(enum shim_type type, uint32_t id, const void *body, size_t len, int pass, void *reply,
	size_t reply_max)
{
	char answer[TEXT_MAX];
	struct shim_hdr h;
	int ret;

	if (!usable())
		return -ENOTCONN;
	ret = exchange(type, id, body, len, pass, &h, answer);
	if (ret < 0) {
		lost_errno(ret);
		return -ENOTCONN;
	}
	if (h.error < 0) {
		if (h.len != 0)
			tell("%.*s", (int)h.len, answer);
		return h.error;
	}
	if (h.len > reply_max)
		h.len = (uint32_t)reply_max;
	if (h.len != 0)
		memcpy(reply, answer, h.len);
	return (int)h.len;
}

/*
 * The request may hold keys. It goes from openvpn's own buffer into the kernel, so there is no copy
 * here to wipe.
 */
static int send_netlink(uint32_t id, const struct msghdr *msg, struct shim_hdr *request)
{
	struct iovec iov[SHIM_IOV + 1];
	size_t len = 0;

	if (msg->msg_iovlen > SHIM_IOV)
		return -EMSGSIZE;
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		iov[i + 1] = msg->msg_iov[i];
		len += msg->msg_iov[i].iov_len;
	}
	if (len > SHIM_RECORD_MAX - sizeof(*request))
		return -EMSGSIZE;
	*request = new_request(SHIM_NETLINK, id, (uint32_t)len);
	return send_record(request, iov, msg->msg_iovlen + 1, -1);
}

int rpc_netlink(uint32_t id, const struct msghdr *msg, struct replies *q)
{
	struct shim_hdr request;
	struct shim_hdr h;
	uint8_t *room;
	int ret;

	if (!usable())
		return -ENOTCONN;
	ret = send_netlink(id, msg, &request);
	if (ret == -EMSGSIZE)
		return ret;
	while (ret == 0) {
		ret = replies_reserve(q, SHIM_RECORD_MAX, &room);
		if (ret == 0)
			ret = receive_record(&request, &h, room, SHIM_RECORD_MAX);
		if (ret == 0 && h.error < 0)
			return h.error;
		if (ret == 0 && h.len != 0)
			replies_commit(q, h.len);
		if (ret == 0 && (h.flags & SHIM_LAST) != 0)
			return 0;
	}
	lost_errno(ret);
	return -ENOTCONN;
}

/* The descriptor under a high number, if there is room for one. */
static int hide(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIDDEN_FD);

	if (high < 0)
		return fd;
	real()->close(fd);
	return high;
}

static const char *socket_path(void)
{
	const char *path = secure_getenv(SHIM_SOCKET_ENV);

	return path != NULL && *path != '\0' ? path : SHIM_SOCKET;
}

static int connect_agent(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = SHIM_RPC_TIMEOUT};
	int fd;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = real()->socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	real()->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	real()->setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	do {
		ret = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	} while (ret < 0 && errno == EINTR);
	if (ret < 0) {
		ret = -errno;
		real()->close(fd);
		return ret;
	}
	return hide(fd);
}

/* The agent makes openvpn's device in this process's network namespace. */
static int say_hello(void)
{
	struct shim_hello hello = {.version = SHIM_VERSION, .pid = (uint32_t)getpid()};
	int ns = real()->open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char answer[TEXT_MAX];
	struct shim_hdr h;
	int ret;

	if (ns < 0)
		return -errno;
	snprintf(hello.program, sizeof(hello.program), "%s", program_invocation_short_name);
	ret = exchange(SHIM_HELLO, 0, &hello, sizeof(hello), ns, &h, answer);
	real()->close(ns);
	if (ret < 0)
		return ret;
	if (h.error < 0) {
		refused("ovpn-dpdkd refuses this process: %.*s", h.len != 0 ? (int)h.len : TEXT_MAX,
			h.len != 0 ? answer : strerror(-h.error));
		return h.error;
	}
	if (h.len >= sizeof(hello.version))
		memcpy(&hello, answer, sizeof(hello.version));
	if (hello.version != SHIM_VERSION) {
		refused("ovpn-dpdkd speaks version %u of the shim's protocol, this shim %u: "
			"install both from one build",
			hello.version, SHIM_VERSION);
		return -EPROTO;
	}
	return 0;
}

static int attach(const char *path)
{
	int pair[2];
	int ret = connect_agent(path);

	if (ret < 0)
		return ret;
	shim.rpc_fd = ret;
	ret = say_hello();
	if (ret < 0)
		goto disconnect;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		ret = -errno;
		goto disconnect;
	}
	shim.idle[0] = hide(pair[0]);
	shim.idle[1] = hide(pair[1]);
	return 0;
disconnect:
	real()->close(shim.rpc_fd);
	shim.rpc_fd = -1;
	return ret;
}

int rpc_attach(void)
{
	const char *path = socket_path();
	int ret;

	if (shim.state == SHIM_ATTACHED || shim.state == SHIM_LOST)
		return usable() ? 0 : -ENOTCONN;
	ret = attach(path);
	if (ret == 0) {
		shim.owner = getpid();
		shim.state = SHIM_ATTACHED;
		return 0;
	}
	shim.state = SHIM_REFUSED;
	refused("no daemon answers on %s: start ovpn-dpdkd, then openvpn again (%s)", path,
		strerror(-ret));
	return -ECONNREFUSED;
}

/*
 * A closed socketpair is readable for ever, and openvpn would spin on it: an idle one takes its
 * place. Attaching again to a restarted daemon would start here, instead of the signal.
 */
void rpc_lost(const char *why)
{
	if (!usable())
		return;
	shim.state = SHIM_LOST;
	real()->close(shim.rpc_fd);
	shim.rpc_fd = -1;
	for (unsigned int i = 0; i < SHIM_SOCKS; i++) {
		if (shim.socks[i].kind == KIND_GENL || shim.socks[i].kind == KIND_UDP)
			dup3(shim.idle[0], shim.socks[i].fd, O_CLOEXEC);
	}
	tell("lost ovpn-dpdkd (%s): without it there is no data channel, ending this process", why);
	kill(getpid(), SIGTERM);
}
