/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/nl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>

/* Room a family's description takes at most: names are ours and short. */
#define FAMILY_MAX   256
#define CTRL_VERSION 2

const struct nl_family nl_ctrl_family = {
	.id = GENL_ID_CTRL,
	.name = "nlctrl",
	.version = CTRL_VERSION,
	.maxattr = CTRL_ATTR_MAX,
};

int nl_request_read(const void *bytes, size_t len, struct nl_request *r)
{
	struct genlmsghdr genl;

	memset(r, 0, sizeof(*r));
	if (len < sizeof(r->hdr))
		return -EBADMSG;
	memcpy(&r->hdr, bytes, sizeof(r->hdr));
	if (r->hdr.nlmsg_len < sizeof(r->hdr) + GENL_HDRLEN || r->hdr.nlmsg_len > len)
		return -EINVAL;
	/* openvpn sends one message a datagram, and a second one's answer would have no place */
	if (len - r->hdr.nlmsg_len >= NLMSG_ALIGNTO)
		return -EINVAL;
	if (!(r->hdr.nlmsg_flags & NLM_F_REQUEST))
		return -EINVAL;
	memcpy(&genl, (const uint8_t *)bytes + sizeof(r->hdr), sizeof(genl));
	r->cmd = genl.cmd;
	r->attrs = (const uint8_t *)bytes + sizeof(r->hdr) + GENL_HDRLEN;
	r->attrs_len = r->hdr.nlmsg_len - sizeof(r->hdr) - GENL_HDRLEN;
	return 0;
}

bool nl_request_wants_ack(const struct nl_request *r)
{
	return r->hdr.nlmsg_flags & NLM_F_ACK;
}

bool nl_request_is_dump(const struct nl_request *r)
{
	return (r->hdr.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

int nl_attrs_read(const uint8_t *p, size_t len, const struct nlattr **table, unsigned int max)
{
	struct nlattr a;
	size_t step;

	memset(table, 0, (max + 1) * sizeof(*table));
	while (len >= NLA_HDRLEN) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > len)
			return -EINVAL;
		if ((a.nla_type & NLA_TYPE_MASK) <= max)
			table[a.nla_type & NLA_TYPE_MASK] = (const struct nlattr *)(const void *)p;
		step = NLA_ALIGN(a.nla_len);
		if (step >= len) /* the last one's padding may be left out */
			return 0;
		p += step;
		len -= step;
	}
	return len == 0 ? 0 : -EINVAL;
}

const uint8_t *nl_attr_data(const struct nlattr *a)
{
	return (const uint8_t *)a + NLA_HDRLEN;
}

size_t nl_attr_len(const struct nlattr *a)
{
	uint16_t len;

	memcpy(&len, a, sizeof(len));
	return len - (size_t)NLA_HDRLEN;
}

int nl_nest_read(const struct nlattr *nest, const struct nlattr **table, unsigned int max)
{
	if (nest == NULL)
		return -EINVAL;
	return nl_attrs_read(nl_attr_data(nest), nl_attr_len(nest), table, max);
}

static bool attr_copy(const struct nlattr *a, void *v, size_t size)
{
	if (a == NULL || nl_attr_len(a) != size)
		return false;
	memcpy(v, nl_attr_data(a), size);
	return true;
}

