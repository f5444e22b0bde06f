/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP. The agent owns the real port; a socketpair carries each datagram behind a shim_dgram.
 * openvpn takes addresses of any other length than its socket's family has for a fatal error, so
 * IPv4 remotes on an IPv6 socket are given as v4-mapped, as the kernel does.
 */
#include "udp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

/* unmap: IPv4 written as IPv6 becomes IPv4 again; a bind() means what it says instead. */
static int read_address(const void *addr, socklen_t len, bool unmap, struct shim_addr *out)
{
	union udp_address a = {0};

	if (addr == NULL)
		return -EDESTADDRREQ;
	memcpy(&a, addr, len < sizeof(a) ? len : sizeof(a));
	*out = (struct shim_addr){.family = a.any.sa_family};
	if (a.any.sa_family == AF_INET && len >= sizeof(a.v4)) {
		out->port = a.v4.sin_port;
		memcpy(out->ip, &a.v4.sin_addr, 4);
		return 0;
	}
	if (a.any.sa_family != AF_INET6 || len < sizeof(a.v6))
		return -EAFNOSUPPORT;
	out->port = a.v6.sin6_port;
	if (unmap && memcmp(&a.v6.sin6_addr, v4_mapped, sizeof(v4_mapped)) == 0) {
		out->family = AF_INET;
		memcpy(out->ip, a.v6.sin6_addr.s6_addr + 12, 4);
		return 0;
	}
	out->scope = a.v6.sin6_scope_id;
	memcpy(out->ip, &a.v6.sin6_addr, 16);
	return 0;
}

static void ip6_of(const struct shim_addr *from, struct in6_addr *ip)
{
	if (from->family == AF_INET) {
		memcpy(ip->s6_addr, v4_mapped, sizeof(v4_mapped));
		memcpy(ip->s6_addr + 12, from->ip, 4);
	} else {
		memcpy(ip->s6_addr, from->ip, 16);
	}
}

socklen_t udp_make_address(sa_family_t family, const struct shim_addr *from, union udp_address *a)
{
	*a = (union udp_address){.any.sa_family = family};
	if (family == AF_INET) {
		if (from->family != AF_INET)
			return 0;
		a->v4.sin_port = from->port;
		memcpy(&a->v4.sin_addr, from->ip, 4);
		return sizeof(a->v4);
	}
	a->v6.sin6_port = from->port;
	a->v6.sin6_scope_id = from->scope;
	ip6_of(from, &a->v6.sin6_addr);
	return sizeof(a->v6);
}

int udp_socket(int family, int type)
{
	struct sock *s;
	uint32_t id = 0;
	int fd = sock_pair(SHIM_KIND_UDP, (sa_family_t)family, -1, &id);

	/* while no daemon is there: silent, and made when one is */
	if (fd < 0 && away())
		fd = fcntl(shim.idle[0], F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	s = sock_new(KIND_UDP, fd);
	if (s == NULL) {
		rpc_call(SHIM_CLOSE, id, NULL, 0, -1, NULL, 0);
		real()->close(fd);
		return -EMFILE;
	}
	s->id = id;
	s->family = (sa_family_t)family;
	if ((type & SOCK_NONBLOCK) != 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int udp_bind(struct sock *s, const struct sockaddr *addr, socklen_t len)
{
	struct shim_addr wish;
	struct shim_addr bound;
	int ret = read_address(addr, len, false, &wish);

	if (ret == 0 && wish.family != s->family)
		ret = -EAFNOSUPPORT;
	if (ret < 0)
		return ret;
	ret = rpc_call(SHIM_BIND, s->id, &wish, sizeof(wish), -1, &bound, sizeof(bound));
	if (ret < 0 && !away())
		return ret;
	s->bound = true;
	s->wish = wish;
	return 0;
}

int udp_name(struct sock *s, struct sockaddr *addr, socklen_t *len)
{
	struct shim_addr bound = {0};
	union udp_address a;
	socklen_t n;
	int ret = rpc_call(SHIM_GETNAME, s->id, NULL, 0, -1, &bound, sizeof(bound));

	if (ret < 0 && !away())
		return ret;
	if (ret < 0)
		bound = s->wish;
	if (bound.family == 0)
		bound.family = s->family;
	n = udp_make_address(s->family, &bound, &a);
	memcpy(addr, &a, *len < n ? *len : n);
	*len = n;
	return 0;
}

static bool is_pktinfo(const struct sock *s, int level, int name)
{
	if (s->family == AF_INET)
		return level == IPPROTO_IP && name == IP_PKTINFO;
	return level == IPPROTO_IPV6 && name == IPV6_RECVPKTINFO;
}

int udp_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len)
{
	int on;
	int ret;

	if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF))
		return sock_buffer(s->fd, name, value, len);
	if (level == SOL_SOCKET && name != SO_MARK && name != SO_BINDTODEVICE)
		return real()->setsockopt(s->fd, level, name, value, len) < 0 ? -errno : 0;
	ret = sock_option(s, level, name, value, len);
	if (ret == 0 && is_pktinfo(s, level, name) && len >= sizeof(on)) {
		memcpy(&on, value, sizeof(on));
		s->pktinfo = on != 0;
	}
	return ret;
}

