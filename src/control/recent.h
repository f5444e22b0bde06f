/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of our addresses a remote wrote to last: NEW_PEER without --multihome names no source, and
 * a peer must be answered from the address it knows. Bounded: strangers can only push each other
 * out, four to a set, and a hash with a secret key decides who shares a set with whom. Pure.
 */
#ifndef RECENT_H
#define RECENT_H

#include "base.h"

#define RECENT_SETS 256
#define RECENT_WAYS 4

struct recent_entry {
	struct udp_addr remote;
	struct ip_addr local;
};

struct recent {
	uint64_t key; /* random, set by the owner */
	uint8_t victim[RECENT_SETS];
	struct recent_entry entries[RECENT_SETS][RECENT_WAYS];
};

void recent_note(struct recent *r, const struct udp_addr *remote, const struct ip_addr *local);
/* IP_NONE: it did not write, or was pushed out. */
struct ip_addr recent_local(const struct recent *r, const struct udp_addr *remote);

#endif
