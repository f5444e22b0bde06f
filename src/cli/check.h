/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

/*
 * ovpn-dpdkctl check [OPTION...] FILE: prints why that configuration would lose its offload, and
 * what to write instead. Returns the exit status: EXIT_OK if nothing is lost.
 */
int check_main(int argc, char **argv, bool json);

#endif
