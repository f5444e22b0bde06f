/* SPDX-License-Identifier: BSD-3-Clause */
/* Transports and addresses, and what of the packets for them reaches the agent. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "world.h"

static bool next_control(struct world *wd, struct dp_event *ev)
{
	world_settle(wd);
	if (!dp_event_next(wd->dp, ev))
		return false;
	assert_int_equal(ev->type, DP_EVENT_CONTROL);
	return true;
}

/* An acknowledgement from remote to `to` arrives at port; the instance it was given to, or 0. */
static uint32_t owner_of(struct world *wd, unsigned int port, const char *remote, const char *to,
	uint16_t udp_port, uint32_t *tid)
{
	struct flow f = flow_of(udp_of(remote, 4000), udp_of(to, udp_port));
	uint8_t frame[FRAME_MAX], ack[9] = {5 << 3};
	struct dp_event ev;

	assert_true(world_arrive(wd, port, frame, frame_udp(frame, &f, ack, sizeof(ack))));
	if (next_control(wd, &ev)) {
		assert_true(udp_addr_equal(&ev.remote, &f.src));
		assert_true(udp_addr_equal(&ev.local, &f.dst));
		assert_int_equal(ev.port, port);
		if (tid != NULL)
			*tid = ev.tid;
		return ev.iid;
	}
	/* whose it is not is the kernel's, as it came */
	assert_int_equal(world_read(wd->mirror[port], frame), frame_hdr_len(f.src.ip.family) + 9);
	return 0;
}

/* dco-contract 7: openvpn takes DATA for plaintext, so none may ever reach it. */
static void control_reaches_the_agent_and_data_never_does(void **state)
{
	struct world *wd = *state;
	struct udp_addr remote[2] = {udp_of("198.51.100.7", 50000), udp_of("2001:db8:9::7", 50001)};
	static const uint8_t lens[] = {0, 1, 2, 8, 13, 14, 23, 24, 25, 39, 40, 41, 60, 64};
	struct site s[2];
	uint8_t payload[64] = {0}, frame[FRAME_MAX];

	site_new(&s[0], wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_new(&s[1], wd, 1, DP_MODE_P2P, "2001:db8::1", 1194);
	for (unsigned int first = 0; first < 256; first++) {
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			unsigned int k = (first + i) % 2, op = first >> 3;
			bool control = op >= 3 && op <= 11 && op != 6 && op != 9;
			struct dp_event ev;

			payload[0] = (uint8_t)first;
			payload[1] = (uint8_t)i;
			site_payload(&s[k], remote[k], payload, lens[i]);
			assert_int_equal(next_control(wd, &ev), control && lens[i] > 0);
			if (!control || lens[i] == 0)
				continue;
			assert_int_equal(ev.iid, s[k].iid);
			assert_int_equal(ev.tid, s[k].tid);
			assert_int_equal(ev.port, k);
			assert_int_equal(ev.peer_id, DP_NO_PEER);
			assert_true(udp_addr_equal(&ev.remote, &remote[k]));
			assert_true(udp_addr_equal(&ev.local, &s[k].local));
			assert_int_equal(ev.len, lens[i]);
			assert_memory_equal(ev.data, payload, lens[i]);
			assert_int_not_equal(ev.data[0] >> 3, 9);
			assert_int_not_equal(ev.data[0] >> 3, 6);
			assert_false(dp_event_next(wd->dp, &ev));
		}
	}
	for (unsigned int k = 0; k < 2; k++) {
		assert_int_equal(world_read(wd->mirror[k], frame), 0);
		assert_int_equal(world_read(s[k].device, frame), 0);
		close(s[k].device);
	}
}

/* Not before NEW_PEER either, and not after the peer or its key is gone. */
static void data_of_no_peer_never_reaches_the_agent(void **state)
{
	struct world *wd = *state;
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	struct key_material m = reference_key(AEAD_AES_128_GCM, 0, 1);
	static const uint8_t exit_message[17] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81,
		0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 6};
	struct site s;
	uint8_t payload[80] = {0x48, 0, 0, 0, 0, 0, 0, 1};
	uint32_t id = 1;

	memcpy(payload + 8, exit_message, sizeof(exit_message));
	site_new(&s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	for (int stage = 0; stage < 4; stage++) {
		struct dp_event ev;

		for (uint8_t key_id = 0; key_id < 8; key_id++) {
			payload[0] = (uint8_t)(0x48 | key_id);
			site_payload(&s, remote, payload, sizeof(payload));
			site_payload(&s, remote, payload, 25);
		}
		site_data(&s, remote, &m, 0, id++, exit_message, sizeof(exit_message));
		world_settle(wd);
		assert_false(dp_event_next(wd->dp, &ev));
		if (stage == 0)
			site_peer(&s, 0, remote, "10.8.0.2", NULL, &m);
		else if (stage == 1)
			dp_key_del(wd->dp, s.iid, 0, KEYSLOT_PRIMARY);
		else if (stage == 2)
			dp_peer_del(wd->dp, s.iid, 0, DP_GONE_USERSPACE);
	}
	world_reclaim(wd);
	close(s.device);
}

