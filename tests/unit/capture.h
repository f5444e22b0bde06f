/* SPDX-License-Identifier: BSD-3-Clause */
/* One recorded netlink datagram of a stock openvpn. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stddef.h>
#include <stdint.h>

struct capture {
	const char *name;
	const uint8_t *bytes;
	size_t len;
};

#endif
