/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peer.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "crypto/key.h"
#include "dataplane/dp_view.h"
#include "dataplane/grace.h"
#include "dataplane/inner.h"
#include "dataplane/state.h"
#include "dataplane/wire.h"

#define PATH_MTU_MIN 68 /* RFC 791; a fragment holds something in either family */

/* How often dumps show a peer that ended by itself, after openvpn was told; see dp_gone_shown(). */
#define GONE_SHOWN 2

/* --- the object ------------------------------------------------------------------------- */

size_t peer_size(unsigned int nb_workers)
{
	return sizeof(struct peer) + nb_workers * sizeof(struct peer_stats);
}

struct peer *peer_new(struct slab *peers, const struct dp_peer_conf *conf, unsigned int nb_workers)
{
	struct peer *p = slab_take(peers);

	if (p == NULL)
		return NULL;
	p->id = conf->id;
	atomic_init(&p->tx_id, conf->id);
	p->remote = conf->remote;
	p->local = conf->local;
	p->has_vpn4 = conf->vpn4.family == IP_V4;
	p->has_vpn6 = conf->vpn6.family == IP_V6;
	memcpy(p->vpn4, conf->vpn4.b, sizeof(p->vpn4));
	memcpy(p->vpn6, conf->vpn6.b, sizeof(p->vpn6));
	p->nb_stats = nb_workers;
	return p;
}

void peer_free(void *arg)
{
	struct peer *p = arg;

	if (p->tomb != NULL) {
		peer_sum(p, &p->tomb->sums);
		peer_drops_copy(&p->tomb->drops, &p->drops);
		p->tomb->peer = NULL;
	}
	for (int i = KEYSLOT_PRIMARY; i <= KEYSLOT_SECONDARY; i++)
		key_free(p->dp->aead, keyslots_remove(&p->keys, i));
	key_free(p->dp->aead, keyslots_forget(&p->keys));
	p->dp->nb_zeros -= p->zero != NULL;
	slab_give(atomic_load_explicit(&p->endpoint, memory_order_relaxed));
	free(p->zero);
	slab_give(p);
}

void peer_sum(const struct peer *p, struct peer_stats *sum)
{
	*sum = (struct peer_stats){0};
	for (unsigned int i = 0; i < p->nb_stats; i++) {
		const struct peer_stats *s = &p->stats[i];

		sum->last_rx = RTE_MAX(sum->last_rx, stat_read(&s->last_rx));
		sum->last_tx = RTE_MAX(sum->last_tx, stat_read(&s->last_tx));
		sum->link_rx_packets += stat_read(&s->link_rx_packets);
		sum->link_rx_bytes += stat_read(&s->link_rx_bytes);
		sum->vpn_rx_packets += stat_read(&s->vpn_rx_packets);
		sum->vpn_rx_bytes += stat_read(&s->vpn_rx_bytes);
		sum->link_tx_packets += stat_read(&s->link_tx_packets);
		sum->link_tx_bytes += stat_read(&s->link_tx_bytes);
		sum->vpn_tx_packets += stat_read(&s->vpn_tx_packets);
		sum->vpn_tx_bytes += stat_read(&s->vpn_tx_bytes);
		sum->link_tx_fragmented += stat_read(&s->link_tx_fragmented);
	}
}

/* --- the verbs -------------------------------------------------------------------------- */

/* The live peer of these ids, or NULL; *inst when the instance exists. */
static struct peer *find(struct dp *dp, uint32_t iid, uint32_t id, struct instance **inst)
{
	*inst = instance_find(dp, iid);
	if (*inst == NULL || id > WIRE_PEER_MAX)
		return NULL;
	return peertab_find(&(*inst)->peers, id);
}

void tombstone_drop(struct dp *dp, struct instance *inst, struct peertab_entry *e)
{
	struct tombstone *t = e->tomb;

	if (t == NULL)
		return;
	if (!t->reported)
		TAILQ_REMOVE(&inst->unreported, t, link);
	if (t->peer != NULL)
		t->peer->tomb = NULL;
	free(t);
	dp->nb_tombstones--;
	e->tomb = NULL;
}

/* Packets that a worker has of it are encrypted or not, but with no id that another could have. */
static void remember_keys(struct dp *dp, struct peer *p)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct key *k = atomic_load_explicit(
			i < 2 ? &p->keys.slot[i] : &p->keys.left, memory_order_relaxed);

		if (k != NULL)
			wear_remember(dp, k);
	}
}

