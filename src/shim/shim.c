/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that openvpn and libnl find instead of libc's. Each decides whose descriptor it is.
 */

/* The build asks for 64-bit offsets, by which open() is another name for open64(); here are both.
 */
#undef _FILE_OFFSET_BITS

#include "shim.h"
#include "udp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#define TUN_FILE "/dev/net/tun"
#define CHECK	 "ovpn-dpdkctl check FILE.conf"

static ssize_t result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

struct span {
	uintptr_t start, end;
};

static int first_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct span *s = arg;

	(void)size;
	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		if (s->end == 0)
			s->start = start;
		s->end = start + p->p_memsz;
	}
	return 1; /* the main executable comes first */
}

/* The resolver's and the plugins' sockets are none of our business. */
static bool in_main_executable(const void *caller)
{
	struct span s = {0};

	dl_iterate_phdr(first_object, &s);
	return (uintptr_t)caller >= s.start && (uintptr_t)caller < s.end;
}

/* It has asked for the family, or bears the name. */
static bool is_openvpn(void)
{
	return shim.state != SHIM_IDLE || strncmp(program_invocation_short_name, "openvpn", 7) == 0;
}

/*
 * openvpn 2.7 with `dev-node unix:PROGRAM` gives its packets to that by such a pair, and is not
 * offloaded; it ends when it cannot have one. The other use is port-share, which is for TCP.
 */
static bool program_refused(const void *caller)
{
	if (!is_openvpn() || !in_main_executable(caller))
		return false;
	tell("openvpn would give packets to another program (dev-node unix:, or port-share), which "
	     "ovpn-dpdk does not carry, so that is refused: see " CHECK);
	errno = ENODEV;
	return true;
}

static void refuse_without_offload(const char *what)
{
	tell("openvpn was started with ovpn-dpdk's shim, but its data channel offload is off, so "
	     "%s is refused: see openvpn's messages above for the reason, or run " CHECK,
		what);
	errno = ENODEV;
}

/* openvpn's helper sockets name no protocol. */
static bool is_tunnel_udp(int family, int type, int protocol, const void *caller)
{
	return protocol == IPPROTO_UDP && (family == AF_INET || family == AF_INET6) &&
		(type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) == SOCK_DGRAM &&
		in_main_executable(caller);
}

/*
 * An openvpn that is to be offloaded has asked for the family before: this one would carry its
 * data itself. A client would even log in before it wanted its tun; with `dev null` it wants none.
 */
EXPORT int socket(int family, int type, int protocol)
{
	if (!is_tunnel_udp(family, type, protocol, __builtin_return_address(0)) ||
		(shim.state == SHIM_IDLE && !is_openvpn()))
		return real()->socket(family, type, protocol);
	if (shim.state != SHIM_IDLE)
		return (int)result(udp_socket(family, type));
	refuse_without_offload("a UDP socket");
	return -1;
}

EXPORT int socketpair(int family, int type, int protocol, int fds[2])
{
	if (family == AF_UNIX && type == SOCK_DGRAM && program_refused(__builtin_return_address(0)))
		return -1;
	return (int)syscall(SYS_socketpair, family, type, protocol, fds);
}

EXPORT int close(int fd)
{
	struct sock *s = sock_find(fd);

	if (s != NULL)
		sock_close(s);
	return real()->close(fd);
}

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = sock_find(fd);

	if (s == NULL || s->kind != KIND_UDP)
		return real()->bind(fd, addr, len);
	return (int)result(udp_bind(s, addr, len));
}

EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sock *s = sock_find(fd);

	if (s != NULL && s->kind == KIND_UDP)
		return (int)result(udp_name(s, addr, len));
	if (s != NULL && s->kind == KIND_GENL)
		return (int)result(genl_name(s, addr, len));
	return real()->getsockname(fd, addr, len);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sock *s = sock_find(fd);
	int ret;

	if (s == NULL && genl_joins(fd, level, name, value, len)) {
		ret = genl_adopt(fd, &s);
		if (ret < 0)
			return (int)result(ret);
	}
	if (s != NULL && s->kind == KIND_UDP)
		return (int)result(udp_setsockopt(s, level, name, value, len));
	if (s != NULL && s->kind == KIND_GENL)
		return (int)result(genl_setsockopt(s, level, name, value, len));
	return real()->setsockopt(fd, level, name, value, len);
}

