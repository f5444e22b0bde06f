/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gets through to openvpn when somebody floods it, and when thousands come for good reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/limit.h"

#define HZ   1000000000ull /* a cycle is a nanosecond */
#define RATE 1000
#define MS   1000000ull

struct gate {
	struct limit l;
	struct known known;
	uint64_t now;
	uint64_t drops[NB_DROPS];
};

static const struct source_secret secret = {
	{0x0123456789abcdef, 0x9e3779b97f4a7c15, 0xfeedfacecafebeef, 0x5851f42d4c957f2d}};

static int setup(void **state)
{
	struct gate *g = calloc(1, sizeof(*g));

	limit_init(&g->l, &secret, RATE, HZ);
	assert_int_equal(known_init(&g->known, 4096), 0);
	g->now = 1000 * HZ;
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct gate *g = *state;

	known_fini(&g->known);
	free(g);
	return 0;
}

/* 100.64.x.y for the good, 203.x.y.z for the others. */
static struct udp_addr v4(uint32_t address, uint16_t port)
{
	struct udp_addr a = {.ip.family = IP_V4, .port = port};

	be32_store(a.ip.b, address);
	return a;
}

static struct udp_addr good(uint32_t i)
{
	return v4(0x64400000 + i, (uint16_t)(1024 + i % 60000));
}

static bool pass(struct gate *g, struct udp_addr src, bool opener)
{
	enum drop_reason why = NB_DROPS;
	bool ok = limit_pass(&g->l, &g->known, &src, opener, g->now, &why);

	if (!ok)
		g->drops[why]++;
	return ok;
}

/* Only these drops since the last call, and at least one each. */
static void expect_drops(struct gate *g, unsigned int n, const enum drop_reason *reasons)
{
	for (unsigned int i = 0; i < n; i++) {
		assert_true(g->drops[reasons[i]] > 0);
		g->drops[reasons[i]] = 0;
	}
	for (unsigned int i = 0; i < NB_DROPS; i++)
		assert_int_equal(g->drops[i], 0);
}

static void one_network_cannot_use_up_what_is_for_all(void **state)
{
	struct gate *g = *state;
	const enum drop_reason why[] = {DROP_SOURCE_LIMIT};
	unsigned int evil[2] = {0}, well = 0;

	for (int i = 0; i < 2000000; i++) { /* two seconds of 1 Mpps */
		bool opener = i % 3 != 0;

		g->now += HZ / 1000000;
		evil[opener] += pass(g, v4(0xcb000001, (uint16_t)i), opener);
		if (i % 4000 == 1999)
			well += pass(g, good((uint32_t)i / 4000), true);
	}
	assert_int_equal(well, 500);
	assert_true(evil[true] <= 2 * RATE / LIMIT_SHARE + LIMIT_BURST + 1);
	assert_true(evil[false] > 0);
	assert_true(evil[false] <= LIMIT_CREDIT * (2 * RATE / LIMIT_SHARE + LIMIT_BURST + 1));
	expect_drops(g, 1, why);
}

static void a_flood_from_many_sources_stays_within_the_rate(void **state)
{
	struct gate *g = *state;
	const enum drop_reason why[] = {
		DROP_SOURCE_LIMIT, DROP_HANDSHAKE_LIMIT, DROP_STRANGER_LIMIT};
	unsigned int openers = 0, others = 0;

	for (uint32_t i = 0; i < 3000000; i++) {
		struct udp_addr a = v4(0xcb000000 + i % 65536, (uint16_t)(i / 65536));

		g->now += HZ / 1000000;
		if (i % 2 == 0)
			openers += pass(g, a, true);
		else
			others += pass(g, a, false);
	}
	assert_in_range(openers, 3 * RATE / 2, 3 * RATE + LIMIT_BURST + 1);
	assert_true(others <= 3 * RATE + LIMIT_BURST + 1);
	assert_true(others >= 3 * RATE / 2);
	expect_drops(g, 3, why);
}

/* Live peers negotiate their next keys, and handshakes under way go on, in any flood. */
static void sessions_feel_nothing_of_a_flood(void **state)
{
	struct gate *g = *state;
	uint32_t evil = 0;

	for (uint32_t i = 0; i < 64; i++)
		assert_true(pass(g, good(10000 + i), true)); /* handshakes begin */
	for (uint32_t i = 0; i < 64; i++)
		known_add(&g->known,
			source_hash_flow(&secret,
				&(struct udp_addr){.ip = good(i).ip, .port = good(i).port}));
	for (int packet = 0; packet < 25; packet++) {
		for (uint32_t k = 0; k < 20000; k++, evil++) {
			pass(g, v4(0xcb000000 + evil % 65536, 4000), evil % 2 == 0);
			g->now += HZ / 1000000;
		}
		for (uint32_t i = 0; i < 64; i++) {
			assert_true(pass(g, good(i), false));
			assert_true(pass(g, good(10000 + i), false));
		}
	}
	assert_int_equal(g->drops[DROP_SESSION_LIMIT], 0);
}

