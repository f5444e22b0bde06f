/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel's tables are to the data plane: `show routes` and `show neighbours`. */
#include "ctl_show.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/hostif_view.h"

/* As `ip` prints it, without a length of all bits; but all addresses have no name. */
#define PREFIX_STRLEN (IP_STRLEN + 4)

static const char *prefix_text(const struct iroutes_row *r, char buf[PREFIX_STRLEN])
{
	char ip[IP_STRLEN];

	if (r->prefix_len == 8 * ip_len(r->prefix.family))
		return ip_str(&r->prefix, buf);
	snprintf(buf, PREFIX_STRLEN, "%s/%u", ip_str(&r->prefix, ip), r->prefix_len);
	return buf;
}

static bool read_ip(const char *text, struct ip_addr *ip)
{
	uint8_t bytes[16];
	bool v6 = strchr(text, ':') != NULL;

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	*ip = ip_from_bytes(v6 ? IP_V6 : IP_V4, bytes);
	return true;
}

static bool wrong_place(struct ctl_ask *ask)
{
	snprintf(ask->error, sizeof(ask->error), "'from' must be the 'next' of the answer before");
	return false;
}

/* --- routes ----------------------------------------------------------------------------- */

static json_t *number_or_null(bool known, uint32_t value)
{
	return known ? json_integer((json_int_t)value) : json_null();
}

static json_t *route_json(const struct agent_instance_info *in, const struct iroutes_row *r)
{
	char prefix[PREFIX_STRLEN];

	return json_pack("{s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:s}", "instance",
		ctl_json_text(in->device), "instance_id", (json_int_t)in->iid, "prefix",
		prefix_text(r, prefix), "peer",
		number_or_null(r->peer_id != DP_NO_PEER, r->peer_id), "via", ctl_json_ip(&r->via),
		"table", number_or_null(!r->vpn, r->table), "metric",
		number_or_null(!r->vpn, r->metric), "source",
		r->vpn ? "vpn-address" : "kernel-route");
}

/* "IID ADDRESS LENGTH VPN": where the page before ended; "IID": the instance's first comes next. */
static bool read_route_place(struct ctl_ask *ask, uint32_t *iid, struct iroutes_row *at)
{
	char ip[IP_STRLEN];
	unsigned int len, vpn;
	int n = sscanf(ask->after, "%u %45s %u %u", iid, ip, &len, &vpn);

	if (n == 1)
		return true;
	if (n != 4 || !read_ip(ip, &at->prefix) || len > 128)
		return wrong_place(ask);
	at->prefix_len = (uint8_t)len;
	at->vpn = vpn != 0;
	return true;
}

/* Adds what still fits on the page. False: out of memory. */
static bool add_routes(struct ctl_ask *ask, const struct agent_instance_info *in,
	const struct iroutes_row *after, json_t *list)
{
	struct iroutes_row rows[CTL_PEERS_PAGE + 1];
	unsigned int room = CTL_PEERS_PAGE - (unsigned int)json_array_size(list);
	uint32_t peer_id = ask->peer >= 0 ? (uint32_t)ask->peer : DP_NO_PEER;
	unsigned int n = hostif_view_routes(
		agent_hostif(ask->agent), in->iid, peer_id, after, rows, room + 1);
	char ip[IP_STRLEN];

	for (unsigned int i = 0; i < n && i < room; i++)
		if (json_array_append_new(list, route_json(in, &rows[i])) < 0)
			return false;
	if (n <= room)
		return true;
	ask->more = true;
	if (room == 0)
		snprintf(ask->resume, sizeof(ask->resume), "%u", in->iid);
	else
		snprintf(ask->resume, sizeof(ask->resume), "%u %s %u %u", in->iid,
			ip_str(&rows[room - 1].prefix, ip), rows[room - 1].prefix_len,
			rows[room - 1].vpn);
	return true;
}

json_t *ctl_show_routes(struct ctl_ask *ask)
{
	struct iroutes_row at = {0};
	uint32_t from = 0;
	struct agent_instance_info *in;
	unsigned int n, matched = 0;
	json_t *list;
	bool ok;

	if (ask->after != NULL && !read_route_place(ask, &from, &at))
		return NULL;
	n = ctl_instances(ask->agent, &in);
	list = in != NULL ? json_array() : NULL;
	ok = list != NULL;
	for (unsigned int i = 0; ok && i < n && !ask->more; i++) {
		bool here = ask->after != NULL && in[i].iid == from;

		if (ask->instance != NULL && strcmp(ask->instance, in[i].device) != 0)
			continue;
		matched++;
		if (in[i].iid >= from)
			ok = add_routes(ask, &in[i], here ? &at : NULL, list);
	}
	if (ok && ask->instance != NULL && matched == 0 && ask->after == NULL)
		ctl_say_which(ask, in, n);
	free(in);
	if (ok && ask->error[0] == '\0')
		return list;
	json_decref(list);
	return NULL;
}

/* --- neighbours ------------------------------------------------------------------------- */

static json_t *neighbour_json(const struct hostif_view_neighbour *n)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:b, s:I}", "port", ctl_json_text(n->port),
		"address", ctl_json_ip(&n->ip), "mac",
		n->has_mac ? ctl_json_mac(n->mac) : json_null(), "state", n->state, "managed",
		n->managed, "peers", (json_int_t)n->peers);
}

json_t *ctl_show_neighbours(struct ctl_ask *ask)
{
	struct hostif_view_neighbour rows[CTL_PEERS_PAGE + 1];
	struct hostif_view_neighbour at = {0};
	char ip[IP_STRLEN];
	unsigned int n;
	json_t *list;

	if (ask->after != NULL &&
		(sscanf(ask->after, "%u %45s", &at.ifindex, ip) != 2 || !read_ip(ip, &at.ip))) {
		wrong_place(ask);
		return NULL;
	}
	n = hostif_view_neighbours(
		agent_hostif(ask->agent), ask->after != NULL ? &at : NULL, rows, ARRAY_LEN(rows));
	list = json_array();
	for (unsigned int i = 0; list != NULL && i < n && i < CTL_PEERS_PAGE; i++) {
		if (json_array_append_new(list, neighbour_json(&rows[i])) == 0)
			continue;
		json_decref(list);
		list = NULL;
	}
	if (n > CTL_PEERS_PAGE) {
		const struct hostif_view_neighbour *last = &rows[CTL_PEERS_PAGE - 1];

		ask->more = true;
		snprintf(ask->resume, sizeof(ask->resume), "%u %s", last->ifindex,
			ip_str(&last->ip, ip));
	}
	return list;
}
