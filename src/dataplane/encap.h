/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside to outside: encap.c read from top to bottom is the way of a packet out. Both functions
 * consume all n packets. Worker only.
 */
#ifndef ENCAP_H
#define ENCAP_H

#include "dataplane/worker.h"

/* Packets from the host_in and inject rings (pkt.kind): sends frames, encrypts the rest. */
void encap_submit(struct worker *w, struct rte_mbuf **pkts, uint16_t n);
/* Encrypt jobs that are done: puts the outer headers in front and sends. */
void encap_finish(struct worker *w, struct pkt **pkts, uint16_t n);

#endif
