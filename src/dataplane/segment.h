/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How large TCP segments through the tunnel may be: what mss.h is told. A segment with its inner
 * headers must fit the device, and with the outer ones the path to the peer. Worker only.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "dataplane/endpoint.h"

struct pkt;
struct worker;

/* The largest inner packet that needs no outer fragments over a path of mtu bytes of IP. */
uint32_t segment_room(const struct endpoint *e, uint32_t mtu);

/* An inner packet for which mss_may_be_said(), to or from p->peer. Out of line: such are rare. */
__attribute__((cold)) void segment_clamp(
	struct worker *w, const struct pkt *p, uint8_t *inner, uint16_t len);

#endif
