/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plays openvpn for test_shim.c: a main executable that makes openvpn's and libnl's calls in their
 * order, with the shim preloaded. Exit status 0: every call did what the kernel would have done.
 */
#include "shim_calls.h"
#include "shim_calls_nl.h"
#include "shim_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/errqueue.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

static volatile sig_atomic_t nb_sigterm, nb_sigusr1;

static void count(int sig)
{
	if (sig == SIGTERM)
		nb_sigterm++;
	else
		nb_sigusr1++;
}

/* dco_available(): its own socket, closed at once. */
static void call_available(void)
{
	CHECK(close(attached_genl()) == 0);
}

/* What openvpn prints as its offload's version; 2.7 looks for the folder first. */
static void check_version_file(const char *path)
{
	char line[64] = "";
	FILE *f = fopen(path, "r");

	CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
	CHECK(strncmp(line, "ovpn-dpdk ", 10) == 0 && strchr(line, '\n') != NULL);
	fclose(f);
}

/* Without the promise that there is a path. */
int stat_by_its_name(const char *path, struct stat *st) __asm__("stat64");
FILE *fopen_by_its_name(const char *path, const char *mode) __asm__("fopen");

static void call_version_file(void)
{
	struct stat st = {0};

	FILE *f = fopen("/dev/null", "r");

	CHECK(f != NULL && fgetc(f) == EOF && fclose(f) == 0);
	f = fopen_by_its_name("/sys/module/ovpn/version", "r");
	CHECK(f != NULL && fgetc(f) == 'o' && fclose(f) == 0);
	f = fopen_by_its_name("/dev/null", "r");
	CHECK(f != NULL && fgetc(f) == EOF && fclose(f) == 0);
	errno = 0;
	CHECK(fopen_by_its_name(NULL, "r") == NULL && errno == EFAULT);
	errno = 0;
	CHECK(stat_by_its_name(NULL, &st) == -1 && errno == EFAULT);
	check_version_file("/sys/module/ovpn_dco_v2/version");
	CHECK(stat("/sys/module/ovpn", &st) == 0 && S_ISDIR(st.st_mode));
	check_version_file("/sys/module/ovpn/version");
	/* other paths are the system's */
	CHECK(stat("/sys/module/ovpn/", &st) == fstatat(AT_FDCWD, "/sys/module/ovpn/", &st, 0));
	CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
}

/* openvpn 2.7 reads on and on for an answer to the address it was given. */
static int rtnl_ask(const void *request, size_t len)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t name_len = sizeof(name);
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	int ret;

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&name, &name_len) == 0 && name.nl_pid != 0);
	CHECK(nl_send(fd, request, len) == (ssize_t)len);
	ret = nl_ack_to(fd, name.nl_pid);
	CHECK(close(fd) == 0);
	return ret;
}

static int remove_device(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} del = {
		.h = {sizeof(del), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, CALLS_NL_SEQ, 0},
		.i = {.ifi_index = CALLS_IFINDEX},
	};

	return rtnl_ask(&del, sizeof(del));
}

static void call_links(void)
{
	struct calls_newlink add;

	calls_newlink(&add, "ovpn0", version->kind);
	CHECK(rtnl_ask(&add, sizeof(add)) == 0);
	CHECK(rtnl_ask(&add, sizeof(add)) == -EEXIST);
	CHECK(remove_device() == 0);
	/* no longer ours: the kernel answers, and has no such device */
	CHECK(remove_device() == -ENODEV);
	/* nor are links of other kinds */
	calls_newlink(&add, "ovpn0", "nonsense");
	CHECK(rtnl_ask(&add, sizeof(add)) == -EOPNOTSUPP);
	/* nor is one of ours made by another name, because the name is too long */
	calls_newlink(&add, "sixteen-bytes-12", version->kind);
	CHECK(rtnl_ask(&add, sizeof(add)) == -ERANGE);
}

static int domain_of(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	CHECK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0);
	return domain;
}

/* Datagrams that are not UDP's, as far as anybody says; packets of it, and of another network. */
static void call_other_protocols(void)
{
	static const struct {
		int family, type, protocol;
	} others[] = {
		{AF_INET, SOCK_DGRAM, 0},
		{AF_INET, SOCK_RAW, IPPROTO_UDP},
		{AF_PACKET, SOCK_DGRAM, IPPROTO_UDP},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int fd = socket(others[i].family, others[i].type, others[i].protocol);

		CHECK(domain_of(fd) == others[i].family);
		CHECK(close(fd) == 0);
	}
}

