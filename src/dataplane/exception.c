/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/exception.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <rte_errno.h>
#include <rte_ring_elem.h>

int waker_init(struct waker *k)
{
	atomic_init(&k->sleeping, false);
	k->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return k->fd < 0 ? -errno : 0;
}

void waker_fini(struct waker *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

static struct rte_ring *mbuf_ring(
	const char *prefix, const char *what, unsigned int worker, unsigned int size, int socket_id)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%s%u", prefix, what, worker);
	return rte_ring_create(name, size, socket_id, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int rings_new(struct rings *r, const char *prefix, unsigned int worker, int socket_id)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_event%u", prefix, worker);
	r->event = rte_ring_create_elem(name, RTE_ALIGN_CEIL(sizeof(struct event), 4),
		EVENT_RING_SIZE, socket_id, RING_F_SP_ENQ | RING_F_SC_DEQ);
	r->exception = mbuf_ring(prefix, "exc", worker, EXCEPTION_RING_SIZE, socket_id);
	r->inject = mbuf_ring(prefix, "inj", worker, INJECT_RING_SIZE, socket_id);
	r->host_out = mbuf_ring(prefix, "hout", worker, HOST_RING_SIZE, socket_id);
	r->mirror_out = mbuf_ring(prefix, "mout", worker, MIRROR_RING_SIZE, socket_id);
	r->host_in = mbuf_ring(prefix, "hin", worker, HOST_RING_SIZE, socket_id);
	if (r->event == NULL || r->exception == NULL || r->inject == NULL || r->host_out == NULL ||
		r->mirror_out == NULL || r->host_in == NULL) {
		rings_free(r);
		return -ENOMEM;
	}
	return 0;
}

static void drain(struct rte_ring *ring)
{
	void *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void rings_free(struct rings *r)
{
	drain(r->exception);
	drain(r->inject);
	drain(r->host_out);
	drain(r->mirror_out);
	drain(r->host_in);
	rte_ring_free(r->event);
	*r = (struct rings){0};
}
