/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the peers of an instance are, and where its openvpn believes them to be. Pure.
 *
 * openvpn 2.6 tells its clients apart by the address and port that they connected from, and cannot
 * be told that one has moved. So control packets are given other names on their way: a peer that is
 * at S now, and that openvpn knows at A, has the name A; and whoever sends from A now, which is
 * somebody else, has the name that is free then, S. That way names stay different for senders that
 * are different, whatever moves where, and openvpn never takes one for another:
 *
 *    name of S    if a peer is at S, its name; else, while S is a peer's name, the place of that
 *                 peer takes the place of S; and then S.
 *
 * The way back is the inverse. Where nobody has moved names are addresses.
 *
 * An openvpn with several sockets answers a peer by the one to which it connected, for ever, also
 * when it has been told where the peer is; the peer may have moved to another, of the other family.
 */
#ifndef PLACES_H
#define PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "control/htab.h"

struct place {
	struct htab_node by_at, by_name;
	struct udp_addr at;	  /* where the peer is */
	struct ip_addr here;	  /* our address that it reaches; IP_NONE: not known */
	struct udp_addr name;	  /* where openvpn believes it to be */
	struct ip_addr name_here; /* the same of our address */
	uint32_t tid, name_tid; /* the transport where it arrives; that by which openvpn knows it */
	bool used, aliased;
	bool told; /* openvpn has been told where it is, and may have read that or not */
	bool read; /* it has; what it takes for our address is anybody's since then */
};

struct places {
	struct htab at;	  /* all */
	struct htab name; /* those that are not where openvpn believes them to be */
	uint32_t nb_read;
};

/* p->at, here, name and name_here are filled in. -ENOMEM. */
int places_add(struct places *t, struct place *p);
/* Nothing, if it is in no table. */
void places_del(struct places *t, struct place *p);
/* The peer has moved. The tables have room: they had one entry before. -ENOMEM: it has not. */
int places_move(
	struct places *t, struct place *p, const struct udp_addr *at, const struct ip_addr *here);
/* openvpn has read where it is. */
void places_told(struct places *t, struct place *p);

/* Is any of them elsewhere than openvpn believes? */
static inline bool places_differ(const struct places *t)
{
	return t->name.count != 0;
}

/* Is a name of openvpn's, or of our address to it, ever another than it says? */
static inline bool places_matter(const struct places *t)
{
	return places_differ(t) || t->nb_read != 0;
}

/* Is anybody but p (which may be NULL) there? */
struct place *places_find_other(
	const struct places *t, const struct udp_addr *at, const struct place *p);

/*
 * Puts names in the place of addresses (in) or addresses in the place of names (out); local is
 * left alone unless it belongs to a peer's name. False: names of names without end: drop it.
 */
bool places_in(const struct places *t, struct udp_addr *remote, struct ip_addr *local);
bool places_out(const struct places *t, struct udp_addr *remote, struct ip_addr *local);

/* After all were deleted. */
void places_free(struct places *t);

#endif
