/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "control/hostif_iroutes_private.h"

bool iroutes_changed(const struct iroutes *r)
{
	return r->nb_unsaid > 0;
}

static bool put_into_set(struct htab_node *n, void *arg)
{
	const struct prefix *p = htab_entry(n, struct prefix, node);
	struct dp_route **end = arg;

	if (p->peer_id != DP_NO_PEER)
		*(*end)++ = (struct dp_route){p->key.ip, p->key.len, p->peer_id};
	return false;
}

int iroutes_set(struct iroutes *r, struct dp_route **routes, unsigned int *n)
{
	struct dp_route *set = calloc(r->prefixes.count + 1, sizeof(*set));
	struct dp_route *end = set;

	if (set == NULL)
		return -ENOMEM;
	htab_sweep(&r->prefixes, put_into_set, &end);
	*routes = set;
	*n = (unsigned int)(end - set);
	return 0;
}

static bool mark_said(struct htab_node *n, void *arg)
{
	struct prefix *p = htab_entry(n, struct prefix, node);

	(void)arg;
	p->said = p->peer_id;
	if (!iroutes_prefix_idle(p))
		return false;
	free(p);
	return true;
}

void iroutes_said(struct iroutes *r)
{
	htab_sweep(&r->prefixes, mark_said, NULL);
	r->nb_unsaid = 0;
}

struct visitor {
	void (*visit)(const struct iroutes_row *row, void *arg);
	void *arg;
};

static bool visit_gateway(struct htab_node *n, void *arg)
{
	const struct gateway *g = htab_entry(n, struct gateway, node);
	const struct visitor *v = arg;
	struct iroutes_row row = {
		.vpn = true,
		.prefix = g->ip,
		.prefix_len = (uint8_t)(8 * ip_len(g->ip.family)),
		.peer_id = iroutes_gateway_peer(g),
	};

	if (row.peer_id != DP_NO_PEER)
		v->visit(&row, v->arg);
	return false;
}

/* The next hop that has the peer, or the first if none has. */
static const struct hop *hop_shown(const struct iroute *route, uint32_t peer_id)
{
	for (unsigned int i = 0; i < route->nb_hops; i++)
		if (iroutes_gateway_peer(route->hops[i].gateway) == peer_id)
			return &route->hops[i];
	return &route->hops[0];
}

static bool visit_prefix(struct htab_node *n, void *arg)
{
	const struct prefix *p = htab_entry(n, struct prefix, node);
	const struct iroute *route = p->chosen != NULL ? p->chosen : LIST_FIRST(&p->routes);
	const struct visitor *v = arg;
	struct iroutes_row row = {
		.prefix = p->key.ip,
		.prefix_len = p->key.len,
		.peer_id = p->peer_id,
	};

	if (route == NULL)
		return false;
	row.via = hop_shown(route, p->peer_id)->gateway->ip;
	row.table = route->table;
	row.metric = route->metric;
	v->visit(&row, v->arg);
	return false;
}

void iroutes_each(
	struct iroutes *r, void (*visit)(const struct iroutes_row *row, void *arg), void *arg)
{
	struct visitor v = {visit, arg};

	htab_sweep(&r->gateways, visit_gateway, &v);
	htab_sweep(&r->prefixes, visit_prefix, &v);
}
