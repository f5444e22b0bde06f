/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/decap.h"

#include "crypto/key.h"
#include "dataplane/early.h"
#include "dataplane/floats.h"
#include "dataplane/inner.h"
#include "dataplane/mss.h"
#include "dataplane/segment.h"
#include "dataplane/sort.h"
#include "dataplane/state.h"
#include "dataplane/tos.h"
#include "dataplane/wire.h"

#define IP4_SRC 12 /* where the source address stands in the outer IP header */
#define IP6_SRC 8

/* Packets of one burst in a row with the same key: locks and counts are paid per run. */
struct run {
	uint16_t n;
	struct peer *peer;
	struct key *key;
	struct pkt **pkts;
};

/* The packet ends here, and it claims to be this peer's; its outer frame is still as it came. */
static void drop_received(struct worker *w, struct pkt *p, struct peer *peer, enum drop_reason why)
{
	const uint8_t *frame = rte_pktmbuf_mtod(pkt_mbuf(p), const uint8_t *);
	const struct drop_facts f = {
		.now = w->now,
		.pktid = p->pktid,
		.family = p->family,
		.port = be16_load(frame + p->payload - UDP_HDR_LEN),
		.from = frame + ETH_HDR_LEN + (p->family == IP_V4 ? IP4_SRC : IP6_SRC),
	};

	peer_drops_add(&peer->drops, why, &f);
	drop_pkt(w, p, why);
}

/* --- in: peer, key, replay, AEAD -------------------------------------------------------- */

/* The data packets of one burst, and whom they name: see wire_data.word. */
struct burst {
	uint16_t n;
	bool mixed; /* of more than one key */
	struct pkt *pkts[BURST_MAX];
	uint32_t who[BURST_MAX];
};

static void burst_add(struct burst *b, struct pkt *p)
{
	struct wire_data d = wire_data_read(p->job.text - WIRE_DATA_HDR_LEN);
	uint16_t i = b->n++;

	p->pktid = d.pktid;
	b->pkts[i] = p;
	b->who[i] = d.word;
	if (b->who[i] == b->who[0] && p->inst == b->pkts[0]->inst)
		return;
	b->mixed = true;
	peertab_prefetch(&p->inst->peers, wire_peer_id(b->who[i]));
}

/* True: the packet has a key. Else it waits for one (early.h), or ends here. */
static inline bool has_key(struct worker *w, struct pkt *p, uint8_t key_id)
{
	if ((p->key == NULL || w->early.n != 0) && early_take(w, p, key_id))
		return false;
	if (p->key == NULL)
		drop_received(w, p, p->peer, DROP_UNKNOWN_KEY);
	return p->key != NULL;
}

/*
 * The peer id is nobody's. If it is the undefined one, a p2p instance still knows whose the packet
 * is: its one peer's, when it comes from where that is. True: it has a peer and a key, see
 * has_key().
 */
static bool found_by_address(struct worker *w, struct pkt *p, uint32_t word)
{
	/* of a multi-peer instance this is always NULL */
	struct peer *only = atomic_load_explicit(&p->inst->only, memory_order_acquire);

	if (wire_peer_id(word) != WIRE_PEER_UNDEF || only == NULL || !pkt_is_from(p, only)) {
		drop_pkt(w, p, DROP_UNKNOWN_PEER);
		return false;
	}
	p->peer = only;
	p->key = keyslots_find(&only->keys, wire_key_id(word));
	return has_key(w, p, wire_key_id(word));
}

/*
 * Peers and keys of packets of many. Each step is done for all packets before the next, so that
 * what a step touches is on its way while the others are served.
 */
static void look_up_many(struct worker *w, struct burst *b)
{
	uint16_t n = b->n, kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct pkt *p = b->pkts[i];

		p->peer = peertab_find(&p->inst->peers, wire_peer_id(b->who[i]));
		rte_prefetch0(p->peer);
	}
	for (uint16_t i = 0; i < n; i++) {
		if (b->pkts[i]->peer != NULL)
			peer_prefetch(b->pkts[i]->peer, w->index);
	}
	for (uint16_t i = 0; i < n; i++) {
		struct pkt *p = b->pkts[i];

		if (p->peer == NULL) {
			if (found_by_address(w, p, b->who[i]))
				b->pkts[kept++] = p;
			continue;
		}
		p->key = keyslots_find(&p->peer->keys, wire_key_id(b->who[i]));
		if (!has_key(w, p, wire_key_id(b->who[i])))
			continue;
		key_prefetch_rx(p->key, p->pktid);
		b->pkts[kept++] = p;
	}
	b->n = kept;
}

