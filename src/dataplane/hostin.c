/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hostin.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "dataplane/inner.h"
#include "dataplane/state.h"

#define EVENTS_MAX 32
#define READ_BURST 128 /* packets from one TAP before the next has its turn, about */

/* --- to the workers --------------------------------------------------------------------- */

static struct worker *worker_for(
	struct hostio *h, const struct hostdev *d, const uint8_t *frame, size_t len)
{
	uint16_t generation;
	uint32_t id = d->port;

	if (d->iid != 0 && len >= MAC_LEN)
		inner_mac_read(frame, &generation, &id);
	return encap_worker(h->dp, d->iid, id);
}

static void wake_touched(struct hostio *h)
{
	if (h->touched != NULL)
		waker_wake(&h->touched->waker);
	h->touched = NULL;
}

static void give(struct hostio *h, struct worker *w, struct rte_mbuf *m, uint32_t iid, uint8_t port)
{
	pkt_of(m)->kind = iid == 0 ? PKT_FRAME : PKT_INNER;
	pkt_of(m)->iid = iid;
	pkt_of(m)->port = port;
	if (h->touched != w)
		wake_touched(h);
	h->touched = w;
	stat_add(&h->stats.host_in_packets, 1);
	if (rte_ring_sp_enqueue(w->rings.host_in, m) != 0) {
		stat_add(&h->stats.drops[DROP_HOST_FULL], 1);
		rte_pktmbuf_free(m);
	}
}

/* --- super-frames ----------------------------------------------------------------------- */

static bool cutting(const struct hostio *h)
{
	return h->cut.next < h->cut.super.n;
}

static void cut_end(struct hostio *h, enum drop_reason why)
{
	stat_add(&h->stats.drops[why], h->cut.super.n - h->cut.next);
	h->cut.next = h->cut.super.n;
}

/*
 * Cuts as much of the super-frame as its worker has room for; the rest stays, and no device is read
 * before it is done, so that the kernel's own queues fill up and tell the senders.
 */
static unsigned int cut_on(struct hostio *h)
{
	struct cutting *c = &h->cut;
	unsigned int n = 0;

	while (cutting(h) && !rte_ring_full(c->worker->rings.host_in)) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(h->pool);

		if (m == NULL) {
			cut_end(h, DROP_NO_MBUF);
			break;
		}
		m->data_len = (uint16_t)super_cut_segment(
			&c->super, c->next++, rte_pktmbuf_mtod(m, uint8_t *));
		m->pkt_len = m->data_len;
		give(h, c->worker, m, c->iid, c->port);
		n++;
	}
	return n;
}

/* The buffer holds the first bytes of the frame: they join the others in the scratch. */
static void cut_begin(
	struct hostio *h, const struct hostdev *d, const struct super_vnet *v, size_t len)
{
	uint16_t room = rte_pktmbuf_tailroom(h->spare);
	const uint8_t *frame = h->scratch;

	memcpy(h->scratch, rte_pktmbuf_mtod(h->spare, void *), RTE_MIN(len, (size_t)room));
	if (!super_cut_begin(&h->cut.super, v, frame, len)) {
		h->cut.super.n = h->cut.next = 0;
		stat_add(&h->stats.drops[DROP_BAD_OFFLOAD], 1);
		return;
	}
	h->cut.next = 0;
	h->cut.worker = worker_for(h, d, frame, len);
	h->cut.iid = d->iid;
	h->cut.port = d->port;
	if (super_cut_room(&h->cut.super) >= room)
		cut_end(h, DROP_TOO_BIG);
}

/* --- from the kernel -------------------------------------------------------------------- */

/*
 * One frame: its first bytes into the spare buffer, the rest, if any, into the scratch behind the
 * place for the first. Returns its length; 0: nothing there.
 */
static size_t read_device(struct hostio *h, const struct hostdev *d, struct super_vnet *v)
{
	uint16_t room = rte_pktmbuf_tailroom(h->spare);
	struct iovec iov[3] = {
		{v, SUPER_VNET_LEN},
		{rte_pktmbuf_mtod(h->spare, void *), room},
		{h->scratch + room, SUPER_LEN_MAX},
	};
	size_t before = d->vnet ? SUPER_VNET_LEN : 0;
	ssize_t n;

	*v = (struct super_vnet){0};
	do
		n = readv(d->fd, d->vnet ? iov : iov + 1, d->vnet ? 3 : 2);
	while (n < 0 && errno == EINTR);
	if (n <= (ssize_t)before)
		return 0;
	stat_add(&h->stats.host_in_reads, 1);
	return (size_t)n - before;
}

/* An ordinary frame: it lies in the spare buffer. */
static void take_frame(
	struct hostio *h, const struct hostdev *d, const struct super_vnet *v, size_t len)
{
	struct rte_mbuf *m = h->spare;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (len >= rte_pktmbuf_tailroom(m)) {
		stat_add(&h->stats.drops[DROP_TOO_BIG], 1);
		return;
	}
	if (!super_complete(v, frame, len)) {
		stat_add(&h->stats.drops[DROP_BAD_OFFLOAD], 1);
		return;
	}
	h->spare = NULL;
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	give(h, worker_for(h, d, frame, len), m, d->iid, d->port);
}

/* Packets moved by one read; 0: there was nothing, or no buffer for it. */
static unsigned int take(struct hostio *h, const struct hostdev *d)
{
	struct super_vnet v;
	size_t len;

	if (h->spare == NULL)
		h->spare = rte_pktmbuf_alloc(h->pool);
	if (h->spare == NULL) {
		/* what is not read waits in the kernel: the shortage counts, once, not the turns */
		stat_add(&h->stats.drops[DROP_NO_MBUF], !h->starved);
		h->starved = true;
		return 0;
	}
	h->starved = false;
	len = read_device(h, d, &v);
	if (len == 0)
		return 0;
	if (!super_is(&v)) {
		take_frame(h, d, &v, len);
		return 1;
	}
	cut_begin(h, d, &v, len);
	return RTE_MAX(cut_on(h), 1u);
}

/* Reads while the workers have room: what waits longer waits in the kernel, which knows how. */
static unsigned int take_all(struct hostio *h, const struct hostdev *d)
{
	unsigned int total = 0;

	while (total < READ_BURST && !cutting(h) &&
		(h->touched == NULL || !rte_ring_full(h->touched->rings.host_in))) {
		unsigned int n = take(h, d);

		if (n == 0)
			break;
		total += n;
	}
	wake_touched(h);
	return total;
}

bool hostin_stalled(const struct hostio *h)
{
	if (cutting(h))
		return rte_ring_full(h->cut.worker->rings.host_in);
	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		if (!rte_ring_full(h->dp->workers[i]->rings.host_in))
			return false;
	}
	return true;
}

unsigned int hostin_turn(struct hostio *h)
{
	struct epoll_event evs[EVENTS_MAX];
	unsigned int total = cut_on(h);
	int n;

	wake_touched(h);
	if (cutting(h) || hostin_stalled(h))
		return total;
	n = epoll_wait(h->epoll, evs, EVENTS_MAX, 0);
	for (int i = 0; i < n && !cutting(h); i++) {
		const struct hostdev *d = evs[i].data.ptr;
		unsigned int taken = take_all(h, d);

		/* somebody removed the device: it would be ready for ever */
		if (taken == 0 && (evs[i].events & (EPOLLERR | EPOLLHUP)) != 0)
			epoll_ctl(h->epoll, EPOLL_CTL_DEL, d->fd, NULL);
		total += taken;
	}
	return total;
}
