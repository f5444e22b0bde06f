/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two kinds of rtnetlink sockets, both in the network namespace the thread was in when they were
 * opened: one that asks and waits for the answer (microseconds; a second at the very most), and
 * one that hears of what others change. One thread.
 */
#ifndef RTNL_H
#define RTNL_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

struct rtnl;
struct rtnl_events;

typedef void (*rtnl_cb)(const struct nlmsghdr *nlh, void *arg);

int rtnl_new(struct rtnl **out);
void rtnl_free(struct rtnl *r);

/*
 * Begins a request with the family's fixed header. Attributes follow by mnl_attr_put*(), then one
 * of the three below sends it. It belongs to r and lasts until the next request.
 */
struct nlmsghdr *rtnl_request(
	struct rtnl *r, uint16_t type, uint16_t flags, const void *head, size_t len);
/* Does what was requested: 0 or the kernel's -errno. -ETIMEDOUT: no answer. */
int rtnl_do(struct rtnl *r);
/* Asks for one thing; cb gets the answer. 0 or -errno. */
int rtnl_ask(struct rtnl *r, rtnl_cb cb, void *arg);
/*
 * Asks for all; cb gets each. -EINTR: it changed meanwhile, so cb may have seen too little or too
 * much; dump again.
 */
int rtnl_dump(struct rtnl *r, rtnl_cb cb, void *arg);

/* Hears of links, neighbours, addresses, routes, rules and next hops. */
int rtnl_events_new(struct rtnl_events **out);
void rtnl_events_free(struct rtnl_events *e);
int rtnl_events_fd(const struct rtnl_events *e);
/* Hands one datagram's messages to cb. 1; 0: there is none; -ENOBUFS: some were lost. */
int rtnl_events_next(struct rtnl_events *e, rtnl_cb cb, void *arg);

#endif
