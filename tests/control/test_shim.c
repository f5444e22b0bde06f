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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim_agent.h"
#include "shim_calls.h"

static void serve_hello(struct shim_agent *a)
{
	struct shim_hello hello;
	struct stat theirs;
	struct stat ours;

	agent_expect(a, SHIM_HELLO, 0, sizeof(hello));
	memcpy(&hello, a->body, sizeof(hello));
	assert_int_equal(hello.version, SHIM_VERSION);
	assert_int_equal(hello.pid, a->child);
	assert_string_equal(hello.program, "shim_calls");
	assert_int_equal(fstat(a->passed, &theirs), 0);
	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	assert_int_equal(theirs.st_ino, ours.st_ino);
	agent_answer(a, 0, NULL, 0);
}

static void answer_ack(struct shim_agent *a, int error)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack = {.h = {sizeof(ack), NLMSG_ERROR, 0, CALLS_NL_SEQ, 0}, .e = {.error = error}};

	agent_answer(a, 0, &ack, sizeof(ack));
}

/* A genl socket that asks for the family. */
static void serve_genl(struct shim_agent *a, uint32_t id)
{
	struct calls_getfamily asked;
	size_t len = calls_getfamily(&asked, "ovpn-dco-v2");

	agent_serve_open(a, id, SHIM_KIND_GENL, 0);
	agent_expect(a, SHIM_NETLINK, id, len);
	assert_memory_equal(a->body, &asked, len);
	agent_answer_part(a, calls_family_answer, sizeof(calls_family_answer));
	answer_ack(a, 0);
}

/* HELLO, and the family asked for by a socket that is closed at once. */
static void serve_available(struct shim_agent *a)
{
	serve_hello(a);
	serve_genl(a, 1);
	agent_serve_close(a, 1);
}

static void expect_address(struct shim_agent *a, const char *ip, uint16_t port)
{
	struct shim_addr want = {.family = AF_INET, .port = htons(port)};

	inet_pton(AF_INET, ip, want.ip);
	assert_memory_equal(a->body, &want, sizeof(want));
}

static void serve_bind(struct shim_agent *a, uint32_t id)
{
	struct shim_addr bound;

	agent_expect(a, SHIM_BIND, id, sizeof(bound));
	expect_address(a, "192.0.2.1", 1194);
	memcpy(&bound, a->body, sizeof(bound));
	agent_answer(a, 0, &bound, sizeof(bound));
}

static void serve_option(struct shim_agent *a, uint32_t id, int level, int name, int value)
{
	struct shim_opt want = {.level = level, .name = name, .len = sizeof(value)};

	memcpy(want.value, &value, sizeof(value));
	agent_expect(a, SHIM_SETOPT, id, sizeof(want));
	assert_memory_equal(a->body, &want, sizeof(want));
	agent_answer(a, 0, NULL, 0);
}

static void serve_links(struct shim_agent *a)
{
	struct shim_link want = {.name = "ovpn0", .mode = 1, .kind = "ovpn-dco"};
	struct shim_link made = want;
	struct shim_link gone = {.ifindex = CALLS_IFINDEX};

	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(want));
	assert_memory_equal(a->body, &want, sizeof(want));
	made.ifindex = CALLS_IFINDEX;
	agent_answer(a, 0, &made, sizeof(made));
	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(want));
	agent_answer(a, -EEXIST, "ovpn0 exists", 12);
	agent_expect(a, SHIM_LINK_DEL, 0, sizeof(gone));
	assert_memory_equal(a->body, &gone, sizeof(gone));
	agent_answer(a, 0, NULL, 0);
}

