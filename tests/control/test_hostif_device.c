/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Instance devices, in a network namespace that is not the daemon's: the kernel chooses the peer
 * of a packet by the destination MAC address.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostif_world.h"

static void assert_reaches(struct world *w, const char *dst, int mark, uint32_t peer_id)
{
	uint8_t mac[DP_MAC_LEN];
	uint8_t frame[64];

	mac_of(peer_id, mac);
	send_to(w->other, dst, mark);
	assert_true(frame_to(w->dp.instance[1].fd, dst, frame));
	assert_memory_equal(frame, mac, sizeof(mac));
}

static void assert_reaches_nobody(struct world *w, const char *dst)
{
	uint8_t frame[64];

	send_to(w->other, dst, 0);
	assert_true(frame_to(w->dp.instance[1].fd, dst, frame));
	assert_memory_equal(frame, w->dp.instance[1].mac, DP_MAC_LEN);
}

static void device_appears_in_its_namespace_only(void **state)
{
	struct world *w = *state;
	struct stat before;
	struct stat after;
	struct hostif_device *d;

	stat("/proc/thread-self/ns/net", &before);
	d = device(w, 1, w->other, "ovpn0");
	stat("/proc/thread-self/ns/net", &after);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(if_nametoindex("ovpn0"), 0);
	assert_true(holds_in(w->other, "ip link show ovpn0 | grep -q NOARP"));
	assert_true(holds_in(w->other, "test $(cat /proc/net/dev | grep -c ovpn0) = 1"));
	assert_true(holds_in(w->other, "test $(ip -o link show ovpn0 | cut -d: -f1) = %u",
		hostif_device_ifindex(d)));
	assert_string_equal(hostif_device_name(d), "ovpn0");
	assert_int_equal(w->dp.instance[1].mac[0], 0x06);
	assert_true(holds_in(w->other,
		"ip link show ovpn0 | grep -qi %02x:%02x:%02x:%02x:%02x:%02x",
		w->dp.instance[1].mac[0], w->dp.instance[1].mac[1], w->dp.instance[1].mac[2],
		w->dp.instance[1].mac[3], w->dp.instance[1].mac[4], w->dp.instance[1].mac[5]));
	assert_true(holds_in(w->other, "ip link show ovpn0 | grep -q 'qlen 1000'"));
	bring_up(w->other, "ovpn0");
	assert_false(holds_in(w->other, "ip -6 addr show dev ovpn0 | grep -q fe80"));
}

static void device_is_gone_at_once_while_its_descriptor_is_open(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	hostif_device_del(w->h, d);
	assert_true(fcntl(w->dp.instance[1].fd, F_GETFD) >= 0);
	assert_false(holds_in(w->other, "ip link show ovpn0 2>/dev/null"));
	close(w->dp.instance[1].fd);
	device(w, 1, w->other, "ovpn0"); /* the name is free again */
	settle(w);
	hostif_device_del(w->h, NULL);
}

static void device_name_must_be_free_and_a_name(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a/b", "a b", "a:b", "tun%d", "a\n", "sixteencharacter"};
	struct world *w = *state;
	struct hostif_device *d;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(hostif_device_new(w->h, 1, w->other, bad[i], &d), -EINVAL);
	device(w, 1, w->other, "ovpn0");
	assert_int_equal(hostif_device_new(w->h, 2, w->other, "ovpn0", &d), -EEXIST);
	device(w, 2, w->home, "ovpn0"); /* another namespace, another name */
	run_in(w->other, "ip tuntap add tun7 mode tap");
	assert_int_equal(hostif_device_new(w->h, 3, w->other, "tun7", &d), -EEXIST);
	run_in(w->other, "ip link del tun7");
	assert_int_equal(hostif_device_new(w->h, 3, STDIN_FILENO, "tun8", &d), -EINVAL);
	w->dp.refuse = -ENOENT;
	assert_int_equal(hostif_device_new(w->h, 3, w->other, "tun9", &d), -ENOENT);
	assert_false(holds_in(w->other, "ip link show tun9 2>/dev/null"));
}

