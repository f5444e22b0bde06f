/* SPDX-License-Identifier: BSD-3-Clause */
/* The ends of a key and of a peer: what a key may do, goodbyes, and silence that is none. */
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "crypto/key.h"
#include "dataplane/dp_view.h"
#include "dataplane/grace.h"
#include "world.h"

#define PEER 5

struct bench {
	struct site s;
	struct udp_addr remote;
	struct key_material m, next;
	uint32_t pktid;
	uint8_t from[100], to[100]; /* inner packets of the peer and for it */
};

static struct bench *bench_new(const struct world_conf *conf)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");

	b->remote = udp_of("198.51.100.7", 50000);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	b->next = reference_key(AEAD_AES_256_GCM, 3, 78);
	b->pktid = 1;
	site_new(&b->s, world_new(conf), 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	frame_inner(b->from, &them, &us, sizeof(b->from), 1);
	frame_inner(b->to, &us, &them, sizeof(b->to), 2);
	return b;
}

static int setup(void **state)
{
	*state = bench_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	world_reclaim(b->s.world);
	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static struct dp *dp_of(struct bench *b)
{
	return b->s.world->dp;
}

static struct peer *peer(struct bench *b, uint32_t id)
{
	return peertab_find(&instance_find(dp_of(b), b->s.iid)->peers, id);
}

static struct key *key_in(struct bench *b, enum keyslot slot)
{
	return keyslots_get(&peer(b, PEER)->keys, slot);
}

static void new_key(struct bench *b, enum keyslot slot, const struct key_material *m)
{
	assert_int_equal(dp_key_new(dp_of(b), b->s.iid, PEER, slot, m), 0);
}

static void tick(struct bench *b)
{
	dp_tick(dp_of(b));
	world_settle(b->s.world);
	world_settle(b->s.world);
}

static void receive(struct bench *b, const struct key_material *m, const void *text, size_t len)
{
	site_data(&b->s, b->remote, m, PEER, b->pktid++, text, len);
}

/* One packet to the peer; the key and packet id it was sent with, and that it opens. False: none.
 */
static bool send_one(struct bench *b, const struct key_material *m, uint32_t *pktid)
{
	struct key_material far = reference_mirror(m);
	uint8_t frame[FRAME_MAX], text[FRAME_MAX], mac[MAC_LEN];
	size_t len;

	site_peer_mac(&b->s, PEER, mac);
	world_write(b->s.device, frame, site_frame(frame, mac, b->to, sizeof(b->to)));
	world_settle(b->s.world);
	len = world_sent(b->s.world, 0, frame);
	if (len == 0)
		return false;
	assert_int_equal(frame[42] & 7, m->key_id);
	assert_true(reference_open(&far, frame + 42, len - 42, text));
	*pktid = be32_load(frame + 42 + 4);
	return true;
}

static void expect_worn(struct bench *b, uint8_t key_id, enum key_wear wear, bool again)
{
	struct dp_key_worn w;

	tick(b);
	for (int i = 0; i < 3; i++) { /* a state: it is told until it is acknowledged */
		assert_true(dp_key_worn_next(dp_of(b), b->s.iid, &w));
		assert_int_equal(w.peer_id, PEER);
		assert_int_equal(w.key_id, key_id);
		assert_int_equal(w.wear, wear);
		assert_int_equal(w.again, again);
		tick(b);
	}
	dp_key_worn_ack(dp_of(b), b->s.iid, PEER);
	assert_false(dp_key_worn_next(dp_of(b), b->s.iid, &w));
}

static void expect_good(struct bench *b)
{
	struct dp_key_worn w;

	tick(b);
	assert_false(dp_key_worn_next(dp_of(b), b->s.iid, &w));
}

static void expect_gone(struct bench *b, enum dp_gone expected)
{
	enum dp_gone why = DP_GONE_TEARDOWN;

	tick(b);
	assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), PEER);
	assert_int_equal(why, expected);
	dp_gone_ack(dp_of(b), b->s.iid, PEER);
}

static void expect_alive(struct bench *b)
{
	enum dp_gone why;

	tick(b);
	assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	assert_non_null(peer(b, PEER));
}

