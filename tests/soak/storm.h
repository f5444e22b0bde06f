/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What storm's two halves agree on: the openvpn with its peers (storm.c), and the other ends of
 * these peers (storm_send.c), which get their orders by a pipe, a line each, and say by another
 * one what they heard.
 */
#ifndef STORM_H
#define STORM_H

#include "nlclient.h"
#include "soak_keys.h"

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
#define STORM_AWAY   2u	    /* the round at the next address: it may be of the other family */

/* Where peer i is in that round: a place of its own. */
static inline struct udp_addr storm_place(const struct storm_sources *s, uint32_t i, uint32_t round)
{
	return (struct udp_addr){.ip = s->a[(i + (round == STORM_AWAY)) % s->nb],
		.port = (uint16_t)(STORM_PORT + round * STORM_PORTS + i / s->nb)};
}

/* VPN addresses: of peer i, and of the openvpn itself. */
static inline struct ip_addr storm_vpn4(uint32_t i)
{
	struct ip_addr a = {IP_V4, {0}};

	be32_store(a.b, (10u << 24 | 64u << 16) + i + 1);
	return a;
}

static inline struct ip_addr storm_vpn6(uint32_t i)
{
	struct ip_addr a = {IP_V6, {0xfd, 0x78}};

	be32_store(a.b + 12, i + 1);
	return a;
}

#define STORM_OWN4 ((struct ip_addr){IP_V4, {10, 79, 255, 254}})
#define STORM_OWN6 ((struct ip_addr){IP_V6, {0xfd, 0x78, [8] = 1, [15] = 1}})

/* From where peer i speaks inside its tunnel: all four pairs of inner and outer family. */
static inline struct udp_addr storm_inside(uint32_t i)
{
	return (struct udp_addr){i / 2 % 2 == 0 ? storm_vpn4(i) : storm_vpn6(i), STORM_PORT, 0};
}

/* Storms on one daemon, one after the other, have keys of their own. */
static inline struct nlc_key storm_key(uint8_t seed, uint32_t i, uint8_t key_id)
{
	return soak_key((uint32_t)seed << 24 | i, key_id);
}

/*
 * storm_send.c: other ends of peers 0 to COUNT-1, which each send one packet in a pass; passes
 * follow each other. Returns at the end of the pipe of orders:
 *
 *   ping ROUND KEY-ID COUNT     a keepalive
 *   talk ROUND KEY-ID COUNT     a datagram to STORM_OWN4 or STORM_OWN6, port STORM_PORT, that says
 *                               whose it is and of which key, until it has come back
 *   control ROUND COUNT         a control packet
 *   rest
 *
 * While it talks it says `heard KEY-ID N I` on stdout: N peers got theirs back, with that key and
 * no packet id twice, peer I not (N = COUNT: all).
 */
int storm_send(const struct storm_sources *s, uint8_t seed, const struct udp_addr to[2]);

#define STORM_TALK_LEN 8 /* peer id, key id: 32 bits each, big endian */

/* A control packet's payload that says whose it is. */
#define STORM_CONTROL_LEN 22

#endif
