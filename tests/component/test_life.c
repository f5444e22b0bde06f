/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers and keys from their first packet to their last: keepalive, expiry, rekey, tombstones. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cryptodev.h>
#include <rte_cycles.h>

#include "dataplane/decap.h"
#include "dataplane/dp_view.h"
#include "dataplane/grace.h"
#include "world.h"

#define PEER 5

struct bench {
	struct site s;
	struct udp_addr remote;
	struct key_material m;
	uint32_t next;
	uint8_t from[100], to[100]; /* inner packets of the peer and for it */
};

static int setup_for(void **state, const struct world_conf *conf)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");

	b->remote = udp_of("198.51.100.7", 50000);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	b->next = 1;
	site_new(&b->s, world_new(conf), 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	frame_inner(b->from, &them, &us, sizeof(b->from), 1);
	frame_inner(b->to, &us, &them, sizeof(b->to), 2);
	*state = b;
	return 0;
}

static int setup(void **state)
{
	return setup_for(state, NULL);
}

static int setup_for_many(void **state)
{
	static const struct world_conf conf = {.nb_ports = 2, .max_peers = 24000};

	return setup_for(state, &conf);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	world_free(b->s.world);
	close(b->s.device);
	free(b);
	return 0;
}

static struct world *world_of(struct bench *b)
{
	return b->s.world;
}

static struct peer *peer(struct bench *b, uint32_t id)
{
	return peertab_find(&instance_find(world_of(b)->dp, b->s.iid)->peers, id);
}

/* All that is known of the peer happened so much earlier. */
static void age(struct peer *p, unsigned int seconds)
{
	uint64_t t = seconds * rte_get_tsc_hz();

	p->since -= t;
	p->pinged -= RTE_MIN(p->pinged, t);
	for (unsigned int i = 0; i < p->nb_stats; i++) {
		if (p->stats[i].last_rx != 0)
			p->stats[i].last_rx -= t;
		if (p->stats[i].last_tx != 0)
			p->stats[i].last_tx -= t;
	}
}

static void tick(struct bench *b)
{
	dp_tick(world_of(b)->dp);
	world_settle(world_of(b));
}

/* The next data packet on the wire, opened; its length, or -1: none. */
static int sent_text(struct bench *b, const struct key_material *m, uint8_t *text)
{
	struct key_material far = reference_mirror(m);
	uint8_t frame[FRAME_MAX];
	size_t len = world_sent(world_of(b), 0, frame);

	if (len == 0)
		return -1;
	assert_true(reference_open(&far, frame + 42, len - 42, text));
	return (int)len - 42 - 24;
}

static void send_to_peer(struct bench *b)
{
	uint8_t frame[200], mac[MAC_LEN];

	site_peer_mac(&b->s, PEER, mac);
	world_write(b->s.device, frame, site_frame(frame, mac, b->to, sizeof(b->to)));
}

static void receive(struct bench *b, const struct key_material *m)
{
	site_data(&b->s, b->remote, m, PEER, b->next++, b->from, sizeof(b->from));
}

/* --- keepalive -------------------------------------------------------------------------- */

static void a_silent_sender_sends_pings(void **state)
{
	static const uint8_t ping[16] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};
	struct bench *b = *state;
	uint8_t text[FRAME_MAX];
	struct dp_peer_info info;

	tick(b);
	age(peer(b, PEER), 1000);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), -1); /* not asked for */
	assert_int_equal(dp_peer_set(world_of(b)->dp, b->s.iid, PEER, 10, 0), 0);
	age(peer(b, PEER), 9);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), -1);
	age(peer(b, PEER), 1);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), 16);
	assert_memory_equal(text, ping, 16);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), -1);
	age(peer(b, PEER), 9);
	send_to_peer(b); /* traffic is as good as a ping */
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &b->m, text), 100);
	age(peer(b, PEER), 9);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), -1);
	age(peer(b, PEER), 1);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), 16);
	assert_int_equal(dp_peer_get(world_of(b)->dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.link_tx_packets, 3);
	assert_int_equal(info.vpn_tx_packets, 1);
	assert_int_equal(info.vpn_tx_bytes, 100);
	world_no_drops(world_of(b));
}

/* Found by its id, named as it asked for. */
static void a_ping_bears_the_id_by_which_the_peer_knows_us(void **state)
{
	struct bench *b = *state;
	struct key_material far = reference_mirror(&b->m);
	uint8_t frame[FRAME_MAX], text[FRAME_MAX];

	dp_peer_set(world_of(b)->dp, b->s.iid, PEER, 10, 0);
	assert_int_equal(dp_peer_tx_id(world_of(b)->dp, b->s.iid, PEER, 0xabcdef), 0);
	age(peer(b, PEER), 10);
	tick(b);
	assert_int_equal(world_sent(world_of(b), 0, frame), 42 + 24 + 16);
	assert_int_equal(be32_load(frame + 42) & 0xffffff, 0xabcdef);
	assert_true(reference_open(&far, frame + 42, 24 + 16, text));
	world_no_drops(world_of(b));
}

