/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator reads in the log: a line for each change, and none when nothing changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/watch.h"
#include "fake_view.h"

struct bench {
	struct watch w;
	struct control_counts counts;
	struct fake_view_state now;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->now = (struct fake_view_state){.links_up = true, .answers = true, .peers = 10};
	watch_init(&b->w, agent_dp(fake_view(10, 1, 0)), &b->counts);
	fake_view_now(&b->now);
	unsetenv("JOURNAL_STREAM");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* So many seconds pass; exactly these lines are written. */
static void expect(struct bench *b, unsigned int seconds, const char *lines)
{
	FILE *err = stderr;
	char *text = NULL;
	size_t len;

	fake_view_now(&b->now);
	stderr = open_memstream(&text, &len);
	for (unsigned int i = 0; i < seconds; i++)
		watch_look(&b->w);
	fclose(stderr);
	stderr = err;
	assert_string_equal(text, lines);
	free(text);
}

static void the_first_minutes_drops_are_told_and_then_silence(void **state)
{
	struct bench *b = *state;

	expect(b, 59, "");
	expect(b, 1,
		"ovpn-dpdkd: 18446747 packets dropped in the last minute: no-peer 18446744, "
		"replayed 3\n");
	expect(b, 600, "");
	b->now.replayed = 5;
	b->now.noise = 1000;
	expect(b, 120, "ovpn-dpdkd: 5 packets dropped in the last minute: replayed 5\n");
	b->now.noise = 2000;
	expect(b, 120, "");
}

static void links_are_told_when_they_change(void **state)
{
	struct bench *b = *state;

	expect(b, 2, "");
	b->now.links_up = false;
	expect(b, 5,
		"ovpn-dpdkd: warning: port outer0: link is down\n"
		"ovpn-dpdkd: warning: port outer1: link is down\n");
	b->now.links_up = true;
	expect(b, 5,
		"ovpn-dpdkd: port outer0: link is up\n"
		"ovpn-dpdkd: port outer1: link is up\n");
}

static void a_stuck_worker_is_told_once(void **state)
{
	struct bench *b = *state;

	b->now.answers = false;
	expect(b, 5,
		"ovpn-dpdkd: error: worker on lcore 2 is stuck: a crypto device does not answer, or "
		"the lcore gets no CPU\n");
	b->now.answers = true;
	expect(b, 5, "ovpn-dpdkd: worker on lcore 2 runs again\n");
}

static void a_full_house_is_told_once_and_does_not_chatter(void **state)
{
	struct bench *b = *state;

	b->now.peers = 4095;
	expect(b, 2, "");
	b->now.peers = 4096;
	expect(b, 5,
		"ovpn-dpdkd: warning: max-peers reached: 4096 peers, further clients are refused\n");
	b->now.peers = 4000;
	expect(b, 5, "");
	b->now.peers = 4096;
	expect(b, 5, "");
	b->now.peers = 3892;
	expect(b, 5, "ovpn-dpdkd: room for clients again: 3892 peers of 4096\n");
}

static void the_agents_own_losses_are_told_with_the_minute(void **state)
{
	struct bench *b = *state;

	expect(b, 60,
		"ovpn-dpdkd: 18446747 packets dropped in the last minute: no-peer 18446744, "
		"replayed 3\n");
	b->counts.openvpn_busy = 4;
	b->counts.send_failed = 2;
	expect(b, 60,
		"ovpn-dpdkd: warning: 4 control packets dropped because openvpn did not read them "
		"in time\n"
		"ovpn-dpdkd: warning: the kernel refused 2 control packets of openvpn\n");
	expect(b, 60, "");
}

static void a_path_that_cuts_packets_is_told_with_the_remedy_once_a_minute(void **state)
{
	struct bench *b = *state;

	expect(b, 60,
		"ovpn-dpdkd: 18446747 packets dropped in the last minute: no-peer 18446744, "
		"replayed 3\n");
	b->now.news = (struct dp_fragmenting_news){
		.peer_id = 5,
		.remote = {.ip = {.family = IP_V4, .b = {198, 51, 100, 7}}, .port = 50000},
		.packets = 1000,
		.fragmented = 812,
		.path_mtu = 1500,
		.fits = 1448,
	};
	expect(b, 59, "");
	expect(b, 61,
		"ovpn-dpdkd: warning: peer 5 at 198.51.100.7:50000: 812 of 1000 packets sent in a "
		"minute were fragmented: its path takes 1500 bytes; write 'tun-mtu 1448' in "
		"openvpn's configuration\n");
	b->now.news.packets = 100;
	b->now.news.fragmented = 100;
	b->now.news.others = 3;
	b->now.news.mssfix_off = true;
	expect(b, 120,
		"ovpn-dpdkd: warning: peer 5 at 198.51.100.7:50000 (and 3 other peers): 100 of 100 "
		"packets sent in a minute were fragmented: its path takes 1500 bytes; write "
		"'tun-mtu 1448' in openvpn's configuration, or 'mssfix: auto' in ovpn-dpdkd's\n");
}

int main(void)
{
	static char daemon_name[] = "ovpn-dpdkd"; /* log lines begin with it */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_first_minutes_drops_are_told_and_then_silence),
		TEST(links_are_told_when_they_change),
		TEST(a_stuck_worker_is_told_once),
		TEST(a_full_house_is_told_once_and_does_not_chatter),
		TEST(the_agents_own_losses_are_told_with_the_minute),
		TEST(a_path_that_cuts_packets_is_told_with_the_remedy_once_a_minute),
	};

	program_invocation_short_name = daemon_name;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
