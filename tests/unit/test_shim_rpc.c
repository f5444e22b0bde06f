/* SPDX-License-Identifier: BSD-3-Clause */
/* The shim's connection to the agent, and its table of sockets: what does not fit is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/shim_calls.h"
#include "shim/udp.h"
#include "shim_parts.h"

static void an_answer_longer_than_asked_for_is_cut(void **state)
{
	uint8_t answer[SHIM_TEXT];
	uint8_t reply[SHIM_TEXT];

	(void)state;
	memset(answer, 1, sizeof(answer));
	memset(reply, 0x55, sizeof(reply));
	parts_answer(1, SHIM_GETNAME, 0, answer, sizeof(answer), -1);
	assert_int_equal(rpc_call(SHIM_GETNAME, 9, NULL, 0, -1, reply, 4), 4);
	assert_int_equal(reply[3], 1);
	assert_int_equal(reply[4], 0x55);
}

/* Longer than the place for it, it is cut; the connection stays. */
static void a_sentence_may_be_long(void **state)
{
	char sentence[2 * SHIM_TEXT];

	(void)state;
	memset(sentence, 'x', sizeof(sentence));
	parts_answer(1, SHIM_BIND, -EADDRINUSE, sentence, sizeof(sentence), -1);
	parts_answer(2, SHIM_CLOSE, 0, NULL, 0, -1);
	assert_int_equal(rpc_call(SHIM_BIND, 9, NULL, 0, -1, NULL, 0), -EADDRINUSE);
	assert_int_equal(rpc_call(SHIM_CLOSE, 9, NULL, 0, -1, NULL, 0), 0);
	assert_int_equal(shim.state, SHIM_ATTACHED);
}

/* As a plugin's: the connection is openvpn's. */
static void another_process_asks_nothing(void **state)
{
	struct replies q = {0};
	struct msghdr msg = {0};
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	shim.owner = getpid() + 1;
	assert_int_equal(rpc_call(SHIM_CLOSE, 9, NULL, 0, -1, NULL, 0), -ENOTCONN);
	assert_int_equal(rpc_netlink(9, &msg, &q), -ENOTCONN);
	rpc_lost("said by another process");
	assert_int_equal(shim.state, SHIM_ATTACHED);
	sock_close(s);
	parts_not_asked();
	close(agent);
}

/* A netlink request of n parts, and so long in all. */
static ssize_t ask(struct sock *s, size_t n, size_t len)
{
	static uint8_t bytes[SHIM_RECORD_MAX];
	struct nlmsghdr h = {
		.nlmsg_len = sizeof(h) + sizeof(struct genlmsghdr),
		.nlmsg_type = CALLS_FAMILY,
		.nlmsg_seq = CALLS_NL_SEQ,
	};
	struct iovec iov[4 * SHIM_IOV];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

	memcpy(bytes, &h, sizeof(h));
	iov[0] = (struct iovec){bytes, len - (n - 1)};
	for (size_t i = 1; i < n; i++)
		iov[i] = (struct iovec){bytes, 1};
	return genl_send(s, &msg);
}

