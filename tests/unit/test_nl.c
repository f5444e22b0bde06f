/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "control/dco_v2.h"
#include "control/nl.h"
#include "dco_v2_capture.h"

static const struct nl_family *const families[] = {&nl_ctrl_family, &dco_v2_family.genl};

static int ask(const uint8_t *bytes, size_t len, struct nl_request *r, struct nl_out *o)
{
	o->len = 0;
	assert_int_equal(nl_request_read(bytes, len, r), 0);
	assert_int_equal(r->hdr.nlmsg_type, GENL_ID_CTRL);
	return nl_ctrl_answer(r, families, ARRAY_LEN(families), o);
}

/* The attributes of the family in o, which holds one answer. */
static void read_family(const struct nl_out *o, const struct nl_request *r, uint16_t *id,
	const struct nlattr **attrs)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)o->buf;
	const struct genlmsghdr *genl = (const struct genlmsghdr *)(const void *)(h + 1);

	assert_int_equal(h->nlmsg_len, o->len);
	assert_int_equal(h->nlmsg_type, GENL_ID_CTRL);
	assert_int_equal(h->nlmsg_seq, r->hdr.nlmsg_seq);
	assert_int_equal(h->nlmsg_pid, r->hdr.nlmsg_pid);
	assert_int_equal(genl->cmd, CTRL_CMD_NEWFAMILY);
	assert_int_equal(nl_attrs_read(o->buf + 20, o->len - 20, attrs, CTRL_ATTR_MCAST_GROUPS), 0);
	assert_true(nl_attr_u16(attrs[CTRL_ATTR_FAMILY_ID], id));
}

static void openvpn_finds_the_family(void **state)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GROUPS + 1];
	struct nl_request r;
	struct nl_out o;
	uint16_t id;

	(void)state;
	assert_int_equal(ask(capture_getfamily_first, sizeof(capture_getfamily_first), &r, &o), 0);
	read_family(&o, &r, &id, attrs);
	assert_true(id >= 0x20);
	assert_int_equal(id, DCO_V2_FAMILY_ID);
	assert_string_equal(
		(const char *)nl_attr_data(attrs[CTRL_ATTR_FAMILY_NAME]), "ovpn-dco-v2");
	assert_true(nl_request_wants_ack(&r));
}

static void openvpn_finds_the_controller(void **state)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GROUPS + 1];
	struct nl_request r;
	struct nl_out o;
	uint16_t id;

	(void)state;
	assert_int_equal(
		ask(capture_getfamily_nlctrl, sizeof(capture_getfamily_nlctrl), &r, &o), 0);
	read_family(&o, &r, &id, attrs);
	assert_int_equal(id, 16);
	assert_null(attrs[CTRL_ATTR_MCAST_GROUPS]);
}

static void openvpn_finds_the_multicast_group(void **state)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GROUPS + 1];
	const struct nlattr *groups[2];
	const struct nlattr *group[CTRL_ATTR_MCAST_GRP_ID + 1];
	struct nl_request r;
	struct nl_out o;
	uint16_t id;
	uint32_t group_id;

	(void)state;
	assert_int_equal(ask(capture_getfamily_group, sizeof(capture_getfamily_group), &r, &o), 0);
	read_family(&o, &r, &id, attrs);
	assert_int_equal(nl_nest_read(attrs[CTRL_ATTR_MCAST_GROUPS], groups, 1), 0);
	assert_int_equal(nl_nest_read(groups[1], group, CTRL_ATTR_MCAST_GRP_ID), 0);
	assert_string_equal((const char *)nl_attr_data(group[CTRL_ATTR_MCAST_GRP_NAME]), "peers");
	assert_true(nl_attr_u32(group[CTRL_ATTR_MCAST_GRP_ID], &group_id));
	assert_int_equal(group_id, DCO_V2_GROUP_ID);
}

static void family_that_is_not_ours_is_not_there(void **state)
{
	uint8_t other[sizeof(capture_getfamily_first)];
	struct nl_request r;
	struct nl_out o;

	(void)state;
	memcpy(other, capture_getfamily_first, sizeof(other));
	other[24] = 'x'; /* the name's first letter */
	assert_int_equal(ask(other, sizeof(other), &r, &o), -ENOENT);
	assert_int_equal(o.len, 0);
	/* a name is compared in full: a beginning is another name */
	memcpy(other, capture_getfamily_first, sizeof(other));
	other[24 + 9] = '\0';
	assert_int_equal(ask(other, sizeof(other), &r, &o), -ENOENT);
}

