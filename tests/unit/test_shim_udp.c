/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Emulated UDP sockets of the shim: addresses, parts, control messages and errors end where they
 * say, and answers where there is room for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/errqueue.h>

#include "shim/udp.h"
#include "shim_parts.h"

static const struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = 0x1234};
static const struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = 0x1234};

static ssize_t send_to(struct sock *s, const void *addr, size_t len)
{
	struct iovec iov = {(char[]){"hello"}, 5};
	struct msghdr msg = {
		.msg_name = (void *)(uintptr_t)addr,
		.msg_namelen = (socklen_t)len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	return udp_send(s, &msg, 0);
}

/* The next datagram to the agent, with this many bytes behind it; length -1: there is none. */
static struct shim_dgram sent(int agent, ssize_t len)
{
	struct {
		struct shim_dgram d;
		char bytes[256];
	} r = {0};
	ssize_t n = recv(agent, &r, sizeof(r), MSG_DONTWAIT);

	assert_int_equal(n, len < 0 ? -1 : (ssize_t)sizeof(r.d) + len);
	return r.d;
}

static void addresses_to_send_to_end_where_they_say(void **state)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	uint8_t longer[4096];
	struct shim_dgram d;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET6, &agent);
	assert_int_equal(send_to(s, NULL, sizeof(to4)), -EDESTADDRREQ);
	assert_int_equal(send_to(s, at_edge(&to4, 2), 2), -EAFNOSUPPORT);
	assert_int_equal(send_to(s, at_edge(&to4, 15), 15), -EAFNOSUPPORT);
	assert_int_equal(send_to(s, at_edge(&to6, 27), 27), -EAFNOSUPPORT);
	assert_int_equal(send_to(s, &local, sizeof(local)), -EAFNOSUPPORT);
	sent(agent, -1);
	assert_int_equal(send_to(s, at_edge(&to4, sizeof(to4)), sizeof(to4)), 5);
	assert_int_equal(sent(agent, 5).remote.family, AF_INET);
	assert_int_equal(send_to(s, at_edge(&to6, sizeof(to6)), sizeof(to6)), 5);
	assert_int_equal(sent(agent, 5).remote.family, AF_INET6);
	memset(longer, 0xff, sizeof(longer));
	memcpy(longer, &to4, sizeof(to4));
	assert_int_equal(send_to(s, longer, sizeof(longer)), 5);
	d = sent(agent, 5);
	assert_int_equal(d.remote.family, AF_INET);
	assert_int_equal(d.remote.port, to4.sin_port);
	close(agent);
}

static void a_socket_is_bound_to_an_address_of_its_family(void **state)
{
	struct sockaddr_in6 mapped = to6;
	struct shim_addr wish;
	struct sock *s4;
	struct sock *s6;
	int agent[2];

	(void)state;
	s4 = parts_udp(AF_INET, &agent[0]);
	s6 = parts_udp(AF_INET6, &agent[1]);
	assert_int_equal(udp_bind(s4, (const struct sockaddr *)&to6, sizeof(to6)), -EAFNOSUPPORT);
	assert_int_equal(udp_bind(s6, (const struct sockaddr *)&to4, sizeof(to4)), -EAFNOSUPPORT);
	assert_int_equal(udp_bind(s4, (const struct sockaddr *)&to4, 8), -EAFNOSUPPORT);
	parts_not_asked();
	/* it is said as it was meant */
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr);
	parts_answer(1, SHIM_BIND, 0, NULL, 0, -1);
	assert_int_equal(udp_bind(s6, (const struct sockaddr *)&mapped, sizeof(mapped)), 0);
	parts_asked(SHIM_BIND, &wish, sizeof(wish));
	assert_int_equal(wish.family, AF_INET6);
	close(agent[0]);
	close(agent[1]);
}

