/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few words every module uses: big-endian loads and stores, addresses, small macros.
 * No state, no dependency but libc; every function may be called from any thread.
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE   64
#define NS_PER_MSEC  1000000ull
#define MSEC_PER_SEC 1000ull

/* What malloc() takes for n bytes: glibc's header, in steps of 16, 32 at least. */
static inline size_t heap_bytes(size_t n)
{
	size_t chunk = (n + 8 + 15) & ~(size_t)15;

	return chunk < 32 ? 32 : chunk;
}

static inline uint16_t be16_load(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32_load(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void be16_store(uint8_t *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

/* An IP address in network byte order; IPv4 uses b[0..3], the rest of b is zero. */
struct ip_addr {
	uint8_t family; /* enum ip_family */
	uint8_t b[16];
};

/* An IP address with a UDP port (host byte order) and, for fe80::/10, the scope (0: none). */
struct udp_addr {
	struct ip_addr ip;
	uint16_t port;
	uint32_t scope;
};

static inline size_t ip_len(uint8_t family)
{
	return family == IP_V4 ? 4 : family == IP_V6 ? 16 : 0;
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, ip_len(a->family)) == 0;
}

static inline bool udp_addr_equal(const struct udp_addr *a, const struct udp_addr *b)
{
	return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

/* True for the wildcard address of its family. */
static inline bool ip_is_any(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, ip_len(a->family)) == 0;
}

/* fe80::/10: it means something together with a scope only. */
static inline bool ip_is_link_local(const struct ip_addr *a)
{
	return a->family == IP_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static inline struct ip_addr ip_from_bytes(uint8_t family, const void *bytes)
{
	struct ip_addr a = {.family = family};

	memcpy(a.b, bytes, ip_len(family));
	return a;
}

#define IP_STRLEN	46 /* INET6_ADDRSTRLEN */
#define UDP_ADDR_STRLEN 56 /* "[v6]:65535" */

/* Writes the address as text into buf[IP_STRLEN] and returns buf; "-" for IP_NONE. */
const char *ip_str(const struct ip_addr *a, char buf[IP_STRLEN]);

/* Writes "1.2.3.4:5" or "[::1]:5" into buf[UDP_ADDR_STRLEN] and returns buf. */
const char *udp_addr_str(const struct udp_addr *a, char buf[UDP_ADDR_STRLEN]);

#endif
