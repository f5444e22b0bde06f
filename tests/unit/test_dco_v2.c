/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base.h"
#include "codec.h"
#include "control/dco_v2.h"
#include "dataplane/dp_view.h"
#include "dco_v2_capture.h"

#define READ(name, q) read_capture(capture_##name, sizeof(capture_##name), q)

static int read_bytes(const uint8_t *bytes, size_t len, struct dco_request *q)
{
	return codec_read(&dco_v2_family, bytes, len, q);
}

static void read_capture(const uint8_t *bytes, size_t len, struct dco_request *q)
{
	assert_int_equal(read_bytes(bytes, len, q), 0);
	assert_int_equal(q->ifindex, 3);
}

static void new_peer_of_a_server_is_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(new_peer_v4_multihome, &q);
	assert_int_equal(q.verb, DCO_NEW_PEER);
	assert_int_equal(q.peer_id, 0);
	assert_true(q.new_peer.has_remote);
	assert_udp(&q.new_peer.remote, "192.0.2.7:33093");
	assert_true(q.new_peer.has_socket);
	assert_int_equal(q.new_peer.socket, 5);
	assert_ip(&q.new_peer.vpn4, "10.8.0.2");
	assert_ip(&q.new_peer.vpn6, "fd00:8::1000");
	assert_ip(&q.new_peer.local, "192.0.2.1");

	READ(new_peer_v6, &q);
	assert_udp(&q.new_peer.remote, "[2001:db8:9::7]:43349");
	assert_ip(&q.new_peer.vpn4, "10.8.0.2");
	assert_int_equal(q.new_peer.local.family, IP_NONE);

	READ(new_peer_mapped, &q);
	assert_udp(&q.new_peer.remote, "192.0.2.7:35014");
	assert_ip(&q.new_peer.local, "192.0.2.1");
}

static void new_peer_of_a_client_is_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(new_peer_client_v4, &q);
	assert_udp(&q.new_peer.remote, "192.0.2.1:1194");
	assert_int_equal(q.new_peer.socket, 4);
	assert_int_equal(q.new_peer.vpn4.family, IP_NONE);
	assert_int_equal(q.new_peer.vpn6.family, IP_NONE);
	READ(new_peer_client_v6, &q);
	assert_udp(&q.new_peer.remote, "[2001:db8:9::1]:1194");
}

/* Where the recorded one has its source and its second VPN address: their types. */
#define LOCAL_AT 70
#define VPN6_AT	 86

static void source_of_either_family_is_read(void **state)
{
	uint8_t m[sizeof(capture_new_peer_v4_multihome)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_new_peer_v4_multihome, sizeof(m));
	assert_int_equal(m[LOCAL_AT], 6);
	assert_int_equal(m[VPN6_AT], 5);
	/* the wildcard is no source */
	memset(m + LOCAL_AT + 2, 0, 4);
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_int_equal(q.new_peer.local.family, IP_NONE);
	/* the VPN address becomes the source */
	m[LOCAL_AT] = 99;
	m[VPN6_AT] = 6;
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_ip(&q.new_peer.local, "fd00:8::1000");
	memset(m + VPN6_AT + 2, 0, 16);
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_int_equal(q.new_peer.local.family, IP_NONE);
}

/* The flags of a dump mean something else with what is not asked for. */
static void only_a_question_is_a_dump(void **state)
{
	uint8_t m[sizeof(capture_del_peer)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_del_peer, sizeof(m));
	m[7] = 3;
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_int_equal(q.verb, DCO_DEL_PEER);
	assert_int_equal(q.peer_id, 0);
}

static void keepalive_swap_and_deletions_are_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(set_peer, &q);
	assert_int_equal(q.verb, DCO_SET_PEER);
	assert_int_equal(q.set.keepalive.interval, 2);
	assert_int_equal(q.set.keepalive.timeout, 16);
	assert_true(q.set.has_keepalive);
	assert_false(q.set.has_tx_id);
	READ(swap_keys, &q);
	assert_int_equal(q.verb, DCO_SWAP_KEYS);
	assert_int_equal(q.peer_id, 0);
	READ(del_key, &q);
	assert_int_equal(q.verb, DCO_DEL_KEY);
	assert_int_equal(q.slot, KEYSLOT_SECONDARY);
	READ(del_peer, &q);
	assert_int_equal(q.verb, DCO_DEL_PEER);
	assert_int_equal(q.peer_id, 0);
	READ(get_peer, &q);
	assert_int_equal(q.verb, DCO_GET_PEER);
	assert_int_equal(q.peer_id, 0);
	READ(dump_peers, &q);
	assert_int_equal(q.verb, DCO_DUMP_PEERS);
	assert_int_equal(q.peer_id, DP_NO_PEER);
}

