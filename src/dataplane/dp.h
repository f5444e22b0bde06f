/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane's face to control; dp_view.h has what operators see, dp_life.h what main does.
 * Verbs mean what the netlink commands mean. All are called by the agent thread unless said
 * otherwise, never block, and return 0 or -errno. A verb returns after publication: what it
 * acknowledges is true. Freeing is deferred behind it.
 *
 * Instance ids are never 0 and never reused within a run of the daemon. Peer ids are openvpn's.
 */
#ifndef DP_H
#define DP_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "crypto/aead.h"
#include "crypto/key.h"
#include "crypto/keyslots.h"

#define DP_MAX_PORTS	  16
#define DP_MAX_INSTANCES  256
#define DP_MAX_TRANSPORTS 256
#define DP_NO_PEER	  0xffffffffu
#define DP_PEER_ID_MAX	  0xfffffeu /* 0xffffff is "undefined" on the wire */
#define DP_TX_ID_MAX	  0xffffffu
#define DP_MAC_LEN	  6

struct dp;

/* --- instances, transports, kernel side ------------------------------------------------- */

enum dp_mode { DP_MODE_P2P = 0, DP_MODE_MP = 1 };

int dp_instance_new(struct dp *dp, enum dp_mode mode, uint32_t *iid);
/* Takes its peers, transports and device along, the peers' memory by and by: dp_go_on(). */
int dp_instance_del(struct dp *dp, uint32_t iid);

/*
 * Frames of the instance go to and come from this TAP (no packet information, non-blocking; if it
 * has IFF_VNET_HDR, super-frames do) with this MAC. fd is the data plane's from here on and is
 * closed when no thread can use it any more.
 */
int dp_instance_device(struct dp *dp, uint32_t iid, int fd, const uint8_t mac[DP_MAC_LEN]);
/* The MTU that the kernel has for the device: TCP through it says no larger segments. -ENOENT. */
int dp_instance_mtu(struct dp *dp, uint32_t iid, uint32_t mtu);
#define DP_MSSFIX_OFF 1 /* TCP segments are left as they are */
/*
 * How large outer packets with a TCP segment of it may be, beside what the path takes: bytes of IP,
 * 0: only the path counts, or DP_MSSFIX_OFF. At first what dp_conf says. -ENOENT.
 */
int dp_instance_mssfix(struct dp *dp, uint32_t iid, uint16_t mssfix);
/* The largest MTU of a device all of whose packets have room in our buffers. */
uint32_t dp_device_mtu_max(const struct dp *dp);
/* The mirror TAP of a port, likewise; it has the port's MAC. */
int dp_port_mirror(struct dp *dp, unsigned int port, int fd);
/* Is there a cable in it? Cheap enough to ask several times a second. */
bool dp_port_link_up(struct dp *dp, unsigned int port);

/*
 * Claims UDP datagrams for a local address and port. The wildcard address stands for every address
 * the ports have, now and later (dp_port_addr_add); v4_too: an IPv6 wildcard takes IPv4 as well.
 * -EADDRINUSE, -ENOSPC.
 */
int dp_transport_add(
	struct dp *dp, uint32_t iid, const struct udp_addr *local, bool v4_too, uint32_t *tid);
int dp_transport_del(struct dp *dp, uint32_t tid);

/*
 * The kernel's addresses of a mirror TAP, mirrored. Adding twice is no error. Without memory they
 * count from a later tick on. -ENOSPC.
 */
int dp_port_addr_add(struct dp *dp, unsigned int port, const struct ip_addr *a);
int dp_port_addr_del(struct dp *dp, unsigned int port, const struct ip_addr *a);

/* --- peers and keys --------------------------------------------------------------------- */

struct dp_peer_conf {
	uint32_t id;
	struct udp_addr remote;
	struct udp_addr
		local; /* source of what we send; family IP_NONE: set later by dp_peer_path */
	struct ip_addr vpn4, vpn6; /* IP_NONE: none */
};

/* Why a peer is gone; the values of ovpn-dco's delete reasons. */
enum dp_gone {
	DP_GONE_TEARDOWN = 0,
	DP_GONE_USERSPACE = 1,
	DP_GONE_EXPIRED = 2,
	DP_GONE_TRANSPORT_ERROR = 3,
	DP_GONE_TRANSPORT_DISCONNECT = 4,
};

/* -EEXIST (MP; in P2P it replaces the peer), -ENOSPC: max-peers reached, -EINVAL, -ENOENT. */
int dp_peer_new(struct dp *dp, uint32_t iid, const struct dp_peer_conf *conf);
/* Seconds; 0 turns one off. A ping after interval without sending; gone after timeout. -ENOENT. */
int dp_peer_set(struct dp *dp, uint32_t iid, uint32_t peer_id, uint32_t interval, uint32_t timeout);
/* The id in what is sent to it, by which the peer knows us; at first its own. -EINVAL, -ENOENT. */
int dp_peer_tx_id(struct dp *dp, uint32_t iid, uint32_t peer_id, uint32_t tx_id);
/* Stops the peer. Its final counters stay readable until the id is used again. -ENOENT. */
int dp_peer_del(struct dp *dp, uint32_t iid, uint32_t peer_id, enum dp_gone why);

