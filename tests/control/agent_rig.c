/* SPDX-License-Identifier: BSD-3-Clause */
#include "agent_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "log.h"

static const char *const addresses[] = {RIG_ADDR4 "/24", "2001:db8:9::1/64"};

unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

void rig_enter(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare(CLONE_NEWNET)");
		exit(1);
	}
	if (system("ip link set lo up") != 0)
		exit(1);
	log_set_level(LOG_LEVEL_DEBUG);
}

struct agent_conf rig_conf(const struct rig *rig)
{
	return (struct agent_conf){.dco_socket = rig->dco, .ctl_socket = rig->ctl};
}

static void *run(void *arg)
{
	struct rig *rig = arg;

	return (void *)(intptr_t)agent_run(rig->agent);
}

void rig_start(struct rig *rig)
{
	struct agent_conf conf = rig_conf(rig);

	rig->dp = fake_dp_new();
	assert_int_equal(hostif_new(rig->dp, &rig->h), 0);
	assert_int_equal(hostif_mirror_new(rig->h, 0, addresses, 2), 0);
	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &rig->agent), 0);
	assert_int_equal(pthread_create(&rig->thread, NULL, run, rig), 0);
}

void rig_stop(struct rig *rig)
{
	struct fake_dp_left left;
	void *ret;

	agent_stop(rig->agent);
	assert_int_equal(pthread_join(rig->thread, &ret), 0);
	assert_int_equal((intptr_t)ret, 0);
	agent_free(rig->agent);
	left = fake_dp_left(rig->dp);
	assert_int_equal(left.instances + left.transports + left.peers + left.devices, 0);
	hostif_free(rig->h);
	fake_dp_free(rig->dp);
}

int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	*state = rig;
	rig->fds = open_fds();
	strcpy(rig->dir, "/tmp/agent-test-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(chmod(rig->dir, 0755), 0);
	snprintf(rig->dco, sizeof(rig->dco), "%s/run/dco.sock", rig->dir);
	snprintf(rig->ctl, sizeof(rig->ctl), "%s/run/ctl.sock", rig->dir);
	rig_start(rig);
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;
	char dir[64];

	rig_stop(rig);
	/* the sockets' files are gone, or this fails */
	snprintf(dir, sizeof(dir), "%s/run", rig->dir);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(rig->dir), 0);
	assert_int_equal(open_fds(), rig->fds);
	free(rig);
	return 0;
}

/* The agent's thread hangs in a signal handler, between two of these. */
static int is_held[2];
static int goes_on[2];

static void hang(int sig)
{
	char byte = (char)sig;

	if (write(is_held[1], &byte, 1) != 1 || read(goes_on[0], &byte, 1) != 1 ||
		write(is_held[1], &byte, 1) != 1)
		abort();
}

void rig_hold(const struct rig *rig)
{
	const struct sigaction act = {.sa_handler = hang};
	char byte;

	assert_int_equal(pipe2(is_held, O_CLOEXEC), 0);
	assert_int_equal(pipe2(goes_on, O_CLOEXEC), 0);
	assert_int_equal(sigaction(SIGUSR2, &act, NULL), 0);
	assert_int_equal(pthread_kill(rig->thread, SIGUSR2), 0);
	assert_int_equal(read(is_held[0], &byte, 1), 1);
}

void rig_release(void)
{
	char byte;

	assert_int_equal(write(goes_on[1], "", 1), 1);
	assert_int_equal(read(is_held[0], &byte, 1), 1); /* the pipes are ours again */
	for (unsigned int i = 0; i < 2; i++) {
		close(is_held[i]);
		close(goes_on[i]);
	}
}

/* --- the shim's end --------------------------------------------------------------------- */

int shim_connect(const struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = SHIM_RPC_TIMEOUT};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, rig->dco);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

void shim_send(
	struct shim *s, enum shim_type type, uint32_t id, const void *body, size_t len, int fd)
{
	struct shim_hdr h = {.magic = SHIM_MAGIC,
		.type = (uint16_t)type,
		.flags = SHIM_LAST,
		.seq = ++s->seq,
		.id = id,
		.len = (uint32_t)len};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)body, len}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd >= 0) {
		control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	assert_int_equal(sendmsg(s->conn, &m, MSG_NOSIGNAL), sizeof(h) + len);
}

