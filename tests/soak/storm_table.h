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
	uint8_t gone, moved, dumped, heard, asked;
	uint8_t used; /* 1 + the id of the key by which it last spoke */
};

enum dumped { DUMPED_NOT, DUMPED_LIVE, DUMPED_GONE };

struct storm {
	struct nlc *c;
	bool tells; /* the family has words for floats and for keys that wear out */
	const char *device, *book;
	FILE *orders, *reports; /* to the other ends, and from them */
	struct storm_sources sources;
	uint32_t peers, active; /* the first ones move */
	uint16_t port;
	bool floating, wearing;
	uint32_t round, rounds;
	uint32_t nb_moved, nb_gone, nb_asked;
	uint8_t seed, key_id; /* key_id: what all have */
	int inside[2];	      /* UDP sockets in the tunnels, IPv4 and IPv6 */
	uint64_t random, dumps, slowest_us, slowest_dump_us;
	uint64_t request_us; /* what one of the rekeys' took */
	struct mark *p;
};

uint64_t now_us(void);
/* Keeps the longest time so far. */
void longest(uint64_t *slowest_us, uint64_t began_us);
/* "what: seconds", since then. */
void said(uint64_t since_ms, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To the other ends: see storm_send(). */
void order(struct storm *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A call that may not fail: ends the program if it did (-errno). */
void must(int ret, const char *what);

/* Reads all notifications there are. */
void storm_take(struct storm *s);
/* Asks for a random peer, and measures how long that takes. */
void storm_ask(struct storm *s);
/* All peers; the number of those that live. Whoever was not told to be gone is there. */
uint32_t storm_dump(struct storm *s);
/* The kernel has two neighbour entries for each peer that lives, and no others. */
void storm_neighbours(struct storm *s, uint32_t live);

#define PATIENCE_MS 60000 /* for all of one kind */
#define QUIET_MS    600	  /* after the last one: then a second one would have come */

/* storm_keys.c: the device is there, and the peers with their first keys. */
void storm_inside_open(struct storm *s);
/* Data goes both ways by the keys that all have, and these wear out: of each, that is told once. */
void storm_wear(struct storm *s);
/* All get new keys, under traffic with the old ones. */
void storm_rekey(struct storm *s);
/* Data of all peers goes both ways by the keys that they have. */
void storm_talk(struct storm *s);

#endif
