/* SPDX-License-Identifier: BSD-3-Clause */
/* What test_shim.c (the agent) and shim_calls.c (openvpn) must agree on, byte for byte. */
#ifndef SHIM_CALLS_H
#define SHIM_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <ovpn-dpdk/shim_proto.h>

#define CALLS_NL_SEQ	   0x5e9u
#define CALLS_FAMILY	   29
#define CALLS_GROUP	   (SHIM_GROUPS | 33)
#define CALLS_IFINDEX	   0x7ffffff0 /* no real device */
#define CALLS_DUMP_RECORDS 200	      /* some megabytes */

static const uint8_t calls_family_answer[] = "data message of the family, any bytes";
static const uint8_t calls_notification[] = "peer 7 deleted, reason 2";

/* What an openvpn asks for. Scenarios are played as 2.6 does, or with "2.7:" in front as that. */
struct calls_version {
	const char *family, *kind; /* of link */
	uint8_t new_key, get_peer; /* commands of the family */
};

static const struct calls_version calls_26 = {"ovpn-dco-v2", "ovpn-dco", 4, 7};
static const struct calls_version calls_27 = {"ovpn", "ovpn", 6, 3};

/* Goes on to the scenario's own name. */
static inline const struct calls_version *calls_version(const char **scenario)
{
	if (strncmp(*scenario, "2.7:", 4) != 0)
		return &calls_26;
	*scenario += 4;
	return &calls_27;
}

static inline size_t calls_dump_len(unsigned int i)
{
	return i % 2 == 0 ? SHIM_RECORD_MAX - sizeof(struct shim_hdr) : 21 + i;
}

struct calls_getfamily {
	struct nlmsghdr h;
	struct genlmsghdr g;
	struct nlattr a;
	char name[16];
};

/* CTRL_CMD_GETFAMILY as libnl makes it; returns its length. */
static inline size_t calls_getfamily(struct calls_getfamily *r, const char *family)
{
	size_t n = strlen(family) + 1;

	memset(r, 0, sizeof(*r));
	memcpy(r->name, family, n);
	r->a.nla_type = CTRL_ATTR_FAMILY_NAME;
	r->a.nla_len = (uint16_t)(sizeof(r->a) + n);
	r->g.cmd = CTRL_CMD_GETFAMILY;
	r->g.version = 1;
	r->h.nlmsg_len = (uint32_t)(sizeof(r->h) + sizeof(r->g) + sizeof(r->a) + NLA_ALIGN(n));
	r->h.nlmsg_type = GENL_ID_CTRL;
	r->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r->h.nlmsg_seq = CALLS_NL_SEQ;
	return r->h.nlmsg_len;
}

struct calls_newlink {
	struct nlmsghdr h;
	struct ifinfomsg i;
	struct nlattr name_attr;
	char name[16];
	struct nlattr info;
	struct nlattr kind_attr;
	char kind[12];
	struct nlattr data;
	struct nlattr mode_attr;
	uint8_t mode;
	uint8_t pad[3];
};

/* RTM_NEWLINK as openvpn's sitnl makes it: no nest flag, padded names. */
static inline void calls_newlink(struct calls_newlink *r, const char *name, const char *kind)
{
	*r = (struct calls_newlink){
		.h = {sizeof(*r), RTM_NEWLINK,
			NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, CALLS_NL_SEQ, 0},
		.name_attr = {sizeof(struct nlattr) + sizeof(r->name), IFLA_IFNAME},
		.info = {sizeof(*r) - offsetof(struct calls_newlink, info), IFLA_LINKINFO},
		.kind_attr = {sizeof(struct nlattr) + sizeof(r->kind), IFLA_INFO_KIND},
		.data = {sizeof(*r) - offsetof(struct calls_newlink, data), IFLA_INFO_DATA},
		.mode_attr = {sizeof(struct nlattr) + 1, 1},
		.mode = 1,
	};
	memcpy(r->name, name, strlen(name));
	memcpy(r->kind, kind, strlen(kind));
}

#endif
