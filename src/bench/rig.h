/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane under test: one port of rings, one instance, and peers that are their own far end
 * (their transport address is ours, and both directions of their keys are equal), so that what
 * encap makes is what decap takes. Main thread.
 */
#ifndef RIG_H
#define RIG_H

#include "bench/bench.h"
#include "dataplane/state.h"

#define RIG_RING_SIZE (4 * BENCH_BATCH)

struct rig {
	struct bench_conf conf;
	struct aead *aead;
	struct dp *dp;
	uint32_t iid;
	unsigned int nb_lanes, nb_started;			/* ports started */
	struct rte_ring *rx[RTE_MAX_LCORE], *tx[RTE_MAX_LCORE]; /* of lane i: the port's queues */
	uint64_t sent_before; /* by the ports, when the run began */
	bool async;	      /* packets may be inside the crypto device between two iterations */
	bool stalled;	      /* it still holds some, and does not answer */
	uint32_t nb_peers;
	struct dp_peer_conf *peers; /* [nb_peers] */
	uint8_t (*macs)[DP_MAC_LEN];
	uint8_t device_mac[DP_MAC_LEN];
};

/* Devices, data plane, peers and their keys. 0, or -errno after log_err(). */
int rig_new(const struct bench_conf *conf, struct rig **out);
void rig_free(struct rig *r);
/* Packets that all ports have sent. */
uint64_t rig_sent(struct rig *r);

/* Bytes of room in front of an inner packet's Ethernet header. */
#define RIG_HEADROOM RTE_PKTMBUF_HEADROOM

#endif