static void without_a_key_there_is_no_ping_and_no_drop(void **state)
{
	struct bench *b = *state;
	uint8_t text[FRAME_MAX];

	dp_peer_set(world_of(b)->dp, b->s.iid, PEER, 10, 0);
	dp_key_del(world_of(b)->dp, b->s.iid, PEER, KEYSLOT_PRIMARY);
	age(peer(b, PEER), 11);
	tick(b);
	assert_int_equal(sent_text(b, &b->m, text), -1);
	world_no_drops(world_of(b));
	world_reclaim(world_of(b));
}

static void a_ping_for_a_peer_that_goes_meanwhile_is_stale(void **state)
{
	struct bench *b = *state;

	dp_peer_set(world_of(b)->dp, b->s.iid, PEER, 10, 0);
	age(peer(b, PEER), 11);
	dp_tick(world_of(b)->dp);
	dp_peer_del(world_of(b)->dp, b->s.iid, PEER, DP_GONE_USERSPACE);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_STALE_PEER, 1);
	world_reclaim(world_of(b));
}

/* --- expiry ----------------------------------------------------------------------------- */

static void a_peer_not_heard_of_expires_and_is_told_until_acknowledged(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct dp_peer_info info;
	enum dp_gone why = DP_GONE_TEARDOWN;

	dp_peer_set(dp, b->s.iid, PEER, 0, 60);
	age(peer(b, PEER), 59);
	tick(b);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER);
	receive(b, &b->m);
	world_settle(world_of(b));
	age(peer(b, PEER), 59);
	tick(b);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER);
	send_to_peer(b); /* what we send proves nothing */
	world_settle(world_of(b));
	age(peer(b, PEER), 2);
	tick(b);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dp_gone_next(dp, b->s.iid, &why), PEER);
		assert_int_equal(why, DP_GONE_EXPIRED);
	}
	dp_gone_ack(dp, b->s.iid, PEER);
	dp_gone_ack(dp, b->s.iid, PEER);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_true(info.gone);
	assert_int_equal(info.why, DP_GONE_EXPIRED);
	assert_int_equal(info.vpn_rx_packets, 1);
	assert_int_equal(info.vpn_tx_packets, 1);
	assert_int_equal(dp_peer_del(dp, b->s.iid, PEER, DP_GONE_USERSPACE), -ENOENT);
	assert_int_equal(dp_peer_next(dp, b->s.iid, 0), PEER);
	world_reclaim(world_of(b));
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.link_rx_bytes, 124);
	assert_int_equal(info.link_tx_bytes, 124);
}

/* Packets in flight when the peer goes are still counted: the tombstone is final after them. */
static void a_tombstone_counts_what_was_in_flight(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct dp_peer_info info;
	uint8_t frame[FRAME_MAX];
	enum dp_gone why;
	uint64_t n = 0;

	for (int i = 0; i < 64; i++)
		receive(b, &b->m);
	worker_iteration(world_of(b)->w);
	dp_peer_del(dp, b->s.iid, PEER, DP_GONE_USERSPACE);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER); /* openvpn knows */
	world_reclaim(world_of(b));
	world_settle(world_of(b));
	while (world_read(b->s.device, frame) > 0)
		n++;
	assert_int_equal(n, 64);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.vpn_rx_packets, 64);
	assert_int_equal(info.link_rx_bytes, 64 * 124);
	world_no_drops(world_of(b));
	/* a new peer of this id starts from nothing */
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, NULL);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_false(info.gone);
	assert_int_equal(info.vpn_rx_packets, 0);
	assert_int_equal(info.rx_ago_ms, UINT64_MAX);
}

static void an_id_used_again_is_no_longer_gone(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	enum dp_gone why;

	dp_peer_del(dp, b->s.iid, PEER, DP_GONE_TRANSPORT_ERROR);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), PEER);
	assert_int_equal(why, DP_GONE_TRANSPORT_ERROR);
	site_peer(&b->s, PEER, b->remote, NULL, NULL, NULL);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER);
	dp_gone_ack(dp, b->s.iid, PEER);
	world_reclaim(world_of(b));
}

static void a_thousand_unreported_ends_survive(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	static bool told[1100];
	enum dp_gone why;
	uint32_t id, n = 0;

	memset(told, 0, sizeof(told));
	for (id = 10; id < 1010; id++) {
		site_peer(&b->s, id, b->remote, NULL, NULL, NULL);
		dp_peer_set(dp, b->s.iid, id, 0, 30);
		age(peer(b, id), 31);
	}
	assert_int_equal(dp_instance_peers(dp, b->s.iid), 1001);
	for (int i = 0; i < 12; i++)
		tick(b);
	world_reclaim(world_of(b));
	for (id = dp_peer_next(dp, b->s.iid, 10); id != DP_NO_PEER;
		id = dp_peer_next(dp, b->s.iid, id + 1))
		n++;
	assert_int_equal(n, 1000);
	for (n = 0; (id = dp_gone_next(dp, b->s.iid, &why)) != DP_NO_PEER; n++) {
		assert_int_equal(why, DP_GONE_EXPIRED);
		assert_true(id >= 10 && id < 1010 && !told[id]);
		told[id] = true;
		dp_gone_ack(dp, b->s.iid, id);
		if (id > 10) /* once more: it is known */
			dp_gone_ack(dp, b->s.iid, id - 1);
	}
	assert_int_equal(n, 1000);
	assert_non_null(peer(b, PEER));
	assert_int_equal(dp_instance_peers(dp, b->s.iid), 1);
}

