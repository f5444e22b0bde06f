/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "control/client.h"
#include "control/ctl_clear.h"
#include "control/ctlconn.h"
#include "control/gate.h"
#include "control/hostif.h"
#include "control/iface.h"
#include "control/watch.h"
#include "log.h"

#define TICK_MS	     100
#define SECOND_TICKS 10 /* ways to peers that have none are asked for, changes are told */
#define CTLCONNS_MAX 16
#define ACCEPT_BURST 8
#define EVENT_BURST  256
#define FLOAT_BURST  32 /* of these: each may ask the kernel for a route */

struct agent {
	struct dp *dp;
	struct hostif *h;
	struct aead *aead;
	struct loop *loop;
	struct client_env env;
	struct control_counts counts;
	struct watch watch;
	struct gate dco, ctl;
	struct source stop, timer, events, kernel;
	uint64_t ticks;
	bool stopping;
	unsigned int nb_clients;
	struct client *clients[DP_MAX_INSTANCES];
	unsigned int nb_ctlconns;
	struct ctlconn *ctlconns[CTLCONNS_MAX];
	struct log_limit crowded;
	struct ctl_zero zero;
};

/* --- coming and going ------------------------------------------------------------------- */

/* Out of descriptors, say: the connection stays in the queue, and the loop must not spin on it. */
static void rest(struct agent *a, struct source *gate, int err)
{
	if (err == -EAGAIN)
		return;
	log_err("cannot accept a connection: %s", strerror(-err));
	loop_want(a->loop, gate, 0);
}

static void dco_ready(struct source *src, uint32_t events)
{
	struct agent *a = source_owner(src, struct agent, dco.src);

	(void)events;
	for (unsigned int i = 0; i < ACCEPT_BURST; i++) {
		int fd = gate_accept(&a->dco);

		if (fd == -EPERM)
			continue;
		if (fd < 0) {
			rest(a, src, fd);
			return;
		}
		if (a->nb_clients == ARRAY_LEN(a->clients)) {
			if (log_limit_pass(&a->crowded))
				log_warn("too many openvpn processes: one refused");
			close(fd);
		} else if (client_new(&a->env, fd, &a->clients[a->nb_clients]) == 0) {
			a->nb_clients++;
		}
	}
}

static void ctl_ready(struct source *src, uint32_t events)
{
	struct agent *a = source_owner(src, struct agent, ctl.src);

	(void)events;
	for (unsigned int i = 0; i < ACCEPT_BURST; i++) {
		int fd = gate_accept(&a->ctl);

		if (fd == -EPERM)
			continue;
		if (fd < 0) {
			rest(a, src, fd);
			return;
		}
		if (a->nb_ctlconns == ARRAY_LEN(a->ctlconns))
			close(fd);
		else if (ctlconn_new(a, a->loop, fd, &a->ctlconns[a->nb_ctlconns]) == 0)
			a->nb_ctlconns++;
	}
}

static void reap(struct agent *a)
{
	uint64_t now = loop_now_ms();

	for (unsigned int i = 0; i < a->nb_clients;) {
		if (client_ended(a->clients[i], now)) {
			client_free(a->clients[i]);
			a->clients[i] = a->clients[--a->nb_clients];
		} else {
			i++;
		}
	}
	for (unsigned int i = 0; i < a->nb_ctlconns;) {
		if (ctlconn_ended(a->ctlconns[i], now)) {
			ctlconn_free(a->ctlconns[i]);
			a->ctlconns[i] = a->ctlconns[--a->nb_ctlconns];
		} else {
			i++;
		}
	}
}

/* --- sources ---------------------------------------------------------------------------- */

static void stop_ready(struct source *src, uint32_t events)
{
	struct agent *a = source_owner(src, struct agent, stop);

	(void)events;
	a->stopping = true;
}

static void refresh(struct agent *a, bool all)
{
	for (unsigned int i = 0; i < a->nb_clients; i++)
		client_refresh(a->clients[i], all);
}

