/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/frag.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "dataplane/classify.h"
#include "dataplane/endpoint.h"
#include "dataplane/state.h"
#include "dataplane/tos.h"

#define MORE_FRAGMENTS 0x2000

/* Whose pieces belong together: UDP datagrams only, so no protocol. */
struct frag_key {
	uint8_t addrs[32]; /* source, destination */
	uint32_t id;
	uint32_t family;
};

enum frag_state {
	FRAG_WAITS, /* for more pieces */
	FRAG_HOST,  /* not ours: its pieces are the kernel's */
	FRAG_DEAD,  /* contradicted itself: its pieces are dropped */
};

struct frag_piece {
	struct rte_mbuf *m;
	uint16_t offset, len; /* of what it carries in the datagram */
	uint16_t at;	      /* of the same in its frame */
};

struct frag_datagram {
	LIST_ENTRY(frag_datagram) link; /* of its hash, or unused */
	TAILQ_ENTRY(frag_datagram) age;
	struct frag_key key;
	uint64_t born; /* TSC */
	enum frag_state state;
	uint32_t total, got; /* bytes; total 0: not known yet */
	uint8_t ecns;	     /* bit i: a piece had ECN bits i */
	unsigned int n;
	struct frag_piece pieces[FRAG_PIECES];
};

int frag_init(struct frag *f, int socket_id)
{
	f->all = rte_zmalloc_socket(
		"fragments", FRAG_DATAGRAMS * sizeof(*f->all), CACHE_LINE, socket_id);
	if (f->all == NULL)
		return -ENOMEM;
	f->timeout = rte_get_tsc_hz() / MSEC_PER_SEC * FRAG_TIMEOUT_MS;
	TAILQ_INIT(&f->by_age);
	for (unsigned int i = 0; i < FRAG_DATAGRAMS; i++)
		LIST_INSERT_HEAD(&f->unused, &f->all[i], link);
	return 0;
}

void frag_fini(struct frag *f)
{
	struct frag_datagram *d;

	if (f->all == NULL)
		return;
	TAILQ_FOREACH (d, &f->by_age, age) {
		for (unsigned int i = 0; i < d->n; i++)
			rte_pktmbuf_free(d->pieces[i].m);
	}
	rte_free(f->all);
	f->all = NULL;
}

/* --- in: datagrams that are not complete ------------------------------------------------ */

static void drop_pieces(struct worker *w, struct frag_datagram *d, enum drop_reason why)
{
	for (unsigned int i = 0; i < d->n; i++)
		drop(w, d->pieces[i].m, why);
	w->frag.held -= d->n;
	d->n = 0;
}

static void forget(struct frag *f, struct frag_datagram *d)
{
	LIST_REMOVE(d, link);
	TAILQ_REMOVE(&f->by_age, d, age);
	LIST_INSERT_HEAD(&f->unused, d, link);
}

static void bury_oldest(struct worker *w)
{
	struct frag_datagram *d = TAILQ_FIRST(&w->frag.by_age);

	drop_pieces(w, d, DROP_FRAGMENT);
	forget(&w->frag, d);
}

void frag_sweep(struct worker *w)
{
	struct frag_datagram *d;

	while ((d = TAILQ_FIRST(&w->frag.by_age)) != NULL && w->now - d->born > w->frag.timeout)
		bury_oldest(w);
}

static struct frag_chain *head_of(struct worker *w, const struct frag_key *k)
{
	const struct source_secret *s = &w->dp->secret;
	uint64_t a[4], h;

	memcpy(a, k->addrs, sizeof(a));
	h = source_words(s, a[0], a[1]) ^ source_mix(a[2] ^ s->word[2], a[3] ^ s->word[3]);
	return &w->frag.heads[source_words(s, h, k->id) % FRAG_DATAGRAMS];
}

/* The datagram of this key, made if there is none. */
static struct frag_datagram *datagram(struct worker *w, const struct frag_key *k)
{
	struct frag_chain *head = head_of(w, k);
	struct frag_datagram *d;

