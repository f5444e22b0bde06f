/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_paths.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "control/htab.h"
#include "control/rtnl_verbs.h"

#define NUD_FIXED    (NUD_PERMANENT | NUD_NOARP) /* nothing to confirm */
#define NUD_WITH_MAC (NUD_FIXED | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)
#define MAX_PREFIXES 64	   /* changed at once; with more, all answers are in doubt */
#define MAX_ANSWERS  65536 /* kept; more than this many remotes start over */

struct hop_key {
	uint32_t ifindex;
	struct ip_addr ip;
};

/* A next hop somebody asked for. There until the end: the kernel keeps it alive as long. */
struct hop {
	struct htab_node node;
	struct hop_key key;
	bool usable;
	bool fixed;   /* the operator's permanent entry */
	bool asked;   /* the kernel is resolving it for us */
	bool managed; /* the kernel keeps it alive */
	uint8_t mac[RTNL_MAC_LEN];
};

struct answer_key {
	struct ip_addr remote;
	struct ip_addr local;
};

struct answer {
	struct htab_node node;
	struct answer_key key;
	int error; /* 0 or -ENETUNREACH */
	unsigned int port;
	struct ip_addr source;
	uint16_t mtu;
	struct hop *hop;
};

struct hostif_paths {
	struct rtnl *rtnl;
	const struct hostif_ports *ports;
	struct htab hops;
	struct htab answers;
	bool unmanaged; /* this kernel does not keep neighbours alive for us */
	bool changed;
	bool forgot; /* answers were given that are not kept: anything may concern them */
	bool all;    /* answers are in doubt */
	unsigned int nb_prefixes;
	struct prefix {
		struct ip_addr ip;
		uint8_t len;
	} prefixes[MAX_PREFIXES];
};

static bool hop_equal(const struct htab_node *n, const void *key)
{
	const struct hop_key *a = &htab_entry(n, struct hop, node)->key;
	const struct hop_key *b = key;

	return a->ifindex == b->ifindex && ip_equal(&a->ip, &b->ip);
}

static uint32_t ip_hash(uint32_t seed, const struct ip_addr *ip)
{
	return htab_hash(seed ^ ip->family, ip->b, ip_len(ip->family));
}

static struct hop *hop_find(const struct hostif_paths *p, const struct hop_key *key)
{
	struct htab_node *n = htab_find(&p->hops, ip_hash(key->ifindex, &key->ip), hop_equal, key);

	return n == NULL ? NULL : htab_entry(n, struct hop, node);
}

/* What the kernel says of it now; n NULL: nothing. */
static void hop_is(struct hostif_paths *p, struct hop *hop, const struct rtnl_neighbour *n)
{
	bool usable = n != NULL && n->has_mac && n->state & NUD_WITH_MAC;

	hop->fixed = n != NULL && n->state & NUD_FIXED;
	hop->asked = false;
	if (n == NULL || hop->fixed)
		hop->managed = false;
	if (usable != hop->usable || (usable && memcmp(hop->mac, n->mac, sizeof(hop->mac)) != 0))
		p->changed = true;
	hop->usable = usable;
	if (usable)
		memcpy(hop->mac, n->mac, sizeof(hop->mac));
}

static void hop_refresh(struct hostif_paths *p, struct hop *hop)
{
	struct rtnl_neighbour n;
	int ret = rtnl_neighbour_get(p->rtnl, hop->key.ifindex, &hop->key.ip, &n);

	hop_is(p, hop, ret == 0 ? &n : NULL);
}

/* Resolves or confirms it, unless that is under way or there is nothing to resolve. */
static void hop_use(struct hostif_paths *p, struct hop *hop)
{
	int ret;

	if (hop->fixed || hop->asked)
		return;
	hop->asked = true;
	ret = rtnl_neighbour_use(p->rtnl, hop->key.ifindex, &hop->key.ip, !p->unmanaged);
	hop->managed = ret == 0 && !p->unmanaged;
	if (ret == -EINVAL && !p->unmanaged) {
		p->unmanaged = true;
		rtnl_neighbour_use(p->rtnl, hop->key.ifindex, &hop->key.ip, false);
	}
}

