/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Labels x encrypting key against a model that says the rule in other words, through every
 * sequence of commands and packets up to a depth: so with each command doubled, left out or late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "crypto/key.h"
#include "crypto/keyslots.h"

#define DEPTH	7
#define KEY_IDS 3 /* so that keys of one id meet in the two slots */

enum step {
	INSTALL_PRIMARY,
	INSTALL_SECONDARY,
	SWAP,
	REMOVE_PRIMARY,
	REMOVE_SECONDARY,
	PACKET_OF_PRIMARY,
	PACKET_OF_SECONDARY,
	PACKET_OF_LEFT, /* was in flight when its key lost its label */
	FORGET,
	NB_STEPS,
};

/* The model numbers keys by age, 1 the oldest; 0: nobody. */
struct model {
	int chief, deputy; /* who wears which label */
	int newest;
	int left;		/* who lost a label last */
	bool proven[DEPTH + 1]; /* the peer has it */
};

struct world {
	struct keyslots ks;
	struct model m;
	struct key keys[DEPTH + 1]; /* by age */
};

static int model_sender(const struct model *m)
{
	if (m->deputy > m->chief && m->proven[m->deputy])
		return m->deputy;
	return m->chief;
}

static int model_owner(const struct model *m, uint8_t key_id)
{
	int chief = m->chief != 0 && m->chief % KEY_IDS == key_id ? m->chief : 0;
	int deputy = m->deputy != 0 && m->deputy % KEY_IDS == key_id ? m->deputy : 0;
	int left = m->left != 0 && m->left % KEY_IDS == key_id ? m->left : 0;

	if (chief == 0 && deputy == 0)
		return left;
	return chief > deputy ? chief : deputy;
}

/* Loses its label; who did so before it is forgotten, and returned. */
static int model_leave(struct model *m, int who)
{
	int forgotten = m->left;

	if (who == 0)
		return 0;
	m->left = who;
	return forgotten;
}

static int age(const struct world *w, const struct key *k)
{
	return k == NULL ? 0 : (int)(k - w->keys);
}

/* --- one step, done to both --------------------------------------------------------------- */

static void install(struct world *w, enum keyslot slot)
{
	int *label = slot == KEYSLOT_PRIMARY ? &w->m.chief : &w->m.deputy;
	int k = ++w->m.newest;
	int forgotten = model_leave(&w->m, *label);

	*label = k;
	w->m.proven[k] = slot == KEYSLOT_PRIMARY;
	memset(&w->keys[k], 0, sizeof(w->keys[k]));
	w->keys[k].id = (uint8_t)(k % KEY_IDS);
	assert_int_equal(age(w, keyslots_install(&w->ks, slot, &w->keys[k])), forgotten);
}

static void take_away(struct world *w, enum keyslot slot)
{
	int *label = slot == KEYSLOT_PRIMARY ? &w->m.chief : &w->m.deputy;
	int forgotten = model_leave(&w->m, *label);

	*label = 0;
	assert_int_equal(age(w, keyslots_remove(&w->ks, slot)), forgotten);
}

static void packet_of(struct world *w, int k)
{
	if (k == 0)
		return;
	w->m.proven[k] = true;
	keyslots_confirm(&w->keys[k]);
}

static void swap_labels(struct world *w)
{
	int chief = w->m.chief;

	w->m.chief = w->m.deputy;
	w->m.deputy = chief;
	w->m.proven[w->m.chief] = true;
	keyslots_swap(&w->ks);
}

static void do_step(struct world *w, enum step step)
{
	switch (step) {
	case INSTALL_PRIMARY:
		install(w, KEYSLOT_PRIMARY);
		break;
	case INSTALL_SECONDARY:
		install(w, KEYSLOT_SECONDARY);
		break;
	case SWAP:
		swap_labels(w);
		break;
	case REMOVE_PRIMARY:
		take_away(w, KEYSLOT_PRIMARY);
		break;
	case REMOVE_SECONDARY:
		take_away(w, KEYSLOT_SECONDARY);
		break;
	case PACKET_OF_PRIMARY:
		packet_of(w, w->m.chief);
		break;
	case PACKET_OF_SECONDARY:
		packet_of(w, w->m.deputy);
		break;
	case PACKET_OF_LEFT:
		packet_of(w, w->m.left);
		break;
	case FORGET:
		assert_int_equal(age(w, keyslots_forget(&w->ks)), w->m.left);
		w->m.left = 0;
		break;
	case NB_STEPS:
		break;
	}
}

/* --- what must hold after each -------------------------------------------------------------- */

static void check_against_model(const struct world *w)
{
	assert_int_equal(age(w, keyslots_get(&w->ks, KEYSLOT_PRIMARY)), w->m.chief);
	assert_int_equal(age(w, keyslots_get(&w->ks, KEYSLOT_SECONDARY)), w->m.deputy);
	assert_int_equal(age(w, keyslots_tx_key(&w->ks)), model_sender(&w->m));
	assert_int_equal(keyslots_has_left(&w->ks), w->m.left != 0);
	for (uint8_t id = 0; id <= KEY_IDS; id++)
		assert_int_equal(age(w, keyslots_find(&w->ks, id)), model_owner(&w->m, id));
}

