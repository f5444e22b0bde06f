/* SPDX-License-Identifier: BSD-3-Clause */
/* `ovpn-dpdkctl run`: starts a program, openvpn above all, with the shim loaded into it. */
#ifndef RUN_H
#define RUN_H

/*
 * argv[0..argc) is what follows the word "run". Replaces the process; it returns only when it
 * cannot, with the exit status: 1 after a sentence on stderr, 2 after the usage.
 */
int run_main(int argc, char **argv);

#endif
