/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crypto device without us: enqueue and dequeue of the same AEAD over given mbufs, as
 * dpdk-test-crypto-perf does it. What it costs is what our own share is measured against.
 */
#ifndef AEAD_BARE_H
#define AEAD_BARE_H

#include <rte_mbuf.h>

#include "crypto/aead.h"

struct aead_bare;

/* One batch: text of packet i is at off, len[i] bytes, with its tag behind it. */
struct aead_bare_batch {
	struct rte_mbuf *const *pkts;
	/*
	 * Each packet in the buffer that came back last, as out of a mempool's cache, where
	 * dpdk-test-crypto-perf takes its own: hardly more buffers than are inside the device, all
	 * in the nearest cache; nor does it write nonces. These are the first of pkts. False: each
	 * in its own, with its own nonce.
	 */
	bool reuse;
	const uint16_t *len;
	const uint32_t *session; /* index of packet i's session */
	uint16_t n, off, burst;
	uint16_t window; /* operations inside an asynchronous device, at most */
};

/*
 * Sessions of both directions on the first device, on queue pair i (whose worker does not use it
 * meanwhile). Main thread. -ENOTSUP, -ENOMEM; -EBUSY: several queues of a device that serves one
 * thread at a time, of which nobody takes care here.
 */
int aead_bare_new(struct aead *a, unsigned int i, enum aead_alg alg, uint32_t nb_sessions,
	struct aead_bare **out);
/* False: the device still holds operations, so nothing was freed. */
bool aead_bare_free(struct aead *a, struct aead_bare *b);

/* TSC cycles it took; 0: an operation failed, or none ended for some seconds. One thread. */
uint64_t aead_bare_run(struct aead_bare *b, enum aead_dir dir, const struct aead_bare_batch *batch);

#endif
