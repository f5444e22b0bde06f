/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/super.h"

#include "dataplane/classify.h"

/* virtio_net_hdr.gso_type */
#define GSO_TCP4   1
#define GSO_TCP6   4
#define GSO_UDP_L4 5
#define GSO_ECN	   0x80

#define IPPROTO_TCP_ 6
#define TCP_HDR_LEN  20
#define TCP_FIN	     0x01
#define TCP_PSH	     0x08
#define TCP_ACK	     0x10
#define TCP_CWR	     0x80
#define TCP_CSUM     16
#define UDP_CSUM     6
#define IP4_DF	     0x4000

#define IP_AT  ETH_HDR_LEN
#define L4_IP4 (ETH_HDR_LEN + IP4_HDR_LEN)
#define L4_IP6 (ETH_HDR_LEN + IP6_HDR_LEN)

static bool is_tcp(enum super_kind k)
{
	return k == SUPER_TCP4 || k == SUPER_TCP6;
}

static bool is_ip4(enum super_kind k)
{
	return k == SUPER_TCP4 || k == SUPER_UDP4;
}

static uint16_t csum_offset(enum super_kind k)
{
	return is_tcp(k) ? TCP_CSUM : UDP_CSUM;
}

static uint16_t fold16(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static size_t tcp_hdr_len(const uint8_t *tcp)
{
	return (tcp[12] >> 4) * 4u;
}

static void ip4_checksum(uint8_t *ip)
{
	be16_store(ip + 10, 0);
	be16_store(ip + 10, checksum_fold(checksum_add(0, ip, (ip[0] & 15) * 4u)));
}

/* --- kernel -> packets ------------------------------------------------------------------ */

/* at: the checksum's place, which holds the sum of the pseudo header; start: what it covers. */
static void complete(uint8_t *frame, size_t len, size_t start, size_t at)
{
	uint16_t sum = checksum_fold(checksum_add(0, frame + start, len - start));

	/* to UDP zero means none; to others it is the same as all ones */
	be16_store(frame + at, sum == 0 ? 0xffff : sum);
}

bool super_complete(const struct super_vnet *v, uint8_t *frame, size_t len)
{
	size_t at = (size_t)v->csum_start + v->csum_offset;

	if ((v->flags & SUPER_VNET_NEEDS_CSUM) == 0)
		return true;
	if (at + 2 > len)
		return false;
	complete(frame, len, v->csum_start, at);
	return true;
}

static enum super_kind cut_kind(const struct super_vnet *v, uint16_t ethertype)
{
	switch (v->gso_type & ~GSO_ECN) {
	case GSO_TCP4:
		return ethertype == ETHERTYPE_IP4 ? SUPER_TCP4 : SUPER_NONE;
	case GSO_TCP6:
		return ethertype == ETHERTYPE_IP6 ? SUPER_TCP6 : SUPER_NONE;
	case GSO_UDP_L4:
		return ethertype == ETHERTYPE_IP4    ? SUPER_UDP4
			: ethertype == ETHERTYPE_IP6 ? SUPER_UDP6
						     : SUPER_NONE;
	default:
		return SUPER_NONE;
	}
}

/* Does the IP header say what the kernel said? Extension headers are copied unseen. */
static bool ip_agrees(enum super_kind kind, const uint8_t *frame, size_t len, size_t l4)
{
	const uint8_t *ip = frame + IP_AT;
	uint8_t proto = is_tcp(kind) ? IPPROTO_TCP_ : IPPROTO_UDP_;

	if (is_ip4(kind))
		return len >= L4_IP4 && ip[0] >> 4 == 4 && l4 >= L4_IP4 &&
			l4 == IP_AT + (ip[0] & 15) * 4u && be16_load(ip + 2) == len - IP_AT &&
			(be16_load(ip + 6) & ~IP4_DF) == 0 && ip[9] == proto;
	return len >= L4_IP6 && ip[0] >> 4 == 6 && l4 >= L4_IP6 &&
		be16_load(ip + 4) == len - L4_IP6 && (l4 > L4_IP6 || ip[6] == proto);
}

/* Bytes of all headers; 0: they do not fit in the frame. */
static size_t headers(enum super_kind kind, const uint8_t *frame, size_t len, size_t l4)
{
	size_t least = is_tcp(kind) ? TCP_HDR_LEN : UDP_HDR_LEN;
	size_t hdr = least;

	if (len < l4 + least)
		return 0;
	if (is_tcp(kind))
		hdr = tcp_hdr_len(frame + l4);
	return hdr < least || len < l4 + hdr ? 0 : l4 + hdr;
}

bool super_cut_begin(
	struct super_cut *c, const struct super_vnet *v, const uint8_t *frame, size_t len)
{
	enum super_kind kind;
	size_t hdr, l4_len;

	if (len < ETH_HDR_LEN || len > SUPER_LEN_MAX)
		return false;
	kind = cut_kind(v, be16_load(frame + 12));
	if (kind == SUPER_NONE || v->gso_size == 0 || (v->flags & SUPER_VNET_NEEDS_CSUM) == 0 ||
		v->csum_offset != csum_offset(kind) || !ip_agrees(kind, frame, len, v->csum_start))
		return false;
	hdr = headers(kind, frame, len, v->csum_start);
	if (hdr == 0)
		return false;
	*c = (struct super_cut){
		.frame = frame,
		.kind = kind,
		.l4 = v->csum_start,
		.hdr_len = (uint32_t)hdr,
		.size = v->gso_size,
		.payload = (uint32_t)(len - hdr),
		.n = 1,
	};
	if (c->payload > c->size)
		c->n = (c->payload + c->size - 1) / c->size;
	/* The sum that stands in the checksum's place has the length of the whole in it. */
	l4_len = len - c->l4;
	c->pseudo = fold16(be16_load(frame + c->l4 + v->csum_offset) + 0xffff - (uint16_t)l4_len);
	return true;
}

size_t super_cut_room(const struct super_cut *c)
{
	return c->hdr_len + (c->payload < c->size ? c->payload : c->size);
}

static void segment_ip(const struct super_cut *c, unsigned int i, uint8_t *out, size_t len)
{
	uint8_t *ip = out + IP_AT;

	if (is_ip4(c->kind)) {
		be16_store(ip + 2, (uint16_t)(len - IP_AT));
		be16_store(ip + 4, (uint16_t)(be16_load(ip + 4) + i));
		ip4_checksum(ip);
	} else {
		be16_store(ip + 4, (uint16_t)(len - L4_IP6));
	}
}

size_t super_cut_segment(const struct super_cut *c, unsigned int i, uint8_t *out)
{
	uint32_t from = i * c->size;
	uint32_t payload = i + 1 < c->n ? c->size : c->payload - from;
	size_t len = c->hdr_len + payload;
	size_t at = c->l4 + csum_offset(c->kind);
	uint8_t *l4 = out + c->l4;

	memcpy(out, c->frame, c->hdr_len);
	memcpy(out + c->hdr_len, c->frame + c->hdr_len + from, payload);
	segment_ip(c, i, out, len);
	if (is_tcp(c->kind)) {
		be32_store(l4 + 4, be32_load(l4 + 4) + from);
		if (i + 1 < c->n)
			l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (i > 0)
			l4[13] &= (uint8_t)~TCP_CWR;
	} else {
		be16_store(l4 + 4, (uint16_t)(len - c->l4));
	}
	be16_store(out + at, fold16(c->pseudo + (uint32_t)(len - c->l4)));
	complete(out, len, c->l4, at);
	return len;
}

/* --- packets -> kernel ------------------------------------------------------------------ */

static uint32_t flow_hash(const uint8_t *addrs, size_t len, const uint8_t *ports)
{
	uint32_t h = be32_load(ports);

	for (size_t i = 0; i < len; i += 4)
		h = (h ^ be32_load(addrs + i)) * 0x9e3779b1u;
	return (h ^ h >> 15) | 1;
}

/* TCP or UDP right behind an IP header without options, all of it in the frame; else SUPER_NONE. */
static enum super_kind find_l4(const uint8_t *frame, size_t len, uint16_t *l4, bool *exact)
{
	const uint8_t *ip = frame + IP_AT;
	uint8_t proto;
	bool v4;

	if (len < L4_IP4 + UDP_HDR_LEN)
		return SUPER_NONE;
	v4 = be16_load(frame + 12) == ETHERTYPE_IP4 && ip[0] == 0x45;
	if (v4) {
		if ((be16_load(ip + 6) & ~IP4_DF) != 0)
			return SUPER_NONE;
		proto = ip[9];
		*l4 = L4_IP4;
		*exact = be16_load(ip + 2) == len - IP_AT;
	} else {
		if (be16_load(frame + 12) != ETHERTYPE_IP6 || ip[0] >> 4 != 6 ||
			len < L4_IP6 + UDP_HDR_LEN)
			return SUPER_NONE;
		proto = ip[6];
		*l4 = L4_IP6;
		*exact = be16_load(ip + 4) == len - L4_IP6;
	}
	if (proto == IPPROTO_TCP_)
		return v4 ? SUPER_TCP4 : SUPER_TCP6;
	return proto != IPPROTO_UDP_ ? SUPER_NONE : v4 ? SUPER_UDP4 : SUPER_UDP6;
}

/* l4: len bytes of TCP or UDP, with payload. */
static bool joinable(enum super_kind kind, const uint8_t *l4, size_t len)
{
	if (is_tcp(kind))
		return (l4[12] & 15) == 0 && (l4[13] & ~TCP_PSH) == TCP_ACK &&
			be16_load(l4 + 18) == 0;
	return be16_load(l4 + 4) == len && be16_load(l4 + UDP_CSUM) != 0;
}

void super_look(struct super_frame *f, const uint8_t *frame, size_t len)
{
	enum super_kind kind;
	bool exact = false;
	size_t hdr;

	*f = (struct super_frame){.kind = SUPER_NONE};
	kind = find_l4(frame, len, &f->l4, &exact);
	if (kind == SUPER_NONE)
		return;
	f->flow = is_ip4(kind) ? flow_hash(frame + IP_AT + 12, 8, frame + f->l4)
			       : flow_hash(frame + IP_AT + 8, 32, frame + f->l4);
	hdr = headers(kind, frame, len, f->l4);
	if (!exact || hdr == 0 || hdr == len || len - IP_AT > SUPER_IP_MAX ||
		!joinable(kind, frame + f->l4, len - f->l4))
		return;
	f->kind = kind;
	f->hdr_len = (uint16_t)hdr;
	f->payload = (uint16_t)(len - hdr);
	f->last = is_tcp(kind) && (frame[f->l4 + 13] & TCP_PSH) != 0;
}

void super_join_begin(struct super_join *j, const uint8_t *frame, const struct super_frame *f)
{
	*j = (struct super_join){
		.first = frame,
		.f = *f,
		.payload = f->payload,
		.n = 1,
		.closed = f->kind == SUPER_NONE || f->last,
	};
}

static uint64_t pseudo_sum(enum super_kind kind, const uint8_t *frame, size_t l4_len)
{
	uint8_t rest[4] = {0, is_tcp(kind) ? IPPROTO_TCP_ : IPPROTO_UDP_};
	uint64_t sum;

	be16_store(rest + 2, (uint16_t)l4_len);
	sum = checksum_add(0, rest, sizeof(rest));
	return is_ip4(kind) ? checksum_add(sum, frame + IP_AT + 12, 8)
			    : checksum_add(sum, frame + IP_AT + 8, 32);
}

static bool verify(const uint8_t *frame, const struct super_frame *f)
{
	size_t l4_len = f->hdr_len - f->l4 + f->payload;
	uint64_t sum = pseudo_sum(f->kind, frame, l4_len);

	if (is_ip4(f->kind) && checksum_fold(checksum_add(0, frame + IP_AT, IP4_HDR_LEN)) != 0)
		return false;
	return checksum_fold(checksum_add(sum, frame + f->l4, l4_len)) == 0;
}

/* Ethernet and IP, but for lengths, identification and checksum. */
static bool same_ip(enum super_kind kind, const uint8_t *a, const uint8_t *b)
{
	if (is_ip4(kind))
		return memcmp(a, b, IP_AT + 2) == 0 && memcmp(a + 20, b + 20, 4) == 0 &&
			memcmp(a + 26, b + 26, 8) == 0;
	return memcmp(a, b, IP_AT + 4) == 0 && memcmp(a + 20, b + 20, 34) == 0;
}

/* Would cutting give this identification back, or does it not matter (RFC 6864)? */
static bool id_follows(const struct super_join *j, const uint8_t *frame)
{
	const uint8_t *a = j->first + IP_AT, *b = frame + IP_AT;

	return !is_ip4(j->f.kind) || (be16_load(a + 6) & IP4_DF) != 0 ||
		be16_load(b + 4) == (uint16_t)(be16_load(a + 4) + j->n);
}

/* TCP: ports, acknowledgement, flags but PSH, window, options; the next bytes of the stream. */
static bool l4_follows(const struct super_join *j, const uint8_t *frame)
{
	const uint8_t *a = j->first + j->f.l4, *b = frame + j->f.l4;
	size_t hdr = j->f.hdr_len - j->f.l4;

	if (memcmp(a, b, 4) != 0)
		return false;
	return !is_tcp(j->f.kind) ||
		(be32_load(b + 4) == be32_load(a + 4) + j->payload &&
			memcmp(a + 8, b + 8, 5) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
			memcmp(a + 18, b + 18, hdr - 18) == 0);
}

bool super_join_add(struct super_join *j, const uint8_t *frame, const struct super_frame *f)
{
	if (j->closed || f->kind != j->f.kind || f->flow != j->f.flow ||
		f->hdr_len != j->f.hdr_len || f->payload > j->f.payload ||
		j->n == SUPER_FRAMES_MAX ||
		j->f.hdr_len - IP_AT + j->payload + f->payload > SUPER_IP_MAX)
		return false;
	if (!same_ip(f->kind, j->first, frame) || !id_follows(j, frame) || !l4_follows(j, frame))
		return false;
	if (!j->verified && !verify(j->first, &j->f)) {
		j->closed = true;
		return false;
	}
	j->verified = true;
	if (!verify(frame, f))
		return false;
	j->n++;
	j->payload += f->payload;
	j->push = f->last;
	j->closed = f->last || f->payload < j->f.payload;
	return true;
}

size_t super_join_head(const struct super_join *j, struct super_head *out)
{
	const struct super_frame *f = &j->f;
	size_t l4_len = f->hdr_len - f->l4 + j->payload;
	uint8_t *ip = out->hdr + IP_AT, *l4 = out->hdr + f->l4;

	out->vnet = (struct super_vnet){
		.flags = SUPER_VNET_NEEDS_CSUM,
		.gso_type = !is_tcp(f->kind) ? GSO_UDP_L4
			: is_ip4(f->kind)    ? GSO_TCP4
					     : GSO_TCP6,
		.hdr_len = f->hdr_len,
		.gso_size = f->payload,
		.csum_start = f->l4,
		.csum_offset = csum_offset(f->kind),
	};
	memcpy(out->hdr, j->first, f->hdr_len);
	if (is_ip4(f->kind)) {
		be16_store(ip + 2, (uint16_t)(IP4_HDR_LEN + l4_len));
		ip4_checksum(ip);
	} else {
		be16_store(ip + 4, (uint16_t)l4_len);
	}
	if (is_tcp(f->kind))
		l4[13] |= j->push ? TCP_PSH : 0;
	else
		be16_store(l4 + 4, (uint16_t)l4_len);
	be16_store(l4 + csum_offset(f->kind),
		(uint16_t)~checksum_fold(pseudo_sum(f->kind, j->first, l4_len)));
	return SUPER_VNET_LEN + f->hdr_len;
}