static ssize_t read_answer(struct sock *s, void *buf, size_t len)
{
	struct iovec iov = {buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return genl_recv(s, &msg, 0);
}

/* One that does not fit has no answer, because openvpn knows at once; and ends nothing. */
static void netlink_requests_fit_a_record(void **state)
{
	const size_t max = SHIM_RECORD_MAX - sizeof(struct shim_hdr);
	static uint8_t got[SHIM_RECORD_MAX];
	struct sock *s = sock_new(KIND_GENL, -1);
	uint8_t byte = 7;

	(void)state;
	for (size_t n = SHIM_IOV + 1; n <= 4 * SHIM_IOV; n *= 2)
		assert_int_equal(ask(s, n, 100), -EMSGSIZE);
	assert_int_equal(ask(s, 1, max + 1), -EMSGSIZE);
	assert_int_equal(ask(s, SHIM_IOV, max + 1), -EMSGSIZE);
	parts_not_asked();
	assert_int_equal(s->replies.tail, 0);
	parts_answer(1, SHIM_NETLINK, 0, &byte, 1, -1);
	assert_int_equal(ask(s, SHIM_IOV, max), max);
	parts_asked(SHIM_NETLINK, got, max);
	assert_int_equal(read_answer(s, got, sizeof(got)), 1);
	assert_int_equal(got[0], 7);
}

/* What openvpn would take for the end of its socket. */
static void records_without_bytes_are_no_answers(void **state)
{
	struct sock *s = sock_new(KIND_GENL, -1);
	uint8_t byte = 7;

	(void)state;
	parts_answer_part(1, SHIM_NETLINK, NULL, 0);
	parts_answer_part(1, SHIM_NETLINK, &byte, 1);
	parts_answer(1, SHIM_NETLINK, 0, NULL, 0, -1);
	assert_int_equal(ask(s, 1, 100), 100);
	byte = 0;
	assert_int_equal(read_answer(s, &byte, 1), 1);
	assert_int_equal(byte, 7);
	assert_int_equal(s->replies.tail, 0);
}

static void requests_that_are_none_are_refused(void **state)
{
	struct sock *s = sock_new(KIND_GENL, -1);
	uint8_t byte = 7;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	(void)state;
	assert_int_equal(genl_send(s, &msg), -EINVAL);
	parts_not_asked();
	assert_int_equal(s->replies.tail, 0);
}

static void ask_in_vain(void *request, size_t len)
{
	struct sock *s = sock_new(KIND_GENL, -1);
	struct iovec iov = {at_edge(request, len), len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack;

	assert_int_equal(genl_send(s, &msg), len);
	assert_int_equal(read_answer(s, &ack, sizeof(ack)), sizeof(ack));
	assert_int_equal(ack.h.nlmsg_type, NLMSG_ERROR);
	assert_int_equal(ack.e.error, -ENOTCONN);
	sock_free(s);
}

/*
 * One that ends with its header has no command; and the command by which openvpn asks the kernel
 * for its family has the number by which 2.7 asks for a peer.
 */
static void without_a_daemon_other_requests_fail(void **state)
{
	struct calls_getfamily r;
	size_t len = calls_getfamily(&r, "ovpn");
	struct iovec iov = {&r, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);

	(void)state;
	assert_true(genl_asks(fd, &msg));
	shim.state = SHIM_FAILED;
	ask_in_vain(&r, len);
	r.h.nlmsg_flags |= NLM_F_DUMP;
	ask_in_vain(&r, len);
	r.h.nlmsg_type = CALLS_FAMILY;
	r.h.nlmsg_len = sizeof(r.h);
	ask_in_vain(&r, sizeof(r.h));
	close(fd);
}

static void errors_of_a_socket_without_any_are_not_answers(void **state)
{
	struct nlmsghdr request = {0};
	struct sock *s = sock_new(KIND_GENL, -1);
	struct msghdr msg = {0};

	(void)state;
	assert_int_equal(replies_error(&s->replies, &request, -EINVAL), 0);
	assert_int_equal(genl_recv(s, &msg, MSG_ERRQUEUE), -EAGAIN);
	assert_true(s->replies.head < s->replies.tail);
}

static void without_a_daemon_there_are_no_notifications(void **state)
{
	uint8_t byte = 7;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(0, &agent);
	s->kind = KIND_GENL;
	assert_int_equal(send(agent, &byte, 1, 0), 1);
	shim.state = SHIM_AWAY;
	assert_int_equal(read_answer(s, &byte, 1), -EAGAIN);
	shim.state = SHIM_ATTACHED;
	assert_int_equal(read_answer(s, &byte, 1), 1);
	/* to read none of its bytes is not the end of the socket */
	assert_int_equal(send(agent, &byte, 1, 0), 1);
	assert_int_equal(read_answer(s, &byte, 0), 0);
	assert_int_equal(shim.state, SHIM_ATTACHED);
	close(agent);
}

/* A netlink socket of the kernel, from which an answer of ours is still to be read. */
static void the_kernels_sockets_stay_when_the_daemon_goes(void **state)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, shim.idle), 0);
	assert_non_null(sock_new(KIND_RTNL, fd));
	away_begin("its end is played");
	assert_int_equal(shim.state, SHIM_AWAY);
	assert_true(nl_is(fd, NETLINK_ROUTE));
	assert_false(shim.away.sessions);
	away_forked();
	assert_true(nl_is(fd, NETLINK_ROUTE));
	close(fd);
}

