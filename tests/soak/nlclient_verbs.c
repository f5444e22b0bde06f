/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests about peers and keys, and notifications, of whichever family. */
#include <errno.h>
#include <string.h>

#include "nlclient_private.h"

/* --- the verbs ---------------------------------------------------------------------------- */

unsigned int nlc_key_len(enum nlc_cipher cipher)
{
	switch (cipher) {
	case NLC_AES_128_GCM:
		return 16;
	case NLC_AES_192_GCM:
		return 24;
	case NLC_AES_256_GCM:
	case NLC_CHACHA20_POLY1305:
		break;
	}
	return 32;
}

int nlc_peer_new(struct nlc *c, const struct nlc_peer *p)
{
	struct nlc_question q;

	c->family->put_peer_new(
		nlc_ask(c, &q, c->family_id, c->family->cmd_peer_new, 0), c->ifindex, p, c->udp);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

int nlc_peer_set(struct nlc *c, uint32_t id, uint32_t interval, uint32_t timeout)
{
	struct nlc_question q;

	c->family->put_peer_set(nlc_ask(c, &q, c->family_id, c->family->cmd_peer_set, 0),
		c->ifindex, id, interval, timeout);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

int nlc_peer_del(struct nlc *c, uint32_t id)
{
	struct nlc_question q;

	c->family->put_peer_del(
		nlc_ask(c, &q, c->family_id, c->family->cmd_peer_del, 0), c->ifindex, id);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

int nlc_key_new(struct nlc *c, uint32_t id, enum nlc_slot slot, const struct nlc_key *k)
{
	struct nlc_question q;

	c->family->put_key_new(
		nlc_ask(c, &q, c->family_id, c->family->cmd_key_new, 0), c->ifindex, id, slot, k);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

int nlc_keys_swap(struct nlc *c, uint32_t id)
{
	struct nlc_question q;

	c->family->put_key_swap(
		nlc_ask(c, &q, c->family_id, c->family->cmd_key_swap, 0), c->ifindex, id);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

int nlc_key_del(struct nlc *c, uint32_t id, enum nlc_slot slot)
{
	struct nlc_question q;

	c->family->put_key_del(
		nlc_ask(c, &q, c->family_id, c->family->cmd_key_del, 0), c->ifindex, id, slot);
	return nlc_answer(c, c->genl, &q, NULL, NULL);
}

struct reading {
	void (*each)(const struct nlc_peer *p, void *arg);
	void *arg;
	bool dump;
	unsigned int peers;
};

static void on_peer(struct nlc *c, const struct nlmsghdr *h, void *arg)
{
	struct reading *r = arg;
	struct nlc_peer p;

	if (h->nlmsg_type != c->family_id || !c->family->read_peer(h, c->ifindex, &p))
		nlc_die("GET_PEER was answered by a message that is no peer's");
	if (r->dump != ((h->nlmsg_flags & NLM_F_MULTI) != 0))
		nlc_die("a peer's message says wrongly whether it belongs to a dump");
	r->peers++;
	r->each(&p, r->arg);
}

static void copy_peer(const struct nlc_peer *p, void *arg)
{
	memcpy(arg, p, sizeof(*p));
}

int nlc_peer_get(struct nlc *c, uint32_t id, struct nlc_peer *p)
{
	struct reading r = {.each = copy_peer, .arg = p};
	struct nlc_question q;
	int ret;

	c->family->put_peer_get(
		nlc_ask(c, &q, c->family_id, c->family->cmd_peer_get, 0), c->ifindex, &id);
	ret = nlc_answer(c, c->genl, &q, on_peer, &r);
	if ((r.peers != 1 && ret == 0) || (r.peers == 1 && p->id != id))
		nlc_die("GET_PEER of one was answered by %u peers", r.peers);
	return ret;
}

int nlc_dump(struct nlc *c, void (*each)(const struct nlc_peer *p, void *arg), void *arg)
{
	struct reading r = {.each = each, .arg = arg, .dump = true};
	struct nlc_question q;

	c->family->put_peer_get(nlc_ask(c, &q, c->family_id, c->family->cmd_peer_get, NLM_F_DUMP),
		c->ifindex, NULL);
	return nlc_answer(c, c->genl, &q, on_peer, &r);
}

static void on_key(struct nlc *c, const struct nlmsghdr *h, void *arg)
{
	if (h->nlmsg_type != c->family_id || !c->family->read_key(h, c->ifindex, arg))
		nlc_die("KEY_GET was answered by a message that is no key's");
}

int nlc_key_get(struct nlc *c, uint32_t id, enum nlc_slot slot, uint8_t *key_id)
{
	struct nlc_question q;

	if (c->family->cmd_key_get == 0)
		return -EOPNOTSUPP;
	/* asked for as it is deleted: peer and slot */
	c->family->put_key_del(
		nlc_ask(c, &q, c->family_id, c->family->cmd_key_get, 0), c->ifindex, id, slot);
	return nlc_answer(c, c->genl, &q, on_key, key_id);
}

uint64_t nlc_requests(const struct nlc *c)
{
	return c->requests;
}

const char *nlc_notice_name(enum nlc_notice_kind kind)
{
	static const char *const names[] = {"gone", "float", "key swap"};

	return names[kind];
}

bool nlc_notification(struct nlc *c, struct nlc_notice *notice)
{
	ssize_t n = nlc_receive(c->news, c->answer, sizeof(c->answer));
	const struct nlmsghdr *h = (const void *)c->answer;

	if (n == -EAGAIN)
		return false;
	if (n < 0)
		nlc_die("no notifications any more: %s", strerror((int)-n));
	/* openvpn takes the last message of a datagram for all of it */
	if (!mnl_nlmsg_ok(h, (int)n) || h->nlmsg_len != (size_t)n ||
		h->nlmsg_type != c->family_id || !c->family->read_notice(h, c->ifindex, notice))
		nlc_die("a notification that is none of this family and device");
	return true;
}
