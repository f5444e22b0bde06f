/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys near their end: openvpn is asked for the next one in time, a key without packet ids gives
 * way to its successor or ends its peer, and no nonce is used twice even if a key is installed
 * twice.
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

/*
 * Looks at a peer's keys. True: none of them can encrypt any more, and none is to come, so that the
 * peer must end.
 */
bool wear_check(struct dp *dp, struct instance *inst, struct peer *p, uint64_t now_ms);
/* p ends: nobody need be asked for its next key. */
void wear_cancel(struct instance *inst, struct peer *p);

#endif
