/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/iface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/loop.h"
#include "log.h"

#define LEAF_BITS    12
#define LEAF_LEN     (1u << LEAF_BITS)
#define TOP_LEN	     (1u << (24 - LEAF_BITS))
#define REFRESH_STEP 32 /* kernel queries in one turn of the loop */
/* a way in doubt is looked at again after so long, or twice so at most */
#define DOUBT_MS 400

/* What the agent knows of a peer, beside what the data plane does. */
struct way {
	bool unknown; /* got a key without having been made: openvpn must hear that it is gone */
	struct hostif_remote *remote;
	uint16_t port; /* of the transport */
	bool known;
	uint64_t doubt_ms;   /* since then the kernel is resolving where it leads; 0: it is not */
	struct dp_path path; /* last published */
};

struct iface {
	struct dp *dp;
	struct hostif *h;
	uint32_t iid;
	enum dp_mode mode;
	struct hostif_device *device;
	uint32_t nb_unknown;
	uint32_t refresh_next; /* DP_NO_PEER: done */
	bool refresh_all;
	bool refresh_again;	      /* all, once more, when this walk is through */
	uint64_t doubt_ms;	      /* since then some way is in doubt; 0: none */
	struct way **leaves[TOP_LEN]; /* by peer id, high half then low half */
};

int iface_new(struct dp *dp, struct hostif *h, enum dp_mode mode, struct iface **out)
{
	struct iface *in = calloc(1, sizeof(*in));
	int ret;

	if (in == NULL)
		return -ENOMEM;
	in->dp = dp;
	in->h = h;
	in->mode = mode;
	in->refresh_next = DP_NO_PEER;
	ret = dp_instance_new(dp, mode, &in->iid);
	if (ret < 0) {
		log_err("no new instance: %s", strerror(-ret));
		free(in);
		return ret;
	}
	*out = in;
	return 0;
}

static struct way *way_find(const struct iface *in, uint32_t id)
{
	struct way *const *leaf = id <= DP_PEER_ID_MAX ? in->leaves[id >> LEAF_BITS] : NULL;

	return leaf != NULL ? leaf[id % LEAF_LEN] : NULL;
}

/* The smallest id >= from that has a way; DP_NO_PEER: none. */
static uint32_t way_next(const struct iface *in, uint32_t from)
{
	for (uint32_t id = from; id <= DP_PEER_ID_MAX; id++) {
		if (in->leaves[id >> LEAF_BITS] == NULL)
			id |= LEAF_LEN - 1;
		else if (in->leaves[id >> LEAF_BITS][id % LEAF_LEN] != NULL)
			return id;
	}
	return DP_NO_PEER;
}

static struct way *way_new(struct iface *in, uint32_t id)
{
	struct way ***leaf = &in->leaves[id >> LEAF_BITS];
	struct way **w;

	if (*leaf == NULL)
		*leaf = calloc(LEAF_LEN, sizeof(**leaf));
	if (*leaf == NULL)
		return NULL;
	w = &(*leaf)[id % LEAF_LEN];
	if (*w == NULL)
		*w = calloc(1, sizeof(**w));
	return *w;
}

static void way_del(struct iface *in, uint32_t id)
{
	struct way *w = way_find(in, id);

	if (w == NULL)
		return;
	if (w->unknown)
		in->nb_unknown--;
	else
		hostif_peer_del(in->h, in->device, id);
	hostif_remote_put(in->h, w->remote);
	free(w);
	in->leaves[id >> LEAF_BITS][id % LEAF_LEN] = NULL;
}

static void ways_del(struct iface *in)
{
	for (uint32_t id = way_next(in, 0); id != DP_NO_PEER; id = way_next(in, id + 1))
		way_del(in, id);
}

void iface_free(struct iface *in)
{
	if (in == NULL)
		return;
	for (uint32_t id = way_next(in, 0); id != DP_NO_PEER; id = way_next(in, id + 1)) {
		hostif_remote_put(in->h, way_find(in, id)->remote);
		free(way_find(in, id));
	}
	for (unsigned int i = 0; i < TOP_LEN; i++)
		free(in->leaves[i]);
	dp_instance_del(in->dp, in->iid);
	hostif_device_del(in->h, in->device);
	free(in);
}

uint32_t iface_iid(const struct iface *in)
{
	return in->iid;
}

