/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/fragwatch.h"

#include <rte_cycles.h>

#include "dataplane/segment.h"
#include "dataplane/state.h"

static void notice(struct dp *dp, const struct instance *inst, const struct peer *p,
	uint32_t packets, uint32_t fragmented)
{
	const struct endpoint *e = atomic_load_explicit(&p->endpoint, memory_order_relaxed);
	struct dp_fragmenting_news *news = &dp->fragmenting_news;

	dp->fragmenting.notices++;
	if (news->packets != 0) {
		news->others++;
		return;
	}
	if (e == NULL)
		return; /* and nothing to say of its path */
	*news = (struct dp_fragmenting_news){
		.iid = inst->iid,
		.peer_id = p->id,
		.remote = p->remote,
		.packets = packets,
		.fragmented = fragmented,
		.path_mtu = e->mtu,
		.fits = segment_room(e, e->mtu),
		.mssfix_off =
			atomic_load_explicit(&inst->mssfix, memory_order_relaxed) == DP_MSSFIX_OFF,
	};
}

void fragwatch_look(struct dp *dp, const struct instance *inst, struct peer *p, uint64_t now)
{
	struct fragwatch *f = &p->fragwatch;
	uint32_t packets, fragmented;
	struct peer_stats sum;
	bool many;

	if (f->since != 0 && now - f->since < FRAGWATCH_SECONDS * rte_get_tsc_hz())
		return;
	peer_sum(p, &sum);
	packets = (uint32_t)sum.link_tx_packets - f->packets;
	fragmented = (uint32_t)sum.link_tx_fragmented - f->fragmented;
	many = fragmented >= FRAGWATCH_LEAST &&
		100ull * fragmented >= (uint64_t)FRAGWATCH_PERCENT * packets;
	if (many && !f->many)
		notice(dp, inst, p, packets, fragmented);
	dp->fragmenting.peers += many;
	dp->fragmenting.peers -= f->many;
	*f = (struct fragwatch){
		.since = now,
		.packets = (uint32_t)sum.link_tx_packets,
		.fragmented = (uint32_t)sum.link_tx_fragmented,
		.many = many,
	};
}

void fragwatch_end(struct dp *dp, struct peer *p)
{
	dp->fragmenting.peers -= p->fragwatch.many;
	p->fragwatch.many = false;
}

void dp_fragmenting(const struct dp *dp, struct dp_fragmenting *f)
{
	*f = dp->fragmenting;
}

bool dp_fragmenting_news(struct dp *dp, struct dp_fragmenting_news *news)
{
	*news = dp->fragmenting_news;
	dp->fragmenting_news.packets = 0;
	return news->packets != 0;
}
