/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops behind the ports: their MAC addresses as the kernel has them. Our packets bypass the
 * kernel and so confirm no neighbour; those in use are kept confirmed here, by the kernel itself
 * where it can (NTF_EXT_MANAGED), else by asking for them again and again (NTF_USE).
 */
#ifndef HOSTIF_HOPS_H
#define HOSTIF_HOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "control/htab.h"
#include "control/rtnl.h"
#include "control/rtnl_parse.h"

/* A next hop that some remote is reached through. Thousands of remotes may share one. */
struct hop {
	struct htab_node node;
	uint32_t ifindex;
	struct ip_addr ip;
	unsigned int remotes; /* that lead here; 0: it goes at a later keepalive */
	unsigned int users;   /* peers at those remotes */
	bool usable;	      /* mac holds */
	bool fixed;	      /* the operator's permanent entry: nothing to confirm */
	bool asked;	      /* the kernel is resolving it for us */
	bool managed;	      /* the kernel keeps it confirmed */
	bool idle;	      /* had no remotes at the last keepalive */
	uint16_t state;	      /* NUD_*; 0: the kernel has no entry */
	uint8_t mac[RTNL_MAC_LEN];
};

struct hops {
	struct rtnl *rtnl;
	struct htab table;
	bool unmanaged; /* this kernel refuses to keep neighbours confirmed for us */
	bool changed;	/* some hop's MAC address came, went or is another one */
};

void hops_init(struct hops *h, struct rtnl *rtnl);
void hops_fini(struct hops *h);

/* Asks the kernel for its MAC address if it is new. NULL: out of memory. */
struct hop *hops_get(struct hops *h, uint32_t ifindex, const struct ip_addr *ip);
/* Has it resolved, unless that is under way or there is nothing to resolve. */
void hops_use(struct hops *h, struct hop *hop);

/* An event of the kernel's; gone: the entry was removed. */
void hops_event(struct hops *h, const struct rtnl_neighbour *n, bool gone);
/* After lost events: reads all anew. */
void hops_resync(struct hops *h);
/* Every 15 s or so: what the kernel does not keep confirmed, and those that nobody uses any more.
 */
void hops_keepalive(struct hops *h);

#endif
