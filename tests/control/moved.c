/* SPDX-License-Identifier: BSD-3-Clause */
#include "moved.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/dp_view.h"

const struct ip_addr first = {IP_V4, {192, 0, 2, 1}};

struct udp_addr from(uint8_t n)
{
	return (struct udp_addr){.ip = {IP_V4, {192, 0, 2, n}}, .port = (uint16_t)(5000 + n)};
}

struct udp_addr to(const struct ip_addr *ip)
{
	return (struct udp_addr){.ip = *ip, .port = 1194};
}

void neighbours(void)
{
	assert_int_equal(
		system("for n in 7 8 9; do"
		       " ip neigh replace 192.0.2.$n lladdr 02:00:00:00:00:0$n dev fake0; done"),
		0);
}

bool is_at(const struct rig *rig, const struct shim *s, uint32_t id, uint8_t n)
{
	struct udp_addr there = from(n);
	struct dp_peer_info info;
	struct dp_path path;

	return dp_peer_get(rig->dp, s->iid, id, &info) == 0 &&
		udp_addr_equal(&info.remote, &there) && fake_dp_path(rig->dp, s->iid, id, &path) &&
		path.dst_mac[5] == n;
}

void float_to(struct rig *rig, const struct shim *s, uint32_t id, uint8_t n)
{
	struct udp_addr there = from(n), here = to(&first);

	fake_dp_float(rig->dp, s->iid, id, &there, &here);
}

/* A control packet from there arrives; whom openvpn takes it for, the same of our address. */
uint8_t name_of(struct rig *rig, struct shim *s, int udp, uint8_t n, const struct ip_addr *here,
	uint8_t *ours)
{
	static const uint8_t control[] = {4 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0};
	struct udp_addr there = from(n);
	struct shim_dgram d;
	uint8_t buf[256];

	fake_dp_control(rig->dp, s->iid, 0, &there, here, control, sizeof(control));
	assert_int_equal(recv(udp, buf, sizeof(buf), 0), sizeof(d) + sizeof(control));
	memcpy(&d, buf, sizeof(d));
	assert_memory_equal(d.remote.ip, first.b, 3);
	assert_int_equal(ntohs(d.remote.port), 5000 + d.remote.ip[3]);
	if (ours != NULL)
		*ours = d.local.ip[3];
	return d.remote.ip[3];
}

uint8_t name(struct rig *rig, struct shim *s, int udp, uint8_t n)
{
	return name_of(rig, s, udp, n, &first, NULL);
}

void write_to(int udp, uint8_t n)
{
	struct {
		struct shim_dgram d;
		char payload[5];
	} __attribute__((packed)) out = {.d = {.remote = {.family = AF_INET,
						       .port = htons((uint16_t)(5000 + n)),
						       .ip = {192, 0, 2, n}}},
		.payload = {'h', 'e', 'l', 'l', 'o'}};

	assert_int_equal(send(udp, &out, sizeof(out), 0), sizeof(out));
}

/* Where the next of openvpn's datagrams goes, and the last byte of its source. */
uint8_t sent_to(struct rig *rig, uint8_t *source)
{
	int fd = fake_dp_mirror_fd(rig->dp);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t f[2048];

	while (poll(&p, 1, 20000) == 1) {
		ssize_t n = read(fd, f, sizeof(f));

		if (n != 42 + 5 || memcmp(f + 42, "hello", 5) != 0)
			continue;
		assert_int_equal(be16_load(f + 36), 5000 + f[33]);
		assert_int_equal(f[5], f[33]);
		if (source != NULL)
			*source = f[29];
		return f[33];
	}
	return 0;
}

uint8_t goes_to(struct rig *rig, int udp, uint8_t n)
{
	write_to(udp, n);
	return sent_to(rig, NULL);
}
