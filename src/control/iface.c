/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/iface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/loop.h"
#include "dataplane/dp_view.h"
#include "log.h"

#define FLOAT_LINES 10 /* in the log, a second */

struct iface {
	struct dp *dp;
	struct hostif *h;
	uint32_t iid;
	enum dp_mode mode;
	struct hostif_device *device;
	uint32_t nb_unknown;
	struct log_limit refused; /* lines about floats that are not followed */
	uint64_t said_ms;	  /* lines about floats in the second since then */
	unsigned int said, floats_unsaid;
	struct ways ways;
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
	ret = dp_instance_new(dp, mode, &in->iid);
	if (ret < 0) {
		log_err("no new instance: %s", strerror(-ret));
		free(in);
		return ret;
	}
	ways_init(&in->ways, dp, h, in->iid, mode == DP_MODE_MP);
	*out = in;
	return 0;
}

/* A peer's traces go. */
static void forget(struct iface *in, uint32_t id)
{
	struct way *w = ways_find(&in->ways, id);

	if (w == NULL)
		return;
	if (w->unknown)
		in->nb_unknown--;
	else
		hostif_peer_del(in->h, in->device, id);
	ways_del(&in->ways, w);
}

static void forget_all(struct iface *in)
{
	for (uint32_t id = ways_next(&in->ways, 0); id != DP_NO_PEER;
		id = ways_next(&in->ways, id + 1))
		forget(in, id);
}

