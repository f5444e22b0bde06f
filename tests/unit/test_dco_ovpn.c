/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "base.h"
#include "codec.h"
#include "control/dco_ovpn.h"
#include "control/dco_v2.h"
#include "dataplane/dp_view.h"
#include "dco_ovpn_capture.h"

#define FAMILY (&dco_ovpn_family)

/* Numbers of the family, written down anew: not src/control's. */
enum { PEER_NEW = 1, PEER_SET, PEER_GET, PEER_DEL, KEY_NEW = 6, KEY_GET, KEY_SWAP, KEY_DEL = 10 };
enum { A_IFINDEX = 1, A_PEER, A_KEYCONF };
enum {
	P_ID = 1,
	P_REMOTE4,
	P_REMOTE6,
	P_SCOPE,
	P_PORT,
	P_SOCKET,
	P_NETNSID,
	P_VPN4,
	P_VPN6,
	P_LOCAL4,
	P_LOCAL6,
	P_LOCAL_PORT,
	P_INTERVAL,
	P_TIMEOUT,
	P_REASON,
	P_VPN_RX_BYTES,
	P_LINK_TX_PACKETS = 23,
	P_TX_ID,
	P_NEWER,
};
enum { K_PEER_ID = 1, K_SLOT, K_KEY_ID, K_CIPHER, K_ENCRYPT, K_DECRYPT };

static void read_capture(const uint8_t *bytes, size_t len, uint32_t ifindex, struct dco_request *q)
{
	assert_int_equal(codec_read(FAMILY, bytes, len, q), 0);
	assert_int_equal(q->ifindex, ifindex);
}

#define READ_IF(name, ifindex, q) read_capture(capture_##name, sizeof(capture_##name), ifindex, q)
#define READ(name, q)		  READ_IF(name, 4, q)

/* --- what openvpn 2.7.8 sends ------------------------------------------------------------ */

static void peers_of_a_server_are_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(peer_new_v4_multihome, &q);
	assert_int_equal(q.verb, DCO_NEW_PEER);
	assert_int_equal(q.peer_id, 0);
	assert_true(q.new_peer.has_remote);
	assert_udp(&q.new_peer.remote, "10.9.0.11:45834");
	assert_true(q.new_peer.has_socket);
	assert_int_equal(q.new_peer.socket, 6);
	assert_ip(&q.new_peer.vpn4, "10.8.0.11");
	assert_ip(&q.new_peer.vpn6, "fd08::11");
	assert_ip(&q.new_peer.local, "10.9.0.1");
	assert_false(q.new_peer.set.has_keepalive);
	assert_false(q.new_peer.set.has_tx_id);

	READ(peer_new_v6_multihome, &q);
	assert_int_equal(q.peer_id, 1);
	assert_udp(&q.new_peer.remote, "[fd09::12]:57042");
	assert_ip(&q.new_peer.local, "fd09::1");
}

static void peers_of_a_client_are_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(peer_new_client_v4, &q);
	assert_udp(&q.new_peer.remote, "10.9.0.11:1194");
	assert_int_equal(q.new_peer.socket, 3);
	assert_int_equal(q.new_peer.vpn4.family, IP_NONE);
	assert_int_equal(q.new_peer.vpn6.family, IP_NONE);
	assert_int_equal(q.new_peer.local.family, IP_NONE);
	READ_IF(peer_new_client_v6, 5, &q);
	assert_udp(&q.new_peer.remote, "[fd09::11]:1194");
}

static void keepalive_swap_and_deletions_are_read(void **state)
{
	struct dco_request q;

	(void)state;
	READ(peer_set, &q);
	assert_int_equal(q.verb, DCO_SET_PEER);
	assert_true(q.set.has_keepalive);
	assert_int_equal(q.set.keepalive.interval, 5);
	assert_int_equal(q.set.keepalive.timeout, 40);
	assert_false(q.set.has_tx_id);
	READ(key_swap, &q);
	assert_int_equal(q.verb, DCO_SWAP_KEYS);
	assert_int_equal(q.peer_id, 0);
	READ(key_del, &q);
	assert_int_equal(q.verb, DCO_DEL_KEY);
	assert_int_equal(q.slot, KEYSLOT_SECONDARY);
	READ(peer_del, &q);
	assert_int_equal(q.verb, DCO_DEL_PEER);
	READ(peer_get_dump, &q);
	assert_int_equal(q.verb, DCO_DUMP_PEERS);
	assert_int_equal(q.peer_id, DP_NO_PEER);
}

