/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks at the data plane once a second and logs what has changed: links, workers, whether there
 * is room for more peers; and once a minute what was dropped, and to whom packets go in pieces. One
 * line a change, none a packet.
 */
#ifndef WATCH_H
#define WATCH_H

#include "control/counts.h"
#include "dataplane/dp_view.h"

struct watch {
	struct dp *dp;
	const struct control_counts *counts;
	struct control_counts told;
	uint64_t drops[DP_DROPS_MAX]; /* told */
	bool link_down[DP_MAX_PORTS]; /* told */
	uint64_t stuck[2];	      /* bit i: worker i, told */
	bool full;		      /* told */
	unsigned int seconds;
};

void watch_init(struct watch *w, struct dp *dp, const struct control_counts *counts);
/* Once a second. */
void watch_look(struct watch *w);

#endif
