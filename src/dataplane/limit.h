/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of OpenVPN's control channel a worker lets through to openvpn, so that nobody can use up
 * what is there for all. Pure: time is a parameter, in cycles of the TSC. Each worker has its own.
 *
 *   opener (opcodes 7, 10)              any other control packet
 *     |                                   |
 *     v                                   +-- from a live peer's address and port
 *   bucket of the sender's network        |      bucket of this address and port
 *     |  empty: source-limit              |         empty: session-limit
 *     v                                   |
 *   bucket of all openers                 +-- from one whose opener has passed lately, and who
 *     |  empty: handshake-limit           |   has not sent LIMIT_CREDIT packets since: passes
 *     v                                   |
 *   passes; its sender may send           +-- from a stranger
 *   LIMIT_CREDIT more                            bucket of the sender's network
 *                                                   empty: source-limit
 *                                                bucket of all strangers
 *                                                   empty: stranger-limit
 *
 * A flood from one network empties the bucket of that network. One from many empties the bucket of
 * all openers or all strangers, and neither is asked when a live peer negotiates its next key. What
 * reaches openvpn from others than live peers is at most (1 + LIMIT_CREDIT) times the rate, and the
 * strangers'. Buckets of networks and of addresses are found by a keyed hash; two that share one
 * share its tokens. A bucket is one number, so that the tables stay in the cache.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include "dataplane/known.h"
#include "dataplane/stats.h"

#define LIMIT_SLOTS	 4096
#define LIMIT_SETS	 4096 /* of two, of senders whose opener has passed */
#define LIMIT_BURST	 64   /* openers, or packets of strangers, that may come at once */
#define LIMIT_SHARE	 8    /* one network has a share of 1/8 of all openers and strangers */
#define LIMIT_SESSION_HZ 128  /* control packets of one address and port a second */
#define LIMIT_SESSION_BURST                                                                        \
	256		   /* at once: a handshake takes 10 to 25, and a bucket may serve some */
#define LIMIT_CREDIT   40  /* packets that a passed opener pays for */
#define LIMIT_LATELY_S 120 /* within so many seconds of each other */

struct limit_rate {
	uint64_t cost, depth; /* cycles a packet costs, and the most that may be owed */
};

/* A sender whose opener has passed. */
struct limit_passed {
	uint32_t tag;	 /* of its hash */
	uint16_t time;	 /* of its last packet, in about seconds */
	uint16_t credit; /* packets it may send yet; 0: the entry is free */
};

struct limit {
	bool on;
	uint8_t time_shift; /* cycles to about seconds */
	uint16_t lately;
	struct source_secret secret;
	struct limit_rate source, all, session;
	/* buckets: the time at which they are full again */
	uint64_t openers, strangers;
	uint64_t sources[LIMIT_SLOTS], sessions[LIMIT_SLOTS];
	struct limit_passed passed[LIMIT_SETS][2];
};

/* rate: openers a second that this worker may let through; 0: everything passes. */
void limit_init(struct limit *l, const struct source_secret *secret, double rate, uint64_t tsc_hz);

/* May a control packet from src go to openvpn now? False: why not. */
bool limit_pass(struct limit *l, const struct known *known, const struct udp_addr *src, bool opener,
	uint64_t now, enum drop_reason *why);

#endif
