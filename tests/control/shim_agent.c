/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	assert_non_null(value);
	return value;
}

static void limit_waiting(int fd)
{
	struct timeval limit = {.tv_sec = 60};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
}

static void run_program(const struct shim_agent *a, char *const argv[])
{
	int fd = open(a->errors, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(99);
	setenv(SHIM_SOCKET_ENV, a->path, 1);
	setenv("LD_PRELOAD", getenv("SHIM"), 1);
	/* in a sanitizer build the shim brings the sanitizer into programs that do not know it */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
	execvp(argv[0], argv);
	_exit(98);
}

void agent_return(struct shim_agent *a)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, a->path);
	a->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	limit_waiting(a->listen_fd);
	assert_int_equal(bind(a->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(a->listen_fd, 4), 0);
}

void agent_leave(struct shim_agent *a)
{
	close(a->listen_fd);
	a->listen_fd = -1;
	unlink(a->path);
	agent_die(a);
}

void agent_accept(struct shim_agent *a)
{
	a->conn = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(a->conn >= 0);
	limit_waiting(a->conn);
}

void agent_start(struct shim_agent *a, int listening, char *const argv[])
{
	memset(a, 0, sizeof(*a));
	memset(a->socks, 0xff, sizeof(a->socks));
	a->conn = a->passed = -1;
	environment("SHIM");
	strcpy(a->dir, "/tmp/test-shim-XXXXXX");
	assert_non_null(mkdtemp(a->dir));
	snprintf(a->path, sizeof(a->path), "%s/dco.sock", a->dir);
	snprintf(a->errors, sizeof(a->errors), "%s/stderr", a->dir);
	a->listen_fd = -1;
	if (listening)
		agent_return(a);
	a->child = fork();
	if (a->child == 0)
		run_program(a, argv);
	assert_true(a->child > 0);
}

void agent_start_calls(struct shim_agent *a, const char *scenario)
{
	char *argv[] = {
		(char *)(uintptr_t)environment("SHIM_CALLS"), (char *)(uintptr_t)scenario, NULL};

	agent_start(a, 1, argv);
	a->version = calls_version(&scenario);
	agent_accept(a);
}

static ssize_t read_request(struct shim_agent *a)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr c;
	} control = {0};
	struct iovec iov[2] = {{&a->h, sizeof(a->h)}, {a->body, sizeof(a->body)}};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(a->conn, &msg, MSG_CMSG_CLOEXEC);

	if (a->passed >= 0)
		close(a->passed);
	a->passed = -1;
	if (n > 0 && msg.msg_controllen != 0)
		memcpy(&a->passed, CMSG_DATA(&control.c), sizeof(a->passed));
	return n;
}

void agent_expect(struct shim_agent *a, enum shim_type type, uint32_t id, size_t len)
{
	assert_int_equal(read_request(a), sizeof(a->h) + len);
	assert_int_equal(a->h.magic, SHIM_MAGIC);
	assert_int_equal(a->h.type, type);
	assert_int_equal(a->h.id, id);
	assert_int_equal(a->h.len, len);
	assert_int_equal(a->h.pad, 0);
	assert_int_equal(a->h.error, 0);
	assert_true(a->h.seq > a->last_seq);
	if (type != SHIM_LINK_NEW)
		assert_int_equal(a->passed >= 0, type == SHIM_HELLO || type == SHIM_OPEN);
	a->last_seq = a->h.seq;
}

static void send_record(
	struct shim_agent *a, unsigned int flags, int error, const void *body, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct shim_hdr h = a->h;
	struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)body, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = len != 0 ? 2 : 1};

	if (fd >= 0) {
		control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	h.flags = (uint16_t)flags;
	h.error = error;
	h.len = (uint32_t)len;
	assert_int_equal(sendmsg(a->conn, &msg, MSG_NOSIGNAL), sizeof(h) + len);
}

void agent_answer(struct shim_agent *a, int error, const void *body, size_t len)
{
	send_record(a, SHIM_LAST, error, body, len, -1);
}

void agent_answer_fd(struct shim_agent *a, const void *body, size_t len, int fd)
{
	send_record(a, SHIM_LAST, 0, body, len, fd);
}

void agent_answer_part(struct shim_agent *a, const void *body, size_t len)
{
	send_record(a, 0, 0, body, len, -1);
}

void agent_serve_open(struct shim_agent *a, uint32_t id, enum shim_kind kind, uint32_t family)
{
	struct shim_open open;
	int type = 0;
	socklen_t len = sizeof(type);

	assert_true(id < SHIM_AGENT_IDS);
	agent_expect(a, SHIM_OPEN, id, sizeof(open));
	memcpy(&open, a->body, sizeof(open));
	assert_int_equal(open.kind, kind);
	assert_int_equal(open.family, family);
	assert_true(open.fd > 2);
	assert_int_equal(getsockopt(a->passed, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	assert_int_equal(type, SOCK_SEQPACKET);
	a->socks[id] = a->passed;
	a->numbers[id] = open.fd;
	a->passed = -1;
	agent_answer(a, 0, NULL, 0);
}

void agent_serve_close(struct shim_agent *a, uint32_t id)
{
	agent_expect(a, SHIM_CLOSE, id, 0);
	close(a->socks[id]);
	a->socks[id] = -1;
	agent_answer(a, 0, NULL, 0);
}

void agent_expect_end(struct shim_agent *a)
{
	assert_int_equal(read_request(a), 0);
}

void agent_die(struct shim_agent *a)
{
	for (unsigned int i = 0; i < SHIM_AGENT_IDS; i++) {
		if (a->socks[i] >= 0)
			close(a->socks[i]);
		a->socks[i] = -1;
	}
	if (a->conn >= 0)
		close(a->conn);
	a->conn = -1;
	a->last_seq = 0;
}

unsigned int agent_said(struct shim_agent *a, const char *text)
{
	char buf[8192] = "";
	unsigned int n = 0;
	FILE *f = fopen(a->errors, "r");

	assert_non_null(f);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	for (const char *p = strstr(buf, text); p != NULL; p = strstr(p + 1, text))
		n++;
	return n;
}

void agent_wait(struct shim_agent *a, int status)
{
	char line[256];
	int got = -1;
	FILE *f;

	assert_int_equal(waitpid(a->child, &got, 0), a->child);
	a->child = 0;
	f = fopen(a->errors, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		print_message("  | %s", line);
	if (f != NULL)
		fclose(f);
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

void agent_free(struct shim_agent *a)
{
	agent_die(a);
	if (a->passed >= 0)
		close(a->passed);
	if (a->listen_fd >= 0)
		close(a->listen_fd);
	unlink(a->path);
	unlink(a->errors);
	rmdir(a->dir);
}
