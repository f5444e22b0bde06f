/* SPDX-License-Identifier: BSD-3-Clause */
#include "show_memory.h"

#include "base.h"
#include "show_cells.h"
#include "table.h"

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool add(struct table *t, const json_t *row, const char *name, const char *where)
{
	char now[SHOW_CELL_MAX], max[SHOW_CELL_MAX];
	const char *const cells[] = {name, where, now, max};

	cell_bytes(row, "bytes", now);
	cell_bytes(row, "bytes_at_max", max);
	return table_add(t, cells);
}

static bool print_rows(const json_t *result, FILE *out)
{
	const json_t *rows = json_object_get(result, "rows");
	struct table_column columns[] = {
		{"MEMORY", false}, {"WHERE", false}, {"NOW", true}, {"AT MAX-PEERS", true}};
	struct table *t = table_new(columns, ARRAY_LEN(columns));
	bool ok = t != NULL;
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		char name[SHOW_CELL_MAX], where[SHOW_CELL_MAX];

		cell_text(row, "name", name);
		cell_text(row, "where", where);
		ok = ok && add(t, row, name, where);
	}
	ok = ok && add(t, result, "total", "");
	if (ok)
		table_print(t, out);
	table_free(t);
	return ok;
}

bool show_print_memory(const json_t *result, FILE *out)
{
	char text[TABLE_NUMBER_LEN], more[TABLE_NUMBER_LEN];

	if (!print_rows(result, out))
		return false;
	fprintf(out, "\npeers     %llu of %llu, %s each with two keys\n",
		(unsigned long long)number(result, "peers"),
		(unsigned long long)number(result, "max_peers"),
		table_bytes(number(result, "bytes_per_peer"), text));
	fprintf(out, "EAL       %s taken, %s free\n",
		table_bytes(number(result, "eal_taken_bytes"), text),
		table_bytes(number(result, "eal_available_bytes"), more));
	fprintf(out, "resident  %s\n", table_bytes(number(result, "resident_bytes"), text));
	return true;
}
