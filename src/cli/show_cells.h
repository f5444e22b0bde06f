/* SPDX-License-Identifier: BSD-3-Clause */
/* One cell of a table out of one row of the daemon's JSON; "-" for what is not there. */
#ifndef SHOW_CELLS_H
#define SHOW_CELLS_H

#include <jansson.h>

#include "table.h"

#define SHOW_CELL_MAX 512

typedef void show_cell(const json_t *row, const char *key, char *buf);

struct show_column {
	struct table_column column;
	const char *key; /* NULL: the cell knows */
	show_cell *cell;
};

show_cell cell_text;
show_cell cell_number;
show_cell cell_bytes;
show_cell cell_seconds;
show_cell cell_decimal; /* one digit behind the point */
show_cell cell_rounded;
show_cell cell_list; /* strings, with blanks between */

show_cell cell_peer_id;
show_cell cell_peer_state;
show_cell cell_vpn_addresses;
show_cell cell_keepalive;
show_cell cell_tx_key;
show_cell cell_counting;
show_cell cell_link;
show_cell cell_queues;
show_cell cell_lcore_state;
show_cell cell_pool_percent;

#endif
