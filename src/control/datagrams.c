/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sockets.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "control/iface.h"
#include "control/places.h"
#include "control/sockets_private.h"

enum { P_DATA_V1 = 6, P_DATA_V2 = 9 }; /* opcodes that openvpn must never see */

#define DGRAM_BURST 16 /* of one socket in one turn of the loop */
#define FLUSH_MAX   16 /* bursts at once: about what a socket holds */
#define ERRORS_HZ   16 /* told to one openvpn: anybody can forge them, and it logs each */

/* --- errors ----------------------------------------------------------------------------- */

/* False: enough for this second. */
static bool tell_error(struct sock *s, const struct shim_addr *remote, const struct shim_error *e)
{
	struct sockets *t = s->table;
	struct shim_dgram d = {.remote = *remote, .content = SHIM_ERROR};
	uint8_t record[sizeof(d) + sizeof(*e)];

	if (t->nb_errors == ERRORS_HZ)
		return false;
	t->nb_errors++;
	memcpy(record, &d, sizeof(d));
	memcpy(record + sizeof(d), e, sizeof(*e));
	/* it is for openvpn's log: one that finds no room is not missed */
	send(s->src.fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

/* What openvpn calls whoever is there. */
static struct shim_addr name_of(const struct sock *s, const struct udp_addr *place)
{
	const struct iface *in = s->table->iface;
	struct udp_addr name = *place;
	struct ip_addr local = {0};

	if (in == NULL || !places_in(iface_places(in), &name, &local) ||
		!shim_addr_fits(&name, s->k.family))
		name = *place;
	return shim_addr_write(&name, s->k.family);
}

/*
 * Level-triggered, and whoever sends us ICMP decides how often: when openvpn has been told enough,
 * the kernel is asked to keep the rest for itself until the next second.
 */
void datagrams_errors_ready(struct source *src, uint32_t events)
{
	struct sock *s = source_owner(src, struct sock, errors);
	struct udp_addr remote;
	struct shim_addr to;
	struct shim_error e;
	int ret;

	(void)events;
	for (unsigned int i = 0; i < ERRORS_HZ; i++) {
		ret = ksock_error(&s->k, &remote, &e);
		if (ret == -EAGAIN)
			break;
		to = name_of(s, &remote);
		if (ret == 0 && !tell_error(s, &to, &e)) {
			s->deaf = true;
			break;
		}
	}
	if (s->deaf)
		ksock_listen(&s->k, false);
}

void sockets_second(struct sockets *t)
{
	t->nb_errors = 0;
	for (struct sock *s = t->newest; s != NULL; s = s->next) {
		if (!s->deaf)
			continue;
		s->deaf = false;
		ksock_listen(&s->k, true);
	}
}

/* --- datagrams -------------------------------------------------------------------------- */

static struct sock *find_transport(const struct sockets *t, uint32_t tid)
{
	struct sock *s = t->newest;

	while (s != NULL && !(s->claimed && s->tid == tid))
		s = s->next;
	return s;
}

/*
 * openvpn names a peer by where it believes it to be, and writes to the socket to which the peer
 * connected: it leaves by the one that the peer reaches now. NULL: nobody knows where the peer is,
 * or no socket of openvpn can send there; counted.
 */
static struct sock *to_its_place(struct sock *s, struct shim_dgram *d)
{
	struct sockets *t = s->table;
	struct udp_addr remote, local = {0};
	const struct places *places;
	const struct place *p;
	struct sock *by;

	if (t->iface == NULL || !places_matter(iface_places(t->iface)) ||
		!shim_addr_read(&d->remote, &remote))
		return s;
	places = iface_places(t->iface);
	shim_addr_read(&d->local, &local);
	if (!places_out(places, &remote, &local.ip)) {
		t->counts->send_failed++;
		return NULL;
	}
	p = places_find_other(places, &remote, NULL);
	by = p != NULL ? find_transport(t, p->tid) : NULL;
	if (by == NULL)
		by = s;
	if (!shim_addr_fits(&remote, by->k.family)) {
		t->counts->no_family++;
		return NULL;
	}
	d->remote = shim_addr_write(&remote, by->k.family);
	if (local.ip.family != IP_NONE)
		d->local = shim_addr_write(&local, by->k.family);
	return by;
}

static void send_out(struct sock *s, const uint8_t *p, size_t len)
{
	struct sockets *t = s->table;
	struct shim_error e = {.origin = SO_EE_ORIGIN_NONE};
	struct shim_addr named;
	struct shim_dgram d;
	struct sock *by;
	int ret;

	if (len <= sizeof(d)) {
		t->counts->datagrams_broken++;
		return;
	}
	memcpy(&d, p, sizeof(d));
	named = d.remote;
	by = to_its_place(s, &d);
	if (by == NULL)
		return;
	/* `nobind`: the port is chosen when the first packet leaves */
	if (!by->k.bound && sock_bind(by, NULL) < 0) {
		t->counts->send_failed++;
		return;
	}
	ret = ksock_send(&by->k, &d, p + sizeof(d), len - sizeof(d));
	if (ret == -EAFNOSUPPORT) {
		t->counts->datagrams_broken++;
	} else if (ret < 0) {
		t->counts->send_failed++;
		e.error = -ret;
		tell_error(s, &named, &e);
	}
}

/* True: there may be more. False: there is none now, or s is no more. */
static bool take_burst(struct sock *s)
{
	struct sockets *t = s->table;
	ssize_t n = -1;

	for (unsigned int i = 0; i < DGRAM_BURST; i++) {
		n = recv(s->src.fd, t->dgram, sizeof(t->dgram), MSG_DONTWAIT);
		if (n <= 0)
			break;
		send_out(s, t->dgram, (size_t)n);
	}
	/* openvpn closed it; the shim's CLOSE may be on its way */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		sock_free(s);
	return n > 0;
}

void datagrams_ready(struct source *src, uint32_t events)
{
	(void)events;
	take_burst(source_owner(src, struct sock, src));
}

void sockets_flush(struct sockets *t)
{
	struct sock *older;

	for (struct sock *s = t->newest; s != NULL; s = older) {
		older = s->next;
		if (s->kind != SHIM_KIND_UDP)
			continue;
		for (unsigned int i = 0; i < FLUSH_MAX && take_burst(s); i++)
			;
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

/*
 * The socket on which openvpn expects this sender, p being the peer that it is: to which the peer
 * connected, if the name can be said there, else where the packet arrived. NULL: neither can say it
 * (or would say it as somebody else's address).
 */
static struct sock *socket_for(const struct sockets *t, struct sock *arrived, const struct place *p,
	const struct udp_addr *name)
{
	struct sock *known = p != NULL ? find_transport(t, p->name_tid) : NULL;

	if (known != NULL && shim_addr_fits(name, known->k.family))
		return known;
	return shim_addr_fits(name, arrived->k.family) ? arrived : NULL;
}

void sockets_deliver(struct sockets *t, const struct dp_event *ev, uint32_t ifindex)
{
	struct udp_addr remote = with_scope(&ev->remote, ifindex), local = ev->local;
	const struct place *peer = NULL;
	struct sock *s;
	struct shim_dgram d;
	struct iovec iov[2];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	uint8_t opcode = ev->len > 0 ? ev->data[0] >> 3 : 0;

	sockets_settle(t);
	s = find_transport(t, ev->tid);
	if (s == NULL || ev->len == 0) {
		t->counts->no_transport++;
		return;
	}
	/* openvpn would take it for authenticated plaintext; the workers must not have sent it */
	if (opcode == P_DATA_V1 || opcode == P_DATA_V2) {
		t->counts->data_refused++;
		return;
	}
	if (t->iface != NULL && places_matter(iface_places(t->iface)))
		peer = places_find_other(iface_places(t->iface), &remote, NULL);
	if (t->iface != NULL && !places_in(iface_places(t->iface), &remote, &local.ip)) {
		t->counts->no_transport++;
		return;
	}
	s = socket_for(t, s, peer, &remote);
	if (s == NULL) {
		t->counts->no_family++;
		return;
	}
	if (!shim_addr_fits(&local, s->k.family))
		local = (struct udp_addr){0}; /* of a socket that openvpn does not read it from */
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
