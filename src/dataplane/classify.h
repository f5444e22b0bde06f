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
#include "dataplane/wire.h"

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

/* Is the checksum of an IPv4 header of IP4_HDR_LEN bytes right? */
static inline bool ip4_checksum_ok(const uint8_t ip[IP4_HDR_LEN])
{
	uint64_t sum = 0;
	uint32_t w[IP4_HDR_LEN / 4];

	memcpy(w, ip, sizeof(w));
	for (unsigned int i = 0; i < ARRAY_LEN(w); i++)
		sum += w[i];
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16)) == 0xffff;
}

/*
 * What a data packet over IPv4 says of where it goes: Ethernet type, version and header length, no
 * fragment, UDP, destination and port. The next one in a burst mostly says the same, and need not
 * be looked up again.
 */
struct alike {
	uint64_t words[3];
	const struct local *local; /* NULL: nothing is known */
};

#define ALIKE_PAYLOAD (ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN)

static inline uint64_t alike_word(const uint8_t *p, const uint8_t mask[8])
{
	uint64_t w, m;

	memcpy(&w, p, sizeof(w));
	memcpy(&m, mask, sizeof(m));
	return w & m;
}

static inline struct alike alike_of(const uint8_t *frame, const struct local *l)
{
	static const uint8_t masks[3][8] = {
		{255, 255, 255},		      /* from 12: type, version and length */
		{63, 255, 0, 255},		      /* from 20: fragment, protocol */
		{255, 255, 255, 255, 0, 0, 255, 255}, /* from 30: destination, its port */
	};

	return (struct alike){
		.words = {alike_word(frame + 12, masks[0]), alike_word(frame + 20, masks[1]),
			alike_word(frame + 30, masks[2])},
		.local = l,
	};
}

/* After classify(): from now on, frames may be like this one. IPv6 has its payload elsewhere. */
static inline void alike_learn(struct alike *a, const uint8_t *frame, const struct classified *c)
{
	if (c->verdict == VERDICT_DATA && c->payload == ALIKE_PAYLOAD)
		*a = alike_of(frame, c->local);
}

/*
 * True: the frame is a data packet like the one before, and *c what classify() would say. False:
 * ask classify().
 */
static inline bool classify_alike(
	const struct alike *a, const uint8_t *frame, uint16_t len, bool ip_ok, struct classified *c)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	struct alike is;
	uint16_t total, udp;

	if (a->local == NULL || len < ALIKE_PAYLOAD + WIRE_DATA_HDR_LEN)
		return false;
	is = alike_of(frame, a->local);
	total = be16_load(ip + 2);
	udp = be16_load(ip + IP4_HDR_LEN + 4);
	if (((is.words[0] ^ a->words[0]) | (is.words[1] ^ a->words[1]) |
		    (is.words[2] ^ a->words[2])) != 0 ||
		total > len - ETH_HDR_LEN || udp > total - IP4_HDR_LEN ||
		udp < UDP_HDR_LEN + WIRE_DATA_HDR_LEN ||
		wire_opcode(frame[ALIKE_PAYLOAD]) != WIRE_DATA_V2 ||
		(!ip_ok && !ip4_checksum_ok(ip)))
		return false;
	*c = (struct classified){
		.verdict = VERDICT_DATA,
		.local = a->local,
		.family = IP_V4,
		.tos = ip[1],
		.payload = ALIKE_PAYLOAD,
		.len = udp - UDP_HDR_LEN,
	};
	return true;
}

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