/* --- a key wears out -------------------------------------------------------------------- */

/* As openvpn 2.7 counts: header, tag and text, rounded up to blocks for each packet. */
static void blocks_are_counted_both_ways(void **state)
{
	struct bench *b = *state;
	struct dp_peer_info info;
	uint64_t out = 0, in = 0;
	uint32_t pktid;

	for (int i = 0; i < 5; i++) {
		assert_true(send_one(b, &b->m, &pktid));
		out += (100 + 24 + 15) / 16;
	}
	for (size_t len = 40; len < 100; len++) {
		struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");
		uint8_t inner[100];

		frame_inner(inner, &them, &us, len, 1);
		receive(b, &b->m, inner, len);
		in += (len + 24 + 15) / 16;
	}
	world_settle(b->s.world);
	assert_int_equal(dp_peer_get(dp_of(b), b->s.iid, PEER, &info), 0);
	assert_int_equal(info.key[0].tx_blocks, out);
	assert_int_equal(info.key[0].rx_blocks, in);
	assert_int_equal(info.key[0].wear, KEY_GOOD);
	world_no_drops(b->s.world);
}

static void forged_packets_are_no_blocks(void **state)
{
	struct bench *b = *state;
	struct key_material forged = reference_key(AEAD_AES_256_GCM, 2, 666);

	for (int i = 0; i < 10; i++)
		receive(b, &forged, b->from, sizeof(b->from));
	world_settle(b->s.world);
	assert_int_equal(key_in(b, KEYSLOT_PRIMARY)->rx_blocks, 0);
	assert_int_equal(atomic_load(&key_in(b, KEYSLOT_PRIMARY)->failed), 10);
	world_drops(b->s.world, DROP_AUTH_FAILED, 10);
}

static void a_key_is_asked_for_at_half_of_the_packet_ids(void **state)
{
	struct bench *b = *state;
	struct key *k = key_in(b, KEYSLOT_PRIMARY);
	uint32_t pktid;

	atomic_store(&k->tx.next, KEY_PACKETS_ASK - 1);
	expect_good(b);
	assert_true(send_one(b, &b->m, &pktid));
	expect_good(b);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, KEY_PACKETS_ASK);
	expect_worn(b, 2, KEY_WORN_PACKETS, false);
	/* once, whatever goes on */
	for (int i = 0; i < 10; i++) {
		assert_true(send_one(b, &b->m, &pktid));
		expect_good(b);
	}
}

/* Both directions count, each with its packets; 7/8 of 2^36-1, rounded as openvpn rounds it. */
static void a_key_is_asked_for_near_the_usage_limit(void **state)
{
	struct bench *b = *state;
	struct key *k = key_in(b, KEYSLOT_PRIMARY);
	uint32_t pktid;

	assert_int_equal(KEY_BLOCKS_ASK, 60129542137);
	atomic_store(&k->tx.next, 1000);
	atomic_store(&k->tx_blocks, KEY_BLOCKS_ASK - 8 - 1000);
	assert_true(send_one(b, &b->m, &pktid)); /* 8 blocks, 1000 packets: as many as may be */
	expect_good(b);
	assert_true(send_one(b, &b->m, &pktid));
	expect_worn(b, 2, KEY_WORN_BLOCKS, false);
	atomic_store(&k->tx_blocks, 0);
	k->asked_ms = 0;
	expect_good(b);
	k->rx_blocks = KEY_BLOCKS_ASK - 8 - 1;
	receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	expect_good(b);
	receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	expect_worn(b, 2, KEY_WORN_BLOCKS, false);
	expect_alive(b);
}

static void chacha_has_no_usage_limit(void **state)
{
	struct bench *b = *state;
	struct key_material m = reference_key(AEAD_CHACHA20_POLY1305, 4, 5);

	new_key(b, KEYSLOT_PRIMARY, &m);
	atomic_store(&key_in(b, KEYSLOT_PRIMARY)->tx_blocks, UINT64_MAX / 2);
	key_in(b, KEYSLOT_PRIMARY)->rx_blocks = UINT64_MAX / 2;
	expect_good(b);
}