enum dp_mode iface_mode(const struct iface *in)
{
	return in->mode;
}

int iface_link(struct iface *in, int netns_fd, const char *name)
{
	int ret;

	if (in->device != NULL)
		return -EBUSY;
	ret = hostif_device_new(in->h, in->iid, netns_fd, name, &in->device);
	if (ret == 0)
		log_info("%s: device made, %s", name,
			in->mode == DP_MODE_MP ? "for many peers" : "for one peer");
	else
		in->device = NULL;
	return ret;
}

int iface_adopt(struct iface *in, int netns_fd, int tap, uint32_t ifindex)
{
	int ret;

	if (in->device != NULL)
		return -EBUSY;
	ret = hostif_device_adopt(in->h, in->iid, netns_fd, tap, ifindex, &in->device);
	if (ret == 0)
		log_info("%s: device taken back, %s", iface_name(in),
			in->mode == DP_MODE_MP ? "for many peers" : "for one peer");
	else
		in->device = NULL;
	return ret;
}

int iface_take_fd(struct iface *in)
{
	return in->device != NULL ? hostif_device_take_fd(in->device) : -1;
}

uint32_t iface_ifindex(const struct iface *in)
{
	return in->device != NULL ? hostif_device_ifindex(in->device) : 0;
}

const char *iface_name(const struct iface *in)
{
	return in->device != NULL ? hostif_device_name(in->device) : "";
}

static bool path_equal(const struct dp_path *a, const struct dp_path *b)
{
	return a->port == b->port && udp_addr_equal(&a->local, &b->local) && a->mtu == b->mtu &&
		memcmp(a->dst_mac, b->dst_mac, DP_MAC_LEN) == 0;
}

/*
 * While a next hop is being resolved the old path stays for a moment: the neighbour that was there
 * is a better guess than none. Not for long, or a gateway that never answers would leave packets
 * with the one that the kernel has turned away from.
 */
static void way_refresh(struct iface *in, uint32_t id, struct way *w)
{
	struct dp_path path = {.local.port = w->port};
	int ret = hostif_remote_path(in->h, w->remote, &path);
	uint64_t now = loop_now_ms();

	if (ret == -EAGAIN && w->known) {
		w->doubt_ms = w->doubt_ms != 0 ? w->doubt_ms : now;
		if (now - w->doubt_ms < DOUBT_MS) {
			in->doubt_ms = in->doubt_ms != 0 ? in->doubt_ms : now;
			return;
		}
	}
	w->doubt_ms = 0;
	if (ret == 0 && !(w->known && path_equal(&path, &w->path))) {
		w->known = dp_peer_path(in->dp, in->iid, id, &path) == 0;
		w->path = path;
	} else if (ret < 0 && w->known) {
		dp_peer_path(in->dp, in->iid, id, NULL);
		w->known = false;
	}
}

/*
 * A walk that is under way is not begun anew: under a stream of changes the peers at its end would
 * never have their turn.
 */
void iface_refresh(struct iface *in, bool all)
{
	if (in->refresh_next != DP_NO_PEER) {
		in->refresh_again |= all;
		return;
	}
	in->refresh_all = all;
	in->refresh_next = 0;
}

bool iface_refresh_some(struct iface *in)
{
	unsigned int asked = 0;
	uint32_t id;

	if (in->doubt_ms != 0 && loop_now_ms() - in->doubt_ms >= DOUBT_MS) {
		in->doubt_ms = 0;
		iface_refresh(in, false);
	}
	id = in->refresh_next;
	for (; id != DP_NO_PEER && asked < REFRESH_STEP; id++) {
		struct way *w;

		id = way_next(in, id);
		if (id == DP_NO_PEER)
			break;
		w = way_find(in, id);
		if (w->unknown || (w->known && w->doubt_ms == 0 && !in->refresh_all))
			continue;
		way_refresh(in, id, w);
		asked++;
	}
	in->refresh_next = id;
	if (id == DP_NO_PEER && in->refresh_again) {
		in->refresh_again = false;
		in->refresh_all = true;
		in->refresh_next = 0;
	}
	return in->refresh_next != DP_NO_PEER;
}

