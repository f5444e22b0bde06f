/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that move, and an openvpn 2.7, which is told: the real agent over fake_dp. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_ovpn_capture.h"
#include "control/dco_ovpn.h"
#include "moved.h"

/* Of the recorded PEER_NEW: the socket's number, the remote's address and port. */
enum { SOCKET_AT = 44, REMOTE_AT = 52, PORT_AT = 60 };
/* The same of PEER_FLOAT_NTF. */
enum { FLOAT_LEN = 56, FLOAT_ID_AT = 36, FLOAT_REMOTE_AT = 44, FLOAT_PORT_AT = 52 };

static int server_of_27(struct shim *s, struct rig *rig, int genl_sndbuf)
{
	int udp;

	rig->family = &dco_ovpn_family;
	udp = shim_server(s, rig, "ovpn0", genl_sndbuf);
	rig->family = NULL;
	return udp;
}

static int add_peer_of_27(struct shim *s, uint32_t id, uint8_t n)
{
	uint8_t m[sizeof(capture_peer_new_client_v4)];
	struct udp_addr a = from(n);

	memcpy(m, capture_peer_new_client_v4, sizeof(m));
	m[SOCKET_AT] = 5;
	memcpy(m + REMOTE_AT, a.ip.b, 4);
	be16_store(m + PORT_AT, a.port);
	return shim_request(s, m, sizeof(m), id);
}

