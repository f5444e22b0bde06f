/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim from the end of one daemon to the next: what the next is told, what openvpn notices, and
 * how openvpn ends where it cannot go on. SHIM and SHIM_CALLS in the environment name the two
 * files.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim_agent.h"
#include "shim_calls.h"
#include "shim_serve.h"

static struct shim_link ovpn0(const struct shim_agent *a)
{
	struct shim_link link = {.name = "ovpn0", .mode = 1};

	strcpy(link.kind, a->version->kind);
	return link;
}

static void serve_member(struct shim_agent *a, uint32_t id)
{
	serve_option(a, id, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3);
}

/* A device, for which a pipe's writing end stands: all that has it open is alive. The reading end.
 */
static int serve_device(struct shim_agent *a)
{
	struct shim_link made = ovpn0(a);
	int device[2];

	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(made));
	assert_int_equal(a->passed, -1);
	assert_memory_equal(a->body, &made, sizeof(made));
	made.ifindex = CALLS_IFINDEX;
	assert_int_equal(pipe2(device, O_CLOEXEC), 0);
	agent_answer_fd(a, &made, sizeof(made), device[1]);
	close(device[1]);
	return device[0];
}

/* From the beginning: netlink is 1, UDP is 2. Returns the other end of the device. */
static int serve_session(struct shim_agent *a)
{
	int device;

	serve_hello(a);
	serve_genl(a, 1);
	serve_member(a, 1);
	device = serve_device(a);
	agent_serve_open(a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(a, 2);
	return device;
}

/* Offered back, with its descriptor. */
static void expect_device(struct shim_agent *a, int device)
{
	struct shim_link want = ovpn0(a);
	struct stat theirs;
	struct stat ours;

	want.ifindex = CALLS_IFINDEX;
	agent_expect(a, SHIM_LINK_NEW, 0, sizeof(want));
	assert_memory_equal(a->body, &want, sizeof(want));
	assert_true(a->passed >= 0);
	assert_int_equal(fstat(a->passed, &theirs), 0);
	assert_int_equal(fstat(device, &ours), 0);
	assert_int_equal(theirs.st_ino, ours.st_ino);
}

static void answer_device(struct shim_agent *a)
{
	struct shim_link made = ovpn0(a);

	made.ifindex = CALLS_IFINDEX;
	agent_answer(a, 0, &made, sizeof(made));
}

/* Sockets genl and udp of before are made anew, in place. */
static void serve_sockets(struct shim_agent *a, const int numbers[2], uint32_t genl)
{
	agent_serve_open(a, genl, SHIM_KIND_GENL, 0);
	assert_int_equal(a->numbers[genl], numbers[0]);
	serve_member(a, genl);
	agent_serve_open(a, genl + 1, SHIM_KIND_UDP, AF_INET);
	assert_int_equal(a->numbers[genl + 1], numbers[1]);
	serve_option(a, genl + 1, IPPROTO_IP, IP_PKTINFO, 1);
	serve_option(a, genl + 1, SOL_SOCKET, SO_MARK, 8);
	serve_bind(a, genl + 1);
}

/* Both sockets carry. */
static void exchange(struct shim_agent *a, uint32_t genl)
{
	struct shim_dgram d = dgram_from("198.51.100.7", 4000);

	send_dgram(a, genl + 1, &d, "hello");
	expect_dgram(a, genl + 1, &d, "reply");
	assert_int_equal(send(a->socks[genl], calls_notification, sizeof(calls_notification), 0),
		sizeof(calls_notification));
}

static void comes_back(const char *scenario)
{
	struct shim_agent a;
	int numbers[2];
	int device;

	agent_start_calls(&a, scenario);
	device = serve_session(&a);
	serve_option(&a, 2, IPPROTO_IP, IP_PKTINFO, 1);
	serve_option(&a, 2, SOL_SOCKET, SO_MARK, 7);
	serve_option(&a, 2, SOL_SOCKET, SO_MARK, 8);
	memcpy(numbers, a.numbers + 1, sizeof(numbers));
	/* first with a pause and a crash in the middle, then at once */
	agent_leave(&a);
	usleep(600000);
	agent_return(&a);
	agent_accept(&a);
	serve_hello(&a);
	serve_sockets(&a, numbers, 3);
	expect_device(&a, device);
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	serve_sockets(&a, numbers, 5);
	expect_device(&a, device);
	answer_device(&a);
	exchange(&a, 5);
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	serve_sockets(&a, numbers, 7);
	expect_device(&a, device);
	answer_device(&a);
	exchange(&a, 7);
	agent_serve_close(&a, 8);
	agent_serve_close(&a, 7);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: lost ovpn-dpdkd"), 2);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: attached to ovpn-dpdkd again"), 2);
	close(device);
	agent_free(&a);
}

