/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which devices are taken, which are refused and why, and which one a key goes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_log.h>

#include "crypto/aead.h"
#include "crypto/aead_private.h"
#include "rig.h"

#define SCHEDULER "crypto_scheduler,worker=crypto_aesni_mb1,worker=crypto_aesni_mb2,mode=multi-core"

static void refused(const char *devargs, enum aead_mode mode, int err)
{
	struct aead *a = NULL;

	assert_int_equal(rig_aead(devargs, mode, 2, 8, &a), err);
	assert_null(a);
	assert_int_equal(rte_cryptodev_count(), 0); /* nothing is left behind */
}

static void devices_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	refused("crypto_nonsense", AEAD_MODE_AUTO, -ENODEV);
	refused("0000:ff:1f.7", AEAD_MODE_AUTO, -ENODEV);
	refused("", AEAD_MODE_AUTO, -EINVAL);
	refused(",worker=x", AEAD_MODE_AUTO, -EINVAL);
}

static void devices_without_aead_are_refused(void **state)
{
	(void)state;
	refused("crypto_null", AEAD_MODE_AUTO, -ENOTSUP);
	refused("crypto_null", AEAD_MODE_QUEUE, -ENOTSUP);
}

static void devices_without_cpu_crypto_are_refused_if_it_is_demanded(void **state)
{
	(void)state;
	refused("crypto_openssl", AEAD_MODE_CPU, -ENOTSUP);
	/* this one claims to have it */
	refused("crypto_chacha20_poly1305", AEAD_MODE_CPU, -ENOTSUP);
	refused(SCHEDULER ",coremask=0xc", AEAD_MODE_CPU, -ENOTSUP);
}

static void devices_that_only_claim_cpu_crypto_are_used_by_queue(void **state)
{
	static const char *const names[] = {
		"crypto_openssl", "crypto_chacha20_poly1305", SCHEDULER ",coremask=0xc"};
	struct aead_device_info info;
	struct aead *a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(rig_aead(names[i], AEAD_MODE_AUTO, 1, 8, &a), 0);
		aead_device_info(a, 0, &info);
		assert_false(info.cpu);
		aead_free(a);
		assert_int_equal(rte_cryptodev_count(), 0);
	}
}

static void devices_scheduler_with_lcores_that_cannot_work_is_refused(void **state)
{
	(void)state;
	refused(SCHEDULER, AEAD_MODE_AUTO, -EINVAL);		      /* none */
	refused(SCHEDULER ",coremask=0x3", AEAD_MODE_AUTO, -EINVAL);  /* main */
	refused(SCHEDULER ",coremask=0x30", AEAD_MODE_AUTO, -EINVAL); /* not ours */
	refused(SCHEDULER ",coremask=0xe", AEAD_MODE_AUTO, -EINVAL);  /* more than workers */
	refused(SCHEDULER ",corelist=0x0c", AEAD_MODE_AUTO, -EINVAL);
	refused("crypto_scheduler,mode=multi-core,coremask=0x8", AEAD_MODE_AUTO, -EINVAL);
	refused("crypto_scheduler,worker=nonsense,mode=round-robin", AEAD_MODE_AUTO, -ENODEV);
}

static void devices_counts_must_make_sense(void **state)
{
	struct aead_device_conf many[AEAD_MAX_DEVICES + 1] = {{.name = "crypto_aesni_gcm"}};
	struct aead_conf conf = {.devices = many,
		.nb_devices = ARRAY_LEN(many),
		.nb_queues = 1,
		.nb_sessions = 8,
		.socket_id = -1};
	struct aead *a = NULL;

	(void)state;
	assert_int_equal(aead_new(&conf, &a), -EINVAL);
	conf.nb_devices = 0;
	assert_int_equal(aead_new(&conf, &a), -EINVAL);
	conf.nb_devices = 1;
	conf.nb_queues = 0;
	assert_int_equal(aead_new(&conf, &a), -EINVAL);
	conf.nb_queues = 1;
	conf.nb_sessions = 0;
	assert_int_equal(aead_new(&conf, &a), -EINVAL);
	assert_null(a);
}

/* --- self-test ---------------------------------------------------------------------------- */

/* References that differ from the truth where their name says: the device must be found wrong. */
static struct aead_reference truth;

