/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of an agent's conversation with shim_calls, each record checked. */
#ifndef SHIM_SERVE_H
#define SHIM_SERVE_H

#include <stdint.h>

#include "shim_agent.h"

void serve_hello(struct shim_agent *a);
/* The question for the family, left unanswered, or answered. */
void expect_family(struct shim_agent *a, uint32_t id);
void serve_family(struct shim_agent *a, uint32_t id);
/* A genl socket that asks for the family. */
void serve_genl(struct shim_agent *a, uint32_t id);
/* HELLO, and the family asked for by a socket that is closed at once. */
void serve_available(struct shim_agent *a);
void serve_bind(struct shim_agent *a, uint32_t id);
void serve_option(struct shim_agent *a, uint32_t id, int level, int name, int value);
/* HELLO, genl socket 1, UDP socket 2. */
void serve_genl_and_udp(struct shim_agent *a);
struct shim_dgram dgram_from(const char *remote, uint16_t port);
void send_dgram(struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text);
void expect_dgram(struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text);

#endif