static void more_sockets_than_there_is_room_for_are_refused(void **state)
{
	struct shim_open open;
	struct sock *s;
	uint32_t id;
	int fd;

	(void)state;
	parts_fill_table();
	assert_null(sock_new(KIND_UDP, 3));
	parts_answer(1, SHIM_OPEN, 0, NULL, 0, -1);
	parts_answer(2, SHIM_CLOSE, 0, NULL, 0, -1);
	assert_int_equal(udp_socket(AF_INET, SOCK_DGRAM), -EMFILE);
	id = parts_asked(SHIM_OPEN, &open, sizeof(open)).id;
	assert_int_equal(parts_asked(SHIM_CLOSE, NULL, 0).id, id);
	assert_int_equal(fcntl(open.fd, F_GETFD), -1); /* its descriptor is closed */
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	parts_answer(1, SHIM_OPEN, 0, NULL, 0, -1);
	parts_answer(2, SHIM_CLOSE, 0, NULL, 0, -1);
	assert_int_equal(genl_adopt(fd, &s), -ENOBUFS);
	id = parts_asked(SHIM_OPEN, &open, sizeof(open)).id;
	assert_int_equal(parts_asked(SHIM_CLOSE, NULL, 0).id, id);
	assert_true(nl_is(fd, NETLINK_GENERIC)); /* and this one the kernel's */
	close(fd);
}

static void a_socket_that_the_agent_refuses_is_none(void **state)
{
	struct shim_open open;
	struct sock *s;
	int fd;

	(void)state;
	parts_answer(1, SHIM_OPEN, -EMFILE, NULL, 0, -1);
	assert_int_equal(udp_socket(AF_INET, SOCK_DGRAM), -EMFILE);
	parts_asked(SHIM_OPEN, &open, sizeof(open));
	assert_int_equal(fcntl(open.fd, F_GETFD), -1);
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	parts_answer(1, SHIM_OPEN, -EMFILE, NULL, 0, -1);
	assert_int_equal(genl_adopt(fd, &s), -EMFILE);
	assert_true(nl_is(fd, NETLINK_GENERIC));
	close(fd);
	assert_int_equal(shim.nb_socks, 0);
}

/* Neither when it is made anew, nor with the options that it had. */
static void a_socket_is_made_anew_in_whole_or_not(void **state)
{
	struct shim_open open;
	struct shim_opt opt;
	struct sock *s;
	int agent;

	(void)state;
	s = parts_udp(AF_INET, &agent);
	s->nb_opts = 1;
	s->bound = true;
	parts_answer(1, SHIM_OPEN, -EMFILE, NULL, 0, -1);
	assert_int_equal(sock_again(s), -EMFILE);
	parts_asked(SHIM_OPEN, &open, sizeof(open));
	parts_not_asked();
	parts_answer(1, SHIM_OPEN, 0, NULL, 0, -1);
	parts_answer(2, SHIM_SETOPT, -EPERM, NULL, 0, -1);
	assert_int_equal(sock_again(s), -EPERM);
	parts_asked(SHIM_OPEN, &open, sizeof(open));
	parts_asked(SHIM_SETOPT, &opt, sizeof(opt));
	parts_not_asked();
	close(agent);
}

static void a_path_is_not_longer_than_an_address(void **state)
{
	char path[8192];
	const size_t lengths[] = {108, 200, sizeof(path) - 1};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(path, 'x', sizeof(path));
		path[lengths[i]] = '\0';
		setenv(SHIM_SOCKET_ENV, path, 1);
		shim.state = SHIM_IDLE;
		shim.told_refused = false;
		assert_int_equal(rpc_attach(), -ECONNREFUSED);
		assert_int_equal(shim.state, SHIM_REFUSED);
	}
	unsetenv(SHIM_SOCKET_ENV);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parts_attach, parts_detach)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_longer_than_asked_for_is_cut),
		TEST(a_sentence_may_be_long),
		TEST(another_process_asks_nothing),
		TEST(netlink_requests_fit_a_record),
		TEST(records_without_bytes_are_no_answers),
		TEST(requests_that_are_none_are_refused),
		TEST(without_a_daemon_other_requests_fail),
		TEST(errors_of_a_socket_without_any_are_not_answers),
		TEST(without_a_daemon_there_are_no_notifications),
		TEST(the_kernels_sockets_stay_when_the_daemon_goes),
		TEST(more_sockets_than_there_is_room_for_are_refused),
		TEST(a_socket_that_the_agent_refuses_is_none),
		TEST(a_socket_is_made_anew_in_whole_or_not),
		TEST(a_path_is_not_longer_than_an_address),
	};

	alarm(10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
