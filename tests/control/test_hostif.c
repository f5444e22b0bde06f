/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's own namespace: mirror TAPs, their addresses, and paths. The namespace is private,
 * the kernel is the machine's.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hostif_world.h"

static const uint8_t gateway_mac[6] = {0x02, 0xbb, 0, 0, 0, 1};
static const uint8_t second_mac[6] = {0x02, 0xbb, 0, 0, 0, 2};
static const struct ip_addr none;

static void mirror(struct world *w, unsigned int port, const char *v4, const char *v6)
{
	const char *addresses[] = {v4, v6};

	assert_int_equal(hostif_mirror_new(w->h, port, addresses, 2), 0);
	settle(w);
}

static int path_to(struct world *w, const char *remote, struct dp_path *path)
{
	struct ip_addr r = ip(remote);

	memset(path, 0, sizeof(*path));
	return hostif_path(w->h, &r, &none, path);
}

static void assert_path(struct world *w, const char *remote, unsigned int port, const char *local,
	const uint8_t *mac)
{
	struct ip_addr want = ip(local);
	struct dp_path path;

	assert_int_equal(path_to(w, remote, &path), 0);
	assert_int_equal(path.port, port);
	assert_true(ip_equal(&path.local.ip, &want));
	assert_memory_equal(path.dst_mac, mac, 6);
}

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
	assert_int_equal(path_to(w, "192.0.2.7", &path), -ENETUNREACH);
}

static void path_to_a_neighbour_waits_for_its_answer(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	assert_true(settle_after_event(w));
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", gateway_mac);
	assert_true(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep -q managed"));
}

static void path_that_never_resolves_stays_unresolved_and_is_asked_again(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	for (int i = 0; i < 4; i++) { /* after three the kernel gives up, unless it is managed */
		assert_true(asks_arp(w->dp.port_fd[0], "192.0.2.7"));
		settle(w);
	}
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	assert_true(settle_after_event(w));
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", gateway_mac);
}

static void path_follows_the_gateways_mac(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip route add default via 192.0.2.254 dev wan0");
	settle_after_event(w);
	assert_int_equal(path_to(w, "203.0.113.5", &path), -EAGAIN);
	assert_int_equal(path_to(w, "203.0.113.6", &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.254", gateway_mac));
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	run_in(w->home, "ip neigh replace 192.0.2.254 lladdr 02:bb:00:00:00:02 dev wan0");
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.6", 0, "192.0.2.1", second_mac);
	run_in(w->home, "ip neigh del 192.0.2.254 dev wan0");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "203.0.113.6", &path), -EAGAIN);
}

static void next_hop_removed_and_learnt_again_is_kept_alive_again(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	settle_after_event(w);
	run_in(w->home, "ip link set wan0 down && ip link set wan0 up");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "192.0.2.7", &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	assert_true(settle_after_event(w));
	assert_true(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep -q managed"));
}

static void permanent_neighbour_stays_permanent(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.7 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip neigh add 2001:db8::7 lladdr 02:bb:00:00:00:02 dev wan0 nud permanent");
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", gateway_mac);
	assert_path(w, "2001:db8::7", 0, "2001:db8::1", second_mac);
	settle(w);
	assert_true(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep -q PERMANENT"));
}

static void no_path_leaves_through_what_is_no_port(void **state)
{
	static const char *const remotes[] = {"192.0.2.1", "192.0.2.255", "255.255.255.255",
		"239.1.1.1", "127.0.0.1", "198.51.100.9", "203.0.113.1", "203.0.113.2",
		"203.0.113.3", "10.99.0.2", "2001:db8::1", "2001:db8:77::1", "ff02::1", "::1"};
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip link add va type veth peer name vb");
	run_in(w->home,
		"ip link set va up && ip link set vb up && ip addr add 10.99.0.1/24 dev va");
	run_in(w->home,
		"ip route add blackhole 203.0.113.1 && ip route add unreachable 203.0.113.2");
	run_in(w->home, "ip route add prohibit 203.0.113.3");
	settle_after_event(w);
	for (size_t i = 0; i < ARRAY_LEN(remotes); i++)
		assert_int_equal(path_to(w, remotes[i], &path), -ENETUNREACH);
	run_in(w->home, "ip link del va");
}

static void path_has_the_sources_and_mtu_of_its_route(void **state)
{
	struct world *w = *state;
	struct ip_addr remote = ip("203.0.113.5");
	struct ip_addr local = ip("198.51.100.9");
	struct dp_path path = {0};

	mirror(w, 0, "192.0.2.1/24", "198.51.100.9/24");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 203.0.113.0/24 via 192.0.2.254 src 198.51.100.9 mtu 1300");
	settle_after_event(w);
	assert_path(w, "203.0.113.5", 0, "198.51.100.9", gateway_mac);
	local = ip("192.0.2.1");
	path.local.port = 1194;
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), 0);
	assert_true(ip_equal(&path.local.ip, &local));
	assert_int_equal(path.local.port, 1194);
	assert_int_equal(path.mtu, 1300);
	local = ip("0.0.0.0"); /* the wildcard leaves the choice to the kernel */
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), 0);
	local = ip("198.51.100.9");
	assert_true(ip_equal(&path.local.ip, &local));
	local = ip("198.51.100.77"); /* not ours */
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), -ENETUNREACH);
	local = ip("2001:db8::1");
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), -ENETUNREACH);
}

