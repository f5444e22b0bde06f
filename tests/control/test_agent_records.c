/* SPDX-License-Identifier: BSD-3-Clause */
/* What no shim of ours says: the agent believes nothing of what a process sends. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/dco_v2_capture.h"
#include "agent_rig.h"
#include "dataplane/dp_view.h"

#define REQUEST(s, capture, id) shim_request(s, capture, sizeof(capture), id)

static bool closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, 5000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* --- records ---------------------------------------------------------------------------- */

/* A record whose header says what it likes. */
static void expect_end(struct rig *rig, struct shim_hdr h, size_t body_len)
{
	uint8_t record[512] = {0};
	struct shim s;

	shim_attach(&s, rig);
	memcpy(record, &h, sizeof(h));
	assert_int_equal(send(s.conn, record, sizeof(h) + body_len, MSG_NOSIGNAL),
		(ssize_t)(sizeof(h) + body_len));
	assert_true(closed(s.conn));
	shim_detach(&s);
}

static void records_that_are_none_end_their_connection(void **state)
{
	static const uint16_t types[] = {0, SHIM_LINK_DEL + 1, SHIM_LINK_DEL + 2, 99, 0xffff};
	struct rig *rig = *state;
	const struct shim_hdr good = {.magic = SHIM_MAGIC, .type = SHIM_CLOSE, .seq = 1, .id = 1};
	struct shim_hdr h = good;
	struct shim s;

	h.magic ^= 1;
	expect_end(rig, h, 0);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		h = good;
		h.type = types[i];
		expect_end(rig, h, 0);
	}
	/* of any length by its kind, but not of another than it says */
	h = good;
	h.type = SHIM_NETLINK;
	h.len = 41;
	expect_end(rig, h, 40);
	h.len = 39;
	expect_end(rig, h, 40);
	h.len = UINT32_MAX;
	expect_end(rig, h, 40);
	/* and the good one ends nothing */
	shim_attach(&s, rig);
	assert_int_equal(shim_call(&s, SHIM_CLOSE, 1, NULL, 0, -1), 0);
	assert_int_equal(shim_call(&s, SHIM_CLOSE, 1, NULL, 0, -1), 0);
	shim_detach(&s);
}

static void bodies_have_the_length_of_their_kind(void **state)
{
	static const struct {
		enum shim_type type;
		size_t len;
	} kinds[] = {
		{SHIM_OPEN, sizeof(struct shim_open)},
		{SHIM_CLOSE, 0},
		{SHIM_BIND, sizeof(struct shim_addr)},
		{SHIM_GETNAME, 0},
		{SHIM_SETOPT, sizeof(struct shim_opt)},
		{SHIM_LINK_NEW, sizeof(struct shim_link)},
		{SHIM_LINK_DEL, sizeof(struct shim_link)},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct shim_hdr h = {.magic = SHIM_MAGIC, .type = (uint16_t)kinds[i].type};

		for (int by = kinds[i].len > 0 ? -1 : 1; by <= 1; by += 2) {
			h.len = (uint32_t)kinds[i].len + (uint32_t)by;
			expect_end(rig, h, h.len);
		}
	}
}

static void nothing_is_heard_before_hello(void **state)
{
	struct rig *rig = *state;
	const struct shim_hello hello = {.version = SHIM_VERSION, .pid = 1, .program = "openvpn"};
	const struct shim_link link = {.name = "ovpn0", .mode = DP_MODE_MP, .kind = "ovpn-dco"};
	uint8_t long_one[100] = {0};
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct shim s = {.genl = -1};

	for (int fault = 0; fault < 3; fault++) {
		s.conn = shim_connect(rig);
		if (fault == 0) /* as long as a HELLO */
			shim_send(&s, SHIM_LINK_NEW, 0, &link, sizeof(link), -1);
		else if (fault == 1)
			shim_send(&s, SHIM_NETLINK, 1, long_one, sizeof(long_one), -1);
		else
			shim_send(&s, SHIM_HELLO, 0, &hello, sizeof(hello) - 1, ns);
		assert_true(closed(s.conn));
		close(s.conn);
	}
	/* another version's may be longer, and is refused in words if it is one's */
	s.conn = shim_connect(rig);
	memcpy(long_one, &hello, sizeof(hello));
	assert_int_equal(shim_call(&s, SHIM_HELLO, 0, long_one, sizeof(long_one), ns), 0);
	shim_detach(&s);
	close(ns);
}

