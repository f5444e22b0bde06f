/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that move, and what openvpn sees of that: on an agent's rig, at 192.0.2.N, port 5000 + N.
 */
#ifndef MOVED_H
#define MOVED_H

#include "agent_rig.h"

#define HOME  7 /* N where the peer connects from */
#define MOVED 8

/* Our address. */
extern const struct ip_addr first;

struct udp_addr from(uint8_t n);
/* Our address, and openvpn's port. */
struct udp_addr to(const struct ip_addr *ip);
/* Makes N of 7 to 9 known to the kernel. */
void neighbours(void);
/* Does the data plane send to the peer there? */
bool is_at(const struct rig *rig, const struct shim *s, uint32_t id, uint8_t n);
/* A worker says that it has heard the peer there. */
void float_to(struct rig *rig, const struct shim *s, uint32_t id, uint8_t n);
/* A control packet from there to here arrives; whom openvpn takes it for, and for which of ours. */
uint8_t name_of(struct rig *rig, struct shim *s, int udp, uint8_t n, const struct ip_addr *here,
	uint8_t *ours);
uint8_t name(struct rig *rig, struct shim *s, int udp, uint8_t n);
/* openvpn writes; where the next of its datagrams goes, and the last byte of its source. */
void write_to(int udp, uint8_t n);
uint8_t sent_to(struct rig *rig, uint8_t *source);
uint8_t goes_to(struct rig *rig, int udp, uint8_t n);

#endif
