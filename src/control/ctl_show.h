/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `show` answers, one function per word: a JSON value, or NULL with a sentence in ask->error,
 * or NULL without one: out of memory. Rates and times are numbers in the unit their name says;
 * counters are exact. Key bytes are in nothing that the agent can read.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "control/agent.h"

/*
 * One answer looks at no more peers than this, so that openvpn never waits long behind an
 * operator; the client asks again from where it stopped.
 */
#define CTL_PEERS_PAGE 256

struct ctl_cursor {
	uint32_t iid, peer_id;
};

struct ctl_ask {
	struct agent *agent;
	const char *instance; /* device name; NULL: all */
	int64_t peer;	      /* -1: all */
	bool all;	      /* also what is gone, also what is zero */
	bool continued;	      /* a page behind the first: begins at from */
	struct ctl_cursor from;
	bool more; /* out: there is more, from this on */
	struct ctl_cursor next;
	const char
		*after;	 /* the same for what is no peer, in a word of its own; NULL: first page */
	char resume[96]; /* out: its next */
	char error[256]; /* out */
};

/* Text from other programs, which may be no UTF-8; '?' for each byte that is not ASCII then. */
json_t *ctl_json_text(const char *text);
json_t *ctl_json_ip(const struct ip_addr *a);	/* null for IP_NONE */
json_t *ctl_json_udp(const struct udp_addr *a); /* null without an address */
json_t *ctl_json_mac(const uint8_t mac[DP_MAC_LEN]);

/* Appends and steals item; the list, or NULL (and no list any more) when memory ran out. */
json_t *ctl_json_append(json_t *list, json_t *item);
/* One reason as `show drops` has it. */
json_t *ctl_json_drop(const char *name, uint64_t count, const char *words);

/* Everything `show drops` counts. */
uint64_t ctl_total_drops(struct agent *a);

/*
 * Calls visit() for each peer and each tombstone that the request means, one page of them; says in
 * ask whether there is more. False: visit() said so, or out of memory.
 */
bool ctl_each_peer(struct ctl_ask *ask,
	bool (*visit)(void *arg, const struct agent_instance_info *in, uint32_t id), void *arg);

/* A sorted list (free() it) and how many; NULL: out of memory. Ids are never used again. */
unsigned int ctl_instances(struct agent *a, struct agent_instance_info **out);
/* Writes into ask->error that none of these n has the device that was asked for. */
void ctl_say_which(struct ctl_ask *ask, const struct agent_instance_info *in, unsigned int n);

json_t *ctl_show_peers(struct ctl_ask *ask);
json_t *ctl_show_routes(struct ctl_ask *ask);
json_t *ctl_show_neighbours(struct ctl_ask *ask);
json_t *ctl_show_stats(struct ctl_ask *ask);
json_t *ctl_show_drops(struct ctl_ask *ask);
json_t *ctl_show_ports(struct ctl_ask *ask);
json_t *ctl_show_lcores(struct ctl_ask *ask);
json_t *ctl_show_crypto(struct ctl_ask *ask);
json_t *ctl_show_instances(struct ctl_ask *ask);
json_t *ctl_show_pools(struct ctl_ask *ask);
json_t *ctl_show_memory(struct ctl_ask *ask);

#endif
