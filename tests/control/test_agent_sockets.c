/* SPDX-License-Identifier: BSD-3-Clause */
/* Several sockets of one openvpn, as 2.7 has them with several `local`s, and of several. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_rig.h"
#include "dataplane/dp_view.h"

#define ADDR6 "2001:db8:9::1"

static const struct udp_addr far = {.ip = {IP_V4, {192, 0, 2, 7}}, .port = 5000};

static uint16_t family_of(const char *ip)
{
	return strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
}

/* Opens a socket with that number in openvpn, and binds it; its end. */
static int bound(struct shim *s, int number, const char *ip, uint16_t port)
{
	int fd = shim_open_socket(s, SHIM_KIND_UDP, family_of(ip), number, 0);

	assert_int_equal(shim_bind(s, s->last_id, ip, port), 0);
	return fd;
}

static bool arrived(int udp)
{
	uint8_t buf[256];

	return recv(udp, buf, sizeof(buf), MSG_DONTWAIT) > 0;
}

static void each_peer_is_answered_by_the_socket_that_openvpn_names(void **state)
{
	static const uint8_t ack[] = {5 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0};
	static const uint16_t ports[] = {1194, 1195, 1196};
	struct rig *rig = *state;
	struct dp_peer_info info;
	struct shim s;
	int udp[3];
	const struct ip_addr here = {IP_V4, {192, 0, 2, 1}};

	udp[0] = shim_server(&s, rig, "ovpn0", 0); /* number 5, port 1194 */
	udp[1] = bound(&s, 6, RIG_ADDR4, 1195);
	udp[2] = bound(&s, 7, RIG_ADDR4, 1196);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(
			shim_new_peer_by(&s, i, "192.0.2.7", (uint16_t)(5000 + i), 5 + i), 0);
		assert_int_equal(dp_peer_get(rig->dp, s.iid, i, &info), 0);
		assert_int_equal(info.local.port, ports[i]);
		/* what arrives for a transport is read from its socket, and from no other */
		fake_dp_control(rig->dp, s.iid, i, &far, &here, ack, sizeof(ack));
		EVENTUALLY(arrived(udp[i]));
		for (uint32_t k = 0; k < 3; k++)
			assert_false(arrived(udp[k]));
	}
	assert_int_equal(shim_new_peer_by(&s, 3, "192.0.2.7", 5003, 8), -EINVAL);
	/* the others go on when one is closed */
	assert_int_equal(shim_call(&s, SHIM_CLOSE, s.last_id, NULL, 0, -1), 0);
	assert_int_equal(fake_dp_left(rig->dp).transports, 2);
	assert_int_equal(shim_new_peer_by(&s, 4, "192.0.2.7", 5004, 7), -EINVAL);
	assert_int_equal(shim_new_peer_by(&s, 4, "192.0.2.7", 5004, 6), 0);
	shim_detach(&s);
	for (uint32_t i = 0; i < 3; i++)
		close(udp[i]);
}

static void what_is_taken_is_taken(void **state)
{
	static const struct {
		const char *held, *wished;
		int error;
	} cases[] = {
		{RIG_ADDR4, RIG_ADDR4, -EADDRINUSE},
		{RIG_ADDR4, "0.0.0.0", -EADDRINUSE},
		{RIG_ADDR4, "::", -EADDRINUSE},
		{"0.0.0.0", RIG_ADDR4, -EADDRINUSE},
		{"0.0.0.0", "::", -EADDRINUSE},
		{"::", "0.0.0.0", -EADDRINUSE},
		{"::", RIG_ADDR4, -EADDRINUSE},
		{"::", ADDR6, -EADDRINUSE},
		{ADDR6, "::", -EADDRINUSE},
		{ADDR6, ADDR6, -EADDRINUSE},
		{ADDR6, RIG_ADDR4, 0},
		{RIG_ADDR4, ADDR6, 0},
		{"127.0.0.1", RIG_ADDR4, 0},
	};
	struct rig *rig = *state;

	EVENTUALLY(system("ip -6 address show dev fake0 tentative | grep -q .") != 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1300)};
		struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1300)};
		bool is6 = family_of(cases[i].held) == AF_INET6;
		struct shim first, second;
		int foreign = socket(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
		int udp[2];

		/* held by another openvpn */
		shim_attach(&first, rig);
		udp[0] = bound(&first, 5, cases[i].held, 1300);
		shim_attach(&second, rig);
		udp[1] = shim_open_socket(&second, SHIM_KIND_UDP, family_of(cases[i].wished), 5, 0);
		assert_int_equal(
			shim_bind(&second, second.last_id, cases[i].wished, 1300), cases[i].error);
		shim_detach(&first);
		shim_detach(&second);
		close(udp[0]);
		close(udp[1]);
		EVENTUALLY(fake_dp_left(rig->dp).transports == 0);
		/* held by a program that knows nothing of us */
		inet_pton(is6 ? AF_INET6 : AF_INET, cases[i].held,
			is6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
		assert_int_equal(
			bind(foreign, is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
				is6 ? sizeof(v6) : sizeof(v4)),
			0);
		shim_attach(&second, rig);
		udp[1] = shim_open_socket(&second, SHIM_KIND_UDP, family_of(cases[i].wished), 5, 0);
		assert_int_equal(
			shim_bind(&second, second.last_id, cases[i].wished, 1300), cases[i].error);
		shim_detach(&second);
		close(udp[1]);
		close(foreign);
		EVENTUALLY(fake_dp_left(rig->dp).transports == 0);
	}
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(each_peer_is_answered_by_the_socket_that_openvpn_names),
		RIG_TEST(what_is_taken_is_taken),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
