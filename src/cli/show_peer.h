/* SPDX-License-Identifier: BSD-3-Clause */
/* What is no list: one peer in full, and the totals. */
#ifndef SHOW_PEER_H
#define SHOW_PEER_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* result: the daemon's list of peers (of each instance that has the id). False: out of memory. */
bool show_print_peer(const json_t *result, FILE *out);
bool show_print_stats(const json_t *result, FILE *out);

#endif
