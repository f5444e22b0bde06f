/* SPDX-License-Identifier: BSD-3-Clause */
/* What was measured, in words, as a table or as JSON. Main thread. */
#ifndef REPORT_H
#define REPORT_H

#include "bench/churn.h"
#include "bench/lane.h"

struct spread {
	double median, min, max;
};

struct result {
	struct bench_size size;
	double mean_size;	    /* of inner packets; over ports: of those that were there */
	struct spread ours, device; /* cycles per packet */
	double ratio;		    /* of the medians */
	struct spread ratios;	    /* of batches side by side */
	double mpps, gbps;	    /* all lanes; at the median */
	double source;		    /* cycles per packet of taking and giving back */
	double stages[NB_STAGES];   /* cycles per packet */
	double staged;		    /* of the same batches, as a whole */
	double on_cpu;		    /* the lane that had least */
	double on_cpu_each[BENCH_LANES_MAX];
	double wall_s;
	uint64_t packets, dropped;
	uint64_t offered, received, sent, taken; /* over ports */
	uint64_t timed;				 /* likewise: of packets, until the clock stopped */
	uint64_t drops[NB_DROPS];
	struct spread churned;	   /* cycles per packet while keys and peers came and went */
	struct spread cost;	   /* of that, 0.05 being 5 %; over pairs of windows side by side */
	double gap_us[2];	   /* calm, churning: the longest of a worker's bursts */
	double long_gaps_per_s[2]; /* likewise: over GAP_LONG_US, in the worker's time */
	struct churn_result churn;
};

/* Sums up lanes that have stopped. NULL, or why there is no result. */
const char *report_sum(struct rig *r, struct lane *const *lanes, struct result *out);

/* One line a size under one heading; json: one object a size, in an array at the end. */
void report_begin(struct rig *r);
void report_result(struct rig *r, const struct result *res);
/* To stderr: what was lost, for what reason, and for how long forwarding was so disturbed. */
void report_losses(const struct result *res);
/* A line while the lanes run: approximate, because they go on. */
void report_progress(const struct rig *r, struct lane *const *lanes);
void report_end(const struct rig *r);

#endif
