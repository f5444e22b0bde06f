/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host I/O thread: moves frames between rings and the TAPs of the kernel side (mirror TAPs of
 * the ports, devices of the instances), so that neither a worker nor the agent makes the system
 * calls: one a frame, or one for many packets of a flow where the device takes super-frames.
 */
#ifndef HOSTIO_H
#define HOSTIO_H

#include "dataplane/compat.h"
#include "dataplane/exception.h"
#include "dataplane/nap.h"
#include "dataplane/hostdev.h"
#include "dataplane/pkt.h"
#include "dataplane/stats.h"

struct dp;
struct worker;

/* A super-frame of the kernel that is being cut. */
struct cutting {
	struct super_cut super; /* its bytes: in the scratch */
	unsigned int next;	/* segment; super.n: done */
	struct worker *worker;	/* that gets all of them */
	uint32_t iid;		/* of the device, which may be gone meanwhile */
	uint8_t port;
};

struct hostio {
	struct dp *dp;
	compat_thread thread;
	bool running;
	atomic_bool stop;
	int epoll;
	unsigned int reader; /* in dp->rcu */
	struct rte_mempool *pool;
	struct rte_mbuf *spare; /* the buffer of the next read */
	bool starved;		/* there was none for it */
	uint8_t *scratch;	/* for what does not fit into it */
	struct cutting cut;
	struct worker *touched; /* has got packets and was not woken yet */
	struct waker waker;
	struct nap nap;
	struct thread_stats stats;
};

#define HOSTIO_SPARE_MBUFS 3071 /* in caches and on their way */

/* mbufs: of its pool; pool_room: bytes of an mbuf's data room. */
int hostio_init(
	struct hostio *h, struct dp *dp, unsigned int reader, uint32_t mbufs, uint16_t pool_room);
void hostio_fini(struct hostio *h);
int hostio_start(struct hostio *h);
void hostio_stop(struct hostio *h);

/* One turn without waiting: frames moved. The thread's body; tests call it. */
unsigned int hostio_turn(struct hostio *h);

#endif