static void failed_decryptions_have_two_limits(void **state)
{
	struct bench *b = *state;
	struct key *k = key_in(b, KEYSLOT_PRIMARY);
	struct key_material forged = reference_key(AEAD_AES_256_GCM, 2, 666);
	uint8_t frame[FRAME_MAX];

	atomic_store(&k->failed, KEY_FAILED_ASK);
	expect_good(b);
	receive(b, &forged, b->from, sizeof(b->from));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_AUTH_FAILED, 1);
	expect_worn(b, 2, KEY_WORN_FAILED, false);
	atomic_store(&k->failed, KEY_FAILED_MAX);
	receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	assert_int_equal(world_read(b->s.device, frame), 14 + sizeof(b->from));
	receive(b, &forged, b->from, sizeof(b->from));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_AUTH_FAILED, 1);
	/* refused, be it authentic or not */
	receive(b, &b->m, b->from, sizeof(b->from));
	receive(b, &forged, b->from, sizeof(b->from));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_KEY_REFUSED, 2);
	assert_int_equal(world_read(b->s.device, frame), 0);
	/* the next one is another */
	new_key(b, KEYSLOT_SECONDARY, &b->next);
	receive(b, &b->next, b->from, sizeof(b->from));
	world_settle(b->s.world);
	assert_int_equal(world_read(b->s.device, frame), 14 + sizeof(b->from));
	world_no_drops(b->s.world);
}

static void a_successor_is_what_would_be_asked_for(void **state)
{
	struct bench *b = *state;
	struct dp_key_worn w;

	/* before openvpn was told */
	atomic_store(&key_in(b, KEYSLOT_PRIMARY)->tx.next, KEY_PACKETS_ASK + 1);
	tick(b);
	assert_true(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	new_key(b, KEYSLOT_SECONDARY, &b->next);
	assert_false(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	/* that nobody uses yet is none the less */
	for (int i = 0; i < 5; i++)
		expect_good(b);
	assert_true(keyslots_tx_key(&peer(b, PEER)->keys) == key_in(b, KEYSLOT_PRIMARY));
	/* and wears out in its turn */
	atomic_store(&key_in(b, KEYSLOT_SECONDARY)->tx.next, KEY_PACKETS_ASK + 1);
	expect_worn(b, 3, KEY_WORN_PACKETS, false);
}

static void a_worn_key_that_goes_is_not_asked_for(void **state)
{
	struct bench *b = *state;
	struct dp_key_worn w;

	new_key(b, KEYSLOT_SECONDARY, &b->next);
	atomic_store(&key_in(b, KEYSLOT_SECONDARY)->tx.next, KEY_PACKETS_ASK + 1);
	tick(b);
	assert_true(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	assert_int_equal(dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_SECONDARY), 0);
	assert_false(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	grace_end_all(dp_of(b));
}

static void it_is_asked_again_if_no_key_comes_for_long(void **state)
{
	struct bench *b = *state;
	struct key *k = key_in(b, KEYSLOT_PRIMARY);

	atomic_store(&k->tx.next, KEY_PACKETS_ASK + 1);
	expect_worn(b, 2, KEY_WORN_PACKETS, false);
	k->asked_ms -= WEAR_ASK_AGAIN_MS - 1000;
	expect_good(b);
	k->asked_ms -= 1000;
	expect_worn(b, 2, KEY_WORN_PACKETS, true);
	expect_good(b);
}

static void a_peer_that_ends_asks_for_nothing(void **state)
{
	struct bench *b = *state;
	struct dp_key_worn w;

	atomic_store(&key_in(b, KEYSLOT_PRIMARY)->tx.next, KEY_PACKETS_ASK + 1);
	tick(b);
	assert_true(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	dp_peer_del(dp_of(b), b->s.iid, PEER, DP_GONE_USERSPACE);
	assert_false(dp_key_worn_next(dp_of(b), b->s.iid, &w));
	dp_key_worn_ack(dp_of(b), b->s.iid, PEER);
	dp_key_worn_ack(dp_of(b), 999, PEER);
	assert_false(dp_key_worn_next(dp_of(b), 999, &w));
}

/* --- the last packet ids ---------------------------------------------------------------- */

static void at_the_last_packet_id_the_peer_ends(void **state)
{
	struct bench *b = *state;
	uint32_t pktid;

	atomic_store(&key_in(b, KEYSLOT_PRIMARY)->tx.next, PKTID_MAX_CLASSIC);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 0xffffffff);
	assert_false(send_one(b, &b->m, &pktid));
	world_drops(b->s.world, DROP_PKTID_EXHAUSTED, 1);
	expect_gone(b, DP_GONE_TRANSPORT_ERROR);
}

static void a_late_swap_does_not_end_the_peer(void **state)
{
	struct bench *b = *state;
	uint32_t pktid;

	new_key(b, KEYSLOT_SECONDARY, &b->next);
	assert_true(send_one(b, &b->m, &pktid));
	atomic_store(&key_in(b, KEYSLOT_PRIMARY)->tx.next, PKTID_MAX_CLASSIC + 1);
	assert_false(send_one(b, &b->m, &pktid));
	world_drops(b->s.world, DROP_PKTID_EXHAUSTED, 1);
	expect_alive(b);
	assert_true(send_one(b, &b->next, &pktid));
	assert_int_equal(pktid, 1);
	/* the command changes labels only */
	assert_int_equal(dp_key_swap(dp_of(b), b->s.iid, PEER), 0);
	assert_true(send_one(b, &b->next, &pktid));
	assert_int_equal(pktid, 2);
	expect_alive(b);
	world_no_drops(b->s.world);
}

/* --- no nonce twice --------------------------------------------------------------------- */

static void a_key_installed_twice_goes_on_where_it_was(void **state)
{
	struct bench *b = *state;
	uint32_t pktid;

	for (uint32_t i = 1; i <= 3; i++) {
		assert_true(send_one(b, &b->m, &pktid));
		assert_int_equal(pktid, i);
	}
	new_key(b, KEYSLOT_SECONDARY, &b->m); /* beside itself */
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 4);
	new_key(b, KEYSLOT_PRIMARY, &b->m); /* in its own place */
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 5);
	assert_int_equal(dp_key_swap(dp_of(b), b->s.iid, PEER), 0);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 6);
	world_no_drops(b->s.world);
}

