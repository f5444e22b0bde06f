/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ways.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/loop.h"
#include "dataplane/dp_view.h"

#define REFRESH_STEP 32 /* kernel queries in one turn of the loop */
/* a way in doubt is looked at again after so long, or twice so at most */
#define DOUBT_MS 400

/* --- the table -------------------------------------------------------------------------- */

void ways_init(struct ways *ws, struct dp *dp, struct hostif *h, uint32_t iid, bool tells)
{
	memset(ws, 0, sizeof(*ws));
	ws->dp = dp;
	ws->h = h;
	ws->iid = iid;
	ws->tells = tells;
	ws->refresh_next = DP_NO_PEER;
	TAILQ_INIT(&ws->untold);
	TAILQ_INIT(&ws->told);
}

struct way *ways_find(const struct ways *ws, uint32_t id)
{
	const struct way_leaf *leaf =
		id <= DP_PEER_ID_MAX ? ws->leaves[id >> WAYS_LEAF_BITS] : NULL;

	return leaf != NULL ? leaf->ways[id % WAYS_LEAF_LEN] : NULL;
}

uint32_t ways_next(const struct ways *ws, uint32_t from)
{
	for (uint32_t id = from; id <= DP_PEER_ID_MAX; id++) {
		if (ws->leaves[id >> WAYS_LEAF_BITS] == NULL)
			id |= WAYS_LEAF_LEN - 1;
		else if (ws->leaves[id >> WAYS_LEAF_BITS]->ways[id % WAYS_LEAF_LEN] != NULL)
			return id;
	}
	return DP_NO_PEER;
}

struct way *ways_new(struct ways *ws, uint32_t id)
{
	struct way_leaf **leaf = &ws->leaves[id >> WAYS_LEAF_BITS];
	struct way *w = ways_find(ws, id);

	if (w != NULL)
		return w;
	w = calloc(1, sizeof(*w));
	if (w != NULL && *leaf == NULL)
		*leaf = calloc(1, sizeof(**leaf));
	if (w == NULL || *leaf == NULL) {
		free(w);
		return NULL;
	}
	w->id = id;
	(*leaf)->ways[id % WAYS_LEAF_LEN] = w;
	(*leaf)->nb++;
	return w;
}

/* openvpn need not be told of its float, or has been. */
static void unlist(struct ways *ws, struct way *w)
{
	if (w->untold)
		TAILQ_REMOVE(&ws->untold, w, link);
	if (w->place.told)
		TAILQ_REMOVE(&ws->told, w, link);
	w->untold = w->place.told = false;
}

void ways_del(struct ways *ws, struct way *w)
{
	struct way_leaf **leaf = &ws->leaves[w->id >> WAYS_LEAF_BITS];

	(*leaf)->ways[w->id % WAYS_LEAF_LEN] = NULL;
	if (--(*leaf)->nb == 0) {
		free(*leaf);
		*leaf = NULL;
	}
	unlist(ws, w);
	places_del(&ws->places, &w->place);
	hostif_remote_put(ws->h, w->remote);
	free(w);
}

void ways_free(struct ways *ws)
{
	for (uint32_t id = ways_next(ws, 0); id != DP_NO_PEER; id = ways_next(ws, id + 1))
		ways_del(ws, ways_find(ws, id));
	places_free(&ws->places);
}

/* --- where they lead -------------------------------------------------------------------- */

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
void ways_refresh_one(struct ways *ws, struct way *w)
{
	struct dp_path path = {.local.port = w->port};
	int ret = hostif_remote_path(ws->h, w->remote, &path);
	uint64_t now = loop_now_ms();

	if (ret == -EAGAIN && w->known) {
		w->doubt_ms = w->doubt_ms != 0 ? w->doubt_ms : now;
		if (now - w->doubt_ms < DOUBT_MS) {
			ws->doubt_ms = ws->doubt_ms != 0 ? ws->doubt_ms : now;
			return;
		}
	}
	w->doubt_ms = 0;
	if (ret == 0 && !(w->known && path_equal(&path, &w->path))) {
		w->known = dp_peer_path(ws->dp, ws->iid, w->id, &path) == 0;
		w->path = path;
	} else if (ret < 0 && w->known) {
		dp_peer_path(ws->dp, ws->iid, w->id, NULL);
		w->known = false;
	}
}

/*
 * A walk that is under way is not begun anew: under a stream of changes the peers at its end would
 * never have their turn.
 */
void ways_refresh(struct ways *ws, bool all)
{
	if (ws->refresh_next != DP_NO_PEER) {
		ws->refresh_again |= all;
		return;
	}
	ws->refresh_all = all;
	ws->refresh_next = 0;
}

