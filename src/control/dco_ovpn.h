/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic netlink family "ovpn" of Linux 6.16 and later, which openvpn 2.7 and 2.8 speak. */
#ifndef DCO_OVPN_H
#define DCO_OVPN_H

#include "control/dco.h"
#include "ovpn-dpdk/shim_proto.h"

#define DCO_OVPN_FAMILY_ID 0x21
#define DCO_OVPN_GROUP_ID  (SHIM_GROUPS | DCO_OVPN_FAMILY_ID)

extern const struct dco_family dco_ovpn_family;

#endif
