/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim between a program that makes openvpn's calls (shim_calls.c) and an agent whose records
 * are checked here byte for byte. SHIM and SHIM_CALLS in the environment name the two files.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/errqueue.h>

#include "shim_agent.h"
#include "shim_calls.h"
#include "shim_serve.h"

static void serve_links(struct shim_agent *a)
{
	struct shim_link want = {.name = "ovpn0", .mode = 1};
	struct shim_link made;
	struct shim_link gone = {.ifindex = CALLS_IFINDEX};

	strcpy(want.kind, a->version->kind);
	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(want));
	assert_memory_equal(a->body, &want, sizeof(want));
	made = want;
	made.ifindex = CALLS_IFINDEX;
	agent_answer(a, 0, &made, sizeof(made));
	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(want));
	agent_answer(a, -EEXIST, "ovpn0 exists", 12);
	agent_expect(a, SHIM_LINK_DEL, 0, sizeof(gone));
	assert_memory_equal(a->body, &gone, sizeof(gone));
	agent_answer(a, 0, NULL, 0);
}

static void server_start(const char *scenario)
{
	struct shim_addr name = {.family = AF_INET, .port = htons(1194)};
	struct shim_agent a;

	agent_start_calls(&a, scenario);
	serve_available(&a);
	serve_links(&a);
	serve_genl(&a, 2);
	serve_option(&a, 2, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3);
	agent_serve_open(&a, 3, SHIM_KIND_GENL, 0);
	serve_option(&a, 3, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, CALLS_GROUP);
	agent_serve_close(&a, 3);
	agent_serve_open(&a, 4, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 4);
	serve_option(&a, 4, IPPROTO_IP, IP_RECVERR, 1);
	serve_option(&a, 4, SOL_SOCKET, SO_MARK, 7);
	agent_expect(&a, SHIM_GETNAME, 4, 0);
	agent_answer(&a, 0, &name, sizeof(name));
	agent_serve_close(&a, 4);
	/* the number is used again, the id is not */
	agent_serve_open(&a, 5, SHIM_KIND_UDP, AF_INET);
	assert_int_equal(a.numbers[5], a.numbers[4]);
	serve_bind(&a, 5);
	agent_serve_close(&a, 5);
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: ovpn0 exists\n"), 1);
	agent_free(&a);
}

static void server_start_reaches_the_agent_call_by_call(void **state)
{
	(void)state;
	server_start("server_start");
}

static void server_start_of_27_does_too(void **state)
{
	(void)state;
	server_start("2.7:server_start");
}

