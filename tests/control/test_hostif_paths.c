/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ways to remotes, as the kernel's routes, neighbours and learnt MTUs have them. The namespace is
 * private, the kernel is the machine's.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostif_world.h"

static const uint8_t gateway_mac[6] = {0x02, 0xbb, 0, 0, 0, 1};
static const uint8_t second_mac[6] = {0x02, 0xbb, 0, 0, 0, 2};

static void assert_path(struct world *w, const char *remote, unsigned int port, const char *local,
	const uint8_t *mac)
{
	struct ip_addr want = ip(local);
	struct dp_path path = {0};

	assert_int_equal(path_to(w, remote, 0, NULL, &path), 0);
	assert_int_equal(path.port, port);
	assert_true(ip_equal(&path.local.ip, &want));
	assert_memory_equal(path.dst_mac, mac, 6);
}

static void path_to_a_neighbour_waits_for_its_answer(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
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
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
	for (int i = 0; i < 4; i++) { /* after three the kernel gives up, unless it is managed */
		assert_true(asks_arp(w->dp.port_fd[0], "192.0.2.7"));
		settle(w);
	}
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
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
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), -EAGAIN);
	assert_int_equal(path_to(w, "203.0.113.6", 0, NULL, &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.254", gateway_mac));
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	run_in(w->home, "ip neigh replace 192.0.2.254 lladdr 02:bb:00:00:00:02 dev wan0");
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.6", 0, "192.0.2.1", second_mac);
	run_in(w->home, "ip neigh del 192.0.2.254 dev wan0");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "203.0.113.6", 0, NULL, &path), -EAGAIN);
}

static void next_hop_removed_and_learnt_again_is_kept_alive_again(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	settle_after_event(w);
	run_in(w->home, "ip link set wan0 down && ip link set wan0 up");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "192.0.2.7", 0, NULL, &path), -EAGAIN);
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
		assert_int_equal(path_to(w, remotes[i], 0, NULL, &path), -ENETUNREACH);
	run_in(w->home, "ip link del va");
}

static void path_has_the_sources_and_mtu_of_its_route(void **state)
{
	struct world *w = *state;
	struct ip_addr local = ip("192.0.2.1");
	struct dp_path path = {0};

	mirror(w, 0, "192.0.2.1/24", "198.51.100.9/24");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 203.0.113.0/24 via 192.0.2.254 src 198.51.100.9 mtu 1300");
	settle_after_event(w);
	assert_path(w, "203.0.113.5", 0, "198.51.100.9", gateway_mac);
	path.local.port = 1194;
	assert_int_equal(path_to(w, "203.0.113.5", 0, "192.0.2.1", &path), 0);
	assert_true(ip_equal(&path.local.ip, &local));
	assert_int_equal(path.local.port, 1194);
	assert_int_equal(path.mtu, 1300);
	/* the wildcard leaves the choice to the kernel */
	assert_int_equal(path_to(w, "203.0.113.5", 0, "0.0.0.0", &path), 0);
	local = ip("198.51.100.9");
	assert_true(ip_equal(&path.local.ip, &local));
	/* not ours: the same */
	path.local.ip = ip("192.0.2.1");
	assert_int_equal(path_to(w, "203.0.113.5", 0, "198.51.100.77", &path), 0);
	assert_true(ip_equal(&path.local.ip, &local));
	assert_int_equal(path_to(w, "203.0.113.5", 0, "2001:db8::1", &path), -ENETUNREACH);
}

