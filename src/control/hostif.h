/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's side: makes mirror TAPs and instance devices, and mirrors what `ip` shows
 * (addresses, neighbours, routes) into the data plane. The kernel is the source of truth; this
 * file asks it and follows its events, and after lost events (ENOBUFS) dumps again and compares.
 *
 * The daemon's network namespace holds the mirror TAPs. An instance's device lives in the network
 * namespace of its openvpn. Agent thread only.
 */
#ifndef HOSTIF_H
#define HOSTIF_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "control/config.h"
#include "dataplane/dp.h"

struct hostif;
struct hostif_device;
struct hostif_remote;

int hostif_new(struct dp *dp, struct hostif **out);
/* For devices of these names, from now on. They stay the caller's, longer than h lives. */
void hostif_settings(struct hostif *h, const struct config_instance *all, unsigned int n);
void hostif_free(struct hostif *h); /* removes the TAPs it made */

/*
 * Makes the mirror TAP of a port: same MAC and MTU, up, IPv4/IPv6 addresses ("192.0.2.1/24")
 * added, handed to dp_port_mirror(). -EEXIST: the name is taken. Errors are logged.
 */
int hostif_mirror_new(struct hostif *h, unsigned int port, const char *const *addresses,
	unsigned int nb_addresses);

/* Poll for input on this (an epoll fd), then call hostif_poll(). */
int hostif_fd(const struct hostif *h);
/*
 * Takes the kernel's events: port addresses go to dp_port_addr_*(), device routes to
 * dp_instance_routes(). True: paths may have changed, ask hostif_remote_path() again for every
 * peer.
 */
bool hostif_poll(struct hostif *h);
/*
 * What no event tells of: the ports' links, which the mirror TAPs' carriers follow, the MTUs of
 * paths, neighbours to keep confirmed. Every 100 ms or so.
 */
void hostif_tick(struct hostif *h);

/*
 * A remote address that a peer has (its port does not matter, its scope does if it is link-local),
 * to be answered from local, or from where the kernel chooses if that is IP_NONE or the wildcard.
 * Shared by all that ask the same. While somebody has it, its next hop is kept confirmed. -ENOMEM.
 */
int hostif_remote_get(struct hostif *h, const struct udp_addr *remote, const struct ip_addr *local,
	struct hostif_remote **out);
/* NULL is ignored. */
void hostif_remote_put(struct hostif *h, struct hostif_remote *r);
/*
 * How the kernel would send to it: port, source address, next hop and MTU. local.port is left
 * alone. 0; -EAGAIN: the neighbour is being resolved (an event will follow), or the kernel did not
 * answer; -ENETUNREACH: no route, or one that leaves through no port of ours.
 */
int hostif_remote_path(struct hostif *h, struct hostif_remote *r, struct dp_path *path);
/* The kernel's interface index of a port's mirror TAP, 0: none; and its name. */
uint32_t hostif_port_ifindex(const struct hostif *h, unsigned int port);

/*
 * Makes an instance's device: a TAP without ARP in that network namespace, handed to
 * dp_instance_device(). -EEXIST: the name is taken there; -EINVAL: not an interface name.
 */
int hostif_device_new(
	struct hostif *h, uint32_t iid, int netns_fd, const char *name, struct hostif_device **out);
/*
 * The same with a device that a daemon before us made there: the TAP behind a descriptor that came
 * from its openvpn, with its MAC; neighbour entries of that daemon's peers go. tap stays the
 * caller's unless 0 is returned. -ENODEV: it is no such device, or not with this index; -EEXIST: it
 * is in use.
 */
int hostif_device_adopt(struct hostif *h, uint32_t iid, int netns_fd, int tap, uint32_t ifindex,
	struct hostif_device **out);
/* A descriptor of a new device, once; the caller's from here on. -1: there is none any more. */
int hostif_device_take_fd(struct hostif_device *d);
/* Removes it from the kernel at once, unless it is to be left. NULL is ignored. */
void hostif_device_del(struct hostif *h, struct hostif_device *d);
/* When it goes, it is left to whoever else has a descriptor of it; so are all. */
void hostif_device_leave(struct hostif_device *d);
void hostif_devices_leave(struct hostif *h);
uint32_t hostif_device_ifindex(const struct hostif_device *d);
const char *hostif_device_name(const struct hostif_device *d);

/*
 * Binds a peer to its inner addresses on the device: permanent neighbour entries with its MAC;
 * routes through these addresses count as its prefixes from now on (also those that were there
 * before). IP_NONE addresses are skipped.
 */
int hostif_peer_add(struct hostif *h, struct hostif_device *d, uint32_t peer_id,
	const struct ip_addr *vpn4, const struct ip_addr *vpn6, const uint8_t mac[DP_MAC_LEN]);
void hostif_peer_del(struct hostif *h, struct hostif_device *d, uint32_t peer_id);
/* Bytes that a peer with two addresses takes here, about. */
size_t hostif_peer_bytes(void);

#endif