static void keys_are_read_with_their_algorithm(void **state)
{
	struct dco_request q;

	(void)state;
	READ(key_new_aes_256, &q);
	assert_int_equal(q.verb, DCO_NEW_KEY);
	assert_true(q.key.known);
	assert_int_equal(q.key.slot, KEYSLOT_PRIMARY);
	assert_int_equal(q.key.material.key_id, 0);
	assert_int_equal(q.key.material.alg, AEAD_AES_256_GCM);
	READ(key_new_chacha20, &q);
	assert_int_equal(q.peer_id, 1);
	assert_int_equal(q.key.material.alg, AEAD_CHACHA20_POLY1305);
	/* where they stand in the recording */
	READ(key_new_rekey, &q);
	assert_int_equal(q.key.slot, KEYSLOT_SECONDARY);
	assert_int_equal(q.key.material.key_id, 1);
	assert_memory_equal(q.key.material.encrypt, capture_key_new_rekey + 72, 32);
	assert_memory_equal(q.key.material.encrypt_tail, capture_key_new_rekey + 108, 8);
	assert_memory_equal(q.key.material.decrypt, capture_key_new_rekey + 124, 32);
	assert_memory_equal(q.key.material.decrypt_tail, capture_key_new_rekey + 160, 8);
	dco_request_wipe(&q);
}

/* --- made by hand ------------------------------------------------------------------------- */

struct message {
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct nlmsghdr *h;
	struct nlattr *nest;
};

/* A request for interface 4 and peer 7, its nest open. */
static void begin(struct message *m, uint8_t cmd, uint16_t flags, uint16_t nest)
{
	struct genlmsghdr *g;

	m->h = mnl_nlmsg_put_header(m->bytes);
	m->h->nlmsg_type = FAMILY->genl.id;
	m->h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	g = mnl_nlmsg_put_extra_header(m->h, sizeof(*g));
	g->cmd = cmd;
	mnl_attr_put_u32(m->h, A_IFINDEX, 4);
	m->nest = mnl_attr_nest_start(m->h, nest);
	mnl_attr_put_u32(m->h, P_ID, 7); /* K_PEER_ID is the same number */
}

static int end(struct message *m, struct dco_request *q)
{
	mnl_attr_nest_end(m->h, m->nest);
	return codec_read(FAMILY, m->bytes, m->h->nlmsg_len, q);
}

static void put_ip(struct message *m, uint16_t type, const char *text)
{
	uint8_t b[16];
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, b), 1);
	mnl_attr_put(m->h, type, family == AF_INET ? 4 : 16, b);
}

static void put_remote(struct message *m, const char *ip, uint16_t port)
{
	put_ip(m, strchr(ip, ':') != NULL ? P_REMOTE6 : P_REMOTE4, ip);
	mnl_attr_put_u16(m->h, P_PORT, htons(port));
}

static void begin_peer(struct message *m)
{
	begin(m, PEER_NEW, 0, A_PEER);
	mnl_attr_put_u32(m->h, P_SOCKET, 5);
}

static void addresses_of_all_kinds_are_read(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	/* link-local, with the interface it is of */
	begin_peer(&m);
	put_remote(&m, "fe80::7", 1194);
	mnl_attr_put_u32(m.h, P_SCOPE, 3);
	put_ip(&m, P_LOCAL6, "fe80::1");
	assert_int_equal(end(&m, &q), 0);
	assert_int_equal(q.new_peer.remote.scope, 3);
	assert_ip(&q.new_peer.local, "fe80::1");
	/* IPv4 in IPv6's clothes is IPv4 */
	begin_peer(&m);
	put_remote(&m, "::ffff:192.0.2.7", 1195);
	put_ip(&m, P_LOCAL6, "::ffff:192.0.2.1");
	assert_int_equal(end(&m, &q), 0);
	assert_udp(&q.new_peer.remote, "192.0.2.7:1195");
	assert_ip(&q.new_peer.local, "192.0.2.1");
	/* and of no interface */
	begin_peer(&m);
	put_remote(&m, "::ffff:192.0.2.7", 1195);
	mnl_attr_put_u32(m.h, P_SCOPE, 3);
	assert_int_equal(end(&m, &q), 0);
	assert_int_equal(q.new_peer.remote.scope, 0);
	/* the wildcard is no source */
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1195);
	put_ip(&m, P_LOCAL4, "0.0.0.0");
	assert_int_equal(end(&m, &q), 0);
	assert_int_equal(q.new_peer.local.family, IP_NONE);
}

static void addresses_that_contradict_are_refused(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	put_ip(&m, P_REMOTE6, "fd00::7");
	assert_int_equal(end(&m, &q), -EINVAL);
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	put_ip(&m, P_LOCAL6, "fd00::1");
	assert_int_equal(end(&m, &q), -EINVAL);
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	put_ip(&m, P_LOCAL4, "192.0.2.1");
	put_ip(&m, P_LOCAL6, "fd00::1");
	assert_int_equal(end(&m, &q), -EINVAL);
	/* an address without a port, a port without an address */
	begin_peer(&m);
	put_ip(&m, P_REMOTE4, "192.0.2.7");
	assert_int_equal(end(&m, &q), -EINVAL);
	begin_peer(&m);
	mnl_attr_put_u16(m.h, P_PORT, htons(1194));
	assert_int_equal(end(&m, &q), -EINVAL);
}