static void server_start_reaches_the_agent_call_by_call(void **state)
{
	struct shim_addr name = {.family = AF_INET, .port = htons(1194)};
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "server_start");
	serve_available(&a);
	serve_links(&a);
	serve_genl(&a, 2);
	serve_option(&a, 2, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3);
	agent_serve_open(&a, 3, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 3);
	serve_option(&a, 3, IPPROTO_IP, IP_RECVERR, 1);
	serve_option(&a, 3, SOL_SOCKET, SO_MARK, 7);
	agent_expect(&a, SHIM_GETNAME, 3, 0);
	agent_answer(&a, 0, &name, sizeof(name));
	agent_serve_close(&a, 3);
	/* the number is used again, the id is not */
	agent_serve_open(&a, 4, SHIM_KIND_UDP, AF_INET);
	assert_int_equal(a.numbers[4], a.numbers[3]);
	serve_bind(&a, 4);
	agent_serve_close(&a, 4);
	agent_serve_close(&a, 2);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: ovpn0 exists\n"), 1);
	agent_free(&a);
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

static struct shim_dgram dgram_from(const char *remote, uint16_t port)
{
	struct shim_dgram d = {.remote = {.family = AF_INET, .port = htons(port)}};

	inet_pton(AF_INET, remote, d.remote.ip);
	return d;
}

static void send_dgram(
	struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text)
{
	struct iovec iov[2] = {
		{(void *)(uintptr_t)d, sizeof(*d)}, {(void *)(uintptr_t)text, strlen(text)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	assert_int_equal(sendmsg(a->socks[id], &msg, 0), sizeof(*d) + strlen(text));
}

static void expect_dgram(
	struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text)
{
	uint8_t buf[256];
	struct pollfd p = {.fd = a->socks[id], .events = POLLIN};

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(recv(a->socks[id], buf, sizeof(buf), 0), sizeof(*d) + strlen(text));
	assert_memory_equal(buf, d, sizeof(*d));
	assert_memory_equal(buf + sizeof(*d), text, strlen(text));
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

static void serve_genl_and_udp(struct shim_agent *a)
{
	serve_hello(a);
	serve_genl(a, 1);
	agent_serve_open(a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(a, 2);
}

static void agent_death_in_a_request_ends_it_with_enotconn(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "agent_dies_in_request");
	serve_genl_and_udp(&a);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr));
	agent_die(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: lost ovpn-dpdkd"), 1);
	agent_free(&a);
}

static void agent_death_while_idle_wakes_openvpn_once(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "agent_dies_while_idle");
	serve_genl_and_udp(&a);
	agent_die(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: lost ovpn-dpdkd"), 1);
	agent_free(&a);
}

static void agent_that_hangs_is_given_up(void **state)
{
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "agent_hangs");
	serve_hello(&a);
	serve_genl(&a, 1);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr));
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "no answer in time"), 1);
	agent_free(&a);
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
	assert_int_equal(agent_said(&a, "version 3 of the shim's protocol, this shim 2"), 1);
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
	assert_int_equal(agent_said(&a, "/dev/net/tun is refused"), 1);
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
	assert_int_equal(agent_said(&a, "/dev/net/tun is refused"), 1);
	agent_free(&a);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_start_reaches_the_agent_call_by_call),
		cmocka_unit_test(bind_fails_with_the_errno_of_the_agent),
		cmocka_unit_test(long_dump_is_read_whole_before_a_notification),
		cmocka_unit_test(datagrams_keep_their_bounds_and_addresses),
		cmocka_unit_test(dual_stack_multihome_maps_ipv4_both_ways),
		cmocka_unit_test(agent_death_in_a_request_ends_it_with_enotconn),
		cmocka_unit_test(agent_death_while_idle_wakes_openvpn_once),
		cmocka_unit_test(agent_that_hangs_is_given_up),
		cmocka_unit_test(agent_of_another_version_is_refused),
		cmocka_unit_test(tun_is_refused_to_an_attached_openvpn),
		cmocka_unit_test(without_daemon_there_is_no_tun_and_no_udp),
		cmocka_unit_test(daemonised_openvpn_goes_on_and_a_plugin_fork_does_no_harm),
		cmocka_unit_test(other_programs_do_not_notice_the_shim),
	};

	alarm(90);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