/* A server with 4096 clients starts again: they try at once, and again every two seconds. */
static void all_clients_of_a_restarted_server_get_in(void **state)
{
	struct gate *g = *state;
	static bool in[4096];
	unsigned int left = ARRAY_LEN(in), rounds = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(in); i++)
		in[i] = false;
	for (; left > 0; rounds++) {
		assert_true(rounds < 5); /* ten seconds */
		for (uint32_t step = 0; step < 2000; step++, g->now += MS) {
			for (uint32_t i = step; i < ARRAY_LEN(in); i += 2000) {
				if (in[i] || !pass(g, good(i), true))
					continue;
				in[i] = true;
				left--;
				for (int packet = 0; packet < 25; packet++)
					assert_true(pass(g, good(i), false));
			}
		}
	}
	assert_int_equal(g->drops[DROP_SESSION_LIMIT], 0);
}

/* All behind one address: their share is smaller, and enough. */
static void five_hundred_clients_behind_one_address_get_in(void **state)
{
	struct gate *g = *state;
	bool in[500] = {false};
	unsigned int left = ARRAY_LEN(in), rounds = 0;

	for (; left > 0; rounds++) {
		assert_true(rounds < 4); /* eight seconds */
		for (uint32_t i = 0; i < ARRAY_LEN(in); i++, g->now += 4 * MS) {
			struct udp_addr a = v4(0x64400001, (uint16_t)(20000 + i));

			if (in[i] || !pass(g, a, true))
				continue;
			in[i] = true;
			left--;
			for (int packet = 0; packet < 25; packet++)
				assert_true(pass(g, a, false));
		}
	}
}

static void all_peers_may_rekey_in_one_second(void **state)
{
	struct gate *g = *state;

	for (uint32_t i = 0; i < 4096; i++) {
		struct udp_addr a = good(i);

		known_add(&g->known, source_hash_flow(&secret, &a));
	}
	for (int packet = 0; packet < 25; packet++) {
		for (uint32_t i = 0; i < 4096; i++, g->now += HZ / (25 * 4096))
			assert_true(pass(g, good(i), false));
	}
}

static void one_session_cannot_flood_openvpn(void **state)
{
	struct gate *g = *state;
	const enum drop_reason why[] = {DROP_SESSION_LIMIT};
	struct udp_addr a = good(1), b = good(2);
	unsigned int passed = 0;

	known_add(&g->known, source_hash_flow(&secret, &a));
	known_add(&g->known, source_hash_flow(&secret, &b));
	for (int i = 0; i < 1000000; i++, g->now += HZ / 1000000) {
		passed += pass(g, a, false);
		if (i % 50000 == 0)
			assert_true(pass(g, b, false));
	}
	assert_in_range(passed, LIMIT_SESSION_BURST, LIMIT_SESSION_BURST + LIMIT_SESSION_HZ + 1);
	expect_drops(g, 1, why);
}

/* What an opener pays for is bounded: who opens and goes on sending is a stranger again. */
static void a_passed_opener_pays_for_one_handshake(void **state)
{
	struct gate *g = *state;
	const enum drop_reason why[] = {DROP_STRANGER_LIMIT};
	struct udp_addr a = good(1);

	assert_true(pass(g, a, true));
	for (uint32_t i = 0; i < 2 * LIMIT_BURST; i++)
		pass(g, v4(0xcb000000 + i, 1), false); /* nothing is left for strangers */
	for (int i = 0; i < LIMIT_CREDIT; i++)
		assert_true(pass(g, a, false));
	assert_false(pass(g, a, false));
	expect_drops(g, 1, why);
}

/* Two minutes of silence make a stranger of one whose opener has passed; a packet in time does not.
 */
static void senders_are_forgotten_after_a_while(void **state)
{
	struct gate *g = *state;
	const enum drop_reason why[] = {DROP_STRANGER_LIMIT};
	struct udp_addr a = good(1);

	assert_true(pass(g, a, true));
	for (int minute = 0; minute < 5; minute++) {
		g->now += 100 * HZ;
		for (uint32_t i = 0; i < 2 * LIMIT_BURST; i++)
			pass(g, v4(0xcb000000 + i, 1), false); /* nothing is left for strangers */
		assert_true(pass(g, a, false));
	}
	expect_drops(g, 1, why);
	g->now += (LIMIT_LATELY_S + 30) * HZ;
	for (uint32_t i = 0; i < 2 * LIMIT_BURST; i++)
		pass(g, v4(0xcb000000 + i, 1), false);
	assert_false(pass(g, a, false));
}