/* Reads one PEER_FLOAT_NTF: whom it moves, and to where. False: nothing waits. */
static bool read_float(struct shim *s, uint32_t *id, uint8_t *to_n)
{
	uint8_t buf[256];
	struct nlmsghdr h;
	ssize_t n = recv(s->genl, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return false;
	memcpy(&h, buf, sizeof(h));
	assert_int_equal(h.nlmsg_len, n); /* alone */
	assert_int_equal(h.nlmsg_seq, 0); /* nobody's answer */
	assert_int_equal(n, FLOAT_LEN);
	assert_int_equal(buf[16], 11);
	memcpy(id, buf + FLOAT_ID_AT, sizeof(*id));
	assert_memory_equal(buf + FLOAT_REMOTE_AT, first.b, 3);
	*to_n = buf[FLOAT_REMOTE_AT + 3];
	assert_int_equal(be16_load(buf + FLOAT_PORT_AT), 5000 + *to_n);
	return true;
}

static void told(struct shim *s, uint32_t id, uint8_t n)
{
	uint32_t whom = DP_NO_PEER;
	uint8_t there = 0;

	EVENTUALLY(read_float(s, &whom, &there));
	assert_int_equal(whom, id);
	assert_int_equal(there, n);
}

static bool waits(const struct shim *s)
{
	uint8_t byte;

	return recv(s->genl, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

/*
 * Until it has read it goes by the old name, and what it has sent by either; then there are no
 * names any more.
 */
static void openvpn_27_is_told_once(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = server_of_27(&s, rig, 0);

	neighbours();
	assert_int_equal(add_peer_of_27(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	float_to(rig, &s, 1, MOVED);
	EVENTUALLY(is_at(rig, &s, 1, MOVED) && waits(&s));
	assert_int_equal(name(rig, &s, udp, MOVED), HOME);
	assert_int_equal(goes_to(rig, udp, HOME), MOVED);
	/* read, and the agent has no sign of that: the first it hears goes by the new name */
	told(&s, 1, MOVED);
	assert_int_equal(goes_to(rig, udp, MOVED), MOVED);
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	assert_int_equal(goes_to(rig, udp, MOVED), MOVED);
	/* the old place is anybody's */
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_int_equal(goes_to(rig, udp, HOME), HOME);
	/* said again by a worker that was late, and then back */
	float_to(rig, &s, 1, MOVED);
	float_to(rig, &s, 1, HOME);
	told(&s, 1, HOME);
	assert_int_equal(name(rig, &s, udp, HOME), HOME);
	assert_false(waits(&s));
	assert_int_equal(agent_counts(rig->agent)->floats, 2);
	/* a key comes to where it is */
	assert_int_equal(
		shim_request(&s, capture_key_new_rekey, sizeof(capture_key_new_rekey), 1), 0);
	assert_int_equal(shim_request(&s, capture_peer_del, sizeof(capture_peer_del), 1), 0);
	shim_detach(&s);
	close(udp);
}

/* Two wrote at once: one from before openvpn read, one from after. Both find the peer. */
static void either_name_leads_to_a_peer_that_openvpn_was_told_of(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = server_of_27(&s, rig, 0);

	neighbours();
	assert_int_equal(add_peer_of_27(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	float_to(rig, &s, 1, MOVED);
	EVENTUALLY(is_at(rig, &s, 1, MOVED) && waits(&s));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(goes_to(rig, udp, MOVED), MOVED);
		assert_int_equal(goes_to(rig, udp, HOME), MOVED);
	}
	told(&s, 1, MOVED);
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	shim_detach(&s);
	close(udp);
}

/* Requests are answered with notifications between, and none of those is in an answer. */
static void floats_do_not_come_inside_answers(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	uint32_t whom = 0;
	uint8_t there = 0;
	unsigned int heard = 0;
	int udp = server_of_27(&s, rig, 0);

	neighbours();
	assert_int_equal(add_peer_of_27(&s, 1, HOME), 0);
	EVENTUALLY(is_at(rig, &s, 1, HOME));
	for (unsigned int i = 0; i < 40; i++) {
		float_to(rig, &s, 1, i % 2 == 0 ? MOVED : HOME);
		shim_send_request(&s, capture_peer_get_dump, sizeof(capture_peer_get_dump), 0);
		do {
			struct nlmsghdr h;

			assert_int_equal(shim_answer(&s), 0);
			memcpy(&h, s.body, sizeof(h));
			assert_int_not_equal(h.nlmsg_seq, 0);
		} while (!(s.flags & SHIM_LAST));
		assert_int_equal(
			shim_request(&s, capture_peer_set, sizeof(capture_peer_set), 1), 0);
		EVENTUALLY(agent_counts(rig->agent)->floats == i + 1);
		EVENTUALLY(waits(&s));
		while (read_float(&s, &whom, &there))
			heard++;
		assert_int_equal(there, i % 2 == 0 ? MOVED : HOME);
	}
	assert_int_equal(heard, 40);
	shim_detach(&s);
	close(udp);
}

/* Whatever openvpn does not read, its peers stay reachable by the names that it has. */
static void openvpn_27_that_never_reads_keeps_its_names(void **state)
{
	enum { PEERS = 200 };
	struct rig *rig = *state;
	struct shim s;
	uint32_t whom = 0;
	uint8_t there = 0;
	uint64_t told_of[PEERS] = {0};
	unsigned int heard = 0;
	int udp = server_of_27(&s, rig, 1); /* room for a few notifications alone */

	neighbours();
	for (uint32_t i = 0; i < PEERS; i++)
		assert_int_equal(add_peer_of_27(&s, i, (uint8_t)(20 + i)), 0);
	/* all but the last go round in the places above: none is where another is */
	for (uint32_t i = 0; i < PEERS; i++) {
		struct udp_addr there_now = from((uint8_t)(20 + i)), here = to(&first);

		there_now.port = 9;
		fake_dp_float(rig->dp, s.iid, i, &there_now, &here);
		EVENTUALLY(agent_counts(rig->agent)->floats == i + 1);
	}
	assert_int_equal(add_peer_of_27(&s, 1000, HOME), 0);
	float_to(rig, &s, 1000, MOVED);
	EVENTUALLY(is_at(rig, &s, 1000, MOVED));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(name(rig, &s, udp, MOVED), HOME);
		assert_int_equal(goes_to(rig, udp, HOME), MOVED);
		assert_int_equal(
			shim_request(&s, capture_peer_set, sizeof(capture_peer_set), 1000), 0);
	}
	/* one that goes is not told of any more; and in the end everybody is, once */
	assert_int_equal(shim_request(&s, capture_peer_del, sizeof(capture_peer_del), 199), 0);
	while (heard < PEERS) {
		uint8_t buf[256];

		EVENTUALLY(recv(s.genl, buf, sizeof(buf), MSG_DONTWAIT) == FLOAT_LEN);
		memcpy(&whom, buf + FLOAT_ID_AT, sizeof(whom));
		assert_true(whom == 1000 || (whom < PEERS && whom != 199));
		if (whom < PEERS)
			assert_int_equal(told_of[whom]++, 0);
		heard++;
	}
	assert_int_equal(name(rig, &s, udp, MOVED), MOVED);
	assert_false(read_float(&s, &whom, &there));
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(openvpn_27_is_told_once),
		RIG_TEST(either_name_leads_to_a_peer_that_openvpn_was_told_of),
		RIG_TEST(floats_do_not_come_inside_answers),
		RIG_TEST(openvpn_27_that_never_reads_keeps_its_names),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
