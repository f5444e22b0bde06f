/* SPDX-License-Identifier: BSD-3-Clause */
/* All that hangs from struct dp: private to src/dataplane. */
#ifndef STATE_H
#define STATE_H

#include "dataplane/dp_view.h"
#include "dataplane/fib.h"
#include "dataplane/hearing.h"
#include "dataplane/hostio.h"
#include "dataplane/ipid.h"
#include "dataplane/known.h"
#include "dataplane/peer.h"
#include "dataplane/peertab.h"
#include "dataplane/rcu.h"
#include "dataplane/wear.h"
#include "dataplane/worker.h"

TAILQ_HEAD(peer_list, peer);
TAILQ_HEAD(tombstone_list, tombstone);

/* One openvpn process's interface. Made and freed by the agent, read by workers under QSBR. */
struct instance {
	uint32_t iid;
	enum dp_mode mode;
	_Atomic(struct hostdev *) device;
	_Atomic(struct fib *) fib; /* NULL: no iroutes */
	struct peertab peers;
	_Atomic(struct peer *) only; /* P2P: the peer, or NULL */
	_Atomic(uint32_t) mtu;	     /* of the device; 0: not known */
	_Atomic(uint16_t) mssfix;    /* see dp_instance_mssfix() */

	/* agent only */
	uint16_t generations;	    /* of peers, for their MACs */
	struct peer_list peer_list; /* every live peer */
	uint32_t nb_peers;	    /* in it */
	struct peer *scan;	    /* where the next liveness scan goes on */
	uint32_t scan_left;	    /* peers it looks at in this tick */
	struct tombstone_list unreported;
	struct peer_list asking; /* whose key wears out, and openvpn has not been told */
	bool ended;		 /* deleted: its peers follow */
	uint32_t swept;		 /* of these, ids below have no tombstone any more */
	TAILQ_ENTRY(instance) ending;
};

TAILQ_HEAD(instance_list, instance);

struct transport {
	bool used, v4_too;
	uint32_t iid;
	struct udp_addr local;
};

struct dp {
	/* read by workers */
	_Atomic(struct locals *) locals;
	_Atomic(struct instance *) instances[DP_MAX_INSTANCES]; /* by iid % DP_MAX_INSTANCES */
	unsigned int nb_ports, nb_workers;
	struct port ports[DP_MAX_PORTS];
	_Atomic(struct hostdev *) mirrors[DP_MAX_PORTS];
	struct worker **workers;
	struct hostio hostio;
	struct waker agent; /* dp_event_fd() */
	struct rcu rcu;	    /* readers: workers, then host I/O */
	struct source_secret secret;
	struct known known; /* where live peers are */
	atomic_bool stop;
	bool idle_poll, running;
	struct ipid ipids[IPID_COUNTERS];

	/* agent only */
	struct aead *aead;
	uint32_t max_peers, nb_peers, replay_window;
	uint32_t nb_tombstones, nb_zeros;	   /* allocated, see dp_memory() */
	struct arena arena;			   /* of these */
	struct slab peers, endpoints, keys, pages; /* pages: of peer tables */
	unsigned int scanned;	     /* instances whose peers had their turn in this tick */
	struct instance_list ending; /* deleted, but for their peers */
	struct peer_list graces;     /* by grace_since; see grace.h */
	unsigned int nb_graces;
	struct wear_memory worn;
	struct hearing hearing;
	uint32_t next_iid;
	uint32_t handshake_rate;
	uint16_t mssfix;  /* of new instances */
	uint8_t tos_mask; /* of new endpoints */
	struct dp_fragmenting fragmenting;
	struct dp_fragmenting_news fragmenting_news; /* packets 0: none */
	uint64_t started;			     /* TSC */
	struct transport transports[DP_MAX_TRANSPORTS];
	struct rte_mempool *ping_pool, *frag_pool;
	struct locals *no_locals;    /* when there is no memory for more */
	bool locals_owed;	     /* there was none: to be published */
	struct rte_mbuf *event_mbuf; /* behind dp_event.data */
	unsigned int event_worker;   /* whose rings are read next */
};

/* The instance of an id, or NULL: it is gone. Any reader, or the agent. */
static inline struct instance *instance_find(struct dp *dp, uint32_t iid)
{
	struct instance *inst =
		atomic_load_explicit(&dp->instances[iid % DP_MAX_INSTANCES], memory_order_acquire);

	return inst != NULL && inst->iid == iid ? inst : NULL;
}

/*
 * Encap of a peer belongs to one worker, whoever hands it packets, so that they stay in order. iid
 * 0: a mirror TAP's frames, by the port in place of the peer's id.
 */
static inline struct worker *encap_worker(struct dp *dp, uint32_t iid, uint32_t peer_id)
{
	const struct instance *inst = instance_find(dp, iid);

	/* a P2P device's frames are all for its one peer, whatever their MAC is */
	if (inst != NULL && inst->mode == DP_MODE_P2P)
		peer_id = 0;
	return dp->workers[(peer_id + iid) % dp->nb_workers];
}

/* The first of n IP identifications for packets to there. Worker. */
static inline uint32_t worker_ipid(struct worker *w, const struct endpoint *e, uint32_t n)
{
	return ipid_take(&w->dp->ipids[e->ipid], &w->ipids[e->ipid], n);
}

/* Agent. Ends a live peer: unpublished, its tombstone made, freed later. */
void peer_end(
	struct dp *dp, struct instance *inst, struct peer *p, enum dp_gone why, bool reported);
/* Agent. The same without a tombstone. */
void peer_drop(struct dp *dp, struct instance *inst, struct peer *p);
/* Agent. What is left of instances that were deleted: some of it. True: there is more. */
bool instances_end_some(struct dp *dp);
/* Agent. Keys older than the one that encrypts do so no more. */
void peer_spend_older(struct dp *dp, struct peer *p);
/* Agent. Publishes the local addresses if there was no memory for it. */
void locals_tick(struct dp *dp);
/* Milliseconds of the clock that keys are dated by. */
uint64_t dp_now_ms(void);
/* Agent. Packets to the peer go to remote by that path from now on; NULL: none. -EINVAL, -ENOMEM.
 */
int peer_lead(
	struct dp *dp, struct peer *p, const struct udp_addr *remote, const struct dp_path *path);
/* Agent. Forgets the tombstone of an id. */
void tombstone_drop(struct dp *dp, struct instance *inst, struct peertab_entry *e);

#endif
