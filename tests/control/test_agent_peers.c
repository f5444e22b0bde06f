/* SPDX-License-Identifier: BSD-3-Clause */
/* openvpn's verbs, the errors it may see, and peers that end by themselves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_v2_capture.h"
#include "agent_rig.h"
#include "dataplane/dp_view.h"

#define REQUEST(s, name, id) shim_request(s, capture_##name, sizeof(capture_##name), id)
#define NB_PEERS	     1000

/* Reads a dump whose request is on its way: marks the ids, checks order and end; how many. */
static unsigned int read_dump(struct shim *s, uint8_t *seen, size_t nb_seen)
{
	const struct nlattr *top[9];
	const struct nlattr *peer[17];
	struct nlmsghdr h;
	unsigned int n = 0;
	uint32_t id;

	for (;;) {
		assert_int_equal(shim_answer(s), 0);
		assert_true(s->body_len <= NL_DATAGRAM_MAX);
		for (size_t at = 0; at < s->body_len; at += NLMSG_ALIGN(h.nlmsg_len)) {
			memcpy(&h, s->body + at, sizeof(h));
			assert_true(h.nlmsg_flags & NLM_F_MULTI);
			if (h.nlmsg_type == NLMSG_DONE) {
				assert_true(s->flags & SHIM_LAST);
				return n;
			}
			assert_false(s->flags & SHIM_LAST);
			assert_int_equal(
				nl_attrs_read(s->body + at + 20, h.nlmsg_len - 20, top, 8), 0);
			assert_int_equal(nl_nest_read(top[8], peer, 16), 0);
			assert_true(nl_attr_u32(peer[1], &id));
			assert_true(id < nb_seen);
			seen[id]++;
			n++;
		}
	}
}

static unsigned int dump(struct shim *s, uint8_t *seen, size_t nb_seen)
{
	shim_send_request(s, capture_dump_peers, sizeof(capture_dump_peers), 0);
	return read_dump(s, seen, nb_seen);
}

static void peer_lives_from_new_peer_to_del_peer(void **state)
{
	struct rig *rig = *state;
	uint8_t seen[10] = {0};
	struct key_material m;
	struct dp_peer_info info;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 3, "192.0.2.7", 5000), 0);
	assert_int_equal(shim_new_peer(&s, 3, "192.0.2.7", 5000), -EEXIST);
	assert_int_equal(REQUEST(&s, set_peer, 3), 0);
	assert_int_equal(REQUEST(&s, new_key_aes_256, 3), 0);
	assert_int_equal(dp_peer_get(rig->dp, s.iid, 3, &info), 0);
	assert_int_equal(info.interval, 2);
	assert_int_equal(info.timeout, 16);
	assert_int_equal(info.local.port, 1194);
	assert_true(info.key[KEYSLOT_PRIMARY].present);
	m = fake_dp_key(rig->dp, s.iid, 3, KEYSLOT_PRIMARY);
	assert_int_equal(m.alg, AEAD_AES_256_GCM);
	/* its bytes are those of the request */
	assert_non_null(
		memmem(capture_new_key_aes_256, sizeof(capture_new_key_aes_256), m.encrypt, 32));
	assert_non_null(
		memmem(capture_new_key_aes_256, sizeof(capture_new_key_aes_256), m.decrypt, 32));
	assert_int_equal(REQUEST(&s, new_key_aes_256_rekey, 3), 0);
	assert_int_equal(REQUEST(&s, swap_keys, 3), 0);
	assert_int_equal(fake_dp_key(rig->dp, s.iid, 3, KEYSLOT_PRIMARY).key_id, 1);
	assert_int_equal(REQUEST(&s, del_key, 3), 0);
	assert_int_equal(dump(&s, seen, sizeof(seen)), 1);
	assert_int_equal(seen[3], 1);
	assert_int_equal(REQUEST(&s, del_peer, 3), 0);
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	assert_int_equal(REQUEST(&s, del_peer, 3), -ENOENT);
	/* openvpn has forgotten it, and would log a line for it in every dump */
	assert_int_equal(dump(&s, seen, sizeof(seen)), 0);
	/* asked for, the final counters are there until the id is used again */
	assert_int_equal(REQUEST(&s, get_peer, 3), 0);
	assert_int_equal(REQUEST(&s, get_peer, 4), -ENOENT);
	shim_detach(&s);
	close(udp);
}

