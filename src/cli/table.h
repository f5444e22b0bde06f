/* SPDX-License-Identifier: BSD-3-Clause */
/* Aligned text tables for terminals, and numbers as people read them. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct table;

struct table_column {
	const char *header; /* all NULL: no header row */
	bool right;	    /* numbers stand right */
};

/* columns must live as long as the table. NULL: out of memory. */
struct table *table_new(const struct table_column *columns, unsigned int nb_columns);
/* Adds a row, copying the cells; what a terminal would obey is replaced. False: out of memory. */
bool table_add(struct table *t, const char *const *cells);
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);

#define TABLE_NUMBER_LEN 24
/* "1023 B", "1.5 KiB", "12 GiB" */
const char *table_bytes(uint64_t bytes, char buf[TABLE_NUMBER_LEN]);
/* "0.4s", "59s", "5m10s", "3h05m", "2d03h" */
const char *table_seconds(double seconds, char buf[TABLE_NUMBER_LEN]);

#endif