static void set_int(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static int udp4_bound(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);

	CHECK(fd >= 0);
	inet_pton(AF_INET, "192.0.2.1", &a.sin_addr);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

static void call_udp_socket(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int size = 0;
	int first = udp4_bound(1194);
	int again;

	CHECK(fcntl(first, F_GETFD) == FD_CLOEXEC); /* what openvpn starts has no shim */
	set_int(first, SOL_SOCKET, SO_RCVBUF, 4096);
	set_int(first, SOL_SOCKET, SO_SNDBUF, 4096);
	CHECK(getsockopt(first, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size > 4 * 4096);
	CHECK(getsockopt(first, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 && size > 4 * 4096);
	set_int(first, IPPROTO_IP, IP_RECVERR, 1);
	set_int(first, SOL_SOCKET, SO_MARK, 7);
	len = sizeof(name);
	CHECK(getsockname(first, (struct sockaddr *)&name, &len) == 0 && len == sizeof(name));
	CHECK(name.sin_family == AF_INET && name.sin_port == htons(1194));
	CHECK(close(first) == 0);
	again = udp4_bound(1194);
	CHECK(again == first);
	CHECK(close(again) == 0);
}

/* Since 2.7.8 notifications have a socket of their own, which never asks for the family. */
static void call_other_socket_joins(void)
{
	int fd = genl_socket();

	/* the kernel's own group (nlctrl's) is joined at the kernel */
	set_int(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GENL_ID_CTRL);
	CHECK(domain_of(fd) == AF_NETLINK);
	set_int(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, CALLS_GROUP);
	CHECK(close(fd) == 0);
}

static unsigned int ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)((now.tv_sec - start->tv_sec) * 1000 +
		(now.tv_nsec - start->tv_nsec) / 1000000);
}

/* While a daemon is there nobody is woken before the time. */
static void check_waits(void)
{
	struct timeval limit = {.tv_usec = 100000};
	struct epoll_event ev;
	struct timespec start;
	int set = epoll_create1(EPOLL_CLOEXEC);

	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK(poll(NULL, 0, 100) == 0 && ms_since(&start) >= 99);
	CHECK(epoll_wait(set, &ev, 1, 100) == 0 && ms_since(&start) >= 198);
	CHECK(select(0, NULL, NULL, NULL, &limit) == 0 && ms_since(&start) >= 297);
	CHECK(close(set) == 0);
}

static void call_server_start(void)
{
	int genl;

	call_available();
	call_version_file();
	call_links();
	genl = attached_genl();
	CHECK(fcntl(genl, F_SETFL, O_NONBLOCK) == 0);
	set_int(genl, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	set_int(genl, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3);
	call_other_socket_joins();
	call_udp_socket();
	call_other_protocols();
	check_waits();
	CHECK(close(genl) == 0);
}

static void call_bind_in_use(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(1194)};
	int fd;

	call_available();
	fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	CHECK(fd >= 0);
	errno = 0;
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 && errno == EADDRINUSE);
	CHECK(close(fd) == 0);
}

static void call_dump(void)
{
	static uint8_t buf[SHIM_RECORD_MAX];
	struct nlmsghdr dump = {sizeof(dump), CALLS_FAMILY, 0x305, CALLS_NL_SEQ, 0};
	int fd = attached_genl();

	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(nl_send(fd, &dump, sizeof(dump)) == sizeof(dump));
	for (unsigned int i = 0; i < CALLS_DUMP_RECORDS; i++) {
		ssize_t len = nl_recv(fd, buf, 4, MSG_PEEK | MSG_TRUNC);

		CHECK(len == (ssize_t)calls_dump_len(i));
		memset(buf, 0, sizeof(buf));
		CHECK(nl_recv(fd, buf, sizeof(buf), 0) == len);
		for (ssize_t k = 0; k < len; k++)
			CHECK(buf[k] == (uint8_t)(i + 1));
	}
	/* sent by the agent in the middle of the dump */
	CHECK(nl_recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_TRUNC) == sizeof(calls_notification));
	CHECK(nl_recv(fd, buf, sizeof(buf), 0) == sizeof(calls_notification));
	CHECK(memcmp(buf, calls_notification, sizeof(calls_notification)) == 0);
	errno = 0;
	CHECK(nl_recv(fd, buf, sizeof(buf), 0) == -1 && errno == EAGAIN);
	CHECK(close(fd) == 0);
}

static void wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK(poll(&p, 1, 30000) == 1 && (p.revents & POLLIN) != 0);
}

