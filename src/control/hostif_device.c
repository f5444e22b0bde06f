/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_device.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/rtnl_verbs.h"
#include "log.h"

#define DUMP_ATTEMPTS 4 /* while routes change under it; then once more at the next poll */

struct peer {
	struct htab_node node;
	uint32_t id;
	struct ip_addr vpn[2];
	uint8_t mac[DP_MAC_LEN];
};

static bool peer_equal(const struct htab_node *n, const void *key)
{
	return htab_entry(n, struct peer, node)->id == *(const uint32_t *)key;
}

static struct peer *peer_find(const struct hostif_device *d, uint32_t id)
{
	struct htab_node *n = htab_find(&d->peers, htab_hash(0, &id, sizeof(id)), peer_equal, &id);

	return n == NULL ? NULL : htab_entry(n, struct peer, node);
}

/*
 * The entry of an inner address as its peer wants it. A device whose MTU is too small for IPv6
 * has no IPv6, so no such entries: they come when the MTU grows.
 */
static int neighbour_set(struct hostif_device *d, const struct ip_addr *ip, const uint8_t *mac)
{
	int ret = d->gone ? 0 : rtnl_neighbour_set(d->rtnl, d->ifindex, ip, mac);

	if (ret < 0 && ret != -ENODEV)
		d->unfinished = true;
	if (ip->family == IP_V6 && (ret == -EINVAL || ret == -EAFNOSUPPORT))
		ret = 0;
	return ret;
}

static void neighbour_restore(struct hostif_device *d, const struct ip_addr *ip)
{
	const struct peer *peer = peer_find(d, iroutes_peer_of(d->iroutes, ip));

	if (peer != NULL)
		neighbour_set(d, ip, peer->mac);
}

/* The address is this peer's no more: another's that also has it, or nobody's. */
static void address_release(struct hostif_device *d, const struct ip_addr *ip, uint32_t peer_id)
{
	bool had_it = iroutes_peer_of(d->iroutes, ip) == peer_id;

	iroutes_peer_del(d->iroutes, ip, peer_id);
	if (!had_it || d->gone)
		return;
	if (iroutes_peer_of(d->iroutes, ip) != DP_NO_PEER)
		neighbour_restore(d, ip);
	else
		rtnl_neighbour_del(d->rtnl, d->ifindex, ip);
}

static int address_claim(struct hostif_device *d, const struct ip_addr *ip, const struct peer *peer)
{
	int ret = iroutes_peer_add(d->iroutes, ip, peer->id);

	if (ret < 0)
		return ret;
	ret = neighbour_set(d, ip, peer->mac);
	if (ret < 0)
		address_release(d, ip, peer->id);
	return ret;
}

static struct ip_addr clean(const struct ip_addr *ip)
{
	return ip_from_bytes(ip->family, ip->b);
}

int hostif_device_peer_add(struct hostif_device *d, uint32_t peer_id, const struct ip_addr *vpn4,
	const struct ip_addr *vpn6, const uint8_t mac[DP_MAC_LEN])
{
	struct peer *peer;
	unsigned int done;
	int ret;

	hostif_device_peer_del(d, peer_id);
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return -ENOMEM;
	peer->id = peer_id;
	peer->vpn[0] = clean(vpn4);
	peer->vpn[1] = clean(vpn6);
	memcpy(peer->mac, mac, sizeof(peer->mac));
	ret = htab_add(&d->peers, &peer->node, htab_hash(0, &peer_id, sizeof(peer_id)));
	if (ret < 0)
		goto free_peer;
	for (done = 0; done < ARRAY_LEN(peer->vpn); done++) {
		if (peer->vpn[done].family == IP_NONE)
			continue;
		ret = address_claim(d, &peer->vpn[done], peer);
		if (ret < 0)
			goto release;
	}
	return 0;
release:
	while (done-- > 0)
		address_release(d, &peer->vpn[done], peer_id);
	htab_del(&d->peers, &peer->node);
free_peer:
	free(peer);
	return ret;
}

void hostif_device_peer_del(struct hostif_device *d, uint32_t peer_id)
{
	struct peer *peer = peer_find(d, peer_id);

	if (peer == NULL)
		return;
	for (unsigned int i = 0; i < ARRAY_LEN(peer->vpn); i++)
		if (peer->vpn[i].family != IP_NONE)
			address_release(d, &peer->vpn[i], peer_id);
	htab_del(&d->peers, &peer->node);
	free(peer);
}

void hostif_device_neighbour(struct hostif_device *d, const struct rtnl_neighbour *n, bool gone)
{
	const struct peer *peer;

	if (n->ifindex != d->ifindex || d->gone)
		return;
	peer = peer_find(d, iroutes_peer_of(d->iroutes, &n->ip));
	if (peer == NULL)
		return;
	/* Flushed, because the device went down or somebody did it, or changed: as it was. */
	if (gone || n->state != NUD_PERMANENT || !n->has_mac ||
		memcmp(n->mac, peer->mac, sizeof(n->mac)) != 0)
		neighbour_set(d, &n->ip, peer->mac);
}