	LIST_FOREACH (d, head, link) {
		if (memcmp(&d->key, k, sizeof(*k)) == 0)
			return d;
	}
	if (LIST_EMPTY(&w->frag.unused))
		bury_oldest(w);
	d = LIST_FIRST(&w->frag.unused);
	LIST_REMOVE(d, link);
	d->key = *k;
	d->born = w->now;
	d->state = FRAG_WAITS;
	d->total = d->got = d->n = 0;
	d->ecns = 0;
	LIST_INSERT_HEAD(head, d, link);
	TAILQ_INSERT_TAIL(&w->frag.by_age, d, age);
	return d;
}

/* --- in: a piece ------------------------------------------------------------------------ */

/* What classify() has checked: lengths hold, and the payload is UDP. True: more pieces follow. */
static bool read_piece(struct rte_mbuf *m, struct frag_key *k, struct frag_piece *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ip = frame + ETH_HDR_LEN;

	*k = (struct frag_key){.family = IP_V4};
	if (be16_load(frame + 12) == ETHERTYPE_IP4) {
		uint16_t hdr_len = (ip[0] & 15) * 4;

		memcpy(k->addrs, ip + 12, 8);
		k->id = be16_load(ip + 4);
		*p = (struct frag_piece){
			.m = m,
			.offset = (be16_load(ip + 6) & 0x1fff) * 8,
			.len = be16_load(ip + 2) - hdr_len,
			.at = ETH_HDR_LEN + hdr_len,
		};
		return be16_load(ip + 6) & MORE_FRAGMENTS;
	}
	k->family = IP_V6;
	memcpy(k->addrs, ip + 8, 32);
	k->id = be32_load(ip + 44);
	*p = (struct frag_piece){
		.m = m,
		.offset = be16_load(ip + 42) & 0xfff8,
		.len = be16_load(ip + 4) - IP6_FRAG_HDR_LEN,
		.at = ETH_HDR_LEN + IP6_HDR_LEN + IP6_FRAG_HDR_LEN,
	};
	return be16_load(ip + 42) & 1;
}

static uint8_t ecn_of(const struct frag_piece *p)
{
	return tos_of(rte_pktmbuf_mtod_offset(p->m, uint8_t *, ETH_HDR_LEN)) & TOS_ECN;
}

static bool same_bytes(const struct frag_piece *a, const struct frag_piece *b)
{
	return a->offset == b->offset && a->len == b->len &&
		memcmp(rte_pktmbuf_mtod_offset(a->m, void *, a->at),
			rte_pktmbuf_mtod_offset(b->m, void *, b->at), a->len) == 0;
}

enum fit { FIT_NEW, FIT_TWICE, FIT_NOT };

/* How a piece goes with those that are there. */
static enum fit fit(const struct frag_datagram *d, const struct frag_piece *p, bool more)
{
	uint32_t end = (uint32_t)p->offset + p->len;

	if (p->len == 0 || (more && p->len % 8 != 0) || end > UINT16_MAX)
		return FIT_NOT;
	for (unsigned int i = 0; i < d->n; i++) {
		const struct frag_piece *q = &d->pieces[i];

		if (p->offset >= q->offset + q->len || end <= q->offset)
			continue;
		return same_bytes(p, q) && more == (d->total != end) ? FIT_TWICE : FIT_NOT;
	}
	for (unsigned int i = 0; !more && i < d->n; i++) {
		if (d->pieces[i].offset > p->offset)
			return FIT_NOT;
	}
	if (d->total != 0 && (!more || end > d->total))
		return FIT_NOT;
	return d->n < FRAG_PIECES ? FIT_NEW : FIT_NOT;
}

/* A first piece has the ports. */
static bool is_ours(
	const struct locals *locals, const struct frag_key *k, const struct frag_piece *p)
{
	const uint8_t *udp = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->at);
	uint16_t port = be16_load(udp + 2);

	return port != 0 &&
		locals_find(locals, (uint8_t)k->family, k->addrs + ip_len((uint8_t)k->family),
			port) != NULL;
}

