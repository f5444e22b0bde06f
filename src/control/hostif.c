/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/hostif_tap.h"
#include "control/rtnl_verbs.h"
#include "log.h"

/* in ticks of 100 ms */
#define LINKS_TICKS	2
#define KEEPALIVE_TICKS 150
#define REVIEW_STEP	32  /* answers of the kernel's asked for anew in a tick */
#define EVENTS_A_POLL	512 /* datagrams of one namespace, so that the agent's turn stays short */

/* Who hears of an event. */
struct delivery {
	struct hostif *h;
	struct hostif_ns *ns;
};

static void on_event(const struct nlmsghdr *nlh, void *arg)
{
	const struct delivery *d = arg;

	/* What is still queued is older than the dump to come. */
	if (!d->ns->lost)
		hostif_event(d->h, d->ns, nlh);
}

static void resync(struct hostif *h, struct hostif_ns *ns)
{
	struct hostif_device *d;

	if (!pace_begin(&ns->pace))
		return;
	ns->lost = false;
	LIST_FOREACH (d, &ns->devices, link)
		hostif_device_resync(d);
	if (ns == h->home) {
		ns->lost = hostif_ports_resync(&h->ports) < 0;
		hops_resync(&h->paths.hops);
		hostif_paths_any(&h->paths);
	}
	pace_end(&ns->pace);
}

/* Reads what is there. Dumps come after the last of it, or they would be undone by old events. */
static void poll_ns(struct hostif *h, struct hostif_ns *ns)
{
	struct delivery delivery = {.h = h, .ns = ns};
	struct hostif_device *d;
	int ret = 1;

	for (int i = 0; i < EVENTS_A_POLL && ret != 0; i++) {
		ret = rtnl_events_next(ns->events, on_event, &delivery);
		if (ret == -ENOBUFS && !ns->lost) {
			log_info(
				"kernel events were lost; reading links, addresses and routes anew");
			ns->lost = true;
		}
	}
	if (ret != 0)
		return; /* there is more: the descriptor stays readable */
	if (ns->lost)
		resync(h, ns);
	LIST_FOREACH (d, &ns->devices, link)
		hostif_device_flush(d);
}

bool hostif_poll(struct hostif *h)
{
	struct hostif_ns *ns;
	eventfd_t count;

	eventfd_read(h->kick_fd, &count);
	LIST_FOREACH (ns, &h->ns.all, link)
		poll_ns(h, ns);
	return hostif_paths_changed(&h->paths);
}

/* hostif_poll() is due. */
static void kick(struct hostif *h)
{
	eventfd_write(h->kick_fd, 1);
}

/* Something is left to do that had to wait. */
static bool is_owed(const struct hostif_ns *ns)
{
	const struct hostif_device *d;

	LIST_FOREACH (d, &ns->devices, link) {
		if (hostif_device_owes(d))
			return true;
	}
	return ns->lost;
}

static void keepalive(struct hostif *h)
{
	struct hostif_device *d;
	struct hostif_ns *ns;

	hops_keepalive(&h->paths.hops);
	LIST_FOREACH (ns, &h->ns.all, link) {
		LIST_FOREACH (d, &ns->devices, link)
			hostif_device_finish(d);
	}
}

void hostif_tick(struct hostif *h)
{
	struct hostif_ns *ns;

	h->ticks++;
	if (h->ticks % LINKS_TICKS == 0)
		hostif_ports_follow_links(&h->ports);
	if (h->ticks % KEEPALIVE_TICKS == 0)
		keepalive(h);
	if (hostif_paths_review(&h->paths, REVIEW_STEP))
		kick(h);
	LIST_FOREACH (ns, &h->ns.all, link) {
		if (is_owed(ns))
			kick(h);
	}
}

static int watch(struct hostif *h, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int open_fds(struct hostif *h)
{
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	h->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->epoll_fd < 0 || h->kick_fd < 0)
		return -errno;
	return watch(h, h->kick_fd);
}

