/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"
#include "dataplane/dp_life.h"
#include "dataplane/dp_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "suite.h"

static const uint8_t next_hop[MAC_LEN] = {0x06, 0x22, 0x33, 0x44, 0x55, 0x66};

/* --- one data plane --------------------------------------------------------------------- */

static struct rte_ring *ring(const char *what, unsigned int port, unsigned int size)
{
	char name[32];
	struct rte_ring *r;

	snprintf(name, sizeof(name), "test_%s%u", what, port);
	r = rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(r);
	return r;
}

static void make_rings(struct world *wd, const struct world_conf *conf)
{
	for (unsigned int i = 0; i < conf->nb_ports; i++) {
		struct rte_ring *txs[8];
		char name[16];

		wd->in[i] = ring("in", i, 2048);
		wd->out[i] = ring("out", i, conf->out_size);
		for (unsigned int q = 0; q < conf->nb_workers; q++)
			txs[q] = wd->out[i];
		snprintf(name, sizeof(name), "test%u", i);
		assert_true(rte_eth_from_rings(name, &wd->in[i], 1, txs, conf->nb_workers, 0) >= 0);
	}
}

static void make_mirrors(struct world *wd)
{
	for (unsigned int i = 0; i < wd->nb_ports; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		wd->mirror[i] = fds[0];
		assert_int_equal(dp_port_mirror(wd->dp, i, fds[1]), 0);
	}
}

struct world *world_new(const struct world_conf *conf)
{
	static const struct world_conf standard = {.nb_ports = 2};
	struct world_conf c = conf != NULL ? *conf : standard;
	struct world *wd = calloc(1, sizeof(*wd));
	struct dp_port_conf ports[WORLD_PORTS_MAX] = {0};
	char names[WORLD_PORTS_MAX][2][32];
	struct dp_conf dc = {0};

	assert_non_null(wd);
	c.nb_workers = c.nb_workers == 0 ? 1 : c.nb_workers;
	c.out_size = c.out_size == 0 ? 2048 : c.out_size;
	wd->rings = c.devargs == NULL;
	wd->nb_ports = c.nb_ports;
	if (wd->rings)
		make_rings(wd, &c);
	for (unsigned int i = 0; i < c.nb_ports; i++) {
		snprintf(names[i][0], sizeof(names[i][0]), "p%u", i);
		snprintf(names[i][1], sizeof(names[i][1]), "net_ring_test%u", i);
		ports[i].name = names[i][0];
		ports[i].mtu = c.mtu;
		ports[i].devargs = wd->rings ? names[i][1] : c.devargs;
	}
	dc = (struct dp_conf){
		.ports = ports,
		.nb_ports = c.nb_ports,
		.aead = suite_aead(),
		.nb_workers = c.nb_workers,
		.max_peers = c.max_peers == 0 ? 4096 : c.max_peers,
		.replay_window = c.replay_window == 0 ? 8192 : c.replay_window,
		.handshake_rate = c.handshake_rate,
		.mbufs = c.mbufs == 0 ? 4095 : c.mbufs,
		.idle_poll = c.idle_poll,
		.mssfix = c.mssfix,
		.tos_clear = c.tos_clear,
	};
	assert_int_equal(dp_new(&dc, &wd->dp), 0);
	wd->w = wd->dp->workers[0];
	for (unsigned int i = 0; i < wd->nb_ports; i++)
		assert_int_equal(port_start(&wd->dp->ports[i]), 0);
	make_mirrors(wd);
	return wd;
}

static bool in_flight(const struct world *wd)
{
	for (unsigned int i = 0; i < wd->dp->nb_workers; i++) {
		if (aead_inflight(wd->dp->workers[i]->aead) > 0)
			return true;
	}
	return false;
}

void world_settle(struct world *wd)
{
	for (unsigned int quiet = 0, turns = 0; quiet < 2;) {
		unsigned int n = 0;

		for (unsigned int i = 0; i < wd->dp->nb_workers; i++)
			n += worker_iteration(wd->dp->workers[i]);
		n += hostio_turn(&wd->dp->hostio);
		if (in_flight(wd)) { /* however long another lcore takes */
			quiet = 0;
			continue;
		}
		quiet = n == 0 ? quiet + 1 : 0;
		assert_true(turns++ < WORLD_HOPS);
	}
}

void world_reclaim(struct world *wd)
{
	for (unsigned int i = 0; wd->dp->rcu.head != NULL || !TAILQ_EMPTY(&wd->dp->ending); i++) {
		assert_true(i < WORLD_HOPS);
		world_settle(wd);
		dp_tick(wd->dp);
		while (dp_go_on(wd->dp))
			;
		world_settle(wd); /* pings that the tick has sent */
	}
}

