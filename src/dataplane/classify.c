/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/classify.h"

#include <stdlib.h>

#include "dataplane/tos.h"
#include "dataplane/wire.h"

static inline uint32_t hash(const uint8_t *ip, size_t len, uint16_t port)
{
	uint32_t h = port;

	for (size_t i = 0; i < len; i += 4)
		h = (h ^ be32_load(ip + i)) * 0x9e3779b1u;
	return h ^ h >> 15;
}

static void insert(struct locals *t, const struct local *l, uint16_t port)
{
	const struct ip_addr *ip = &l->addr.ip;
	uint32_t s = hash(ip->b, ip_len(ip->family), port) & t->mask;

	for (; t->slot[s].owner != NULL; s = (s + 1) & t->mask) {
		if (t->slot[s].addr.port == port && ip_equal(&t->slot[s].addr.ip, ip))
			return;
	}
	t->slot[s] = *l;
	t->slot[s].addr.port = port;
	t->n++;
}

struct locals *locals_build(const struct local *entries, uint32_t n)
{
	uint32_t slots = 4;
	struct locals *t;

	while (slots < 4 * n)
		slots *= 2;
	t = calloc(1, sizeof(*t) + slots * sizeof(t->slot[0]));
	if (t == NULL)
		return NULL;
	t->mask = slots - 1;
	for (uint32_t i = 0; i < n; i++) {
		insert(t, &entries[i], entries[i].addr.port);
		insert(t, &entries[i], 0);
	}
	return t;
}

/* len: a constant, so that the compiler makes words of it. */
static inline const struct local *find(
	const struct locals *t, uint8_t family, const uint8_t *ip, size_t len, uint16_t port)
{
	uint32_t s = hash(ip, len, port) & t->mask;

	while (t->slot[s].owner != NULL) {
		const struct udp_addr *a = &t->slot[s].addr;

		if (a->port == port && a->ip.family == family && memcmp(a->ip.b, ip, len) == 0)
			return &t->slot[s];
		s = (s + 1) & t->mask;
	}
	return NULL;
}

const struct local *locals_find(
	const struct locals *t, uint8_t family, const uint8_t *ip, uint16_t port)
{
	return family == IP_V4 ? find(t, IP_V4, ip, 4, port) : find(t, IP_V6, ip, 16, port);
}

/* A vector register of nearly every machine; gcc makes two of it where there is none. */
typedef uint64_t words __attribute__((vector_size(16)));

#define BLOCK (2 * sizeof(words))

/* n: a multiple of BLOCK. The 32-bit halves of each word apart, so that nothing is carried. */
static uint64_t sum_blocks(const uint8_t *p, size_t n)
{
	words low = {0}, high = {0}, low2 = {0}, high2 = {0};

	for (; n > 0; p += BLOCK, n -= BLOCK) {
		words w, w2;

		memcpy(&w, p, sizeof(w));
		memcpy(&w2, p + sizeof(w), sizeof(w2));
		low += w & 0xffffffff;
		high += w >> 32;
		low2 += w2 & 0xffffffff;
		high2 += w2 >> 32;
	}
	low += high + low2 + high2;
	return low[0] + low[1];
}

uint64_t checksum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	size_t bulk = len - len % BLOCK;
	uint32_t w;

	sum += sum_blocks(p, bulk);
	for (p += bulk, len -= bulk; len >= 4; p += 4, len -= 4) {
		memcpy(&w, p, sizeof(w));
		sum += w;
	}
	if (len != 0) {
		w = 0;
		memcpy(&w, p, len);
		sum += w;
	}
	return sum;
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16((uint16_t)~sum);
}

static void drop(struct classified *c, enum drop_reason reason)
{
	c->verdict = VERDICT_DROP;
	c->reason = reason;
}

/* The UDP payload is an OpenVPN packet for one of our transports. */
static void classify_openvpn(const uint8_t *p, struct classified *c)
{
	if (c->len < 1) {
		drop(c, DROP_EMPTY);
		return;
	}
	switch (wire_opcode(p[0])) {
	case WIRE_DATA_V2:
		c->verdict = VERDICT_DATA;
		if (c->len < WIRE_DATA_HDR_LEN)
			drop(c, DROP_DATA_SHORT);
		return;
	case WIRE_DATA_V1:
		drop(c, DROP_DATA_V1);
		return;
	case WIRE_CONTROL_HARD_RESET_CLIENT_V2:
	case WIRE_CONTROL_HARD_RESET_CLIENT_V3:
		c->opener = true;
		c->verdict = VERDICT_CONTROL;
		return;
	case WIRE_CONTROL_SOFT_RESET_V1:
	case WIRE_CONTROL_V1:
	case WIRE_ACK_V1:
	case WIRE_CONTROL_HARD_RESET_SERVER_V2:
	case WIRE_CONTROL_WKC_V1:
		c->verdict = VERDICT_CONTROL;
		return;
	default:
		drop(c, DROP_BAD_OPCODE);
	}
}

