/* SPDX-License-Identifier: BSD-3-Clause */
/* openvpn 2.7, which speaks family ovpn, alone and beside one that speaks ovpn-dco-v2. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_ovpn_capture.h"
#include "agent_rig.h"
#include "control/dco_ovpn.h"
#include "dataplane/dp_view.h"

#define REQUEST(s, name, id) shim_request(s, capture_##name, sizeof(capture_##name), id)

/* The recorded number of the peer's UDP socket: attribute 6, behind the peer id. */
#define SOCKET_AT 44

static int server_of_27(struct shim *s, struct rig *rig, const char *device)
{
	int udp;

	rig->family = &dco_ovpn_family;
	udp = shim_server(s, rig, device, 0);
	rig->family = NULL;
	return udp;
}

static int new_peer(struct shim *s, uint32_t id)
{
	uint8_t m[sizeof(capture_peer_new_client_v4)];

	memcpy(m, capture_peer_new_client_v4, sizeof(m));
	assert_int_equal(m[SOCKET_AT], 3);
	m[SOCKET_AT] = 5;
	return shim_request(s, m, sizeof(m), id);
}

/* KEY_DEL as recorded, but for the command and the slot, is KEY_GET. */
static int key_get(struct shim *s, uint32_t id, uint8_t slot)
{
	uint8_t m[sizeof(capture_key_del)];

	memcpy(m, capture_key_del, sizeof(m));
	m[16] = 7;
	m[sizeof(m) - 4] = slot;
	return shim_request(s, m, sizeof(m), id);
}

static void peer_lives_from_peer_new_to_peer_del(void **state)
{
	struct rig *rig = *state;
	struct dp_peer_info info;
	struct shim s;
	int udp = server_of_27(&s, rig, "ovpn0");

	assert_int_equal(new_peer(&s, 3), 0);
	assert_int_equal(new_peer(&s, 3), -EEXIST);
	assert_int_equal(REQUEST(&s, peer_set, 3), 0);
	assert_int_equal(REQUEST(&s, key_new_aes_256, 3), 0);
	assert_int_equal(dp_peer_get(rig->dp, s.iid, 3, &info), 0);
	assert_int_equal(info.interval, 5);
	assert_int_equal(info.timeout, 40);
	assert_int_equal(info.remote.port, 1194);
	assert_int_equal(fake_dp_key(rig->dp, s.iid, 3, KEYSLOT_PRIMARY).alg, AEAD_AES_256_GCM);
	assert_int_equal(key_get(&s, 3, 0), 0);
	assert_int_equal(key_get(&s, 3, 1), -ENOENT);
	assert_int_equal(key_get(&s, 4, 0), -ENOENT);
	assert_int_equal(REQUEST(&s, key_new_rekey, 3), 0);
	assert_int_equal(REQUEST(&s, key_swap, 3), 0);
	assert_int_equal(fake_dp_key(rig->dp, s.iid, 3, KEYSLOT_PRIMARY).key_id, 1);
	assert_int_equal(REQUEST(&s, key_del, 3), 0);
	assert_int_equal(key_get(&s, 3, 1), -ENOENT);
	assert_int_equal(REQUEST(&s, peer_del, 3), 0);
	assert_int_equal(REQUEST(&s, peer_del, 3), -ENOENT);
	/* one that ended by itself has no key to tell of */
	assert_int_equal(new_peer(&s, 5), 0);
	assert_int_equal(REQUEST(&s, key_new_aes_256, 5), 0);
	assert_int_equal(key_get(&s, 5, 0), 0);
	fake_dp_expire(rig->dp, s.iid, 5, 6);
	assert_int_equal(key_get(&s, 5, 0), -ENOENT);
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	shim_detach(&s);
	close(udp);
}

/* PEER_NEW as recorded, with more attributes behind. */
static int new_peer_with(struct shim *s, uint32_t id, const uint8_t *attrs, size_t n)
{
	uint8_t m[sizeof(capture_peer_new_client_v4) + 32];
	uint32_t len = sizeof(capture_peer_new_client_v4) + (uint32_t)n;
	uint16_t nest = (uint16_t)(len - 28);

	memcpy(m, capture_peer_new_client_v4, sizeof(capture_peer_new_client_v4));
	memcpy(m + sizeof(capture_peer_new_client_v4), attrs, n);
	memcpy(m, &len, sizeof(len));
	memcpy(m + 28, &nest, sizeof(nest));
	m[SOCKET_AT] = 5;
	return shim_request(s, m, len, id);
}