static void hello_is_said_once(void **state)
{
	const struct shim_hello hello = {.version = SHIM_VERSION, .pid = 1, .program = "openvpn"};
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct shim s;

	shim_attach(&s, *state);
	assert_int_equal(shim_call(&s, SHIM_HELLO, 0, &hello, sizeof(hello), ns), -EPROTO);
	assert_true(closed(s.conn));
	shim_detach(&s);
	close(ns);
}

static void hello_comes_with_a_network_namespace(void **state)
{
	static const char *const others[] = {
		"/proc/self/ns/uts", "/proc/self/ns/mnt", "/dev/null", "/proc/self/net/dev"};
	const struct shim_hello hello = {.version = SHIM_VERSION, .pid = 1, .program = "openvpn"};
	struct shim s = {.genl = -1};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		int fd = open(others[i], O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		s.conn = shim_connect(*state);
		assert_int_equal(shim_call(&s, SHIM_HELLO, 0, &hello, sizeof(hello), fd), -EPROTO);
		assert_true(closed(s.conn));
		close(s.conn);
		close(fd);
	}
}

/* The log's lines are the operator's, not those of whoever may connect. */
static void names_of_programs_are_fit_for_a_log(void **state)
{
	struct rig *rig = *state;
	struct shim_hello hello = {.version = SHIM_VERSION, .pid = 1};
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct agent_instance_info info;
	struct shim s = {.conn = shim_connect(rig), .genl = -1};

	memset(hello.program, 'x', sizeof(hello.program));
	memcpy(hello.program, "a\nb\033[2J\xff ", 9);
	assert_int_equal(shim_call(&s, SHIM_HELLO, 0, &hello, sizeof(hello), ns), 0);
	assert_true(agent_instance_info(rig->agent, 0, &info));
	assert_string_equal(info.program, "a?b?[2J??xxxxxxxxxxxxxxxxxxxxxx");
	shim_detach(&s);
	close(ns);
}

/* --- devices ---------------------------------------------------------------------------- */

static int link_new(struct shim *s, const char *kind, const char *name, uint8_t mode)
{
	struct shim_link l = {.mode = mode};

	memcpy(l.kind, kind, strnlen(kind, sizeof(l.kind)));
	memcpy(l.name, name, strnlen(name, sizeof(l.name)));
	return shim_call(s, SHIM_LINK_NEW, 0, &l, sizeof(l), -1);
}

static void devices_are_of_our_kinds_and_modes(void **state)
{
	struct shim s;

	shim_attach(&s, *state);
	assert_int_equal(link_new(&s, "tun", "ovpn0", DP_MODE_MP), -EOPNOTSUPP);
	assert_int_equal(link_new(&s, "", "ovpn0", DP_MODE_MP), -EOPNOTSUPP);
	assert_int_equal(link_new(&s, "ovpnovpnovpnovpn", "ovpn0", DP_MODE_MP), -EOPNOTSUPP);
	for (unsigned int mode = DP_MODE_MP + 1; mode < 256; mode++)
		assert_int_equal(link_new(&s, "ovpn-dco", "ovpn0", (uint8_t)mode), -EINVAL);
	/* a name without an end has one */
	assert_int_equal(link_new(&s, "ovpn-dco", "xxxxxxxxxxxxxxxx", DP_MODE_MP), 0);
	assert_true(if_nametoindex("xxxxxxxxxxxxxxx") != 0);
	assert_int_equal(link_new(&s, "ovpn-dco", "ovpn1", DP_MODE_MP), -EBUSY);
	assert_int_equal(link_new(&s, "ovpn-dco", "ovpn1", DP_MODE_P2P), -EBUSY);
	assert_int_equal(if_nametoindex("ovpn1"), 0);
	assert_true(if_nametoindex("xxxxxxxxxxxxxxx") != 0);
	shim_detach(&s);
}

/* --- sockets ---------------------------------------------------------------------------- */

/* Opens a socket with one end of such a pair. */
static int open_by(struct shim *s, uint32_t id, struct shim_open o, int type)
{
	int pair[2], ret;

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	ret = shim_call(s, SHIM_OPEN, id, &o, sizeof(o), pair[1]);
	close(pair[1]);
	if (ret == 0)
		assert_false(closed(pair[0]));
	close(pair[0]);
	return ret;
}