/* More peers than one scan looks at: all are found within some seconds' ticks. */
/* openvpn 2.6 cannot be asked for a new key: a peer that has no nonce left ends and comes back. */
static void a_peer_without_packet_ids_ends(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct key *k = keyslots_tx_key(&peer(b, PEER)->keys);
	enum dp_gone why = DP_GONE_TEARDOWN;

	atomic_store(&k->tx.next, k->tx.limit);
	tick(b);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), DP_NO_PEER);
	send_to_peer(b);
	world_settle(world_of(b));
	tick(b);
	assert_int_equal(dp_gone_next(dp, b->s.iid, &why), PEER);
	assert_int_equal(why, DP_GONE_TRANSPORT_ERROR);
	dp_gone_ack(dp, b->s.iid, PEER);
	world_reclaim(world_of(b));
}

static void two_thousand_silent_peers_all_expire(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	enum dp_gone why;
	uint32_t id, n = 0;

	for (id = 10; id < 2010; id++) {
		site_peer(&b->s, id, b->remote, NULL, NULL, NULL);
		dp_peer_set(dp, b->s.iid, id, 0, 30);
		age(peer(b, id), 31);
	}
	for (int i = 0; i < 40; i++)
		dp_tick(dp);
	while ((id = dp_gone_next(dp, b->s.iid, &why)) != DP_NO_PEER) {
		dp_gone_ack(dp, b->s.iid, id);
		n++;
	}
	assert_int_equal(n, 2000);
	world_reclaim(world_of(b));
}

static void silent_peers(struct bench *b, uint32_t iid, uint32_t n)
{
	struct dp_peer_conf conf = {.remote = b->remote, .local = b->s.local};
	struct instance *inst = instance_find(world_of(b)->dp, iid);

	for (conf.id = 10; conf.id < 10 + n; conf.id++) {
		assert_int_equal(dp_peer_new(world_of(b)->dp, iid, &conf), 0);
		assert_int_equal(dp_peer_set(world_of(b)->dp, iid, conf.id, 0, 30), 0);
		age(peertab_find(&inst->peers, conf.id), 31);
	}
}

/* openvpns wait for the agent while it looks at peers. */
static void of_very_many_silent_peers_a_turn_ends_some(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	uint32_t before, max, left, others, turns = 0;

	assert_int_equal(dp_instance_new(dp, DP_MODE_MP, &others), 0);
	silent_peers(b, b->s.iid, 18000);
	silent_peers(b, others, 5000);
	dp_peers(dp, &before, &max);
	dp_tick(dp);
	dp_peers(dp, &left, &max);
	assert_in_range(before - left, 1000, 1024);
	while (dp_go_on(dp)) {
		uint32_t now;

		dp_peers(dp, &now, &max);
		assert_true(left - now <= 1024);
		left = now;
		assert_true(turns++ < 100);
	}
	/* a tenth of each instance's, with the one that is not silent */
	dp_peers(dp, &left, &max);
	assert_int_equal(before - left, 1801 - 1 + 501);
	assert_int_equal(dp_instance_peers(dp, others), 5000 - 501);
	for (int i = 0; i < 80; i++) {
		dp_tick(dp);
		while (dp_go_on(dp))
			;
	}
	dp_peers(dp, &left, &max);
	assert_int_equal(left, 1);
	world_reclaim(world_of(b));
}

/* --- peers ------------------------------------------------------------------------------ */

static void peers_are_limited_checked_and_unique(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct dp_peer_conf conf = {.id = PEER, .remote = b->remote};

	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), -EEXIST);
	conf.id = DP_PEER_ID_MAX + 1;
	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), -EINVAL);
	conf.id = DP_PEER_ID_MAX;
	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), 0);
	assert_int_equal(dp_peer_next(dp, b->s.iid, PEER + 1), DP_PEER_ID_MAX);
	assert_int_equal(dp_peer_next(dp, b->s.iid, DP_PEER_ID_MAX + 1), DP_NO_PEER);
	assert_int_equal(dp_peer_new(dp, 999, &conf), -ENOENT);
	conf.id = 1;
	conf.remote.ip.family = IP_NONE;
	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), -EINVAL);
	conf.remote = b->remote;
	dp->max_peers = 3;
	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), 0);
	conf.id = 2;
	assert_int_equal(dp_peer_new(dp, b->s.iid, &conf), -ENOSPC);
	assert_int_equal(dp_peer_set(dp, b->s.iid, 3, 1, 1), -ENOENT);
	assert_int_equal(dp_peer_path(dp, b->s.iid, 3, NULL), -ENOENT);
	assert_int_equal(dp_key_new(dp, b->s.iid, 3, KEYSLOT_PRIMARY, &b->m), -ENOENT);
	assert_int_equal(dp_key_swap(dp, b->s.iid, 3), -ENOENT);
	assert_int_equal(dp_key_del(dp, b->s.iid, 3, KEYSLOT_PRIMARY), -ENOENT);
	assert_int_equal(dp_peer_del(dp, b->s.iid, 3, DP_GONE_USERSPACE), -ENOENT);
}