static void addresses_have_the_length_of_their_family(void **state)
{
	static const struct {
		uint16_t type;
		size_t len;
	} rows[] = {
		{P_VPN4, 3},
		{P_VPN4, 5},
		{P_VPN4, 16},
		{P_VPN6, 4},
		{P_VPN6, 15},
		{P_VPN6, 17},
		{P_LOCAL4, 2},
		{P_LOCAL6, 4},
		{P_REMOTE4, 16},
		{P_REMOTE6, 4},
	};
	static const uint8_t bytes[17] = {192, 0, 2, 1};
	struct message m;
	struct dco_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin_peer(&m);
		if (rows[i].type == P_REMOTE4 || rows[i].type == P_REMOTE6)
			mnl_attr_put_u16(m.h, P_PORT, htons(1194));
		else
			put_remote(&m, rows[i].type == P_LOCAL6 ? "fd00::7" : "192.0.2.7", 1194);
		mnl_attr_put(m.h, rows[i].type, rows[i].len, bytes);
		assert_int_equal(end(&m, &q), -EINVAL);
	}
}

/* Half a number is none. */
static void numbers_have_their_width(void **state)
{
	static const uint16_t types[] = {P_SOCKET, P_INTERVAL, P_TIMEOUT, P_TX_ID};
	struct message m;
	struct dco_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		begin(&m, PEER_NEW, 0, A_PEER);
		put_remote(&m, "192.0.2.7", 1194);
		mnl_attr_put_u32(m.h, P_INTERVAL, 10);
		mnl_attr_put_u32(m.h, P_TIMEOUT, 60);
		assert_int_equal(end(&m, &q), 0);
		mnl_attr_put_u16(m.h, types[i], 7);
		assert_int_equal(end(&m, &q), -EINVAL);
	}
}

static void device_and_peer_are_named(void **state)
{
	uint8_t m[sizeof(capture_peer_del)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_peer_del, sizeof(m));
	m[22] = 99; /* the interface's type, and the peer's */
	assert_int_equal(codec_read(FAMILY, m, sizeof(m), &q), -EINVAL);
	memcpy(m, capture_peer_del, sizeof(m));
	m[34] = 99;
	assert_int_equal(codec_read(FAMILY, m, sizeof(m), &q), -EINVAL);
}

/* How a connected TCP socket is handed over: the agent refuses it, the codec must say what it is.
 */
static void peer_without_remote_is_told_apart(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin_peer(&m);
	put_ip(&m, P_VPN4, "10.8.0.2");
	assert_int_equal(end(&m, &q), 0);
	assert_false(q.new_peer.has_remote);
	assert_true(q.new_peer.has_socket);
	assert_int_equal(q.new_peer.socket, 5);
	/* whatever else it has */
	put_ip(&m, P_LOCAL4, "192.0.2.1");
	assert_int_equal(end(&m, &q), 0);
	assert_false(q.new_peer.has_remote);
}

static void keepalive_may_come_with_the_peer(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	mnl_attr_put_u32(m.h, P_INTERVAL, 10);
	mnl_attr_put_u32(m.h, P_TIMEOUT, 60);
	assert_int_equal(end(&m, &q), 0);
	assert_true(q.new_peer.set.has_keepalive);
	assert_int_equal(q.new_peer.set.keepalive.interval, 10);
	assert_int_equal(q.new_peer.set.keepalive.timeout, 60);
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	mnl_attr_put_u16(m.h, P_INTERVAL, 10);
	assert_int_equal(end(&m, &q), -EINVAL);
	/* half of one */
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	mnl_attr_put_u32(m.h, P_INTERVAL, 10);
	assert_int_equal(end(&m, &q), -EINVAL);
}

static void newer_attributes_are_passed_over(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	for (uint16_t type = P_NEWER; type < P_NEWER + 20; type++)
		mnl_attr_put_strz(m.h, type, "something new");
	mnl_attr_put_u32(m.h, P_NETNSID, 1);
	assert_int_equal(end(&m, &q), 0);
	assert_udp(&q.new_peer.remote, "192.0.2.7:1194");
	assert_false(q.new_peer.set.has_tx_id);
}

/* The wire has room for 24 bits: more would write into the key id. "Undefined" is an id, too. */
static void id_for_sending_has_24_bits(void **state)
{
	static const struct {
		uint32_t id;
		int ret;
	} ids[] = {
		{7, 0},
		{0, 0},
		{8, 0},
		{0xfffffe, 0},
		{0xffffff, 0},
		{0x1000000, -EINVAL},
		{0x1000008, -EINVAL},
		{0xffffffff, -EINVAL},
	};
	struct message m;
	struct dco_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		begin_peer(&m);
		put_remote(&m, "192.0.2.7", 1194);
		mnl_attr_put_u32(m.h, P_TX_ID, ids[i].id);
		assert_int_equal(end(&m, &q), ids[i].ret);
		if (ids[i].ret == 0) {
			assert_true(q.new_peer.set.has_tx_id);
			assert_int_equal(q.new_peer.set.tx_id, ids[i].id);
			assert_int_equal(q.peer_id, 7);
		}
		begin(&m, PEER_SET, 0, A_PEER);
		mnl_attr_put_u32(m.h, P_TX_ID, ids[i].id);
		assert_int_equal(end(&m, &q), ids[i].ret);
		if (ids[i].ret == 0) {
			assert_true(q.set.has_tx_id);
			assert_int_equal(q.set.tx_id, ids[i].id);
			assert_false(q.set.has_keepalive);
		}
	}
	begin_peer(&m);
	put_remote(&m, "192.0.2.7", 1194);
	mnl_attr_put_u16(m.h, P_TX_ID, 8);
	assert_int_equal(end(&m, &q), -EINVAL);
}