static struct hop *hop_get(struct hostif_paths *p, uint32_t ifindex, const struct ip_addr *ip)
{
	struct hop_key key = {.ifindex = ifindex, .ip = *ip};
	struct hop *hop = hop_find(p, &key);
	bool changed = p->changed;

	if (hop != NULL)
		return hop;
	hop = calloc(1, sizeof(*hop));
	if (hop == NULL)
		return NULL;
	hop->key = key;
	if (htab_add(&p->hops, &hop->node, ip_hash(ifindex, ip)) < 0) {
		free(hop);
		return NULL;
	}
	hop_refresh(p, hop);
	p->changed = changed; /* it is news to nobody */
	hop_use(p, hop);
	return hop;
}

static bool answer_equal(const struct htab_node *n, const void *key)
{
	const struct answer_key *a = &htab_entry(n, struct answer, node)->key;
	const struct answer_key *b = key;

	return ip_equal(&a->remote, &b->remote) && ip_equal(&a->local, &b->local);
}

static bool drop_answer(struct htab_node *n, void *arg)
{
	(void)arg;
	free(htab_entry(n, struct answer, node));
	return true;
}

/* Fills in what the kernel's route says. 0, -ENETUNREACH, or what made the question fail. */
static int route_ask(struct hostif_paths *p, struct answer *a)
{
	struct rtnl_route r;
	const struct ip_addr *via;
	int port;
	int ret = rtnl_route_get(p->rtnl, &a->key.remote, &a->key.local, &r);

	if (ret == -ETIMEDOUT || ret == -ENOMEM || ret == -ENOBUFS)
		return ret;
	a->error = -ENETUNREACH;
	if (ret < 0 || r.type != RTN_UNICAST || r.nb_nexthops != 1)
		return 0;
	port = hostif_ports_find(p->ports, r.nexthops[0].ifindex);
	a->source = a->key.local.family != IP_NONE ? a->key.local : r.source;
	if (port < 0 || a->source.family == IP_NONE)
		return 0;
	via = r.nexthops[0].via.family != IP_NONE ? &r.nexthops[0].via : &a->key.remote;
	a->hop = hop_get(p, r.nexthops[0].ifindex, via);
	if (a->hop == NULL)
		return -ENOMEM;
	a->port = (unsigned int)port;
	a->mtu = r.mtu > UINT16_MAX ? 0 : (uint16_t)r.mtu;
	a->error = 0;
	return 0;
}

