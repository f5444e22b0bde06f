/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet buffers: mbufs with a struct pkt in the private area. Main thread, at start. */
#ifndef POOL_H
#define POOL_H

#include <rte_mempool.h>

/*
 * n is best 2^k - 1; room: bytes of the data room, headroom included; cache: mbufs an lcore keeps.
 * Any registered thread may allocate and free. NULL: rte_errno.
 */
struct rte_mempool *pool_new(
	const char *name, uint32_t n, uint32_t cache, uint32_t room, int socket_id);

/* What such a pool takes, about. */
uint64_t pool_bytes(uint32_t n, uint32_t room);
/* What it has taken. */
uint64_t pool_taken(struct rte_mempool *mp);

#endif