static void call_udp4_datagrams(void)
{
	struct sockaddr_in from = {0};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	socklen_t len = sizeof(from);
	char buf[64] = "";
	struct msghdr err = {0};
	int fd;

	call_available();
	fd = udp4_bound(1194);
	wait_readable(fd);
	CHECK(recvfrom(fd, buf, 3, MSG_PEEK, (struct sockaddr *)&from, &len) == 3);
	CHECK(recvfrom(fd, buf, 3, MSG_PEEK | MSG_TRUNC, NULL, NULL) == 5);
	CHECK(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) == 5);
	CHECK(memcmp(buf, "hello", 5) == 0 && len == sizeof(from));
	CHECK(from.sin_family == AF_INET && from.sin_port == htons(4000));
	CHECK(from.sin_addr.s_addr == inet_addr("198.51.100.7"));
	/* too long for the buffer: cut off, and the rest is gone */
	wait_readable(fd);
	CHECK(recvfrom(fd, buf, 2, 0, NULL, NULL) == 2 && memcmp(buf, "cu", 2) == 0);
	errno = 0;
	CHECK(recvmsg(fd, &err, MSG_ERRQUEUE) == -1 && errno == EAGAIN);
	CHECK(recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL) == -1 && errno == EAGAIN);
	inet_pton(AF_INET, "198.51.100.7", &to.sin_addr);
	CHECK(sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(sendto(fd, "reply", 5, 0, (struct sockaddr *)&to, sizeof(to)) == 5);
	CHECK(sendto(fd, buf, SHIM_DGRAM_MAX + 1, 0, (struct sockaddr *)&to, sizeof(to)) == -1 &&
		errno == EMSGSIZE);
	CHECK(close(fd) == 0);
}

/* --multihome on a dual-stack socket: a v4 remote, mapped, and its packet information. */
static void call_udp6_multihome(void)
{
	struct sockaddr_in6 from = {0};
	union {
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr c;
	} control;
	char buf[64];
	char text[INET6_ADDRSTRLEN];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct in6_pktinfo info;
	int fd;

	call_available();
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	wait_readable(fd);
	CHECK(recvmsg(fd, &msg, 0) == 2 && msg.msg_namelen == sizeof(from));
	CHECK(strcmp(inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)),
		      "::ffff:198.51.100.7") == 0);
	CHECK(from.sin6_port == htons(4000) && msg.msg_flags == 0);
	CHECK(control.c.cmsg_level == IPPROTO_IPV6 && control.c.cmsg_type == IPV6_PKTINFO);
	CHECK(msg.msg_controllen == sizeof(control.bytes) && CMSG_NXTHDR(&msg, &control.c) == NULL);
	memcpy(&info, CMSG_DATA(&control.c), sizeof(info));
	CHECK(info.ipi6_ifindex == 3);
	CHECK(strcmp(inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof(text)),
		      "::ffff:192.0.2.1") == 0);
	/* back with the same source; then to a v6 remote without one */
	iov.iov_len = 2;
	CHECK(sendmsg(fd, &msg, 0) == 2);
	inet_pton(AF_INET6, "fe80::1", &from.sin6_addr);
	from.sin6_scope_id = 9;
	CHECK(sendto(fd, "v6", 2, 0, (struct sockaddr *)&from, sizeof(from)) == 2);
	CHECK(close(fd) == 0);
}

struct extended {
	struct sock_extended_err err;
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} offender;
};

/* recvmsg(MSG_ERRQUEUE) as openvpn does it: one control message, which is the whole error. */
static struct extended read_error(int fd, bool v4, void *to, socklen_t to_len)
{
	union {
		char bytes[256];
		struct cmsghdr c;
	} control;
	char buf[512];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {
		.msg_name = to,
		.msg_namelen = 128,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct extended e = {0};

	CHECK(recvmsg(fd, &m, MSG_ERRQUEUE) >= 0);
	CHECK((m.msg_flags & MSG_ERRQUEUE) != 0 && (m.msg_flags & MSG_CTRUNC) == 0);
	CHECK(m.msg_namelen == to_len);
	CHECK(control.c.cmsg_level == (v4 ? IPPROTO_IP : IPPROTO_IPV6));
	CHECK(control.c.cmsg_type == (v4 ? IP_RECVERR : IPV6_RECVERR));
	CHECK(control.c.cmsg_len == CMSG_LEN(sizeof(e.err) + to_len));
	CHECK(CMSG_NXTHDR(&m, &control.c) == NULL);
	memcpy(&e, CMSG_DATA(&control.c), sizeof(e.err) + to_len);
	return e;
}

static void no_error(int fd)
{
	struct msghdr m = {0};

	CHECK(recvmsg(fd, &m, MSG_ERRQUEUE) == -1 && errno == EAGAIN);
}

/* Reads what is there or comes, which is no datagram. */
static int wait_for_error(int fd)
{
	char buf[64];

	wait_readable(fd);
	CHECK(recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL) == -1);
	return errno;
}

