/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may come in, what a shim's connection may say, sockets and devices. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_rig.h"

#define NOBODY 65534

static const struct ip_addr here = {IP_V4, {192, 0, 2, 1}};
static const struct udp_addr far = {.ip = {IP_V4, {192, 0, 2, 7}}, .port = 5000};

static bool closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, 5000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* --- who may come in -------------------------------------------------------------------- */

static void sockets_are_roots_alone(void **state)
{
	const struct rig *rig = *state;
	struct stat st;

	assert_int_equal(stat(rig->dco, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(rig->ctl, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* In a child without rights: 0 when the connection was closed before HELLO could be said. */
static int stranger(const struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	const struct timeval limit = {.tv_sec = 4}; /* who says nothing is sent away, but later */
	char byte;

	strcpy(addr.sun_path, rig->dco);
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return 2;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return 3;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return recv(fd, &byte, 1, 0) == 0 ? 0 : 4;
}

static void stranger_is_sent_away_even_if_the_file_lets_him(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int status;
	pid_t pid;

	assert_int_equal(chmod(rig->dco, 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(stranger(rig));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	shim_attach(&s, rig); /* and root still comes in */
	shim_detach(&s);
}

static void second_daemon_is_refused(void **state)
{
	struct rig *rig = *state;
	struct agent_conf conf = rig_conf(rig);
	struct agent *second;
	struct shim s;

	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &second), -EADDRINUSE);
	shim_attach(&s, rig);
	shim_detach(&s);
}

static void socket_of_a_dead_daemon_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct agent_conf conf;
	struct agent *second;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dco[80];
	char ctl[80];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(dco, sizeof(dco), "%s/dead.sock", rig->dir);
	snprintf(ctl, sizeof(ctl), "%s/dead-ctl.sock", rig->dir);
	strcpy(addr.sun_path, dco);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	conf = (struct agent_conf){.dco_socket = dco, .ctl_socket = ctl};
	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &second), 0);
	agent_free(second);
	assert_int_equal(access(dco, F_OK), -1);
}

static void file_that_is_no_socket_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct agent_conf conf;
	struct agent *second;
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/precious", rig->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	conf = (struct agent_conf){.dco_socket = path, .ctl_socket = rig->ctl};
	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &second), -EEXIST);
	assert_int_equal(unlink(path), 0);
	conf.dco_socket = rig->dco;
	conf.group = "no such group";
	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &second), -EINVAL);
}

/* --- the connection ---------------------------------------------------------------------- */

static void hello_of_another_version_is_refused_with_a_sentence(void **state)
{
	struct rig *rig = *state;
	struct shim_hello hello = {.version = SHIM_VERSION + 1, .pid = 1, .program = "openvpn"};
	struct shim s = {.conn = shim_connect(rig), .genl = -1};

	assert_int_equal(shim_call(&s, SHIM_HELLO, 0, &hello, sizeof(hello), -1), -EPROTO);
	assert_true(s.body_len > 10);
	assert_non_null(memmem(s.body, s.body_len, "version", 7));
	assert_true(closed(s.conn));
	shim_detach(&s);
}

static void hello_needs_a_network_namespace(void **state)
{
	struct rig *rig = *state;
	struct shim_hello hello = {.version = SHIM_VERSION, .pid = 1, .program = "openvpn"};
	struct shim s = {.conn = shim_connect(rig), .genl = -1};

	assert_int_equal(
		shim_call(&s, SHIM_HELLO, 0, &hello, sizeof(hello), STDERR_FILENO), -EPROTO);
	assert_true(closed(s.conn));
	shim_detach(&s);
}

