/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real agent over the real kernel side, in a network namespace of its own, with fake_dp as the
 * data plane; and the shim's end of the protocol, as a test wants it.
 */
#ifndef AGENT_RIG_H
#define AGENT_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/agent.h"
#include "control/dco_v2.h"
#include "control/hostif.h"
#include "control/nl.h"
#include "fake_dp.h"
#include "ovpn-dpdk/shim_proto.h"

#define RIG_ADDR4 "192.0.2.1"

struct rig {
	struct dp *dp;
	struct hostif *h;
	struct agent *agent;
	pthread_t thread;
	char dir[32];
	char dco[64], ctl[64];
	unsigned int fds;		 /* open before */
	const struct dco_family *family; /* that shims speak from now on; NULL: ovpn-dco-v2 */
};

/* Once, before all: a network namespace of our own. */
void rig_enter(void);
/* CMocka set-up and tear-down; the latter fails if anything is left over. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* The daemon ends as after SIGTERM, and another takes its place. */
void rig_stop(struct rig *rig);
void rig_start(struct rig *rig);
struct agent_conf rig_conf(const struct rig *rig);
/* The agent's thread stands still, wherever it is; and goes on. What comes meanwhile waits. */
void rig_hold(const struct rig *rig);
void rig_release(void);
unsigned int open_fds(void);
/* Waits up to half a minute for a condition that the agent's thread brings about. */
#define EVENTUALLY(condition)                                                                      \
	do {                                                                                       \
		bool met_ = (condition);                                                           \
		for (unsigned int i_ = 0; i_ < 15000 && !met_; i_++) {                             \
			usleep(2000);                                                              \
			met_ = (condition);                                                        \
		}                                                                                  \
		assert_true(met_);                                                                 \
	} while (0)

/* --- the shim's end --------------------------------------------------------------------- */

struct shim {
	const struct dco_family *family;
	int conn;
	uint32_t seq, last_id;
	uint32_t genl_id;
	int genl; /* our end of the socketpair */
	uint32_t ifindex;
	uint32_t iid;
	uint8_t body[SHIM_RECORD_MAX]; /* of the last record */
	uint32_t body_len;
	uint16_t flags;
};

/* Connects and says HELLO, which must be taken. */
void shim_attach(struct shim *s, const struct rig *rig);
int shim_connect(const struct rig *rig);
void shim_detach(struct shim *s);
/* Sends a record; fd is passed if it is not -1. */
void shim_send(
	struct shim *s, enum shim_type type, uint32_t id, const void *body, size_t len, int fd);
/* Reads one record of the answer; the error in it. */
int shim_answer(struct shim *s);
/* The same with the descriptor that came along, or -1. */
int shim_answer_fd(struct shim *s, int *fd);
int shim_call(
	struct shim *s, enum shim_type type, uint32_t id, const void *body, size_t len, int fd);
/* Opens a socket with a number in openvpn: our end; its id in s->last_id. sndbuf 0: the default. */
int shim_open_socket(struct shim *s, enum shim_kind kind, int family, int number, int sndbuf);
int shim_bind(struct shim *s, uint32_t id, const char *ip, uint16_t port);
int shim_link(struct shim *s, const char *name, enum dp_mode mode);
/* Attaches, and opens the genl socket, with number 4; sndbuf as above. */
void shim_attach_genl(struct shim *s, const struct rig *rig, int sndbuf);
/* Joins the group of notifications with the genl socket. 0 or -errno. */
int shim_join(struct shim *s);
/* A server as openvpn makes it: genl socket, device, group, UDP 1194 with number 5; its end. */
int shim_server(struct shim *s, const struct rig *rig, const char *device, int genl_sndbuf);

/* --- netlink requests --------------------------------------------------------------------- */

/* Sends a recorded request for our device, with these bytes of peer id; the error of its ack. */
int shim_request(struct shim *s, const void *capture, size_t len, uint32_t peer_id);
void shim_send_request(struct shim *s, const void *capture, size_t len, uint32_t peer_id);
/* NEW_PEER with this id from that address by socket number 5. */
int shim_new_peer(struct shim *s, uint32_t id, const char *remote, uint16_t port);
/* By another one. */
int shim_new_peer_by(
	struct shim *s, uint32_t id, const char *remote, uint16_t port, uint32_t number);
/* The next notification: its peer id and reason; false: none waits. */
bool shim_notification(struct shim *s, uint32_t *peer_id, uint8_t *reason);

#endif
