/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_show.h"
#include "ctl_clear.h"
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

/* null: never. */
static json_t *ago(uint64_t ms)
{
	return ms == UINT64_MAX ? json_null() : seconds(ms);
}

static json_t *key_json(enum keyslot slot, const struct dp_key_info *k)
{
	/* null: it is good */
	static const char *const wear[] = {
		[KEY_WORN_PACKETS] = "packets",
		[KEY_WORN_BLOCKS] = "blocks",
		[KEY_WORN_FAILED] = "failures",
	};

	return json_pack("{s:s, s:i, s:s, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:s?}", "slot",
		slot == KEYSLOT_PRIMARY ? "primary" : "secondary", "id", k->key_id, "cipher",
		aead_alg_name(k->alg), "transmits", k->transmits, "age_s", seconds(k->age_ms),
		"tx_packet_ids", (json_int_t)k->tx_ids, "rx_packet_id_top", (json_int_t)k->rx_top,
		"failed", (json_int_t)k->failed, "tx_blocks", (json_int_t)k->tx_blocks, "rx_blocks",
		(json_int_t)k->rx_blocks, "worn", wear[k->wear]);
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
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "vpn_rx_packets",
		(json_int_t)p->vpn_rx_packets, "vpn_rx_bytes", (json_int_t)p->vpn_rx_bytes,
		"vpn_tx_packets", (json_int_t)p->vpn_tx_packets, "vpn_tx_bytes",
		(json_int_t)p->vpn_tx_bytes, "link_rx_packets", (json_int_t)p->link_rx_packets,
		"link_rx_bytes", (json_int_t)p->link_rx_bytes, "link_tx_packets",
		(json_int_t)p->link_tx_packets, "link_tx_bytes", (json_int_t)p->link_tx_bytes,
		"link_tx_fragmented", (json_int_t)p->link_tx_fragmented);
}

static json_t *drops_json(const struct dp_peer_view *v)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list != NULL && i < dp_nb_drops(); i++) {
		if (v->drops[i] != 0)
			list = ctl_json_append(list,
				ctl_json_drop(dp_drop_name(i), v->drops[i], dp_drop_words(i)));
	}
	return list;
}

static json_t *last_drop_json(const struct dp_last_drop *d)
{
	if (!d->any)
		return json_null();
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", dp_drop_name(d->reason), "words",
		dp_drop_words(d->reason), "ago_s", seconds(d->ago_ms), "packet_id",
		d->packet_id != 0 ? json_integer((json_int_t)d->packet_id) : json_null(), "from",
		ctl_json_udp(&d->from));
}

/* Merges b into a and steals both; NULL if either is. */
static json_t *merged(json_t *a, json_t *b)
{
	if (a == NULL || b == NULL || json_object_update(a, b) < 0) {
		json_decref(a);
		a = NULL;
	}
	json_decref(b);
	return a;
}

static json_t *peer_json(const struct agent_instance_info *in, const struct dp_peer_view *v)
{
	const struct dp_peer_info *p = &v->info;
	unsigned int why = (unsigned int)p->why;
	json_t *head = json_pack("{s:o, s:I, s:I, s:b, s:I, s:o, s:o}", "instance",
		ctl_json_text(in->device), "instance_id", (json_int_t)in->iid, "id",
		(json_int_t)p->id, "gone", p->gone, "dropped", (json_int_t)v->dropped, "drops",
		drops_json(v), "last_drop", last_drop_json(&v->last));
	json_t *rest;

	if (p->gone)
		rest = json_pack(
			"{s:s}", "why", why < ARRAY_LEN(gone_words) ? gone_words[why] : "unknown");
	else
		rest = json_pack(
			"{s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:o, s:o, s:o}",
			"tx_id", (json_int_t)p->tx_id, "remote", ctl_json_udp(&p->remote), "local",
			ctl_json_udp(&p->local), "vpn4", ctl_json_ip(&p->vpn4), "vpn6",
			ctl_json_ip(&p->vpn6), "mac", ctl_json_mac(p->mac), "has_path", p->has_path,
			"floats", (json_int_t)p->floats, "keepalive_interval_s",
			(json_int_t)p->interval, "keepalive_timeout_s", (json_int_t)p->timeout,
			"last_rx_s", ago(p->rx_ago_ms), "last_tx_s", ago(p->tx_ago_ms), "keys",
			keys_json(p));
	return merged(merged(head, counters_json(p)), rest);
}

/* --- walking over them -------------------------------------------------------------------- */

