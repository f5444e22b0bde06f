/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One openvpn process: the ordered connection of its shim. Reads requests, does them, answers each
 * in full before it reads the next; a dump is state and goes on as the connection takes it. When
 * the connection ends, everything the process had here goes at once.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "control/agent.h"
#include "control/counts.h"
#include "control/hostif.h"
#include "control/loop.h"

struct client;

struct client_env {
	struct dp *dp;
	struct hostif *h;
	struct loop *loop;
	struct control_counts *counts;
	struct log_limit broken; /* for lines about records that are none */
};

/* Takes fd over in any case. */
int client_new(struct client_env *env, int fd, struct client **out);
void client_free(struct client *c);
/* The connection has ended, or never began to say anything: free it. */
bool client_ended(const struct client *c, uint64_t now_ms);

/* An event of its instance, or of none of its: false. */
bool client_event(struct client *c, const struct dp_event *ev);
/* The kernel's ways may have changed (all), or time has passed (those without one). */
void client_refresh(struct client *c, bool all);
/* Notifications and refreshing, a bounded part. True: more is left to do at once. */
bool client_work(struct client *c);

void client_info(const struct client *c, struct agent_instance_info *info);

#endif
