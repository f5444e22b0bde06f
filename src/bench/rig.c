/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dataplane/dp_life.h"
#include "dataplane/dp_view.h"
#include "log.h"

#define UDP_PORT	  1194
#define OTHERS_PORT	  20000 /* and up: of the far ends of others */
#define OUTER_MAX	  (IP6_HDR_LEN + UDP_HDR_LEN + WIRE_DATA_HDR_LEN)
#define SESSIONS_PER_PEER 4 /* see main.c of the daemon */
#define SCHEDULED_MAX	  8 /* lcores of crypto_scheduler */
#define RINGS		  "net_ring_bench"

/* --- parts ------------------------------------------------------------------------------ */

static const char *usual_device(const struct bench_conf *conf)
{
	return conf->alg == AEAD_NULL		      ? "crypto_null"
		: conf->alg == AEAD_CHACHA20_POLY1305 ? "crypto_aesni_mb"
						      : "crypto_aesni_gcm";
}

/* crypto_scheduler in multi-core mode, with the usual device on each lcore that we do not need. */
static int describe_scheduler(const struct rig *r, char *out, size_t size)
{
	unsigned int lcore, skip = r->nb_lanes;
	uint64_t mask = 0;
	int n = snprintf(out, size, "crypto_scheduler0");

	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (skip > 0) {
			skip--;
		} else if (lcore < 64 && __builtin_popcountll(mask) < SCHEDULED_MAX) {
			n += snprintf(out + n, size - (size_t)n, ",worker=%s_s%u",
				usual_device(&r->conf), lcore);
			mask |= 1ull << lcore;
		}
	}
	snprintf(out + n, size - (size_t)n, ",mode=multi-core,coremask=0x%llx",
		(unsigned long long)mask);
	if (mask != 0)
		return 0;
	log_err("crypto_scheduler needs a lcore of its own (-l): one is for the control, %u for "
		"--lcores, %u given",
		r->nb_lanes, rte_lcore_count());
	return -EINVAL;
}

static int make_aead(struct rig *r)
{
	char scheduler[SCHEDULED_MAX * 40];
	struct aead_device_info info;
	struct aead_device_conf device = {
		.name = r->conf.device != NULL ? r->conf.device : usual_device(&r->conf),
		.mode = r->conf.crypto_mode,
	};
	const struct aead_conf conf = {
		.devices = &device,
		.nb_devices = 1,
		.nb_queues = r->nb_lanes,
		/* as the daemon has them, and each lane's bare device has its own */
		.nb_sessions = SESSIONS_PER_PEER * (r->nb_peers + r->nb_others) +
			(r->conf.bare ? 2 * r->nb_peers * r->nb_lanes : 0) + DP_SESSIONS_SPARE,
		.socket_id = -1,
		.null = r->conf.alg == AEAD_NULL,
	};

	int ret = 0;

	if (strcmp(device.name, "crypto_scheduler") == 0) {
		ret = describe_scheduler(r, scheduler, sizeof(scheduler));
		device.name = scheduler;
	}
	if (ret == 0)
		ret = aead_new(&conf, &r->aead);
	if (ret < 0)
		return ret;
	aead_device_info(r->aead, 0, &info);
	r->async = !info.cpu;
	if (strcmp(info.driver, "crypto_scheduler") == 0) /* its rings are shared by all lanes */
		r->conf.window = RTE_MAX(r->conf.window / r->nb_lanes, 1u);
	return 0;
}

static struct rte_ring *ring(const char *what, unsigned int lane)
{
	char name[32];

