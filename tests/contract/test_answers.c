/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device makes of packets, the same for every device and back end: published answers,
 * OpenSSL's at every length, and the refusal of whatever was not sealed with its key. See device.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "device.h"

/* --- known answers ---------------------------------------------------------------------- */

/*
 * GCM: key, nonce, text and ciphertext of test cases 4, 10 and 16 of its specification (McGrew and
 * Viega), with the first 8 bytes of their AAD, which gives other tags. ChaCha20-Poly1305: RFC 7634,
 * appendix A.
 */
static const struct answer {
	enum aead_alg alg;
	const char *key, *nonce, *aad, *plain, *cipher, *tag;
} answers[] = {
	{AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		"feedfacedeadbeef",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"c52dfb54afbb07a19affbee0614ce7a5"},
	{AEAD_AES_192_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
		"cafebabefacedbaddecaf888", "feedfacedeadbeef",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
		"7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		"b63556e7ba46a338edad799fb35b34a8"},
	{AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "feedfacedeadbeef",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"64ae60e45aa30f58fa78785ebfac0e82"},
	{AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		"a0a1a2a31011121314151617", "0102030400000005",
		"45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
		"0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
		"2425262728292a2b2c2d2e2f303132333435363701020204",
		"24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
		"14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
		"cbec163fac469b502773f6fb94e664da9165b82829f641e0",
		"76aaa8266b7fb0f7b11b369907e1ad43"},
};

static uint16_t unhex(const char *hex, uint8_t *out)
{
	uint16_t n = 0;

	for (; hex[2 * n] != '\0'; n++)
		assert_int_equal(sscanf(hex + 2 * n, "%2hhx", &out[n]), 1);
	return n;
}

static void check_answer(const struct answer *v, struct rig_packets *p)
{
	uint8_t key[AEAD_KEY_MAX], nonce[16], aad[16], tag[AEAD_TAG_LEN], plain[128], cipher[128];
	uint16_t len = unhex(v->plain, plain);
	struct aead_session *s;

	assert_int_equal(unhex(v->key, key), aead_key_len(v->alg));
	unhex(v->nonce, nonce);
	unhex(v->aad, aad);
	unhex(v->tag, tag);
	unhex(v->cipher, cipher);

	s = device_session(v->alg, AEAD_ENCRYPT, key);
	rig_load(p, 0, nonce, aad, plain, len, NULL);
	rig_pass(device.queue[0], s, p, 1, 1);
	assert_int_equal(p->jobs[0]->status, AEAD_OK);
	assert_memory_equal(p->jobs[0]->text, cipher, len);
	assert_memory_equal(aead_job_tag(p->jobs[0]), tag, AEAD_TAG_LEN);
	aead_session_free(device.a, s);

	s = device_session(v->alg, AEAD_DECRYPT, key);
	rig_load(p, 0, nonce, aad, cipher, len, tag);
	rig_pass(device.queue[0], s, p, 1, 1);
	assert_int_equal(p->jobs[0]->status, AEAD_OK);
	assert_memory_equal(p->jobs[0]->text, plain, len);
	aead_session_free(device.a, s);
}

static void device_gives_the_published_answers(void **state)
{
	struct rig_packets *p = rig_packets_new(1);
	unsigned int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if ((device.algs >> answers[i].alg & 1) == 0)
			continue;
		check_answer(&answers[i], p);
		n++;
	}
	assert_true(n > 0);
	rig_packets_free(p);
}

/* --- every length, many burst sizes ------------------------------------------------------ */

/* n packets of lengths from, from + 1, ... there and back in bursts. */
static void there_and_back(struct rig_packets *p, enum aead_alg alg, const uint8_t *key,
	unsigned int n, uint16_t from, unsigned int burst)
{
	struct aead_session *enc = device_session(alg, AEAD_ENCRYPT, key);
	struct aead_session *dec = device_session(alg, AEAD_DECRYPT, key);

	for (unsigned int i = 0; i < n; i++)
		load_plain(p, i, from + i, (uint16_t)(from + i));
	rig_pass(device.queue[0], enc, p, n, burst);
	for (unsigned int i = 0; i < n; i++)
		check_sealed(p, i, from + i, alg, key);
	rig_pass(device.queue[0], dec, p, n, burst);
	for (unsigned int i = 0; i < n; i++)
		check_opened(p, i, from + i);
	aead_session_free(device.a, enc);
	aead_session_free(device.a, dec);
}

static void device_is_right_at_every_length(void **state)
{
	struct rig_packets *p = rig_packets_new(256);
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	FOR_EACH_ALG(alg)
	{
		rig_bytes(key, sizeof(key), 77 + alg);
		for (uint16_t from = 0; from < RIG_TEXT_MAX; from += 256)
			there_and_back(p, alg, key, 256, from, AEAD_BURST_MAX);
		there_and_back(p, alg, key, 1, RIG_TEXT_MAX, 1);
	}
	rig_packets_free(p);
}

