/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floor: AES-256-GCM by libipsec_mb called directly, without a device, a packet or a peer. What
 * no data plane on this CPU goes below. One object for each size: cycles an operation, over one hot
 * buffer and over as many distinct ones, in random order, as the benchmark has mbufs.
 *
 *   floor SIZE...
 */
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include <intel-ipsec-mb.h>

#define BUFFERS	   4096
#define BUFFER_LEN 2048
#define ROUNDS	   101
#define TAG_LEN	   16
#define AAD_LEN	   8

struct floor {
	IMB_MGR *mgr;
	alignas(64) struct gcm_key_data key; /* its header aligns it on some systems only */
	uint8_t *buffers;
	uint32_t order[BUFFERS];
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void one(struct floor *f, int decrypt, uint8_t *text, uint64_t len, uint32_t n)
{
	struct gcm_context_data ctx;
	uint8_t iv[12], *tag = text + len;

	memset(iv, 0, sizeof(iv));
	memcpy(iv, &n, sizeof(n));
	if (decrypt)
		IMB_AES256_GCM_DEC(
			f->mgr, &f->key, &ctx, text, text, len, iv, iv, AAD_LEN, tag, TAG_LEN);
	else
		IMB_AES256_GCM_ENC(
			f->mgr, &f->key, &ctx, text, text, len, iv, iv, AAD_LEN, tag, TAG_LEN);
}

/* Median cycles an operation. */
static double measure(struct floor *f, int decrypt, uint64_t len, int distinct)
{
	static uint64_t took[ROUNDS];

	for (unsigned int r = 0; r < ROUNDS; r++) {
		uint64_t start = __rdtsc();

		for (uint32_t i = 0; i < BUFFERS; i++) {
			uint32_t k = distinct ? f->order[i] : 0;

			one(f, decrypt, f->buffers + (size_t)k * BUFFER_LEN, len, i);
		}
		took[r] = __rdtsc() - start;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_value);
	return (double)took[ROUNDS / 2] / BUFFERS;
}

static void shuffle(uint32_t *order)
{
	for (uint32_t i = 0; i < BUFFERS; i++) {
		uint32_t k = (uint32_t)rand() % (i + 1);

		order[i] = order[k];
		order[k] = i;
	}
}

static int init(struct floor *f)
{
	uint8_t key[32];

	f->mgr = alloc_mb_mgr(0);
	f->buffers = aligned_alloc(64, (size_t)BUFFERS * BUFFER_LEN);
	if (f->mgr == NULL || f->buffers == NULL)
		return -1;
	init_mb_mgr_auto(f->mgr, NULL);
	memset(key, 7, sizeof(key));
	memset(f->buffers, 1, (size_t)BUFFERS * BUFFER_LEN);
	IMB_AES256_GCM_PRE(f->mgr, key, &f->key);
	shuffle(f->order);
	return 0;
}

int main(int argc, char **argv)
{
	static struct floor f;

	if (argc < 2 || init(&f) < 0) {
		fprintf(stderr, "usage: floor SIZE... (1 to %d)\n", BUFFER_LEN - TAG_LEN);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		long len = strtol(argv[i], NULL, 10);

		if (len < 1 || len > BUFFER_LEN - TAG_LEN) {
			fprintf(stderr, "floor %s: it is a size from 1 to %d\n", argv[i],
				BUFFER_LEN - TAG_LEN);
			return 2;
		}
		printf("%s{\"size\": %ld, \"encrypt\": %.1f, \"decrypt\": %.1f, "
		       "\"encrypt_distinct\": %.1f, \"decrypt_distinct\": %.1f}",
			i == 1 ? "[" : ",\n", len, measure(&f, 0, (uint64_t)len, 0),
			measure(&f, 1, (uint64_t)len, 0), measure(&f, 0, (uint64_t)len, 1),
			measure(&f, 1, (uint64_t)len, 1));
	}
	puts("]");
	free_mb_mgr(f.mgr);
	free(f.buffers);
	return 0;
}
