/* SPDX-License-Identifier: BSD-3-Clause */
/* What sockets.c, datagrams.c and notices.c share. */
#ifndef SOCKETS_PRIVATE_H
#define SOCKETS_PRIVATE_H

#include "control/dco.h"
#include "control/ksock.h"
#include "control/recent.h"
#include "control/sockets.h"

struct sock {
	struct source src; /* our end of the socketpair */
	struct sockets *table;
	struct sock *next; /* older */
	uint32_t id;
	enum shim_kind kind;
	int32_t fd_there;		 /* its number in openvpn */
	const struct dco_family *family; /* genl: joined its group of notifications; or NULL */
	bool full;			 /* genl: waits until openvpn has read some */
	struct ksock k;			 /* UDP */
	struct source errors;		 /* UDP: k's descriptor, for its error queue */
	bool deaf;			 /* UDP: to errors, until the next second */
	bool claimed;			 /* UDP: tid holds */
	uint32_t tid;
};

struct sockets {
	struct dp *dp;
	struct hostif *h;
	struct loop *loop;
	struct control_counts *counts;
	struct iface *iface;
	struct sock *newest;
	unsigned int nb;
	unsigned int nb_errors; /* told to openvpn in this second */
	struct recent recent;
	uint8_t dgram[sizeof(struct shim_dgram) + SHIM_DGRAM_MAX];
};

/* Ends it, and what it claimed. */
void sock_free(struct sock *s);
/* The kernel's socket goes; s stays, and is of no use any more. */
void sock_close_kernel(struct sock *s);
/*
 * Binds the kernel's socket and takes what arrives there; a NULL: any address and port. A socket
 * whose bind failed is unusable.
 */
int sock_bind(struct sock *s, const struct shim_addr *a);

/* datagrams.c: openvpn sends; the kernel's socket has errors. */
void datagrams_ready(struct source *src, uint32_t events);
void datagrams_errors_ready(struct source *src, uint32_t events);

/* notices.c: a genl socket can be read or written, and joins or leaves a group (0 or -errno). */
void notices_ready(struct source *src, uint32_t events);
int notices_setopt(struct sock *s, const struct shim_opt *o);

#endif