static void keys_are_read_with_their_algorithm(void **state)
{
	struct dco_request q;

	(void)state;
	READ(new_key_aes_256, &q);
	assert_int_equal(q.verb, DCO_NEW_KEY);
	assert_true(q.key.known);
	assert_int_equal(q.key.slot, KEYSLOT_PRIMARY);
	assert_int_equal(q.key.material.key_id, 0);
	assert_int_equal(q.key.material.alg, AEAD_AES_256_GCM);
	READ(new_key_aes_256_rekey, &q);
	assert_int_equal(q.key.slot, KEYSLOT_SECONDARY);
	assert_int_equal(q.key.material.key_id, 1);
	READ(new_key_aes_128, &q);
	assert_int_equal(q.key.material.alg, AEAD_AES_128_GCM);
	READ(new_key_chacha20, &q);
	assert_int_equal(q.key.material.alg, AEAD_CHACHA20_POLY1305);
}

/* Both ends of one handshake were recorded: what one encrypts with, the other decrypts with. */
static void both_ends_hold_the_same_key(void **state)
{
	struct dco_request server;
	struct dco_request client;
	const struct key_material *s = &server.key.material;
	const struct key_material *c = &client.key.material;

	(void)state;
	READ(new_key_chacha20, &server);
	READ(new_key_chacha20_client, &client);
	assert_memory_equal(s->encrypt, c->decrypt, sizeof(s->encrypt));
	assert_memory_equal(s->decrypt, c->encrypt, sizeof(s->decrypt));
	assert_memory_equal(s->encrypt_tail, c->decrypt_tail, sizeof(s->encrypt_tail));
	assert_memory_equal(s->decrypt_tail, c->encrypt_tail, sizeof(s->decrypt_tail));
	assert_memory_not_equal(s->encrypt, s->decrypt, sizeof(s->encrypt));
	/* the first bytes as they stand in the recording */
	assert_memory_equal(s->encrypt, "\x48\x6e\x26\x70", 4);
	assert_memory_equal(s->encrypt_tail, "\x7e\xe6\x81\x36", 4);
}

static void wiped_request_holds_nothing(void **state)
{
	static const struct dco_request zero;
	struct dco_request q;

	(void)state;
	READ(new_key_aes_256, &q);
	assert_memory_not_equal(&q, &zero, sizeof(q));
	dco_request_wipe(&q);
	assert_memory_equal(&q, &zero, sizeof(q));
}

/* Where the cipher stands: headers 20, ifindex 8, nest 4, peer id 8, slot 8, key id 8, header 4. */
#define CIPHER_AT 60

static void key_that_cannot_be_had_is_a_good_request(void **state)
{
	uint8_t m[sizeof(capture_new_key_aes_256)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_new_key_aes_256, sizeof(m));
	assert_int_equal(m[CIPHER_AT], 1);
	for (unsigned int cipher = 0; cipher < 256; cipher++) {
		m[CIPHER_AT] = (uint8_t)cipher;
		assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
		assert_int_equal(q.key.known, cipher == 1 || cipher == 2);
	}
	/* a 16-byte key is none of ChaCha20's */
	memcpy(m, capture_new_key_aes_128, sizeof(capture_new_key_aes_128));
	m[CIPHER_AT] = 2;
	assert_int_equal(read_bytes(m, sizeof(capture_new_key_aes_128), &q), 0);
	assert_false(q.key.known);
}

static void slot_and_key_id_have_limits(void **state)
{
	uint8_t m[sizeof(capture_new_key_aes_256)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_new_key_aes_256, sizeof(m));
	m[CIPHER_AT - 8] = 7; /* key id */
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_int_equal(q.key.material.key_id, 7);
	m[CIPHER_AT - 8] = 8;
	assert_int_equal(read_bytes(m, sizeof(m), &q), -EINVAL);
	m[CIPHER_AT - 8] = 0;
	m[CIPHER_AT - 16] = 2; /* slot */
	assert_int_equal(read_bytes(m, sizeof(m), &q), -EINVAL);
}