/* The source that --multihome wants, from a packet information message. */
static void read_source(const struct msghdr *msg, struct shim_dgram *d)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	/* CMSG_NXTHDR() looks at the lengths of all others */
	if (c != NULL && c->cmsg_len > msg->msg_controllen)
		return;
	for (; c != NULL;
		c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, (struct cmsghdr *)(uintptr_t)c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
			c->cmsg_len >= CMSG_LEN(sizeof(v4))) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			d->local.family = AF_INET;
			memcpy(d->local.ip, &v4.ipi_spec_dst, 4);
			d->ifindex = (uint32_t)v4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
			c->cmsg_len >= CMSG_LEN(sizeof(v6))) {
			struct sockaddr_in6 a = {.sin6_family = AF_INET6};

			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			a.sin6_addr = v6.ipi6_addr;
			read_address(&a, sizeof(a), true, &d->local);
			d->ifindex = v6.ipi6_ifindex;
		}
	}
}

ssize_t udp_send(struct sock *s, const struct msghdr *msg, int flags)
{
	struct iovec iov[SHIM_IOV + 1];
	struct msghdr record = {.msg_iov = iov, .msg_iovlen = msg->msg_iovlen + 1};
	struct shim_dgram d = {0};
	size_t len = 0;
	ssize_t n;
	int ret;

	n = read_address(msg->msg_name, msg->msg_namelen, true, &d.remote);
	if (n < 0)
		return n;
	if (msg->msg_iovlen > SHIM_IOV)
		return -EMSGSIZE;
	iov[0] = (struct iovec){&d, sizeof(d)};
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		iov[i + 1] = msg->msg_iov[i];
		len += msg->msg_iov[i].iov_len;
	}
	if (len > SHIM_DGRAM_MAX)
		return -EMSGSIZE;
	/* An empty datagram is not in the protocol; EAGAIN is the loss that openvpn is used to. */
	if (len == 0)
		return 0;
	if (shim.state != SHIM_ATTACHED)
		return -EAGAIN;
	read_source(msg, &d);
	n = real()->sendmsg(s->fd, &record, (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
	if (n < 0)
		return sock_received(n, 0);
	/* it is on its way; the error is an earlier one's, too late to be exact */
	ret = errqueue_refusal(&s->errors, &d.remote);
	return ret < 0 ? ret : n - (ssize_t)sizeof(d);
}

void udp_put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = msg->msg_control;

	if (c == NULL || msg->msg_controllen < CMSG_SPACE(len)) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
		return;
	}
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen = CMSG_SPACE(len);
}

static void put_arrival(const struct sock *s, const struct shim_dgram *d, struct msghdr *msg)
{
	struct in_pktinfo v4 = {.ipi_ifindex = (int)d->ifindex};
	struct in6_pktinfo v6 = {.ipi6_ifindex = d->ifindex};

	if (!s->pktinfo || d->local.family == 0) {
		msg->msg_controllen = 0;
	} else if (s->family == AF_INET) {
		memcpy(&v4.ipi_spec_dst, d->local.ip, 4);
		memcpy(&v4.ipi_addr, d->local.ip, 4);
		udp_put_control(msg, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		ip6_of(&d->local, &v6.ipi6_addr);
		udp_put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}

/*
 * An error has its place among the datagrams, so a read that meets it returns it as the kernel
 * returns a pending one. It lies in openvpn's buffer now; n is its length.
 */
static ssize_t take_error(
	struct sock *s, const struct shim_dgram *d, const struct msghdr *msg, size_t n)
{
	struct shim_error error;

	if (n < sizeof(error) || msg->msg_iovlen == 0 || msg->msg_iov[0].iov_len < sizeof(error))
		return -EAGAIN;
	memcpy(&error, msg->msg_iov[0].iov_base, sizeof(error));
	return errqueue_note(&s->errors, &d->remote, &error);
}

ssize_t udp_recv(struct sock *s, struct msghdr *msg, int flags)
{
	struct iovec iov[SHIM_IOV + 1];
	struct msghdr record = {.msg_iov = iov, .msg_iovlen = msg->msg_iovlen + 1};
	struct shim_dgram d;
	union udp_address from;
	socklen_t len;
	ssize_t n;

	/* openvpn asks for these after every failed call, of whatever kind */
	if ((flags & MSG_ERRQUEUE) != 0)
		return errqueue_read(&s->errors, s->family, msg);
	if (shim.state != SHIM_ATTACHED)
		return -EAGAIN;
	if (msg->msg_iovlen > SHIM_IOV)
		return -EMSGSIZE;
	iov[0] = (struct iovec){&d, sizeof(d)};
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		iov[i + 1] = msg->msg_iov[i];
	n = real()->recvmsg(s->fd, &record, flags);
	n = sock_received(n, record.msg_flags);
	if (n < 0)
		return n;
	if (n > (ssize_t)sizeof(d) && d.content == SHIM_ERROR)
		return take_error(s, &d, msg, (size_t)n - sizeof(d));
	len = n > (ssize_t)sizeof(d) ? udp_make_address(s->family, &d.remote, &from) : 0;
	if (len == 0)
		return -EAGAIN; /* not a datagram for this socket */
	if (msg->msg_name != NULL)
		memcpy(msg->msg_name, &from, msg->msg_namelen < len ? msg->msg_namelen : len);
	msg->msg_namelen = msg->msg_name != NULL ? len : 0;
	msg->msg_flags = record.msg_flags & MSG_TRUNC;
	put_arrival(s, &d, msg);
	return n - (ssize_t)sizeof(d);
}