static void garbage_closes_the_connection_and_nothing_else(void **state)
{
	struct rig *rig = *state;
	struct shim good;
	struct shim_hdr good_hdr = {.magic = SHIM_MAGIC, .type = SHIM_CLOSE, .seq = 1, .id = 1};
	uint8_t record[4096];
	uint32_t rnd = 99;

	shim_attach(&good, rig);
	for (unsigned int i = 0; i < 200; i++) {
		int fd = shim_connect(rig);
		size_t len = 1 + i * 20;

		for (size_t k = 0; k < len; k++) {
			rnd = rnd * 1664525 + 1013904223;
			record[k] = (uint8_t)(rnd >> 24);
		}
		/* every other one begins well, before HELLO */
		if (i % 2 && len > sizeof(good_hdr))
			memcpy(record, &good_hdr, sizeof(good_hdr));
		assert_int_equal(send(fd, record, len, MSG_NOSIGNAL), len);
		assert_true(closed(fd));
		close(fd);
	}
	/* after HELLO: a body that is not its type's length */
	shim_send(&good, SHIM_BIND, 1, record, 3, -1);
	assert_true(closed(good.conn));
	shim_detach(&good);
	shim_attach(&good, rig);
	shim_detach(&good);
}

static uint32_t next_random(uint32_t *rnd)
{
	*rnd = *rnd * 1664525 + 1013904223;
	return *rnd >> 8;
}

/* A record of a type and its length, and whatever else: ids that there are, descriptors of any
 * kind. */
static int hostile_record(struct shim *s, uint32_t *rnd, int fd)
{
	static const size_t lens[] = {
		[SHIM_OPEN] = sizeof(struct shim_open),
		[SHIM_CLOSE] = 0,
		[SHIM_BIND] = sizeof(struct shim_addr),
		[SHIM_GETNAME] = 0,
		[SHIM_SETOPT] = sizeof(struct shim_opt),
		[SHIM_NETLINK] = 40,
		[SHIM_LINK_NEW] = sizeof(struct shim_link),
		[SHIM_LINK_DEL] = sizeof(struct shim_link),
	};
	enum shim_type type = SHIM_OPEN + next_random(rnd) % 8;
	uint8_t body[sizeof(struct shim_opt)];
	size_t common;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = next_random(rnd) % 3 == 0 ? (uint8_t)next_random(rnd) : 0;
	/* words that mean something come often: kinds, families, levels, names of options */
	common = next_random(rnd) % 4;
	if (common != 0) {
		static const uint32_t words[] = {SHIM_KIND_GENL, SHIM_KIND_UDP, AF_INET, AF_INET6,
			SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, 0, 4, 64, 65, UINT32_MAX};

		for (size_t i = 0; i < common; i++)
			memcpy(body + 4 * i, &words[next_random(rnd) % ARRAY_LEN(words)], 4);
	}
	if (type == SHIM_LINK_NEW)
		memcpy(body + offsetof(struct shim_link, kind), "ovpn", 5);
	return shim_call(s, type, next_random(rnd) % 24, body, lens[type], fd);
}

static void hostile_records_are_answered_and_the_agent_lives(void **state)
{
	struct rig *rig = *state;
	uint32_t rnd = 4711;
	struct shim s;
	unsigned int before = open_fds();

	for (unsigned int turn = 0; turn < 6; turn++) {
		shim_attach(&s, rig);
		for (unsigned int i = 0; i < 700; i++) {
			int pair[2];
			int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
			int type = next_random(&rnd) % 2 ? SOCK_SEQPACKET : SOCK_STREAM;

			assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
			int fds[] = {-1, pair[0], pair[0], device, STDERR_FILENO};

			hostile_record(&s, &rnd, fds[next_random(&rnd) % ARRAY_LEN(fds)]);
			/* openvpn's end, full of anything */
			send(pair[1], &rnd, sizeof(rnd), MSG_NOSIGNAL | MSG_DONTWAIT);
			close(pair[0]);
			close(pair[1]);
			close(device);
		}
		shim_detach(&s);
	}
	EVENTUALLY(open_fds() == before);
	shim_attach(&s, rig);
	shim_detach(&s);
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
	struct rig *rig = *state;
	struct shim_link l = {.name = "x", .ifindex = 12345};
	struct shim_open o = {.kind = SHIM_KIND_UDP, .family = AF_INET, .fd = 5};
	struct shim s;
	unsigned int before;

	shim_attach(&s, rig);
	before = open_fds();
	for (unsigned int i = 0; i < 50; i++) {
		assert_true(shim_call(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), STDERR_FILENO) < 0);
		/* not a socketpair */
		assert_int_equal(
			shim_call(&s, SHIM_OPEN, 1 + i, &o, sizeof(o), STDERR_FILENO), -EINVAL);
		assert_int_equal(shim_call(&s, SHIM_OPEN, 1 + i, &o, sizeof(o), -1), -EINVAL);
	}
	assert_int_equal(open_fds(), before);
	shim_detach(&s);
}