static void give_to_host(struct worker *w, struct frag_datagram *d)
{
	for (unsigned int i = 0; i < d->n; i++)
		worker_send_mirror(w, d->pieces[i].m);
	w->frag.held -= d->n;
	d->n = 0;
	d->state = FRAG_HOST;
}

/* --- in: complete ----------------------------------------------------------------------- */

/* Where the datagram is put together: behind its first piece if there is room, which is usual. */
static struct rte_mbuf *make_room(struct worker *w, const struct frag_piece *first, uint32_t need)
{
	struct rte_mbuf *m = first->m;

	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
		need <= (uint32_t)m->buf_len - m->data_off)
		return m;
	m = rte_pktmbuf_alloc(w->dp->frag_pool);
	if (m != NULL) {
		pkt_of(m)->port = pkt_of(first->m)->port;
		memcpy(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(first->m, void *),
			first->at + first->len);
	}
	return m;
}

/* The IP header of the first piece becomes that of the datagram. */
static void repair(struct rte_mbuf *m, const struct frag_datagram *d, uint16_t at)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, ETH_HDR_LEN);

	if ((d->ecns & 1 << ECN_CE) != 0)
		ip[1] |= (uint8_t)(d->key.family == IP_V4 ? ECN_CE : ECN_CE << 4);
	if (d->key.family == IP_V4) {
		be16_store(ip + 2, (uint16_t)(at - ETH_HDR_LEN + d->total));
		be16_store(ip + 6, 0);
		be16_store(ip + 10, 0);
		be16_store(ip + 10, checksum_fold(checksum_add(0, ip, (ip[0] & 15) * 4u)));
		return;
	}
	be16_store(ip + 4, (uint16_t)d->total);
	ip[6] = IPPROTO_UDP_;
	memmove(ip - ETH_HDR_LEN + IP6_FRAG_HDR_LEN, ip - ETH_HDR_LEN, ETH_HDR_LEN + IP6_HDR_LEN);
	rte_pktmbuf_adj(m, IP6_FRAG_HDR_LEN);
}

/*
 * RFC 3168 section 5.3: a mark on one piece is a mark on the datagram, and must not get lost; if
 * another piece says that its sender knows no marks, the datagram is.
 */
static bool is_unmarkable(const struct frag_datagram *d)
{
	return (d->ecns & 1 << ECN_CE) != 0 && (d->ecns & 1 << ECN_NONE) != 0;
}

/* All pieces are there and none overlaps: one segment of them. NULL: dropped. */
static struct rte_mbuf *assemble(struct worker *w, struct frag_datagram *d)
{
	const struct frag_piece *first = d->pieces;
	struct rte_mbuf *m;
	uint8_t *payload;

	while (first->offset != 0)
		first++;
	if (is_unmarkable(d)) {
		drop_pieces(w, d, DROP_FRAGMENT);
		return NULL;
	}
	if (first->at + d->total > FRAG_ROOM) {
		drop_pieces(w, d, DROP_TOO_BIG);
		return NULL;
	}
	m = make_room(w, first, first->at + d->total);
	if (m == NULL) {
		drop_pieces(w, d, DROP_NO_MBUF);
		return NULL;
	}
	payload = rte_pktmbuf_mtod_offset(m, uint8_t *, first->at);
	m->data_len = (uint16_t)(first->at + d->total);
	m->pkt_len = m->data_len;
	for (unsigned int i = 0; i < d->n; i++) {
		const struct frag_piece *p = &d->pieces[i];

		if (p != first)
			memcpy(payload + p->offset, rte_pktmbuf_mtod_offset(p->m, void *, p->at),
				p->len);
	}
	repair(m, d, first->at);
	for (unsigned int i = 0; i < d->n; i++) {
		if (d->pieces[i].m != m)
			rte_pktmbuf_free(d->pieces[i].m);
	}
	w->frag.held -= d->n;
	d->n = 0;
	return m;
}