static bool restore_visit(struct htab_node *n, void *arg)
{
	const struct peer *peer = htab_entry(n, struct peer, node);
	struct hostif_device *d = arg;

	for (unsigned int i = 0; i < ARRAY_LEN(peer->vpn); i++)
		if (iroutes_peer_of(d->iroutes, &peer->vpn[i]) == peer->id)
			neighbour_set(d, &peer->vpn[i], peer->mac);
	return false;
}

static void restore_all(struct hostif_device *d)
{
	d->unfinished = false;
	htab_sweep(&d->peers, restore_visit, d);
}

void hostif_device_finish(struct hostif_device *d)
{
	if (d->unfinished && !d->gone)
		restore_all(d);
}

static void gone_from_kernel(struct hostif_device *d)
{
	log_warn("%s: somebody removed the device; its openvpn has to be restarted", d->name);
	d->gone = true;
	iroutes_clear(d->iroutes);
}

void hostif_device_link(struct hostif_device *d, const struct rtnl_link *l, bool gone)
{
	if (l->ifindex != d->ifindex || d->gone)
		return;
	if (gone) {
		gone_from_kernel(d);
		return;
	}
	if (l->name[0] != '\0')
		memcpy(d->name, l->name, sizeof(d->name));
	/* IPv4 routes end with the link without a word about each. */
	if ((l->flags & IFF_UP) == 0)
		d->stale = true;
	hostif_device_finish(d);
}

void hostif_device_address_gone(struct hostif_device *d, const struct rtnl_address *a)
{
	/* Likewise the routes that needed this source address, or any of its family. */
	if (a->ifindex == d->ifindex)
		d->stale = true;
}

void hostif_device_route(struct hostif_device *d, const struct rtnl_route *r, bool gone)
{
	int ret;

	if (d->stale || d->gone)
		return;
	ret = gone ? iroutes_del(d->iroutes, r) : iroutes_add(d->iroutes, r);
	if (ret < 0)
		d->stale = true;
}

void hostif_device_resync(struct hostif_device *d)
{
	struct rtnl_link l;

	if (d->gone)
		return;
	if (rtnl_link_get(d->rtnl, d->ifindex, &l) == -ENODEV) {
		gone_from_kernel(d);
		return;
	}
	d->stale = true;
	restore_all(d);
}

struct reading {
	struct iroutes *iroutes;
	int ret;
};

static void on_route(const struct nlmsghdr *nlh, void *arg)
{
	struct reading *reading = arg;
	struct rtnl_route r;

	if (reading->ret == 0 && rtnl_parse_route(nlh, &r))
		reading->ret = iroutes_add_dumped(reading->iroutes, &r);
}

static int read_routes(struct hostif_device *d)
{
	struct reading reading = {.iroutes = d->iroutes};
	int ret = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && ret == -EINTR; i++) {
		iroutes_clear(d->iroutes);
		reading.ret = 0;
		ret = rtnl_route_dump(d->rtnl, d->ifindex, on_route, &reading);
	}
	return ret < 0 ? ret : reading.ret;
}

void hostif_device_flush(struct hostif_device *d)
{
	struct dp_route *routes;
	unsigned int n;
	int ret;

	if (d->stale && !d->gone)
		d->stale = read_routes(d) < 0;
	/* Half a set would take prefixes from peers that have them. */
	if ((d->stale && !d->gone) || !iroutes_changed(d->iroutes))
		return;
	ret = iroutes_set(d->iroutes, &routes, &n);
	if (ret == 0) {
		ret = dp_instance_routes(d->dp, d->iid, routes, n);
		free(routes);
	}
	if (ret == 0)
		iroutes_said(d->iroutes);
	else
		log_warn("%s: %u prefixes behind peers not set: %s", d->name, n, strerror(-ret));
}

/* Locally administered; 02: is the peers'. */
static int random_mac(uint8_t mac[DP_MAC_LEN])
{
	if (getrandom(mac, DP_MAC_LEN, 0) != DP_MAC_LEN)
		return -EAGAIN;
	mac[0] = 0x06;
	return 0;
}

int hostif_device_init(struct hostif_device *d, int fd)
{
	uint8_t mac[DP_MAC_LEN];
	int ret = random_mac(mac);

	if (ret < 0)
		return ret;
	ret = iroutes_new(d->ifindex, &d->iroutes);
	if (ret < 0)
		return ret;
	ret = rtnl_link_no_arp(d->rtnl, d->ifindex, mac);
	if (ret == 0)
		ret = dp_instance_device(d->dp, d->iid, fd, mac);
	if (ret < 0)
		iroutes_free(d->iroutes);
	return ret;
}

static bool free_peer(struct htab_node *n, void *arg)
{
	(void)arg;
	free(htab_entry(n, struct peer, node));
	return true;
}

void hostif_device_fini(struct hostif_device *d)
{
	int ret = d->gone ? 0 : rtnl_link_del(d->rtnl, d->ifindex);

	if (ret < 0 && ret != -ENODEV)
		log_err("%s: cannot remove the device: %s", d->name, strerror(-ret));
	iroutes_free(d->iroutes);
	htab_sweep(&d->peers, free_peer, NULL);
	htab_free(&d->peers);
}
