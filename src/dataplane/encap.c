/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/encap.h"

#include "crypto/key.h"
#include "dataplane/classify.h"
#include "dataplane/endpoint.h"
#include "dataplane/inner.h"
#include "dataplane/mss.h"
#include "dataplane/segment.h"
#include "dataplane/state.h"
#include "dataplane/tos.h"
#include "dataplane/wire.h"

/* Packets of one burst in a row to the same peer: key and ids are paid per run. */
struct run {
	uint16_t n;
	struct peer *peer;
	struct pkt **pkts;
};

/* --- in: which peer --------------------------------------------------------------------- */

/* Whom a packet is for: the peer's id, with the generation if it came by the peer's MAC. */
#define WHO_BY_MAC	 (1ull << 48)
#define WHO(id)		 ((uint64_t)(id))
#define WHO_MAC(id, gen) ((uint64_t)(id) | (uint64_t)(gen) << 32 | WHO_BY_MAC)

/* The packets of one burst that are to be encrypted. */
struct burst {
	uint16_t n;
	bool mixed; /* for more than one peer */
	struct pkt *pkts[BURST_MAX];
	uint64_t who[BURST_MAX];
};

/* The kernel chose the peer: its neighbour entry's MAC is the frame's destination. */
static bool who_by_mac(struct worker *w, struct pkt *p, const uint8_t *mac, uint64_t *who)
{
	uint16_t generation;
	uint32_t id;

	if (mac[0] & 1) {
		drop_pkt(w, p, DROP_INNER_MULTICAST);
		return false;
	}
	if (!inner_mac_read(mac, &generation, &id)) {
		drop_pkt(w, p, DROP_NO_ROUTE);
		return false;
	}
	*who = WHO_MAC(id, generation);
	return true;
}

/* Whatever leaves through a P2P device is for its one peer. */
static bool who_is_only(struct worker *w, struct pkt *p, uint64_t *who)
{
	const struct peer *only = atomic_load_explicit(&p->inst->only, memory_order_acquire);

	if (only == NULL) {
		drop_pkt(w, p, DROP_STALE_PEER);
		return false;
	}
	*who = WHO(only->id);
	return true;
}

static bool who_of_frame(struct worker *w, struct pkt *p, uint64_t *who)
{
	struct rte_mbuf *m = pkt_mbuf(p);
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type;

	if (m->data_len < ETH_HDR_LEN) {
		drop_pkt(w, p, DROP_RUNT);
		return false;
	}
	type = be16_load(eth + 2 * MAC_LEN);
	if (type != ETHERTYPE_IP4 && type != ETHERTYPE_IP6) {
		drop_pkt(w, p, DROP_INNER_NOT_IP);
		return false;
	}
	if (!(p->inst->mode == DP_MODE_P2P ? who_is_only(w, p, who) : who_by_mac(w, p, eth, who)))
		return false;
	rte_pktmbuf_adj(m, ETH_HDR_LEN);
	return true;
}

/* True: *who is set and the packet is an inner packet or a ping, nothing in front of it. */
static bool sort_out(struct worker *w, struct pkt *p, uint64_t *who)
{
	if (p->kind == PKT_FRAME) {
		worker_send_port(w, p->port, pkt_mbuf(p), NULL);
		return false;
	}
	p->inst = instance_find(w->dp, p->iid);
	if (p->inst == NULL) {
		drop_pkt(w, p, DROP_STALE_INSTANCE);
		return false;
	}
	if (p->kind == PKT_INNER)
		return who_of_frame(w, p, who);
	*who = WHO(p->peer_id);
	return true;
}

static void burst_add(struct burst *b, struct pkt *p)
{
	uint16_t i = b->n++;

	b->pkts[i] = p;
	if (b->who[i] == b->who[0] && p->inst == b->pkts[0]->inst)
		return;
	b->mixed = true;
	peertab_prefetch(&p->inst->peers, (uint32_t)b->who[i]);
}

static inline bool is_current(const struct peer *peer, uint64_t who)
{
	return peer != NULL && (!(who & WHO_BY_MAC) || peer->generation == (uint16_t)(who >> 32));
}

/*
 * Peers of packets for many. Each step is done for all packets before the next, so that what a step
 * touches is on its way while the others are served.
 */