static void a_new_p2p_peer_takes_the_place_of_the_old(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct site s;
	struct key_material old = reference_key(AEAD_AES_128_GCM, 0, 1);
	struct key_material new = reference_key(AEAD_AES_128_GCM, 0, 2);
	struct key_material third = reference_key(AEAD_AES_128_GCM, 0, 3);
	struct ip_addr any = ip_of("203.0.113.77"), us = ip_of("10.8.0.1");
	uint8_t inner[60], frame[FRAME_MAX];

	frame_inner(inner, &any, &us, sizeof(inner), 3);
	site_new(&s, wd, 1, DP_MODE_P2P, "192.0.2.2", 1194);
	site_peer(&s, 1, b->remote, NULL, NULL, &old);
	site_data(&s, b->remote, &old, 1, 1, inner, sizeof(inner));
	world_settle(wd);
	/* p2p: any source, the one peer is the route */
	assert_int_equal(world_read(s.device, frame), 14 + sizeof(inner));
	site_peer(&s, 2, b->remote, NULL, NULL, &new);
	site_data(&s, b->remote, &old, 1, 2, inner, sizeof(inner));
	world_settle(wd);
	world_drops(wd, DROP_UNKNOWN_PEER, 1);
	site_data(&s, b->remote, &new, 2, 1, inner, sizeof(inner));
	world_settle(wd);
	assert_int_equal(world_read(s.device, frame), 14 + sizeof(inner));
	site_peer(&s, 2, b->remote, NULL, NULL, &third); /* and with the same id */
	site_data(&s, b->remote, &third, 2, 1, inner, sizeof(inner));
	world_settle(wd);
	assert_int_equal(world_read(s.device, frame), 14 + sizeof(inner));
	world_no_drops(wd);
	/* whatever leaves its device is for the one peer, by whatever MAC */
	for (unsigned int first = 0; first < 256; first++) {
		const uint8_t mac[MAC_LEN] = {(uint8_t)first, 0x11, 0x22, 0x33, 0x44, 0x55};

		world_write(s.device, frame, site_frame(frame, mac, inner, sizeof(inner)));
		world_settle(wd);
		assert_int_equal(world_sent(wd, 1, frame), 42 + 24 + sizeof(inner));
	}
	world_no_drops(wd);
	assert_int_equal(dp_instance_peers(wd->dp, s.iid), 1);
	assert_int_equal(dp_peer_del(wd->dp, s.iid, 2, DP_GONE_USERSPACE), 0);
	assert_int_equal(dp_instance_peers(wd->dp, s.iid), 0);
	world_write(s.device, frame, site_frame(frame, s.mac, inner, sizeof(inner)));
	world_settle(wd);
	world_drops(wd, DROP_STALE_PEER, 1);
	world_reclaim(wd);
	close(s.device);
}

/* Each reconnect of a p2p openvpn brings another id of 24 bits. */
static void p2p_peers_leave_nothing_behind_in_the_table(void **state)
{
	static const uint32_t ids[] = {7, 9, 0x123456, 0xfffffe, 0x123457, 9, 0x800000};
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct site s;
	struct ip_addr any = ip_of("203.0.113.77"), us = ip_of("10.8.0.1");
	uint32_t tombs = wd->dp->nb_tombstones;
	uint8_t inner[60], frame[FRAME_MAX];
	const struct peertab *t;
	unsigned int pages;

	frame_inner(inner, &any, &us, sizeof(inner), 3);
	site_new(&s, wd, 1, DP_MODE_P2P, "192.0.2.2", 1194);
	t = &instance_find(wd->dp, s.iid)->peers;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct key_material m = reference_key(AEAD_AES_128_GCM, 0, 100 + (uint32_t)i);

		site_peer(&s, ids[i], b->remote, NULL, NULL, &m);
		site_data(&s, b->remote, &m, ids[i], 1, inner, sizeof(inner));
		world_settle(wd);
		assert_int_equal(world_read(s.device, frame), 14 + sizeof(inner));
		/* one that went by openvpn's word leaves no more than one that was replaced */
		if (i % 3 == 1)
			assert_int_equal(dp_peer_del(wd->dp, s.iid, ids[i], DP_GONE_USERSPACE), 0);
		pages = 0;
		for (unsigned int k = 0; k < PEERTAB_PAGE; k++)
			pages += t->page[k] != NULL;
		assert_int_equal(pages, 1);
		assert_in_range(wd->dp->nb_tombstones, tombs, tombs + 1);
	}
	world_reclaim(wd);
	world_no_drops(wd);
	close(s.device);
}

