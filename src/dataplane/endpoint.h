/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a peer is: its transport address, ours, the port and the next hop, with the outer headers
 * built once. Immutable: the agent publishes a new one for every change. Pure.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdalign.h>

#include "base.h"

#define ENDPOINT_HDR_MAX 62 /* Ethernet, IPv6, UDP */

struct endpoint {
	/* of the IPv4 header as it stands, or of the IPv6 pseudo header; not folded */
	alignas(CACHE_LINE) uint32_t sum;
	uint16_t mtu; /* of the path, IP bytes */
	uint16_t port;
	uint16_t ipid;	  /* index of its counter of identifications; the caller's, 0 when built */
	uint8_t tos_mask; /* bits of the inner TOS that are copied outward; likewise */
	uint8_t hdr_len;
	uint8_t family;
	/* Ethernet, IP, UDP with the lengths, the IPv4 id and the checksums still open; those over
	 * IPv4 end with the cache line */
	uint8_t hdr[ENDPOINT_HDR_MAX];
	struct udp_addr remote, local;
};

/* remote and local of one family. */
void endpoint_build(struct endpoint *e, const struct udp_addr *remote, const struct udp_addr *local,
	const uint8_t src_mac[6], const uint8_t dst_mac[6], uint16_t port, uint16_t mtu);

/*
 * Writes the outer headers into hdr[hdr_len], in front of len bytes of UDP payload. id: IPv4
 * identification; tos: of the inner packet. The UDP checksum is zero over IPv4 (RFC 768: none) and
 * left to endpoint_checksum6() over IPv6.
 */
static inline void endpoint_write(
	const struct endpoint *e, uint8_t *hdr, uint16_t len, uint16_t id, uint8_t tos)
{
	tos &= e->tos_mask;
	if (e->family == IP_V4) {
		uint8_t *ip = hdr + 14;
		uint16_t total = len + 28;
		uint32_t sum = e->sum + total + id + tos;

		memcpy(hdr, e->hdr, 14 + 20 + 8);
		be16_store(hdr + 14 + 20 + 4, len + 8);
		ip[1] = tos;
		be16_store(ip + 2, total);
		be16_store(ip + 4, id);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		be16_store(ip + 10, (uint16_t)~sum);
	} else {
		memcpy(hdr, e->hdr, 14 + 40 + 8);
		be16_store(hdr + 14, (uint16_t)(0x6000 | tos << 4));
		be16_store(hdr + 14 + 4, len + 8);
		be16_store(hdr + 14 + 40 + 4, len + 8);
	}
}

/*
 * Does a frame that was received, with its UDP payload at that offset, come from the address that
 * these headers send to? Compares bytes: asked once a run.
 */
static inline bool endpoint_is_source(
	const struct endpoint *e, const uint8_t *frame, uint8_t family, uint16_t payload)
{
	const uint8_t *theirs = frame + payload - 8; /* their UDP header */
	const uint8_t *ours = e->hdr + e->hdr_len - 8;

	if (e->family != family || memcmp(theirs, ours + 2, 2) != 0)
		return false;
	if (family == IP_V4)
		return memcmp(frame + 14 + 12, e->hdr + 14 + 16, 4) == 0;
	return memcmp(frame + 14 + 8, e->hdr + 14 + 24, 16) == 0;
}

/* Likewise, and was it sent to the address and port that these headers send from? */
static inline bool endpoint_is_flow(
	const struct endpoint *e, const uint8_t *frame, uint8_t family, uint16_t payload)
{
	const uint8_t *theirs = frame + payload - 8;
	const uint8_t *ours = e->hdr + e->hdr_len - 8;

	if (!endpoint_is_source(e, frame, family, payload) || memcmp(theirs + 2, ours, 2) != 0)
		return false;
	if (family == IP_V4)
		return memcmp(frame + 14 + 16, e->hdr + 14 + 12, 4) == 0;
	return memcmp(frame + 14 + 24, e->hdr + 14 + 8, 16) == 0;
}

/* Fills in the UDP checksum over IPv6; payload: the len bytes behind hdr. */
void endpoint_checksum6(const struct endpoint *e, uint8_t *hdr, uint16_t len);

#endif