static void close_fds(struct hostif *h)
{
	if (h->epoll_fd >= 0)
		close(h->epoll_fd);
	if (h->kick_fd >= 0)
		close(h->kick_fd);
}

/* The namespace behind netns_fd, watched. */
static int ns_get(struct hostif *h, int netns_fd, struct hostif_ns **out)
{
	bool made;
	int ret = hostif_ns_get(&h->ns, netns_fd, out, &made);

	if (ret == 0 && made) {
		ret = watch(h, rtnl_events_fd((*out)->events));
		if (ret < 0)
			hostif_ns_put(*out);
	}
	return ret;
}

int hostif_new(struct dp *dp, struct hostif **out)
{
	struct hostif *h = calloc(1, sizeof(*h));
	int ret;

	if (h == NULL)
		return -ENOMEM;
	h->dp = dp;
	ret = open_fds(h);
	if (ret < 0)
		goto close_all;
	ret = hostif_ns_list_init(&h->ns);
	if (ret < 0)
		goto close_all;
	ret = ns_get(h, h->ns.home_fd, &h->home);
	if (ret < 0)
		goto fini_list;
	h->ports.dp = dp;
	h->ports.rtnl = h->home->rtnl;
	hostif_paths_init(&h->paths, h->home->rtnl, &h->ports);
	*out = h;
	return 0;
fini_list:
	hostif_ns_list_fini(&h->ns);
close_all:
	close_fds(h);
	free(h);
	return ret;
}

void hostif_device_del(struct hostif *h, struct hostif_device *d)
{
	if (d == NULL)
		return;
	hostif_device_fini(d, !h->leave && !d->leave);
	LIST_REMOVE(d, link);
	hostif_ns_put(d->ns);
	free(d);
}

void hostif_device_leave(struct hostif_device *d)
{
	d->leave = true;
}

void hostif_devices_leave(struct hostif *h)
{
	h->leave = true;
}

static struct hostif_device *any_device(const struct hostif *h)
{
	struct hostif_ns *ns;

	LIST_FOREACH (ns, &h->ns.all, link) {
		if (!LIST_EMPTY(&ns->devices))
			return LIST_FIRST(&ns->devices);
	}
	return NULL;
}

void hostif_free(struct hostif *h)
{
	struct hostif_device *d;

	if (h == NULL)
		return;
	while ((d = any_device(h)) != NULL)
		hostif_device_del(h, d);
	hostif_ports_fini(&h->ports);
	hostif_paths_fini(&h->paths);
	hostif_ns_put(h->home);
	hostif_ns_list_fini(&h->ns);
	close_fds(h);
	free(h);
}

int hostif_fd(const struct hostif *h)
{
	return h->epoll_fd;
}

int hostif_mirror_new(struct hostif *h, unsigned int port, const char *const *addresses,
	unsigned int nb_addresses)
{
	int ret = hostif_ports_mirror(&h->ports, port, addresses, nb_addresses);

	if (ret < 0)
		return ret;
	/* Its addresses count from now on, not only when their events are read. */
	h->home->lost |= hostif_ports_resync(&h->ports) < 0;
	kick(h);
	return 0;
}

uint32_t hostif_port_ifindex(const struct hostif *h, unsigned int port)
{
	return port < DP_MAX_PORTS ? h->ports.port[port].ifindex : 0;
}

int hostif_remote_get(struct hostif *h, const struct udp_addr *remote, const struct ip_addr *local,
	struct hostif_remote **out)
{
	return hostif_paths_get(&h->paths, remote, local, out);
}

void hostif_remote_put(struct hostif *h, struct hostif_remote *r)
{
	hostif_paths_put(&h->paths, r);
}

int hostif_remote_path(struct hostif *h, struct hostif_remote *r, struct dp_path *path)
{
	return hostif_paths_ask(&h->paths, r, path);
}

