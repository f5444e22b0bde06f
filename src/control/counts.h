/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the agent dropped, where a log line for each would be too many.
 */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdint.h>

struct control_counts {
	uint64_t data_refused;	   /* data packets that were about to reach openvpn: a defect */
	uint64_t openvpn_busy;	   /* control packets openvpn did not read in time */
	uint64_t no_transport;	   /* control packets of a socket that is gone */
	uint64_t send_failed;	   /* openvpn's datagrams the kernel refused */
	uint64_t no_family;	   /* control packets whose other end openvpn has no socket for */
	uint64_t datagrams_broken; /* of openvpn: too short, or for no IP address */
	uint64_t floats;	   /* peers' addresses that changed */
	uint64_t floats_refused;   /* proposals of workers: another peer is there, nobody can be */
	uint64_t keys_worn;	   /* keys that wore out before another came */
	uint64_t rekeys_asked;	   /* how often openvpn was asked for another */
};

#endif