static void a_socket_shows_its_name_where_there_is_room(void **state)
{
	struct shim_addr bound = {.family = AF_INET, .port = 0x1234};
	struct shim_addr foreign = {.family = AF_INET6, .port = 0x1234};
	struct sockaddr_in name[2];
	socklen_t len = 2;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	memset(name, 0x55, sizeof(name));
	parts_answer(1, SHIM_GETNAME, 0, &bound, sizeof(bound), -1);
	parts_answer(2, SHIM_GETNAME, 0, &foreign, sizeof(foreign), -1);
	parts_answer(3, SHIM_GETNAME, 0, NULL, 0, -1);
	assert_int_equal(udp_name(s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(len, sizeof(name[0]));
	assert_int_equal(name[0].sin_family, AF_INET);
	assert_int_equal(name[0].sin_port, 0x5555);
	/* an IPv6 address has no place there; before it is bound it has none at all */
	assert_int_equal(udp_name(s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(len, 0);
	len = sizeof(name);
	assert_int_equal(udp_name(s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(len, sizeof(name[0]));
	assert_int_equal(name[0].sin_family, AF_INET);
	assert_int_equal(name[0].sin_port, 0);
	assert_int_equal(name[1].sin_family, 0x5555); /* and no more than that */
	/* without a daemon it is the one to be */
	s->wish = bound;
	shim.state = SHIM_AWAY;
	assert_int_equal(udp_name(s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(name[0].sin_port, 0x1234);
	close(agent);
}

static void datagrams_have_at_most_eight_parts(void **state)
{
	char bytes[4 * SHIM_IOV];
	struct iovec iov[4 * SHIM_IOV];
	struct msghdr msg = {
		.msg_name = (void *)(uintptr_t)&to4, .msg_namelen = sizeof(to4), .msg_iov = iov};
	struct shim_dgram d = {.remote.family = AF_INET};
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	memset(bytes, 0x55, sizeof(bytes));
	for (unsigned int i = 0; i < 4 * SHIM_IOV; i++)
		iov[i] = (struct iovec){&bytes[i], 1};
	for (size_t n = SHIM_IOV + 1; n <= 4 * SHIM_IOV; n *= 2) {
		msg.msg_iovlen = n;
		assert_int_equal(udp_send(s, &msg, 0), -EMSGSIZE);
		sent(agent, -1);
	}
	msg.msg_iovlen = SHIM_IOV;
	assert_int_equal(udp_send(s, &msg, 0), SHIM_IOV);
	sent(agent, SHIM_IOV);
	/* the other way; the datagram is left for a call that has fewer */
	msg.msg_name = NULL;
	iov[0] = (struct iovec){&d, sizeof(d)};
	msg.msg_iovlen = SHIM_IOV + 1;
	assert_int_equal(sendmsg(agent, &msg, 0), sizeof(d) + SHIM_IOV);
	iov[0] = (struct iovec){&bytes[0], 1};
	for (size_t n = SHIM_IOV + 1; n <= 4 * SHIM_IOV; n *= 2) {
		msg.msg_iovlen = n;
		assert_int_equal(udp_recv(s, &msg, 0), -EMSGSIZE);
	}
	msg.msg_iovlen = SHIM_IOV;
	assert_int_equal(udp_recv(s, &msg, 0), SHIM_IOV);
	close(agent);
}

struct datagram {
	struct shim_dgram d;
	char bytes[4];
};

static const struct datagram arrival = {
	.d = {.remote.family = AF_INET, .local = {.family = AF_INET, .ip = {1, 2}}, .ifindex = 3},
};

/* A socket that is asked for packet information, and one datagram with such on its way to it. */
static struct sock *arriving(sa_family_t family, int *agent)
{
	struct sock *s = parts_udp(family, agent);

	s->pktinfo = true;
	assert_int_equal(send(*agent, &arrival, sizeof(arrival), 0), sizeof(arrival));
	return s;
}

/* What is there when packet information of this family arrives with so much room. */
static void take_arrival(sa_family_t family, size_t room, bool fits)
{
	union {
		uint8_t bytes[64];
		struct cmsghdr c;
	} control;
	char bytes[4];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {
		.msg_control = &control, .msg_controllen = room, .msg_iov = &iov, .msg_iovlen = 1};
	int agent;
	struct sock *s = arriving(family, &agent);

	memset(&control, 0x55, sizeof(control));
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	if (fits) {
		assert_int_equal(msg.msg_flags, 0);
		assert_int_equal(msg.msg_controllen, room);
		assert_int_equal(
			control.c.cmsg_type, family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO);
	} else {
		assert_int_equal(msg.msg_flags, MSG_CTRUNC);
		assert_int_equal(msg.msg_controllen, 0);
		for (size_t i = 0; i < sizeof(control); i++)
			assert_int_equal(control.bytes[i], 0x55);
	}
	sock_free(s);
	close(agent);
}

static void packet_information_is_given_where_there_is_room(void **state)
{
	char bytes[4];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_controllen = 64, .msg_iov = &iov, .msg_iovlen = 1};
	struct sock *s;
	int agent;

	(void)state;
	take_arrival(AF_INET, CMSG_SPACE(sizeof(struct in_pktinfo)), true);
	take_arrival(AF_INET, CMSG_SPACE(sizeof(struct in_pktinfo)) - 1, false);
	take_arrival(AF_INET6, CMSG_SPACE(sizeof(struct in6_pktinfo)), true);
	take_arrival(AF_INET6, CMSG_SPACE(sizeof(struct in6_pktinfo)) - 1, false);
	take_arrival(AF_INET6, 0, false);
	s = arriving(AF_INET, &agent);
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	assert_int_equal(msg.msg_flags, MSG_CTRUNC);
	assert_int_equal(msg.msg_controllen, 0);
	close(agent);
}

static void packet_information_is_given_to_who_asked(void **state)
{
	struct datagram nowhere = {.d.remote.family = AF_INET};
	char control[64];
	char bytes[4];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_control = control, .msg_iov = &iov, .msg_iovlen = 1};
	struct sock *s;
	int agent;

	(void)state;
	s = arriving(AF_INET, &agent);
	s->pktinfo = false;
	msg.msg_controllen = sizeof(control);
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	assert_int_equal(msg.msg_flags, 0);
	assert_int_equal(msg.msg_controllen, 0);
	/* nobody knows where it arrived */
	s->pktinfo = true;
	assert_int_equal(send(agent, &nowhere, sizeof(nowhere), 0), sizeof(nowhere));
	msg.msg_controllen = sizeof(control);
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	assert_int_equal(msg.msg_controllen, 0);
	close(agent);
}

/* Sends with one control message, of which the caller says that room bytes are there. */
static struct shim_dgram send_from(size_t len, int level, int type, size_t room)
{
	union {
		char bytes[64];
		struct cmsghdr c;
	} control;
	struct iovec iov = {(char[]){"hello"}, 5};
	struct msghdr msg = {
		.msg_name = (void *)(uintptr_t)&to4,
		.msg_namelen = sizeof(to4),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_controllen = room,
	};
	struct shim_dgram d;
	struct sock *s;
	int agent;

	memset(&control, 1, sizeof(control));
	control.c.cmsg_len = len;
	control.c.cmsg_level = level;
	control.c.cmsg_type = type;
	msg.msg_control = at_edge(&control, (room + 7) / 8 * 8);
	s = parts_udp(AF_INET6, &agent);
	assert_int_equal(udp_send(s, &msg, 0), 5);
	d = sent(agent, 5);
	sock_free(s);
	close(agent);
	return d;
}

static void sources_to_send_from_end_where_they_say(void **state)
{
	const size_t v4 = CMSG_LEN(sizeof(struct in_pktinfo));
	const size_t v6 = CMSG_LEN(sizeof(struct in6_pktinfo));
	const struct {
		size_t len;
		int level, type;
		size_t room;
		int family;
	} cases[] = {
		{v4, IPPROTO_IP, IP_PKTINFO, v4, AF_INET},
		{v6, IPPROTO_IPV6, IPV6_PKTINFO, v6, AF_INET6},
		/* shorter than it must be */
		{v4 - 1, IPPROTO_IP, IP_PKTINFO, v4 - 1, 0},
		{v6 - 1, IPPROTO_IPV6, IPV6_PKTINFO, v6 - 1, 0},
		{CMSG_LEN(0), IPPROTO_IP, IP_PKTINFO, CMSG_LEN(0), 0},
		/* longer than all */
		{v4, IPPROTO_IP, IP_PKTINFO, CMSG_LEN(0), 0},
		{v4, IPPROTO_IP, IP_PKTINFO, v4 - 8, 0},
		{v6, IPPROTO_IPV6, IPV6_PKTINFO, CMSG_LEN(8), 0},
		{(size_t)-1, IPPROTO_IPV6, IPV6_PKTINFO, CMSG_LEN(8), 0},
		/* no header, nothing */
		{v4, IPPROTO_IP, IP_PKTINFO, CMSG_LEN(0) - 8, 0},
		{v4, IPPROTO_IP, IP_PKTINFO, 0, 0},
		/* something else */
		{v4, IPPROTO_IPV6, IP_PKTINFO, v4, 0},
		{v4, IPPROTO_IP, IP_TTL, v4, 0},
		{v6, IPPROTO_IP, IPV6_PKTINFO, v6, 0},
		{v6, IPPROTO_IPV6, IPV6_HOPLIMIT, v6, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			send_from(cases[i].len, cases[i].level, cases[i].type, cases[i].room)
				.local.family,
			cases[i].family);
}

static void what_is_no_datagram_is_not_read(void **state)
{
	struct datagram r = {.d.remote.family = AF_INET6};
	struct sockaddr_in names[2];
	struct sockaddr_in *from = &names[0];
	char bytes[4];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_name = names, .msg_namelen = 2, .msg_iov = &iov, .msg_iovlen = 1};
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	/* of the other family; without a byte in it; less than its addresses */
	assert_int_equal(send(agent, &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	r.d.remote.family = AF_INET;
	assert_int_equal(send(agent, &r, sizeof(r.d), 0), sizeof(r.d));
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	assert_int_equal(send(agent, &r, 10, 0), 10);
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	/* whose address goes where there is room */
	memset(names, 0x55, sizeof(names));
	assert_int_equal(send(agent, &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	assert_int_equal(msg.msg_namelen, sizeof(*from));
	assert_int_equal(from->sin_family, AF_INET);
	assert_int_equal(from->sin_port, 0x5555);
	msg.msg_namelen = sizeof(names);
	assert_int_equal(send(agent, &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(udp_recv(s, &msg, 0), 4);
	assert_int_equal(from->sin_port, 0);
	assert_int_equal(names[1].sin_family, 0x5555); /* and no more than that */
	/* while no daemon is there nothing is read, and nothing is sent */
	assert_int_equal(send(agent, &r, sizeof(r), 0), sizeof(r));
	shim.state = SHIM_AWAY;
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	assert_int_equal(send_to(s, &to4, sizeof(to4)), -EAGAIN);
	sent(agent, -1);
	close(agent);
}

struct failure {
	struct shim_dgram d;
	struct shim_error e;
};

static const struct failure failure = {
	.d = {.remote = {.family = AF_INET, .port = 0x1234}, .content = SHIM_ERROR},
	.e = {.error = ECONNREFUSED, .origin = SO_EE_ORIGIN_ICMP, .type = 3},
};

static ssize_t read_error(struct sock *s, struct msghdr *msg)
{
	return udp_recv(s, msg, MSG_ERRQUEUE);
}

/* An error of which not all is there, or for which there is no room in one part, is lost. */
static void errors_are_read_whole(void **state)
{
	char bytes[64];
	struct iovec iov[2] = {{bytes, sizeof(bytes)}, {bytes + 8, sizeof(bytes) - 8}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};
	struct msghdr none = {0};
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	memset(bytes, 1, sizeof(bytes));
	assert_int_equal(send(agent, &failure, sizeof(failure.d) + 4, 0), sizeof(failure.d) + 4);
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	msg.msg_iovlen = 2;
	iov[0].iov_len = 8;
	assert_int_equal(send(agent, &failure, sizeof(failure), 0), sizeof(failure));
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	assert_int_equal(send(agent, &failure, sizeof(failure), 0), sizeof(failure));
	assert_int_equal(udp_recv(s, &none, MSG_TRUNC), -EAGAIN);
	assert_int_equal(read_error(s, &none), -EAGAIN);
	iov[0].iov_len = sizeof(bytes);
	assert_int_equal(send(agent, &failure, sizeof(failure), 0), sizeof(failure));
	assert_int_equal(udp_recv(s, &msg, 0), -ECONNREFUSED);
	/* of the next record not even that is there by which it would be an error */
	assert_int_equal(send(agent, &failure, 10, 0), 10);
	assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
	close(agent);
}

static void have_error(struct sock *s, int agent, const struct shim_error *e)
{
	char bytes[64];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct failure r = {.d = failure.d, .e = *e};

	assert_int_equal(send(agent, &r, sizeof(r), 0), sizeof(r));
	assert_int_equal(udp_recv(s, &msg, 0), -e->error);
}

static void errors_are_given_where_there_is_room(void **state)
{
	union {
		uint8_t bytes[128];
		struct cmsghdr c;
	} control;
	const size_t room =
		CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in));
	struct sockaddr_in about;
	struct msghdr msg = {.msg_name = &about, .msg_namelen = 2, .msg_control = &control};
	struct msghdr none = {.msg_controllen = 128};
	struct sockaddr_in offender;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	memset(&about, 0x55, sizeof(about));
	memset(&control, 0x55, sizeof(control));
	/* it was there, and is gone */
	have_error(s, agent, &failure.e);
	msg.msg_controllen = room - 1;
	assert_int_equal(read_error(s, &msg), 0);
	assert_int_equal(msg.msg_flags, MSG_ERRQUEUE | MSG_CTRUNC);
	assert_int_equal(msg.msg_controllen, 0);
	for (size_t i = 0; i < sizeof(control); i++)
		assert_int_equal(control.bytes[i], 0x55);
	assert_int_equal(msg.msg_namelen, sizeof(about));
	assert_int_equal(about.sin_family, AF_INET);
	assert_int_equal(about.sin_port, 0x5555);
	assert_int_equal(read_error(s, &msg), -EAGAIN);
	/* without any place for it */
	have_error(s, agent, &failure.e);
	assert_int_equal(read_error(s, &none), 0);
	assert_int_equal(none.msg_flags, MSG_ERRQUEUE | MSG_CTRUNC);
	assert_int_equal(none.msg_namelen, 0);
	/* whole; it names no offender where nobody else had a part in it */
	have_error(s, agent, &failure.e);
	msg.msg_controllen = room;
	assert_int_equal(read_error(s, &msg), 0);
	assert_int_equal(msg.msg_flags, MSG_ERRQUEUE);
	assert_int_equal(msg.msg_controllen, room);
	memcpy(&offender, CMSG_DATA(&control.c) + sizeof(struct sock_extended_err),
		sizeof(offender));
	assert_int_equal(offender.sin_family, 0);
	close(agent);
}

/* Refused was a send to one address; there are others with the same bytes. */
static void a_refusal_is_told_to_who_sends_there_again(void **state)
{
	struct shim_error e = {.error = ENETUNREACH, .origin = SO_EE_ORIGIN_NONE};
	struct shim_addr there = {.family = AF_INET, .port = 0x1234, .ip = {198, 51, 100, 7}};
	struct shim_addr other = there;
	struct errqueue q = {0};

	(void)state;
	assert_int_equal(errqueue_refusal(&q, &there), 0);
	assert_int_equal(errqueue_note(&q, &there, &e), -EAGAIN);
	other.family = AF_INET6;
	assert_int_equal(errqueue_refusal(&q, &other), 0);
	other = there;
	other.port = 0x1235;
	assert_int_equal(errqueue_refusal(&q, &other), 0);
	other = there;
	other.ip[3] = 8;
	assert_int_equal(errqueue_refusal(&q, &other), 0);
	assert_int_equal(errqueue_refusal(&q, &there), -ENETUNREACH);
	assert_int_equal(errqueue_refusal(&q, &there), 0);
}

static void options_have_at_most_64_bytes(void **state)
{
	uint8_t value[65] = {1};
	struct shim_opt opt;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	assert_int_equal(udp_setsockopt(s, IPPROTO_IP, IP_OPTIONS, value, 65), -EINVAL);
	parts_not_asked();
	assert_int_equal(s->nb_opts, 0);
	parts_answer(1, SHIM_SETOPT, 0, NULL, 0, -1);
	assert_int_equal(udp_setsockopt(s, IPPROTO_IP, IP_OPTIONS, at_edge(value, 64), 64), 0);
	parts_asked(SHIM_SETOPT, &opt, sizeof(opt));
	assert_int_equal(opt.len, 64);
	/* a number in part of one is none */
	assert_int_equal(udp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, at_edge(value, 3), 3), -EINVAL);
	parts_answer(1, SHIM_SETOPT, 0, NULL, 0, -1);
	assert_int_equal(udp_setsockopt(s, IPPROTO_IP, IP_PKTINFO, at_edge(value, 3), 3), 0);
	assert_false(s->pktinfo);
	parts_answer(1, SHIM_SETOPT, -EPERM, NULL, 0, -1);
	assert_int_equal(udp_setsockopt(s, IPPROTO_IP, IP_PKTINFO, value, 4), -EPERM);
	assert_false(s->pktinfo);
	close(agent);
}

static int set_option(struct sock *s, int level, int name, int value)
{
	struct shim_opt opt;
	int ret;

	parts_answer(1, SHIM_SETOPT, 0, NULL, 0, -1);
	ret = udp_setsockopt(s, level, name, &value, sizeof(value));
	parts_asked(SHIM_SETOPT, &opt, sizeof(opt));
	assert_int_equal(opt.level, level);
	assert_int_equal(opt.name, name);
	return ret;
}

static void packet_information_is_asked_for_by_the_option_of_the_family(void **state)
{
	struct sock *s4;
	struct sock *s6;
	int agent[2];

	(void)state;
	s4 = parts_udp(AF_INET, &agent[0]);
	s6 = parts_udp(AF_INET6, &agent[1]);
	assert_int_equal(set_option(s4, IPPROTO_IPV6, IP_PKTINFO, 1), 0);
	assert_int_equal(set_option(s4, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
	assert_int_equal(set_option(s4, IPPROTO_IP, IP_TTL, 1), 0);
	assert_false(s4->pktinfo);
	assert_int_equal(set_option(s4, IPPROTO_IP, IP_PKTINFO, 1), 0);
	assert_true(s4->pktinfo);
	assert_int_equal(set_option(s4, IPPROTO_IP, IP_PKTINFO, 0), 0);
	assert_false(s4->pktinfo);
	assert_int_equal(s4->nb_opts, 4); /* each is remembered by level and name */
	assert_int_equal(set_option(s6, IPPROTO_IP, IP_PKTINFO, 1), 0);
	assert_int_equal(set_option(s6, IPPROTO_IP, IPV6_RECVPKTINFO, 1), 0);
	assert_int_equal(set_option(s6, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	assert_false(s6->pktinfo);
	assert_int_equal(set_option(s6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
	assert_true(s6->pktinfo);
	close(agent[0]);
	close(agent[1]);
}

/* Options of sockets are the socketpair's, but for those that say which way packets go. */
static void options_of_the_way_are_the_agents(void **state)
{
	int on = 1;
	int value = 0;
	socklen_t len = sizeof(value);
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	assert_int_equal(set_option(s, SOL_SOCKET, SO_MARK, 7), 0);
	assert_int_equal(set_option(s, SOL_SOCKET, SO_BINDTODEVICE, 0x306f6c), 0);
	assert_int_equal(udp_setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(getsockopt(s->fd, SOL_SOCKET, SO_PASSCRED, &value, &len), 0);
	assert_int_equal(value, 1);
	assert_int_equal(udp_setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, 1), -EINVAL);
	parts_not_asked();
	close(agent);
}

/* As the kernel's, when nobody reads at the other end. */
static void a_full_socket_says_so(void **state)
{
	unsigned int n = 0;
	struct sock *s;
	ssize_t ret;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	while ((ret = send_to(s, &to4, sizeof(to4))) == 5)
		assert_true(n++ < 100000);
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(shim.state, SHIM_ATTACHED);
	close(agent);
}

/* In whichever way it shows: openvpn only hears that nothing is there, and the shim looks for it.
 */
static void the_end_of_the_agent_is_no_error(void **state)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	(void)state;
	for (unsigned int way = 0; way < 3; way++) {
		struct sock *s;
		int agent;

		parts_detach(NULL);
		parts_attach(NULL);
		s = parts_udp(AF_INET, &agent);
		if (way == 1) /* not read by the agent: the connection is reset */
			assert_int_equal(send_to(s, &to4, sizeof(to4)), 5);
		close(agent);
		if (way == 2)
			assert_int_equal(send_to(s, &to4, sizeof(to4)), -EAGAIN);
		else
			assert_int_equal(udp_recv(s, &msg, 0), -EAGAIN);
		assert_int_equal(shim.state, SHIM_AWAY);
	}
}

static void a_socket_remembers_twelve_options(void **state)
{
	struct sock *next;
	struct sock *s;
	int agent[2];
	int on = 1;

	(void)state;
	s = parts_udp(AF_INET, &agent[0]);
	next = parts_udp(AF_INET, &agent[1]);
	assert_ptr_equal(next, s + 1);
	for (int i = 0; i < SHIM_OPTS + 2; i++) {
		parts_answer(1, SHIM_SETOPT, 0, NULL, 0, -1);
		assert_int_equal(udp_setsockopt(s, IPPROTO_IP, 100 + i, &on, sizeof(on)), 0);
	}
	assert_int_equal(s->nb_opts, SHIM_OPTS);
	assert_int_equal(next->kind, KIND_UDP);
	assert_int_equal(next->id, 9);
	/* the later value of one that it has */
	on = 2;
	parts_answer(1, SHIM_SETOPT, 0, NULL, 0, -1);
	assert_int_equal(udp_setsockopt(s, IPPROTO_IP, 105, &on, sizeof(on)), 0);
	assert_int_equal(s->nb_opts, SHIM_OPTS);
	assert_int_equal(s->opts[5].value[0], 2);
	assert_int_equal(s->opts[6].value[0], 1);
	close(agent[0]);
	close(agent[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parts_attach, parts_detach)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_to_send_to_end_where_they_say),
		TEST(a_socket_is_bound_to_an_address_of_its_family),
		TEST(a_socket_shows_its_name_where_there_is_room),
		TEST(datagrams_have_at_most_eight_parts),
		TEST(packet_information_is_given_where_there_is_room),
		TEST(packet_information_is_given_to_who_asked),
		TEST(sources_to_send_from_end_where_they_say),
		TEST(what_is_no_datagram_is_not_read),
		TEST(errors_are_read_whole),
		TEST(errors_are_given_where_there_is_room),
		TEST(a_refusal_is_told_to_who_sends_there_again),
		TEST(options_have_at_most_64_bytes),
		TEST(packet_information_is_asked_for_by_the_option_of_the_family),
		TEST(options_of_the_way_are_the_agents),
		TEST(a_full_socket_says_so),
		TEST(the_end_of_the_agent_is_no_error),
		TEST(a_socket_remembers_twelve_options),
	};

	alarm(10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
