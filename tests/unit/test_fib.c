/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/fib.h"

#define ROUTES_MAX 200

static bool covers(const struct fib_route *r, enum ip_family family, const uint8_t *addr)
{
	if (r->prefix.family != family)
		return false;
	for (unsigned int bit = 0; bit < r->prefix_len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((r->prefix.b[bit / 8] & mask) != (addr[bit / 8] & mask))
			return false;
	}
	return true;
}

/* The definition: of the routes that cover the address the longest, and of these the first. */
static uint32_t model(
	const struct fib_route *routes, size_t n, enum ip_family family, const uint8_t *addr)
{
	int best = -1;
	uint32_t value = FIB_NONE;

	for (size_t i = 0; i < n; i++) {
		if (covers(&routes[i], family, addr) && routes[i].prefix_len > best) {
			best = routes[i].prefix_len;
			value = routes[i].value;
		}
	}
	return value;
}

static struct fib_route route(const char *prefix, uint8_t len, uint32_t value)
{
	return (struct fib_route){.prefix = ip_of(prefix), .prefix_len = len, .value = value};
}

static uint32_t ask(const struct fib *f, const char *addr)
{
	struct ip_addr a = ip_of(addr);

	return fib_lookup(f, a.family, a.b);
}

static void an_empty_table_knows_nobody(void **state)
{
	struct fib *f = fib_build(NULL, 0);

	(void)state;
	assert_non_null(f);
	assert_int_equal(ask(f, "0.0.0.0"), FIB_NONE);
	assert_int_equal(ask(f, "255.255.255.255"), FIB_NONE);
	assert_int_equal(ask(f, "::"), FIB_NONE);
	assert_int_equal(ask(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), FIB_NONE);
	fib_free(f);
	fib_free(NULL);
}

static void nested_prefixes_answer_with_the_longest(void **state)
{
	const struct fib_route routes[] = {
		route("0.0.0.0", 0, 1),
		route("10.0.0.0", 8, 2),
		route("10.1.0.0", 16, 3),
		route("10.1.255.255", 32, 4),
		route("255.255.255.255", 32, 5),
		route("255.255.255.0", 24, 6),
		route("0.0.0.0", 32, 7),
		route("10.1.0.99", 16, 8), /* host bits are ignored; the first wins */
		route("2001:db8::", 32, 9),
		route("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, 10),
	};
	struct fib *f = fib_build(routes, ARRAY_LEN(routes));

	(void)state;
	assert_int_equal(ask(f, "0.0.0.0"), 7);
	assert_int_equal(ask(f, "0.0.0.1"), 1);
	assert_int_equal(ask(f, "9.255.255.255"), 1);
	assert_int_equal(ask(f, "10.0.0.0"), 2);
	assert_int_equal(ask(f, "10.1.0.0"), 3);
	assert_int_equal(ask(f, "10.1.255.254"), 3);
	assert_int_equal(ask(f, "10.1.255.255"), 4);
	assert_int_equal(ask(f, "10.2.0.0"), 2);
	assert_int_equal(ask(f, "11.0.0.0"), 1);
	assert_int_equal(ask(f, "255.255.254.255"), 1);
	assert_int_equal(ask(f, "255.255.255.0"), 6);
	assert_int_equal(ask(f, "255.255.255.255"), 5);
	assert_int_equal(ask(f, "2001:db8::"), 9);
	assert_int_equal(ask(f, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"), FIB_NONE);
	assert_int_equal(ask(f, "2001:db9::"), FIB_NONE);
	assert_int_equal(ask(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), FIB_NONE);
	assert_int_equal(ask(f, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 10);
	fib_free(f);
}

static void every_length_of_one_address_nests(void **state)
{
	struct fib_route routes[129];
	struct ip_addr a = ip_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	struct fib *f;

	(void)state;
	for (uint8_t len = 0; len <= 128; len++)
		routes[len] = (struct fib_route){.prefix = a, .prefix_len = len, .value = len};
	f = fib_build(routes, ARRAY_LEN(routes));
	for (unsigned int bit = 0; bit < 128; bit++) {
		struct ip_addr b = a;

		b.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_int_equal(fib_lookup(f, IP_V6, b.b), bit);
	}
	assert_int_equal(fib_lookup(f, IP_V6, a.b), 128);
	fib_free(f);
}

/* Few distinct bits, so that prefixes nest, touch and repeat all the time. */
static struct ip_addr random_addr(uint32_t *seed, enum ip_family family)
{
	static const uint8_t bytes[] = {0, 0xff, 0x80, 0x7f, 1, 0xfe, 10};
	struct ip_addr a = {.family = family};

	for (size_t i = 0; i < ip_len(family); i++)
		a.b[i] = bytes[frame_random(seed) % (frame_random(seed) % 2 ? 2 : 7)];
	return a;
}

/* Asks at random, and at both edges of every prefix and just beyond them. */
static void compare(const struct fib *f, const struct fib_route *routes, size_t n, uint32_t *seed)
{
	for (size_t i = 0; i < n; i++) {
		struct ip_addr a = routes[i].prefix;
		size_t bits = ip_len(a.family) * 8;
		int step = frame_random(seed) % 2 ? 1 : -1;

		assert_int_equal(fib_lookup(f, a.family, a.b), model(routes, n, a.family, a.b));
		for (size_t bit = routes[i].prefix_len; bit < bits; bit++) {
			if (step > 0)
				a.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			else
				a.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		}
		assert_int_equal(fib_lookup(f, a.family, a.b), model(routes, n, a.family, a.b));
		for (size_t k = bits / 8; k-- > 0;) {
			a.b[k] = (uint8_t)(a.b[k] + step);
			if (a.b[k] != (step > 0 ? 0 : 0xff))
				break;
		}
		assert_int_equal(fib_lookup(f, a.family, a.b), model(routes, n, a.family, a.b));
	}
	for (int i = 0; i < 300; i++) {
		struct ip_addr a = random_addr(seed, frame_random(seed) % 2 ? IP_V4 : IP_V6);

		assert_int_equal(fib_lookup(f, a.family, a.b), model(routes, n, a.family, a.b));
	}
}

static void random_tables_answer_as_the_definition_does(void **state)
{
	static struct fib_route routes[ROUTES_MAX];
	uint32_t seed = 1194;

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t n = frame_random(&seed) % ROUTES_MAX;
		struct fib *f;

		for (size_t i = 0; i < n; i++) {
			enum ip_family family = frame_random(&seed) % 2 ? IP_V4 : IP_V6;

			routes[i].prefix = random_addr(&seed, family);
			routes[i].prefix_len =
				(uint8_t)(frame_random(&seed) % (ip_len(family) * 8 + 1));
			routes[i].value = frame_random(&seed) % 50;
		}
		f = fib_build(routes, n);
		assert_non_null(f);
		compare(f, routes, n, &seed);
		fib_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_knows_nobody),
		cmocka_unit_test(nested_prefixes_answer_with_the_longest),
		cmocka_unit_test(every_length_of_one_address_nests),
		cmocka_unit_test(random_tables_answer_as_the_definition_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
