/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "crypto/key.h"
#include "dataplane/dp_view.h"
#include "dataplane/pool.h"
#include "dataplane/state.h"
#include "log.h"

#define PORT_MBUFS_MIN 16384
#define PING_MBUFS     2047 /* under way at once; beside those that drivers keep */
#define FRAG_MBUFS     2047
#define WORKER_BYTES   (4u << 20) /* of a worker's rings and fragments; the drivers' share */

/* AEAD sessions of a peer with two keys: the older one encrypts no more: peer_spend_older(). */
#define SESSIONS_PER_PEER 3
/* While it gets a new key, until openvpn has said that the new one is the primary. */
#define SESSIONS_IN_REKEY 4

/* --- sizes -------------------------------------------------------------------------------- */

static uint32_t descriptors(uint16_t configured)
{
	return configured == 0 ? PORT_DESC_DEFAULT : configured;
}

/* Enough for full queues, rings and bursts at once, so that a slow reader cannot starve a port. */
static uint32_t rx_mbufs(const struct dp_conf *conf, const struct dp_port_conf *port)
{
	uint32_t queues = RTE_MAX((unsigned int)port->queues, conf->nb_workers);
	uint32_t n = queues * descriptors(port->rx_desc) +
		conf->nb_workers *
			(HOST_RING_SIZE + MIRROR_RING_SIZE + EXCEPTION_RING_SIZE + FRAG_HELD_MAX +
				descriptors(port->tx_desc) + 1024);

	if (conf->mbufs != 0)
		return conf->mbufs;
	return RTE_MAX(n, (uint32_t)PORT_MBUFS_MIN) - 1;
}

void sizes_of(const struct dp_conf *conf, struct sizes *s)
{
	uint32_t sent = 0; /* what drivers may keep before they free it: whole transmit rings */

	*s = (struct sizes){
		.host_room = port_room(0),
		.ping_room = RTE_PKTMBUF_HEADROOM + 128,
		.frag_mbufs = FRAG_MBUFS,
		.frag_room = RTE_PKTMBUF_HEADROOM + FRAG_ROOM,
	};
	for (unsigned int i = 0; i < conf->nb_ports; i++) {
		s->rx_mbufs[i] = rx_mbufs(conf, &conf->ports[i]);
		s->rx_room[i] = port_room(conf->ports[i].mtu);
		/* devices of instances are read with the widest */
		s->host_room = RTE_MAX(s->host_room, s->rx_room[i]);
		sent += conf->nb_workers * descriptors(conf->ports[i].tx_desc);
	}
	s->host_mbufs = sent + conf->nb_workers * HOST_RING_SIZE + HOSTIO_SPARE_MBUFS;
	s->ping_mbufs = sent + PING_MBUFS;
}

/* Of n peers with their endpoints. */
static uint64_t peer_bytes(unsigned int nb_workers, uint64_t n)
{
	return slab_bytes_of(peer_size(nb_workers), n) + slab_bytes_of(sizeof(struct endpoint), n);
}

static uint64_t instance_bytes(uint64_t n)
{
	return n * heap_bytes(sizeof(struct instance));
}

/* Of the table of n peers with ids one after the other. */
static uint64_t page_bytes(uint64_t n)
{
	return slab_bytes_of(PEERTAB_PAGE_SIZE, (n + PEERTAB_PAGE - 1) / PEERTAB_PAGE);
}

/* --- EAL's and the machine's memory --------------------------------------------------------- */

static uint64_t read_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	uint64_t n = UINT64_MAX;
	char line[256];

	while (f != NULL && n == UINT64_MAX && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, len) == 0)
			n = strtoull(line + len, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
	return n;
}

/* Of the default size; EAL takes more of them when it needs them. */
static uint64_t free_hugepages(void)
{
	uint64_t pages = read_number("/proc/meminfo", "HugePages_Free:");
	uint64_t kib = read_number("/proc/meminfo", "Hugepagesize:");

	return pages == UINT64_MAX || kib == UINT64_MAX ? 0 : pages * kib * 1024;
}

void dp_eal_memory(uint64_t *taken, uint64_t *available)
{
	*taken = *available = 0;
	for (unsigned int i = 0; i < rte_socket_count(); i++) {
		struct rte_malloc_socket_stats st;

		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &st) != 0)
			continue;
		*taken += st.heap_allocsz_bytes;
		*available += st.heap_freesz_bytes;
	}
	if (rte_eal_has_hugepages())
		*available += free_hugepages();
}

/* --- does it fit? --------------------------------------------------------------------------- */

