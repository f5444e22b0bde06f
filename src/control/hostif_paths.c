/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_paths.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "control/rtnl_verbs.h"

struct remote_key {
	struct ip_addr remote;
	struct ip_addr local; /* IP_NONE: the kernel chooses */
	uint32_t scope;	      /* of a link-local remote, else 0 */
};

/* What the kernel's route says. */
struct answer {
	int error; /* 0 or -ENETUNREACH */
	unsigned int port;
	struct ip_addr source;
	uint16_t mtu;
	struct hop *hop; /* NULL: none */
};

struct hostif_remote {
	struct htab_node node;
	TAILQ_ENTRY(hostif_remote) link; /* of queue */
	struct remote_key key;
	unsigned int users; /* peers */
	bool doubt;	    /* answer has to be asked for anew */
	struct answer answer;
};

static bool remote_equal(const struct htab_node *n, const void *key)
{
	const struct remote_key *a = &htab_entry(n, struct hostif_remote, node)->key;
	const struct remote_key *b = key;

	return a->scope == b->scope && ip_equal(&a->remote, &b->remote) &&
		ip_equal(&a->local, &b->local);
}

static uint32_t remote_hash(const struct remote_key *key)
{
	uint32_t hash = htab_hash(
		key->scope ^ key->remote.family, key->remote.b, ip_len(key->remote.family));

	return htab_hash(hash ^ key->local.family, key->local.b, ip_len(key->local.family));
}

static struct remote_key key_of(const struct udp_addr *remote, const struct ip_addr *local)
{
	struct remote_key key = {.remote = ip_from_bytes(remote->ip.family, remote->ip.b)};

	/* The wildcard is no source: the kernel chooses, as for a socket bound to it. */
	if (local->family != IP_NONE && !ip_is_any(local))
		key.local = ip_from_bytes(local->family, local->b);
	if (ip_is_link_local(&key.remote))
		key.scope = remote->scope;
	return key;
}

/* The remote leads through this hop from now on; NULL: nowhere. */
static void set_hop(struct hostif_remote *r, struct hop *hop)
{
	struct hop *old = r->answer.hop;

	if (hop != NULL) {
		hop->remotes++;
		hop->users += r->users;
	}
	if (old != NULL) {
		old->remotes--;
		old->users -= r->users;
	}
	r->answer.hop = hop;
}

/*
 * Fills in what the kernel's route says. 0, or what made the question fail. An address of ours that
 * is gone is no source: the kernel chooses, as its own module has it, until the address is back.
 */
static int route_ask(struct hostif_paths *p, const struct remote_key *key, struct answer *a)
{
	const bool pinned =
		key->local.family != IP_NONE && hostif_ports_have(p->ports, &key->local);
	const struct ip_addr local = pinned ? key->local : (struct ip_addr){.family = IP_NONE};
	struct rtnl_route route;
	const struct ip_addr *via;
	int port;
	int ret = rtnl_route_get(p->rtnl, &key->remote, &local, key->scope, &route);

	if (ret == -ETIMEDOUT || ret == -ENOMEM || ret == -ENOBUFS)
		return ret;
	*a = (struct answer){.error = -ENETUNREACH};
	if (ret < 0 || route.type != RTN_UNICAST || route.nb_nexthops != 1)
		return 0;
	port = hostif_ports_find(p->ports, route.nexthops[0].ifindex);
	a->source = pinned ? local : route.source;
	if (port < 0 || a->source.family == IP_NONE)
		return 0;
	via = route.nexthops[0].via.family != IP_NONE ? &route.nexthops[0].via : &key->remote;
	a->hop = hops_get(&p->hops, route.nexthops[0].ifindex, via);
	if (a->hop == NULL)
		return -ENOMEM;
	a->port = (unsigned int)port;
	a->mtu = route.mtu > UINT16_MAX ? 0 : (uint16_t)route.mtu;
	a->error = 0;
	return 0;
}

static bool answer_equal(const struct answer *a, const struct answer *b)
{
	return a->error == b->error && a->port == b->port && a->mtu == b->mtu && a->hop == b->hop &&
		ip_equal(&a->source, &b->source);
}

/* True: it is another answer than before. Without one, the old stays, in doubt if it was. */
static bool remote_review(struct hostif_paths *p, struct hostif_remote *r)
{
	struct answer new;
	bool differs;

	if (route_ask(p, &r->key, &new) < 0)
		return false;
	r->doubt = false;
	differs = !answer_equal(&new, &r->answer);
	set_hop(r, new.hop);
	r->answer = new;
	return differs;
}

