/* SPDX-License-Identifier: BSD-3-Clause */
/* libnl's calls, as shim_calls.c makes them. A call that fails ends the program. */
#ifndef SHIM_CALLS_NL_H
#define SHIM_CALLS_NL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "shim_calls.h"

#define CALLS_FAILED 7 /* no status that the shim may give a program */

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: errno %d\n", __func__, __LINE__, #cond,        \
				errno);                                                            \
			exit(CALLS_FAILED);                                                        \
		}                                                                                  \
	} while (0)

/* A generic netlink socket, still the kernel's. */
int genl_socket(void);
ssize_t nl_send(int fd, const void *request, size_t len);
/* recvmsg(); whatever it returns must come from the kernel's address, without control data. */
ssize_t nl_recv(int fd, void *buf, size_t len, int flags);
/* Reads an acknowledgement as libnl does, the true length first. Returns its error. */
int nl_ack(int fd);
/* The same; it must bear this address. */
int nl_ack_to(int fd, uint32_t pid);
/* Sends CTRL_CMD_GETFAMILY; leaves the answers unread. */
ssize_t ask_family(int fd, const char *family);
/* Which openvpn is played. */
extern const struct calls_version *version;
/* A socket that has asked for its family and read the answers. */
int attached_genl(void);

#endif