/* And an id for sending does not make half a keepalive a whole one. */
static void set_peer_sets_both_at_once(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin(&m, PEER_SET, 0, A_PEER);
	mnl_attr_put_u32(m.h, P_TX_ID, 9);
	mnl_attr_put_u32(m.h, P_TIMEOUT, 4);
	assert_int_equal(end(&m, &q), -EINVAL);
	mnl_attr_put_u32(m.h, P_INTERVAL, 1);
	assert_int_equal(end(&m, &q), 0);
	assert_true(q.set.has_keepalive && q.set.has_tx_id);
	assert_int_equal(q.set.keepalive.timeout, 4);
	assert_int_equal(q.set.tx_id, 9);
}

static void set_peer_sets_keepalive_and_moves_nobody(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	for (unsigned int given = 0; given < 3; given++) {
		begin(&m, PEER_SET, 0, A_PEER);
		if (given == 1)
			mnl_attr_put_u32(m.h, P_INTERVAL, 1);
		else if (given == 2)
			mnl_attr_put_u32(m.h, P_TIMEOUT, 1);
		assert_int_equal(end(&m, &q), -EINVAL);
	}
	begin(&m, PEER_SET, 0, A_PEER);
	mnl_attr_put_u32(m.h, P_INTERVAL, 1);
	mnl_attr_put_u32(m.h, P_TIMEOUT, 4);
	assert_int_equal(end(&m, &q), 0);
	for (unsigned int family = 0; family < 2; family++) {
		begin(&m, PEER_SET, 0, A_PEER);
		mnl_attr_put_u32(m.h, P_INTERVAL, 1);
		mnl_attr_put_u32(m.h, P_TIMEOUT, 4);
		put_remote(&m, family == 0 ? "192.0.2.7" : "fd00::7", 1194);
		assert_int_equal(end(&m, &q), -EINVAL);
		begin(&m, PEER_SET, 0, A_PEER);
		mnl_attr_put_u32(m.h, P_INTERVAL, 1);
		mnl_attr_put_u32(m.h, P_TIMEOUT, 4);
		put_ip(&m, family == 0 ? P_LOCAL4 : P_LOCAL6,
			family == 0 ? "192.0.2.1" : "fd00::1");
		assert_int_equal(end(&m, &q), -EINVAL);
	}
}

static void one_peer_or_all_are_asked_for(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	begin(&m, PEER_GET, 0, A_PEER);
	assert_int_equal(end(&m, &q), 0);
	assert_int_equal(q.verb, DCO_GET_PEER);
	assert_int_equal(q.peer_id, 7);
	/* newer openvpn puts an empty nest into a dump's request */
	begin(&m, PEER_GET, NLM_F_DUMP, A_PEER);
	assert_int_equal(end(&m, &q), 0);
	assert_int_equal(q.verb, DCO_DUMP_PEERS);
	assert_int_equal(q.peer_id, DP_NO_PEER);
}

static void begin_key(struct message *m, uint32_t slot, uint32_t key_id, uint32_t cipher)
{
	begin(m, KEY_NEW, 0, A_KEYCONF);
	mnl_attr_put_u32(m->h, K_SLOT, slot);
	mnl_attr_put_u32(m->h, K_KEY_ID, key_id);
	mnl_attr_put_u32(m->h, K_CIPHER, cipher);
}

static void put_dir(struct message *m, uint16_t type, size_t key_len, size_t tail_len)
{
	static const uint8_t key[64] = {1, 2, 3};
	struct nlattr *dir = mnl_attr_nest_start(m->h, type);

	mnl_attr_put(m->h, 1, key_len, key);
	mnl_attr_put(m->h, 2, tail_len, key);
	mnl_attr_nest_end(m->h, dir);
}

/* A refused KEY_NEW ends the whole of openvpn. */
static void key_that_cannot_be_had_is_a_good_request(void **state)
{
	static const struct {
		uint32_t cipher;
		size_t encrypt, decrypt;
		bool known;
	} keys[] = {
		{1, 16, 16, true},
		{1, 24, 24, true},
		{1, 32, 32, true},
		{2, 32, 32, true},
		{2, 16, 16, false},
		{1, 20, 20, false},
		{1, 64, 64, false},
		{1, 16, 32, false},
		{3, 32, 32, false},
		{0x10001, 32, 32, false},
		{0xffffffff, 16, 16, false},
	};
	struct message m;
	struct dco_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		begin_key(&m, 1, 7, keys[i].cipher);
		put_dir(&m, K_ENCRYPT, keys[i].encrypt, 8);
		put_dir(&m, K_DECRYPT, keys[i].decrypt, 8);
		assert_int_equal(end(&m, &q), 0);
		assert_int_equal(q.key.known, keys[i].known);
		assert_int_equal(q.key.material.key_id, 7);
		/* one that is too long ends where the next begins */
		assert_memory_equal(q.key.material.decrypt, "\1\2\3", 3);
		assert_memory_equal(q.key.material.encrypt_tail, "\1\2\3", 3);
	}
	begin_key(&m, 0, 0, 0);
	assert_int_equal(end(&m, &q), 0);
	assert_false(q.key.known);
}