static void call_udp4_errors(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	struct sockaddr_in other = to;
	struct sockaddr_in about = {0};
	struct extended e;
	char buf[64] = "";
	int fd;

	call_available();
	fd = udp4_bound(1194);
	CHECK(wait_for_error(fd) == ECONNREFUSED);
	CHECK(wait_for_error(fd) == EHOSTUNREACH);
	/* what came behind them is not lost */
	wait_readable(fd);
	CHECK(recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL) == 5 && memcmp(buf, "hello", 5) == 0);
	e = read_error(fd, true, &about, sizeof(about));
	CHECK(about.sin_family == AF_INET && about.sin_port == htons(4000));
	CHECK(about.sin_addr.s_addr == inet_addr("198.51.100.7"));
	CHECK(e.err.ee_errno == ECONNREFUSED && e.err.ee_origin == SO_EE_ORIGIN_ICMP);
	CHECK(e.err.ee_type == 3 && e.err.ee_code == 3 && e.err.ee_info == 0);
	CHECK(e.offender.v4.sin_family == AF_INET);
	CHECK(e.offender.v4.sin_addr.s_addr == inet_addr("203.0.113.9"));
	CHECK(read_error(fd, true, &about, sizeof(about)).err.ee_errno == EHOSTUNREACH);
	no_error(fd);
	/* a refusal: at the next send to the same remote, once, and it has no entry */
	CHECK(wait_for_error(fd) == EAGAIN);
	no_error(fd);
	inet_pton(AF_INET, "198.51.100.7", &to.sin_addr);
	inet_pton(AF_INET, "198.51.100.8", &other.sin_addr);
	CHECK(sendto(fd, "one", 3, 0, (struct sockaddr *)&other, sizeof(other)) == 3);
	CHECK(sendto(fd, "two", 3, 0, (struct sockaddr *)&to, sizeof(to)) == -1 &&
		errno == ENETUNREACH);
	no_error(fd);
	CHECK(sendto(fd, "three", 5, 0, (struct sockaddr *)&to, sizeof(to)) == 5);
	CHECK(close(fd) == 0);
}

/* On a dual-stack socket IPv4 is mapped, in an error as elsewhere. */
static void call_udp6_errors(void)
{
	struct sockaddr_in6 about = {0};
	struct extended e;
	char text[INET6_ADDRSTRLEN];
	int fd;

	call_available();
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
	CHECK(wait_for_error(fd) == EMSGSIZE);
	CHECK(wait_for_error(fd) == ECONNREFUSED);
	e = read_error(fd, false, &about, sizeof(about));
	CHECK(strcmp(inet_ntop(AF_INET6, &about.sin6_addr, text, sizeof(text)), "2001:db8::7") ==
		0);
	CHECK(e.err.ee_errno == EMSGSIZE && e.err.ee_origin == SO_EE_ORIGIN_ICMP6);
	CHECK(e.err.ee_type == 2 && e.err.ee_code == 0 && e.err.ee_info == 1280);
	CHECK(strcmp(inet_ntop(AF_INET6, &e.offender.v6.sin6_addr, text, sizeof(text)),
		      "2001:db8::fe") == 0);
	e = read_error(fd, false, &about, sizeof(about));
	CHECK(strcmp(inet_ntop(AF_INET6, &about.sin6_addr, text, sizeof(text)),
		      "::ffff:198.51.100.7") == 0);
	CHECK(e.offender.v6.sin6_family == AF_INET6);
	CHECK(strcmp(inet_ntop(AF_INET6, &e.offender.v6.sin6_addr, text, sizeof(text)),
		      "::ffff:203.0.113.9") == 0);
	/* more than it has room for: the newest stay */
	for (unsigned int i = 0; i < 20; i++)
		CHECK(wait_for_error(fd) == EMSGSIZE);
	for (unsigned int i = 12; i < 20; i++)
		CHECK(read_error(fd, false, &about, sizeof(about)).err.ee_info == 1300 + i);
	no_error(fd);
	CHECK(close(fd) == 0);
}

/* How often poll() says readable in a third of a second; each time the descriptor is read. */
static unsigned int wakeups(int genl, int udp)
{
	struct pollfd p[2] = {{.fd = genl, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
	struct timespec start;
	unsigned int n = 0;
	char buf[64];

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (poll(p, 2, 50) > 0) {
			n++;
			CHECK(nl_recv(genl, buf, sizeof(buf), 0) == -1 && errno == EAGAIN);
			CHECK(recvfrom(udp, buf, sizeof(buf), 0, NULL, NULL) == -1 &&
				errno == EAGAIN);
		}
	} while (ms_since(&start) < 333);
	return n;
}

static int ask_genl(int genl, uint8_t cmd)
{
	struct {
		struct nlmsghdr h;
		struct genlmsghdr g;
	} request = {{sizeof(request), CALLS_FAMILY, 5, CALLS_NL_SEQ, 0}, {.cmd = cmd}};

	CHECK(nl_send(genl, &request, sizeof(request)) == sizeof(request));
	return nl_ack(genl);
}

static void send_to(int udp, const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};

	inet_pton(AF_INET, "198.51.100.7", &to.sin_addr);
	CHECK(sendto(udp, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) ==
		(ssize_t)strlen(text));
}

