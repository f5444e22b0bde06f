/* SPDX-License-Identifier: BSD-3-Clause */
#include "frames.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct ip_addr ip_of(const char *text)
{
	struct ip_addr a = {0};

	if (inet_pton(AF_INET, text, a.b) == 1)
		a.family = IP_V4;
	else if (inet_pton(AF_INET6, text, a.b) == 1)
		a.family = IP_V6;
	else
		abort();
	return a;
}

struct udp_addr udp_of(const char *ip, uint16_t port)
{
	return (struct udp_addr){.ip = ip_of(ip), .port = port};
}

struct flow flow_of(struct udp_addr src, struct udp_addr dst)
{
	return (struct flow){
		.dst_mac = {0x06, 1, 2, 3, 4, 5},
		.src_mac = {0x06, 9, 8, 7, 6, 5},
		.src = src,
		.dst = dst,
	};
}

static uint32_t add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

uint16_t frame_checksum(uint32_t start, const uint8_t *p, size_t n)
{
	uint32_t sum = add(start, p, n);

	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static uint32_t pseudo(const struct ip_addr *src, const struct ip_addr *dst, size_t udp_len)
{
	size_t n = src->family == IP_V4 ? 4 : 16;

	return add(0, src->b, n) + add(0, dst->b, n) + 17 + (uint32_t)udp_len;
}

size_t frame_hdr_len(uint8_t family)
{
	return family == IP_V4 ? 42 : 62;
}

size_t frame_udp(uint8_t *out, const struct flow *f, const void *payload, size_t len)
{
	bool v4 = f->src.ip.family == IP_V4;
	size_t hdr = frame_hdr_len(f->src.ip.family);
	uint8_t *ip = out + 14, *udp = out + hdr - 8;
	uint16_t sum;

	memset(out, 0, hdr);
	memcpy(out, f->dst_mac, 6);
	memcpy(out + 6, f->src_mac, 6);
	put16(out + 12, v4 ? 0x0800 : 0x86dd);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, 28 + len);
		put16(ip + 4, 0x1234);
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, f->src.ip.b, 4);
		memcpy(ip + 16, f->dst.ip.b, 4);
		put16(ip + 10, frame_checksum(0, ip, 20));
	} else {
		ip[0] = 0x60;
		put16(ip + 4, 8 + len);
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, f->src.ip.b, 16);
		memcpy(ip + 24, f->dst.ip.b, 16);
	}
	put16(udp, f->src.port);
	put16(udp + 2, f->dst.port);
	put16(udp + 4, 8 + len);
	if (len > 0)
		memcpy(out + hdr, payload, len);
	sum = frame_checksum(pseudo(&f->src.ip, &f->dst.ip, 8 + len), udp, 8 + len);
	put16(udp + 6, sum == 0 ? 0xffff : sum);
	return hdr + len;
}

static const char *ip4_wrong(const uint8_t *ip, const struct flow *f, size_t len)
{
	if (ip[0] != 0x45)
		return "IPv4 version or header length";
	if (get16(ip + 2) != 28 + len)
		return "IPv4 total length";
	if ((get16(ip + 6) & 0xbfff) != 0)
		return "IPv4 fragment field";
	if (ip[8] < 32 || ip[9] != 17)
		return "IPv4 TTL or protocol";
	if (memcmp(ip + 12, f->src.ip.b, 4) != 0 || memcmp(ip + 16, f->dst.ip.b, 4) != 0)
		return "IPv4 addresses";
	if (frame_checksum(0, ip, 20) != 0)
		return "IPv4 header checksum";
	return NULL;
}

static const char *ip6_wrong(const uint8_t *ip, const struct flow *f, size_t len)
{
	if (ip[0] >> 4 != 6)
		return "IPv6 version";
	if (get16(ip + 4) != 8 + len)
		return "IPv6 payload length";
	if (ip[6] != 17 || ip[7] < 32)
		return "IPv6 next header or hop limit";
	if (memcmp(ip + 8, f->src.ip.b, 16) != 0 || memcmp(ip + 24, f->dst.ip.b, 16) != 0)
		return "IPv6 addresses";
	if (get16(ip + 46) == 0)
		return "UDP checksum 0 over IPv6";
	return NULL;
}

const char *frame_udp_wrong(
	const uint8_t *frame, size_t frame_len, const struct flow *f, size_t len)
{
	bool v4 = f->src.ip.family == IP_V4;
	size_t hdr = frame_hdr_len(f->src.ip.family);
	const uint8_t *udp = frame + hdr - 8;
	const char *wrong;

	if (frame_len != hdr + len)
		return "frame length";
	if (memcmp(frame, f->dst_mac, 6) != 0 || memcmp(frame + 6, f->src_mac, 6) != 0)
		return "MAC addresses";
	if (get16(frame + 12) != (v4 ? 0x0800u : 0x86ddu))
		return "ethertype";
	wrong = v4 ? ip4_wrong(frame + 14, f, len) : ip6_wrong(frame + 14, f, len);
	if (wrong != NULL)
		return wrong;
	if (get16(udp) != f->src.port || get16(udp + 2) != f->dst.port)
		return "UDP ports";
	if (get16(udp + 4) != 8 + len)
		return "UDP length";
	if (get16(udp + 6) != 0 &&
		frame_checksum(pseudo(&f->src.ip, &f->dst.ip, 8 + len), udp, 8 + len) != 0)
		return "UDP checksum";
	return NULL;
}

size_t frame_inner(uint8_t *out, const struct ip_addr *src, const struct ip_addr *dst, size_t len,
	uint8_t seed)
{
	bool v4 = src->family == IP_V4;
	size_t hdr = v4 ? 20 : 40;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(seed + i * 7);
	memset(out, 0, hdr);
	if (v4) {
		out[0] = 0x45;
		put16(out + 2, len);
		out[8] = 64;
		out[9] = 253; /* for experiments, RFC 3692 */
		memcpy(out + 12, src->b, 4);
		memcpy(out + 16, dst->b, 4);
		put16(out + 10, frame_checksum(0, out, 20));
	} else {
		out[0] = 0x60;
		put16(out + 4, len - 40);
		out[6] = 253;
		out[7] = 64;
		memcpy(out + 8, src->b, 16);
		memcpy(out + 24, dst->b, 16);
	}
	return len;
}

uint32_t frame_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}
