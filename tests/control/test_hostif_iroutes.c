/* SPDX-License-Identifier: BSD-3-Clause */
/* The prefixes behind peers: what the kernel's routes over a device say, in whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hostif_world.h"

static void iroutes_bind_before_and_after_their_peer(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);
	unsigned int pushes;

	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 100");
	run_in(w->other, "ip route add 192.168.9.0/24 via 10.8.0.9 dev ovpn0 metric 100");
	run_in(w->other, "ip -6 route add fd09::/64 via fd00::9 dev ovpn0 metric 100");
	run_in(w->other, "ip route add 192.168.10.0/24 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	assert_int_equal(w->dp.instance[1].nb_routes, 1);
	add_peer(w, d, 9, "10.8.0.9", "fd00::9");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.9.0/24"), 9);
	assert_int_equal(peer_of(&w->dp, 1, "fd09::/64"), 9);
	assert_int_equal(w->dp.instance[1].nb_routes, 3);
	run_in(w->other, "ip route del 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 100");
	hostif_peer_del(w->h, d, 9);
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
	pushes = w->dp.instance[1].pushes;
	add_peer(w, d, 20, "10.8.0.20", NULL); /* no prefix, nothing to say */
	run_in(w->other, "ip route add 192.168.30.0/24 via 10.8.0.30 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].pushes, pushes);
}

static void iroutes_end_silently_with_link_or_address(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0");
	run_in(w->other, "ip -6 route add fd07::/64 via fd00::2 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 2);
	run_in(w->other, "ip addr del 10.8.0.1/24 dev ovpn0"); /* the last of its family */
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), DP_NO_PEER);
	assert_int_equal(peer_of(&w->dp, 1, "fd07::/64"), 2);
	run_in(w->other, "ip addr add 10.8.0.1/24 dev ovpn0");
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	run_in(w->other, "ip addr del fd00::1/64 dev ovpn0"); /* so that no address event helps */
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	run_in(w->other, "ip link set ovpn0 down");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
}

static void main_table_then_metric_decide_among_routes_to_a_prefix(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.3 dev ovpn0 table 77 metric 1");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 3);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 200");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.3 dev ovpn0 metric 100");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 3);
	run_in(w->other, "ip route del 192.168.7.0/24 metric 100");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	assert_int_equal(w->dp.instance[1].nb_routes, 1);
}

static void replaced_appended_and_multipath_routes_are_followed(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0");
	run_in(w->other, "ip -6 route add fd07::/64 via fd00::2 dev ovpn0");
	settle_after_event(w);
	run_in(w->other, "ip route replace 192.168.7.0/24 via 10.8.0.3 dev ovpn0");
	run_in(w->other, "ip -6 route replace fd07::/64 via fd00::3 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 3);
	assert_int_equal(peer_of(&w->dp, 1, "fd07::/64"), 3);
	run_in(w->other, "ip route append 192.168.7.0/24 via 10.8.0.2 dev ovpn0");
	run_in(w->other, "ip -6 route append fd07::/64 via fd00::2 dev ovpn0");
	run_in(w->other, "ip route del 192.168.7.0/24 via 10.8.0.3 dev ovpn0");
	run_in(w->other, "ip -6 route del fd07::/64 via fd00::3 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	assert_int_equal(peer_of(&w->dp, 1, "fd07::/64"), 2);
	run_in(w->other,
		"ip route replace 192.168.7.0/24 nexthop via 10.8.0.44 dev ovpn0"
		" nexthop via 10.8.0.3 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 3);
	run_in(w->other, "ip route replace blackhole 192.168.7.0/24");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), DP_NO_PEER);
	run_in(w->other, "ip nexthop add id 5 via 10.8.0.2 dev ovpn0");
	run_in(w->other, "ip route add 192.168.8.0/24 nhid 5");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.8.0/24"), 2);
	run_in(w->other, "ip nexthop replace id 5 via 10.8.0.3 dev ovpn0");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.8.0/24"), 3);
	run_in(w->other, "ip nexthop del id 5");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.8.0/24"), DP_NO_PEER);
}

static void devices_of_one_namespace_keep_their_routes_apart(void **state)
{
	struct world *w = *state;
	struct hostif_device *second;

	device_with_peers(w);
	second = device(w, 2, w->other, "ovpn1");
	run_in(w->other, "ip link set ovpn1 up && ip addr add 10.9.0.1/24 dev ovpn1");
	add_peer(w, second, 2, "10.9.0.2", NULL);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2");
	run_in(w->other, "ip route add 192.168.8.0/24 via 10.9.0.2");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	assert_int_equal(peer_of(&w->dp, 2, "192.168.8.0/24"), 2);
	assert_int_equal(w->dp.instance[1].nb_routes, 1);
	run_in(w->other, "ip route replace 192.168.7.0/24 via 10.9.0.2");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
	assert_int_equal(w->dp.instance[2].nb_routes, 2);
	hostif_device_del(w->h, second);
	run_in(w->other, "ip route add 192.168.9.0/24 via 10.8.0.2");
	settle_after_event(w);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.9.0/24"), 2);
}

static void ten_thousand_routes_at_once_are_said_in_few_words(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other,
		"for i in $(seq 0 9999); do echo route add 172.$((16 + i / 2500))"
		".$((i %% 2500 / 250)).$((i %% 250))/32 via 10.8.0.$((2 + i %% 2)) dev ovpn0;"
		" done | ip -batch -");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 10000);
	assert_in_range(w->dp.instance[1].pushes, 1, 4);
	assert_int_equal(peer_of(&w->dp, 1, "172.19.9.248/32"), 2);
	assert_int_equal(peer_of(&w->dp, 1, "172.19.9.249/32"), 3);
	run_in(w->other, "ip route flush root 172.0.0.0/8");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(iroutes_bind_before_and_after_their_peer),
		WORLD_TEST(iroutes_end_silently_with_link_or_address),
		WORLD_TEST(main_table_then_metric_decide_among_routes_to_a_prefix),
		WORLD_TEST(replaced_appended_and_multipath_routes_are_followed),
		WORLD_TEST(devices_of_one_namespace_keep_their_routes_apart),
		WORLD_TEST(ten_thousand_routes_at_once_are_said_in_few_words),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