/* --- keys ------------------------------------------------------------------------------- */

static void the_first_packet_of_a_new_key_makes_it_the_sending_one(void **state)
{
	struct bench *b = *state;
	struct dp *dp = world_of(b)->dp;
	struct key_material next = reference_key(AEAD_CHACHA20_POLY1305, 3, 78);
	struct dp_peer_info info;
	uint8_t text[FRAME_MAX];

	assert_int_equal(dp_key_new(dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next), 0);
	send_to_peer(b);
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &b->m, text), 100);
	receive(b, &b->m); /* the old key confirms nothing */
	world_settle(world_of(b));
	send_to_peer(b);
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &b->m, text), 100);
	receive(b, &next);
	world_settle(world_of(b));
	send_to_peer(b);
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &next, text), 100);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &info), 0);
	assert_int_equal(info.key[KEYSLOT_PRIMARY].key_id, 2);
	assert_false(info.key[KEYSLOT_PRIMARY].transmits);
	assert_true(info.key[KEYSLOT_SECONDARY].transmits);
	receive(b, &b->m);				      /* the old one still decrypts */
	assert_int_equal(dp_key_swap(dp, b->s.iid, PEER), 0); /* late */
	world_settle(world_of(b));
	assert_int_equal(dp_key_del(dp, b->s.iid, PEER, KEYSLOT_SECONDARY), 0);
	send_to_peer(b);
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &next, text), 100);
	receive(b, &b->m); /* was under way */
	world_settle(world_of(b));
	world_no_drops(world_of(b));
	grace_tick(dp, rte_rdtsc() + 4 * rte_get_tsc_hz());
	receive(b, &b->m);
	world_settle(world_of(b));
	world_no_drops(world_of(b));
	grace_tick(dp, rte_rdtsc() + 6 * rte_get_tsc_hz());
	receive(b, &b->m);
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_UNKNOWN_KEY, 1);
	world_reclaim(world_of(b));
}

/*
 * openvpn's order of commands, three times round all key ids: a new key, its packets, much later
 * the exchange of labels, the end of the old one and at once the next. A client that only answers
 * to new keys uses the old one until it hears of the next, so its packets come after that end.
 */
static void key_ids_come_round_in_openvpns_order(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct dp *dp = wd->dp;
	struct key_material old = b->m, now;
	uint8_t text[FRAME_MAX];

	old.key_id = 0;
	assert_int_equal(dp_key_new(dp, b->s.iid, PEER, KEYSLOT_PRIMARY, &old), 0);
	now = reference_key(AEAD_AES_256_GCM, 1, 100);
	assert_int_equal(dp_key_new(dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &now), 0);
	for (uint32_t round = 1; round <= 21; round++) {
		struct key_material next =
			reference_key(AEAD_AES_256_GCM, (uint8_t)(round % 7 + 1), round + 100);

		receive(b, &now); /* the client has it, and sends with it or with the old one */
		receive(b, &old);
		world_settle(wd);
		send_to_peer(b);
		world_settle(wd);
		assert_int_equal(sent_text(b, &now, text), 100);
		assert_int_equal(dp_key_swap(dp, b->s.iid, PEER), 0);
		assert_int_equal(dp_key_del(dp, b->s.iid, PEER, KEYSLOT_SECONDARY), 0);
		receive(b, &old);
		world_settle(wd);
		assert_int_equal(dp_key_new(dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next), 0);
		receive(b, &old);
		receive(b, &now);
		world_settle(wd);
		send_to_peer(b);
		world_settle(wd);
		assert_int_equal(sent_text(b, &now, text), 100);
		old = now;
		now = next;
	}
	world_no_drops(wd);
	world_reclaim(wd);
}

/* The number in an inner packet, behind its header. */
static void receive_number(struct bench *b, const struct key_material *m, uint8_t number)
{
	uint8_t inner[sizeof(b->from)];

	memcpy(inner, b->from, sizeof(inner));
	inner[sizeof(inner) - 1] = number;
	site_data(&b->s, b->remote, m, PEER, b->next++, inner, sizeof(inner));
}

static void expect_numbers(struct bench *b, uint8_t first, uint8_t last)
{
	uint8_t frame[FRAME_MAX];

	for (unsigned int number = first; number <= last; number++) {
		size_t n = world_read(b->s.device, frame);

		assert_int_equal(n, 14 + sizeof(b->from));
		assert_int_equal(frame[n - 1], number);
	}
	assert_int_equal(world_read(b->s.device, frame), 0);
}