static void log_new_peer(const struct iface *in, const struct dp_peer_conf *conf)
{
	char remote[UDP_ADDR_STRLEN];
	char vpn4[IP_STRLEN];
	char vpn6[IP_STRLEN];

	log_info("%s: peer %u added: %s, VPN addresses %s %s", iface_name(in), conf->id,
		udp_addr_str(&conf->remote, remote), ip_str(&conf->vpn4, vpn4),
		ip_str(&conf->vpn6, vpn6));
}

static const char *new_peer_error(int err)
{
	switch (err) {
	case -EEXIST:
		return "a peer with this id exists";
	case -ENOSPC:
		return "max-peers of ovpn-dpdkd is reached";
	default:
		return "ovpn-dpdkd cannot make this peer";
	}
}

/* The kernel's side of a new peer and the way to it. */
static int bind_peer(struct iface *in, const struct dp_peer_conf *conf)
{
	struct dp_peer_info info;
	struct way *w;
	int ret = dp_peer_get(in->dp, in->iid, conf->id, &info);

	if (ret < 0)
		return ret;
	w = way_new(in, conf->id);
	if (w == NULL)
		return -ENOMEM;
	*w = (struct way){.port = conf->local.port};
	ret = hostif_remote_get(in->h, &conf->remote, &conf->local.ip, &w->remote);
	if (ret == 0)
		ret = hostif_peer_add(
			in->h, in->device, conf->id, &conf->vpn4, &conf->vpn6, info.mac);
	if (ret < 0) {
		way_del(in, conf->id);
		return ret;
	}
	way_refresh(in, conf->id, w);
	return 0;
}

static int new_peer(struct iface *in, const struct dco_request *q, const struct udp_addr *local,
	const char **why)
{
	struct dp_peer_conf conf = {
		.id = q->peer_id,
		.remote = q->new_peer.remote,
		.local = *local,
		.vpn4 = q->new_peer.vpn4,
		.vpn6 = q->new_peer.vpn6,
	};
	int ret;

	if (q->peer_id > DP_PEER_ID_MAX) {
		*why = "a peer id has 24 bits";
		return -EINVAL;
	}
	ret = dp_peer_new(in->dp, in->iid, &conf);
	if (ret < 0) {
		*why = new_peer_error(ret);
		if (ret != -ENOSPC) /* watch.c tells once that it is full, openvpn each client */
			log_warn("%s: peer %u refused: %s", iface_name(in), q->peer_id, *why);
		return ret;
	}
	/* what is left of the peer it replaces, or of the last one with this id */
	if (in->mode == DP_MODE_P2P)
		ways_del(in);
	way_del(in, q->peer_id);
	ret = bind_peer(in, &conf);
	if (ret < 0) {
		*why = "the kernel's side of this peer cannot be made";
		log_err("%s: peer %u: %s: %s", iface_name(in), q->peer_id, *why, strerror(-ret));
		dp_peer_del(in->dp, in->iid, q->peer_id, DP_GONE_USERSPACE);
		return ret;
	}
	log_new_peer(in, &conf);
	return 0;
}

static int del_peer(struct iface *in, const struct dco_request *q)
{
	struct dp_peer_info info;
	int ret = dp_peer_del(in->dp, in->iid, q->peer_id, DP_GONE_USERSPACE);

	/* it went by itself a moment ago: openvpn need not hear what it has just said */
	if (ret == -ENOENT && dp_peer_get(in->dp, in->iid, q->peer_id, &info) == 0 && info.gone)
		dp_gone_ack(in->dp, in->iid, q->peer_id);
	if (ret == 0)
		log_info("%s: peer %u removed", iface_name(in), q->peer_id);
	way_del(in, q->peer_id);
	return ret;
}

/* openvpn believes in a peer that is not there. */
static void note_unknown(struct iface *in, uint32_t id)
{
	struct way *w;

	if (id > DP_PEER_ID_MAX || way_find(in, id) != NULL)
		return;
	w = way_new(in, id);
	if (w == NULL)
		return;
	w->unknown = true;
	in->nb_unknown++;
}

static const char *slot_name(enum keyslot slot)
{
	return slot == KEYSLOT_PRIMARY ? "primary" : "secondary";
}

/*
 * openvpn exits, with all its peers, when NEW_KEY fails. So it does not: the peer ends instead, and
 * openvpn hears of that in its own time. A peer that has ended already is on its way there.
 */
