/* SPDX-License-Identifier: BSD-3-Clause */
#include "storm_udp.h"

#include <netinet/in.h>

#define IP4_LEN 20
#define IP6_LEN 40
#define UDP_LEN 8
#define TTL	64

/* The sum of 16-bit words, so far. */
static uint32_t sum(uint32_t so_far, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		so_far += be16_load(p);
	return len == 1 ? so_far + (uint32_t)(*p << 8) : so_far;
}

static uint16_t checksum(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static size_t write_ip(
	uint8_t *p, const struct udp_addr *from, const struct udp_addr *to, size_t len)
{
	if (from->ip.family == IP_V4) {
		memset(p, 0, IP4_LEN);
		p[0] = 0x45;
		be16_store(p + 2, (uint16_t)(IP4_LEN + len));
		p[8] = TTL;
		p[9] = IPPROTO_UDP;
		memcpy(p + 12, from->ip.b, 4);
		memcpy(p + 16, to->ip.b, 4);
		be16_store(p + 10, checksum(sum(0, p, IP4_LEN)));
		return IP4_LEN;
	}
	memset(p, 0, IP6_LEN);
	p[0] = 0x60;
	be16_store(p + 4, (uint16_t)len);
	p[6] = IPPROTO_UDP;
	p[7] = TTL;
	memcpy(p + 8, from->ip.b, 16);
	memcpy(p + 24, to->ip.b, 16);
	return IP6_LEN;
}

size_t storm_udp_write(uint8_t *p, const struct udp_addr *from, const struct udp_addr *to,
	const uint8_t *payload, size_t len)
{
	uint8_t *udp = p + write_ip(p, from, to, UDP_LEN + len);
	size_t a = ip_len(from->ip.family);
	uint32_t s;

	be16_store(udp, from->port);
	be16_store(udp + 2, to->port);
	be16_store(udp + 4, (uint16_t)(UDP_LEN + len));
	be16_store(udp + 6, 0);
	memcpy(udp + UDP_LEN, payload, len);
	s = sum(IPPROTO_UDP + (uint32_t)(UDP_LEN + len), udp, UDP_LEN + len);
	s = sum(sum(s, from->ip.b, a), to->ip.b, a);
	be16_store(udp + 6, checksum(s) == 0 ? 0xffff : checksum(s));
	return (size_t)(udp - p) + UDP_LEN + len;
}

bool storm_udp_read(const uint8_t *p, size_t len, struct storm_datagram *d)
{
	size_t hdr = len > 0 && p[0] == 0x45 ? IP4_LEN : IP6_LEN;
	uint8_t family = hdr == IP4_LEN ? IP_V4 : IP_V6;
	const uint8_t *udp = p + hdr;

	if (len < hdr + UDP_LEN || (family == IP_V6 && p[0] >> 4 != 6) ||
		p[family == IP_V4 ? 9 : 6] != IPPROTO_UDP || be16_load(udp + 4) != len - hdr)
		return false;
	*d = (struct storm_datagram){
		.from = {.ip = ip_from_bytes(family, p + (family == IP_V4 ? 12 : 8))},
		.to = {.ip = ip_from_bytes(family, p + (family == IP_V4 ? 16 : 24))},
		.payload = udp + UDP_LEN,
		.len = len - hdr - UDP_LEN,
	};
	d->from.port = be16_load(udp);
	d->to.port = be16_load(udp + 2);
	return true;
}
