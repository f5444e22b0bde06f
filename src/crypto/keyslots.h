/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two labelled key slots of a peer, and the question which key encrypts.
 *
 * Labels (primary, secondary) are openvpn's and change only by its commands. The key that encrypts
 * is derived, never stored, so that no worker can leave a pointer to a dead key behind:
 *
 *   primary, unless secondary is newer and confirmed.
 *
 * An older key that a confirmed one has replaced is spent (key_spend()): it decrypts what is still
 * on its way, and encrypts no more, not even if the newer one is removed.
 *
 * A key is confirmed when the first authenticated packet of it arrives (the peer has it, so a late
 * SWAP_KEYS costs nothing), or when openvpn labels it primary. Newer is a higher generation; so the
 * encrypting key moves forward only, whatever commands come late, twice or never.
 *
 * The key that lost its label last still decrypts, until it is forgotten: the peer may use it until
 * it has heard of the newer one, and its packets may be under way.
 *
 * Writers: the agent (install, swap, remove); any worker (keyslots_confirm). Readers: workers under
 * QSBR. The agent frees a displaced key only after a grace period.
 */
#ifndef KEYSLOTS_H
#define KEYSLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct key;

enum keyslot { KEYSLOT_PRIMARY = 0, KEYSLOT_SECONDARY = 1 };

struct keyslots {
	_Atomic(struct key *) slot[2]; /* cells: a key stays in its cell when labels change */
	_Atomic(struct key *) left;    /* without a label: decrypts only */
	uint32_t primary;	       /* the cell labelled primary, 0 or 1; agent only */
	_Atomic(uint32_t) generations; /* given out so far */
};

/*
 * Labels k; gives it the next generation. What it displaces is left; returns the key that was left
 * before it and that nobody finds any more, or NULL. Agent.
 */
struct key *keyslots_install(struct keyslots *ks, enum keyslot slot, struct key *k);
/* Exchanges the labels; confirms the key that becomes primary. Agent. */
void keyslots_swap(struct keyslots *ks);
/* Empties a slot. What was in it is left; returns what was left before it, or NULL. Agent. */
struct key *keyslots_remove(struct keyslots *ks, enum keyslot slot);
/* Takes out the key that is left, and returns it, or NULL. Agent. */
struct key *keyslots_forget(struct keyslots *ks);
/* The key in a slot, or NULL. Agent. */
struct key *keyslots_get(const struct keyslots *ks, enum keyslot slot);

/*
 * The key that decrypts packets of this key id, or NULL: of two with a label the newer one, else
 * the one that is left. Worker.
 */
struct key *keyslots_find(const struct keyslots *ks, uint8_t key_id);
/* Is there one that is left? Agent. */
bool keyslots_has_left(const struct keyslots *ks);

/* The newest key with a label, or NULL. Worker. */
struct key *keyslots_newest(const struct keyslots *ks);
/* The key that encrypts now, or NULL. Worker. */
struct key *keyslots_tx_key(const struct keyslots *ks);
/* A packet of k was authenticated. Writes only the first time. Worker. */
void keyslots_confirm(struct key *k);

#endif
