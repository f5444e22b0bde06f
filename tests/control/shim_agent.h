/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent's end of the shim's protocol, for tests: a listening socket and scripted answers. */
#ifndef SHIM_AGENT_H
#define SHIM_AGENT_H

#include <sys/types.h>

#include "shim_calls.h"

#define SHIM_AGENT_IDS 32

struct shim_agent {
	char dir[32];
	char path[64];	 /* the socket */
	char errors[64]; /* the program's stderr */
	int listen_fd;
	int conn;
	pid_t child;
	const struct calls_version *version; /* of openvpn, which it plays */
	uint32_t last_seq;
	int socks[SHIM_AGENT_IDS];   /* by id: our end; -1: never opened or closed */
	int numbers[SHIM_AGENT_IDS]; /* by id: the descriptor in the program */

	/* the request read last */
	struct shim_hdr h;
	uint8_t body[SHIM_RECORD_MAX];
	int passed; /* descriptor that came with it, or -1 */
};

/* Listens, and starts a program with the shim loaded. listening: 0 to be a daemon that is absent.
 */
void agent_start(struct shim_agent *a, int listening, char *const argv[]);
/* Starts shim_calls with a scenario, and accepts its connection. */
void agent_start_calls(struct shim_agent *a, const char *scenario);
/*
 * Reads the next request, which must be of this type, id and body length, and bring a descriptor if
 * its type does (LINK_NEW may).
 */
void agent_expect(struct shim_agent *a, enum shim_type type, uint32_t id, size_t len);
void agent_answer(struct shim_agent *a, int error, const void *body, size_t len);
/* One record of several; the last is agent_answer(). */
void agent_answer_part(struct shim_agent *a, const void *body, size_t len);
/* OPEN of this id and kind, answered. */
void agent_serve_open(struct shim_agent *a, uint32_t id, enum shim_kind kind, uint32_t family);
void agent_serve_close(struct shim_agent *a, uint32_t id);
/* The next read finds the end of the connection. */
void agent_expect_end(struct shim_agent *a);
/* Dies: the connection and all sockets at once; the listening socket stays. */
void agent_die(struct shim_agent *a);
/* And this goes, too; comes back. */
void agent_leave(struct shim_agent *a);
void agent_return(struct shim_agent *a);
/* The next connection. */
void agent_accept(struct shim_agent *a);
/* An answer that brings a descriptor. */
void agent_answer_fd(struct shim_agent *a, const void *body, size_t len, int fd);
/* The program's exit status must be this. How often text stands in its stderr. */
void agent_wait(struct shim_agent *a, int status);
unsigned int agent_said(struct shim_agent *a, const char *text);
void agent_free(struct shim_agent *a);

#endif
