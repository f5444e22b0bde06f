/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/endpoint.h"

#include "dataplane/classify.h"

/* Sum of big-endian 16-bit words in host order, as endpoint_write() goes on adding. */
static uint32_t sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += be16_load(p + i);
	return sum;
}

static uint8_t *build_ip4(struct endpoint *e, uint8_t *ip)
{
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP_;
	memcpy(ip + 12, e->local.ip.b, 4);
	memcpy(ip + 16, e->remote.ip.b, 4);
	e->sum = sum16(ip, IP4_HDR_LEN);
	return ip + IP4_HDR_LEN;
}

static uint8_t *build_ip6(struct endpoint *e, uint8_t *ip)
{
	ip[0] = 0x60;
	ip[6] = IPPROTO_UDP_;
	ip[7] = 64;
	memcpy(ip + 8, e->local.ip.b, 16);
	memcpy(ip + 24, e->remote.ip.b, 16);
	e->sum = sum16(ip + 8, 32) + IPPROTO_UDP_;
	return ip + IP6_HDR_LEN;
}

void endpoint_build(struct endpoint *e, const struct udp_addr *remote, const struct udp_addr *local,
	const uint8_t src_mac[6], const uint8_t dst_mac[6], uint16_t port, uint16_t mtu)
{
	uint8_t *udp;

	memset(e, 0, sizeof(*e));
	e->remote = *remote;
	e->local = *local;
	e->family = remote->ip.family;
	e->port = port;
	e->mtu = mtu;
	memcpy(e->hdr, dst_mac, 6);
	memcpy(e->hdr + 6, src_mac, 6);
	be16_store(e->hdr + 12, e->family == IP_V4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
	udp = e->family == IP_V4 ? build_ip4(e, e->hdr + 14) : build_ip6(e, e->hdr + 14);
	be16_store(udp, local->port);
	be16_store(udp + 2, remote->port);
	e->hdr_len = (uint8_t)(udp + UDP_HDR_LEN - e->hdr);
}

void endpoint_checksum6(const struct endpoint *e, uint8_t *hdr, uint16_t len)
{
	uint8_t *udp = hdr + e->hdr_len - UDP_HDR_LEN;
	uint16_t udp_len = len + UDP_HDR_LEN;
	uint64_t sum = checksum_add(0, udp, udp_len);
	uint16_t sum16_be;

	/* the pseudo header was summed in host order, the payload in memory order */
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum += __builtin_bswap32((uint32_t)e->sum + udp_len);
	sum16_be = checksum_fold(sum);
	be16_store(udp + 6, sum16_be == 0 ? 0xffff : sum16_be);
}
