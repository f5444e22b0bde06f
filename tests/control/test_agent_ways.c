/* SPDX-License-Identifier: BSD-3-Clause */
/* Ways to peers follow the kernel: the real agent and kernel side over fake_dp. */
#include <setjmp.h>
#include <stdarg.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_v2_capture.h"
#include "agent_rig.h"
#include "control/loop.h"

#define MANY 4000

static bool leads_to(const struct rig *rig, const struct shim *s, uint32_t id, uint8_t last_of_mac)
{
	struct dp_path path;

	return fake_dp_path(rig->dp, s->iid, id, &path) && path.dst_mac[5] == last_of_mac;
}

/* The kernel has turned away from the gateway there was: its packets must not go on getting there.
 */
static void gateway_that_never_answers_gets_nothing_and_nor_does_the_one_before(void **state)
{
	struct rig *rig = *state;
	struct dp_path path;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	uint64_t begun;

	assert_int_equal(
		system("ip neigh replace 192.0.2.254 lladdr 02:00:00:00:00:07 dev fake0"), 0);
	assert_int_equal(system("ip route add 203.0.113.0/24 via 192.0.2.254"), 0);
	assert_int_equal(shim_new_peer(&s, 1, "203.0.113.5", 5000), 0);
	EVENTUALLY(leads_to(rig, &s, 1, 7));
	assert_int_equal(system("ip route replace 203.0.113.0/24 via 192.0.2.253"), 0);
	begun = loop_now_ms();
	EVENTUALLY(!fake_dp_path(rig->dp, s.iid, 1, &path));
	/* 800 or less, on an idle machine; the kernel gives its neighbour up after three seconds */
	assert_true(loop_now_ms() - begun < 2500);
	assert_int_equal(
		system("ip neigh replace 192.0.2.253 lladdr 02:00:00:00:00:08 dev fake0"), 0);
	EVENTUALLY(leads_to(rig, &s, 1, 8));
	shim_detach(&s);
	close(udp);
}

/* The next hop is resolved again in a moment: until then the way stays. */
static void way_stays_while_its_next_hop_is_resolved_again(void **state)
{
	struct rig *rig = *state;
	struct dp_path path;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0"), 0);
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	EVENTUALLY(leads_to(rig, &s, 1, 7));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(system("ip neigh del 192.0.2.7 dev fake0"), 0);
		usleep(20000);
		assert_true(fake_dp_path(rig->dp, s.iid, 1, &path));
		assert_int_equal(
			system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0"), 0);
		usleep(20000);
		assert_true(leads_to(rig, &s, 1, 7));
	}
	shim_detach(&s);
	close(udp);
}

/*
 * Routes to all of them change without end, as with a routing protocol that has no rest. The peers
 * at the end of the walk have their turn nevertheless.
 */
static void stream_of_changes_keeps_no_peer_waiting(void **state)
{
	static const char *const verbs[] = {"add", "del"};
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	uint64_t begun;
	FILE *batch;

	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0"), 0);
	assert_int_equal(system("ip route add 198.18.0.0/15 via 192.0.2.7"), 0);
	for (uint32_t id = 0; id <= MANY; id++) {
		char remote[IP_STRLEN];

		snprintf(remote, sizeof(remote), "198.18.%u.%u", id / 250, id % 250);
		assert_int_equal(shim_new_peer(&s, id, remote, 5000), 0);
	}
	EVENTUALLY(leads_to(rig, &s, MANY, 7));
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	setlinebuf(batch);
	for (int i = 0; i < 1000; i++)
		fprintf(batch, "route %s 198.18.0.0/15 via 192.0.2.8 metric 9\n", verbs[i % 2]);
	fprintf(batch, "neigh replace 192.0.2.7 lladdr 02:00:00:00:00:09 dev fake0\n");
	begun = loop_now_ms();
	for (int i = 0; !leads_to(rig, &s, MANY, 9); i++) {
		fprintf(batch, "route %s 198.18.0.0/15 via 192.0.2.8 metric 9\n", verbs[i % 2]);
		assert_true(loop_now_ms() - begun < 20000); /* or for ever */
	}
	assert_int_equal(pclose(batch), 0);
	shim_detach(&s);
	close(udp);
}

/* A p2p openvpn has ids at random, one after another, for months. */
static void ids_of_the_past_take_no_memory(void **state)
{
	enum { IDS = 400, APART = 4096 };
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	size_t before = 0;

	for (uint32_t i = 0; i < IDS; i++) {
		assert_int_equal(shim_new_peer(&s, i * APART, "192.0.2.7", 5000), 0);
		assert_int_equal(
			shim_request(&s, capture_del_peer, sizeof(capture_del_peer), i * APART), 0);
		if (i == IDS / 2)
			before = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks < before + (size_t)IDS * 1024);
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(gateway_that_never_answers_gets_nothing_and_nor_does_the_one_before),
		RIG_TEST(way_stays_while_its_next_hop_is_resolved_again),
		RIG_TEST(ids_of_the_past_take_no_memory),
		RIG_TEST(stream_of_changes_keeps_no_peer_waiting),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
