/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drop reasons and counters. Each thread that moves packets owns one struct thread_stats and is its
 * only writer; the agent sums. A packet that ends anywhere but at its destination is counted under
 * exactly one reason.
 */
#ifndef STATS_H
#define STATS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base.h"

/*
 * name for operators and JSON; the sentence answers "why was this packet dropped".
 *
 * First, what ends before its peer is known, or has none.
 */
#define DROPS_WITHOUT_PEER(X)                                                                      \
	X(RUNT, "runt", "frame shorter than its headers")                                          \
	X(SEGMENTED, "segmented", "frame came in several segments and could not be made one")      \
	X(IP_CHECKSUM, "ip-checksum", "outer IPv4 header checksum is wrong")                       \
	X(BAD_LENGTH, "bad-length", "outer IP and UDP lengths contradict each other")              \
	X(FRAGMENT, "fragment", "outer fragment whose datagram never came together")               \
	X(EMPTY, "empty", "UDP datagram without payload")                                          \
	X(BAD_OPCODE, "bad-opcode", "first byte is no opcode that OpenVPN sends today")            \
	X(DATA_V1, "data-v1", "P_DATA_V1: never used with offload")                                \
	X(DATA_SHORT, "data-short", "P_DATA_V2 shorter than its header and tag")                   \
	X(HANDSHAKE_LIMIT, "handshake-limit", "more session openers than handshake-rate allows")   \
	X(SOURCE_LIMIT, "source-limit", "one network sent more handshakes than its share")         \
	X(SESSION_LIMIT, "session-limit", "one address and port sent more than a handshake needs") \
	X(STRANGER_LIMIT, "stranger-limit", "too many control packets of no session we know")      \
	X(CONTROL_FULL, "control-full", "exception ring full: the agent does not keep up")         \
	X(MIRROR_FULL, "mirror-full", "ring to the mirror TAPs full: the kernel does not keep up") \
	X(UNKNOWN_PEER, "unknown-peer", "P_DATA_V2 with a peer id that does not exist")            \
	X(BAD_OFFLOAD, "bad-offload", "frame from a device contradicts its offload header")        \
	X(INNER_NOT_IP, "inner-not-ip", "frame from a device is neither IPv4 nor IPv6")            \
	X(INNER_MULTICAST, "inner-multicast", "multicast or broadcast from a device")              \
	X(NO_ROUTE, "no-route", "packet from a device whose next hop is no peer")                  \
	X(STALE_PEER, "stale-peer", "packet from a device for a peer that is gone")                \
	X(TOO_BIG, "too-big", "packet too big for a datagram or for our buffers")                  \
	X(STALE_INSTANCE, "stale-instance", "packet for an instance or port that is gone")

/* What a peer's packet can end by: each peer has a count of its own of these, see peer_drops.h. */
#define DROPS_OF_PEER(X)                                                                           \
	X(UNKNOWN_KEY, "unknown-key", "P_DATA_V2 with a key id in neither key slot")               \
	X(KEY_REFUSED, "key-refused", "key failed to decrypt too often to be trusted")             \
	X(REPLAYED, "replayed", "packet id was received before")                                   \
	X(TOO_OLD, "too-old", "packet id lies before the replay window")                           \
	X(PKTID_ZERO, "packet-id-zero", "packet id 0 is never sent")                               \
	X(AUTH_FAILED, "auth-failed", "authentication tag is wrong: forged or damaged")            \
	X(CRYPTO_FULL, "crypto-full", "crypto device's queue is full")                             \
	X(CRYPTO_ERROR, "crypto-error", "crypto device reported an error")                         \
	X(INNER_MALFORMED, "inner-malformed", "decrypted bytes are no IPv4 or IPv6 packet")        \
	X(INNER_SOURCE, "inner-source", "inner source address does not belong to the peer")        \
	X(CONGESTION, "congestion", "marked as congested outside, and its sender knows no marks")  \
	X(OCC, "occ", "OpenVPN options message inside the data channel: not used with offload")    \
	X(NO_DEVICE, "no-device", "instance has no device to deliver to")                          \
	X(HOST_FULL, "host-full", "ring to the host I/O thread full: the kernel does not keep up") \
	X(HOST_WRITE, "host-write", "kernel refused the frame (device down or its queue full)")    \
	X(NO_KEY, "no-key", "peer has no key to encrypt with yet")                                 \
	X(NO_PATH, "no-path", "no route or neighbour to the peer's transport address")             \
	X(PKTID_EXHAUSTED, "packet-ids-exhausted", "key has used all its packet ids")              \
	X(PORT_FULL, "port-full", "port's transmit queue is full")                                 \
	X(NO_MBUF, "no-mbuf", "packet buffers used up")

#define DROP_REASONS(X) DROPS_WITHOUT_PEER(X) DROPS_OF_PEER(X)

enum drop_reason {
#define X(id, name, words) DROP_##id,
	DROP_REASONS(X)
#undef X
		NB_DROPS,
	DROP_OF_PEER = DROP_UNKNOWN_KEY, /* the first */
	NB_PEER_DROPS = NB_DROPS - DROP_OF_PEER,
};

const char *drop_name(enum drop_reason reason);
const char *drop_words(enum drop_reason reason);

struct thread_stats {
	alignas(CACHE_LINE) uint64_t iterations;
	uint64_t busy_iterations, sleeps, busy_cycles;
	uint64_t rx_packets, rx_bursts, decap_packets, encap_packets;
	uint64_t control_packets, host_packets, keepalives;
	uint64_t fragments_received, fragments_sent;
	uint64_t segments_lowered; /* TCP connections whose segment size was; both ways */
	uint64_t host_in_packets, host_in_reads, host_out_packets, host_out_writes;
	uint64_t drops[NB_DROPS];
};

/* One writer, torn reads impossible: a plain add that other threads may read at any time. */
static inline void stat_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t stat_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
