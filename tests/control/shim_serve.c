/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim_serve.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim_calls.h"

void serve_hello(struct shim_agent *a)
{
	struct shim_hello hello;
	struct stat theirs;
	struct stat ours;

	agent_expect(a, SHIM_HELLO, 0, sizeof(hello));
	memcpy(&hello, a->body, sizeof(hello));
	assert_int_equal(hello.version, SHIM_VERSION);
	assert_int_equal(hello.pid, a->child);
	assert_string_equal(hello.program, "shim_calls");
	assert_int_equal(fstat(a->passed, &theirs), 0);
	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	assert_int_equal(theirs.st_ino, ours.st_ino);
	agent_answer(a, 0, NULL, 0);
}

static void answer_ack(struct shim_agent *a, int error)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack = {.h = {sizeof(ack), NLMSG_ERROR, 0, CALLS_NL_SEQ, 0}, .e = {.error = error}};

	agent_answer(a, 0, &ack, sizeof(ack));
}

void expect_family(struct shim_agent *a, uint32_t id)
{
	struct calls_getfamily asked;
	size_t len = calls_getfamily(&asked, a->version->family);

	agent_expect(a, SHIM_NETLINK, id, len);
	assert_memory_equal(a->body, &asked, len);
}

void serve_family(struct shim_agent *a, uint32_t id)
{
	expect_family(a, id);
	agent_answer_part(a, calls_family_answer, sizeof(calls_family_answer));
	answer_ack(a, 0);
}

void serve_genl(struct shim_agent *a, uint32_t id)
{
	agent_serve_open(a, id, SHIM_KIND_GENL, 0);
	serve_family(a, id);
}

void serve_available(struct shim_agent *a)
{
	serve_hello(a);
	serve_genl(a, 1);
	agent_serve_close(a, 1);
}

static void expect_address(struct shim_agent *a, const char *ip, uint16_t port)
{
	struct shim_addr want = {.family = AF_INET, .port = htons(port)};

	inet_pton(AF_INET, ip, want.ip);
	assert_memory_equal(a->body, &want, sizeof(want));
}

void serve_bind(struct shim_agent *a, uint32_t id)
{
	struct shim_addr bound;

	agent_expect(a, SHIM_BIND, id, sizeof(bound));
	expect_address(a, "192.0.2.1", 1194);
	memcpy(&bound, a->body, sizeof(bound));
	agent_answer(a, 0, &bound, sizeof(bound));
}

void serve_option(struct shim_agent *a, uint32_t id, int level, int name, int value)
{
	struct shim_opt want = {.level = level, .name = name, .len = sizeof(value)};

	memcpy(want.value, &value, sizeof(value));
	agent_expect(a, SHIM_SETOPT, id, sizeof(want));
	assert_memory_equal(a->body, &want, sizeof(want));
	agent_answer(a, 0, NULL, 0);
}

struct shim_dgram dgram_from(const char *remote, uint16_t port)
{
	struct shim_dgram d = {.remote = {.family = AF_INET, .port = htons(port)}};

	inet_pton(AF_INET, remote, d.remote.ip);
	return d;
}

void send_dgram(struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text)
{
	struct iovec iov[2] = {
		{(void *)(uintptr_t)d, sizeof(*d)}, {(void *)(uintptr_t)text, strlen(text)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	assert_int_equal(sendmsg(a->socks[id], &msg, 0), sizeof(*d) + strlen(text));
}

void expect_dgram(struct shim_agent *a, uint32_t id, const struct shim_dgram *d, const char *text)
{
	uint8_t buf[256];
	struct pollfd p = {.fd = a->socks[id], .events = POLLIN};

	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(recv(a->socks[id], buf, sizeof(buf), 0), sizeof(*d) + strlen(text));
	assert_memory_equal(buf, d, sizeof(*d));
	assert_memory_equal(buf + sizeof(*d), text, strlen(text));
}

void serve_genl_and_udp(struct shim_agent *a)
{
	serve_hello(a);
	serve_genl(a, 1);
	agent_serve_open(a, 2, SHIM_KIND_UDP, AF_INET);
	serve_bind(a, 2);
}