static void source_rules_choose_the_port(void **state)
{
	struct world *w = *state;
	struct ip_addr remote = ip("203.0.113.5");
	struct ip_addr local = ip("198.51.100.1");
	struct dp_path path = {0};

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	mirror(w, 1, "198.51.100.1/24", "2001:db8:1::1/64");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home,
		"ip neigh add 198.51.100.254 lladdr 02:bb:00:00:00:02 dev wan1 nud permanent");
	run_in(w->home, "ip route add default via 192.0.2.254");
	run_in(w->home, "ip route add default via 198.51.100.254 table 7");
	settle_after_event(w);
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), 0);
	assert_int_equal(path.port, 0);
	run_in(w->home, "ip rule add from 198.51.100.1 table 7");
	assert_true(settle_after_event(w)); /* a rule alone puts paths in doubt */
	assert_int_equal(hostif_path(w->h, &remote, &local, &path), 0);
	assert_int_equal(path.port, 1);
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	run_in(w->home, "ip rule del from 198.51.100.1 table 7");
}

static void ipv4_may_go_through_an_ipv6_next_hop(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/32", "2001:db8::1/64");
	run_in(w->home, "ip neigh add fe80::1 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 203.0.113.0/24 via inet6 fe80::1 dev wan0 src 192.0.2.1");
	run_in(w->home, "ip -6 route add 2001:db8:5::/48 via fe80::1 dev wan0");
	settle_after_event(w);
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	assert_path(w, "2001:db8:5::5", 0, "2001:db8::1", gateway_mac);
}

static void only_routes_to_a_remote_put_its_path_in_doubt(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "203.0.113.5", &path), -ENETUNREACH);
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 198.18.0.0/15 via 192.0.2.254");
	assert_false(settle_after_event(w));
	run_in(w->home, "ip route add 203.0.113.4/30 via 192.0.2.254");
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	run_in(w->home, "ip route del 203.0.113.4/30");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "203.0.113.5", &path), -ENETUNREACH);
}

static void lost_events_are_made_up_for(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.7 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", gateway_mac);
	assert_int_equal(path_to(w, "203.0.113.5", &path), -ENETUNREACH);
	settle(w);
	shrink_event_buffers();
	run_in(w->home,
		"for i in $(seq 200); do echo route add 198.18.$i.0/24 via 192.0.2.254;"
		" done | ip -batch -");
	run_in(w->home,
		"ip neigh replace 192.0.2.7 lladdr 02:bb:00:00:00:02 dev wan0 nud permanent");
	run_in(w->home, "ip addr add 198.51.100.9/24 dev wan0");
	run_in(w->home, "ip addr del 2001:db8::1/64 dev wan0");
	run_in(w->home, "ip route add 203.0.113.0/24 via 192.0.2.7");
	assert_true(lost_events() > 0);
	assert_true(settle_after_event(w));
	assert_true(has_address(&w->dp, 0, "198.51.100.9"));
	assert_false(has_address(&w->dp, 0, "2001:db8::1"));
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", second_mac);
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", second_mac);
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
		WORLD_TEST(path_to_a_neighbour_waits_for_its_answer),
		WORLD_TEST(path_that_never_resolves_stays_unresolved_and_is_asked_again),
		WORLD_TEST(path_follows_the_gateways_mac),
		WORLD_TEST(next_hop_removed_and_learnt_again_is_kept_alive_again),
		WORLD_TEST(permanent_neighbour_stays_permanent),
		WORLD_TEST(no_path_leaves_through_what_is_no_port),
		WORLD_TEST(path_has_the_sources_and_mtu_of_its_route),
		WORLD_TEST(source_rules_choose_the_port),
		WORLD_TEST(ipv4_may_go_through_an_ipv6_next_hop),
		WORLD_TEST(only_routes_to_a_remote_put_its_path_in_doubt),
		WORLD_TEST(lost_events_are_made_up_for),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