static void timer_ready(struct source *src, uint32_t events)
{
	struct agent *a = source_owner(src, struct agent, timer);
	uint64_t n;

	(void)events;
	if (read(src->fd, &n, sizeof(n)) < 0)
		return;
	dp_tick(a->dp);
	hostif_tick(a->h);
	a->ticks++;
	if (a->ticks % SECOND_TICKS == 0) {
		refresh(a, false);
		watch_look(&a->watch);
		loop_want(a->loop, &a->dco.src, EPOLLIN);
		loop_want(a->loop, &a->ctl.src, EPOLLIN);
	}
}

static void events_ready(struct source *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	/* clears it; the records are taken in every turn */
	if (read(src->fd, &n, sizeof(n)) < 0)
		return;
}

static void kernel_ready(struct source *src, uint32_t events)
{
	struct agent *a = source_owner(src, struct agent, kernel);

	(void)events;
	if (hostif_poll(a->h))
		refresh(a, true);
}

/* --- one turn of the loop ----------------------------------------------------------------- */

/* True: there may be more. */
static bool take_events(struct agent *a)
{
	unsigned int floats = 0;
	struct dp_event ev;

	for (unsigned int n = 0; n < EVENT_BURST && floats < FLOAT_BURST; n++) {
		bool found = false;

		if (!dp_event_next(a->dp, &ev))
			return false;
		floats += ev.type == DP_EVENT_FLOAT;
		for (unsigned int i = 0; i < a->nb_clients && !found; i++)
			found = client_event(a->clients[i], &ev);
		if (!found)
			a->counts.no_transport++;
	}
	return true;
}

/* Bounded work for each; true: do not sleep, there is more. */
static bool work(struct agent *a)
{
	bool more = take_events(a);

	for (unsigned int i = 0; i < a->nb_clients; i++)
		more = client_work(a->clients[i]) || more;
	more = dp_go_on(a->dp) || more;
	return more || !dp_event_arm(a->dp);
}

/*
 * A signal handler has no argument, so the descriptor that stops the loop is the process's. The
 * data plane's threads do not block SIGTERM, which rules a signalfd out.
 */
static _Atomic(int) stop_fd = -1;

static void on_signal(int sig)
{
	int saved = errno;
	int fd = atomic_load(&stop_fd);
	uint64_t one = 1;

	(void)sig;
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		errno = 0; /* it is full: the loop stops anyway */
	errno = saved;
}

int agent_run(struct agent *a)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction old_term;
	struct sigaction old_int;
	bool more = true;
	int ret = 0;

	sigemptyset(&act.sa_mask);
	atomic_store(&stop_fd, a->stop.fd);
	sigaction(SIGTERM, &act, &old_term);
	sigaction(SIGINT, &act, &old_int);
	while (ret == 0 && !a->stopping) {
		ret = loop_turn(a->loop, more ? 0 : -1);
		reap(a);
		more = work(a);
	}
	sigaction(SIGTERM, &old_term, NULL);
	sigaction(SIGINT, &old_int, NULL);
	atomic_store(&stop_fd, -1);
	log_info("stopping");
	/* each openvpn keeps its device for the next daemon */
	hostif_devices_leave(a->h);
	return ret;
}

void agent_stop(struct agent *a)
{
	uint64_t one = 1;

	if (write(a->stop.fd, &one, sizeof(one)) < 0)
		return; /* it is full: the loop stops anyway */
}

/* --- life ------------------------------------------------------------------------------- */

static int add(struct agent *a, struct source *s, int fd, void (*ready)(struct source *, uint32_t))
{
	int ret = fd < 0 ? fd : loop_add(a->loop, s, fd, EPOLLIN, ready);

	if (ret < 0 && fd >= 0)
		close(fd);
	return ret;
}