/* No daemon: nothing wakes openvpn, nothing fails that would end it, nothing waits. */
static void check_after_loss(int genl, int udp)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	struct nlmsghdr dump = {sizeof(dump), CALLS_FAMILY, 0x305, CALLS_NL_SEQ, 0};
	struct nlmsghdr h;
	char buf[64];
	time_t start = time(NULL);
	int other;

	CHECK(wakeups(genl, udp) == 0);
	CHECK(ask_genl(genl, 2) == -ENOTCONN);
	/* the other family has another command of that number */
	CHECK(ask_genl(genl, version->new_key) == 0);
	CHECK(ask_genl(genl, version->get_peer) == 0);
	CHECK(ask_genl(genl, version == &calls_26 ? calls_27.new_key : calls_26.new_key) ==
		-ENOTCONN);
	dump.nlmsg_len = sizeof(dump) + sizeof(struct genlmsghdr);
	memcpy(buf, &dump, sizeof(dump));
	memset(buf + sizeof(dump), 7, sizeof(struct genlmsghdr));
	CHECK(nl_send(genl, buf, dump.nlmsg_len) == dump.nlmsg_len);
	CHECK(nl_recv(genl, buf, sizeof(buf), 0) >= (ssize_t)sizeof(h));
	memcpy(&h, buf, sizeof(h));
	CHECK(h.nlmsg_type == NLMSG_DONE && h.nlmsg_seq == CALLS_NL_SEQ);
	errno = 0;
	CHECK(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EAGAIN);
	other = udp4_bound(1195);
	CHECK(recvfrom(other, buf, sizeof(buf), 0, NULL, NULL) == -1 && errno == EAGAIN);
	CHECK(close(other) == 0);
	CHECK(time(NULL) - start <= 6); /* an answer would be waited for for 10 s */
	CHECK(nb_sigterm == 0);
}

static int genl_member(void)
{
	int genl = attached_genl();

	CHECK(fcntl(genl, F_SETFL, O_NONBLOCK) == 0);
	set_int(genl, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3);
	return genl;
}

static void call_agent_dies_in_request(void)
{
	int genl;
	int udp;

	signal(SIGTERM, count);
	genl = attached_genl();
	CHECK(fcntl(genl, F_SETFL, O_NONBLOCK) == 0);
	udp = udp4_bound(1194);
	CHECK(ask_genl(genl, 2) == -ENOTCONN);
	check_after_loss(genl, udp);
	CHECK(close(genl) == 0 && close(udp) == 0);
}

static void call_agent_dies_while_idle(void)
{
	int genl;
	int udp;

	signal(SIGTERM, count);
	genl = attached_genl();
	CHECK(fcntl(genl, F_SETFL, O_NONBLOCK) == 0);
	udp = udp4_bound(1194);
	wait_readable(udp);
	CHECK(wakeups(genl, udp) == 1);
	check_after_loss(genl, udp);
	CHECK(close(genl) == 0 && close(udp) == 0);
}

/* Ten seconds at most, but a daemon is looked for meanwhile. */
static int wait_by_select(struct pollfd *p, unsigned int nb)
{
	struct timeval limit = {.tv_sec = 10};
	fd_set in;
	int n;

	FD_ZERO(&in);
	for (unsigned int i = 0; i < nb; i++)
		FD_SET(p[i].fd, &in);
	n = select(FD_SETSIZE, &in, NULL, NULL, &limit);
	for (unsigned int i = 0; i < nb; i++)
		p[i].revents = n > 0 && FD_ISSET(p[i].fd, &in) ? POLLIN : 0;
	return n;
}

/* As openvpn 2.7 keeps its set: what is there is changed, what is not is added. */
static int wait_by_epoll(struct pollfd *p, unsigned int nb)
{
	static int set = -1;
	struct epoll_event ev[4];
	int n;

	if (set < 0)
		set = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int i = 0; i < nb; i++) {
		ev[0] = (struct epoll_event){.events = EPOLLIN, .data.u32 = i};
		CHECK(epoll_ctl(set, EPOLL_CTL_MOD, p[i].fd, ev) == 0 ||
			(errno == ENOENT && epoll_ctl(set, EPOLL_CTL_ADD, p[i].fd, ev) == 0));
		p[i].revents = 0;
	}
	n = epoll_wait(set, ev, 4, 10000);
	for (int i = 0; i < n; i++)
		p[ev[i].data.u32].revents = POLLIN;
	return n;
}

static int wait_for_events(struct pollfd *p, unsigned int nb, bool by_select)
{
	if (by_select)
		return wait_by_select(p, nb);
	return version == &calls_27 ? wait_by_epoll(p, nb) : poll(p, nb, 10000);
}

