/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pool.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "dataplane/pkt.h"

/*
 * Without hugepages a mempool by default gives each object a page of its own if two do not fit in
 * one, lest an object cross a boundary. net_af_xdp (22.11) computes the size of its umem as if
 * objects were packed, so that buffers behind that size are silently never sent. No device sees
 * physical addresses in this mode: packing is right, and takes a third less memory.
 */
static unsigned int layout_flags(void)
{
	return rte_eal_has_hugepages() ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
}

static unsigned int element_size(uint32_t room)
{
	return (unsigned int)(sizeof(struct rte_mbuf) + sizeof(struct pkt) +
		RTE_ALIGN_CEIL(room, RTE_CACHE_LINE_SIZE));
}

uint64_t pool_bytes(uint32_t n, uint32_t room)
{
	uint32_t size = rte_mempool_calc_obj_size(element_size(room), layout_flags(), NULL);

	/* the elements, and the ring of pointers to them */
	return (uint64_t)n * size + rte_align64pow2(n + 1) * sizeof(void *);
}

static void add_bytes(
	struct rte_mempool *mp, void *bytes, struct rte_mempool_memhdr *mem, unsigned int i)
{
	(void)mp;
	(void)i;
	*(uint64_t *)bytes += mem->len;
}

uint64_t pool_taken(struct rte_mempool *mp)
{
	uint64_t bytes = rte_align64pow2(mp->size + 1) * sizeof(void *);

	rte_mempool_mem_iter(mp, add_bytes, &bytes);
	return bytes;
}

struct rte_mempool *pool_new(
	const char *name, uint32_t n, uint32_t cache, uint32_t room, int socket_id)
{
	struct rte_pktmbuf_pool_private priv = {
		.mbuf_data_room_size = (uint16_t)RTE_ALIGN_CEIL(room, RTE_CACHE_LINE_SIZE),
		.mbuf_priv_size = sizeof(struct pkt),
	};
	struct rte_mempool *mp = rte_mempool_create_empty(
		name, n, element_size(room), cache, sizeof(priv), socket_id, layout_flags());

	if (mp == NULL)
		return NULL;
	/* ring_mt_rts: the agent and the host I/O thread use it too, and may be preempted */
	if (rte_mempool_set_ops_byname(mp, "ring_mt_rts", NULL) != 0) {
		rte_mempool_free(mp);
		return NULL;
	}
	rte_pktmbuf_pool_init(mp, &priv);
	if (rte_mempool_populate_default(mp) < 0) {
		rte_mempool_free(mp);
		return NULL;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
}