static void peer_without_remote_is_told_apart(void **state)
{
	uint8_t m[sizeof(capture_new_peer_client_v4)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_new_peer_client_v4, sizeof(m));
	assert_int_equal(m[20 + 8 + 4 + 8 + 8 + 2], 2); /* the remote's attribute type */
	m[20 + 8 + 4 + 8 + 8 + 2] = 99;
	assert_int_equal(read_bytes(m, sizeof(m), &q), 0);
	assert_false(q.new_peer.has_remote);
	assert_true(q.new_peer.has_socket);
}

static void socket_device_and_peer_are_named(void **state)
{
	uint8_t m[sizeof(capture_new_peer_client_v4)];
	uint8_t get[sizeof(capture_get_peer)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_new_peer_client_v4, sizeof(m));
	assert_int_equal(m[42], 3); /* the socket's attribute type; its length before it */
	m[40] = 6;
	assert_int_equal(read_bytes(m, sizeof(m), &q), -EINVAL);
	memcpy(get, capture_get_peer, sizeof(get));
	get[22] = 99;
	assert_int_equal(read_bytes(get, sizeof(get), &q), -EINVAL);
	memcpy(get, capture_get_peer, sizeof(get));
	get[34] = 99;
	assert_int_equal(read_bytes(get, sizeof(get), &q), -EINVAL);
}

/* Where a client's remote stands: its length, and the family in it. */
#define REMOTE_AT 48
#define FAMILY_AT 52

static void remote_is_an_address_of_its_family(void **state)
{
	uint8_t v4[sizeof(capture_new_peer_client_v4)];
	uint8_t v6[sizeof(capture_new_peer_client_v6)];
	struct dco_request q;

	(void)state;
	for (unsigned int family = 0; family < 256; family++) {
		memcpy(v4, capture_new_peer_client_v4, sizeof(v4));
		memcpy(v6, capture_new_peer_client_v6, sizeof(v6));
		v4[FAMILY_AT] = v6[FAMILY_AT] = (uint8_t)family;
		assert_int_equal(read_bytes(v4, sizeof(v4), &q), family == AF_INET ? 0 : -EINVAL);
		assert_int_equal(read_bytes(v6, sizeof(v6), &q), family == AF_INET6 ? 0 : -EINVAL);
	}
	memcpy(v6, capture_new_peer_client_v6, sizeof(v6));
	for (uint8_t len = 4; len < v6[REMOTE_AT]; len++) {
		memcpy(v6, capture_new_peer_client_v6, sizeof(v6));
		v6[REMOTE_AT] = len;
		assert_int_equal(read_bytes(v6, sizeof(v6), &q), -EINVAL);
		v6[REMOTE_AT] = capture_new_peer_client_v6[REMOTE_AT];
	}
}

static void unknown_command_is_refused(void **state)
{
	uint8_t m[sizeof(capture_get_peer)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_get_peer, sizeof(m));
	for (unsigned int cmd = 0; cmd < 256; cmd++) {
		m[16] = (uint8_t)cmd;
		if (cmd < 1 || cmd > 7)
			assert_int_equal(read_bytes(m, sizeof(m), &q), -EOPNOTSUPP);
		else if (cmd != 7) /* the nest is GET_PEER's */
			assert_int_equal(read_bytes(m, sizeof(m), &q), -EINVAL);
	}
}

/* A peer may have no VPN address, no source of ours and, on TCP, no remote and no socket. */
static void attributes_are_there_and_have_their_length(void **state)
{
	(void)state;
	codec_attributes(&dco_v2_family, captures, ARRAY_LEN(captures),
		1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6);
}

static void truncated_messages_are_refused(void **state)
{
	(void)state;
	codec_truncated(&dco_v2_family, captures, ARRAY_LEN(captures));
}

static void hostile_messages_do_no_harm(void **state)
{
	(void)state;
	codec_hostile(&dco_v2_family, captures, ARRAY_LEN(captures));
}

static uint64_t u64_of(const struct nlattr *a)
{
	uint64_t v;

	assert_non_null(a);
	assert_int_equal(nl_attr_len(a), sizeof(v));
	memcpy(&v, nl_attr_data(a), sizeof(v));
	return v;
}

