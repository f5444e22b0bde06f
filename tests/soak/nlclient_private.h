/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of nlclient: the client, what a netlink family must be able to say. */
#ifndef NLCLIENT_PRIVATE_H
#define NLCLIENT_PRIVATE_H

#include <libmnl/libmnl.h>

#include "nlclient.h"

struct nlc {
	const struct nlc_family *family;
	int genl, udp;
	int news; /* where notifications come; often genl itself */
	uint16_t family_id;
	uint32_t group_id;
	uint32_t seq, pid;
	uint32_t ifindex;
	uint64_t requests;
	uint8_t answer[65536];
};

/* A family's bytes. put_*() write the attributes of one request behind its header. */
struct nlc_family {
	const char *name, *kind; /* kind: of the link */
	uint8_t version;
	uint8_t cmd_peer_new, cmd_peer_set, cmd_peer_del, cmd_peer_get;
	uint8_t cmd_key_new, cmd_key_swap, cmd_key_del;
	uint8_t cmd_key_get; /* 0: it has none */
	bool joins_first; /* the group, before there is a device, and on a socket for that alone */
	bool tells_floats;
	void (*put_peer_new)(
		struct nlmsghdr *h, uint32_t ifindex, const struct nlc_peer *p, int socket);
	void (*put_peer_set)(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, uint32_t interval,
		uint32_t timeout);
	void (*put_peer_del)(struct nlmsghdr *h, uint32_t ifindex, uint32_t id);
	/* of all peers: a dump */
	void (*put_peer_get)(struct nlmsghdr *h, uint32_t ifindex, const uint32_t *id);
	void (*put_key_new)(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot,
		const struct nlc_key *k);
	void (*put_key_swap)(struct nlmsghdr *h, uint32_t ifindex, uint32_t id);
	void (*put_key_del)(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot);
	/* One message of an answer. False: none of a peer of that device. */
	bool (*read_peer)(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_peer *p);
	/* An answer to cmd_key_get. False: it is none. */
	bool (*read_key)(const struct nlmsghdr *h, uint32_t ifindex, uint8_t *key_id);
	/* False: no notification of that device. */
	bool (*read_notice)(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_notice *n);
};

/* Ends the program with a sentence. */
void nlc_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A netlink socket as libnl makes it; its port id in *pid. */
int nlc_socket(int protocol, uint32_t *pid);
int nlc_send(int fd, struct nlmsghdr *h);
/* One datagram, the true length first, as libnl does. The errno, negative, if there is none. */
ssize_t nlc_receive(int fd, void *buf, size_t size);

/* A request to be filled, then asked on that socket. */
struct nlc_question {
	struct nlmsghdr *h;
	uint8_t bytes[1024] __attribute__((aligned(4)));
};

struct nlmsghdr *nlc_ask(
	struct nlc *c, struct nlc_question *q, uint16_t type, uint8_t cmd, uint16_t flags);
/* The answer's errno; what comes before the acknowledgement goes through each(). */
int nlc_answer(struct nlc *c, int fd, const struct nlc_question *q,
	void (*each)(struct nlc *c, const struct nlmsghdr *h, void *arg), void *arg);

/* libmnl marks nests as such; openvpn's libnl does not. */
struct nlattr *nlc_nest(struct nlmsghdr *h, uint16_t type);
/* One direction of a key, which both families spell alike; tail: NLC_TAIL_LEN bytes. */
void nlc_key_dir(struct nlmsghdr *h, uint16_t attr, const uint8_t *key, unsigned int len,
	const uint8_t *tail);

/* rtnetlink: the link of the family's kind. */
int nlc_rtnl_link_new(const char *name, const char *kind, bool many_peers);
int nlc_rtnl_link_del(uint32_t ifindex);
int nlc_rtnl_link_up(uint32_t ifindex);

#endif