/* As openvpn's loop: reads what is readable, until a number of signals has come. */
static void loop_until(volatile sig_atomic_t *signals, int n, const int fds[], unsigned int nb)
{
	bool by_select = n > 1 && version == &calls_26; /* as with --shaper */
	struct pollfd p[4];
	char buf[64];
	unsigned int turns = 0;

	for (unsigned int i = 0; i < nb; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	while (*signals < n) {
		CHECK(turns++ < 300); /* for 30 s it is about 120 */
		if (wait_for_events(p, nb, by_select) <= 0)
			continue;
		for (unsigned int i = 0; i < nb; i++)
			CHECK((p[i].revents & POLLIN) == 0 ||
				(nl_recv(fds[i], buf, sizeof(buf), 0) == -1 && errno == EAGAIN));
	}
}

static void make_device(void)
{
	struct calls_newlink add;

	calls_newlink(&add, "ovpn0", version->kind);
	CHECK(rtnl_ask(&add, sizeof(add)) == 0);
}

/* Everything that openvpn has, twice through the end of a daemon. */
static void call_comes_back(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char buf[64];
	int fds[2];
	int genl;
	int udp;

	signal(SIGTERM, count);
	signal(SIGUSR1, count);
	genl = genl_member();
	make_device();
	udp = udp4_bound(1194);
	set_int(udp, IPPROTO_IP, IP_PKTINFO, 1);
	set_int(udp, SOL_SOCKET, SO_MARK, 7);
	set_int(udp, SOL_SOCKET, SO_MARK, 8);
	fds[0] = genl;
	fds[1] = udp;
	for (int i = 1; i <= 2; i++) {
		loop_until(&nb_sigusr1, i, fds, 2);
		wait_readable(udp);
		CHECK(recvfrom(udp, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) == 5);
		send_to(udp, "reply");
		wait_readable(genl);
		CHECK(nl_recv(genl, buf, sizeof(buf), 0) == sizeof(calls_notification));
	}
	CHECK(nb_sigterm == 0 && nb_sigusr1 == 2);
	CHECK(close(udp) == 0 && close(genl) == 0);
}

/* A plugin's helper waits, too, but for nothing of ours. */
static void check_helper_stays_away(void)
{
	struct timespec start;
	int status;
	pid_t helper = fork();

	if (helper == 0) {
		clock_gettime(CLOCK_MONOTONIC, &start);
		while (ms_since(&start) < 700)
			poll(NULL, 0, 350);
		_exit(0);
	}
	CHECK(waitpid(helper, &status, 0) == helper && status == 0);
}

/* What openvpn asks while no daemon is there is done when one is. */
static void call_asked_while_away(void)
{
	char buf[64];
	int genl;
	int udp;

	signal(SIGUSR1, count);
	genl = genl_member();
	udp = udp4_bound(1194);
	wait_readable(udp);
	CHECK(recvfrom(udp, buf, sizeof(buf), 0, NULL, NULL) == -1 && errno == EAGAIN);
	check_helper_stays_away();
	CHECK(close(udp) == 0);
	udp = udp4_bound(1194);
	set_int(udp, SOL_SOCKET, SO_MARK, 9);
	/* waits for the daemon, and has its answer */
	CHECK(close(attached_genl()) == 0);
	CHECK(nb_sigusr1 == 1);
	send_to(udp, "reply");
	CHECK(close(udp) == 0 && close(genl) == 0);
}

/* In its pause between two sessions openvpn has no socket by which to notice the end of a daemon.
 */
static void call_asks_after_a_pause(void)
{
	signal(SIGUSR1, count);
	call_available();
	make_device();
	CHECK(remove_device() == 0);
	raise(SIGSTOP);
	call_available();
	/* this daemon ends before it answers */
	call_available();
	/* and the next before it is asked for a device */
	make_device();
	CHECK(nb_sigterm == 0);
}

/* What openvpn does when it is sent SIGTERM. */
static void end_well(void)
{
	int fds[2];

	fds[0] = genl_member();
	make_device();
	fds[1] = udp4_bound(1194);
	loop_until(&nb_sigterm, 1, fds, 2);
	CHECK(ask_genl(fds[0], 3) == -ENOTCONN);
	CHECK(close(fds[1]) == 0 && close(fds[0]) == 0);
	exit(0);
}

static void call_ends(void)
{
	signal(SIGTERM, count);
	end_well();
}

/* One request that is not answered in time, and none after it. */
static void call_waits_in_vain(void)
{
	int fds[2];

	signal(SIGUSR1, count);
	fds[0] = genl_member();
	make_device();
	fds[1] = udp4_bound(1194);
	CHECK(ask_genl(fds[0], 3) == -ENOTCONN);
	loop_until(&nb_sigusr1, 1, fds, 2);
	CHECK(close(fds[1]) == 0 && close(fds[0]) == 0);
}

static void call_ends_in_another_root(void)
{
	int fds[2];

	signal(SIGTERM, count);
	fds[0] = genl_member();
	fds[1] = udp4_bound(1194);
	CHECK(chroot("/proc") == 0 && chdir("/") == 0);
	loop_until(&nb_sigterm, 1, fds, 2);
	exit(3); /* a failure of its own stays that */
}

static void call_ends_without_rights(void)
{
	int fds[2];

	signal(SIGTERM, count);
	fds[0] = genl_member();
	fds[1] = udp4_bound(1194);
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	loop_until(&nb_sigterm, 1, fds, 2);
	exit(0);
}

/* A plugin's helper: forked, never another program, alive when openvpn is not. */
static void call_leaves_a_helper(void)
{
	int genl = genl_member();

	make_device();
	udp4_bound(1194);
	if (fork() == 0) {
		sleep(4);
		_exit(0);
	}
	CHECK(ask_genl(genl, 2) == 0);
	raise(SIGKILL);
}

static void call_agent_hangs(void)
{
	time_t start;
	int genl;

	signal(SIGTERM, count);
	genl = attached_genl();
	start = time(NULL);
	CHECK(ask_genl(genl, 2) == -ENOTCONN);
	CHECK(time(NULL) - start >= SHIM_RPC_TIMEOUT - 1);
	CHECK(time(NULL) - start <= SHIM_RPC_TIMEOUT + 9);
	CHECK(nb_sigterm == 0);
}

static void call_agent_lies(void)
{
	int genl;

	signal(SIGTERM, count);
	genl = attached_genl();
	CHECK(ask_genl(genl, 2) == -ENOTCONN);
	CHECK(nb_sigterm == 0);
}

static void call_agent_refuses(void)
{
	int genl = attached_genl();

	CHECK(ask_genl(genl, 2) == -EINVAL);
	CHECK(close(genl) == 0);
}

/* This program is made for 64-bit offsets, by which open() is open64(); others are not. */
int open_by_its_name(const char *path, int flags, ...) __asm__("open");

static void check_tun_refused(void)
{
	errno = 0;
	CHECK(open("/dev/net/tun", O_RDWR) == -1 && errno == ENODEV);
	errno = 0;
	CHECK(open_by_its_name("/dev/net/tun", O_RDWR) == -1 && errno == ENODEV);
}

/* What a file is made with. */
static mode_t mode_of(int fd)
{
	struct stat st = {0};

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && close(fd) == 0);
	return st.st_mode & 0777;
}

