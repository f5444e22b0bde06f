/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's life, what workers tell the agent, and what the operator sees. */
#include "dataplane/dp_life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "dataplane/dp_view.h"
#include "dataplane/pool.h"
#include "dataplane/state.h"
#include "log.h"

#define PORT_MBUFS_MIN 16384
#define PING_MBUFS     2047 /* under way at once; beside those that drivers keep */
#define PING_ROOM      (RTE_PKTMBUF_HEADROOM + 128)
#define FRAG_MBUFS     2047
#define STUCK_MS       1000

/* --- life ------------------------------------------------------------------------------- */

static uint32_t descriptors(uint16_t configured)
{
	return configured == 0 ? PORT_DESC_DEFAULT : configured;
}

/* Enough for full queues, rings and bursts at once, so that a slow reader cannot starve a port. */
static uint32_t port_mbufs(
	const struct dp_conf *conf, const struct dp_port_conf *port, unsigned int nb_workers)
{
	uint32_t queues = RTE_MAX((unsigned int)port->queues, nb_workers);
	uint32_t n = queues * descriptors(port->rx_desc) +
		nb_workers *
			(HOST_RING_SIZE + EXCEPTION_RING_SIZE + FRAG_HELD_MAX +
				descriptors(port->tx_desc) + 1024);

	if (conf->mbufs != 0)
		return conf->mbufs;
	return RTE_MAX(n, (uint32_t)PORT_MBUFS_MIN) - 1;
}

/* What drivers may keep of sent packets before they free them: whole transmit rings. */
static uint32_t sent_mbufs(const struct dp_conf *conf)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < conf->nb_ports; i++)
		n += conf->nb_workers * descriptors(conf->ports[i].tx_desc);
	return n;
}

static int open_ports(struct dp *dp, const struct dp_conf *conf)
{
	for (unsigned int i = 0; i < conf->nb_ports; i++) {
		int ret = port_open(&dp->ports[i], i, &conf->ports[i], dp->nb_workers,
			port_mbufs(conf, &conf->ports[i], dp->nb_workers));

		dp->nb_ports = i + 1;
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Deals the receive queues of all ports out to the workers, one after the other. */
static int deal_queues(struct dp *dp)
{
	unsigned int next = 0;

	for (unsigned int i = 0; i < dp->nb_ports; i++) {
		for (uint16_t q = 0; q < dp->ports[i].rx_queues; q++) {
			struct worker *w = dp->workers[next++ % dp->nb_workers];

			if (w->nb_rx == WORKER_RX_MAX) {
				log_err("more than %d receive queues for one worker: fewer queues, or "
					"more lcores",
					WORKER_RX_MAX);
				return -ENOSPC;
			}
			w->rx[w->nb_rx].port = &dp->ports[i];
			w->rx[w->nb_rx].index = (uint8_t)i;
			w->rx[w->nb_rx++].queue = q;
		}
	}
	return 0;
}

static int make_workers(struct dp *dp)
{
	unsigned int lcore, i = 0;

	dp->workers = calloc(dp->nb_workers, sizeof(struct worker *));
	if (dp->workers == NULL)
		return -ENOMEM;
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		struct worker *w;
		int ret;

		if (i == dp->nb_workers)
			break;
		if (rte_eal_get_lcore_state(lcore) != WAIT)
			continue; /* it serves crypto_scheduler */
		w = rte_zmalloc_socket(
			"worker", sizeof(*w), CACHE_LINE, (int)rte_lcore_to_socket_id(lcore));
		if (w == NULL)
			return -ENOMEM;
		dp->workers[i] = w;
		ret = worker_init(w, dp, i++, lcore);
		if (ret < 0)
			return ret;
	}
	if (i < dp->nb_workers) {
		log_err("%u workers asked for, but %u worker lcores are free: the others serve "
			"crypto_scheduler (workers: %u?)",
			dp->nb_workers, i, i);
		return -EINVAL;
	}
	return 0;
}

/* The largest room any port's packet needs; devices of instances are read with the same. */
static uint16_t widest_room(const struct dp *dp)
{
	uint32_t room = RTE_MBUF_DEFAULT_BUF_SIZE;

	for (unsigned int i = 0; i < dp->nb_ports; i++)
		room = RTE_MAX(room,
			RTE_ALIGN_CEIL(
				(uint32_t)RTE_PKTMBUF_HEADROOM + dp->ports[i].mtu + 64, 64u));
	return (uint16_t)room;
}

static int make_parts(struct dp *dp, const struct dp_conf *conf)
{
	int ret = waker_init(&dp->agent);

	if (ret == 0)
		ret = rcu_init(&dp->rcu, dp->nb_workers + 1);
	if (ret == 0)
		ret = open_ports(dp, conf);
	if (ret == 0)
		ret = make_workers(dp);
	if (ret == 0)
		ret = hostio_init(&dp->hostio, dp, dp->nb_workers,
			sent_mbufs(conf) + dp->nb_workers * HOST_RING_SIZE, widest_room(dp));
	if (ret == 0)
		ret = deal_queues(dp);
	if (ret < 0)
		return ret;
	dp->ping_pool =
		pool_new("pings", sent_mbufs(conf) + PING_MBUFS, 32, PING_ROOM, SOCKET_ID_ANY);
	dp->frag_pool = pool_new(
		"datagrams", FRAG_MBUFS, 64, RTE_PKTMBUF_HEADROOM + FRAG_ROOM, SOCKET_ID_ANY);
	if (dp->ping_pool == NULL || dp->frag_pool == NULL)
		return -ENOMEM;
	dp->no_locals = locals_build(NULL, 0);
	atomic_store(&dp->locals, dp->no_locals);
	return dp->no_locals == NULL ? -ENOMEM : 0;
}

int dp_new(const struct dp_conf *conf, struct dp **out)
{
	struct dp *dp;
	int ret;

	if (conf->nb_ports == 0 || conf->nb_ports > DP_MAX_PORTS || conf->nb_workers == 0 ||
		conf->nb_workers >= rte_lcore_count() || !replay_window_valid(conf->replay_window))
		return -EINVAL;
	dp = rte_zmalloc("dp", sizeof(*dp), CACHE_LINE);
	if (dp == NULL)
		return -ENOMEM;
	dp->aead = conf->aead;
	TAILQ_INIT(&dp->graces);
	dp->max_peers = conf->max_peers;
	dp->replay_window = conf->replay_window;
	dp->handshake_rate = conf->handshake_rate;
	dp->idle_poll = conf->idle_poll;
	dp->nb_workers = conf->nb_workers;
	dp->agent.fd = dp->hostio.epoll = dp->hostio.waker.fd = -1;
	ret = make_parts(dp, conf);
	if (ret < 0) {
		dp_free(dp);
		return ret;
	}
	*out = dp;
	return 0;
}

int dp_start(struct dp *dp)
{
	int ret;

	for (unsigned int i = 0; i < dp->nb_ports; i++) {
		ret = port_start(&dp->ports[i]);
		if (ret < 0) {
			while (i-- > 0)
				port_stop(&dp->ports[i]);
			return ret;
		}
	}
	atomic_store(&dp->stop, false);
	dp->started = rte_rdtsc();
	dp->running = true;
	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		ret = rte_eal_remote_launch(worker_main, dp->workers[i], dp->workers[i]->lcore);
		if (ret < 0)
			return ret;
	}
	return hostio_start(&dp->hostio);
}