static bool wrong_tag_at_1420(const struct aead_reference *r, enum aead_alg alg, const uint8_t *key,
	const uint8_t *nonce, const uint8_t *aad, uint8_t *text, size_t len, uint8_t *tag)
{
	bool ok = truth.seal(r, alg, key, nonce, aad, text, len, tag);

	tag[15] ^= len == 1420;
	return ok;
}

static bool wrong_last_byte_of_aes_192_at_33(const struct aead_reference *r, enum aead_alg alg,
	const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, uint8_t *text, size_t len,
	uint8_t *tag)
{
	bool ok = truth.seal(r, alg, key, nonce, aad, text, len, tag);

	if (alg == AEAD_AES_192_GCM && len == 33)
		text[32] ^= 0x80;
	return ok;
}

static bool wrong_key(const struct aead_reference *r, enum aead_alg alg, const uint8_t *key,
	const uint8_t *nonce, const uint8_t *aad, uint8_t *text, size_t len, uint8_t *tag)
{
	uint8_t other[AEAD_KEY_MAX];

	memcpy(other, key, sizeof(other));
	other[0] ^= 1;
	return truth.seal(r, alg, other, nonce, aad, text, len, tag);
}

static struct aead_reference liars[3];

static void selftest_finds(
	enum aead_mode mode, const struct aead_reference *liar, const char *words)
{
	struct aead_fault fault;
	struct aead *a;

	assert_int_equal(rig_aead("crypto_aesni_gcm", mode, 1, 8, &a), 0);
	assert_int_equal(aead_selftest(a, &a->devices[0], liar, &fault), -EBADMSG);
	assert_string_equal(fault.text, words);
	assert_int_equal(a->devices[0].sessions, 0);
	assert_int_equal(aead_selftest(a, &a->devices[0], &truth, &fault), 0);
	aead_free(a);
}

static void selftest_finds_what_differs_and_says_where(void **state)
{
	static const enum aead_mode modes[] = {AEAD_MODE_CPU, AEAD_MODE_QUEUE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(liars); i++)
		liars[i] = truth;
	liars[0].seal = wrong_tag_at_1420;
	liars[1].seal = wrong_last_byte_of_aes_192_at_33;
	liars[2].seal = wrong_key;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		selftest_finds(modes[i], &liars[0],
			"AES-128-GCM encrypt: 1420 bytes: tag differs from OpenSSL's");
		selftest_finds(modes[i], &liars[1],
			"AES-192-GCM encrypt: 33 bytes: text differs from OpenSSL's");
		selftest_finds(modes[i], &liars[2],
			"AES-128-GCM encrypt: 0 bytes: tag differs from OpenSSL's");
	}
}

/*
 * A device that is wrong: the linker puts this between CPU crypto and the driver (meson.build),
 * which does its work well before.
 */
enum lie { NO_LIE, ACCEPTS_ALL, REFUSES_ALL, BREAKS, WRITES_BEHIND, WRITES_BEFORE };
static enum lie lie;

uint32_t __real_rte_cryptodev_sym_cpu_crypto_process(
	uint8_t id, void *session, union rte_crypto_sym_ofs ofs, struct rte_crypto_sym_vec *v);
uint32_t __wrap_rte_cryptodev_sym_cpu_crypto_process(
	uint8_t id, void *session, union rte_crypto_sym_ofs ofs, struct rte_crypto_sym_vec *v);

uint32_t __wrap_rte_cryptodev_sym_cpu_crypto_process(
	uint8_t id, void *session, union rte_crypto_sym_ofs ofs, struct rte_crypto_sym_vec *v)
{
	uint32_t n = __real_rte_cryptodev_sym_cpu_crypto_process(id, session, ofs, v);

	for (uint32_t i = 0; i < v->num; i++) {
		const struct rte_crypto_vec *text = v->src_sgl[i].vec;

		if (lie == ACCEPTS_ALL || lie == REFUSES_ALL || lie == BREAKS)
			v->status[i] = lie == ACCEPTS_ALL ? 0 : lie == REFUSES_ALL ? EBADMSG : EIO;
		else if (lie == WRITES_BEHIND)
			((uint8_t *)text->base)[text->len] ^= 1;
		else if (lie == WRITES_BEFORE)
			((uint8_t *)v->aad[i].va)[0] ^= 1;
	}
	return n;
}

