/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator sees of the data plane. */
#include "dataplane/dp_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/state.h"

#define STUCK_MS 1000

static_assert(NB_DROPS <= DP_DROPS_MAX, "what the face promises");

/* --- one peer --------------------------------------------------------------------------- */

/* The peer, or what is left of it: one of both, or neither. */
static struct peertab_entry *entry(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct instance *inst = instance_find(dp, iid);

	if (inst == NULL || id > DP_PEER_ID_MAX)
		return NULL;
	return peertab_entry(&inst->peers, id);
}

static void take_off(struct dp_peer_info *info, const struct peer_stats *zero)
{
	info->vpn_rx_packets -= zero->vpn_rx_packets;
	info->vpn_rx_bytes -= zero->vpn_rx_bytes;
	info->vpn_tx_packets -= zero->vpn_tx_packets;
	info->vpn_tx_bytes -= zero->vpn_tx_bytes;
	info->link_rx_packets -= zero->link_rx_packets;
	info->link_rx_bytes -= zero->link_rx_bytes;
	info->link_tx_packets -= zero->link_tx_packets;
	info->link_tx_bytes -= zero->link_tx_bytes;
	info->link_tx_fragmented -= zero->link_tx_fragmented;
}

static void fill_drops(
	struct dp_peer_view *v, const struct peer_drops *d, const struct peer_zero *zero)
{
	enum drop_reason why;
	uint64_t when;

	for (unsigned int r = DROP_OF_PEER; r < NB_DROPS; r++) {
		v->drops[r] =
			peer_drops_of(d, r) - (zero == NULL ? 0 : zero->drops[r - DROP_OF_PEER]);
		v->dropped += v->drops[r];
	}
	if (!peer_drops_last(d, &why, &when, &v->last.packet_id, &v->last.from) ||
		(zero != NULL && when <= zero->when))
		return;
	v->last.any = true;
	v->last.reason = why;
	v->last.ago_ms = (rte_rdtsc() - when) / (rte_get_tsc_hz() / MSEC_PER_SEC);
}

int dp_peer_view(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_view *v)
{
	struct peertab_entry *e = entry(dp, iid, id);
	const struct peer *p;
	int ret;

	memset(v, 0, sizeof(*v));
	ret = dp_peer_get(dp, iid, id, &v->info);
	if (ret < 0)
		return ret;
	p = atomic_load_explicit(&e->peer, memory_order_relaxed);
	if (p == NULL) {
		fill_drops(
			v, e->tomb->peer != NULL ? &e->tomb->peer->drops : &e->tomb->drops, NULL);
		return 0;
	}
	if (p->zero != NULL) {
		take_off(&v->info, &p->zero->sums);
		v->info.floats -= p->zero->floats;
	}
	fill_drops(v, &p->drops, p->zero);
	return 0;
}

int dp_peer_clear(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct peertab_entry *e = entry(dp, iid, id);
	struct peer *p = e == NULL ? NULL : atomic_load_explicit(&e->peer, memory_order_relaxed);

	if (p == NULL)
		return -ENOENT;
	if (p->zero == NULL) {
		p->zero = calloc(1, sizeof(*p->zero));
		if (p->zero == NULL)
			return -ENOMEM;
		dp->nb_zeros++;
	}
	p->zero->when = rte_rdtsc();
	peer_sum(p, &p->zero->sums);
	p->zero->floats = p->floats;
	for (unsigned int r = DROP_OF_PEER; r < NB_DROPS; r++)
		p->zero->drops[r - DROP_OF_PEER] = peer_drops_of(&p->drops, r);
	return 0;
}

void dp_peers(const struct dp *dp, uint32_t *nb, uint32_t *max)
{
	*nb = dp->nb_peers;
	*max = dp->max_peers;
}

uint32_t dp_instance_peers(struct dp *dp, uint32_t iid)
{
	const struct instance *inst = instance_find(dp, iid);

	return inst != NULL ? inst->nb_peers : 0;
}

/* --- drops, ports, threads, buffers ------------------------------------------------------- */

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
		.keepalives = stat_read(&s->keepalives),
		.fragments_received = stat_read(&s->fragments_received),
		.fragments_sent = stat_read(&s->fragments_sent),
		.segments_lowered = stat_read(&s->segments_lowered),
		.crypto_inflight = aead_inflight(w->aead),
		.stuck = rcu_behind(&dp->rcu, worker) && rcu_waiting_ms(&dp->rcu) > STUCK_MS,
	};
}

void dp_host_info(struct dp *dp, struct dp_host_info *info)
{
	const struct thread_stats *s = &dp->hostio.stats;

	*info = (struct dp_host_info){
		.from_packets = stat_read(&s->host_in_packets),
		.from_reads = stat_read(&s->host_in_reads),
		.to_packets = stat_read(&s->host_out_packets),
		.to_writes = stat_read(&s->host_out_writes),
		.sleeps = stat_read(&s->sleeps),
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
