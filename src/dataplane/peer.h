/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One remote. Made and freed by the agent; workers hold pointers only between two quiescent states.
 */
#ifndef PEER_H
#define PEER_H

#include <assert.h>
#include <stddef.h>
#include <sys/queue.h>

#include "crypto/keyslots.h"
#include "dataplane/dp.h"
#include "dataplane/endpoint.h"
#include "dataplane/fragwatch.h"
#include "dataplane/peer_drops.h"
#include "dataplane/stats.h"

/* Written by one worker, summed by the agent. UDP payload bytes (link) and inner bytes (vpn). */
struct peer_stats {
	alignas(CACHE_LINE) uint64_t last_rx; /* TSC; 0: never */
	uint64_t last_tx;		      /* likewise */
	uint64_t link_rx_packets, link_rx_bytes, vpn_rx_packets, vpn_rx_bytes;
	uint64_t link_tx_packets, link_tx_bytes, vpn_tx_packets, vpn_tx_bytes;
	uint64_t link_tx_fragmented; /* of link_tx_packets, how many left in pieces */
};

struct tombstone;

/* An operator's zero point: what is taken off of what he is shown. */
struct peer_zero {
	uint64_t when; /* TSC */
	struct peer_stats sums;
	uint64_t drops[NB_PEER_DROPS];
	uint64_t floats;
};

struct peer {
	/* read by workers, replaced by the agent */
	alignas(CACHE_LINE) uint32_t id;
	uint16_t generation; /* see inner_mac_write() */
	bool has_vpn4, has_vpn6;
	struct keyslots keys;
	_Atomic(struct endpoint *) endpoint; /* NULL: no path */
	_Atomic(uint32_t) tx_id;	     /* in what is sent to it; its packets bear id */
	uint8_t vpn4[4];		     /* so far one cache line */
	uint8_t vpn6[16];

	/* written by whoever drops one of its packets */
	struct peer_drops drops;

	/* agent only */
	alignas(CACHE_LINE) TAILQ_ENTRY(peer) link;
	struct udp_addr remote, local;
	uint32_t interval, timeout; /* keepalive, seconds */
	uint64_t since;		    /* TSC from which silence counts */
	uint64_t floats,
		floats_at;	/* done so far; TSC at which as many may follow at once as may */
	struct tombstone *tomb; /* where its last counters go; NULL: nobody wants them */
	struct dp *dp;
	struct peer_zero *zero; /* NULL: the operator has not cleared its counters */
	TAILQ_ENTRY(peer) grace;
	uint64_t grace_since; /* TSC; 0: on no list; see grace.h */
	struct fragwatch fragwatch;
	TAILQ_ENTRY(peer) ask;
	bool asking;	 /* on its instance's list; see wear.h */
	uint64_t pinged; /* TSC of the last keepalive that was ordered */

	unsigned int nb_stats;

	/* written by any worker: it has said goodbye */
	_Atomic(bool) goodbye;
	/* TSC before which nobody proposes a float; written by whoever does, and by the agent */
	_Atomic(uint64_t) float_after;

	/* written by their workers */
	struct peer_stats stats[];
};

static_assert(offsetof(struct peer, vpn6) <= CACHE_LINE, "what all packets need is one line");

/* What stays of a peer until its id is used again: agent only. */
struct tombstone {
	TAILQ_ENTRY(tombstone) link; /* on the instance's unreported list while reported is false */
	uint32_t id;
	enum dp_gone why;
	bool reported;
	uint8_t owed;	   /* dumps that still show it */
	struct peer *peer; /* not yet freed: it may still count; NULL: the sums below are final */
	struct peer_stats sums;
	struct peer_drops drops;
};

/* Worker. Fetches what a packet needs of a peer whose first line is here: keys, endpoint, counts.
 */
static inline void peer_prefetch(const struct peer *p, unsigned int worker)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct key *k = atomic_load_explicit(&p->keys.slot[i], memory_order_relaxed);

		if (k != NULL) /* else it would cost a page walk that finds nothing */
			__builtin_prefetch(k);
	}
	__builtin_prefetch(atomic_load_explicit(&p->endpoint, memory_order_relaxed));
	__builtin_prefetch(&p->stats[worker], 1);
	__builtin_prefetch((const char *)&p->stats[worker] + CACHE_LINE, 1);
}

/* Bytes of one with counters for so many workers. */
size_t peer_size(unsigned int nb_workers);
/* peers: of peer_size(). */
struct peer *peer_new(struct slab *peers, const struct dp_peer_conf *conf, unsigned int nb_workers);
/* Frees keys and endpoint, folds the counters into its tombstone. After quiescence. */
void peer_free(void *peer);

/* Sums of all workers; last_rx and last_tx are the latest. */
void peer_sum(const struct peer *p, struct peer_stats *sum);

#endif
