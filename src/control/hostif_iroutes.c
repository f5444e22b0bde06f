/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_iroutes_private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static uint32_t ip_hash(const struct ip_addr *ip)
{
	return htab_hash(ip->family, ip->b, ip_len(ip->family));
}

static bool gateway_equal(const struct htab_node *n, const void *key)
{
	return ip_equal(&htab_entry(n, struct gateway, node)->ip, key);
}

static struct gateway *gateway_find(const struct iroutes *r, const struct ip_addr *ip)
{
	struct htab_node *n = htab_find(&r->gateways, ip_hash(ip), gateway_equal, ip);

	return n == NULL ? NULL : htab_entry(n, struct gateway, node);
}

static struct gateway *gateway_get(struct iroutes *r, const struct ip_addr *ip)
{
	struct gateway *g = gateway_find(r, ip);

	if (g != NULL)
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->ip = *ip;
	if (htab_add(&r->gateways, &g->node, ip_hash(ip)) < 0) {
		free(g);
		return NULL;
	}
	return g;
}

static void gateway_put(struct iroutes *r, struct gateway *g)
{
	if (!LIST_EMPTY(&g->claims) || !LIST_EMPTY(&g->hops))
		return;
	htab_del(&r->gateways, &g->node);
	free(g);
}

static bool prefix_equal(const struct htab_node *n, const void *key)
{
	const struct prefix_key *a = &htab_entry(n, struct prefix, node)->key;
	const struct prefix_key *b = key;

	return a->len == b->len && ip_equal(&a->ip, &b->ip);
}

static uint32_t prefix_hash(const struct prefix_key *key)
{
	return htab_hash(ip_hash(&key->ip), &key->len, sizeof(key->len));
}

static struct prefix *prefix_find(const struct iroutes *r, const struct prefix_key *key)
{
	struct htab_node *n = htab_find(&r->prefixes, prefix_hash(key), prefix_equal, key);

	return n == NULL ? NULL : htab_entry(n, struct prefix, node);
}

static struct prefix *prefix_get(struct iroutes *r, const struct prefix_key *key)
{
	struct prefix *p = prefix_find(r, key);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->key = *key;
	p->peer_id = DP_NO_PEER;
	p->said = DP_NO_PEER;
	if (htab_add(&r->prefixes, &p->node, prefix_hash(key)) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Does a come before b where both lead to a peer? */
static bool route_before(const struct iroute *a, const struct iroute *b)
{
	if ((a->table == RT_TABLE_MAIN) != (b->table == RT_TABLE_MAIN))
		return a->table == RT_TABLE_MAIN;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return a->table < b->table;
}

static uint32_t route_peer(const struct iroute *route)
{
	for (unsigned int i = 0; i < route->nb_hops; i++) {
		uint32_t peer_id = iroutes_gateway_peer(route->hops[i].gateway);

		if (peer_id != DP_NO_PEER)
			return peer_id;
	}
	return DP_NO_PEER;
}

static void prefix_choose(struct iroutes *r, struct prefix *p)
{
	const struct iroute *best = NULL;
	const struct iroute *route;
	bool was_unsaid = p->peer_id != p->said;

	LIST_FOREACH (route, &p->routes, link) {
		if (route_peer(route) != DP_NO_PEER && (best == NULL || route_before(route, best)))
			best = route;
	}
	p->chosen = best;
	p->peer_id = best == NULL ? DP_NO_PEER : route_peer(best);
	r->nb_unsaid += (uint32_t)(p->peer_id != p->said) - (uint32_t)was_unsaid;
}

static void gateway_changed(struct iroutes *r, struct gateway *g)
{
	struct hop *h;

	LIST_FOREACH (h, &g->hops, link)
		prefix_choose(r, h->route->prefix);
}

int iroutes_peer_add(struct iroutes *r, const struct ip_addr *ip, uint32_t peer_id)
{
	struct gateway *g = gateway_get(r, ip);
	struct claim *c;

	if (g == NULL)
		return -ENOMEM;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		gateway_put(r, g);
		return -ENOMEM;
	}
	c->peer_id = peer_id;
	LIST_INSERT_HEAD(&g->claims, c, link);
	gateway_changed(r, g);
	return 0;
}

void iroutes_peer_del(struct iroutes *r, const struct ip_addr *ip, uint32_t peer_id)
{
	struct gateway *g = gateway_find(r, ip);
	struct claim *c;

	if (g == NULL)
		return;
	LIST_FOREACH (c, &g->claims, link) {
		if (c->peer_id == peer_id)
			break;
	}
	if (c == NULL)
		return;
	LIST_REMOVE(c, link);
	free(c);
	gateway_changed(r, g);
	gateway_put(r, g);
}

uint32_t iroutes_peer_of(const struct iroutes *r, const struct ip_addr *ip)
{
	const struct gateway *g = gateway_find(r, ip);

	return g == NULL ? DP_NO_PEER : iroutes_gateway_peer(g);
}

/* Is this next hop one of this device's, through a gateway? */
static bool is_hop(const struct iroutes *r, const struct rtnl_route *route, unsigned int i)
{
	return route->type == RTN_UNICAST && route->nexthops[i].ifindex == r->ifindex &&
		route->nexthops[i].via.family != IP_NONE;
}

static unsigned int count_hops(const struct iroutes *r, const struct rtnl_route *route)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < route->nb_nexthops; i++)
		n += is_hop(r, route, i);
	return n;
}