static void key_has_limits_and_two_directions(void **state)
{
	struct message m;
	struct dco_request q;

	(void)state;
	for (unsigned int fault = 0; fault < 6; fault++) {
		begin_key(&m, fault == 0 ? 2 : 0, fault == 1 ? 8 : 0, 1);
		if (fault != 2)
			put_dir(&m, K_ENCRYPT, fault == 3 ? 0 : 32, 8);
		if (fault != 4)
			put_dir(&m, K_DECRYPT, 32, fault == 5 ? 12 : 8);
		assert_int_equal(end(&m, &q), -EINVAL);
	}
	begin_key(&m, 0, 256, 1); /* a key id is not cut to its low byte */
	put_dir(&m, K_ENCRYPT, 32, 8);
	put_dir(&m, K_DECRYPT, 32, 8);
	assert_int_equal(end(&m, &q), -EINVAL);
}

static void slots_of_keys_are_read(void **state)
{
	static const uint8_t cmds[] = {KEY_DEL, KEY_GET};
	struct message m;
	struct dco_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cmds); i++) {
		begin(&m, cmds[i], 0, A_KEYCONF);
		assert_int_equal(end(&m, &q), -EINVAL);
		mnl_attr_put_u32(m.h, K_SLOT, 1);
		assert_int_equal(end(&m, &q), 0);
		assert_int_equal(q.verb, cmds[i] == KEY_DEL ? DCO_DEL_KEY : DCO_GET_KEY);
		assert_int_equal(q.slot, KEYSLOT_SECONDARY);
		assert_int_equal(q.peer_id, 7);
		mnl_attr_put_u32(m.h, K_SLOT, 2);
		assert_int_equal(end(&m, &q), -EINVAL);
	}
}

/* Notifications (5, 9, 11) are nothing to ask for. */
static void unknown_command_is_refused(void **state)
{
	uint8_t m[sizeof(capture_peer_get_dump)];
	struct dco_request q;

	(void)state;
	memcpy(m, capture_peer_get_dump, sizeof(m));
	for (unsigned int cmd = 0; cmd < 256; cmd++) {
		bool known = cmd == PEER_GET || (cmd >= PEER_NEW && cmd <= PEER_DEL) ||
			(cmd >= KEY_NEW && cmd <= KEY_SWAP) || cmd == KEY_DEL;
		int ret;

		m[16] = (uint8_t)cmd;
		ret = codec_read(FAMILY, m, sizeof(m), &q);
		assert_int_equal(ret, cmd == PEER_GET ? 0 : known ? -EINVAL : -EOPNOTSUPP);
	}
}

/* A remote address has a port; the rest of a new peer is as it may be. */
static void attributes_are_there_and_have_their_length(void **state)
{
	(void)state;
	codec_attributes(FAMILY, captures, ARRAY_LEN(captures),
		1u << P_SCOPE | 1u << P_SOCKET | 1u << P_VPN4 | 1u << P_VPN6 | 1u << P_LOCAL4 |
			1u << P_LOCAL6);
}

static void truncated_messages_are_refused(void **state)
{
	(void)state;
	codec_truncated(FAMILY, captures, ARRAY_LEN(captures));
}

static void hostile_messages_do_no_harm(void **state)
{
	(void)state;
	codec_hostile(FAMILY, captures, ARRAY_LEN(captures));
}

/* --- what openvpn is told ------------------------------------------------------------------ */

static const struct dp_peer_info some_peer = {
	.id = 77,
	.tx_id = 78,
	.remote = {.ip = {IP_V6, {0xfe, 0x80, [15] = 1}}, .port = 1194, .scope = 4},
	.local = {.ip = {IP_V6, {0xfe, 0x80, [15] = 2}}, .port = 1194},
	.vpn4 = {IP_V4, {10, 8, 0, 2}},
	.vpn6 = {IP_V6, {0xfd, [15] = 2}},
	.interval = 10,
	.timeout = 60,
	.vpn_rx_bytes = 0x1122334455667788,
	.vpn_tx_bytes = 0xffffffff,
	.vpn_rx_packets = 3,
	.vpn_tx_packets = 4,
	.link_rx_bytes = 0x100000000,
	.link_tx_bytes = 6,
	.link_rx_packets = 7,
	.link_tx_packets = 8,
};