static void bind_fails_with_the_errno_of_the_agent(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "bind_in_use");
	serve_available(&a);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	agent_expect(&a, SHIM_BIND, 2, sizeof(struct shim_addr));
	agent_answer(&a, -EADDRINUSE, NULL, 0);
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void long_dump_is_read_whole_before_a_notification(void **state)
{
	static uint8_t record[SHIM_RECORD_MAX];
	struct nlmsghdr dump = {sizeof(dump), CALLS_FAMILY, 0x305, CALLS_NL_SEQ, 0};
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "dump");
	serve_hello(&a);
	serve_genl(&a, 1);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(dump));
	assert_memory_equal(a.body, &dump, sizeof(dump));
	for (unsigned int i = 0; i < CALLS_DUMP_RECORDS; i++) {
		size_t len = calls_dump_len(i);

		memset(record, (int)(i + 1) & 0xff, len);
		if (i == CALLS_DUMP_RECORDS / 2)
			assert_int_equal(
				write(a.socks[1], calls_notification, sizeof(calls_notification)),
				sizeof(calls_notification));
		if (i + 1 < CALLS_DUMP_RECORDS)
			agent_answer_part(&a, record, len);
		else
			agent_answer(&a, 0, record, len);
	}
	agent_serve_close(&a, 1);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void datagrams_keep_their_bounds_and_addresses(void **state)
{
	struct shim_dgram d = dgram_from("198.51.100.7", 4000);
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "udp4");
	serve_available(&a);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 2);
	send_dgram(&a, 2, &d, "hello");
	send_dgram(&a, 2, &d, "cut off");
	/* the empty datagram and the one that is too long do not arrive */
	d.remote.port = htons(4000);
	expect_dgram(&a, 2, &d, "reply");
	agent_expect(&a, SHIM_CLOSE, 2, 0);
	assert_int_equal(recv(a.socks[2], &d, sizeof(d), MSG_DONTWAIT), -1);
	agent_answer(&a, 0, NULL, 0);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void dual_stack_multihome_maps_ipv4_both_ways(void **state)
{
	struct shim_dgram d = dgram_from("198.51.100.7", 4000);
	struct shim_dgram v6 = {.remote = {.family = AF_INET6, .port = htons(4000), .scope = 9}};
	struct shim_agent a;

	(void)state;
	inet_pton(AF_INET, "192.0.2.1", d.local.ip);
	inet_pton(AF_INET6, "fe80::1", v6.remote.ip);
	d.local.family = AF_INET;
	d.ifindex = 3;
	agent_start_calls(&a, "udp6_multihome");
	serve_available(&a);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET6);
	serve_option(&a, 2, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	send_dgram(&a, 2, &d, "in");
	expect_dgram(&a, 2, &d, "in");
	expect_dgram(&a, 2, &v6, "v6");
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void send_error(
	struct shim_agent *a, uint32_t id, const char *remote, const struct shim_error *e)
{
	struct shim_dgram d = {.content = SHIM_ERROR};
	uint8_t record[sizeof(d) + sizeof(*e)];
	int family = strchr(remote, ':') != NULL ? AF_INET6 : AF_INET;

	d.remote = (struct shim_addr){.family = (uint16_t)family, .port = htons(4000)};
	assert_int_equal(inet_pton(family, remote, d.remote.ip), 1);
	memcpy(record, &d, sizeof(d));
	memcpy(record + sizeof(d), e, sizeof(*e));
	assert_int_equal(send(a->socks[id], record, sizeof(record), 0), sizeof(record));
}

static const struct shim_error refused = {
	.error = ECONNREFUSED,
	.origin = SO_EE_ORIGIN_ICMP,
	.type = 3,
	.code = 3,
	.offender = {.family = AF_INET, .ip = {203, 0, 113, 9}},
};

static void errors_come_as_from_a_kernel_socket(void **state)
{
	struct shim_dgram d = dgram_from("198.51.100.7", 4000);
	struct shim_dgram other = dgram_from("198.51.100.8", 4000);
	struct shim_error unreachable = refused;
	struct shim_error no_route = {.error = ENETUNREACH, .origin = SO_EE_ORIGIN_NONE};
	struct shim_agent a;

	(void)state;
	unreachable.error = EHOSTUNREACH;
	agent_start_calls(&a, "udp4_errors");
	serve_available(&a);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 2);
	send_error(&a, 2, "198.51.100.7", &refused);
	send_error(&a, 2, "198.51.100.7", &unreachable);
	send_dgram(&a, 2, &d, "hello");
	send_error(&a, 2, "198.51.100.7", &no_route);
	expect_dgram(&a, 2, &other, "one");
	expect_dgram(&a, 2, &d, "two"); /* it is sent all the same */
	expect_dgram(&a, 2, &d, "three");
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void errors_on_a_dual_stack_socket_are_mapped(void **state)
{
	struct shim_error big = {.error = EMSGSIZE,
		.origin = SO_EE_ORIGIN_ICMP6,
		.type = 2,
		.info = 1280,
		.offender = {.family = AF_INET6}};
	struct shim_agent a;

	(void)state;
	inet_pton(AF_INET6, "2001:db8::fe", big.offender.ip);
	agent_start_calls(&a, "udp6_errors");
	serve_available(&a);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET6);
	send_error(&a, 2, "2001:db8::7", &big);
	send_error(&a, 2, "198.51.100.7", &refused);
	for (unsigned int i = 0; i < 20; i++) {
		big.info = 1300 + i;
		send_error(&a, 2, "2001:db8::7", &big);
	}
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

static void agent_death_in_a_request_ends_that_with_enotconn(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "agent_dies_in_request");
	serve_genl_and_udp(&a);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
	agent_die(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: lost ovpn-dpdkd"), 1);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: "), 1);
	agent_free(&a);
}

static void dies_while_idle(const char *scenario)
{
	struct shim_agent a;

	agent_start_calls(&a, scenario);
	serve_genl_and_udp(&a);
	agent_die(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: lost ovpn-dpdkd"), 1);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: "), 1);
	agent_free(&a);
}

static void agent_death_while_idle_wakes_openvpn_once(void **state)
{
	(void)state;
	dies_while_idle("agent_dies_while_idle");
	dies_while_idle("2.7:agent_dies_while_idle");
}