static void a_sender_is_an_address_and_a_port_and_a_network_is_a_64(void **state)
{
	struct gate *g = *state;
	struct udp_addr a = udp_of("2001:db8:1:2:3:4:5:6", 1), b = udp_of("2001:db8:1:2:ffff::", 2);
	struct udp_addr c = udp_of("2001:db8:1:3::", 1), d = a;

	d.port = 3;
	assert_true(source_hash_net(&secret, &a.ip) == source_hash_net(&secret, &b.ip));
	assert_true(source_hash_net(&secret, &a.ip) != source_hash_net(&secret, &c.ip));
	assert_true(source_hash_flow(&secret, &a) != source_hash_flow(&secret, &b));
	assert_true(source_hash_flow(&secret, &a) != source_hash_flow(&secret, &d));
	while (pass(g, a, true))
		;
	assert_false(pass(g, b, true));
	g->now += HZ / RATE; /* the bucket of all, not theirs */
	assert_true(pass(g, c, true));
	assert_false(pass(g, b, true));
}

/* Who does not know the secret cannot choose addresses that share a bucket. */
static void slots_depend_on_the_secret(void **state)
{
	struct source_secret other = secret;
	unsigned int same = 0, n = 0;

	(void)state;
	other.word[1] ^= 1;
	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t k = 0; k < i; k++) {
			struct udp_addr a = good(i), b = good(k);

			if (source_hash_net(&secret, &a.ip) % 256 !=
				source_hash_net(&secret, &b.ip) % 256)
				continue;
			n++;
			same += source_hash_net(&other, &a.ip) % 256 ==
				source_hash_net(&other, &b.ip) % 256;
		}
	}
	assert_in_range(n, 100, 300);
	assert_true(same < n / 10);
}

static void without_a_rate_everything_passes(void **state)
{
	struct gate *g = *state;

	limit_init(&g->l, &secret, 0, HZ);
	for (int i = 0; i < 100000; i++)
		assert_true(pass(g, good(1), i % 2 == 0));
}

/* --- who is a live peer's --------------------------------------------------------------- */

static void a_live_peer_is_never_taken_for_a_stranger(void **state)
{
	struct gate *g = *state;
	static bool live[8192];
	uint32_t seed = 5;

	for (int i = 0; i < 200000; i++) {
		uint32_t k = frame_random(&seed) % ARRAY_LEN(live);
		struct udp_addr a = good(k), b = good(frame_random(&seed) % ARRAY_LEN(live));

		if (live[k])
			known_remove(&g->known, source_hash_flow(&secret, &a));
		else
			known_add(&g->known, source_hash_flow(&secret, &a));
		live[k] = !live[k];
		if (live[b.ip.b[3] | b.ip.b[2] << 8])
			assert_true(known_has(&g->known, source_hash_flow(&secret, &b)));
	}
	for (uint32_t k = 0; k < ARRAY_LEN(live); k++) {
		struct udp_addr a = good(k);

		if (live[k])
			known_remove(&g->known, source_hash_flow(&secret, &a));
	}
	/* whom nobody knows nobody forgets */
	for (uint32_t k = 0; k < 10; k++) {
		struct udp_addr a = good(k);

		known_remove(&g->known, source_hash_flow(&secret, &a));
	}
	for (uint32_t k = 0; k <= g->known.mask; k++)
		assert_int_equal(g->known.count[k], 0);
}

static void few_strangers_are_taken_for_peers(void **state)
{
	struct gate *g = *state;
	unsigned int wrong = 0;

	for (uint32_t i = 0; i < 4096; i++) {
		struct udp_addr a = good(i);

		known_add(&g->known, source_hash_flow(&secret, &a));
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct udp_addr a = v4(0xcb000000 + i, 1194);

		wrong += known_has(&g->known, source_hash_flow(&secret, &a));
	}
	assert_true(wrong < 200);
}

/* More in one place than a slot can count: it stays, and others are not forgotten for it. */
static void a_full_slot_forgets_nobody(void **state)
{
	struct gate *g = *state;
	struct udp_addr a = good(1);
	uint64_t h = source_hash_flow(&secret, &a);

	for (int i = 0; i < 300; i++)
		known_add(&g->known, h);
	for (int i = 0; i < 299; i++)
		known_remove(&g->known, h);
	assert_true(known_has(&g->known, h));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_network_cannot_use_up_what_is_for_all),
		TEST(a_flood_from_many_sources_stays_within_the_rate),
		TEST(sessions_feel_nothing_of_a_flood),
		TEST(all_clients_of_a_restarted_server_get_in),
		TEST(five_hundred_clients_behind_one_address_get_in),
		TEST(all_peers_may_rekey_in_one_second),
		TEST(one_session_cannot_flood_openvpn),
		TEST(a_passed_opener_pays_for_one_handshake),
		TEST(senders_are_forgotten_after_a_while),
		TEST(a_sender_is_an_address_and_a_port_and_a_network_is_a_64),
		TEST(slots_depend_on_the_secret),
		TEST(without_a_rate_everything_passes),
		TEST(a_live_peer_is_never_taken_for_a_stranger),
		TEST(few_strangers_are_taken_for_peers),
		TEST(a_full_slot_forgets_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