/* The protocol has one at most: more must not pile up in the agent. */
static void of_two_descriptors_none_stays(void **state)
{
	struct rig *rig = *state;
	struct shim_hdr h = {.magic = SHIM_MAGIC, .type = SHIM_CLOSE, .flags = SHIM_LAST, .id = 99};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.align = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	const int fds[2] = {STDIN_FILENO, STDERR_FILENO};
	struct iovec iov = {&h, sizeof(h)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct shim s;
	unsigned int before;

	shim_attach(&s, rig);
	before = open_fds();
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	for (unsigned int i = 0; i < 20; i++) {
		h.seq = ++s.seq;
		assert_int_equal(sendmsg(s.conn, &m, MSG_NOSIGNAL), sizeof(h));
		assert_int_equal(shim_answer(&s), 0);
	}
	EVENTUALLY(open_fds() == before);
	shim_detach(&s);
}

/* One end of a TCP connection of which the other reads nothing, full. */
static int full_tcp(int *reader)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char nothing[4096];

	assert_int_equal(bind(l, (const struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, len), 0);
	*reader = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*reader >= 0);
	while (send(fd, nothing, sizeof(nothing), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	close(l);
	return fd;
}

/* Whoever closes such a socket last waits for its reader, if its owner wants that. */
static void descriptors_that_linger_do_not_stop_the_agent(void **state)
{
	const struct linger wait = {.l_onoff = 1, .l_linger = 3};
	struct rig *rig = *state;
	struct shim_link l = {.name = "x", .ifindex = 12345};
	struct timespec begin, end;
	struct shim s;
	int reader;
	int fd = full_tcp(&reader);

	shim_attach(&s, rig);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)), 0);
	rig_hold(rig);
	shim_send(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), fd);
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	rig_release();
	assert_int_equal(shim_answer(&s), -ENODEV);
	assert_int_equal(shim_call(&s, SHIM_CLOSE, 99, NULL, 0, -1), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - begin.tv_sec, 0, 1);
	close(reader);
	shim_detach(&s);
}

static void everything_goes_with_the_connection(void **state)
{
	struct rig *rig = *state;
	struct fake_dp_left left;
	struct shim s;
	unsigned int before = open_fds();
	int udp = shim_server(&s, rig, "ovpn7", 0);

	for (uint32_t id = 0; id < 20; id++)
		assert_int_equal(shim_new_peer(&s, id, "192.0.2.7", 5000), 0);
	left = fake_dp_left(rig->dp);
	assert_int_equal(left.instances, 1);
	assert_int_equal(left.transports, 1);
	assert_int_equal(left.devices, 1);
	assert_int_equal(left.peers, 20);
	assert_true(if_nametoindex("ovpn7") != 0);
	shim_detach(&s);
	close(udp);
	EVENTUALLY(fake_dp_left(rig->dp).instances == 0);
	EVENTUALLY(if_nametoindex("ovpn7") == 0);
	EVENTUALLY(open_fds() == before);
	left = fake_dp_left(rig->dp);
	assert_int_equal(left.transports + left.devices + left.peers, 0);
	/* the port is free again */
	udp = shim_server(&s, rig, "ovpn7", 0);
	shim_detach(&s);
	close(udp);
}

