/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's life, and what workers tell the agent. */
#include "dataplane/dp_life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include "dataplane/memory.h"
#include "dataplane/pool.h"
#include "dataplane/state.h"
#include "log.h"

/* --- life ------------------------------------------------------------------------------- */

static int open_ports(struct dp *dp, const struct dp_conf *conf, const struct sizes *s)
{
	for (unsigned int i = 0; i < conf->nb_ports; i++) {
		int ret = port_open(
			&dp->ports[i], i, &conf->ports[i], dp->nb_workers, s->rx_mbufs[i]);

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

/* Shares the handshakes openvpn is given among the workers that receive. */
static void deal_handshakes(struct dp *dp)
{
	unsigned int receiving = 0;

	for (unsigned int i = 0; i < dp->nb_workers; i++)
		receiving += dp->workers[i]->nb_rx > 0;
	for (unsigned int i = 0; i < dp->nb_workers; i++)
		limit_init(&dp->workers[i]->limit, &dp->secret,
			(double)dp->handshake_rate / receiving, rte_get_tsc_hz());
}

/* What strangers must not guess. */
static int make_secrets(struct dp *dp)
{
	if (getentropy(&dp->secret, sizeof(dp->secret)) < 0)
		return -errno;
	for (uint64_t i = 0; i < IPID_COUNTERS; i++)
		atomic_init(&dp->ipids[i].next, (uint32_t)source_words(&dp->secret, i, ~i));
	return known_init(&dp->known, dp->max_peers);
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

static int make_parts(struct dp *dp, const struct dp_conf *conf)
{
	int ret = waker_init(&dp->agent);
	struct sizes s;

	sizes_of(conf, &s);
	if (ret == 0)
		ret = rcu_init(&dp->rcu, dp->nb_workers + 1);
	if (ret == 0)
		ret = open_ports(dp, conf, &s);
	if (ret == 0)
		ret = make_workers(dp);
	if (ret == 0)
		ret = hostio_init(
			&dp->hostio, dp, dp->nb_workers, s.host_mbufs, (uint16_t)s.host_room);
	if (ret == 0)
		ret = deal_queues(dp);
	if (ret == 0)
		ret = make_secrets(dp);
	if (ret < 0)
		return ret;
	deal_handshakes(dp);
	dp->ping_pool = pool_new("pings", s.ping_mbufs, 32, s.ping_room, SOCKET_ID_ANY);
	dp->frag_pool = pool_new("datagrams", s.frag_mbufs, 64, s.frag_room, SOCKET_ID_ANY);
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
	slab_init(&dp->peers, &dp->arena, peer_size(conf->nb_workers));
	slab_init(&dp->endpoints, &dp->arena, sizeof(struct endpoint));
	slab_init(&dp->keys, &dp->arena, key_size(conf->replay_window));
	slab_init(&dp->pages, &dp->arena, PEERTAB_PAGE_SIZE);
	TAILQ_INIT(&dp->ending);
	dp->scanned = DP_MAX_INSTANCES;
	TAILQ_INIT(&dp->graces);
	dp->max_peers = conf->max_peers;
	dp->replay_window = conf->replay_window;
	dp->handshake_rate = conf->handshake_rate;
	dp->idle_poll = conf->idle_poll;
	dp->mssfix = conf->mssfix;
	dp->tos_mask = (uint8_t)~conf->tos_clear;
	dp->nb_workers = conf->nb_workers;
	dp->agent.fd = dp->hostio.epoll = dp->hostio.waker.fd = -1;
	ret = make_parts(dp, conf);
	if (ret < 0) {
		dp_free(dp);
		return ret;
	}
	hearing_init(dp, rte_rdtsc());
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

/* False: a device still reads keys and buffers. */
static bool drain_workers(struct dp *dp)
{
	uint32_t left = 0;

	for (unsigned int i = 0; dp->workers != NULL && i < dp->nb_workers; i++) {
		if (dp->workers[i] != NULL)
			left += worker_drain(dp->workers[i]);
	}
	if (left > 0)
		log_err("a crypto device still holds %u packets and does not answer: they, their "
			"keys and the device are left as they are until the process ends",
			left);
	return left == 0;
}

int dp_free(struct dp *dp)
{
	if (dp == NULL)
		return 0;
	dp_stop(dp);
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		struct instance *inst = atomic_load(&dp->instances[i]);

		if (inst != NULL)
			dp_instance_del(dp, inst->iid);
	}
	while (instances_end_some(dp))
		;
	for (unsigned int i = 0; i < dp->nb_ports; i++)
		hostdev_del(&dp->hostio, atomic_exchange(&dp->mirrors[i], NULL));
	if (!drain_workers(dp))
		return -EBUSY;
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
	known_fini(&dp->known);
	arena_fini(&dp->arena);
	waker_fini(&dp->agent);
	rte_free(dp);
	return 0;
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
