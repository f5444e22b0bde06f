/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TAP devices, not persistent: they are gone when their descriptor is closed, so also when the
 * process dies.
 */
#ifndef HOSTIF_TAP_H
#define HOSTIF_TAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes one, down, in the network namespace the thread is in. *fd is non-blocking and carries
 * frames without packet information; offload: with a virtio_net_hdr (IFF_VNET_HDR). -EEXIST:
 * something has that name; -EINVAL: nothing can.
 */
int hostif_tap_new(const char *name, bool offload, int *fd, uint32_t *ifindex);
/*
 * Is a descriptor that came from another process such a TAP, with offload, in that network
 * namespace? 0 and its name there, or -ENODEV. Asks nothing of what it may be instead, and waits
 * for nothing.
 */
int hostif_tap_check(int fd, int netns_fd, char name[16]);

/* The kernel sees a cable in it, or none. 0 or -errno. */
int hostif_tap_carrier(int fd, bool up);

#endif