int shim_answer_fd(struct shim *s, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct shim_hdr h;
	struct iovec iov[2] = {{&h, sizeof(h)}, {s->body, sizeof(s->body)}};
	struct msghdr m = {.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->conn, &m, MSG_CMSG_CLOEXEC);

	assert_true(n >= (ssize_t)sizeof(h));
	assert_int_equal(h.magic, SHIM_MAGIC);
	assert_int_equal(h.seq, s->seq);
	assert_int_equal(h.len, n - (ssize_t)sizeof(h));
	s->body_len = h.len;
	s->flags = h.flags;
	*fd = -1;
	if (m.msg_controllen != 0)
		memcpy(fd, CMSG_DATA(&control.align), sizeof(*fd));
	return h.error;
}

int shim_answer(struct shim *s)
{
	int fd;
	int ret = shim_answer_fd(s, &fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

int shim_call(
	struct shim *s, enum shim_type type, uint32_t id, const void *body, size_t len, int fd)
{
	shim_send(s, type, id, body, len, fd);
	return shim_answer(s);
}

void shim_attach(struct shim *s, const struct rig *rig)
{
	struct shim_hello hello = {.version = SHIM_VERSION, .pid = 4711, .program = "openvpn"};
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	*s = (struct shim){.conn = shim_connect(rig), .genl = -1};
	s->family = rig->family != NULL ? rig->family : &dco_v2_family;
	assert_int_equal(shim_call(s, SHIM_HELLO, 0, &hello, sizeof(hello), ns), 0);
	close(ns);
}

void shim_detach(struct shim *s)
{
	close(s->conn);
	if (s->genl >= 0)
		close(s->genl);
	s->genl = -1;
}

int shim_open_socket(struct shim *s, enum shim_kind kind, int family, int number, int sndbuf)
{
	struct shim_open o = {.kind = kind, .family = (uint32_t)family, .fd = number};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	if (sndbuf != 0)
		assert_int_equal(
			setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)), 0);
	assert_int_equal(shim_call(s, SHIM_OPEN, ++s->last_id, &o, sizeof(o), pair[1]), 0);
	close(pair[1]);
	return pair[0];
}

int shim_bind(struct shim *s, uint32_t id, const char *ip, uint16_t port)
{
	struct shim_addr a = {.family = strchr(ip, ':') ? AF_INET6 : AF_INET, .port = htons(port)};

	assert_int_equal(inet_pton(a.family, ip, a.ip), 1);
	return shim_call(s, SHIM_BIND, id, &a, sizeof(a), -1);
}

int shim_link(struct shim *s, const char *name, enum dp_mode mode)
{
	struct shim_link l = {.mode = (uint8_t)mode};
	int ret;

	strncpy(l.kind, s->family->kind, sizeof(l.kind) - 1);
	strncpy(l.name, name, sizeof(l.name) - 1);
	ret = shim_call(s, SHIM_LINK_NEW, 0, &l, sizeof(l), -1);
	if (ret == 0) {
		memcpy(&l, s->body, sizeof(l));
		s->ifindex = l.ifindex;
	}
	return ret;
}

int shim_join(struct shim *s)
{
	struct shim_opt join = {.level = SOL_NETLINK, .name = NETLINK_ADD_MEMBERSHIP, .len = 4};
	uint32_t group = s->family->genl.group_id;

	memcpy(join.value, &group, sizeof(group));
	return shim_call(s, SHIM_SETOPT, s->genl_id, &join, sizeof(join), -1);
}

void shim_attach_genl(struct shim *s, const struct rig *rig, int sndbuf)
{
	shim_attach(s, rig);
	s->genl = shim_open_socket(s, SHIM_KIND_GENL, 0, 4, sndbuf);
	s->genl_id = s->last_id;
}

int shim_server(struct shim *s, const struct rig *rig, const char *device, int genl_sndbuf)
{
	enum dp_mode mode;
	int udp;

	shim_attach_genl(s, rig, genl_sndbuf);
	assert_int_equal(shim_link(s, device, DP_MODE_MP), 0);
	assert_int_equal(shim_join(s), 0);
	udp = shim_open_socket(s, SHIM_KIND_UDP, AF_INET, 5, 0);
	assert_int_equal(shim_bind(s, s->last_id, "0.0.0.0", 1194), 0);
	s->iid = fake_dp_newest(rig->dp, &mode);
	assert_int_equal(mode, DP_MODE_MP);
	return udp;
}

