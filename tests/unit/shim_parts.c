/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim_parts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define EDGES_MAX 64

static int agent = -1;
static struct {
	void *mem;
	size_t size;
} edges[EDGES_MAX];
static unsigned int nb_edges;

void *at_edge(const void *bytes, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (len + page - 1) / page * page;
	uint8_t *mem =
		mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_true(nb_edges < EDGES_MAX);
	edges[nb_edges].mem = mem;
	edges[nb_edges++].size = size + page;
	assert_int_equal(mprotect(mem + size, page, PROT_NONE), 0);
	if (len != 0)
		memcpy(mem + size - len, bytes, len);
	return mem + size - len;
}

int parts_attach(void **state)
{
	struct timeval limit = {.tv_sec = 2};
	struct stat root;
	int pair[2];

	(void)state;
	if (stat("/", &root) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	shim = (struct shim){
		.state = SHIM_ATTACHED,
		.owner = getpid(),
		.rpc_fd = pair[0],
		.netns_fd = -1,
		.idle = {-1, -1},
		.root_dev = root.st_dev,
		.root_ino = root.st_ino,
	};
	agent = pair[1];
	return 0;
}

int parts_detach(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SHIM_SOCKS; i++) {
		if (shim.socks[i].kind != KIND_NONE)
			sock_free(&shim.socks[i]);
	}
	rpc_disconnect();
	close(agent);
	while (nb_edges != 0) {
		nb_edges--;
		munmap(edges[nb_edges].mem, edges[nb_edges].size);
	}
	return 0;
}

static void answer(unsigned int nth, struct shim_hdr h, const void *body, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)body, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	h.magic = SHIM_MAGIC;
	h.seq = shim.last_seq + nth;
	h.len = (uint32_t)len;
	if (fd >= 0) {
		control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	assert_int_equal(sendmsg(agent, &msg, MSG_NOSIGNAL), sizeof(h) + len);
}

void parts_answer(
	unsigned int nth, enum shim_type type, int error, const void *body, size_t len, int fd)
{
	struct shim_hdr h = {.type = (uint16_t)type, .flags = SHIM_LAST, .error = error};

	answer(nth, h, body, len, fd);
}

void parts_answer_part(unsigned int nth, enum shim_type type, const void *body, size_t len)
{
	answer(nth, (struct shim_hdr){.type = (uint16_t)type}, body, len, -1);
}

struct shim_hdr parts_asked(enum shim_type type, void *body, size_t len)
{
	struct shim_hdr h;
	struct iovec iov[2] = {{&h, sizeof(h)}, {body, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n = recvmsg(agent, &msg, MSG_DONTWAIT);

	assert_true(n >= (ssize_t)sizeof(h));
	assert_int_equal(h.type, type);
	assert_int_equal((size_t)n - sizeof(h), len);
	return h;
}

void parts_not_asked(void)
{
	uint8_t byte;

	assert_int_equal(recv(agent, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

struct sock *parts_udp(sa_family_t family, int *end)
{
	struct sock *s;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	s = sock_new(KIND_UDP, pair[0]);
	assert_non_null(s);
	s->family = family;
	s->id = 9;
	*end = pair[1];
	return s;
}

void parts_fill_table(void)
{
	int fd = 100000; /* no descriptors: nothing is done with them */

	while (sock_new(KIND_RTNL, fd) != NULL)
		fd++;
	assert_int_equal(fd, 100000 + SHIM_SOCKS);
}
