/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network namespaces in which we have devices: one pair of rtnetlink sockets each, shared by all
 * devices in it. The agent thread is in another namespace only between enter and leave.
 */
#ifndef HOSTIF_NS_H
#define HOSTIF_NS_H

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "control/pace.h"
#include "control/rtnl.h"

struct hostif_device;

struct hostif_ns {
	LIST_ENTRY(hostif_ns) link;
	dev_t dev; /* with ino: which namespace */
	ino_t ino;
	unsigned int users;
	struct rtnl *rtnl;
	struct rtnl_events *events;
	bool lost;	  /* events were; nothing is known until a resynchronisation */
	struct pace pace; /* of resynchronisations */
	LIST_HEAD(, hostif_device) devices;
};

struct hostif_ns_list {
	int home_fd; /* the daemon's own namespace */
	LIST_HEAD(, hostif_ns) all;
};

int hostif_ns_list_init(struct hostif_ns_list *l);
void hostif_ns_list_fini(struct hostif_ns_list *l);

/* The namespace behind netns_fd with one user more. *made: it was not in the list before. */
int hostif_ns_get(struct hostif_ns_list *l, int netns_fd, struct hostif_ns **out, bool *made);
/* One user less; without users its sockets close and it is gone. */
void hostif_ns_put(struct hostif_ns *ns);

/*
 * Brings the thread into a namespace, and back. Coming back cannot fail: a thread that is lost in
 * another's namespace would harm both, so the process aborts instead.
 */
int hostif_ns_enter(int netns_fd);
void hostif_ns_leave(const struct hostif_ns_list *l);

#endif
