/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What differs between the versions of DPDK that we build with, 22.11 to 25.11: all of it is here,
 * so that a new version has one place to look at. tests/chroot/test_dpdk.sh builds with each.
 *
 * Control threads: pthreads until 23.11, threads of EAL since, whose functions return a number.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <pthread.h>

#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)

typedef pthread_t compat_thread;
typedef void *compat_thread_result; /* 0 is one in both worlds */

/* On the CPUs that no lcore has, if there are any. Returns 0, or an errno of either sign. */
static inline int compat_thread_start(
	compat_thread *thread, const char *name, compat_thread_result (*body)(void *), void *arg)
{
	return rte_ctrl_thread_create(thread, name, NULL, body, arg);
}

static inline void compat_thread_join(compat_thread thread)
{
	pthread_join(thread, NULL);
}

#else

typedef rte_thread_t compat_thread;
typedef uint32_t compat_thread_result;

static inline int compat_thread_start(
	compat_thread *thread, const char *name, compat_thread_result (*body)(void *), void *arg)
{
	return rte_thread_create_control(thread, name, body, arg);
}

static inline void compat_thread_join(compat_thread thread)
{
	rte_thread_join(thread, NULL);
}

#endif

#endif