/* A peer that wrote to an address of ours goes on without it, and with it when it is back. */
static void source_that_goes_is_replaced_until_it_is_back(void **state)
{
	static const char *const remotes[] = {"203.0.113.5", "2001:db8:5::5"};
	static const char *const pinned[] = {"198.51.100.9", "2001:db8:1::9"};
	static const char *const others[] = {"192.0.2.1", "2001:db8::1"};
	struct world *w = *state;
	struct dp_path path = {0};
	struct ip_addr want;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home,
		"ip neigh add 2001:db8::fe lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 203.0.113.0/24 via 192.0.2.254 src 192.0.2.1");
	run_in(w->home, "ip route add 2001:db8:5::/64 via 2001:db8::fe src 2001:db8::1");
	for (int turn = 0; turn < 3; turn++) {
		bool there = turn != 1;
		const char *verb = there ? "add" : "del";
		char command[96];

		snprintf(command, sizeof(command), "ip addr %s 198.51.100.9/24 dev wan0", verb);
		run_in(w->home, command);
		snprintf(command, sizeof(command), "ip addr %s 2001:db8:1::9/64 dev wan0%s", verb,
			there ? " nodad" : "");
		run_in(w->home, command);
		assert_true(settle_after_event(w) || turn == 0); /* nobody asked before */
		for (int i = 0; i < 2; i++) {
			assert_int_equal(path_to(w, remotes[i], 0, pinned[i], &path), 0);
			want = ip(there ? pinned[i] : others[i]);
			assert_true(ip_equal(&path.local.ip, &want));
		}
	}
}

static void source_rules_choose_the_port(void **state)
{
	struct world *w = *state;
	struct dp_path path = {0};

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	mirror(w, 1, "198.51.100.1/24", "2001:db8:1::1/64");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home,
		"ip neigh add 198.51.100.254 lladdr 02:bb:00:00:00:02 dev wan1 nud permanent");
	run_in(w->home, "ip route add default via 192.0.2.254");
	run_in(w->home, "ip route add default via 198.51.100.254 table 7");
	settle_after_event(w);
	assert_int_equal(path_to(w, "203.0.113.5", 0, "198.51.100.1", &path), 0);
	assert_int_equal(path.port, 0);
	run_in(w->home, "ip rule add from 198.51.100.1 table 7");
	assert_true(settle_after_event(w)); /* a rule alone puts paths in doubt */
	assert_int_equal(path_to(w, "203.0.113.5", 0, "198.51.100.1", &path), 0);
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
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), -ENETUNREACH);
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add 198.18.0.0/15 via 192.0.2.254");
	assert_false(settle_after_event(w));
	run_in(w->home, "ip route add 203.0.113.4/30 via 192.0.2.254");
	assert_true(settle_after_event(w));
	assert_path(w, "203.0.113.5", 0, "192.0.2.1", gateway_mac);
	run_in(w->home, "ip route del 203.0.113.4/30");
	assert_true(settle_after_event(w));
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), -ENETUNREACH);
}

static void lost_events_are_made_up_for(void **state)
{
	struct world *w = *state;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.7 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", gateway_mac);
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), -ENETUNREACH);
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

/* --- kept confirmed ------------------------------------------------------------------------- */

/* Answers ARP requests with that MAC while the kernel's events are taken, until the path has it. */
static bool becomes(struct world *w, const char *remote, const uint8_t *mac)
{
	for (int i = 0; i < 200; i++) {
		struct dp_path path = {0};

		if (path_to(w, remote, 0, NULL, &path) == 0 && memcmp(path.dst_mac, mac, 6) == 0)
			return true;
		answer_arp_within(w->dp.port_fd[0], remote, mac, 50);
		settle_for(w, 0);
	}
	return false;
}

/* Nothing is sent to it, and no tick comes: only the neighbour's own events do. */
static void check_confirmed(struct world *w)
{
	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home,
		"cd /proc/sys/net/ipv4/neigh/wan0 && echo 1000 >base_reachable_time_ms &&"
		" echo 1 >delay_first_probe_time && echo 200 >retrans_time_ms &&"
		" echo 500 >interval_probe_time_ms");
	assert_true(becomes(w, "192.0.2.7", gateway_mac));
	/* it gets another network card, and does not tell anybody */
	assert_true(becomes(w, "192.0.2.7", second_mac));
}

static void check_dead(struct world *w)
{
	/* it does not answer any more */
	for (int i = 0; i < 100; i++) {
		struct dp_path path;

		settle_for(w, 100);
		if (path_to(w, "192.0.2.7", 0, NULL, &path) == -EAGAIN)
			return;
	}
	fail_msg("a next hop that is dead is still used");
}