/* Properties that do not need the model's rule. */
static void check_invariants(const struct world *w, const struct key *before)
{
	const struct key *now = keyslots_tx_key(&w->ks);
	const struct key *primary = keyslots_get(&w->ks, KEYSLOT_PRIMARY);
	const struct key *secondary = keyslots_get(&w->ks, KEYSLOT_SECONDARY);
	bool before_is_here = before != NULL && (before == primary || before == secondary);

	/* backward only if the key that sent is gone */
	if (before_is_here) {
		assert_non_null(now);
		assert_true(now->generation >= before->generation);
	}
	/* what has no label never sends */
	assert_true(now == NULL || now == primary || now == secondary);
	/* an unconfirmed key never sends; a primary is always confirmed */
	assert_true(now == NULL || atomic_load(&now->confirmed));
	assert_true(primary == NULL || atomic_load(&primary->confirmed));
	assert_true(primary == NULL || now != NULL);
}

static unsigned long explore(const struct world *w, int depth)
{
	unsigned long n = 0;

	for (unsigned int step = 0; step < NB_STEPS; step++) {
		struct world next = *w;
		const struct key *before;

		/* the copied cells point into the other world's keys */
		for (int i = 0; i < 2; i++) {
			const struct key *k = atomic_load(&w->ks.slot[i]);

			atomic_store(&next.ks.slot[i], k != NULL ? &next.keys[age(w, k)] : NULL);
		}
		if (w->m.left != 0)
			atomic_store(&next.ks.left, &next.keys[w->m.left]);
		before = keyslots_tx_key(&next.ks);
		do_step(&next, step);
		check_against_model(&next);
		check_invariants(&next, before);
		n += 1 + (depth > 1 ? explore(&next, depth - 1) : 0);
	}
	return n;
}

static void keyslots_agree_with_the_model_whatever_comes(void **state)
{
	struct world *w = aligned_alloc(CACHE_LINE, sizeof(*w));
	unsigned long all = 0;

	(void)state;
	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	for (unsigned long power = 1, i = 0; i < DEPTH; i++) {
		power *= NB_STEPS;
		all += power;
	}
	assert_int_equal(explore(w, DEPTH), all);
	free(w);
}

/* --- sentences ---------------------------------------------------------------------------- */

static struct key a, b;

static struct keyslots two_keys(void)
{
	struct keyslots ks = {.generations = 0};

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.id = 1;
	b.id = 2;
	assert_null(keyslots_install(&ks, KEYSLOT_PRIMARY, &a));
	assert_null(keyslots_install(&ks, KEYSLOT_SECONDARY, &b));
	return ks;
}

static void keyslots_empty_has_nothing(void **state)
{
	struct keyslots ks = {.generations = 0};

	(void)state;
	assert_null(keyslots_tx_key(&ks));
	assert_null(keyslots_find(&ks, 0));
	assert_null(keyslots_remove(&ks, KEYSLOT_PRIMARY));
	keyslots_swap(&ks);
	assert_null(keyslots_tx_key(&ks));
}

static void keyslots_new_secondary_receives_at_once_but_does_not_send(void **state)
{
	struct keyslots ks = two_keys();

	(void)state;
	assert_ptr_equal(keyslots_find(&ks, 1), &a);
	assert_ptr_equal(keyslots_find(&ks, 2), &b);
	assert_ptr_equal(keyslots_tx_key(&ks), &a);
}

static void keyslots_first_packet_moves_sending_and_a_late_swap_does_not(void **state)
{
	struct keyslots ks = two_keys();

	(void)state;
	keyslots_confirm(&b);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
	keyslots_swap(&ks);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
	assert_ptr_equal(keyslots_get(&ks, KEYSLOT_PRIMARY), &b);
	assert_ptr_equal(keyslots_find(&ks, 1), &a);
	assert_null(keyslots_remove(&ks, KEYSLOT_SECONDARY));
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
}

static void keyslots_key_without_a_label_receives_until_forgotten(void **state)
{
	struct keyslots ks = two_keys();
	struct key c = {.id = 1};

	(void)state;
	assert_null(keyslots_remove(&ks, KEYSLOT_PRIMARY));
	assert_ptr_equal(keyslots_find(&ks, 1), &a);
	assert_null(keyslots_get(&ks, KEYSLOT_PRIMARY));
	/* one with a label goes before it */
	assert_null(keyslots_install(&ks, KEYSLOT_PRIMARY, &c));
	assert_ptr_equal(keyslots_find(&ks, 1), &c);
	/* the next to lose its label takes its place */
	assert_ptr_equal(keyslots_remove(&ks, KEYSLOT_SECONDARY), &a);
	assert_ptr_equal(keyslots_find(&ks, 2), &b);
	assert_ptr_equal(keyslots_forget(&ks), &b);
	assert_null(keyslots_find(&ks, 2));
	assert_null(keyslots_forget(&ks));
}

