/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The records of one shim's connection: reading them with what they bring along, and answers that
 * wait when the connection is full. Never blocks, whatever the other side does.
 */
#ifndef CONN_H
#define CONN_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/loop.h"
#include "ovpn-dpdk/shim_proto.h"

struct unsent;

struct conn {
	struct source src;
	bool ended; /* by the other side, or because it cannot go on */
	struct unsent *first, **last;
	alignas(8) uint8_t record[SHIM_RECORD_MAX]; /* what was read last; may hold a key */
};

void conn_init(struct conn *c);
void conn_close(struct conn *c, struct loop *l);
/*
 * Reads one record. Its length (0: the other side closed), or -errno. *fd: the descriptor that
 * came with it, the caller's from here on, or -1.
 */
ssize_t conn_receive(struct conn *c, int *fd);
/* Closes a descriptor that came along, without waiting for anything it may be. -1 is ignored. */
void conn_close_foreign(int fd);
/* Is a descriptor that came along a network namespace? Asks nothing of what it may be instead. */
bool conn_is_netns(int fd);
/* Is a descriptor that came along one end of a socketpair, as OPEN promises? */
bool conn_is_socketpair(int fd);
/* Sends an answer to request, or keeps it until conn_flush(). */
void conn_answer(struct conn *c, const struct shim_hdr *request, uint16_t flags, int error,
	const void *body, size_t len);
/* The same, in full and well, with a descriptor; fd stays the caller's. -1: without. */
void conn_answer_fd(
	struct conn *c, const struct shim_hdr *request, const void *body, size_t len, int fd);
/* Sends what waits, as far as there is room. */
void conn_flush(struct conn *c);
/* Answers wait: poll for EPOLLOUT. */
bool conn_is_full(const struct conn *c);

#endif