/* Which of the two gave out an id last is not looked into: the older one gives out no more. */
static void a_key_installed_twice_does_not_come_back_to_life(void **state)
{
	struct bench *b = *state;
	uint32_t pktid;

	assert_true(send_one(b, &b->m, &pktid));
	new_key(b, KEYSLOT_SECONDARY, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	expect_good(b);
	assert_int_equal(dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_SECONDARY), 0);
	assert_false(send_one(b, &b->m, &pktid));
	expect_worn(b, 2, KEY_WORN_PACKETS, false);
	expect_alive(b);
}

static void a_key_that_comes_back_goes_on_where_it_was(void **state)
{
	struct bench *b = *state;
	uint32_t pktid;

	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 1);
	dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_PRIMARY); /* it decrypts for some seconds */
	new_key(b, KEYSLOT_PRIMARY, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 2);
	dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_PRIMARY);
	grace_end_all(dp_of(b));
	world_reclaim(b->s.world);
	new_key(b, KEYSLOT_PRIMARY, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 3);
	/* nor with another peer, nor with another tail or key it would be the same nonce */
	dp_peer_del(dp_of(b), b->s.iid, PEER, DP_GONE_USERSPACE);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 4);
	b->m.encrypt_tail[7] ^= 1;
	new_key(b, KEYSLOT_PRIMARY, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 1);
	b->m.encrypt[31] ^= 1;
	new_key(b, KEYSLOT_PRIMARY, &b->m);
	assert_true(send_one(b, &b->m, &pktid));
	assert_int_equal(pktid, 1);
	world_no_drops(b->s.world);
}

/* A packet of ours again, as somebody on the path may have kept it. */
static void refused_again(struct bench *b, uint32_t pktid)
{
	site_data(&b->s, b->remote, &b->m, PEER, pktid, b->from, sizeof(b->from));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_REPLAYED, 1);
}