struct need {
	uint64_t packets;      /* pools, workers: EAL's, whatever max-peers is */
	uint64_t peer_eal;     /* for a peer at most, EAL's */
	uint64_t peer_machine; /* the heap's */
	uint64_t spare;	       /* sessions of keys that wait to be freed */
};

static void need_of(const struct dp_conf *conf, size_t agent_peer, struct need *n)
{
	struct sizes s;

	sizes_of(conf, &s);
	*n = (struct need){
		.packets = pool_bytes(s.host_mbufs, s.host_room) +
			pool_bytes(s.ping_mbufs, s.ping_room) +
			pool_bytes(s.frag_mbufs, s.frag_room) +
			(uint64_t)conf->nb_workers * WORKER_BYTES,
		.peer_eal = (uint64_t)SESSIONS_IN_REKEY * aead_session_bytes(conf->aead),
		.peer_machine = (peer_bytes(conf->nb_workers, conf->max_peers) +
					slab_bytes_of(key_size(conf->replay_window),
						2 * (uint64_t)conf->max_peers) +
					page_bytes(conf->max_peers)) /
				conf->max_peers +
			1 + 2 * KNOWN_SLOTS_PER_PEER + agent_peer,
		.spare = DP_SESSIONS_SPARE * (uint64_t)aead_session_bytes(conf->aead),
	};
	for (unsigned int i = 0; i < conf->nb_ports; i++)
		n->packets += pool_bytes(s.rx_mbufs[i], s.rx_room[i]);
}

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}

/* How many peers fit, in words; behind "max-peers". */
static void say_most(char *buf, size_t size, uint64_t have, uint64_t fixed, uint64_t each)
{
	if (have <= fixed || (have - fixed) / each == 0)
		snprintf(buf, size, "not one fits");
	else
		snprintf(buf, size, "%" PRIu64 " fit", (have - fixed) / each);
}

static int check_eal(const struct dp_conf *conf, const struct need *n)
{
	const char *more = rte_eal_has_hugepages() ? "more hugepages" : "more by -m in 'eal:'";
	uint64_t sessions = n->peer_eal * conf->max_peers + n->spare;
	uint64_t taken, have;
	char most[40];

	dp_eal_memory(&taken, &have);
	if (n->packets + sessions <= have)
		return 0;
	if (n->packets > have) {
		log_err("not enough memory: packet buffers and workers need %llu MiB of EAL's memory, "
			"of which %llu MiB are free: give it %s, or set fewer rx-descriptors and "
			"tx-descriptors, or fewer workers",
			mib(n->packets), mib(have), more);
		return -ENOMEM;
	}
	say_most(most, sizeof(most), have, n->packets + n->spare, n->peer_eal);
	log_err("not enough memory for max-peers %u: packet buffers and workers need %llu MiB and the "
		"peers' keys %llu MiB of EAL's memory, of which %llu MiB are free: lower max-peers "
		"(%s), or give it %s",
		conf->max_peers, mib(n->packets), mib(sessions), mib(have), most, more);
	return -ENOMEM;
}

static int check_machine(const struct dp_conf *conf, const struct need *n)
{
	uint64_t kib = read_number("/proc/meminfo", "MemAvailable:");
	uint64_t fixed = 0, each = n->peer_machine, need;
	char most[40];

	if (kib == UINT64_MAX)
		return 0; /* it does not tell */
	if (!rte_eal_has_hugepages()) {
		/* EAL's memory is the machine's then, page by page as it is used */
		fixed = n->packets + n->spare;
		each += n->peer_eal;
	}
	need = fixed + each * conf->max_peers;
	if (need <= kib * 1024)
		return 0;
	say_most(most, sizeof(most), kib * 1024, fixed, each);
	log_err("not enough memory for max-peers %u: its tables need %llu MiB, but the machine has "
		"%llu MiB left: lower max-peers (%s)",
		conf->max_peers, mib(need), mib(kib * 1024), most);
	return -ENOMEM;
}

int dp_fits(const struct dp_conf *conf, size_t agent_peer)
{
	struct need n;
	int ret;

	need_of(conf, agent_peer, &n);
	ret = check_eal(conf, &n);
	return ret < 0 ? ret : check_machine(conf, &n);
}

/* --- what is taken --------------------------------------------------------------------------- */

enum { OF_PEERS, OF_KEYS, OF_TABLES, OF_ROOM, OF_GONE, OF_ZEROS, OF_EAL, NB_OTHERS };

static unsigned int nb_devices(const struct dp *dp)
{
	return aead_nb_devices(dp->aead);
}

unsigned int dp_nb_memory(const struct dp *dp)
{
	return dp_nb_pools(dp) + nb_devices(dp) + NB_OTHERS;
}

