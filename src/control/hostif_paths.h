/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets to a remote leave, as the kernel's routes and neighbours have it. Answers are kept
 * as long as a peer has that remote, and asked for anew when an event puts them in doubt, and now
 * and then without one: the kernel learns a path's MTU silently.
 */
#ifndef HOSTIF_PATHS_H
#define HOSTIF_PATHS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "control/hostif_hops.h"
#include "control/hostif_ports.h"
#include "control/rtnl.h"
#include "control/rtnl_parse.h"
#include "dataplane/dp.h"

#define PATHS_MAX_PREFIXES 64 /* changed at once; with more, all answers are in doubt */

struct hostif_remote;

struct hostif_paths {
	struct rtnl *rtnl;
	const struct hostif_ports *ports;
	struct hops hops;
	struct htab remotes;
	TAILQ_HEAD(, hostif_remote) queue; /* in which answers are reviewed */
	bool changed;
	bool all; /* answers are in doubt */
	unsigned int nb_prefixes;
	struct {
		struct ip_addr ip;
		uint8_t len;
	} prefixes[PATHS_MAX_PREFIXES];
};

void hostif_paths_init(struct hostif_paths *p, struct rtnl *rtnl, const struct hostif_ports *ports);
void hostif_paths_fini(struct hostif_paths *p);

/* The contracts are hostif_remote_*()'s. */
int hostif_paths_get(struct hostif_paths *p, const struct udp_addr *remote,
	const struct ip_addr *local, struct hostif_remote **out);
void hostif_paths_put(struct hostif_paths *p, struct hostif_remote *r);
int hostif_paths_ask(struct hostif_paths *p, struct hostif_remote *r, struct dp_path *path);

/* What changed: routes to a prefix, anything at all. */
void hostif_paths_route(struct hostif_paths *p, const struct rtnl_route *r);
void hostif_paths_any(struct hostif_paths *p);

/* Was any answer given so far put in doubt since the last call? */
bool hostif_paths_changed(struct hostif_paths *p);
/* Asks for the next n answers anew, in turn. True: some answer is another now. */
bool hostif_paths_review(struct hostif_paths *p, unsigned int n);

#endif
