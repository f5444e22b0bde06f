/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_show.h"
#include "dataplane/dp_view.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const gone_words[] = {
	[DP_GONE_TEARDOWN] = "interface removed",
	[DP_GONE_USERSPACE] = "removed by openvpn",
	[DP_GONE_EXPIRED] = "expired",
	[DP_GONE_TRANSPORT_ERROR] = "transport error",
	[DP_GONE_TRANSPORT_DISCONNECT] = "transport disconnected",
};

static int by_iid(const void *a, const void *b)
{
	uint32_t x = ((const struct agent_instance_info *)a)->iid;
	uint32_t y = ((const struct agent_instance_info *)b)->iid;

	return (x > y) - (x < y);
}

/* Ids are never used again, so their order is a place to come back to. */
unsigned int ctl_instances(struct agent *a, struct agent_instance_info **out)
{
	struct agent_instance_info *list = calloc(DP_MAX_INSTANCES, sizeof(*list));
	unsigned int n = 0;

	*out = list;
	if (list == NULL)
		return 0;
	while (n < DP_MAX_INSTANCES && agent_instance_info(a, n, &list[n]))
		n++;
	qsort(list, n, sizeof(*list), by_iid);
	return n;
}

static json_t *seconds(uint64_t ms)
{
	return json_real((double)ms / 1000);
}

static json_t *key_json(enum keyslot slot, const struct dp_key_info *k)
{
	return json_pack("{s:s, s:i, s:s, s:b, s:o, s:I, s:I, s:I}", "slot",
		slot == KEYSLOT_PRIMARY ? "primary" : "secondary", "id", k->key_id, "cipher",
		aead_alg_name(k->alg), "transmits", k->transmits, "age_s", seconds(k->age_ms),
		"tx_packet_ids", (json_int_t)k->tx_ids, "rx_packet_id_top", (json_int_t)k->rx_top,
		"failed", (json_int_t)k->failed);
}

static json_t *keys_json(const struct dp_peer_info *p)
{
	json_t *keys = json_array();

	for (int slot = KEYSLOT_PRIMARY; slot <= KEYSLOT_SECONDARY; slot++)
		if (p->key[slot].present &&
			json_array_append_new(keys, key_json((enum keyslot)slot, &p->key[slot])) <
				0)
			goto free_keys;
	return keys;
free_keys:
	json_decref(keys);
	return NULL;
}

static json_t *counters_json(const struct dp_peer_info *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "vpn_rx_packets",
		(json_int_t)p->vpn_rx_packets, "vpn_rx_bytes", (json_int_t)p->vpn_rx_bytes,
		"vpn_tx_packets", (json_int_t)p->vpn_tx_packets, "vpn_tx_bytes",
		(json_int_t)p->vpn_tx_bytes, "link_rx_packets", (json_int_t)p->link_rx_packets,
		"link_rx_bytes", (json_int_t)p->link_rx_bytes, "link_tx_packets",
		(json_int_t)p->link_tx_packets, "link_tx_bytes", (json_int_t)p->link_tx_bytes);
}

static json_t *peer_json(const struct agent_instance_info *in, const struct dp_peer_info *p)
{
	unsigned int why = (unsigned int)p->why;
	json_t *head = json_pack("{s:o, s:I, s:I, s:b}", "instance", ctl_json_text(in->device),
		"instance_id", (json_int_t)in->iid, "id", (json_int_t)p->id, "gone", p->gone);
	json_t *body = counters_json(p);
	json_t *rest;

	if (p->gone)
		rest = json_pack(
			"{s:s}", "why", why < ARRAY_LEN(gone_words) ? gone_words[why] : "unknown");
	else
		rest = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:o, s:o, s:o}",
			"remote", ctl_json_udp(&p->remote), "local", ctl_json_udp(&p->local),
			"vpn4", ctl_json_ip(&p->vpn4), "vpn6", ctl_json_ip(&p->vpn6), "mac",
			ctl_json_mac(p->mac), "has_path", p->has_path, "keepalive_interval_s",
			(json_int_t)p->interval, "keepalive_timeout_s", (json_int_t)p->timeout,
			"last_rx_s", seconds(p->rx_ago_ms), "last_tx_s", seconds(p->tx_ago_ms),
			"keys", keys_json(p));
	if (head == NULL || body == NULL || rest == NULL || json_object_update(head, rest) < 0 ||
		json_object_update(head, body) < 0) {
		json_decref(head);
		head = NULL;
	}
	json_decref(body);
	json_decref(rest);
	return head;
}

/* Adds the instance's peers that are asked for. False: out of memory. */
static bool add_peers(struct ctl_ask *ask, const struct agent_instance_info *in, json_t *list,
	unsigned int *looked_at)
{
	struct dp *dp = agent_dp(ask->agent);
	uint32_t first = in->iid == ask->from.iid ? ask->from.peer_id : 0;
	struct dp_peer_info p;

	if (ask->peer >= 0)
		return dp_peer_get(dp, in->iid, (uint32_t)ask->peer, &p) < 0 ||
			json_array_append_new(list, peer_json(in, &p)) == 0;
	for (uint32_t id = dp_peer_next(dp, in->iid, first); id != DP_NO_PEER;
		id = dp_peer_next(dp, in->iid, id + 1)) {
		if (*looked_at == CTL_PEERS_PAGE) {
			ask->more = true;
			ask->next = (struct ctl_cursor){in->iid, id};
			return true;
		}
		(*looked_at)++;
		if (dp_peer_get(dp, in->iid, id, &p) < 0 || (p.gone && !ask->all))
			continue;
		if (json_array_append_new(list, peer_json(in, &p)) < 0)
			return false;
	}
	return true;
}

