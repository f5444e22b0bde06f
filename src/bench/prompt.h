/* SPDX-License-Identifier: BSD-3-Clause */
/* -i: a prompt as dpdk-testpmd has it. Main thread. */
#ifndef PROMPT_H
#define PROMPT_H

#include <signal.h>

#include "bench/bench.h"

/*
 * Reads commands from stdin until quit, its end, or a signal, whose handler sets *interrupted and
 * does not restart read(). -1: a run could not start or had no result, which was told.
 */
int prompt_run(const struct bench_conf *conf, const volatile sig_atomic_t *interrupted);

#endif