static void peer_gets_the_kernels_path(void **state)
{
	static const uint8_t reset[] = {7 << 3, 0, 0};
	static const struct ip_addr second = {IP_V4, {192, 0, 2, 9}};
	static const struct udp_addr remote = {.ip = {IP_V4, {192, 0, 2, 7}}, .port = 5000};
	struct rig *rig = *state;
	struct dp_path path;
	uint8_t buf[128];
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(system("ip addr add 192.0.2.9/24 dev fake0"), 0);
	/* the neighbour is not known: no path yet, and no error */
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 4999), 0);
	assert_false(fake_dp_path(rig->dp, s.iid, 1, &path));
	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0"), 0);
	EVENTUALLY(fake_dp_path(rig->dp, s.iid, 1, &path));
	assert_memory_equal(path.dst_mac, "\x02\0\0\0\0\x07", 6);
	assert_memory_equal(path.local.ip.b, "\xc0\0\x02\x01", 4);
	assert_int_equal(path.local.port, 1194);
	/* who wrote to the second address is answered from there */
	fake_dp_control(rig->dp, s.iid, 0, &remote, &second, reset, sizeof(reset));
	assert_true(recv(udp, buf, sizeof(buf), 0) > 0);
	assert_int_equal(shim_new_peer(&s, 2, "192.0.2.7", 5000), 0);
	EVENTUALLY(fake_dp_path(rig->dp, s.iid, 2, &path));
	assert_memory_equal(path.local.ip.b, second.b, 4);
	/* the next hop moves */
	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:08 dev fake0"), 0);
	EVENTUALLY(fake_dp_path(rig->dp, s.iid, 1, &path) && path.dst_mac[5] == 8);
	EVENTUALLY(fake_dp_path(rig->dp, s.iid, 2, &path) && path.dst_mac[5] == 8);
	shim_detach(&s);
	close(udp);
}

static bool harmless(int err)
{
	return err == 0 || err == -EINVAL || err == -EEXIST || err == -ENOENT || err == -ENOTCONN;
}

static void no_failure_of_the_data_plane_kills_openvpn(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 0, "192.0.2.7", 5000), 0);
	for (int err = -1; err >= -133; err--) {
		fake_dp_fail(rig->dp, err);
		assert_true(harmless(shim_new_peer(&s, 9, "192.0.2.7", 5000)));
		assert_true(harmless(REQUEST(&s, set_peer, 0)));
		assert_true(REQUEST(&s, set_peer, 0) < 0);
		assert_true(harmless(REQUEST(&s, swap_keys, 0)));
		assert_true(harmless(REQUEST(&s, del_key, 0)));
		assert_true(harmless(REQUEST(&s, del_peer, 77)));
	}
	/* a foreign interface index: ENODEV in the kernel, which must not be said */
	fake_dp_fail(rig->dp, 0);
	s.ifindex++;
	assert_true(REQUEST(&s, set_peer, 0) == -EINVAL);
	assert_int_equal(REQUEST(&s, new_key_aes_256, 0), 0);
	assert_int_equal(REQUEST(&s, get_peer, 0), -EINVAL);
	assert_int_equal(dump(&s, NULL, 0), 0);
	shim_detach(&s);
	close(udp);
}

static void next_notification(struct shim *s, uint32_t id, uint8_t reason)
{
	uint32_t told_id = UINT32_MAX;
	uint8_t told_reason = 0;

	EVENTUALLY(shim_notification(s, &told_id, &told_reason));
	assert_int_equal(told_id, id);
	assert_int_equal(told_reason, reason);
}

