/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ksock.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/filter.h>

/* Nothing but errors is ever kept; one that quotes a packet takes 1 to 3 KiB. */
#define ERRORS_BYTES (32 << 10)

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool shim_addr_read(const struct shim_addr *s, struct udp_addr *a)
{
	*a = (struct udp_addr){.port = ntohs(s->port)};
	if (s->family == AF_INET) {
		a->ip = ip_from_bytes(IP_V4, s->ip);
		return true;
	}
	if (s->family != AF_INET6)
		return false;
	if (memcmp(s->ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		a->ip = ip_from_bytes(IP_V4, s->ip + sizeof(mapped_prefix));
	} else {
		a->ip = ip_from_bytes(IP_V6, s->ip);
		a->scope = s->scope;
	}
	return true;
}

bool shim_addr_fits(const struct udp_addr *a, int family)
{
	return family == AF_INET6 || a->ip.family == IP_V4;
}

struct shim_addr shim_addr_write(const struct udp_addr *a, int family)
{
	struct shim_addr s = {.family = (uint16_t)family, .port = htons(a->port)};

	if (family == AF_INET6 && a->ip.family == IP_V4) {
		memcpy(s.ip, mapped_prefix, sizeof(mapped_prefix));
		memcpy(s.ip + sizeof(mapped_prefix), a->ip.b, 4);
	} else {
		memcpy(s.ip, a->ip.b, ip_len(a->ip.family));
		s.scope = a->scope;
	}
	return s;
}

/* The length of what was written, 0: s has no place on a socket of that family. */
static socklen_t to_sockaddr(const struct shim_addr *s, int family, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct shim_addr own;
	struct udp_addr a;

	memset(out, 0, sizeof(*out));
	if (!shim_addr_read(s, &a) || (family == AF_INET && a.ip.family != IP_V4))
		return 0;
	/* the IPv6 wildcard stays itself, not a mapped one */
	own = shim_addr_write(&a, family);
	if (family == AF_INET) {
		*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = own.port};
		memcpy(&v4->sin_addr, own.ip, 4);
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = own.port, .sin6_scope_id = own.scope};
	memcpy(&v6->sin6_addr, own.ip, 16);
	return sizeof(*v6);
}