	snprintf(name, sizeof(name), "bench_%s%u", what, lane);
	return rte_ring_create(name, RIG_RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

/* The port: a pair of rings for each worker; it moves pointers, and nothing else. */
static int make_rings(struct rig *r)
{
	for (unsigned int i = 0; i < r->nb_lanes; i++) {
		r->rx[i] = ring("rx", i);
		r->tx[i] = ring("tx", i);
		if (r->rx[i] == NULL || r->tx[i] == NULL)
			return -ENOMEM;
	}
	if (rte_eth_from_rings("bench", r->rx, r->nb_lanes, r->tx, r->nb_lanes, SOCKET_ID_ANY) < 0)
		return -ENODEV;
	return 0;
}

static uint16_t largest(const struct bench_conf *conf)
{
	uint16_t max = 1500 - OUTER_MAX; /* at least what Ethernet carries */

	for (unsigned int i = 0; i < conf->nb_sizes; i++)
		max = RTE_MAX(max, conf->sizes[i].lo == 0 ? 1420 : conf->sizes[i].hi);
	return max;
}

static int make_dp(struct rig *r)
{
	struct dp_port_conf ports[BENCH_PORTS_MAX];
	const struct dp_conf conf = {
		.ports = ports,
		.nb_ports = RTE_MAX(r->conf.nb_ports, 1u),
		.aead = r->aead,
		.nb_workers = r->nb_lanes,
		.max_peers = r->nb_peers + r->nb_others,
		.replay_window = 8192,
		.mbufs = r->nb_lanes * 2 * BENCH_BATCH - 1,
		.idle_poll = true,
	};
	int ret;

	for (unsigned int i = 0; i < conf.nb_ports; i++)
		ports[i] = (struct dp_port_conf){
			.name = "bench",
			.devargs = r->conf.nb_ports == 0 ? RINGS : r->conf.ports[i],
			.queues = r->conf.nb_ports == 0 ? (uint16_t)r->nb_lanes : 0,
			.mtu = (uint16_t)(largest(&r->conf) + OUTER_MAX),
		};
	ret = dp_new(&conf, &r->dp);
	for (unsigned int i = 0; i < conf.nb_ports && ret == 0; i++) {
		ret = port_start(&r->dp->ports[i]);
		r->nb_started += ret == 0;
	}
	return ret;
}

/* Addresses that RFC 2544 and RFC 5180 set aside for benchmarks. */
static struct udp_addr outer_address(uint8_t family)
{
	static const uint8_t v4[4] = {198, 18, 0, 1};
	static const uint8_t v6[16] = {0x20, 0x01, 0x00, 0x02, [15] = 1};

	return (struct udp_addr){
		.ip = ip_from_bytes(family, family == IP_V4 ? v4 : v6),
		.port = UDP_PORT,
	};
}

static int make_instance(struct rig *r)
{
	uint32_t tid;
	int fds[2];
	int ret = dp_instance_new(r->dp, DP_MODE_MP, &r->iid);

	if (ret < 0)
		return ret;
	/* packets that reach the device are taken from the ring before it */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	close(fds[0]);
	r->device_mac[0] = 0x06;
	ret = dp_instance_device(r->dp, r->iid, fds[1], r->device_mac);
	for (unsigned int i = 0; i < r->dp->nb_ports && ret == 0; i++)
		ret = dp_port_addr_add(r->dp, i, &r->local.ip);
	if (ret == 0)
		ret = dp_transport_add(r->dp, r->iid, &r->local, false, &tid);
	return ret;
}

/* --- peers ------------------------------------------------------------------------------ */

/* splitmix64: the next of a row of numbers that look random */
static uint64_t derive(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void derive_bytes(uint64_t seed, void *out, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = derive(&seed);

		memcpy((uint8_t *)out + at, &word, RTE_MIN(8ul, len - at));
	}
}

/* What the sender of a direction uses; without a pair both directions are the same. */
int rig_key_new(struct rig *r, uint32_t id, enum keyslot slot, uint64_t n)
{
	const struct bench_conf *c = &r->conf;
	struct key_material m = {.alg = c->alg, .key_id = n == 0 ? 0 : (uint8_t)(1 + (n - 1) % 7)};
	uint64_t out = (c->pair.seed ^ n << 32) + 4ull * id, in = out;

	if (c->static_peers != NULL) {
		out += c->side;
		in += c->side ^ 1;
	}
	derive_bytes(out, m.encrypt, sizeof(m.encrypt));
	derive_bytes(out + 2, m.encrypt_tail, sizeof(m.encrypt_tail));
	derive_bytes(in, m.decrypt, sizeof(m.decrypt));
	derive_bytes(in + 2, m.decrypt_tail, sizeof(m.decrypt_tail));
	return dp_key_new(r->dp, r->iid, id, slot, &m);
}

static void describe_peer(const struct rig *r, uint32_t id, struct dp_peer_conf *conf)
{
	const uint8_t v4[4] = {10, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	const uint8_t v6[16] = {0xfd, [12] = 0, v4[1], v4[2], v4[3]};

	*conf = (struct dp_peer_conf){
		.id = id,
		.remote = r->remote,
		.local = r->local,
		.vpn4 = ip_from_bytes(IP_V4, v4),
		.vpn6 = ip_from_bytes(IP_V6, v6),
	};
	if (id >= r->nb_peers)
		conf->remote.port = (uint16_t)(OTHERS_PORT + id - r->nb_peers);
}

int rig_peer_new(struct rig *r, uint32_t id)
{
	struct dp_path path = {.port = id % r->dp->nb_ports, .local = r->local};
	struct dp_peer_info info;
	int ret;

	describe_peer(r, id, &r->peers[id]);
	memcpy(path.dst_mac,
		r->conf.static_peers != NULL ? r->conf.pair.mac[r->conf.side ^ 1]
					     : r->dp->ports[path.port].mac,
		DP_MAC_LEN);
	ret = dp_peer_new(r->dp, r->iid, &r->peers[id]);
	if (ret == 0)
		ret = dp_peer_set(r->dp, r->iid, id, 0, 0); /* a ping would be one packet more */
	if (ret == 0)
		ret = dp_peer_path(r->dp, r->iid, id, &path);
	if (ret == 0)
		ret = dp_peer_get(r->dp, r->iid, id, &info);
	if (ret < 0)
		return ret;
	memcpy(r->macs[id], info.mac, DP_MAC_LEN);
	return rig_key_new(r, id, KEYSLOT_PRIMARY, 0);
}

static int make_peers(struct rig *r)
{
	uint32_t n = r->nb_peers + r->nb_others;
	int ret = 0;

	r->peers = calloc(n, sizeof(*r->peers));
	r->macs = calloc(n, sizeof(*r->macs));
	if (r->peers == NULL || r->macs == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < n && ret == 0; id++)
		ret = rig_peer_new(r, id);
	return ret;
}

static void tell_memory(struct rig *r)
{
	uint64_t grows = 0;

	for (unsigned int i = 0; i < dp_nb_memory(r->dp); i++) {
		struct dp_memory m;

		dp_memory(r->dp, i, &m);
		*(m.grows ? &grows : &r->memory.fixed) += m.max;
	}
	r->memory.a_peer = (double)grows / r->dp->max_peers;
	r->memory.all_a_peer = (double)(grows + r->memory.fixed) / r->dp->max_peers;
}

/* --- life ------------------------------------------------------------------------------- */

int rig_new(const struct bench_conf *conf, struct rig **out)
{
	struct rig *r = calloc(1, sizeof(*r));
	int ret;

	if (r == NULL)
		return -ENOMEM;
	r->conf = *conf;
	r->nb_lanes = conf->lcores;
	r->nb_peers = conf->peers;
	r->nb_others = conf->key_installs != 0 || conf->peer_adds != 0 ? RIG_OTHERS : 0;
	r->local = r->remote = outer_address(conf->outer);
	if (conf->static_peers != NULL) {
		r->local = conf->pair.addr[conf->side];
		r->remote = conf->pair.addr[conf->side ^ 1];
	}
	ret = make_aead(r);
	if (ret == 0 && conf->nb_ports == 0)
		ret = make_rings(r);
	if (ret == 0)
		ret = make_dp(r);
	if (ret == 0)
		ret = make_instance(r);
	if (ret == 0)
		ret = make_peers(r);
	if (ret < 0) {
		log_err("the data plane for %u peer%s cannot be made: %s%s", conf->peers,
			conf->peers == 1 ? "" : "s", strerror(-ret),
			ret == -ENOMEM ? " (EAL options: -m, or hugepages)" : "");
		rig_free(r);
		return ret;
	}
	tell_memory(r);
	*out = r;
	return 0;
}

uint64_t rig_sent(struct rig *r)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < r->dp->nb_ports; i++) {
		struct dp_port_info info;

		dp_port_info(r->dp, i, &info);
		n += info.tx_packets;
	}
	return n;
}

bool rig_linked(struct rig *r)
{
	bool all = true;

	for (unsigned int i = 0; i < r->dp->nb_ports; i++) {
		struct dp_port_info info;

		dp_port_info(r->dp, i, &info);
		all &= info.link_up;
	}
	return all;
}

struct rig_moved rig_moved(struct rig *r)
{
	struct rig_moved all = {0};

	for (uint32_t id = 0; id < r->nb_peers; id++) {
		struct dp_peer_info p;

		if (dp_peer_get(r->dp, r->iid, id, &p) < 0)
			continue;
		all.packets += p.vpn_rx_packets + p.vpn_tx_packets;
		all.bytes += p.vpn_rx_bytes + p.vpn_tx_bytes;
	}
	return all;
}

void rig_free(struct rig *r)
{
	while (r->nb_started > 0)
		port_stop(&r->dp->ports[--r->nb_started]);
	if (dp_free(r->dp) < 0 || r->stalled) {
		fflush(stdout);
		_exit(EXIT_FAILURE); /* nothing may be unmade under a device that reads it */
	}
	if (r->conf.nb_ports == 0)
		rte_vdev_uninit(RINGS);
	for (unsigned int i = 0; i < r->nb_lanes; i++) {
		rte_ring_free(r->rx[i]);
		rte_ring_free(r->tx[i]);
	}
	aead_free(r->aead);
	free(r->peers);
	free(r->macs);
	free(r);
}
