/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work whose length others decide, by the size of the kernel's tables, and that cannot be cut in
 * pieces: it gets a tenth of the agent's time at most, however often it is asked for. What is short
 * is done at once.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PACE_REST 9 /* times as long as the work took */

struct pace {
	uint64_t begun_ns;
	uint64_t rest_until_ns;
};

static inline uint64_t pace_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* False: not yet, come back later. */
static inline bool pace_begin(struct pace *p)
{
	p->begun_ns = pace_now_ns();
	return p->begun_ns >= p->rest_until_ns;
}

static inline void pace_end(struct pace *p)
{
	uint64_t now = pace_now_ns();

	p->rest_until_ns = now + PACE_REST * (now - p->begun_ns);
}

#endif