static void leave_tombstone(
	struct dp *dp, struct instance *inst, struct peer *p, enum dp_gone why, bool reported)
{
	struct tombstone *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return;
	*t = (struct tombstone){
		.id = p->id,
		.why = why,
		.reported = reported,
		.owed = reported ? 0 : GONE_SHOWN,
		.peer = p,
	};
	p->tomb = t;
	peertab_entry(&inst->peers, p->id)->tomb = t;
	dp->nb_tombstones++;
	if (!reported)
		TAILQ_INSERT_TAIL(&inst->unreported, t, link);
}

void peer_drop(struct dp *dp, struct instance *inst, struct peer *p)
{
	_Atomic(struct peer *) *at = &peertab_entry(&inst->peers, p->id)->peer;

	atomic_store_explicit(at, NULL, memory_order_release);
	atomic_store_explicit(&inst->only, NULL, memory_order_release);
	if (inst->scan == p)
		inst->scan = TAILQ_NEXT(p, link);
	TAILQ_REMOVE(&inst->peer_list, p, link);
	inst->nb_peers--;
	dp->nb_peers -= !inst->ended; /* else all of them went with it */
	known_remove(&dp->known, source_hash_flow(&dp->secret, &p->remote));
	grace_cancel(dp, p);
	fragwatch_end(dp, p);
	wear_cancel(inst, p);
	remember_keys(dp, p);
	rcu_defer(&dp->rcu, peer_free, p);
}

void peer_end(struct dp *dp, struct instance *inst, struct peer *p, enum dp_gone why, bool reported)
{
	leave_tombstone(dp, inst, p, why, reported);
	peer_drop(dp, inst, p);
}

/* P2P peers have random ids: what is left of others would fill the table, a page each. */
static void forget_others(struct dp *dp, struct instance *inst, uint32_t id)
{
	struct peertab_entry *page;
	uint32_t other;

	for (other = peertab_next(&inst->peers, 0); other != UINT32_MAX;
		other = peertab_next(&inst->peers, other + 1)) {
		if (other == id)
			continue;
		tombstone_drop(dp, inst, peertab_entry(&inst->peers, other));
		page = peertab_prune(&inst->peers, other);
		if (page != NULL)
			rcu_defer(&dp->rcu, slab_give, page);
	}
}

int dp_peer_new(struct dp *dp, uint32_t iid, const struct dp_peer_conf *conf)
{
	struct instance *inst = instance_find(dp, iid);
	struct peertab_entry *e;
	struct peer *p;
	bool replaces;

	if (inst == NULL)
		return -ENOENT;
	if (conf->id > WIRE_PEER_MAX || conf->remote.ip.family == IP_NONE)
		return -EINVAL;
	replaces = inst->mode == DP_MODE_P2P && !TAILQ_EMPTY(&inst->peer_list);
	if (inst->mode != DP_MODE_P2P && peertab_find(&inst->peers, conf->id) != NULL)
		return -EEXIST;
	if (dp->nb_peers - replaces >= dp->max_peers)
		return -ENOSPC;
	e = peertab_make(&inst->peers, conf->id, &dp->pages);
	if (e == NULL)
		return -ENOMEM;
	p = peer_new(&dp->peers, conf, dp->nb_workers);
	if (p == NULL)
		return -ENOMEM;
	/* the one peer is replaced, whatever its id */
	if (replaces)
		peer_end(dp, inst, TAILQ_FIRST(&inst->peer_list), DP_GONE_USERSPACE, true);
	p->dp = dp;
	p->generation = inst->generations++;
	p->since = rte_rdtsc();
	tombstone_drop(dp, inst, e);
	TAILQ_INSERT_TAIL(&inst->peer_list, p, link);
	inst->nb_peers++;
	known_add(&dp->known, source_hash_flow(&dp->secret, &p->remote));
	dp->nb_peers++;
	/* pairs with the acquire in peertab_find() */
	atomic_store_explicit(&e->peer, p, memory_order_release);
	if (inst->mode == DP_MODE_P2P) {
		atomic_store_explicit(&inst->only, p, memory_order_release);
		forget_others(dp, inst, conf->id);
	}
	return 0;
}

int dp_peer_set(struct dp *dp, uint32_t iid, uint32_t id, uint32_t interval, uint32_t timeout)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	if (p == NULL)
		return -ENOENT;
	p->interval = interval;
	p->timeout = timeout;
	p->since = rte_rdtsc();
	return 0;
}

