/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/segment.h"

#include "dataplane/mss.h"
#include "dataplane/state.h"

uint32_t segment_room(const struct endpoint *e, uint32_t mtu)
{
	uint32_t outer = e->hdr_len - ETH_HDR_LEN + WIRE_DATA_HDR_LEN;

	return mtu > outer ? mtu - outer : 0;
}

void segment_clamp(struct worker *w, const struct pkt *p, uint8_t *inner, uint16_t len)
{
	const struct endpoint *e = atomic_load_explicit(&p->peer->endpoint, memory_order_acquire);
	uint32_t device = atomic_load_explicit(&p->inst->mtu, memory_order_relaxed);
	uint16_t mssfix = atomic_load_explicit(&p->inst->mssfix, memory_order_relaxed);
	uint32_t most;

	if (mssfix == DP_MSSFIX_OFF || e == NULL)
		return;
	most = segment_room(e, mssfix == 0 ? e->mtu : RTE_MIN(mssfix, e->mtu));
	if (device != 0)
		most = RTE_MIN(most, device);
	stat_add(&w->stats.segments_lowered, mss_clamp(inner, len, most));
}