static void agent_that_hangs_is_given_up(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "agent_hangs");
	serve_hello(&a);
	serve_genl(&a, 1);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "no answer in time"), 1);
	agent_free(&a);
}

/* Whoever listens there: what it says is not believed. */
static void answers_that_are_none_end_the_connection(void **state)
{
	enum { MAGIC, TYPE, SEQ, POSITIVE, SHORT, LONG, CUT, NB };

	(void)state;
	for (int fault = 0; fault < NB; fault++) {
		struct shim_agent a;
		struct {
			struct shim_hdr h;
			struct nlmsghdr nl;
			struct nlmsgerr error;
		} r = {.nl = {.nlmsg_len = sizeof(r) - sizeof(r.h), .nlmsg_type = NLMSG_ERROR}};
		size_t len = fault == CUT ? 10 : sizeof(r);

		agent_start_calls(&a, "agent_lies");
		serve_hello(&a);
		serve_genl(&a, 1);
		agent_expect(
			&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
		/* but for the fault: an acknowledgement */
		r.nl.nlmsg_seq = CALLS_NL_SEQ;
		r.h = a.h;
		r.h.flags = SHIM_LAST;
		r.h.len = r.nl.nlmsg_len + (fault == LONG ? 4 : 0) - (fault == SHORT ? 4 : 0);
		r.h.magic ^= fault == MAGIC;
		r.h.type = fault == TYPE ? SHIM_CLOSE : SHIM_NETLINK;
		r.h.seq -= fault == SEQ;
		r.h.error = fault == POSITIVE ? EINVAL : 0;
		assert_int_equal(send(a.conn, &r, len, MSG_NOSIGNAL), (ssize_t)len);
		agent_wait(&a, 0);
		assert_int_equal(agent_said(&a, "its answer is not in the protocol"), 1);
		agent_free(&a);
	}
}

/* ENODEV and ENOMEM end openvpn at once, whatever it had asked. */
static void no_error_of_the_agent_ends_openvpn(void **state)
{
	static const int errors[] = {-ENODEV, -ENOMEM, -EPERM};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct shim_agent a;

		agent_start_calls(&a, "agent_refuses");
		serve_hello(&a);
		serve_genl(&a, 1);
		agent_expect(
			&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
		agent_answer(&a, errors[i], NULL, 0);
		agent_serve_close(&a, 1);
		agent_wait(&a, 0);
		agent_free(&a);
	}
}

static void agent_of_another_version_is_refused(void **state)
{
	uint32_t version = SHIM_VERSION + 1;
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "no_daemon");
	for (unsigned int i = 0; i < 2; i++) { /* asked twice, told once */
		a.last_seq = 0;
		agent_expect(&a, SHIM_HELLO, 0, sizeof(struct shim_hello));
		agent_answer(&a, 0, &version, sizeof(version));
		agent_expect_end(&a);
		close(a.conn);
		a.conn = i == 0 ? accept(a.listen_fd, NULL, NULL) : -1;
	}
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "version 4 of the shim's protocol, this shim 3"), 1);
	agent_free(&a);
}

static void agent_that_speaks_something_else_is_refused(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "no_daemon");
	for (unsigned int i = 0; i < 2; i++) {
		a.last_seq = 0;
		agent_expect(&a, SHIM_HELLO, 0, sizeof(struct shim_hello));
		assert_int_equal(send(a.conn, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", 38, 0), 38);
		agent_expect_end(&a);
		close(a.conn);
		a.conn = i == 0 ? accept(a.listen_fd, NULL, NULL) : -1;
	}
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "but its answer is not in the protocol\n"), 1);
	agent_free(&a);
}

static void tun_is_refused_to_an_attached_openvpn(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "tun");
	serve_available(&a);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "/dev/net/tun is refused"), 2);
	assert_int_equal(agent_said(&a, "(dev-node unix:, or port-share)"), 1);
	agent_free(&a);
}

static void plugins_do_not_notice_the_shim(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "plugin");
	serve_available(&a);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk"), 0);
	agent_free(&a);
}

static void tcp_ends_openvpn_26_with_a_sentence(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "tcp");
	serve_available(&a);
	agent_expect_end(&a);
	agent_wait(&a, 1);
	assert_int_equal(agent_said(&a, "openvpn is configured for TCP"), 1);
	agent_free(&a);
}

/* Its clients on TCP are the daemon's to refuse: see test_agent_families.c. */
static void tcp_does_not_end_openvpn_27(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "2.7:tcp");
	serve_available(&a);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "configured for TCP"), 0);
	agent_free(&a);
}

