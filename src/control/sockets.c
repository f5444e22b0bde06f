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

enum { P_DATA_V1 = 6, P_DATA_V2 = 9 }; /* opcodes that openvpn must never see */

#define SOCKETS_MAX 64 /* of one openvpn; it has about three */
#define DGRAM_BURST 16 /* of one socket in one turn of the loop */

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
	ksock_close(&s->k);
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

/* Binds the kernel's socket and takes what arrives there. A socket whose bind failed is unusable.
 */
static int bind_and_claim(struct sock *s, const struct shim_addr *a)
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
		ksock_close(&s->k);
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

/* --- datagrams -------------------------------------------------------------------------- */

/* openvpn names a peer by where it believes it to be. False: nobody knows where that is. */
static bool to_its_place(const struct sock *s, struct shim_dgram *d)
{
	const struct iface *in = s->table->iface;
	struct udp_addr remote, local = {0};

	if (in == NULL || !places_differ(iface_places(in)) || !shim_addr_read(&d->remote, &remote))
		return true;
	shim_addr_read(&d->local, &local);
	if (!places_out(iface_places(in), &remote, &local.ip))
		return false;
	d->remote = shim_addr_write(&remote, s->k.family);
	if (local.ip.family != IP_NONE)
		d->local = shim_addr_write(&local, s->k.family);
	return true;
}

static void send_out(struct sock *s, const uint8_t *p, size_t len)
{
	struct sockets *t = s->table;
	struct shim_dgram d;

	if (len <= sizeof(d)) {
		t->counts->datagrams_broken++;
		return;
	}
	memcpy(&d, p, sizeof(d));
	if (!to_its_place(s, &d)) {
		t->counts->send_failed++;
		return;
	}
	/* `nobind`: the port is chosen when the first packet leaves */
	if (!s->k.bound && bind_and_claim(s, NULL) < 0) {
		t->counts->send_failed++;
		return;
	}
	switch (ksock_send(&s->k, &d, p + sizeof(d), len - sizeof(d))) {
	case 0:
		break;
	case -EAFNOSUPPORT:
		t->counts->datagrams_broken++;
		break;
	default:
		t->counts->send_failed++;
	}
}

static void udp_ready(struct source *src, uint32_t events)
{
	struct sock *s = source_owner(src, struct sock, src);
	struct sockets *t = s->table;
	ssize_t n = -1;

	(void)events;
	for (unsigned int i = 0; i < DGRAM_BURST; i++) {
		n = recv(src->fd, t->dgram, sizeof(t->dgram), MSG_DONTWAIT);
		if (n <= 0)
			break;
		send_out(s, t->dgram, (size_t)n);
	}
	/* openvpn closed it; the shim's CLOSE may be on its way */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		sock_free(s);
}

void sockets_flush(struct sockets *t)
{
	struct sock *older;

	for (struct sock *s = t->newest; s != NULL; s = older) {
		older = s->next;
		if (s->kind == SHIM_KIND_UDP)
			udp_ready(&s->src, EPOLLIN);
	}
}

/* A link-local address means something on its port only: openvpn must name that when it answers. */
static struct udp_addr with_scope(const struct udp_addr *a, uint32_t ifindex)
{
	struct udp_addr b = *a;

	if (b.ip.family == IP_V6 && b.ip.b[0] == 0xfe && (b.ip.b[1] & 0xc0) == 0x80)
		b.scope = ifindex;
	return b;
}

void sockets_deliver(struct sockets *t, const struct dp_event *ev, uint32_t ifindex)
{
	struct udp_addr remote = with_scope(&ev->remote, ifindex), local = ev->local;
	struct sock *s = t->newest;
	struct shim_dgram d;
	struct iovec iov[2];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	uint8_t opcode = ev->len > 0 ? ev->data[0] >> 3 : 0;

	while (s != NULL && !(s->claimed && s->tid == ev->tid))
		s = s->next;
	if (s == NULL || ev->len == 0) {
		t->counts->no_transport++;
		return;
	}
	/* openvpn would take it for authenticated plaintext; the workers must not have sent it */
	if (opcode == P_DATA_V1 || opcode == P_DATA_V2) {
		t->counts->data_refused++;
		return;
	}
	if (t->iface != NULL && !places_in(iface_places(t->iface), &remote, &local.ip)) {
		t->counts->no_transport++;
		return;
	}
	recent_note(&t->recent, &remote, &local.ip);
	d = (struct shim_dgram){
		.remote = shim_addr_write(&remote, s->k.family),
		.local = shim_addr_write(&local, s->k.family),
		.ifindex = ifindex,
	};
	iov[0] = (struct iovec){.iov_base = &d, .iov_len = sizeof(d)};
	iov[1].iov_len = ev->len;
	memcpy(&iov[1].iov_base, &ev->data, sizeof(ev->data)); /* iovec has no const */
	if (sendmsg(s->src.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		t->counts->openvpn_busy++;
}

int sockets_peer_local(struct sockets *t, const struct dco_new_peer *p, struct udp_addr *local)
{
	const struct sock *s = t->newest;
	bool v4_too;

	while (s != NULL && !(s->kind == SHIM_KIND_UDP && (uint32_t)s->fd_there == p->socket))
		s = s->next;
	if (!p->has_socket || s == NULL || !s->claimed || ksock_local(&s->k, local, &v4_too) < 0)
		return -EINVAL;
	if (p->local.family != IP_NONE)
		local->ip = p->local;
	else if (ip_is_any(&local->ip))
		local->ip = recent_local(&t->recent, &p->remote);
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
		.table = t,
		.next = t->newest,
		.id = id,
		.kind = (enum shim_kind)o->kind,
		.fd_there = o->fd,
		.k = KSOCK_NONE};
	ret = udp ? ksock_open(&s->k, (int)o->family) : 0;
	if (ret < 0)
		goto free_sock;
	ret = loop_add(t->loop, &s->src, fd, EPOLLIN, udp ? udp_ready : notices_ready);
	if (ret < 0)
		goto close_ksock;
	t->newest = s;
	t->nb++;
	return 0;
close_ksock:
	ksock_close(&s->k);
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
	ret = bind_and_claim(s, a);
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
