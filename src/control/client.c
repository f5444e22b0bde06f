/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/conn.h"
#include "control/requests.h"
#include "control/sockets.h"
#include "log.h"
#include "ovpn-dpdk/shim_proto.h"

#define REQUEST_BURST 8	   /* of one process in one turn of the loop */
#define LAST_WORDS    8	   /* records read of a connection that ends */
#define HELLO_MS      5000 /* a connection that says nothing is closed then */

struct client {
	struct conn conn;
	struct client_env *env;
	struct sockets *sockets;
	struct requests requests;
	bool hello;
	bool end_when_sent;
	uint64_t hello_by_ms; /* loop_now_ms() */
	int netns_fd;
	uint32_t pid;
	char program[32];
};

/* Requests wait while an answer is not out: openvpn reads answers in order. */
static void want(struct client *c)
{
	bool busy = conn_is_full(&c->conn) || requests_busy(&c->requests);

	loop_want(c->env->loop, &c->conn.src, busy ? EPOLLOUT : EPOLLIN);
	if (c->end_when_sent && !conn_is_full(&c->conn))
		c->conn.ended = true;
}

static void answer(struct client *c, const struct shim_hdr *request, uint16_t flags, int error,
	const void *body, size_t len)
{
	conn_answer(&c->conn, request, flags, error, body, len);
}

/* --- the shim's requests ----------------------------------------------------------------- */

/* For log lines. */
static void printable(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		*p = *p > ' ' && *p < 127 ? *p : '?';
}

static void refuse_hello(struct client *c, const struct shim_hdr *h, const char *why)
{
	log_warn("refused %s[%u]: %s", c->program, c->pid, why);
	answer(c, h, SHIM_LAST, -EPROTO, why, strlen(why));
	c->end_when_sent = true;
}

static void on_hello(struct client *c, const struct shim_hdr *h, const uint8_t *body, int *fd)
{
	struct shim_hello hello;
	const struct shim_hello ours = {
		.version = SHIM_VERSION, .pid = (uint32_t)getpid(), .program = "ovpn-dpdkd"};

	memcpy(&hello, body, sizeof(hello));
	c->pid = hello.pid;
	memcpy(c->program, hello.program, sizeof(c->program) - 1);
	printable(c->program);
	if (c->hello) {
		refuse_hello(c, h, "a second HELLO");
	} else if (hello.version != SHIM_VERSION) {
		refuse_hello(c, h,
			"shim and daemon are of different versions: restart both after an upgrade");
	} else if (!conn_is_netns(*fd)) {
		refuse_hello(c, h, "HELLO without a network namespace");
	} else {
		c->hello = true;
		c->netns_fd = *fd;
		*fd = -1;
		log_info("%s[%u] attached", c->program, c->pid);
		answer(c, h, SHIM_LAST, 0, &ours, sizeof(ours));
	}
}

/* A new device, or one of a daemon before us whose descriptor came along. */
static int make_link(struct client *c, const struct shim_link *link, int *fd)
{
	int ret;

	if (dco_family_by_kind(link->kind) == NULL)
		return -EOPNOTSUPP;
	if (link->mode != DP_MODE_P2P && link->mode != DP_MODE_MP)
		return -EINVAL;
	ret = sockets_instance(c->sockets, (enum dp_mode)link->mode);
	if (ret < 0)
		return ret;
	if (*fd < 0)
		return iface_link(sockets_iface(c->sockets), c->netns_fd, link->name);
	ret = iface_adopt(sockets_iface(c->sockets), c->netns_fd, *fd, link->ifindex);
	if (ret == 0)
		*fd = -1;
	else
		log_warn("%s[%u] offers a device that cannot be taken back: %s", c->program, c->pid,
			strerror(-ret));
	return ret;
}

static void on_link_new(struct client *c, const struct shim_hdr *h, const uint8_t *body, int *fd)
{
	struct shim_link link;
	int keep;
	int ret;

	memcpy(&link, body, sizeof(link));
	link.name[sizeof(link.name) - 1] = '\0';
	link.kind[sizeof(link.kind) - 1] = '\0';
	ret = make_link(c, &link, fd);
	if (ret < 0) {
		answer(c, h, SHIM_LAST, ret, NULL, 0);
		return;
	}
	link.ifindex = iface_ifindex(sockets_iface(c->sockets));
	keep = iface_take_fd(sockets_iface(c->sockets));
	conn_answer_fd(&c->conn, h, &link, sizeof(link), keep);
	if (keep >= 0)
		close(keep);
}

static int on_link_del(struct client *c, const uint8_t *body)
{
	struct shim_link link;

	memcpy(&link, body, sizeof(link));
	return sockets_unlink(c->sockets, link.ifindex);
}

/* Its openvpn offers the device back on another connection; others' devices are none of its. */
static void on_link_leave(struct client *c, const uint8_t *body)
{
	struct iface *in = sockets_iface(c->sockets);
	struct shim_link link;

	memcpy(&link, body, sizeof(link));
	if (in != NULL && iface_ifindex(in) == link.ifindex)
		iface_leave(in);
}