/* --- devices ---------------------------------------------------------------------------- */

static void device_comes_and_goes_by_request(void **state)
{
	struct rig *rig = *state;
	struct shim_link l = {.name = "ovpn3", .kind = "wireguard"};
	struct shim s;

	shim_attach(&s, rig);
	assert_int_equal(shim_call(&s, SHIM_LINK_NEW, 0, &l, sizeof(l), -1), -EOPNOTSUPP);
	assert_int_equal(shim_link(&s, "lo", DP_MODE_MP), -EEXIST);
	assert_int_equal(shim_link(&s, "a/b", DP_MODE_MP), -EINVAL);
	assert_int_equal(shim_link(&s, "ovpn3", DP_MODE_MP), 0);
	assert_int_equal(if_nametoindex("ovpn3"), s.ifindex);
	assert_int_equal(shim_link(&s, "ovpn4", DP_MODE_MP), -EBUSY);
	l.ifindex = s.ifindex;
	assert_int_equal(shim_call(&s, SHIM_LINK_DEL, 0, &l, sizeof(l), -1), 0);
	assert_int_equal(if_nametoindex("ovpn3"), 0);
	assert_int_equal(fake_dp_left(rig->dp).instances, 0);
	assert_int_equal(shim_link(&s, "ovpn3", DP_MODE_P2P), 0);
	shim_detach(&s);
}

/* --- UDP -------------------------------------------------------------------------------- */

static void port_in_use_is_a_true_error(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_in taken = {.sin_family = AF_INET, .sin_port = htons(1500)};
	struct shim s;
	int kernel = socket(AF_INET, SOCK_DGRAM, 0);
	int udp[4];

	assert_int_equal(bind(kernel, (const struct sockaddr *)&taken, sizeof(taken)), 0);
	shim_attach(&s, rig);
	udp[0] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1500), -EADDRINUSE);
	udp[1] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 6, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "198.51.100.1", 1501), -EADDRNOTAVAIL);
	assert_int_equal(shim_bind(&s, s.last_id, RIG_ADDR4, 1501), 0);
	udp[2] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 7, 0);
	assert_int_equal(shim_bind(&s, s.last_id, RIG_ADDR4, 1501), -EADDRINUSE);
	udp[3] = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET6, 8, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "::", 1502), 0);
	assert_int_equal(fake_dp_left(rig->dp).transports, 2);
	for (unsigned int i = 0; i < 4; i++)
		close(udp[i]);
	close(kernel);
	shim_detach(&s);
}

static void port_zero_is_chosen_and_told(void **state)
{
	struct rig *rig = *state;
	struct shim_addr bound;
	struct udp_addr local;
	enum dp_mode mode;
	struct shim s;
	bool v4_too;
	int udp;

	shim_attach(&s, rig);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET6, 5, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "::", 0), 0);
	memcpy(&bound, s.body, sizeof(bound));
	assert_int_equal(bound.family, AF_INET6);
	assert_true(bound.port != 0);
	assert_int_equal(shim_call(&s, SHIM_GETNAME, s.last_id, NULL, 0, -1), 0);
	assert_memory_equal(s.body, &bound, sizeof(bound));
	assert_true(fake_dp_transport(rig->dp, fake_dp_newest(rig->dp, &mode), 0, &local, &v4_too));
	assert_int_equal(local.port, ntohs(bound.port));
	assert_true(v4_too);
	close(udp);
	shim_detach(&s);
}