static void selftest_finds_a_device_that_is_wrong(void **state)
{
	static const struct {
		enum lie lie;
		int err;
		const char *words;
	} rows[] = {
		{ACCEPTS_ALL, -EBADMSG, "AES-128-GCM decrypt: 0 bytes: a wrong tag is accepted"},
		{REFUSES_ALL, -EBADMSG, "AES-128-GCM encrypt: 0 bytes: a good tag is refused"},
		{BREAKS, -ENOTSUP, "AES-128-GCM encrypt: 0 bytes: the device reports an error"},
		{WRITES_BEHIND, -EBADMSG, "AES-128-GCM encrypt: 0 bytes: writes behind the text"},
		{WRITES_BEFORE, -EBADMSG, "AES-128-GCM encrypt: 0 bytes: writes before the tag"},
	};
	struct aead_device_info info;
	struct aead_fault fault;
	struct aead *a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(rig_aead("crypto_aesni_gcm", AEAD_MODE_CPU, 1, 8, &a), 0);
		lie = rows[i].lie;
		assert_int_equal(aead_selftest(a, &a->devices[0], &truth, &fault), rows[i].err);
		assert_string_equal(fault.text, rows[i].words);
		assert_int_equal(a->devices[0].sessions, 0);
		aead_free(a);
		/* nothing is encrypted by it */
		refused("crypto_aesni_gcm", AEAD_MODE_CPU, rows[i].err);
		assert_int_equal(rig_aead("crypto_aesni_gcm", AEAD_MODE_AUTO, 1, 8, &a), 0);
		aead_device_info(a, 0, &info);
		assert_false(info.cpu);
		aead_free(a);
		lie = NO_LIE;
	}
}

/* A stopped cryptodev takes no jobs; it logs each attempt, which is not for this test's output. */
static void selftest_gives_up_on_a_device_that_does_not_answer(void **state)
{
	uint32_t level = rte_log_get_global_level();
	struct aead_fault fault;
	struct aead *a;

	(void)state;
	assert_int_equal(rig_aead("crypto_aesni_mb", AEAD_MODE_QUEUE, 1, 8, &a), 0);
	rte_cryptodev_stop(a->devices[0].id);
	rte_log_set_global_level(RTE_LOG_EMERG);
	assert_int_equal(aead_selftest(a, &a->devices[0], &truth, &fault), -EBADMSG);
	rte_log_set_global_level(level);
	assert_non_null(strstr(fault.text, "0 of "));
	assert_int_equal(a->devices[0].sessions, 0);
	aead_free(a);
}

/* --- several devices ------------------------------------------------------------------------ */

static const struct aead_device_conf gcm_and_mb[] = {
	{.name = "crypto_aesni_gcm"}, {.name = "crypto_aesni_mb"}};

static void devices_each_key_goes_to_the_first_that_can(void **state)
{
	const struct aead_conf conf = {.devices = gcm_and_mb,
		.nb_devices = 2,
		.nb_queues = 1,
		.nb_sessions = 4,
		.socket_id = -1};
	const uint8_t key[AEAD_KEY_MAX] = {0};
	struct aead_session *s[AEAD_NB_ALGS];
	struct aead_device_info info;
	struct aead *a;

	(void)state;
	assert_int_equal(aead_new(&conf, &a), 0);
	for (enum aead_alg alg = 0; alg < AEAD_NB_ALGS; alg++)
		assert_int_equal(aead_session_new(a, alg, AEAD_ENCRYPT, key, &s[alg]), 0);
	assert_int_equal(aead_session_new(a, AEAD_NB_ALGS, AEAD_ENCRYPT, key, &s[0]), -ENOTSUP);
	aead_device_info(a, 0, &info);
	assert_int_equal(info.sessions, 3);
	aead_device_info(a, 1, &info);
	assert_int_equal(info.sessions, 1);
	for (enum aead_alg alg = 0; alg < AEAD_NB_ALGS; alg++)
		aead_session_free(a, s[alg]);
	aead_free(a);
	assert_int_equal(rte_cryptodev_count(), 0);
}