static void check_files(void)
{
	char path[] = "/tmp/shim-calls-XXXXXX";

	umask(0);
	CHECK(close(mkstemp(path)) == 0);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(unlink(path) == 0);
		CHECK(mode_of((i == 0 ? open : open_by_its_name)(
			      path, O_RDWR | O_CREAT | O_EXCL, 0641)) == 0641);
	}
	CHECK(unlink(path) == 0);
	CHECK(mode_of(open("/tmp", O_RDWR | O_TMPFILE, 0641)) == 0641);
	CHECK(mode_of(open_by_its_name("/tmp", O_RDWR | O_TMPFILE, 0641)) == 0641);
}

/* As dev-node unix: asks; other pairs are nobody's business. */
static void check_program_refused(void)
{
	int fds[2];

	errno = 0;
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == -1 && errno == ENODEV);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void call_tun(void)
{
	call_available();
	CHECK(close(open("/dev/null", O_RDWR)) == 0);
	check_tun_refused();
	check_program_refused();
}

/* A plugin's sockets and files are its own. */
static void call_plugin(void)
{
	int pair[2];
	int fd;

	call_available();
	fd = plugin_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	CHECK(domain_of(fd) == AF_INET);
	CHECK(close(fd) == 0);
	CHECK(plugin_socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
	CHECK(close(plugin_open("/dev/net/tun", O_RDWR)) == 0);
}

/* What openvpn asks of a socket that is to carry the tunnel. */
static void ask_buffer(int family, int type)
{
	int fd = socket(family, type, 0);
	int size = 0;
	socklen_t len = sizeof(size);

	CHECK(fd >= 0);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size > 0);
	CHECK(close(fd) == 0);
}

/* Ends well by its own account, as openvpn does after SIGTERM. */
static void call_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int value;
	socklen_t len = sizeof(value);

	signal(SIGTERM, count);
	call_available();
	ask_buffer(AF_UNIX, SOCK_STREAM); /* management's, if anybody asked */
	ask_buffer(AF_INET, SOCK_DGRAM);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0);
	CHECK(getsockopt(fd, IPPROTO_TCP, SO_SNDBUF, &value, &len) ==
		0); /* of this level: another */
	plugin_buffer(fd);
	CHECK(close(fd) == 0);
	CHECK(nb_sigterm == 0);
	ask_buffer(AF_INET, SOCK_STREAM);
	CHECK(nb_sigterm == (version == &calls_26));
	ask_buffer(AF_INET, SOCK_STREAM);
	CHECK(nb_sigterm == (version == &calls_26)); /* once */
	exit(0);
}

