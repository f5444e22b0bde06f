/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of places: whoever moves where, different senders have different names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "control/places.h"

#define NB 6

static struct udp_addr at(unsigned int n)
{
	return (struct udp_addr){
		.ip = {IP_V4, {198, 51, 100, (uint8_t)n}}, .port = (uint16_t)(1000 + n)};
}

static struct ip_addr here(unsigned int n)
{
	return (struct ip_addr){IP_V4, {192, 0, 2, (uint8_t)n}};
}

static void join(struct places *t, struct place *p, unsigned int n)
{
	*p = (struct place){.at = at(n), .name = at(n), .here = here(1), .name_here = here(1)};
	assert_int_equal(places_add(t, p), 0);
}

static void move(struct places *t, struct place *p, unsigned int n)
{
	struct udp_addr to = at(n);
	struct ip_addr local = here(1);

	assert_int_equal(places_move(t, p, &to, &local), 0);
}

static unsigned int number(const struct udp_addr *a)
{
	assert_int_equal(a->port, 1000 + a->ip.b[3]);
	return a->ip.b[3];
}

static unsigned int in(const struct places *t, unsigned int n)
{
	struct udp_addr a = at(n);
	struct ip_addr local = here(1);

	assert_true(places_in(t, &a, &local));
	return number(&a);
}

static unsigned int out(const struct places *t, unsigned int n)
{
	struct udp_addr a = at(n);
	struct ip_addr local = {0};

	assert_true(places_out(t, &a, &local));
	return number(&a);
}

/* Two sockets of openvpn at one address: it answers by the one that it knows. */
static void another_transport_matters(void **state)
{
	struct places t = {0};
	struct place p;

	(void)state;
	join(&t, &p, 1);
	assert_false(places_matter(&t));
	p.tid = 7;
	move(&t, &p, 1);
	assert_true(places_matter(&t));
	assert_int_equal(in(&t, 1), 1);
	assert_int_equal(out(&t, 1), 1);
	assert_int_equal(in(&t, 2), 2);
	places_told(&t, &p);
	assert_true(places_matter(&t));
	assert_int_equal(p.name_tid, 0);
	p.tid = 0;
	move(&t, &p, 1);
	assert_false(places_differ(&t));
	places_del(&t, &p);
	assert_false(places_matter(&t));
	places_free(&t);
}

/* Names are as many as addresses, and lead back. */
static void expect_names(const struct places *t, const unsigned int names[NB])
{
	for (unsigned int i = 0; i < NB; i++) {
		assert_int_equal(in(t, i), names[i]);
		assert_int_equal(out(t, names[i]), i);
	}
}

static void names_are_addresses_until_somebody_moves(void **state)
{
	struct places t = {0};
	struct place p;

	(void)state;
	expect_names(&t, (const unsigned int[NB]){0, 1, 2, 3, 4, 5});
	join(&t, &p, 1);
	expect_names(&t, (const unsigned int[NB]){0, 1, 2, 3, 4, 5});
	places_del(&t, &p);
	places_del(&t, &p); /* nothing */
	places_free(&t);
}

/* It goes from 1 to 2: it keeps the name 1. Whoever comes to 1 then is 2 to openvpn. */
static void who_moves_keeps_the_name_and_who_comes_gets_another(void **state)
{
	struct places t = {0};
	struct place p, q = {0};

	(void)state;
	join(&t, &p, 1);
	move(&t, &p, 2);
	expect_names(&t, (const unsigned int[NB]){0, 2, 1, 3, 4, 5});
	/* the newcomer becomes a peer: openvpn says that it is at 2 */
	q.name = at(2);
	q.at = at(out(&t, 2));
	assert_int_equal(number(&q.at), 1);
	assert_int_equal(places_add(&t, &q), 0);
	expect_names(&t, (const unsigned int[NB]){0, 2, 1, 3, 4, 5});
	/* on goes the first; 2 is somebody else's address now, and somebody else's name */
	move(&t, &p, 3);
	expect_names(&t, (const unsigned int[NB]){0, 2, 3, 1, 4, 5});
	/* the first ends; the other is what it was */
	places_del(&t, &p);
	expect_names(&t, (const unsigned int[NB]){0, 2, 1, 3, 4, 5});
	move(&t, &q, 2);
	expect_names(&t, (const unsigned int[NB]){0, 1, 2, 3, 4, 5});
	assert_false(places_differ(&t));
	places_del(&t, &q);
	places_free(&t);
}

