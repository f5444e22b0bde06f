/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An openvpn with a socket of each family, and a peer that moves from one to the other: the real
 * agent over fake_dp. openvpn goes on with the socket to which the peer connected.
 *
 *    peer, now or before   4: 192.0.2.7:5007            6: 2001:db8:9::8, port 5008
 *    openvpn's sockets     4: 0.0.0.0:1194              6: [::]:1195, IPv6 only
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_rig.h"
#include "control/dco_ovpn.h"
#include "dataplane/dp_view.h"

struct bench {
	struct rig *rig;
	struct shim s;
	int udp[2]; /* openvpn's ends: 4, 6 */
};

enum { V4, V6 };

static const struct udp_addr ours[] = {
	{.ip = {IP_V4, {192, 0, 2, 1}}, .port = 1194},
	{.ip = {IP_V6, {0x20, 1, 0x0d, 0xb8, 0, 9, [15] = 1}}, .port = 1195},
};
static const struct udp_addr theirs[] = {
	{.ip = {IP_V4, {192, 0, 2, 7}}, .port = 5007},
	{.ip = {IP_V6, {0x20, 1, 0x0d, 0xb8, 0, 9, [15] = 8}}, .port = 5008},
};

static const char control[14] = {4 << 3, 1, 2, 3, 4, 5, 6, 7, 8};

