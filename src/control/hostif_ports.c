/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_ports.h"
#include "dataplane/dp_view.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/hostif_tap.h"
#include "control/rtnl_verbs.h"
#include "log.h"

int hostif_ports_find(const struct hostif_ports *p, uint32_t ifindex)
{
	for (int i = 0; i < DP_MAX_PORTS; i++)
		if (ifindex != 0 && p->port[i].ifindex == ifindex)
			return i;
	return -1;
}

static struct hostif_port_address *find_address(
	struct hostif_port *port, const struct rtnl_address *a)
{
	for (unsigned int i = 0; i < port->nb_addresses; i++) {
		const struct rtnl_address *known = &port->addresses[i].a;

		if (known->prefix_len == a->prefix_len && ip_equal(&known->ip, &a->ip))
			return &port->addresses[i];
	}
	return NULL;
}

/* The kernel may have one IPv4 address several times, with several prefix lengths. */
static bool has_ip(const struct hostif_port *port, const struct ip_addr *ip)
{
	for (unsigned int i = 0; i < port->nb_addresses; i++)
		if (ip_equal(&port->addresses[i].a.ip, ip))
			return true;
	return false;
}

static void complain(
	const struct hostif_port *port, const struct ip_addr *ip, const char *what, int error)
{
	char text[IP_STRLEN];

	log_err("port %s: address %s not %s: %s", port->name, ip_str(ip, text), what,
		strerror(-error));
}

bool hostif_ports_have(const struct hostif_ports *p, const struct ip_addr *ip)
{
	for (unsigned int i = 0; i < DP_MAX_PORTS; i++)
		if (p->port[i].ifindex != 0 && has_ip(&p->port[i], ip))
			return true;
	return false;
}

/* The data plane takes it now; one that it has no room for waits for another to go. */
static void tell_address(struct hostif_ports *p, unsigned int i, struct hostif_port_address *pa)
{
	struct hostif_port *port = &p->port[i];
	char text[IP_STRLEN];
	int ret = dp_port_addr_add(p->dp, i, &pa->a.ip);

	if (ret == 0 && pa->refused)
		log_info("port %s: address %s is taken now", port->name, ip_str(&pa->a.ip, text));
	else if (ret == -ENOSPC && !pa->refused)
		log_err("port %s: address %s is one too many: openvpn gets nothing that is sent to it "
			"until another address goes",
			port->name, ip_str(&pa->a.ip, text));
	else if (ret < 0 && !pa->refused)
		complain(port, &pa->a.ip, "taken", ret);
	pa->refused = ret < 0;
}

static void address_add(struct hostif_ports *p, unsigned int i, const struct rtnl_address *a)
{
	struct hostif_port *port = &p->port[i];

	if (port->nb_addresses == port->room) {
		unsigned int room = port->room == 0 ? 8 : 2 * port->room;
		void *more = reallocarray(port->addresses, room, sizeof(*port->addresses));

		if (more == NULL) {
			complain(port, &a->ip, "taken", -ENOMEM);
			return;
		}
		port->addresses = more;
		port->room = room;
	}
	port->addresses[port->nb_addresses] = (struct hostif_port_address){.a = *a, .seen = true};
	tell_address(p, i, &port->addresses[port->nb_addresses++]);
}

static void address_del(struct hostif_ports *p, unsigned int i, struct hostif_port_address *known)
{
	struct hostif_port *port = &p->port[i];
	struct ip_addr ip = known->a.ip;
	bool refused = known->refused;
	int ret;

	*known = port->addresses[--port->nb_addresses];
	if (refused || has_ip(port, &ip))
		return;
	ret = dp_port_addr_del(p->dp, i, &ip);
	if (ret < 0)
		complain(port, &ip, "removed", ret);
	for (unsigned int k = 0; k < port->nb_addresses; k++)
		if (port->ifindex != 0 && port->addresses[k].refused)
			tell_address(p, i, &port->addresses[k]);
}

void hostif_ports_address(struct hostif_ports *p, const struct rtnl_address *a, bool gone)
{
	int i = hostif_ports_find(p, a->ifindex);
	struct hostif_port_address *known;

	if (i < 0)
		return;
	known = find_address(&p->port[i], a);
	if (gone || !a->usable) {
		if (known != NULL)
			address_del(p, (unsigned int)i, known);
	} else if (known != NULL) {
		known->seen = true;
	} else {
		address_add(p, (unsigned int)i, a);
	}
}

static void drop_addresses(struct hostif_ports *p, unsigned int i, bool also_seen)
{
	struct hostif_port *port = &p->port[i];

	for (unsigned int k = port->nb_addresses; k-- > 0;)
		if (also_seen || !port->addresses[k].seen)
			address_del(p, i, &port->addresses[k]);
}

void hostif_ports_link_gone(struct hostif_ports *p, uint32_t ifindex)
{
	int i = hostif_ports_find(p, ifindex);

	if (i < 0)
		return;
	log_err("port %s: somebody removed its kernel device; no packets will leave through it",
		p->port[i].name);
	close(p->port[i].fd);
	p->port[i].ifindex = 0;
	drop_addresses(p, (unsigned int)i, true);
}

static void on_address(const struct nlmsghdr *nlh, void *arg)
{
	struct rtnl_address a;

	if (rtnl_parse_address(nlh, &a))
		hostif_ports_address(arg, &a, false);
}

