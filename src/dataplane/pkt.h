/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What we know about this packet so far: one cache line in the mbuf's private area, followed by the
 * AEAD job. Whoever takes a packet on fills the group it needs; nothing is cleared in between.
 */
#ifndef PKT_H
#define PKT_H

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "crypto/aead.h"
#include "dataplane/classify.h"
#include "dataplane/wire.h"

struct endpoint;
struct instance;
struct key;
struct peer;

enum pkt_kind {
	PKT_FRAME, /* host_in: a frame to send on a port as it is */
	PKT_INNER, /* host_in: a frame of an instance's device */
	PKT_PING,  /* inject: a keepalive for peer_id */
};

struct pkt {
	/* from decap_submit/encap_submit to the matching finish; valid until the next quiescence */
	struct peer *peer;
	struct key *key;
	union {
		uint64_t pktid;			 /* decap */
		const struct endpoint *endpoint; /* encap */
	};
	const struct instance *inst;

	/* across rings: ids, never pointers */
	uint32_t iid; /* of the instance, 0: none */
	union {
		uint32_t tid;	  /* decap: the transport */
		uint32_t peer_id; /* PING */
	};
	union {
		uint8_t kind;	   /* encap: enum pkt_kind */
		uint8_t tos_outer; /* decap; see tos.h */
	};
	uint8_t port; /* it came from, or goes to */

	union {
		uint8_t family;	   /* decap, of the outer frame: enum ip_family */
		uint8_t tos_inner; /* encap */
	};
	uint8_t dir; /* enum aead_dir of the job */

	/* decap: the outer frame */
	uint16_t payload; /* offset of the UDP payload in the frame */
	uint16_t len;	  /* of the UDP payload */

	struct aead_job job;
};

static_assert(WIRE_AAD_LEN == AEAD_AAD_LEN, "what the AEAD is made for");
static_assert(offsetof(struct pkt, job) == AEAD_JOB_OFFSET, "where aead expects it");
static_assert(offsetof(struct pkt, job.backend) == CACHE_LINE, "what we know fits one line");
static_assert(sizeof(struct pkt) % RTE_MBUF_PRIV_ALIGN == 0, "size of a private area");

static inline struct pkt *pkt_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static inline struct pkt *pkt_of_job(struct aead_job *j)
{
	return (struct pkt *)((char *)j - offsetof(struct pkt, job));
}

static inline struct rte_mbuf *pkt_mbuf(struct pkt *p)
{
	return (struct rte_mbuf *)p - 1;
}

/* How many packets ahead of the one that is worked on. */
#define PKT_AHEAD 8

/* Fetches what the first look at a packet needs, but its data. */
static inline void pkt_prefetch(const struct rte_mbuf *m)
{
	const char *p = (const char *)m;

	rte_prefetch0(p);
	rte_prefetch0(p + sizeof(*m));
}

/* Its data, once the mbuf itself is there. */
static inline void pkt_prefetch_data(const struct rte_mbuf *m)
{
	const char *data = rte_pktmbuf_mtod(m, const char *);

	rte_prefetch0(data);
	rte_prefetch0(data + CACHE_LINE);
}

/* The same after the AEAD, which has worked its way through the cache since; at: from the text. */
static inline void pkt_prefetch_again(struct pkt *p, int at)
{
	rte_prefetch0(pkt_mbuf(p));
	rte_prefetch0(p->job.text + at);
}

/*
 * Describes the AEAD job of a P_DATA_V2 packet at data with len bytes of text behind its header.
 * head: its first 8 bytes, which are the AAD; tail: the key's nonce tail; both in memory order. The
 * nonce is written apart: it is hot memory, and needed until the job is submitted only.
 */
static inline void pkt_describe_job(struct pkt *p, enum aead_dir dir, uint8_t *data, uint16_t len,
	uint64_t head, uint64_t tail, struct aead_nonce *nonce)
{
	struct aead_job *j = &p->job;
	/* one 16-byte store: narrower ones stall the load of the AEAD behind them */
	const uint64_t words[2] = {head >> 32 | tail << 32, tail >> 32};

	memcpy(nonce->b, words, sizeof(words));
	j->text = data + WIRE_DATA_HDR_LEN;
	j->tag_at = WIRE_TAG_OFFSET - WIRE_DATA_HDR_LEN;
	j->aad_at = -WIRE_DATA_HDR_LEN;
	j->len = len;
	p->dir = dir;
}

#endif
