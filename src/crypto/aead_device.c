/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a name or devargs to a started cryptodev with its first session pool, and back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>

#include "crypto/aead_private.h"
#include "log.h"

int aead_vdev_new(struct aead *a, const char *name, const char *args)
{
	char full[512];
	int ret;

	if (a->nb_vdevs == AEAD_MAX_VDEVS || strlen(name) >= AEAD_NAME_LEN)
		return -EINVAL;
	if (args == NULL || strstr(args, "max_nb_queue_pairs=") == NULL)
		ret = snprintf(full, sizeof(full), "%s%smax_nb_queue_pairs=%u",
			args != NULL ? args : "", args != NULL ? "," : "", a->nb_queues);
	else
		ret = snprintf(full, sizeof(full), "%s", args);
	if (ret >= (int)sizeof(full))
		return -EINVAL;
	/* rte_eal_hotplug_add() takes 127 characters since 23.11, and a scheduler has more */
	ret = rte_vdev_init(name, full);
	if (ret != 0)
		return ret < 0 ? ret : -ENODEV; /* no driver wants it */
	strcpy(a->vdevs[a->nb_vdevs++], name);
	return 0;
}

void aead_vdevs_free(struct aead *a)
{
	while (a->nb_vdevs > 0) {
		const char *name = a->vdevs[--a->nb_vdevs];
		int ret = rte_vdev_uninit(name);

		if (ret < 0)
			log_warn("crypto device %s cannot be removed: %s", name, strerror(-ret));
	}
}

/* By cryptodev's name, else by the bus's: a QAT is called "<PCI address>_qat_sym". */
static int find(const char *name)
{
	int id = rte_cryptodev_get_dev_id(name);
	struct rte_cryptodev_info info;

	if (id >= 0)
		return id;
	for (uint8_t i = 0; i < RTE_CRYPTO_MAX_DEVS; i++) {
		if (!rte_cryptodev_is_valid_dev(i))
			continue;
		rte_cryptodev_info_get(i, &info);
		if (info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO &&
			strcmp(rte_dev_name(info.device), name) == 0)
			return i;
	}
	return -ENODEV;
}

static int find_or_create(struct aead *a, const char *devargs)
{
	char name[AEAD_NAME_LEN];
	size_t len = strcspn(devargs, ",");
	const char *args = devargs[len] == ',' ? devargs + len + 1 : NULL;
	int ret;

	if (len == 0 || len >= sizeof(name)) {
		log_err("crypto device \"%s\": no name of 1 to %d characters", devargs,
			AEAD_NAME_LEN - 1);
		return -EINVAL;
	}
	memcpy(name, devargs, len);
	name[len] = '\0';
	ret = find(name);
	if (ret >= 0)
		return ret;
	if (aead_is_scheduler(name)) {
		ret = aead_scheduler_check(name, args);
		if (ret == 0)
			ret = aead_scheduler_workers_new(a, name, args);
		if (ret < 0)
			return ret;
	}
	ret = aead_vdev_new(a, name, args);
	if (ret < 0) {
		log_err("crypto device %s: no such device, and none can be made of \"%s\": is the "
			"driver's package installed, or the PCI device allowed and bound?",
			name, devargs);
		return -ENODEV;
	}
	return find(name);
}

/* The algorithms the device has; null: can it do nothing at all? */
static uint32_t supported_algs(uint8_t id, bool null)
{
	const struct rte_cryptodev_sym_capability_idx nothing = {
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.algo.cipher = RTE_CRYPTO_CIPHER_NULL,
	};
	uint32_t algs = 0;

	if (null)
		return rte_cryptodev_sym_capability_get(id, &nothing) != NULL ? 1u << AEAD_NULL : 0;

	for (unsigned int alg = 0; alg < AEAD_NB_ALGS; alg++) {
		const struct rte_cryptodev_sym_capability_idx idx = {
			.type = RTE_CRYPTO_SYM_XFORM_AEAD,
			.algo.aead = aead_cryptodev_alg(alg),
		};
		const struct rte_cryptodev_symmetric_capability *cap =
			rte_cryptodev_sym_capability_get(id, &idx);

		if (cap != NULL &&
			rte_cryptodev_sym_capability_check_aead(cap, (uint16_t)aead_key_len(alg),
				AEAD_TAG_LEN, AEAD_AAD_LEN, AEAD_NONCE_LEN) == 0)
			algs |= 1u << alg;
	}
	return algs;
}

