/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listening Unix socket and who may come in: root, and members of one group if one is named.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control/loop.h"

struct gate {
	struct source src; /* the caller puts it into a loop; its fd is the listening socket */
	int lock;	   /* on PATH.lock while we live: of two daemons that start at once, one */
	struct sockaddr_un addr;
	bool has_group;
	gid_t gid;
	dev_t dev; /* which file is ours: somebody may have replaced it */
	ino_t ino;
	struct log_limit refused;
};

#define GATE_NONE                                                                                  \
	{                                                                                          \
		.src = SOURCE_NONE, .lock = -1                                                     \
	}

/*
 * Makes directories (0755), removes the socket of a daemon that is gone, listens on path with mode
 * 0600, or 0660 for group. type: SOCK_SEQPACKET or SOCK_STREAM. Returns the descriptor, or -errno
 * after a log line: -EADDRINUSE: a daemon answers there.
 */
int gate_listen(struct gate *g, const char *path, int type, const char *group);
/* A connection whose owner may come in; -EAGAIN: none waits; -EPERM: one was sent away. */
int gate_accept(struct gate *g);
/* Removes the socket's file, if it is still ours, and the lock. The loop closes the descriptor. */
void gate_remove(struct gate *g);

#endif
