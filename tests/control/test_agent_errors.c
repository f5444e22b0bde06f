/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about packets from openvpn's ports, as a network sends them: frames into the mirror
 * TAP. The agent's kernel socket collects them, and openvpn must hear of them, within limits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_rig.h"

#define ADDR6	   "2001:db8:9::1"
#define ROUTER4	   "192.0.2.254"
#define ROUTER6	   "2001:db8:9::fe"
#define REMOTE4	   "198.51.100.7"
#define REMOTE6	   "2001:db8:7::7"
#define PER_SECOND 16 /* datagrams.c: ERRORS_HZ */

static uint32_t sum(uint32_t start, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		start += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return start;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t put_ip4(uint8_t *p, uint8_t proto, const char *src, const char *dst, uint16_t payload)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, 20 + payload);
	p[8] = 64;
	p[9] = proto;
	inet_pton(AF_INET, src, p + 12);
	inet_pton(AF_INET, dst, p + 16);
	put16(p + 10, fold(sum(0, p, 20)));
	return 20;
}

static size_t put_ip6(uint8_t *p, uint8_t proto, const char *src, const char *dst, uint16_t payload)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	put16(p + 4, payload);
	p[6] = proto;
	p[7] = 64;
	inet_pton(AF_INET6, src, p + 8);
	inet_pton(AF_INET6, dst, p + 24);
	return 40;
}

/* The head of a datagram from that port of ours to port 4000 of the remote, as errors quote it. */
static size_t put_quoted(uint8_t *p, bool v6, uint16_t port)
{
	size_t n = v6 ? put_ip6(p, IPPROTO_UDP, ADDR6, REMOTE6, 100)
		      : put_ip4(p, IPPROTO_UDP, RIG_ADDR4, REMOTE4, 100);

	put16(p + n, port);
	put16(p + n + 2, 4000);
	put16(p + n + 4, 100);
	put16(p + n + 6, 0x1234);
	return n + 8;
}

/* A router's error about a datagram from that port. */
static void icmp(
	const struct rig *rig, bool v6, uint8_t type, uint8_t code, uint32_t info, uint16_t port)
{
	uint8_t f[256] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe};
	uint8_t *ip = f + 14;
	uint8_t *icmp = ip + (v6 ? 40 : 20);
	size_t len;

	put16(f + 12, v6 ? 0x86dd : 0x0800);
	icmp[0] = type;
	icmp[1] = code;
	put16(icmp + 4, (uint16_t)(info >> 16));
	put16(icmp + 6, (uint16_t)info);
	len = 8 + put_quoted(icmp + 8, v6, port);
	if (v6) {
		put_ip6(ip, IPPROTO_ICMPV6, ROUTER6, ADDR6, (uint16_t)len);
		put16(icmp + 2,
			fold(sum((uint32_t)len + IPPROTO_ICMPV6, ip + 8, 32) + sum(0, icmp, len)));
	} else {
		put_ip4(ip, IPPROTO_ICMP, ROUTER4, RIG_ADDR4, (uint16_t)len);
		put16(icmp + 2, fold(sum(0, icmp, len)));
	}
	len += (size_t)(icmp - f);
	assert_int_equal(write(fake_dp_mirror_fd(rig->dp), f, len), len);
}

/* A bound socket with the options that openvpn sets; its end. */
static int udp_open(struct shim *s, int family, const char *ip, uint16_t port, bool recverr)
{
	struct shim_opt o = {.level = IPPROTO_IP, .name = IP_RECVERR, .len = 4, .value = {1}};
	int udp = shim_open_socket(s, SHIM_KIND_UDP, family, 5, 0);

	if (recverr) {
		assert_int_equal(shim_call(s, SHIM_SETOPT, s->last_id, &o, sizeof(o), -1), 0);
		o.level = IPPROTO_IPV6;
		o.name = IPV6_RECVERR;
		if (family == AF_INET6)
			assert_int_equal(
				shim_call(s, SHIM_SETOPT, s->last_id, &o, sizeof(o), -1), 0);
	}
	assert_int_equal(shim_bind(s, s->last_id, ip, port), 0);
	return udp;
}

/* The next record, which must be an error; false: none in time. */
static bool told(int udp, int wait_ms, struct shim_dgram *d, struct shim_error *e)
{
	uint8_t buf[sizeof(*d) + sizeof(*e) + 1];
	struct pollfd p = {.fd = udp, .events = POLLIN};

	if (poll(&p, 1, wait_ms) == 0)
		return false;
	assert_int_equal(recv(udp, buf, sizeof(buf), 0), sizeof(*d) + sizeof(*e));
	memcpy(d, buf, sizeof(*d));
	memcpy(e, buf + sizeof(*d), sizeof(*e));
	assert_int_equal(d->content, SHIM_ERROR);
	return true;
}

