/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that move, and what openvpn 2.6, which cannot be told, sees of it: the real agent over
 * fake_dp. Of 2.7: test_agent_told.c. */
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
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_v2_capture.h"
#include "moved.h"
#include "dataplane/dp_view.h"

static const struct ip_addr second = {IP_V4, {192, 0, 2, 2}};

static int add_peer(struct shim *s, uint32_t id, uint8_t n)
{
	char text[IP_STRLEN];
	struct udp_addr a = from(n);

	return shim_new_peer(s, id, ip_str(&a.ip, text), a.port);
}

static int del_peer(struct shim *s, uint32_t id)
{
	return shim_request(s, capture_del_peer, sizeof(capture_del_peer), id);
}

static void data_and_control_follow_the_peer(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_int_equal(goes_to(rig, udp, HOME), HOME);
	float_to(rig, &s, 1, MOVED);
	EVENTUALLY(is_at(rig, &s, 1, MOVED));
	assert_int_equal(name(rig, &s, udp, MOVED), HOME);
	assert_int_equal(goes_to(rig, udp, HOME), MOVED);
	assert_int_equal(agent_counts(rig->agent)->floats, 1);
	/* said again: an event that was late */
	float_to(rig, &s, 1, MOVED);
	/* and back */
	float_to(rig, &s, 1, HOME);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	assert_int_equal(goes_to(rig, udp, HOME), HOME);
	assert_int_equal(goes_to(rig, udp, MOVED), MOVED);
	assert_int_equal(agent_counts(rig->agent)->floats, 2);
	shim_detach(&s);
	close(udp);
}

/* Peer 1 comes, and floats. */
static void home_then_moved(struct rig *rig, struct shim *s)
{
	neighbours();
	assert_int_equal(add_peer(s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, s, 1, HOME));
	float_to(rig, s, 1, MOVED);
	EVENTUALLY(is_at(rig, s, 1, MOVED));
}

/* Its old address is somebody else's now, and openvpn must not take one for the other. */
static void newcomer_at_the_old_address_is_another(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	home_then_moved(rig, &s);
	assert_int_equal(name(rig, &s, udp, HOME), MOVED);
	assert_int_equal(goes_to(rig, udp, MOVED), HOME);
	assert_int_equal(name(rig, &s, udp, 9), 9);
	/* it has connected, as openvpn sees it from MOVED */
	assert_int_equal(add_peer(&s, 2, MOVED), 0);
	EVENTUALLY(is_at(rig, &s, 2, HOME));
	assert_true(is_at(rig, &s, 1, MOVED));
	/* the alias of the first ends with it, that of the second does not */
	assert_int_equal(del_peer(&s, 1), 0);
	assert_int_equal(name(rig, &s, udp, HOME), MOVED);
	assert_int_equal(goes_to(rig, udp, MOVED), HOME);
	assert_int_equal(name(rig, &s, udp, MOVED), HOME);
	assert_int_equal(del_peer(&s, 2), 0);
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	shim_detach(&s);
	close(udp);
}

static void nobody_floats_to_where_another_peer_is(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	assert_int_equal(add_peer(&s, 2, MOVED), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME) && is_at(rig, &s, 2, MOVED));
	float_to(rig, &s, 2, HOME);
	EVENTUALLY(agent_counts(rig->agent)->floats_refused == 1);
	assert_true(is_at(rig, &s, 2, MOVED));
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_int_equal(goes_to(rig, udp, HOME), HOME);
	/* nobody is there any more; openvpn need not have heard of it */
	fake_dp_expire(rig->dp, s.iid, 1, 2);
	float_to(rig, &s, 2, HOME);
	EVENTUALLY(is_at(rig, &s, 2, HOME));
	assert_int_equal(name(rig, &s, udp, HOME), MOVED);
	/* peers that there are not */
	float_to(rig, &s, 3, 9);
	float_to(rig, &s, 1, 9);
	float_to(rig, &s, 2, 9);
	EVENTUALLY(is_at(rig, &s, 2, 9));
	assert_int_equal(agent_counts(rig->agent)->floats, 2);
	assert_int_equal(agent_counts(rig->agent)->floats_refused, 1);
	shim_detach(&s);
	close(udp);
}