static int tap_in(struct hostif *h, int netns_fd, struct hostif_device *d, int *fd)
{
	int ret = hostif_ns_enter(netns_fd);

	if (ret < 0)
		return ret;
	ret = hostif_tap_new(d->name, true, fd, &d->ifindex);
	hostif_ns_leave(&h->ns);
	return ret;
}

/* One without a TAP yet. */
static int device_alloc(struct hostif *h, uint32_t iid, int netns_fd, struct hostif_device **out)
{
	struct hostif_device *d = calloc(1, sizeof(*d));
	int ret;

	if (d == NULL)
		return -ENOMEM;
	d->dp = h->dp;
	d->iid = iid;
	d->keep_fd = -1;
	ret = ns_get(h, netns_fd, &d->ns);
	if (ret < 0) {
		free(d);
		return ret;
	}
	d->rtnl = d->ns->rtnl;
	*out = d;
	return 0;
}

static void device_free(struct hostif_device *d)
{
	hostif_ns_put(d->ns);
	free(d);
}

void hostif_settings(struct hostif *h, const struct config_instance *all, unsigned int n)
{
	h->settings = all;
	h->nb_settings = n;
}

/* What is set for devices of that name. */
static void apply_settings(const struct hostif *h, const struct hostif_device *d)
{
	for (unsigned int i = 0; i < h->nb_settings; i++) {
		const struct config_instance *s = &h->settings[i];

		if (strcmp(s->device, d->name) == 0)
			dp_instance_mssfix(h->dp, d->iid,
				s->mssfix == CONFIG_MSSFIX_OFF ? DP_MSSFIX_OFF : s->mssfix);
	}
}

int hostif_device_new(
	struct hostif *h, uint32_t iid, int netns_fd, const char *name, struct hostif_device **out)
{
	struct hostif_device *d;
	int fd;
	int ret;

	if (strlen(name) >= sizeof(d->name))
		return -EINVAL;
	ret = device_alloc(h, iid, netns_fd, &d);
	if (ret < 0)
		return ret;
	strcpy(d->name, name);
	ret = tap_in(h, netns_fd, d, &fd);
	if (ret < 0)
		goto free_d;
	ret = hostif_device_init(d, fd);
	if (ret < 0)
		goto close_tap;
	LIST_INSERT_HEAD(&d->ns->devices, d, link);
	apply_settings(h, d);
	*out = d;
	return 0;
close_tap:
	close(fd);
free_d:
	device_free(d);
	return ret;
}

int hostif_device_adopt(struct hostif *h, uint32_t iid, int netns_fd, int tap, uint32_t ifindex,
	struct hostif_device **out)
{
	struct hostif_device *d;
	int ret = device_alloc(h, iid, netns_fd, &d);

	if (ret < 0)
		return ret;
	d->ifindex = ifindex;
	ret = hostif_tap_check(tap, netns_fd, d->name);
	if (ret == 0)
		ret = hostif_device_take(d, tap);
	if (ret < 0) {
		device_free(d);
		return ret;
	}
	LIST_INSERT_HEAD(&d->ns->devices, d, link);
	apply_settings(h, d);
	kick(h);
	*out = d;
	return 0;
}

int hostif_device_take_fd(struct hostif_device *d)
{
	int fd = d->keep_fd;

	d->keep_fd = -1;
	return fd;
}

uint32_t hostif_device_ifindex(const struct hostif_device *d)
{
	return d->ifindex;
}

const char *hostif_device_name(const struct hostif_device *d)
{
	return d->name;
}

int hostif_peer_add(struct hostif *h, struct hostif_device *d, uint32_t peer_id,
	const struct ip_addr *vpn4, const struct ip_addr *vpn6, const uint8_t mac[DP_MAC_LEN])
{
	kick(h);
	return hostif_device_peer_add(d, peer_id, vpn4, vpn6, mac);
}

void hostif_peer_del(struct hostif *h, struct hostif_device *d, uint32_t peer_id)
{
	kick(h);
	hostif_device_peer_del(d, peer_id);
}