static void a_key_installed_twice_takes_no_packet_twice(void **state)
{
	struct bench *b = *state;
	uint32_t last;

	for (unsigned int i = 0; i < 3; i++)
		receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	last = b->pktid - 1;
	world_no_drops(b->s.world);
	new_key(b, KEYSLOT_SECONDARY, &b->m); /* beside itself */
	refused_again(b, last);
	refused_again(b, last - 2);
	dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_SECONDARY);
	dp_key_del(dp_of(b), b->s.iid, PEER, KEYSLOT_PRIMARY);
	grace_end_all(dp_of(b));
	new_key(b, KEYSLOT_PRIMARY, &b->m); /* it was gone, and had sent nothing */
	refused_again(b, last);
	/* what is new is taken, once */
	receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	refused_again(b, last + 1);
	assert_int_equal(key_in(b, KEYSLOT_PRIMARY)->rx.top, last + 1);
}

/* --- goodbye ---------------------------------------------------------------------------- */

static const uint8_t goodbye[18] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56,
	0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 6};

static void an_authentic_goodbye_ends_the_peer(void **state)
{
	struct bench *b = *state;

	receive(b, &b->m, goodbye, 17);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_OCC, 1);
	expect_gone(b, DP_GONE_TRANSPORT_DISCONNECT);
}

static void other_options_messages_end_nobody(void **state)
{
	struct bench *b = *state;
	uint8_t message[18];
	uint64_t n = 0;

	memcpy(message, goodbye, sizeof(message));
	for (unsigned int op = 0; op < 256; op++) {
		message[16] = (uint8_t)op;
		if (op == 6)
			continue;
		receive(b, &b->m, message, 17);
		n++;
		world_settle(b->s.world);
	}
	receive(b, &b->m, goodbye, 16);
	receive(b, &b->m, goodbye, 18);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_OCC, n + 2);
	memcpy(message, goodbye, sizeof(message));
	message[15] ^= 1;
	receive(b, &b->m, message, 17);
	receive(b, &b->m, goodbye + 1, 16);
	receive(b, &b->m, goodbye, 15);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_INNER_MALFORMED, 3);
	expect_alive(b);
}

static void a_goodbye_that_is_not_authentic_ends_nobody(void **state)
{
	struct bench *b = *state;
	struct key_material forged = reference_key(AEAD_AES_256_GCM, 2, 666);
	uint8_t payload[24 + 17] = {0x48 | 2, 0, 0, PEER, 0, 0, 0, 100};

	receive(b, &forged, goodbye, 17);
	memcpy(payload + 24, goodbye, 17); /* in clear, behind a tag of nothing */
	site_payload(&b->s, b->remote, payload, sizeof(payload));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_AUTH_FAILED, 2);
	/* in clear where openvpn's own bytes would be: shorter than a tag, or of the old format */
	memcpy(payload + 4, goodbye, 17);
	site_payload(&b->s, b->remote, payload, 4 + 17);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_DATA_SHORT, 1);
	payload[0] = 6 << 3 | 2;
	memcpy(payload + 1, goodbye, 17);
	site_payload(&b->s, b->remote, payload, sizeof(payload));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_DATA_V1, 1);
	expect_alive(b);
}

/* Recorded from a peer that had the id, key and peer id before: of another session. */
static void a_goodbye_of_another_key_or_id_ends_nobody(void **state)
{
	struct bench *b = *state;

	b->pktid = 7;
	receive(b, &b->m, b->from, sizeof(b->from));
	world_settle(b->s.world);
	site_data(&b->s, b->remote, &b->m, PEER, 7, goodbye, 17); /* an id that was used */
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_REPLAYED, 1);
	site_data(&b->s, b->remote, &b->next, PEER, 8, goodbye, 17);
	world_settle(b->s.world);
	rte_delay_us_sleep(210000); /* it waited for that key */
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_UNKNOWN_KEY, 1);
	expect_alive(b);
}

