/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulated sockets of one openvpn process, and the instance they belong to.
 *
 * A UDP socket is a socketpair towards openvpn, a real kernel socket (ksock.h) and, once bound, a
 * transport of the instance. A genl socket is the way of notifications. Ids are the shim's and
 * never come twice; descriptor numbers do, and the newest socket with a number counts.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/counts.h"
#include "control/dco.h"
#include "control/iface.h"
#include "control/loop.h"
#include "ovpn-dpdk/shim_proto.h"

struct sockets;

int sockets_new(struct dp *dp, struct hostif *h, struct loop *l, struct control_counts *counts,
	struct sockets **out);
/* Closes all of them; the instance goes, with its device and peers. */
void sockets_free(struct sockets *t);

/* Requests of the shim. fd is taken over in any case. All return 0 or -errno. */
int sockets_open(struct sockets *t, uint32_t id, const struct shim_open *o, int fd);
int sockets_close(struct sockets *t, uint32_t id);
int sockets_bind(
	struct sockets *t, uint32_t id, const struct shim_addr *a, struct shim_addr *bound);
int sockets_name(struct sockets *t, uint32_t id, struct shim_addr *bound);
int sockets_setopt(struct sockets *t, uint32_t id, const struct shim_opt *o);
bool sockets_has_genl(const struct sockets *t, uint32_t id);
/* An instance of that mode that has no device yet; the bound sockets are its. -EBUSY: it has one.
 */
int sockets_instance(struct sockets *t, enum dp_mode mode);
int sockets_unlink(struct sockets *t, uint32_t ifindex);

/* NULL: none yet. */
struct iface *sockets_iface(const struct sockets *t);
/* The socket that a new peer's request names. -EINVAL: it is no bound UDP socket. */
int sockets_of_peer(struct sockets *t, const struct dco_new_peer *p, struct iface_socket *by);
/* Sends what openvpn has written so far: it says goodbye to a peer before it removes it. */
void sockets_flush(struct sockets *t);
/* A control packet for openvpn. */
void sockets_deliver(struct sockets *t, const struct dp_event *ev, uint32_t ifindex);
/* The netlink family in which openvpn wants to be told things; NULL: in none yet. */
const struct dco_family *sockets_family(const struct sockets *t);
/*
 * Tells openvpn, by a datagram of its own; the notice's ifindex need not be set. -EAGAIN: openvpn
 * does not listen yet, or has not read enough: the caller says it again later (client_work()).
 * -ENOTSUP: its family has no such notification.
 */
int sockets_notice(struct sockets *t, const struct dco_notice *n);
/* Once a second: errors of the sockets are told again, if there were too many. */
void sockets_second(struct sockets *t);
/* Tells openvpn of peers that are gone and of keys that wear out; a bounded number. True: more can
 * be told at once. */
bool sockets_notify(struct sockets *t);
/* Has openvpn read all that it was told? */
bool sockets_notified(const struct sockets *t);
/*
 * Peers whose floats it has read have the names that they have with it now. It reads without a
 * sign: ask before a name matters.
 */
void sockets_settle(struct sockets *t);
/* The addresses of up to n bound UDP sockets; returns how many were written. */
unsigned int sockets_locals(const struct sockets *t, struct udp_addr *out, unsigned int n);

#endif
