/* SPDX-License-Identifier: BSD-3-Clause */
/* Host I/O, workers -> kernel: one system call for the packets of a flow that come together. */
#ifndef HOSTOUT_H
#define HOSTOUT_H

struct hostio;

/* One burst of every worker. Returns the frames moved. */
unsigned int hostout_turn(struct hostio *h);

#endif
