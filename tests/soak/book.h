/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an openvpn with these peers believes, and whether the data plane agrees. Every peer that
 * ended without being asked to must be reported exactly once, none before its time, none that is
 * not ours; what a dump shows must be what is written here. A breach ends the program.
 *
 * Peers live in slots; a slot has a fixed id, so ids come again and again. Mortal peers have a
 * keepalive timeout and send nothing.
 */
#ifndef BOOK_H
#define BOOK_H

#include "nlclient.h"

#define BOOK_SLOTS 1024

struct book_peer {
	struct nlc_peer conf;
	bool live;
	bool mortal;
	uint64_t due_ms;  /* mortal: when it may end */
	uint64_t owed_ms; /* seen to be gone then, and not reported yet; 0: no */
	uint32_t address; /* index of its VPN addresses */
	bool has[2];	  /* keys in its slots, by enum nlc_slot */
	uint8_t newest;	  /* key id */
	bool twice; /* one key was put into both slots: if the newer one goes, none can send */
};

/* What happened, over all books of a run. */
struct book_counts {
	uint64_t expired, strange, dumps, floats;
};

struct book {
	struct nlc *c;
	struct book_peer peers[BOOK_SLOTS];
	uint16_t live[BOOK_SLOTS]; /* slots of live peers, in no order */
	uint16_t place[BOOK_SLOTS];
	uint32_t nb_live;
	uint16_t addresses[BOOK_SLOTS]; /* free ones: a stack */
	uint32_t nb_addresses;
	uint32_t strangers; /* keys given to peers that never were, not reported yet */
	uint64_t stranger_ms;
	uint64_t read_ms;  /* when reports were read last */
	uint64_t stood_ms; /* until when the machine stood still, the last time it did */
	struct book_counts *counts;
	struct ip_addr noise; /* from where noise speaks for peers; IP_NONE: nowhere */
};

uint64_t now_ms(void);
/* Ends the program: the data plane broke its word. */
void breach(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Forgets all; b->noise stays. */
void book_init(struct book *b, struct nlc *c, struct book_counts *counts, uint64_t *random);

/* Peer ids low, and some at the far end of what 24 bits hold. */
uint32_t book_id(uint32_t slot);
/* Whoever is in these slots falls silent and expires. */
static inline bool book_slot_is_mortal(uint32_t slot)
{
	return slot % 5 == 0;
}
/* The i-th VPN addresses, i < BOOK_SLOTS. */
struct ip_addr book_vpn4(uint32_t i);
struct ip_addr book_vpn6(uint32_t i);
/* Ids that no slot has. */
#define BOOK_STRANGER 0x500000u

/* A new peer in that free slot: its addresses are filled in; written down by book_begun(). */
struct book_peer *book_begin(struct book *b, uint32_t slot);
void book_begun(struct book *b, struct book_peer *p);
/* It was removed. */
void book_end(struct book *b, struct book_peer *p);
/*
 * A request about it was answered so. Nothing but success is right for a peer that lives; a mortal
 * one may have ended since, and then it is written off or due to be reported.
 */
bool book_answered(struct book *b, struct book_peer *p, int ret, const char *what);
/* The same for its removal. */
void book_removed(struct book *b, struct book_peer *p, int ret);

/* Reads all notifications there are. */
void book_read(struct book *b);
/* Dumps peers and the kernel's neighbours, and compares. */
void book_check(struct book *b);
/* Waits until every report that is due has come, then none may be owed. */
void book_settle(struct book *b);

#endif