static void packets_that_overtake_their_key_wait_for_it_in_order(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material next = reference_key(AEAD_AES_256_GCM, 3, 78);
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n;

	world_settle(wd);
	for (uint8_t i = 0; i < 40; i++)
		receive_number(b, &next, i);
	world_settle(wd);
	expect_numbers(b, 1, 0);
	assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next), 0);
	for (uint8_t i = 40; i < 60; i++)
		receive_number(b, &next, i);
	world_settle(wd);
	expect_numbers(b, 0, 59);
	world_no_drops(wd);
	/* the next key comes between two packets of one burst */
	next = reference_key(AEAD_AES_256_GCM, 4, 79);
	for (uint8_t i = 0; i < 10; i++)
		receive_number(b, &next, i);
	worker_iteration(wd->w);
	assert_int_equal(wd->w->early.n, 1);
	for (uint8_t i = 10; i < 20; i++)
		receive_number(b, &next, i);
	assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next), 0);
	/* before the worker has looked for the key */
	n = port_rx(&wd->dp->ports[0], 0, pkts, BURST_MAX);
	assert_int_equal(n, 10);
	decap_submit(wd->w, 0, pkts, n);
	world_settle(wd);
	expect_numbers(b, 0, 19);
	assert_int_equal(wd->w->early.n, 0);
	world_no_drops(wd);
	world_reclaim(wd);
}

/* They have come just now, however long this machine took for the others. */
static void wait_anew(struct world *wd)
{
	for (unsigned int i = 0; i < EARLY_STREAMS; i++)
		wd->w->early.streams[i].since = rte_rdtsc();
}