static int resync_port(struct hostif_ports *p, unsigned int i)
{
	struct hostif_port *port = &p->port[i];
	struct rtnl_link link;
	int ret = rtnl_link_get(p->rtnl, port->ifindex, &link);

	if (ret == -ENODEV) {
		hostif_ports_link_gone(p, port->ifindex);
		return 0;
	}
	for (unsigned int k = 0; k < port->nb_addresses; k++)
		port->addresses[k].seen = false;
	ret = rtnl_address_dump(p->rtnl, port->ifindex, on_address, p);
	if (ret == 0)
		drop_addresses(p, i, false);
	return ret;
}

int hostif_ports_resync(struct hostif_ports *p)
{
	for (unsigned int i = 0; i < DP_MAX_PORTS; i++) {
		int ret = p->port[i].ifindex == 0 ? 0 : resync_port(p, i);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* "192.0.2.1/24"; without a length, all bits. */
static int parse_address(const char *text, struct ip_addr *ip, uint8_t *prefix_len)
{
	char buf[IP_STRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	uint8_t bytes[16];
	unsigned long bits;
	char *end;

	if (len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET, buf, bytes) == 1)
		*ip = ip_from_bytes(IP_V4, bytes);
	else if (inet_pton(AF_INET6, buf, bytes) == 1)
		*ip = ip_from_bytes(IP_V6, bytes);
	else
		return -EINVAL;
	*prefix_len = (uint8_t)(8 * ip_len(ip->family));
	if (slash == NULL)
		return 0;
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > *prefix_len)
		return -EINVAL;
	*prefix_len = (uint8_t)bits;
	return 0;
}

static int add_configured(struct hostif_ports *p, const struct hostif_port *port, const char *text)
{
	struct ip_addr ip;
	uint8_t prefix_len;
	int ret = parse_address(text, &ip, &prefix_len);

	if (ret == 0)
		ret = rtnl_address_add(p->rtnl, port->ifindex, &ip, prefix_len);
	if (ret < 0)
		log_err("port %s: cannot set address %s: %s", port->name, text,
			ret == -EEXIST ? "it is there already" : strerror(-ret));
	return ret;
}

static int configure(struct hostif_ports *p, const struct hostif_port *port,
	const struct dp_port_info *info, const char *const *addresses, unsigned int nb_addresses)
{
	int ret = rtnl_link_ethernet(p->rtnl, port->ifindex, info->mac, info->mtu);

	if (ret < 0) {
		log_err("port %s: cannot set MAC address and MTU %u: %s", port->name, info->mtu,
			strerror(-ret));
		return ret;
	}
	for (unsigned int i = 0; i < nb_addresses; i++) {
		ret = add_configured(p, port, addresses[i]);
		if (ret < 0)
			return ret;
	}
	ret = rtnl_link_up(p->rtnl, port->ifindex);
	if (ret < 0)
		log_err("port %s: cannot bring it up: %s", port->name, strerror(-ret));
	return ret;
}

static int open_tap(struct hostif_port *port, const char *name, int *fd)
{
	/* no offload: what comes from it leaves on the port as it is */
	int ret = hostif_tap_new(name, false, fd, &port->ifindex);

	if (ret == -EEXIST)
		log_err("port %s: the kernel already has a network interface of that name; give the port "
			"another one",
			name);
	else if (ret < 0)
		log_err("port %s: cannot make its kernel device: %s", name, strerror(-ret));
	else
		memcpy(port->name, name, strlen(name) + 1); /* it is a name, so it fits */
	return ret;
}

int hostif_ports_mirror(struct hostif_ports *p, unsigned int port, const char *const *addresses,
	unsigned int nb_addresses)
{
	struct hostif_port *hp;
	struct dp_port_info info = {0};
	int fd;
	int ret;

	if (port >= DP_MAX_PORTS || port >= dp_nb_ports(p->dp))
		return -EINVAL;
	hp = &p->port[port];
	if (hp->ifindex != 0)
		return -EBUSY;
	dp_port_info(p->dp, port, &info);
	ret = open_tap(hp, info.name, &fd);
	if (ret < 0)
		return ret;
	ret = configure(p, hp, &info, addresses, nb_addresses);
	if (ret < 0)
		goto close_tap;
	hp->link_up = true;
	hp->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (hp->fd < 0) {
		ret = -errno;
		goto close_tap;
	}
	ret = dp_port_mirror(p->dp, port, fd);
	if (ret < 0) {
		log_err("port %s: the data plane refused its kernel device: %s", hp->name,
			strerror(-ret));
		goto close_own;
	}
	return 0;
close_own:
	close(hp->fd);
close_tap:
	hp->ifindex = 0;
	close(fd);
	return ret;
}

void hostif_ports_follow_links(struct hostif_ports *p)
{
	for (unsigned int i = 0; i < DP_MAX_PORTS; i++) {
		struct hostif_port *port = &p->port[i];
		bool up;
		int ret;

		if (port->ifindex == 0)
			continue;
		up = dp_port_link_up(p->dp, i);
		if (up == port->link_up)
			continue;
		port->link_up = up;
		log_info("port %s: link is %s", port->name, up ? "up" : "down");
		ret = hostif_tap_carrier(port->fd, up);
		if (ret < 0)
			log_warn("port %s: cannot tell the kernel device: %s", port->name,
				strerror(-ret));
	}
}

void hostif_ports_fini(struct hostif_ports *p)
{
	for (unsigned int i = 0; i < DP_MAX_PORTS; i++) {
		if (p->port[i].ifindex != 0) {
			rtnl_link_del(p->rtnl, p->port[i].ifindex);
			close(p->port[i].fd);
		}
		free(p->port[i].addresses);
	}
}
