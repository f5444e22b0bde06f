/* SPDX-License-Identifier: BSD-3-Clause */
/* Why was this packet dropped? Each peer knows: every reason a peer's packets can end by. */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/dp_view.h"
#include "world.h"

#define PEER  5
#define OTHER 6

struct bench {
	struct site s;
	struct udp_addr remote, elsewhere;
	struct key_material m, m2;
	uint32_t next;
	uint8_t from[100], big[1400], to[1400]; /* inner packets of the peer and for it */
	uint64_t want[NB_DROPS];
};

static int setup(void **state)
{
	static const struct world_conf conf = {.nb_ports = 1, .nb_workers = 1, .mbufs = 8191};
	struct bench *b = calloc(1, sizeof(*b));
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");

	b->remote = udp_of("198.51.100.7", 50000);
	b->elsewhere = udp_of("203.0.113.66", 666);
	b->m = reference_key(AEAD_AES_256_GCM, 2, 77);
	b->m2 = reference_key(AEAD_AES_256_GCM, 2, 78);
	b->next = 1000;
	site_new(&b->s, world_new(&conf), 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	site_peer(&b->s, OTHER, b->remote, "10.8.0.3", NULL, &b->m2);
	frame_inner(b->from, &them, &us, sizeof(b->from), 1);
	frame_inner(b->big, &them, &us, sizeof(b->big), 1);
	frame_inner(b->to, &us, &them, sizeof(b->to), 2);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

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

static void view(struct bench *b, uint32_t id, struct dp_peer_view *v)
{
	assert_int_equal(dp_peer_view(dp_of(b), b->s.iid, id, v), 0);
}

/* n more packets of PEER ended so: it knows, nobody else does, and the data plane's sum agrees. */
static void expect(struct bench *b, enum drop_reason why, uint64_t n)
{
	uint64_t total = 0;
	struct dp_peer_view v;

	world_drops(b->s.world, why, n);
	b->want[why] += n;
	view(b, PEER, &v);
	for (unsigned int r = 0; r < NB_DROPS; r++) {
		if (v.drops[r] != b->want[r])
			fail_msg("%s: the peer counts %lu, not %lu", drop_name(r), v.drops[r],
				b->want[r]);
		total += v.drops[r];
	}
	assert_int_equal(v.dropped, total);
	assert_true(v.last.any);
	assert_int_equal(v.last.reason, why);
	assert_true(v.last.ago_ms < 10000);
	view(b, OTHER, &v);
	assert_int_equal(v.dropped, 0);
	assert_false(v.last.any);
}

/* And the last of them bore this packet id, and came from there. */
static void expect_from(struct bench *b, uint64_t packet_id, const struct udp_addr *from)
{
	struct dp_peer_view v;

	view(b, PEER, &v);
	assert_int_equal(v.last.packet_id, packet_id);
	assert_true(udp_addr_equal(&v.last.from, from));
}

static void expect_from_nowhere(struct bench *b)
{
	struct dp_peer_view v;

	view(b, PEER, &v);
	assert_int_equal(v.last.packet_id, 0);
	assert_int_equal(v.last.from.ip.family, IP_NONE);
}

static void receive(struct bench *b, uint32_t pktid)
{
	site_data(&b->s, b->remote, &b->m, PEER, pktid, b->from, sizeof(b->from));
	world_settle(b->s.world);
}

static void send_to_peer(struct bench *b, size_t len)
{
	uint8_t frame[FRAME_MAX], mac[MAC_LEN];

	site_peer_mac(&b->s, PEER, mac);
	world_write(b->s.device, frame, site_frame(frame, mac, b->to, len));
}

/* --- in ----------------------------------------------------------------------------------- */

static void what_strangers_send_in_a_peers_name_is_told_with_its_source(void **state)
{
	uint8_t forged[100] = {0x4a, 0, 0, PEER, 0, 0, 0x30, 0x39};
	struct bench *b = *state;

	site_payload(&b->s, b->elsewhere, forged, sizeof(forged));
	world_settle(b->s.world);
	expect(b, DROP_AUTH_FAILED, 1);
	expect_from(b, 12345, &b->elsewhere);
	forged[0] = 0x4d;
	site_payload(&b->s, b->elsewhere, forged, sizeof(forged));
	site_payload(&b->s, b->elsewhere, forged, sizeof(forged));
	world_settle(b->s.world);
	expect(b, DROP_UNKNOWN_KEY, 2);
	expect_from(b, 12345, &b->elsewhere);
	/* whose peer is not known is nobody's */
	forged[3] = 77;
	site_payload(&b->s, b->elsewhere, forged, sizeof(forged));
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_UNKNOWN_PEER, 1);
}

static void ids_that_were_used_are_told(void **state)
{
	struct bench *b = *state;

	receive(b, 9000);
	world_no_drops(b->s.world);
	receive(b, 9000);
	expect(b, DROP_REPLAYED, 1);
	expect_from(b, 9000, &b->remote);
	receive(b, 1);
	expect(b, DROP_TOO_OLD, 1);
	expect_from(b, 1, &b->remote);
	receive(b, 0);
	expect(b, DROP_PKTID_ZERO, 1);
	/* both in one burst: the second dies behind the decryption */
	site_data(&b->s, b->remote, &b->m, PEER, 9001, b->from, sizeof(b->from));
	site_data(&b->s, b->remote, &b->m, PEER, 9001, b->from, sizeof(b->from));
	world_settle(b->s.world);
	expect(b, DROP_REPLAYED, 1);
	expect_from(b, 9001, &b->remote);
}

static void what_is_inside_is_told(void **state)
{
	static const uint8_t occ[] = {0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56,
		0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 6};
	struct ip_addr us = ip_of("10.8.0.1"), spoofed = ip_of("10.8.0.3");
	struct bench *b = *state;
	uint8_t inner[60];

	site_data(&b->s, b->remote, &b->m, PEER, b->next++, "rubbish", 7);
	world_settle(b->s.world);
	expect(b, DROP_INNER_MALFORMED, 1);
	expect_from(b, b->next - 1, &b->remote);
	frame_inner(inner, &spoofed, &us, sizeof(inner), 1);
	site_data(&b->s, b->remote, &b->m, PEER, b->next++, inner, sizeof(inner));
	world_settle(b->s.world);
	expect(b, DROP_INNER_SOURCE, 1);
	expect_from(b, b->next - 1, &b->remote);
	site_data(&b->s, b->remote, &b->m, PEER, b->next++, occ, sizeof(occ));
	world_settle(b->s.world);
	expect(b, DROP_OCC, 1);
}

static void a_device_that_takes_nothing_is_told(void **state)
{
	struct instance *inst;
	struct hostdev *dev;
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX];
	uint64_t n = 0;

	for (int i = 1; i <= 1000; i++) {
		site_data(&b->s, b->remote, &b->m, PEER, b->next++, b->big, sizeof(b->big));
		if (i % 50 == 0)
			world_settle(b->s.world);
	}
	while (world_read(b->s.device, frame) > 0)
		n++;
	assert_true(n < 1000);
	expect(b, DROP_HOST_WRITE, 1000 - n);
	expect_from_nowhere(b);
	inst = instance_find(dp_of(b), b->s.iid);
	dev = atomic_exchange(&inst->device, NULL);
	receive(b, b->next++);
	expect(b, DROP_NO_DEVICE, 1);
	atomic_store(&inst->device, dev);
}