static void sockets_are_what_they_must_be(void **state)
{
	const struct shim_open udp = {.kind = SHIM_KIND_UDP, .family = AF_INET, .fd = 5};
	struct shim_open o = udp;
	struct shim s;

	shim_attach(&s, *state);
	assert_int_equal(open_by(&s, 1, udp, SOCK_STREAM), -EINVAL);
	assert_int_equal(open_by(&s, 1, udp, SOCK_DGRAM), -EINVAL);
	assert_int_equal(open_by(&s, 0, udp, SOCK_SEQPACKET), -EINVAL);
	for (o.kind = 0; o.kind < 6; o.kind++) {
		if (o.kind != SHIM_KIND_GENL && o.kind != SHIM_KIND_UDP)
			assert_int_equal(open_by(&s, 1, o, SOCK_SEQPACKET), -EINVAL);
	}
	o = udp;
	for (o.family = 0; o.family < 40; o.family++) {
		if (o.family != AF_INET && o.family != AF_INET6)
			assert_int_equal(open_by(&s, 1, o, SOCK_SEQPACKET), -EAFNOSUPPORT);
	}
	shim_detach(&s);
}

static void one_process_has_so_many_sockets(void **state)
{
	struct shim_open o = {.kind = SHIM_KIND_GENL};
	struct shim s;
	int fds[65], pair[2];

	shim_attach(&s, *state);
	for (int i = 0; i < 64; i++)
		fds[i] = shim_open_socket(&s, SHIM_KIND_GENL, 0, 10 + i, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(shim_call(&s, SHIM_OPEN, 65, &o, sizeof(o), pair[1]), -EMFILE);
	assert_int_equal(shim_call(&s, SHIM_CLOSE, 7, NULL, 0, -1), 0);
	assert_int_equal(shim_call(&s, SHIM_OPEN, 66, &o, sizeof(o), pair[1]), 0);
	shim_detach(&s);
	close(pair[0]);
	close(pair[1]);
	for (int i = 0; i < 64; i++)
		close(fds[i]);
}

static void what_is_asked_of_a_socket_fits_it(void **state)
{
	struct shim_opt o = {.level = 0x7777, .name = 0x7777, .len = 4};
	struct shim_addr wish = {.family = AF_INET};
	struct shim s;
	int udp = shim_server(&s, *state, "ovpn0", 0);
	uint32_t group = s.family->genl.group_id;
	int other = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 6, 0);
	uint32_t other_id = s.last_id;

	/* a genl socket has no address, nor has one that is not there */
	assert_int_equal(shim_bind(&s, s.genl_id, "0.0.0.0", 1195), -EBADF);
	assert_int_equal(shim_call(&s, SHIM_GETNAME, s.genl_id, NULL, 0, -1), -EBADF);
	assert_int_equal(shim_bind(&s, 4711, "0.0.0.0", 1195), -EBADF);
	assert_int_equal(shim_call(&s, SHIM_SETOPT, 4711, &o, sizeof(o), -1), -EBADF);
	/* addresses of the socket's family */
	assert_int_equal(shim_bind(&s, other_id, "2001:db8:9::1", 1195), -EAFNOSUPPORT);
	wish.family = 77;
	assert_int_equal(
		shim_call(&s, SHIM_BIND, other_id, &wish, sizeof(wish), -1), -EAFNOSUPPORT);
	assert_int_equal(shim_bind(&s, other_id, RIG_ADDR4, 1195), 0);
	/* options: others than ours are openvpn's own affair */
	assert_int_equal(shim_call(&s, SHIM_SETOPT, other_id, &o, sizeof(o), -1), 0);
	o.len = sizeof(o.value) + 1;
	assert_int_equal(shim_call(&s, SHIM_SETOPT, other_id, &o, sizeof(o), -1), -EINVAL);
	o.len = UINT32_MAX;
	assert_int_equal(shim_call(&s, SHIM_SETOPT, other_id, &o, sizeof(o), -1), -EINVAL);
	/* groups */
	o = (struct shim_opt){.level = SOL_NETLINK, .name = NETLINK_ADD_MEMBERSHIP, .len = 4};
	memcpy(o.value, &(uint32_t){4711}, 4);
	assert_int_equal(shim_call(&s, SHIM_SETOPT, s.genl_id, &o, sizeof(o), -1), -EINVAL);
	memcpy(o.value, &group, 4);
	o.len = 2;
	assert_int_equal(shim_call(&s, SHIM_SETOPT, s.genl_id, &o, sizeof(o), -1), -EINVAL);
	shim_detach(&s);
	close(udp);
	close(other);
}

