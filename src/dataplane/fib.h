/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inner prefix -> peer (iroutes), longest prefix first. Pure and immutable: built by the agent from
 * the whole set of routes, published, read by workers with a binary search over disjoint ranges.
 * Memory grows with the routes, not with the address space.
 */
#ifndef FIB_H
#define FIB_H

#include "base.h"

#define FIB_NONE 0xffffffffu

struct fib_route {
	struct ip_addr prefix; /* bits behind prefix_len are ignored */
	uint8_t prefix_len;
	uint32_t value;
};

struct fib;

/* Of two routes with the same prefix the first wins. NULL: out of memory. */
struct fib *fib_build(const struct fib_route *routes, size_t n);
void fib_free(struct fib *f);
/* addr: 4 or 16 bytes, network byte order. The value of the longest prefix, or FIB_NONE. */
uint32_t fib_lookup(const struct fib *f, enum ip_family family, const uint8_t *addr);

#endif
