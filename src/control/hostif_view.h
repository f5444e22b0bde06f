/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's side as an operator sees it, in pages: each call looks at everything once (10,000
 * routes: two milliseconds), and gives the n (1 or more) that come next in order. Agent thread.
 */
#ifndef HOSTIF_VIEW_H
#define HOSTIF_VIEW_H

#include "control/hostif.h"
#include "control/hostif_iroutes.h"

/*
 * Whose inner addresses and prefixes are on the device of an instance: those of one peer, or all
 * with DP_NO_PEER. In the order of addresses; after: the last of the page before, NULL: from the
 * first. Returns how many.
 */
unsigned int hostif_view_routes(struct hostif *h, uint32_t iid, uint32_t peer_id,
	const struct iroutes_row *after, struct iroutes_row *out, unsigned int n);

struct hostif_view_neighbour {
	uint32_t ifindex; /* of the mirror TAP */
	struct ip_addr ip;
	const char *port; /* its name, "" when it is gone; valid as long as hostif */
	bool has_mac;
	uint8_t mac[DP_MAC_LEN];
	const char *state; /* as `ip neigh` says it */
	bool managed;	   /* the kernel keeps it confirmed by itself */
	unsigned int peers;
};
/* The next hops that peers are reached through. */
unsigned int hostif_view_neighbours(struct hostif *h, const struct hostif_view_neighbour *after,
	struct hostif_view_neighbour *out, unsigned int n);

#endif