bool ways_refresh_some(struct ways *ws)
{
	unsigned int asked = 0;
	uint32_t id;

	if (ws->doubt_ms != 0 && loop_now_ms() - ws->doubt_ms >= DOUBT_MS) {
		ws->doubt_ms = 0;
		ways_refresh(ws, false);
	}
	id = ws->refresh_next;
	for (; id != DP_NO_PEER && asked < REFRESH_STEP; id++) {
		struct way *w;

		id = ways_next(ws, id);
		if (id == DP_NO_PEER)
			break;
		w = ways_find(ws, id);
		if (w->unknown || (w->known && w->doubt_ms == 0 && !ws->refresh_all))
			continue;
		ways_refresh_one(ws, w);
		asked++;
	}
	ws->refresh_next = id;
	if (id == DP_NO_PEER && ws->refresh_again) {
		ws->refresh_again = false;
		ws->refresh_all = true;
		ws->refresh_next = 0;
	}
	return ws->refresh_next != DP_NO_PEER;
}

int ways_lead(
	struct ways *ws, struct way *w, const struct dp_peer_conf *conf, const struct place *named)
{
	int ret = hostif_remote_get(ws->h, &conf->remote, &conf->local.ip, &w->remote);

	w->port = conf->local.port;
	w->place = (struct place){
		.at = conf->remote,
		.name = named->name,
		.tid = named->name_tid,
		.name_tid = named->name_tid,
	};
	/* the wildcard says nothing */
	if (!ip_is_any(&conf->local.ip))
		w->place.here = conf->local.ip;
	if (!ip_is_any(&named->name_here))
		w->place.name_here = named->name_here;
	return ret < 0 ? ret : places_add(&ws->places, &w->place);
}

/* --- floats ----------------------------------------------------------------------------- */

static bool is_there(const struct way *w, const struct dp_event *ev)
{
	const struct ip_addr *here = w->known ? &w->path.local.ip : &w->place.here;

	return udp_addr_equal(&w->place.at, &ev->remote) && ip_equal(here, &ev->local.ip) &&
		w->port == ev->local.port;
}

/* A peer that is there and alive. Two cannot be in one place: who would a control packet be from?
 */
static bool is_taken(struct ways *ws, struct way *w, const struct udp_addr *at, uint32_t *by)
{
	const struct place *p = places_find_other(&ws->places, at, &w->place);
	struct dp_peer_info info;

	if (p == NULL)
		return false;
	*by = htab_entry(p, struct way, place)->id;
	return dp_peer_get(ws->dp, ws->iid, *by, &info) == 0 && !info.gone;
}

/* Somewhere else than openvpn believes, or has been told a moment ago. */
static void tell(struct ways *ws, struct way *w)
{
	bool must = w->place.told || !udp_addr_equal(&w->place.at, &w->place.name);

	unlist(ws, w);
	if (!ws->tells || !must)
		return;
	w->untold = true;
	TAILQ_INSERT_TAIL(&ws->untold, w, link);
}

int ways_float(struct ways *ws, const struct dp_event *ev, uint32_t *other)
{
	struct way *w = ways_find(ws, ev->peer_id);
	struct dp_path path = {.local.port = ev->local.port};
	struct hostif_remote *remote;
	int ret, path_ret;

	if (w == NULL || w->unknown)
		return -ENOENT;
	if (is_there(w, ev))
		return -EALREADY;
	if (!udp_addr_equal(&w->place.at, &ev->remote) && is_taken(ws, w, &ev->remote, other))
		return -EADDRINUSE;
	ret = hostif_remote_get(ws->h, &ev->remote, &ev->local.ip, &remote);
	if (ret < 0)
		return ret;
	path_ret = hostif_remote_path(ws->h, remote, &path);
	ret = dp_peer_float(ws->dp, ws->iid, w->id, &ev->remote, path_ret == 0 ? &path : NULL);
	if (ret < 0) {
		hostif_remote_put(ws->h, remote);
		return ret;
	}
	hostif_remote_put(ws->h, w->remote);
	w->remote = remote;
	w->port = ev->local.port;
	w->known = path_ret == 0;
	w->path = path;
	w->doubt_ms = 0;
	w->place.tid = ev->tid;
	ret = places_move(&ws->places, &w->place, &ev->remote, &ev->local.ip);
	tell(ws, w);
	return ret;
}

struct way *ways_untold(const struct ways *ws)
{
	return TAILQ_FIRST(&ws->untold);
}

void ways_told(struct ways *ws, struct way *w, bool told)
{
	unlist(ws, w);
	if (!told)
		return;
	w->place.told = true;
	TAILQ_INSERT_TAIL(&ws->told, w, link);
}

bool ways_wait(const struct ways *ws)
{
	return !TAILQ_EMPTY(&ws->told);
}

void ways_read(struct ways *ws)
{
	struct way *w;

	while ((w = TAILQ_FIRST(&ws->told)) != NULL) {
		unlist(ws, w);
		places_told(&ws->places, &w->place);
	}
}