/*
 * Of its TCP sockets openvpn asks the buffer's size only for one that is to carry the tunnel, not
 * for management's. With family ovpn-dco-v2 it would offer that to the kernel for every client, be
 * refused, and tell each of them that its password is wrong. A later openvpn may serve others by
 * UDP: there the daemon refuses and says why.
 */
static void end_if_tcp_carries(int fd, int level, int name)
{
	int type = 0, family = 0;
	socklen_t len = sizeof(int);

	if (level != SOL_SOCKET || name != SO_SNDBUF || genl_mixes() ||
		syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0 ||
		type != SOCK_STREAM || (family != AF_INET && family != AF_INET6))
		return;
	shim.state = SHIM_FAILED;
	shim.owner = getpid();
	rpc_disconnect();
	tell("openvpn is configured for TCP, and ovpn-dpdkd carries UDP only, ending this process: "
	     "see " CHECK);
	kill(getpid(), SIGTERM);
}

/* The kernel is asked directly: no other than this function needs libc's. */
EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	bool ours = shim.state == SHIM_IDLE
		? is_openvpn() /* with http-proxy it asks for no family */
		: (shim.state == SHIM_ATTACHED || shim.state == SHIM_AWAY) &&
			shim.owner == getpid();

	if (ours && in_main_executable(__builtin_return_address(0)))
		end_if_tcp_carries(fd, level, name);
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sock *s = sock_find(fd);
	ssize_t ret;

	if (s == NULL && genl_asks(fd, msg)) {
		ret = genl_adopt(fd, &s);
		if (ret < 0)
			return result(ret);
	}
	if (s != NULL && s->kind == KIND_UDP)
		return result(udp_send(s, msg, flags));
	if (s != NULL && s->kind == KIND_GENL)
		return result(genl_send(s, msg));
	if (shim.state != SHIM_IDLE && rtnl_send(fd, msg, &ret))
		return result(ret);
	return real()->sendmsg(fd, msg, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sock *s = sock_find(fd);

	if (s != NULL && s->kind == KIND_UDP)
		return result(udp_recv(s, msg, flags));
	if (s != NULL && s->kind == KIND_GENL)
		return result(genl_recv(s, msg, flags));
	if (s != NULL && s->kind == KIND_RTNL)
		return result(rtnl_recv(s, msg, flags));
	return real()->recvmsg(fd, msg, flags);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
	socklen_t addr_len)
{
	struct sock *s = sock_find(fd);
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr msg = {
		.msg_name = (void *)(uintptr_t)addr,
		.msg_namelen = addr_len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	if (s == NULL || s->kind != KIND_UDP)
		return real()->sendto(fd, buf, len, flags, addr, addr_len);
	return result(udp_send(s, &msg, flags));
}

EXPORT ssize_t recvfrom(
	int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addr_len)
{
	struct sock *s = sock_find(fd);
	struct iovec iov = {buf, len};
	struct msghdr msg = {
		.msg_name = addr,
		.msg_namelen = addr != NULL && addr_len != NULL ? *addr_len : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t ret;

	if (s == NULL || s->kind != KIND_UDP)
		return real()->recvfrom(fd, buf, len, flags, addr, addr_len);
	ret = udp_recv(s, &msg, flags);
	if (ret >= 0 && addr != NULL && addr_len != NULL)
		*addr_len = msg.msg_namelen;
	return result(ret);
}

/*
 * Is it this one? libc's headers promise the compiler that there is a path, and it leaves out a
 * question for NULL; for open(NULL) and the like there is EFAULT, not a crash of ours.
 */
static bool is_path(const char *path, const char *wanted)
{
	__asm__("" : "+r"(path));
	return path != NULL && strcmp(path, wanted) == 0;
}

/*
 * A plain tun under an openvpn whose UDP is ours, or was meant to be, would look alive and carry
 * nothing. Only openvpn is refused.
 */
static bool tun_refused(const char *path, const void *caller)
{
	if (!is_path(path, TUN_FILE) || !is_openvpn() || !in_main_executable(caller))
		return false;
	refuse_without_offload(TUN_FILE);
	return true;
}

/* open()'s third argument exists only with these flags. */
static bool has_mode(int flags)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (tun_refused(path, __builtin_return_address(0)))
		return -1;
	return real()->open(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (tun_refused(path, __builtin_return_address(0)))
		return -1;
	return real()->open64(path, flags, mode);
}

/*
 * openvpn prints the first line of its module's version file as the offload's version; 2.7 looks
 * for the module's folder before.
 */
static FILE *version_file(const char *path)
{
	static char version[] = "ovpn-dpdk " OVPN_DPDK_VERSION "\n";

	if (shim.state != SHIM_ATTACHED ||
		(!is_path(path, "/sys/module/ovpn_dco_v2/version") &&
			!is_path(path, "/sys/module/ovpn/version")))
		return NULL;
	return fmemopen(version, sizeof(version) - 1, "r");
}

static bool is_module(const char *path)
{
	return shim.state == SHIM_ATTACHED && is_path(path, "/sys/module/ovpn");
}

EXPORT int stat(const char *path, struct stat *st)
{
	if (!is_module(path))
		return real()->stat(path, st);
	*st = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
	return 0;
}

EXPORT int stat64(const char *path, struct stat64 *st)
{
	if (!is_module(path))
		return real()->stat64(path, st);
	*st = (struct stat64){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
	return 0;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	FILE *f = version_file(path);

	return f != NULL ? f : real()->fopen(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	FILE *f = version_file(path);

	return f != NULL ? f : real()->fopen64(path, mode);
}

/* --daemon: the parent has ended when this returns, and the child continues in its place. */
EXPORT int daemon(int nochdir, int noclose)
{
	bool owner = shim.owner == getpid();
	int ret;

	shim.forking = owner;
	ret = real()->daemon(nochdir, noclose);
	shim.forking = false;
	if (ret == 0 && owner)
		shim.owner = getpid();
	return ret;
}

/* openvpn's waits are the occasions to look for a daemon. Returning early is a time-out to it. */
EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	bool watch = away() && in_main_executable(__builtin_return_address(0));
	int ret = real()->poll(fds, n, watch ? away_sleep(timeout) : timeout);

	if (watch)
		away_step();
	return ret;
}

/* A server of openvpn 2.7 waits so. */
EXPORT int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	bool watch = away() && in_main_executable(__builtin_return_address(0));
	int ret = real()->epoll_wait(fd, events, n, watch ? away_sleep(timeout) : timeout);

	if (watch)
		away_step();
	return ret;
}

/* With --shaper. */
EXPORT int select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	bool watch = away() && in_main_executable(__builtin_return_address(0));
	struct timeval slice;
	int ms = -1;
	int ret;

	if (!watch)
		return real()->select(n, in, out, except, timeout);
	if (timeout != NULL && timeout->tv_sec < INT_MAX / 2000)
		ms = (int)(timeout->tv_sec * 1000 + timeout->tv_usec / 1000);
	ms = away_sleep(ms);
	slice = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	ret = real()->select(n, in, out, except, &slice);
	away_step();
	return ret;
}

/* openvpn ends well when it gets SIGTERM, but units with Restart=on-failure must see a failure. */
EXPORT void exit(int status)
{
	if (status == 0 && shim.state == SHIM_FAILED && shim.owner == getpid())
		status = 1;
	real()->exit(status);
	__builtin_unreachable();
}
