/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between threads, and the wake-up of a sleeping consumer. Every ring has one producer
 * and one consumer: each worker has a set of its own.
 *
 *   exception  worker -> agent      mbufs: OpenVPN control packets
 *   event      worker -> agent      struct event records
 *   inject     agent -> worker      mbufs: keepalives to encrypt
 *   host_out   worker -> host I/O   mbufs: frames for instance devices
 *   mirror_out worker -> host I/O   mbufs: frames for mirror TAPs; of strangers, too, so apart
 *   host_in    host I/O -> worker   mbufs: frames from them
 */
#ifndef EXCEPTION_H
#define EXCEPTION_H

#include <stdalign.h>
#include <stdatomic.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base.h"

#define EXCEPTION_RING_SIZE 1024
#define EVENT_RING_SIZE	    1024
#define INJECT_RING_SIZE    1024
#define HOST_RING_SIZE	    4096
#define MIRROR_RING_SIZE    1024

/* A float proposal. */
struct event {
	uint32_t iid, peer_id, tid, port;
	struct udp_addr remote, local;
};

/* A consumer that may sleep on an eventfd. */
struct waker {
	alignas(CACHE_LINE) atomic_bool sleeping;
	int fd;
};

struct rings {
	struct rte_ring *exception, *event, *inject, *host_out, *mirror_out, *host_in;
};

int waker_init(struct waker *k);
void waker_fini(struct waker *k);

/* name: a prefix unique in the process. */
int rings_new(struct rings *r, const char *prefix, unsigned int worker, int socket_id);
/* Frees what is still in them. */
void rings_free(struct rings *r);

/*
 * Producer, after enqueueing: wakes the consumer if it sleeps. At most one system call, by the
 * producer that clears the flag. The fence pairs with the one in waker_arm(): either the consumer
 * sees the entry, or the producer sees the flag.
 */
static inline void waker_wake(struct waker *k)
{
	static const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&k->sleeping, memory_order_relaxed))
		return;
	if (atomic_exchange_explicit(&k->sleeping, false, memory_order_relaxed))
		(void)!write(k->fd, &one, sizeof(one));
}

/* Consumer: before it looks at its rings for the last time and sleeps on k->fd. */
static inline void waker_arm(struct waker *k)
{
	atomic_store_explicit(&k->sleeping, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

/* Consumer: awake again. */
static inline void waker_disarm(struct waker *k)
{
	atomic_store_explicit(&k->sleeping, false, memory_order_relaxed);
}

/* Consumer: its fd was readable. */
static inline void waker_clear(struct waker *k)
{
	uint64_t n;

	(void)!read(k->fd, &n, sizeof(n));
}

#endif
