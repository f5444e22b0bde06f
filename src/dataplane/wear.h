/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys near their end: openvpn is asked for the next one in time, a key without packet ids gives
 * way to its successor or ends its peer, and no nonce is used, and no packet taken, twice even if a
 * key is installed twice.
 *
 * Agent only.
 */
#ifndef WEAR_H
#define WEAR_H

#include <stdint.h>

#include "crypto/key.h"

struct dp;
struct instance;
struct peer;

#define WEAR_ASK_AGAIN_MS 120000 /* twice openvpn's handshake-window */
#define WEAR_REMEMBERED	  1024

/* Keys that are gone: where another with the same bytes would have to go on. */
struct wear_memory {
	unsigned int next;
	struct {
		uint64_t fingerprint; /* 0: none */
		uint64_t first_id;    /* never used */
		uint64_t rx_top;      /* the highest that was received */
	} keys[WEAR_REMEMBERED];
};

/*
 * Looks at a peer's keys. True: none of them can encrypt any more, and none is to come, so that the
 * peer must end.
 */
bool wear_check(struct dp *dp, struct instance *inst, struct peer *p, uint64_t now_ms);
/* p ends: nobody need be asked for its next key. */
void wear_cancel(struct instance *inst, struct peer *p);

/*
 * Before k, made of m, is installed for p: if p has or had a key with these bytes, that one stops,
 * and k goes on where it was, in both directions. True: so it was, and the peer knows the key
 * already.
 */
bool wear_inherit(struct dp *dp, const struct peer *p, struct key *k, const struct key_material *m);
/* Nobody finds k any more: it gives out no packet id, and where it was is remembered. */
void wear_remember(struct dp *dp, struct key *k);

#endif
