/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_show.h"
#include "ctl_clear.h"
#include "dataplane/dp_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *ctl_json_text(const char *text)
{
	json_t *value = json_string(text);
	char copy[512];

	if (value != NULL)
		return value;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p != '\0'; p++)
		if ((*p & 0x80) != 0)
			*p = '?';
	return json_string(copy);
}

json_t *ctl_json_ip(const struct ip_addr *a)
{
	char buf[IP_STRLEN];

	return a->family == IP_NONE ? json_null() : json_string(ip_str(a, buf));
}

json_t *ctl_json_udp(const struct udp_addr *a)
{
	char buf[UDP_ADDR_STRLEN];

	return a->ip.family == IP_NONE ? json_null() : json_string(udp_addr_str(a, buf));
}

json_t *ctl_json_mac(const uint8_t mac[DP_MAC_LEN])
{
	return json_sprintf(
		"%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

json_t *ctl_json_append(json_t *list, json_t *item)
{
	if (list != NULL && json_array_append_new(list, item) == 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *ctl_json_drop(const char *name, uint64_t count, const char *words)
{
	return json_pack(
		"{s:s, s:I, s:s}", "name", name, "count", (json_int_t)count, "words", words);
}

static json_t *ratio(double part, double whole)
{
	return whole > 0 ? json_real(part / whole) : json_null();
}

/* The agent's own drops, in the form of the workers'. */
static const struct {
	size_t offset;
	const char *name, *words;
} agent_drops[] = {
	{offsetof(struct control_counts, data_refused), "agent-data-refused",
		"a data packet was about to reach openvpn: a defect, please report it"},
	{offsetof(struct control_counts, openvpn_busy), "agent-openvpn-busy",
		"openvpn did not read its control packets in time"},
	{offsetof(struct control_counts, no_transport), "agent-no-transport",
		"a control packet came for a socket that openvpn had closed"},
	{offsetof(struct control_counts, send_failed), "agent-send-failed",
		"the kernel refused a datagram of openvpn"},
	{offsetof(struct control_counts, no_family), "agent-no-family",
		"a control packet could not cross between openvpn's IPv4 and IPv6 socket"},
	{offsetof(struct control_counts, datagrams_broken), "agent-datagram-broken",
		"openvpn gave a datagram that is too short or for no IP address"},
};

static uint64_t agent_drop(const struct control_counts *counts, size_t i)
{
	uint64_t count;

	memcpy(&count, (const char *)counts + agent_drops[i].offset, sizeof(count));
	return count;
}

uint64_t ctl_total_drops(struct agent *a)
{
	const struct control_counts counts = ctl_counts(a);
	uint64_t drops[DP_DROPS_MAX], total = 0;

	ctl_drops(a, drops);
	for (unsigned int i = 0; i < dp_nb_drops(); i++)
		total += drops[i];
	for (size_t i = 0; i < ARRAY_LEN(agent_drops); i++)
		total += agent_drop(&counts, i);
	return total;
}

static json_t *add_drop(const struct ctl_ask *ask, json_t *list, const char *name, uint64_t count,
	const char *words)
{
	if (list == NULL || (count == 0 && !ask->all))
		return list;
	return ctl_json_append(list, ctl_json_drop(name, count, words));
}

json_t *ctl_show_drops(struct ctl_ask *ask)
{
	const struct control_counts counts = ctl_counts(ask->agent);
	uint64_t drops[DP_DROPS_MAX];
	json_t *list = json_array();

	ctl_drops(ask->agent, drops);
	for (unsigned int i = 0; i < dp_nb_drops(); i++)
		list = add_drop(ask, list, dp_drop_name(i), drops[i], dp_drop_words(i));
	for (size_t i = 0; i < ARRAY_LEN(agent_drops); i++)
		list = add_drop(ask, list, agent_drops[i].name, agent_drop(&counts, i),
			agent_drops[i].words);
	return list;
}

static json_t *port_json(const struct dp_port_info *p)
{
	json_t *name = json_pack("{s:s, s:s, s:s, s:o, s:b, s:I, s:i, s:i, s:i}", "name", p->name,
		"ethdev", p->ethdev, "driver", p->driver, "mac", ctl_json_mac(p->mac), "link_up",
		p->link_up, "speed_mbps", (json_int_t)p->speed_mbps, "mtu", p->mtu, "rx_queues",
		p->rx_queues, "tx_queues", p->tx_queues);
	json_t *counters = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_packets",
		(json_int_t)p->rx_packets, "rx_bytes", (json_int_t)p->rx_bytes, "tx_packets",
		(json_int_t)p->tx_packets, "tx_bytes", (json_int_t)p->tx_bytes, "rx_missed",
		(json_int_t)p->rx_missed, "rx_no_mbuf", (json_int_t)p->rx_nombuf, "tx_dropped",
		(json_int_t)p->tx_dropped);

	if (name == NULL || counters == NULL || json_object_update(name, counters) < 0) {
		json_decref(name);
		name = NULL;
	}
	json_decref(counters);
	return name;
}

json_t *ctl_show_ports(struct ctl_ask *ask)
{
	struct dp *dp = agent_dp(ask->agent);
	json_t *list = json_array();
	struct dp_port_info p;

	for (unsigned int i = 0; list != NULL && i < dp_nb_ports(dp); i++) {
		ctl_port_info(ask->agent, i, &p);
		list = ctl_json_append(list, port_json(&p));
	}
	return list;
}

static json_t *lcore_json(const struct dp_lcore_info *l, unsigned int worker)
{
	double finished = (double)l->decap_packets + (double)l->encap_packets +
		(double)l->control_packets + (double)l->host_packets;
	json_t *load = json_pack("{s:I, s:I, s:b, s:o, s:o, s:o, s:I}", "lcore",
		(json_int_t)l->lcore, "worker", (json_int_t)worker, "stuck", l->stuck,
		"busy_percent", ratio(100 * (double)l->busy_cycles, (double)l->cycles),
		"cycles_per_packet", ratio((double)l->busy_cycles, finished), "packets_per_burst",
		ratio((double)l->rx_packets, (double)l->rx_bursts), "tsc_hz",
		(json_int_t)dp_tsc_hz());
	json_t *counters = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
				     " s:I, s:I, s:I, s:I}",
		"iterations", (json_int_t)l->iterations, "busy_iterations",
		(json_int_t)l->busy_iterations, "sleeps", (json_int_t)l->sleeps, "cycles",
		(json_int_t)l->cycles, "busy_cycles", (json_int_t)l->busy_cycles, "rx_packets",
		(json_int_t)l->rx_packets, "rx_bursts", (json_int_t)l->rx_bursts, "decap_packets",
		(json_int_t)l->decap_packets, "encap_packets", (json_int_t)l->encap_packets,
		"control_packets", (json_int_t)l->control_packets, "host_packets",
		(json_int_t)l->host_packets, "crypto_inflight", (json_int_t)l->crypto_inflight,
		"keepalives", (json_int_t)l->keepalives, "fragments_received",
		(json_int_t)l->fragments_received, "fragments_sent", (json_int_t)l->fragments_sent,
		"segments_lowered", (json_int_t)l->segments_lowered);

	if (load == NULL || counters == NULL || json_object_update(load, counters) < 0) {
		json_decref(load);
		load = NULL;
	}
	json_decref(counters);
	return load;
}

json_t *ctl_show_lcores(struct ctl_ask *ask)
{
	struct dp *dp = agent_dp(ask->agent);
	json_t *list = json_array();
	struct dp_lcore_info l;

	for (unsigned int i = 0; list != NULL && i < dp_nb_workers(dp); i++) {
		ctl_lcore_info(ask->agent, i, &l);
		list = ctl_json_append(list, lcore_json(&l, i));
	}
	return list;
}

json_t *ctl_show_crypto(struct ctl_ask *ask)
{
	struct aead *aead = agent_aead(ask->agent);
	unsigned int n = aead != NULL ? aead_nb_devices(aead) : 0;
	json_t *list = json_array();
	struct aead_device_info d;

	for (unsigned int i = 0; list != NULL && i < n; i++) {
		json_t *algs = json_array();

		aead_device_info(aead, i, &d);
		for (int alg = 0; algs != NULL && alg < AEAD_NB_ALGS; alg++)
			if ((d.algs >> alg & 1) != 0)
				algs = ctl_json_append(
					algs, json_string(aead_alg_name((enum aead_alg)alg)));
		list = ctl_json_append(list,
			json_pack("{s:s, s:s, s:s, s:o, s:I, s:I}", "name", d.name, "driver",
				d.driver, "mode", d.cpu ? "cpu" : "queue", "ciphers", algs,
				"sessions", (json_int_t)d.sessions, "sessions_max",
				(json_int_t)d.sessions_max));
	}
	return list;
}

json_t *ctl_show_instances(struct ctl_ask *ask)
{
	struct agent_instance_info in;
	json_t *list = json_array();

	for (unsigned int i = 0; list != NULL && agent_instance_info(ask->agent, i, &in); i++) {
		json_t *locals = json_array();

		for (unsigned int j = 0; locals != NULL && j < in.nb_locals; j++)
			locals = ctl_json_append(locals, ctl_json_udp(&in.local[j]));
		list = ctl_json_append(list,
			json_pack("{s:I, s:o, s:I, s:o, s:I, s:s, s:I, s:o}", "instance_id",
				(json_int_t)in.iid, "program", ctl_json_text(in.program), "pid",
				(json_int_t)in.pid, "device", ctl_json_text(in.device), "ifindex",
				(json_int_t)in.ifindex, "mode",
				in.multi_peer ? "multi-peer" : "p2p", "peers", (json_int_t)in.peers,
				"sockets", locals));
	}
	return list;
}

json_t *ctl_show_pools(struct ctl_ask *ask)
{
	struct dp *dp = agent_dp(ask->agent);
	json_t *list = json_array();
	struct dp_pool_info p;

	for (unsigned int i = 0; list != NULL && i < dp_nb_pools(dp); i++) {
		dp_pool_info(dp, i, &p);
		list = ctl_json_append(list,
			json_pack("{s:s, s:I, s:I, s:I}", "name", p.name, "size",
				(json_int_t)p.size, "in_use", (json_int_t)p.in_use, "element_bytes",
				(json_int_t)p.element_bytes));
	}
	return list;
}