static void turn_worker(struct bench *b)
{
	while (worker_iteration(b->s.world->w) > 0 || aead_inflight(b->s.world->w->aead) > 0)
		;
}

static void a_full_ring_to_the_kernel_is_told(void **state)
{
	struct bench *b = *state;
	const uint64_t extra = 130;
	void *m;

	for (unsigned int i = 1; i <= HOST_RING_SIZE - 1 + extra; i++) {
		site_data(&b->s, b->remote, &b->m, PEER, b->next++, b->from, sizeof(b->from));
		if (i % 64 == 0 || i == HOST_RING_SIZE - 1 + extra)
			turn_worker(b);
	}
	expect(b, DROP_HOST_FULL, extra);
	/* the device takes no more than its socket; that is another reason's test */
	while (rte_ring_dequeue(b->s.world->w->rings.host_out, &m) == 0)
		rte_pktmbuf_free(m);
}

/* --- out ---------------------------------------------------------------------------------- */

static void what_cannot_be_sent_is_told(void **state)
{
	struct bench *b = *state;
	struct dp *dp = dp_of(b);
	struct key *k = keyslots_tx_key(&peer(b, PEER)->keys);

	atomic_store(&k->tx.next, k->tx.limit);
	for (int i = 0; i < 3; i++)
		send_to_peer(b, 100);
	world_settle(b->s.world);
	expect(b, DROP_PKTID_EXHAUSTED, 2);
	expect_from_nowhere(b);
	assert_int_equal(dp_peer_path(dp, b->s.iid, PEER, NULL), 0);
	send_to_peer(b, 100);
	world_settle(b->s.world);
	expect(b, DROP_NO_PATH, 1);
	assert_int_equal(dp_key_del(dp, b->s.iid, PEER, KEYSLOT_PRIMARY), 0);
	send_to_peer(b, 100);
	world_settle(b->s.world);
	expect(b, DROP_NO_KEY, 1);
	world_reclaim(b->s.world);
}

