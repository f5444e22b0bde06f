/* SPDX-License-Identifier: BSD-3-Clause */
/* -i: a prompt as dpdk-testpmd has it. Main thread. */
#ifndef PROMPT_H
#define PROMPT_H

#include "bench/bench.h"

/* Reads commands from stdin until quit or its end. 0, or -errno after log_err(). */
int prompt_run(const struct bench_conf *conf);

#endif