static void keepalive_that_comes_with_a_peer_counts(void **state)
{
	struct rig *rig = *state;
	static const uint8_t keepalive[] = {8, 0, 13, 0, 2, 0, 0, 0, 8, 0, 14, 0, 9, 0, 0, 0};
	struct dp_peer_info info;
	struct shim s;
	int udp = server_of_27(&s, rig, "ovpn0");

	assert_int_equal(new_peer_with(&s, 8, keepalive, sizeof(keepalive)), 0);
	assert_int_equal(dp_peer_get(rig->dp, s.iid, 8, &info), 0);
	assert_int_equal(info.interval, 2);
	assert_int_equal(info.timeout, 9);
	shim_detach(&s);
	close(udp);
}

static uint32_t tx_id(struct rig *rig, const struct shim *s, uint32_t id)
{
	struct dp_peer_info info;

	assert_int_equal(dp_peer_get(rig->dp, s->iid, id, &info), 0);
	return info.tx_id;
}

/* PEER_SET as recorded, but for its keepalive, of which one attribute becomes an id for sending. */
static int set_tx_id(struct shim *s, uint32_t id, uint32_t to_id)
{
	uint8_t m[48];
	uint32_t len = sizeof(m);
	const uint16_t attr[] = {8, 24};
	uint16_t nest = (uint16_t)(len - 28);

	memcpy(m, capture_peer_set, sizeof(m));
	memcpy(m, &len, sizeof(len));
	memcpy(m + 28, &nest, sizeof(nest));
	memcpy(m + 40, attr, sizeof(attr));
	memcpy(m + 44, &to_id, sizeof(to_id));
	return shim_request(s, m, len, id);
}

static bool is_told(struct shim *s, uint32_t id, const uint8_t attr[8])
{
	uint8_t m[sizeof(capture_peer_del)];

	memcpy(m, capture_peer_del, sizeof(m));
	m[16] = 3; /* PEER_GET */
	shim_send_request(s, m, sizeof(m), id);
	assert_int_equal(shim_answer(s), 0);
	m[0] = memmem(s->body, s->body_len, attr, 8) != NULL;
	assert_int_equal(shim_answer(s), 0); /* the acknowledgement */
	return m[0];
}

static void id_for_sending_is_kept(void **state)
{
	static const uint8_t attr[] = {8, 0, 24, 0, 0x56, 0x34, 0x12, 0};
	static const uint8_t too_long[] = {8, 0, 24, 0, 0x56, 0x34, 0x12, 1};
	struct rig *rig = *state;
	struct dp_peer_info info;
	struct shim s;
	int udp = server_of_27(&s, rig, "ovpn0");

	assert_int_equal(new_peer_with(&s, 8, attr, sizeof(attr)), 0);
	assert_int_equal(tx_id(rig, &s, 8), 0x123456);
	assert_true(is_told(&s, 8, attr));
	assert_int_equal(new_peer_with(&s, 9, too_long, sizeof(too_long)), -EINVAL);
	assert_int_equal(dp_peer_get(rig->dp, s.iid, 9, &info), -ENOENT);
	assert_int_equal(new_peer(&s, 9), 0);
	assert_int_equal(tx_id(rig, &s, 9), 9);
	assert_false(is_told(&s, 9, attr));
	/* keepalive leaves it alone, and it keepalive */
	assert_int_equal(REQUEST(&s, peer_set, 8), 0);
	assert_int_equal(tx_id(rig, &s, 8), 0x123456);
	assert_int_equal(set_tx_id(&s, 8, 0x1000000), -EINVAL);
	assert_int_equal(set_tx_id(&s, 10, 7), -ENOENT);
	assert_int_equal(set_tx_id(&s, 8, 8), 0);
	assert_int_equal(tx_id(rig, &s, 8), 8);
	assert_false(is_told(&s, 8, attr));
	assert_int_equal(dp_peer_get(rig->dp, s.iid, 8, &info), 0);
	assert_int_equal(info.interval, 5);
	assert_int_equal(set_tx_id(&s, 9, 0x123456), 0);
	assert_true(is_told(&s, 9, attr));
	shim_detach(&s);
	close(udp);
}

