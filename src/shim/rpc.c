/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one ordered connection to the agent. It is made in openvpn's option parsing, because chroot
 * and the loss of rights follow; later sockets are passed over it.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define HIDDEN_FD 64  /* ours stay out of the way of openvpn's low numbers */
#define HELLO_MS  100 /* to wait for the answer of a daemon that is back */

/* --daemon without --log. */
static bool leads_nowhere(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static void print_line(const char *fmt, va_list ap)
{
	char line[2 * SHIM_TEXT] = "ovpn-dpdk: ";
	size_t n = strlen(line);

	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (leads_nowhere(STDERR_FILENO)) {
		syslog(LOG_DAEMON | LOG_WARNING, "%s", line);
		return;
	}
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

/* The descriptor that came along, or -1. */
static int came_along(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/*
 * A body longer than max is cut off: only sentences are that long. fd: gets the descriptor that
 * came along, or -1. NULL: there is no room for one, and the kernel closes it.
 */
static int receive_record(
	const struct shim_hdr *request, struct shim_hdr *h, void *body, size_t max, int *fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov[2] = {{h, sizeof(*h)}, {body, max}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	if (fd != NULL) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_LEN(sizeof(int));
	}
	do {
		n = real()->recvmsg(shim.rpc_fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (fd != NULL)
		*fd = n > 0 ? came_along(&msg) : -1;
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

static int send_request(const struct shim_hdr *request, const void *body, int pass)
{
	struct shim_hdr h = *request;
	struct iovec iov[2] = {[1] = {(void *)(uintptr_t)body, h.len}};

	return send_record(&h, iov, h.len != 0 ? 2 : 1, pass);
}

static bool usable(void)
{
	return shim.state == SHIM_ATTACHED && shim.owner == getpid();
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

/*
 * An agent that hangs may go on. It then takes the end of this connection for that of openvpn, and
 * would remove the devices that are about to be offered back: it is told before. Where there is no
 * room for that it does.
 */
static void leave_links(void)
{
	fcntl(shim.rpc_fd, F_SETFL, O_NONBLOCK); /* it has been waited for long enough */
	for (unsigned int i = 0; i < SHIM_LINKS; i++) {
		const struct kept_link *k = &shim.links[i];
		struct shim_hdr h = new_request(SHIM_LINK_LEAVE, 0, sizeof(k->link));

		if (k->link.ifindex != 0 && k->fd >= 0)
			send_request(&h, &k->link, -1);
	}
}

static void lost_errno(int error)
{
	if (error == -ETIMEDOUT)
		leave_links();
	rpc_lost(error == -ETIMEDOUT	   ? "no answer in time"
			: error == -EPROTO ? "its answer is not in the protocol"
					   : strerror(-error));
}

/* One request and its answer; fd as receive_record() has it. */
static int call(const struct shim_hdr *request, const void *body, int pass, void *reply,
	size_t reply_max, int *fd)
{
	char answer[SHIM_TEXT];
	struct shim_hdr h;
	int ret;

	if (!usable())
		return -ENOTCONN;
	ret = send_request(request, body, pass);
	if (ret == 0)
		ret = receive_record(request, &h, answer, sizeof(answer), fd);
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

int rpc_call(enum shim_type type, uint32_t id, const void *body, size_t len, int pass, void *reply,
	size_t reply_max)
{
	struct shim_hdr request = new_request(type, id, (uint32_t)len);

	return call(&request, body, pass, reply, reply_max, NULL);
}

int rpc_link(const struct shim_link *wish, int *fd, struct shim_link *made)
{
	struct shim_hdr request = new_request(SHIM_LINK_NEW, 0, sizeof(*wish));
	int came = -1;
	int ret = call(&request, wish, *fd, made, sizeof(*made), &came);

	*fd = -1;
	if (ret == (int)sizeof(*made)) {
		*fd = came >= 0 ? hide(came) : -1;
		return 0;
	}
	if (came >= 0)
		real()->close(came);
	return ret < 0 ? ret : -EPROTO;
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
			ret = receive_record(&request, &h, room, SHIM_RECORD_MAX, NULL);
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

static const char *socket_path(void)
{
	const char *path = secure_getenv(SHIM_SOCKET_ENV);

	return path != NULL && *path != '\0' ? path : SHIM_SOCKET;
}

/* wait: as long as it takes; otherwise -EAGAIN while a daemon is too busy to listen. */
static int connect_agent(const char *path, bool wait)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = SHIM_RPC_TIMEOUT};
	int fd;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = real()->socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
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

void rpc_disconnect(void)
{
	if (shim.rpc_fd >= 0)
		real()->close(shim.rpc_fd);
	shim.rpc_fd = -1;
}

/* The agent makes openvpn's device in this process's network namespace. */
static int send_hello(void)
{
	struct shim_hello hello = {.version = SHIM_VERSION, .pid = (uint32_t)getpid()};

	snprintf(hello.program, sizeof(hello.program), "%s", program_invocation_short_name);
	shim.hello = new_request(SHIM_HELLO, 0, sizeof(hello));
	return send_request(&shim.hello, &hello, shim.netns_fd);
}

/* -EPROTO: refused, why says it; another error: the connection failed. */
static int hear_hello(char why[SHIM_TEXT])
{
	uint32_t version = SHIM_VERSION;
	char answer[SHIM_TEXT];
	struct shim_hdr h;
	int ret = receive_record(&shim.hello, &h, answer, sizeof(answer), NULL);

	if (ret == -EPROTO)
		snprintf(why, SHIM_TEXT, "its answer is not in the protocol");
	if (ret < 0)
		return ret;
	if (h.error == 0 && h.len >= sizeof(version))
		memcpy(&version, answer, sizeof(version));
	if (h.error == 0 && version == SHIM_VERSION)
		return 0;
	if (h.error == 0)
		snprintf(why, SHIM_TEXT,
			"it speaks version %u of the shim's protocol, this shim %u: install both "
			"from one build",
			version, SHIM_VERSION);
	else
		snprintf(why, SHIM_TEXT, "it refuses this process: %.*s",
			h.len != 0 ? (int)h.len : SHIM_TEXT,
			h.len != 0 ? answer : strerror(-h.error));
	return -EPROTO;
}

/* What has to be there before rights, paths and descriptors may be lost. */
static int prepare(void)
{
	struct stat root;
	int pair[2];
	int ns;

	if (shim.netns_fd >= 0)
		return 0;
	if (stat("/", &root) < 0)
		return -errno;
	shim.root_dev = root.st_dev;
	shim.root_ino = root.st_ino;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	shim.idle[0] = hide(pair[0]);
	shim.idle[1] = hide(pair[1]);
	ns = real()->open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	shim.netns_fd = hide(ns);
	return pthread_atfork(NULL, NULL, away_forked) == 0 ? 0 : -ENOMEM;
}

static int attach(const char *path, char why[SHIM_TEXT])
{
	int ret = prepare();

	if (ret == 0)
		ret = connect_agent(path, true);
	if (ret < 0)
		return ret;
	shim.rpc_fd = ret;
	ret = send_hello();
	if (ret == 0)
		ret = hear_hello(why);
	if (ret < 0)
		rpc_disconnect();
	return ret;
}

int rpc_attach(void)
{
	const char *path = socket_path();
	char why[SHIM_TEXT];
	int ret;

	if (away())
		return away_wait() ? 0 : -ENOTCONN;
	if (shim.state != SHIM_IDLE && shim.state != SHIM_REFUSED)
		return usable() ? 0 : -ENOTCONN;
	ret = attach(path, why);
	if (ret == 0) {
		shim.owner = getpid();
		shim.state = SHIM_ATTACHED;
		return 0;
	}
	shim.state = SHIM_REFUSED;
	if (ret == -EPROTO)
		refused("ovpn-dpdkd answers on %s, but %s", path, why);
	else
		refused("no daemon answers on %s: start ovpn-dpdkd, then openvpn again (%s)", path,
			strerror(-ret));
	return -ECONNREFUSED;
}

int rpc_again(char why[SHIM_TEXT])
{
	struct pollfd p = {.fd = -1, .events = POLLIN};
	int ret = 0;

	if (shim.rpc_fd < 0) {
		ret = connect_agent(socket_path(), false);
		if (ret < 0)
			return ret == -EACCES || ret == -EPERM ? -EACCES : -EAGAIN;
		shim.rpc_fd = ret;
		ret = send_hello();
		p.fd = shim.rpc_fd;
		real()->poll(&p, 1, HELLO_MS);
	}
	if (ret == 0)
		ret = hear_hello(why);
	if (ret == -ETIMEDOUT)
		return -EAGAIN; /* it listens, and will answer */
	if (ret < 0)
		rpc_disconnect();
	else
		fcntl(shim.rpc_fd, F_SETFL, 0); /* from now on requests wait for their answer */
	return ret == 0 || ret == -EPROTO ? ret : -EAGAIN;
}

void rpc_lost(const char *why)
{
	if (!usable())
		return;
	rpc_disconnect();
	away_begin(why);
}
