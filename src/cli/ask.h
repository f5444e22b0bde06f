/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to ovpn-dpdkd over the operator's socket; see control/ctl.h. */
#ifndef ASK_H
#define ASK_H

#include <jansson.h>

#include "exit_status.h"

/*
 * Sends request; 0 and the daemon's whole answer ({"ok": true, ...}), a new reference, or an exit
 * status after one line on stderr.
 */
int ask(const char *socket_path, const json_t *request, json_t **answer);

#endif
