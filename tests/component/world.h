/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole data plane without dp_start(): ports are net_ring, devices and mirrors are socket pairs,
 * crypto is real. Tests turn worker and host I/O by hand, so that nothing happens at once.
 *
 *   in[i] --> port i --> worker --> host I/O --> device (our end of the socket pair)
 *   out[i] <-- port i <-- worker <-- host I/O <-- device
 *
 * One process has one EAL and one set of crypto devices (world_suite()); every test has its own
 * struct dp, and at its end every mbuf and session must be back (world_free()).
 */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/inner.h"
#include "dataplane/state.h"
#include "frames.h"
#include "reference.h"

#define WORLD_PORTS_MAX 12
#define WORLD_HOPS	200 /* turns after which world_settle() has settled, or never will */

struct world_conf {
	unsigned int nb_ports, nb_workers;
	unsigned int out_size; /* of the ring behind a port's transmit queue */
	uint32_t max_peers, handshake_rate, mbufs, replay_window;
	uint16_t mtu, mssfix;
	uint8_t tos_clear;
	bool idle_poll;
	const char *devargs; /* of port 0, instead of rings */
};

struct world {
	struct dp *dp;
	struct worker *w; /* the first */
	unsigned int nb_ports;
	bool rings;
	struct rte_ring *in[WORLD_PORTS_MAX], *out[WORLD_PORTS_MAX];
	int mirror[WORLD_PORTS_MAX];   /* our ends */
	uint64_t drops[NB_DROPS];      /* accounted for by world_drops() */
	uint64_t peer_drops[NB_DROPS]; /* the same, of all peers together */
};

/* An instance with a device and one transport on a port. */
struct site {
	struct world *world;
	unsigned int port;
	uint32_t iid, tid;
	int device; /* our end */
	uint8_t mac[MAC_LEN];
	struct udp_addr local;
};

/* --- the process ------------------------------------------------------------------------ */

/*
 * main() of a test program: crypto by argv[1], "cpu" (default), "queue" or "scheduler". Starts EAL
 * and crypto; 0 or an exit code.
 */
int world_begin(int argc, char **argv);
void world_end(void);
/* Is crypto asynchronous, so that jobs may be in flight between two turns? */
bool world_async(void);
/* All threads on one CPU and this one first, so that an asynchronous device hardly works. */
void world_one_cpu(bool one);
/*
 * With "scheduler": its lcores stand still, wherever they are, as a device does that has died; and
 * go on. Returns when they do. world_settle() would wait for ever meanwhile.
 */
void world_hold_crypto(bool hold);

/* --- one data plane --------------------------------------------------------------------- */

struct world *world_new(const struct world_conf *conf); /* NULL: two ports, one worker */
/* Settles, asserts that nothing has leaked, and ends it. */
void world_free(struct world *wd);
/* Ends it as it stands, whatever is under way. */
void world_end_now(struct world *wd);
/* For cmocka: setup and teardown with the default world in *state. */
int world_setup(void **state);
int world_teardown(void **state);

/* Turns workers and host I/O until nothing moves and no job is in flight. */
void world_settle(struct world *wd);
/* Lets grace periods pass and the deferred be freed. */
void world_reclaim(struct world *wd);

/* A frame arrives at a port; not yet turned. False: the ring is full. */
bool world_arrive(struct world *wd, unsigned int port, const void *frame, size_t len);
/* The next frame that a port has sent; 0: none. */
size_t world_sent(struct world *wd, unsigned int port, uint8_t *frame);
/* Moves what `from` has sent to `to`. Returns how many. */
unsigned int world_carry(struct world *wd, unsigned int from, unsigned int to);

/* The next frame at our end of a device or mirror; 0: none. */
size_t world_read(int fd, uint8_t *frame);
void world_write(int fd, const void *frame, size_t len);

/*
 * Since the last call exactly n packets were dropped, all of them for this reason; of those that a
 * peer's packets end by, the peers' own counts know all (unless a peer was forgotten meanwhile).
 */
void world_drops(struct world *wd, enum drop_reason reason, uint64_t n);
void world_no_drops(struct world *wd);
/* Likewise, when n of them were nobody's: frames of the kernel, fragments. */
void world_drops_of_none(struct world *wd, enum drop_reason reason, uint64_t n, uint64_t nobody);

/* --- instances and peers ---------------------------------------------------------------- */

/* A multi-peer instance that listens on text:port at a port of the world. */
void site_new(struct site *s, struct world *wd, unsigned int port, enum dp_mode mode,
	const char *address, uint16_t udp_port);
/* Its device's own frame header in front of an inner packet, as the kernel would send it. */
size_t site_frame(uint8_t *out, const uint8_t dst_mac[MAC_LEN], const uint8_t *inner, size_t len);

/* A peer with a path, and a primary key if m is given. vpn4, vpn6 may be NULL. */
void site_peer(struct site *s, uint32_t id, struct udp_addr remote, const char *vpn4,
	const char *vpn6, const struct key_material *m);
void site_path(struct site *s, uint32_t id, uint16_t mtu);
void site_peer_mac(struct site *s, uint32_t id, uint8_t mac[MAC_LEN]);
/* Outer flows from and to a remote, with the MACs that site_path() and the port have. */
struct flow site_flow_in(const struct site *s, struct udp_addr remote);
struct flow site_flow_out(const struct site *s, struct udp_addr remote);

/* A data packet from the far end (m as the peer was given it) arrives; not yet turned. */
void site_data(struct site *s, struct udp_addr remote, const struct key_material *m, uint32_t id,
	uint32_t pktid, const void *text, size_t len);
/* Any UDP payload. */
void site_payload(struct site *s, struct udp_addr remote, const void *payload, size_t len);

#endif
