/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sockets.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/conn.h"
#include "control/sockets_private.h"
#include "log.h"

#define SOCKETS_MAX 64 /* of one openvpn; it has about three */

int sockets_new(struct dp *dp, struct hostif *h, struct loop *l, struct control_counts *counts,
	struct sockets **out)
{
	struct sockets *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->dp = dp;
	t->h = h;
	t->loop = l;
	t->counts = counts;
	if (getrandom(&t->recent.key, sizeof(t->recent.key), GRND_NONBLOCK) < 0)
		t->recent.key = (uintptr_t)t ^ loop_now_ms();
	*out = t;
	return 0;
}

static struct sock *find(const struct sockets *t, uint32_t id)
{
	for (struct sock *s = t->newest; s != NULL; s = s->next) {
		if (s->id == id)
			return s;
	}
	return NULL;
}

static struct sock *find_udp(const struct sockets *t, uint32_t id)
{
	struct sock *s = find(t, id);

	return s != NULL && s->kind == SHIM_KIND_UDP ? s : NULL;
}

void sock_close_kernel(struct sock *s)
{
	loop_remove(s->table->loop, &s->errors);
	ksock_close(&s->k);
}

void sock_free(struct sock *s)
{
	struct sockets *t = s->table;
	struct sock **link = &t->newest;

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	t->nb--;
	if (s->claimed)
		dp_transport_del(t->dp, s->tid);
	sock_close_kernel(s);
	loop_close(t->loop, &s->src);
	free(s);
}

void sockets_free(struct sockets *t)
{
	while (t->newest != NULL)
		sock_free(t->newest);
	iface_free(t->iface);
	free(t);
}

/* --- transports and the instance --------------------------------------------------------- */

static int claim(struct sockets *t, struct sock *s)
{
	struct udp_addr local;
	char text[UDP_ADDR_STRLEN];
	bool v4_too;
	int ret = ksock_local(&s->k, &local, &v4_too);

	if (ret == 0)
		ret = dp_transport_add(t->dp, iface_iid(t->iface), &local, v4_too, &s->tid);
	s->claimed = ret == 0;
	if (ret < 0)
		log_err("cannot take UDP packets for %s: %s", udp_addr_str(&local, text),
			strerror(-ret));
	return ret;
}

/* Puts another instance in the place of the one there is, and moves the bound sockets to it. */
static int replace_iface(struct sockets *t, enum dp_mode mode)
{
	struct iface *in;
	int ret = iface_new(t->dp, t->h, mode, &in);

	if (ret < 0)
		return ret;
	/* the old one's transports go with it, so that the new one can claim the same addresses */
	iface_free(t->iface);
	t->iface = in;
	for (struct sock *s = t->newest; s != NULL; s = s->next) {
		s->claimed = false;
		if (s->kind == SHIM_KIND_UDP && s->k.bound)
			claim(t, s);
	}
	return 0;
}

int sock_bind(struct sock *s, const struct shim_addr *a)
{
	struct sockets *t = s->table;
	struct shim_addr name;
	struct udp_addr local;
	char text[UDP_ADDR_STRLEN];
	int ret;

	if (s->k.bound || s->k.fd < 0)
		return -EINVAL;
	ret = ksock_bind(&s->k, a);
	if (ret < 0)
		return ret;
	if (t->iface == NULL)
		ret = replace_iface(t, DP_MODE_P2P); /* this claims, too */
	else
		ret = claim(t, s);
	if (ret < 0 || !s->claimed) {
		sock_close_kernel(s);
		return ret < 0 ? ret : -EADDRINUSE;
	}
	if (ksock_name(&s->k, &name) == 0 && shim_addr_read(&name, &local))
		log_info("%s UDP socket %s open", iface_name(t->iface), udp_addr_str(&local, text));
	return 0;
}

int sockets_instance(struct sockets *t, enum dp_mode mode)
{
	if (t->iface != NULL && iface_ifindex(t->iface) != 0)
		return -EBUSY;
	if (t->iface == NULL || iface_mode(t->iface) != mode)
		return replace_iface(t, mode);
	return 0;
}

int sockets_unlink(struct sockets *t, uint32_t ifindex)
{
	bool bound = false;

	if (t->iface == NULL || ifindex == 0 || iface_ifindex(t->iface) != ifindex)
		return -ENODEV;
	for (const struct sock *s = t->newest; s != NULL; s = s->next)
		bound = bound || s->k.bound;
	/* sockets may outlive the device, and the next one may come while they are open */
	if (bound)
		return replace_iface(t, DP_MODE_P2P);
	iface_free(t->iface);
	t->iface = NULL;
	return 0;
}

