/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys and peers that come and go while packets are forwarded: what the agent does when openvpn
 * tells it to, at a set rate, by the main thread. Half of the time, in turns of CHURN_WINDOW_MS, it
 * rests, so that the cost of forwarding with and without is measured in the same run.
 *
 * A peer whose packets flow is not given another key before the packets of its last one are
 * through, as openvpn would not either: what is lost then, we have lost.
 *
 * Main thread.
 */
#ifndef CHURN_H
#define CHURN_H

#include "bench/lane.h"

#define CHURN_WINDOW_MS 50

struct churn;

struct churn_result {
	double installs_per_s, adds_per_s; /* reached, while it did not rest */
	bool held_back;			   /* by packets under way, or by memory not free yet */
	double seconds;			   /* of churning */
	double reclaim_ms;		   /* the longest that something freed had to wait */
};

/* -ENOMEM. */
int churn_new(struct rig *r, struct lane *const *lanes, struct churn **out);
void churn_free(struct churn *c);

void churn_start(struct churn *c);
/*
 * Does what is due. 1: there is more to do at once; 0: not before some microseconds have passed;
 * -errno after log_err(): a verb failed that must not.
 */
int churn_turn(struct churn *c);
/* The lanes have stopped. NULL, or what went wrong: something was not freed. */
const char *churn_stop(struct churn *c, struct churn_result *res);

#endif
