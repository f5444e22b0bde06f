/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a stream, one by one and whole (super-frames). The stream is a formula, so that
 * nothing has to be cut to make a piece of it. Without a line of src/ but struct super_vnet.
 */
#ifndef STREAM_H
#define STREAM_H

#include "dataplane/super.h"
#include "frames.h"

#define STREAM_FRAME_MAX 66000

struct shape {
	const char *name;
	bool v4, tcp;
	size_t ip_more;	 /* IPv4 options or an IPv6 extension header */
	size_t tcp_more; /* TCP options */
};

#define NB_SHAPES 11
#define JOINABLE  8 /* the first of them */

extern const struct shape shapes[NB_SHAPES];

/* Where the TCP or UDP header begins, where all headers end, where the checksum is. */
size_t l4_of(const struct shape *s);
size_t hdr_of(const struct shape *s);
size_t csum_of(const struct shape *s);

void put16(uint8_t *p, size_t v);
/* Right checksums in a frame of len bytes. */
void seal(const struct shape *s, uint8_t *frame, size_t len);
/* Bytes from..from+n of the stream as packet number i. flags: of TCP. Returns the length. */
size_t make(
	const struct shape *s, uint8_t *out, uint32_t from, size_t n, uint16_t i, uint8_t flags);
/* The first n bytes as the kernel hands them over: with the sum of the pseudo header only. */
size_t make_super(const struct shape *s, uint8_t *out, size_t n, uint16_t size, uint8_t flags,
	struct super_vnet *v);

#endif
