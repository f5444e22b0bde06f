/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a worker's cycles go, by stage of the packet's path. Off in the daemon, where a mark costs
 * one predicted branch a burst; ovpn-dpdk-bench turns it on for some of its batches.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stddef.h>
#include <stdint.h>

#include <rte_cycles.h>

#define STAGES(X)                                                                                  \
	X(RX, "rx", "taking packets from port or ring")                                            \
	X(CLASSIFY, "classify", "first look: headers, opcode, destination")                        \
	X(LOOKUP, "lookup", "peer and key")                                                        \
	X(PREPARE, "prepare", "replay check or packet ids, headers, AEAD job")                     \
	X(CRYPTO, "crypto", "the AEAD device, submit and poll")                                    \
	X(FINISH, "finish", "replay commit, source check or outer headers, counters")              \
	X(TX, "tx", "handing packets to port or ring")                                             \
	X(IDLE, "idle", "the rest of the iteration")

enum stage {
#define X(id, name, words) STAGE_##id,
	STAGES(X)
#undef X
		NB_STAGES,
};

struct stages {
	uint64_t last; /* TSC of the last mark */
	uint64_t cycles[NB_STAGES];
};

/* What passed since the last mark was that stage. s: NULL if nobody wants to know. */
static inline void stage_mark(struct stages *s, enum stage stage)
{
	uint64_t now;

	if (__builtin_expect(s == NULL, 1))
		return;
	now = rte_rdtsc();
	s->cycles[stage] += now - s->last;
	s->last = now;
}

#endif
