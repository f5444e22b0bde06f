/* SPDX-License-Identifier: BSD-3-Clause */
/* An operator's connection, whose other end may be slow or silent; the clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/ctl.h"
#include "control/ctlconn.h"
#include "fake_view.h"

static const char question[] = "{\"command\": \"show\", \"what\": \"peers\"}\n";

static uint64_t now;

/* What the linker puts in the place of loop_now_ms(). */
uint64_t __wrap_loop_now_ms(void);

uint64_t __wrap_loop_now_ms(void)
{
	return now;
}

struct bench {
	struct loop *loop;
	struct ctlconn *c;
	int fd; /* the operator's end */
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int pair[2];
	int small = 4096;

	now = 1000;
	assert_non_null(b);
	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_int_equal(ctlconn_new(fake_view(250, 1, 0), b->loop, pair[1], &b->c), 0);
	b->fd = pair[0];
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	ctlconn_free(b->c);
	loop_free(b->loop);
	close(b->fd);
	free(b);
	return 0;
}

/* The agent's loop turns when there is something to do; is the connection at its end? */
static bool ended(struct bench *b)
{
	assert_int_equal(loop_turn(b->loop, 0), 0);
	return ctlconn_ended(b->c, now);
}

static void say(struct bench *b, const char *text, size_t len)
{
	assert_int_equal(send(b->fd, text, len, 0), (ssize_t)len);
}

/* Reads what there is; how much that was. */
static size_t take(struct bench *b, char *last)
{
	char buf[65536];
	ssize_t n = recv(b->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		*last = buf[n - 1];
	return n > 0 ? (size_t)n : 0;
}

static void who_asks_nothing_has_ten_seconds(void **state)
{
	struct bench *b = *state;

	assert_false(ended(b));
	now += 9999;
	assert_false(ended(b));
	now++;
	assert_true(ended(b));
}

/* A byte now and then is no question. */
static void who_asks_slowly_has_no_more(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < 9; i++) {
		now += 1000;
		say(b, &question[i], 1);
		assert_false(ended(b));
	}
	now += 1000;
	say(b, &question[9], 1);
	assert_true(ended(b));
}

/* The answer is long: who reads on may take minutes for it. */
static void who_reads_slowly_gets_all_of_it(void **state)
{
	struct bench *b = *state;
	size_t total = 0, n;
	char last = 0;

	say(b, question, sizeof(question) - 1);
	assert_false(ended(b));
	for (unsigned int i = 0; i < 10; i++) {
		now += 9000;
		n = take(b, &last);
		assert_true(n > 0);
		assert_int_not_equal(last, '\n');
		total += n;
		assert_false(ended(b));
	}
	while (!ended(b)) {
		n = take(b, &last);
		assert_true(n > 0);
		total += n;
	}
	while ((n = take(b, &last)) > 0)
		total += n;
	assert_int_equal(last, '\n');
	assert_true(total > 100000);
}

static void who_stops_reading_has_ten_seconds(void **state)
{
	struct bench *b = *state;
	char last;

	say(b, question, sizeof(question) - 1);
	assert_false(ended(b));
	now += 9000;
	assert_true(take(b, &last) > 0);
	assert_false(ended(b)); /* it has gone on */
	now += 9999;
	assert_false(ended(b));
	now++;
	assert_true(ended(b));
}

static void a_question_has_an_end(void **state)
{
	static const char noise[CTL_REQUEST_MAX] = {'{'};
	struct bench *b = *state;

	say(b, noise, sizeof(noise) - 1);
	assert_false(ended(b));
	assert_false(ended(b));
	say(b, noise, 1);
	assert_true(ended(b));
}

static void who_goes_is_gone(void **state)
{
	struct bench *b = *state;

	say(b, question, 10);
	assert_false(ended(b));
	assert_int_equal(shutdown(b->fd, SHUT_RDWR), 0);
	assert_true(ended(b));
}

/* In the midst of the answer. */
static void who_goes_without_his_answer_is_gone(void **state)
{
	struct bench *b = *state;

	say(b, question, sizeof(question) - 1);
	assert_false(ended(b));
	assert_int_equal(shutdown(b->fd, SHUT_RDWR), 0);
	assert_true(ended(b));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_asks_nothing_has_ten_seconds),
		TEST(who_asks_slowly_has_no_more),
		TEST(who_reads_slowly_gets_all_of_it),
		TEST(who_stops_reading_has_ten_seconds),
		TEST(a_question_has_an_end),
		TEST(who_goes_is_gone),
		TEST(who_goes_without_his_answer_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
