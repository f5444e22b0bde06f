/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How jobs go through a device, the same for every device and back end: order, limits, several
 * workers, sessions. See device.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <time.h>

#include <rte_launch.h>

#include "device.h"

/* --- order, limits, threads ------------------------------------------------------------- */

/* Two sessions take turns in runs of changing length; each one's jobs come back in its order. */
static void device_keeps_the_order_of_each_session(void **state)
{
	struct rig_packets *p = rig_packets_new(2 * AEAD_BURST_MAX);
	struct aead_job *back[2 * AEAD_BURST_MAX];
	uint8_t key[2][AEAD_KEY_MAX];

	(void)state;
	rig_bytes(key[0], sizeof(key[0]), 21);
	rig_bytes(key[1], sizeof(key[1]), 22);
	FOR_EACH_ALG(alg)
	{
		struct aead_session *s[2] = {device_session(alg, AEAD_ENCRYPT, key[0]),
			device_session(alg, AEAD_ENCRYPT, key[1])};

		for (unsigned int round = 0; round < 30; round++) {
			unsigned int owner[2 * AEAD_BURST_MAX];
			unsigned int n = 0;
			unsigned int next[2] = {0, 0};

			for (unsigned int run = 0; n < p->n; run++) {
				unsigned int k = 1 + (run * 7 + round) % 13;

				k = p->n - n < k ? p->n - n : k;
				for (unsigned int i = n; i < n + k; i++) {
					owner[i] = run % 2;
					load_plain(p, i, i, (uint16_t)(1400 - 5 * i * (run % 3)));
				}
				assert_int_equal(aead_submit(device.queue[0], s[run % 2],
							 p->jobs + n, p->nonces + n, (uint16_t)k),
					k);
				n += k;
			}
			rig_poll(device.queue[0], back, n);
			for (unsigned int i = 0; i < n; i++) {
				unsigned int which = 0;
				unsigned int o;

				while (p->jobs[which] != back[i])
					which++;
				o = owner[which];
				while (owner[next[o]] != o)
					next[o]++;
				assert_int_equal(which, next[o]++);
				check_sealed(p, which, which, alg, key[o]);
			}
		}
		aead_session_free(device.a, s[0]);
		aead_session_free(device.a, s[1]);
	}
	rig_packets_free(p);
}

static void device_takes_what_fits_and_loses_nothing(void **state)
{
	enum { PACKETS = 4096 };
	struct rig_packets *p = rig_packets_new(PACKETS);
	struct aead_job **back = calloc(PACKETS, sizeof(*back));
	uint8_t key[AEAD_KEY_MAX];
	struct aead_session *s;
	unsigned int taken = 0;
	unsigned int k;

	(void)state;
	assert_non_null(back);
	rig_bytes(key, sizeof(key), 1);
	s = device_session((enum aead_alg)__builtin_ctz(device.algs), AEAD_ENCRYPT, key);
	for (unsigned int i = 0; i < PACKETS; i++)
		load_plain(p, i, i, 64);
	do {
		k = aead_submit(
			device.queue[0], s, p->jobs + taken, p->nonces + taken, AEAD_BURST_MAX);
		taken += k;
	} while (k > 0 && taken < PACKETS - AEAD_BURST_MAX);
	assert_int_equal(k, 0); /* full before our packets ended */
	assert_true(taken >= 4 * AEAD_BURST_MAX);
	assert_int_equal(aead_inflight(device.queue[0]), taken);
	for (unsigned int i = taken; i < PACKETS; i++)
		assert_int_equal(p->jobs[i]->status, 0xee); /* still ours, untouched */
	rig_poll(device.queue[0], back, taken);
	for (unsigned int i = 0; i < taken; i++) {
		assert_ptr_equal(back[i], p->jobs[i]);
		check_sealed(p, i, i, (enum aead_alg)__builtin_ctz(device.algs), key);
	}
	assert_int_equal(aead_inflight(device.queue[0]), 0);
	assert_int_equal(aead_poll(device.queue[0], back, AEAD_BURST_MAX), 0);
	rig_pass(device.queue[0], s, p, AEAD_BURST_MAX, AEAD_BURST_MAX); /* and it goes on */
	aead_session_free(device.a, s);
	free(back);
	rig_packets_free(p);
}

struct sharer {
	struct aead_queue *queue;
	struct aead_session *enc, *dec;
	struct rig_packets *packets;
	uint64_t seed;
	unsigned int wrong;
};

/* Not rig_pass(): cmocka's assertions belong to the main thread. */
static void through(struct sharer *t, struct aead_session *s)
{
	struct rig_packets *p = t->packets;
	struct aead_job *back[AEAD_BURST_MAX];
	unsigned int sent = 0;
	unsigned int got = 0;
	unsigned long idle = 0;

	while (got < p->n && idle < 100000) {
		unsigned int k = p->n - sent < 32 ? p->n - sent : 32;

		if (k > 0)
			sent += aead_submit(
				t->queue, s, p->jobs + sent, p->nonces + sent, (uint16_t)k);
		k = aead_poll(t->queue, back, AEAD_BURST_MAX);
		for (unsigned int i = 0; i < k; i++)
			t->wrong += back[i] != p->jobs[got + i] || back[i]->status != AEAD_OK;
		got += k;
		idle = k > 0 ? 0 : idle + 1;
		if (k == 0)
			nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
	}
	t->wrong += p->n - got;
}