/* As libnl's nla_get_uint(): the length tells. */
static uint64_t uint_of(const struct nlattr *a)
{
	uint64_t v = 0;
	uint32_t small;

	assert_non_null(a);
	if (nl_attr_u32(a, &small))
		return small;
	assert_int_equal(nl_attr_len(a), sizeof(v));
	memcpy(&v, nl_attr_data(a), sizeof(v));
	return v;
}

/* The nest of an answer for interface 4. */
static void answer_nest(const struct nl_out *o, uint8_t cmd, uint16_t nest,
	const struct nlattr **table, unsigned max)
{
	const struct nlattr *top[4];
	uint32_t v;

	assert_int_equal(o->buf[16], cmd);
	assert_int_equal(nl_attrs_read(o->buf + 20, o->len - 20, top, 3), 0);
	assert_true(nl_attr_u32(top[A_IFINDEX], &v));
	assert_int_equal(v, 4);
	assert_int_equal(nl_nest_read(top[nest], table, max), 0);
}

static void ask(struct message *m, uint8_t cmd, uint16_t flags, struct nl_request *r)
{
	begin(m, cmd, flags, A_PEER);
	mnl_attr_nest_end(m->h, m->nest);
	m->h->nlmsg_seq = 99;
	assert_int_equal(nl_request_read(m->bytes, m->h->nlmsg_len, r), 0);
}

static void peer_is_written_as_openvpn_reads_it(void **state)
{
	static const uint64_t counters[] = {
		0x1122334455667788, 0xffffffff, 3, 4, 0x100000000, 6, 7, 8};
	const struct nlattr *p[P_TX_ID + 1];
	struct nl_out o = {.len = 0};
	struct nlmsghdr h;
	struct nl_request r;
	struct message m;
	uint16_t port;

	(void)state;
	ask(&m, PEER_GET, 0, &r);
	assert_true(FAMILY->put_peer(&o, &r, 4, &some_peer));
	memcpy(&h, o.buf, sizeof(h));
	assert_int_equal(h.nlmsg_type, FAMILY->genl.id);
	assert_int_equal(h.nlmsg_seq, 99);
	assert_int_equal(h.nlmsg_flags, 0);
	answer_nest(&o, PEER_GET, A_PEER, p, P_TX_ID);
	assert_int_equal(uint_of(p[P_ID]), 77);
	assert_int_equal(uint_of(p[P_TX_ID]), 78);
	for (unsigned int i = 0; i < ARRAY_LEN(counters); i++)
		assert_true(uint_of(p[P_VPN_RX_BYTES + i]) == counters[i]);
	/* what fits 4 bytes has 4 */
	assert_int_equal(nl_attr_len(p[P_VPN_RX_BYTES]), 8);
	assert_int_equal(nl_attr_len(p[P_VPN_RX_BYTES + 1]), 4);
	assert_int_equal(nl_attr_len(p[P_VPN_RX_BYTES + 4]), 8);
	assert_memory_equal(nl_attr_data(p[P_REMOTE6]), some_peer.remote.ip.b, 16);
	assert_int_equal(uint_of(p[P_SCOPE]), 4);
	assert_true(nl_attr_u16(p[P_PORT], &port));
	assert_int_equal(ntohs(port), 1194);
	assert_memory_equal(nl_attr_data(p[P_LOCAL6]), some_peer.local.ip.b, 16);
	assert_null(p[P_REMOTE4]);
	assert_null(p[P_LOCAL4]);
	assert_memory_equal(nl_attr_data(p[P_VPN4]), some_peer.vpn4.b, 4);
	assert_int_equal(uint_of(p[P_INTERVAL]), 10);
	assert_int_equal(uint_of(p[P_TIMEOUT]), 60);
}

static void tombstone_has_counters_only(void **state)
{
	const struct nlattr *p[P_TX_ID + 1];
	struct dp_peer_info gone = some_peer;
	struct nl_out o = {.len = 0};
	struct nl_request r;
	struct message m;

	(void)state;
	gone.gone = true;
	ask(&m, PEER_GET, 0, &r);
	assert_true(FAMILY->put_peer(&o, &r, 4, &gone));
	answer_nest(&o, PEER_GET, A_PEER, p, P_TX_ID);
	for (unsigned int type = P_REMOTE4; type < P_VPN_RX_BYTES; type++)
		assert_null(p[type]);
	assert_null(p[P_TX_ID]);
	assert_true(uint_of(p[P_VPN_RX_BYTES]) == some_peer.vpn_rx_bytes);
}

/* As ever: openvpn's parser may be older than the attribute. */
static void id_for_sending_is_told_where_it_differs(void **state)
{
	const struct nlattr *p[P_TX_ID + 1];
	struct dp_peer_info same = some_peer;
	struct nl_out o = {.len = 0};
	struct nl_request r;
	struct message m;

	(void)state;
	same.tx_id = same.id;
	ask(&m, PEER_GET, 0, &r);
	assert_true(FAMILY->put_peer(&o, &r, 4, &same));
	answer_nest(&o, PEER_GET, A_PEER, p, P_TX_ID);
	assert_int_equal(uint_of(p[P_ID]), 77);
	assert_null(p[P_TX_ID]);
}

