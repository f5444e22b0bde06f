/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What storm's openvpn believes of its peers, and whether the data plane agrees. A message that is
 * doubled, too early, or of a peer to whom nothing happened ends the program; so does a dump or an
 * answer that differs from what is written here. One thread.
 */
#ifndef STORM_TABLE_H
#define STORM_TABLE_H

#include <stdio.h>

#include "storm.h"

struct mark {
	struct udp_addr remote, name; /* where it is; where openvpn believes it to be */
	uint64_t due_ms;	      /* 0: for ever */
	uint8_t gone, moved, dumped, heard;
};

enum dumped { DUMPED_NOT, DUMPED_LIVE, DUMPED_GONE };

struct storm {
	struct nlc *c;
	bool tells; /* the family has a word for floats */
	const char *device, *book;
	FILE *orders;
	struct storm_sources sources;
	uint32_t peers, active; /* the first ones have keys, move and rekey */
	uint16_t port;
	bool floating;
	uint32_t round, rounds;
	uint32_t nb_moved, nb_gone;
	uint8_t key_id;
	uint64_t random, dumps, slowest_us, slowest_dump_us;
	struct mark *p;
};

uint64_t now_us(void);
/* Keeps the longest time so far. */
void longest(uint64_t *slowest_us, uint64_t began_us);
/* A call that may not fail: ends the program if it did (-errno). */
void must(int ret, const char *what);

/* VPN addresses of peer i. */
struct ip_addr storm_vpn4(uint32_t i);
struct ip_addr storm_vpn6(uint32_t i);

/* Reads all notifications there are. */
void storm_take(struct storm *s);
/* Asks for a random peer, and measures how long that takes. */
void storm_ask(struct storm *s);
/* All peers; the number of those that live. Whoever was not told to be gone is there. */
uint32_t storm_dump(struct storm *s);
/* The kernel has two neighbour entries for each peer that lives, and no others. */
void storm_neighbours(struct storm *s, uint32_t live);

#endif
