/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error queue of an emulated UDP socket: what the agent's real one had on its own, and sends
 * that the kernel refused there, which openvpn hears of at its next send to the same remote.
 */
#ifndef SHIM_ERRQUEUE_H
#define SHIM_ERRQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <ovpn-dpdk/shim_proto.h>

#define ERRQUEUE_MAX 8

struct errqueue {
	unsigned int first, nb;
	struct {
		struct shim_addr remote;
		struct shim_error error;
	} entries[ERRQUEUE_MAX];
	struct shim_addr refused; /* a send to there; family 0: none */
	int refusal;		  /* its errno */
};

/* Takes in what came from the agent. What a read that met it returns: -errno. */
int errqueue_note(
	struct errqueue *q, const struct shim_addr *remote, const struct shim_error *error);
/* 0, or -errno of an earlier send to this remote, once. */
int errqueue_refusal(struct errqueue *q, const struct shim_addr *remote);
/* recvmsg(MSG_ERRQUEUE) on a socket of this family: 0, or -EAGAIN, when it is empty. */
ssize_t errqueue_read(struct errqueue *q, sa_family_t family, struct msghdr *msg);

#endif
