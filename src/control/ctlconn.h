/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection of ovpn-dpdkctl: reads a line, has ctl.c answer it, writes the answer as fast as
 * the other side takes it, and is done.
 */
#ifndef CTLCONN_H
#define CTLCONN_H

#include <stdbool.h>

#include "control/agent.h"
#include "control/loop.h"

struct ctlconn;

/* Takes fd over in any case. */
int ctlconn_new(struct agent *a, struct loop *l, int fd, struct ctlconn **out);
void ctlconn_free(struct ctlconn *c);
/* Answered, closed, or silent for too long: free it. */
bool ctlconn_ended(const struct ctlconn *c, uint64_t now_ms);

#endif
