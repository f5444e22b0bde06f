/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hostio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <rte_lcore.h>

#include "dataplane/inner.h"
#include "dataplane/pool.h"
#include "dataplane/state.h"
#include "log.h"

#define EVENTS_MAX 32
#define READ_BURST 64	/* frames read from one TAP before the next has its turn */
#define POOL_MBUFS 8191 /* 2^n - 1: what a mempool holds best */
#define POOL_CACHE 256
#define FULL_MS	   1 /* pause when every ring towards the workers is full */

static void drop_frame(struct hostio *h, struct rte_mbuf *m, enum drop_reason why)
{
	stat_add(&h->stats.drops[why], 1);
	rte_pktmbuf_free(m);
}

/* --- workers -> kernel ------------------------------------------------------------------ */

static const struct hostdev *target(struct hostio *h, const struct pkt *p)
{
	const struct instance *inst;

	if (p->iid == 0)
		return atomic_load_explicit(&h->dp->mirrors[p->port], memory_order_acquire);
	inst = instance_find(h->dp, p->iid);
	return inst == NULL ? NULL : atomic_load_explicit(&inst->device, memory_order_acquire);
}

static void write_frame(struct hostio *h, struct rte_mbuf *m)
{
	const struct hostdev *d = target(h, pkt_of(m));
	ssize_t n;

	if (d == NULL) {
		drop_frame(h, m, DROP_STALE_INSTANCE);
		return;
	}
	do
		n = write(d->fd, rte_pktmbuf_mtod(m, void *), m->data_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		drop_frame(h, m, DROP_HOST_WRITE);
	else
		rte_pktmbuf_free(m);
}

static unsigned int move_out(struct hostio *h)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned int total = 0;

	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		unsigned int n = rte_ring_sc_dequeue_burst(
			h->dp->workers[i]->rings.host_out, (void **)pkts, BURST_MAX, NULL);

		for (unsigned int k = 0; k < n; k++)
			write_frame(h, pkts[k]);
		total += n;
	}
	return total;
}

/* --- kernel -> workers ------------------------------------------------------------------ */

/* Encap of a peer belongs to one worker, so that its packets stay in order. */
static struct worker *worker_for(
	struct hostio *h, const struct hostdev *d, const struct rte_mbuf *m)
{
	uint16_t generation;
	uint32_t id = 0;

	if (d->iid != 0 && m->data_len >= MAC_LEN)
		inner_mac_read(rte_pktmbuf_mtod(m, const uint8_t *), &generation, &id);
	return h->dp->workers[(id + d->iid + d->port) % h->dp->nb_workers];
}

static struct rte_mbuf *read_frame(struct hostio *h, const struct hostdev *d)
{
	struct rte_mbuf *m = h->spare != NULL ? h->spare : rte_pktmbuf_alloc(h->pool);
	uint16_t room;
	ssize_t n;

	h->spare = m;
	if (m == NULL) {
		stat_add(&h->stats.drops[DROP_NO_MBUF], 1);
		return NULL;
	}
	room = rte_pktmbuf_tailroom(m);
	do
		n = read(d->fd, rte_pktmbuf_mtod(m, void *), room);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return NULL;
	h->spare = NULL;
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	pkt_of(m)->kind = d->iid == 0 ? PKT_FRAME : PKT_INNER;
	pkt_of(m)->iid = d->iid;
	pkt_of(m)->port = d->port;
	if (n == room) { /* the kernel cuts off what does not fit */
		drop_frame(h, m, DROP_TOO_BIG);
		return NULL;
	}
	return m;
}

/* Reads while the workers have room: what waits longer waits in the kernel, which knows how. */
static unsigned int read_device(struct hostio *h, const struct hostdev *d)
{
	struct worker *touched = NULL;
	unsigned int n;

	for (n = 0; n < READ_BURST; n++) {
		struct rte_mbuf *m;
		struct worker *w;

		if (touched != NULL && rte_ring_full(touched->rings.host_in))
			break;
		m = read_frame(h, d);
		if (m == NULL)
			break;
		w = worker_for(h, d, m);
		if (touched != NULL && touched != w)
			waker_wake(&touched->waker);
		touched = w;
		if (rte_ring_sp_enqueue(w->rings.host_in, m) != 0)
			drop_frame(h, m, DROP_HOST_FULL);
	}
	if (touched != NULL)
		waker_wake(&touched->waker);
	return n;
}