static struct prefix_key key_of(const struct rtnl_route *route)
{
	return (struct prefix_key){
		.ip = ip_from_bytes(route->prefix.family, route->prefix.b),
		.len = route->prefix_len,
	};
}

static struct iroute *route_find(const struct iroutes *r, const struct rtnl_route *route)
{
	struct prefix_key key = key_of(route);
	struct prefix *p = prefix_find(r, &key);
	struct iroute *i = NULL;

	if (p != NULL) {
		LIST_FOREACH (i, &p->routes, link) {
			if (i->table == route->table && i->metric == route->metric &&
				i->tos == route->tos)
				break;
		}
	}
	return i;
}

static bool same_hops(
	const struct iroutes *r, const struct iroute *known, const struct rtnl_route *route)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < route->nb_nexthops; i++) {
		if (!is_hop(r, route, i))
			continue;
		if (n == known->nb_hops ||
			!ip_equal(&known->hops[n].gateway->ip, &route->nexthops[i].via))
			return false;
		n++;
	}
	return n == known->nb_hops;
}

static void route_unlink(struct iroutes *r, struct iroute *route)
{
	LIST_REMOVE(route, link);
	for (unsigned int i = 0; i < route->nb_hops; i++) {
		LIST_REMOVE(&route->hops[i], link);
		gateway_put(r, route->hops[i].gateway);
	}
	free(route);
}

static int route_insert(
	struct iroutes *r, struct prefix *p, const struct rtnl_route *route, unsigned int nb_hops)
{
	struct iroute *new = calloc(1, sizeof(*new) + nb_hops * sizeof(new->hops[0]));

	if (new == NULL)
		return -ENOMEM;
	new->prefix = p;
	new->table = route->table;
	new->metric = route->metric;
	new->tos = route->tos;
	new->times = 1;
	LIST_INSERT_HEAD(&p->routes, new, link);
	for (unsigned int i = 0; i < route->nb_nexthops; i++) {
		struct hop *h = &new->hops[new->nb_hops];

		if (!is_hop(r, route, i))
			continue;
		h->gateway = gateway_get(r, &route->nexthops[i].via);
		if (h->gateway == NULL) {
			route_unlink(r, new);
			return -ENOMEM;
		}
		h->route = new;
		LIST_INSERT_HEAD(&h->gateway->hops, h, link);
		new->nb_hops++;
	}
	prefix_choose(r, p);
	return 0;
}

static void prefix_put(struct iroutes *r, struct prefix *p)
{
	if (!iroutes_prefix_idle(p))
		return;
	htab_del(&r->prefixes, &p->node);
	free(p);
}

static int insert(struct iroutes *r, const struct rtnl_route *route)
{
	unsigned int nb_hops = count_hops(r, route);
	struct prefix_key key = key_of(route);
	struct prefix *p;
	int ret;

	if (nb_hops == 0)
		return 0;
	p = prefix_get(r, &key);
	if (p == NULL)
		return -ENOMEM;
	ret = route_insert(r, p, route, nb_hops);
	if (ret < 0)
		prefix_put(r, p);
	return ret;
}

int iroutes_add(struct iroutes *r, const struct rtnl_route *route)
{
	/* It replaced the one that is known, or joined it. */
	return route_find(r, route) != NULL ? -ESTALE : insert(r, route);
}

int iroutes_add_dumped(struct iroutes *r, const struct rtnl_route *route)
{
	struct iroute *known = route_find(r, route);

	if (count_hops(r, route) == 0 || known == NULL || !same_hops(r, known, route))
		return insert(r, route);
	known->times++;
	return 0;
}

int iroutes_del(struct iroutes *r, const struct rtnl_route *route)
{
	struct iroute *known = route_find(r, route);
	struct prefix *p;

	if (known == NULL)
		return 0;
	if (known->times > 1 || !same_hops(r, known, route))
		return -ESTALE;
	p = known->prefix;
	route_unlink(r, known);
	prefix_choose(r, p);
	prefix_put(r, p);
	return 0;
}

static bool clear_prefix(struct htab_node *n, void *arg)
{
	struct prefix *p = htab_entry(n, struct prefix, node);
	struct iroutes *r = arg;

	while (!LIST_EMPTY(&p->routes))
		route_unlink(r, LIST_FIRST(&p->routes));
	prefix_choose(r, p);
	if (!iroutes_prefix_idle(p))
		return false;
	free(p);
	return true;
}

void iroutes_clear(struct iroutes *r)
{
	htab_sweep(&r->prefixes, clear_prefix, r);
}

int iroutes_new(uint32_t ifindex, struct iroutes **out)
{
	struct iroutes *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->ifindex = ifindex;
	*out = r;
	return 0;
}

static bool drop_gateway(struct htab_node *n, void *arg)
{
	struct gateway *g = htab_entry(n, struct gateway, node);
	struct claim *c;

	(void)arg;
	while ((c = LIST_FIRST(&g->claims)) != NULL) {
		LIST_REMOVE(c, link);
		free(c);
	}
	free(g);
	return true;
}

void iroutes_free(struct iroutes *r)
{
	if (r == NULL)
		return;
	iroutes_clear(r); /* no routes: gateways have claims only */
	iroutes_said(r);  /* nothing to take back: no prefixes */
	htab_sweep(&r->gateways, drop_gateway, NULL);
	htab_free(&r->gateways);
	htab_free(&r->prefixes);
	free(r);
}
