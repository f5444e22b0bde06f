/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outside to inside: decap.c read from top to bottom is the way of a packet in. Both functions
 * consume all n packets. Worker only.
 */
#ifndef DECAP_H
#define DECAP_H

#include "dataplane/worker.h"

/* Frames received on a port: punts, drops, or submits them to the AEAD queue. */
void decap_submit(struct worker *w, uint8_t port, struct rte_mbuf **pkts, uint16_t n);
/* Decrypt jobs that are done: delivers their packets. */
void decap_finish(struct worker *w, struct pkt **pkts, uint16_t n);

#endif
