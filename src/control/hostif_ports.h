/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mirror TAPs of the ports, and the kernel's addresses on them, which the data plane is told.
 */
#ifndef HOSTIF_PORTS_H
#define HOSTIF_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/rtnl.h"
#include "control/rtnl_parse.h"
#include "dataplane/dp.h"

struct hostif_port_address {
	struct rtnl_address a;
	bool seen;    /* by the dump that is under way */
	bool refused; /* the data plane has no room for it yet */
};

struct hostif_port {
	uint32_t ifindex; /* 0: no TAP, or it is gone */
	int fd;		  /* of the TAP, for its carrier; the data plane has another */
	bool link_up;	  /* as the TAP was told last */
	char name[RTNL_NAME_LEN];
	struct hostif_port_address *addresses;
	unsigned int nb_addresses;
	unsigned int room; /* for so many */
};

struct hostif_ports {
	struct dp *dp;
	struct rtnl *rtnl; /* of the daemon's own namespace */
	struct hostif_port port[DP_MAX_PORTS];
};

/* Makes a port's TAP; the contract is hostif_mirror_new()'s. */
int hostif_ports_mirror(struct hostif_ports *p, unsigned int port, const char *const *addresses,
	unsigned int nb_addresses);
/* Removes the TAPs. */
void hostif_ports_fini(struct hostif_ports *p);

/* The port with that TAP; -1: none. */
int hostif_ports_find(const struct hostif_ports *p, uint32_t ifindex);

/* Is it on any of them? */
bool hostif_ports_have(const struct hostif_ports *p, const struct ip_addr *ip);

/* An address came or changed, or went; those of other links are passed over. */
void hostif_ports_address(struct hostif_ports *p, const struct rtnl_address *a, bool gone);
void hostif_ports_link_gone(struct hostif_ports *p, uint32_t ifindex);
/* The TAPs' carriers become what the ports' links are, so that the kernel and routing daemons see
 * it. */
void hostif_ports_follow_links(struct hostif_ports *p);
/* Asks for links and addresses anew, and tells the differences. -EINTR: again. */
int hostif_ports_resync(struct hostif_ports *p);

#endif
