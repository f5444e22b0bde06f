/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which peers' packets leave in pieces, minute by minute: a few are nothing, many cost throughput,
 * and are lost as a whole when one piece is. See dp_fragmenting(). Agent only.
 */
#ifndef FRAGWATCH_H
#define FRAGWATCH_H

#include <stdbool.h>
#include <stdint.h>

#define FRAGWATCH_SECONDS 60
#define FRAGWATCH_LEAST	  64 /* packets in pieces in this time, or they are nothing */
#define FRAGWATCH_PERCENT 10 /* of those sent */

struct dp;
struct instance;
struct peer;

/* Of a peer: its counts when the minute began. */
struct fragwatch {
	uint64_t since; /* TSC; 0: not yet */
	uint32_t packets, fragmented;
	bool many; /* in the last minute */
};

/* About once a second; now: TSC. */
void fragwatch_look(struct dp *dp, const struct instance *inst, struct peer *p, uint64_t now);
/* The peer goes. */
void fragwatch_end(struct dp *dp, struct peer *p);

#endif
