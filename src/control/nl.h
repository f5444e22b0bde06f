/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Netlink bytes, whatever the family: request headers, attributes, acknowledgements, dumps, and the
 * controller "nlctrl" that tells openvpn our families' ids. Pure: bytes in, bytes out.
 *
 * What is read comes from another process and may be anything; nothing here trusts a length.
 */
#ifndef NL_H
#define NL_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#define NL_DATAGRAM_MAX 8192 /* what libnl reads without asking for more */

/* A generic netlink family as nlctrl tells it. */
struct nl_family {
	uint16_t id;
	const char *name;
	uint8_t version;
	uint32_t maxattr;
	const char *group; /* its multicast group; NULL: none */
	uint32_t group_id;
};

/* A request's header. attrs points into the request's bytes. */
struct nl_request {
	struct nlmsghdr hdr;
	uint8_t cmd;
	const uint8_t *attrs;
	size_t attrs_len;
};

/* One datagram on its way to openvpn; holds one message or several. */
struct nl_out {
	size_t len;
	alignas(struct nlmsghdr) uint8_t buf[NL_DATAGRAM_MAX];
};

/*
 * 0; -EBADMSG: too short to know whom to answer; -EINVAL: not one request, but hdr holds enough
 * for nl_put_ack().
 */
int nl_request_read(const void *bytes, size_t len, struct nl_request *r);
bool nl_request_wants_ack(const struct nl_request *r);
bool nl_request_is_dump(const struct nl_request *r);

/*
 * Fills table[0..max] with the attributes of each type, NULL where there is none. Types beyond max
 * are skipped, of several of a type the last counts. -EINVAL: lengths that do not fit.
 */
int nl_attrs_read(const uint8_t *p, size_t len, const struct nlattr **table, unsigned int max);
int nl_nest_read(const struct nlattr *nest, const struct nlattr **table, unsigned int max);
const uint8_t *nl_attr_data(const struct nlattr *a);
size_t nl_attr_len(const struct nlattr *a);
/* False: there is none, or it has another width. */
bool nl_attr_u8(const struct nlattr *a, uint8_t *v);
bool nl_attr_u16(const struct nlattr *a, uint16_t *v);
bool nl_attr_u32(const struct nlattr *a, uint32_t *v);

/*
 * The one place where an error becomes what openvpn sees: 0, or one of -EINVAL, -EEXIST, -ENOENT,
 * -ENOTCONN. ENODEV and ENOMEM in an answer make openvpn exit with all its peers.
 */
int nl_safe_error(int err);

/* Starts a generic netlink message in what is left of o; NULL: it is full. r NULL: notification. */
struct nlmsghdr *nl_msg_begin(struct nl_out *o, const struct nl_request *r, uint16_t type,
	uint16_t flags, uint8_t cmd, uint8_t version);
void nl_msg_end(struct nl_out *o, const struct nlmsghdr *h);
/* Bytes that still fit. */
size_t nl_room(const struct nl_out *o);

/* NLMSG_ERROR with nl_safe_error(err); why: a sentence for openvpn's log, or NULL. */
void nl_put_ack(struct nl_out *o, const struct nl_request *r, int err, const char *why);
void nl_put_done(struct nl_out *o, const struct nl_request *r);

extern const struct nl_family nl_ctrl_family;
const struct nl_family *nl_family_by_id(
	const struct nl_family *const *families, unsigned int n, uint16_t id);
/* Answers CTRL_CMD_GETFAMILY, by name, by id or as a dump (then with its end). 0 or -errno. */
int nl_ctrl_answer(const struct nl_request *r, const struct nl_family *const *families,
	unsigned int n, struct nl_out *o);

#endif