/* The instance's peers that are asked for. False: visit() said so. */
static bool each_of(struct ctl_ask *ask, const struct agent_instance_info *in,
	unsigned int *looked_at,
	bool (*visit)(void *arg, const struct agent_instance_info *in, uint32_t id), void *arg)
{
	struct dp *dp = agent_dp(ask->agent);
	uint32_t first = in->iid == ask->from.iid ? ask->from.peer_id : 0;

	if (ask->peer >= 0)
		return visit(arg, in, (uint32_t)ask->peer);
	for (uint32_t id = dp_peer_next(dp, in->iid, first); id != DP_NO_PEER;
		id = dp_peer_next(dp, in->iid, id + 1)) {
		if (*looked_at == CTL_PEERS_PAGE) {
			ask->more = true;
			ask->next = (struct ctl_cursor){in->iid, id};
			return true;
		}
		(*looked_at)++;
		if (!visit(arg, in, id))
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

bool ctl_each_peer(struct ctl_ask *ask,
	bool (*visit)(void *arg, const struct agent_instance_info *in, uint32_t id), void *arg)
{
	struct agent_instance_info *in;
	unsigned int n = ctl_instances(ask->agent, &in);
	unsigned int looked_at = 0, matched = 0;
	bool ok = in != NULL;

	for (unsigned int i = 0; ok && i < n && !ask->more; i++) {
		if (ask->instance != NULL && strcmp(ask->instance, in[i].device) != 0)
			continue;
		matched++;
		if (in[i].iid >= ask->from.iid)
			ok = each_of(ask, &in[i], &looked_at, visit, arg);
	}
	/* A later page may find its instance gone, which is no mistake of the operator. */
	if (ok && ask->instance != NULL && matched == 0 && !ask->continued)
		ctl_say_which(ask, in, n);
	free(in);
	return ok;
}

/* --- show peers ----------------------------------------------------------------------------- */

struct listing {
	struct ctl_ask *ask;
	json_t *list;
};

static bool list_peer(void *arg, const struct agent_instance_info *in, uint32_t id)
{
	struct listing *l = arg;
	struct dp_peer_view v;

	if (dp_peer_view(agent_dp(l->ask->agent), in->iid, id, &v) < 0 ||
		(v.info.gone && !l->ask->all && l->ask->peer < 0))
		return true;
	l->list = ctl_json_append(l->list, peer_json(in, &v));
	return l->list != NULL;
}

json_t *ctl_show_peers(struct ctl_ask *ask)
{
	struct listing l = {.ask = ask, .list = json_array()};
	bool ok = l.list != NULL && ctl_each_peer(ask, list_peer, &l);

	if (ok && ask->error[0] == '\0' && ask->peer >= 0 && json_array_size(l.list) == 0)
		snprintf(ask->error, sizeof(ask->error), "no peer %lld%s%.16s",
			(long long)ask->peer, ask->instance != NULL ? " in instance " : "",
			ask->instance != NULL ? ask->instance : "");
	if (ok && ask->error[0] == '\0')
		return l.list;
	json_decref(l.list);
	return NULL;
}

/* --- show stats ----------------------------------------------------------------------------- */

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
	sum->link_tx_fragmented += p->link_tx_fragmented;
}

static json_t *workers_json(struct agent *a)
{
	struct dp_lcore_info l, sum = {0};
	unsigned int n = dp_nb_workers(agent_dp(a));

	for (unsigned int i = 0; i < n; i++) {
		ctl_lcore_info(a, i, &l);
		sum.rx_packets += l.rx_packets;
		sum.decap_packets += l.decap_packets;
		sum.encap_packets += l.encap_packets;
		sum.control_packets += l.control_packets;
		sum.host_packets += l.host_packets;
		sum.keepalives += l.keepalives;
		sum.fragments_received += l.fragments_received;
		sum.fragments_sent += l.fragments_sent;
		sum.segments_lowered += l.segments_lowered;
		sum.crypto_inflight += l.crypto_inflight;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "workers",
		(json_int_t)n, "rx_packets", (json_int_t)sum.rx_packets, "decap_packets",
		(json_int_t)sum.decap_packets, "encap_packets", (json_int_t)sum.encap_packets,
		"control_packets", (json_int_t)sum.control_packets, "host_packets",
		(json_int_t)sum.host_packets, "keepalives", (json_int_t)sum.keepalives,
		"fragments_received", (json_int_t)sum.fragments_received, "fragments_sent",
		(json_int_t)sum.fragments_sent, "segments_lowered",
		(json_int_t)sum.segments_lowered, "crypto_inflight",
		(json_int_t)sum.crypto_inflight);
}

static json_t *host_json(struct agent *a)
{
	struct dp_host_info h;

	ctl_host_info(a, &h);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "from_kernel_packets",
		(json_int_t)h.from_packets, "from_kernel_reads", (json_int_t)h.from_reads,
		"to_kernel_packets", (json_int_t)h.to_packets, "to_kernel_writes",
		(json_int_t)h.to_writes, "sleeps", (json_int_t)h.sleeps);
}

struct totals {
	struct dp *dp;
	unsigned int peers, gone;
	struct dp_peer_info sum;
};

static bool count_peer(void *arg, const struct agent_instance_info *in, uint32_t id)
{
	struct totals *t = arg;
	struct dp_peer_view v;

	if (dp_peer_view(t->dp, in->iid, id, &v) < 0)
		return true;
	t->gone += v.info.gone;
	t->peers += !v.info.gone;
	if (!v.info.gone)
		add_up(&t->sum, &v.info);
	return true;
}

/*
 * Peers' counters are of those that are there, and on a page of its peers alone: who asks adds them
 * up. Workers' and drops are of all that passed, on each page.
 */
json_t *ctl_show_stats(struct ctl_ask *ask)
{
	struct agent *a = ask->agent;
	struct totals t = {.dp = agent_dp(a)};
	struct dp_fragmenting fragmenting;
	struct agent_instance_info in;
	unsigned int instances = 0;

	if (!ctl_each_peer(ask, count_peer, &t))
		return NULL;
	while (agent_instance_info(a, instances, &in))
		instances++;
	dp_fragmenting(t.dp, &fragmenting);
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:o, s:o, s:o}",
		"instances", (json_int_t)instances, "peers", (json_int_t)t.peers, "gone_peers",
		(json_int_t)t.gone, "drops", (json_int_t)ctl_total_drops(a), "floats",
		(json_int_t)ctl_counts(a).floats, "floats_refused",
		(json_int_t)ctl_counts(a).floats_refused, "fragmenting_peers",
		(json_int_t)fragmenting.peers, "fragmenting_notices",
		(json_int_t)fragmenting.notices, "keys_worn", (json_int_t)ctl_counts(a).keys_worn,
		"rekeys_asked", (json_int_t)ctl_counts(a).rekeys_asked, "counting_s",
		ctl_counting_s(a), "cleared", ctl_cleared(a), "peer_totals", counters_json(&t.sum),
		"worker_totals", workers_json(a), "host_totals", host_json(a));
}
