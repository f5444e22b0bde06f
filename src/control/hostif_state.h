/* SPDX-License-Identifier: BSD-3-Clause */
/* What hostif.c drives, hostif_events.c tells of events and hostif_view.c looks at. */
#ifndef HOSTIF_STATE_H
#define HOSTIF_STATE_H

#include "control/hostif.h"
#include "control/hostif_device.h"
#include "control/hostif_ns.h"
#include "control/hostif_paths.h"
#include "control/hostif_ports.h"

struct hostif {
	struct dp *dp;
	int epoll_fd;
	int kick_fd; /* an eventfd: there is something to say, though no event comes */
	uint64_t ticks;
	struct hostif_ns_list ns;
	struct hostif_ns *home;
	bool leave; /* devices stay when we end */
	const struct config_instance *settings;
	unsigned int nb_settings;
	struct hostif_ports ports;
	struct hostif_paths paths;
};

void hostif_event(struct hostif *h, struct hostif_ns *ns, const struct nlmsghdr *nlh);

#endif
