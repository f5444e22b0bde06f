/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic netlink family ovpn, the asking side. Numbers are of its own: not src/control's. */
#include <netinet/in.h>
#include <string.h>
#include <linux/genetlink.h>

#include "nlclient_private.h"

enum { ATTR_IFINDEX = 1, ATTR_PEER, ATTR_KEYCONF, ATTR_MAX = ATTR_KEYCONF };
enum { CMD_PEER_NEW = 1, CMD_PEER_SET, CMD_PEER_GET, CMD_PEER_DEL, CMD_PEER_DEL_NTF };
enum { CMD_KEY_NEW = 6, CMD_KEY_GET, CMD_KEY_SWAP, CMD_KEY_SWAP_NTF, CMD_KEY_DEL };
enum { CMD_PEER_FLOAT_NTF = 11 };
enum { PEER_ID = 1, PEER_REMOTE4, PEER_REMOTE6, PEER_SCOPE, PEER_PORT, PEER_SOCKET };
enum { PEER_VPN4 = 8, PEER_VPN6, PEER_INTERVAL = 13, PEER_TIMEOUT, PEER_DEL_REASON };
enum { PEER_VPN_RX = 16, PEER_VPN_TX, PEER_LINK_RX = 20, PEER_LINK_TX };
enum { KEY_PEER = 1, KEY_SLOT, KEY_ID, KEY_CIPHER, KEY_ENCRYPT, KEY_DECRYPT };
enum { CIPHER_AES_GCM = 1, CIPHER_CHACHA20_POLY1305 };

#define NEST_MAX 32

/* The request's nest, with the peer's id, which has one number in both. */
static struct nlattr *begin(struct nlmsghdr *h, uint32_t ifindex, uint16_t nest, uint32_t id)
{
	struct nlattr *n;

	mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
	n = nlc_nest(h, nest);
	mnl_attr_put_u32(h, PEER_ID, id);
	return n;
}

static void put_ip(struct nlmsghdr *h, uint16_t attr, const struct ip_addr *a)
{
	if (a->family != IP_NONE)
		mnl_attr_put(h, attr, ip_len(a->family), a->b);
}

static void put_peer_new(struct nlmsghdr *h, uint32_t ifindex, const struct nlc_peer *p, int socket)
{
	struct nlattr *n = begin(h, ifindex, ATTR_PEER, p->id);

	mnl_attr_put_u32(h, PEER_SOCKET, (uint32_t)socket);
	put_ip(h, p->remote.ip.family == IP_V4 ? PEER_REMOTE4 : PEER_REMOTE6, &p->remote.ip);
	mnl_attr_put_u16(h, PEER_PORT, htons(p->remote.port));
	put_ip(h, PEER_VPN4, &p->vpn4);
	put_ip(h, PEER_VPN6, &p->vpn6);
	if (p->timeout != 0) {
		mnl_attr_put_u32(h, PEER_INTERVAL, p->interval);
		mnl_attr_put_u32(h, PEER_TIMEOUT, p->timeout);
	}
	mnl_attr_nest_end(h, n);
}

static void put_peer_set(
	struct nlmsghdr *h, uint32_t ifindex, uint32_t id, uint32_t interval, uint32_t timeout)
{
	struct nlattr *n = begin(h, ifindex, ATTR_PEER, id);

	mnl_attr_put_u32(h, PEER_INTERVAL, interval);
	mnl_attr_put_u32(h, PEER_TIMEOUT, timeout);
	mnl_attr_nest_end(h, n);
}

static void put_peer_del(struct nlmsghdr *h, uint32_t ifindex, uint32_t id)
{
	mnl_attr_nest_end(h, begin(h, ifindex, ATTR_PEER, id));
}

static void put_peer_get(struct nlmsghdr *h, uint32_t ifindex, const uint32_t *id)
{
	if (id != NULL)
		mnl_attr_nest_end(h, begin(h, ifindex, ATTR_PEER, *id));
	else
		mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
}

