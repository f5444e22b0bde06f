/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXIT_STATUS_H
#define EXIT_STATUS_H

/* What ovpn-dpdkctl ends with. */
enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,   /* the daemon says no, has nothing of that kind, or the output failed;
			     * check: found a reason */
	EXIT_USAGE = 2,	    /* asked wrongly */
	EXIT_NO_DAEMON = 3, /* none answers, or not to this user */
};

#endif