static const struct dp_peer_info some_peer = {
	.id = 77,
	.remote = {.ip = {IP_V6, {0xfe, 0x80, [15] = 1}}, .port = 1194, .scope = 4},
	.local = {.ip = {IP_V6, {0xfe, 0x80, [15] = 2}}, .port = 1194},
	.vpn4 = {IP_V4, {10, 8, 0, 2}},
	.vpn6 = {IP_V6, {0xfd, [15] = 2}},
	.interval = 10,
	.timeout = 60,
	.vpn_rx_bytes = 0x1122334455667788,
	.vpn_tx_bytes = 2,
	.link_rx_bytes = 3,
	.link_tx_bytes = 0xffffffffff,
};

static void peer_is_written_as_openvpn_reads_it(void **state)
{
	const struct nlattr *top[9];
	const struct nlattr *peer[17];
	struct nl_request r;
	struct nl_out o = {.len = 0};
	struct sockaddr_in6 v6;
	struct nlmsghdr h;
	uint32_t v;

	(void)state;
	assert_int_equal(nl_request_read(capture_get_peer, sizeof(capture_get_peer), &r), 0);
	assert_true(dco_v2_family.put_peer(&o, &r, 3, &some_peer));
	memcpy(&h, o.buf, sizeof(h));
	assert_int_equal(h.nlmsg_type, DCO_V2_FAMILY_ID);
	assert_int_equal(h.nlmsg_seq, r.hdr.nlmsg_seq);
	assert_int_equal(h.nlmsg_flags, 0);
	assert_int_equal(o.buf[16], 7);
	assert_int_equal(nl_attrs_read(o.buf + 20, o.len - 20, top, 8), 0);
	assert_true(nl_attr_u32(top[1], &v));
	assert_int_equal(v, 3);
	assert_int_equal(nl_nest_read(top[8], peer, 16), 0);
	assert_true(nl_attr_u32(peer[1], &v));
	assert_int_equal(v, 77);
	assert_true(u64_of(peer[9]) == some_peer.vpn_rx_bytes);
	assert_true(u64_of(peer[10]) == some_peer.vpn_tx_bytes);
	assert_true(u64_of(peer[13]) == some_peer.link_rx_bytes);
	assert_true(u64_of(peer[14]) == some_peer.link_tx_bytes);
	assert_int_equal(nl_attr_len(peer[2]), sizeof(v6));
	memcpy(&v6, nl_attr_data(peer[2]), sizeof(v6));
	assert_int_equal(v6.sin6_family, AF_INET6);
	assert_int_equal(v6.sin6_port, htons(1194));
	assert_int_equal(v6.sin6_scope_id, 4);
	assert_memory_equal(&v6.sin6_addr, some_peer.remote.ip.b, 16);
}

static void read_peer(const struct dp_peer_info *info, const struct nlattr *peer[17])
{
	static struct nl_out o;
	const struct nlattr *top[9];
	struct nl_request r;

	o.len = 0;
	assert_int_equal(nl_request_read(capture_get_peer, sizeof(capture_get_peer), &r), 0);
	assert_true(dco_v2_family.put_peer(&o, &r, 3, info));
	assert_int_equal(nl_attrs_read(o.buf + 20, o.len - 20, top, 8), 0);
	assert_int_equal(nl_nest_read(top[8], peer, 16), 0);
}

static void remote_of_a_peer_is_written_in_its_family(void **state)
{
	struct dp_peer_info info = some_peer;
	const struct nlattr *peer[17];
	struct sockaddr_in v4;

	(void)state;
	info.remote = (struct udp_addr){.ip = {IP_V4, {192, 0, 2, 7}}, .port = 1195};
	read_peer(&info, peer);
	assert_int_equal(nl_attr_len(peer[2]), sizeof(v4));
	memcpy(&v4, nl_attr_data(peer[2]), sizeof(v4));
	assert_int_equal(v4.sin_family, AF_INET);
	assert_int_equal(v4.sin_port, htons(1195));
	assert_memory_equal(&v4.sin_addr, info.remote.ip.b, 4);
	info.remote = (struct udp_addr){.port = 0};
	read_peer(&info, peer);
	assert_null(peer[2]);
}

