/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/frag.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "dataplane/endpoint.h"
#include "dataplane/state.h"

#define BUCKET_ENTRIES	 16
#define SWEEP_MS	 250
#define IP6_FRAG_HDR_LEN 8
#define MORE_FRAGMENTS	 0x2000

int frag_init(struct frag *f, unsigned int worker, int socket_id)
{
	f->table = rte_ip_frag_table_create(FRAG_DATAGRAMS / BUCKET_ENTRIES, BUCKET_ENTRIES,
		FRAG_DATAGRAMS, rte_get_tsc_hz() / MSEC_PER_SEC * FRAG_TIMEOUT_MS, socket_id);
	(void)worker;
	return f->table == NULL ? -ENOMEM : 0;
}

void frag_fini(struct frag *f)
{
	rte_ip_frag_free_death_row(&f->dead, 0);
	if (f->table != NULL)
		rte_ip_frag_table_destroy(f->table);
	f->table = NULL;
}

/* --- in --------------------------------------------------------------------------------- */

static void bury(struct worker *w)
{
	if (w->frag.dead.cnt == 0)
		return;
	stat_add(&w->stats.drops[DROP_FRAGMENT], w->frag.dead.cnt);
	w->frag.held -= RTE_MIN(w->frag.held, w->frag.dead.cnt);
	rte_ip_frag_free_death_row(&w->frag.dead, 0);
}

static struct rte_mbuf *add_ip4(struct worker *w, struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, ETH_HDR_LEN);

	m->l3_len = (ip->version_ihl & 15) * 4;
	return rte_ipv4_frag_reassemble_packet(w->frag.table, &w->frag.dead, m, w->now, ip);
}

static struct rte_mbuf *add_ip6(struct worker *w, struct rte_mbuf *m)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, ETH_HDR_LEN);

	m->l3_len = IP6_HDR_LEN + IP6_FRAG_HDR_LEN;
	return rte_ipv6_frag_reassemble_packet(w->frag.table, &w->frag.dead, m, w->now, ip,
		(struct rte_ipv6_fragment_ext *)(ip + 1));
}

/* One segment of the chain; the IPv4 header's checksum, which the library leaves open, closed. */
static struct rte_mbuf *flatten(struct worker *w, struct rte_mbuf *chain, bool ip4)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->frag_pool);
	uint8_t *to;

	if (m == NULL || chain->pkt_len > rte_pktmbuf_tailroom(m)) {
		drop(w, chain, m == NULL ? DROP_NO_MBUF : DROP_TOO_BIG);
		rte_pktmbuf_free(m);
		return NULL;
	}
	to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)chain->pkt_len);
	for (const struct rte_mbuf *s = chain; s != NULL; s = s->next) {
		memcpy(to, rte_pktmbuf_mtod(s, const void *), s->data_len);
		to += s->data_len;
	}
	rte_pktmbuf_free(chain);
	if (ip4) {
		uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, ETH_HDR_LEN);

		be16_store(ip + 10, 0);
		be16_store(ip + 10, checksum_fold(checksum_add(0, ip, (ip[0] & 15) * 4u)));
	}
	return m;
}

/* Drops what has waited for longer than the timeout, counted as if it were `early` cycles later. */
static void expire(struct worker *w, uint64_t early)
{
	uint32_t expired;

	do { /* the death row holds fewer packets than the table */
		rte_ip_frag_table_del_expired_entries(w->frag.table, &w->frag.dead, w->now + early);
		expired = w->frag.dead.cnt;
		bury(w);
	} while (expired > 0);
}

struct rte_mbuf *frag_reassemble(struct worker *w, struct rte_mbuf *m)
{
	bool ip4 = be16_load(rte_pktmbuf_mtod_offset(m, uint8_t *, 12)) == ETHERTYPE_IP4;
	uint64_t ms = rte_get_tsc_hz() / MSEC_PER_SEC;
	struct rte_mbuf *chain;

	w->frag.last = w->now;
	if (w->frag.sweep == 0)
		w->frag.sweep = w->now + SWEEP_MS * ms;
	if (w->frag.held >= FRAG_HELD_MAX)
		expire(w, (FRAG_TIMEOUT_MS - FRAG_CROWDED_MS) * ms);
	if (w->frag.held >= FRAG_HELD_MAX) {
		drop(w, m, DROP_FRAGMENT);
		return NULL;
	}
	w->frag.held++;
	m->l2_len = ETH_HDR_LEN;
	chain = ip4 ? add_ip4(w, m) : add_ip6(w, m);
	bury(w);
	if (chain == NULL)
		return NULL;
	w->frag.held -= RTE_MIN(w->frag.held, (uint32_t)chain->nb_segs);
	return flatten(w, chain, ip4);
}

