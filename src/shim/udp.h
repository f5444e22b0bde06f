/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets of openvpn, as shim.c calls them, and their addresses. */
#ifndef SHIM_UDP_H
#define SHIM_UDP_H

#include "shim.h"

union udp_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

int udp_socket(int family, int type);
int udp_bind(struct sock *s, const struct sockaddr *addr, socklen_t len);
int udp_name(struct sock *s, struct sockaddr *addr, socklen_t *len);
int udp_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len);
ssize_t udp_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t udp_recv(struct sock *s, struct msghdr *msg, int flags);

/* The address as a socket of this family shows it, IPv4 as mapped; 0: it cannot. */
socklen_t udp_make_address(sa_family_t family, const struct shim_addr *from, union udp_address *a);
/* One control message; MSG_CTRUNC if there is no room. */
void udp_put_control(struct msghdr *msg, int level, int type, const void *data, size_t len);

#endif
