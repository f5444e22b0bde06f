/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's life: made, started, stopped and freed by main, on the main lcore. */
#ifndef DP_LIFE_H
#define DP_LIFE_H

#include "dataplane/dp.h"

/* AEAD sessions beside the peers' own: of keys that were replaced and wait to be freed. */
#define DP_SESSIONS_SPARE 256

struct dp_port_conf {
	const char *name; /* kernel name of the mirror TAP, and the port's name in `show ports` */
	const char *devargs; /* existing ethdev name, PCI address or vdev devargs */
	uint16_t queues;     /* receive queues; 0: one a worker, as far as the device has them */
	uint16_t rx_desc, tx_desc;
	uint16_t mtu; /* of the port, bytes; 0: 1500 */
};

struct dp_conf {
	const struct dp_port_conf *ports;
	unsigned int nb_ports;
	struct aead *aead;	 /* with one queue a worker */
	unsigned int nb_workers; /* the first so many worker lcores */
	uint32_t max_peers;	 /* all instances together */
	uint32_t replay_window;	 /* ids; see replay.h */
	uint32_t handshake_rate; /* openers a second towards openvpn, all workers; 0: no limit */
	uint32_t mbufs;	   /* receive mbufs of each port; 0: derived from queues and descriptors */
	bool idle_poll;	   /* idle workers poll instead of sleeping */
	uint16_t mssfix;   /* of new instances: see dp_instance_mssfix() */
	uint8_t tos_clear; /* bits of the inner TOS that are not copied outward */
};

/*
 * Is there memory for all that these settings may come to take, in EAL and in the machine? 0, or
 * -ENOMEM after a sentence that says what to change. agent_peer: bytes the agent takes for a peer.
 * Before dp_new().
 */
int dp_fits(const struct dp_conf *conf, size_t agent_peer);
/* Opens the ports and makes pools, rings and workers (one per worker lcore). Main lcore. */
int dp_new(const struct dp_conf *conf, struct dp **out);
/* Launches the workers and the host I/O thread. */
int dp_start(struct dp *dp);
/* Stops and joins them; no packet moves afterwards. */
void dp_stop(struct dp *dp);
/*
 * 0. -EBUSY after log_err(): a crypto device does not give back what it holds, for a second.
 * Nothing is freed then that it may come to read, so the crypto devices must not be freed either:
 * the process ends as it is, or calls again.
 */
int dp_free(struct dp *dp);

#endif