bool nl_attr_u8(const struct nlattr *a, uint8_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

bool nl_attr_u16(const struct nlattr *a, uint16_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

bool nl_attr_u32(const struct nlattr *a, uint32_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

int nl_safe_error(int err)
{
	switch (err) {
	case 0:
	case -EINVAL:
	case -EEXIST:
	case -ENOENT:
	case -ENOTCONN:
		return err;
	case -ESRCH:
		return -ENOENT;
	case -ECONNRESET:
	case -EPIPE:
	case -ESHUTDOWN:
		return -ENOTCONN;
	default:
		return -EINVAL;
	}
}

size_t nl_room(const struct nl_out *o)
{
	return sizeof(o->buf) - o->len;
}

static struct nlmsghdr *begin(
	struct nl_out *o, const struct nl_request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(o->buf + o->len);

	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_seq = r != NULL ? r->hdr.nlmsg_seq : 0;
	h->nlmsg_pid = r != NULL ? r->hdr.nlmsg_pid : 0;
	return h;
}

struct nlmsghdr *nl_msg_begin(struct nl_out *o, const struct nl_request *r, uint16_t type,
	uint16_t flags, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *h;
	struct genlmsghdr *genl;

	if (nl_room(o) < sizeof(*h) + GENL_HDRLEN)
		return NULL;
	h = begin(o, r, type, flags);
	genl = mnl_nlmsg_put_extra_header(h, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return h;
}

void nl_msg_end(struct nl_out *o, const struct nlmsghdr *h)
{
	assert((const uint8_t *)h == o->buf + o->len);
	o->len += NLMSG_ALIGN(h->nlmsg_len);
	assert(o->len <= sizeof(o->buf));
}

void nl_put_ack(struct nl_out *o, const struct nl_request *r, int err, const char *why)
{
	/* capped: the request's payload, which may hold key bytes, is not sent back */
	struct nlmsghdr *h = begin(o, r, NLMSG_ERROR, NLM_F_CAPPED);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(h, sizeof(*e));

	e->error = nl_safe_error(err);
	e->msg = r->hdr;
	if (err != 0 && why != NULL && strlen(why) < 512) {
		h->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(h, NLMSGERR_ATTR_MSG, why);
	}
	nl_msg_end(o, h);
}

void nl_put_done(struct nl_out *o, const struct nl_request *r)
{
	struct nlmsghdr *h = begin(o, r, NLMSG_DONE, NLM_F_MULTI);
	int *status = mnl_nlmsg_put_extra_header(h, sizeof(*status));

	*status = 0;
	nl_msg_end(o, h);
}

const struct nl_family *nl_family_by_id(
	const struct nl_family *const *families, unsigned int n, uint16_t id)
{
	for (unsigned int i = 0; i < n; i++) {
		if (families[i]->id == id)
			return families[i];
	}
	return NULL;
}

static const struct nl_family *family_by_name(
	const struct nl_family *const *families, unsigned int n, const struct nlattr *name)
{
	size_t len = strnlen((const char *)nl_attr_data(name), nl_attr_len(name));

	for (unsigned int i = 0; i < n; i++) {
		if (strlen(families[i]->name) == len &&
			memcmp(families[i]->name, nl_attr_data(name), len) == 0)
			return families[i];
	}
	return NULL;
}

static bool put_family(
	struct nl_out *o, const struct nl_request *r, const struct nl_family *f, uint16_t flags)
{
	struct nlmsghdr *h;
	struct nlattr *groups;
	struct nlattr *group;

	if (nl_room(o) < FAMILY_MAX)
		return false;
	h = nl_msg_begin(o, r, GENL_ID_CTRL, flags, CTRL_CMD_NEWFAMILY, CTRL_VERSION);
	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, f->name);
	mnl_attr_put_u16(h, CTRL_ATTR_FAMILY_ID, f->id);
	mnl_attr_put_u32(h, CTRL_ATTR_VERSION, f->version);
	mnl_attr_put_u32(h, CTRL_ATTR_HDRSIZE, 0);
	mnl_attr_put_u32(h, CTRL_ATTR_MAXATTR, f->maxattr);
	if (f->group != NULL) {
		groups = mnl_attr_nest_start(h, CTRL_ATTR_MCAST_GROUPS);
		group = mnl_attr_nest_start(h, 1);
		mnl_attr_put_u32(h, CTRL_ATTR_MCAST_GRP_ID, f->group_id);
		mnl_attr_put_strz(h, CTRL_ATTR_MCAST_GRP_NAME, f->group);
		mnl_attr_nest_end(h, group);
		mnl_attr_nest_end(h, groups);
	}
	nl_msg_end(o, h);
	return true;
}

int nl_ctrl_answer(const struct nl_request *r, const struct nl_family *const *families,
	unsigned int n, struct nl_out *o)
{
	const struct nlattr *attrs[CTRL_ATTR_FAMILY_NAME + 1];
	const struct nl_family *f;
	uint16_t id;

	if (r->cmd != CTRL_CMD_GETFAMILY ||
		nl_attrs_read(r->attrs, r->attrs_len, attrs, CTRL_ATTR_FAMILY_NAME) < 0)
		return -EINVAL;
	if (nl_request_is_dump(r)) {
		for (unsigned int i = 0; i < n; i++) {
			if (!put_family(o, r, families[i], NLM_F_MULTI))
				return -EINVAL;
		}
		nl_put_done(o, r);
		return 0;
	}
	if (attrs[CTRL_ATTR_FAMILY_NAME] != NULL)
		f = family_by_name(families, n, attrs[CTRL_ATTR_FAMILY_NAME]);
	else if (nl_attr_u16(attrs[CTRL_ATTR_FAMILY_ID], &id))
		f = nl_family_by_id(families, n, id);
	else
		return -EINVAL;
	if (f == NULL)
		return -ENOENT;
	return put_family(o, r, f, 0) ? 0 : -EINVAL;
}