/* The same for packets that all name the same key. */
static void look_up_one(struct worker *w, struct burst *b)
{
	const struct peertab *peers = &b->pkts[0]->inst->peers;
	uint8_t key_id = wire_key_id(b->who[0]);
	struct peer *peer = peertab_find(peers, wire_peer_id(b->who[0]));
	struct key *key = peer == NULL ? NULL : keyslots_find(&peer->keys, key_id);
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		struct pkt *p = b->pkts[i];

		p->peer = peer;
		p->key = key;
		if (peer == NULL ? found_by_address(w, p, b->who[0]) : has_key(w, p, key_id))
			b->pkts[kept++] = p;
	}
	b->n = kept;
}

static enum drop_reason replay_reason(enum replay_verdict v)
{
	return v == REPLAY_REPEATED ? DROP_REPLAYED
		: v == REPLAY_ZERO  ? DROP_PKTID_ZERO
				    : DROP_TOO_OLD;
}

/* Keeps the packets whose ids are fresh; verdicts: of their ids. */
static inline void keep(struct worker *w, struct run *run, const enum replay_verdict *verdicts)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < run->n; i++) {
		if (verdicts[i] == REPLAY_FRESH)
			run->pkts[kept++] = run->pkts[i];
		else
			drop_received(w, run->pkts[i], run->peer, replay_reason(verdicts[i]));
	}
	run->n = kept;
}

/* Before any cycle is spent on decryption. Remembers nothing, and takes no lock: see replay.h. */
static inline void replay_look(struct worker *w, struct run *run)
{
	const struct replay *rx = &run->key->rx;
	enum replay_verdict verdicts[BURST_MAX];

	for (uint16_t i = 0; i < run->n; i++)
		verdicts[i] = replay_check(rx, run->pkts[i]->pktid);
	keep(w, run, verdicts);
}

/* Of authenticated packets, for good: one that was twice in flight ends here. */
static inline void replay_keep(struct worker *w, struct run *run)
{
	struct replay *rx = &run->key->rx;
	enum replay_verdict verdicts[BURST_MAX];
	uint64_t blocks = 0;

	key_lock(run->key);
	for (uint16_t i = 0; i < run->n; i++) {
		verdicts[i] = replay_commit(rx, run->pkts[i]->pktid);
		blocks += key_blocks(run->pkts[i]->len);
	}
	key_count_rx(run->key, blocks);
	key_unlock(run->key);
	keep(w, run, verdicts);
}

static void prepare_job(struct pkt *p, uint64_t tail, struct aead_nonce *nonce)
{
	uint8_t *data = p->job.text - WIRE_DATA_HDR_LEN;
	uint64_t head;

	memcpy(&head, data, sizeof(head));
	pkt_describe_job(p, AEAD_DECRYPT, data, p->len - WIRE_DATA_HDR_LEN, head, tail, nonce);
}

static void run_drop(struct worker *w, const struct run *run, uint16_t from, enum drop_reason why)
{
	for (uint16_t i = from; i < run->n; i++)
		drop_received(w, run->pkts[i], run->peer, why);
}

static void run_submit(struct worker *w, struct run run)
{
	struct aead_nonce nonces[BURST_MAX];
	struct aead_job *jobs[BURST_MAX];
	uint16_t taken;
	uint64_t tail;

	if (key_is_refused(run.key)) {
		run_drop(w, &run, 0, DROP_KEY_REFUSED);
		return;
	}
	replay_look(w, &run);
	memcpy(&tail, run.key->decrypt_tail, sizeof(tail));
	for (uint16_t i = 0; i < run.n; i++) {
		prepare_job(run.pkts[i], tail, &nonces[i]);
		jobs[i] = &run.pkts[i]->job;
	}
	stage_mark(w->stages, STAGE_PREPARE);
	taken = aead_submit(w->aead, run.key->decrypt, jobs, nonces, run.n);
	stage_mark(w->stages, STAGE_CRYPTO);
	run_drop(w, &run, taken, DROP_CRYPTO_FULL);
}

