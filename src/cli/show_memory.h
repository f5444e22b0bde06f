/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SHOW_MEMORY_H
#define SHOW_MEMORY_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* What takes memory, and what it comes to. False: out of memory. */
bool show_print_memory(const json_t *result, FILE *out);

#endif
