/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the shim reads of netlink requests, which any program with the shim may send by any socket:
 * nothing behind their ends, and nobody else's are taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/shim_calls.h"
#include "shim_parts.h"

#define ACK_LEN (sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr))

static const uint8_t *read_request(void *base, size_t len, struct nlmsghdr *h)
{
	struct iovec iov = {base, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return nl_request(&msg, h);
}

static void a_request_has_its_header_and_its_length(void **state)
{
	struct nlmsghdr h = {.nlmsg_len = sizeof(h)};
	struct nlmsghdr got;
	struct iovec iov = {&h, sizeof(h)};
	struct msghdr none = {.msg_iov = &iov};

	(void)state;
	assert_ptr_equal(read_request(&h, sizeof(h), &got), &h + 1);
	assert_null(nl_request(NULL, &got));
	assert_null(nl_request(&none, &got));
	none.msg_iovlen = 1;
	none.msg_iov = NULL;
	assert_null(nl_request(&none, &got));
	assert_null(read_request(NULL, sizeof(h), &got));
	for (size_t len = 0; len < sizeof(h); len++)
		assert_null(read_request(at_edge(&h, len), len, &got));
	h.nlmsg_len = sizeof(h) - 1;
	assert_null(read_request(&h, sizeof(h), &got));
	h.nlmsg_len = sizeof(h) + 1;
	assert_null(read_request(&h, sizeof(h), &got));
}

/* Of type 3, or behind one of another type; len: of all. */
static const struct {
	const char *what;
	uint16_t first_len, first_type;
	size_t len;
	int at; /* where its value is, or -1: none is found */
	size_t value_len;
} attributes[] = {
	{"whole", 8, 3, 8, 4, 4},
	{"nested", 8, 3 | NLA_F_NESTED, 8, 4, 4},
	{"empty", 4, 3, 4, 4, 0},
	{"behind another", 4, 1, 8, 8, 0},
	{"behind padding", 5, 1, 12, 12, 0},
	{"none", 0, 0, 0, -1, 0},
	{"no header", 0, 0, 3, -1, 0},
	{"no header behind another", 4, 1, 7, -1, 0},
	{"shorter than its header", 3, 3, 8, -1, 0},
	{"of no length", 0, 1, 8, -1, 0},
	{"longer than all", 9, 3, 8, -1, 0},
	{"much longer than all", 0xffff, 1, 8, -1, 0},
	{"other, padded beyond the end", 5, 1, 5, -1, 0},
	{"other, to the end", 8, 1, 8, -1, 0},
};

static void attributes_end_where_all_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		struct nlattr first = {attributes[i].first_len, attributes[i].first_type};
		struct nlattr second = {4, 3};
		uint8_t bytes[64] = {0};
		size_t next = (attributes[i].first_len + 3u) / 4 * 4;
		const uint8_t *p;
		const uint8_t *value;
		size_t len = 99;

		memcpy(bytes, &first, sizeof(first));
		if (next >= sizeof(first) && next + sizeof(second) <= sizeof(bytes))
			memcpy(bytes + next, &second, sizeof(second));
		p = at_edge(bytes, attributes[i].len);
		value = nl_attr(p, attributes[i].len, 3, &len);
		print_message("%s\n", attributes[i].what);
		if (attributes[i].at < 0) {
			assert_null(value);
			continue;
		}
		assert_ptr_equal(value, p + attributes[i].at);
		assert_int_equal(len, attributes[i].value_len);
	}
}

static int netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	assert_true(fd >= 0);
	return fd;
}

