/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic netlink family "ovpn-dco-v2", which openvpn 2.6 speaks. */
#ifndef DCO_V2_H
#define DCO_V2_H

#include "control/dco.h"
#include "ovpn-dpdk/shim_proto.h"

#define DCO_V2_FAMILY_ID 0x20
#define DCO_V2_GROUP_ID	 (SHIM_GROUPS | DCO_V2_FAMILY_ID)

extern const struct dco_family dco_v2_family;

#endif
