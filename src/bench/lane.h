/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One worker under test, on its own lcore: batch after batch, phase A and phase B in turn, until it
 * is told to stop. What it counted is read when it has stopped.
 */
#ifndef LANE_H
#define LANE_H

#include <stdatomic.h>

#include "bench/feed.h"
#include "crypto/aead_bare.h"

#define SAMPLES_MAX 65536 /* batches whose cost is remembered */
#define STAGED_MAX  2048  /* of them, with their stages */

/* One batch's cycles per packet, as a whole and by stage. */
struct staged {
	float total, v[NB_STAGES];
};

/* Cycles per packet of each batch. */
struct samples {
	uint32_t n;
	float v[SAMPLES_MAX];
	uint32_t window[SAMPLES_MAX]; /* see struct rig */
};

/* What a worker's bursts took, from one hand-over to the next. */
struct gaps {
	uint64_t largest;	  /* cycles */
	uint64_t nb_long, cycles; /* those over GAP_LONG_US, and all of them together */
};
#define GAP_LONG_US 100

enum lane_fault {
	LANE_OK,
	LANE_LOST,	/* packets vanished without a reason */
	LANE_DIFFERENT, /* loop: a packet came back with other bytes, or twice, or never */
	LANE_REORDERED, /* loop: a peer's packets came back in another order */
	LANE_STALLED,	/* the crypto device stopped answering */
	LANE_BARE,	/* the bare device failed */
};

struct lane {
	struct rig *rig;
	struct worker *w;
	unsigned int index;
	struct feed feed;
	struct aead_bare *bare;
	struct rte_mbuf *slot[BENCH_BATCH]; /* the mbufs between two phases */
	uint64_t *newest;		    /* [peer]: number of its last packet, and one */
	uint16_t bare_len[BENCH_BATCH];
	uint32_t bare_session[BENCH_BATCH];
	atomic_bool stop, done; /* done: has had --packets */
	/* batches whose packets are through: what was encrypted before is decrypted; main waits */
	_Atomic(uint64_t) batches;
	uint32_t window;   /* of the batch under way: see struct rig */
	uint64_t gap_long; /* cycles */

	/* of the run, the lcore's until it has stopped */
	enum lane_fault fault;
	uint64_t packets, worker_cycles, source_cycles; /* phase B */
	uint64_t offered, received, taken;		/* over ports: see traffic.c */
	uint64_t timed; /* over ports: of packets, until the clock stopped */
	uint64_t dropped;
	uint64_t drops[NB_DROPS]; /* by reason */
	double cpu_s, wall_s;	  /* of the whole run */
	struct stages stages;	  /* of the batch that is being measured */
	uint32_t nb_staged;
	struct staged staged[STAGED_MAX];
	struct samples ours, device, churned; /* churned: ours while the main thread did so */
	struct samples ratios;		      /* of ours to the device's next to it */
	struct gaps gaps[2];		      /* calm, churning */
};

/* Packet number n of this lane came back: is it newer than those before it, of the same peer? */
bool lane_in_order(struct lane *l, uint64_t n);

void samples_add(struct samples *s, uint64_t cycles, unsigned int packets);

int lane_new(struct rig *r, unsigned int index, struct lane **out);
void lane_free(struct lane *l);
/* Forgets what was counted. Main thread, while it is stopped. */
void lane_reset(struct lane *l, struct bench_size size);
/* The lcore's function over rings; arg: struct lane. */
int lane_main(void *arg);
/* What every lcore's function does before, right after and at the end of its work. */
void lane_begin(struct lane *l);
/* Stops itself when it has had --packets. */
void lane_look(struct lane *l);
void lane_stop_clock(struct lane *l);
void lane_end(struct lane *l);

#endif
