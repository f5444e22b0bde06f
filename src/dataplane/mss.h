/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's maximum segment size, lowered in passing, so that full segments need no outer fragments.
 * Only packets that open a connection say it (SYN, SYN-ACK), so the test whether one may is inline
 * and made for data; all else is out of line. What comes here was chosen by a stranger: whatever
 * contradicts itself is left as it is. Pure.
 */
#ifndef MSS_H
#define MSS_H

#include "base.h"

#define MSS_LEAST 256 /* no segment size is made smaller: fragments are better than crumbs */

/*
 * May this inner packet of len bytes open a TCP connection? False for all other packets but those
 * that need a closer look: with IPv4 options, or with IPv6 extension headers.
 */
static inline bool mss_may_be_said(const uint8_t *p, size_t len)
{
	const uint64_t extensions = 1ull << 0 | 1ull << 43 | 1ull << 44 | 1ull << 60;

	if (len < 44) /* IPv4, TCP, the option */
		return false;
	if (p[0] == 0x45)
		return p[9] == 6 && (p[33] & 0x02) != 0;
	if (p[0] >> 4 != 6)
		return p[0] >> 4 == 4;
	if (p[6] == 6)
		return len >= 64 && (p[53] & 0x02) != 0;
	return p[6] < 64 && (extensions >> p[6] & 1) != 0;
}

/*
 * Lowers the maximum segment size that a SYN says so that no segment makes an inner packet of more
 * than `most` bytes (without IP and TCP options, as the option counts). True: it was lowered, and
 * the TCP checksum with it, by the difference (RFC 1624).
 */
bool mss_clamp(uint8_t *p, size_t len, uint32_t most);

#endif
