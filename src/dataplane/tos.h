/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The byte of an IP header that routers on the path read and write: six bits of DSCP, which say how
 * urgent a packet is, and two of ECN, which say whether its queue was long. IPv4 calls it type of
 * service, IPv6 traffic class. Pure.
 */
#ifndef TOS_H
#define TOS_H

#include "base.h"

#define TOS_ECN 0x03

enum ecn {
	ECN_NONE = 0, /* not-ECT: who sends this knows no marks */
	ECN_1 = 1,    /* ECT(1) */
	ECN_0 = 2,    /* ECT(0) */
	ECN_CE = 3,   /* congestion experienced */
};

/* Of an IP packet; 0 of what is none (a keepalive). Reads two bytes. */
static inline uint8_t tos_of(const uint8_t *p)
{
	uint32_t w = be16_load(p);

	return (uint8_t)(w >> 12 == 4 ? w : w >> 12 == 6 ? w >> 4 : 0);
}

/* Can the ECN bits of the outer header change anything inside? Only ECT(1) and CE do. */
static inline bool tos_matters(uint8_t outer)
{
	return (outer & ECN_1) != 0;
}

/*
 * Carries the outer ECN bits over to the inner packet of this family, as RFC 6040 section 4.2 says;
 * the checksum of IPv4 follows. False: a mark for a sender that knows none, the packet has to be
 * dropped, as the router that marked it would have done.
 */
bool tos_decap(uint8_t *p, enum ip_family family, uint8_t outer);

#endif