static void address_is(const struct shim_addr *a, int family, const char *text)
{
	char buf[INET6_ADDRSTRLEN];

	assert_int_equal(a->family, family);
	assert_string_equal(inet_ntop(family, a->ip, buf, sizeof(buf)), text);
}

static void each_error_is_told_with_all_that_the_kernel_knows(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t info;
		int error;
		uint32_t told_info;
	} cases[] = {
		{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, ECONNREFUSED, 0},
		{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, EHOSTUNREACH, 0},
		{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0, ENETUNREACH, 0},
		{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0, EHOSTUNREACH, 0},
		{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1300, EMSGSIZE, 1300},
	};
	struct rig *rig = *state;
	struct shim_dgram d;
	struct shim_error e;
	struct shim s;
	int udp;

	shim_attach(&s, rig);
	udp = udp_open(&s, AF_INET, "0.0.0.0", 1194, true);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		icmp(rig, false, cases[i].type, cases[i].code, cases[i].info, 1194);
		assert_true(told(udp, 20000, &d, &e));
		assert_int_equal(e.error, cases[i].error);
		assert_int_equal(e.origin, SO_EE_ORIGIN_ICMP);
		assert_int_equal(e.type, cases[i].type);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(e.info, cases[i].told_info);
		address_is(&e.offender, AF_INET, ROUTER4);
		address_is(&d.remote, AF_INET, REMOTE4);
		assert_int_equal(ntohs(d.remote.port), 4000);
	}
	shim_detach(&s);
	close(udp);
}

static void dual_stack_socket_hears_of_both_families(void **state)
{
	struct rig *rig = *state;
	struct shim_dgram d;
	struct shim_error e;
	struct shim s;
	int udp;

	shim_attach(&s, rig);
	udp = udp_open(&s, AF_INET6, "::", 1194, true);
	/* an address that is being checked takes no packets yet */
	EVENTUALLY(system("ip -6 address show dev fake0 tentative | grep -q .") != 0);
	icmp(rig, true, ICMP6_PACKET_TOO_BIG, 0, 1320, 1194);
	assert_true(told(udp, 20000, &d, &e));
	assert_int_equal(e.error, EMSGSIZE);
	assert_int_equal(e.origin, SO_EE_ORIGIN_ICMP6);
	assert_int_equal(e.info, 1320);
	address_is(&e.offender, AF_INET6, ROUTER6);
	address_is(&d.remote, AF_INET6, REMOTE6);
	icmp(rig, true, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, 0, 1194);
	assert_true(told(udp, 20000, &d, &e));
	assert_int_equal(e.error, ECONNREFUSED);
	icmp(rig, false, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 1194);
	assert_true(told(udp, 20000, &d, &e));
	assert_int_equal(e.error, EHOSTUNREACH);
	assert_int_equal(e.origin, SO_EE_ORIGIN_ICMP);
	address_is(&d.remote, AF_INET6, "::ffff:" REMOTE4);
	address_is(&e.offender, AF_INET6, "::ffff:" ROUTER4);
	shim_detach(&s);
	close(udp);
}

static void only_what_quotes_an_own_port_is_told_and_only_if_asked_for(void **state)
{
	struct rig *rig = *state;
	struct shim_dgram d;
	struct shim_error e;
	struct shim asks, other, quiet;
	int udp[3];

	shim_attach(&asks, rig);
	udp[0] = udp_open(&asks, AF_INET, RIG_ADDR4, 1194, true);
	shim_attach(&other, rig);
	udp[1] = udp_open(&other, AF_INET, "0.0.0.0", 1195, true);
	shim_attach(&quiet, rig);
	udp[2] = udp_open(&quiet, AF_INET, "0.0.0.0", 1196, false);
	icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1197);
	icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1196);
	icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
	assert_true(told(udp[0], 20000, &d, &e));
	for (unsigned int i = 0; i < 3; i++)
		assert_false(told(udp[i], 100, &d, &e));
	shim_detach(&asks);
	shim_detach(&other);
	shim_detach(&quiet);
	for (unsigned int i = 0; i < 3; i++)
		close(udp[i]);
}

static unsigned int count_told(int udp, int wait_ms)
{
	struct shim_dgram d;
	struct shim_error e;
	unsigned int n = 0;

	while (told(udp, wait_ms, &d, &e))
		n++;
	return n;
}