static int on_open(struct client *c, const struct shim_hdr *h, const uint8_t *body, int *fd)
{
	struct shim_open o;
	int taken = *fd;

	memcpy(&o, body, sizeof(o));
	*fd = -1;
	return sockets_open(c->sockets, h->id, &o, taken);
}

static void on_bind(struct client *c, const struct shim_hdr *h, const uint8_t *body)
{
	struct shim_addr wish = {0};
	struct shim_addr bound;
	int ret;

	if (h->type == SHIM_BIND) {
		memcpy(&wish, body, sizeof(wish));
		ret = sockets_bind(c->sockets, h->id, &wish, &bound);
	} else {
		ret = sockets_name(c->sockets, h->id, &bound);
	}
	answer(c, h, SHIM_LAST, ret, &bound, ret == 0 ? sizeof(bound) : 0);
}

static int on_setopt(struct client *c, const struct shim_hdr *h, const uint8_t *body)
{
	struct shim_opt o;

	memcpy(&o, body, sizeof(o));
	return sockets_setopt(c->sockets, h->id, &o);
}

/* fd: what came with the record, or -1; who keeps it sets it to -1. */
static void on_request(struct client *c, const struct shim_hdr *h, const uint8_t *body, int *fd)
{
	switch (h->type) {
	case SHIM_HELLO:
		on_hello(c, h, body, fd);
		break;
	case SHIM_OPEN:
		answer(c, h, SHIM_LAST, on_open(c, h, body, fd), NULL, 0);
		break;
	case SHIM_CLOSE:
		answer(c, h, SHIM_LAST, sockets_close(c->sockets, h->id), NULL, 0);
		break;
	case SHIM_BIND:
	case SHIM_GETNAME:
		on_bind(c, h, body);
		break;
	case SHIM_SETOPT:
		answer(c, h, SHIM_LAST, on_setopt(c, h, body), NULL, 0);
		break;
	case SHIM_NETLINK:
		requests_answer(&c->requests, h, body);
		break;
	case SHIM_LINK_NEW:
		on_link_new(c, h, body, fd);
		break;
	case SHIM_LINK_DEL:
		answer(c, h, SHIM_LAST, on_link_del(c, body), NULL, 0);
		break;
	case SHIM_LINK_LEAVE:
		on_link_leave(c, body);
		break;
	}
}

/* --- the connection --------------------------------------------------------------------- */

/* True: the record is one of the protocol's, in its place, and as long as its kind is. */
static bool well_formed(const struct client *c, const struct shim_hdr *h, size_t len)
{
	static const struct {
		bool variable;
		size_t len;
	} bodies[] = {
		[SHIM_HELLO] = {.len = sizeof(struct shim_hello)},
		[SHIM_OPEN] = {.len = sizeof(struct shim_open)},
		[SHIM_CLOSE] = {.len = 0},
		[SHIM_BIND] = {.len = sizeof(struct shim_addr)},
		[SHIM_GETNAME] = {.len = 0},
		[SHIM_SETOPT] = {.len = sizeof(struct shim_opt)},
		[SHIM_NETLINK] = {.variable = true},
		[SHIM_LINK_NEW] = {.len = sizeof(struct shim_link)},
		[SHIM_LINK_DEL] = {.len = sizeof(struct shim_link)},
		[SHIM_LINK_LEAVE] = {.len = sizeof(struct shim_link)},
	};

	if (len < sizeof(*h) || h->magic != SHIM_MAGIC || h->len != len - sizeof(*h))
		return false;
	if (h->type < SHIM_HELLO || h->type >= ARRAY_LEN(bodies))
		return false;
	/* the first word of all is HELLO; another version's may have another length */
	if (!c->hello)
		return h->type == SHIM_HELLO && h->len >= sizeof(struct shim_hello);
	return bodies[h->type].variable || h->len == bodies[h->type].len;
}

/* The length of what was read, or what conn_receive() says; *h: its header, *fd as there. */
static ssize_t read_record(struct client *c, struct shim_hdr *h, int *fd)
{
	ssize_t n = conn_receive(&c->conn, fd);

	if (n > 0)
		memcpy(h, c->conn.record, (size_t)n < sizeof(*h) ? (size_t)n : sizeof(*h));
	return n;
}

/* False: nothing more to read now. */
static bool read_request(struct client *c)
{
	struct shim_hdr h;
	int fd;
	ssize_t n = read_record(c, &h, &fd);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n <= 0) {
		c->conn.ended = true;
		return false;
	}
	if (well_formed(c, &h, (size_t)n)) {
		on_request(c, &h, c->conn.record + sizeof(h), &fd);
	} else {
		if (log_limit_pass(&c->env->broken))
			log_warn("%s[%u] sent a record that is none: connection closed",
				c->program[0] != '\0' ? c->program : "a process", c->pid);
		c->conn.ended = true;
	}
	conn_close_foreign(fd);
	explicit_bzero(c->conn.record, (size_t)n); /* it may have held a key */
	return true;
}

