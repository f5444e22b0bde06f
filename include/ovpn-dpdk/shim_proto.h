/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records between libovpn-dpdk-shim.so (inside openvpn) and the control agent of ovpn-dpdkd.
 *
 * One SOCK_SEQPACKET connection per openvpn process carries requests and replies in order: each
 * request is answered by one record with the same seq, a netlink request by one or more, the last
 * with SHIM_LAST; LINK_LEAVE is not answered. Everything else is a socketpair whose agent end is
 * passed over that connection in OPEN, known by an id that is never used twice:
 *
 *   GENL   agent -> shim: one netlink notification per datagram. Nothing the other way.
 *   UDP    both ways: struct shim_dgram followed by 1..SHIM_DGRAM_MAX bytes of UDP payload;
 *          agent -> shim also: struct shim_dgram followed by struct shim_error.
 *
 * The two sides are upgraded apart: HELLO carries the version, and both refuse another one.
 * Integers are in host byte order unless marked; both sides are on one machine.
 */
#ifndef OVPN_DPDK_SHIM_PROTO_H
#define OVPN_DPDK_SHIM_PROTO_H

#include <stdint.h>

#define SHIM_VERSION	 3u
#define SHIM_MAGIC	 0x6f76u /* "ov" */
#define SHIM_SOCKET	 "/run/ovpn-dpdk/dco.sock"
#define SHIM_SOCKET_ENV	 "OVPN_DPDK_SOCKET"
#define SHIM_RECORD_MAX	 32768 /* header and body of one record */
#define SHIM_DGRAM_MAX	 65507
#define SHIM_RPC_TIMEOUT 10	     /* seconds the shim waits for an answer */
#define SHIM_GROUPS	 0x6f760000u /* multicast groups of our families: this | family id */

enum shim_type {
	SHIM_HELLO = 1, /* body shim_hello; + fd of /proc/self/ns/net */
	SHIM_OPEN,	/* body shim_open; + agent's end of the socketpair */
	SHIM_CLOSE,	/* no body */
	SHIM_BIND,	/* body shim_addr; reply body shim_addr: what it was bound to */
	SHIM_GETNAME,	/* no body; reply body shim_addr */
	SHIM_SETOPT,	/* body shim_opt */
	SHIM_NETLINK,	/* body one generic netlink datagram; reply bodies: netlink datagrams */
	SHIM_LINK_NEW,	/* body shim_link; reply the same with ifindex + fd of the device, see below
			 */
	SHIM_LINK_DEL,	/* body shim_link with ifindex */
	/*
	 * Body shim_link with ifindex; no answer. This connection ends, the device shall not: its
	 * descriptor is kept. A daemon that does not know this ends the connection, as without it.
	 */
	SHIM_LINK_LEAVE,
};

#define SHIM_LAST 1u /* flags: the last record of a reply */

struct shim_hdr {
	uint16_t magic;
	uint16_t type; /* enum shim_type; a reply has its request's */
	uint16_t flags;
	uint16_t pad;
	uint32_t seq;
	uint32_t id;   /* the socket; 0: none */
	int32_t error; /* replies: 0 or -errno; with an error the body may be a sentence (text) */
	uint32_t len;  /* of the body that follows, bytes */
};

struct shim_hello {
	uint32_t version;
	uint32_t pid; /* for log lines only: --daemon forks after HELLO */
	char program[32];
};

enum shim_kind { SHIM_KIND_GENL = 1, SHIM_KIND_UDP = 2 };

struct shim_open {
	uint32_t kind;	 /* enum shim_kind */
	uint32_t family; /* AF_INET, AF_INET6 for UDP */
	int32_t fd;	 /* its number in openvpn; NEW_PEER names sockets so */
};

struct shim_addr {
	uint16_t family; /* AF_INET, AF_INET6; 0: none */
	uint16_t port;	 /* network byte order */
	uint32_t scope;
	uint8_t ip[16]; /* network byte order; IPv4 in the first 4 */
};

struct shim_opt {
	int32_t level, name;
	uint32_t len;
	uint8_t value[64];
};

/*
 * The device lives as long as a descriptor of it is open anywhere: the shim keeps the one that came
 * with the answer until it removes the device, so addresses and routes survive the daemon. To the
 * next daemon it sends LINK_NEW with ifindex and that descriptor: take this device back.
 */
struct shim_link {
	char name[16];
	uint8_t mode; /* 0 P2P, 1 MP */
	uint8_t pad[3];
	uint32_t ifindex;
	char kind[16]; /* "ovpn-dco", "ovpn" */
};

enum shim_content { SHIM_PAYLOAD = 0, SHIM_ERROR = 1 };

struct shim_dgram {
	struct shim_addr remote; /* of an error: where the datagram was to go */
	struct shim_addr
		local;	  /* to openvpn: where it arrived; from openvpn: source, or family 0 */
	uint32_t ifindex; /* of local; 0: none */
	uint32_t content; /* enum shim_content */
};

/*
 * What the kernel's socket has on its error queue, as struct sock_extended_err; SO_EE_ORIGIN_NONE:
 * not from there, the kernel refused to send.
 */
struct shim_error {
	int32_t error; /* a positive errno */
	uint8_t origin, type, code;
	uint8_t pad;
	uint32_t info; /* of EMSGSIZE: the MTU */
	struct shim_addr offender;
};

#endif
