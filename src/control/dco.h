/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What openvpn asks of a data channel offload, and what it is told, whichever netlink family it
 * speaks: the codec of each family (dco_v2, dco_ovpn) reads its bytes into this and writes its own
 * from this and from dp.h's structs. Codecs are pure: bytes <-> structs.
 *
 * A process finds the family it asks for. Nothing about that is remembered: requests bear the
 * family's id, the socket for notifications has joined the family's group, a device is asked for
 * by the family's kind of link.
 */
#ifndef DCO_H
#define DCO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "control/nl.h"
#include "crypto/key.h"
#include "crypto/keyslots.h"
#include "dataplane/dp_view.h"

enum dco_verb {
	DCO_NEW_PEER = 1,
	DCO_SET_PEER,
	DCO_DEL_PEER,
	DCO_NEW_KEY,
	DCO_SWAP_KEYS,
	DCO_DEL_KEY,
	DCO_GET_PEER,
	DCO_DUMP_PEERS,
	DCO_GET_KEY,
};

struct dco_keepalive {
	uint32_t interval, timeout; /* seconds; 0: off */
};

/* What can be set of a peer at any time, and may come with a new one. */
struct dco_peer_set {
	bool has_keepalive, has_tx_id;
	struct dco_keepalive keepalive;
	uint32_t tx_id; /* in packets to it, 24 bits; without it they have the peer's id */
};

struct dco_new_peer {
	bool has_remote; /* no: the peer is reached by TCP */
	bool has_socket;
	uint32_t socket; /* fd number in openvpn */
	struct udp_addr remote;
	struct ip_addr vpn4, vpn6; /* IP_NONE: none */
	struct ip_addr local;	   /* source openvpn wants (--multihome); IP_NONE: none asked for */
	struct dco_peer_set set;
};

struct dco_key {
	enum keyslot slot;
	bool known; /* false: no algorithm of ours, or a length that is not its own */
	struct key_material material;
};

struct dco_request {
	enum dco_verb verb;
	uint32_t ifindex;
	uint32_t peer_id; /* DP_NO_PEER for a dump */
	union {
		struct dco_new_peer new_peer;
		struct dco_peer_set set; /* DCO_SET_PEER */
		struct dco_key key;	 /* DCO_NEW_KEY */
		enum keyslot slot;	 /* DCO_DEL_KEY, DCO_GET_KEY */
	};
};

/* Whoever has read a request wipes it: it may hold a key. */
static inline void dco_request_wipe(struct dco_request *q)
{
	explicit_bzero(q, sizeof(*q));
}

/* What openvpn is told without having asked. */
enum dco_notice_kind {
	DCO_NOTICE_GONE,     /* the peer ended */
	DCO_NOTICE_FLOAT,    /* the peer is somewhere else now */
	DCO_NOTICE_KEY_SWAP, /* the key is nearly used up: openvpn should negotiate another */
};

struct dco_notice {
	enum dco_notice_kind kind;
	uint32_t ifindex, peer_id;
	union {
		enum dp_gone why;	/* GONE */
		struct udp_addr remote; /* FLOAT: its address from now on */
		uint8_t key_id;		/* KEY_SWAP */
	};
};

struct dco_family {
	struct nl_family genl;
	const char *kind; /* of link, in RTM_NEWLINK */

	/*
	 * Reads a request of the family. 0, or -EINVAL (bytes that mean nothing) or -EOPNOTSUPP
	 * (no such command), with a sentence in *why. The caller wipes q in every case.
	 */
	int (*read)(const struct nl_request *r, struct dco_request *q, const char **why);
	/* One peer of an answer, part of a dump or alone. False: no room, put nothing. */
	bool (*put_peer)(struct nl_out *o, const struct nl_request *r, uint32_t ifindex,
		const struct dp_peer_info *peer);
	/* The answer to DCO_GET_KEY, without a byte of the key. NULL: the family does not ask. */
	bool (*put_key)(struct nl_out *o, const struct nl_request *r, const struct dco_request *q,
		const struct dp_key_info *key);
	/* A notification; o is empty before. The bytes put: 0 if the family has none such. */
	size_t (*put_notice)(struct nl_out *o, const struct dco_notice *n);
};

/* NULL: no family of ours has that id, that group of notifications, that kind of link. */
const struct dco_family *dco_family_by_id(uint16_t id);
const struct dco_family *dco_family_by_group(uint32_t group_id);
const struct dco_family *dco_family_by_kind(const char *kind);
/* Answers a request to nlctrl about our families, as nl_ctrl_answer(). */
int dco_ctrl_answer(const struct nl_request *r, struct nl_out *o);

#endif
