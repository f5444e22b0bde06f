/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real kernel UDP socket behind one that openvpn believes to have. It lives in the daemon's
 * network namespace, the world of the mirror TAPs, and
 *
 *   - reserves the port, chooses it when openvpn asks for none, and gives bind()'s true errors;
 *   - sends openvpn's control datagrams: the kernel routes them, resolves next hops and fragments;
 *   - receives nothing: what openvpn must read comes from the workers, filtered. A socket filter
 *     drops whatever the kernel delivers to it;
 *   - collects ICMP errors about packets that left from its port, the workers' as well as its own:
 *     they reach the kernel through the mirror TAP, and the kernel looks the socket up by what they
 *     quote. Its error queue becomes readable (EPOLLERR) if openvpn has asked for IP_RECVERR.
 */
#ifndef KSOCK_H
#define KSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "ovpn-dpdk/shim_proto.h"

struct ksock {
	int fd;	    /* -1: none */
	int family; /* AF_INET, AF_INET6 */
	bool bound;
	bool recverr4, recverr6; /* openvpn asked for */
	bool listens;		 /* to errors */
};

#define KSOCK_NONE                                                                                 \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* All return 0 or -errno. */
int ksock_open(struct ksock *k, int family);
void ksock_close(struct ksock *k);
/* a NULL or of family 0: the wildcard address and any port. */
int ksock_bind(struct ksock *k, const struct shim_addr *a);
/* What it is bound to, in the socket's own family. */
int ksock_name(const struct ksock *k, struct shim_addr *a);
/* What the data plane shall claim; v4_too: a dual-stack wildcard. */
int ksock_local(const struct ksock *k, struct udp_addr *local, bool *v4_too);
/* Options that change what leaves are applied, others are openvpn's own and accepted. */
int ksock_setopt(struct ksock *k, const struct shim_opt *o);
/*
 * Sends to d->remote, from d->local if that is given. Never blocks. The error is this datagram's:
 * what is pending about others stays in the error queue.
 */
int ksock_send(struct ksock *k, const struct shim_dgram *d, const void *payload, size_t len);
/* Takes the oldest entry off the error queue. -EAGAIN: it is empty. */
int ksock_error(const struct ksock *k, struct udp_addr *remote, struct shim_error *e);
/* Off: the kernel drops errors itself, and those that wait. On: as openvpn has asked for. */
void ksock_listen(struct ksock *k, bool on);

/* An address of the shim's, mapped IPv4 as IPv4. False: no IP address. */
bool shim_addr_read(const struct shim_addr *s, struct udp_addr *a);
/* Can a socket of that family name this address? */
bool shim_addr_fits(const struct udp_addr *a, int family);
/* For a socket of that family, which it fits: IPv4 on an AF_INET6 socket is written as mapped. */
struct shim_addr shim_addr_write(const struct udp_addr *a, int family);

#endif
