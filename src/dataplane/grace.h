/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of keys. openvpn removes a key at the moment in which it begins to make the next but one;
 * a peer that still sends with it hears of that a round trip later. So a key that lost its label
 * goes on decrypting for some seconds (keyslots.h), and is freed when no worker can hold it.
 *
 * Agent only. A bounded number of peers has such a key at a time: the oldest gives way.
 */
#ifndef GRACE_H
#define GRACE_H

#include <stdint.h>

struct dp;
struct key;
struct peer;

/* A key of p may just have lost its label. */
void grace_begin(struct dp *dp, struct peer *p);
/* p ends, with all its keys. */
void grace_cancel(struct dp *dp, struct peer *p);
/* Ends what has lasted long enough. */
void grace_tick(struct dp *dp, uint64_t now);
/* Memory is short. */
void grace_end_all(struct dp *dp);

/* A key that nobody finds any more: freed when no worker and no job can hold it. NULL is ignored.
 */
void key_retire(struct dp *dp, struct key *key);

#endif