void frag_sweep(struct worker *w)
{
	uint64_t ms = rte_get_tsc_hz() / MSEC_PER_SEC;
	struct frag *f = &w->frag;

	if (f->sweep == 0 || w->now < f->sweep)
		return;
	expire(w, 0);
	f->sweep = w->now + SWEEP_MS * ms;
	if (w->now - f->last > 2 * FRAG_TIMEOUT_MS * ms)
		f->sweep = 0;
}

/* --- out -------------------------------------------------------------------------------- */

/* Where the pieces of one datagram are cut. Offsets count from the byte behind the IP header. */
struct cut {
	const struct endpoint *e;
	const uint8_t *l4;  /* UDP header and what follows */
	uint32_t len, room; /* of it, and what one fragment holds: a multiple of 8 */
	uint32_t id6;
};

/* Writes Ethernet and IP headers of the piece at offset; returns where its bytes go. */
static uint8_t *piece_headers(
	const struct cut *c, uint8_t *hdr, const uint8_t *whole, uint32_t offset, uint32_t n)
{
	bool more = offset + n < c->len;
	uint8_t *ip = hdr + ETH_HDR_LEN;

	if (c->e->family == IP_V4) {
		memmove(hdr, whole, ETH_HDR_LEN + IP4_HDR_LEN);
		be16_store(ip + 2, (uint16_t)(IP4_HDR_LEN + n));
		be16_store(ip + 6, (uint16_t)(offset / 8 | (more ? MORE_FRAGMENTS : 0)));
		be16_store(ip + 10, 0);
		be16_store(ip + 10, checksum_fold(checksum_add(0, ip, IP4_HDR_LEN)));
		return ip + IP4_HDR_LEN;
	}
	memmove(hdr, whole, ETH_HDR_LEN + IP6_HDR_LEN);
	be16_store(ip + 4, (uint16_t)(IP6_FRAG_HDR_LEN + n));
	ip[6] = IPPROTO_FRAGMENT_;
	ip[40] = IPPROTO_UDP_;
	ip[41] = 0;
	be16_store(ip + 42, (uint16_t)(offset | (more ? 1 : 0)));
	be32_store(ip + 44, c->id6);
	return ip + IP6_HDR_LEN + IP6_FRAG_HDR_LEN;
}

/* A new mbuf with the piece at offset; NULL: no buffer. */
static struct rte_mbuf *copy_piece(
	struct worker *w, const struct cut *c, const uint8_t *whole, uint32_t offset, uint32_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->ports[c->e->port].pool);
	uint32_t l3 = c->e->family == IP_V4 ? IP4_HDR_LEN : IP6_HDR_LEN + IP6_FRAG_HDR_LEN;
	uint8_t *hdr;

	if (m == NULL)
		return NULL;
	hdr = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(ETH_HDR_LEN + l3 + n));
	memcpy(piece_headers(c, hdr, whole, offset, n), c->l4 + offset, n);
	return m;
}

void frag_send(struct worker *w, const struct endpoint *e, struct rte_mbuf *m)
{
	uint32_t l3 = e->family == IP_V4 ? IP4_HDR_LEN : IP6_HDR_LEN;
	uint32_t extra = e->family == IP_V4 ? 0 : IP6_FRAG_HDR_LEN;
	uint8_t *whole = rte_pktmbuf_mtod(m, uint8_t *);
	struct cut c = {
		.e = e,
		.l4 = whole + ETH_HDR_LEN + l3,
		.len = m->data_len - ETH_HDR_LEN - l3,
		.room = (e->mtu - l3 - extra) & ~7u,
		.id6 = extra != 0 ? ipid_take(&w->dp->ipids[e->ipid], 1) : 0,
	};
	struct rte_mbuf *rest[BURST_MAX];
	unsigned int n = 0;

	for (uint32_t at = c.room; at < c.len; at += c.room, n++) {
		if (n < ARRAY_LEN(rest))
			rest[n] = copy_piece(w, &c, whole, at, RTE_MIN(c.room, c.len - at));
		if (n == ARRAY_LEN(rest) || rest[n] == NULL) {
			/* the receiver could do nothing with the others */
			rte_pktmbuf_free_bulk(rest, n);
			drop(w, m, DROP_NO_MBUF);
			return;
		}
	}
	/* the first piece stays where it is, its headers moved forward if they grew */
	rte_pktmbuf_trim(m, (uint16_t)(c.len - c.room));
	if (extra != 0)
		rte_pktmbuf_prepend(m, (uint16_t)extra);
	piece_headers(&c, rte_pktmbuf_mtod(m, uint8_t *), whole, 0, c.room);
	stat_add(&w->stats.fragments_sent, n + 1);
	worker_send_port(w, (uint8_t)e->port, m);
	for (unsigned int i = 0; i < n; i++)
		worker_send_port(w, (uint8_t)e->port, rest[i]);
}