static void sockets_are_of_netlink_and_of_a_protocol(void **state)
{
	int route = netlink(NETLINK_ROUTE);
	int generic = netlink(NETLINK_GENERIC);
	int local = socket(AF_UNIX, SOCK_DGRAM, 0); /* its protocol is 0, as NETLINK_ROUTE */

	(void)state;
	assert_true(nl_is(route, NETLINK_ROUTE));
	assert_true(nl_is(generic, NETLINK_GENERIC));
	assert_false(nl_is(route, NETLINK_GENERIC));
	assert_false(nl_is(generic, NETLINK_ROUTE));
	assert_false(nl_is(local, NETLINK_ROUTE));
	assert_false(nl_is(-1, NETLINK_ROUTE));
	close(route);
	close(generic);
	close(local);
}

static void answers_go_where_there_is_room(void **state)
{
	struct nlmsghdr request = {.nlmsg_seq = 7};
	struct replies q = {0};
	struct sockaddr_nl name[2];
	uint8_t bytes[ACK_LEN + 1];
	struct iovec iov[2] = {{bytes, 10}, {bytes + 10, 3}};
	struct msghdr msg = {.msg_name = name, .msg_iov = iov, .msg_iovlen = 2};
	uint8_t *room;

	(void)state;
	assert_int_equal(replies_recv(&q, &msg, 0), -EAGAIN);
	/* more than there is memory for, at first and later */
	assert_true(replies_reserve(&q, (size_t)1 << 50, &room) < 0);
	assert_int_equal(replies_error(&q, &request, -EPERM), 0);
	assert_true(replies_reserve(&q, (size_t)1 << 50, &room) < 0);
	memset(name, 0x55, sizeof(name));
	memset(bytes, 0x55, sizeof(bytes));
	msg.msg_namelen = 4;
	assert_int_equal(replies_recv(&q, &msg, MSG_PEEK), 13);
	assert_int_equal(msg.msg_flags, MSG_TRUNC);
	assert_int_equal(bytes[13], 0x55);
	assert_int_equal(msg.msg_namelen, sizeof(name[0]));
	assert_int_equal(name[0].nl_family, AF_NETLINK);
	assert_int_equal(name[0].nl_pid, 0x55555555);
	msg.msg_namelen = sizeof(name);
	assert_int_equal(replies_recv(&q, &msg, MSG_PEEK), 13);
	assert_int_equal(name[0].nl_pid, 0);
	assert_int_equal(name[1].nl_family, 0x5555); /* and no more than that */
	iov[1].iov_len = sizeof(bytes) - 10;
	msg.msg_name = NULL;
	assert_int_equal(replies_recv(&q, &msg, 0), ACK_LEN);
	assert_int_equal(msg.msg_flags, 0);
	assert_int_equal(bytes[ACK_LEN], 0x55);
	assert_int_equal(replies_recv(&q, &msg, 0), -EAGAIN);
	replies_free(&q);
}

