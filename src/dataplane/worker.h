/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker lcore: run to completion. worker_iteration() is the table of contents of the packet's
 * path; decap.c and encap.c are its chapters.
 */
#ifndef WORKER_H
#define WORKER_H

#include "dataplane/early.h"
#include "dataplane/exception.h"
#include "dataplane/frag.h"
#include "dataplane/ipid.h"
#include "dataplane/limit.h"
#include "dataplane/nap.h"
#include "dataplane/peer.h"
#include "dataplane/pkt.h"
#include "dataplane/port.h"
#include "dataplane/stage.h"
#include "dataplane/stats.h"

#define BURST_MAX     64 /* packets one step handles at most */
#define WORKER_RX_MAX 32 /* receive queues of one worker */

struct dp;

/* Packets on their way out, sent when full and at the end of the iteration. */
struct outbox {
	uint16_t n;
	struct rte_mbuf *pkts[BURST_MAX];
	struct peer *peers[BURST_MAX]; /* whose they are; NULL: nobody's */
};

struct worker {
	struct dp *dp;
	unsigned int index, lcore;
	uint64_t drain_again; /* TSC before which a device that was slow is not waited for */
	uint64_t now;	      /* TSC at the start of the iteration */
	struct aead_queue *aead;
	uint8_t session_lines[AEAD_NB_ALGS + 1]; /* by enum aead_alg */
	const uint32_t *nb_peers;		 /* the agent's count */

	unsigned int nb_rx;
	struct {
		const struct port *port;
		uint8_t index;
		uint16_t queue;
	} rx[WORKER_RX_MAX];

	struct rings rings;
	struct waker waker;
	struct nap nap;
	struct frag frag;
	struct early early;
	bool wake_host, wake_agent;
	struct outbox host, mirror, exception, port[DP_MAX_PORTS];

	struct stages *stages; /* NULL: not measured */
	struct thread_stats stats;
	struct limit limit; /* of control packets */
	struct ipid_share ipids[IPID_COUNTERS];
};

/* The packet ends here. */
static inline void drop(struct worker *w, struct rte_mbuf *m, enum drop_reason why)
{
	stat_add(&w->stats.drops[why], 1);
	rte_pktmbuf_free(m);
}

/*
 * Likewise, and the packet is known to be this peer's. The peer is an argument and never read from
 * the packet, whose fields may be left over from the buffer's last use. NULL: nobody's.
 */
static inline void drop_of(
	struct worker *w, struct peer *peer, struct rte_mbuf *m, enum drop_reason why)
{
	const struct drop_facts f = {.now = w->now};

	if (peer != NULL)
		peer_drops_add(&peer->drops, why, &f);
	drop(w, m, why);
}

static inline void drop_pkt(struct worker *w, struct pkt *p, enum drop_reason why)
{
	drop(w, pkt_mbuf(p), why);
}

/* Does the packet, its outer frame as it came, come from where that peer is? */
static inline bool pkt_is_from(struct pkt *p, const struct peer *peer)
{
	const struct endpoint *e = atomic_load_explicit(&peer->endpoint, memory_order_acquire);
	const uint8_t *frame = rte_pktmbuf_mtod(pkt_mbuf(p), const uint8_t *);

	return e != NULL && endpoint_is_source(e, frame, p->family, p->payload);
}

/* A session is many lines; fetched so many packets before it is used. */
#define SESSIONS_AHEAD 3
#define SESSIONS_MANY  512 /* peers from which on it pays */

static inline void worker_prefetch_session(
	const struct worker *w, const struct key *key, const struct aead_session *session)
{
	const char *p = (const char *)session;
	unsigned int lines = w->session_lines[key->alg];

	/* few of them stay in the cache, and the fetching itself takes its time */
	if (__atomic_load_n(w->nb_peers, __ATOMIC_RELAXED) < SESSIONS_MANY)
		return;
	for (unsigned int i = 0; i < lines; i++)
		rte_prefetch1(p + i * CACHE_LINE);
}

int worker_init(struct worker *w, struct dp *dp, unsigned int index, unsigned int lcore);
/*
 * Throws away what the crypto queue still has. The device reads keys and buffers, so it is waited
 * for, for a second; returns how many packets it holds on to.
 */
uint32_t worker_drain(struct worker *w);
/* Drained before. */
void worker_fini(struct worker *w);

/* One turn. Packets moved; 0: nothing to do. */
unsigned int worker_iteration(struct worker *w);
/* The lcore's function: iterates until dp_stop(). arg: struct worker. */
int worker_main(void *arg);

/* Sends on its way what the crypto queue has done. Packets. */
unsigned int worker_finish_crypto(struct worker *w);
void worker_flush_port(struct worker *w, uint8_t port);
void worker_flush_host(struct worker *w);

static inline void outbox_put(struct outbox *o, struct rte_mbuf *m, struct peer *peer)
{
	o->peers[o->n] = peer;
	o->pkts[o->n++] = m;
}

/*
 * Each consumes the packet; a full outbox is flushed on the way. peer: whose packet it is, looked
 * up since the last quiescent state; NULL: nobody's.
 */
static inline void worker_send_port(
	struct worker *w, uint8_t port, struct rte_mbuf *m, struct peer *peer)
{
	outbox_put(&w->port[port], m, peer);
	if (w->port[port].n == BURST_MAX)
		worker_flush_port(w, port);
}

/* To the instance's device; pkt: iid */
static inline void worker_send_host(struct worker *w, struct rte_mbuf *m, struct peer *peer)
{
	outbox_put(&w->host, m, peer);
	if (w->host.n == BURST_MAX)
		worker_flush_host(w);
}

void worker_send_mirror(struct worker *w, struct rte_mbuf *m);	  /* the kernel's; pkt: port */
void worker_send_exception(struct worker *w, struct rte_mbuf *m); /* pkt: outer frame, iid, tid */

#endif