static void settings_are_those_of_the_device_s_name(void **state)
{
	static const struct config_instance settings[] = {
		{"ovpn1", 1400}, {"ovpn2", CONFIG_MSSFIX_OFF}, {"ovpn", 600}, {"ovpn11", 700}};
	struct world *w = *state;
	struct hostif_device *d;
	uint32_t ifindex;
	int tap;

	for (unsigned int i = 0; i < WORLD_INSTANCES; i++)
		w->dp.instance[i].mssfix = 1234; /* nobody has said */
	hostif_settings(w->h, settings, ARRAY_LEN(settings));
	d = device(w, 1, w->other, "ovpn1");
	device(w, 2, w->home, "ovpn2");
	device(w, 3, w->other, "ovpn0");
	assert_int_equal(w->dp.instance[1].mssfix, 1400);
	assert_int_equal(w->dp.instance[2].mssfix, DP_MSSFIX_OFF);
	assert_int_equal(w->dp.instance[3].mssfix, 1234);
	/* one that is taken back has them, too */
	tap = hostif_device_take_fd(d);
	assert_true(tap >= 0);
	ifindex = hostif_device_ifindex(d);
	hostif_device_leave(d);
	hostif_device_del(w->h, d);
	close(w->dp.instance[1].fd);
	w->dp.instance[1].mssfix = 1234;
	assert_int_equal(hostif_device_adopt(w->h, 1, w->other, tap, ifindex, &d), 0);
	assert_int_equal(w->dp.instance[1].mssfix, 1400);
}

static void frames_carry_the_mac_of_the_peer_the_kernel_chose(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 100");
	run_in(w->other, "ip -6 route add fd07::/64 via fd00::2 dev ovpn0 metric 100");
	run_in(w->other, "ip rule add fwmark 7 table 77 && ip -6 rule add fwmark 7 table 77");
	run_in(w->other, "ip route add default via 10.8.0.3 dev ovpn0 table 77");
	run_in(w->other, "ip -6 route add default via fd00::3 dev ovpn0 table 77");
	assert_reaches(w, "10.8.0.2", 0, 2);
	assert_reaches(w, "10.8.0.3", 0, 3);
	assert_reaches(w, "fd00::2", 0, 2);
	assert_reaches(w, "fd00::3", 0, 3);
	assert_reaches(w, "192.168.7.9", 0, 2);
	assert_reaches(w, "fd07::9", 0, 2);
	assert_reaches(w, "192.168.7.9", 7, 3);
	assert_reaches(w, "203.0.113.5", 7, 3);
	assert_reaches(w, "2001:db8::5", 7, 3);
	assert_reaches_nobody(w, "10.8.0.77");
	assert_reaches_nobody(w, "fd00::77");
}

static void neighbours_go_with_their_peer(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	assert_reaches(w, "10.8.0.2", 0, 2);
	hostif_peer_del(w->h, d, 2);
	hostif_peer_del(w->h, d, 99); /* never was */
	settle(w);
	assert_reaches_nobody(w, "10.8.0.2");
	assert_reaches_nobody(w, "fd00::2");
	assert_reaches(w, "fd00::3", 0, 3);
}

static void neighbours_return_after_a_flush(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip neigh flush dev ovpn0 nud permanent");
	run_in(w->other, "ip neigh flush all 2>/dev/null");
	settle_after_event(w);
	assert_reaches(w, "10.8.0.2", 0, 2);
	assert_reaches(w, "fd00::3", 0, 3);
	run_in(w->other, "ip neigh replace 10.8.0.2 lladdr 02:00:00:00:00:03 dev ovpn0");
	settle_after_event(w);
	assert_reaches(w, "10.8.0.2", 0, 2);
	assert_true(
		holds_in(w->other, "test $(ip neigh show dev ovpn0 nud permanent | wc -l) = 4"));
}