static void dump_datagram_fills_up_and_no_further(void **state)
{
	struct nl_out o = {.len = 0};
	struct nl_request r;
	struct nlmsghdr h;
	struct message m;
	unsigned int put = 0;
	unsigned int found = 0;

	(void)state;
	ask(&m, PEER_GET, NLM_F_DUMP, &r);
	while (FAMILY->put_peer(&o, &r, 4, &some_peer))
		put++;
	assert_true(o.len <= NL_DATAGRAM_MAX);
	assert_true(put > 20);
	for (size_t at = 0; at < o.len; at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, o.buf + at, sizeof(h));
		assert_true(h.nlmsg_flags & NLM_F_MULTI);
		assert_int_equal(h.nlmsg_seq, 99);
		found++;
	}
	assert_int_equal(found, put);
}

static void key_is_told_without_its_bytes(void **state)
{
	static const struct {
		enum aead_alg alg;
		uint32_t cipher;
	} algs[] = {{AEAD_AES_128_GCM, 1}, {AEAD_AES_256_GCM, 1}, {AEAD_CHACHA20_POLY1305, 2}};
	const struct dco_request q = {.ifindex = 4, .peer_id = 77, .slot = KEYSLOT_SECONDARY};
	const struct nlattr *k[K_DECRYPT + 1];
	struct nl_request r;
	struct message m;

	(void)state;
	ask(&m, KEY_GET, 0, &r);
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		const struct dp_key_info key = {.present = true, .key_id = 5, .alg = algs[i].alg};
		struct nl_out o = {.len = 0};

		assert_true(FAMILY->put_key(&o, &r, &q, &key));
		answer_nest(&o, KEY_GET, A_KEYCONF, k, K_DECRYPT);
		assert_int_equal(uint_of(k[K_PEER_ID]), 77);
		assert_int_equal(uint_of(k[K_SLOT]), 1);
		assert_int_equal(uint_of(k[K_KEY_ID]), 5);
		assert_int_equal(uint_of(k[K_CIPHER]), algs[i].cipher);
		assert_null(k[K_ENCRYPT]);
		assert_null(k[K_DECRYPT]);
	}
}

/* Byte by byte as Linux 6.16 writes them. */
static void assert_notice(const struct dco_notice *n, const uint8_t *expected, size_t len)
{
	struct nl_out o = {.len = 0};

	assert_int_equal(FAMILY->put_notice(&o, n), len);
	assert_int_equal(o.len, len);
	assert_memory_equal(o.buf, expected, len);
}

#define HEAD(len, cmd) len, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, cmd, 1, 0, 0
#define INTERFACE_3    8, 0, 1, 0, 3, 0, 0, 0
#define PEER_77	       8, 0, 1, 0, 77, 0, 0, 0

static void end_of_a_peer_is_notified(void **state)
{
	static const uint8_t expected[] = {
		HEAD(48, 5), INTERFACE_3, 20, 0, 2, 0x80, PEER_77, /* */
		8, 0, 15, 0, 2, 0, 0, 0,			   /* reason: expired, 4 bytes */
	};
	const struct dco_notice n = {
		.kind = DCO_NOTICE_GONE, .ifindex = 3, .peer_id = 77, .why = DP_GONE_EXPIRED};

	(void)state;
	assert_notice(&n, expected, sizeof(expected));
}

static void float_is_notified_v4(void **state)
{
	static const uint8_t expected[] = {
		HEAD(56, 11), INTERFACE_3, 28, 0, 2, 0x80, PEER_77, /* */
		8, 0, 2, 0, 192, 0, 2, 7,			    /* address */
		6, 0, 5, 0, 0x04, 0xaa, 0, 0,			    /* port 1194, big-endian */
	};
	const struct dco_notice n = {
		.kind = DCO_NOTICE_FLOAT,
		.ifindex = 3,
		.peer_id = 77,
		.remote = {.ip = {IP_V4, {192, 0, 2, 7}}, .port = 1194},
	};

	(void)state;
	assert_notice(&n, expected, sizeof(expected));
}

static void float_is_notified_v6(void **state)
{
	static const uint8_t expected[] = {
		HEAD(76, 11), INTERFACE_3, 48, 0, 2, 0x80, PEER_77,		   /* */
		20, 0, 3, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, /* address */
		8, 0, 4, 0, 4, 0, 0, 0,						   /* scope */
		6, 0, 5, 0, 0x04, 0xaa, 0, 0,					   /* port */
	};
	const struct dco_notice n = {
		.kind = DCO_NOTICE_FLOAT,
		.ifindex = 3,
		.peer_id = 77,
		.remote = {.ip = {IP_V6, {0xfe, 0x80, [15] = 7}}, .port = 1194, .scope = 4},
	};

	(void)state;
	assert_notice(&n, expected, sizeof(expected));
}