static void key_that_cannot_be_installed_ends_its_peer_only(void **state)
{
	static const int errors[] = {-ENOTSUP, -ENOMEM, -ENODEV, -EINVAL};
	uint8_t no_cipher[sizeof(capture_new_key_aes_256)];
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 50, "192.0.2.7", 5000), 0);
	for (uint32_t id = 0; id < ARRAY_LEN(errors); id++) {
		assert_int_equal(shim_new_peer(&s, id, "192.0.2.7", 5000), 0);
		fake_dp_fail(rig->dp, errors[id]);
		assert_int_equal(REQUEST(&s, new_key_aes_256, id), 0);
		fake_dp_fail(rig->dp, 0);
		next_notification(&s, id, DP_GONE_TRANSPORT_ERROR);
	}
	/* `cipher none` */
	memcpy(no_cipher, capture_new_key_aes_256, sizeof(no_cipher));
	no_cipher[60] = 0;
	assert_int_equal(shim_new_peer(&s, 5, "192.0.2.7", 5000), 0);
	assert_int_equal(shim_request(&s, no_cipher, sizeof(no_cipher), 5), 0);
	next_notification(&s, 5, DP_GONE_TRANSPORT_ERROR);
	/* a peer that never was: openvpn believes in it, and must hear */
	assert_int_equal(REQUEST(&s, new_key_aes_256, 4000), 0);
	next_notification(&s, 4000, DP_GONE_TRANSPORT_ERROR);
	/* a peer that expired while its key was on the way is told once */
	assert_int_equal(shim_new_peer(&s, 6, "192.0.2.7", 5000), 0);
	fake_dp_expire(rig->dp, s.iid, 6, 7);
	assert_int_equal(REQUEST(&s, new_key_aes_256, 6), 0);
	next_notification(&s, 6, DP_GONE_EXPIRED);
	assert_int_equal(fake_dp_left(rig->dp).peers, 1);
	usleep(250000);
	assert_int_equal(recv(s.genl, no_cipher, sizeof(no_cipher), MSG_DONTWAIT), -1);
	shim_detach(&s);
	close(udp);
}

/* As a client openvpn acts on one reason alone. */
static void client_is_always_told_that_its_peer_expired(void **state)
{
	struct rig *rig = *state;
	enum dp_mode mode;
	struct shim s;
	int udp;

	shim_attach_genl(&s, rig, 0);
	assert_int_equal(shim_join(&s), 0);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 0), 0);
	assert_int_equal(shim_link(&s, "ovpn0", DP_MODE_P2P), 0);
	s.iid = fake_dp_newest(rig->dp, &mode);
	/* a new peer replaces the old one, without a word */
	assert_int_equal(shim_new_peer(&s, 11719749 % 4096, "192.0.2.7", 5000), 0);
	assert_int_equal(shim_new_peer(&s, 12, "192.0.2.7", 5000), 0);
	assert_int_equal(fake_dp_left(rig->dp).peers, 1);
	fake_dp_fail(rig->dp, -ENOTSUP);
	assert_int_equal(REQUEST(&s, new_key_aes_256, 12), 0);
	next_notification(&s, 12, DP_GONE_EXPIRED);
	shim_detach(&s);
	close(udp);
}

/*
 * openvpn 2.6 has no word for it: the entry is taken off the list, once, and nothing is sent; what
 * its peer ends by at last is told as ever.
 */