static void put_key_new(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot,
	const struct nlc_key *k)
{
	struct nlattr *n = begin(h, ifindex, ATTR_KEYCONF, id);
	unsigned int len = nlc_key_len(k->cipher);

	mnl_attr_put_u32(h, KEY_SLOT, slot);
	mnl_attr_put_u32(h, KEY_ID, k->id);
	mnl_attr_put_u32(h, KEY_CIPHER,
		k->cipher == NLC_CHACHA20_POLY1305 ? CIPHER_CHACHA20_POLY1305 : CIPHER_AES_GCM);
	nlc_key_dir(h, KEY_ENCRYPT, k->encrypt, len, k->encrypt_tail);
	nlc_key_dir(h, KEY_DECRYPT, k->decrypt, len, k->decrypt_tail);
	mnl_attr_nest_end(h, n);
}

static void put_key_swap(struct nlmsghdr *h, uint32_t ifindex, uint32_t id)
{
	mnl_attr_nest_end(h, begin(h, ifindex, ATTR_KEYCONF, id));
}

static void put_key_del(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot)
{
	struct nlattr *n = begin(h, ifindex, ATTR_KEYCONF, id);

	mnl_attr_put_u32(h, KEY_SLOT, slot);
	mnl_attr_nest_end(h, n);
}

/* --- answers and notifications ------------------------------------------------------------ */

struct attrs {
	const struct nlattr *a[NEST_MAX];
};

static int on_attr(const struct nlattr *a, void *arg)
{
	struct attrs *t = arg;

	if (mnl_attr_get_type(a) < NEST_MAX)
		t->a[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

/* The attributes inside that nest of a message about our device. */
static bool open_nest(
	const struct nlmsghdr *h, uint32_t ifindex, unsigned int nest, struct attrs *inner)
{
	struct attrs top = {0};

	return mnl_attr_parse(h, sizeof(struct genlmsghdr), on_attr, &top) >= 0 &&
		top.a[ATTR_IFINDEX] != NULL && mnl_attr_get_u32(top.a[ATTR_IFINDEX]) == ifindex &&
		top.a[nest] != NULL && mnl_attr_parse_nested(top.a[nest], on_attr, inner) >= 0;
}

static struct ip_addr ip_of(const struct nlattr *a, uint8_t family)
{
	if (a == NULL || mnl_attr_get_payload_len(a) != ip_len(family))
		return (struct ip_addr){0};
	return ip_from_bytes(family, mnl_attr_get_payload(a));
}

static bool u32_of(const struct nlattr *a, uint32_t *v)
{
	if (a == NULL || mnl_attr_get_payload_len(a) != 4)
		return false;
	*v = mnl_attr_get_u32(a);
	return true;
}

/* Address and port come together, or none of them. */
static struct udp_addr remote_of(const struct attrs *t)
{
	struct udp_addr r = {0};

	r.ip = t->a[PEER_REMOTE4] != NULL ? ip_of(t->a[PEER_REMOTE4], IP_V4)
					  : ip_of(t->a[PEER_REMOTE6], IP_V6);
	if ((r.ip.family != IP_NONE) != (t->a[PEER_PORT] != NULL))
		nlc_die("an address without a port, or a port without an address");
	if (t->a[PEER_PORT] != NULL)
		r.port = ntohs(mnl_attr_get_u16(t->a[PEER_PORT]));
	return r;
}

/* 4 bytes when they are enough. */
static uint64_t uint_of(const struct nlattr *a)
{
	uint32_t small;

	if (u32_of(a, &small))
		return small;
	return a != NULL && mnl_attr_get_payload_len(a) == 8 ? mnl_attr_get_u64(a) : UINT64_MAX;
}

static bool read_peer(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_peer *p)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	struct attrs t = {0};

	*p = (struct nlc_peer){0};
	if (g->cmd != CMD_PEER_GET || !open_nest(h, ifindex, ATTR_PEER, &t) ||
		!u32_of(t.a[PEER_ID], &p->id))
		return false;
	p->remote = remote_of(&t);
	p->vpn4 = ip_of(t.a[PEER_VPN4], IP_V4);
	p->vpn6 = ip_of(t.a[PEER_VPN6], IP_V6);
	u32_of(t.a[PEER_INTERVAL], &p->interval);
	u32_of(t.a[PEER_TIMEOUT], &p->timeout);
	p->vpn_rx_bytes = uint_of(t.a[PEER_VPN_RX]);
	p->vpn_tx_bytes = uint_of(t.a[PEER_VPN_TX]);
	p->link_rx_bytes = uint_of(t.a[PEER_LINK_RX]);
	p->link_tx_bytes = uint_of(t.a[PEER_LINK_TX]);
	return true;
}

static bool read_key(const struct nlmsghdr *h, uint32_t ifindex, uint8_t *key_id)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	struct attrs t = {0};
	uint32_t id;

	if (g->cmd != CMD_KEY_GET || !open_nest(h, ifindex, ATTR_KEYCONF, &t) ||
		!u32_of(t.a[KEY_ID], &id))
		return false;
	*key_id = (uint8_t)id;
	return true;
}