static void used_neighbour_never_goes_stale(void **state)
{
	check_confirmed(*state);
}

static void used_neighbour_never_goes_stale_where_the_kernel_refuses_to_care(void **state)
{
	struct world *w = *state;

	world_kernel = KERNEL_REFUSES;
	check_confirmed(w);
	check_dead(w);
	assert_false(holds_in(w->home, "ip neigh show dev wan0 | grep managed"));
}

static void used_neighbour_never_goes_stale_where_the_kernel_does_not_know_how(void **state)
{
	struct world *w = *state;

	world_kernel = KERNEL_IGNORES;
	check_confirmed(w);
	/* and another: what was asked for at the beginning is long over */
	assert_true(becomes(w, "192.0.2.7", gateway_mac));
	assert_false(holds_in(w->home, "ip neigh show dev wan0 | grep managed"));
}

static void neighbour_that_somebody_took_from_the_kernels_care_is_given_back(void **state)
{
	struct world *w = *state;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_true(becomes(w, "192.0.2.7", gateway_mac));
	run_in(w->home,
		"ip neigh replace 192.0.2.7 lladdr 02:bb:00:00:00:02 dev wan0 nud reachable");
	assert_true(settle_after_event(w));
	assert_path(w, "192.0.2.7", 0, "192.0.2.1", second_mac);
	assert_true(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep -q managed"));
}

static void next_hop_is_let_go_when_nobody_uses_it(void **state)
{
	static const struct udp_addr remote = {.ip = {IP_V4, {192, 0, 2, 7}}};
	static const struct ip_addr none;
	struct world *w = *state;
	struct hostif_remote *first;
	struct hostif_remote *second;
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	assert_int_equal(hostif_remote_get(w->h, &remote, &none, &first), 0);
	assert_int_equal(hostif_remote_get(w->h, &remote, &none, &second), 0);
	assert_int_equal(hostif_remote_path(w->h, first, &path), -EAGAIN);
	assert_true(answer_arp(w->dp.port_fd[0], "192.0.2.7", gateway_mac));
	settle_after_event(w);
	hostif_remote_put(w->h, first);
	hostif_remote_put(w->h, NULL);
	ticks(w, 500);
	assert_true(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep -q managed"));
	assert_int_equal(hostif_remote_path(w->h, second, &path), 0);
	hostif_remote_put(w->h, second);
	ticks(w, 500);
	assert_false(holds_in(w->home, "ip neigh show 192.0.2.7 dev wan0 | grep managed"));
}

/* --- link-local remotes --------------------------------------------------------------------- */

static void link_local_remote_is_reached_through_the_port_of_its_scope(void **state)
{
	struct world *w = *state;
	struct dp_path path = {0};
	struct ip_addr own = ip("fe80::aa:1");

	mirror(w, 0, "192.0.2.1/24", "fe80::aa:0/64");
	mirror(w, 1, "198.51.100.1/24", "fe80::aa:1/64");
	run_in(w->home,
		"ip -6 addr flush dev wan1 scope link &&"
		" ip addr add fe80::aa:1/64 nodad dev wan1");
	run_in(w->home, "ip neigh add fe80::7 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip neigh add fe80::7 lladdr 02:bb:00:00:00:02 dev wan1 nud permanent");
	settle_after_event(w);
	assert_int_equal(path_to(w, "fe80::7", hostif_port_ifindex(w->h, 1), NULL, &path), 0);
	assert_int_equal(path.port, 1);
	assert_memory_equal(path.dst_mac, second_mac, 6);
	assert_true(ip_equal(&path.local.ip, &own));
	assert_int_equal(path_to(w, "fe80::7", hostif_port_ifindex(w->h, 0), NULL, &path), 0);
	assert_int_equal(path.port, 0);
	assert_memory_equal(path.dst_mac, gateway_mac, 6);
	/* answered from where it was asked */
	assert_int_equal(
		path_to(w, "fe80::7", hostif_port_ifindex(w->h, 1), "fe80::aa:1", &path), 0);
	assert_int_equal(path.port, 1);
}

/* --- the MTU of a path ---------------------------------------------------------------------- */

static uint16_t checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += be16_load(p + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A router at 192.0.2.254 says: what went from 192.0.2.1:1194 to that remote was too big. */
static void say_too_big4(struct world *w, const char *remote, uint16_t mtu)
{
	struct ip_addr to = ip(remote);
	uint8_t f[14 + 20 + 8 + 20 + 8] = {0};
	uint8_t *outer = f + 14;
	uint8_t *icmp = outer + 20;
	uint8_t *inner = icmp + 8;

	memcpy(f, w->dp.port[0].mac, 6);
	memcpy(f + 6, gateway_mac, 6);
	be16_store(f + 12, 0x0800);
	memcpy(outer,
		(uint8_t[]){0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0, 2, 254, 192, 0, 2, 1},
		20);
	be16_store(outer + 10, checksum(outer, 20, 0));
	memcpy(inner, (uint8_t[]){0x45, 0, 5, 220, 0, 1, 0x40, 0, 63, 17, 0, 0, 192, 0, 2, 1}, 16);
	memcpy(inner + 16, to.b, 4);
	be16_store(inner + 10, checksum(inner, 20, 0));
	be16_store(inner + 20, 1194);
	be16_store(inner + 22, 5000);
	be16_store(inner + 24, 1480);
	icmp[0] = 3;
	icmp[1] = 4;
	be16_store(icmp + 6, mtu);
	be16_store(icmp + 2, checksum(icmp, 36, 0));
	assert_int_equal(write(w->dp.port_fd[0], f, sizeof(f)), sizeof(f));
}

/* The same from 2001:db8::fe, of what came from 2001:db8::1. */
static void say_too_big6(struct world *w, const char *remote, uint16_t mtu)
{
	struct ip_addr router = ip("2001:db8::fe");
	struct ip_addr own = ip("2001:db8::1");
	struct ip_addr to = ip(remote);
	uint8_t f[14 + 40 + 8 + 48] = {0};
	uint8_t *outer = f + 14;
	uint8_t *icmp = outer + 40;
	uint8_t *inner = icmp + 8;

	memcpy(f, w->dp.port[0].mac, 6);
	memcpy(f + 6, gateway_mac, 6);
	be16_store(f + 12, 0x86dd);
	memcpy(outer, (uint8_t[]){0x60, 0, 0, 0, 0, 56, 58, 64}, 8);
	memcpy(outer + 8, router.b, 16);
	memcpy(outer + 24, own.b, 16);
	memcpy(inner, (uint8_t[]){0x60, 0, 0, 0, 5, 180, 17, 63}, 8);
	memcpy(inner + 8, own.b, 16);
	memcpy(inner + 24, to.b, 16);
	be16_store(inner + 40, 1194);
	be16_store(inner + 42, 5000);
	be16_store(inner + 44, 1460);
	icmp[0] = 2;
	be16_store(icmp + 6, mtu);
	be16_store(icmp + 2, checksum(outer + 8, 32 + 56, 56 + 58));
	assert_int_equal(write(w->dp.port_fd[0], f, sizeof(f)), sizeof(f));
}

/* As the agent has one for openvpn. */
static int bound_socket(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(1194)};
	int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(s, (struct sockaddr *)&any, sizeof(any)), 0);
	return s;
}

static void path_mtu_that_the_kernel_learns_is_followed(void **state)
{
	struct world *w = *state;
	struct dp_path path = {0};
	int s = bound_socket();

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home,
		"ip neigh add 2001:db8::fe lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home,
		"ip route add default via 192.0.2.254 && ip route add default via 2001:db8::fe");
	settle_after_event(w);
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), 0);
	assert_int_equal(path.mtu, 0);
	assert_int_equal(path_to(w, "2001:db8:77::5", 0, NULL, &path), 0);
	assert_int_equal(path.mtu, 0);
	for (int i = 0; i < 100; i++) { /* others, reviewed in turn with these */
		char text[IP_STRLEN];

		snprintf(text, sizeof(text), "198.51.100.%d", i);
		assert_int_equal(path_to(w, text, 0, NULL, &path), 0);
	}
	say_too_big4(w, "203.0.113.5", 1300);
	say_too_big6(w, "2001:db8:77::5", 1380);
	settle(w);
	assert_true(ticks(w, 10)); /* a second */
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), 0);
	assert_int_equal(path.mtu, 1300);
	assert_int_equal(path_to(w, "2001:db8:77::5", 0, NULL, &path), 0);
	assert_int_equal(path.mtu, 1380);
	assert_false(ticks(w, 10)); /* and it is no news any more */
	/* the kernel forgets it (after ten minutes, or so) */
	run_in(w->home, "ip route flush cache && ip -6 route flush cache");
	ticks(w, 10);
	assert_int_equal(path_to(w, "203.0.113.5", 0, NULL, &path), 0);
	assert_int_equal(path.mtu, 0);
	close(s);
}