/* The very packet that said goodbye comes again when the peer is back, with its new key. */
static void a_replayed_goodbye_ends_nobody(void **state)
{
	struct bench *b = *state;

	site_data(&b->s, b->remote, &b->m, PEER, 9, goodbye, 17);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_OCC, 1);
	/* as if the agent had forgiven it */
	atomic_store(&peer(b, PEER)->goodbye, false);
	site_data(&b->s, b->remote, &b->m, PEER, 9, goodbye, 17);
	site_data(&b->s, b->remote, &b->m, PEER, 9, goodbye, 17);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_REPLAYED, 2);
	expect_alive(b);
}

/* --- silence that is none --------------------------------------------------------------- */

static uint64_t seconds(unsigned int n)
{
	return n * rte_get_tsc_hz();
}

/* So much time passes; everything known lies further back by that. */
static void pass_tsc(struct bench *b, uint64_t t, bool listening)
{
	struct hearing *h = &dp_of(b)->hearing;
	struct peer *p = peer(b, PEER);

	p->since -= t;
	p->pinged -= RTE_MIN(p->pinged, t);
	for (unsigned int i = 0; i < p->nb_stats; i++) {
		p->stats[i].last_rx -= RTE_MIN(p->stats[i].last_rx, t);
		p->stats[i].last_tx -= RTE_MIN(p->stats[i].last_tx, t);
	}
	for (unsigned int i = 0; i < h->nb_deaf; i++)
		h->deaf[i].end -= t;
	if (listening)
		return;
	h->until -= t;
	h->mark -= t;
}

static void pass(struct bench *b, unsigned int n, bool listening)
{
	pass_tsc(b, seconds(n), listening);
}

static void keepalive(struct bench *b, uint32_t interval, uint32_t timeout)
{
	assert_int_equal(dp_peer_set(dp_of(b), b->s.iid, PEER, interval, timeout), 0);
}

/* The process was stopped, or the workers had no CPU: what came meanwhile waits in the port. */
static void a_peer_whose_packets_wait_has_not_expired(void **state)
{
	struct bench *b = *state;
	struct dp_peer_info info;
	enum dp_gone why;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	receive(b, &b->m, b->from, sizeof(b->from));
	pass(b, 1000, false);
	/* the agent is awake, and ticks; the worker is not yet */
	for (int i = 0; i < 100; i++) {
		dp_tick(dp_of(b));
		assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	}
	for (int i = 0; i < 4; i++)
		expect_alive(b);
	assert_int_equal(dp_peer_get(dp_of(b), b->s.iid, PEER, &info), 0);
	assert_int_equal(info.vpn_rx_packets, 1);
	assert_true(info.rx_ago_ms < 10000);
	/* 59 s after that all is well, then no more */
	pass(b, 59, true);
	expect_alive(b);
	pass(b, 2, true);
	expect_gone(b, DP_GONE_EXPIRED);
}

/* A stall too short to be forgiven, at the very end of the timeout. */
static void what_came_after_the_mark_is_heard_first(void **state)
{
	struct bench *b = *state;
	enum dp_gone why;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	pass_tsc(b, seconds(597) / 10, true);
	expect_alive(b);
	receive(b, &b->m, b->from, sizeof(b->from));
	pass_tsc(b, seconds(6) / 10, false);
	dp_tick(dp_of(b));
	assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	for (int i = 0; i < 4; i++)
		expect_alive(b);
	assert_int_equal(dp_of(b)->hearing.nb_deaf, 0);
}

/* A worker is in the middle of its backlog, of which the peer's packet is the last. */
static void a_backlog_is_heard_to_its_end(void **state)
{
	struct bench *b = *state;
	struct key_material forged = reference_key(AEAD_AES_256_GCM, 2, 666);
	enum dp_gone why;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	pass(b, 1000, false);
	for (int i = 0; i < 400; i++)
		receive(b, &forged, b->from, sizeof(b->from));
	receive(b, &b->m, b->from, sizeof(b->from));
	for (int i = 0; i < 400 / 64; i++) {
		worker_iteration(b->s.world->w);
		dp_tick(dp_of(b));
		assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	}
	for (int i = 0; i < 4; i++)
		expect_alive(b);
	world_drops(b->s.world, DROP_AUTH_FAILED, 400);
}

