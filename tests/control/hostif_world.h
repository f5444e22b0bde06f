/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What test_hostif.c stands on: private network namespaces, a data plane that records what it is
 * told, and the far end of a TAP. Everything kernel-side is real.
 */
#ifndef HOSTIF_WORLD_H
#define HOSTIF_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/hostif.h"
#include "dataplane/dp_view.h"

#define WORLD_PORTS	2
#define WORLD_INSTANCES 4
#define WORLD_ADDRESSES 32 /* of a port; more are refused */

/* The fake: dp.h's verbs write here. */
struct dp {
	struct dp_port_info port[WORLD_PORTS];
	int port_fd[WORLD_PORTS];
	struct ip_addr address[WORLD_PORTS][WORLD_ADDRESSES];
	unsigned int nb_addresses[WORLD_PORTS];
	struct {
		int fd;
		uint8_t mac[DP_MAC_LEN];
		struct dp_route *routes;
		unsigned int nb_routes;
		uint32_t mtu; /* 0: nobody has said */
		uint16_t mssfix;
		unsigned int pushes;
	} instance[WORLD_INSTANCES];
	int refuse; /* the error of the next verb that takes a descriptor */
};

/* The kernel is one that cannot keep neighbours confirmed by itself. */
enum world_kernel { KERNEL_MANAGES, KERNEL_REFUSES, KERNEL_IGNORES };
extern enum world_kernel world_kernel;

struct world {
	struct dp dp;
	struct hostif *h;
	int home;	  /* the namespace of the tests */
	int other;	  /* and another one */
	unsigned int fds; /* open before */
};

/* Once, before all: into a private namespace. */
void world_enter(void);
/* CMocka set-up and tear-down; the latter fails if a descriptor or a device is left. */
int world_setup(void **state);
int world_teardown(void **state);

/* Runs a shell command in a namespace, and fails the test if that fails. */
void run_in(int netns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Does a shell command succeed there? */
bool holds_in(int netns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void go_to(int netns);

/* Takes events until the kernel has been silent for a moment; true if any poll was. */
bool settle(struct world *w);
/* The same with at least one event within a few seconds. */
bool settle_after_event(struct world *w);
/* The same, but waits no longer than this for the first. */
bool settle_for(struct world *w, int ms);
/* Likewise; the longest of the polls, in ms of CPU time, so that a busy machine fails no test. */
uint64_t longest_turn(struct world *w);
/* So many ticks of hostif, as the agent has one each 100 ms; true if any poll was. */
bool ticks(struct world *w, unsigned int n);

/* A port's mirror TAP with two addresses. */
void mirror(struct world *w, unsigned int port, const char *v4, const char *v6);
/* The way to a remote, as hostif_remote_path() says it; local NULL: any. It is had until the end.
 */
int path_to(struct world *w, const char *remote, uint32_t scope, const char *local,
	struct dp_path *path);

struct ip_addr ip(const char *text);
bool has_address(const struct dp *dp, unsigned int port, const char *text);
/* The peer the last pushed set gives "192.168.7.0/24"; DP_NO_PEER: none. */
uint32_t peer_of(const struct dp *dp, uint32_t iid, const char *prefix);

/* The next frame towards dst ("10.8.0.2") that the kernel sends into a TAP; false: none came. */
bool frame_to(int fd, const char *dst, uint8_t frame[static 64]);
/* Sends a datagram from a namespace, with a firewall mark. */
void send_to(int netns, const char *dst, int mark);
/* Waits for the ARP request for an IPv4 address; false: nobody asked. */
bool asks_arp(int fd, const char *address);
/* And answers it. */
bool answer_arp(int fd, const char *address, const uint8_t mac[static 6]);
bool answer_arp_within(int fd, const char *address, const uint8_t mac[static 6], int ms);

struct hostif_device *device(struct world *w, uint32_t iid, int netns, const char *name);
/* Up, with 10.8.0.1/24 and fd00::1/64. */
void bring_up(int netns, const char *name);
void mac_of(uint32_t peer_id, uint8_t mac[DP_MAC_LEN]);
void add_peer(
	struct world *w, struct hostif_device *d, uint32_t id, const char *v4, const char *v6);
/* ovpn0 of instance 1 in the other namespace, up, with peers 2 and 3 at 10.8.0.2 and so on. */
struct hostif_device *device_with_peers(struct world *w);

/* Shrinks the buffers of all netlink sockets that hear events; how many events those lost. */
void shrink_event_buffers(void);
unsigned long lost_events(void);

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