static void openvpn_26_is_not_asked_for_a_key(void **state)
{
	struct rig *rig = *state;
	struct dp_key_worn worn = {.peer_id = 1, .key_id = 3, .wear = KEY_WORN_PACKETS};
	const struct control_counts *counts = agent_counts(rig->agent);
	struct shim s;
	uint8_t buf[64];
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	fake_dp_wear(rig->dp, s.iid, &worn);
	EVENTUALLY(!fake_dp_worn(rig->dp, s.iid, 1));
	worn.again = true;
	fake_dp_wear(rig->dp, s.iid, &worn);
	EVENTUALLY(!fake_dp_worn(rig->dp, s.iid, 1));
	usleep(250000);
	assert_int_equal(recv(s.genl, buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(counts->keys_worn, 1);
	assert_int_equal(counts->rekeys_asked, 0);
	fake_dp_expire(rig->dp, s.iid, 1, 2);
	next_notification(&s, 1, DP_GONE_EXPIRED);
	shim_detach(&s);
	close(udp);
}

static void deleted_peer_is_not_told_back(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	uint8_t buf[64];
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	assert_int_equal(REQUEST(&s, del_peer, 1), 0);
	usleep(250000);
	assert_int_equal(recv(s.genl, buf, sizeof(buf), MSG_DONTWAIT), -1);
	shim_detach(&s);
	close(udp);
}

/*
 * The expiries happen while a dump is half read, and the way of notifications is too narrow for
 * more than a few: each arrives, once; the dump is whole, and no notification is in it.
 */
static void thousand_expiries_during_a_dump_all_arrive_once(void **state)
{
	struct rig *rig = *state;
	uint8_t told[NB_PEERS] = {0};
	uint8_t seen[4 * NB_PEERS] = {0};
	unsigned int nb_told = 0;
	unsigned int turns = 0;
	uint32_t id;
	uint8_t reason;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 2048);

	/* more than the connection holds at a time, so that the dump must pause */
	for (id = 0; id < 4 * NB_PEERS; id++)
		assert_int_equal(shim_new_peer(&s, id, "192.0.2.7", 5000), 0);
	shim_send_request(&s, capture_dump_peers, sizeof(capture_dump_peers), 0);
	usleep(100000);
	fake_dp_expire(rig->dp, s.iid, 0, NB_PEERS);
	usleep(400000);
	/* nobody has read: the socket is full, the rest waits as state */
	assert_true(fake_dp_unreported(rig->dp, s.iid) > NB_PEERS / 2);
	assert_int_equal(read_dump(&s, seen, sizeof(seen)), 4 * NB_PEERS);
	for (id = 0; id < 4 * NB_PEERS; id++)
		assert_int_equal(seen[id], 1);
	while (nb_told < NB_PEERS && turns++ < 20000) {
		if (!shim_notification(&s, &id, &reason)) {
			usleep(500);
			continue;
		}
		assert_true(id < NB_PEERS);
		assert_int_equal(told[id], 0);
		assert_int_equal(reason, DP_GONE_EXPIRED);
		told[id] = 1;
		nb_told++;
		/* openvpn asks for the counters of each that ended, and finds them */
		if (nb_told % 100 == 0) {
			memset(seen, 0, sizeof(seen));
			assert_true(dump(&s, seen, sizeof(seen)) > 3 * NB_PEERS);
			for (id = 0; id < NB_PEERS; id++) {
				if (told[id] == 1)
					assert_int_equal(seen[id], 1);
				told[id] = told[id] != 0 ? 2 : 0;
			}
		}
	}
	assert_int_equal(nb_told, NB_PEERS);
	/* once more, for a dump that began before the last was read; then dumps leave the dead out
	 */
	dump(&s, seen, sizeof(seen));
	assert_int_equal(dump(&s, seen, sizeof(seen)), 3 * NB_PEERS);
	assert_int_equal(fake_dp_unreported(rig->dp, s.iid), 0);
	usleep(250000);
	assert_false(shim_notification(&s, &id, &reason));
	assert_int_equal(fake_dp_left(rig->dp).peers, 3 * NB_PEERS);
	shim_detach(&s);
	close(udp);
}

/* A server that asks, and does not listen yet. */
static int deaf_server(struct shim *s, const struct rig *rig)
{
	int udp = shim_server(s, rig, "ovpn0", 0);

	assert_int_equal(shim_call(s, SHIM_CLOSE, s->genl_id, NULL, 0, -1), 0);
	close(s->genl);
	s->genl = shim_open_socket(s, SHIM_KIND_GENL, 0, 4, 0);
	s->genl_id = s->last_id;
	return udp;
}

static void expiry_waits_until_somebody_listens(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = deaf_server(&s, rig);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	fake_dp_expire(rig->dp, s.iid, 1, 2);
	usleep(250000);
	assert_int_equal(fake_dp_unreported(rig->dp, s.iid), 1);
	assert_int_equal(shim_join(&s), 0);
	next_notification(&s, 1, DP_GONE_EXPIRED);
	assert_int_equal(fake_dp_unreported(rig->dp, s.iid), 0);
	shim_detach(&s);
	close(udp);
}

/* Both ended it at once: openvpn must not hear of an id that it may have used again. */
static void removal_that_crosses_an_expiry_is_not_told_back(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = deaf_server(&s, rig);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	assert_int_equal(shim_new_peer(&s, 2, "192.0.2.7", 5001), 0);
	fake_dp_expire(rig->dp, s.iid, 1, 3);
	assert_int_equal(REQUEST(&s, del_peer, 1), -ENOENT);
	assert_int_equal(shim_join(&s), 0);
	next_notification(&s, 2, DP_GONE_EXPIRED);
	assert_int_equal(fake_dp_unreported(rig->dp, s.iid), 0);
	shim_detach(&s);
	close(udp);
}

/* What openvpn was to hear of an id is nothing to who has it next. */
static void new_peer_inherits_no_end(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	uint32_t id;
	uint8_t reason;
	int udp = deaf_server(&s, rig);

	/* a key for nobody, an expiry */
	assert_int_equal(REQUEST(&s, new_key_aes_256, 7), 0);
	assert_int_equal(shim_new_peer(&s, 6, "192.0.2.7", 5000), 0);
	fake_dp_expire(rig->dp, s.iid, 6, 7);
	assert_int_equal(shim_new_peer(&s, 6, "192.0.2.7", 5001), 0);
	assert_int_equal(shim_new_peer(&s, 7, "192.0.2.7", 5002), 0);
	assert_int_equal(shim_new_peer(&s, 8, "192.0.2.7", 5003), 0);
	fake_dp_expire(rig->dp, s.iid, 8, 9);
	assert_int_equal(shim_join(&s), 0);
	next_notification(&s, 8, DP_GONE_EXPIRED);
	usleep(250000);
	assert_false(shim_notification(&s, &id, &reason));
	assert_int_equal(fake_dp_left(rig->dp).peers, 2);
	shim_detach(&s);
	close(udp);
}

/* openvpn asks for the last counters when it has read of the end, whatever it asked before. */
static void last_counters_wait_until_the_end_was_read(void **state)
{
	struct rig *rig = *state;
	uint8_t seen[10] = {0};
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	fake_dp_expire(rig->dp, s.iid, 1, 2);
	EVENTUALLY(fake_dp_unreported(rig->dp, s.iid) == 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(dump(&s, seen, sizeof(seen)), 1);
	next_notification(&s, 1, DP_GONE_EXPIRED);
	assert_int_equal(dump(&s, seen, sizeof(seen)), 1);
	/* the one before may have begun earlier */
	assert_int_equal(dump(&s, seen, sizeof(seen)), 1);
	assert_int_equal(dump(&s, seen, sizeof(seen)), 0);
	shim_detach(&s);
	close(udp);
}

/* Its device has gone this moment: neither may the peer be half there. */
static void peer_without_the_kernels_side_is_none(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	uint8_t m[sizeof(capture_new_peer_v4_multihome)];

	memcpy(m, capture_new_peer_v4_multihome, sizeof(m));
	assert_int_equal(m[44], 5); /* its socket is ours */
	rig_hold(rig);
	shim_send_request(&s, m, sizeof(m), 3);
	assert_int_equal(system("ip link del ovpn0"), 0);
	rig_release();
	assert_int_equal(shim_answer(&s), 0);
	assert_non_null(memmem(s.body, s.body_len, "kernel's side", 13));
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	assert_int_equal(fake_dp_unreported(rig->dp, s.iid), 0);
	shim_detach(&s);
	close(udp);
}

/* openvpn may ask again before it has read: one answer comes after the other. */
static void requests_wait_while_a_dump_is_answered(void **state)
{
	struct rig *rig = *state;
	uint8_t seen[NB_PEERS];
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	for (uint32_t id = 0; id < NB_PEERS; id++)
		assert_int_equal(shim_new_peer(&s, id, "192.0.2.7", 5000), 0);
	rig_hold(rig);
	for (int i = 0; i < 3; i++)
		shim_send_request(&s, capture_dump_peers, sizeof(capture_dump_peers), 0);
	rig_release();
	s.seq -= 3;
	for (int i = 0; i < 3; i++) {
		s.seq++;
		memset(seen, 0, sizeof(seen));
		assert_int_equal(read_dump(&s, seen, sizeof(seen)), NB_PEERS);
		for (uint32_t id = 0; id < NB_PEERS; id++)
			assert_int_equal(seen[id], 1);
	}
	shim_detach(&s);
	close(udp);
}

/* The whole answer of the operator's socket. */
static void operator_asks(const struct rig *rig, const char *request, char *answer, size_t size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	strcpy(addr.sun_path, rig->ctl);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	while ((n = recv(fd, answer + len, size - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd);
}

/* openvpn waits behind an operator: one answer must not look at more peers than a page has. */
static void operator_with_many_peers_keeps_nobody_waiting(void **state)
{
	static char answer[1 << 20];
	struct rig *rig = *state;
	uint64_t before;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	for (uint32_t id = 0; id < NB_PEERS; id++)
		assert_int_equal(shim_new_peer(&s, id, "192.0.2.7", 5000), 0);
	fake_dp_expire(rig->dp, s.iid, 0, 3);
	before = fake_dp_looks(rig->dp);
	operator_asks(
		rig, "{\"command\": \"show\", \"what\": \"instances\"}\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "\"peers\":997,"));
	operator_asks(
		rig, "{\"command\": \"show\", \"what\": \"peers\"}\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "\"next\":"));
	assert_in_range(fake_dp_looks(rig->dp) - before, 200, 400);
	shim_detach(&s);
	close(udp);
}

static void tcp_peer_is_refused_with_a_sentence(void **state)
{
	uint8_t m[sizeof(capture_new_peer_client_v4)];
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	memcpy(m, capture_new_peer_client_v4, sizeof(m));
	m[50] = 99; /* the remote's attribute becomes one that nobody knows */
	assert_int_equal(shim_request(&s, m, sizeof(m), 1), -EINVAL);
	assert_non_null(memmem(s.body, s.body_len, "UDP only", 8));
	shim_detach(&s);
	close(udp);
}

static void hostile_netlink_is_answered_and_the_agent_lives(void **state)
{
	struct rig *rig = *state;
	uint8_t m[512];
	uint32_t rnd = 7;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
		for (unsigned int n = 0; n < 60; n++) {
			size_t len = captures[i].len;

			memcpy(m, captures[i].bytes, len);
			memcpy(m + 24, &s.ifindex, 4);
			for (unsigned int k = 0; k < 1 + n % 4; k++) {
				rnd = rnd * 1664525 + 1013904223;
				m[(rnd >> 8) % len] = (uint8_t)(rnd >> 24);
			}
			shim_send(&s, SHIM_NETLINK, s.genl_id, m, n % 5 ? len : rnd % len, -1);
			do {
				int err = shim_answer(&s);

				assert_true(err == 0 || err == -EINVAL);
			} while (!(s.flags & SHIM_LAST));
		}
	}
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(peer_lives_from_new_peer_to_del_peer),
		RIG_TEST(peer_gets_the_kernels_path),
		RIG_TEST(no_failure_of_the_data_plane_kills_openvpn),
		RIG_TEST(key_that_cannot_be_installed_ends_its_peer_only),
		RIG_TEST(client_is_always_told_that_its_peer_expired),
		RIG_TEST(openvpn_26_is_not_asked_for_a_key),
		RIG_TEST(deleted_peer_is_not_told_back),
		RIG_TEST(thousand_expiries_during_a_dump_all_arrive_once),
		RIG_TEST(expiry_waits_until_somebody_listens),
		RIG_TEST(removal_that_crosses_an_expiry_is_not_told_back),
		RIG_TEST(new_peer_inherits_no_end),
		RIG_TEST(last_counters_wait_until_the_end_was_read),
		RIG_TEST(peer_without_the_kernels_side_is_none),
		RIG_TEST(requests_wait_while_a_dump_is_answered),
		RIG_TEST(operator_with_many_peers_keeps_nobody_waiting),
		RIG_TEST(tcp_peer_is_refused_with_a_sentence),
		RIG_TEST(hostile_netlink_is_answered_and_the_agent_lives),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