static void control_packet_reaches_openvpn_with_both_addresses(void **state)
{
	static const uint8_t hard_reset[] = {7 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0};
	struct rig *rig = *state;
	struct shim_dgram d;
	struct shim s;
	uint8_t buf[256];
	int udp = shim_server(&s, rig, "ovpn0", 0);

	fake_dp_control(rig->dp, s.iid, 0, &far, &here, hard_reset, sizeof(hard_reset));
	assert_int_equal(recv(udp, buf, sizeof(buf), 0), sizeof(d) + sizeof(hard_reset));
	memcpy(&d, buf, sizeof(d));
	assert_int_equal(d.remote.family, AF_INET);
	assert_int_equal(d.remote.port, htons(5000));
	assert_memory_equal(d.remote.ip, far.ip.b, 4);
	assert_int_equal(d.local.family, AF_INET);
	assert_memory_equal(d.local.ip, here.b, 4);
	assert_int_equal(d.ifindex, if_nametoindex("fake0"));
	assert_memory_equal(buf + sizeof(d), hard_reset, sizeof(hard_reset));
	shim_detach(&s);
	close(udp);
}

static void data_packet_never_reaches_openvpn(void **state)
{
	struct rig *rig = *state;
	uint8_t packet[40] = {0};
	struct shim s;
	uint8_t buf[256];
	int udp = shim_server(&s, rig, "ovpn0", 0);

	for (unsigned int key_id = 0; key_id < 8; key_id++) {
		packet[0] = (uint8_t)(6 << 3 | key_id);
		fake_dp_control(rig->dp, s.iid, 0, &far, &here, packet, sizeof(packet));
		packet[0] = (uint8_t)(9 << 3 | key_id);
		fake_dp_control(rig->dp, s.iid, 0, &far, &here, packet, sizeof(packet));
	}
	packet[0] = 4 << 3;
	fake_dp_control(rig->dp, s.iid, 0, &far, &here, packet, sizeof(packet));
	assert_int_equal(
		recv(udp, buf, sizeof(buf), 0), sizeof(struct shim_dgram) + sizeof(packet));
	assert_int_equal(buf[sizeof(struct shim_dgram)], 4 << 3);
	assert_int_equal(recv(udp, buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(agent_counts(rig->agent)->data_refused, 16);
	shim_detach(&s);
	close(udp);
}

/* The first IPv4 UDP frame to port 5000 that the kernel sends; its length, 0: none came. */
static size_t sent_frame(int fd, uint8_t *frame, size_t max)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 20000) == 1) {
		ssize_t n = read(fd, frame, max);

		if (n > 42 && frame[12] == 8 && frame[13] == 0 && frame[23] == IPPROTO_UDP &&
			be16_load(frame + 36) == 5000)
			return (size_t)n;
	}
	return 0;
}

static void datagram_of_openvpn_leaves_by_the_mirror_tap(void **state)
{
	struct rig *rig = *state;
	struct {
		struct shim_dgram d;
		char payload[5];
	} __attribute__((packed))
	out = {.d = {.remote = {.family = AF_INET, .port = htons(5000), .ip = {192, 0, 2, 7}}},
		.payload = {'h', 'e', 'l', 'l', 'o'}};
	uint8_t frame[2048];
	struct shim s;
	int udp;

	assert_int_equal(system("ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0; "
				"ip addr add 192.0.2.2/24 dev fake0"),
		0);
	udp = shim_server(&s, rig, "ovpn0", 0);
	assert_int_equal(send(udp, &out, sizeof(out), 0), sizeof(out));
	assert_int_equal(sent_frame(fake_dp_mirror_fd(rig->dp), frame, sizeof(frame)), 42 + 5);
	assert_memory_equal(frame, "\x02\0\0\0\0\x07", 6);
	assert_memory_equal(frame + 26, "\xc0\0\x02\x01", 4);
	assert_int_equal(be16_load(frame + 34), 1194);
	assert_memory_equal(frame + 42, "hello", 5);
	/* --multihome: the source it names */
	out.d.local = (struct shim_addr){.family = AF_INET, .ip = {192, 0, 2, 2}};
	assert_int_equal(send(udp, &out, sizeof(out), 0), sizeof(out));
	assert_int_equal(sent_frame(fake_dp_mirror_fd(rig->dp), frame, sizeof(frame)), 42 + 5);
	assert_memory_equal(frame + 26, "\xc0\0\x02\x02", 4);
	shim_detach(&s);
	close(udp);
}

