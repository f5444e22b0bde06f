/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/feed.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <rte_random.h>

#include "dataplane/inner.h"

#define ORDER_MIN 65536u

/* --- which peer ------------------------------------------------------------------------- */

/* An index below n with probability ~ 1/rank (Zipf's law, exponent 1). */
static uint32_t draw_zipf(uint32_t n, double total)
{
	/* the harmonic numbers grow as the logarithm does: its inverse finds the rank */
	double u = rte_drand() * total;
	double rank = exp(u) - 0.5;

	return rank >= n ? n - 1 : rank < 0 ? 0 : (uint32_t)rank;
}

static uint32_t draw(const struct feed *s, uint32_t i, uint32_t n)
{
	switch (s->rig->conf.pattern) {
	case BENCH_RANDOM:
		return (uint32_t)rte_rand_max(n);
	case BENCH_ZIPF:
		return draw_zipf(n, log(n + 0.5));
	default:
		return i % n;
	}
}

int feed_init(struct feed *s, const struct rig *r, unsigned int lane)
{
	uint32_t *mine = malloc(r->nb_peers * sizeof(*mine));
	uint32_t n = 0;

	*s = (struct feed){.rig = r};
	if (mine == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < r->nb_peers; id++) {
		if (encap_worker(r->dp, r->iid, id) == r->dp->workers[lane])
			mine[n++] = id;
	}
	s->mask = rte_align32pow2(RTE_MAX(4 * n, ORDER_MIN)) - 1;
	s->order = n == 0 ? NULL : malloc((s->mask + 1) * sizeof(*s->order));
	for (uint32_t i = 0; s->order != NULL && i <= s->mask; i++)
		s->order[i] = mine[draw(s, i, n)];
	free(mine);
	return n == 0 ? -EINVAL : s->order == NULL ? -ENOMEM : 0;
}

void feed_fini(struct feed *s)
{
	free(s->order);
	s->order = NULL;
}

uint32_t feed_peer(const struct feed *s, uint64_t n)
{
	return s->order[n & s->mask];
}

/* --- how long --------------------------------------------------------------------------- */

uint16_t feed_len(const struct feed *s, uint64_t n)
{
	/* IMIX: seven small, four of the middle, one large */
	static const uint16_t imix[12] = {64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 576, 64};

	if (s->size.lo == 0)
		return imix[n % ARRAY_LEN(imix)];
	return s->size.lo + (uint16_t)(n % (s->size.hi - s->size.lo + 1u));
}

/* --- what is in it ---------------------------------------------------------------------- */

/* The IP header of packet n, of which a shorter packet has the beginning; how much. */
static uint16_t write_ip(const struct feed *s, uint64_t n, uint8_t ip[IP6_HDR_LEN], uint16_t len)
{
	const struct dp_peer_conf *peer = &s->rig->peers[feed_peer(s, n)];

	memset(ip, 0, IP6_HDR_LEN);
	if (s->rig->conf.inner == IP_V4) {
		ip[0] = 0x45;
		be16_store(ip + 2, len);
		be16_store(ip + 4, (uint16_t)n);
		ip[8] = 64;
		ip[9] = 253; /* RFC 3692: experiments */
		memcpy(ip + 12, peer->vpn4.b, 4);
		memcpy(ip + 16, peer->vpn4.b, 4);
		return RTE_MIN(len, IP4_HDR_LEN);
	}
	be32_store(ip, 6u << 28 | (uint32_t)(n & 0xfffff));
	be16_store(ip + 4, len - IP6_HDR_LEN);
	ip[6] = 253;
	ip[7] = 64;
	memcpy(ip + 8, peer->vpn6.b, 16);
	memcpy(ip + 24, peer->vpn6.b, 16);
	return RTE_MIN(len, IP6_HDR_LEN);
}

#define FACTOR	0x9e3779b97f4a7c15ull
#define INVERSE 0xf1de83e19937733dull /* FACTOR * INVERSE is 1 in 64 bits */

/* Word i of the payload of packet n. */
static inline uint64_t word(uint64_t n, uint16_t i)
{
	return (n + 1) * FACTOR + i;
}

void feed_fill(const struct feed *s, uint64_t n, struct rte_mbuf *m)
{
	uint16_t len = feed_len(s, n);
	struct pkt *p = pkt_of(m);
	uint8_t header[IP6_HDR_LEN], *eth, *ip;
	uint16_t at;

	m->data_off = RIG_HEADROOM;
	m->data_len = ETH_HDR_LEN + len;
	m->pkt_len = m->data_len;
	m->hash.usr = (uint32_t)n;
	p->kind = PKT_INNER;
	p->iid = s->rig->iid;
	eth = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(eth, s->rig->macs[feed_peer(s, n)], MAC_LEN);
	memcpy(eth + MAC_LEN, s->rig->device_mac, MAC_LEN);
	be16_store(eth + 2 * MAC_LEN, s->rig->conf.inner == IP_V4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
	ip = eth + ETH_HDR_LEN;
	at = write_ip(s, n, header, len);
	memcpy(ip, header, at);
	for (uint16_t i = 0; at < len; i++, at += 8) {
		uint64_t w = word(n, i);

		memcpy(ip + at, &w, RTE_MIN(8, len - at));
	}
}

bool feed_check(const struct feed *s, uint64_t n, const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETH_HDR_LEN);
	uint16_t len = feed_len(s, n);
	uint8_t header[IP6_HDR_LEN];
	uint16_t at = write_ip(s, n, header, len);

	if (m->nb_segs != 1 || m->data_len != ETH_HDR_LEN + len || memcmp(ip, header, at) != 0)
		return false;
	for (uint16_t i = 0; at < len; i++, at += 8) {
		uint64_t w = word(n, i);

		if (memcmp(ip + at, &w, RTE_MIN(8, len - at)) != 0)
			return false;
	}
	return true;
}

bool feed_recognize(const struct feed *s, const struct rte_mbuf *m, uint64_t *n)
{
	uint16_t at = ETH_HDR_LEN + (s->rig->conf.inner == IP_V4 ? IP4_HDR_LEN : IP6_HDR_LEN);
	uint64_t first;

	*n = FEED_UNKNOWN;
	if (m->data_len < at + sizeof(first))
		return m->data_len >= at;
	memcpy(&first, rte_pktmbuf_mtod_offset(m, const uint8_t *, at), sizeof(first));
	*n = first * INVERSE - 1;
	return feed_check(s, *n, m);
}