/* --- netlink ---------------------------------------------------------------------------- */

/* The recorded interface index is at 24, and the peer id is the first u32 of most nests. */
#define IFINDEX_AT 24
#define PEER_ID_AT 36

void shim_send_request(struct shim *s, const void *capture, size_t len, uint32_t peer_id)
{
	uint8_t m[256];
	uint16_t family = s->family->genl.id;

	assert_true(len <= sizeof(m));
	memcpy(m, capture, len);
	memcpy(m + 4, &family, sizeof(family));
	memcpy(m + IFINDEX_AT, &s->ifindex, sizeof(s->ifindex));
	if (len >= PEER_ID_AT + sizeof(peer_id))
		memcpy(m + PEER_ID_AT, &peer_id, sizeof(peer_id));
	shim_send(s, SHIM_NETLINK, s->genl_id, m, len, -1);
}

static int ack_error(const struct shim *s)
{
	struct nlmsghdr h;
	struct nlmsgerr e;

	assert_true(s->body_len >= sizeof(h) + sizeof(e));
	memcpy(&h, s->body, sizeof(h));
	memcpy(&e, s->body + sizeof(h), sizeof(e));
	assert_int_equal(h.nlmsg_type, NLMSG_ERROR);
	return e.error;
}

int shim_request(struct shim *s, const void *capture, size_t len, uint32_t peer_id)
{
	shim_send_request(s, capture, len, peer_id);
	do {
		assert_int_equal(shim_answer(s), 0);
	} while (!(s->flags & SHIM_LAST));
	return ack_error(s);
}

int shim_new_peer(struct shim *s, uint32_t id, const char *remote, uint16_t port)
{
	return shim_new_peer_by(s, id, remote, port, 5);
}

int shim_new_peer_by(
	struct shim *s, uint32_t id, const char *remote, uint16_t port, uint32_t number)
{
	uint8_t buf[512];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;
	struct nlattr *nest;
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool v6 = strchr(remote, ':') != NULL;
	uint32_t vpn4 = htonl(0x0a080002 + id);

	h->nlmsg_type = DCO_V2_FAMILY_ID;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = 1;
	mnl_attr_put_u32(h, 1, s->ifindex);
	nest = mnl_attr_nest_start(h, 2);
	assert_int_equal(v6 ? inet_pton(AF_INET6, remote, &sa6.sin6_addr)
			    : inet_pton(AF_INET, remote, &sa.sin_addr),
		1);
	mnl_attr_put_u32(h, 1, id);
	if (v6)
		mnl_attr_put(h, 2, sizeof(sa6), &sa6);
	else
		mnl_attr_put(h, 2, sizeof(sa), &sa);
	mnl_attr_put_u32(h, 3, number);
	mnl_attr_put_u32(h, 4, vpn4);
	mnl_attr_nest_end(h, nest);
	shim_send(s, SHIM_NETLINK, s->genl_id, buf, h->nlmsg_len, -1);
	assert_int_equal(shim_answer(s), 0);
	return ack_error(s);
}

bool shim_notification(struct shim *s, uint32_t *peer_id, uint8_t *reason)
{
	const struct nlattr *top[5];
	const struct nlattr *nest[3];
	uint8_t buf[NL_DATAGRAM_MAX];
	struct nlmsghdr h;
	uint32_t ifindex;
	ssize_t n = recv(s->genl, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return false;
	/* one notification a datagram: openvpn sees the last only */
	memcpy(&h, buf, sizeof(h));
	assert_int_equal(h.nlmsg_len, n);
	assert_int_equal(h.nlmsg_seq, 0);
	assert_int_equal(buf[16], 3);
	assert_int_equal(nl_attrs_read(buf + 20, (size_t)n - 20, top, 4), 0);
	assert_true(nl_attr_u32(top[1], &ifindex));
	assert_int_equal(ifindex, s->ifindex);
	assert_int_equal(nl_nest_read(top[4], nest, 2), 0);
	assert_true(nl_attr_u8(nest[1], reason));
	assert_true(nl_attr_u32(nest[2], peer_id));
	return true;
}
