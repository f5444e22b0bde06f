/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2 /* blanks between columns */

struct table {
	const struct table_column *columns;
	unsigned int nb_columns;
	char **cells; /* row by row */
	size_t nb_rows, room;
};

struct table *table_new(const struct table_column *columns, unsigned int nb_columns)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->columns = columns;
	t->nb_columns = nb_columns;
	return t;
}

static char *clean_copy(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return copy;
}

bool table_add(struct table *t, const char *const *cells)
{
	char **row;

	if (t->nb_rows == t->room) {
		size_t room = t->room == 0 ? 16 : t->room * 2;
		char **grown = reallocarray(t->cells, room * t->nb_columns, sizeof(*grown));

		if (grown == NULL)
			return false;
		t->cells = grown;
		t->room = room;
	}
	row = t->cells + t->nb_rows * t->nb_columns;
	for (unsigned int i = 0; i < t->nb_columns; i++) {
		row[i] = clean_copy(cells[i]);
		if (row[i] == NULL) {
			while (i-- > 0)
				free(row[i]);
			return false;
		}
	}
	t->nb_rows++;
	return true;
}

static int width(const struct table *t, unsigned int column)
{
	size_t w = t->columns[column].header != NULL ? strlen(t->columns[column].header) : 0;

	for (size_t i = 0; i < t->nb_rows; i++) {
		size_t len = strlen(t->cells[i * t->nb_columns + column]);

		w = len > w ? len : w;
	}
	return (int)w;
}

/* No blanks behind the last cell: lines must be easy to cut and compare. */
static void print_cell(const struct table *t, unsigned int i, const char *text, int w, FILE *out)
{
	bool last = i + 1 == t->nb_columns;

	if (t->columns[i].right)
		fprintf(out, "%*s", w, text);
	else if (last)
		fputs(text, out);
	else
		fprintf(out, "%-*s", w, text);
	fprintf(out, "%*s", last ? 0 : GAP, "");
	if (last)
		putc('\n', out);
}

void table_print(const struct table *t, FILE *out)
{
	int *widths = calloc(t->nb_columns, sizeof(*widths));

	/* Without memory for alignment, unaligned is better than nothing. */
	for (unsigned int i = 0; widths != NULL && i < t->nb_columns; i++)
		widths[i] = width(t, i);
	for (unsigned int i = 0; i < t->nb_columns && t->columns[0].header != NULL; i++)
		print_cell(t, i, t->columns[i].header, widths != NULL ? widths[i] : 0, out);
	for (size_t row = 0; row < t->nb_rows; row++)
		for (unsigned int i = 0; i < t->nb_columns; i++)
			print_cell(t, i, t->cells[row * t->nb_columns + i],
				widths != NULL ? widths[i] : 0, out);
	free(widths);
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nb_rows * t->nb_columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

const char *table_bytes(uint64_t bytes, char buf[TABLE_NUMBER_LEN])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	if (bytes < 1024) {
		snprintf(buf, TABLE_NUMBER_LEN, "%u B", (unsigned int)bytes);
		return buf;
	}
	/* 1023.95 and more would be printed as 1024.0. */
	while (value >= 1023.95 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, TABLE_NUMBER_LEN, "%.1f %s", value, units[unit]);
	return buf;
}

const char *table_seconds(double seconds, char buf[TABLE_NUMBER_LEN])
{
	unsigned long long s = seconds < 1e15 ? (unsigned long long)seconds : 1000000000000000ull;

	if (seconds < 9.95)
		snprintf(buf, TABLE_NUMBER_LEN, "%.1fs", seconds);
	else if (s < 60)
		snprintf(buf, TABLE_NUMBER_LEN, "%llus", s);
	else if (s < 3600)
		snprintf(buf, TABLE_NUMBER_LEN, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TABLE_NUMBER_LEN, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, TABLE_NUMBER_LEN, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}
