/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inner packets of a lane: of which peer the next one is, how long, and what is in it. What is in
 * it follows from its number, so that the far end can tell whether a byte differs.
 */
#ifndef FEED_H
#define FEED_H

#include "bench/rig.h"

struct feed {
	const struct rig *rig;
	struct bench_size size;
	uint32_t *order; /* peer ids of this lane, drawn beforehand */
	uint32_t mask, next;
	uint64_t number; /* of the next packet */
};

/* Which peers: those whose packets belong to that worker. -ENOMEM; -EINVAL: it has none. */
int feed_init(struct feed *s, const struct rig *r, unsigned int lane);
void feed_fini(struct feed *s);

/* The peer and the length of packet number n. */
uint32_t feed_peer(const struct feed *s, uint64_t n);
uint16_t feed_len(const struct feed *s, uint64_t n);

/* Makes m the frame of the instance's device with packet n in it, as host I/O would. */
void feed_fill(const struct feed *s, uint64_t n, struct rte_mbuf *m);
/* Is m the frame for the instance's device with packet n in it, byte for byte? */
bool feed_check(const struct feed *s, uint64_t n, const struct rte_mbuf *m);
/*
 * The same for a packet that came over a wire: which one it is, its first bytes say. *n: its
 * number, or FEED_UNKNOWN for one too short to tell.
 */
#define FEED_UNKNOWN UINT64_MAX
bool feed_recognize(const struct feed *s, const struct rte_mbuf *m, uint64_t *n);

#endif
