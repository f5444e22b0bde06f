/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control agent: the "kernel" that stock openvpn believes it talks to. One thread (the main
 * lcore), one epoll loop; never polls, never blocks on the data plane, answers in milliseconds.
 */
#ifndef AGENT_H
#define AGENT_H

#include "dataplane/dp.h"

struct agent;
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

#endif
