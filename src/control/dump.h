/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dump of an instance's peers, answered in as many records as it takes without ever waiting for
 * openvpn to read them.
 *
 * A peer that ended by itself is shown with its last counters until openvpn has had them: openvpn
 * asks for them when it reads the notification, but logs a line for each peer it does not know.
 */
#ifndef DUMP_H
#define DUMP_H

#include "control/conn.h"
#include "control/dco.h"

struct dump {
	bool active;
	const struct dco_family *family;
	struct shim_hdr shim;
	struct nl_request request;
	struct dp *dp;
	uint32_t iid, ifindex;
	uint32_t next; /* peer id; DP_NO_PEER: only the end is left */
	bool settled;  /* openvpn has read every notification sent before this dump */
};

/* iid 0: no peers. A dump is never refused: newer openvpn restarts over that. */
void dump_start(struct dump *d, struct conn *c, const struct dco_family *family,
	const struct shim_hdr *h, const struct nl_request *r, struct dp *dp, uint32_t iid,
	uint32_t ifindex, bool settled);
/* Goes on as far as the connection has room. */
void dump_some(struct dump *d, struct conn *c);

#endif
