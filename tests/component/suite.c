/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "log.h"
#include "world.h"

#define LCORES	 5 /* main, two workers, two for crypto_scheduler */
#define CRYPTO	 3 /* the first of these two */
#define QUEUES	 2
#define SESSIONS (4 * 65536 + 256) /* memory is taken as they come */

static struct aead *aead;
static bool async;

struct aead *suite_aead(void)
{
	return aead;
}

bool world_async(void)
{
	return async;
}

/* "0@(1,2),1@(1,2),...": lcores are threads; two CPUs, or one, carry them all. */
static void lcore_map(char *out, size_t size)
{
	char cpus[256] = "";
	cpu_set_t set;
	size_t n = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0, count = 0; cpu < CPU_SETSIZE && count < 8; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		n += (size_t)snprintf(cpus + n, sizeof(cpus) - n, "%s%d", count++ ? "," : "", cpu);
	}
	n = 0;
	for (int i = 0; i < LCORES; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%d@(%s)", i ? "," : "", i, cpus);
}

void world_one_cpu(bool one)
{
	static cpu_set_t all;
	cpu_set_t set;
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;

	if (one) {
		sched_getaffinity(0, sizeof(all), &all);
		CPU_ZERO(&set);
		for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&set) == 0; cpu++) {
			if (CPU_ISSET(cpu, &all))
				CPU_SET(cpu, &set);
		}
	} else {
		set = all;
	}
	while (d != NULL && (e = readdir(d)) != NULL) {
		pid_t tid = atoi(e->d_name);

		if (tid == 0)
			continue; /* "." and ".." */
		sched_setaffinity(tid, sizeof(set), &set);
		if (tid != getpid())
			sched_setscheduler(tid, one ? SCHED_IDLE : SCHED_OTHER,
				&(struct sched_param){.sched_priority = 0});
	}
	if (d != NULL)
		closedir(d);
}

/* --- a crypto device that stands still --------------------------------------------------- */

static pid_t threads[LCORES];
static atomic_bool held;
static atomic_uint standing;

static int remember_thread(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	return 0;
}

static void stand_still(int sig)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	(void)sig;
	atomic_fetch_add(&standing, 1);
	while (atomic_load(&held))
		nanosleep(&nap, NULL);
	atomic_fetch_sub(&standing, 1);
}

void world_hold_crypto(bool hold)
{
	struct sigaction sa = {.sa_handler = stand_still, .sa_flags = SA_RESTART};
	const struct timespec nap = {.tv_nsec = 100000};

	if (atomic_exchange(&held, hold) == hold)
		return;
	sigaction(SIGUSR2, &sa, NULL);
	for (int i = CRYPTO; hold && i < LCORES; i++)
		syscall(SYS_tgkill, getpid(), threads[i], SIGUSR2);
	while (atomic_load(&standing) != (hold ? LCORES - CRYPTO : 0))
		nanosleep(&nap, NULL);
}

/* --- the process ------------------------------------------------------------------------- */

static int start_eal(void)
{
	char prefix[32], lcores[1024];
	/* one string, split below: EAL wants its arguments writable */
	char line[1200], *args[24];
	int n = 0;

	snprintf(prefix, sizeof(prefix), "ovpn-test-%d", (int)getpid());
	lcore_map(lcores, sizeof(lcores));
	snprintf(line, sizeof(line),
		"test --no-huge -m 512 --no-pci --no-shconf --no-telemetry --log-level error "
		"--file-prefix %s --lcores %s",
		prefix, lcores);
	for (char *save, *p = strtok_r(line, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		args[n++] = p;
	return rte_eal_init(n, args);
}

static int start_crypto(const char *mode)
{
	struct aead_device_conf cpu[] = {
		{"crypto_aesni_gcm0", AEAD_MODE_CPU},
		{"crypto_aesni_mb0", AEAD_MODE_CPU},
	};
	struct aead_device_conf queue[] = {
		{"crypto_aesni_gcm0", AEAD_MODE_QUEUE},
		{"crypto_aesni_mb0", AEAD_MODE_QUEUE},
	};
	/* the lcores from CRYPTO on; the workers' are never launched in these tests */
	struct aead_device_conf scheduler[] = {
		{"crypto_scheduler0,worker=crypto_aesni_mb1,worker=crypto_aesni_mb2,"
		 "mode=multi-core,coremask=0x18",
			AEAD_MODE_QUEUE},
	};
	struct aead_conf conf = {
		.devices = cpu,
		.nb_devices = ARRAY_LEN(cpu),
		.nb_queues = QUEUES,
		.nb_sessions = SESSIONS,
		.socket_id = -1,
	};

	async = strcmp(mode, "cpu") != 0;
	if (strcmp(mode, "queue") == 0) {
		conf.devices = queue;
	} else if (strcmp(mode, "scheduler") == 0) {
		conf.devices = scheduler;
		conf.nb_devices = ARRAY_LEN(scheduler);
	}
	return aead_new(&conf, &aead);
}

int world_begin(int argc, char **argv)
{
	const struct rlimit files = {4096, 4096};
	int ret;

	setrlimit(RLIMIT_NOFILE, &files);
	if (start_eal() < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	log_set_level(LOG_LEVEL_ERR);
	for (unsigned int i = CRYPTO; i < LCORES; i++) {
		rte_eal_remote_launch(remember_thread, &threads[i], i);
		rte_eal_wait_lcore(i);
	}
	ret = start_crypto(argc > 1 ? argv[1] : "cpu");
	if (ret < 0) {
		fprintf(stderr, "crypto: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	return 0;
}

static void remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

void world_end(void)
{
	char dir[4096];

	aead_free(aead);
	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	remove_dir(dir);
}