/* What the data plane does not do, or not now, openvpn's control packets do not either. */
static void float_that_was_not_done_leaves_all_as_it_was(void **state)
{
	static const int errors[] = {-EAGAIN, -EINVAL, -ENOMEM};
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_dp_fail(rig->dp, errors[i]);
		float_to(rig, &s, 1, MOVED);
		assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
		assert_int_equal(goes_to(rig, udp, HOME), HOME);
	}
	fake_dp_fail(rig->dp, 0);
	assert_true(is_at(rig, &s, 1, HOME));
	assert_int_equal(agent_counts(rig->agent)->floats, 0);
	shim_detach(&s);
	close(udp);
}

static void answers_leave_from_the_address_that_was_reached(void **state)
{
	struct rig *rig = *state;
	struct udp_addr home = from(HOME), here = to(&second);
	struct dp_path path = {0};
	struct shim s;
	uint8_t ours = 0;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	assert_int_equal(system("ip addr add 192.0.2.2/24 dev fake0"), 0);
	/* as openvpn has it, the peer wrote to the first */
	assert_int_equal(name_of(rig, &s, udp, HOME, &first, &ours), HOME);
	assert_int_equal(ours, 1);
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	fake_dp_float(rig->dp, s.iid, 1, &home, &here);
	EVENTUALLY(fake_dp_path(rig->dp, s.iid, 1, &path) && path.local.ip.b[3] == 2);
	assert_int_equal(path.local.port, 1194);
	assert_int_equal(name_of(rig, &s, udp, HOME, &second, &ours), HOME);
	assert_int_equal(ours, 1);
	write_to(udp, HOME);
	assert_int_equal(sent_to(rig, &ours), HOME);
	assert_int_equal(ours, 2);
	shim_detach(&s);
	close(udp);
}

/* openvpn writes RESTART and removes the peer at once: two sockets, one order. */
static void goodbye_reaches_a_peer_that_floated(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(add_peer(&s, i, HOME), 0);
		EVENTUALLY(is_at(rig, &s, i, HOME));
		float_to(rig, &s, i, MOVED);
		EVENTUALLY(is_at(rig, &s, i, MOVED));
		write_to(udp, HOME);
		assert_int_equal(del_peer(&s, i), 0);
		assert_int_equal(sent_to(rig, NULL), MOVED);
	}
	shim_detach(&s);
	close(udp);
}

/* All of it, when the agent has been slow: openvpn waits until its request is answered. */
static void whole_goodbye_reaches_a_peer_that_floated(void **state)
{
	enum { DATAGRAMS = 100 };
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	home_then_moved(rig, &s);
	rig_hold(rig);
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		write_to(udp, HOME);
	shim_send_request(&s, capture_del_peer, sizeof(capture_del_peer), 1);
	rig_release();
	assert_int_equal(shim_answer(&s), 0);
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		assert_int_equal(sent_to(rig, NULL), MOVED);
	shim_detach(&s);
	close(udp);
}

/* A client's openvpn that has a new peer at once has no other: nor has it that one's names. */
static void peer_that_is_replaced_leaves_no_name(void **state)
{
	struct rig *rig = *state;
	enum dp_mode mode;
	struct shim s;
	int udp;

	shim_attach_genl(&s, rig, 0);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1194), 0);
	assert_int_equal(shim_link(&s, "ovpn0", DP_MODE_P2P), 0);
	s.iid = fake_dp_newest(rig->dp, &mode);
	neighbours();
	assert_int_equal(add_peer(&s, 5, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 5, HOME));
	float_to(rig, &s, 5, MOVED);
	EVENTUALLY(is_at(rig, &s, 5, MOVED));
	assert_int_equal(goes_to(rig, udp, HOME), MOVED);
	assert_int_equal(add_peer(&s, 12, 9), 0);
	EVENTUALLY(is_at(rig, &s, 12, 9));
	assert_int_equal(goes_to(rig, udp, HOME), HOME);
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	shim_detach(&s);
	close(udp);
}