static void look_up_many(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		struct pkt *p = b->pkts[i];

		p->peer = peertab_find(&p->inst->peers, (uint32_t)b->who[i]);
		rte_prefetch0(p->peer);
	}
	for (uint16_t i = 0; i < b->n; i++) {
		struct pkt *p = b->pkts[i];

		if (is_current(p->peer, b->who[i])) {
			peer_prefetch(p->peer, w->index);
			b->pkts[kept++] = p;
		} else {
			drop_pkt(w, p, DROP_STALE_PEER);
		}
	}
	b->n = kept;
	for (uint16_t i = 0; i < b->n; i++) {
		struct pkt *p = b->pkts[i];

		p->key = keyslots_tx_key(&p->peer->keys); /* likely the one; run_submit() decides */
		key_prefetch_tx(p->key);
	}
}

/* The same for packets that are all for the same peer. */
static void look_up_one(struct worker *w, struct burst *b)
{
	struct peer *peer = peertab_find(&b->pkts[0]->inst->peers, (uint32_t)b->who[0]);
	bool current = is_current(peer, b->who[0]);

	for (uint16_t i = 0; i < b->n; i++) {
		b->pkts[i]->peer = peer;
		if (!current)
			drop_pkt(w, b->pkts[i], DROP_STALE_PEER);
	}
	if (!current)
		b->n = 0;
}

/* --- in: key, ids, AEAD ----------------------------------------------------------------- */

static void run_drop(struct worker *w, struct run *run, uint16_t from, enum drop_reason why)
{
	for (uint16_t i = from; i < run->n; i++)
		drop_of(w, run->peer, pkt_mbuf(run->pkts[i]), why);
	run->n = from;
}

/* Puts the data header in front and describes the job. */
static void prepare_job(struct worker *w, struct pkt *p, const struct key *key, uint64_t tail,
	uint64_t pktid, struct aead_nonce *nonce)
{
	struct rte_mbuf *m = pkt_mbuf(p);
	uint32_t id = atomic_load_explicit(&p->peer->tx_id, memory_order_relaxed);
	uint64_t head = wire_data_head(key->id, id, (uint32_t)pktid);
	uint16_t len = m->data_len;
	uint8_t *data = (uint8_t *)rte_pktmbuf_prepend(m, WIRE_DATA_HDR_LEN);

	p->tos_inner = tos_of(data + WIRE_DATA_HDR_LEN);
	if (mss_may_be_said(data + WIRE_DATA_HDR_LEN, len))
		segment_clamp(w, p, data + WIRE_DATA_HDR_LEN, len);
	memcpy(data, &head, sizeof(head));
	pkt_describe_job(p, AEAD_ENCRYPT, data, len, head, tail, nonce);
}

static void run_encrypt(
	struct worker *w, struct run *run, struct key *key, const struct endpoint *e)
{
	struct aead_nonce nonces[BURST_MAX];
	struct aead_job *jobs[BURST_MAX];
	uint64_t first = 0, blocks = 0, tail;
	uint16_t taken = pktid_reserve(&key->tx, run->n, &first);

	run_drop(w, run, taken, DROP_PKTID_EXHAUSTED);
	memcpy(&tail, key->encrypt_tail, sizeof(tail));
	for (uint16_t i = 0; i < run->n; i++) {
		struct pkt *p = run->pkts[i];

		p->key = key;
		p->endpoint = e;
		prepare_job(w, p, key, tail, first + i, &nonces[i]);
		blocks += key_blocks(p->job.len + WIRE_DATA_HDR_LEN);
		jobs[i] = &p->job;
	}
	key_count_tx(key, blocks);
	stage_mark(w->stages, STAGE_PREPARE);
	taken = aead_submit(w->aead, key->encrypt, jobs, nonces, run->n);
	stage_mark(w->stages, STAGE_CRYPTO);
	run_drop(w, run, taken, DROP_CRYPTO_FULL);
}

static void run_submit(struct worker *w, struct run run)
{
	struct key *key = keyslots_tx_key(&run.peer->keys);
	const struct endpoint *e = atomic_load_explicit(&run.peer->endpoint, memory_order_acquire);

	if (key == NULL)
		run_drop(w, &run, 0, DROP_NO_KEY);
	else if (e == NULL)
		run_drop(w, &run, 0, DROP_NO_PATH);
	else
		run_encrypt(w, &run, key, e);
}

static void prefetch_session_of(const struct worker *w, const struct pkt *p)
{
	if (p->key != NULL)
		worker_prefetch_session(w, p->key, p->key->encrypt);
}