/* udp: l4_len bytes from the UDP header to the end of the IP packet; dst: its IP destination. */
static void classify_udp(const struct locals *t, const uint8_t *frame, uint16_t udp,
	uint16_t l4_len, const uint8_t *dst, struct classified *c)
{
	uint16_t len;

	if (l4_len < UDP_HDR_LEN || be16_load(frame + udp + 2) == 0)
		return;
	c->local = locals_find(t, c->family, dst, be16_load(frame + udp + 2));
	if (c->local == NULL)
		return;
	len = be16_load(frame + udp + 4);
	if (len < UDP_HDR_LEN || len > l4_len) {
		drop(c, DROP_BAD_LENGTH);
		return;
	}
	c->payload = udp + UDP_HDR_LEN;
	c->len = len - UDP_HDR_LEN;
	classify_openvpn(frame + c->payload, c);
}

/* UDP in pieces for an address that has a transport: which one shows when they are together. */
static void classify_fragment(const struct locals *t, const uint8_t *dst, struct classified *c)
{
	c->local = locals_find(t, c->family, dst, 0);
	if (c->local != NULL)
		c->verdict = VERDICT_FRAGMENT;
}

/* Of nearly every packet the header has 20 bytes. */
static inline bool checksum_ok(const uint8_t *ip, uint16_t hdr_len)
{
	return hdr_len == IP4_HDR_LEN ? ip4_checksum_ok(ip)
				      : checksum_fold(checksum_add(0, ip, hdr_len)) == 0;
}

static void classify_ip4(const struct locals *t, const uint8_t *frame, uint16_t len, bool ip_ok,
	struct classified *c)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	uint16_t hdr_len = (ip[0] & 15) * 4;
	uint16_t total = be16_load(ip + 2);

	if (ip[0] >> 4 != 4 || hdr_len < IP4_HDR_LEN || total < hdr_len ||
		total > len - ETH_HDR_LEN || ip[9] != IPPROTO_UDP_)
		return;
	c->family = IP_V4;
	c->tos = ip[1];
	if ((be16_load(ip + 6) & 0x3fff) != 0) /* more fragments follow, or an offset */
		classify_fragment(t, ip + 16, c);
	else
		classify_udp(t, frame, ETH_HDR_LEN + hdr_len, total - hdr_len, ip + 16, c);
	if (c->local != NULL && !ip_ok && !checksum_ok(ip, hdr_len))
		drop(c, DROP_IP_CHECKSUM);
}

/* A fragment header whose datagram is in one piece (RFC 6946) changes nothing. */
static void classify_ip6_fragment(
	const struct locals *t, const uint8_t *frame, uint16_t len, struct classified *c)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	const uint16_t udp = ETH_HDR_LEN + IP6_HDR_LEN + IP6_FRAG_HDR_LEN;

	if ((be16_load(ip + IP6_HDR_LEN + 2) & 0xfff9) == 0) /* no offset, no more fragments */
		classify_udp(t, frame, udp, len, ip + 24, c);
	else
		classify_fragment(t, ip + 24, c);
}

static void classify_ip6(
	const struct locals *t, const uint8_t *frame, uint16_t len, struct classified *c)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	uint16_t l4_len = be16_load(ip + 4);

	if (ip[0] >> 4 != 6 || l4_len > len - ETH_HDR_LEN - IP6_HDR_LEN)
		return;
	c->family = IP_V6;
	c->tos = tos_of(ip);
	/* Other extension headers before UDP: not seen from OpenVPN; the kernel answers for them.
	 */
	if (ip[6] == IPPROTO_UDP_)
		classify_udp(t, frame, ETH_HDR_LEN + IP6_HDR_LEN, l4_len, ip + 24, c);
	else if (ip[6] == IPPROTO_FRAGMENT_ && l4_len >= IP6_FRAG_HDR_LEN &&
		ip[IP6_HDR_LEN] == IPPROTO_UDP_)
		classify_ip6_fragment(t, frame, l4_len - IP6_FRAG_HDR_LEN, c);
}

void classify(const struct locals *t, const uint8_t *frame, uint16_t len, bool ip_ok,
	struct classified *c)
{
	*c = (struct classified){.verdict = VERDICT_HOST};
	if (len < ETH_HDR_LEN) {
		drop(c, DROP_RUNT);
		return;
	}
	switch (be16_load(frame + 12)) {
	case ETHERTYPE_IP4:
		if (len >= ETH_HDR_LEN + IP4_HDR_LEN)
			classify_ip4(t, frame, len, ip_ok, c);
		break;
	case ETHERTYPE_IP6:
		if (len >= ETH_HDR_LEN + IP6_HDR_LEN)
			classify_ip6(t, frame, len, c);
		break;
	}
}

void classify_addrs(const uint8_t *frame, uint8_t family, uint16_t payload, struct udp_addr *src,
	struct udp_addr *dst)
{
	const uint8_t *ip = frame + ETH_HDR_LEN;
	const uint8_t *udp = frame + payload - UDP_HDR_LEN;
	size_t at = family == IP_V4 ? 12 : 8;

	*src = (struct udp_addr){
		.ip = ip_from_bytes(family, ip + at),
		.port = be16_load(udp),
	};
	*dst = (struct udp_addr){
		.ip = ip_from_bytes(family, ip + at + ip_len(family)),
		.port = be16_load(udp + 2),
	};
}