static void tombstone_has_counters_only(void **state)
{
	struct dp_peer_info gone = some_peer;
	const struct nlattr *peer[17];

	(void)state;
	gone.gone = true;
	read_peer(&gone, peer);
	for (unsigned int type = 2; type < 9; type++)
		assert_null(peer[type]);
	assert_true(u64_of(peer[9]) == some_peer.vpn_rx_bytes);
}

static void dump_datagram_fills_up_and_no_further(void **state)
{
	struct nl_request r;
	struct nl_out o = {.len = 0};
	struct nlmsghdr h;
	unsigned int put = 0;
	unsigned int found = 0;

	(void)state;
	assert_int_equal(nl_request_read(capture_dump_peers, sizeof(capture_dump_peers), &r), 0);
	while (dco_v2_family.put_peer(&o, &r, 3, &some_peer))
		put++;
	assert_true(o.len <= NL_DATAGRAM_MAX);
	assert_true(put > 20);
	for (size_t at = 0; at < o.len; at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, o.buf + at, sizeof(h));
		assert_true(h.nlmsg_flags & NLM_F_MULTI);
		assert_int_equal(h.nlmsg_seq, r.hdr.nlmsg_seq);
		found++;
	}
	assert_int_equal(found, put);
}

static void notification_is_what_the_kernel_would_send(void **state)
{
	static const uint8_t expected[] = {
		0x30, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0,			   /* length, family, seq and pid 0 */
		3, 1, 0, 0,		   /* DEL_PEER */
		8, 0, 1, 0, 3, 0, 0, 0,	   /* interface 3 */
		20, 0, 4, 0x80,		   /* nest */
		5, 0, 1, 0, 2, 0, 0, 0,	   /* reason: expired */
		8, 0, 2, 0, 0x4d, 0, 0, 0, /* peer 77 */
	};
	const struct dco_notice gone = {
		.kind = DCO_NOTICE_GONE, .ifindex = 3, .peer_id = 77, .why = DP_GONE_EXPIRED};
	struct nl_out o = {.len = 0};

	(void)state;
	assert_int_equal(dco_v2_family.put_notice(&o, &gone), sizeof(expected));
	assert_int_equal(o.len, sizeof(expected));
	assert_memory_equal(o.buf, expected, sizeof(expected));
}

/* openvpn 2.6 knows of no other, and logs "received unknown command" for each. */
static void nothing_else_is_notified(void **state)
{
	const struct dco_notice floated = {.kind = DCO_NOTICE_FLOAT, .ifindex = 3, .peer_id = 77};
	const struct dco_notice swap = {.kind = DCO_NOTICE_KEY_SWAP, .ifindex = 3, .peer_id = 77};
	struct nl_out o = {.len = 0};

	(void)state;
	assert_int_equal(dco_v2_family.put_notice(&o, &floated), 0);
	assert_int_equal(dco_v2_family.put_notice(&o, &swap), 0);
	assert_int_equal(o.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_peer_of_a_server_is_read),
		cmocka_unit_test(new_peer_of_a_client_is_read),
		cmocka_unit_test(source_of_either_family_is_read),
		cmocka_unit_test(only_a_question_is_a_dump),
		cmocka_unit_test(keepalive_swap_and_deletions_are_read),
		cmocka_unit_test(keys_are_read_with_their_algorithm),
		cmocka_unit_test(both_ends_hold_the_same_key),
		cmocka_unit_test(wiped_request_holds_nothing),
		cmocka_unit_test(key_that_cannot_be_had_is_a_good_request),
		cmocka_unit_test(slot_and_key_id_have_limits),
		cmocka_unit_test(peer_without_remote_is_told_apart),
		cmocka_unit_test(socket_device_and_peer_are_named),
		cmocka_unit_test(remote_is_an_address_of_its_family),
		cmocka_unit_test(unknown_command_is_refused),
		cmocka_unit_test(attributes_are_there_and_have_their_length),
		cmocka_unit_test(truncated_messages_are_refused),
		cmocka_unit_test(hostile_messages_do_no_harm),
		cmocka_unit_test(peer_is_written_as_openvpn_reads_it),
		cmocka_unit_test(remote_of_a_peer_is_written_in_its_family),
		cmocka_unit_test(tombstone_has_counters_only),
		cmocka_unit_test(dump_datagram_fills_up_and_no_further),
		cmocka_unit_test(notification_is_what_the_kernel_would_send),
		cmocka_unit_test(nothing_else_is_notified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