static int start_timer(struct agent *a)
{
	struct itimerspec every = {.it_interval.tv_nsec = TICK_MS * (long)NS_PER_MSEC,
		.it_value.tv_nsec = TICK_MS * (long)NS_PER_MSEC};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	timerfd_settime(fd, 0, &every, NULL);
	return add(a, &a->timer, fd, timer_ready);
}

/* The loop closes its sources' descriptors; these belong to others. */
static int add_borrowed(
	struct agent *a, struct source *s, int fd, void (*ready)(struct source *, uint32_t))
{
	int own = dup(fd);

	return add(a, s, own < 0 ? -errno : own, ready);
}

static int add_sources(struct agent *a, const struct agent_conf *conf)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret = add(a, &a->stop, fd < 0 ? -errno : fd, stop_ready);

	if (ret == 0)
		ret = start_timer(a);
	if (ret == 0)
		ret = add_borrowed(a, &a->events, dp_event_fd(a->dp), events_ready);
	if (ret == 0)
		ret = add_borrowed(a, &a->kernel, hostif_fd(a->h), kernel_ready);
	if (ret < 0)
		return ret;
	ret = gate_listen(&a->dco, conf->dco_socket, SOCK_SEQPACKET, conf->group);
	ret = add(a, &a->dco.src, ret, dco_ready);
	if (ret < 0)
		return ret;
	ret = gate_listen(&a->ctl, conf->ctl_socket, SOCK_STREAM, conf->group);
	return add(a, &a->ctl.src, ret, ctl_ready);
}

int agent_new(const struct agent_conf *conf, struct dp *dp, struct hostif *h, struct agent **out)
{
	struct agent *a = calloc(1, sizeof(*a));
	int ret;

	if (a == NULL)
		return -ENOMEM;
	a->dp = dp;
	ctl_zero_init(&a->zero);
	watch_init(&a->watch, dp, &a->counts);
	a->h = h;
	a->aead = conf->aead;
	a->stop.fd = a->timer.fd = a->events.fd = a->kernel.fd = -1;
	a->dco = a->ctl = (struct gate)GATE_NONE;
	ret = loop_new(&a->loop);
	if (ret < 0) {
		free(a);
		return ret;
	}
	a->env = (struct client_env){.dp = dp, .h = h, .loop = a->loop, .counts = &a->counts};
	ret = add_sources(a, conf);
	if (ret < 0) {
		agent_free(a);
		return ret;
	}
	*out = a;
	return 0;
}

void agent_free(struct agent *a)
{
	/* nobody may come in any more, then those inside go */
	gate_remove(&a->dco);
	gate_remove(&a->ctl);
	loop_close(a->loop, &a->dco.src);
	loop_close(a->loop, &a->ctl.src);
	while (a->nb_clients != 0)
		client_free(a->clients[--a->nb_clients]);
	while (a->nb_ctlconns != 0)
		ctlconn_free(a->ctlconns[--a->nb_ctlconns]);
	loop_close(a->loop, &a->kernel);
	loop_close(a->loop, &a->events);
	loop_close(a->loop, &a->timer);
	loop_close(a->loop, &a->stop);
	loop_free(a->loop);
	free(a);
}

/* --- the operator's view ---------------------------------------------------------------- */

bool agent_instance_info(struct agent *a, unsigned int i, struct agent_instance_info *info)
{
	if (i >= a->nb_clients)
		return false;
	client_info(a->clients[i], info);
	return true;
}

const struct control_counts *agent_counts(const struct agent *a)
{
	return &a->counts;
}

size_t agent_peer_bytes(void)
{
	return iface_peer_bytes() + hostif_peer_bytes();
}

struct ctl_zero *agent_zero(struct agent *a)
{
	return &a->zero;
}

struct dp *agent_dp(struct agent *a)
{
	return a->dp;
}

struct aead *agent_aead(struct agent *a)
{
	return a->aead;
}

struct hostif *agent_hostif(struct agent *a)
{
	return a->h;
}
