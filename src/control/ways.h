/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways to an instance's peers: where each is, how the kernel would send there, what openvpn
 * calls that place. Follows the kernel's changes and the peers' floats, and tells the data plane.
 */
#ifndef WAYS_H
#define WAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/hostif.h"
#include "control/places.h"
#include "dataplane/dp.h"

#define WAYS_LEAF_BITS 12
#define WAYS_LEAF_LEN  (1u << WAYS_LEAF_BITS)
#define WAYS_TOP_LEN   (1u << (24 - WAYS_LEAF_BITS))

/* What the agent knows of a peer, beside what the data plane does. */
struct way {
	uint32_t id;
	bool unknown; /* got a key without having been made: openvpn must hear that it is gone */
	bool known;   /* path holds */
	bool untold;  /* of a float: on the list of that name, as place.told is on the other */
	struct place place;
	TAILQ_ENTRY(way) link;
	struct hostif_remote *remote;
	uint64_t doubt_ms;   /* since then the kernel is resolving where it leads; 0: it is not */
	uint16_t port;	     /* of the transport */
	struct dp_path path; /* last published */
};

TAILQ_HEAD(way_list, way);

struct way_leaf {
	uint32_t nb;
	struct way *ways[WAYS_LEAF_LEN]; /* by the low half of the peer id */
};

struct ways {
	struct dp *dp;
	struct hostif *h;
	uint32_t iid;
	bool tells;
	uint32_t refresh_next; /* DP_NO_PEER: done */
	bool refresh_all;
	bool refresh_again; /* all, once more, when this walk is through */
	uint64_t doubt_ms;  /* since then some way is in doubt; 0: none */
	struct places places;
	struct way_list untold, told; /* those that floated, and openvpn has not heard or read it */
	struct way_leaf *leaves[WAYS_TOP_LEN]; /* by the high half; NULL: no peer there */
};

/* tells: openvpn can be told of floats, in some families; a client or p2p openvpn never. */
void ways_init(struct ways *ws, struct dp *dp, struct hostif *h, uint32_t iid, bool tells);
void ways_free(struct ways *ws);

/* NULL: there is none. */
struct way *ways_find(const struct ways *ws, uint32_t id);
/* The smallest id >= from that has a way; DP_NO_PEER: none. */
uint32_t ways_next(const struct ways *ws, uint32_t from);
/* An empty one, or what there is; id <= DP_PEER_ID_MAX. NULL: no memory. */
struct way *ways_new(struct ways *ws, uint32_t id);
void ways_del(struct ways *ws, struct way *w);

/* To a peer that is new in the data plane; named: what openvpn calls its place. 0 or -ENOMEM. */
int ways_lead(
	struct ways *ws, struct way *w, const struct dp_peer_conf *conf, const struct place *named);
/* Publishes where it leads now. */
void ways_refresh_one(struct ways *ws, struct way *w);
/* Ask the kernel again: for all, or for those that lead nowhere. */
void ways_refresh(struct ways *ws, bool all);
/* Does a bounded part of that. True: more is left. */
bool ways_refresh_some(struct ways *ws);

/*
 * A worker proposes a float. 0: done; -EALREADY: the peer is there; -EADDRINUSE: another peer is,
 * *other; -ENOENT, -EAGAIN, -EINVAL: see dp_peer_float(); -ENOMEM: done, but openvpn will not know
 * the peer's control packets.
 */
int ways_float(struct ways *ws, const struct dp_event *ev, uint32_t *other);

/* A peer whose float openvpn could be told; NULL: none. */
struct way *ways_untold(const struct ways *ws);
/* It has been told; or it cannot be, and the old name stays for good. */
void ways_told(struct ways *ws, struct way *w, bool told);
/* Was openvpn told of some that it had not read then? */
bool ways_wait(const struct ways *ws);
/* openvpn has read all that it was told: its names are the addresses again. */
void ways_read(struct ways *ws);

#endif