/* Every buffer is where it was at the start; host I/O keeps one for its next read. */
static void assert_pools_are_full(struct world *wd)
{
	for (unsigned int i = 0; i < dp_nb_pools(wd->dp); i++) {
		struct dp_pool_info info;

		dp_pool_info(wd->dp, i, &info);
		if (info.in_use > (strcmp(info.name, "host_in") == 0 ? 1u : 0u))
			fail_msg("%s: %u buffers have leaked", info.name, info.in_use);
	}
}

static void throw_away(struct rte_ring *r)
{
	void *m;

	while (rte_ring_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
}

void world_end_now(struct world *wd)
{
	for (unsigned int i = 0; i < wd->nb_ports; i++)
		port_stop(&wd->dp->ports[i]);
	assert_int_equal(dp_free(wd->dp), 0);
	for (unsigned int i = 0; i < aead_nb_devices(suite_aead()); i++) {
		struct aead_device_info info;

		aead_device_info(suite_aead(), i, &info);
		assert_int_equal(info.sessions, 0);
	}
	for (unsigned int i = 0; i < wd->nb_ports; i++) {
		char name[32];

		close(wd->mirror[i]);
		if (!wd->rings)
			continue;
		snprintf(name, sizeof(name), "net_ring_test%u", i);
		rte_vdev_uninit(name);
		rte_ring_free(wd->in[i]);
		rte_ring_free(wd->out[i]);
	}
	free(wd);
}

void world_free(struct world *wd)
{
	struct dp_event ev;

	world_settle(wd);
	while (dp_event_next(wd->dp, &ev))
		;
	for (unsigned int i = 0; i < wd->nb_ports && wd->rings; i++) {
		throw_away(wd->in[i]);
		throw_away(wd->out[i]);
	}
	assert_pools_are_full(wd);
	world_end_now(wd);
}

int world_setup(void **state)
{
	*state = world_new(NULL);
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- frames ----------------------------------------------------------------------------- */

bool world_arrive(struct world *wd, unsigned int port, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wd->dp->ports[port].pool);
	char *to;

	assert_non_null(m);
	to = rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(to);
	memcpy(to, frame, len);
	if (rte_ring_enqueue(wd->in[port], m) == 0)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

size_t world_sent(struct world *wd, unsigned int port, uint8_t *frame)
{
	struct rte_mbuf *m;
	size_t len;

	if (rte_ring_dequeue(wd->out[port], (void **)&m) != 0)
		return 0;
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->pkt_len, m->data_len);
	len = m->data_len;
	assert_true(len <= FRAME_MAX);
	memcpy(frame, rte_pktmbuf_mtod(m, void *), len);
	rte_pktmbuf_free(m);
	return len;
}

unsigned int world_carry(struct world *wd, unsigned int from, unsigned int to)
{
	uint8_t frame[FRAME_MAX];
	unsigned int n = 0;
	size_t len;

	while ((len = world_sent(wd, from, frame)) > 0) {
		assert_true(world_arrive(wd, to, frame, len));
		n++;
	}
	return n;
}

size_t world_read(int fd, uint8_t *frame)
{
	ssize_t n = recv(fd, frame, FRAME_MAX, MSG_DONTWAIT);

	assert_true(n > 0 || errno == EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

void world_write(int fd, const void *frame, size_t len)
{
	assert_int_equal(send(fd, frame, len, MSG_DONTWAIT), len);
}

/* What the peers of all instances, and their tombstones, count of a reason. */
static uint64_t drops_of_peers(struct world *wd, unsigned int reason)
{
	struct dp_peer_view v;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		const struct instance *inst = atomic_load(&wd->dp->instances[i]);

		if (inst == NULL)
			continue;
		for (uint32_t id = dp_peer_next(wd->dp, inst->iid, 0); id != DP_NO_PEER;
			id = dp_peer_next(wd->dp, inst->iid, id + 1)) {
			assert_int_equal(dp_peer_view(wd->dp, inst->iid, id, &v), 0);
			sum += v.drops[reason];
		}
	}
	return sum;
}

static void compare_with_peers(
	struct world *wd, enum drop_reason reason, uint64_t n, uint64_t nobody)
{
	uint64_t sum;

	if (reason < DROP_OF_PEER || reason >= NB_DROPS)
		return;
	sum = drops_of_peers(wd, reason);
	if (sum >= wd->peer_drops[reason] && sum - wd->peer_drops[reason] != n - nobody)
		fail_msg("%s: the peers count %lu of %lu drops, %lu being nobody's",
			drop_name(reason), sum - wd->peer_drops[reason], n, nobody);
	wd->peer_drops[reason] = sum;
}

void world_drops(struct world *wd, enum drop_reason reason, uint64_t n)
{
	world_drops_of_none(wd, reason, n, 0);
}

void world_drops_of_none(struct world *wd, enum drop_reason reason, uint64_t n, uint64_t nobody)
{
	uint64_t now[NB_DROPS];

	dp_drops(wd->dp, now);
	for (unsigned int i = 0; i < NB_DROPS; i++) {
		uint64_t want = i == (unsigned int)reason ? n : 0;

		if (now[i] - wd->drops[i] != want)
			fail_msg("%s: %lu drops, expected %lu (asked for %lu of %s)", drop_name(i),
				now[i] - wd->drops[i], want, n,
				reason < NB_DROPS ? drop_name(reason) : "none");
	}
	memcpy(wd->drops, now, sizeof(now));
	compare_with_peers(wd, reason, n, nobody);
}

void world_no_drops(struct world *wd)
{
	world_drops(wd, NB_DROPS, 0);
}

/* --- instances and peers ---------------------------------------------------------------- */

void site_new(struct site *s, struct world *wd, unsigned int port, enum dp_mode mode,
	const char *address, uint16_t udp_port)
{
	int fds[2];

	*s = (struct site){
		.world = wd,
		.port = port,
		.local = udp_of(address, udp_port),
		.mac = {0x0a, 0, 0, 0, 0, (uint8_t)(port + 1)},
	};
	assert_int_equal(dp_instance_new(wd->dp, mode, &s->iid), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	s->device = fds[0];
	assert_int_equal(dp_instance_device(wd->dp, s->iid, fds[1], s->mac), 0);
	assert_int_equal(dp_port_addr_add(wd->dp, port, &s->local.ip), 0);
	assert_int_equal(dp_transport_add(wd->dp, s->iid, &s->local, false, &s->tid), 0);
}

size_t site_frame(uint8_t *out, const uint8_t dst_mac[MAC_LEN], const uint8_t *inner, size_t len)
{
	memcpy(out, dst_mac, MAC_LEN);
	memset(out + MAC_LEN, 0x0a, MAC_LEN);
	be16_store(out + 12, inner[0] >> 4 == 4 ? 0x0800 : 0x86dd);
	memcpy(out + 14, inner, len);
	return len + 14;
}

void site_path(struct site *s, uint32_t id, uint16_t mtu)
{
	struct dp_path path = {.port = s->port, .local = s->local, .mtu = mtu};

	memcpy(path.dst_mac, next_hop, MAC_LEN);
	assert_int_equal(dp_peer_path(s->world->dp, s->iid, id, &path), 0);
}

void site_peer(struct site *s, uint32_t id, struct udp_addr remote, const char *vpn4,
	const char *vpn6, const struct key_material *m)
{
	struct dp_peer_conf conf = {.id = id, .remote = remote, .local = s->local};

	if (vpn4 != NULL)
		conf.vpn4 = ip_of(vpn4);
	if (vpn6 != NULL)
		conf.vpn6 = ip_of(vpn6);
	assert_int_equal(dp_peer_new(s->world->dp, s->iid, &conf), 0);
	site_path(s, id, 0);
	if (m != NULL)
		assert_int_equal(dp_key_new(s->world->dp, s->iid, id, KEYSLOT_PRIMARY, m), 0);
}

void site_peer_mac(struct site *s, uint32_t id, uint8_t mac[MAC_LEN])
{
	struct dp_peer_info info;

	assert_int_equal(dp_peer_get(s->world->dp, s->iid, id, &info), 0);
	memcpy(mac, info.mac, MAC_LEN);
}

struct flow site_flow_in(const struct site *s, struct udp_addr remote)
{
	struct flow f = flow_of(remote, s->local);

	memcpy(f.dst_mac, s->world->dp->ports[s->port].mac, MAC_LEN);
	memcpy(f.src_mac, next_hop, MAC_LEN);
	return f;
}

struct flow site_flow_out(const struct site *s, struct udp_addr remote)
{
	struct flow f = flow_of(s->local, remote);

	memcpy(f.src_mac, s->world->dp->ports[s->port].mac, MAC_LEN);
	memcpy(f.dst_mac, next_hop, MAC_LEN);
	return f;
}

void site_payload(struct site *s, struct udp_addr remote, const void *payload, size_t len)
{
	struct flow f = site_flow_in(s, remote);
	uint8_t frame[FRAME_MAX];

	assert_true(world_arrive(s->world, s->port, frame, frame_udp(frame, &f, payload, len)));
}

void site_data(struct site *s, struct udp_addr remote, const struct key_material *m, uint32_t id,
	uint32_t pktid, const void *text, size_t len)
{
	struct key_material far = reference_mirror(m);
	uint8_t packet[FRAME_MAX];

	site_payload(s, remote, packet, reference_seal(&far, id, pktid, text, len, packet));
}
