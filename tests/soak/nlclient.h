/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stock openvpn asks of its data channel offload, without openvpn: the same sockets, the
 * same netlink messages, in the same order, so that a test can be an openvpn with thousands of
 * peers. A program that uses it runs under `ovpn-dpdkctl run --`, as openvpn does: shim, protocol,
 * agent and data plane are the real ones.
 *
 * Calls return 0 or the negative errno of the answer. What no answer may be (a wrong sequence
 * number, a message that is none, silence) ends the program with a sentence: openvpn would hang or
 * exit. One thread.
 */
#ifndef NLCLIENT_H
#define NLCLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

#define NLC_KEY_MAX  32
#define NLC_TAIL_LEN 8
#define NLC_MAC_LEN  6

struct nlc;
struct nlc_family;

/* The netlink families, each in a file of its own. */
extern const struct nlc_family nlc_ovpn_dco_v2; /* openvpn 2.6 */
extern const struct nlc_family nlc_ovpn;	/* openvpn 2.7 and later */
/* NULL: none of that name. */
const struct nlc_family *nlc_family_by_name(const char *name);
const char *nlc_family_name(const struct nlc_family *f);
/* It has a notification for a peer that moved. */
bool nlc_family_tells_floats(const struct nlc_family *f);

/* --- life, in openvpn's order ------------------------------------------------------------- */

/* Asks for the family with a socket for that alone, and again, as openvpn's option check does. */
int nlc_open(const struct nlc_family *family, struct nlc **out);
/* Makes the device; opens the long-lived socket and joins the group of notifications. */
int nlc_link(struct nlc *c, const char *name, bool many_peers);
/* On the kernel itself, as openvpn does: up, with this address of ours. */
int nlc_link_address(struct nlc *c, const struct ip_addr *a, uint8_t prefix_len);
/* A UDP socket of this family on the wildcard address (IPv6: for both). */
int nlc_udp(struct nlc *c, uint8_t family, uint16_t port);
/* Closes the UDP socket, removes the device, closes the netlink socket: a SIGUSR1. */
int nlc_unlink(struct nlc *c);
/* Forgets everything. What is open is left to the end of the process, as a crash does. */
void nlc_free(struct nlc *c);

/* Readable when a notification waits. -1 without a device. */
int nlc_fd(const struct nlc *c);
/* What openvpn reads control packets from. -1 without one. */
int nlc_udp_fd(const struct nlc *c);

/* --- requests ----------------------------------------------------------------------------- */

struct nlc_peer {
	uint32_t id;
	struct udp_addr remote; /* IP_NONE in an answer: the peer is gone, its counters are not */
	struct ip_addr vpn4, vpn6;
	uint32_t interval, timeout; /* keepalive; in answers */
	uint64_t vpn_rx_bytes, vpn_tx_bytes, link_rx_bytes, link_tx_bytes; /* in answers */
};

enum nlc_slot { NLC_PRIMARY, NLC_SECONDARY };
enum nlc_cipher { NLC_AES_256_GCM, NLC_AES_192_GCM, NLC_AES_128_GCM, NLC_CHACHA20_POLY1305 };

/* Both directions as this side sees them. */
struct nlc_key {
	enum nlc_cipher cipher;
	uint8_t id;
	uint8_t encrypt[NLC_KEY_MAX], encrypt_tail[NLC_TAIL_LEN];
	uint8_t decrypt[NLC_KEY_MAX], decrypt_tail[NLC_TAIL_LEN];
};

unsigned int nlc_key_len(enum nlc_cipher cipher);

/* Family ovpn brings keepalive along, if there is a timeout. */
int nlc_peer_new(struct nlc *c, const struct nlc_peer *p);
int nlc_peer_set(struct nlc *c, uint32_t id, uint32_t interval, uint32_t timeout);
int nlc_peer_del(struct nlc *c, uint32_t id);
int nlc_key_new(struct nlc *c, uint32_t id, enum nlc_slot slot, const struct nlc_key *k);
int nlc_keys_swap(struct nlc *c, uint32_t id);
int nlc_key_del(struct nlc *c, uint32_t id, enum nlc_slot slot);
int nlc_peer_get(struct nlc *c, uint32_t id, struct nlc_peer *p);
/* The id of the key in that slot. -EOPNOTSUPP: the family does not tell. */
int nlc_key_get(struct nlc *c, uint32_t id, enum nlc_slot slot, uint8_t *key_id);
/* Calls each() for every peer of the dump. */
int nlc_dump(struct nlc *c, void (*each)(const struct nlc_peer *p, void *arg), void *arg);

/* Requests answered so far. */
uint64_t nlc_requests(const struct nlc *c);

/* --- what is told unasked ----------------------------------------------------------------- */

enum nlc_gone {
	NLC_GONE_TEARDOWN,
	NLC_GONE_USERSPACE,
	NLC_GONE_EXPIRED,
	NLC_GONE_ERROR,
	NLC_GONE_DISCONNECT,
};

enum nlc_notice_kind { NLC_PEER_GONE, NLC_PEER_FLOAT, NLC_KEY_SWAP };

struct nlc_notice {
	enum nlc_notice_kind kind;
	uint32_t peer_id;
	enum nlc_gone why;	/* GONE */
	struct udp_addr remote; /* FLOAT: from now on */
	uint8_t key_id;		/* KEY_SWAP: the one that wears out */
};

const char *nlc_notice_name(enum nlc_notice_kind kind);
/* The next notification, without waiting. False: none. */
bool nlc_notification(struct nlc *c, struct nlc_notice *n);

/* --- what the kernel says of the device --------------------------------------------------- */

/* Calls each() for every permanent neighbour entry of the device. */
int nlc_neighbours(struct nlc *c,
	void (*each)(const struct ip_addr *a, const uint8_t mac[NLC_MAC_LEN], void *arg),
	void *arg);

#endif
