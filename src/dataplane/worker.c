/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/worker.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>

#include "dataplane/decap.h"
#include "dataplane/encap.h"
#include "dataplane/state.h"

#define LULL_NS	     10000000 /* longest sleep in a lull */
#define DRAIN_US     10000    /* longest wait for the crypto queue in one iteration */
#define DRAIN_END_MS 1000     /* longest wait for it at the end */

/* --- the ways out ----------------------------------------------------------------------- */

void worker_flush_port(struct worker *w, uint8_t port)
{
	struct outbox *o = &w->port[port];
	uint16_t sent = port_tx(&w->dp->ports[port], (uint16_t)w->index, o->pkts, o->n);

	for (; sent < o->n; sent++)
		drop_of(w, o->peers[sent], o->pkts[sent], DROP_PORT_FULL);
	o->n = 0;
}

/* Moves an outbox into a ring; true if anything went. */
static bool flush_ring(
	struct worker *w, struct outbox *o, struct rte_ring *ring, enum drop_reason full)
{
	unsigned int sent;
	uint16_t n = o->n;

	if (n == 0)
		return false;
	sent = rte_ring_sp_enqueue_burst(ring, (void **)o->pkts, n, NULL);
	o->n = 0;
	for (unsigned int i = sent; i < n; i++)
		drop_of(w, o->peers[i], o->pkts[i], full);
	return sent > 0;
}

void worker_flush_host(struct worker *w)
{
	w->wake_host |= flush_ring(w, &w->host, w->rings.host_out, DROP_HOST_FULL);
}

static void flush_mirror(struct worker *w)
{
	w->wake_host |= flush_ring(w, &w->mirror, w->rings.mirror_out, DROP_MIRROR_FULL);
}

static void flush_exception(struct worker *w)
{
	w->wake_agent |= flush_ring(w, &w->exception, w->rings.exception, DROP_CONTROL_FULL);
}

void worker_send_mirror(struct worker *w, struct rte_mbuf *m)
{
	pkt_of(m)->iid = 0;
	stat_add(&w->stats.host_packets, 1);
	outbox_put(&w->mirror, m, NULL);
	if (w->mirror.n == BURST_MAX)
		flush_mirror(w);
}

void worker_send_exception(struct worker *w, struct rte_mbuf *m)
{
	outbox_put(&w->exception, m, NULL);
	if (w->exception.n == BURST_MAX)
		flush_exception(w);
}

/* Everything out, and the sleepers woken: at most one system call a consumer and iteration. */
static void flush(struct worker *w)
{
	for (unsigned int i = 0; i < w->dp->nb_ports; i++) {
		if (w->port[i].n > 0)
			worker_flush_port(w, (uint8_t)i);
	}
	worker_flush_host(w);
	flush_mirror(w);
	flush_exception(w);
	if (w->wake_host)
		waker_wake(&w->dp->hostio.waker);
	if (w->wake_agent)
		waker_wake(&w->dp->agent);
	w->wake_host = w->wake_agent = false;
}

/* --- one iteration ---------------------------------------------------------------------- */

/* Sorts it by direction; order within each is kept. */
unsigned int worker_finish_crypto(struct worker *w)
{
	struct aead_job *jobs[BURST_MAX];
	struct pkt *in[BURST_MAX], *out[BURST_MAX];
	unsigned int total = 0;
	uint16_t n;

	while ((n = aead_poll(w->aead, jobs, BURST_MAX)) > 0) {
		uint16_t nb_in = 0, nb_out = 0;

		stage_mark(w->stages, STAGE_CRYPTO);

		for (uint16_t i = 0; i < n; i++) {
			struct pkt *p = pkt_of_job(jobs[i]);

			if (p->dir == AEAD_DECRYPT)
				in[nb_in++] = p;
			else
				out[nb_out++] = p;
		}
		if (nb_in > 0)
			decap_finish(w, in, nb_in);
		if (nb_out > 0)
			encap_finish(w, out, nb_out);
		stage_mark(w->stages, STAGE_FINISH);
		total += n;
	}
	return total;
}

static unsigned int rx_ports(struct worker *w)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned int total = 0;

	for (unsigned int i = 0; i < w->nb_rx; i++) {
		uint16_t n = port_rx(w->rx[i].port, w->rx[i].queue, pkts, BURST_MAX);

		if (n == 0)
			continue;
		stage_mark(w->stages, STAGE_RX);
		stat_add(&w->stats.rx_packets, n);
		stat_add(&w->stats.rx_bursts, 1);
		decap_submit(w, w->rx[i].index, pkts, n);
		total += n + worker_finish_crypto(w); /* while the packets are in the cache */
	}
	return total;
}

static unsigned int rx_ring(struct worker *w, struct rte_ring *ring)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned int n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, BURST_MAX, NULL);

	if (n > 0) {
		stage_mark(w->stages, STAGE_RX);
		encap_submit(w, pkts, (uint16_t)n);
	}
	return n;
}

/*
 * Reports that this worker holds no pointer into the tables. Jobs in flight hold some, so when the
 * agent waits for us the crypto queue is emptied first; a device that does not finish in time
 * keeps us unquiescent, and its keys alive, until it does.
 */