/* A whole packet and pieces of packets, and between them frames of the kernel, which are nobody's.
 */
static void a_full_port_is_told_of_the_peer_alone(void **state)
{
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct dp_peer_view v;
	uint64_t drops[NB_DROPS];
	uint8_t frame[100] = {0x02, 0, 0, 0, 0, 9, 0x02, 0, 0, 0, 0, 8, 0x08, 0x06};
	void *fill[64];

	site_path(&b->s, PEER, 600);
	while (rte_ring_free_count(wd->out[0]) > 0) {
		world_write(wd->mirror[0], frame, sizeof(frame));
		hostio_turn(&wd->dp->hostio);
		worker_iteration(wd->w);
	}
	send_to_peer(b, 1000); /* two pieces */
	for (int i = 0; i < 5; i++)
		world_write(wd->mirror[0], frame, sizeof(frame));
	send_to_peer(b, 100);
	world_settle(wd);
	dp_drops(wd->dp, drops);
	assert_true(drops[DROP_PORT_FULL] >= 3 + 5);
	view(b, PEER, &v);
	assert_int_equal(v.drops[DROP_PORT_FULL], 3);
	assert_int_equal(v.dropped, 3);
	view(b, OTHER, &v);
	assert_int_equal(v.dropped, 0);
	/* nobody's again, in buffers that were the peer's a moment ago */
	rte_ring_dequeue_bulk(wd->out[0], fill, 64, NULL);
	for (int i = 0; i < 64; i++)
		rte_pktmbuf_free(fill[i]);
	dp_drops(wd->dp, wd->drops);
}

static void no_buffer_for_a_piece_is_told(void **state)
{
	struct bench *b = *state;
	struct rte_mempool *mp = b->s.world->dp->ports[0].pool;
	struct rte_mbuf **all = calloc(mp->size + 1, sizeof(*all));
	unsigned int n = 0;

	site_path(&b->s, PEER, 600);
	send_to_peer(b, 1400);
	while ((all[n] = rte_pktmbuf_alloc(mp)) != NULL)
		n++;
	world_settle(b->s.world);
	rte_pktmbuf_free_bulk(all, n);
	free(all);
	expect(b, DROP_NO_MBUF, 1);
	world_reclaim(b->s.world);
}

/* --- afterwards --------------------------------------------------------------------------- */