static void dump_of_families_ends_with_done(void **state)
{
	uint8_t bytes[sizeof(capture_getfamily_first)];
	struct nl_request r;
	struct nl_out o;
	struct nlmsghdr h;
	unsigned int messages = 0;
	size_t at = 0;

	(void)state;
	memcpy(bytes, capture_getfamily_first, sizeof(bytes));
	bytes[7] = 0x03; /* NLM_F_DUMP */
	assert_int_equal(ask(bytes, sizeof(bytes), &r, &o), 0);
	for (; at < o.len; at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, o.buf + at, sizeof(h));
		assert_true(h.nlmsg_flags & NLM_F_MULTI);
		assert_int_equal(h.nlmsg_seq, r.hdr.nlmsg_seq);
		messages++;
	}
	assert_int_equal(at, o.len);
	assert_int_equal(messages, 3);
	assert_int_equal(h.nlmsg_type, NLMSG_DONE);
}

static void no_errno_that_kills_openvpn_leaves(void **state)
{
	(void)state;
	assert_int_equal(nl_safe_error(0), 0);
	for (int e = 1; e <= 133; e++) {
		int safe = nl_safe_error(-e);

		if (safe != -EINVAL && safe != -EEXIST && safe != -ENOENT && safe != -ENOTCONN)
			fail_msg("errno %d leaves as %d", e, safe);
	}
	/* those openvpn tells apart stay what they are */
	assert_int_equal(nl_safe_error(-EEXIST), -EEXIST);
	assert_int_equal(nl_safe_error(-ENOENT), -ENOENT);
	assert_int_equal(nl_safe_error(-ENOTCONN), -ENOTCONN);
	/* a positive or unknown number is an error, too */
	assert_int_equal(nl_safe_error(ENODEV), -EINVAL);
	assert_int_equal(nl_safe_error(-100000), -EINVAL);
}

static void ack_names_the_request_and_the_error(void **state)
{
	struct nl_request r;
	struct nl_out o = {.len = 0};
	struct nlmsghdr h;
	struct nlmsgerr e;

	(void)state;
	assert_int_equal(nl_request_read(capture_set_peer, sizeof(capture_set_peer), &r), 0);
	for (int err = 0; err >= -133; err--) {
		o.len = 0;
		nl_put_ack(&o, &r, err, NULL);
		assert_int_equal(o.len, sizeof(h) + sizeof(e));
		memcpy(&h, o.buf, sizeof(h));
		memcpy(&e, o.buf + sizeof(h), sizeof(e));
		assert_int_equal(h.nlmsg_type, NLMSG_ERROR);
		assert_int_equal(h.nlmsg_seq, r.hdr.nlmsg_seq);
		assert_int_equal(h.nlmsg_pid, r.hdr.nlmsg_pid);
		assert_memory_equal(&e.msg, capture_set_peer, sizeof(e.msg));
		assert_int_equal(e.error, nl_safe_error(err));
	}
}

static void refusal_carries_a_sentence(void **state)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MSG + 1];
	struct nl_request r;
	struct nl_out o = {.len = 0};
	struct nlmsghdr h;
	size_t fixed = sizeof(h) + sizeof(struct nlmsgerr);

	(void)state;
	assert_int_equal(nl_request_read(capture_set_peer, sizeof(capture_set_peer), &r), 0);
	nl_put_ack(&o, &r, -EINVAL, "because");
	memcpy(&h, o.buf, sizeof(h));
	assert_true(h.nlmsg_flags & NLM_F_ACK_TLVS);
	assert_true(h.nlmsg_flags & NLM_F_CAPPED); /* the request's payload is left out */
	assert_int_equal(nl_attrs_read(o.buf + fixed, o.len - fixed, attrs, NLMSGERR_ATTR_MSG), 0);
	assert_non_null(attrs[NLMSGERR_ATTR_MSG]);
	assert_string_equal((const char *)nl_attr_data(attrs[NLMSGERR_ATTR_MSG]), "because");
	/* success needs none */
	o.len = 0;
	nl_put_ack(&o, &r, 0, "because");
	memcpy(&h, o.buf, sizeof(h));
	assert_false(h.nlmsg_flags & NLM_F_ACK_TLVS);
}

