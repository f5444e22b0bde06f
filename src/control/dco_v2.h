/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generic netlink family "ovpn-dco-v2", which openvpn 2.6 speaks. Pure: bytes <-> structs.
 */
#ifndef DCO_V2_H
#define DCO_V2_H

#include "control/dco.h"
#include "control/nl.h"
#include "dataplane/dp.h"

#define DCO_V2_FAMILY_ID 0x20
#define DCO_V2_GROUP_ID	 0x20

extern const struct nl_family dco_v2_family;

/*
 * Reads a request of the family. 0, or -EINVAL (bytes that mean nothing) or -EOPNOTSUPP (no such
 * command), with a sentence in *why. The caller wipes q in every case.
 */
int dco_v2_read(const struct nl_request *r, struct dco_request *q, const char **why);

/* One peer of a GET_PEER answer, part of a dump or alone. False: no room, put nothing. */
bool dco_v2_put_peer(struct nl_out *o, const struct nl_request *r, uint32_t ifindex,
	const struct dp_peer_info *peer);
/* The notification that a peer is gone. */
void dco_v2_put_gone(struct nl_out *o, uint32_t ifindex, uint32_t peer_id, enum dp_gone why);

#endif