/* A connected TCP socket comes without a remote: said why, and nothing else happens. */
static void peer_on_tcp_is_refused_with_a_sentence(void **state)
{
	/* ends before the remote; nest and message say so */
	uint8_t m[48];
	uint32_t len = sizeof(m);
	uint16_t nest = (uint16_t)(len - 28);
	struct rig *rig = *state;
	struct shim s;
	int udp = server_of_27(&s, rig, "ovpn0");

	memcpy(m, capture_peer_new_client_v4, sizeof(m));
	memcpy(m, &len, sizeof(len));
	memcpy(m + 28, &nest, sizeof(nest));
	m[SOCKET_AT] = 6;
	assert_int_equal(shim_request(&s, m, sizeof(m), 1), -EINVAL);
	assert_non_null(memmem(s.body, s.body_len, "carries UDP only", 16));
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	assert_int_equal(new_peer(&s, 1), 0);
	shim_detach(&s);
	close(udp);
}

/* openvpn 2.7 restarts when it cannot have its counters. */
static void dump_never_fails(void **state)
{
	struct nlmsghdr h;
	struct rig *rig = *state;
	struct shim s;
	int udp = server_of_27(&s, rig, "ovpn0");

	s.ifindex += 1000; /* no device of anybody's */
	shim_send_request(&s, capture_peer_get_dump, sizeof(capture_peer_get_dump), 0);
	assert_int_equal(shim_answer(&s), 0);
	memcpy(&h, s.body, sizeof(h));
	assert_int_equal(h.nlmsg_type, NLMSG_DONE);
	/* and a good key is never refused */
	assert_int_equal(REQUEST(&s, key_new_aes_256, 3), 0);
	shim_detach(&s);
	close(udp);
}

/* The next notification's bytes; it must be alone in its datagram. */
static void next_notice(struct shim *s, uint8_t *buf, size_t size)
{
	struct nlmsghdr h;
	ssize_t n;

	EVENTUALLY((n = recv(s->genl, buf, size, MSG_DONTWAIT)) > 0);
	memcpy(&h, buf, sizeof(h));
	assert_int_equal(h.nlmsg_len, n);
	assert_int_equal(h.nlmsg_seq, 0);
	assert_int_equal(h.nlmsg_type, s->family->genl.id);
}

/* Two openvpn on one daemon; peers of both end, more than one at once. */
static void each_is_told_in_its_own_family(void **state)
{
	struct rig *rig = *state;
	struct shim s26;
	struct shim s27;
	uint8_t buf[256];
	uint8_t reason;
	uint32_t id;
	int udp27 = server_of_27(&s27, rig, "ovpn7");
	int udp26;

	shim_attach(&s26, rig);
	s26.genl = shim_open_socket(&s26, SHIM_KIND_GENL, 0, 4, 0);
	s26.genl_id = s26.last_id;
	assert_int_equal(shim_link(&s26, "ovpn6", DP_MODE_MP), 0);
	assert_int_equal(shim_join(&s26), 0);
	udp26 = shim_open_socket(&s26, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s26, s26.last_id, "0.0.0.0", 1195), 0);
	s26.iid = fake_dp_newest(rig->dp, &(enum dp_mode){DP_MODE_P2P});
	for (id = 0; id < 3; id++) {
		assert_int_equal(new_peer(&s27, id), 0);
		assert_int_equal(shim_new_peer(&s26, id, "192.0.2.7", 5000), 0);
	}
	fake_dp_expire(rig->dp, s27.iid, 0, 3);
	fake_dp_expire(rig->dp, s26.iid, 1, 2);
	for (id = 0; id < 3; id++) {
		next_notice(&s27, buf, sizeof(buf));
		assert_int_equal(buf[16], 5); /* PEER_DEL_NTF */
		assert_int_equal(buf[36], id);
		assert_int_equal(buf[44], DP_GONE_EXPIRED);
	}
	EVENTUALLY(shim_notification(&s26, &id, &reason));
	assert_int_equal(id, 1);
	assert_int_equal(reason, DP_GONE_EXPIRED);
	assert_int_equal(fake_dp_unreported(rig->dp, s27.iid), 0);
	shim_detach(&s26);
	shim_detach(&s27);
	close(udp26);
	close(udp27);
}