static void neighbours_return_after_the_link_was_down(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip link set ovpn0 down && ip link set ovpn0 up");
	run_in(w->other, "ip addr add fd00::1/64 nodad dev ovpn0");
	settle_after_event(w);
	assert_true(
		holds_in(w->other, "test $(ip neigh show dev ovpn0 nud permanent | wc -l) = 4"));
	assert_reaches(w, "10.8.0.2", 0, 2);
	assert_reaches(w, "fd00::3", 0, 3);
}

static void ipv6_neighbours_come_when_the_mtu_allows_ipv6(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device(w, 1, w->other, "ovpn0");

	run_in(w->other, "ip link set ovpn0 mtu 1200 up");
	add_peer(w, d, 2, "10.8.0.2", "fd00::2");
	settle(w);
	run_in(w->other, "ip link set ovpn0 mtu 1500 && ip addr add fd00::1/64 nodad dev ovpn0");
	settle_after_event(w);
	assert_reaches(w, "fd00::2", 0, 2);
}

static void the_newest_peer_has_a_contested_address(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 100");
	add_peer(w, d, 9, "10.8.0.2", NULL);
	settle(w);
	assert_reaches(w, "10.8.0.2", 0, 9);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 9);
	hostif_peer_del(w->h, d, 2);
	settle(w);
	assert_reaches(w, "10.8.0.2", 0, 9);
	add_peer(w, d, 10, "10.8.0.2", NULL);
	hostif_peer_del(w->h, d, 10);
	settle(w);
	assert_reaches(w, "10.8.0.2", 0, 9);
	add_peer(w, d, 9, "10.8.0.3", NULL); /* the same peer anew: only this counts */
	settle(w);
	assert_reaches_nobody(w, "10.8.0.2");
	assert_reaches(w, "10.8.0.3", 0, 9);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
}

static void more_peers_than_the_neighbour_table_has_room_for_others(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device(w, 1, w->other, "ovpn0");
	char v4[32];

	bring_up(w->other, "ovpn0");
	run_in(w->other, "ip addr add 10.8.0.1/16 dev ovpn0");
	for (uint32_t id = 2; id < 3000; id++) {
		snprintf(v4, sizeof(v4), "10.8.%u.%u", id / 250, id % 250);
		add_peer(w, d, id, v4, NULL);
	}
	settle_after_event(w);
	assert_reaches(w, "10.8.11.249", 0, 2999);
	run_in(w->other, "ip link set ovpn0 down && ip link set ovpn0 up");
	settle_after_event(w);
	assert_true(holds_in(w->other, "test $(ip neigh show nud permanent | wc -l) = 2998"));
}

static void lost_events_are_made_up_for(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2");
	run_in(w->other, "ip route add 192.168.8.0/24 via 10.8.0.2");
	settle_after_event(w);
	shrink_event_buffers();
	run_in(w->other,
		"for i in $(seq 0 999); do echo route add 172.16.$((i / 250))"
		".$((i %% 250))/32 via 10.8.0.3 dev ovpn0; done | ip -batch -");
	run_in(w->other, "ip route del 192.168.8.0/24");
	run_in(w->other, "ip neigh flush dev ovpn0 nud permanent");
	go_to(w->other);
	assert_true(lost_events() > 0);
	go_to(w->home);
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 1001);
	assert_int_equal(peer_of(&w->dp, 1, "192.168.7.0/24"), 2);
	assert_int_equal(peer_of(&w->dp, 1, "172.16.3.249/32"), 3);
	assert_reaches(w, "10.8.0.2", 0, 2);
	assert_reaches(w, "fd00::3", 0, 3);
}

/* One line for `ip -batch` for each of 10,000 addresses. */
static void batch(struct world *w, const char *verb, const char *via)
{
	run_in(w->other,
		"for i in $(seq 0 9999); do echo route %s 172.16.$((i / 250)).$((i %% 250))/32"
		" via %s dev ovpn0; done | ip -batch -",
		verb, via);
}

