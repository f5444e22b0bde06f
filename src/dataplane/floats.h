/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers that move. A worker sees an authenticated packet that came another way than packets to its
 * peer go, and proposes; the agent decides, and publishes with dp_peer_float().
 *
 * However often a peer moves, or somebody on the path sends copies of its packets from elsewhere,
 * FLOATS_AT_ONCE floats may follow each other and then one every FLOAT_SECONDS. A proposal that
 * was not taken up is repeated once a second.
 */
#ifndef FLOATS_H
#define FLOATS_H

#define FLOATS_AT_ONCE 4
#define FLOAT_SECONDS  2

struct pkt;
struct worker;

/*
 * Worker. The packet is authenticated and its id was fresh, and it came another way, or there is no
 * way to its peer now. Only the newest packet of a key can move its peer: one that was late, or was
 * held back by somebody, says where the peer has been.
 */
void float_propose(struct worker *w, struct pkt *p);

#endif