/* openvpn 2.7 joins before it makes its device, and loses nothing by that. */
static void group_may_be_joined_before_there_is_a_device(void **state)
{
	struct rig *rig = *state;
	uint8_t buf[256];
	struct shim s;
	int udp;

	rig->family = &dco_ovpn_family;
	shim_attach(&s, rig);
	rig->family = NULL;
	s.genl = shim_open_socket(&s, SHIM_KIND_GENL, 0, 4, 0);
	s.genl_id = s.last_id;
	assert_int_equal(shim_join(&s), 0);
	assert_int_equal(shim_link(&s, "ovpn0", DP_MODE_MP), 0);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1194), 0);
	s.iid = fake_dp_newest(rig->dp, &(enum dp_mode){DP_MODE_P2P});
	assert_int_equal(new_peer(&s, 9), 0);
	fake_dp_expire(rig->dp, s.iid, 9, 10);
	next_notice(&s, buf, sizeof(buf));
	assert_int_equal(buf[36], 9);
	shim_detach(&s);
	close(udp);
}

/* As the codec writes it, for our device; see test_dco_ovpn.c. */
static void expect_asked(struct shim *s, const struct dp_key_worn *worn)
{
	const struct dco_notice n = {.kind = DCO_NOTICE_KEY_SWAP,
		.ifindex = s->ifindex,
		.peer_id = worn->peer_id,
		.key_id = worn->key_id};
	struct nl_out o = {.len = 0};
	uint8_t buf[256];

	assert_true(dco_ovpn_family.put_notice(&o, &n) > 0);
	next_notice(s, buf, sizeof(buf));
	assert_memory_equal(buf, o.buf, o.len);
}

static void openvpn_27_is_asked_for_a_key(void **state)
{
	struct rig *rig = *state;
	struct dp_key_worn worn = {.peer_id = 3, .key_id = 5, .wear = KEY_WORN_BLOCKS};
	const struct control_counts *counts = agent_counts(rig->agent);
	struct shim s;
	uint8_t buf[64];
	int udp = server_of_27(&s, rig, "ovpn0");

	assert_int_equal(new_peer(&s, 3), 0);
	fake_dp_wear(rig->dp, s.iid, &worn);
	expect_asked(&s, &worn);
	EVENTUALLY(!fake_dp_worn(rig->dp, s.iid, 3));
	usleep(250000);
	assert_int_equal(recv(s.genl, buf, sizeof(buf), MSG_DONTWAIT), -1);
	worn.again = true;
	fake_dp_wear(rig->dp, s.iid, &worn);
	expect_asked(&s, &worn);
	EVENTUALLY(counts->rekeys_asked == 2);
	assert_int_equal(counts->keys_worn, 1);
	shim_detach(&s);
	close(udp);
}

/* Nobody listens yet: it is asked when somebody does. */
static void request_for_a_key_waits_for_a_listener(void **state)
{
	struct rig *rig = *state;
	struct dp_key_worn worn = {.peer_id = 9, .key_id = 7, .wear = KEY_WORN_PACKETS};
	struct shim s;
	int udp;

	rig->family = &dco_ovpn_family;
	shim_attach(&s, rig);
	rig->family = NULL;
	s.genl = shim_open_socket(&s, SHIM_KIND_GENL, 0, 4, 0);
	s.genl_id = s.last_id;
	assert_int_equal(shim_link(&s, "ovpn0", DP_MODE_MP), 0);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1194), 0);
	s.iid = fake_dp_newest(rig->dp, &(enum dp_mode){DP_MODE_P2P});
	assert_int_equal(new_peer(&s, 9), 0);
	fake_dp_wear(rig->dp, s.iid, &worn);
	usleep(250000);
	assert_true(fake_dp_worn(rig->dp, s.iid, 9));
	assert_int_equal(shim_join(&s), 0);
	expect_asked(&s, &worn);
	EVENTUALLY(!fake_dp_worn(rig->dp, s.iid, 9));
	shim_detach(&s);
	close(udp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(peer_lives_from_peer_new_to_peer_del),
		TEST(keepalive_that_comes_with_a_peer_counts),
		TEST(id_for_sending_is_kept),
		TEST(peer_on_tcp_is_refused_with_a_sentence),
		TEST(dump_never_fails),
		TEST(each_is_told_in_its_own_family),
		TEST(group_may_be_joined_before_there_is_a_device),
		TEST(openvpn_27_is_asked_for_a_key),
		TEST(request_for_a_key_waits_for_a_listener),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
