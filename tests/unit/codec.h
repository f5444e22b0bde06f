/* SPDX-License-Identifier: BSD-3-Clause */
/* What is tested alike of the codec of each netlink family. */
#ifndef CODEC_H
#define CODEC_H

#include "capture.h"
#include "control/dco.h"

/* Reads a datagram as the agent does. 0, or the error. */
int codec_read(const struct dco_family *f, const uint8_t *bytes, size_t len, struct dco_request *q);
/* Captures cut to each shorter length, whatever their headers say. */
void codec_truncated(const struct dco_family *f, const struct capture *c, size_t n);
/*
 * Captures without one of their attributes, which is refused unless a new peer may do without it (a
 * bit for each type), and with an attribute of another length, which always is.
 */
void codec_attributes(
	const struct dco_family *f, const struct capture *c, size_t n, uint32_t optional);
/* Captures with each byte changed, with several changed, and attributes that are nothing at all. */
void codec_hostile(const struct dco_family *f, const struct capture *c, size_t n);

void assert_ip(const struct ip_addr *a, const char *text);
void assert_udp(const struct udp_addr *a, const char *text);

#endif
