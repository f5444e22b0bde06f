/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control agent: the "kernel" that stock openvpn believes it talks to. One thread (the main
 * lcore), one epoll loop; never polls, never blocks on the data plane, answers in milliseconds.
 */
#ifndef AGENT_H
#define AGENT_H

#include "control/counts.h"
#include "dataplane/dp.h"

struct agent;
struct ctl_zero;
struct hostif;

struct agent_conf {
	const char *dco_socket; /* where shims connect */
	const char *ctl_socket; /* where ovpn-dpdkctl connects */
	const char *group;	/* may use both sockets beside root; NULL: none */
	struct aead *aead;	/* for `show crypto`; NULL in tests */
};

/* Makes and listens on both sockets. -EADDRINUSE: another daemon answers there. */
int agent_new(const struct agent_conf *conf, struct dp *dp, struct hostif *h, struct agent **out);
/* Runs until SIGTERM or SIGINT (0), or an error of its own (-errno). */
int agent_run(struct agent *a);
/* Ends agent_run() from another thread or a signal handler. */
void agent_stop(struct agent *a);
/* Every instance goes; the sockets are removed. */
void agent_free(struct agent *a);

/* What ctl.c shows. */
struct agent_instance_info {
	uint32_t iid;
	uint32_t pid;	  /* as HELLO gave it: before --daemon forked */
	char program[32]; /* "openvpn" */
	char device[16];  /* kernel name of its device; "" before it asked for one */
	uint32_t ifindex; /* in openvpn's network namespace */
	bool multi_peer;
	uint32_t peers; /* without tombstones */
	unsigned int nb_locals;
	struct udp_addr local[8]; /* its UDP sockets */
};
/* The i-th attached openvpn process; false: there are not that many. */
bool agent_instance_info(struct agent *a, unsigned int i, struct agent_instance_info *info);
/* What the agent dropped. */
const struct control_counts *agent_counts(const struct agent *a);
/* From where operators count; ctl_clear.c fills it. */
struct ctl_zero *agent_zero(struct agent *a);
/* Bytes that the agent takes for a peer, about. */
size_t agent_peer_bytes(void);
struct dp *agent_dp(struct agent *a);
struct aead *agent_aead(struct agent *a);
struct hostif *agent_hostif(struct agent *a);

#endif