/* A piece of a datagram that waits for it. True: that was the last that was missing. */
static bool add(struct worker *w, const struct locals *locals, struct frag_datagram *d,
	const struct frag_piece *p, bool more)
{
	switch (fit(d, p, more)) {
	case FIT_TWICE:
		drop(w, p->m, DROP_FRAGMENT);
		return false;
	case FIT_NOT:
		drop(w, p->m, DROP_FRAGMENT);
		drop_pieces(w, d, DROP_FRAGMENT);
		d->state = FRAG_DEAD;
		return false;
	case FIT_NEW:
		break;
	}
	d->pieces[d->n++] = *p;
	d->ecns |= (uint8_t)(1 << ecn_of(p));
	d->got += p->len;
	w->frag.held++;
	if (!more)
		d->total = (uint32_t)p->offset + p->len;
	if (p->offset == 0 && !is_ours(locals, &d->key, p)) {
		give_to_host(w, d);
		return false;
	}
	return d->got == d->total;
}

struct rte_mbuf *frag_reassemble(struct worker *w, const struct locals *locals, struct rte_mbuf *m)
{
	struct rte_mbuf *whole = NULL;
	struct frag_datagram *d;
	struct frag_piece p;
	struct frag_key k;
	bool more = read_piece(m, &k, &p);

	while (w->frag.held >= FRAG_HELD_MAX)
		bury_oldest(w);
	d = datagram(w, &k);
	switch (d->state) {
	case FRAG_HOST:
		worker_send_mirror(w, m);
		break;
	case FRAG_DEAD:
		drop(w, m, DROP_FRAGMENT);
		break;
	case FRAG_WAITS:
		if (add(w, locals, d, &p, more)) {
			whole = assemble(w, d);
			forget(&w->frag, d);
		}
		break;
	}
	return whole;
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

void frag_send(struct worker *w, struct peer *peer, const struct endpoint *e, struct rte_mbuf *m)
{
	uint32_t l3 = e->family == IP_V4 ? IP4_HDR_LEN : IP6_HDR_LEN;
	uint32_t extra = e->family == IP_V4 ? 0 : IP6_FRAG_HDR_LEN;
	uint8_t *whole = rte_pktmbuf_mtod(m, uint8_t *);
	struct cut c = {
		.e = e,
		.l4 = whole + ETH_HDR_LEN + l3,
		.len = m->data_len - ETH_HDR_LEN - l3,
		.room = (e->mtu - l3 - extra) & ~7u,
		.id6 = extra != 0 ? worker_ipid(w, e, 1) : 0,
	};
	struct rte_mbuf *rest[BURST_MAX];
	unsigned int n = 0;

	for (uint32_t at = c.room; at < c.len; at += c.room, n++) {
		if (n < ARRAY_LEN(rest))
			rest[n] = copy_piece(w, &c, whole, at, RTE_MIN(c.room, c.len - at));
		if (n == ARRAY_LEN(rest) || rest[n] == NULL) {
			/* the receiver could do nothing with the others */
			rte_pktmbuf_free_bulk(rest, n);
			drop_of(w, peer, m, DROP_NO_MBUF);
			return;
		}
	}
	/* the first piece stays where it is, its headers moved forward if they grew */
	rte_pktmbuf_trim(m, (uint16_t)(c.len - c.room));
	if (extra != 0)
		rte_pktmbuf_prepend(m, (uint16_t)extra);
	piece_headers(&c, rte_pktmbuf_mtod(m, uint8_t *), whole, 0, c.room);
	stat_add(&w->stats.fragments_sent, n + 1);
	stat_add(&peer->stats[w->index].link_tx_fragmented, 1);
	worker_send_port(w, (uint8_t)e->port, m, peer);
	for (unsigned int i = 0; i < n; i++)
		worker_send_port(w, (uint8_t)e->port, rest[i], peer);
}
