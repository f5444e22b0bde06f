/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream.h"

const struct shape shapes[NB_SHAPES] = {
	{"TCP over IPv4", true, true, 0, 0},
	{"TCP over IPv4, time stamps", true, true, 0, 12},
	{"TCP over IPv4, all options", true, true, 0, 40},
	{"TCP over IPv6", false, true, 0, 0},
	{"TCP over IPv6, time stamps", false, true, 0, 12},
	{"TCP over IPv6, all options", false, true, 0, 40},
	{"UDP over IPv4", true, false, 0, 0},
	{"UDP over IPv6", false, false, 0, 0},
	{"TCP over IPv4 with options", true, true, 12, 12},
	{"TCP over IPv6 with an extension header", false, true, 8, 12},
	{"UDP over IPv4 with options", true, false, 40, 0},
};

void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t ip_len_of(const struct shape *s)
{
	return (s->v4 ? 20 : 40) + s->ip_more;
}

size_t l4_of(const struct shape *s)
{
	return 14 + ip_len_of(s);
}

size_t hdr_of(const struct shape *s)
{
	return l4_of(s) + (s->tcp ? 20 + s->tcp_more : 8);
}

size_t csum_of(const struct shape *s)
{
	return l4_of(s) + (s->tcp ? 16 : 6);
}

static uint32_t pseudo(const struct shape *s, const uint8_t *frame, size_t l4_len)
{
	const uint8_t *a = frame + 14 + (s->v4 ? 12 : 8);
	uint32_t sum = (s->tcp ? 6 : 17) + (uint32_t)l4_len;

	for (size_t i = 0; i < (s->v4 ? 8u : 32u); i += 2)
		sum += (uint32_t)a[i] << 8 | a[i + 1];
	return sum;
}

static void seal_ip(const struct shape *s, uint8_t *frame)
{
	put16(frame + 24, s->v4 ? 0 : (size_t)frame[24] << 8 | frame[25]);
	if (s->v4)
		put16(frame + 24, frame_checksum(0, frame + 14, ip_len_of(s)));
}

void seal(const struct shape *s, uint8_t *frame, size_t len)
{
	size_t l4_len = len - l4_of(s);
	uint16_t sum;

	seal_ip(s, frame);
	put16(frame + csum_of(s), 0);
	sum = frame_checksum(pseudo(s, frame, l4_len), frame + l4_of(s), l4_len);
	put16(frame + csum_of(s), sum == 0 ? 0xffff : sum);
}

static void make_ip(const struct shape *s, uint8_t *ip, size_t len, uint16_t id)
{
	uint8_t proto = s->tcp ? 6 : 17;

	for (size_t i = 0; i < 32; i++)
		ip[(s->v4 ? 12 : 8) + i] = (uint8_t)(i * 37 + 10);
	if (s->v4) {
		memset(ip + 20, 1, s->ip_more); /* no operation */
		ip[0] = (uint8_t)(0x40 | (ip_len_of(s) / 4));
		ip[1] = 0x28;
		put16(ip + 2, len);
		put16(ip + 4, id);
		put16(ip + 6, 0x4000);
		ip[8] = 61;
		ip[9] = proto;
	} else {
		memcpy(ip, "\x62\x8a\xbc\xde", 4);
		put16(ip + 4, len - 40);
		ip[6] = s->ip_more != 0 ? 60 : proto; /* destination options */
		ip[7] = 62;
		if (s->ip_more != 0)
			memcpy(ip + 40, (uint8_t[]){proto, 0, 1, 4, 0, 0, 0, 0}, 8);
	}
}

size_t make(const struct shape *s, uint8_t *out, uint32_t from, size_t n, uint16_t i, uint8_t flags)
{
	uint8_t *l4 = out + l4_of(s);
	size_t len = hdr_of(s) + n;
	uint32_t seq = 0xfffff000u + from; /* wraps */

	memcpy(out, "\x02\x00\x01\x00\x00\x07\x06\x11\x22\x33\x44\x55", 12);
	put16(out + 12, s->v4 ? 0x0800 : 0x86dd);
	make_ip(s, out + 14, len - 14, (uint16_t)(0xfffd + i));
	memset(l4, 0, hdr_of(s) - l4_of(s));
	put16(l4, 40000);
	put16(l4 + 2, 5201);
	if (s->tcp) {
		put16(l4 + 4, seq >> 16);
		put16(l4 + 6, seq & 0xffff);
		put16(l4 + 8, 0x1234);
		put16(l4 + 10, 0x5678);
		l4[12] = (uint8_t)((20 + s->tcp_more) / 4 << 4);
		l4[13] = flags;
		put16(l4 + 14, 501);
		for (size_t k = 0; k < s->tcp_more; k++)
			l4[20 + k] = (uint8_t)(k + 1);
	} else {
		put16(l4 + 4, 8 + n);
	}
	for (size_t k = 0; k < n; k++)
		out[len - n + k] = (uint8_t)((from + k) * 2654435761u >> 13);
	seal(s, out, len);
	return len;
}

size_t make_super(const struct shape *s, uint8_t *out, size_t n, uint16_t size, uint8_t flags,
	struct super_vnet *v)
{
	size_t len = make(s, out, 0, n, 0, flags);

	put16(out + csum_of(s), (uint16_t)~frame_checksum(pseudo(s, out, len - l4_of(s)), out, 0));
	*v = (struct super_vnet){
		.flags = 1,
		.gso_type = !s->tcp ? 5
			: s->v4	    ? 1
				    : 4,
		.hdr_len = (uint16_t)hdr_of(s),
		.gso_size = size,
		.csum_start = (uint16_t)l4_of(s),
		.csum_offset = s->tcp ? 16 : 6,
	};
	return len;
}
