/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ctl.c asks of the agent, the data plane, the kernel's side and the crypto devices, answered
 * from memory: an instance tun0 (id 7, multi-peer) and an instance tun1 (id 3, p2p), two ports, two
 * workers.
 */
#ifndef FAKE_VIEW_H
#define FAKE_VIEW_H

#include "control/agent.h"
#include "dataplane/dp_view.h"

/* tun0 gets peers 0, step, 2 * step ...; every gone_every-th is a tombstone (0: none). */
struct agent *fake_view(uint32_t nb_peers, uint32_t step, uint32_t gone_every);
/* tun0 has so many routes (10.0.0.0/32 and on), tun1 three, peers so many next hops. */
void fake_view_kernel(uint32_t nb_routes, uint32_t nb_neighbours);
/* No instance, no port, no worker, no device. */
struct agent *fake_view_empty(void);
/* How many peers were looked at since the last call. */
unsigned long fake_view_looked_at(void);
/* How often a live peer was cleared. */
uint32_t fake_view_cleared(void);
/* What changes by itself: links, the second worker, live peers of 4096, dropped packets. */
struct fake_view_state {
	bool links_up, answers;
	uint32_t peers;
	uint64_t replayed, noise;
	struct dp_fragmenting_news news;
};
void fake_view_now(const struct fake_view_state *s);

#endif
