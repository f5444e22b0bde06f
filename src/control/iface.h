/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One openvpn process's interface: an instance of the data plane, its device, its peers and the
 * ways to them. Turns openvpn's verbs into dp_*() and hostif_*() calls.
 *
 * The data plane must know whether an instance has one peer or many, but a client's control
 * packets flow before its device is asked for: sockets.c then makes a P2P instance early, and
 * replaces it, if the device is asked for in the other mode.
 */
#ifndef IFACE_H
#define IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/dco.h"
#include "control/hostif.h"
#include "control/ways.h"
#include "dataplane/dp.h"

struct iface;

int iface_new(struct dp *dp, struct hostif *h, enum dp_mode mode, struct iface **out);
/* Its device, peers and transports go at once. NULL is ignored. */
void iface_free(struct iface *in);

uint32_t iface_iid(const struct iface *in);
enum dp_mode iface_mode(const struct iface *in);

/* Makes the device in a network namespace. -EEXIST: the name is taken; -EBUSY: it has one. */
int iface_link(struct iface *in, int netns_fd, const char *name);
/*
 * Takes a device back that a daemon before us made: this TAP with this index. tap stays the
 * caller's unless 0 is returned. -ENODEV: it is not such a device.
 */
int iface_adopt(struct iface *in, int netns_fd, int tap, uint32_t ifindex);
/* A descriptor of a new device for its openvpn to keep, once; the caller's from here on. Or -1. */
int iface_take_fd(struct iface *in);
/* The device shall outlive the instance, for its openvpn, which keeps a descriptor. */
void iface_leave(struct iface *in);
/* 0: no device. */
uint32_t iface_ifindex(const struct iface *in);
/* "": no device. */
const char *iface_name(const struct iface *in);

/*
 * The socket by which openvpn reaches a new peer, and our address: family IP_NONE leaves the choice
 * to the kernel's routes, the port counts in any case.
 */
struct iface_socket {
	struct udp_addr local;
	uint32_t tid;
};
/*
 * Does what a request other than a GET asks; by: for a new peer only. 0, or -errno with a sentence
 * in *why. NEW_KEY never fails: a peer whose key cannot be installed is ended instead.
 */
int iface_do(struct iface *in, const struct dco_request *q, const struct iface_socket *by,
	const char **why);

/* A peer that ended and that openvpn must be told of. */
bool iface_gone(struct iface *in, uint32_t *peer_id, enum dp_gone *why);
/* The reason to give, so that openvpn acts on it. */
enum dp_gone iface_gone_reason(const struct iface *in, enum dp_gone why);
/* openvpn was told: its traces here go. */
void iface_gone_told(struct iface *in, uint32_t peer_id, enum dp_gone why);

/* A worker proposes a float: 0 or -errno of ways_float(). Says so in the log. */
int iface_float(struct iface *in, const struct dp_event *ev);
/* The ways to its peers, and where they are. */
struct ways *iface_ways(struct iface *in);
const struct places *iface_places(const struct iface *in);

/* Bytes that one peer takes here. */
size_t iface_peer_bytes(void);

#endif
