/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host I/O thread: moves frames between rings and the TAPs of the kernel side (mirror TAPs of
 * the ports, devices of the instances), one system call a frame, so that neither a worker nor the
 * agent makes them.
 *
 * A host device is made and ended by the agent and read by workers and this thread under QSBR; its
 * fd is closed after quiescence.
 */
#ifndef HOSTIO_H
#define HOSTIO_H

#include <pthread.h>

#include "dataplane/exception.h"
#include "dataplane/pkt.h"
#include "dataplane/stats.h"

struct dp;

struct hostdev {
	int fd;
	uint32_t iid; /* of the instance whose device it is; 0: a mirror TAP */
	uint8_t port; /* of the mirror TAP */
	uint8_t mac[6];
};

struct hostio {
	struct dp *dp;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	int epoll;
	unsigned int reader; /* in dp->rcu */
	struct rte_mempool *pool;
	struct rte_mbuf *spare; /* the buffer of the next read */
	struct waker waker;
	struct thread_stats stats;
};

/* pool_room: bytes of an mbuf's data room. */
int hostio_init(
	struct hostio *h, struct dp *dp, unsigned int reader, uint16_t pool_room, int socket_id);
void hostio_fini(struct hostio *h);
int hostio_start(struct hostio *h);
void hostio_stop(struct hostio *h);

/* Agent. Makes fd non-blocking and watches it. NULL: out of memory or not pollable (errno). */
struct hostdev *hostdev_new(
	struct hostio *h, int fd, uint32_t iid, uint8_t port, const uint8_t mac[6]);
/* Agent. No more frames from it; closed and freed after a grace period. NULL is ignored. */
void hostdev_del(struct hostio *h, struct hostdev *d);

/* One turn without waiting: frames moved. The thread's body; tests call it. */
unsigned int hostio_turn(struct hostio *h);

#endif