/* Nobody can tell who sent something while we were stopped: that time is no silence for anyone. */
static void a_stall_expires_nobody(void **state)
{
	struct bench *b = *state;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	pass(b, 30, true);
	pass(b, 1000, false);
	for (int i = 0; i < 4; i++)
		expect_alive(b);
	pass(b, 29, true); /* 59 s in all */
	expect_alive(b);
	pass(b, 2, true);
	expect_gone(b, DP_GONE_EXPIRED);
}

static void many_stalls_are_forgiven_and_none_for_ever(void **state)
{
	struct bench *b = *state;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	for (int round = 0; round < 11; round++) {
		pass(b, 5, true);
		pass(b, 7, false);
		for (int i = 0; i < 4; i++)
			expect_alive(b);
	}
	pass(b, 6, true); /* 61 s of listening */
	expect_gone(b, DP_GONE_EXPIRED);
}

/* Without a worker that turns there is no silence; a worker that has all hands full will do. */
static void a_busy_worker_is_heard_too(void **state)
{
	struct bench *b = *state;
	struct thread_stats *s = &b->s.world->w->stats;
	enum dp_gone why;

	keepalive(b, 0, 60);
	for (int i = 0; i < 4; i++)
		tick(b);
	dp_tick(dp_of(b)); /* a mark after which no worker turns */
	pass(b, 60, true);
	dp_of(b)->hearing.until -= rte_get_tsc_hz() / 2;
	for (int i = 0; i < 100; i++) {
		dp_tick(dp_of(b));
		assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	}
	/* as many full turns as its queues can hold, none of them idle */
	s->iterations += 255;
	s->busy_iterations += 255;
	rte_delay_us_sleep(110000);
	dp_tick(dp_of(b));
	assert_int_equal(dp_gone_next(dp_of(b), b->s.iid, &why), DP_NO_PEER);
	s->iterations++;
	s->busy_iterations++;
	expect_gone(b, DP_GONE_EXPIRED);
}

/* As many turns may take a moment only: what was on its way into a device has some time more. */
static void a_busy_worker_is_not_heard_at_once(void **state)
{
	struct bench *b = *state;
	struct thread_stats *s = &b->s.world->w->stats;
	struct hearing *h = &dp_of(b)->hearing;
	uint64_t ms = rte_get_tsc_hz() / MSEC_PER_SEC, until, mark;

	for (int i = 0; i < 4; i++)
		tick(b);
	dp_tick(dp_of(b));
	until = h->until;
	mark = h->mark;
	assert_true(until < mark);
	s->iterations += 1000;
	s->busy_iterations += 1000;
	hearing_tick(dp_of(b), mark + 100 * ms - 1);
	assert_true(h->until == until && h->mark == mark);
	hearing_tick(dp_of(b), mark + 100 * ms);
	assert_true(h->until == mark);
}

/* A worker without ports hears nobody: it is not waited for. */
static void a_worker_without_ports_holds_nothing_up(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .nb_workers = 2};
	struct bench *b = bench_new(&conf);
	struct dp *dp = dp_of(b);
	uint64_t mark;

	*state = b;
	assert_int_equal(dp->workers[0]->nb_rx, 1);
	assert_int_equal(dp->workers[1]->nb_rx, 0);
	for (int i = 0; i < 4; i++)
		tick(b);
	dp_tick(dp);
	mark = dp->hearing.mark;
	for (int i = 0; i < 4; i++) {
		assert_true(dp->hearing.until < mark);
		worker_iteration(dp->workers[0]);
	}
	dp_tick(dp);
	assert_true(dp->hearing.until == mark);
}

static void a_new_keepalive_starts_anew_and_0_turns_it_off(void **state)
{
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX];

	keepalive(b, 10, 60);
	pass(b, 59, true);
	keepalive(b, 10, 60);
	pass(b, 2, true);
	expect_alive(b);
	assert_int_equal(world_sent(b->s.world, 0, frame), 0); /* nor a ping */
	keepalive(b, 0, 0);
	pass(b, 1000, true);
	expect_alive(b);
	assert_int_equal(world_sent(b->s.world, 0, frame), 0);
	keepalive(b, 10, 0);
	pass(b, 1000, true);
	expect_alive(b);
	assert_int_equal(world_sent(b->s.world, 0, frame), 42 + 24 + 16);
}