static struct rte_mempool *pool_of(struct dp *dp, unsigned int i)
{
	struct rte_mempool *others[] = {dp->hostio.pool, dp->ping_pool, dp->frag_pool};

	return i < dp->nb_ports ? dp->ports[i].pool : others[i - dp->nb_ports];
}

static void memory_of_pool(struct dp *dp, unsigned int i, struct dp_memory *m)
{
	struct rte_mempool *mp = pool_of(dp, i);

	*m = (struct dp_memory){.eal = true, .now = pool_taken(mp), .max = pool_taken(mp)};
	snprintf(m->name, sizeof(m->name), "packets %s", mp->name);
}

/* What the first device does not hold, another does: each peer's keys are counted once. */
static void memory_of_device(struct dp *dp, unsigned int i, struct dp_memory *m)
{
	struct aead_device_info d;

	aead_device_info(dp->aead, i, &d);
	*m = (struct dp_memory){.eal = true, .grows = true, .now = d.bytes, .max = d.bytes};
	if (i == 0)
		m->max = RTE_MAX(
			m->max, (uint64_t)dp->max_peers * SESSIONS_PER_PEER * d.session_bytes);
	snprintf(m->name, sizeof(m->name), "keys on %.38s", d.name);
}

static uint64_t tables_now(struct dp *dp)
{
	uint64_t instances = 0;

	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++)
		instances += atomic_load_explicit(&dp->instances[i], memory_order_relaxed) != NULL;
	return instance_bytes(instances) + slab_bytes(&dp->pages) + known_bytes(dp->max_peers);
}

/* Of the arena, what is nobody's. */
static uint64_t room_now(const struct dp *dp)
{
	uint64_t taken = slab_bytes(&dp->peers) + slab_bytes(&dp->endpoints) +
		slab_bytes(&dp->keys) + slab_bytes(&dp->pages);

	return dp->arena.bytes > taken ? dp->arena.bytes - taken : 0;
}

static uint64_t eal_of_others(struct dp *dp)
{
	uint64_t taken, available, known = 0;
	struct dp_memory m;

	dp_eal_memory(&taken, &available);
	for (unsigned int i = 0; i < dp_nb_pools(dp) + nb_devices(dp); i++) {
		dp_memory(dp, i, &m);
		known += m.now;
	}
	return taken > known ? taken - known : 0;
}

static void memory_of_other(struct dp *dp, unsigned int which, struct dp_memory *m)
{
	static const char *const names[NB_OTHERS] = {
		[OF_PEERS] = "peers",
		[OF_KEYS] = "keys, replay windows",
		[OF_TABLES] = "peer tables",
		[OF_ROOM] = "room for more of these",
		[OF_GONE] = "gone peers",
		[OF_ZEROS] = "clear stats",
		[OF_EAL] = "workers, rings, drivers",
	};

	*m = (struct dp_memory){.eal = which == OF_EAL, .grows = which != OF_EAL};
	snprintf(m->name, sizeof(m->name), "%s", names[which]);
	switch (which) {
	case OF_PEERS:
		m->now = slab_bytes(&dp->peers) + slab_bytes(&dp->endpoints);
		m->max = peer_bytes(dp->nb_workers, dp->max_peers);
		break;
	case OF_KEYS:
		m->now = slab_bytes(&dp->keys);
		m->max = slab_bytes_of(key_size(dp->replay_window), 2 * (uint64_t)dp->max_peers);
		break;
	case OF_TABLES:
		m->now = tables_now(dp);
		m->max = RTE_MAX(m->now,
			instance_bytes(1) + page_bytes(dp->max_peers) + known_bytes(dp->max_peers));
		break;
	case OF_ROOM:
		m->now = m->max = room_now(dp);
		break;
	case OF_GONE:
		m->now = m->max =
			(uint64_t)dp->nb_tombstones * heap_bytes(sizeof(struct tombstone));
		break;
	case OF_ZEROS:
		m->now = m->max = (uint64_t)dp->nb_zeros * heap_bytes(sizeof(struct peer_zero));
		break;
	case OF_EAL:
		m->now = m->max = eal_of_others(dp);
		break;
	}
}

void dp_memory(struct dp *dp, unsigned int i, struct dp_memory *m)
{
	unsigned int pools = dp_nb_pools(dp), devices = nb_devices(dp);

	if (i < pools)
		memory_of_pool(dp, i, m);
	else if (i < pools + devices)
		memory_of_device(dp, i - pools, m);
	else
		memory_of_other(dp, i - pools - devices, m);
}