static void conn_ready(struct source *src, uint32_t events)
{
	struct client *c = source_owner(src, struct client, conn.src);

	if (events & EPOLLOUT) {
		conn_flush(&c->conn);
		requests_go_on(&c->requests);
	} else if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)) {
		c->conn.ended = true;
	}
	for (unsigned int i = 0; i < REQUEST_BURST && events & EPOLLIN; i++) {
		if (c->conn.ended || c->end_when_sent || conn_is_full(&c->conn) ||
			requests_busy(&c->requests))
			break;
		if (!read_request(c))
			break;
	}
	want(c);
}

int client_new(struct client_env *env, int fd, struct client **out)
{
	struct client *c = calloc(1, sizeof(*c));
	int ret = -ENOMEM;

	if (c == NULL)
		goto close_fd;
	c->env = env;
	c->netns_fd = -1;
	c->hello_by_ms = loop_now_ms() + HELLO_MS;
	conn_init(&c->conn);
	ret = sockets_new(env->dp, env->h, env->loop, env->counts, &c->sockets);
	if (ret < 0)
		goto free_c;
	ret = loop_add(env->loop, &c->conn.src, fd, EPOLLIN, conn_ready);
	if (ret < 0)
		goto free_sockets;
	c->requests = (struct requests){.conn = &c->conn, .sockets = c->sockets, .dp = env->dp};
	*out = c;
	return 0;
free_sockets:
	sockets_free(c->sockets);
free_c:
	free(c);
close_fd:
	close(fd);
	return ret;
}

/*
 * We may have hung, and find the shim gone when we answer what it asked before: its last word, that
 * the device shall stay, has not been read then. A request and that word are all there can be.
 */
static void read_last_word(struct client *c)
{
	struct shim_hdr h;
	ssize_t n = 1;
	int fd;

	/* the first read may fail, because the shim has not read everything */
	for (unsigned int i = 0; i < LAST_WORDS && n != 0 && n != -EAGAIN; i++) {
		n = read_record(c, &h, &fd);
		if (n <= 0)
			continue;
		if (well_formed(c, &h, (size_t)n) && h.type == SHIM_LINK_LEAVE)
			on_link_leave(c, c->conn.record + sizeof(h));
		conn_close_foreign(fd);
		explicit_bzero(c->conn.record, (size_t)n);
	}
}

void client_free(struct client *c)
{
	read_last_word(c);
	if (c->hello)
		log_info("%s[%u] detached", c->program, c->pid);
	/* first: whichever end the shim notices, there is nobody to ask any more */
	conn_close(&c->conn, c->env->loop);
	sockets_free(c->sockets);
	if (c->netns_fd >= 0)
		close(c->netns_fd);
	free(c);
}

bool client_ended(const struct client *c, uint64_t now_ms)
{
	return c->conn.ended || (!c->hello && now_ms > c->hello_by_ms);
}

static void take_float(struct client *c, struct iface *in, const struct dp_event *ev)
{
	struct control_counts *n = c->env->counts;
	struct dp_event scoped = *ev;

	sockets_settle(c->sockets);
	/* a link-local address means something on its port only */
	if (ip_is_link_local(&ev->remote.ip))
		scoped.remote.scope = hostif_port_ifindex(c->env->h, ev->port);
	switch (iface_float(in, &scoped)) {
	case 0:
		n->floats++;
		break;
	case -EADDRINUSE:
	case -EINVAL:
		n->floats_refused++;
		break;
	}
}

bool client_event(struct client *c, const struct dp_event *ev)
{
	const struct iface *in = sockets_iface(c->sockets);

	if (in == NULL || iface_iid(in) != ev->iid)
		return false;
	if (ev->type == DP_EVENT_CONTROL)
		sockets_deliver(c->sockets, ev, hostif_port_ifindex(c->env->h, ev->port));
	else
		take_float(c, sockets_iface(c->sockets), ev);
	return true;
}

void client_refresh(struct client *c, bool all)
{
	struct iface *in = sockets_iface(c->sockets);

	if (!all)
		sockets_second(c->sockets);
	if (in != NULL)
		ways_refresh(iface_ways(in), all);
}

bool client_work(struct client *c)
{
	struct iface *in = sockets_iface(c->sockets);
	bool more;

	if (in == NULL)
		return false;
	more = sockets_notify(c->sockets);
	return ways_refresh_some(iface_ways(in)) || more;
}

void client_info(const struct client *c, struct agent_instance_info *info)
{
	const struct iface *in = sockets_iface(c->sockets);

	*info = (struct agent_instance_info){.iid = UINT32_MAX, .pid = c->pid};
	memcpy(info->program, c->program, sizeof(info->program));
	info->nb_locals = sockets_locals(c->sockets, info->local, ARRAY_LEN(info->local));
	if (in == NULL)
		return;
	info->iid = iface_iid(in);
	strncpy(info->device, iface_name(in), sizeof(info->device) - 1);
	info->ifindex = iface_ifindex(in);
	info->multi_peer = iface_mode(in) == DP_MODE_MP;
	info->peers = dp_instance_peers(c->env->dp, iface_iid(in));
}