static void datagrams_that_are_none_are_counted(void **state)
{
	struct rig *rig = *state;
	const struct control_counts *n = agent_counts(rig->agent);
	struct shim_dgram d = {.remote = {.family = AF_INET, .port = 1, .ip = {192, 0, 2, 7}}};
	uint8_t record[sizeof(d) + 1] = {0};
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	int v4 = AF_INET;

	for (size_t len = 1; len <= sizeof(d); len += sizeof(d) - 1) {
		uint64_t before = n->datagrams_broken;

		memcpy(record, &d, sizeof(d));
		assert_int_equal(send(udp, record, len, 0), (ssize_t)len);
		EVENTUALLY(n->datagrams_broken == before + 1);
	}
	/* to no address, and from one of another family */
	for (int fault = 0; fault < 2; fault++) {
		uint64_t before = n->datagrams_broken;

		d.remote.family = (uint16_t)(fault == 0 ? AF_INET6 : v4);
		d.local = (struct shim_addr){.family = AF_INET6, .ip = {0x20, 1, [15] = 1}};
		memcpy(record, &d, sizeof(d));
		assert_int_equal(send(udp, record, sizeof(record), 0), (ssize_t)sizeof(record));
		EVENTUALLY(n->datagrams_broken == before + 1);
	}
	assert_int_equal(n->send_failed, 0);
	shim_detach(&s);
	close(udp);
}

/* What arrives is the data plane's; the kernel's socket is there to hold the port. */
static void nothing_piles_up_in_the_kernels_socket(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1194)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int port, queued, found = 0;
	FILE *f;
	char line[512];
	struct shim s;
	int udp = shim_server(&s, *state, "ovpn0", 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			sendto(fd, "8", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	f = fopen("/proc/net/udp", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " %*d: %*x:%x %*x:%*x %*x %*x:%x", &port, &queued) != 2 ||
			port != 1194)
			continue;
		found++;
		assert_int_equal(queued, 0);
	}
	fclose(f);
	assert_int_equal(found, 1);
	shim_detach(&s);
	close(udp);
	close(fd);
}

static void empty_control_packets_end_in_the_agent(void **state)
{
	static const struct udp_addr remote = {.ip = {IP_V4, {192, 0, 2, 7}}, .port = 5000};
	static const struct ip_addr here = {IP_V4, {192, 0, 2, 1}};
	struct rig *rig = *state;
	const struct control_counts *n = agent_counts(rig->agent);
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	uint8_t byte = 5 << 3, buf[256];

	fake_dp_control(rig->dp, s.iid, 0, &remote, &here, &byte, 0);
	EVENTUALLY(n->no_transport == 1);
	fake_dp_control(rig->dp, s.iid, 0, &remote, &here, &byte, 1);
	assert_int_equal(recv(udp, buf, sizeof(buf), 0), sizeof(struct shim_dgram) + 1);
	shim_detach(&s);
	close(udp);
}

/* --- peers ------------------------------------------------------------------------------- */

/* A NEW_PEER by this socket of the process; 0: by none. */
static int new_peer_by(struct shim *s, uint32_t id, uint32_t number)
{
	uint8_t m[sizeof(capture_new_peer_client_v4)];

	memcpy(m, capture_new_peer_client_v4, sizeof(m));
	assert_int_equal(m[42], 3);
	memcpy(m + 44, &number, sizeof(number));
	if (number == 0)
		m[42] = 99;
	return shim_request(s, m, sizeof(m), id);
}

