/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The netlink requests of one openvpn process: which family they are of, who does what they ask,
 * and their answers.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "control/conn.h"
#include "control/dump.h"
#include "control/sockets.h"

struct requests {
	struct conn *conn;
	struct sockets *sockets;
	struct dp *dp;
	struct dump dump; /* under way; the requests behind it wait */
};

/* One record of the shim: one generic netlink datagram. It is answered, now or by going on. */
void requests_answer(struct requests *rq, const struct shim_hdr *h, const uint8_t *body);
/* The connection has room again. */
void requests_go_on(struct requests *rq);
/* An answer is under way, and the next request must wait for its end. */
bool requests_busy(const struct requests *rq);

#endif
