/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a peer was silent, and not how long we were deaf.
 *
 * A packet counts when a worker has received and decrypted it. The agent may look at the clock
 * earlier: after the process was stopped, or while a worker has no CPU, packets wait in the ports'
 * queues. So silence is measured up to the last moment of which we know that everything that had
 * arrived by then has been counted: the agent marks a moment, and when each worker has since found
 * its queues empty, or has taken in more than they hold, that moment has been heard.
 *
 * When a stall was long the ports' queues overflowed too, and what a peer sent meanwhile is lost.
 * Such times are remembered and are not silence.
 *
 * Agent only. Times are TSC.
 */
#ifndef HEARING_H
#define HEARING_H

#include <stdint.h>

#include <rte_lcore.h>

#define HEARING_DEAF_MAX 8

struct dp;

struct hearing {
	uint64_t until; /* all that arrived before has been counted */
	uint64_t mark;	/* the next such moment, when the workers have come so far */
	unsigned int nb_deaf;
	struct {
		uint64_t end, length;
	} deaf[HEARING_DEAF_MAX]; /* oldest first */
	struct {
		uint64_t iterations, idle;
	} then[RTE_MAX_LCORE]; /* each worker's at the mark */
};

void hearing_init(struct dp *dp, uint64_t now);
/* Each tick, before peers are looked at. */
void hearing_tick(struct dp *dp, uint64_t now);
/* For how long have we heard nothing, though we listened, of whom we last heard at `last`? */
uint64_t hearing_silence(const struct hearing *h, uint64_t last);

#endif
