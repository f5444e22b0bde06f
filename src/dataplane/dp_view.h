/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data plane as openvpn and an operator see it: peers, drops, ports, lcores, buffers. Agent
 * thread.
 */
#ifndef DP_VIEW_H
#define DP_VIEW_H

#include "dataplane/dp.h"

struct dp_key_info {
	bool present;
	uint8_t key_id;
	enum aead_alg alg;
	bool transmits; /* it is the key that encrypts now */
	uint64_t age_ms;
	uint64_t tx_ids;	       /* packet ids used */
	uint64_t rx_top;	       /* highest packet id received */
	uint64_t failed;	       /* failed decryptions */
	uint64_t tx_blocks, rx_blocks; /* of 16 bytes */
	enum key_wear wear;
};

struct dp_peer_info {
	uint32_t id;
	uint32_t tx_id; /* in packets to it: what it calls us */
	bool gone;	/* a tombstone: only id, why and counters hold */
	enum dp_gone why;
	bool owed; /* gone, and openvpn may not have had its last counters yet */
	struct udp_addr remote, local;
	struct ip_addr vpn4, vpn6;
	uint8_t mac[DP_MAC_LEN]; /* its neighbour entry on the instance's device */
	bool has_path;
	uint32_t interval, timeout; /* keepalive, seconds */
	uint64_t floats;	    /* that were done */
	uint64_t rx_ago_ms, tx_ago_ms;
	/* inner packets delivered and taken; UDP payload bytes of authenticated data packets */
	uint64_t vpn_rx_packets, vpn_rx_bytes, vpn_tx_packets, vpn_tx_bytes;
	uint64_t link_rx_packets, link_rx_bytes, link_tx_packets, link_tx_bytes;
	uint64_t link_tx_fragmented; /* of link_tx_packets, how many left in pieces */
	struct dp_key_info key[2];   /* by enum keyslot */
};
/* -ENOENT: no such peer, nor a tombstone of it. */
int dp_peer_get(struct dp *dp, uint32_t iid, uint32_t peer_id, struct dp_peer_info *info);
/* The smallest id >= from that has a peer or a tombstone; DP_NO_PEER: none. */
uint32_t dp_peer_next(struct dp *dp, uint32_t iid, uint32_t from);

unsigned int dp_nb_drops(void);
const char *dp_drop_name(unsigned int reason);	/* "replayed" */
const char *dp_drop_words(unsigned int reason); /* one sentence for an operator */
#define DP_DROPS_MAX 64				/* reasons there may be */
/* Sums of all threads into out[dp_nb_drops()]. */
void dp_drops(struct dp *dp, uint64_t *out);

/* A peer's packet that was dropped last. */
struct dp_last_drop {
	bool any;
	unsigned int reason;
	uint64_t ago_ms;
	uint64_t packet_id;   /* 0: not known */
	struct udp_addr from; /* the outer source; IP_NONE: not known */
};

struct dp_peer_view {
	struct dp_peer_info
		info; /* counters since dp_peer_clear(); of a gone peer all there were */
	uint64_t dropped;
	uint64_t drops[DP_DROPS_MAX]; /* of `dropped`, by reason */
	struct dp_last_drop last;
};
/* One peer, or its tombstone. -ENOENT. */
int dp_peer_view(struct dp *dp, uint32_t iid, uint32_t peer_id, struct dp_peer_view *v);
/*
 * An operator's zero point for dp_peer_view(); what openvpn is told counts on. -ENOENT: no live
 * peer; -ENOMEM.
 */
int dp_peer_clear(struct dp *dp, uint32_t iid, uint32_t peer_id);
/* Live peers of all instances, and how many there may be. */
void dp_peers(const struct dp *dp, uint32_t *nb, uint32_t *max);
/* Live peers of one; 0 if there is no such instance. */
uint32_t dp_instance_peers(struct dp *dp, uint32_t iid);

/* Peers many of whose packets leave in pieces: more than a tenth of a minute's, and 64 or more. */
struct dp_fragmenting {
	uint32_t peers;	  /* now */
	uint64_t notices; /* how often it began with one of them */
};
void dp_fragmenting(const struct dp *dp, struct dp_fragmenting *f);
/* One with which it began since the last call, and how many others did. */
struct dp_fragmenting_news {
	uint32_t iid, peer_id, others;
	struct udp_addr remote;
	uint64_t packets, fragmented; /* of the minute */
	uint32_t path_mtu;	      /* IP bytes */
	uint32_t fits;		      /* bytes of an inner packet that would need no pieces */
	bool mssfix_off;
};
/* False: there is none. */
bool dp_fragmenting_news(struct dp *dp, struct dp_fragmenting_news *news);

struct dp_port_info {
	char name[32];	 /* mirror TAP */
	char ethdev[64]; /* DPDK's name */
	char driver[64];
	uint8_t mac[DP_MAC_LEN];
	bool link_up;
	uint32_t speed_mbps;
	uint16_t mtu, rx_queues, tx_queues;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_missed, rx_nombuf, tx_dropped;
};
unsigned int dp_nb_ports(const struct dp *dp);
void dp_port_info(struct dp *dp, unsigned int port, struct dp_port_info *info);

struct dp_lcore_info {
	unsigned int lcore;
	uint64_t iterations, busy_iterations, sleeps;
	uint64_t cycles, busy_cycles; /* TSC, since start */
	uint64_t rx_packets, rx_bursts;
	uint64_t decap_packets, encap_packets;	/* finished */
	uint64_t control_packets, host_packets; /* punted */
	uint64_t keepalives;			/* received */
	uint64_t fragments_received, fragments_sent;
	uint64_t segments_lowered; /* SYNs whose maximum segment size was lowered, both ways */
	uint32_t crypto_inflight;
	bool stuck; /* has not been quiescent for a second or more */
};
unsigned int dp_nb_workers(const struct dp *dp);
void dp_lcore_info(struct dp *dp, unsigned int worker, struct dp_lcore_info *info);

/* The host I/O thread, between workers and the kernel's devices; a packet of a super-frame is one.
 */
struct dp_host_info {
	uint64_t from_packets, from_reads; /* the kernel, and system calls for them */
	uint64_t to_packets, to_writes;
	uint64_t sleeps;
};
void dp_host_info(struct dp *dp, struct dp_host_info *info);

struct dp_pool_info {
	char name[32];
	uint32_t size, in_use, element_bytes;
};
unsigned int dp_nb_pools(const struct dp *dp);
void dp_pool_info(struct dp *dp, unsigned int i, struct dp_pool_info *info);

/* One of the things that take memory. */
struct dp_memory {
	char name[48];
	bool eal;	   /* EAL's memory (hugepages, or -m without them), else the heap's */
	bool grows;	   /* with peers and keys */
	uint64_t now, max; /* bytes; max: with max-peers peers of two keys each */
};
unsigned int dp_nb_memory(const struct dp *dp);
void dp_memory(struct dp *dp, unsigned int i, struct dp_memory *m);
/* EAL's memory: taken, free, and what it could still get from hugepages. */
void dp_eal_memory(uint64_t *taken, uint64_t *available);

uint64_t dp_tsc_hz(void);

#endif