static void who_floats_back_has_no_alias(void **state)
{
	struct places t = {0};
	struct place p;

	(void)state;
	join(&t, &p, 1);
	for (int i = 0; i < 3; i++) {
		move(&t, &p, 2);
		assert_true(places_differ(&t));
		move(&t, &p, 1);
		assert_false(places_differ(&t));
	}
	places_del(&t, &p);
	places_free(&t);
}

/* Told, and nobody knows whether it has read: what it sends to either name finds the peer. */
static void openvpn_that_is_told_may_use_either_name(void **state)
{
	struct places t = {0};
	struct place p;

	(void)state;
	join(&t, &p, 1);
	move(&t, &p, 2);
	p.told = true;
	assert_int_equal(in(&t, 2), 1);
	assert_int_equal(out(&t, 1), 2);
	assert_int_equal(out(&t, 2), 2);
	places_del(&t, &p);
	places_free(&t);
}

static void openvpn_that_was_told_knows_the_address(void **state)
{
	struct places t = {0};
	struct place p;

	(void)state;
	join(&t, &p, 1);
	move(&t, &p, 2);
	places_told(&t, &p);
	expect_names(&t, (const unsigned int[NB]){0, 1, 2, 3, 4, 5});
	assert_false(places_differ(&t));
	move(&t, &p, 3);
	expect_names(&t, (const unsigned int[NB]){0, 1, 3, 2, 4, 5});
	places_del(&t, &p);
	places_free(&t);
}

/* openvpn that read of a float names any of our addresses. */
static void peer_that_floated_is_answered_from_where_it_writes_to(void **state)
{
	struct places t = {0};
	struct place p;
	struct udp_addr a = at(2);
	struct ip_addr second = here(2), local = here(5), want = here(1);

	(void)state;
	join(&t, &p, 1);
	move(&t, &p, 2);
	places_told(&t, &p);
	assert_true(places_matter(&t));
	assert_true(places_out(&t, &a, &local));
	assert_int_equal(number(&a), 2);
	assert_true(ip_equal(&local, &want));
	a = at(3);
	local = second;
	assert_true(places_out(&t, &a, &local));
	assert_true(ip_equal(&local, &second));
	move(&t, &p, 3);
	assert_int_equal(places_move(&t, &p, &a, &second), 0);
	places_told(&t, &p);
	local = here(5);
	assert_true(places_out(&t, &a, &local));
	assert_true(ip_equal(&local, &second));
	places_del(&t, &p);
	assert_false(places_matter(&t));
	places_free(&t);
}

static void our_own_address_is_the_one_that_was_reached(void **state)
{
	struct places t = {0};
	struct place p;
	struct udp_addr a = at(1);
	struct ip_addr second = here(2), local = second;

	(void)state;
	join(&t, &p, 1);
	assert_int_equal(places_move(&t, &p, &a, &second), 0);
	/* to openvpn it still writes to the first; what openvpn sends leaves from the second */
	assert_true(places_in(&t, &a, &local));
	assert_int_equal(number(&a), 1);
	assert_int_equal(local.b[3], 1);
	assert_true(places_out(&t, &a, &local));
	assert_int_equal(number(&a), 1);
	assert_int_equal(local.b[3], 2);
	/* strangers' are left alone */
	a = at(4);
	assert_true(places_in(&t, &a, &local));
	assert_true(places_out(&t, &a, &local));
	assert_int_equal(local.b[3], 2);
	places_del(&t, &p);
	places_free(&t);
}

/* Of a peer by the wildcard address nobody knows which of ours it reaches: it has no other name. */
static void address_of_ours_that_is_not_known_is_no_other(void **state)
{
	struct places t = {0};
	struct place p = {.at = at(1), .name = at(1)};

	(void)state;
	for (unsigned int known = 0; known < 2; known++) {
		p.here = known == 0 ? here(1) : (struct ip_addr){0};
		p.name_here = known == 1 ? here(1) : (struct ip_addr){0};
		assert_int_equal(places_add(&t, &p), 0);
		assert_false(places_differ(&t));
		places_del(&t, &p);
	}
	places_free(&t);
}

/* It moves, and still nobody knows: what openvpn or the packet says of our address is left alone.
 */
