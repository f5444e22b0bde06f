/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets to a remote leave, as the kernel's routes and neighbours have it. Answers are
 * kept until an event puts them in doubt: routes per remote and local address, MAC addresses per
 * next hop, so that thousands of peers behind one gateway cost one neighbour.
 */
#ifndef HOSTIF_PATHS_H
#define HOSTIF_PATHS_H

#include <stdbool.h>

#include "control/hostif_ports.h"
#include "control/rtnl.h"
#include "control/rtnl_parse.h"
#include "dataplane/dp.h"

struct hostif_paths;

int hostif_paths_new(
	struct rtnl *rtnl, const struct hostif_ports *ports, struct hostif_paths **out);
void hostif_paths_free(struct hostif_paths *p);

/* The contract is hostif_path()'s. */
int hostif_paths_ask(struct hostif_paths *p, const struct ip_addr *remote,
	const struct ip_addr *local, struct dp_path *path);

/* What changed: a neighbour (gone: its entry was removed), routes to a prefix, anything at all. */
void hostif_paths_neighbour(struct hostif_paths *p, const struct rtnl_neighbour *n, bool gone);
void hostif_paths_route(struct hostif_paths *p, const struct rtnl_route *r);
void hostif_paths_any(struct hostif_paths *p);
/* After lost events: asks for all known next hops anew. */
void hostif_paths_resync(struct hostif_paths *p);

/* Was any answer given so far put in doubt since the last call? */
bool hostif_paths_changed(struct hostif_paths *p);

/* Keeps used next hops confirmed where the kernel does not do it by itself. Every 15 s or so. */
void hostif_paths_keepalive(struct hostif_paths *p);

#endif