static void a_gone_peer_still_knows_why(void **state)
{
	uint8_t forged[100] = {0x4a, 0, 0, PEER, 0, 0, 0, 9};
	struct bench *b = *state;
	struct dp_peer_view v;

	site_payload(&b->s, b->elsewhere, forged, sizeof(forged));
	world_settle(b->s.world);
	assert_int_equal(dp_peer_del(dp_of(b), b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	expect(b, DROP_AUTH_FAILED, 1); /* not freed yet */
	world_reclaim(b->s.world);
	expect(b, DROP_AUTH_FAILED, 0);
	expect_from(b, 9, &b->elsewhere);
	view(b, PEER, &v);
	assert_true(v.info.gone);
	/* a new peer of this id begins with nothing */
	site_peer(&b->s, PEER, b->remote, "10.8.0.2", NULL, &b->m);
	view(b, PEER, &v);
	assert_int_equal(v.dropped, 0);
	assert_false(v.last.any);
}

static void clearing_is_for_the_operators_eyes_only(void **state)
{
	struct bench *b = *state;
	struct dp *dp = dp_of(b);
	struct dp_peer_info openvpns;
	struct dp_peer_view v;

	receive(b, 1);
	receive(b, 1);
	send_to_peer(b, 100);
	world_settle(b->s.world);
	expect(b, DROP_REPLAYED, 1);
	assert_int_equal(dp_peer_clear(dp, b->s.iid, PEER), 0);
	view(b, PEER, &v);
	assert_int_equal(v.dropped, 0);
	assert_int_equal(v.drops[DROP_REPLAYED], 0);
	assert_false(v.last.any);
	assert_int_equal(v.info.vpn_rx_packets, 0);
	assert_int_equal(v.info.link_rx_bytes, 0);
	assert_int_equal(v.info.vpn_tx_bytes, 0);
	assert_true(v.info.rx_ago_ms < 10000);
	receive(b, 2);
	receive(b, 1);
	dp_drops(dp, b->s.world->drops); /* the peers' sum went back */
	view(b, PEER, &v);
	assert_int_equal(v.drops[DROP_REPLAYED], 1);
	assert_true(v.last.any);
	assert_int_equal(v.info.vpn_rx_packets, 1);
	assert_int_equal(v.info.vpn_rx_bytes, 100);
	/* what openvpn is told counts on, for the living and for the gone */
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &openvpns), 0);
	assert_int_equal(openvpns.vpn_rx_packets, 2);
	assert_int_equal(openvpns.vpn_tx_packets, 1);
	assert_int_equal(dp_peer_del(dp, b->s.iid, PEER, DP_GONE_USERSPACE), 0);
	world_reclaim(b->s.world);
	assert_int_equal(dp_peer_get(dp, b->s.iid, PEER, &openvpns), 0);
	assert_int_equal(openvpns.vpn_rx_packets, 2);
	assert_int_equal(openvpns.link_rx_bytes, 2 * 124);
	assert_int_equal(dp_peer_clear(dp, b->s.iid, PEER), -ENOENT);
	assert_int_equal(dp_peer_clear(dp, b->s.iid, 99), -ENOENT);
	assert_int_equal(dp_peer_clear(dp, 999, PEER), -ENOENT);
	assert_int_equal(dp_peer_view(dp, 999, PEER, &v), -ENOENT);
	assert_int_equal(dp_peer_view(dp, b->s.iid, DP_PEER_ID_MAX + 1, &v), -ENOENT);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_strangers_send_in_a_peers_name_is_told_with_its_source),
		TEST(ids_that_were_used_are_told),
		TEST(what_is_inside_is_told),
		TEST(a_device_that_takes_nothing_is_told),
		TEST(a_full_ring_to_the_kernel_is_told),
		TEST(what_cannot_be_sent_is_told),
		TEST(a_full_port_is_told_of_the_peer_alone),
		TEST(no_buffer_for_a_piece_is_told),
		TEST(a_gone_peer_still_knows_why),
		TEST(clearing_is_for_the_operators_eyes_only),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