static void the_agent_is_woken_for_an_event_and_only_if_it_sleeps(void **state)
{
	struct world *wd = *state;
	struct pollfd fd = {.fd = dp_event_fd(wd->dp), .events = POLLIN};
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	const uint8_t ack[9] = {5 << 3};
	struct dp_event ev;
	struct site s;
	uint64_t count;

	site_new(&s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_payload(&s, remote, ack, sizeof(ack));
	world_settle(wd);
	assert_int_equal(poll(&fd, 1, 0), 0); /* nobody sleeps */
	assert_false(dp_event_arm(wd->dp));
	assert_true(dp_event_next(wd->dp, &ev));
	assert_false(dp_event_next(wd->dp, &ev));
	assert_true(dp_event_arm(wd->dp));
	for (int i = 0; i < 5; i++) {
		site_payload(&s, remote, ack, sizeof(ack));
		world_settle(wd);
	}
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	for (int i = 0; i < 5; i++)
		assert_true(dp_event_next(wd->dp, &ev));
	assert_false(dp_event_next(wd->dp, &ev));
	close(s.device);
}

/* --- transports ------------------------------------------------------------------------- */

static uint32_t instance(struct world *wd)
{
	uint32_t iid;

	assert_int_equal(dp_instance_new(wd->dp, DP_MODE_MP, &iid), 0);
	return iid;
}

static int claim(struct world *wd, uint32_t iid, const char *address, uint16_t port, bool v4_too,
	uint32_t *tid)
{
	struct udp_addr a = udp_of(address, port);

	return dp_transport_add(wd->dp, iid, &a, v4_too, tid);
}

static void addr(struct world *wd, unsigned int port, const char *text, bool add)
{
	struct ip_addr a = ip_of(text);

	assert_int_equal(
		add ? dp_port_addr_add(wd->dp, port, &a) : dp_port_addr_del(wd->dp, port, &a), 0);
}

static void a_wildcard_follows_the_addresses_of_the_ports(void **state)
{
	struct world *wd = *state;
	uint32_t iid = instance(wd), tid;

	assert_int_equal(claim(wd, iid, "0.0.0.0", 1194, false, &tid), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, NULL), 0);
	addr(wd, 0, "192.0.2.1", true);
	addr(wd, 0, "192.0.2.1", true);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, NULL), iid);
	assert_int_equal(owner_of(wd, 1, "198.51.100.7", "192.0.2.1", 1194, NULL), iid);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1195, NULL), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, NULL), 0);
	addr(wd, 1, "192.0.2.2", true);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, NULL), iid);
	addr(wd, 0, "2001:db8::1", true);
	assert_int_equal(owner_of(wd, 0, "2001:db8:9::1", "2001:db8::1", 1194, NULL), 0);
	addr(wd, 0, "192.0.2.1", false);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, NULL), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, NULL), iid);
	addr(wd, 0, "192.0.2.1", false); /* twice is no error */
	assert_int_equal(dp_transport_del(wd->dp, tid), 0);
	assert_int_equal(dp_transport_del(wd->dp, tid), -ENOENT);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, NULL), 0);
	world_reclaim(wd);
}

static void an_ip6_wildcard_takes_ip4_if_asked_to(void **state)
{
	struct world *wd = *state;
	uint32_t iid = instance(wd), tid;

	addr(wd, 0, "192.0.2.1", true);
	addr(wd, 0, "2001:db8::1", true);
	assert_int_equal(claim(wd, iid, "::", 1194, true, &tid), 0);
	assert_int_equal(claim(wd, iid, "::", 1195, false, &tid), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, NULL), iid);
	assert_int_equal(owner_of(wd, 0, "2001:db8:9::1", "2001:db8::1", 1194, NULL), iid);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1195, NULL), 0);
	assert_int_equal(owner_of(wd, 0, "2001:db8:9::1", "2001:db8::1", 1195, NULL), iid);
	world_reclaim(wd);
}