/* The data packets of a burst, the others being sent on their way. */
static void classify_burst(
	struct worker *w, uint8_t port, struct rte_mbuf **pkts, uint16_t n, struct burst *b)
{
	const struct locals *locals = atomic_load_explicit(&w->dp->locals, memory_order_acquire);
	struct alike last = {.local = NULL};

	for (uint16_t i = 0; i < RTE_MIN(n, PKT_AHEAD); i++)
		pkt_prefetch(pkts[i]);
	for (uint16_t i = 0; i < n; i++) {
		if (i + PKT_AHEAD < n)
			pkt_prefetch(pkts[i + PKT_AHEAD]);
		if (i + PKT_AHEAD / 2 < n)
			pkt_prefetch_data(pkts[i + PKT_AHEAD / 2]);
		if (pkts[i]->nb_segs > 1 && rte_pktmbuf_linearize(pkts[i]) != 0)
			drop(w, pkts[i], DROP_SEGMENTED);
		else if (sort_alike(pkts[i], port, &last) ||
			sort_out(w, locals, port, &pkts[i], &last))
			burst_add(b, pkt_of(pkts[i]));
	}
}

/* The run that begins with the first of n packets. */
static struct run run_of(struct pkt **pkts, uint16_t n)
{
	struct run run = {.n = 1, .peer = pkts[0]->peer, .key = pkts[0]->key, .pkts = pkts};

	while (run.n < n && pkts[run.n]->key == run.key)
		run.n++;
	return run;
}

void decap_submit(struct worker *w, uint8_t port, struct rte_mbuf **pkts, uint16_t n)
{
	struct burst b; /* not cleared: it is large */
	struct run run;

	b.n = 0;
	b.mixed = false;
	classify_burst(w, port, pkts, n, &b);
	stage_mark(w->stages, STAGE_CLASSIFY);
	if (b.n == 0)
		return;
	if (b.mixed)
		look_up_many(w, &b);
	else
		look_up_one(w, &b);
	stage_mark(w->stages, STAGE_LOOKUP);
	for (uint16_t i = 0; i < b.n; i += run.n) {
		if (b.mixed && i + SESSIONS_AHEAD < b.n) {
			const struct key *ahead = b.pkts[i + SESSIONS_AHEAD]->key;

			worker_prefetch_session(w, ahead, ahead->decrypt);
		}
		run = run_of(&b.pkts[i], b.n - i);
		run_submit(w, run);
	}
}

/* --- out: authenticated? ---------------------------------------------------------------- */

/* A failed decryption leaves bytes of the sender's choice: they are dropped before anyone looks. */
static bool authenticated(struct worker *w, struct pkt *p)
{
	if (p->job.status == AEAD_OK)
		return true;
	if (p->job.status == AEAD_AUTH_FAILED) {
		atomic_fetch_add_explicit(&p->key->failed, 1, memory_order_relaxed);
		drop_received(w, p, p->peer, DROP_AUTH_FAILED);
	} else {
		drop_received(w, p, p->peer, DROP_CRYPTO_ERROR);
	}
	return false;
}

/* Authenticated and fresh, but on another way than packets to the peer take. */
static inline bool has_moved(struct pkt *p)
{
	const struct endpoint *e = atomic_load_explicit(&p->peer->endpoint, memory_order_acquire);
	const uint8_t *frame = rte_pktmbuf_mtod(pkt_mbuf(p), const uint8_t *);

	return e == NULL || !endpoint_is_flow(e, frame, p->family, p->payload);
}

/* --- out: the inner packet -------------------------------------------------------------- */

/* A client may send only from its VPN addresses and from prefixes that are routed to it. */
static bool source_is_peers(const struct pkt *p, enum ip_family family, const uint8_t *src)
{
	const struct peer *peer = p->peer;
	const struct fib *fib;

	if (p->inst->mode == DP_MODE_P2P)
		return true;
	if (family == IP_V4 && peer->has_vpn4 && memcmp(src, peer->vpn4, 4) == 0)
		return true;
	if (family == IP_V6 && peer->has_vpn6 && memcmp(src, peer->vpn6, 16) == 0)
		return true;
	fib = atomic_load_explicit(&p->inst->fib, memory_order_acquire);
	return fib != NULL && !inner_source_is_martian(src, family) &&
		fib_lookup(fib, family, src) == peer->id;
}