/* Measured: 2 ms, and 8 ms for reading all anew. */
static void assert_short_turns(struct world *w)
{
	assert_true(longest_turn(w) < 200);
	usleep(200000);
	ticks(w, 1); /* what was put off */
}

static void ten_thousand_routes_at_once_are_right_and_turns_short(void **state)
{
	struct world *w = *state;

	device_with_peers(w);
	batch(w, "add", "10.8.0.2");
	assert_short_turns(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 10000);
	assert_int_equal(peer_of(&w->dp, 1, "172.16.39.249/32"), 2);
	batch(w, "replace", "10.8.0.3");
	assert_short_turns(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 10000);
	assert_int_equal(peer_of(&w->dp, 1, "172.16.39.249/32"), 3);
	batch(w, "del", "10.8.0.3");
	assert_short_turns(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
}

static void device_removed_by_somebody_is_survived(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2");
	settle_after_event(w);
	run_in(w->other, "ip link del ovpn0");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].nb_routes, 0);
	add_peer(w, d, 7, "10.8.0.7", NULL);
	hostif_peer_del(w->h, d, 2);
	hostif_device_del(w->h, d);
}

static void the_data_plane_knows_the_devices_mtu(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].mtu, 1500);
	run_in(w->other, "ip link set ovpn0 mtu 1320");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].mtu, 1320);
	hostif_device_del(w->h, d);
}

/* What has no room in the data plane's buffers would end there, and nobody would be told. */
static void a_device_has_no_larger_mtu_than_there_is_room_for(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	run_in(w->other, "ip link set ovpn0 mtu 2033");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].mtu, 2033);
	assert_true(holds_in(w->other, "ip link show ovpn0 | grep -q 'mtu 2033 '"));
	run_in(w->other, "ip link set ovpn0 mtu 2034");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].mtu, 2033);
	assert_true(holds_in(w->other, "ip link show ovpn0 | grep -q 'mtu 2033 '"));
	run_in(w->other, "ip link set ovpn0 mtu 60000");
	settle_after_event(w);
	assert_int_equal(w->dp.instance[1].mtu, 2033);
	assert_true(holds_in(w->other, "ip link show ovpn0 | grep -q 'mtu 2033 '"));
	hostif_device_del(w->h, d);
}

static void renamed_device_is_followed(void **state)
{
	struct world *w = *state;
	struct hostif_device *d = device_with_peers(w);

	run_in(w->other, "ip link set ovpn0 down && ip link set ovpn0 name vpn7");
	settle_after_event(w);
	assert_string_equal(hostif_device_name(d), "vpn7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(device_appears_in_its_namespace_only),
		WORLD_TEST(device_is_gone_at_once_while_its_descriptor_is_open),
		WORLD_TEST(device_name_must_be_free_and_a_name),
		WORLD_TEST(settings_are_those_of_the_device_s_name),
		WORLD_TEST(frames_carry_the_mac_of_the_peer_the_kernel_chose),
		WORLD_TEST(neighbours_go_with_their_peer),
		WORLD_TEST(neighbours_return_after_a_flush),
		WORLD_TEST(neighbours_return_after_the_link_was_down),
		WORLD_TEST(ipv6_neighbours_come_when_the_mtu_allows_ipv6),
		WORLD_TEST(the_newest_peer_has_a_contested_address),
		WORLD_TEST(more_peers_than_the_neighbour_table_has_room_for_others),
		WORLD_TEST(lost_events_are_made_up_for),
		WORLD_TEST(ten_thousand_routes_at_once_are_right_and_turns_short),
		WORLD_TEST(device_removed_by_somebody_is_survived),
		WORLD_TEST(renamed_device_is_followed),
		WORLD_TEST(the_data_plane_knows_the_devices_mtu),
		WORLD_TEST(a_device_has_no_larger_mtu_than_there_is_room_for),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