/* --- very many ------------------------------------------------------------------------------ */

static void ten_thousand_routes_leave_paths_right_and_turns_short(void **state)
{
	struct world *w = *state;
	struct dp_path path = {0};

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	run_in(w->home, "ip neigh add 192.0.2.253 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:02 dev wan0 nud permanent");
	run_in(w->home, "ip route add default via 192.0.2.253");
	settle_after_event(w);
	for (int i = 1; i < 250; i++) {
		char text[IP_STRLEN];

		snprintf(text, sizeof(text), "198.18.%d.1", i);
		assert_int_equal(path_to(w, text, 0, NULL, &path), 0);
	}
	run_in(w->home,
		"for i in $(seq 0 9999); do"
		" echo route add 198.$((18 + i / 8192)).$((i / 32 %% 256)).$((i %% 32 * 8))/29"
		" via 192.0.2.254; done | ip -batch -");
	assert_true(longest_turn(w) < 100); /* measured: 1 ms */
	for (int i = 1; i < 250; i++) {
		char text[IP_STRLEN];

		snprintf(text, sizeof(text), "198.18.%d.1", i);
		assert_path(w, text, 0, "192.0.2.1", second_mac);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(path_to_a_neighbour_waits_for_its_answer),
		WORLD_TEST(path_that_never_resolves_stays_unresolved_and_is_asked_again),
		WORLD_TEST(path_follows_the_gateways_mac),
		WORLD_TEST(next_hop_removed_and_learnt_again_is_kept_alive_again),
		WORLD_TEST(permanent_neighbour_stays_permanent),
		WORLD_TEST(no_path_leaves_through_what_is_no_port),
		WORLD_TEST(path_has_the_sources_and_mtu_of_its_route),
		WORLD_TEST(source_that_goes_is_replaced_until_it_is_back),
		WORLD_TEST(source_rules_choose_the_port),
		WORLD_TEST(ipv4_may_go_through_an_ipv6_next_hop),
		WORLD_TEST(only_routes_to_a_remote_put_its_path_in_doubt),
		WORLD_TEST(lost_events_are_made_up_for),
		WORLD_TEST(used_neighbour_never_goes_stale),
		WORLD_TEST(used_neighbour_never_goes_stale_where_the_kernel_refuses_to_care),
		WORLD_TEST(used_neighbour_never_goes_stale_where_the_kernel_does_not_know_how),
		WORLD_TEST(neighbour_that_somebody_took_from_the_kernels_care_is_given_back),
		WORLD_TEST(next_hop_is_let_go_when_nobody_uses_it),
		WORLD_TEST(link_local_remote_is_reached_through_the_port_of_its_scope),
		WORLD_TEST(path_mtu_that_the_kernel_learns_is_followed),
		WORLD_TEST(ten_thousand_routes_leave_paths_right_and_turns_short),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
