/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operator's socket: one request per connection. The client sends one JSON object on one line
 * ({"command": "show", "what": "peers"}), the daemon answers one JSON object on one line and
 * closes:
 * {"ok": true, "result": ...} or {"ok": false, "error": "a sentence"}.
 */
#ifndef CTL_H
#define CTL_H

#include <stddef.h>

#define CTL_SOCKET	"/run/ovpn-dpdk/ctl.sock"
#define CTL_SOCKET_ENV	"OVPN_DPDK_CTL_SOCKET"
#define CTL_REQUEST_MAX 4096

struct agent;

/* The answer to a request of len bytes, a malloc()ed line with its newline; NULL: out of memory. */
char *ctl_answer(struct agent *a, const char *request, size_t len);

#endif
