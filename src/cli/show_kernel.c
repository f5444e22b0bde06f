/* SPDX-License-Identifier: BSD-3-Clause */
#include "show_kernel.h"

#include <stdio.h>

/* linux/rtnetlink.h: the tables that `ip` knows by name */
enum { TABLE_DEFAULT = 253, TABLE_MAIN = 254, TABLE_LOCAL = 255 };

static void cell_table(const json_t *row, const char *key, char *buf)
{
	switch (json_integer_value(json_object_get(row, key))) {
	case TABLE_DEFAULT:
		snprintf(buf, SHOW_CELL_MAX, "default");
		break;
	case TABLE_MAIN:
		snprintf(buf, SHOW_CELL_MAX, "main");
		break;
	case TABLE_LOCAL:
		snprintf(buf, SHOW_CELL_MAX, "local");
		break;
	default:
		cell_number(row, key, buf);
	}
}

/* With the word of `ip neigh` for an entry that the kernel keeps confirmed for us. */
static void cell_neighbour_state(const json_t *row, const char *key, char *buf)
{
	(void)key;
	snprintf(buf, SHOW_CELL_MAX, "%s%s",
		json_is_true(json_object_get(row, "managed")) ? "managed " : "",
		json_string_value(json_object_get(row, "state")));
}

const struct show_column show_routes[SHOW_ROUTES_COLUMNS] = {
	{{"INSTANCE", false}, "instance", cell_text},
	{{"PREFIX", false}, "prefix", cell_text},
	{{"PEER", true}, "peer", cell_number},
	{{"VIA", false}, "via", cell_text},
	{{"TABLE", false}, "table", cell_table},
	{{"METRIC", true}, "metric", cell_number},
	{{"SOURCE", false}, "source", cell_text},
};

const struct show_column show_neighbours[SHOW_NEIGHBOURS_COLUMNS] = {
	{{"PORT", false}, "port", cell_text},
	{{"ADDRESS", false}, "address", cell_text},
	{{"MAC", false}, "mac", cell_text},
	{{"STATE", false}, NULL, cell_neighbour_state},
	{{"PEERS", true}, "peers", cell_number},
};