/* Does the agent's socket on that port, which is of this process, collect errors? */
static bool collects(uint16_t port)
{
	struct sockaddr_in name;
	socklen_t len;
	int on = -1;

	for (int fd = 3; fd < 256; fd++) {
		len = sizeof(name);
		if (getsockname(fd, (struct sockaddr *)&name, &len) < 0 ||
			name.sin_family != AF_INET || ntohs(name.sin_port) != port)
			continue;
		len = sizeof(on);
		assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, &len), 0);
	}
	assert_int_not_equal(on, -1);
	return on != 0;
}

static void flood_of_errors_is_told_a_few_times_a_second(void **state)
{
	struct rig *rig = *state;
	struct shim_dgram d;
	struct shim_error e;
	struct shim s;
	unsigned int n;
	time_t began;
	int udp;
	bool all;

	shim_attach(&s, rig);
	udp = udp_open(&s, AF_INET, "0.0.0.0", 1194, true);
	assert_true(collects(1194));
	began = time(NULL);
	for (unsigned int i = 0; i < 3000; i++)
		icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
	for (unsigned int i = 0; (all = collects(1194)) && i < 100000; i++)
		icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
	/* the agent does not read the others one by one: the kernel keeps them for itself */
	assert_false(all);
	n = count_told(udp, 50);
	/* a second may have passed meanwhile, on a busy machine some */
	assert_in_range(n, PER_SECOND, (time(NULL) - began + 2) * PER_SECOND);
	assert_int_equal(count_told(udp, 1200), 0);
	EVENTUALLY(collects(1194));
	icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
	assert_true(told(udp, 20000, &d, &e));
	shim_detach(&s);
	close(udp);
}

/* UDP frames to port 4000 that the kernel sends, until that many have come and then none for a
 * while. */
static unsigned int count_sent(const struct rig *rig, unsigned int want)
{
	struct pollfd p = {.fd = fake_dp_mirror_fd(rig->dp), .events = POLLIN};
	uint8_t f[2048];
	unsigned int n = 0;

	while (poll(&p, 1, n < want ? 20000 : 200) == 1) {
		ssize_t len = read(p.fd, f, sizeof(f));

		if (len > 42 && f[12] == 8 && f[13] == 0 && f[23] == IPPROTO_UDP &&
			be16_load(f + 36) == 4000)
			n++;
	}
	return n;
}

/* The kernel returns a pending error from the next send, whomever that is for. */
static void error_about_one_datagram_does_not_cost_another(void **state)
{
	struct rig *rig = *state;
	struct {
		struct shim_dgram d;
		char payload[4];
	} __attribute__((packed))
	out = {.d = {.remote = {.family = AF_INET, .port = htons(4000), .ip = {192, 0, 2, 7}}}};
	struct shim s;
	int udp;

	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0"), 0);
	shim_attach(&s, rig);
	udp = udp_open(&s, AF_INET, "0.0.0.0", 1194, true);
	for (unsigned int i = 0; i < 40; i++) {
		icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
		assert_int_equal(send(udp, &out, sizeof(out), 0), sizeof(out));
		icmp(rig, false, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 1194);
	}
	assert_int_equal(count_sent(rig, 40), 40);
	assert_int_equal(agent_counts(rig->agent)->send_failed, 0);
	shim_detach(&s);
	close(udp);
}

static void send_that_the_kernel_refuses_is_told(void **state)
{
	struct rig *rig = *state;
	struct {
		struct shim_dgram d;
		char payload[4];
	} __attribute__((packed))
	out = {.d = {.remote = {.family = AF_INET, .port = htons(4000), .ip = {203, 0, 113, 7}}}};
	struct shim_dgram d;
	struct shim_error e;
	struct shim s;
	int udp;

	shim_attach(&s, rig);
	udp = udp_open(&s, AF_INET, "0.0.0.0", 1194, true);
	assert_int_equal(send(udp, &out, sizeof(out), 0), sizeof(out));
	assert_true(told(udp, 20000, &d, &e));
	assert_int_equal(e.error, ENETUNREACH);
	assert_int_equal(e.origin, SO_EE_ORIGIN_NONE);
	address_is(&d.remote, AF_INET, "203.0.113.7");
	assert_int_equal(ntohs(d.remote.port), 4000);
	assert_int_equal(agent_counts(rig->agent)->send_failed, 1);
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(each_error_is_told_with_all_that_the_kernel_knows),
		RIG_TEST(dual_stack_socket_hears_of_both_families),
		RIG_TEST(only_what_quotes_an_own_port_is_told_and_only_if_asked_for),
		RIG_TEST(flood_of_errors_is_told_a_few_times_a_second),
		RIG_TEST(error_about_one_datagram_does_not_cost_another),
		RIG_TEST(send_that_the_kernel_refuses_is_told),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