/* Gives the inner packet the Ethernet header of the peer's neighbour and sends it to the device. */
static void deliver(
	struct worker *w, struct pkt *p, enum ip_family family, const struct hostdev *dev)
{
	struct rte_mbuf *m = pkt_mbuf(p);
	uint8_t *eth = p->job.text - ETH_HDR_LEN;

	/* one segment: rte_pktmbuf_trim() would look for the last one in another cache line */
	m->data_off += p->payload + WIRE_DATA_HDR_LEN - ETH_HDR_LEN;
	m->data_len = ETH_HDR_LEN + p->job.len;
	m->pkt_len = m->data_len;
	memcpy(eth, dev->mac, MAC_LEN);
	inner_mac_write(eth + MAC_LEN, p->peer->generation, p->peer->id);
	be16_store(eth + 2 * MAC_LEN, family == IP_V4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
	worker_send_host(w, m, p->peer);
}

/* Returns the inner bytes delivered; 0: the packet ended here. */
static uint16_t finish_pkt(struct worker *w, struct pkt *p, const struct hostdev *dev)
{
	uint8_t *inner = p->job.text;
	uint16_t len = p->job.len;
	enum ip_family family;

	if (wire_is_ping(inner, len)) {
		stat_add(&w->stats.keepalives, 1);
		rte_pktmbuf_free(pkt_mbuf(p));
		return 0;
	}
	family = inner_family(inner, len);
	if (family == IP_NONE) {
		/* a state, not an event: the agent looks at all peers, and nothing can lose it */
		if (inner_is_occ_exit(inner, len))
			atomic_store_explicit(&p->peer->goodbye, true, memory_order_relaxed);
		drop_received(
			w, p, p->peer, inner_is_occ(inner, len) ? DROP_OCC : DROP_INNER_MALFORMED);
		return 0;
	}
	if (!source_is_peers(p, family, inner_source(inner, family))) {
		drop_received(w, p, p->peer, DROP_INNER_SOURCE);
		return 0;
	}
	if (dev == NULL) {
		drop_received(w, p, p->peer, DROP_NO_DEVICE);
		return 0;
	}
	if (tos_matters(p->tos_outer) && !tos_decap(inner, family, p->tos_outer)) {
		drop_received(w, p, p->peer, DROP_CONGESTION);
		return 0;
	}
	if (mss_may_be_said(inner, len))
		segment_clamp(w, p, inner, len);
	deliver(w, p, family, dev);
	return len;
}

static void run_finish(struct worker *w, struct run run)
{
	uint64_t link_bytes = 0, vpn_packets = 0, vpn_bytes = 0;
	struct peer_stats *ps = &run.peer->stats[w->index];
	const struct hostdev *dev;

	replay_keep(w, &run);
	if (run.n == 0)
		return;
	keyslots_confirm(run.key);
	if (has_moved(run.pkts[run.n - 1]))
		float_propose(w, run.pkts[run.n - 1]);
	dev = atomic_load_explicit(&run.pkts[0]->inst->device, memory_order_acquire);
	for (uint16_t i = 0; i < run.n; i++) {
		uint16_t len;

		if (i + 2 < run.n)
			pkt_prefetch_again(run.pkts[i + 2], 0);
		link_bytes += run.pkts[i]->len;
		len = finish_pkt(w, run.pkts[i], dev);
		vpn_bytes += len;
		vpn_packets += len != 0;
	}
	stat_add(&ps->link_rx_packets, run.n);
	stat_add(&ps->link_rx_bytes, link_bytes);
	stat_add(&ps->vpn_rx_packets, vpn_packets);
	stat_add(&ps->vpn_rx_bytes, vpn_bytes);
	__atomic_store_n(&ps->last_rx, w->now, __ATOMIC_RELAXED);
	stat_add(&w->stats.decap_packets, run.n);
}

void decap_finish(struct worker *w, struct pkt **pkts, uint16_t n)
{
	struct run run;
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (authenticated(w, pkts[i]))
			pkts[kept++] = pkts[i];
	}
	for (uint16_t i = 0; i < kept; i += run.n) {
		run = run_of(&pkts[i], kept - i);
		run_finish(w, run);
	}
}