void iface_free(struct iface *in)
{
	if (in == NULL)
		return;
	ways_free(&in->ways);
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

void iface_leave(struct iface *in)
{
	if (in->device != NULL)
		hostif_device_leave(in->device);
}

uint32_t iface_ifindex(const struct iface *in)
{
	return in->device != NULL ? hostif_device_ifindex(in->device) : 0;
}

const char *iface_name(const struct iface *in)
{
	return in->device != NULL ? hostif_device_name(in->device) : "";
}

struct ways *iface_ways(struct iface *in)
{
	return &in->ways;
}

const struct places *iface_places(const struct iface *in)
{
	return &in->ways.places;
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
static int bind_peer(struct iface *in, const struct dp_peer_conf *conf, const struct place *named)
{
	struct dp_peer_info info;
	struct way *w;
	int ret = dp_peer_get(in->dp, in->iid, conf->id, &info);

	if (ret < 0)
		return ret;
	w = ways_new(&in->ways, conf->id);
	if (w == NULL)
		return -ENOMEM;
	ret = ways_lead(&in->ways, w, conf, named);
	if (ret == 0)
		ret = hostif_peer_add(
			in->h, in->device, conf->id, &conf->vpn4, &conf->vpn6, info.mac);
	if (ret < 0) {
		forget(in, conf->id);
		return ret;
	}
	ways_refresh_one(&in->ways, w);
	return 0;
}

static int new_peer(struct iface *in, const struct dco_request *q, const struct iface_socket *by,
	const char **why)
{
	const struct place place = {
		.name = q->new_peer.remote,
		.name_here = by->local.ip,
		.name_tid = by->tid,
	};
	struct dp_peer_conf conf = {
		.id = q->peer_id,
		.remote = place.name,
		.local = by->local,
		.vpn4 = q->new_peer.vpn4,
		.vpn6 = q->new_peer.vpn6,
	};
	int ret;

	if (q->peer_id > DP_PEER_ID_MAX) {
		*why = "a peer id has 24 bits";
		return -EINVAL;
	}
	if (!places_out(&in->ways.places, &conf.remote, &conf.local.ip)) {
		*why = "its address cannot be told from others'";
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
		forget_all(in);
	forget(in, q->peer_id);
	ret = bind_peer(in, &conf, &place);
	if (ret < 0) {
		*why = "the kernel's side of this peer cannot be made";
		log_err("%s: peer %u: %s: %s", iface_name(in), q->peer_id, *why, strerror(-ret));
		dp_peer_del(in->dp, in->iid, q->peer_id, DP_GONE_USERSPACE);
		return ret;
	}
	log_new_peer(in, &conf);
	return 0;
}

static int set_peer(struct iface *in, const struct dco_request *q)
{
	const struct dco_peer_set *s = &q->set;
	int ret = 0;

	if (s->has_keepalive)
		ret = dp_peer_set(
			in->dp, in->iid, q->peer_id, s->keepalive.interval, s->keepalive.timeout);
	if (ret == 0 && s->has_tx_id)
		ret = dp_peer_tx_id(in->dp, in->iid, q->peer_id, s->tx_id);
	return ret;
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
	forget(in, q->peer_id);
	return ret;
}

/* openvpn believes in a peer that is not there. */
static void note_unknown(struct iface *in, uint32_t id)
{
	struct way *w;

	if (id > DP_PEER_ID_MAX || ways_find(&in->ways, id) != NULL)
		return;
	w = ways_new(&in->ways, id);
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

int iface_do(struct iface *in, const struct dco_request *q, const struct iface_socket *by,
	const char **why)
{
	switch (q->verb) {
	case DCO_NEW_PEER:
		return new_peer(in, q, by, why);
	case DCO_SET_PEER:
		return set_peer(in, q);
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

/* --- floats ------------------------------------------------------------------------------- */

static void log_float(struct iface *in, uint32_t id, const struct udp_addr *from,
	const struct udp_addr *to, const struct ip_addr *here)
{
	char text[2][UDP_ADDR_STRLEN];
	char ours[IP_STRLEN];
	char others[48] = "";

	if (loop_now_ms() - in->said_ms >= MSEC_PER_SEC) {
		in->said_ms = loop_now_ms();
		in->said = 0;
	}
	if (in->said == FLOAT_LINES) {
		in->floats_unsaid++;
		return;
	}
	in->said++;
	if (in->floats_unsaid > 0)
		snprintf(others, sizeof(others), " (%u more like this)", in->floats_unsaid);
	in->floats_unsaid = 0;
	if (udp_addr_equal(from, to))
		log_info("%s: peer %u at %s reaches us at %s now%s", iface_name(in), id,
			udp_addr_str(to, text[0]), ip_str(here, ours), others);
	else
		log_info("%s: peer %u floated from %s to %s%s", iface_name(in), id,
			udp_addr_str(from, text[0]), udp_addr_str(to, text[1]), others);
}

int iface_float(struct iface *in, const struct dp_event *ev)
{
	const struct way *w = ways_find(&in->ways, ev->peer_id);
	struct udp_addr from = w != NULL ? w->place.at : ev->remote;
	char text[UDP_ADDR_STRLEN];
	uint32_t other = 0;
	int ret = ways_float(&in->ways, ev, &other);

	if (ret == 0)
		log_float(in, ev->peer_id, &from, &ev->remote, &ev->local.ip);
	else if (ret == -EADDRINUSE && log_limit_pass(&in->refused))
		log_warn("%s: peer %u is at %s now, but so is peer %u: it is not followed there",
			iface_name(in), ev->peer_id, udp_addr_str(&ev->remote, text), other);
	return ret;
}

/* --- peers that are gone ------------------------------------------------------------------ */

bool iface_gone(struct iface *in, uint32_t *peer_id, enum dp_gone *why)
{
	uint32_t id = dp_gone_next(in->dp, in->iid, why);

	if (id == DP_NO_PEER && in->nb_unknown != 0) {
		*why = DP_GONE_TRANSPORT_ERROR;
		for (id = ways_next(&in->ways, 0); !ways_find(&in->ways, id)->unknown;)
			id = ways_next(&in->ways, id + 1);
	}
	*peer_id = id;
	return id != DP_NO_PEER;
}

/*
 * As a client openvpn acts on EXPIRED alone. USERSPACE, which 2.6 takes for its own doing and
 * ignores, is the reason of none that dp_gone_next() names.
 */
enum dp_gone iface_gone_reason(const struct iface *in, enum dp_gone why)
{
	return in->mode == DP_MODE_P2P ? DP_GONE_EXPIRED : why;
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
	const struct way *w = ways_find(&in->ways, peer_id);

	if (w == NULL || !w->unknown)
		dp_gone_ack(in->dp, in->iid, peer_id);
	log_info("%s: peer %u is gone: %s", iface_name(in), peer_id, words[why]);
	forget(in, peer_id);
}

size_t iface_peer_bytes(void)
{
	/* two names, with their slots in the hash tables, which are up to half empty */
	return heap_bytes(sizeof(struct way)) + sizeof(struct way *) +
		2 * 2 * sizeof(struct htab_node *);
}