int hostif_paths_get(struct hostif_paths *p, const struct udp_addr *remote,
	const struct ip_addr *local, struct hostif_remote **out)
{
	struct remote_key key = key_of(remote, local);
	uint32_t hash = remote_hash(&key);
	struct htab_node *n = htab_find(&p->remotes, hash, remote_equal, &key);
	struct hostif_remote *r = n != NULL ? htab_entry(n, struct hostif_remote, node) : NULL;

	if (r == NULL) {
		r = calloc(1, sizeof(*r));
		if (r == NULL)
			return -ENOMEM;
		r->key = key;
		r->doubt = true;
		r->answer.error = -ENETUNREACH;
		if (htab_add(&p->remotes, &r->node, hash) < 0) {
			free(r);
			return -ENOMEM;
		}
		TAILQ_INSERT_HEAD(&p->queue, r, link);
	}
	r->users++;
	if (r->answer.hop != NULL)
		r->answer.hop->users++;
	*out = r;
	return 0;
}

void hostif_paths_put(struct hostif_paths *p, struct hostif_remote *r)
{
	if (r == NULL)
		return;
	if (r->answer.hop != NULL)
		r->answer.hop->users--;
	if (--r->users > 0)
		return;
	set_hop(r, NULL);
	htab_del(&p->remotes, &r->node);
	TAILQ_REMOVE(&p->queue, r, link);
	free(r);
}

int hostif_paths_ask(struct hostif_paths *p, struct hostif_remote *r, struct dp_path *path)
{
	const struct answer *a = &r->answer;

	if (r->key.local.family != IP_NONE && r->key.local.family != r->key.remote.family)
		return -ENETUNREACH;
	if (r->doubt)
		remote_review(p, r);
	if (r->doubt)
		return -EAGAIN;
	if (a->error < 0)
		return a->error;
	if (!a->hop->usable) {
		hops_use(&p->hops, a->hop);
		return -EAGAIN;
	}
	path->port = a->port;
	path->local.ip = a->source;
	memcpy(path->dst_mac, a->hop->mac, sizeof(path->dst_mac));
	path->mtu = a->mtu;
	return 0;
}

void hostif_paths_route(struct hostif_paths *p, const struct rtnl_route *r)
{
	if (p->nb_prefixes == PATHS_MAX_PREFIXES)
		p->all = true;
	if (p->all)
		return;
	p->prefixes[p->nb_prefixes].ip = r->prefix;
	p->prefixes[p->nb_prefixes++].len = r->prefix_len;
}

void hostif_paths_any(struct hostif_paths *p)
{
	p->all = true;
}

static bool inside(const struct ip_addr *ip, const struct ip_addr *prefix, uint8_t len)
{
	unsigned int bytes = len / 8;
	unsigned int bits = len % 8;

	if (ip->family != prefix->family || memcmp(ip->b, prefix->b, bytes) != 0)
		return false;
	return bits == 0 || (ip->b[bytes] ^ prefix->b[bytes]) >> (8 - bits) == 0;
}

static void doubt_if_concerned(struct hostif_paths *p, struct hostif_remote *r)
{
	bool doubt = p->all;

	for (unsigned int i = 0; i < p->nb_prefixes && !doubt; i++)
		doubt = inside(&r->key.remote, &p->prefixes[i].ip, p->prefixes[i].len);
	r->doubt |= doubt;
	p->changed |= doubt;
}

bool hostif_paths_changed(struct hostif_paths *p)
{
	struct hostif_remote *r;
	bool changed;

	if (p->all || p->nb_prefixes > 0) {
		TAILQ_FOREACH (r, &p->queue, link)
			doubt_if_concerned(p, r);
	}
	changed = p->changed || p->hops.changed;
	p->all = false;
	p->nb_prefixes = 0;
	p->changed = false;
	p->hops.changed = false;
	return changed;
}

bool hostif_paths_review(struct hostif_paths *p, unsigned int n)
{
	struct hostif_remote *r;

	if (n > p->remotes.count)
		n = p->remotes.count;
	while (n-- > 0) {
		r = TAILQ_FIRST(&p->queue);
		TAILQ_REMOVE(&p->queue, r, link);
		TAILQ_INSERT_TAIL(&p->queue, r, link);
		/* what is in doubt, its peers ask for themselves */
		if (!r->doubt)
			p->changed |= remote_review(p, r);
	}
	return p->changed;
}

void hostif_paths_init(struct hostif_paths *p, struct rtnl *rtnl, const struct hostif_ports *ports)
{
	*p = (struct hostif_paths){.rtnl = rtnl, .ports = ports};
	hops_init(&p->hops, rtnl);
	TAILQ_INIT(&p->queue);
}

void hostif_paths_fini(struct hostif_paths *p)
{
	struct hostif_remote *r;

	while ((r = TAILQ_FIRST(&p->queue)) != NULL) {
		TAILQ_REMOVE(&p->queue, r, link);
		free(r);
	}
	htab_free(&p->remotes);
	hops_fini(&p->hops);
}
