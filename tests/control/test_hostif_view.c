/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator sees of the kernel's side: complete, in order, in pages. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/hostif_view.h"
#include "hostif_world.h"

/* All rows, in pages of that many; the caller frees them. */
static unsigned int all_routes(
	struct world *w, uint32_t peer_id, unsigned int page, struct iroutes_row **out)
{
	struct iroutes_row *rows = calloc(4096, sizeof(*rows));
	unsigned int n = 0;
	unsigned int got;

	assert_non_null(rows);
	do {
		got = hostif_view_routes(
			w->h, 1, peer_id, n > 0 ? &rows[n - 1] : NULL, rows + n, page);
		assert_true(got <= page);
		n += got;
	} while (got == page);
	*out = rows;
	return n;
}

static const struct iroutes_row *row_of(
	const struct iroutes_row *rows, unsigned int n, const char *address, uint8_t len, bool vpn)
{
	struct ip_addr a = ip(address);

	for (unsigned int i = 0; i < n; i++)
		if (ip_equal(&rows[i].prefix, &a) && rows[i].prefix_len == len &&
			rows[i].vpn == vpn)
			return &rows[i];
	fail_msg("no row %s/%u", address, len);
	return NULL;
}

static void routes_say_whose_an_inner_address_is_and_why(void **state)
{
	struct world *w = *state;
	struct ip_addr via = ip("10.8.0.3");
	const struct iroutes_row *r;
	struct iroutes_row *rows;
	unsigned int n;

	device_with_peers(w);
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn0 metric 100");
	run_in(w->other, "ip route add 192.168.7.0/24 via 10.8.0.3 dev ovpn0 metric 50");
	run_in(w->other, "ip route add 192.168.8.0/24 via 10.8.0.77 dev ovpn0");
	run_in(w->other, "ip route add default via 10.8.0.2 dev ovpn0 table 77");
	run_in(w->other, "ip -6 route add fd07::/64 via fd00::2 dev ovpn0");
	settle_after_event(w);
	n = all_routes(w, DP_NO_PEER, 100, &rows);
	assert_int_equal(n, 8);
	r = row_of(rows, n, "192.168.7.0", 24, false);
	assert_int_equal(r->peer_id, 3);
	assert_true(ip_equal(&r->via, &via));
	assert_int_equal(r->metric, 50);
	assert_int_equal(r->table, 254);
	assert_int_equal(row_of(rows, n, "192.168.8.0", 24, false)->peer_id, DP_NO_PEER);
	assert_int_equal(row_of(rows, n, "0.0.0.0", 0, false)->table, 77);
	assert_int_equal(row_of(rows, n, "fd07::", 64, false)->peer_id, 2);
	assert_int_equal(row_of(rows, n, "10.8.0.2", 32, true)->peer_id, 2);
	assert_int_equal(row_of(rows, n, "fd00::3", 128, true)->peer_id, 3);
	free(rows);
	n = all_routes(w, 3, 100, &rows);
	assert_int_equal(n, 3);
	row_of(rows, n, "192.168.7.0", 24, false);
	assert_int_equal(hostif_view_routes(w->h, 2, DP_NO_PEER, NULL, rows, 1), 0);
	free(rows);
}

static void pages_of_any_size_have_every_route_once_and_in_order(void **state)
{
	static const unsigned int sizes[] = {1000, 256, 17, 1};
	struct world *w = *state;
	struct iroutes_row *first;

	device_with_peers(w);
	run_in(w->other,
		"for i in $(seq 0 699); do echo route add 172.16.$((i / 250)).$((i %% 250))/32"
		" via 10.8.0.3 dev ovpn0; done | ip -batch -");
	settle_after_event(w);
	assert_int_equal(all_routes(w, DP_NO_PEER, 1000, &first), 704);
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct iroutes_row *rows;

		assert_int_equal(all_routes(w, DP_NO_PEER, sizes[s], &rows), 704);
		for (unsigned int i = 0; i < 704; i++) {
			assert_true(ip_equal(&rows[i].prefix, &first[i].prefix));
			if (i > 0 && rows[i].prefix.family == rows[i - 1].prefix.family)
				assert_true(memcmp(rows[i - 1].prefix.b, rows[i].prefix.b, 16) < 0);
		}
		free(rows);
	}
	free(first);
}

static void neighbours_are_the_next_hops_with_their_peers(void **state)
{
	struct world *w = *state;
	struct hostif_view_neighbour rows[8];
	struct dp_path path;

	mirror(w, 0, "192.0.2.1/24", "2001:db8::1/64");
	mirror(w, 1, "198.51.100.1/24", "2001:db8:1::1/64");
	assert_int_equal(hostif_view_neighbours(w->h, NULL, rows, 8), 0);
	run_in(w->home, "ip neigh add 192.0.2.254 lladdr 02:bb:00:00:00:01 dev wan0 nud permanent");
	run_in(w->home, "ip route add default via 192.0.2.254");
	settle_after_event(w);
	for (int i = 0; i < 3; i++)
		path_to(w, "203.0.113.5", 0, NULL, &path);
	path_to(w, "203.0.113.6", 0, NULL, &path);
	path_to(w, "192.0.2.9", 0, NULL, &path);
	path_to(w, "198.51.100.7", 0, NULL, &path);
	settle(w);
	assert_int_equal(hostif_view_neighbours(w->h, NULL, rows, 8), 3);
	assert_string_equal(rows[0].port, "wan0");
	assert_string_equal(rows[0].state, "INCOMPLETE");
	assert_false(rows[0].has_mac);
	assert_int_equal(rows[0].peers, 1);
	assert_string_equal(rows[1].state, "PERMANENT");
	assert_true(rows[1].has_mac);
	assert_int_equal(rows[1].mac[1], 0xbb);
	assert_int_equal(rows[1].peers, 4);
	assert_string_equal(rows[2].port, "wan1");
	/* in pages */
	assert_int_equal(hostif_view_neighbours(w->h, NULL, rows, 2), 2);
	assert_int_equal(hostif_view_neighbours(w->h, &rows[1], rows + 2, 2), 1);
	/* the gateway is another: its users move */
	run_in(w->home, "ip route replace default via 192.0.2.253");
	settle_after_event(w);
	path_to(w, "203.0.113.5", 0, NULL, &path);
	path_to(w, "203.0.113.6", 0, NULL, &path);
	assert_int_equal(hostif_view_neighbours(w->h, NULL, rows, 8), 3);
	assert_int_equal(rows[1].ip.b[3], 253);
	assert_int_equal(rows[1].peers, 6);
	run_in(w->home, "ip route replace default via 192.0.2.254");
	settle_after_event(w);
	path_to(w, "203.0.113.5", 0, NULL, &path);
	path_to(w, "203.0.113.6", 0, NULL, &path);
	assert_int_equal(hostif_view_neighbours(w->h, NULL, rows, 8), 3);
	assert_int_equal(rows[1].ip.b[3], 254);
	assert_int_equal(rows[1].peers, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(routes_say_whose_an_inner_address_is_and_why),
		WORLD_TEST(pages_of_any_size_have_every_route_once_and_in_order),
		WORLD_TEST(neighbours_are_the_next_hops_with_their_peers),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
