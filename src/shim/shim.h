/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libovpn-dpdk-shim.so: swaps descriptors of a stock openvpn, not semantics.
 *
 * Preloaded, it is passive until the process asks the kernel by generic netlink for one of the
 * families of OpenVPN's data channel offload. From then on the process is attached to ovpn-dpdkd:
 *
 *   genl   the descriptor that asked becomes our end of a socketpair (genl.c)
 *   udp    UDP sockets made by the main executable are socketpairs too (udp.c)
 *   rtnl   rtnetlink sockets stay the kernel's; requests for our kind of link go to the agent
 *
 * openvpn uses these descriptors from one thread, so nothing here locks. No function allocates with
 * malloc. Functions return 0 or a length, or -errno; shim.c turns that into libc's convention.
 */
#ifndef SHIM_H
#define SHIM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include <ovpn-dpdk/shim_proto.h>

#define SHIM_SOCKS 64	     /* emulated descriptors at a time */
#define SHIM_LINKS 16	     /* devices of this process at a time */
#define SHIM_IOV   8	     /* most parts of a message */
#define SHIM_BUF   (1 << 20) /* least socket buffer of an emulated descriptor */

/* libc's own functions. */
struct real {
	int (*socket)(int, int, int);
	int (*close)(int);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	int (*open)(const char *, int, ...);
	int (*open64)(const char *, int, ...);
	FILE *(*fopen)(const char *, const char *);
	FILE *(*fopen64)(const char *, const char *);
	int (*daemon)(int, int);
};

/* Looked up at first use: constructors of other libraries call us before our own would run. */
const struct real *real(void);

enum attach {
	SHIM_IDLE,    /* never asked for the family: we are not there */
	SHIM_REFUSED, /* asked, and no daemon answered */
	SHIM_ATTACHED,
	SHIM_LOST, /* the daemon went away; final */
};

/* Netlink datagrams waiting for recvmsg(): u32 length, bytes, padding. Grows by mremap(). */
struct replies {
	uint8_t *mem;
	size_t size, head, tail;
};

enum sock_kind { KIND_NONE, KIND_GENL, KIND_UDP, KIND_RTNL };

/* One emulated descriptor. KIND_RTNL: only between a request that we took and its ACK. */
struct sock {
	enum sock_kind kind;
	int fd;
	uint32_t id;		/* in the protocol; 0: KIND_RTNL */
	uint32_t nl_pid;	/* genl, rtnl */
	struct replies replies; /* genl, rtnl */
	sa_family_t family;	/* udp */
	bool pktinfo;		/* udp: asked for where datagrams arrive */
};

/* An interposer's state cannot hang from an argument. All of it is here. */
struct shim {
	enum attach state;
	bool told_refused;
	int rpc_fd;
	int idle[2]; /* a socketpair on which nothing ever happens */
	int owner;   /* pid; a plugin's fork shares our descriptors, but must not use them */
	uint32_t last_seq, last_id;
	unsigned int nb_socks; /* in use: 0 keeps the passive case cheap */
	struct sock socks[SHIM_SOCKS];
	uint32_t links[SHIM_LINKS]; /* ifindex of devices that the agent made for us; 0: free */
};

extern struct shim shim;

/* fds.c: the table */
struct sock *sock_find(int fd);
/* A free entry for fd; NULL: the table is full. */
struct sock *sock_new(enum sock_kind kind, int fd);
void sock_free(struct sock *s);
/* Makes a socketpair and OPENs it: our end (O_CLOEXEC) or -errno. *id is its name. */
int sock_pair(enum shim_kind kind, sa_family_t family, int want_fd, uint32_t *id);
int sock_buffer(int fd, int name, const void *value, socklen_t len);
/* An option that the agent must know of. */
int sock_option(struct sock *s, int level, int name, const void *value, socklen_t len);
/* Tells the agent, so that the port is free when close() returns, and forgets the entry. */
void sock_close(struct sock *s);
/* What a read from the agent's socketpair means: n, or -EAGAIN after the agent has gone. */
ssize_t sock_received(ssize_t n, int msg_flags);

/* rpc.c: the connection */
/* Connects and says HELLO. Without a daemon one sentence on stderr, and -errno. */
int rpc_attach(void);
/* One request with one reply; returns the length of its body. pass: descriptor to pass, or -1. */
int rpc_call(enum shim_type type, uint32_t id, const void *body, size_t len, int pass, void *reply,
	size_t reply_max);
/* A netlink request; its answers go to q. */
int rpc_netlink(uint32_t id, const struct msghdr *msg, struct replies *q);
/* The agent has gone: no descriptor may stay readable for ever, and openvpn ends. */
void rpc_lost(const char *why);
/* One sentence on stderr. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* nl.c: netlink requests and the queue of answers */
/* The header of the first message, and where its payload starts; NULL: not netlink. */
const uint8_t *nl_request(const struct msghdr *msg, struct nlmsghdr *h);
/* The first attribute of a type in a payload; NULL: there is none. */
const void *nl_attr(const uint8_t *p, size_t len, uint16_t type, size_t *attr_len);
/* Is fd the kernel's netlink socket of this protocol? */
bool nl_is(int fd, int protocol);
/* The sender of everything is the kernel; no control data. */
void nl_from_kernel(struct msghdr *msg);
int replies_reserve(struct replies *q, size_t len, uint8_t **room);
void replies_commit(struct replies *q, uint32_t len);
/* Appends an NLMSG_ERROR for a request. */
int replies_error(struct replies *q, const struct nlmsghdr *request, int error);
/* As recvmsg() on a netlink socket; -EAGAIN: nothing waits. */
ssize_t replies_recv(struct replies *q, struct msghdr *msg, int flags);
void replies_free(struct replies *q);

/* genl.c */
/* Is this a process asking for OpenVPN's offload on a socket of the kernel? */
bool genl_asks(int fd, const struct msghdr *msg);
/* Attaches if need be, and puts an emulated socket in the place of fd. */
int genl_adopt(int fd, struct sock **out);
ssize_t genl_send(struct sock *s, const struct msghdr *msg);
ssize_t genl_recv(struct sock *s, struct msghdr *msg, int flags);
int genl_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len);
int genl_name(const struct sock *s, struct sockaddr *addr, socklen_t *len);

/* udp.c */
int udp_socket(int family, int type);
int udp_bind(struct sock *s, const struct sockaddr *addr, socklen_t len);
int udp_name(struct sock *s, struct sockaddr *addr, socklen_t *len);
int udp_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len);
ssize_t udp_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t udp_recv(struct sock *s, struct msghdr *msg, int flags);

/* rtnl.c */
/* True: the request concerned our kind of link; *result is sendmsg()'s. */
bool rtnl_send(int fd, const struct msghdr *msg, ssize_t *result);
ssize_t rtnl_recv(struct sock *s, struct msghdr *msg, int flags);

#endif
