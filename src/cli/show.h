/* SPDX-License-Identifier: BSD-3-Clause */
/* `ovpn-dpdkctl show` and `clear`: ask the daemon, print its answer as a table or as JSON. */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

struct show_request {
	const char *socket_path;
	const char *what;     /* "peers"; what the daemon calls it */
	const char *instance; /* NULL: all */
	int64_t peer;	      /* -1: all */
	bool all, json;
};

/* The n-th thing that can be shown, for help and abbreviations; NULL: there are not that many. */
const char *show_word(unsigned int n);
/* 0, or an exit status of exit_status.h after a line on stderr. */
int show(const struct show_request *r, FILE *out);
/* `ovpn-dpdkctl clear`: likewise. */
const char *clear_word(unsigned int n);
int clear(const struct show_request *r, const char *what, FILE *out);
/* Prints the daemon's result as a table. False: out of memory. */
bool show_print(const struct show_request *r, const json_t *result, FILE *out);

#endif
