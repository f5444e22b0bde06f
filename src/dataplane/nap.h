/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a thread with little to do naps before it looks again, as network cards moderate their
 * interrupts: waking up costs more than handling a packet (about 10 us on a virtual machine), so
 * under moderate traffic packets are left to gather. Pure; each thread has its own.
 *
 * Naps that end with few packets or none grow, naps that end with many shrink. After a lull without
 * any packet the thread sleeps until it is woken instead, so that sparse traffic waits for nobody.
 */
#ifndef NAP_H
#define NAP_H

#include "base.h"

#define NAP_MIN_NS  50000u
#define NAP_MAX_NS  200000u
#define NAP_FEW	    8	     /* packets a nap gathered: the next one is longer */
#define NAP_MANY    32	     /* the next one is shorter */
#define NAP_LULL_NS 2000000u /* without a packet */

struct nap {
	uint32_t ns;	 /* of the next nap */
	uint32_t moved;	 /* packets since the last one */
	uint32_t lulled; /* ns of naps in a row that ended with none */
};

static inline void nap_init(struct nap *n)
{
	*n = (struct nap){.ns = NAP_MIN_NS};
}

/* A turn of the thread's loop moved so many packets. */
static inline void nap_moved(struct nap *n, uint32_t packets)
{
	n->moved += packets;
}

/* There is nothing to do: how long to nap, ns; 0: it is a lull, sleep until woken. */
static inline uint32_t nap_next(struct nap *n)
{
	if (n->moved >= NAP_MANY)
		n->ns = n->ns / 2 > NAP_MIN_NS ? n->ns / 2 : NAP_MIN_NS;
	else if (n->moved < NAP_FEW)
		n->ns = n->ns * 2 < NAP_MAX_NS ? n->ns * 2 : NAP_MAX_NS;
	n->lulled = n->moved > 0 ? 0 : n->lulled;
	n->moved = 0;
	if (n->lulled >= NAP_LULL_NS) {
		n->ns = NAP_MIN_NS;
		return 0;
	}
	n->lulled += n->ns;
	return n->ns;
}

#endif
