/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reservation of packet ids for sending: the nonce of a key never repeats, whichever worker sends.
 *
 * Ids are 64 bits wide here; the wire's width is the limit that the caller sets (classic
 * P_DATA_V2: 2^32-1). Id 0 is never given out. Any worker may call.
 */
#ifndef PKTID_H
#define PKTID_H

#include <stdatomic.h>
#include <stdint.h>

#define PKTID_MAX_CLASSIC 0xffffffffull /* P_DATA_V2 has 32 bits; id 0 is invalid */

struct pktid {
	_Atomic(uint64_t) next; /* the next id to give out */
	uint64_t limit;		/* the last id that may ever be given out */
};

/* first: the first id to give out (1 for a new key; tests seed others). */
void pktid_init(struct pktid *p, uint64_t first, uint64_t limit);

/*
 * Reserves up to n consecutive ids and writes the first to *first. Returns how many: fewer than n
 * at the end of the id space, then 0 for ever. One relaxed atomic add.
 */
uint16_t pktid_reserve(struct pktid *p, uint16_t n, uint64_t *first);

/*
 * Gives out no id any more, to nobody. Returns the first that was never given out (limit + 1: none
 * is left), with which another may go on. Agent.
 */
uint64_t pktid_close(struct pktid *p);

/* Ids given out so far (saturates at the limit). */
uint64_t pktid_used(const struct pktid *p);

#endif