static bool workers_full(const struct hostio *h)
{
	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		if (!rte_ring_full(h->dp->workers[i]->rings.host_in))
			return false;
	}
	return true;
}

/* Reads what epoll shows, waiting for timeout_ms (-1: for ever) if it shows nothing. */
static unsigned int move_in(struct hostio *h, int timeout_ms)
{
	struct epoll_event evs[EVENTS_MAX];
	int n = epoll_wait(h->epoll, evs, EVENTS_MAX, timeout_ms);
	unsigned int total = 0;

	for (int i = 0; i < n; i++) {
		if (evs[i].data.ptr == NULL)
			waker_clear(&h->waker);
		else
			total += read_device(h, evs[i].data.ptr);
	}
	return total;
}

/* --- the thread ------------------------------------------------------------------------- */

unsigned int hostio_turn(struct hostio *h)
{
	unsigned int n = move_out(h);

	if (!workers_full(h))
		n += move_in(h, 0);
	stat_add(&h->stats.iterations, 1);
	rcu_quiescent(&h->dp->rcu, h->reader);
	return n;
}

static bool rings_empty(const struct hostio *h)
{
	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		if (!rte_ring_empty(h->dp->workers[i]->rings.host_out))
			return false;
	}
	return true;
}

/*
 * Waits for frames on either side. Offline meanwhile: the wait only tells that something is there,
 * the next turn looks up what.
 */
static void hostio_sleep(struct hostio *h)
{
	struct pollfd fds[2] = {
		{.fd = h->waker.fd, .events = POLLIN},
		{.fd = h->epoll, .events = POLLIN},
	};
	bool full = workers_full(h);

	rcu_offline(&h->dp->rcu, h->reader);
	waker_arm(&h->waker);
	if (rings_empty(h) && !atomic_load(&h->stop))
		poll(fds, full ? 1 : 2, full ? FULL_MS : -1);
	waker_disarm(&h->waker);
	if (fds[0].revents != 0)
		waker_clear(&h->waker);
	rcu_online(&h->dp->rcu, h->reader);
	stat_add(&h->stats.sleeps, 1);
}

static void *hostio_main(void *arg)
{
	struct hostio *h = arg;

	if (rte_thread_register() < 0)
		log_warn("host I/O: no free lcore id: packet buffers are not cached");
	rcu_online(&h->dp->rcu, h->reader);
	while (!atomic_load_explicit(&h->stop, memory_order_relaxed)) {
		if (hostio_turn(h) == 0)
			hostio_sleep(h);
	}
	rcu_offline(&h->dp->rcu, h->reader);
	rte_thread_unregister();
	return NULL;
}

int hostio_start(struct hostio *h)
{
	int ret;

	atomic_store(&h->stop, false);
	ret = pthread_create(&h->thread, NULL, hostio_main, h);
	if (ret != 0)
		return -ret;
	pthread_setname_np(h->thread, "ovpn-hostio");
	h->running = true;
	return 0;
}

void hostio_stop(struct hostio *h)
{
	if (!h->running)
		return;
	atomic_store(&h->stop, true);
	waker_wake(&h->waker);
	pthread_join(h->thread, NULL);
	h->running = false;
}

/* --- life ------------------------------------------------------------------------------- */

int hostio_init(
	struct hostio *h, struct dp *dp, unsigned int reader, uint16_t pool_room, int socket_id)
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
	h->pool = pool_new("host_in", POOL_MBUFS, POOL_CACHE, pool_room, socket_id);
	return h->pool == NULL ? -ENOMEM : 0;
}

void hostio_fini(struct hostio *h)
{
	rte_pktmbuf_free(h->spare);
	h->spare = NULL;
	rte_mempool_free(h->pool);
	if (h->epoll >= 0)
		close(h->epoll);
	waker_fini(&h->waker);
}

struct hostdev *hostdev_new(
	struct hostio *h, int fd, uint32_t iid, uint8_t port, const uint8_t mac[6])
{
	struct hostdev *d = malloc(sizeof(*d));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = d};

	if (d == NULL)
		return NULL;
	*d = (struct hostdev){.fd = fd, .iid = iid, .port = port};
	memcpy(d->mac, mac, sizeof(d->mac));
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
		epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

static void hostdev_free(void *arg)
{
	struct hostdev *d = arg;

	close(d->fd);
	free(d);
}

void hostdev_del(struct hostio *h, struct hostdev *d)
{
	if (d == NULL)
		return;
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, d->fd, NULL);
	rcu_defer(&h->dp->rcu, hostdev_free, d);
}