static void without_daemon_there_is_no_tun_and_no_udp(void **state)
{
	char *argv[] = {getenv("SHIM_CALLS"), (char[]){"no_daemon"}, NULL};
	struct shim_agent a;

	(void)state;
	agent_start(&a, 0, argv);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "no daemon answers on"), 1);
	assert_int_equal(agent_said(&a, "/dev/net/tun is refused"), 2);
	agent_free(&a);
}

/* Named openvpn, by a link. */
static void not_offloaded_there_is_no_tun_no_udp_and_no_tcp(void **state)
{
	char folder[] = "/tmp/test_shim.XXXXXX", path[64];
	char *argv[] = {path, (char[]){"not_offloaded"}, NULL};
	struct shim_agent a;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/openvpn", folder);
	assert_int_equal(symlink(getenv("SHIM_CALLS"), path), 0);
	agent_start(&a, 1, argv);
	agent_wait(&a, 1);
	assert_int_equal(agent_said(&a, "UDP socket is refused"), 2);
	assert_int_equal(agent_said(&a, "openvpn is configured for TCP"), 1);
	assert_int_equal(agent_said(&a, "/dev/net/tun is refused"), 2);
	assert_int_equal(agent_said(&a, "(dev-node unix:, or port-share)"), 1);
	agent_free(&a);
	unlink(path);
	rmdir(folder);
}

static void daemonised_openvpn_goes_on_and_a_plugin_fork_does_no_harm(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "forks");
	serve_hello(&a);
	serve_genl(&a, 1);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	agent_wait(&a, 0); /* the parent has ended */
	serve_bind(&a, 2);
	agent_serve_close(&a, 2);
	agent_serve_close(&a, 1);
	agent_expect_end(&a);
	agent_free(&a);
}

static void check_passive(char *const argv[])
{
	struct shim_agent a;

	agent_start(&a, 1, argv);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk"), 0);
	assert_int_equal(fcntl(a.listen_fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept(a.listen_fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	agent_free(&a);
}

static void other_programs_do_not_notice_the_shim(void **state)
{
	char *calls[] = {getenv("SHIM_CALLS"), (char[]){"passive"}, NULL};
	char *shell[] = {(char[]){"bash"}, (char[]){"-ec"},
		(char[]){"ip link show dev lo >/dev/null; echo x >/dev/udp/127.0.0.1/9; "
			 "[ \"$(cat /etc/hostname | wc -l)\" -ge 0 ]"},
		NULL};

	(void)state;
	check_passive(calls);
	check_passive(shell);
}

/* With an argument: the tests of that name, which may have a * in it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_start_reaches_the_agent_call_by_call),
		cmocka_unit_test(server_start_of_27_does_too),
		cmocka_unit_test(bind_fails_with_the_errno_of_the_agent),
		cmocka_unit_test(long_dump_is_read_whole_before_a_notification),
		cmocka_unit_test(datagrams_keep_their_bounds_and_addresses),
		cmocka_unit_test(dual_stack_multihome_maps_ipv4_both_ways),
		cmocka_unit_test(errors_come_as_from_a_kernel_socket),
		cmocka_unit_test(errors_on_a_dual_stack_socket_are_mapped),
		cmocka_unit_test(agent_death_in_a_request_ends_that_with_enotconn),
		cmocka_unit_test(agent_death_while_idle_wakes_openvpn_once),
		cmocka_unit_test(agent_that_hangs_is_given_up),
		cmocka_unit_test(answers_that_are_none_end_the_connection),
		cmocka_unit_test(no_error_of_the_agent_ends_openvpn),
		cmocka_unit_test(agent_of_another_version_is_refused),
		cmocka_unit_test(agent_that_speaks_something_else_is_refused),
		cmocka_unit_test(tun_is_refused_to_an_attached_openvpn),
		cmocka_unit_test(plugins_do_not_notice_the_shim),
		cmocka_unit_test(tcp_ends_openvpn_26_with_a_sentence),
		cmocka_unit_test(tcp_does_not_end_openvpn_27),
		cmocka_unit_test(without_daemon_there_is_no_tun_and_no_udp),
		cmocka_unit_test(not_offloaded_there_is_no_tun_no_udp_and_no_tcp),
		cmocka_unit_test(daemonised_openvpn_goes_on_and_a_plugin_fork_does_no_harm),
		cmocka_unit_test(other_programs_do_not_notice_the_shim),
	};

	alarm(440);
	if (argc == 2)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