int ksock_open(struct ksock *k, int family)
{
	struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {.len = ARRAY_LEN(drop_all), .filter = drop_all};
	int room = ERRORS_BYTES;
	int ret;

	*k = (struct ksock){.fd = -1, .family = family};
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	k->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (k->fd < 0)
		return -errno;
	if (setsockopt(k->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
		setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0) {
		ret = -errno;
		ksock_close(k);
		return ret;
	}
	return 0;
}

void ksock_close(struct ksock *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->bound = false;
}

int ksock_bind(struct ksock *k, const struct shim_addr *a)
{
	struct shim_addr wildcard = {.family = (uint16_t)k->family};
	struct sockaddr_storage ss;
	socklen_t len;

	if (a == NULL || a->family == 0)
		a = &wildcard;
	len = to_sockaddr(a, k->family, &ss);
	if (len == 0)
		return -EAFNOSUPPORT;
	if (bind(k->fd, (const struct sockaddr *)&ss, len) < 0)
		return -errno;
	k->bound = true;
	return 0;
}

int ksock_name(const struct ksock *k, struct shim_addr *a)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ss;

	*a = (struct shim_addr){.family = (uint16_t)k->family};
	if (getsockname(k->fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	if (k->family == AF_INET) {
		a->port = v4->sin_port;
		memcpy(a->ip, &v4->sin_addr, 4);
	} else {
		a->port = v6->sin6_port;
		a->scope = v6->sin6_scope_id;
		memcpy(a->ip, &v6->sin6_addr, 16);
	}
	return 0;
}

int ksock_local(const struct ksock *k, struct udp_addr *local, bool *v4_too)
{
	struct shim_addr name;
	int v6only = 0;
	socklen_t len = sizeof(v6only);
	int ret = ksock_name(k, &name);

	if (ret < 0)
		return ret;
	shim_addr_read(&name, local);
	if (k->family == AF_INET6 &&
		getsockopt(k->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) < 0)
		return -errno;
	*v4_too = local->ip.family == IP_V6 && ip_is_any(&local->ip) && !v6only;
	return 0;
}

/* Without room in the queue an error is pending all the same. */
static void clear_pending(const struct ksock *k)
{
	int pending;
	socklen_t len = sizeof(pending);

	getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
}

void ksock_listen(struct ksock *k, bool on)
{
	int v4 = on && k->recverr4;
	int v6 = on && k->recverr6;

	k->listens = v4 || v6;

	/* none of them fails on a socket of ours; without errors the rest works as before */
	setsockopt(k->fd, IPPROTO_IP, IP_RECVERR, &v4, sizeof(v4));
	if (k->family == AF_INET6)
		setsockopt(k->fd, IPPROTO_IPV6, IPV6_RECVERR, &v6, sizeof(v6));
	if (!on)
		clear_pending(k);
}

/* False: it is another option. */
static bool note_recverr(struct ksock *k, const struct shim_opt *o)
{
	int value;
	bool on;

	if (o->len < sizeof(value))
		return false;
	memcpy(&value, o->value, sizeof(value));
	on = value != 0;
	if (o->level == IPPROTO_IP && o->name == IP_RECVERR)
		k->recverr4 = on;
	else if (o->level == IPPROTO_IPV6 && o->name == IPV6_RECVERR)
		k->recverr6 = on;
	else
		return false;
	return true;
}

int ksock_setopt(struct ksock *k, const struct shim_opt *o)
{
	static const struct {
		int level, name;
	} applied[] = {
		{SOL_SOCKET, SO_MARK},
		{SOL_SOCKET, SO_BINDTODEVICE},
		{SOL_SOCKET, SO_PRIORITY},
		{IPPROTO_IP, IP_MTU_DISCOVER},
		{IPPROTO_IP, IP_TOS},
		{IPPROTO_IPV6, IPV6_V6ONLY},
		{IPPROTO_IPV6, IPV6_MTU_DISCOVER},
		{IPPROTO_IPV6, IPV6_TCLASS},
	};

	if (o->len > sizeof(o->value))
		return -EINVAL;
	if (note_recverr(k, o))
		ksock_listen(k, true);
	for (size_t i = 0; i < ARRAY_LEN(applied); i++) {
		if (o->level == applied[i].level && o->name == applied[i].name)
			return setsockopt(k->fd, o->level, o->name, o->value, o->len) < 0 ? -errno
											  : 0;
	}
	return 0;
}

/* Asks for the source address a, whatever route is taken. */
static size_t put_source(struct msghdr *m, int family, const struct shim_addr *a)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct in_pktinfo v4 = {0};
	struct in6_pktinfo v6 = {0};

	if (family == AF_INET) {
		memcpy(&v4.ipi_spec_dst, a->ip, 4);
		*c = (struct cmsghdr){CMSG_LEN(sizeof(v4)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		return CMSG_SPACE(sizeof(v4));
	}
	memcpy(&v6.ipi6_addr, a->ip, 16);
	v6.ipi6_ifindex = a->scope;
	*c = (struct cmsghdr){CMSG_LEN(sizeof(v6)), IPPROTO_IPV6, IPV6_PKTINFO};
	memcpy(CMSG_DATA(c), &v6, sizeof(v6));
	return CMSG_SPACE(sizeof(v6));
}

/*
 * An ICMP error is pending until a call has returned it, whichever that is; the next may come at
 * once. In the end the kernel is told to keep them, at the cost of those that wait.
 */
static int send_past_errors(struct ksock *k, const struct msghdr *m)
{
	ssize_t n = -1;

	for (unsigned int i = 0; i < 3 && n < 0; i++) {
		n = sendmsg(k->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
	}
	if (n < 0 && k->listens) {
		ksock_listen(k, false);
		n = sendmsg(k->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
		n = n < 0 ? -errno : 0;
		ksock_listen(k, true);
		return (int)n;
	}
	return n < 0 ? -errno : 0;
}

int ksock_send(struct ksock *k, const struct shim_dgram *d, const void *payload, size_t len)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {0};
	struct sockaddr_storage to;
	struct udp_addr source;
	struct shim_addr own;
	struct iovec iov = {.iov_len = len};
	struct msghdr m = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};

	memcpy(&iov.iov_base, &payload, sizeof(payload)); /* iovec has no const */
	m.msg_namelen = to_sockaddr(&d->remote, k->family, &to);
	if (m.msg_namelen == 0)
		return -EAFNOSUPPORT;
	if (shim_addr_read(&d->local, &source) && !ip_is_any(&source.ip)) {
		if (k->family == AF_INET && source.ip.family != IP_V4)
			return -EAFNOSUPPORT;
		own = shim_addr_write(&source, k->family);
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		m.msg_controllen = put_source(&m, k->family, &own);
	}
	return send_past_errors(k, &m);
}

/* An address of the kernel's; of family 0: none that we know. */
static struct shim_addr from_sockaddr(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;
	struct shim_addr a = {0};

	if (ss->ss_family == AF_INET) {
		a = (struct shim_addr){.family = AF_INET, .port = v4->sin_port};
		memcpy(a.ip, &v4->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		a = (struct shim_addr){
			.family = AF_INET6, .port = v6->sin6_port, .scope = v6->sin6_scope_id};
		memcpy(a.ip, &v6->sin6_addr, 16);
	}
	return a;
}

/* The extended error among m's control messages. */
static bool find_extended(struct msghdr *m, struct shim_error *e)
{
	struct {
		struct sock_extended_err err;
		struct sockaddr_in6 offender;
	} ee = {0};
	struct sockaddr_storage ss = {0};
	size_t len;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			!(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		len = c->cmsg_len - CMSG_LEN(0);
		memcpy(&ee, CMSG_DATA(c), len < sizeof(ee) ? len : sizeof(ee));
		memcpy(&ss, &ee.offender, sizeof(ee.offender));
		*e = (struct shim_error){
			.error = (int32_t)ee.err.ee_errno,
			.origin = ee.err.ee_origin,
			.type = ee.err.ee_type,
			.code = ee.err.ee_code,
			.info = ee.err.ee_info,
			.offender = from_sockaddr(&ss),
		};
		return true;
	}
	return false;
}

int ksock_error(const struct ksock *k, struct udp_addr *remote, struct shim_error *e)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[512];
	} control = {0};
	struct sockaddr_storage from = {0};
	struct shim_addr a;
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(k->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		clear_pending(k);
		return -EAGAIN;
	}
	a = from_sockaddr(&from);
	if (!shim_addr_read(&a, remote) || !find_extended(&m, e))
		return -EBADMSG;
	return 0;
}
