/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of everything there is. Packet buffers follow from ports, queues and workers and do not
 * grow; peers, keys and their sessions grow up to max-peers. dp_fits() and dp_memory() (dp_life.h,
 * dp_view.h) tell the one before the start and the other afterwards, from the same sizes.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "dataplane/dp_life.h"

struct sizes {
	uint32_t rx_mbufs[DP_MAX_PORTS], rx_room[DP_MAX_PORTS];
	uint32_t host_mbufs, host_room;
	uint32_t ping_mbufs, ping_room;
	uint32_t frag_mbufs, frag_room;
};

/* Buffers of each pool, and bytes of their data rooms. */
void sizes_of(const struct dp_conf *conf, struct sizes *s);

#endif