/* One queue, a synchronous and an asynchronous device behind it. */
static void devices_share_a_queue(void **state)
{
	const struct aead_device_conf devices[] = {
		{.name = "crypto_aesni_gcm", .mode = AEAD_MODE_CPU},
		{.name = "crypto_aesni_mb", .mode = AEAD_MODE_QUEUE}};
	const struct aead_conf conf = {.devices = devices,
		.nb_devices = 2,
		.nb_queues = 1,
		.nb_sessions = 4,
		.socket_id = -1};
	const uint8_t key[AEAD_KEY_MAX] = {0};
	struct rig_packets *p = rig_packets_new(64);
	struct aead_session *aes, *chacha;
	struct aead_job *back[64];
	struct aead_queue *q;
	struct aead *a;

	(void)state;
	assert_int_equal(aead_new(&conf, &a), 0);
	assert_int_equal(aead_queue_new(a, 1, &q), -EINVAL);
	assert_int_equal(aead_queue_new(a, 0, &q), 0);
	assert_int_equal(aead_session_new(a, AEAD_AES_256_GCM, AEAD_ENCRYPT, key, &aes), 0);
	assert_int_equal(
		aead_session_new(a, AEAD_CHACHA20_POLY1305, AEAD_ENCRYPT, key, &chacha), 0);
	for (unsigned int i = 0; i < 64; i++)
		rig_load(p, i, key, key, key, 32, NULL);
	assert_int_equal(aead_submit(q, chacha, p->jobs, p->nonces, 32), 32);
	assert_int_equal(aead_submit(q, aes, p->jobs + 32, p->nonces + 32, 32), 32);
	assert_int_equal(aead_inflight(q), 64);
	rig_poll(q, back, 64);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(p->jobs[i]->status, AEAD_OK);
	assert_int_equal(aead_inflight(q), 0);
	assert_memory_not_equal(aead_job_tag(p->jobs[0]), aead_job_tag(p->jobs[32]), AEAD_TAG_LEN);
	aead_session_free(a, aes);
	aead_session_free(a, chacha);
	aead_queue_free(q);
	aead_free(a);
	rig_packets_free(p);
}

static void devices_one_refused_takes_all_down(void **state)
{
	const struct aead_device_conf devices[] = {
		{.name = "crypto_aesni_gcm"}, {.name = "crypto_null"}};
	const struct aead_device_conf twice[] = {
		{.name = "crypto_aesni_gcm"}, {.name = "crypto_aesni_gcm"}};
	struct aead_conf conf = {.devices = devices,
		.nb_devices = 2,
		.nb_queues = 1,
		.nb_sessions = 4,
		.socket_id = -1};
	struct aead *a = NULL;

	(void)state;
	assert_int_equal(aead_new(&conf, &a), -ENOTSUP);
	assert_int_equal(rte_cryptodev_count(), 0);
	conf.devices = twice;
	assert_int_equal(aead_new(&conf, &a), -EINVAL);
	assert_int_equal(rte_cryptodev_count(), 0);
	assert_null(a);
}

static void devices_that_existed_before_stay_and_can_be_used_again(void **state)
{
	struct aead *a;

	(void)state;
	assert_int_equal(
		rte_eal_hotplug_add("vdev", "crypto_aesni_gcm5", "max_nb_queue_pairs=2"), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_aead("crypto_aesni_gcm5", AEAD_MODE_AUTO, 2, 8, &a), 0);
		aead_free(a);
		assert_int_equal(rte_cryptodev_count(), 1);
	}
	assert_int_equal(rig_aead("crypto_aesni_gcm5", AEAD_MODE_AUTO, 3, 8, &a), -ENOTSUP);
	assert_int_equal(rte_cryptodev_count(), 1);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "crypto_aesni_gcm5"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_that_do_not_exist_are_refused),
		cmocka_unit_test(devices_without_aead_are_refused),
		cmocka_unit_test(devices_without_cpu_crypto_are_refused_if_it_is_demanded),
		cmocka_unit_test(devices_that_only_claim_cpu_crypto_are_used_by_queue),
		cmocka_unit_test(devices_scheduler_with_lcores_that_cannot_work_is_refused),
		cmocka_unit_test(devices_counts_must_make_sense),
		cmocka_unit_test(selftest_finds_what_differs_and_says_where),
		cmocka_unit_test(selftest_finds_a_device_that_is_wrong),
		cmocka_unit_test(selftest_gives_up_on_a_device_that_does_not_answer),
		cmocka_unit_test(devices_each_key_goes_to_the_first_that_can),
		cmocka_unit_test(devices_share_a_queue),
		cmocka_unit_test(devices_one_refused_takes_all_down),
		cmocka_unit_test(devices_that_existed_before_stay_and_can_be_used_again),
	};
	int failed;

	rig_start();
	if (aead_reference_init(&truth) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	aead_reference_fini(&truth);
	rig_stop();
	return failed;
}
