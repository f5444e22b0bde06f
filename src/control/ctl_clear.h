/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `clear stats`: an operator's zero point. No counter is touched, least of all those that openvpn
 * is told; what there was is remembered and taken off of what operators are shown. Ports, threads
 * and drops are remembered here, peers by the data plane (dp_peer_clear()), which forgets it with
 * the peer.
 */
#ifndef CTL_CLEAR_H
#define CTL_CLEAR_H

#include <jansson.h>

#include "control/counts.h"
#include "dataplane/dp_view.h"

#define CTL_LCORES_MAX 128

struct agent;
struct ctl_ask;

struct ctl_zero {
	uint64_t started_ms; /* CLOCK_MONOTONIC */
	uint64_t cleared_ms; /* 0: never */
	struct control_counts counts;
	uint64_t drops[DP_DROPS_MAX];
	struct dp_port_info ports[DP_MAX_PORTS];
	struct dp_lcore_info lcores[CTL_LCORES_MAX];
	struct dp_host_info host;
};

/* For who owns one: counting begins now. */
void ctl_zero_init(struct ctl_zero *z);

/* The command; peers in pages, as `show peers`. */
json_t *ctl_clear_stats(struct ctl_ask *ask);

/* Seconds for which counters have counted: since the last clear, or since the start. */
double ctl_counting_s(struct agent *a);
bool ctl_cleared(struct agent *a);

/* The data plane's and the agent's counters since the zero point. */
void ctl_drops(struct agent *a, uint64_t out[DP_DROPS_MAX]);
struct control_counts ctl_counts(struct agent *a);
void ctl_port_info(struct agent *a, unsigned int port, struct dp_port_info *info);
void ctl_lcore_info(struct agent *a, unsigned int worker, struct dp_lcore_info *info);
void ctl_host_info(struct agent *a, struct dp_host_info *info);

#endif