void dp_stop(struct dp *dp)
{
	if (!dp->running)
		return;
	atomic_store(&dp->stop, true);
	hostio_stop(&dp->hostio);
	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		waker_wake(&dp->workers[i]->waker);
		rte_eal_wait_lcore(dp->workers[i]->lcore);
	}
	for (unsigned int i = 0; i < dp->nb_ports; i++)
		port_stop(&dp->ports[i]);
	dp->running = false;
}

static void free_workers(struct dp *dp)
{
	for (unsigned int i = 0; dp->workers != NULL && i < dp->nb_workers; i++) {
		if (dp->workers[i] == NULL)
			continue;
		worker_fini(dp->workers[i]);
		rte_free(dp->workers[i]);
	}
	free(dp->workers);
}

void dp_free(struct dp *dp)
{
	if (dp == NULL)
		return;
	dp_stop(dp);
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		struct instance *inst = atomic_load(&dp->instances[i]);

		if (inst != NULL)
			dp_instance_del(dp, inst->iid);
	}
	for (unsigned int i = 0; i < dp->nb_ports; i++)
		hostdev_del(&dp->hostio, atomic_exchange(&dp->mirrors[i], NULL));
	rte_pktmbuf_free(dp->event_mbuf);
	free_workers(dp);
	if (dp->rcu.qsbr != NULL)
		rcu_fini(&dp->rcu);
	if (atomic_load(&dp->locals) != dp->no_locals)
		free(atomic_load(&dp->locals));
	free(dp->no_locals);
	for (unsigned int i = 0; i < dp->nb_ports; i++)
		port_close(&dp->ports[i]);
	hostio_fini(&dp->hostio); /* its buffers stood in the ports' queues */
	rte_mempool_free(dp->ping_pool);
	rte_mempool_free(dp->frag_pool);
	waker_fini(&dp->agent);
	rte_free(dp);
}

/* --- what workers tell the agent -------------------------------------------------------- */

static void control_event(struct rte_mbuf *m, struct dp_event *ev)
{
	const struct pkt *p = pkt_of(m);
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

	*ev = (struct dp_event){
		.type = DP_EVENT_CONTROL,
		.iid = p->iid,
		.tid = p->tid,
		.peer_id = DP_NO_PEER,
		.port = p->port,
		.data = frame + p->payload,
		.len = p->len,
	};
	classify_addrs(frame, p->family, p->payload, &ev->remote, &ev->local);
}