static bool read_gone(const struct attrs *t, struct nlc_notice *n)
{
	uint32_t why;

	n->kind = NLC_PEER_GONE;
	if (!u32_of(t->a[PEER_DEL_REASON], &why))
		return false;
	n->why = (enum nlc_gone)why;
	return true;
}

static bool read_float(const struct attrs *t, struct nlc_notice *n)
{
	n->kind = NLC_PEER_FLOAT;
	n->remote = remote_of(t);
	return n->remote.ip.family != IP_NONE;
}

static bool read_swap(const struct attrs *t, struct nlc_notice *n)
{
	n->kind = NLC_KEY_SWAP;
	if (t->a[KEY_ID] == NULL || mnl_attr_get_payload_len(t->a[KEY_ID]) != 2)
		return false;
	n->key_id = (uint8_t)mnl_attr_get_u16(t->a[KEY_ID]);
	return true;
}

static bool read_notice(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_notice *n)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	unsigned int nest = g->cmd == CMD_KEY_SWAP_NTF ? ATTR_KEYCONF : ATTR_PEER;
	struct attrs t = {0};

	*n = (struct nlc_notice){0};
	if (h->nlmsg_seq != 0 || !open_nest(h, ifindex, nest, &t) ||
		!u32_of(t.a[PEER_ID], &n->peer_id))
		return false;
	switch (g->cmd) {
	case CMD_PEER_DEL_NTF:
		return read_gone(&t, n);
	case CMD_PEER_FLOAT_NTF:
		return read_float(&t, n);
	case CMD_KEY_SWAP_NTF:
		return read_swap(&t, n);
	default:
		return false;
	}
}

const struct nlc_family nlc_ovpn = {
	.name = "ovpn",
	.kind = "ovpn",
	.joins_first = true,
	.tells_floats = true,
	.cmd_peer_new = CMD_PEER_NEW,
	.cmd_peer_set = CMD_PEER_SET,
	.cmd_peer_del = CMD_PEER_DEL,
	.cmd_peer_get = CMD_PEER_GET,
	.cmd_key_new = CMD_KEY_NEW,
	.cmd_key_swap = CMD_KEY_SWAP,
	.cmd_key_del = CMD_KEY_DEL,
	.cmd_key_get = CMD_KEY_GET,
	.put_peer_new = put_peer_new,
	.put_peer_set = put_peer_set,
	.put_peer_del = put_peer_del,
	.put_peer_get = put_peer_get,
	.put_key_new = put_key_new,
	.put_key_swap = put_key_swap,
	.put_key_del = put_key_del,
	.read_peer = read_peer,
	.read_key = read_key,
	.read_notice = read_notice,
};
