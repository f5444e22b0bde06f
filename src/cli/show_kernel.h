/* SPDX-License-Identifier: BSD-3-Clause */
/* `show routes` and `show neighbours`: tables in the manner of `ip route` and `ip neigh`. */
#ifndef SHOW_KERNEL_H
#define SHOW_KERNEL_H

#include "show_cells.h"

#define SHOW_ROUTES_COLUMNS	7
#define SHOW_NEIGHBOURS_COLUMNS 5

extern const struct show_column show_routes[SHOW_ROUTES_COLUMNS];
extern const struct show_column show_neighbours[SHOW_NEIGHBOURS_COLUMNS];

#endif
