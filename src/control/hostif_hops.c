/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_hops.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "control/rtnl_verbs.h"

#define NUD_FIXED    (NUD_PERMANENT | NUD_NOARP) /* nothing to confirm */
#define NUD_WITH_MAC (NUD_FIXED | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

struct hop_key {
	uint32_t ifindex;
	const struct ip_addr *ip;
};

static bool hop_equal(const struct htab_node *n, const void *arg)
{
	const struct hop *hop = htab_entry(n, struct hop, node);
	const struct hop_key *key = arg;

	return hop->ifindex == key->ifindex && ip_equal(&hop->ip, key->ip);
}

static uint32_t hop_hash(const struct hop_key *key)
{
	return htab_hash(key->ifindex ^ key->ip->family, key->ip->b, ip_len(key->ip->family));
}

static struct hop *hop_find(const struct hops *h, const struct hop_key *key)
{
	struct htab_node *n = htab_find(&h->table, hop_hash(key), hop_equal, key);

	return n == NULL ? NULL : htab_entry(n, struct hop, node);
}

/* What the kernel says of it now; n NULL: nothing. */
static void hop_is(struct hops *h, struct hop *hop, const struct rtnl_neighbour *n)
{
	bool usable = n != NULL && n->has_mac && n->state & NUD_WITH_MAC;

	hop->state = n != NULL ? n->state : 0;
	hop->fixed = n != NULL && n->state & NUD_FIXED;
	hop->managed = n != NULL && n->managed;
	hop->asked = false;
	if (usable != hop->usable || (usable && memcmp(hop->mac, n->mac, sizeof(hop->mac)) != 0))
		h->changed = true;
	hop->usable = usable;
	if (usable)
		memcpy(hop->mac, n->mac, sizeof(hop->mac));
}

static void hop_refresh(struct hops *h, struct hop *hop)
{
	struct rtnl_neighbour n;
	int ret = rtnl_neighbour_get(h->rtnl, hop->ifindex, &hop->ip, &n);

	/* no answer is none: what was known stays */
	if (ret == 0 || ret == -ENOENT || ret == -ENODEV)
		hop_is(h, hop, ret == 0 ? &n : NULL);
}

void hops_use(struct hops *h, struct hop *hop)
{
	int ret;

	if (hop->fixed || hop->asked)
		return;
	hop->asked = true;
	ret = rtnl_neighbour_use(h->rtnl, hop->ifindex, &hop->ip, !h->unmanaged);
	if (ret == -EINVAL && !h->unmanaged) {
		h->unmanaged = true;
		rtnl_neighbour_use(h->rtnl, hop->ifindex, &hop->ip, false);
	}
}

struct hop *hops_get(struct hops *h, uint32_t ifindex, const struct ip_addr *ip)
{
	struct hop_key key = {.ifindex = ifindex, .ip = ip};
	struct hop *hop = hop_find(h, &key);
	bool changed = h->changed;

	if (hop != NULL)
		return hop;
	hop = calloc(1, sizeof(*hop));
	if (hop == NULL)
		return NULL;
	hop->ifindex = ifindex;
	hop->ip = *ip;
	if (htab_add(&h->table, &hop->node, hop_hash(&key)) < 0) {
		free(hop);
		return NULL;
	}
	hop_refresh(h, hop);
	h->changed = changed; /* it is news to nobody */
	hops_use(h, hop);
	return hop;
}

/*
 * A kernel that keeps the neighbour confirmed says so in the entry. One that was told otherwise (by
 * `ip neigh replace`, say), or that cannot, lets it go stale: then it is asked again at once.
 */
void hops_event(struct hops *h, const struct rtnl_neighbour *n, bool gone)
{
	struct hop_key key = {.ifindex = n->ifindex, .ip = &n->ip};
	struct hop *hop = hop_find(h, &key);

	if (hop == NULL)
		return;
	hop_is(h, hop, gone ? NULL : n);
	if (!gone && !hop->managed && hop->remotes > 0)
		hops_use(h, hop);
}

static bool refresh_visit(struct htab_node *n, void *arg)
{
	hop_refresh(arg, htab_entry(n, struct hop, node));
	return false;
}

void hops_resync(struct hops *h)
{
	htab_sweep(&h->table, refresh_visit, h);
}

static bool keepalive_visit(struct htab_node *n, void *arg)
{
	struct hop *hop = htab_entry(n, struct hop, node);
	struct hops *h = arg;

	if (hop->remotes == 0 && hop->idle) {
		if (hop->managed)
			rtnl_neighbour_release(h->rtnl, hop->ifindex, &hop->ip);
		free(hop);
		return true;
	}
	hop->idle = hop->remotes == 0;
	hop->asked = false;
	if (!hop->idle && (!hop->managed || !hop->usable))
		hops_use(h, hop);
	return false;
}

void hops_keepalive(struct hops *h)
{
	htab_sweep(&h->table, keepalive_visit, h);
}

void hops_init(struct hops *h, struct rtnl *rtnl)
{
	*h = (struct hops){.rtnl = rtnl};
}

static bool drop(struct htab_node *n, void *arg)
{
	(void)arg;
	free(htab_entry(n, struct hop, node));
	return true;
}

void hops_fini(struct hops *h)
{
	htab_sweep(&h->table, drop, NULL);
	htab_free(&h->table);
}