static bool worker_event(struct dp *dp, struct worker *w, struct dp_event *ev)
{
	struct event e;
	void *m;

	if (rte_ring_sc_dequeue(w->rings.exception, &m) == 0) {
		dp->event_mbuf = m;
		control_event(m, ev);
		return true;
	}
	if (rte_ring_sc_dequeue_elem(w->rings.event, &e, sizeof(e)) == 0) {
		*ev = (struct dp_event){
			.type = DP_EVENT_FLOAT,
			.iid = e.iid,
			.tid = e.tid,
			.peer_id = e.peer_id,
			.port = e.port,
			.remote = e.remote,
			.local = e.local,
		};
		return true;
	}
	return false;
}

bool dp_event_next(struct dp *dp, struct dp_event *ev)
{
	rte_pktmbuf_free(dp->event_mbuf);
	dp->event_mbuf = NULL;
	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		/* round robin, so that one worker's flood does not silence another */
		unsigned int k = dp->event_worker++ % dp->nb_workers;

		if (worker_event(dp, dp->workers[k], ev))
			return true;
	}
	waker_disarm(&dp->agent);
	return false;
}

int dp_event_fd(const struct dp *dp)
{
	return dp->agent.fd;
}

bool dp_event_arm(struct dp *dp)
{
	waker_arm(&dp->agent);
	for (unsigned int i = 0; i < dp->nb_workers; i++) {
		if (!rte_ring_empty(dp->workers[i]->rings.exception) ||
			!rte_ring_empty(dp->workers[i]->rings.event))
			return false;
	}
	return true;
}

/* --- the operator's view ---------------------------------------------------------------- */

unsigned int dp_nb_drops(void)
{
	return NB_DROPS;
}

const char *dp_drop_name(unsigned int reason)
{
	return drop_name(reason);
}

const char *dp_drop_words(unsigned int reason)
{
	return drop_words(reason);
}

void dp_drops(struct dp *dp, uint64_t *out)
{
	for (unsigned int r = 0; r < NB_DROPS; r++) {
		out[r] = stat_read(&dp->hostio.stats.drops[r]);
		for (unsigned int i = 0; i < dp->nb_workers; i++)
			out[r] += stat_read(&dp->workers[i]->stats.drops[r]);
	}
}

unsigned int dp_nb_ports(const struct dp *dp)
{
	return dp->nb_ports;
}

void dp_port_info(struct dp *dp, unsigned int port, struct dp_port_info *info)
{
	port_info(&dp->ports[port], info);
}

unsigned int dp_nb_workers(const struct dp *dp)
{
	return dp->nb_workers;
}

void dp_lcore_info(struct dp *dp, unsigned int worker, struct dp_lcore_info *info)
{
	const struct worker *w = dp->workers[worker];
	const struct thread_stats *s = &w->stats;

	*info = (struct dp_lcore_info){
		.lcore = w->lcore,
		.iterations = stat_read(&s->iterations),
		.busy_iterations = stat_read(&s->busy_iterations),
		.sleeps = stat_read(&s->sleeps),
		.cycles = rte_rdtsc() - dp->started,
		.busy_cycles = stat_read(&s->busy_cycles),
		.rx_packets = stat_read(&s->rx_packets),
		.rx_bursts = stat_read(&s->rx_bursts),
		.decap_packets = stat_read(&s->decap_packets),
		.encap_packets = stat_read(&s->encap_packets),
		.control_packets = stat_read(&s->control_packets),
		.host_packets = stat_read(&s->host_packets),
		.crypto_inflight = aead_inflight(w->aead),
		.stuck = rcu_behind(&dp->rcu, worker) && rcu_waiting_ms(&dp->rcu) > STUCK_MS,
	};
}

static const struct rte_mempool *pool(const struct dp *dp, unsigned int i)
{
	if (i < dp->nb_ports)
		return dp->ports[i].pool;
	switch (i - dp->nb_ports) {
	case 0:
		return dp->hostio.pool;
	case 1:
		return dp->ping_pool;
	default:
		return dp->frag_pool;
	}
}

unsigned int dp_nb_pools(const struct dp *dp)
{
	return dp->nb_ports + 3;
}

void dp_pool_info(struct dp *dp, unsigned int i, struct dp_pool_info *info)
{
	const struct rte_mempool *mp = pool(dp, i);

	*info = (struct dp_pool_info){
		.size = mp->size,
		.in_use = rte_mempool_in_use_count(mp),
		.element_bytes = mp->header_size + mp->elt_size + mp->trailer_size,
	};
	snprintf(info->name, sizeof(info->name), "%s", mp->name);
}

uint64_t dp_tsc_hz(void)
{
	return rte_get_tsc_hz();
}