static void a_bound_address_goes_before_a_wildcard(void **state)
{
	struct world *wd = *state;
	uint32_t any = instance(wd), bound = instance(wd), any_tid, bound_tid, tid;

	addr(wd, 0, "192.0.2.1", true);
	addr(wd, 0, "192.0.2.2", true);
	assert_int_equal(claim(wd, any, "0.0.0.0", 1194, false, &any_tid), 0);
	assert_int_equal(claim(wd, bound, "192.0.2.1", 1194, false, &bound_tid), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, &tid), bound);
	assert_int_equal(tid, bound_tid);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, &tid), any);
	assert_int_equal(tid, any_tid);
	assert_int_equal(dp_instance_del(wd->dp, bound), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, &tid), any);
	assert_int_equal(dp_instance_del(wd->dp, any), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, &tid), 0);
	world_reclaim(wd);
}

static void two_instances_share_a_port_on_different_addresses(void **state)
{
	struct world *wd = *state;
	uint32_t a = instance(wd), b = instance(wd), tid;

	addr(wd, 0, "192.0.2.1", true);
	addr(wd, 0, "192.0.2.2", true);
	assert_int_equal(claim(wd, a, "192.0.2.1", 1194, false, &tid), 0);
	assert_int_equal(claim(wd, b, "192.0.2.2", 1194, false, &tid), 0);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.1", 1194, NULL), a);
	assert_int_equal(owner_of(wd, 0, "198.51.100.7", "192.0.2.2", 1194, NULL), b);
	world_reclaim(wd);
}

static void what_is_claimed_is_in_use(void **state)
{
	static const struct {
		const char *first, *second;
		bool first_v4, second_v4;
		int ret;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1", false, false, -EADDRINUSE},
		{"0.0.0.0", "0.0.0.0", false, false, -EADDRINUSE},
		{"::", "::", false, false, -EADDRINUSE},
		{"::", "0.0.0.0", true, false, -EADDRINUSE},
		{"0.0.0.0", "::", false, true, -EADDRINUSE},
		{"::", "0.0.0.0", false, false, 0},
		{"0.0.0.0", "::", false, false, 0},
		{"192.0.2.1", "192.0.2.2", false, false, 0},
		{"2001:db8::1", "2001:db8::2", false, false, 0},
	};
	struct world *wd = *state;
	uint32_t iid = instance(wd), tid;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint16_t port = (uint16_t)(2000 + i);

		assert_int_equal(claim(wd, iid, rows[i].first, port, rows[i].first_v4, &tid), 0);
		assert_int_equal(
			claim(wd, iid, rows[i].second, port, rows[i].second_v4, &tid), rows[i].ret);
	}
	assert_int_equal(claim(wd, 999, "192.0.2.1", 1, false, &tid), -ENOENT);
	world_reclaim(wd);
}

static void transports_run_out_at_their_number(void **state)
{
	struct world *wd = *state;
	uint32_t iid = instance(wd), tid, first;

	assert_int_equal(claim(wd, iid, "192.0.2.1", 1, false, &first), 0);
	for (uint16_t i = 1; i < DP_MAX_TRANSPORTS; i++)
		assert_int_equal(claim(wd, iid, "192.0.2.1", (uint16_t)(1 + i), false, &tid), 0);
	assert_int_equal(claim(wd, iid, "192.0.2.1", 9999, false, &tid), -ENOSPC);
	assert_int_equal(dp_transport_del(wd->dp, first), 0);
	assert_int_equal(claim(wd, iid, "192.0.2.1", 9999, false, &tid), 0);
	world_reclaim(wd);
}

static void instances_run_out_and_their_ids_are_never_reused(void **state)
{
	struct world *wd = *state;
	static uint32_t iids[DP_MAX_INSTANCES];
	uint32_t iid, seen = 0;

	for (int i = 0; i < DP_MAX_INSTANCES; i++) {
		iids[i] = instance(wd);
		assert_true(iids[i] > seen);
		seen = iids[i];
	}
	assert_int_equal(dp_instance_new(wd->dp, DP_MODE_MP, &iid), -ENOSPC);
	assert_int_equal(dp_instance_del(wd->dp, iids[100]), 0);
	assert_int_equal(dp_instance_del(wd->dp, iids[100]), -ENOENT);
	assert_int_equal(dp_instance_new(wd->dp, DP_MODE_MP, &iid), 0);
	assert_true(iid > seen);
	assert_int_equal(dp_instance_mtu(wd->dp, iid, 1400), 0);
	/* it has the other one's place, not its name */
	assert_int_equal(dp_instance_mtu(wd->dp, iids[100], 1400), -ENOENT);
	assert_int_equal(dp_instance_del(wd->dp, iids[100]), -ENOENT);
	world_reclaim(wd);
}