/* nobind: the UDP socket comes first, without bind(), and the device at the end. */
static void client_sends_before_it_has_a_device(void **state)
{
	struct rig *rig = *state;
	struct shim_dgram d = {
		.remote = {.family = AF_INET, .port = htons(5000), .ip = {192, 0, 2, 7}}};
	struct udp_addr before = {0};
	struct udp_addr after;
	enum dp_mode mode;
	uint8_t out[sizeof(d) + 10] = {0};
	struct shim s;
	bool v4_too;
	int udp;

	shim_attach(&s, rig);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET6, 3, 0);
	assert_int_equal(fake_dp_left(rig->dp).instances, 0);
	memcpy(out, &d, sizeof(d));
	assert_int_equal(send(udp, out, sizeof(out), 0), sizeof(out));
	EVENTUALLY(fake_dp_left(rig->dp).transports == 1);
	s.iid = fake_dp_newest(rig->dp, &mode);
	assert_int_equal(mode, DP_MODE_P2P);
	assert_true(fake_dp_transport(rig->dp, s.iid, 0, &before, &v4_too));
	assert_true(before.port != 0);
	/* an answer is delivered before there is a device; IPv4 on a dual-stack socket is mapped */
	out[0] = 8 << 3;
	fake_dp_control(rig->dp, s.iid, 0, &far, &here, out, 10);
	assert_int_equal(recv(udp, out, sizeof(out), 0), sizeof(d) + 10);
	memcpy(&d, out, sizeof(d));
	assert_int_equal(d.remote.family, AF_INET6);
	assert_memory_equal(d.remote.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07", 16);
	/* the device asks for the same mode: the instance stays */
	assert_int_equal(shim_link(&s, "ovpn1", DP_MODE_P2P), 0);
	assert_int_equal(fake_dp_newest(rig->dp, &mode), s.iid);
	shim_detach(&s);
	close(udp);
	EVENTUALLY(fake_dp_left(rig->dp).instances == 0);

	/* for many peers: another instance, with the same transport */
	shim_attach(&s, rig);
	udp = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 3, 0);
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1194), 0);
	assert_int_equal(shim_link(&s, "ovpn1", DP_MODE_MP), 0);
	s.iid = fake_dp_newest(rig->dp, &mode);
	assert_int_equal(mode, DP_MODE_MP);
	assert_true(fake_dp_transport(rig->dp, s.iid, 0, &after, &v4_too));
	assert_int_equal(after.port, 1194);
	assert_int_equal(fake_dp_left(rig->dp).instances, 1);
	assert_int_equal(fake_dp_left(rig->dp).transports, 1);
	shim_detach(&s);
	close(udp);
}

static void descriptor_numbers_come_twice_and_ids_do_not(void **state)
{
	struct rig *rig = *state;
	struct shim_open o = {.kind = SHIM_KIND_UDP, .family = AF_INET, .fd = 5};
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn0", 0);
	int again;
	int pair[2];

	/* a new socket with the number of one that is still here: the new one counts */
	again = shim_open_socket(&s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), -EINVAL); /* not bound */
	assert_int_equal(shim_bind(&s, s.last_id, "0.0.0.0", 1195), 0);
	assert_int_equal(shim_new_peer(&s, 1, "192.0.2.7", 5000), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(shim_call(&s, SHIM_OPEN, s.last_id, &o, sizeof(o), pair[1]), -EEXIST);
	close(pair[0]);
	close(pair[1]);
	shim_detach(&s);
	close(udp);
	close(again);
}

/* --- the operator ----------------------------------------------------------------------- */