static void device_is_right_in_bursts_of_any_size(void **state)
{
	static const unsigned int bursts[] = {1, 2, 3, 31, 32, 33, 63, 64};
	struct rig_packets *p = rig_packets_new(192);
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	FOR_EACH_ALG(alg)
	{
		rig_bytes(key, sizeof(key), 99 + alg);
		for (size_t i = 0; i < ARRAY_LEN(bursts); i++)
			there_and_back(p, alg, key, 192, 50, bursts[i]);
	}
	rig_packets_free(p);
}

/* --- forgeries -------------------------------------------------------------------------- */

/* Flips bit number bit of tag, header, nonce or text, taken as one string. */
static bool flip(struct rig_packets *p, unsigned int packet, unsigned int bit)
{
	struct aead_job *j = p->jobs[packet];
	struct {
		uint8_t *p;
		unsigned int bits;
	} parts[] = {
		{aead_job_tag(j), AEAD_TAG_LEN * 8},
		{aead_job_aad(j), AEAD_AAD_LEN * 8},
		{p->nonces[packet].b, AEAD_NONCE_LEN * 8},
		{j->text, j->len * 8u},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (bit < parts[i].bits) {
			parts[i].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			return true;
		}
		bit -= parts[i].bits;
	}
	return false;
}

/* Packet 0 is the good one; packet i has bit from + i - 1 flipped. Returns how many were sent. */
static unsigned int try_forgeries(struct rig_packets *p, struct aead_session *dec,
	enum aead_alg alg, const uint8_t *key, unsigned int from)
{
	uint8_t text[50], cipher[50], nonce[AEAD_NONCE_LEN], aad[AEAD_AAD_LEN], tag[AEAD_TAG_LEN];
	unsigned int n = 1;

	rig_bytes(text, sizeof(text), 5);
	rig_bytes(nonce, sizeof(nonce), 6);
	rig_bytes(aad, sizeof(aad), 7);
	memcpy(cipher, text, sizeof(text));
	rig_seal(alg, key, nonce, aad, cipher, sizeof(cipher), tag);
	for (unsigned int i = 0; i < p->n; i++)
		rig_load(p, i, nonce, aad, cipher, sizeof(cipher), tag);
	while (n < p->n && flip(p, n, from + n - 1))
		n++;
	rig_pass(device.queue[0], dec, p, n, AEAD_BURST_MAX);
	assert_int_equal(p->jobs[0]->status, AEAD_OK);
	assert_memory_equal(p->jobs[0]->text, text, sizeof(text));
	for (unsigned int i = 1; i < n; i++)
		assert_int_equal(p->jobs[i]->status, AEAD_AUTH_FAILED);
	return n - 1;
}

static void device_refuses_every_flipped_bit(void **state)
{
	const unsigned int bits = (AEAD_TAG_LEN + AEAD_AAD_LEN + AEAD_NONCE_LEN + 50) * 8;
	struct rig_packets *p = rig_packets_new(AEAD_BURST_MAX);
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	FOR_EACH_ALG(alg)
	{
		struct aead_session *dec;
		unsigned int done = 0;
		unsigned int k;

		rig_bytes(key, sizeof(key), 3 + alg);
		dec = device_session(alg, AEAD_DECRYPT, key);
		while ((k = try_forgeries(p, dec, alg, key, done)) > 0)
			done += k;
		assert_int_equal(done, bits);
		aead_session_free(device.a, dec);
	}
	rig_packets_free(p);
}

static void device_refuses_a_packet_of_another_key(void **state)
{
	struct rig_packets *p = rig_packets_new(1);
	uint8_t mine[AEAD_KEY_MAX], other[AEAD_KEY_MAX];

	(void)state;
	rig_bytes(mine, sizeof(mine), 1);
	rig_bytes(other, sizeof(other), 2);
	FOR_EACH_ALG(alg)
	{
		struct aead_session *enc = device_session(alg, AEAD_ENCRYPT, other);
		struct aead_session *dec = device_session(alg, AEAD_DECRYPT, mine);

		load_plain(p, 0, 1, 100);
		rig_pass(device.queue[0], enc, p, 1, 1);
		rig_pass(device.queue[0], dec, p, 1, 1);
		assert_int_equal(p->jobs[0]->status, AEAD_AUTH_FAILED);
		aead_session_free(device.a, enc);
		aead_session_free(device.a, dec);
	}
	rig_packets_free(p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_gives_the_published_answers),
		cmocka_unit_test(device_is_right_at_every_length),
		cmocka_unit_test(device_is_right_in_bursts_of_any_size),
		cmocka_unit_test(device_refuses_every_flipped_bit),
		cmocka_unit_test(device_refuses_a_packet_of_another_key),
	};
	int failed;

	if (device_parse(argc, argv) < 0)
		return 2;
	rig_start();
	failed = cmocka_run_group_tests(tests, device_open, device_close);
	rig_stop();
	return failed;
}