/* Where packets to a peer leave: what the kernel's routes and neighbours say. */
struct dp_path {
	unsigned int port;
	struct udp_addr local;	     /* source address and port */
	uint8_t dst_mac[DP_MAC_LEN]; /* next hop */
	uint16_t mtu;		     /* of the path, IP bytes; 0: the port's */
};
/* path NULL: none, drop and count until there is one. -ENOENT. */
int dp_peer_path(struct dp *dp, uint32_t iid, uint32_t peer_id, const struct dp_path *path);
/*
 * The peer is at another address, or reaches another of ours, as DP_EVENT_FLOAT said: packets to it
 * take that path (NULL: none yet) from now on. -EAGAIN: too often, nothing has changed and workers
 * propose again when it may be; -EINVAL: nobody can be there; -ENOENT.
 */
int dp_peer_float(struct dp *dp, uint32_t iid, uint32_t peer_id, const struct udp_addr *remote,
	const struct dp_path *path);

/* Inner prefixes behind peers, beside their own VPN addresses (iroutes): replaces all of them. */
struct dp_route {
	struct ip_addr prefix;
	uint8_t prefix_len;
	uint32_t peer_id;
};
int dp_instance_routes(struct dp *dp, uint32_t iid, const struct dp_route *routes, unsigned int n);

/* -ENOENT: no such peer; -ENOTSUP: no device has the algorithm; -ENOMEM; -EINVAL. */
int dp_key_new(struct dp *dp, uint32_t iid, uint32_t peer_id, enum keyslot slot,
	const struct key_material *m);
int dp_key_swap(struct dp *dp, uint32_t iid, uint32_t peer_id);
int dp_key_del(struct dp *dp, uint32_t iid, uint32_t peer_id, enum keyslot slot);

/*
 * Peers that ended without openvpn asking for it (so *why is never USERSPACE) and that nobody has
 * been told of yet. State, not a queue: an entry stays until it is acknowledged or its id is used
 * again.
 */
uint32_t dp_gone_next(struct dp *dp, uint32_t iid, enum dp_gone *why); /* DP_NO_PEER: none */
void dp_gone_ack(struct dp *dp, uint32_t iid, uint32_t peer_id);
/*
 * Its last counters were shown to openvpn. Twice after the acknowledgement, and they are no longer
 * owed: once may have been in a dump that began before openvpn heard of the end.
 */
void dp_gone_shown(struct dp *dp, uint32_t iid, uint32_t peer_id);

/*
 * Keys that wear out, of which openvpn has not been told and that have no successor. State as
 * above: an entry stays until it is acknowledged, and comes again some minutes later if no key has
 * come.
 */
struct dp_key_worn {
	uint32_t peer_id;
	uint8_t key_id;
	enum key_wear wear;
	bool again; /* openvpn was told of this key before */
};
bool dp_key_worn_next(struct dp *dp, uint32_t iid, struct dp_key_worn *worn);
void dp_key_worn_ack(struct dp *dp, uint32_t iid, uint32_t peer_id);

/* --- what workers tell the agent -------------------------------------------------------- */

enum dp_event_type {
	DP_EVENT_CONTROL, /* an OpenVPN control packet: data, len; for that transport */
	/*
	 * Authenticated data of peer_id, newer than all before, came from remote to local, and that
	 * is not where packets to it go. Once a second until the agent has done something about it.
	 */
	DP_EVENT_FLOAT,
};

struct dp_event {
	enum dp_event_type type;
	uint32_t iid, tid, peer_id;
	struct udp_addr remote, local; /* local: the address it was sent to */
	unsigned int port;
	const uint8_t *data; /* valid until the next call */
	uint16_t len;
};
/* Takes the next record off the workers' rings; false: none. */
bool dp_event_next(struct dp *dp, struct dp_event *ev);
/* Readable (eventfd) when there may be records; read it to clear. */
int dp_event_fd(const struct dp *dp);
/* Before sleeping on the fd. False: records are there, do not sleep. */
bool dp_event_arm(struct dp *dp);

/* Keepalive, expiry, deferred freeing. Every 100 ms or so. */
void dp_tick(struct dp *dp);
/*
 * Some of what a tick began, of what may be freed by now, and of the peers of deleted instances; a
 * few milliseconds at most. True: there is more. In every turn.
 */
bool dp_go_on(struct dp *dp);

#endif
