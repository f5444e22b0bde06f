/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where key bytes are while a session lives, and that none remain in session memory after it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_mempool.h>

#include "base.h"
#include "crypto/aead.h"
#include "rig.h"

#define MULTI_CORE                                                                                 \
	"crypto_scheduler,worker=crypto_aesni_mb1,worker=crypto_aesni_mb2,mode=multi-core,"        \
	"coremask=0xc"

static const char *const devices[] = {
	"crypto_aesni_gcm",
	"crypto_aesni_mb",
	"crypto_openssl",
	"crypto_chacha20_poly1305",
	MULTI_CORE,
	"crypto_scheduler,worker=crypto_aesni_gcm1,worker=crypto_openssl1,mode=round-robin",
};

/* --- the pools' memory ---------------------------------------------------------------------- */

struct search {
	const uint8_t *needle;
	size_t len;
	unsigned int pools, chunks, found, dumpable;
};

static void search_chunk(
	struct rte_mempool *mp, void *arg, struct rte_mempool_memhdr *mem, unsigned int i)
{
	struct search *s = arg;
	const uint8_t *p = mem->addr;
	const uint8_t *end = p + mem->len;

	(void)mp;
	(void)i;
	s->chunks++;
	while ((p = memmem(p, (size_t)(end - p), s->needle, s->len)) != NULL) {
		s->found++;
		p++;
	}
}

static void search_pool(struct rte_mempool *mp, void *arg)
{
	struct search *s = arg;

	if (strncmp(mp->name, "aead_sessions", strlen("aead_sessions")) != 0)
		return;
	s->pools++;
	rte_mempool_mem_iter(mp, search_chunk, s);
}

/* Finds halves too: AES key schedules begin with the key, ChaCha's state holds it whole. */
static unsigned int copies_in_pools(const uint8_t *key)
{
	struct search s = {.needle = key, .len = 16};

	rte_mempool_walk(search_pool, &s);
	assert_int_equal(s.pools, 1);
	assert_true(s.chunks > 0);
	return s.found;
}

/* --- core dumps ----------------------------------------------------------------------------- */

/* Is the page of p marked "dd" (do not dump) in smaps? */
static bool dumpable(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool mine = false, result = true;
	unsigned long start, end;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			mine = (uintptr_t)p >= start && (uintptr_t)p < end;
		else if (mine && strncmp(line, "VmFlags:", 8) == 0)
			result = strstr(line, " dd") == NULL;
	}
	fclose(f);
	return result;
}

static void check_chunk(
	struct rte_mempool *mp, void *arg, struct rte_mempool_memhdr *mem, unsigned int i)
{
	struct search *s = arg;

	(void)mp;
	(void)i;
	s->chunks++;
	s->dumpable += dumpable(mem->addr);
	s->dumpable += dumpable((const uint8_t *)mem->addr + mem->len / 2);
	s->dumpable += dumpable((const uint8_t *)mem->addr + mem->len - 1);
}

static void check_pool(struct rte_mempool *mp, void *arg)
{
	if (strncmp(mp->name, "aead_sessions", strlen("aead_sessions")) == 0)
		rte_mempool_mem_iter(mp, check_chunk, arg);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void check_wiped(struct aead *a, struct aead_queue *q, enum aead_alg alg, enum aead_dir dir,
	struct rig_packets *p)
{
	struct aead_session *s;
	uint8_t key[AEAD_KEY_MAX];
	static uint64_t seed = 4711;

	rig_bytes(key, sizeof(key), seed++);
	assert_int_equal(copies_in_pools(key), 0);
	assert_int_equal(aead_session_new(a, alg, dir, key, &s), 0);
	assert_true(copies_in_pools(key) > 0); /* so the search can see it */
	rig_load(p, 0, key, key, key, 32, NULL);
	rig_pass(q, s, p, 1, 1);
	aead_session_free(a, s);
	assert_int_equal(copies_in_pools(key), 0);
}

static void session_memory_holds_no_key_after_it_is_freed(void **state)
{
	struct rig_packets *p = rig_packets_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		struct aead_device_info info;
		struct aead_queue *q;
		struct aead *a;

		assert_int_equal(rig_aead(devices[i], AEAD_MODE_AUTO, 1, 8, &a), 0);
		assert_int_equal(aead_queue_new(a, 0, &q), 0);
		aead_device_info(a, 0, &info);
		for (enum aead_alg alg = 0; alg < AEAD_NB_ALGS; alg++) {
			if ((info.algs >> alg & 1) == 0)
				continue;
			check_wiped(a, q, alg, AEAD_ENCRYPT, p);
			check_wiped(a, q, alg, AEAD_DECRYPT, p);
		}
		aead_queue_free(q);
		aead_free(a);
	}
	rig_packets_free(p);
}

static void session_memory_is_not_in_core_dumps(void **state)
{
	struct rig_packets *p = rig_packets_new(1);
	struct search s = {0};
	struct aead *a;

	(void)state;
	assert_int_equal(rig_aead("crypto_aesni_gcm", AEAD_MODE_AUTO, 1, 4000, &a), 0);
	rte_mempool_walk(check_pool, &s);
	assert_true(s.chunks > 0);
	assert_int_equal(s.dumpable, 0);
	assert_true(dumpable(&s)); /* so the look can tell */
	aead_free(a);
	rig_packets_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_memory_holds_no_key_after_it_is_freed),
		cmocka_unit_test(session_memory_is_not_in_core_dumps),
	};
	int failed;

	rig_start();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return failed;
}