/* The linker puts this before locals_build() (meson.build): no memory. */
static bool no_memory;
struct locals *__real_locals_build(const struct local *entries, uint32_t n);
struct locals *__wrap_locals_build(const struct local *entries, uint32_t n);

struct locals *__wrap_locals_build(const struct local *entries, uint32_t n)
{
	return no_memory ? NULL : __real_locals_build(entries, n);
}

static uint32_t owner(struct world *wd, const char *to)
{
	return owner_of(wd, 0, "198.51.100.7", to, 1194, NULL);
}

/* What comes waits for memory, what was there goes on; what goes is gone at once. */
static void without_memory_addresses_wait_and_nobody_gets_what_is_not_his(void **state)
{
	struct world *wd = *state;
	uint32_t any = instance(wd), bound = instance(wd), any_tid, bound_tid, tid;

	addr(wd, 0, "192.0.2.1", true);
	assert_int_equal(claim(wd, any, "0.0.0.0", 1194, false, &any_tid), 0);
	no_memory = true;
	addr(wd, 0, "192.0.2.2", true);
	assert_int_equal(claim(wd, bound, "192.0.2.2", 1194, false, &tid), -ENOMEM);
	assert_int_equal(owner(wd, "192.0.2.1"), any);
	assert_int_equal(owner(wd, "192.0.2.2"), 0);
	dp_tick(wd->dp);
	assert_int_equal(owner(wd, "192.0.2.2"), 0);
	no_memory = false;
	dp_tick(wd->dp);
	assert_int_equal(owner(wd, "192.0.2.1"), any);
	assert_int_equal(owner(wd, "192.0.2.2"), any);

	assert_int_equal(claim(wd, bound, "192.0.2.1", 1194, false, &bound_tid), 0);
	assert_int_equal(owner(wd, "192.0.2.1"), bound);
	no_memory = true;
	addr(wd, 0, "192.0.2.2", false);
	assert_int_equal(owner(wd, "192.0.2.2"), 0);
	assert_int_equal(dp_transport_del(wd->dp, bound_tid), 0);
	assert_int_equal(dp_transport_del(wd->dp, bound_tid), -ENOENT);
	assert_int_equal(owner(wd, "192.0.2.1"), 0);
	no_memory = false;
	dp_tick(wd->dp);
	assert_int_equal(owner(wd, "192.0.2.1"), any);
	assert_int_equal(owner(wd, "192.0.2.2"), 0);

	no_memory = true;
	assert_int_equal(dp_instance_del(wd->dp, any), 0);
	assert_int_equal(owner(wd, "192.0.2.1"), 0);
	no_memory = false;
	world_reclaim(wd);
	assert_int_equal(owner(wd, "192.0.2.1"), 0);
}

static void a_port_number_beyond_the_ports_is_refused(void **state)
{
	struct world *wd = *state;
	static const unsigned int ports[] = {2, 15, 16, 17, 4711};
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	struct ip_addr a = ip_of("192.0.2.1");
	struct site s;

	site_new(&s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&s, 1, remote, NULL, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		struct dp_path path = {.port = ports[i], .local = s.local};

		assert_int_equal(dp_port_addr_add(wd->dp, ports[i], &a), -EINVAL);
		assert_int_equal(dp_port_addr_del(wd->dp, ports[i], &a), -EINVAL);
		assert_int_equal(dp_peer_path(wd->dp, s.iid, 1, &path), -EINVAL);
		assert_int_equal(dp_port_mirror(wd->dp, ports[i], 0), -EINVAL);
	}
	close(s.device);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(control_reaches_the_agent_and_data_never_does),
		TEST(data_of_no_peer_never_reaches_the_agent),
		TEST(the_agent_is_woken_for_an_event_and_only_if_it_sleeps),
		TEST(a_wildcard_follows_the_addresses_of_the_ports),
		TEST(an_ip6_wildcard_takes_ip4_if_asked_to),
		TEST(a_bound_address_goes_before_a_wildcard),
		TEST(two_instances_share_a_port_on_different_addresses),
		TEST(what_is_claimed_is_in_use),
		TEST(without_memory_addresses_wait_and_nobody_gets_what_is_not_his),
		TEST(transports_run_out_at_their_number),
		TEST(instances_run_out_and_their_ids_are_never_reused),
		TEST(a_port_number_beyond_the_ports_is_refused),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