/* Two processes, each with a peer 1: what happens to the one's is nothing to the other. */
static void each_process_hears_of_its_own_peers(void **state)
{
	struct rig *rig = *state;
	struct udp_addr there = from(MOVED), here = {.ip = first, .port = 1300};
	enum dp_mode mode;
	struct shim mine, s;
	int udp[2];
	uint8_t byte;

	udp[0] = shim_server(&mine, rig, "ovpn0", 0);
	shim_attach_genl(&s, rig, 0);
	assert_int_equal(shim_link(&s, "ovpn1", DP_MODE_MP), 0);
	udp[1] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1300), 0);
	s.iid = fake_dp_newest(rig->dp, &mode);
	neighbours();
	assert_int_equal(add_peer(&mine, 1, HOME), 0);
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &mine, 1, HOME) && is_at(rig, &s, 1, HOME));
	fake_dp_float(rig->dp, s.iid, 1, &there, &here);
	EVENTUALLY(is_at(rig, &s, 1, MOVED));
	assert_true(is_at(rig, &mine, 1, HOME));
	assert_int_equal(name(rig, &s, udp[1], MOVED), HOME);
	assert_int_equal(recv(udp[0], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(name(rig, &mine, udp[0], MOVED), MOVED);
	shim_detach(&mine);
	shim_detach(&s);
	close(udp[0]);
	close(udp[1]);
}

/* What is said on standard error since. */
static int log_begin(int *saved)
{
	int file = memfd_create("log", MFD_CLOEXEC);

	assert_true(file >= 0);
	*saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	return file;
}

/* How many lines with that word there were; all of them are printed. */
static unsigned int log_end(int file, int saved, const char *word)
{
	unsigned int n = 0;
	char line[1024];
	FILE *f;

	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	f = fdopen(file, "r");
	assert_non_null(f);
	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		n += strstr(line, word) != NULL;
		fputs(line, stderr);
	}
	fclose(f);
	return n;
}

/* Whoever has many peers, or a NAT of many, decides how many move. */
static void floats_of_many_make_few_lines(void **state)
{
	enum { PEERS = 150 };
	struct rig *rig = *state;
	struct udp_addr here = to(&first);
	int udp, saved, file;
	unsigned int lines;
	struct shim s;

	udp = shim_server(&s, rig, "ovpn0", 0);
	for (uint32_t i = 0; i < PEERS; i++)
		assert_int_equal(add_peer(&s, i, (uint8_t)(20 + i)), 0);
	file = log_begin(&saved);
	rig_hold(rig);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct udp_addr there = from((uint8_t)(20 + i));

		there.port = 9;
		fake_dp_float(rig->dp, s.iid, i, &there, &here);
	}
	rig_release();
	for (unsigned int i = 0; i < 2500 && agent_counts(rig->agent)->floats < PEERS; i++)
		usleep(2000);
	lines = log_end(file, saved, "floated from");
	assert_int_equal(agent_counts(rig->agent)->floats, PEERS);
	/* ten a second, and it takes a moment */
	assert_in_range(lines, 10, 70);
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(data_and_control_follow_the_peer),
		RIG_TEST(newcomer_at_the_old_address_is_another),
		RIG_TEST(nobody_floats_to_where_another_peer_is),
		RIG_TEST(float_that_was_not_done_leaves_all_as_it_was),
		RIG_TEST(answers_leave_from_the_address_that_was_reached),
		RIG_TEST(goodbye_reaches_a_peer_that_floated),
		RIG_TEST(whole_goodbye_reaches_a_peer_that_floated),
		RIG_TEST(peer_that_is_replaced_leaves_no_name),
		RIG_TEST(each_process_hears_of_its_own_peers),
		RIG_TEST(floats_of_many_make_few_lines),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
