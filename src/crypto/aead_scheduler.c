/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_scheduler, the asynchronous device of machines without one. In DPDK 22.11:
 *
 * - Its workers are cryptodevs that must exist when it is configured; they are made here, if
 *   "worker=NAME" names one that does not. (EAL's --vdev works as well, workers first.)
 * - Multi-core mode runs each worker on an lcore of its own, which it launches at start: an EAL
 *   lcore that is neither main nor one of our workers, given by "coremask=0x..". "corelist=" takes
 *   "0x0c" or "2-3" without a word and then runs elsewhere, so it is refused here.
 * - It has one worker record per lcore of the mask: more lcores than workers and it reads beyond
 *   them.
 * - In multi-core mode all queue pairs share its rings, which allow one producer and one consumer:
 *   so one thread at a time (struct aead_device's serial), jobs of one queue may be dequeued by
 *   another (lanes cope), and the jobs of all queues together must fit into the one queue pair it
 *   uses of each worker (limit), as its path for a full one mistakes sessions.
 * - "ordering=enable" is not needed: lanes keep the order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_kvargs.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "crypto/aead_private.h"
#include "log.h"

#define MAX_WORKERS 8

struct workers {
	char names[MAX_WORKERS][AEAD_NAME_LEN];
	unsigned int n;
	uint64_t coremask;
	bool multi_core, corelist;
};

bool aead_is_scheduler(const char *name)
{
	return strncmp(name, "crypto_scheduler", strlen("crypto_scheduler")) == 0;
}

static int take(const char *key, const char *value, void *opaque)
{
	struct workers *w = opaque;

	if (value == NULL)
		return 0;
	if (strcmp(key, "worker") == 0) {
		if (w->n == MAX_WORKERS || strlen(value) >= AEAD_NAME_LEN)
			return -EINVAL;
		strcpy(w->names[w->n++], value);
	} else if (strcmp(key, "coremask") == 0) {
		w->coremask = strtoull(value, NULL, 16);
	} else if (strcmp(key, "mode") == 0) {
		w->multi_core = strcmp(value, "multi-core") == 0;
	} else if (strcmp(key, "corelist") == 0) {
		w->corelist = true;
	}
	return 0;
}

static int parse(const char *args, struct workers *w)
{
	struct rte_kvargs *kv = rte_kvargs_parse(args != NULL ? args : "", NULL);
	int ret;

	memset(w, 0, sizeof(*w));
	if (kv == NULL)
		return -EINVAL;
	ret = rte_kvargs_process(kv, NULL, take, w);
	rte_kvargs_free(kv);
	return ret < 0 ? -EINVAL : 0;
}

static int check_lcores(const char *name, const struct workers *w)
{
	if (w->corelist || w->coremask == 0) {
		log_err("crypto device %s: multi-core mode needs \"coremask=0x..\"", name);
		return -EINVAL;
	}
	if ((unsigned int)__builtin_popcountll(w->coremask) > w->n) {
		log_err("crypto device %s: coremask has more lcores than there are workers (%u)",
			name, w->n);
		return -EINVAL;
	}
	for (unsigned int lcore = 0; lcore < 64; lcore++) {
		if ((w->coremask >> lcore & 1) == 0)
			continue;
		if (!rte_lcore_is_enabled(lcore) || lcore == rte_get_main_lcore() ||
			rte_eal_get_lcore_state(lcore) != WAIT) {
			log_err("crypto device %s: lcore %u of its coremask is not an idle lcore "
				"of ours",
				name, lcore);
			return -EINVAL;
		}
	}
	return 0;
}

int aead_scheduler_check(const char *name, const char *args)
{
	struct workers w;

	if (parse(args, &w) < 0 || w.n == 0) {
		log_err("crypto device %s: it needs 1 to %d \"worker=NAME\"", name, MAX_WORKERS);
		return -EINVAL;
	}
	return w.multi_core ? check_lcores(name, &w) : 0;
}

int aead_scheduler_workers_new(struct aead *a, const char *name, const char *args)
{
	struct workers w;
	int ret;

	if (parse(args, &w) < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < w.n; i++) {
		if (rte_cryptodev_get_dev_id(w.names[i]) >= 0)
			continue;
		ret = aead_vdev_new(a, w.names[i], NULL);
		if (ret < 0) {
			log_err("crypto device %s: its worker %s cannot be made", name, w.names[i]);
			return -ENODEV;
		}
	}
	return 0;
}

/* Workers of one driver share a session. */
uint32_t aead_scheduler_objects(const char *args)
{
	struct rte_cryptodev_info info;
	uint8_t drivers[MAX_WORKERS];
	struct workers w;
	uint32_t n = 0;

	if (parse(args, &w) < 0)
		return 1 + MAX_WORKERS;
	for (unsigned int i = 0; i < w.n; i++) {
		int id = rte_cryptodev_get_dev_id(w.names[i]);

		if (id < 0)
			continue;
		rte_cryptodev_info_get((uint8_t)id, &info);
		if (memchr(drivers, info.driver_id, n) == NULL)
			drivers[n++] = info.driver_id;
	}
	return 1 + n;
}
