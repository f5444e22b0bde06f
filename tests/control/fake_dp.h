/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one sanctioned fake: dp.h with plain arrays, so that the real agent can be tested without
 * DPDK. The agent's thread calls dp_*(), the test's thread fake_dp_*(); a mutex lies between.
 */
#ifndef FAKE_DP_H
#define FAKE_DP_H

#include "dataplane/dp.h"

struct dp *fake_dp_new(void);
void fake_dp_free(struct dp *dp);

/* What is left in it; all 0 after everybody went. */
struct fake_dp_left {
	unsigned int instances, transports, peers, devices;
};
struct fake_dp_left fake_dp_left(struct dp *dp);

/* The peer ends by itself, as if its keepalive had expired; in [from, to). */
void fake_dp_expire(struct dp *dp, uint32_t iid, uint32_t from, uint32_t to);
/* A peer's key wears out; and: it has, and nobody was told. */
void fake_dp_wear(struct dp *dp, uint32_t iid, const struct dp_key_worn *worn);
bool fake_dp_worn(struct dp *dp, uint32_t iid, uint32_t id);
/* How often the agent looked at a peer so far. */
uint64_t fake_dp_looks(struct dp *dp);
/* Peers that ended and were not acknowledged. */
unsigned int fake_dp_unreported(struct dp *dp, uint32_t iid);
/* A peer's verbs fail with this from now on; 0: they work. */
void fake_dp_fail(struct dp *dp, int err);
/* A control packet arrives for the instance's i-th transport. */
void fake_dp_control(struct dp *dp, uint32_t iid, unsigned int i, const struct udp_addr *remote,
	const struct ip_addr *local, const void *data, uint16_t len);
/* An authenticated packet of a peer came from there to here: a proposal. */
void fake_dp_float(struct dp *dp, uint32_t iid, uint32_t id, const struct udp_addr *remote,
	const struct udp_addr *local);
/* The transport of the instance, by order of making; false: it has fewer. */
bool fake_dp_transport(
	struct dp *dp, uint32_t iid, unsigned int i, struct udp_addr *local, bool *v4_too);
/* The key last installed in a slot; all zero: none. */
struct key_material fake_dp_key(struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot);
/* The port's end of the mirror TAP: frames the kernel sends. */
int fake_dp_mirror_fd(struct dp *dp);
/* The newest instance, and what kind it is. */
uint32_t fake_dp_newest(struct dp *dp, enum dp_mode *mode);
/* The path last published for a peer; false: none. */
bool fake_dp_path(struct dp *dp, uint32_t iid, uint32_t id, struct dp_path *path);

#endif