struct iface *sockets_iface(const struct sockets *t)
{
	return t->iface;
}

/* --- their addresses ---------------------------------------------------------------------- */

int sockets_of_peer(struct sockets *t, const struct dco_new_peer *p, struct iface_socket *by)
{
	const struct sock *s = t->newest;
	bool v4_too;

	while (s != NULL && !(s->kind == SHIM_KIND_UDP && (uint32_t)s->fd_there == p->socket))
		s = s->next;
	if (!p->has_socket || s == NULL || !s->claimed ||
		ksock_local(&s->k, &by->local, &v4_too) < 0)
		return -EINVAL;
	if (p->local.family != IP_NONE)
		by->local.ip = p->local;
	else if (ip_is_any(&by->local.ip))
		by->local.ip = recent_local(&t->recent, &p->remote);
	by->tid = s->tid;
	return 0;
}

unsigned int sockets_locals(const struct sockets *t, struct udp_addr *out, unsigned int n)
{
	unsigned int nb = 0;
	bool v4_too;

	for (const struct sock *s = t->newest; s != NULL && nb < n; s = s->next) {
		if (s->claimed && ksock_local(&s->k, &out[nb], &v4_too) == 0)
			nb++;
	}
	return nb;
}

/* --- the shim's requests ----------------------------------------------------------------- */

static int check_open(const struct sockets *t, uint32_t id, const struct shim_open *o, int fd)
{
	if (!conn_is_socketpair(fd) || id == 0)
		return -EINVAL;
	if (o->kind != SHIM_KIND_GENL && o->kind != SHIM_KIND_UDP)
		return -EINVAL;
	if (find(t, id) != NULL)
		return -EEXIST;
	return t->nb < SOCKETS_MAX ? 0 : -EMFILE;
}

int sockets_open(struct sockets *t, uint32_t id, const struct shim_open *o, int fd)
{
	bool udp = o->kind == SHIM_KIND_UDP;
	struct sock *s = NULL;
	int ret = check_open(t, id, o, fd);

	if (ret < 0)
		goto close_fd;
	s = calloc(1, sizeof(*s));
	ret = -ENOMEM;
	if (s == NULL)
		goto close_fd;
	*s = (struct sock){.src = SOURCE_NONE,
		.errors = SOURCE_NONE,
		.table = t,
		.next = t->newest,
		.id = id,
		.kind = (enum shim_kind)o->kind,
		.fd_there = o->fd,
		.k = KSOCK_NONE};
	ret = udp ? ksock_open(&s->k, (int)o->family) : 0;
	if (ret < 0)
		goto free_sock;
	if (udp)
		ret = loop_add(t->loop, &s->errors, s->k.fd, 0, datagrams_errors_ready);
	if (ret == 0)
		ret = loop_add(
			t->loop, &s->src, fd, EPOLLIN, udp ? datagrams_ready : notices_ready);
	if (ret < 0)
		goto close_ksock;
	t->newest = s;
	t->nb++;
	return 0;
close_ksock:
	sock_close_kernel(s);
free_sock:
	free(s);
close_fd:
	conn_close_foreign(fd);
	return ret;
}

int sockets_close(struct sockets *t, uint32_t id)
{
	struct sock *s = find(t, id);

	/* its end may have been noticed before */
	if (s != NULL)
		sock_free(s);
	return 0;
}

int sockets_bind(struct sockets *t, uint32_t id, const struct shim_addr *a, struct shim_addr *bound)
{
	struct sock *s = find_udp(t, id);
	int ret;

	if (s == NULL)
		return -EBADF;
	ret = sock_bind(s, a);
	return ret < 0 ? ret : ksock_name(&s->k, bound);
}

int sockets_name(struct sockets *t, uint32_t id, struct shim_addr *bound)
{
	const struct sock *s = find_udp(t, id);

	return s == NULL || s->k.fd < 0 ? -EBADF : ksock_name(&s->k, bound);
}

int sockets_setopt(struct sockets *t, uint32_t id, const struct shim_opt *o)
{
	struct sock *s = find(t, id);

	if (s == NULL)
		return -EBADF;
	return s->kind == SHIM_KIND_GENL ? notices_setopt(s, o) : ksock_setopt(&s->k, o);
}

bool sockets_has_genl(const struct sockets *t, uint32_t id)
{
	const struct sock *s = find(t, id);

	return s != NULL && s->kind == SHIM_KIND_GENL;
}