static void address_of_ours_that_is_not_known_is_left_alone(void **state)
{
	struct places t = {0};
	struct place p = {.at = at(1), .name = at(1)};
	const struct ip_addr second = here(2), unknown = {0};
	struct ip_addr local = second;
	struct udp_addr a = at(2);

	(void)state;
	assert_int_equal(places_add(&t, &p), 0);
	assert_int_equal(places_move(&t, &p, &a, &unknown), 0);
	assert_true(places_in(&t, &a, &local));
	assert_int_equal(number(&a), 1);
	assert_true(ip_equal(&local, &second));
	assert_true(places_out(&t, &a, &local));
	assert_int_equal(number(&a), 2);
	assert_true(ip_equal(&local, &second));
	places_told(&t, &p);
	assert_true(places_out(&t, &a, &local));
	assert_int_equal(number(&a), 2);
	assert_true(ip_equal(&local, &second));
	places_del(&t, &p);
	places_free(&t);
}

static void another_is_found_where_it_is(void **state)
{
	struct places t = {0};
	struct udp_addr two = at(2);
	struct place p, q;

	(void)state;
	join(&t, &p, 1);
	join(&t, &q, 2);
	assert_ptr_equal(places_find_other(&t, &two, &p), &q);
	assert_null(places_find_other(&t, &two, &q));
	/* behind one NAT: the same address, another port */
	two.port = 7;
	assert_null(places_find_other(&t, &two, &p));
	places_del(&t, &p);
	places_del(&t, &q);
	places_free(&t);
}

/* Everybody moves to what the one before has left: names are followed as far as that, not further.
 */
static void chains_of_names_have_an_end(void **state)
{
	struct places t = {0};
	struct place p[40];
	struct udp_addr a;
	struct ip_addr local = {0};

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		join(&t, &p[i], i);
	for (unsigned int i = 40; i-- > 0;) {
		move(&t, &p[i], i + 1);
		a = at(i);
		assert_int_equal(places_in(&t, &a, &local), i + 16 > 40);
		if (i + 16 > 40)
			assert_int_equal(number(&a), 40);
		a = at(40);
		assert_int_equal(places_out(&t, &a, &local), i + 16 > 40);
	}
	for (unsigned int i = 0; i < 40; i++)
		places_del(&t, &p[i]);
	places_free(&t);
}

/* A thousand moves of some: names of all addresses stay different, and lead back. */
static void names_stay_different_whatever_happens(void **state)
{
	struct places t = {0};
	struct place p[3];
	uint32_t rnd = 7;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		join(&t, &p[i], i);
	for (unsigned int n = 0; n < 1000; n++) {
		struct place *q = &p[(rnd = rnd * 1664525 + 1013904223) >> 8 & 1 ? n % 3 : 0];
		struct udp_addr to = at((rnd >> 16) % NB);
		unsigned int seen = 0;

		if (places_find_other(&t, &to, q) != NULL)
			continue;
		move(&t, q, number(&to));
		for (unsigned int i = 0; i < NB; i++) {
			seen |= 1u << in(&t, i);
			assert_int_equal(out(&t, in(&t, i)), i);
		}
		assert_int_equal(seen, (1u << NB) - 1);
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(in(&t, number(&p[i].at)), i);
	}
	for (unsigned int i = 0; i < 3; i++)
		places_del(&t, &p[i]);
	places_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_transport_matters),
		cmocka_unit_test(names_are_addresses_until_somebody_moves),
		cmocka_unit_test(who_moves_keeps_the_name_and_who_comes_gets_another),
		cmocka_unit_test(who_floats_back_has_no_alias),
		cmocka_unit_test(openvpn_that_is_told_may_use_either_name),
		cmocka_unit_test(peer_that_floated_is_answered_from_where_it_writes_to),
		cmocka_unit_test(openvpn_that_was_told_knows_the_address),
		cmocka_unit_test(our_own_address_is_the_one_that_was_reached),
		cmocka_unit_test(address_of_ours_that_is_not_known_is_no_other),
		cmocka_unit_test(address_of_ours_that_is_not_known_is_left_alone),
		cmocka_unit_test(another_is_found_where_it_is),
		cmocka_unit_test(chains_of_names_have_an_end),
		cmocka_unit_test(names_stay_different_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