/* A scheduler that EAL made was not checked before. */
static int examine_scheduler(struct aead *a, struct aead_device *d, const struct rte_device *device)
{
	const struct rte_devargs *devargs = rte_dev_devargs(device);
	const char *args = devargs != NULL ? devargs->args : NULL;

	d->serial = true;
	d->objects = aead_scheduler_objects(args);
	d->limit = RTE_MAX(AEAD_LANE_SIZE / a->nb_queues, (unsigned int)AEAD_BURST_MAX);
	return aead_scheduler_check(d->name, args);
}

/* What the device is and can; refuses one that is no use. */
static int examine(struct aead *a, struct aead_device *d, bool null)
{
	struct rte_cryptodev_info info;

	rte_cryptodev_info_get(d->id, &info);
	snprintf(d->name, sizeof(d->name), "%s", rte_cryptodev_name_get(d->id));
	snprintf(d->driver, sizeof(d->driver), "%s", info.driver_name);
	d->features = info.feature_flags;
	d->algs = supported_algs(d->id, null);
	d->limit = AEAD_LANE_SIZE;
	d->objects = 1;
	rte_spinlock_init(&d->lock);
	for (unsigned int i = 0; i < d->index; i++) {
		if (a->devices[i].id == d->id) {
			log_err("crypto device %s is named twice", d->name);
			return -EINVAL;
		}
	}
	if (d->algs == 0) {
		log_err("crypto device %s refused: its driver %s has %s", d->name, d->driver,
			null ? "no null cipher" : "none of the AEAD algorithms");
		return -ENOTSUP;
	}
	if (info.max_nb_queue_pairs < a->nb_queues) {
		log_err("crypto device %s refused: it has %u queue pairs, %u workers need one each",
			d->name, info.max_nb_queue_pairs, a->nb_queues);
		return -ENOTSUP;
	}
	if (info.sym.max_nb_sessions != 0 && info.sym.max_nb_sessions < d->sessions_max) {
		log_warn("crypto device %s holds %u sessions, %u were asked for", d->name,
			info.sym.max_nb_sessions, d->sessions_max);
		d->sessions_max = info.sym.max_nb_sessions;
	}
	return aead_is_scheduler(d->driver) ? examine_scheduler(a, d, info.device) : 0;
}

static int configure(struct aead *a, struct aead_device *d, int socket_id)
{
	struct rte_cryptodev_config conf = {
		.socket_id = socket_id < 0 ? rte_cryptodev_socket_id(d->id) : socket_id,
		.nb_queue_pairs = (uint16_t)a->nb_queues,
		.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SECURITY,
	};
	/* Rings of drivers hold one less than their size, which must be a power of two. */
	struct rte_cryptodev_qp_conf qp = {
		.nb_descriptors = rte_align32pow2(d->limit * (d->serial ? a->nb_queues : 1) + 1),
		.mp_session = d->pools[0],
	};
	int ret = rte_cryptodev_configure(d->id, &conf);

	if (ret < 0)
		goto fail;
	d->configured = true;
	for (uint16_t i = 0; i < a->nb_queues; i++) {
		ret = rte_cryptodev_queue_pair_setup(d->id, i, &qp, conf.socket_id);
		if (ret < 0)
			goto fail;
	}
	ret = rte_cryptodev_start(d->id);
	if (ret < 0)
		goto fail;
	d->started = true;
	return 0;
fail:
	log_err("crypto device %s cannot be set up: %s", d->name, strerror(-ret));
	return ret;
}

int aead_device_open(
	struct aead *a, struct aead_device *d, const struct aead_conf *conf, const char *devargs)
{
	int ret = find_or_create(a, devargs);

	if (ret < 0)
		return ret;
	d->id = (uint8_t)ret;
	d->sessions_max = conf->nb_sessions;
	ret = examine(a, d, conf->null);
	if (ret < 0)
		return ret;
	d->socket_id = conf->socket_id;
	ret = aead_pool_add(d);
	if (ret < 0)
		return ret;
	return configure(a, d, conf->socket_id);
}

void aead_device_close(struct aead_device *d)
{
	if (d->started)
		rte_cryptodev_stop(d->id);
	if (d->configured)
		rte_cryptodev_close(d->id);
	aead_pools_free(d);
	memset(d, 0, sizeof(*d));
}
