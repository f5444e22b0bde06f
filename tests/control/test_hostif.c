/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's own namespace: mirror TAPs and their addresses. The namespace is private, the
 * kernel is the machine's.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hostif_world.h"

static void mirror_has_the_ports_mac_mtu_and_addresses(void **state)
{
	struct world *w = *state;

	mirror(w, 1, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(hostif_port_ifindex(w->h, 0), 0);
	assert_int_equal(hostif_port_ifindex(w->h, 1), if_nametoindex("wan1"));
	assert_true(holds_in(w->home, "ip link show wan1 | grep -q 02:aa:00:00:00:01"));
	assert_true(holds_in(w->home,
		"ip link show wan1 up | grep -q 'mtu 1400.*LOWER_UP\\|"
		"LOWER_UP.*mtu 1400'"));
	assert_true(holds_in(w->home, "ip -4 addr show wan1 | grep -q 'brd 192.0.2.255'"));
	assert_true(has_address(&w->dp, 1, "192.0.2.1"));
	assert_true(has_address(&w->dp, 1, "2001:db8::1"));
	assert_int_equal(w->dp.nb_addresses[0], 0);
}

static void configured_ipv6_addresses_wait_for_no_duplicate_detection(void **state)
{
	struct world *w = *state;
	const char *addresses[] = {"2001:db8::1/64"};

	run_in(w->home, "echo 1 >/proc/sys/net/ipv6/conf/default/accept_dad");
	assert_int_equal(hostif_mirror_new(w->h, 0, addresses, 1), 0);
	run_in(w->home, "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
	assert_true(has_address(&w->dp, 0, "2001:db8::1")); /* before any event was read */
}

static void mirror_refuses_a_name_that_is_taken(void **state)
{
	struct world *w = *state;

	run_in(w->home, "ip link add wan0 type veth peer name wan0peer");
	assert_int_equal(hostif_mirror_new(w->h, 0, NULL, 0), -EEXIST);
	run_in(w->home, "ip link del wan0");
	run_in(w->home, "ip tuntap add wan0 mode tap"); /* persistent: could be attached to */
	assert_int_equal(hostif_mirror_new(w->h, 0, NULL, 0), -EEXIST);
	run_in(w->home, "ip link del wan0");
	assert_int_equal(hostif_mirror_new(w->h, 0, NULL, 0), 0);
}

static void mirror_that_fails_leaves_nothing(void **state)
{
	static const char *const bad[] = {"192.0.2.1/33", "192.0.2.300", "192.0.2.1/", "eth0", "",
		"2001:db8::1/129", "192.0.2.1/2 4"};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(hostif_mirror_new(w->h, 0, &bad[i], 1), -EINVAL);
		assert_int_equal(if_nametoindex("wan0"), 0);
	}
	w->dp.refuse = -ENOSPC;
	assert_int_equal(hostif_mirror_new(w->h, 0, NULL, 0), -ENOSPC);
	assert_int_equal(if_nametoindex("wan0"), 0);
	assert_int_equal(hostif_port_ifindex(w->h, 0), 0);
}

static void address_events_reach_the_data_plane(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip addr add 198.51.100.9/24 dev wan0");
	run_in(w->home, "ip addr add 2001:db8:9::9/64 nodad dev wan0");
	run_in(w->home, "ip addr del 192.0.2.1/24 dev wan0");
	settle_after_event(w);
	assert_true(has_address(&w->dp, 0, "198.51.100.9"));
	assert_true(has_address(&w->dp, 0, "2001:db8:9::9"));
	assert_false(has_address(&w->dp, 0, "192.0.2.1"));
}

static void address_stays_while_another_prefix_length_of_it_is_there(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "192.0.2.1/25");
	run_in(w->home, "ip addr del 192.0.2.1/24 dev wan0");
	settle_after_event(w);
	assert_true(has_address(&w->dp, 0, "192.0.2.1"));
	run_in(w->home, "ip addr del 192.0.2.1/25 dev wan0");
	settle_after_event(w);
	assert_false(has_address(&w->dp, 0, "192.0.2.1"));
}

static void addresses_end_with_the_kernel_device(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip link del wan0");
	settle_after_event(w);
	assert_int_equal(w->dp.nb_addresses[0], 0);
	assert_int_equal(hostif_port_ifindex(w->h, 0), 0);
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -ENETUNREACH);
}

static void address_that_finds_no_room_waits_for_another_to_go(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home,
		"for i in $(seq 101 140); do echo address add 192.0.2.$i/24 dev wan0; done |"
		" ip -batch -");
	settle_after_event(w);
	assert_int_equal(w->dp.nb_addresses[0], WORLD_ADDRESSES);
	assert_false(has_address(&w->dp, 0, "192.0.2.140"));
	run_in(w->home, "ip addr del 192.0.2.140/24 dev wan0"); /* one of those that wait */
	run_in(w->home,
		"for i in $(seq 101 115); do echo address del 192.0.2.$i/24 dev wan0; done |"
		" ip -batch -");
	settle_after_event(w);
	for (int i = 116; i < 140; i++) {
		char text[IP_STRLEN];

		snprintf(text, sizeof(text), "192.0.2.%d", i);
		assert_true(has_address(&w->dp, 0, text));
	}
	assert_false(has_address(&w->dp, 0, "192.0.2.115"));
	assert_false(has_address(&w->dp, 0, "192.0.2.140"));
	assert_true(has_address(&w->dp, 0, "2001:db8::1"));
}

static void carrier_follows_the_ports_link(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	mirror(w, 1, "198.51.100.1/24", "2001:db8:1::1/64");
	w->dp.port[1].link_up = false;
	ticks(w, 2);
	assert_true(holds_in(w->home, "ip link show wan1 | grep -q NO-CARRIER"));
	assert_true(holds_in(w->home, "ip route show dev wan1 | grep -q linkdown"));
	assert_false(holds_in(w->home, "ip link show wan0 | grep -q NO-CARRIER"));
	w->dp.port[1].link_up = true;
	ticks(w, 2);
	assert_true(holds_in(w->home, "ip link show wan1 | grep -q LOWER_UP"));
	settle(w);
	assert_true(has_address(&w->dp, 1, "2001:db8:1::1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(mirror_has_the_ports_mac_mtu_and_addresses),
		WORLD_TEST(configured_ipv6_addresses_wait_for_no_duplicate_detection),
		WORLD_TEST(mirror_refuses_a_name_that_is_taken),
		WORLD_TEST(mirror_that_fails_leaves_nothing),
		WORLD_TEST(address_events_reach_the_data_plane),
		WORLD_TEST(address_stays_while_another_prefix_length_of_it_is_there),
		WORLD_TEST(addresses_end_with_the_kernel_device),
		WORLD_TEST(address_that_finds_no_room_waits_for_another_to_go),
		WORLD_TEST(carrier_follows_the_ports_link),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