static void request_needs_one_whole_message(void **state)
{
	uint8_t two[2 * sizeof(capture_get_peer)];
	struct nl_request r;

	(void)state;
	for (size_t len = 0; len < sizeof(capture_get_peer); len++)
		assert_int_equal(nl_request_read(capture_get_peer, len, &r),
			len < sizeof(struct nlmsghdr) ? -EBADMSG : -EINVAL);
	memcpy(two, capture_get_peer, sizeof(capture_get_peer));
	memcpy(two + sizeof(capture_get_peer), capture_get_peer, sizeof(capture_get_peer));
	assert_int_equal(nl_request_read(two, sizeof(two), &r), -EINVAL);
	assert_int_equal(nl_request_read(two, sizeof(capture_get_peer), &r), 0);
	two[6] &= (uint8_t)~NLM_F_REQUEST;
	assert_int_equal(nl_request_read(two, sizeof(capture_get_peer), &r), -EINVAL);
	/* as long as they say, but for the padding, and without room for a command */
	two[6] |= NLM_F_REQUEST;
	for (uint32_t claimed = NLMSG_HDRLEN; claimed < NLMSG_HDRLEN + GENL_HDRLEN; claimed++) {
		memcpy(two, &claimed, sizeof(claimed));
		assert_int_equal(nl_request_read(two, claimed, &r), -EINVAL);
		assert_int_equal(nl_request_read(two, NLMSG_ALIGN(claimed), &r), -EINVAL);
	}
}

static void attributes_that_overrun_are_refused(void **state)
{
	static const struct {
		const char *what;
		size_t len;
		uint8_t bytes[16];
		int result;
	} rows[] = {
		{"nothing", 0, {0}, 0},
		{"empty attribute", 4, {4, 0, 1, 0}, 0},
		{"one byte, padding left out", 5, {5, 0, 1, 0, 9}, 0},
		{"one byte, padded", 8, {5, 0, 1, 0, 9, 0, 0, 0}, 0},
		{"length 0", 4, {0, 0, 1, 0}, -EINVAL},
		{"length below the header", 4, {3, 0, 1, 0}, -EINVAL},
		{"longer than there is", 8, {9, 0, 1, 0, 0, 0, 0, 0}, -EINVAL},
		{"length 65535", 8, {0xff, 0xff, 1, 0, 0, 0, 0, 0}, -EINVAL},
		{"half a header", 3, {4, 0, 1}, -EINVAL},
		{"rest after the last one", 10, {8, 0, 1, 0, 0, 0, 0, 0, 4, 0}, -EINVAL},
		{"unknown type", 4, {4, 0, 77, 0}, 0},
	};
	const struct nlattr *attrs[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *exact = malloc(rows[i].len + 1);
		int ret;

		assert_non_null(exact);
		memcpy(exact, rows[i].bytes, rows[i].len);
		ret = nl_attrs_read(exact, rows[i].len, attrs, 2);
		if (ret != rows[i].result)
			fail_msg("%s: %d", rows[i].what, ret);
		free(exact);
	}
}

static void attribute_of_another_width_is_no_number(void **state)
{
	static const uint8_t bytes[] = {6, 0, 1, 0, 0x34, 0x12, 0, 0, 8, 0, 2, 0, 1, 0, 0, 0};
	const struct nlattr *attrs[3];
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;

	(void)state;
	assert_int_equal(nl_attrs_read(bytes, sizeof(bytes), attrs, 2), 0);
	assert_false(nl_attr_u8(attrs[1], &u8));
	assert_true(nl_attr_u16(attrs[1], &u16));
	assert_int_equal(u16, 0x1234);
	assert_false(nl_attr_u32(attrs[1], &u32));
	assert_true(nl_attr_u32(attrs[2], &u32));
	assert_int_equal(u32, 1);
	assert_false(nl_attr_u32(NULL, &u32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openvpn_finds_the_family),
		cmocka_unit_test(openvpn_finds_the_controller),
		cmocka_unit_test(openvpn_finds_the_multicast_group),
		cmocka_unit_test(family_that_is_not_ours_is_not_there),
		cmocka_unit_test(dump_of_families_ends_with_done),
		cmocka_unit_test(no_errno_that_kills_openvpn_leaves),
		cmocka_unit_test(ack_names_the_request_and_the_error),
		cmocka_unit_test(refusal_carries_a_sentence),
		cmocka_unit_test(request_needs_one_whole_message),
		cmocka_unit_test(attributes_that_overrun_are_refused),
		cmocka_unit_test(attribute_of_another_width_is_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
