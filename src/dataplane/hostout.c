/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hostout.h"

#include <errno.h>
#include <sys/uio.h>

#include <rte_cycles.h>

#include "dataplane/inner.h"
#include "dataplane/state.h"
#include "log.h"

/* Frames for one device, on their way into as few writes as possible. */
struct burst {
	struct rte_mbuf **pkts;
	unsigned int n; /* joins */
	struct super_join join[BURST_MAX];
	uint16_t hdr_len[BURST_MAX]; /* of each frame */
	uint8_t first[BURST_MAX];    /* frame of each join */
	uint8_t last[BURST_MAX];
	uint8_t next[BURST_MAX]; /* frame behind each frame */
};

static struct hostdev *target(struct hostio *h, const struct pkt *p)
{
	const struct instance *inst;

	if (p->iid == 0)
		return atomic_load_explicit(&h->dp->mirrors[p->port], memory_order_acquire);
	inst = instance_find(h->dp, p->iid);
	return inst == NULL ? NULL : atomic_load_explicit(&inst->device, memory_order_acquire);
}

static bool write_all(struct hostio *h, const struct hostdev *d, struct iovec *iov, int n)
{
	ssize_t written;

	do
		written = writev(d->fd, iov, n);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return false;
	stat_add(&h->stats.host_out_writes, 1);
	return true;
}

/* A frame for a device bears its peer's MAC as source; the peer may be gone by now. */
static struct peer *sender(struct hostio *h, const struct hostdev *d, const struct rte_mbuf *m)
{
	struct instance *inst = d->iid == 0 ? NULL : instance_find(h->dp, d->iid);
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t generation;
	struct peer *peer;
	uint32_t id;

	if (inst == NULL || !inner_mac_read(frame + MAC_LEN, &generation, &id))
		return NULL;
	peer = peertab_find(&inst->peers, id);
	return peer != NULL && peer->generation == generation ? peer : NULL;
}

static void count_refused(struct hostio *h, const struct hostdev *d, const struct rte_mbuf *m)
{
	const struct drop_facts f = {.now = rte_rdtsc()};
	struct peer *peer = sender(h, d, m);

	if (peer != NULL)
		peer_drops_add(&peer->drops, DROP_HOST_WRITE, &f);
	stat_add(&h->stats.drops[DROP_HOST_WRITE], 1);
}

static void write_alone(struct hostio *h, const struct hostdev *d, struct rte_mbuf *m)
{
	struct super_vnet vnet = {0};
	struct iovec iov[2] = {
		{&vnet, sizeof(vnet)},
		{rte_pktmbuf_mtod(m, void *), m->data_len},
	};

	if (write_all(h, d, d->vnet ? iov : iov + 1, d->vnet ? 2 : 1))
		stat_add(&h->stats.host_out_packets, 1);
	else
		count_refused(h, d, m);
}

/* The frames of join i as one. False: the kernel does not take it. */
static bool write_joined(
	struct hostio *h, const struct hostdev *d, const struct burst *b, unsigned int i)
{
	const struct super_join *j = &b->join[i];
	struct iovec iov[1 + SUPER_FRAMES_MAX];
	struct super_head head;
	unsigned int at = b->first[i];

	iov[0] = (struct iovec){&head, super_join_head(j, &head)};
	for (int k = 1; k <= j->n; k++, at = b->next[at]) {
		struct rte_mbuf *m = b->pkts[at];

		iov[k].iov_base = rte_pktmbuf_mtod_offset(m, void *, j->f.hdr_len);
		iov[k].iov_len = m->data_len - b->hdr_len[at];
	}
	if (!write_all(h, d, iov, 1 + j->n))
		return false;
	stat_add(&h->stats.host_out_packets, j->n);
	return true;
}

/* Whatever else may be wrong with the device, the frames' own writes tell. */
static void refused(struct hostdev *d, enum super_kind kind)
{
	if (errno != EINVAL)
		return;
	d->joins[kind] = false;
	log_warn("host I/O: the kernel refuses joined %s packets on the device of instance %u: it "
		 "gets them one by one",
		kind == SUPER_TCP4 || kind == SUPER_TCP6 ? "TCP" : "UDP", d->iid);
}

