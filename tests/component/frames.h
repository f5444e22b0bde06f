/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets made byte by byte for tests, and the checks of received ones. Written from the RFCs and
 * the OpenVPN protocol, without a line of src/, so that the two can be wrong only separately.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

#define FRAME_MAX 9728

struct flow {
	uint8_t dst_mac[6], src_mac[6];
	struct udp_addr src, dst;
};

/* "192.0.2.1" or "2001:db8::1". */
struct ip_addr ip_of(const char *text);
struct udp_addr udp_of(const char *ip, uint16_t port);
struct flow flow_of(struct udp_addr src, struct udp_addr dst);

/* RFC 1071 over n bytes, byte by byte; start: sum of a pseudo header or 0. 0 when it holds. */
uint16_t frame_checksum(uint32_t start, const uint8_t *p, size_t n);

/* Ethernet, IP, UDP with right checksums. Returns the frame's length. */
size_t frame_udp(uint8_t *out, const struct flow *f, const void *payload, size_t len);
/*
 * Checks every header field of a UDP frame of this flow with len bytes of payload at the end.
 * Returns NULL, or what is wrong.
 */
const char *frame_udp_wrong(
	const uint8_t *frame, size_t frame_len, const struct flow *f, size_t len);
/* The outer headers' length: 42 or 62. */
size_t frame_hdr_len(uint8_t family);

/* An inner packet of exactly len bytes (at least its header), body filled from seed. */
size_t frame_inner(uint8_t *out, const struct ip_addr *src, const struct ip_addr *dst, size_t len,
	uint8_t seed);
/* A small deterministic generator; state must not be 0. */
uint32_t frame_random(uint32_t *state);

#endif
