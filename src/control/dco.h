/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What openvpn asks of a data channel offload, whichever netlink family it asks in: the codec of
 * each family (dco_v2) reads its bytes into this and writes its answers from dp.h's structs.
 */
#ifndef DCO_H
#define DCO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "crypto/key.h"
#include "crypto/keyslots.h"

enum dco_verb {
	DCO_NEW_PEER = 1,
	DCO_SET_PEER,
	DCO_DEL_PEER,
	DCO_NEW_KEY,
	DCO_SWAP_KEYS,
	DCO_DEL_KEY,
	DCO_GET_PEER,
	DCO_DUMP_PEERS,
};

struct dco_new_peer {
	bool has_remote; /* no: the peer is reached by TCP */
	bool has_socket;
	uint32_t socket; /* fd number in openvpn */
	struct udp_addr remote;
	struct ip_addr vpn4, vpn6; /* IP_NONE: none */
	struct ip_addr local;	   /* source openvpn wants (--multihome); IP_NONE: none asked for */
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
		struct {
			uint32_t interval, timeout; /* seconds */
		} keepalive;
		struct dco_key key; /* DCO_NEW_KEY */
		enum keyslot slot;  /* DCO_DEL_KEY */
	};
};

/* Whoever has read a request wipes it: it may hold a key. */
static inline void dco_request_wipe(struct dco_request *q)
{
	explicit_bzero(q, sizeof(*q));
}

#endif
