/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outer fragments. With OpenVPN's default tun-mtu of 1500 on a link of 1500 bytes every full packet
 * travels in two, so both ways are ordinary ones. Worker only.
 *
 * In: pieces of UDP datagrams for our addresses are held until all are there, and put together in
 * one segment. The first piece has the ports: if these are not ours, all pieces go to the kernel as
 * they came. Pieces that overlap without being equal end their datagram, and so do those that come
 * after them. Memory is bounded; when it is used up the oldest datagram makes room: pieces of a
 * packet come within microseconds of each other, so the good ones pass also in a flood of others.
 *
 * Out: our own copying fragmenter, because what enters a port is one segment (rte_ip_frag makes
 * chains, and gives every IPv6 fragment the same id).
 */
#ifndef FRAG_H
#define FRAG_H

#include <sys/queue.h>

#include "base.h"

#define FRAG_DATAGRAMS	1024 /* incomplete ones of a worker */
#define FRAG_HELD_MAX	2048 /* pieces of a worker */
#define FRAG_PIECES	24   /* of a datagram */
#define FRAG_TIMEOUT_MS 500
#define FRAG_ROOM	9600 /* bytes of a reassembled frame at most */

struct endpoint;
struct frag_datagram;
struct locals;
struct peer;
struct rte_mbuf;
struct worker;

TAILQ_HEAD(frag_list, frag_datagram);
LIST_HEAD(frag_chain, frag_datagram);

struct frag {
	struct frag_datagram *all;
	struct frag_chain heads[FRAG_DATAGRAMS]; /* by hash */
	struct frag_chain unused;
	struct frag_list by_age; /* oldest first */
	uint32_t held;		 /* pieces */
	uint64_t timeout;	 /* cycles of the TSC */
};

/* 0 or -ENOMEM. */
int frag_init(struct frag *f, int socket_id);
void frag_fini(struct frag *f);

/*
 * Takes a frame that classify() called a fragment; its pkt has the port it came from. The complete
 * datagram, its IP header repaired, as one segment; NULL: the frame is held, or went elsewhere.
 */
struct rte_mbuf *frag_reassemble(struct worker *w, const struct locals *locals, struct rte_mbuf *m);
/* Once an iteration: drops what has waited too long. */
void frag_sweep(struct worker *w);

/*
 * Sends a finished frame that exceeds e->mtu in fragments; consumes it. Its outer headers were
 * written by endpoint_write().
 */
void frag_send(struct worker *w, struct peer *peer, const struct endpoint *e, struct rte_mbuf *m);

#endif