static void operator_is_answered_in_one_line(void **state)
{
	static const char request[] = "{\"command\": \"show\", \"what\": \"instances\"}\n";
	struct rig *rig = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char answer[8192];
	size_t len = 0;
	ssize_t n;
	struct shim s;
	int udp = shim_server(&s, rig, "ovpn5", 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, rig->ctl);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	/* in two pieces */
	assert_int_equal(send(fd, request, 10, 0), 10);
	usleep(20000);
	assert_int_equal(send(fd, request + 10, sizeof(request) - 11, 0), sizeof(request) - 11);
	while ((n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	assert_int_equal(strchr(answer, '\n') - answer, len - 1);
	assert_non_null(strstr(answer, "ovpn5"));
	assert_non_null(strstr(answer, "4711"));
	close(fd);
	shim_detach(&s);
	close(udp);
}

static int operator_connects(const struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, rig->ctl);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static bool still_open(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* Those inside are not disturbed, and there is room again when one goes. */
static void so_many_come_in_and_no_more(void **state)
{
	enum { OPERATORS = 16 };
	struct rig *rig = *state;
	unsigned int before = open_fds();
	int fds[DP_MAX_INSTANCES + 1];
	struct shim s;

	for (unsigned int i = 0; i <= OPERATORS; i++)
		fds[i] = operator_connects(rig);
	assert_true(closed(fds[OPERATORS]));
	for (unsigned int i = 0; i < OPERATORS; i++) {
		assert_true(still_open(fds[i]));
		close(fds[i]);
	}
	close(fds[OPERATORS]);
	EVENTUALLY(open_fds() == before);
	for (unsigned int i = 0; i <= DP_MAX_INSTANCES; i++)
		fds[i] = shim_connect(rig);
	/* long before it would be for its silence */
	EVENTUALLY(!still_open(fds[DP_MAX_INSTANCES]));
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++)
		assert_true(still_open(fds[i]));
	for (unsigned int i = 0; i <= DP_MAX_INSTANCES; i++)
		close(fds[i]);
	EVENTUALLY(open_fds() == before);
	shim_attach(&s, rig);
	shim_detach(&s);
	fds[0] = operator_connects(rig);
	assert_true(still_open(fds[0]));
	close(fds[0]);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* With an argument: the tests of that name, which may have a * in it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(sockets_are_roots_alone),
		RIG_TEST(stranger_is_sent_away_even_if_the_file_lets_him),
		RIG_TEST(second_daemon_is_refused),
		RIG_TEST(socket_of_a_dead_daemon_is_replaced),
		RIG_TEST(file_that_is_no_socket_is_left_alone),
		RIG_TEST(hello_of_another_version_is_refused_with_a_sentence),
		RIG_TEST(hello_needs_a_network_namespace),
		RIG_TEST(garbage_closes_the_connection_and_nothing_else),
		RIG_TEST(hostile_records_are_answered_and_the_agent_lives),
		RIG_TEST(descriptors_that_nobody_asked_for_are_closed),
		RIG_TEST(of_two_descriptors_none_stays),
		RIG_TEST(descriptors_that_linger_do_not_stop_the_agent),
		RIG_TEST(everything_goes_with_the_connection),
		RIG_TEST(device_comes_and_goes_by_request),
		RIG_TEST(port_in_use_is_a_true_error),
		RIG_TEST(port_zero_is_chosen_and_told),
		RIG_TEST(control_packet_reaches_openvpn_with_both_addresses),
		RIG_TEST(data_packet_never_reaches_openvpn),
		RIG_TEST(datagram_of_openvpn_leaves_by_the_mirror_tap),
		RIG_TEST(client_sends_before_it_has_a_device),
		RIG_TEST(descriptor_numbers_come_twice_and_ids_do_not),
		RIG_TEST(operator_is_answered_in_one_line),
		RIG_TEST(so_many_come_in_and_no_more),
	};

	rig_enter();
	if (argc == 2)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
