/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What storm's two halves agree on: the openvpn with its peers (storm.c), and the other ends of
 * these peers (storm_send.c), which get their orders by a pipe, a line each.
 */
#ifndef STORM_H
#define STORM_H

#include "nlclient.h"

#define STORM_PEERS_MAX	  200000u
#define STORM_SOURCES_MAX 64

/* Addresses of the other ends. Each has the ports of STORM_ROUNDS rounds. */
struct storm_sources {
	struct ip_addr a[STORM_SOURCES_MAX];
	uint32_t nb;
};

#define STORM_PORT   9000u
#define STORM_ROUNDS 4u
#define STORM_PORTS  14000u /* of one round and address */

/* Where peer i is in that round: a place of its own. */
static inline struct udp_addr storm_place(const struct storm_sources *s, uint32_t i, uint32_t round)
{
	return (struct udp_addr){.ip = s->a[i % s->nb],
		.port = (uint16_t)(STORM_PORT + round * STORM_PORTS + i / s->nb)};
}

/* storm_send.c: `data ROUND KEY-ID COUNT`, `control ROUND COUNT`, `rest`. Returns at the end of
 * the pipe. Peers 0 to COUNT-1 each send one packet in a pass, passes follow each other. */
int storm_send(const struct storm_sources *s, const struct udp_addr *to);

/* A control packet's payload that says whose it is. */
#define STORM_CONTROL_LEN 22

#endif