static void report_quiescence(struct worker *w)
{
	if (aead_inflight(w->aead) > 0) {
		uint64_t until = w->now + rte_get_tsc_hz() / 1000000 * DRAIN_US;

		if (!rcu_wanted(&w->dp->rcu, w->index) || w->now < w->drain_again)
			return;
		while (aead_inflight(w->aead) > 0) {
			if (worker_finish_crypto(w) == 0 && rte_rdtsc() > until) {
				/* a stuck device must not stop the rest of our work */
				w->drain_again = until + 10 * (until - w->now);
				return;
			}
		}
		flush(w);
	}
	rcu_quiescent(&w->dp->rcu, w->index);
}

unsigned int worker_iteration(struct worker *w)
{
	unsigned int n;

	w->now = rte_rdtsc();
	if (w->stages != NULL)
		w->stages->last = w->now;
	early_turn(w);
	n = rx_ports(w);
	n += rx_ring(w, w->rings.host_in);
	n += rx_ring(w, w->rings.inject);
	n += worker_finish_crypto(w);
	frag_sweep(w);
	stage_mark(w->stages, STAGE_IDLE);
	flush(w);
	stage_mark(w->stages, STAGE_TX);
	report_quiescence(w);
	/* for hearing.c: who sees this turn counted sees what it counted; no instruction on x86 */
	atomic_thread_fence(memory_order_release);
	stat_add(&w->stats.iterations, 1);
	if (n > 0) {
		stat_add(&w->stats.busy_iterations, 1);
		stat_add(&w->stats.busy_cycles, rte_rdtsc() - w->now);
	}
	stage_mark(w->stages, STAGE_IDLE);
	return n;
}

/* --- the lcore -------------------------------------------------------------------------- */

/* What can wake this worker; false: one of its ports cannot. */
static bool wakers_of(const struct worker *w, struct pollfd *fds)
{
	fds[0] = (struct pollfd){.fd = w->waker.fd, .events = POLLIN};
	for (unsigned int i = 0; i < w->nb_rx; i++) {
		int fd = w->rx[i].port->rx_fd[w->rx[i].queue];

		if (fd < 0)
			return false;
		fds[1 + i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return true;
}

/* A lull: sleeps until a ring or a port wakes us; a port that cannot is looked at after a nap. */
static void sleep_until_woken(struct worker *w)
{
	struct pollfd fds[1 + WORKER_RX_MAX];
	bool ports_wake = wakers_of(w, fds);
	const struct timespec limit = {.tv_nsec = ports_wake ? LULL_NS : NAP_MAX_NS};

	waker_arm(&w->waker);
	if (rte_ring_empty(w->rings.host_in) && rte_ring_empty(w->rings.inject))
		ppoll(fds, ports_wake ? 1 + w->nb_rx : 1, &limit, NULL); /* EINTR is as good */
	waker_disarm(&w->waker);
	if (fds[0].revents != 0)
		waker_clear(&w->waker);
}

/* Nothing to do and nothing in flight. */
static void worker_sleep(struct worker *w)
{
	const struct timespec nap = {.tv_nsec = nap_next(&w->nap)};

	rcu_offline(&w->dp->rcu, w->index);
	if (nap.tv_nsec != 0)
		nanosleep(&nap, NULL);
	else
		sleep_until_woken(w);
	rcu_online(&w->dp->rcu, w->index);
	stat_add(&w->stats.sleeps, 1);
}

int worker_main(void *arg)
{
	struct worker *w = arg;

	prctl(PR_SET_TIMERSLACK, 1000); /* ns: the default would double the shortest nap */
	nap_init(&w->nap);
	rcu_online(&w->dp->rcu, w->index);
	while (!atomic_load_explicit(&w->dp->stop, memory_order_relaxed)) {
		unsigned int n = worker_iteration(w);

		nap_moved(&w->nap, n);
		if (n == 0 && !w->dp->idle_poll && aead_inflight(w->aead) == 0 && w->early.n == 0)
			worker_sleep(w);
	}
	rcu_offline(&w->dp->rcu, w->index);
	return 0;
}

int worker_init(struct worker *w, struct dp *dp, unsigned int index, unsigned int lcore)
{
	int ret;

	w->dp = dp;
	w->index = index;
	w->lcore = lcore;
	w->nb_peers = &dp->nb_peers;
	for (unsigned int alg = 0; alg < ARRAY_LEN(w->session_lines); alg++)
		w->session_lines[alg] = (uint8_t)aead_session_lines(dp->aead, alg);
	ret = waker_init(&w->waker);
	if (ret == 0)
		ret = rings_new(&w->rings, "ovpn", index, (int)rte_lcore_to_socket_id(lcore));
	if (ret == 0)
		ret = frag_init(&w->frag, (int)rte_lcore_to_socket_id(lcore));
	if (ret == 0)
		ret = aead_queue_new(dp->aead, index, &w->aead);
	return ret;
}

uint32_t worker_drain(struct worker *w)
{
	uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / MSEC_PER_SEC * DRAIN_END_MS;
	struct aead_job *jobs[BURST_MAX];

	if (w->aead == NULL)
		return 0;
	while (aead_inflight(w->aead) > 0 && rte_rdtsc() < until) {
		uint16_t n = aead_poll(w->aead, jobs, BURST_MAX);

		for (uint16_t i = 0; i < n; i++)
			rte_pktmbuf_free(pkt_mbuf(pkt_of_job(jobs[i])));
	}
	return aead_inflight(w->aead);
}

void worker_fini(struct worker *w)
{
	if (w->aead != NULL)
		aead_queue_free(w->aead);
	early_fini(&w->early);
	frag_fini(&w->frag);
	rings_free(&w->rings);
	waker_fini(&w->waker);
}