static void peers_come_by_a_bound_udp_socket_of_the_process(void **state)
{
	struct rig *rig = *state;
	struct shim s, other;
	uint32_t id;
	uint8_t reason;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	int unbound = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 6, 0);
	int number_0 = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 0, 0);
	int others;

	assert_int_equal(shim_bind(&s, s.last_id, RIG_ADDR4, 1299), 0);
	shim_attach(&other, rig);
	others = shim_open_socket(&other, SHIM_KIND_UDP, AF_INET, 7, 0);
	assert_int_equal(shim_bind(&other, other.last_id, RIG_ADDR4, 1300), 0);
	assert_int_equal(new_peer_by(&s, 1, 0), -EINVAL);
	assert_int_equal(new_peer_by(&s, 1, 4), -EINVAL); /* genl */
	assert_int_equal(new_peer_by(&s, 1, 6), -EINVAL); /* not bound */
	assert_int_equal(new_peer_by(&s, 1, 7), -EINVAL); /* another process's */
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	assert_int_equal(new_peer_by(&s, 1, 5), 0);
	assert_int_equal(fake_dp_left(rig->dp).peers, 1);
	assert_int_equal(new_peer_by(&s, 0x1000000, 5), -EINVAL); /* 24 bits */
	assert_int_equal(new_peer_by(&s, 0xffffff, 5), -EINVAL);  /* nobody's */
	/* a key for such a peer: taken, and nothing is said of a peer that cannot be */
	assert_int_equal(REQUEST(&s, capture_new_key_aes_256, 0xffffff), 0);
	assert_int_equal(REQUEST(&s, capture_new_key_aes_256, 0x7fffffff), 0);
	assert_int_equal(REQUEST(&s, capture_new_key_aes_256, 2), 0); /* of this one it is */
	EVENTUALLY(shim_notification(&s, &id, &reason));
	assert_int_equal(id, 2);
	assert_false(shim_notification(&s, &id, &reason));
	assert_int_equal(fake_dp_left(rig->dp).peers, 1);
	shim_detach(&s);
	shim_detach(&other);
	close(udp);
	close(unbound);
	close(number_0);
	close(others);
}

/* The peers that a dump has. */
static unsigned int dumped(struct shim *s)
{
	unsigned int n = 0;

	shim_send_request(s, capture_dump_peers, sizeof(capture_dump_peers), 0);
	do {
		struct nlmsghdr h;

		assert_int_equal(shim_answer(s), 0);
		for (size_t at = 0; at < s->body_len; at += NLMSG_ALIGN(h.nlmsg_len)) {
			memcpy(&h, s->body + at, sizeof(h));
			assert_true(h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == DCO_V2_FAMILY_ID);
			n += h.nlmsg_type == DCO_V2_FAMILY_ID;
		}
	} while (!(s->flags & SHIM_LAST));
	return n;
}

/* Two processes, each with a peer 1: one names the other's device. */
static void each_process_has_its_own_device_and_peers(void **state)
{
	static const struct key_material none;
	struct rig *rig = *state;
	struct shim_link l = {.name = "ovpn0"};
	struct shim mine, s;
	struct dp_peer_info info;
	struct key_material key;
	int udp[2];

	udp[0] = shim_server(&mine, rig, "ovpn0", 0);
	assert_int_equal(shim_new_peer(&mine, 1, "192.0.2.7", 5000), 0);
	shim_attach_genl(&s, rig, 0);
	assert_int_equal(shim_link(&s, "ovpn1", DP_MODE_MP), 0);
	udp[1] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, RIG_ADDR4, 1300), 0);
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.8", 5000), 0);
	assert_int_equal(dumped(&s), 1);

	s.ifindex = mine.ifindex;
	assert_int_equal(shim_new_peer(&s, 2, "192.0.2.9", 5000), -EINVAL);
	assert_int_equal(REQUEST(&s, capture_set_peer, 1), -EINVAL);
	assert_int_equal(REQUEST(&s, capture_swap_keys, 1), -EINVAL);
	assert_int_equal(REQUEST(&s, capture_del_key, 1), -EINVAL);
	assert_int_equal(REQUEST(&s, capture_get_peer, 1), -EINVAL);
	assert_int_equal(REQUEST(&s, capture_del_peer, 1), -EINVAL);
	/* refused, it would end openvpn */
	assert_int_equal(REQUEST(&s, capture_new_key_aes_256, 1), 0);
	assert_int_equal(dumped(&s), 0);
	l.ifindex = mine.ifindex;
	assert_int_equal(shim_call(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), -1), -ENODEV);
	l.ifindex = 0;
	assert_int_equal(shim_call(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), -1), -ENODEV);

	assert_int_equal(fake_dp_left(rig->dp).peers, 2);
	assert_int_equal(fake_dp_left(rig->dp).devices, 2);
	for (int i = 0; i < 2; i++) {
		uint32_t iid = mine.iid + (uint32_t)i;

		assert_int_equal(dp_peer_get(rig->dp, iid, 1, &info), 0);
		assert_false(info.gone);
		assert_int_equal(info.timeout, 0);
		key = fake_dp_key(rig->dp, iid, 1, KEYSLOT_PRIMARY);
		assert_memory_equal(&key, &none, sizeof(none));
	}
	assert_int_equal(dumped(&mine), 1);
	shim_detach(&mine);
	shim_detach(&s);
	close(udp[0]);
	close(udp[1]);
}

