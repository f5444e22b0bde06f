/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif.h"
#include "control/hostif_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "control/hostif_ns.h"
#include "control/rtnl_verbs.h"
#include "log.h"

#define PEER_MAC_0    0x02 /* first byte of every peer's MAC */
#define DUMP_ATTEMPTS 4	   /* while routes change under it; then once more at the next poll */

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
	log_warn(
		"%s: the device is gone: somebody removed it, or moved it to another network namespace; "
		"its openvpn has to be restarted",
		d->name);
	d->gone = true;
	iroutes_clear(d->iroutes);
}

/*
 * A packet for which we have no room would end here without a word. With a smaller MTU the kernel
 * cuts it, or tells its sender (ICMP).
 */
static void mtu_follow(struct hostif_device *d, uint32_t mtu)
{
	uint32_t most = dp_device_mtu_max(d->dp);

	if (mtu == 0 || mtu == d->mtu)
		return;
	if (mtu > most) {
		log_warn("%s: MTU %u is more than there is room for: set to %u (a larger mtu of a "
			 "port makes room)",
			d->name, mtu, most);
		if (rtnl_link_mtu(d->rtnl, d->ifindex, most) == 0)
			mtu = most;
	}
	d->mtu = mtu;
	dp_instance_mtu(d->dp, d->iid, mtu);
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
	mtu_follow(d, l->mtu);
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
	mtu_follow(d, l.mtu);
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

bool hostif_device_owes(const struct hostif_device *d)
{
	return (d->stale && !d->gone) || iroutes_changed(d->iroutes);
}

static void flush(struct hostif_device *d)
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

void hostif_device_flush(struct hostif_device *d)
{
	if (!hostif_device_owes(d) || !pace_begin(&d->pace))
		return;
	flush(d);
	pace_end(&d->pace);
}

static void close_kept(struct hostif_device *d)
{
	if (d->keep_fd >= 0)
		close(d->keep_fd);
	d->keep_fd = -1;
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
	d->keep_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ret = d->keep_fd < 0 ? -errno : rtnl_link_no_arp(d->rtnl, d->ifindex, mac);
	if (ret == 0)
		ret = dp_instance_device(d->dp, d->iid, fd, mac);
	if (ret < 0) {
		close_kept(d);
		iroutes_free(d->iroutes);
	}
	return ret;
}

/* Neighbour entries that another daemon made for its peers. */
struct leftover {
	uint32_t ifindex;
	struct ip_addr *ips;
	unsigned int n, room;
	bool no_memory;
};

static void on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	struct leftover *l = arg;
	struct rtnl_neighbour n;

	if (!rtnl_parse_neighbour(nlh, &n) || n.ifindex != l->ifindex || n.state != NUD_PERMANENT ||
		!n.has_mac || n.mac[0] != PEER_MAC_0)
		return;
	if (l->n == l->room) {
		unsigned int room = l->room == 0 ? 64 : 2 * l->room;
		struct ip_addr *ips = reallocarray(l->ips, room, sizeof(*ips));

		l->no_memory = l->no_memory || ips == NULL;
		if (ips == NULL)
			return;
		l->ips = ips;
		l->room = room;
	}
	l->ips[l->n++] = n.ip;
}

static int remove_leftover(struct hostif_device *d)
{
	struct leftover l = {.ifindex = d->ifindex};
	int ret = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && ret == -EINTR; i++) {
		l.n = 0;
		ret = rtnl_neighbour_dump(d->rtnl, d->ifindex, on_neighbour, &l);
	}
	for (unsigned int i = 0; i < l.n; i++)
		rtnl_neighbour_del(d->rtnl, d->ifindex, &l.ips[i]);
	free(l.ips);
	if (ret == -EINTR)
		ret = 0; /* others are busy there; each entry is set anew with its peer */
	return ret == 0 && l.no_memory ? -ENOMEM : ret;
}

static bool is_in_use(const struct hostif_ns *ns, uint32_t ifindex)
{
	const struct hostif_device *d;

	LIST_FOREACH (d, &ns->devices, link) {
		if (d->ifindex == ifindex)
			return true;
	}
	return false;
}

/* Its MAC is asked of the descriptor: that is the device which carries the frames. */
int hostif_device_take(struct hostif_device *d, int fd)
{
	struct ifreq ifr = {.ifr_flags = 0};
	struct rtnl_link l;
	int ret;

	if (rtnl_link_get(d->rtnl, d->ifindex, &l) < 0 || l.ifindex != d->ifindex ||
		strcmp(l.name, d->name) != 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return -ENODEV;
	if (is_in_use(d->ns, d->ifindex))
		return -EEXIST;
	ret = iroutes_new(d->ifindex, &d->iroutes);
	if (ret < 0)
		return ret;
	d->stale = true;
	ret = remove_leftover(d);
	if (ret == 0)
		ret = dp_instance_device(
			d->dp, d->iid, fd, (const uint8_t *)ifr.ifr_hwaddr.sa_data);
	if (ret < 0)
		iroutes_free(d->iroutes);
	else
		mtu_follow(d, l.mtu);
	return ret;
}

static bool free_peer(struct htab_node *n, void *arg)
{
	(void)arg;
	free(htab_entry(n, struct peer, node));
	return true;
}

void hostif_device_fini(struct hostif_device *d, bool remove)
{
	int ret = d->gone || !remove ? 0 : rtnl_link_del(d->rtnl, d->ifindex);

	if (ret < 0 && ret != -ENODEV)
		log_err("%s: cannot remove the device: %s", d->name, strerror(-ret));
	else
		log_info("%s: device %s", d->name, remove ? "removed" : "left to its openvpn");
	close_kept(d);
	iroutes_free(d->iroutes);
	htab_sweep(&d->peers, free_peer, NULL);
	htab_free(&d->peers);
}

size_t hostif_peer_bytes(void)
{
	/* with its slots in the hash tables, which are up to half empty */
	return heap_bytes(sizeof(struct peer)) + 2 * sizeof(struct htab_node *) +
		ARRAY_LEN(((struct peer *)NULL)->vpn) * IROUTES_ADDRESS_BYTES;
}
