/* SPDX-License-Identifier: BSD-3-Clause */
/* `ovpn-dpdkctl run`: starts a program, openvpn above all, with the shim loaded into it. */
#ifndef RUN_H
#define RUN_H

/*
 * argv[0] is the word "run". Replaces the process; it returns only when it cannot, with an exit
 * status of exit_status.h after a sentence on stderr, or the usage.
 */
int run_main(int argc, char **argv);

#endif