/* No device has index 0: nor has a process that has none yet a peer by that. */
static void without_a_device_there_are_no_peers(void **state)
{
	struct rig *rig = *state;
	struct shim_link l = {.ifindex = 0};
	enum dp_mode mode;
	struct shim s;
	int udp;

	shim_attach_genl(&s, rig, 0);
	/* nor anything else, by whatever index */
	s.ifindex = 1;
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), -EINVAL);
	assert_int_equal(dumped(&s), 0);
	s.ifindex = 0;
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, RIG_ADDR4, 1194), 0);
	s.iid = fake_dp_newest(rig->dp, &mode);
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), -EINVAL);
	assert_int_equal(fake_dp_left(rig->dp).peers, 0);
	assert_int_equal(dumped(&s), 0);
	assert_int_equal(shim_call(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), -1), -ENODEV);
	assert_int_equal(fake_dp_newest(rig->dp, &mode), s.iid);
	shim_detach(&s);
	close(udp);
}

#define FLAGS_AT 6

/* One record answers a request that wants no acknowledgement; an error is always said. */
static void answers_are_as_many_as_are_asked_for(void **state)
{
	uint8_t get[sizeof(capture_get_peer)], set[sizeof(capture_set_peer)];
	struct shim s;
	struct nlmsghdr h;
	int udp = shim_server(&s, *state, "ovpn0", 0);

	memcpy(get, capture_get_peer, sizeof(get));
	memcpy(set, capture_set_peer, sizeof(set));
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	shim_send_request(&s, get, sizeof(get), 1);
	assert_int_equal(shim_answer(&s), 0);
	assert_false(s.flags & SHIM_LAST);
	assert_int_equal(shim_answer(&s), 0);
	assert_true(s.flags & SHIM_LAST);
	assert_int_equal(get[FLAGS_AT], NLM_F_REQUEST | NLM_F_ACK);
	get[FLAGS_AT] = set[FLAGS_AT] = NLM_F_REQUEST;
	shim_send_request(&s, get, sizeof(get), 1);
	assert_int_equal(shim_answer(&s), 0);
	assert_true(s.flags & SHIM_LAST);
	memcpy(&h, s.body, sizeof(h));
	assert_int_equal(h.nlmsg_type, DCO_V2_FAMILY_ID);
	shim_send_request(&s, set, sizeof(set), 1);
	assert_int_equal(shim_answer(&s), 0);
	assert_true(s.flags & SHIM_LAST);
	assert_int_equal(s.body_len, 0);
	assert_int_equal(shim_request(&s, set, sizeof(set), 2), -ENOENT);
	shim_detach(&s);
	close(udp);
}

/* What is no netlink is answered without any; what is more than one request is none. */
static void netlink_that_is_none_is_refused(void **state)
{
	uint8_t two[2 * sizeof(capture_del_peer)];
	struct rig *rig = *state;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	for (size_t len = 0; len < sizeof(struct nlmsghdr); len++) {
		assert_int_equal(shim_call(&s, SHIM_NETLINK, s.genl_id, two, len, -1), -EINVAL);
		assert_int_equal(s.body_len, 0);
	}
	memcpy(two, capture_del_peer, sizeof(capture_del_peer));
	memcpy(two + sizeof(capture_del_peer), capture_del_peer, sizeof(capture_del_peer));
	assert_int_equal(shim_request(&s, two, sizeof(two), 1), -EINVAL);
	assert_non_null(memmem(s.body, s.body_len, "not one", 7));
	assert_int_equal(fake_dp_left(rig->dp).peers, 1);
	shim_detach(&s);
	close(udp);
}

static void netlink_comes_by_a_genl_socket(void **state)
{
	struct shim s;
	int udp = shim_server(&s, *state, "ovpn0", 0);
	const uint32_t ids[] = {s.last_id, 0, 4711};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_int_equal(shim_call(&s, SHIM_NETLINK, ids[i], capture_dump_peers,
					 sizeof(capture_dump_peers), -1),
			-EINVAL);
	shim_detach(&s);
	close(udp);
}

/* --- secrets ----------------------------------------------------------------------------- */