/* What is authentic counts, whatever it is; what is not counts for nothing. */
static void what_counts_as_a_sign_of_life(void **state)
{
	static const uint8_t ping[16] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};
	struct bench *b = *state;
	struct key_material forged = reference_key(AEAD_AES_256_GCM, 2, 666);
	struct ip_addr us = ip_of("10.8.0.1"), spoofed = ip_of("10.8.0.3");
	uint8_t inner[60];

	keepalive(b, 0, 60);
	pass(b, 40, true);
	receive(b, &b->m, ping, sizeof(ping));
	world_settle(b->s.world);
	pass(b, 40, true);
	expect_alive(b);
	frame_inner(inner, &spoofed, &us, sizeof(inner), 1); /* dropped, but the peer is there */
	receive(b, &b->m, inner, sizeof(inner));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_INNER_SOURCE, 1);
	pass(b, 40, true);
	expect_alive(b);
	receive(b, &forged, ping, sizeof(ping));
	site_data(&b->s, b->remote, &b->m, PEER, 1, ping, sizeof(ping)); /* seen before */
	world_settle(b->s.world);
	pass(b, 21, true);
	expect_gone(b, DP_GONE_EXPIRED);
}

/* A worker that is behind has one ping to send, not one for each tick; and then each interval. */
static void pings_do_not_pile_up(void **state)
{
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX];

	keepalive(b, 10, 0);
	pass(b, 10, true);
	for (int i = 0; i < 50; i++)
		dp_tick(dp_of(b));
	world_settle(b->s.world);
	assert_true(world_sent(b->s.world, 0, frame) > 0);
	assert_int_equal(world_sent(b->s.world, 0, frame), 0);
	/* one that was lost on its way is not repeated before its time */
	pass(b, 9, true);
	expect_alive(b);
	assert_int_equal(world_sent(b->s.world, 0, frame), 0);
	pass(b, 1, true);
	expect_alive(b);
	assert_true(world_sent(b->s.world, 0, frame) > 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(blocks_are_counted_both_ways),
		TEST(forged_packets_are_no_blocks),
		TEST(a_key_is_asked_for_at_half_of_the_packet_ids),
		TEST(a_key_is_asked_for_near_the_usage_limit),
		TEST(chacha_has_no_usage_limit),
		TEST(failed_decryptions_have_two_limits),
		TEST(a_successor_is_what_would_be_asked_for),
		TEST(a_worn_key_that_goes_is_not_asked_for),
		TEST(it_is_asked_again_if_no_key_comes_for_long),
		TEST(a_peer_that_ends_asks_for_nothing),
		TEST(at_the_last_packet_id_the_peer_ends),
		TEST(a_late_swap_does_not_end_the_peer),
		TEST(a_key_installed_twice_goes_on_where_it_was),
		TEST(a_key_that_comes_back_goes_on_where_it_was),
		TEST(a_key_installed_twice_does_not_come_back_to_life),
		TEST(a_key_installed_twice_takes_no_packet_twice),
		TEST(an_authentic_goodbye_ends_the_peer),
		TEST(other_options_messages_end_nobody),
		TEST(a_goodbye_that_is_not_authentic_ends_nobody),
		TEST(a_goodbye_of_another_key_or_id_ends_nobody),
		TEST(a_replayed_goodbye_ends_nobody),
		TEST(a_peer_whose_packets_wait_has_not_expired),
		TEST(what_came_after_the_mark_is_heard_first),
		TEST(a_backlog_is_heard_to_its_end),
		TEST(a_stall_expires_nobody),
		TEST(many_stalls_are_forgiven_and_none_for_ever),
		TEST(a_busy_worker_is_heard_too),
		TEST(a_busy_worker_is_not_heard_at_once),
		cmocka_unit_test_teardown(a_worker_without_ports_holds_nothing_up, teardown),
		TEST(a_new_keepalive_starts_anew_and_0_turns_it_off),
		TEST(what_counts_as_a_sign_of_life),
		TEST(pings_do_not_pile_up),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
