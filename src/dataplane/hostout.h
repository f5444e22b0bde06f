/* SPDX-License-Identifier: BSD-3-Clause */
/* Host I/O, workers -> kernel: one system call for the packets of a flow that come together. */
#ifndef HOSTOUT_H
#define HOSTOUT_H

#define MIRROR_LEAST 8 /* frames for mirrors in a turn, of each worker, if devices have many */

struct hostio;

/*
 * One burst of every worker: first what is for devices. Who floods the machine itself has what they
 * leave, or MIRROR_LEAST. Returns the frames moved.
 */
unsigned int hostout_turn(struct hostio *h);

#endif