/* Where a recorded NEW_KEY has its keys. */
#define ENCRYPT_AT 72
#define DECRYPT_AT 124
#define MASK	   0x5a
#define FAKE	   2 /* fake_dp keeps both */

static uint8_t masked[2][16]; /* the beginnings of both keys; the keys themselves are nowhere */

static void fill(uint8_t *key, uint8_t *mask, unsigned int seed)
{
	for (unsigned int i = 0; i < 32; i++) {
		key[i] = (uint8_t)((seed + i) * 167 + (seed + i) * (seed + i) * 29 + 13);
		if (i < 16)
			mask[i] = key[i] ^ MASK;
	}
}

__attribute__((no_sanitize("address"), noinline)) static bool is_key(
	const volatile uint8_t *p, const uint8_t *mask)
{
	for (unsigned int i = 0; i < 16; i++) {
		if ((p[i] ^ MASK) != mask[i])
			return false;
	}
	return true;
}

/* In all of our writable memory, the agent's with it. */
__attribute__((no_sanitize("address"))) static unsigned int copies(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	uintptr_t start, end;
	unsigned int n = 0;
	char line[512], r, w;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %c%c", &start, &end, &r, &w) != 4 ||
			r != 'r' || w != 'w' || end - start > (8ull << 30))
			continue; /* a sanitizer has terabytes of its own */
		for (uintptr_t p = start; p + 16 <= end; p++) {
			/* most of it was never written to, and no key begins with zero */
			if (p % 8 == 0 && *(const volatile uint64_t *)p == 0)
				p += 7;
			else
				n += is_key((const uint8_t *)p, masked[0]) ||
					is_key((const uint8_t *)p, masked[1]);
		}
	}
	fclose(f);
	return n;
}

/* What it has read and passed on is nowhere any more. */
static void keys_stay_nowhere_in_the_agent(void **state)
{
	struct rig *rig = *state;
	static uint8_t m[sizeof(capture_new_key_aes_256)];
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	struct key_material key;
	uint32_t id = 1;

	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	memcpy(m, capture_new_key_aes_256, sizeof(m));
	memcpy(m + 4, &s.family->genl.id, sizeof(s.family->genl.id));
	memcpy(m + 24, &s.ifindex, sizeof(s.ifindex));
	memcpy(m + 36, &id, sizeof(id));
	fill(m + ENCRYPT_AT, masked[0], 1);
	fill(m + DECRYPT_AT, masked[1], 100);
	assert_int_equal(copies(), 2); /* so the search can see them */
	shim_send(&s, SHIM_NETLINK, s.genl_id, m, sizeof(m), -1);
	assert_int_equal(shim_answer(&s), 0);
	explicit_bzero(m, sizeof(m));
	/* once the agent is back in its loop; nothing else writes over it meanwhile */
	for (int i = 0; i < 50 && copies() > FAKE; i++)
		usleep(100000);
	assert_int_equal(copies(), FAKE);
	key = fake_dp_key(rig->dp, s.iid, 1, KEYSLOT_PRIMARY);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(key.decrypt[i] ^ MASK, masked[1][i]);
	shim_detach(&s);
	close(udp);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(records_that_are_none_end_their_connection),
		RIG_TEST(bodies_have_the_length_of_their_kind),
		RIG_TEST(nothing_is_heard_before_hello),
		RIG_TEST(hello_is_said_once),
		RIG_TEST(hello_comes_with_a_network_namespace),
		RIG_TEST(names_of_programs_are_fit_for_a_log),
		RIG_TEST(devices_are_of_our_kinds_and_modes),
		RIG_TEST(sockets_are_what_they_must_be),
		RIG_TEST(one_process_has_so_many_sockets),
		RIG_TEST(what_is_asked_of_a_socket_fits_it),
		RIG_TEST(datagrams_that_are_none_are_counted),
		RIG_TEST(nothing_piles_up_in_the_kernels_socket),
		RIG_TEST(empty_control_packets_end_in_the_agent),
		RIG_TEST(peers_come_by_a_bound_udp_socket_of_the_process),
		RIG_TEST(each_process_has_its_own_device_and_peers),
		RIG_TEST(without_a_device_there_are_no_peers),
		RIG_TEST(answers_are_as_many_as_are_asked_for),
		RIG_TEST(netlink_that_is_none_is_refused),
		RIG_TEST(netlink_comes_by_a_genl_socket),
		RIG_TEST(keys_stay_nowhere_in_the_agent),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
