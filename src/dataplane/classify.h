/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outer frame -> verdict. Pure: bytes and a table in, a value out. The rule is OpenVPN's: data
 * packets are ours, control packets go to openvpn, DATA opcodes never reach it; all that is not a
 * UDP datagram for one of our transports is the kernel's.
 */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include "base.h"
#include "dataplane/stats.h"

#define ETH_HDR_LEN	  14
#define IP4_HDR_LEN	  20
#define IP6_HDR_LEN	  40
#define IP6_FRAG_HDR_LEN  8
#define UDP_HDR_LEN	  8
#define ETHERTYPE_IP4	  0x0800
#define ETHERTYPE_IP6	  0x86dd
#define IPPROTO_UDP_	  17
#define IPPROTO_FRAGMENT_ 44

/*
 * Local address and port -> whoever claimed it. Every address has an entry with port 0 as well, for
 * fragments, which have no ports (locals_build() adds it). Immutable: the agent builds a new table
 * for every change and publishes it.
 */
struct local {
	struct udp_addr addr;
	void *owner;  /* the instance */
	uint32_t tid; /* the transport */
};

struct locals {
	uint32_t mask; /* slots - 1; at most half of the slots are used */
	uint32_t n;
	struct local slot[]; /* free: owner NULL */
};

/* n entries; of two with the same address the first wins. NULL: out of memory. free() it. */
struct locals *locals_build(const struct local *entries, uint32_t n);
/* ip: 4 or 16 bytes, network byte order; port: host byte order. NULL: nobody's. */
const struct local *locals_find(
	const struct locals *t, uint8_t family, const uint8_t *ip, uint16_t port);

enum verdict { VERDICT_DATA, VERDICT_CONTROL, VERDICT_HOST, VERDICT_FRAGMENT, VERDICT_DROP };

struct classified {
	enum verdict verdict;
	enum drop_reason reason;   /* VERDICT_DROP */
	const struct local *local; /* DATA, CONTROL and the drops that concern a transport */
	uint8_t family;		   /* enum ip_family of the outer packet */
	bool opener;		   /* CONTROL: opens a session, so it is rate-limited */
	uint8_t tos;		   /* of the outer packet; see tos.h */
	/* words: two short stores read back as one word would stall */
	uint32_t payload; /* offset of the UDP payload in the frame */
	uint32_t len;	  /* of the UDP payload */
};

/* frame: len contiguous bytes, Ethernet first. ip_ok: the NIC has checked the IPv4 checksum. */
void classify(const struct locals *t, const uint8_t *frame, uint16_t len, bool ip_ok,
	struct classified *c);

/* Source and destination of a frame that classify() found to be UDP; payload as it said. */
void classify_addrs(const uint8_t *frame, uint8_t family, uint16_t payload, struct udp_addr *src,
	struct udp_addr *dst);

/* Internet checksum (RFC 1071) of len bytes in network order, added to sum; not folded. */
uint64_t checksum_add(uint64_t sum, const uint8_t *p, size_t len);
/* The 16-bit complement to store, as be16_store() takes it. */
uint16_t checksum_fold(uint64_t sum);

/* The checksum at `at` of bytes among which a 16-bit word goes from old to new (RFC 1624). */
static inline void checksum_replace(uint8_t *at, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint16_t)~be16_load(at) + (uint32_t)(uint16_t)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	be16_store(at, (uint16_t)~sum);
}

#endif
