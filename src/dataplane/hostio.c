/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hostio.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_lcore.h>

#include "dataplane/hostin.h"
#include "dataplane/hostout.h"
#include "dataplane/pool.h"
#include "dataplane/state.h"
#include "log.h"

#define POOL_CACHE 256
#define STALLED_NS 1000000

/* --- the thread ------------------------------------------------------------------------- */

unsigned int hostio_turn(struct hostio *h)
{
	unsigned int n = hostout_turn(h) + hostin_turn(h);

	stat_add(&h->stats.iterations, 1);
	rcu_quiescent(&h->dp->rcu, h->reader);
	return n;
}

static bool rings_empty(const struct hostio *h)
{
	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		const struct rings *r = &h->dp->workers[i]->rings;

		if (!rte_ring_empty(r->host_out) || !rte_ring_empty(r->mirror_out))
			return false;
	}
	return true;
}

/*
 * A lull: waits for frames on either side. The wait only tells that something is there; the next
 * turn looks up what.
 */
static void sleep_until_woken(struct hostio *h)
{
	struct pollfd fds[2] = {
		{.fd = h->waker.fd, .events = POLLIN},
		{.fd = h->epoll, .events = POLLIN},
	};

	waker_arm(&h->waker);
	if (rings_empty(h) && !atomic_load(&h->stop))
		poll(fds, 2, -1);
	waker_disarm(&h->waker);
	if (fds[0].revents != 0)
		waker_clear(&h->waker);
}

/* Nothing moved; offline meanwhile. Without room or buffers only time can help. */
static void hostio_sleep(struct hostio *h)
{
	struct timespec nap = {.tv_nsec = nap_next(&h->nap)};

	if (nap.tv_nsec == 0 && (h->starved || hostin_stalled(h)))
		nap.tv_nsec = STALLED_NS;
	rcu_offline(&h->dp->rcu, h->reader);
	if (nap.tv_nsec != 0)
		nanosleep(&nap, NULL);
	else
		sleep_until_woken(h);
	rcu_online(&h->dp->rcu, h->reader);
	stat_add(&h->stats.sleeps, 1);
}

static compat_thread_result hostio_main(void *arg)
{
	struct hostio *h = arg;

	if (rte_thread_register() < 0)
		log_warn("host I/O: no free lcore id: packet buffers are not cached");
	prctl(PR_SET_TIMERSLACK, 1000);
	nap_init(&h->nap);
	rcu_online(&h->dp->rcu, h->reader);
	while (!atomic_load_explicit(&h->stop, memory_order_relaxed)) {
		unsigned int n = hostio_turn(h);

		nap_moved(&h->nap, n);
		if (n == 0)
			hostio_sleep(h);
	}
	rcu_offline(&h->dp->rcu, h->reader);
	rte_thread_unregister();
	return 0;
}

int hostio_start(struct hostio *h)
{
	int ret;

	atomic_store(&h->stop, false);
	/* on the CPUs that no lcore has, if there are any; else with the agent */
	ret = compat_thread_start(&h->thread, "ovpn-hostio", hostio_main, h);
	if (ret != 0)
		return ret < 0 ? ret : -ret;
	h->running = true;
	return 0;
}

void hostio_stop(struct hostio *h)
{
	if (!h->running)
		return;
	atomic_store(&h->stop, true);
	waker_wake(&h->waker);
	compat_thread_join(h->thread);
	h->running = false;
}

/* --- life ------------------------------------------------------------------------------- */

int hostio_init(
	struct hostio *h, struct dp *dp, unsigned int reader, uint32_t mbufs, uint16_t pool_room)
{
	int ret;

	h->dp = dp;
	h->reader = reader;
	h->epoll = -1;
	ret = waker_init(&h->waker);
	if (ret < 0)
		return ret;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll < 0)
		return -errno;
	h->pool = pool_new("host_in", mbufs, POOL_CACHE, pool_room, SOCKET_ID_ANY);
	h->scratch = malloc(pool_room + SUPER_LEN_MAX);
	return h->pool == NULL || h->scratch == NULL ? -ENOMEM : 0;
}

void hostio_fini(struct hostio *h)
{
	rte_pktmbuf_free(h->spare);
	h->spare = NULL;
	rte_mempool_free(h->pool);
	free(h->scratch);
	if (h->epoll >= 0)
		close(h->epoll);
	waker_fini(&h->waker);
}
