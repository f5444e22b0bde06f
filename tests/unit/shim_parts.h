/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim's files but shim.c, which would interpose this program's own calls: the state of an
 * attached process, and the agent's end of its connection. Answers are put there before the request
 * is made, because whoever asks waits for them.
 */
#ifndef SHIM_PARTS_H
#define SHIM_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "shim/shim.h"

/* A copy of these bytes behind which memory ends. It stays until parts_detach(). */
void *at_edge(const void *bytes, size_t len);

/* CMocka's set-up and tear-down: attached, without sockets and devices; no longer. */
int parts_attach(void **state);
int parts_detach(void **state);

/* Answers the nth of the requests to come. fd: to pass, or -1. */
void parts_answer(
	unsigned int nth, enum shim_type type, int error, const void *body, size_t len, int fd);
/* A record of the answer that is not the last. */
void parts_answer_part(unsigned int nth, enum shim_type type, const void *body, size_t len);
/* The next request: its header; its body, len bytes of which are wanted, goes to body. */
struct shim_hdr parts_asked(enum shim_type type, void *body, size_t len);
/* No request waits. */
void parts_not_asked(void);

/* An emulated UDP socket; *agent is the agent's end. */
struct sock *parts_udp(sa_family_t family, int *agent);
/* One that fills the table of sockets. */
void parts_fill_table(void);

#endif
