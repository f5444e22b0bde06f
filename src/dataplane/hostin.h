/* SPDX-License-Identifier: BSD-3-Clause */
/* Host I/O, kernel -> workers: one system call for all segments of a super-frame. */
#ifndef HOSTIN_H
#define HOSTIN_H

#include <stdbool.h>

struct hostio;

/* Reads what epoll shows and has room. Returns the packets moved. */
unsigned int hostin_turn(struct hostio *h);
/* Is there no room with any worker that could take the next packet? */
bool hostin_stalled(const struct hostio *h);

#endif
