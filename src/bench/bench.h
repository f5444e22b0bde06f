/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovpn-dpdk-bench: what the daemon's own worker code costs on this machine, without a wire.
 *
 *   phase A (not timed)   the source writes inner packets into distinct mbufs; for decap they are
 *                         encapsulated here, so that packet ids rise as on the wire
 *   phase B (timed)       burst after burst is handed to the worker by the ring its inputs come by
 *                         anyway; worker_iteration() does the rest; what comes out is taken back
 *
 * Between two phases the bare crypto device does the same work on the same mbufs: the ratio of the
 * two is what can be compared between machines and days.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "crypto/aead.h"

#define BENCH_BATCH	4096 /* distinct mbufs of a lane */
#define BENCH_SIZES_MAX 16
#define BENCH_PEERS_MAX 1000000
#define BENCH_SIZE_MAX	9000
#define BENCH_BURST_MAX 512
#define BENCH_WINDOW	192 /* one worker of crypto_scheduler holds 255 */
#define BENCH_PORTS_MAX 8
#define BENCH_LANES_MAX 128
#define BENCH_SIDE_NONE UINT32_MAX

enum bench_mode { BENCH_ENCAP, BENCH_DECAP, BENCH_LOOP, BENCH_CRYPTO };
enum bench_pattern { BENCH_RR, BENCH_RANDOM, BENCH_ZIPF };
/* Whose keys --key-installs replaces: of peers whose packets flow, or of others beside them. */
enum bench_rekey { BENCH_REKEY_LIVE, BENCH_REKEY_OTHERS };

#define BENCH_RATE_MAX 10000000
#define BENCH_RATE_ANY UINT32_MAX /* as fast as it goes */

/*
 * What two processes back to back agree on, from one file: side 0 ("a") encapsulates for side 1
 * ("b") and the other way round. Keys are derived from the seed, and protect nothing.
 */
struct bench_pair {
	uint64_t seed;
	uint32_t peers;
	enum aead_alg alg;
	struct udp_addr addr[2];
	uint8_t mac[2][6];
};

/* Lengths of inner packets: lo to hi bytes in turn; 0 and 0: imix. */
struct bench_size {
	uint16_t lo, hi;
};

struct bench_conf {
	enum bench_mode mode;
	enum bench_pattern pattern;
	uint32_t peers;
	unsigned int nb_sizes;
	struct bench_size sizes[BENCH_SIZES_MAX];
	enum aead_alg alg;
	const char *device; /* cryptodev or devargs; NULL: what suits the cipher */
	enum aead_mode crypto_mode;
	uint16_t burst;
	uint16_t window;		  /* packets inside an asynchronous device, at most */
	unsigned int lcores;		  /* workers */
	double seconds;			  /* for each size */
	uint64_t packets;		  /* for each size and lane, at least; 0: the time counts */
	double stats_period;		  /* 0: only the end */
	uint32_t key_installs, peer_adds; /* a second, while packets are forwarded; 0: none */
	enum bench_rekey rekey;
	bool rekey_said;	      /* by --rekey */
	uint8_t outer, inner;	      /* enum ip_family */
	bool json, interactive, bare; /* bare: measure the device beside */
	unsigned int nb_ports;	      /* 0: its own source and sink */
	const char *ports[BENCH_PORTS_MAX];
	const char *static_peers; /* file of pair; NULL: peers are their own far end */
	unsigned int side;	  /* of the pair: 0 or 1; without one BENCH_SIDE_NONE */
	struct bench_pair pair;
};

/* The program's options into *conf. 0: go on; 1: done, exit 0; -1: a usage error, told. */
int bench_options(int argc, char **argv, struct bench_conf *conf);
/* Reads a --static-peers file; -1: told what is wrong, by line. */
int bench_pair_read(const char *path, struct bench_pair *pair);
/* "64", "imix" or "20-9000". False: none of them, or not within what one packet can have. */
bool bench_size_read(const char *text, struct bench_size *size);
const char *bench_size_name(struct bench_size size, char out[16]);
const char *bench_mode_name(enum bench_mode mode);
const char *bench_pattern_name(enum bench_pattern pattern);

#endif
