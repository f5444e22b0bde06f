/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of notifications to openvpn: its genl sockets. */
#include "control/sockets.h"

#include <errno.h>
#include <string.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "control/sockets_private.h"
#include "log.h"

#define NOTIFY_BURST 64

void notices_ready(struct source *src, uint32_t events)
{
	struct sock *s = source_owner(src, struct sock, src);
	uint8_t nothing[64];
	ssize_t n;

	if (events & EPOLLOUT) {
		s->full = false;
		loop_want(s->table->loop, src, EPOLLIN);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(src->fd, nothing, sizeof(nothing), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		sock_free(s);
}

/* The socket that joined the group, if openvpn has it yet. */
static struct sock *listener(const struct sockets *t)
{
	for (struct sock *s = t->newest; s != NULL; s = s->next) {
		if (s->kind == SHIM_KIND_GENL && s->family != NULL)
			return s;
	}
	return NULL;
}

bool sockets_notified(const struct sockets *t)
{
	const struct sock *s = listener(t);
	int unread = 0;

	return s != NULL && ioctl(s->src.fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

const struct dco_family *sockets_family(const struct sockets *t)
{
	const struct sock *s = listener(t);

	return s != NULL ? s->family : NULL;
}

/* What openvpn wrote before it read goes by the names that it had then. */
void sockets_settle(struct sockets *t)
{
	if (t->iface == NULL || !ways_wait(iface_ways(t->iface)) || !sockets_notified(t))
		return;
	sockets_flush(t);
	ways_read(iface_ways(t->iface));
}

int sockets_notice(struct sockets *t, const struct dco_notice *notice)
{
	struct sock *s = listener(t);
	struct dco_notice n = *notice;
	struct nl_out o = {.len = 0};

	if (s == NULL || s->full || t->iface == NULL || iface_ifindex(t->iface) == 0)
		return -EAGAIN;
	n.ifindex = iface_ifindex(t->iface);
	if (s->family->put_notice(&o, &n) == 0)
		return -ENOTSUP;
	if (send(s->src.fd, o.buf, o.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	s->full = true;
	loop_want(t->loop, &s->src, EPOLLIN | EPOLLOUT);
	return -EAGAIN;
}

/* asked: openvpn has been; else its family has no word for it, and the operator must know. */
static void tell_worn(const struct sockets *t, const struct dp_key_worn *worn, bool asked)
{
	static const char *const words[] = {
		[KEY_GOOD] = "is good",
		[KEY_WORN_PACKETS] = "has used half of its packet ids",
		[KEY_WORN_BLOCKS] = "has carried nearly as much as AES-GCM allows",
		[KEY_WORN_FAILED] = "was tried by 2^35 forged packets",
	};

	t->counts->keys_worn += !worn->again;
	t->counts->rekeys_asked += asked;
	if (worn->again)
		return; /* once a key */
	if (asked)
		log_info("%s: peer %u: key %u %s: openvpn is asked for another",
			iface_name(t->iface), worn->peer_id, worn->key_id, words[worn->wear]);
	else
		log_warn("%s: peer %u: key %u %s, and this openvpn cannot be asked for another: "
			 "its reneg-sec should be shorter",
			iface_name(t->iface), worn->peer_id, worn->key_id, words[worn->wear]);
}

static bool notify_worn(struct sockets *t)
{
	struct dco_notice n = {.kind = DCO_NOTICE_KEY_SWAP};
	uint32_t iid = iface_iid(t->iface);
	struct dp_key_worn worn;

	for (unsigned int i = 0; i < NOTIFY_BURST; i++) {
		int ret;

		if (!dp_key_worn_next(t->dp, iid, &worn))
			return false;
		n.peer_id = worn.peer_id;
		n.key_id = worn.key_id;
		ret = sockets_notice(t, &n);
		if (ret == -EAGAIN)
			return false;
		dp_key_worn_ack(t->dp, iid, worn.peer_id);
		tell_worn(t, &worn, ret == 0);
	}
	return true;
}

/* Of peers that are elsewhere; a family without such a message leaves openvpn with the old name. */
static void tell_floats(struct sockets *t)
{
	struct dco_notice n = {.kind = DCO_NOTICE_FLOAT};
	struct ways *ways = iface_ways(t->iface);
	struct way *w;
	int ret;

	for (unsigned int i = 0; i < NOTIFY_BURST; i++) {
		w = ways_untold(ways);
		if (w == NULL)
			break;
		n.peer_id = w->id;
		n.remote = w->place.at;
		ret = sockets_notice(t, &n);
		if (ret == -EAGAIN)
			break;
		ways_told(ways, w, ret == 0);
	}
	sockets_settle(t);
}

static bool tell_gone(struct sockets *t)
{
	struct dco_notice n = {.kind = DCO_NOTICE_GONE};
	enum dp_gone why;

	for (unsigned int i = 0; i < NOTIFY_BURST; i++) {
		if (!iface_gone(t->iface, &n.peer_id, &why))
			return false;
		n.why = iface_gone_reason(t->iface, why);
		/* it stays what it is, gone and untold, until there is room */
		if (sockets_notice(t, &n) < 0)
			return false;
		iface_gone_told(t->iface, n.peer_id, why);
	}
	return true;
}

bool sockets_notify(struct sockets *t)
{
	bool more;

	if (t->iface == NULL)
		return false;
	more = tell_gone(t);
	tell_floats(t);
	return notify_worn(t) || more;
}

int notices_setopt(struct sock *s, const struct shim_opt *o)
{
	const struct dco_family *f;
	uint32_t group;

	if (o->level != SOL_NETLINK ||
		(o->name != NETLINK_ADD_MEMBERSHIP && o->name != NETLINK_DROP_MEMBERSHIP))
		return 0;
	memcpy(&group, o->value, sizeof(group));
	f = o->len == sizeof(group) ? dco_family_by_group(group) : NULL;
	if (f == NULL)
		return -EINVAL;
	s->family = o->name == NETLINK_ADD_MEMBERSHIP ? f : NULL;
	return 0;
}
