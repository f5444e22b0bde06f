/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of the kernel side: a mirror TAP or an instance's device. Made and ended by the agent,
 * read by workers and the host I/O thread under QSBR; its fd is closed after quiescence.
 */
#ifndef HOSTDEV_H
#define HOSTDEV_H

#include "dataplane/super.h"

struct hostio;

struct hostdev {
	int fd;
	uint32_t iid; /* of the instance whose device it is; 0: a mirror TAP */
	uint8_t port; /* of the mirror TAP */
	uint8_t mac[6];
	bool vnet; /* a struct super_vnet stands before every frame (IFF_VNET_HDR) */

	/* host I/O only */
	bool joins[SUPER_KINDS]; /* super-frames that the kernel takes */
};

/*
 * Agent. Makes fd non-blocking, asks for super-frames if its TAP has offload headers, and watches
 * it. NULL: out of memory or not pollable (errno).
 */
struct hostdev *hostdev_new(
	struct hostio *h, int fd, uint32_t iid, uint8_t port, const uint8_t mac[6]);
/* Agent. No more frames from it; closed and freed after a grace period. NULL is ignored. */
void hostdev_del(struct hostio *h, struct hostdev *d);

#endif