static void name_goes_where_there_is_room(void **state)
{
	struct sock s = {.nl_pid = 0x12345678};
	struct sockaddr_nl name[2];
	socklen_t len = 4;

	(void)state;
	memset(name, 0x55, sizeof(name));
	assert_int_equal(genl_name(&s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(len, sizeof(name[0]));
	len = sizeof(name);
	assert_int_equal(name[0].nl_pid, 0x55555555);
	assert_int_equal(genl_name(&s, (struct sockaddr *)name, &len), 0);
	assert_int_equal(name[0].nl_pid, 0x12345678);
	assert_int_equal(name[1].nl_family, 0x5555); /* and no more than that */
}

static bool asks(int fd, const struct calls_getfamily *r, size_t len)
{
	struct iovec iov = {at_edge(r, len), len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return genl_asks(fd, &msg);
}

static void only_questions_for_our_families_are_ours(void **state)
{
	struct calls_getfamily r;
	int generic = netlink(NETLINK_GENERIC);
	int route = netlink(NETLINK_ROUTE);
	size_t len = calls_getfamily(&r, "ovpn-dco-v2");

	(void)state;
	assert_true(asks(generic, &r, len));
	assert_false(genl_mixes());
	assert_false(asks(route, &r, len));
	assert_false(asks(generic, &r, len - 1));
	r.g.cmd = CTRL_CMD_NEWFAMILY;
	assert_false(asks(generic, &r, len));
	r.g.cmd = CTRL_CMD_GETFAMILY;
	r.h.nlmsg_type = CALLS_FAMILY;
	assert_false(asks(generic, &r, len));
	r.h.nlmsg_type = GENL_ID_CTRL;
	r.a.nla_type = CTRL_ATTR_FAMILY_ID;
	assert_false(asks(generic, &r, len));
	/* other names: as long, one that ours begins with, one that begins with ours */
	len = calls_getfamily(&r, "tcp_metrics");
	assert_false(asks(generic, &r, len));
	len = calls_getfamily(&r, "ovpn");
	r.a.nla_len--;
	assert_false(asks(generic, &r, len));
	len = calls_getfamily(&r, "ovpn2");
	assert_false(asks(generic, &r, len));
	assert_false(genl_mixes());
	len = calls_getfamily(&r, "ovpn");
	assert_true(asks(generic, &r, len));
	assert_true(genl_mixes());
	/* without a whole generic header, without attributes */
	for (len = sizeof(r.h); len <= sizeof(r.h) + sizeof(r.g); len++) {
		r.h.nlmsg_len = (uint32_t)len;
		assert_false(asks(generic, &r, len));
	}
	close(generic);
	close(route);
}

static void only_our_groups_are_joined_at_the_agent(void **state)
{
	uint32_t group[2] = {CALLS_GROUP, 0};
	uint32_t other = 0x6f770021;
	int generic = netlink(NETLINK_GENERIC);
	int route = netlink(NETLINK_ROUTE);
	const socklen_t len = sizeof(group[0]);

	(void)state;
	assert_true(genl_joins(generic, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, len));
	assert_false(genl_joins(route, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, len));
	assert_false(genl_joins(generic, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group, len));
	assert_false(genl_joins(generic, SOL_SOCKET, NETLINK_ADD_MEMBERSHIP, group, len));
	assert_false(genl_joins(generic, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, len + 1));
	assert_false(genl_joins(
		generic, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, at_edge(group, len - 1), len - 1));
	assert_false(genl_joins(generic, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &other, len));
	shim.state = SHIM_IDLE;
	assert_false(genl_joins(generic, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, len));
	close(generic);
	close(route);
}

/* A request in memory that ends with it. */
static bool link_is_ours(int fd, const void *request, size_t len)
{
	struct iovec iov = {at_edge(request, len), len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t result;

	if (!rtnl_send(fd, &msg, &result))
		return false;
	assert_int_equal(result, len);
	return true;
}

/* Reads the acknowledgement; the descriptor is the kernel's again. */
static int acknowledged(int fd)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack;
	struct iovec iov = {&ack, sizeof(ack)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct sock *s = sock_find(fd);

	assert_non_null(s);
	assert_int_equal(rtnl_recv(s, &msg, MSG_PEEK), sizeof(ack));
	assert_ptr_equal(sock_find(fd), s);
	assert_int_equal(rtnl_recv(s, &msg, 0), sizeof(ack));
	assert_null(sock_find(fd));
	return ack.e.error;
}

static void only_links_of_our_kinds_are_made_by_the_agent(void **state)
{
	struct calls_newlink r;
	struct iovec iov[2] = {{&r, sizeof(r)}, {&r, 0}};
	struct msghdr in_two = {.msg_iov = iov, .msg_iovlen = 2};
	int route = netlink(NETLINK_ROUTE);
	int generic = netlink(NETLINK_GENERIC);
	int local = socket(AF_UNIX, SOCK_DGRAM, 0);
	ssize_t result;

	(void)state;
	calls_newlink(&r, "ovpn0", "ovpn-dco");
	assert_false(link_is_ours(generic, &r, sizeof(r)));
	assert_false(link_is_ours(local, &r, sizeof(r)));
	assert_false(rtnl_send(route, &in_two, &result));
	r.h.nlmsg_type = RTM_GETLINK;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	r.h.nlmsg_type = RTM_NEWLINK;
	r.info.nla_type = IFLA_AF_SPEC;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	r.info.nla_type = IFLA_LINKINFO;
	r.kind_attr.nla_type = IFLA_INFO_SLAVE_KIND;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	/* up to its attributes, and less than that */
	for (size_t len = sizeof(r.h); len <= sizeof(r.h) + sizeof(r.i); len++) {
		r.h.nlmsg_len = (uint32_t)len;
		assert_false(link_is_ours(route, &r, len));
	}
	/* nor is what has no header, after one that had */
	r.h.nlmsg_len = sizeof(r);
	r.kind_attr.nla_type = IFLA_INFO_KIND;
	assert_false(link_is_ours(generic, &r, sizeof(r)));
	assert_false(link_is_ours(route, &r, sizeof(r.h) - 1));
	parts_not_asked();
	close(route);
	close(generic);
	close(local);
}

/* RTM_NEWLINK with a name and a kind of any length. */
static bool ask_for(int fd, const char *name, size_t name_len, const char *kind, size_t kind_len)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct nlattr name_attr;
		char name[64];
		struct nlattr info;
		struct nlattr kind_attr;
		char kind[64];
	} r = {
		.h = {sizeof(r), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE, CALLS_NL_SEQ, 0},
		.name_attr = {(uint16_t)(sizeof(struct nlattr) + name_len), IFLA_IFNAME},
		.info = {2 * sizeof(struct nlattr) + sizeof(r.kind), IFLA_LINKINFO},
		.kind_attr = {(uint16_t)(sizeof(struct nlattr) + kind_len), IFLA_INFO_KIND},
	};
	const size_t pad = offsetof(__typeof__(r), info) - offsetof(__typeof__(r), name_attr);
	struct nlattr filler = {
		(uint16_t)(pad - (sizeof(struct nlattr) + (name_len + 3) / 4 * 4)), IFLA_UNSPEC};

	memcpy(r.name, name, name_len);
	if (filler.nla_len >= sizeof(filler))
		memcpy(r.name + (name_len + 3) / 4 * 4, &filler, sizeof(filler));
	memcpy(r.kind, kind, kind_len);
	return link_is_ours(fd, &r, sizeof(r));
}

static void names_of_links_have_at_most_15_bytes(void **state)
{
	static const char name[64] = "fifteen-bytes-1";
	static const char longer[64] = "sixteen-bytes-12";
	static const char longest[64] = "more-than-forty-bytes-in-the-place-of-a-name-of-15";
	static const char ovpn[64] = "ovpn";
	static const char ovp[64] = "ovp";
	static const char ovpn_dco_v2[64] = "ovpn-dco-v2";
	struct shim_link want = {.name = "fifteen-bytes-1", .kind = "ovpn"};
	struct shim_link made = {.ifindex = 5};
	struct shim_link got;
	int route = netlink(NETLINK_ROUTE);

	(void)state;
	assert_false(ask_for(route, longer, 16, ovpn, 5));
	assert_false(ask_for(route, longest, 48, ovpn, 5));
	assert_false(ask_for(route, name, 16, longest, 48));
	assert_false(ask_for(route, name, 16, longer, 16));
	assert_false(ask_for(route, name, 16, ovpn_dco_v2, 12));
	assert_false(ask_for(route, name, 16, ovp, 4));
	parts_not_asked();
	/* with an end, or with none, and with more than that behind it */
	for (size_t len = 15; len <= 60; len += 15) {
		parts_answer(1, SHIM_LINK_NEW, 0, &made, sizeof(made), -1);
		assert_true(ask_for(route, name, len, ovpn, len % 2 == 0 ? 4 : 60));
		parts_asked(SHIM_LINK_NEW, &got, sizeof(got));
		assert_memory_equal(&got, &want, sizeof(want));
		assert_int_equal(acknowledged(route), 0);
	}
	close(route);
}

static void a_mode_without_a_byte_is_none(void **state)
{
	struct calls_newlink r;
	struct shim_link made = {.ifindex = 5};
	struct shim_link got;
	int route = netlink(NETLINK_ROUTE);

	(void)state;
	calls_newlink(&r, "ovpn0", "ovpn-dco");
	r.mode_attr.nla_len = sizeof(struct nlattr);
	parts_answer(1, SHIM_LINK_NEW, 0, &made, sizeof(made), -1);
	assert_true(link_is_ours(route, &r, sizeof(r)));
	parts_asked(SHIM_LINK_NEW, &got, sizeof(got));
	assert_int_equal(got.mode, 0);
	assert_int_equal(acknowledged(route), 0);
	close(route);
}

static void only_our_links_are_removed_by_the_agent(void **state)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} r = {
		.h = {sizeof(r), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, CALLS_NL_SEQ, 0},
		.i = {.ifi_index = 5},
	};
	struct shim_link got;
	int route = netlink(NETLINK_ROUTE);
	int local = socket(AF_UNIX, SOCK_DGRAM, 0);
	int keep = dup(local);

	(void)state;
	shim.links[1] = (struct kept_link){.link.ifindex = 5, .fd = keep};
	assert_false(link_is_ours(local, &r, sizeof(r)));
	r.h.nlmsg_type = RTM_GETLINK;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	r.h.nlmsg_type = RTM_DELLINK;
	r.i.ifi_index = 6;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	/* by name: 0 is not that of a free entry */
	r.i.ifi_index = 0;
	assert_false(link_is_ours(route, &r, sizeof(r)));
	r.i.ifi_index = 5;
	for (size_t len = sizeof(r.h); len < sizeof(r); len++) {
		r.h.nlmsg_len = (uint32_t)len;
		assert_false(link_is_ours(route, &r, len));
	}
	parts_not_asked();
	assert_int_equal(shim.links[1].link.ifindex, 5);
	r.h.nlmsg_len = sizeof(r);
	parts_answer(1, SHIM_LINK_DEL, -ENOENT, NULL, 0, -1);
	assert_true(link_is_ours(route, &r, sizeof(r)));
	parts_asked(SHIM_LINK_DEL, &got, sizeof(got));
	assert_int_equal(got.ifindex, 5);
	assert_int_equal(acknowledged(route), -ENOENT);
	/* without a daemon the end of its descriptor is that of the device */
	shim.links[2] = (struct kept_link){.link.ifindex = 7, .fd = -1};
	r.i.ifi_index = 7;
	shim.state = SHIM_FAILED;
	assert_true(link_is_ours(route, &r, sizeof(r)));
	assert_int_equal(acknowledged(route), 0);
	r.i.ifi_index = 5;
	/* and its descriptor is closed */
	assert_int_equal(fcntl(keep, F_GETFD), -1);
	assert_false(link_is_ours(route, &r, sizeof(r)));
	close(route);
	close(local);
}