static void next_daemon_gets_everything_in_place(void **state)
{
	(void)state;
	comes_back("comes_back");
}

/* It waits by epoll, out of which a descriptor falls when another file is put in its place. */
static void next_daemon_gets_everything_of_27_too(void **state)
{
	(void)state;
	comes_back("2.7:comes_back");
}

static void what_was_asked_meanwhile_is_done_later(void **state)
{
	struct shim_dgram to = dgram_from("198.51.100.7", 4000);
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "asked_while_away");
	serve_hello(&a);
	serve_genl(&a, 1);
	serve_member(&a, 1);
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 2);
	agent_leave(&a);
	usleep(300000);
	agent_return(&a);
	/* one that ends before it has said anything is none */
	agent_accept(&a);
	agent_expect(&a, SHIM_HELLO, 0, sizeof(struct shim_hello));
	agent_die(&a);
	/* and one that is slow is waited for */
	agent_accept(&a);
	usleep(300000);
	serve_hello(&a);
	agent_serve_open(&a, 4, SHIM_KIND_GENL, 0);
	serve_member(&a, 4);
	agent_serve_open(&a, 5, SHIM_KIND_UDP, AF_INET);
	serve_option(&a, 5, SOL_SOCKET, SO_MARK, 9);
	serve_bind(&a, 5);
	serve_genl(&a, 6);
	agent_serve_close(&a, 6);
	expect_dgram(&a, 5, &to, "reply");
	agent_serve_close(&a, 5);
	agent_serve_close(&a, 4);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

/* Asking for the family waits for a daemon, also when it is what finds that there is none. */
static void end_of_a_daemon_is_noticed_by_who_asks_for_the_family(void **state)
{
	struct shim_agent a;
	int status;

	(void)state;
	agent_start_calls(&a, "asks_after_a_pause");
	serve_available(&a);
	/* a device that was removed is none that ends with the daemon */
	close(serve_device(&a));
	agent_expect(&a, SHIM_LINK_DEL, 0, sizeof(struct shim_link));
	agent_answer(&a, 0, NULL, 0);
	assert_int_equal(waitpid(a.child, &status, WUNTRACED), a.child);
	assert_true(WIFSTOPPED(status));
	agent_leave(&a);
	assert_int_equal(kill(a.child, SIGCONT), 0);
	usleep(300000);
	agent_return(&a);
	agent_accept(&a);
	serve_hello(&a);
	serve_genl(&a, 3);
	agent_serve_close(&a, 3);
	/* the next one ends in the middle of the question */
	agent_serve_open(&a, 4, SHIM_KIND_GENL, 0);
	expect_family(&a, 4);
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	agent_serve_open(&a, 5, SHIM_KIND_GENL, 0);
	serve_family(&a, 5);
	agent_serve_close(&a, 5);
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	close(serve_device(&a));
	agent_expect_end(&a);
	agent_wait(&a, 0);
	agent_free(&a);
}