int dp_peer_tx_id(struct dp *dp, uint32_t iid, uint32_t id, uint32_t tx_id)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	if (p == NULL)
		return -ENOENT;
	if (tx_id > DP_TX_ID_MAX)
		return -EINVAL; /* it would write into the key id */
	/* a packet has the one or the other; nothing else depends on it */
	atomic_store_explicit(&p->tx_id, tx_id, memory_order_relaxed);
	return 0;
}

int dp_peer_del(struct dp *dp, uint32_t iid, uint32_t id, enum dp_gone why)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	if (p == NULL)
		return -ENOENT;
	peer_end(dp, inst, p, why, why == DP_GONE_USERSPACE);
	return 0;
}

int peer_lead(
	struct dp *dp, struct peer *p, const struct udp_addr *remote, const struct dp_path *path)
{
	struct endpoint *e = NULL, *old;

	if (path != NULL) {
		const struct port *port;

		if (path->port >= dp->nb_ports || path->local.ip.family != remote->ip.family ||
			(path->mtu != 0 && path->mtu < PATH_MTU_MIN))
			return -EINVAL;
		port = &dp->ports[path->port];
		e = slab_take(&dp->endpoints);
		if (e == NULL)
			return -ENOMEM;
		p->local = path->local;
		endpoint_build(e, remote, &p->local, port->mac, path->dst_mac, (uint16_t)path->port,
			path->mtu == 0 ? port->mtu : RTE_MIN(path->mtu, port->mtu));
		e->ipid = ipid_index(&dp->secret, &remote->ip);
		e->tos_mask = dp->tos_mask;
	}
	/* pairs with the acquire in encap.c */
	old = atomic_exchange_explicit(&p->endpoint, e, memory_order_acq_rel);
	if (old != NULL)
		rcu_defer(&dp->rcu, slab_give, old);
	return 0;
}

int dp_peer_path(struct dp *dp, uint32_t iid, uint32_t id, const struct dp_path *path)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	return p == NULL ? -ENOENT : peer_lead(dp, p, &p->remote, path);
}

/* --- keys ------------------------------------------------------------------------------- */

struct dead_session {
	struct aead *aead;
	struct aead_session *session;
};

static void dead_session_free(void *arg)
{
	struct dead_session *d = arg;

	aead_session_free(d->aead, d->session);
	free(d);
}

/*
 * The choice of the key that encrypts moves forward only, so an older one gives back its session
 * for encryption: a third of the memory of a peer with two keys. Whoever still encrypts with it is
 * waited for.
 */
void peer_spend_older(struct dp *dp, struct peer *p)
{
	const struct key *now = keyslots_tx_key(&p->keys);

	for (int slot = KEYSLOT_PRIMARY; now != NULL && slot <= KEYSLOT_SECONDARY; slot++) {
		struct key *k = keyslots_get(&p->keys, slot);
		struct dead_session *d;

		if (k == NULL || k->generation >= now->generation ||
			atomic_load_explicit(&k->spent, memory_order_relaxed))
			continue;
		d = malloc(sizeof(*d));
		if (d == NULL)
			return; /* it goes with its key */
		*d = (struct dead_session){dp->aead, key_spend(k)};
		rcu_defer(&dp->rcu, dead_session_free, d);
	}
}

uint64_t dp_now_ms(void)
{
	return rte_rdtsc() / (rte_get_tsc_hz() / MSEC_PER_SEC);
}

int dp_key_new(
	struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot, const struct key_material *m)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);
	struct key *key;
	bool more;
	int ret;

	if (p == NULL)
		return -ENOENT;
	if (m->key_id > 7)
		return -EINVAL; /* it would write into the opcode */
	ret = key_new(dp->aead, &dp->keys, m, dp->replay_window, dp_now_ms(), &key);
	if (ret == -ENOMEM) {
		/* sessions of displaced keys may be back by now */
		grace_end_all(dp);
		do {
			more = rcu_reclaim(&dp->rcu);
			ret = key_new(dp->aead, &dp->keys, m, dp->replay_window, dp_now_ms(), &key);
		} while (ret == -ENOMEM && more);
	}
	if (ret < 0)
		return ret;
	if (wear_inherit(dp, p, key, m))
		keyslots_confirm(key); /* nothing can be sent with the other one any more */
	key_retire(dp, keyslots_install(&p->keys, slot, key));
	grace_begin(dp, p);
	peer_spend_older(dp, p);
	return 0;
}