void ctl_say_which(struct ctl_ask *ask, const struct agent_instance_info *in, unsigned int n)
{
	int used = snprintf(ask->error, sizeof(ask->error), "no instance has the device '%.20s'%s",
		ask->instance, n == 0 ? ": none is attached" : ": there are");

	for (unsigned int i = 0; i < n && used < (int)sizeof(ask->error) - 24; i++)
		used += snprintf(ask->error + used, sizeof(ask->error) - (size_t)used, "%s %s",
			i == 0 ? "" : ",", in[i].device[0] != '\0' ? in[i].device : "(none yet)");
}

json_t *ctl_show_peers(struct ctl_ask *ask)
{
	struct agent_instance_info *in;
	unsigned int n = ctl_instances(ask->agent, &in);
	unsigned int looked_at = 0, matched = 0;
	json_t *list = in != NULL ? json_array() : NULL;
	bool ok = list != NULL;

	for (unsigned int i = 0; ok && i < n && !ask->more; i++) {
		if (ask->instance != NULL && strcmp(ask->instance, in[i].device) != 0)
			continue;
		matched++;
		if (in[i].iid >= ask->from.iid)
			ok = add_peers(ask, &in[i], list, &looked_at);
	}
	/* A later page may find its instance gone, which is no mistake of the operator. */
	if (ok && ask->instance != NULL && matched == 0 && !ask->continued)
		ctl_say_which(ask, in, n);
	else if (ok && ask->peer >= 0 && json_array_size(list) == 0)
		snprintf(ask->error, sizeof(ask->error), "no peer %lld%s%.16s",
			(long long)ask->peer, ask->instance != NULL ? " in instance " : "",
			ask->instance != NULL ? ask->instance : "");
	free(in);
	if (ok && ask->error[0] == '\0')
		return list;
	json_decref(list);
	return NULL;
}

static void add_up(struct dp_peer_info *sum, const struct dp_peer_info *p)
{
	sum->vpn_rx_packets += p->vpn_rx_packets;
	sum->vpn_rx_bytes += p->vpn_rx_bytes;
	sum->vpn_tx_packets += p->vpn_tx_packets;
	sum->vpn_tx_bytes += p->vpn_tx_bytes;
	sum->link_rx_packets += p->link_rx_packets;
	sum->link_rx_bytes += p->link_rx_bytes;
	sum->link_tx_packets += p->link_tx_packets;
	sum->link_tx_bytes += p->link_tx_bytes;
}

static json_t *workers_json(struct dp *dp)
{
	struct dp_lcore_info l, sum = {0};
	unsigned int n = dp_nb_workers(dp);

	for (unsigned int i = 0; i < n; i++) {
		dp_lcore_info(dp, i, &l);
		sum.rx_packets += l.rx_packets;
		sum.decap_packets += l.decap_packets;
		sum.encap_packets += l.encap_packets;
		sum.control_packets += l.control_packets;
		sum.host_packets += l.host_packets;
		sum.crypto_inflight += l.crypto_inflight;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "workers", (json_int_t)n,
		"rx_packets", (json_int_t)sum.rx_packets, "decap_packets",
		(json_int_t)sum.decap_packets, "encap_packets", (json_int_t)sum.encap_packets,
		"control_packets", (json_int_t)sum.control_packets, "host_packets",
		(json_int_t)sum.host_packets, "crypto_inflight", (json_int_t)sum.crypto_inflight);
}

/* Peers' counters are of those that are there; workers' and drops are since the daemon's start. */
json_t *ctl_show_stats(struct ctl_ask *ask)
{
	struct dp *dp = agent_dp(ask->agent);
	unsigned int instances = 0, peers = 0, gone = 0;
	struct dp_peer_info p, sum = {0};
	struct agent_instance_info in;
	json_t *result;
	uint64_t drops;

	for (; agent_instance_info(ask->agent, instances, &in); instances++) {
		for (uint32_t id = dp_peer_next(dp, in.iid, 0); id != DP_NO_PEER;
			id = dp_peer_next(dp, in.iid, id + 1)) {
			if (dp_peer_get(dp, in.iid, id, &p) < 0)
				continue;
			gone += p.gone;
			peers += !p.gone;
			if (!p.gone)
				add_up(&sum, &p);
		}
	}
	if (!ctl_total_drops(ask->agent, &drops))
		return NULL;
	result = json_pack("{s:I, s:I, s:I, s:I, s:I}", "instances", (json_int_t)instances, "peers",
		(json_int_t)peers, "gone_peers", (json_int_t)gone, "drops", (json_int_t)drops,
		"floats", (json_int_t)agent_counts(ask->agent)->floats);
	if (json_object_set_new(result, "peer_totals", counters_json(&sum)) < 0 ||
		json_object_set_new(result, "worker_totals", workers_json(dp)) < 0) {
		json_decref(result);
		return NULL;
	}
	return result;
}