static void write_join(struct hostio *h, struct hostdev *d, const struct burst *b, unsigned int i)
{
	const struct super_join *j = &b->join[i];
	unsigned int at = b->first[i];

	if (j->n > 1) {
		if (write_joined(h, d, b, i))
			return;
		refused(d, j->f.kind);
	}
	for (unsigned int k = 0; k < j->n; k++, at = b->next[at])
		write_alone(h, d, b->pkts[at]);
}

/*
 * Puts frame k behind those of its flow, or begins a new join. Joins leave in the order in which
 * they began, so only the latest of a flow may grow; a frame of which the flow is not known may be
 * of any, and ends them all.
 */
static void add(struct burst *b, const struct hostdev *d, uint8_t k)
{
	const uint8_t *frame = rte_pktmbuf_mtod(b->pkts[k], const uint8_t *);
	struct super_frame f;

	super_look(&f, frame, b->pkts[k]->data_len);
	if (!d->joins[f.kind])
		f.kind = SUPER_NONE;
	b->hdr_len[k] = f.hdr_len;
	for (unsigned int i = b->n; i-- > 0;) {
		struct super_join *j = &b->join[i];

		if (f.flow != 0 && f.flow != j->f.flow)
			continue;
		if (super_join_add(j, frame, &f)) {
			b->next[b->last[i]] = k;
			b->last[i] = k;
			return;
		}
		j->closed = true;
		if (f.flow != 0)
			break;
	}
	super_join_begin(&b->join[b->n], frame, &f);
	b->first[b->n] = b->last[b->n] = k;
	b->n++;
}

/* n frames for one device. */
static void write_device(struct hostio *h, struct hostdev *d, struct rte_mbuf **pkts, uint8_t n)
{
	struct burst b;

	if (d == NULL) {
		stat_add(&h->stats.drops[DROP_STALE_INSTANCE], n);
		return;
	}
	if (!d->vnet) {
		for (unsigned int k = 0; k < n; k++)
			write_alone(h, d, pkts[k]);
		return;
	}
	b.pkts = pkts;
	b.n = 0;
	for (uint8_t k = 0; k < n; k++)
		add(&b, d, k);
	for (unsigned int i = 0; i < b.n; i++)
		write_join(h, d, &b, i);
}

/* Takes those out that go where the first goes, into same; order is kept. Returns how many. */
static uint8_t take_same(struct rte_mbuf **pkts, unsigned int *n, struct rte_mbuf **same)
{
	const struct pkt *first = pkt_of(pkts[0]);
	unsigned int left = 0;
	uint8_t taken = 0;

	for (unsigned int i = 0; i < *n; i++) {
		const struct pkt *p = pkt_of(pkts[i]);

		if (p->iid == first->iid && (p->iid != 0 || p->port == first->port))
			same[taken++] = pkts[i];
		else
			pkts[left++] = pkts[i];
	}
	*n = left;
	return taken;
}

static void write_burst(struct hostio *h, struct rte_mbuf **pkts, unsigned int n)
{
	struct rte_mbuf *same[BURST_MAX];

	while (n > 0) {
		uint8_t taken = take_same(pkts, &n, same);

		write_device(h, target(h, pkt_of(same[0])), same, taken);
		rte_pktmbuf_free_bulk(same, taken);
	}
}

static unsigned int write_from(struct hostio *h, struct rte_ring *ring, unsigned int most)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned int n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, most, NULL);

	write_burst(h, pkts, n);
	return n;
}

unsigned int hostout_turn(struct hostio *h)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < h->dp->nb_workers; i++) {
		const struct rings *r = &h->dp->workers[i]->rings;
		unsigned int n = write_from(h, r->host_out, BURST_MAX);

		n += write_from(h, r->mirror_out, RTE_MAX(BURST_MAX - n, MIRROR_LEAST));
		total += n;
	}
	return total;
}
