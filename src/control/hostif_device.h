/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One instance's device: the TAP, its peers as permanent neighbour entries, and the prefixes
 * behind them. With ARP off and a MAC address for each peer the kernel chooses the peer of every
 * packet, by whatever routes and rules there are.
 */
#ifndef HOSTIF_DEVICE_H
#define HOSTIF_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/hostif_iroutes.h"
#include "control/htab.h"
#include "control/pace.h"
#include "control/rtnl.h"
#include "control/rtnl_parse.h"
#include "dataplane/dp.h"

struct hostif_ns;

struct hostif_device {
	LIST_ENTRY(hostif_device) link; /* of ns */
	struct hostif_ns *ns;
	struct dp *dp;
	struct rtnl *rtnl; /* of ns */
	uint32_t iid;
	uint32_t ifindex;
	uint32_t mtu; /* as the data plane knows it */
	char name[RTNL_NAME_LEN];
	int keep_fd;	 /* for its openvpn, until that has it; -1: none */
	bool leave;	 /* it stays in the kernel when it goes here */
	bool gone;	 /* somebody removed it from the kernel */
	bool unfinished; /* a neighbour entry could not be made yet */
	bool stale;	 /* iroutes has to be filled anew */
	struct iroutes *iroutes;
	struct pace pace; /* of flushes */
	struct htab peers;
};

/* Takes a TAP that lives in rtnl's namespace and hands it to the data plane. */
int hostif_device_init(struct hostif_device *d, int fd);
/* The same with one that is in use already, if it has our name and index; it stays as it is. */
int hostif_device_take(struct hostif_device *d, int fd);
/* remove: from the kernel, at once; otherwise it is left to others who have a descriptor of it. */
void hostif_device_fini(struct hostif_device *d, bool remove);

int hostif_device_peer_add(struct hostif_device *d, uint32_t peer_id, const struct ip_addr *vpn4,
	const struct ip_addr *vpn6, const uint8_t mac[DP_MAC_LEN]);
void hostif_device_peer_del(struct hostif_device *d, uint32_t peer_id);

/* Events of the namespace; those of other devices are passed over. */
void hostif_device_link(struct hostif_device *d, const struct rtnl_link *l, bool gone);
void hostif_device_address_gone(struct hostif_device *d, const struct rtnl_address *a);
void hostif_device_neighbour(struct hostif_device *d, const struct rtnl_neighbour *n, bool gone);
void hostif_device_route(struct hostif_device *d, const struct rtnl_route *r, bool gone);

/* Tries again the neighbour entries that could not be made. */
void hostif_device_finish(struct hostif_device *d);
/* Puts every neighbour entry in place anew, and has the routes read again. */
void hostif_device_resync(struct hostif_device *d);
/*
 * Reads the routes again if need be, and says the prefixes if they changed; or puts that off, if
 * the last time was long and not long ago.
 */
void hostif_device_flush(struct hostif_device *d);
/* Has a flush anything to do? */
bool hostif_device_owes(const struct hostif_device *d);

#endif