/* The packets of a burst that are to be encrypted, the others being sent on their way. */
static void sort_out_burst(struct worker *w, struct rte_mbuf **pkts, uint16_t n, struct burst *b)
{
	for (uint16_t i = 0; i < RTE_MIN(n, PKT_AHEAD); i++)
		pkt_prefetch(pkts[i]);
	for (uint16_t i = 0; i < n; i++) {
		struct pkt *p = pkt_of(pkts[i]);

		if (i + PKT_AHEAD < n)
			pkt_prefetch(pkts[i + PKT_AHEAD]);
		if (i + PKT_AHEAD / 2 < n)
			pkt_prefetch_data(pkts[i + PKT_AHEAD / 2]);
		if (sort_out(w, p, &b->who[b->n]))
			burst_add(b, p);
	}
}

/* The run that begins at packet i. */
static struct run run_at(const struct worker *w, struct burst *b, uint16_t i)
{
	struct run run = {.peer = b->pkts[i]->peer, .pkts = &b->pkts[i], .n = b->n - i};

	if (!b->mixed)
		return run;
	for (run.n = 0; i < b->n && b->pkts[i]->peer == run.peer; run.n++, i++) {
		if (i + SESSIONS_AHEAD < b->n)
			prefetch_session_of(w, b->pkts[i + SESSIONS_AHEAD]);
	}
	return run;
}

void encap_submit(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct burst b; /* not cleared: it is large */
	struct run run;

	b.n = 0;
	b.mixed = false;
	sort_out_burst(w, pkts, n, &b);
	stage_mark(w->stages, STAGE_CLASSIFY);
	if (b.n == 0)
		return;
	if (b.mixed)
		look_up_many(w, &b);
	else
		look_up_one(w, &b);
	stage_mark(w->stages, STAGE_LOOKUP);
	for (uint16_t i = 0; i < b.n; i += run.n) {
		run = run_at(w, &b, i);
		run_submit(w, run);
	}
}

/* --- out: outer headers ----------------------------------------------------------------- */

/* What a run adds to its peer's counters. */
struct tally {
	uint64_t link_packets, link_bytes, vpn_packets, vpn_bytes;
};

static void count(const struct worker *w, struct peer *peer, const struct tally *t)
{
	struct peer_stats *ps = &peer->stats[w->index];

	if (t->link_packets == 0)
		return;
	stat_add(&ps->link_tx_packets, t->link_packets);
	stat_add(&ps->link_tx_bytes, t->link_bytes);
	stat_add(&ps->vpn_tx_packets, t->vpn_packets);
	stat_add(&ps->vpn_tx_bytes, t->vpn_bytes);
	__atomic_store_n(&ps->last_tx, w->now, __ATOMIC_RELAXED);
}

static void finish_pkt(
	struct worker *w, const struct endpoint *e, struct pkt *p, uint16_t ip_id, struct tally *t)
{
	struct rte_mbuf *m = pkt_mbuf(p);
	uint16_t len = m->data_len;
	uint8_t *hdr = (uint8_t *)rte_pktmbuf_prepend(m, e->hdr_len);

	endpoint_write(e, hdr, len, ip_id, p->tos_inner);
	if (e->family == IP_V6)
		endpoint_checksum6(e, hdr, len);
	t->link_packets++;
	t->link_bytes += len;
	if (p->kind == PKT_INNER) {
		t->vpn_packets++;
		t->vpn_bytes += p->job.len;
	}
	if (m->data_len > ETH_HDR_LEN + e->mtu)
		frag_send(w, p->peer, e, m);
	else
		worker_send_port(w, (uint8_t)e->port, m, p->peer);
}

/* All of one peer, to the same place. An IPv6 packet needs no id but in pieces. */
static void run_finish(struct worker *w, const struct endpoint *e, struct pkt **pkts, uint16_t n)
{
	uint32_t id = e->family == IP_V4 ? worker_ipid(w, e, n) : 0;
	struct peer *peer = pkts[0]->peer;
	struct tally t = {0};

	for (uint16_t i = 0; i < n; i++) {
		if (i + 2 < n)
			pkt_prefetch_again(pkts[i + 2], -(WIRE_DATA_HDR_LEN + ENDPOINT_HDR_MAX));
		if (pkts[i]->job.status == AEAD_OK)
			finish_pkt(w, e, pkts[i], (uint16_t)(id + i), &t);
		else
			drop_of(w, peer, pkt_mbuf(pkts[i]), DROP_CRYPTO_ERROR);
	}
	count(w, peer, &t);
}

void encap_finish(struct worker *w, struct pkt **pkts, uint16_t n)
{
	for (uint16_t i = 0, same; i < n; i += same) {
		const struct endpoint *e = pkts[i]->endpoint;

		for (same = 1; i + same < n && pkts[i + same]->endpoint == e;)
			same++;
		run_finish(w, e, pkts + i, same);
	}
	stat_add(&w->stats.encap_packets, n);
}