static void packets_of_no_key_to_come_do_not_wait(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material next = reference_key(AEAD_AES_256_GCM, 4, 78);

	receive(b, &next); /* 3 would be the next */
	world_settle(wd);
	assert_int_equal(wd->w->early.n, 0);
	world_drops(wd, DROP_UNKNOWN_KEY, 1);
	next.key_id = 3;
	site_data(&b->s, udp_of("198.51.100.8", 50000), &next, PEER, b->next++, b->from,
		sizeof(b->from)); /* from elsewhere */
	world_settle(wd);
	assert_int_equal(wd->w->early.n, 0);
	world_drops(wd, DROP_UNKNOWN_KEY, 1);
	for (int i = 0; i < 70; i++) {
		receive(b, &next);
		wait_anew(wd);
		world_settle(wd);
	}
	world_drops(wd, DROP_UNKNOWN_KEY, 6);
	usleep(250000);
	world_settle(wd);
	world_drops(wd, DROP_UNKNOWN_KEY, 64);
	receive(b, &next);
	world_settle(wd);
	assert_int_equal(dp_peer_del(wd->dp, b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	world_settle(wd);
	world_drops(wd, DROP_UNKNOWN_PEER, 1);
	receive(b, &next);
	world_reclaim(wd);
}

/* The keys of as many peers as may wait come in one turn, and a burst of another peer's with them.
 */
static void packets_of_all_that_wait_pass_in_one_turn(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material next = reference_key(AEAD_AES_256_GCM, 3, 78);
	/* an asynchronous device may hold less than all of them, however often it is asked */
	const unsigned int streams = world_async() ? EARLY_STREAMS / 2 : EARLY_STREAMS;
	const uint64_t before = wd->w->stats.decap_packets;
	void *m;

	for (uint32_t id = 10; id < 10 + streams; id++) {
		site_peer(&b->s, id, b->remote, "10.8.0.2", NULL, &b->m);
		for (uint32_t i = 1; i <= EARLY_PKTS; i++)
			site_data(&b->s, b->remote, &next, id, i, b->from, sizeof(b->from));
		wait_anew(wd);
		world_settle(wd);
	}
	assert_int_equal(wd->w->early.n, streams);
	for (uint32_t id = 10; id < 10 + streams; id++)
		assert_int_equal(dp_key_new(wd->dp, b->s.iid, id, KEYSLOT_SECONDARY, &next), 0);
	for (unsigned int i = 0; i < BURST_MAX; i++)
		receive(b, &b->m);
	wait_anew(wd);
	while (worker_iteration(wd->w) > 0 || aead_inflight(wd->w->aead) > 0)
		;
	world_no_drops(wd);
	assert_int_equal(wd->w->stats.decap_packets - before, streams * EARLY_PKTS + BURST_MAX);
	while (rte_ring_dequeue(wd->w->rings.host_out, &m) == 0)
		rte_pktmbuf_free(m);
	world_reclaim(wd);
}

/* Keys that only wait for late packets are few, whoever makes new ones. */
static void of_many_keys_without_a_label_the_oldest_are_forgotten(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);

	for (uint32_t id = 100; id < 200; id++) {
		struct key_material next = reference_key(AEAD_AES_256_GCM, 3, id);

		site_peer(&b->s, id, b->remote, NULL, NULL, &b->m);
		assert_int_equal(dp_key_new(wd->dp, b->s.iid, id, KEYSLOT_PRIMARY, &next), 0);
		assert_true(wd->dp->nb_graces <= 64);
	}
	site_data(&b->s, b->remote, &b->m, 199, 1, b->from, sizeof(b->from));
	world_settle(wd);
	world_drops(wd, DROP_INNER_SOURCE, 1); /* decrypted, but not its address */
	site_data(&b->s, b->remote, &b->m, 100, 1, b->from, sizeof(b->from));
	world_settle(wd);
	world_drops(wd, DROP_UNKNOWN_KEY, 1);
	for (uint32_t id = 100; id < 200; id++)
		assert_int_equal(dp_peer_del(wd->dp, b->s.iid, id, DP_GONE_USERSPACE), 0);
	assert_int_equal(wd->dp->nb_graces, 0);
	world_reclaim(wd);
}

static void a_forged_packet_of_a_new_key_confirms_nothing(void **state)
{
	struct bench *b = *state;
	struct key_material next = reference_key(AEAD_AES_256_GCM, 3, 78);
	uint8_t forged[100] = {0x4b, 0, 0, PEER, 0, 0, 0, 1}, text[FRAME_MAX];

	dp_key_new(world_of(b)->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next);
	site_payload(&b->s, b->remote, forged, sizeof(forged));
	world_settle(world_of(b));
	world_drops(world_of(b), DROP_AUTH_FAILED, 1);
	send_to_peer(b);
	world_settle(world_of(b));
	assert_int_equal(sent_text(b, &b->m, text), 100);
}

/*
 * Keys are replaced and deleted while their packets are on the way in both directions, in flight
 * in an asynchronous device, and reclaimed at every point. ASan watches the keys.
 */
static void keys_change_under_traffic_and_nothing_is_lost(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct key_material m = b->m, next;
	uint64_t delivered = 0, sent = 0, in = 0, out = 0;
	uint8_t frame[FRAME_MAX];
	uint32_t seed = 3;

	for (uint32_t round = 0; round < 60; round++) {
		/* at any point of an iteration's life the commands come */
		for (int i = 0; i < 30; i++, in++, out++) {
			receive(b, &m);
			send_to_peer(b);
			if (frame_random(&seed) % 8 == 0)
				hostio_turn(&wd->dp->hostio);
			if (frame_random(&seed) % 8 == 0)
				worker_iteration(wd->w);
		}
		next = reference_key(round % AEAD_NB_ALGS, (uint8_t)(round % 8), round + 100);
		next.key_id = (uint8_t)((m.key_id + 1) % 8);
		assert_int_equal(dp_key_new(wd->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &next), 0);
		for (int i = 0; i < 10; i++, in++, out++) {
			receive(b, i % 2 ? &m : &next);
			send_to_peer(b);
			if (frame_random(&seed) % 4 == 0)
				worker_iteration(wd->w);
		}
		assert_int_equal(dp_key_swap(wd->dp, b->s.iid, PEER), 0);
		/* all of the old key has been taken in, perhaps not come out */
		while (rte_ring_count(wd->in[0]) > 0)
			worker_iteration(wd->w);
		assert_int_equal(dp_key_del(wd->dp, b->s.iid, PEER, KEYSLOT_SECONDARY), 0);
		grace_end_all(wd->dp);
		dp_tick(wd->dp);
		worker_iteration(wd->w);
		dp_tick(wd->dp);
		hostio_turn(&wd->dp->hostio);
		m = next;
		b->next = 1;
		world_settle(wd);
		while (world_read(b->s.device, frame) > 0)
			delivered++;
		while (world_sent(wd, 0, frame) > 0)
			sent++;
	}
	world_reclaim(wd);
	assert_int_equal(delivered, in);
	assert_int_equal(sent, out);
	world_no_drops(wd);
}

/*
 * A key is deleted with hundreds of large packets of it inside the device. The worker may say that
 * it is quiescent only when they are out again.
 */
static void a_key_outlives_its_packets_in_flight(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);
	struct ip_addr them = ip_of("10.8.0.2"), us = ip_of("10.8.0.1");
	struct rte_mbuf *pkts[BURST_MAX];
	uint8_t inner[1400], frame[FRAME_MAX];
	uint64_t delivered = 0, drops[NB_DROPS];
	uint16_t n;

	frame_inner(inner, &them, &us, sizeof(inner), 1);
	world_settle(wd);
	world_one_cpu(true);
	for (int i = 0; i < 448; i++)
		site_data(&b->s, b->remote, &b->m, PEER, b->next++, inner, sizeof(inner));
	while ((n = port_rx(&wd->dp->ports[0], 0, pkts, BURST_MAX)) > 0)
		decap_submit(wd->w, 0, pkts, n);
	assert_int_equal(aead_inflight(wd->w->aead), 448);
	assert_int_equal(dp_key_del(wd->dp, b->s.iid, PEER, KEYSLOT_PRIMARY), 0);
	grace_end_all(wd->dp);
	hostio_turn(&wd->dp->hostio); /* the other reader holds nothing up */
	worker_iteration(wd->w);
	dp_tick(wd->dp);
	world_one_cpu(false);
	for (int quiet = 0; quiet < 3; quiet++) {
		world_settle(wd);
		while (world_read(b->s.device, frame) > 0) {
			delivered++;
			quiet = 0;
		}
	}
	dp_drops(wd->dp, drops);
	assert_int_equal(delivered + drops[DROP_HOST_WRITE], 448);
	world_reclaim(wd);
}