static void call_no_daemon(void)
{
	int fd = genl_socket();

	CHECK(ask_family(fd, "ovpn-dco-v2") == -1 && errno == ECONNREFUSED);
	CHECK(ask_family(fd, "ovpn-dco-v2") == -1 && errno == ECONNREFUSED);
	CHECK(close(fd) == 0);
	CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) == -1);
	check_tun_refused();
}

/* A plugin's fork closes what it finds; --daemon's fork goes on. */
static void call_forks(void)
{
	int genl = attached_genl();
	int status;
	pid_t plugin = fork();

	if (plugin == 0) {
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		_exit(0);
	}
	CHECK(waitpid(plugin, &status, 0) == plugin && status == 0);
	CHECK(daemon(1, 1) == 0);
	CHECK(close(udp4_bound(1194)) == 0);
	CHECK(close(genl) == 0);
}

/* openvpn by its name that asks for no family: it would carry its data itself. */
static void call_not_offloaded(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP) == -1 && errno == ENODEV);
	CHECK(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP) == -1 && errno == ENODEV);
	check_tun_refused();
	check_program_refused();
	signal(SIGTERM, count);
	ask_buffer(AF_INET6, SOCK_STREAM);
	CHECK(nb_sigterm == 1);
	exit(0);
}

/* A program that is not openvpn: its sockets are the kernel's. */
static void call_passive(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	uint8_t buf[4096];
	struct nlmsghdr h;
	int pair[2];
	int udp = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	int genl = genl_socket();
	int domain = 0;
	socklen_t domain_len = sizeof(domain);

	struct calls_newlink add;
	struct stat st;

	CHECK(stat("/sys/module/ovpn", &st) == fstatat(AT_FDCWD, "/sys/module/ovpn", &st, 0));
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	CHECK(send(pair[0], "x", 1, 0) == 1 && recv(pair[1], buf, sizeof(buf), 0) == 1);
	CHECK(ask_family(genl, "nlctrl") > 0);
	CHECK(recv(genl, buf, sizeof(buf), 0) > (ssize_t)sizeof(h));
	memcpy(&h, buf, sizeof(h));
	CHECK(h.nlmsg_type == GENL_ID_CTRL);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(udp, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(getsockname(udp, (struct sockaddr *)&a, &len) == 0 && a.sin_port != 0);
	CHECK(sendto(udp, "", 0, 0, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(recvfrom(udp, buf, sizeof(buf), 0, (struct sockaddr *)&a, &len) == 0);
	CHECK(getsockopt(udp, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0);
	CHECK(domain == AF_INET);
	check_files();
	/* links are made by the kernel, whatever their kind */
	calls_newlink(&add, "lo", version->kind);
	CHECK(rtnl_ask(&add, sizeof(add)) == -EEXIST);
	errno = 0;
	CHECK(open_by_its_name(NULL, O_RDONLY) == -1 && errno == EFAULT);
	CHECK(close(open("/dev/net/tun", O_RDWR)) == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} calls[] = {
	{"server_start", call_server_start},
	{"bind_in_use", call_bind_in_use},
	{"dump", call_dump},
	{"udp4", call_udp4_datagrams},
	{"udp6_multihome", call_udp6_multihome},
	{"udp4_errors", call_udp4_errors},
	{"udp6_errors", call_udp6_errors},
	{"agent_dies_in_request", call_agent_dies_in_request},
	{"agent_dies_while_idle", call_agent_dies_while_idle},
	{"agent_hangs", call_agent_hangs},
	{"agent_lies", call_agent_lies},
	{"agent_refuses", call_agent_refuses},
	{"comes_back", call_comes_back},
	{"asked_while_away", call_asked_while_away},
	{"asks_after_a_pause", call_asks_after_a_pause},
	{"ends", call_ends},
	{"waits_in_vain", call_waits_in_vain},
	{"ends_in_another_root", call_ends_in_another_root},
	{"ends_without_rights", call_ends_without_rights},
	{"leaves_a_helper", call_leaves_a_helper},
	{"tun", call_tun},
	{"plugin", call_plugin},
	{"tcp", call_tcp},
	{"no_daemon", call_no_daemon},
	{"forks", call_forks},
	{"not_offloaded", call_not_offloaded},
	{"passive", call_passive},
};

int main(int argc, char **argv)
{
	const char *scenario = argc == 2 ? argv[1] : "";

	alarm(150);
	version = calls_version(&scenario);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(scenario, calls[i].name) == 0) {
			calls[i].run();
			return 0;
		}
	}
	return 2;
}
