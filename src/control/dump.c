/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/dump.h"

#include "dataplane/dp_view.h"

#define BURST 4 /* datagrams in one turn */

/* As many peers as one datagram holds. */
static void fill(struct dump *d, struct nl_out *o)
{
	struct dp_peer_info info;

	for (;; d->next++) {
		d->next = dp_peer_next(d->dp, d->iid, d->next);
		if (d->next == DP_NO_PEER)
			return;
		if (dp_peer_get(d->dp, d->iid, d->next, &info) < 0 || (info.gone && !info.owed))
			continue;
		if (!d->family->put_peer(o, &d->request, d->ifindex, &info))
			return;
		if (info.gone && d->settled)
			dp_gone_shown(d->dp, d->iid, d->next);
	}
}

void dump_some(struct dump *d, struct conn *c)
{
	struct nl_out o;

	for (unsigned int i = 0; i < BURST && d->active && !conn_is_full(c); i++) {
		o.len = 0;
		if (d->next != DP_NO_PEER)
			fill(d, &o);
		if (o.len == 0) {
			nl_put_done(&o, &d->request);
			d->active = false;
		}
		conn_answer(c, &d->shim, d->active ? 0 : SHIM_LAST, 0, o.buf, o.len);
	}
}

void dump_start(struct dump *d, struct conn *c, const struct dco_family *family,
	const struct shim_hdr *h, const struct nl_request *r, struct dp *dp, uint32_t iid,
	uint32_t ifindex, bool settled)
{
	*d = (struct dump){
		.active = true,
		.family = family,
		.shim = *h,
		.request = *r,
		.dp = dp,
		.iid = iid,
		.ifindex = ifindex,
		.next = iid == 0 ? DP_NO_PEER : 0,
		.settled = settled,
	};
	d->request.attrs = NULL; /* points into the record */
	dump_some(d, c);
}