int dp_key_swap(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	if (p == NULL)
		return -ENOENT;
	keyslots_swap(&p->keys);
	peer_spend_older(dp, p);
	return 0;
}

int dp_key_del(struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);

	if (p == NULL)
		return -ENOENT;
	key_retire(dp, keyslots_remove(&p->keys, slot));
	grace_begin(dp, p);
	return 0;
}

/* --- what is known of a peer ------------------------------------------------------------ */

static uint64_t ago_ms(uint64_t then)
{
	return then == 0 ? UINT64_MAX : (rte_rdtsc() - then) / (rte_get_tsc_hz() / MSEC_PER_SEC);
}

static void fill_counters(struct dp_peer_info *info, const struct peer_stats *s)
{
	info->rx_ago_ms = ago_ms(s->last_rx);
	info->tx_ago_ms = ago_ms(s->last_tx);
	info->vpn_rx_packets = s->vpn_rx_packets;
	info->vpn_rx_bytes = s->vpn_rx_bytes;
	info->vpn_tx_packets = s->vpn_tx_packets;
	info->vpn_tx_bytes = s->vpn_tx_bytes;
	info->link_rx_packets = s->link_rx_packets;
	info->link_rx_bytes = s->link_rx_bytes;
	info->link_tx_packets = s->link_tx_packets;
	info->link_tx_bytes = s->link_tx_bytes;
	info->link_tx_fragmented = s->link_tx_fragmented;
}

static void fill_key(struct dp_key_info *info, const struct peer *p, enum keyslot slot)
{
	struct key *k = keyslots_get(&p->keys, slot);

	if (k == NULL)
		return;
	*info = (struct dp_key_info){
		.present = true,
		.key_id = k->id,
		.alg = k->alg,
		.transmits = keyslots_tx_key(&p->keys) == k,
		.age_ms = dp_now_ms() - k->born_ms,
		.tx_ids = pktid_used(&k->tx),
		.failed = atomic_load_explicit(&k->failed, memory_order_relaxed),
		.tx_blocks = atomic_load_explicit(&k->tx_blocks, memory_order_relaxed),
		.rx_blocks = __atomic_load_n(&k->rx_blocks, __ATOMIC_RELAXED),
		.wear = key_wear(k),
	};
	/* without its lock: no worker waits for the agent */
	info->rx_top = __atomic_load_n(&k->rx.top, __ATOMIC_RELAXED);
}

static void fill_tombstone(struct dp_peer_info *info, const struct tombstone *t)
{
	struct peer_stats sums = t->sums;

	if (t->peer != NULL)
		peer_sum(t->peer, &sums);
	info->gone = true;
	info->why = t->why;
	info->owed = t->owed != 0;
	fill_counters(info, &sums);
}

int dp_peer_get(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_info *info)
{
	struct instance *inst;
	struct peer *p = find(dp, iid, id, &inst);
	struct peertab_entry *e;
	struct peer_stats sums;

	*info = (struct dp_peer_info){.id = id};
	if (inst == NULL || id > WIRE_PEER_MAX)
		return -ENOENT;
	if (p == NULL) {
		e = peertab_entry(&inst->peers, id);
		if (e == NULL || e->tomb == NULL)
			return -ENOENT;
		fill_tombstone(info, e->tomb);
		return 0;
	}
	info->tx_id = atomic_load_explicit(&p->tx_id, memory_order_relaxed);
	info->remote = p->remote;
	info->local = p->local;
	if (p->has_vpn4)
		info->vpn4 = ip_from_bytes(IP_V4, p->vpn4);
	if (p->has_vpn6)
		info->vpn6 = ip_from_bytes(IP_V6, p->vpn6);
	inner_mac_write(info->mac, p->generation, p->id);
	info->has_path = atomic_load_explicit(&p->endpoint, memory_order_relaxed) != NULL;
	info->interval = p->interval;
	info->timeout = p->timeout;
	info->floats = p->floats;
	peer_sum(p, &sums);
	fill_counters(info, &sums);
	fill_key(&info->key[0], p, KEYSLOT_PRIMARY);
	fill_key(&info->key[1], p, KEYSLOT_SECONDARY);
	return 0;
}

uint32_t dp_peer_next(struct dp *dp, uint32_t iid, uint32_t from)
{
	struct instance *inst = instance_find(dp, iid);

	return inst == NULL || from > WIRE_PEER_MAX ? DP_NO_PEER : peertab_next(&inst->peers, from);
}