static void more_links_than_there_is_room_for_are_refused(void **state)
{
	struct calls_newlink r;
	int route = netlink(NETLINK_ROUTE);

	(void)state;
	for (unsigned int i = 0; i < SHIM_LINKS; i++)
		shim.links[i] = (struct kept_link){.link.ifindex = 100 + i, .fd = -1};
	calls_newlink(&r, "ovpn0", "ovpn-dco");
	assert_true(link_is_ours(route, &r, sizeof(r)));
	parts_not_asked();
	assert_int_equal(acknowledged(route), -ENOBUFS);
	close(route);
}

static void an_answer_for_which_there_is_no_room_is_an_error(void **state)
{
	struct shim_link made = {.ifindex = 5};
	struct calls_newlink r;
	struct iovec iov = {&r, sizeof(r)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int route = netlink(NETLINK_ROUTE);
	ssize_t result = 0;

	(void)state;
	parts_fill_table();
	calls_newlink(&r, "ovpn0", "ovpn-dco");
	parts_answer(1, SHIM_LINK_NEW, 0, &made, sizeof(made), -1);
	assert_true(rtnl_send(route, &msg, &result));
	assert_int_equal(result, -ENOBUFS);
	close(route);
}

/* Whoever waits for an answer of ours that could not be kept has the kernel's. */
static void without_an_answer_of_ours_the_kernels_are_read(void **state)
{
	struct nlmsghdr noop = {sizeof(noop), NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
	char buf[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int route = netlink(NETLINK_ROUTE);
	struct sock *s = sock_new(KIND_RTNL, route);

	(void)state;
	assert_int_equal(rtnl_recv(s, &msg, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(send(route, &noop, sizeof(noop), 0), sizeof(noop));
	assert_true(rtnl_recv(s, &msg, MSG_DONTWAIT) >= (ssize_t)ACK_LEN);
	close(route);
}

/* An answer that is no link: what came with it is closed. */
static void a_link_without_its_number_is_none(void **state)
{
	struct calls_newlink r;
	struct shim_link made = {.ifindex = 5};
	int route = netlink(NETLINK_ROUTE);
	int device[2];
	uint8_t byte;

	(void)state;
	assert_int_equal(pipe2(device, O_CLOEXEC | O_NONBLOCK), 0);
	calls_newlink(&r, "ovpn0", "ovpn-dco");
	parts_answer(1, SHIM_LINK_NEW, 0, &made, sizeof(made) - 1, device[1]);
	close(device[1]);
	assert_true(link_is_ours(route, &r, sizeof(r)));
	parts_asked(SHIM_LINK_NEW, &made, sizeof(made));
	assert_int_equal(read(device[0], &byte, 1), 0);
	assert_int_equal(acknowledged(route), -EPROTO);
	assert_int_equal(shim.links[0].link.ifindex, 0);
	close(device[0]);
	close(route);
}

/* The device is the same: one descriptor of it will do. */
static void a_device_taken_back_has_one_descriptor(void **state)
{
	struct shim_link made = {.ifindex = 5};
	struct kept_link k = {.link.ifindex = 5};
	int device[2];
	uint8_t byte;

	(void)state;
	k.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(pipe2(device, O_CLOEXEC | O_NONBLOCK), 0);
	parts_answer(1, SHIM_LINK_NEW, 0, &made, sizeof(made), device[1]);
	close(device[1]);
	assert_int_equal(rtnl_again(&k), 0);
	parts_asked(SHIM_LINK_NEW, &made, sizeof(made));
	assert_int_equal(read(device[0], &byte, 1), 0);
	assert_int_equal(fcntl(k.fd, F_GETFD), 0);
	close(k.fd);
	close(device[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, parts_attach, parts_detach)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_has_its_header_and_its_length),
		TEST(attributes_end_where_all_does),
		TEST(sockets_are_of_netlink_and_of_a_protocol),
		TEST(answers_go_where_there_is_room),
		TEST(name_goes_where_there_is_room),
		TEST(only_questions_for_our_families_are_ours),
		TEST(only_our_groups_are_joined_at_the_agent),
		TEST(only_links_of_our_kinds_are_made_by_the_agent),
		TEST(names_of_links_have_at_most_15_bytes),
		TEST(a_mode_without_a_byte_is_none),
		TEST(only_our_links_are_removed_by_the_agent),
		TEST(more_links_than_there_is_room_for_are_refused),
		TEST(an_answer_for_which_there_is_no_room_is_an_error),
		TEST(without_an_answer_of_ours_the_kernels_are_read),
		TEST(a_link_without_its_number_is_none),
		TEST(a_device_taken_back_has_one_descriptor),
	};

	alarm(10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
