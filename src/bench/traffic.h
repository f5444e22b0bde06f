/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane over real ports: inner packets are offered as fast as the worker takes them, and what
 * arrives is decapsulated, compared (loop) and thrown away. There are no phases: what is measured
 * is what a wire would see.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

/* The lcore's function; arg: struct lane. */
int traffic_main(void *arg);

#endif
