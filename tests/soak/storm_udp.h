/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP over IPv4 or IPv6 as bytes, with all checksums: for raw sockets, and inside tunnels. */
#ifndef STORM_UDP_H
#define STORM_UDP_H

#include "base.h"

#define STORM_UDP_HDRS 48 /* at most */

/* Writes headers and payload to p; returns the length. Both addresses are of one family. */
size_t storm_udp_write(uint8_t *p, const struct udp_addr *from, const struct udp_addr *to,
	const uint8_t *payload, size_t len);

struct storm_datagram {
	struct udp_addr from, to;
	const uint8_t *payload;
	size_t len;
};

/* False: p is no whole datagram without options. Checksums are not looked at. */
bool storm_udp_read(const uint8_t *p, size_t len, struct storm_datagram *d);

#endif