static void new_key(struct iface *in, const struct dco_request *q)
{
	const struct dco_key *k = &q->key;
	struct dp_peer_info info;
	int ret = -ENOTSUP;

	if (k->known)
		ret = dp_key_new(in->dp, in->iid, q->peer_id, k->slot, &k->material);
	if (ret == 0) {
		log_debug("%s: peer %u: key %u installed in %s slot", iface_name(in), q->peer_id,
			k->material.key_id, slot_name(k->slot));
		return;
	}
	if (dp_peer_get(in->dp, in->iid, q->peer_id, &info) < 0) {
		log_warn("%s: key for peer %u, which does not exist", iface_name(in), q->peer_id);
		note_unknown(in, q->peer_id);
	} else if (!info.gone) {
		log_err("%s: peer %u ends, its key cannot be installed: %s", iface_name(in),
			q->peer_id, strerror(-ret));
		dp_peer_del(in->dp, in->iid, q->peer_id, DP_GONE_TRANSPORT_ERROR);
	}
}

int iface_do(struct iface *in, const struct dco_request *q, const struct udp_addr *local,
	const char **why)
{
	switch (q->verb) {
	case DCO_NEW_PEER:
		return new_peer(in, q, local, why);
	case DCO_SET_PEER:
		return dp_peer_set(
			in->dp, in->iid, q->peer_id, q->keepalive.interval, q->keepalive.timeout);
	case DCO_DEL_PEER:
		return del_peer(in, q);
	case DCO_NEW_KEY:
		new_key(in, q);
		return 0;
	case DCO_SWAP_KEYS:
		log_debug("%s: peer %u: key labels exchanged", iface_name(in), q->peer_id);
		return dp_key_swap(in->dp, in->iid, q->peer_id);
	case DCO_DEL_KEY:
		log_debug("%s: peer %u: key in %s slot removed", iface_name(in), q->peer_id,
			slot_name(q->slot));
		return dp_key_del(in->dp, in->iid, q->peer_id, q->slot);
	case DCO_GET_PEER:
	case DCO_DUMP_PEERS:
	case DCO_GET_KEY:
		break;
	}
	return -EINVAL;
}

bool iface_gone(struct iface *in, uint32_t *peer_id, enum dp_gone *why)
{
	uint32_t id = dp_gone_next(in->dp, in->iid, why);

	if (id == DP_NO_PEER && in->nb_unknown != 0) {
		*why = DP_GONE_TRANSPORT_ERROR;
		for (id = way_next(in, 0); !way_find(in, id)->unknown;)
			id = way_next(in, id + 1);
	}
	*peer_id = id;
	return id != DP_NO_PEER;
}

/*
 * openvpn 2.6 takes reason USERSPACE for its own doing and ignores it; as a client it acts on
 * EXPIRED alone.
 */
enum dp_gone iface_gone_reason(const struct iface *in, enum dp_gone why)
{
	if (in->mode == DP_MODE_P2P)
		return DP_GONE_EXPIRED;
	return why == DP_GONE_USERSPACE ? DP_GONE_TRANSPORT_ERROR : why;
}

void iface_gone_told(struct iface *in, uint32_t peer_id, enum dp_gone why)
{
	static const char *const words[] = {
		[DP_GONE_TEARDOWN] = "torn down",
		[DP_GONE_USERSPACE] = "removed",
		[DP_GONE_EXPIRED] = "keepalive expired",
		[DP_GONE_TRANSPORT_ERROR] = "its key is used up or cannot be installed",
		[DP_GONE_TRANSPORT_DISCONNECT] = "it left",
	};
	const struct way *w = way_find(in, peer_id);

	if (w == NULL || !w->unknown)
		dp_gone_ack(in->dp, in->iid, peer_id);
	log_info("%s: peer %u is gone: %s", iface_name(in), peer_id, words[why]);
	way_del(in, peer_id);
}

uint32_t iface_nb_peers(const struct iface *in)
{
	struct dp_peer_info info;
	uint32_t n = 0;

	for (uint32_t id = dp_peer_next(in->dp, in->iid, 0); id != DP_NO_PEER;
		id = dp_peer_next(in->dp, in->iid, id + 1)) {
		if (dp_peer_get(in->dp, in->iid, id, &info) == 0 && !info.gone)
			n++;
	}
	return n;
}

size_t iface_peer_bytes(void)
{
	return heap_bytes(sizeof(struct way)) + sizeof(struct way *);
}
