/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent's end of a connection whose other end reads when it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/conn.h"

struct bench {
	struct loop *loop;
	struct conn c;
	int fd; /* the shim's end */
	uint32_t said, read;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int small = 4096;
	int pair[2];

	assert_non_null(b);
	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	conn_init(&b->c);
	b->c.src.fd = pair[1];
	b->fd = pair[0];
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	conn_close(&b->c, b->loop);
	loop_free(b->loop);
	close(b->fd);
	free(b);
	return 0;
}

/* The next answer, with its number in it. */
static void say(struct bench *b)
{
	const struct shim_hdr h = {.type = SHIM_CLOSE, .seq = ++b->said};

	conn_answer(&b->c, &h, SHIM_LAST, 0, &h.seq, sizeof(h.seq));
}

/* Reads one; false: there is none. It is the next, and whole. */
static bool hear(struct bench *b)
{
	struct {
		struct shim_hdr h;
		uint32_t body;
	} r;
	ssize_t n = recv(b->fd, &r, sizeof(r), MSG_DONTWAIT);

	if (n < 0)
		return false;
	assert_int_equal(n, sizeof(r));
	b->read++;
	assert_int_equal(r.h.seq, b->read);
	assert_int_equal(r.h.len, sizeof(r.body));
	assert_int_equal(r.body, b->read);
	return true;
}

/*
 * There is room again, and something waits: what comes now comes after it. And so once more, when
 * nothing has waited for a while.
 */
static void answers_keep_their_order(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 3; round++) {
		while (!conn_is_full(&b->c))
			say(b);
		for (int i = 0; i < 3; i++) {
			assert_true(hear(b));
			assert_true(hear(b));
			say(b);
			assert_true(conn_is_full(&b->c));
		}
		while (conn_is_full(&b->c)) {
			assert_true(hear(b));
			conn_flush(&b->c);
		}
		say(b);
		while (hear(b))
			;
		assert_int_equal(b->read, b->said);
	}
	assert_false(b->c.ended);
}

static void whoever_is_gone_is_told_nothing_more(void **state)
{
	struct bench *b = *state;

	while (!conn_is_full(&b->c))
		say(b);
	assert_int_equal(shutdown(b->fd, SHUT_RDWR), 0);
	conn_flush(&b->c);
	assert_true(b->c.ended);
	say(b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers_keep_their_order),
		TEST(whoever_is_gone_is_told_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
