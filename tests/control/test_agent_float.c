/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that move, and what openvpn 2.6, which cannot be told, sees of it: the real agent over
 * fake_dp. Of 2.7: test_agent_told.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

/* Its old address is somebody else's now, and openvpn must not take one for the other. */
static void newcomer_at_the_old_address_is_another(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	neighbours();
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	float_to(rig, &s, 1, MOVED);
	EVENTUALLY(is_at(rig, &s, 1, MOVED));
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

	neighbours();
	assert_int_equal(add_peer(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	float_to(rig, &s, 1, MOVED);
	EVENTUALLY(is_at(rig, &s, 1, MOVED));
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
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
