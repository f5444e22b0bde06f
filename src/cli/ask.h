/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to ovpn-dpdkd over the operator's socket; see control/ctl.h. */
#ifndef ASK_H
#define ASK_H

#include <jansson.h>

/*
 * Sends request and returns the daemon's whole answer ({"ok": true, ...}), a new reference; or
 * NULL after one line on stderr: no daemon, no permission, or the error it answered.
 */
json_t *ask(const char *socket_path, const json_t *request);

#endif
