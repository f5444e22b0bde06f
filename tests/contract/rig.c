/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "crypto/aead_private.h"

#define TIMEOUT_S 60

/* --- EAL -------------------------------------------------------------------------------- */

/* "(0-3)@(0,1)" */
static void lcores_option(char *out, size_t size)
{
	cpu_set_t cpus;
	int len = snprintf(out, size, "(0-%d)@(", RIG_LCORES - 1);
	const char *comma = "";

	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < CPU_SETSIZE && len < (int)size - 8; i++) {
		if (!CPU_ISSET(i, &cpus))
			continue;
		len += snprintf(out + len, size - (size_t)len, "%s%d", comma, i);
		comma = ",";
	}
	snprintf(out + len, size - (size_t)len, ")");
}

void rig_start(void)
{
	static char program[] = "contract";
	static char no_huge[] = "--no-huge";
	static char memory_flag[] = "-m";
	static char memory[] = "512";
	static char no_pci[] = "--no-pci";
	static char lcores_flag[] = "--lcores";
	static char quiet[] = "--log-level=*:error";
	char prefix[64];
	char lcores[256];
	char *argv[] = {program, no_huge, memory_flag, memory, no_pci, lcores_flag, lcores, quiet,
		prefix, NULL};

	snprintf(prefix, sizeof(prefix), "--file-prefix=contract%d", (int)getpid());
	lcores_option(lcores, sizeof(lcores));
	if (rte_eal_init((int)ARRAY_LEN(argv) - 1, argv) < 0) {
		fprintf(stderr, "EAL does not start\n");
		exit(1);
	}
}

void rig_stop(void)
{
	char dir[256];
	char file[600];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(file, sizeof(file), "%s/%s", dir, e->d_name);
		unlink(file);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

int rig_aead(const char *devargs, enum aead_mode mode, unsigned int queues, unsigned int sessions,
	struct aead **out)
{
	const struct aead_device_conf device = {.name = devargs, .mode = mode};
	const struct aead_conf conf = {
		.devices = &device,
		.nb_devices = 1,
		.nb_queues = queues,
		.nb_sessions = sessions,
		.socket_id = -1,
	};

	return aead_new(&conf, out);
}

/* --- packets ---------------------------------------------------------------------------- */

struct rig_packets *rig_packets_new(unsigned int n)
{
	struct rig_packets *p = calloc(1, sizeof(*p));
	static unsigned int made;
	char name[32];

	assert_non_null(p);
	snprintf(name, sizeof(name), "rig_%u", made++);
	p->n = n;
	p->mbufs = calloc(n, sizeof(*p->mbufs));
	p->jobs = calloc(n, sizeof(*p->jobs));
	p->nonces = calloc(n, sizeof(*p->nonces));
	p->pool = rte_pktmbuf_pool_create(name, n, 0, AEAD_PRIV_SIZE,
		RTE_PKTMBUF_HEADROOM + RIG_HEAD + RIG_TEXT_MAX, SOCKET_ID_ANY);
	assert_non_null(p->pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(p->pool, p->mbufs, n), 0);
	for (unsigned int i = 0; i < n; i++)
		p->jobs[i] = aead_job_of(p->mbufs[i]);
	return p;
}

void rig_packets_free(struct rig_packets *p)
{
	rte_mempool_free(p->pool);
	free(p->mbufs);
	free(p->jobs);
	free(p->nonces);
	free(p);
}

void rig_load(struct rig_packets *p, unsigned int i, const uint8_t *nonce, const uint8_t *aad,
	const uint8_t *text, uint16_t len, const uint8_t *tag)
{
	struct rte_mbuf *m = p->mbufs[i];
	struct aead_job *j = p->jobs[i];
	uint8_t *data;

	rte_pktmbuf_reset(m);
	data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(RIG_HEAD + len));
	assert_non_null(data);
	memset(j, 0, sizeof(*j));
	j->status = 0xee;
	j->text = data + RIG_HEAD;
	j->tag_at = AEAD_AAD_LEN - RIG_HEAD;
	j->aad_at = -RIG_HEAD;
	j->len = len;
	memcpy(p->nonces[i].b, nonce, AEAD_NONCE_LEN);
	memcpy(data, aad, AEAD_AAD_LEN);
	memcpy(j->text, text, len);
	if (tag != NULL)
		memcpy(aead_job_tag(j), tag, AEAD_TAG_LEN);
	else
		memset(aead_job_tag(j), 0, AEAD_TAG_LEN);
}

/* --- through the queue ------------------------------------------------------------------ */

/* Sleeps a little: a scheduler's lcores spin, perhaps on our CPU. */
static void check_time(time_t *deadline)
{
	const struct timespec nap = {.tv_nsec = 10000};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (*deadline == 0)
		*deadline = now.tv_sec + TIMEOUT_S;
	assert_true(now.tv_sec <= *deadline);
	nanosleep(&nap, NULL);
}

void rig_pass(struct aead_queue *q, struct aead_session *s, struct rig_packets *p, unsigned int n,
	unsigned int burst)
{
	struct aead_job *back[AEAD_BURST_MAX];
	unsigned int sent = 0;
	unsigned int got = 0;
	time_t deadline = 0;

	while (got < n) {
		unsigned int k = n - sent < burst ? n - sent : burst;

		if (k > 0)
			sent += aead_submit(q, s, p->jobs + sent, p->nonces + sent, (uint16_t)k);
		k = aead_poll(q, back, AEAD_BURST_MAX);
		for (unsigned int i = 0; i < k; i++)
			assert_ptr_equal(back[i], p->jobs[got + i]);
		got += k;
		assert_int_equal(aead_inflight(q), sent - got);
		if (k == 0)
			check_time(&deadline);
	}
}

void rig_poll(struct aead_queue *q, struct aead_job **back, unsigned int want)
{
	time_t deadline = 0;
	unsigned int got = 0;

	while (got < want) {
		unsigned int left = want - got;
		unsigned int k = aead_poll(
			q, back + got, (uint16_t)(left < AEAD_BURST_MAX ? left : AEAD_BURST_MAX));

		got += k;
		if (k == 0)
			check_time(&deadline);
	}
}

void rig_bytes(uint8_t *p, size_t n, uint64_t seed)
{
	uint64_t s = seed * 2862933555777941757ull + 3037000493ull;

	for (size_t i = 0; i < n; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		p[i] = (uint8_t)(s >> 24);
	}
}

void rig_seal(enum aead_alg alg, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
	uint8_t *text, size_t len, uint8_t *tag)
{
	static struct aead_reference ref;

	if (ref.lib == NULL)
		assert_int_equal(aead_reference_init(&ref), 0);
	assert_true(ref.seal(&ref, alg, key, nonce, aad, text, len, tag));
}