static void all_is_freed_while_packets_are_in_flight(void **state)
{
	struct bench *b = *state;
	struct world *wd = world_of(b);

	for (int i = 0; i < 60; i++) {
		receive(b, &b->m);
		send_to_peer(b);
	}
	hostio_turn(&wd->dp->hostio);
	worker_iteration(wd->w);
	assert_int_equal(dp_instance_del(wd->dp, b->s.iid), 0);
	dp_tick(wd->dp);
	worker_iteration(wd->w);
	dp_tick(wd->dp);
	world_reclaim(wd);
}

/* Nothing is left inside a device when the data plane ends: it would read freed keys. */
static void the_end_waits_for_what_is_in_flight(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct rte_crypto_op *ops[64];

	world_settle(wd); /* quiescent, so that an iteration leaves jobs in the device */
	for (int i = 0; i < 256; i++)
		receive(b, &b->m);
	for (int i = 0; i < 4; i++)
		worker_iteration(wd->w);
	world_end_now(wd);
	rte_delay_us_sleep(20000);
	for (uint8_t id = 0; id < RTE_CRYPTO_MAX_DEVS; id++) {
		if (rte_cryptodev_is_valid_dev(id) && rte_cryptodev_queue_pair_count(id) > 0 &&
			rte_cryptodev_get_qp_status(id, 0) > 0)
			assert_int_equal(rte_cryptodev_dequeue_burst(id, 0, ops, 64), 0);
	}
	close(b->s.device);
	free(b);
}

static void key_material_that_cannot_be_is_refused(void **state)
{
	struct bench *b = *state;
	struct key_material m = b->m;

	m.key_id = 8;
	assert_int_equal(
		dp_key_new(world_of(b)->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &m), -EINVAL);
	m.key_id = 7;
	m.alg = AEAD_NB_ALGS;
	assert_int_equal(
		dp_key_new(world_of(b)->dp, b->s.iid, PEER, KEYSLOT_SECONDARY, &m), -ENOTSUP);
}

static void a_path_too_narrow_for_fragments_is_refused(void **state)
{
	struct bench *b = *state;

	for (uint16_t mtu = 1; mtu < 68; mtu++) {
		struct dp_path path = {.port = 0, .local = b->s.local, .mtu = mtu};

		assert_int_equal(dp_peer_path(world_of(b)->dp, b->s.iid, PEER, &path), -EINVAL);
	}
	site_path(&b->s, PEER, 68);
	world_reclaim(world_of(b));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_silent_sender_sends_pings),
		TEST(a_ping_bears_the_id_by_which_the_peer_knows_us),
		TEST(without_a_key_there_is_no_ping_and_no_drop),
		TEST(a_ping_for_a_peer_that_goes_meanwhile_is_stale),
		TEST(a_peer_not_heard_of_expires_and_is_told_until_acknowledged),
		TEST(a_tombstone_counts_what_was_in_flight),
		TEST(an_id_used_again_is_no_longer_gone),
		TEST(a_thousand_unreported_ends_survive),
		TEST(a_peer_without_packet_ids_ends),
		TEST(two_thousand_silent_peers_all_expire),
		cmocka_unit_test_setup_teardown(
			of_very_many_silent_peers_a_turn_ends_some, setup_for_many, teardown),
		TEST(peers_are_limited_checked_and_unique),
		TEST(a_new_p2p_peer_takes_the_place_of_the_old),
		TEST(p2p_peers_leave_nothing_behind_in_the_table),
		TEST(the_first_packet_of_a_new_key_makes_it_the_sending_one),
		TEST(key_ids_come_round_in_openvpns_order),
		TEST(packets_that_overtake_their_key_wait_for_it_in_order),
		TEST(packets_of_no_key_to_come_do_not_wait),
		TEST(packets_of_all_that_wait_pass_in_one_turn),
		TEST(of_many_keys_without_a_label_the_oldest_are_forgotten),
		TEST(a_forged_packet_of_a_new_key_confirms_nothing),
		TEST(keys_change_under_traffic_and_nothing_is_lost),
		TEST(a_key_outlives_its_packets_in_flight),
		TEST(all_is_freed_while_packets_are_in_flight),
		cmocka_unit_test_setup(the_end_waits_for_what_is_in_flight, setup),
		TEST(key_material_that_cannot_be_is_refused),
		TEST(a_path_too_narrow_for_fragments_is_refused),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