static void end_of_a_key_is_notified(void **state)
{
	static const uint8_t expected[] = {
		HEAD(48, 9), INTERFACE_3, 20, 0, 3, 0x80, PEER_77, /* */
		6, 0, 3, 0, 5, 0, 0, 0,				   /* key id: 2 bytes */
	};
	const struct dco_notice n = {
		.kind = DCO_NOTICE_KEY_SWAP, .ifindex = 3, .peer_id = 77, .key_id = 5};

	(void)state;
	assert_notice(&n, expected, sizeof(expected));
}

/* --- which family ------------------------------------------------------------------------- */

static void each_process_finds_the_family_it_asks_for(void **state)
{
	const struct dco_family *v2 = &dco_v2_family;

	(void)state;
	assert_ptr_equal(dco_family_by_id(FAMILY->genl.id), FAMILY);
	assert_ptr_equal(dco_family_by_id(v2->genl.id), v2);
	assert_null(dco_family_by_id(GENL_ID_CTRL));
	assert_ptr_equal(dco_family_by_group(FAMILY->genl.group_id), FAMILY);
	assert_ptr_equal(dco_family_by_group(v2->genl.group_id), v2);
	assert_null(dco_family_by_group(0));
	assert_ptr_equal(dco_family_by_kind("ovpn"), FAMILY);
	assert_ptr_equal(dco_family_by_kind("ovpn-dco"), v2);
	assert_null(dco_family_by_kind("tun"));
}

static void family_is_described_by_its_name(void **state)
{
	const struct nlattr *a[CTRL_ATTR_MCAST_GROUPS + 1];
	const struct nlattr *groups[2];
	const struct nlattr *group[CTRL_ATTR_MCAST_GRP_ID + 1];
	struct nl_out o = {.len = 0};
	struct nl_request r;
	uint32_t group_id;
	uint16_t id;

	(void)state;
	assert_int_equal(
		nl_request_read(capture_getfamily_group, sizeof(capture_getfamily_group), &r), 0);
	assert_int_equal(dco_ctrl_answer(&r, &o), 0);
	assert_int_equal(nl_attrs_read(o.buf + 20, o.len - 20, a, CTRL_ATTR_MCAST_GROUPS), 0);
	assert_string_equal((const char *)nl_attr_data(a[CTRL_ATTR_FAMILY_NAME]), "ovpn");
	assert_true(nl_attr_u16(a[CTRL_ATTR_FAMILY_ID], &id));
	assert_int_equal(id, 0x21);
	assert_int_equal(nl_nest_read(a[CTRL_ATTR_MCAST_GROUPS], groups, 1), 0);
	assert_int_equal(nl_nest_read(groups[1], group, CTRL_ATTR_MCAST_GRP_ID), 0);
	assert_string_equal((const char *)nl_attr_data(group[CTRL_ATTR_MCAST_GRP_NAME]), "peers");
	assert_true(nl_attr_u32(group[CTRL_ATTR_MCAST_GRP_ID], &group_id));
	/* none of the kernel's, so that the shim can tell who joins it */
	assert_int_equal(group_id, 0x6f760021);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_of_a_server_are_read),
		cmocka_unit_test(peers_of_a_client_are_read),
		cmocka_unit_test(keepalive_swap_and_deletions_are_read),
		cmocka_unit_test(keys_are_read_with_their_algorithm),
		cmocka_unit_test(addresses_of_all_kinds_are_read),
		cmocka_unit_test(addresses_that_contradict_are_refused),
		cmocka_unit_test(addresses_have_the_length_of_their_family),
		cmocka_unit_test(numbers_have_their_width),
		cmocka_unit_test(device_and_peer_are_named),
		cmocka_unit_test(peer_without_remote_is_told_apart),
		cmocka_unit_test(keepalive_may_come_with_the_peer),
		cmocka_unit_test(newer_attributes_are_passed_over),
		cmocka_unit_test(id_for_sending_has_24_bits),
		cmocka_unit_test(set_peer_sets_both_at_once),
		cmocka_unit_test(set_peer_sets_keepalive_and_moves_nobody),
		cmocka_unit_test(one_peer_or_all_are_asked_for),
		cmocka_unit_test(key_that_cannot_be_had_is_a_good_request),
		cmocka_unit_test(key_has_limits_and_two_directions),
		cmocka_unit_test(slots_of_keys_are_read),
		cmocka_unit_test(unknown_command_is_refused),
		cmocka_unit_test(attributes_are_there_and_have_their_length),
		cmocka_unit_test(truncated_messages_are_refused),
		cmocka_unit_test(hostile_messages_do_no_harm),
		cmocka_unit_test(peer_is_written_as_openvpn_reads_it),
		cmocka_unit_test(tombstone_has_counters_only),
		cmocka_unit_test(id_for_sending_is_told_where_it_differs),
		cmocka_unit_test(dump_datagram_fills_up_and_no_further),
		cmocka_unit_test(key_is_told_without_its_bytes),
		cmocka_unit_test(end_of_a_peer_is_notified),
		cmocka_unit_test(float_is_notified_v4),
		cmocka_unit_test(float_is_notified_v6),
		cmocka_unit_test(end_of_a_key_is_notified),
		cmocka_unit_test(each_process_finds_the_family_it_asks_for),
		cmocka_unit_test(family_is_described_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
