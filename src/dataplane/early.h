/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data packets that overtake their key. A peer may send with a new key as soon as it has said the
 * last word of the handshake; that word goes to openvpn, which then brings us the key, and the data
 * that follows it comes straight here. So packets of the key id that must come next wait a moment,
 * in order, for their key.
 *
 * Only packets from where the peer is are kept, and few, and not for long: the rest is dropped as
 * unknown-key. A worker's own.
 */
#ifndef EARLY_H
#define EARLY_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define EARLY_STREAMS 8	 /* peers that may wait at a time */
#define EARLY_PKTS    64 /* of one of them */

struct pkt;
struct worker;

struct early_stream {
	uint32_t iid, peer_id;
	uint8_t key_id, port;
	uint16_t n;	/* 0: free */
	uint64_t since; /* TSC of the first */
	struct rte_mbuf *pkts[EARLY_PKTS];
};

struct early {
	unsigned int n; /* streams in use */
	struct early_stream streams[EARLY_STREAMS];
};

/*
 * Takes a packet whose peer is known, if it has to wait: for its key (p->key is NULL), or because
 * others of that key are still waiting before it. False: it has not been taken.
 */
bool early_take(struct worker *w, struct pkt *p, uint8_t key_id);
/* Submits those whose key has come, drops those that have waited too long. */
void early_turn(struct worker *w);
/* Frees all. */
void early_fini(struct early *e);

#endif
