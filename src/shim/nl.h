/* SPDX-License-Identifier: BSD-3-Clause */
/* What genl and rtnl share: reading netlink requests, and the queue of answers. */
#ifndef NL_H
#define NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/netlink.h>

/* Netlink datagrams waiting for recvmsg(): u32 length, bytes, padding. Grows by mremap(). */
struct replies {
	uint8_t *mem;
	size_t size, head, tail;
};

/* The header of the first message, and where its payload starts; NULL: not netlink. */
const uint8_t *nl_request(const struct msghdr *msg, struct nlmsghdr *h);
/* The first attribute of a type in a payload; NULL, of length 0: there is none. */
const void *nl_attr(const uint8_t *p, size_t len, uint16_t type, size_t *attr_len);
/* Is fd the kernel's netlink socket of this protocol? */
bool nl_is(int fd, int protocol);
/* The sender of everything is the kernel; no control data. */
void nl_from_kernel(struct msghdr *msg);
int replies_reserve(struct replies *q, size_t len, uint8_t **room);
void replies_commit(struct replies *q, uint32_t len);
/* Appends an NLMSG_ERROR for a request. */
int replies_error(struct replies *q, const struct nlmsghdr *request, int error);
/* Appends the end of a dump. */
int replies_done(struct replies *q, const struct nlmsghdr *request);
/* As recvmsg() on a netlink socket; -EAGAIN: nothing waits. */
ssize_t replies_recv(struct replies *q, struct msghdr *msg, int flags);
void replies_free(struct replies *q);

#endif
