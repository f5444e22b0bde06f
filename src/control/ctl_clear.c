/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ctl_clear.h"

#include <errno.h>
#include <time.h>

#include "control/agent.h"
#include "control/ctl_show.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MSEC_PER_SEC + (uint64_t)t.tv_nsec / NS_PER_MSEC;
}

void ctl_zero_init(struct ctl_zero *z)
{
	memset(z, 0, sizeof(*z));
	z->started_ms = now_ms();
}

bool ctl_cleared(struct agent *a)
{
	return agent_zero(a)->cleared_ms != 0;
}

double ctl_counting_s(struct agent *a)
{
	const struct ctl_zero *z = agent_zero(a);
	uint64_t since = z->cleared_ms != 0 ? z->cleared_ms : z->started_ms;

	return (double)(now_ms() - since) / (double)MSEC_PER_SEC;
}

/* --- what there is, less what there was --------------------------------------------------- */

void ctl_drops(struct agent *a, uint64_t out[DP_DROPS_MAX])
{
	const struct ctl_zero *z = agent_zero(a);

	dp_drops(agent_dp(a), out);
	for (unsigned int i = 0; i < dp_nb_drops(); i++)
		out[i] -= z->drops[i];
}

struct control_counts ctl_counts(struct agent *a)
{
	const struct control_counts *zero = &agent_zero(a)->counts;
	struct control_counts c = *agent_counts(a);

	c.data_refused -= zero->data_refused;
	c.openvpn_busy -= zero->openvpn_busy;
	c.no_transport -= zero->no_transport;
	c.send_failed -= zero->send_failed;
	c.no_family -= zero->no_family;
	c.datagrams_broken -= zero->datagrams_broken;
	c.floats -= zero->floats;
	c.keys_worn -= zero->keys_worn;
	c.rekeys_asked -= zero->rekeys_asked;
	c.floats_refused -= zero->floats_refused;
	return c;
}

void ctl_port_info(struct agent *a, unsigned int port, struct dp_port_info *info)
{
	const struct dp_port_info *zero = &agent_zero(a)->ports[port];

	dp_port_info(agent_dp(a), port, info);
	info->rx_packets -= zero->rx_packets;
	info->rx_bytes -= zero->rx_bytes;
	info->tx_packets -= zero->tx_packets;
	info->tx_bytes -= zero->tx_bytes;
	info->rx_missed -= zero->rx_missed;
	info->rx_nombuf -= zero->rx_nombuf;
	info->tx_dropped -= zero->tx_dropped;
}

void ctl_lcore_info(struct agent *a, unsigned int worker, struct dp_lcore_info *info)
{
	const struct dp_lcore_info *zero = &agent_zero(a)->lcores[worker];

	dp_lcore_info(agent_dp(a), worker, info);
	info->iterations -= zero->iterations;
	info->busy_iterations -= zero->busy_iterations;
	info->sleeps -= zero->sleeps;
	info->cycles -= zero->cycles;
	info->busy_cycles -= zero->busy_cycles;
	info->rx_packets -= zero->rx_packets;
	info->rx_bursts -= zero->rx_bursts;
	info->decap_packets -= zero->decap_packets;
	info->encap_packets -= zero->encap_packets;
	info->control_packets -= zero->control_packets;
	info->host_packets -= zero->host_packets;
	info->keepalives -= zero->keepalives;
	info->fragments_received -= zero->fragments_received;
	info->fragments_sent -= zero->fragments_sent;
	info->segments_lowered -= zero->segments_lowered;
}

void ctl_host_info(struct agent *a, struct dp_host_info *info)
{
	const struct dp_host_info *zero = &agent_zero(a)->host;

	dp_host_info(agent_dp(a), info);
	info->from_packets -= zero->from_packets;
	info->from_reads -= zero->from_reads;
	info->to_packets -= zero->to_packets;
	info->to_writes -= zero->to_writes;
	info->sleeps -= zero->sleeps;
}

/* --- the command ---------------------------------------------------------------------------- */

static void clear_all_but_peers(struct agent *a)
{
	struct ctl_zero *z = agent_zero(a);
	struct dp *dp = agent_dp(a);

	z->cleared_ms = now_ms();
	z->counts = *agent_counts(a);
	dp_drops(dp, z->drops);
	dp_host_info(dp, &z->host);
	for (unsigned int i = 0; i < dp_nb_ports(dp); i++)
		dp_port_info(dp, i, &z->ports[i]);
	for (unsigned int i = 0; i < dp_nb_workers(dp); i++)
		dp_lcore_info(dp, i, &z->lcores[i]);
}

static bool clear_peer(void *arg, const struct agent_instance_info *in, uint32_t id)
{
	struct ctl_ask *ask = arg;

	return dp_peer_clear(agent_dp(ask->agent), in->iid, id) != -ENOMEM;
}

json_t *ctl_clear_stats(struct ctl_ask *ask)
{
	if (!ask->continued)
		clear_all_but_peers(ask->agent);
	return ctl_each_peer(ask, clear_peer, ask) ? json_object() : NULL;
}
