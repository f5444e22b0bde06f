/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/encap.h"

#include "crypto/key.h"
#include "dataplane/classify.h"
#include "dataplane/endpoint.h"
#include "dataplane/inner.h"
#include "dataplane/state.h"
#include "dataplane/wire.h"

/* Packets of one burst in a row to the same peer: lookups and ids are paid per run. */
struct run {
	uint16_t n;
	struct peer *peer;
	struct pkt *pkts[BURST_MAX];
};

/* --- in: which peer --------------------------------------------------------------------- */

/* The kernel chose the peer: its neighbour entry's MAC is the frame's destination. */
static bool peer_of_mac(struct worker *w, struct pkt *p, const uint8_t *mac)
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
	p->peer = peertab_find(&p->inst->peers, id);
	if (p->peer != NULL && p->peer->generation == generation)
		return true;
	drop_pkt(w, p, DROP_STALE_PEER);
	return false;
}

/* Whatever leaves through a P2P device is for its one peer. */
static bool only_peer(struct worker *w, struct pkt *p)
{
	p->peer = atomic_load_explicit(&p->inst->only, memory_order_acquire);
	if (p->peer != NULL)
		return true;
	drop_pkt(w, p, DROP_STALE_PEER);
	return false;
}

static bool peer_of_frame(struct worker *w, struct pkt *p)
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
	if (!(p->inst->mode == DP_MODE_P2P ? only_peer(w, p) : peer_of_mac(w, p, eth)))
		return false;
	rte_pktmbuf_adj(m, ETH_HDR_LEN);
	return true;
}

static bool peer_of_ping(struct worker *w, struct pkt *p)
{
	p->peer = peertab_find(&p->inst->peers, p->peer_id);
	if (p->peer != NULL)
		return true;
	drop_pkt(w, p, DROP_STALE_PEER);
	return false;
}

/* True: p->peer is set and the packet is an inner packet or a ping, nothing in front of it. */
static bool sort_out(struct worker *w, struct pkt *p)
{
	if (p->kind == PKT_FRAME) {
		worker_send_port(w, p->port, pkt_mbuf(p));
		return false;
	}
	p->inst = instance_find(w->dp, p->iid);
	if (p->inst == NULL) {
		drop_pkt(w, p, DROP_STALE_INSTANCE);
		return false;
	}
	return p->kind == PKT_INNER ? peer_of_frame(w, p) : peer_of_ping(w, p);
}

/* --- in: key, ids, AEAD ----------------------------------------------------------------- */

static void run_drop(struct worker *w, struct run *run, uint16_t from, enum drop_reason why)
{
	for (uint16_t i = from; i < run->n; i++)
		drop_pkt(w, run->pkts[i], why);
	run->n = from;
}

/* Puts the data header in front and describes the job. */
static void prepare_job(struct pkt *p, const struct key *key, uint64_t tail, uint64_t pktid,
	struct aead_nonce *nonce)
{
	struct rte_mbuf *m = pkt_mbuf(p);
	uint64_t head = wire_data_head(key->id, p->peer->id, (uint32_t)pktid);
	uint16_t len = m->data_len;
	uint8_t *data = (uint8_t *)rte_pktmbuf_prepend(m, WIRE_DATA_HDR_LEN);

	memcpy(data, &head, sizeof(head));
	pkt_describe_job(p, AEAD_ENCRYPT, data, len, head, tail, nonce);
}

static void run_encrypt(
	struct worker *w, struct run *run, struct key *key, const struct endpoint *e)
{
	struct aead_nonce nonces[BURST_MAX];
	struct aead_job *jobs[BURST_MAX];
	uint64_t first = 0, tail;
	uint16_t taken = pktid_reserve(&key->tx, run->n, &first);

	run_drop(w, run, taken, DROP_PKTID_EXHAUSTED);
	memcpy(&tail, key->encrypt_tail, sizeof(tail));
	for (uint16_t i = 0; i < run->n; i++) {
		struct pkt *p = run->pkts[i];

		p->key = key;
		p->endpoint = e;
		prepare_job(p, key, tail, first + i, &nonces[i]);
		jobs[i] = &p->job;
	}
	taken = aead_submit(w->aead, key->encrypt, jobs, nonces, run->n);
	run_drop(w, run, taken, DROP_CRYPTO_FULL);
}

static void run_submit(struct worker *w, struct run *run)
{
	const struct endpoint *e;
	struct key *key;

	if (run->n == 0)
		return;
	key = keyslots_tx_key(&run->peer->keys);
	e = atomic_load_explicit(&run->peer->endpoint, memory_order_acquire);
	if (key == NULL) {
		run_drop(w, run, 0, DROP_NO_KEY);
	} else if (e == NULL) {
		run_drop(w, run, 0, DROP_NO_PATH);
	} else {
		run_encrypt(w, run, key, e);
	}
	run->n = 0;
}

void encap_submit(struct worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct run run = {.n = 0};

	for (uint16_t i = 0; i < RTE_MIN(n, 8); i++)
		pkt_prefetch(pkts[i]);
	for (uint16_t i = 0; i < n; i++) {
		struct pkt *p = pkt_of(pkts[i]);

		if (i + 8 < n)
			pkt_prefetch(pkts[i + 8]);
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + 4], char *));
		if (!sort_out(w, p))
			continue;
		if (run.n > 0 && p->peer != run.peer)
			run_submit(w, &run);
		run.peer = p->peer;
		run.pkts[run.n++] = p;
	}
	run_submit(w, &run);
}

/* --- out: outer headers ----------------------------------------------------------------- */

static void count(struct worker *w, const struct pkt *p, uint16_t link_len)
{
	struct peer_stats *ps = &p->peer->stats[w->index];

	stat_add(&ps->link_tx_packets, 1);
	stat_add(&ps->link_tx_bytes, link_len);
	if (p->kind == PKT_INNER) {
		stat_add(&ps->vpn_tx_packets, 1);
		stat_add(&ps->vpn_tx_bytes, p->job.len);
	}
	__atomic_store_n(&ps->last_tx, w->now, __ATOMIC_RELAXED);
}

static void finish_pkt(struct worker *w, struct pkt *p)
{
	const struct endpoint *e = p->endpoint;
	struct rte_mbuf *m = pkt_mbuf(p);
	uint16_t len = m->data_len;
	uint8_t *hdr = (uint8_t *)rte_pktmbuf_prepend(m, e->hdr_len);

	endpoint_write(e, hdr, len, w->ip_id++);
	if (e->family == IP_V6)
		endpoint_checksum6(e, hdr, len);
	count(w, p, len);
	if (m->data_len > ETH_HDR_LEN + e->mtu)
		frag_send(w, e, m);
	else
		worker_send_port(w, (uint8_t)e->port, m);
}

void encap_finish(struct worker *w, struct pkt **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (i + 2 < n)
			pkt_prefetch_again(pkts[i + 2], -(WIRE_DATA_HDR_LEN + ENDPOINT_HDR_MAX));
		if (pkts[i]->job.status == AEAD_OK)
			finish_pkt(w, pkts[i]);
		else
			drop_pkt(w, pkts[i], DROP_CRYPTO_ERROR);
	}
	stat_add(&w->stats.encap_packets, n);
}