/* Attached as openvpn with a device, then the daemon goes. */
static int start_and_leave(struct shim_agent *a)
{
	int device;

	agent_start_calls(a, "ends");
	serve_hello(a);
	serve_genl(a, 1);
	serve_member(a, 1);
	device = serve_device(a);
	agent_serve_open(a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(a, 2);
	agent_leave(a);
	return device;
}

static void come_back(struct shim_agent *a)
{
	agent_return(a);
	agent_accept(a);
	serve_hello(a);
	agent_serve_open(a, 3, SHIM_KIND_GENL, 0);
	serve_member(a, 3);
	agent_serve_open(a, 4, SHIM_KIND_UDP, AF_INET);
}

/* openvpn, sent SIGTERM, ends well: and yet not with status 0. */
static void expect_failure(struct shim_agent *a, const char *sentence)
{
	agent_wait(a, 1);
	assert_int_equal(agent_said(a, sentence), 1);
	assert_int_equal(agent_said(a, "ending this process\n"), 1);
	agent_free(a);
}

/* It may go on, and must not take the end of the connection for openvpn's: it is told. */
static void daemon_that_hangs_is_to_leave_the_device(void **state)
{
	struct shim_link left;
	struct shim_agent a;
	int device;

	(void)state;
	agent_start_calls(&a, "waits_in_vain");
	device = serve_session(&a);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
	agent_expect(&a, SHIM_LINK_LEAVE, 0, sizeof(left));
	left = ovpn0(&a);
	left.ifindex = CALLS_IFINDEX;
	assert_memory_equal(a.body, &left, sizeof(left));
	agent_expect_end(&a);
	/* the same daemon */
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	agent_serve_open(&a, 3, SHIM_KIND_GENL, 0);
	serve_member(&a, 3);
	agent_serve_open(&a, 4, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 4);
	expect_device(&a, device);
	answer_device(&a);
	agent_serve_close(&a, 4);
	agent_serve_close(&a, 3);
	agent_expect_end(&a);
	agent_wait(&a, 0);
	assert_int_equal(agent_said(&a, "lost ovpn-dpdkd (no answer in time)"), 1);
	assert_int_equal(agent_said(&a, "attached to ovpn-dpdkd again"), 1);
	close(device);
	agent_free(&a);
}

static void refused_device_ends_openvpn(void **state)
{
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	come_back(&a);
	serve_bind(&a, 4);
	expect_device(&a, device);
	agent_answer(&a, -EBUSY, NULL, 0);
	agent_expect_end(&a);
	expect_failure(&a, "is back, but does not take ovpn0 back (Device or resource busy)");
	close(device);
}

/* Whatever it is that the daemon has: what openvpn has set up is not on it. */
static void another_device_ends_openvpn(void **state)
{
	struct shim_link made;
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	come_back(&a);
	serve_bind(&a, 4);
	expect_device(&a, device);
	made = ovpn0(&a);
	made.ifindex = CALLS_IFINDEX + 1;
	agent_answer(&a, 0, &made, sizeof(made));
	agent_expect_end(&a);
	expect_failure(&a, "is back, but does not take ovpn0 back (No such device)");
	close(device);
}

/* A daemon that gave no descriptor of the device takes it along. */
static void device_that_nothing_keeps_ends_openvpn_at_once(void **state)
{
	struct shim_link made;
	struct shim_agent a;

	(void)state;
	agent_start_calls(&a, "ends");
	serve_hello(&a);
	serve_genl(&a, 1);
	serve_member(&a, 1);
	agent_expect(&a, SHIM_LINK_NEW, 0, sizeof(made));
	made = ovpn0(&a);
	made.ifindex = CALLS_IFINDEX;
	agent_answer(&a, 0, &made, sizeof(made));
	agent_serve_open(&a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 2);
	agent_leave(&a);
	expect_failure(&a, ", and the device with it");
}

static void refused_address_ends_openvpn(void **state)
{
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	come_back(&a);
	agent_expect(&a, SHIM_BIND, 4, sizeof(struct shim_addr));
	agent_answer(&a, -EADDRINUSE, NULL, 0);
	agent_expect_end(&a);
	expect_failure(&a, "does not take a socket back (Address already in use)");
	close(device);
}

static void address_that_is_not_there_yet_is_waited_for(void **state)
{
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	come_back(&a);
	agent_expect(&a, SHIM_BIND, 4, sizeof(struct shim_addr));
	agent_answer(&a, -EADDRNOTAVAIL, NULL, 0);
	agent_expect_end(&a);
	agent_die(&a);
	agent_accept(&a);
	serve_hello(&a);
	agent_serve_open(&a, 5, SHIM_KIND_GENL, 0);
	serve_member(&a, 5);
	agent_serve_open(&a, 6, SHIM_KIND_UDP, AF_INET);
	serve_bind(&a, 6);
	expect_device(&a, device);
	answer_device(&a);
	/* nothing of its device was given to a connection that ended */
	assert_int_equal(kill(a.child, SIGKILL), 0);
	assert_int_equal(waitpid(a.child, NULL, 0), a.child);
	close(device);
	agent_free(&a);
}

static void daemon_of_another_version_ends_openvpn(void **state)
{
	static const char why[] = "shim and daemon are of different versions";
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	agent_return(&a);
	agent_accept(&a);
	agent_expect(&a, SHIM_HELLO, 0, sizeof(struct shim_hello));
	agent_answer(&a, -EPROTO, why, sizeof(why) - 1);
	agent_expect_end(&a);
	expect_failure(&a, why);
	close(device);
}

static void no_daemon_in_time_ends_openvpn(void **state)
{
	struct shim_agent a;
	int device;

	(void)state;
	device = start_and_leave(&a);
	expect_failure(&a, "did not come back in 30 seconds");
	close(device);
}

static void serve_without_device(struct shim_agent *a, const char *scenario)
{
	agent_start_calls(a, scenario);
	serve_hello(a);
	serve_genl(a, 1);
	serve_member(a, 1);
	agent_serve_open(a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(a, 2);
	usleep(200000);
}

static void another_root_directory_ends_openvpn_at_once(void **state)
{
	struct shim_agent a;

	(void)state;
	serve_without_device(&a, "ends_in_another_root");
	agent_die(&a);
	agent_wait(&a, 3);
	assert_int_equal(agent_said(&a, "ovpn-dpdk: "), 1);
	assert_int_equal(agent_said(&a, "chroot"), 1);
	agent_free(&a);
}

static void lost_rights_end_openvpn(void **state)
{
	struct shim_agent a;

	(void)state;
	serve_without_device(&a, "ends_without_rights");
	agent_die(&a);
	expect_failure(&a, "has no right to attach again");
}

static void end_is_noticed_while_a_plugins_helper_lives(void **state)
{
	struct pollfd p[3];
	struct nlmsgerr e = {0};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack = {{sizeof(ack), NLMSG_ERROR, 0, CALLS_NL_SEQ, 0}, e};
	struct shim_agent a;
	int device;
	int status;

	(void)state;
	agent_start_calls(&a, "leaves_a_helper");
	device = serve_session(&a);
	agent_expect(&a, SHIM_NETLINK, 1, sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr));
	agent_answer(&a, 0, &ack, sizeof(ack));
	assert_int_equal(waitpid(a.child, &status, 0), a.child);
	assert_true(WIFSIGNALED(status));
	p[0] = (struct pollfd){.fd = a.conn, .events = POLLIN};
	p[1] = (struct pollfd){.fd = a.socks[2], .events = POLLIN};
	p[2] = (struct pollfd){.fd = device, .events = POLLIN};
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(poll(&p[i], 1, 1000), 1);
		assert_true((p[i].revents & POLLHUP) != 0);
	}
	close(device);
	agent_free(&a);
}

/* With an argument: the tests of that name, which may have a * in it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_daemon_gets_everything_in_place),
		cmocka_unit_test(next_daemon_gets_everything_of_27_too),
		cmocka_unit_test(what_was_asked_meanwhile_is_done_later),
		cmocka_unit_test(end_of_a_daemon_is_noticed_by_who_asks_for_the_family),
		cmocka_unit_test(daemon_that_hangs_is_to_leave_the_device),
		cmocka_unit_test(refused_device_ends_openvpn),
		cmocka_unit_test(another_device_ends_openvpn),
		cmocka_unit_test(device_that_nothing_keeps_ends_openvpn_at_once),
		cmocka_unit_test(refused_address_ends_openvpn),
		cmocka_unit_test(address_that_is_not_there_yet_is_waited_for),
		cmocka_unit_test(daemon_of_another_version_ends_openvpn),
		cmocka_unit_test(another_root_directory_ends_openvpn_at_once),
		cmocka_unit_test(lost_rights_end_openvpn),
		cmocka_unit_test(end_is_noticed_while_a_plugins_helper_lives),
		cmocka_unit_test(no_daemon_in_time_ends_openvpn),
	};

	alarm(440);
	if (argc == 2)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