static void keyslots_swap_without_a_packet_moves_sending(void **state)
{
	struct keyslots ks = two_keys();

	(void)state;
	keyslots_swap(&ks);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
	keyslots_swap(&ks); /* twice: the label goes back, sending does not */
	assert_ptr_equal(keyslots_get(&ks, KEYSLOT_PRIMARY), &a);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
}

static void keyslots_removing_the_sender_falls_back_to_a_confirmed_key_only(void **state)
{
	struct keyslots ks = two_keys();

	(void)state;
	assert_null(keyslots_remove(&ks, KEYSLOT_PRIMARY));
	assert_null(keyslots_tx_key(&ks)); /* b is not confirmed */
	keyslots_confirm(&b);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
}

static void keyslots_a_spent_key_decrypts_and_never_encrypts_again(void **state)
{
	struct keyslots ks = two_keys();

	(void)state;
	keyslots_swap(&ks); /* b is primary, a the older */
	atomic_store(&a.spent, true);
	assert_ptr_equal(keyslots_tx_key(&ks), &b);
	assert_ptr_equal(keyslots_find(&ks, a.id), &a);
	keyslots_remove(&ks, KEYSLOT_PRIMARY);
	assert_null(keyslots_tx_key(&ks));
	assert_ptr_equal(keyslots_find(&ks, a.id), &a);
}

/* --- workers look while the agent changes ----------------------------------------------- */

#define REKEYS 20000

struct watched {
	struct keyslots ks;
	struct key *keys; /* [REKEYS + 1]; never freed while anyone looks */
	atomic_bool over;
	unsigned long looks, missing, backward, unconfirmed;
};

static void *watch(void *arg)
{
	struct watched *w = arg;
	uint32_t last = 0;

	do {
		struct key *k = keyslots_tx_key(&w->ks);

		w->looks++;
		if (k == NULL) {
			w->missing++;
			continue;
		}
		w->backward += k->generation < last;
		w->unconfirmed += !atomic_load(&k->confirmed);
		last = k->generation;
	} while (!atomic_load(&w->over));
	return NULL;
}

static void keyslots_worker_always_has_a_key_to_send_during_rekeys(void **state)
{
	struct watched w = {.keys = aligned_alloc(CACHE_LINE, (REKEYS + 1) * sizeof(struct key))};
	pthread_t thread;

	(void)state;
	assert_non_null(w.keys);
	memset(w.keys, 0, (REKEYS + 1) * sizeof(struct key));
	keyslots_install(&w.ks, KEYSLOT_PRIMARY, &w.keys[0]);
	assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
	for (int i = 1; i <= REKEYS; i++) {
		keyslots_install(&w.ks, KEYSLOT_SECONDARY, &w.keys[i]);
		keyslots_swap(&w.ks);
		atomic_store_explicit(&w.keys[i - 1].spent, true, memory_order_release);
		if (i % 2 == 0) /* else the next install displaces it */
			keyslots_remove(&w.ks, KEYSLOT_SECONDARY);
	}
	atomic_store(&w.over, true);
	pthread_join(thread, NULL);
	assert_true(w.looks > 0);
	assert_int_equal(w.missing, 0);
	assert_int_equal(w.backward, 0);
	assert_int_equal(w.unconfirmed, 0);
	free(w.keys);
}

static void *find_both(void *arg)
{
	struct watched *w = arg;

	do {
		w->looks++;
		w->missing += keyslots_find(&w->ks, 1) != &a || keyslots_find(&w->ks, 2) != &b;
	} while (!atomic_load(&w->over));
	return NULL;
}

static void keyslots_worker_finds_both_keys_during_swaps(void **state)
{
	struct watched w = {.ks = two_keys()};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, find_both, &w), 0);
	for (int i = 0; i < 200000; i++)
		keyslots_swap(&w.ks);
	atomic_store(&w.over, true);
	pthread_join(thread, NULL);
	assert_true(w.looks > 0);
	assert_int_equal(w.missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keyslots_agree_with_the_model_whatever_comes),
		cmocka_unit_test(keyslots_empty_has_nothing),
		cmocka_unit_test(keyslots_new_secondary_receives_at_once_but_does_not_send),
		cmocka_unit_test(keyslots_first_packet_moves_sending_and_a_late_swap_does_not),
		cmocka_unit_test(keyslots_swap_without_a_packet_moves_sending),
		cmocka_unit_test(keyslots_key_without_a_label_receives_until_forgotten),
		cmocka_unit_test(keyslots_removing_the_sender_falls_back_to_a_confirmed_key_only),
		cmocka_unit_test(keyslots_a_spent_key_decrypts_and_never_encrypts_again),
		cmocka_unit_test(keyslots_worker_always_has_a_key_to_send_during_rekeys),
		cmocka_unit_test(keyslots_worker_finds_both_keys_during_swaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