static int answer_get(struct hostif_paths *p, const struct answer_key *key, struct answer **out)
{
	uint32_t hash = ip_hash(ip_hash(0, &key->remote), &key->local);
	struct htab_node *n = htab_find(&p->answers, hash, answer_equal, key);
	struct answer *a;
	int ret;

	if (n != NULL) {
		*out = htab_entry(n, struct answer, node);
		return 0;
	}
	if (p->answers.count >= MAX_ANSWERS) {
		htab_sweep(&p->answers, drop_answer, NULL);
		p->forgot = true;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	a->key = *key;
	ret = route_ask(p, a);
	if (ret == 0)
		ret = htab_add(&p->answers, &a->node, hash);
	if (ret < 0)
		free(a);
	else
		*out = a;
	return ret;
}

int hostif_paths_ask(struct hostif_paths *p, const struct ip_addr *remote,
	const struct ip_addr *local, struct dp_path *path)
{
	struct answer_key key = {.remote = *remote, .local = *local};
	struct answer *a;
	int ret;

	if (remote->family == IP_NONE ||
		(local->family != IP_NONE && local->family != remote->family))
		return -ENETUNREACH;
	/* The wildcard is no source: the kernel chooses, as for a socket bound to it. */
	if (ip_is_any(local))
		key.local = (struct ip_addr){.family = IP_NONE};
	ret = answer_get(p, &key, &a);
	if (ret < 0) {
		p->forgot = true; /* this question has to come again */
		return -ENETUNREACH;
	}
	if (a->error < 0)
		return a->error;
	if (!a->hop->usable) {
		hop_use(p, a->hop);
		return -EAGAIN;
	}
	path->port = a->port;
	path->local.ip = a->source;
	memcpy(path->dst_mac, a->hop->mac, sizeof(path->dst_mac));
	path->mtu = a->mtu;
	return 0;
}

void hostif_paths_neighbour(struct hostif_paths *p, const struct rtnl_neighbour *n, bool gone)
{
	struct hop_key key = {.ifindex = n->ifindex, .ip = n->ip};
	struct hop *hop = hop_find(p, &key);

	if (hop != NULL)
		hop_is(p, hop, gone ? NULL : n);
}

void hostif_paths_route(struct hostif_paths *p, const struct rtnl_route *r)
{
	if (p->nb_prefixes == MAX_PREFIXES)
		p->all = true;
	if (!p->all)
		p->prefixes[p->nb_prefixes++] = (struct prefix){r->prefix, r->prefix_len};
}

void hostif_paths_any(struct hostif_paths *p)
{
	p->all = true;
}

static bool inside(const struct ip_addr *ip, const struct prefix *prefix)
{
	unsigned int bytes = prefix->len / 8;
	unsigned int bits = prefix->len % 8;

	if (ip->family != prefix->ip.family || memcmp(ip->b, prefix->ip.b, bytes) != 0)
		return false;
	return bits == 0 || (ip->b[bytes] ^ prefix->ip.b[bytes]) >> (8 - bits) == 0;
}

static bool drop_if_in_doubt(struct htab_node *n, void *arg)
{
	struct answer *a = htab_entry(n, struct answer, node);
	struct hostif_paths *p = arg;
	bool doubt = p->all;

	for (unsigned int i = 0; i < p->nb_prefixes && !doubt; i++)
		doubt = inside(&a->key.remote, &p->prefixes[i]);
	if (!doubt)
		return false;
	p->changed = true;
	free(a);
	return true;
}

bool hostif_paths_changed(struct hostif_paths *p)
{
	bool changed;

	if (p->all || p->nb_prefixes > 0) {
		htab_sweep(&p->answers, drop_if_in_doubt, p);
		p->changed |= p->forgot;
		p->forgot = false;
	}
	changed = p->changed;
	p->all = false;
	p->nb_prefixes = 0;
	p->changed = false;
	return changed;
}

static bool refresh_visit(struct htab_node *n, void *arg)
{
	struct hop *hop = htab_entry(n, struct hop, node);

	hop->managed = false; /* it may have been removed and made anew meanwhile */
	hop_refresh(arg, hop);
	return false;
}

void hostif_paths_resync(struct hostif_paths *p)
{
	p->all = true;
	htab_sweep(&p->hops, refresh_visit, p);
}

static bool keepalive_visit(struct htab_node *n, void *arg)
{
	struct hop *hop = htab_entry(n, struct hop, node);
	struct hostif_paths *p = arg;

	hop->asked = false;
	if (!hop->managed || !hop->usable)
		hop_use(p, hop);
	return false;
}

void hostif_paths_keepalive(struct hostif_paths *p)
{
	if (p->forgot)
		p->all = true;
	htab_sweep(&p->hops, keepalive_visit, p);
}

int hostif_paths_new(struct rtnl *rtnl, const struct hostif_ports *ports, struct hostif_paths **out)
{
	struct hostif_paths *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->rtnl = rtnl;
	p->ports = ports;
	*out = p;
	return 0;
}

static bool drop_hop(struct htab_node *n, void *arg)
{
	(void)arg;
	free(htab_entry(n, struct hop, node));
	return true;
}

void hostif_paths_free(struct hostif_paths *p)
{
	if (p == NULL)
		return;
	htab_sweep(&p->answers, drop_answer, NULL);
	htab_sweep(&p->hops, drop_hop, NULL);
	htab_free(&p->answers);
	htab_free(&p->hops);
	free(p);
}
