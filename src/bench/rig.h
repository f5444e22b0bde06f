/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane under test: one port of rings, one instance, and peers that are their own far end
 * (their transport address is ours, and both directions of their keys are equal), so that what
 * encap makes is what decap takes. Main thread.
 */
#ifndef RIG_H
#define RIG_H

#include <stdatomic.h>

#include "bench/bench.h"
#include "dataplane/state.h"

#define RIG_RING_SIZE (4 * BENCH_BATCH)
/*
 * Peers beside those whose packets flow, for --peer-adds and --rekey others: few enough that a run
 * with one peer stays one of few (SESSIONS_MANY).
 */
#define RIG_OTHERS 256

/* Bytes that dp_memory() tells. */
struct rig_memory {
	uint64_t fixed;	   /* buffers and rings, whatever the number of peers */
	double a_peer;	   /* with two keys: what grows */
	double all_a_peer; /* everything, over the number of peers */
};

/* Inner packets of all peers, both directions. */
struct rig_moved {
	uint64_t packets, bytes;
};

struct rig {
	struct bench_conf conf;
	struct aead *aead;
	struct dp *dp;
	uint32_t iid;
	unsigned int nb_lanes, nb_started;			/* ports started */
	struct rte_ring *rx[RTE_MAX_LCORE], *tx[RTE_MAX_LCORE]; /* of lane i: the port's queues */
	uint64_t sent_before;	       /* by the ports, when the run began */
	struct rig_moved moved_before; /* likewise */
	struct udp_addr local, remote;
	/* counts the turns of rest and churn: odd while keys or peers come and go. Main writes */
	_Atomic(uint32_t) window;
	struct rig_memory memory;     /* when all peers were there, and no bare device yet */
	uint32_t nb_peers, nb_others; /* those whose packets flow; ids behind them */
	struct dp_peer_conf *peers;   /* [nb_peers + nb_others] */
	unsigned int nb_results;      /* of the report under way */
	bool async;   /* packets may be inside the crypto device between two iterations */
	bool stalled; /* it still holds some, and does not answer */
	uint8_t (*macs)[DP_MAC_LEN];
	uint8_t device_mac[DP_MAC_LEN];
};

/* Devices, data plane, peers and their keys. 0, or -errno after log_err(). */
int rig_new(const struct bench_conf *conf, struct rig **out);
void rig_free(struct rig *r);
/* The peer with its path and its first key (id 0, primary). Main thread. -errno. */
int rig_peer_new(struct rig *r, uint32_t id);
/* Puts key number n of a peer into a slot; its id is 0, then 1 to 7 in turn. See dp_key_new(). */
int rig_key_new(struct rig *r, uint32_t id, enum keyslot slot, uint64_t n);
/* Packets that all ports have sent. */
uint64_t rig_sent(struct rig *r);
/* Do all ports have a link? */
bool rig_linked(struct rig *r);
/* What the peers have counted. Main thread, while the lanes have stopped. */
struct rig_moved rig_moved(struct rig *r);

/* Bytes of room in front of an inner packet's Ethernet header. */
#define RIG_HEADROOM RTE_PKTMBUF_HEADROOM

#endif
