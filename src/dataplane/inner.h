/* SPDX-License-Identifier: BSD-3-Clause */
/* Inner IP packets, and the Ethernet addresses that carry peers on an instance's device. Pure. */
#ifndef INNER_H
#define INNER_H

#include "base.h"

#define MAC_LEN 6

/*
 * A peer's MAC on its instance's device: 02:gg:gg:pp:pp:pp, generation and peer id, big-endian.
 * The generation differs between two peers that had the same id one after the other.
 */
static inline void inner_mac_write(uint8_t mac[MAC_LEN], uint16_t generation, uint32_t peer_id)
{
	mac[0] = 0x02;
	be16_store(mac + 1, generation);
	mac[3] = (uint8_t)(peer_id >> 16);
	be16_store(mac + 4, (uint16_t)peer_id);
}

/* False: not a peer's MAC. */
static inline bool inner_mac_read(
	const uint8_t mac[MAC_LEN], uint16_t *generation, uint32_t *peer_id)
{
	*generation = be16_load(mac + 1);
	*peer_id = (uint32_t)mac[3] << 16 | be16_load(mac + 4);
	return mac[0] == 0x02;
}

/*
 * The family of a decrypted packet of len bytes, whose lengths hold; IP_NONE: no IP packet. The
 * source address is at inner_source().
 */
static inline enum ip_family inner_family(const uint8_t *p, size_t len)
{
	if (len >= 20 && p[0] >> 4 == 4) {
		size_t hdr = (p[0] & 15) * 4u;
		size_t total = be16_load(p + 2);

		return hdr >= 20 && total >= hdr && total <= len ? IP_V4 : IP_NONE;
	}
	if (len >= 40 && p[0] >> 4 == 6)
		return be16_load(p + 4) <= len - 40 ? IP_V6 : IP_NONE;
	return IP_NONE;
}

static inline const uint8_t *inner_source(const uint8_t *p, enum ip_family family)
{
	return p + (family == IP_V4 ? 12 : 8);
}

/*
 * May nobody send from this address: unspecified, loopback, multicast, broadcast, IPv4-mapped? A
 * prefix that is routed to a peer may have them in it, as 0.0.0.0/0 has.
 */
static inline bool inner_source_is_martian(const uint8_t *src, enum ip_family family)
{
	static const uint8_t zero[15];

	if (family == IP_V4)
		return src[0] == 0 || src[0] == 127 || (src[0] >= 224 && src[0] < 240) ||
			be32_load(src) == 0xffffffff;
	return src[0] == 0xff || (memcmp(src, zero, 15) == 0 && src[15] <= 1) ||
		(memcmp(src, zero, 10) == 0 && src[10] == 0xff && src[11] == 0xff);
}

/* Is it an OpenVPN options message (openvpn: occ_magic)? */
bool inner_is_occ(const uint8_t *p, size_t len);
/* The one of them that says goodbye (openvpn: OCC_EXIT): explicit-exit-notify of old peers. */
bool inner_is_occ_exit(const uint8_t *p, size_t len);

#endif
