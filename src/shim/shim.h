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
 * When the daemon goes, they stay as they are to openvpn, silent, until one is back (away.c).
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
#include <sys/socket.h>
#include <sys/types.h>

#include <ovpn-dpdk/shim_proto.h>

#include "errqueue.h"
#include "nl.h"
#include "real.h"

#define SHIM_SOCKS 64	     /* emulated descriptors at a time */
#define SHIM_LINKS 16	     /* devices of this process at a time */
#define SHIM_IOV   8	     /* most parts of a message */
#define SHIM_OPTS  12	     /* options of one of them that the agent must know of */
#define SHIM_BUF   (1 << 20) /* least socket buffer of an emulated descriptor */

enum attach {
	SHIM_IDLE,    /* never asked for the family: we are not there */
	SHIM_REFUSED, /* asked, and no daemon answered */
	SHIM_ATTACHED,
	SHIM_AWAY,   /* the daemon went; another is waited for */
	SHIM_FAILED, /* in vain: openvpn is ending */
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
	struct errqueue errors; /* udp */
	bool pktinfo;		/* udp: asked for where datagrams arrive */
	bool bound;		/* udp: to wish */
	struct shim_addr wish;
	unsigned int nb_opts;
	struct shim_opt opts[SHIM_OPTS];
};

/* A device that the agent made for us. */
struct kept_link {
	struct shim_link link; /* ifindex 0: a free entry */
	int fd;		       /* keeps it alive without the agent; -1: nothing does */
};

/* Between two daemons. Times are monotonic milliseconds. */
struct away {
	uint64_t since;
	uint64_t deadline; /* 0: not away */
	uint64_t next;	   /* attempt */
	bool sessions;	   /* openvpn had some with the daemon that went */
};

/* An interposer's state cannot hang from an argument. All of it is here. */
struct shim {
	enum attach state;
	bool told_refused;
	int rpc_fd;	       /* while away: a connection whose HELLO is not answered yet */
	struct shim_hdr hello; /* the last HELLO's header */
	int netns_fd;
	int idle[2];	/* a socketpair on which nothing ever happens */
	int owner;	/* pid; a plugin's fork must not use our descriptors */
	bool forking;	/* by daemon(): the child goes on in the parent's place */
	dev_t root_dev; /* the root directory at attaching */
	ino_t root_ino;
	struct away away;
	const struct genl_family *genl; /* that the process asked for last */
	uint32_t last_seq, last_id;
	unsigned int nb_socks; /* in use: 0 keeps the passive case cheap */
	struct sock socks[SHIM_SOCKS];
	struct kept_link links[SHIM_LINKS];
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
/* Puts the idle socket in its place: never readable, always writable. */
void sock_idle(const struct sock *s);
/* Makes it anew with the daemon that is there now, in place. */
int sock_again(struct sock *s);

/* rpc.c: the connection */
#define SHIM_TEXT 512 /* longest sentence, with its end */
/* Connects and says HELLO. Without a daemon one sentence, and -errno. */
int rpc_attach(void);
/* One request with one reply; returns the length of its body. pass: descriptor to pass, or -1. */
int rpc_call(enum shim_type type, uint32_t id, const void *body, size_t len, int pass, void *reply,
	size_t reply_max);
/* LINK_NEW: *fd passes the descriptor of a device to take back (or -1), and gets the answer's. */
int rpc_link(const struct shim_link *wish, int *fd, struct shim_link *made);
/* A netlink request; its answers go to q. */
int rpc_netlink(uint32_t id, const struct msghdr *msg, struct replies *q);
/* The agent has gone. */
void rpc_lost(const char *why);
/*
 * A step towards a daemon that is back; blocks for a moment at most. 0: HELLO was taken, -EAGAIN:
 * nobody there yet, -EACCES: there is, but not for us, -EPROTO: refused, why has its sentence.
 */
int rpc_again(char why[SHIM_TEXT]);
void rpc_disconnect(void);
/* One sentence on stderr, or in syslog if that leads nowhere. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* away.c: from the end of one daemon to the next */
/* No daemon, and one is waited for, in this process. */
bool away(void);
void away_begin(const char *why);
/* How much of a time-out (-1: none) openvpn may sleep before away_step() is due. */
int away_sleep(int timeout_ms);
/* Attaches again if it is time and a daemon is there; or gives up. */
void away_step(void);
/* The same until it is decided, or a signal comes. True: attached. */
bool away_wait(void);
/* In the child of a fork: closes what is hidden, so that openvpn's end is noticed. */
void away_forked(void);

/* genl.c */
/* May openvpn serve TCP clients beside others, and will it refuse them one by one? */
bool genl_mixes(void);
/* Is this a process asking for OpenVPN's offload on a socket of the kernel? */
bool genl_asks(int fd, const struct msghdr *msg);
/* Is it one that wants to hear notifications of our families on a socket of the kernel? */
bool genl_joins(int fd, int level, int name, const void *value, socklen_t len);
/* Attaches if need be, and puts an emulated socket in the place of fd. */
int genl_adopt(int fd, struct sock **out);
ssize_t genl_send(struct sock *s, const struct msghdr *msg);
ssize_t genl_recv(struct sock *s, struct msghdr *msg, int flags);
int genl_setsockopt(struct sock *s, int level, int name, const void *value, socklen_t len);
int genl_name(const struct sock *s, struct sockaddr *addr, socklen_t *len);

/* rtnl.c */
/* True: the request concerned our kind of link; *result is sendmsg()'s. */
bool rtnl_send(int fd, const struct msghdr *msg, ssize_t *result);
ssize_t rtnl_recv(struct sock *s, struct msghdr *msg, int flags);
/* Has the daemon that is there now take a device back. */
int rtnl_again(struct kept_link *k);

#endif