static int share(void *arg)
{
	struct sharer *t = arg;
	struct rig_packets *p = t->packets;
	uint8_t text[RIG_TEXT_MAX];

	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < p->n; i++)
			load_plain(p, i, t->seed + i, (uint16_t)(60 + 10 * i));
		through(t, t->enc);
		through(t, t->dec);
		for (unsigned int i = 0; i < p->n; i++) {
			rig_bytes(text, p->jobs[i]->len, t->seed + i);
			t->wrong += memcmp(text, p->jobs[i]->text, p->jobs[i]->len) != 0;
		}
	}
	return 0;
}

static void device_sessions_serve_two_workers_at_once(void **state)
{
	struct rig_packets *packets[2] = {rig_packets_new(128), rig_packets_new(128)};
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	rig_bytes(key, sizeof(key), 8);
	FOR_EACH_ALG(alg)
	{
		struct sharer t[2] = {
			{.queue = device.queue[0], .packets = packets[0], .seed = 1000},
			{.queue = device.queue[1], .packets = packets[1], .seed = 2000},
		};

		t[0].enc = t[1].enc = device_session(alg, AEAD_ENCRYPT, key);
		t[0].dec = t[1].dec = device_session(alg, AEAD_DECRYPT, key);
		assert_int_equal(rte_eal_remote_launch(share, &t[1], 1), 0);
		share(&t[0]);
		rte_eal_wait_lcore(1);
		assert_int_equal(t[0].wrong, 0);
		assert_int_equal(t[1].wrong, 0);
		aead_session_free(device.a, t[0].enc);
		aead_session_free(device.a, t[0].dec);
	}
	rig_packets_free(packets[0]);
	rig_packets_free(packets[1]);
}

static void device_tells_when_its_sessions_are_used_up(void **state)
{
	struct aead_session *s[SESSIONS];
	struct aead_session *more = NULL;
	struct aead_device_info info;
	enum aead_alg alg = (enum aead_alg)__builtin_ctz(device.algs);
	uint8_t key[AEAD_KEY_MAX] = {1};

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < SESSIONS; i++)
			s[i] = device_session(alg, i % 2 ? AEAD_DECRYPT : AEAD_ENCRYPT, key);
		aead_device_info(device.a, 0, &info);
		assert_int_equal(info.sessions, SESSIONS);
		assert_int_equal(info.sessions_max, SESSIONS);
		assert_int_equal(
			aead_session_new(device.a, alg, AEAD_ENCRYPT, key, &more), -ENOMEM);
		aead_session_free(device.a, s[5]);
		s[5] = device_session(alg, AEAD_DECRYPT, key);
		assert_int_equal(
			aead_session_new(device.a, alg, AEAD_ENCRYPT, key, &more), -ENOMEM);
		for (unsigned int i = 0; i < SESSIONS; i++)
			aead_session_free(device.a, s[i]);
	}
	aead_device_info(device.a, 0, &info);
	assert_int_equal(info.sessions, 0);
	aead_session_free(device.a, NULL);
}

static void device_says_what_it_is(void **state)
{
	struct aead_device_info info;

	(void)state;
	assert_int_equal(aead_nb_devices(device.a), 1);
	aead_device_info(device.a, 0, &info);
	assert_int_equal(strncmp(info.name, device.devargs, strcspn(device.devargs, ",")), 0);
	assert_int_equal(strncmp(info.name, info.driver, strlen(info.driver)), 0);
	if (device.mode != AEAD_MODE_AUTO)
		assert_int_equal(info.cpu, device.mode == AEAD_MODE_CPU);
	for (enum aead_alg alg = 0; alg < AEAD_NB_ALGS; alg++) {
		struct aead_session *s;

		if ((device.algs >> alg & 1) == 0)
			assert_int_equal(aead_session_new(device.a, alg, AEAD_ENCRYPT,
						 (uint8_t[AEAD_KEY_MAX]){0}, &s),
				-ENOTSUP);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_says_what_it_is),
		cmocka_unit_test(device_keeps_the_order_of_each_session),
		cmocka_unit_test(device_takes_what_fits_and_loses_nothing),
		cmocka_unit_test(device_sessions_serve_two_workers_at_once),
		cmocka_unit_test(device_tells_when_its_sessions_are_used_up),
	};
	int failed;

	if (device_parse(argc, argv) < 0)
		return 2;
	rig_start();
	failed = cmocka_run_group_tests(tests, device_open, device_close);
	rig_stop();
	return failed;
}