/* tells: openvpn hears of floats. */
static void begin(struct bench *b, void **state, bool tells)
{
	struct timeval limit = {.tv_sec = 20};
	struct shim_opt v6only = {IPPROTO_IPV6, IPV6_V6ONLY, 4, {1}};

	b->rig = *state;
	assert_int_equal(
		system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev fake0;"
		       "ip neigh replace 2001:db8:9::8 lladdr 02:00:00:00:00:08 dev fake0"),
		0);
	b->rig->family = tells ? &dco_ovpn_family : NULL;
	b->udp[V4] = shim_server(&b->s, b->rig, "ovpn0", 0);
	b->rig->family = NULL;
	b->udp[V6] = shim_open_socket(&b->s, SHIM_KIND_UDP, AF_INET6, 6, 0);
	assert_int_equal(
		shim_call(&b->s, SHIM_SETOPT, b->s.last_id, &v6only, sizeof(v6only), -1), 0);
	assert_int_equal(shim_bind(&b->s, b->s.last_id, "::", 1195), 0);
	for (int i = V4; i <= V6; i++)
		assert_int_equal(
			setsockopt(b->udp[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
}

static void end(struct bench *b)
{
	shim_detach(&b->s);
	close(b->udp[V4]);
	close(b->udp[V6]);
}

static bool is_at(struct bench *b, int where)
{
	struct dp_peer_info info;
	struct dp_path path;

	return dp_peer_get(b->rig->dp, b->s.iid, 1, &info) == 0 &&
		udp_addr_equal(&info.remote, &theirs[where]) &&
		fake_dp_path(b->rig->dp, b->s.iid, 1, &path) &&
		udp_addr_equal(&path.local, &ours[where]);
}

static void connects(struct bench *b, int where)
{
	/* openvpn answers from where the client reached it: it must have written */
	uint8_t buf[256];

	fake_dp_control(b->rig->dp, b->s.iid, (unsigned int)where, &theirs[where], &ours[where].ip,
		control, sizeof(control));
	assert_true(recv(b->udp[where], buf, sizeof(buf), 0) > 0);
	assert_int_equal(where == V4 ? shim_new_peer_by(&b->s, 1, "192.0.2.7", 5007, 5)
				     : shim_new_peer_by(&b->s, 1, "2001:db8:9::8", 5008, 6),
		0);
	EVENTUALLY(is_at(b, where));
}

static void moves(struct bench *b, int where)
{
	fake_dp_float(b->rig->dp, b->s.iid, 1, &theirs[where], &ours[where]);
	EVENTUALLY(is_at(b, where));
}

/* openvpn reads that the peer has moved. */
static void reads(struct bench *b)
{
	uint8_t buf[256];

	EVENTUALLY(recv(b->s.genl, buf, sizeof(buf), MSG_DONTWAIT) > 0);
	assert_int_equal(buf[16], 11);
}

/* An address as openvpn has it on a socket of that family. */
static struct shim_addr on(int socket, const struct udp_addr *a)
{
	struct shim_addr s = {.port = htons(a->port)};

	s.family = socket == V4 ? AF_INET : AF_INET6;
	if (socket == V6 && a->ip.family == IP_V4) {
		s.ip[10] = s.ip[11] = 0xff;
		memcpy(s.ip + 12, a->ip.b, 4);
	} else {
		memcpy(s.ip, a->ip.b, ip_len(a->ip.family));
	}
	return s;
}

/* A control packet from there arrives: openvpn reads it on that socket alone, from `named`. */
static void heard(struct bench *b, int from, int socket, const struct udp_addr *named)
{
	struct shim_addr want = on(socket, named);
	struct shim_dgram d;
	uint8_t buf[256];

	fake_dp_control(b->rig->dp, b->s.iid, (unsigned int)from, &theirs[from], &ours[from].ip,
		control, sizeof(control));
	assert_int_equal(recv(b->udp[socket], buf, sizeof(buf), 0), sizeof(d) + sizeof(control));
	memcpy(&d, buf, sizeof(d));
	assert_memory_equal(&d.remote, &want, sizeof(want));
	assert_true(d.local.family == 0 || d.local.family == want.family);
	assert_memory_equal(buf + sizeof(d), control, sizeof(control));
	assert_int_equal(recv(b->udp[!socket], buf, sizeof(buf), MSG_DONTWAIT), -1);
}

/* The next of openvpn's datagrams on the wire: is it to the peer there, from where it reaches us?
 */
static bool leaves_for(struct bench *b, int where)
{
	int fd = fake_dp_mirror_fd(b->rig->dp);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t addr = where == V4 ? 26 : 22, ip = where == V4 ? 4 : 16, udp = where == V4 ? 34 : 54;
	uint8_t f[2048];

	while (poll(&p, 1, 20000) == 1) {
		ssize_t n = read(fd, f, sizeof(f));

		if (n < 42 + 5 || memcmp(f + n - 5, "hello", 5) != 0)
			continue;
		return n == (ssize_t)udp + 8 + 5 && memcmp(f + addr, ours[where].ip.b, ip) == 0 &&
			memcmp(f + addr + ip, theirs[where].ip.b, ip) == 0 &&
			be16_load(f + udp) == ours[where].port &&
			be16_load(f + udp + 2) == theirs[where].port;
	}
	return false;
}

/* openvpn writes to that name on that socket. */
static void writes(struct bench *b, int socket, const struct udp_addr *named)
{
	struct {
		struct shim_dgram d;
		char payload[5];
	} __attribute__((packed)) out = {.payload = {'h', 'e', 'l', 'l', 'o'}};

	/* as the shim writes it: a mapped address is one of IPv4 */
	out.d.remote = on(named->ip.family == IP_V4 ? V4 : V6, named);
	assert_int_equal(send(b->udp[socket], &out, sizeof(out), 0), sizeof(out));
}

/* openvpn knows the peer by the old address, for ever, or until it has been told. */
static void untold_it_goes_on_as_if_nothing_had_moved(void **state)
{
	for (int home = V4; home <= V6; home++) {
		struct bench b;

		begin(&b, state, false);
		connects(&b, home);
		heard(&b, home, home, &theirs[home]);
		writes(&b, home, &theirs[home]);
		assert_true(leaves_for(&b, home));
		moves(&b, !home);
		heard(&b, !home, home, &theirs[home]);
		writes(&b, home, &theirs[home]);
		assert_true(leaves_for(&b, !home));
		/* and back */
		moves(&b, home);
		heard(&b, home, home, &theirs[home]);
		writes(&b, home, &theirs[home]);
		assert_true(leaves_for(&b, home));
		assert_int_equal(agent_counts(b.rig->agent)->no_family, 0);
		end(&b);
	}
}

/* It looks a sender up by its address, whatever the socket, and answers by the old one. */
static void told_it_has_the_new_address_and_the_old_socket(void **state)
{
	for (int home = V4; home <= V6; home++) {
		struct bench b;

		begin(&b, state, true);
		connects(&b, home);
		moves(&b, !home);
		writes(&b, home, &theirs[home]); /* before it has read */
		assert_true(leaves_for(&b, !home));
		reads(&b);
		/* of IPv4 it has a mapped address then, as its own socket would say it */
		heard(&b, !home, V6, &theirs[!home]);
		writes(&b, home, &theirs[!home]);
		assert_true(leaves_for(&b, !home));
		moves(&b, home);
		reads(&b);
		heard(&b, home, home, &theirs[home]);
		writes(&b, home, &theirs[home]);
		assert_true(leaves_for(&b, home));
		assert_int_equal(agent_counts(b.rig->agent)->no_family, 0);
		end(&b);
	}
}

/* Another port of ours alone: a NAT lets nothing else in. */
static void answers_come_from_the_port_that_is_reached(void **state)
{
	struct udp_addr here = {.ip = ours[V4].ip, .port = 1196};
	struct dp_path path = {0};
	struct bench b;
	uint8_t buf[256], f[2048];
	ssize_t n;
	int udp;

	begin(&b, state, true);
	udp = shim_open_socket(&b.s, SHIM_KIND_UDP, AF_INET, 7, 0);
	assert_int_equal(shim_bind(&b.s, b.s.last_id, "0.0.0.0", 1196), 0);
	connects(&b, V4);
	fake_dp_float(b.rig->dp, b.s.iid, 1, &theirs[V4], &here);
	EVENTUALLY(fake_dp_path(b.rig->dp, b.s.iid, 1, &path) && path.local.port == 1196);
	fake_dp_control(b.rig->dp, b.s.iid, 2, &theirs[V4], &here.ip, control, sizeof(control));
	assert_true(recv(b.udp[V4], buf, sizeof(buf), 0) > 0);
	assert_int_equal(recv(udp, buf, sizeof(buf), MSG_DONTWAIT), -1);
	writes(&b, V4, &theirs[V4]);
	do
		n = read(fake_dp_mirror_fd(b.rig->dp), f, sizeof(f));
	while (n < 5 || memcmp(f + n - 5, "hello", 5) != 0);
	assert_int_equal(be16_load(f + 34), 1196);
	/* nobody was to be told of that */
	assert_int_equal(recv(b.s.genl, buf, sizeof(buf), MSG_DONTWAIT), -1);
	end(&b);
	close(udp);
}

/* Its name is one of IPv6, which cannot be said on this socket; as IPv4 it would be 32.1.13.184. */
static void a_stranger_at_the_old_address_has_no_name(void **state)
{
	struct bench b;
	uint8_t buf[256];

	begin(&b, state, false);
	connects(&b, V4);
	moves(&b, V6);
	fake_dp_control(
		b.rig->dp, b.s.iid, V4, &theirs[V4], &ours[V4].ip, control, sizeof(control));
	EVENTUALLY(agent_counts(b.rig->agent)->no_family == 1);
	/* and back to a place that only the other socket could reach, for one that nobody is at */
	writes(&b, V4, &(struct udp_addr){.ip = theirs[V6].ip, .port = 9});
	EVENTUALLY(agent_counts(b.rig->agent)->no_family == 2);
	assert_int_equal(recv(b.udp[V4], buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(recv(b.udp[V6], buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(agent_counts(b.rig->agent)->send_failed, 0);
	/* nor was anything sent */
	writes(&b, V4, &theirs[V4]);
	assert_true(leaves_for(&b, V6));
	end(&b);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(untold_it_goes_on_as_if_nothing_had_moved),
		RIG_TEST(told_it_has_the_new_address_and_the_old_socket),
		RIG_TEST(answers_come_from_the_port_that_is_reached),
		RIG_TEST(a_stranger_at_the_old_address_has_no_name),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
