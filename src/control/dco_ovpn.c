/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/dco_ovpn.h"

#include <errno.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>

#include "control/dco_attrs.h"
#include "dataplane/dp_view.h"

#define VERSION	 1
#define PEER_MAX 320 /* bytes of one peer in an answer, at most */

enum cmd {
	CMD_PEER_NEW = 1,
	CMD_PEER_SET,
	CMD_PEER_GET,
	CMD_PEER_DEL,
	CMD_PEER_DEL_NTF,
	CMD_KEY_NEW,
	CMD_KEY_GET,
	CMD_KEY_SWAP,
	CMD_KEY_SWAP_NTF,
	CMD_KEY_DEL,
	CMD_PEER_FLOAT_NTF,
};

enum attr { ATTR_IFINDEX = 1, ATTR_PEER, ATTR_KEYCONF, ATTR_MAX = ATTR_KEYCONF };

enum peer_attr {
	PEER_ID = 1,
	PEER_REMOTE_IPV4,
	PEER_REMOTE_IPV6,
	PEER_REMOTE_IPV6_SCOPE_ID,
	PEER_REMOTE_PORT,
	PEER_SOCKET,
	PEER_SOCKET_NETNSID,
	PEER_VPN_IPV4,
	PEER_VPN_IPV6,
	PEER_LOCAL_IPV4,
	PEER_LOCAL_IPV6,
	PEER_LOCAL_PORT,
	PEER_KEEPALIVE_INTERVAL,
	PEER_KEEPALIVE_TIMEOUT,
	PEER_DEL_REASON,
	PEER_VPN_RX_BYTES,
	PEER_VPN_TX_BYTES,
	PEER_VPN_RX_PACKETS,
	PEER_VPN_TX_PACKETS,
	PEER_LINK_RX_BYTES,
	PEER_LINK_TX_BYTES,
	PEER_LINK_RX_PACKETS,
	PEER_LINK_TX_PACKETS,
	PEER_TX_ID,
	PEER_ATTR_MAX = PEER_TX_ID,
};

enum keyconf_attr {
	KEYCONF_PEER_ID = 1,
	KEYCONF_SLOT,
	KEYCONF_KEY_ID,
	KEYCONF_CIPHER_ALG,
	KEYCONF_ENCRYPT_DIR,
	KEYCONF_DECRYPT_DIR,
	KEYCONF_MAX = KEYCONF_DECRYPT_DIR,
};

typedef const struct nlattr *attrs_t[PEER_ATTR_MAX + 1];

/* --- requests --------------------------------------------------------------------------- */

/* Ports are in network byte order. An address and its port come together. */
static bool read_remote(const attrs_t a, struct dco_new_peer *p)
{
	const struct nlattr *v4 = a[PEER_REMOTE_IPV4];
	const struct nlattr *v6 = a[PEER_REMOTE_IPV6];
	const struct nlattr *scope = a[PEER_REMOTE_IPV6_SCOPE_ID];
	uint16_t port;

	p->has_remote = v4 != NULL || v6 != NULL;
	if (!p->has_remote)
		return a[PEER_REMOTE_PORT] == NULL;
	if ((v4 != NULL && v6 != NULL) || !nl_attr_u16(a[PEER_REMOTE_PORT], &port))
		return false;
	if (!dco_read_ip(v4 != NULL ? v4 : v6, v4 != NULL ? IP_V4 : IP_V6, &p->remote.ip))
		return false;
	if (v6 != NULL && scope != NULL && !nl_attr_u32(scope, &p->remote.scope))
		return false;
	p->remote.port = ntohs(port);
	dco_unmap(&p->remote.ip);
	if (p->remote.ip.family == IP_V4)
		p->remote.scope = 0;
	return true;
}

/* The wildcard asks for no source in particular. */
static bool read_local(const attrs_t a, struct dco_new_peer *p)
{
	const struct nlattr *v4 = a[PEER_LOCAL_IPV4];
	const struct nlattr *v6 = a[PEER_LOCAL_IPV6];

	if (v4 != NULL && v6 != NULL)
		return false;
	if (!dco_read_ip(v4 != NULL ? v4 : v6, v4 != NULL ? IP_V4 : IP_V6, &p->local))
		return false;
	dco_unmap(&p->local);
	if (ip_is_any(&p->local))
		p->local = (struct ip_addr){0};
	return p->local.family == IP_NONE || !p->has_remote ||
		p->local.family == p->remote.ip.family;
}

/* False: one of them is malformed, or half a keepalive. */
static bool read_set(const attrs_t a, struct dco_peer_set *s)
{
	const struct nlattr *interval = a[PEER_KEEPALIVE_INTERVAL];
	const struct nlattr *timeout = a[PEER_KEEPALIVE_TIMEOUT];
	const struct nlattr *tx_id = a[PEER_TX_ID];

	s->has_keepalive = interval != NULL || timeout != NULL;
	s->has_tx_id = tx_id != NULL;
	if (s->has_keepalive &&
		(!nl_attr_u32(interval, &s->keepalive.interval) ||
			!nl_attr_u32(timeout, &s->keepalive.timeout)))
		return false;
	return !s->has_tx_id || (nl_attr_u32(tx_id, &s->tx_id) && s->tx_id <= DP_TX_ID_MAX);
}

static int bad(const char **why, const char *sentence)
{
	*why = sentence;
	return -EINVAL;
}

static const char bad_set[] =
	"a keepalive is an interval and a timeout, an id for sending has 24 bits";

static int read_peer_new(const attrs_t a, struct dco_request *q, const char **why)
{
	struct dco_new_peer *p = &q->new_peer;

	p->has_socket = a[PEER_SOCKET] != NULL;
	if (p->has_socket && !nl_attr_u32(a[PEER_SOCKET], &p->socket))
		return bad(why, "PEER_NEW with a malformed socket");
	if (!read_remote(a, p))
		return bad(why, "PEER_NEW needs one remote address with its port, or none");
	if (!dco_read_ip(a[PEER_VPN_IPV4], IP_V4, &p->vpn4) ||
		!dco_read_ip(a[PEER_VPN_IPV6], IP_V6, &p->vpn6) || !read_local(a, p))
		return bad(why, "PEER_NEW with an address of a wrong length or family");
	if (!read_set(a, &p->set))
		return bad(why, bad_set);
	return 0;
}

static int read_peer_set(const attrs_t a, struct dco_request *q, const char **why)
{
	if (!read_set(a, &q->set))
		return bad(why, bad_set);
	if (!q->set.has_keepalive && !q->set.has_tx_id)
		return bad(why, "PEER_SET needs a keepalive or an id for sending");
	if (a[PEER_REMOTE_IPV4] != NULL || a[PEER_REMOTE_IPV6] != NULL ||
		a[PEER_LOCAL_IPV4] != NULL || a[PEER_LOCAL_IPV6] != NULL)
		return bad(why, "PEER_SET cannot move a peer: its own packets do");
	return 0;
}

static int read_slot(const attrs_t a, struct dco_request *q, const char **why)
{
	uint32_t slot;

	if (!nl_attr_u32(a[KEYCONF_SLOT], &slot) || !dco_read_slot(slot, &q->slot))
		return bad(why, "KEY_DEL and KEY_GET need a key slot");
	return 0;
}

static int read_key_new(const attrs_t a, struct dco_request *q, const char **why)
{
	struct dco_key *k = &q->key;
	uint32_t slot;
	uint32_t key_id;
	uint32_t cipher;

	if (!nl_attr_u32(a[KEYCONF_SLOT], &slot) || !dco_read_slot(slot, &k->slot) ||
		!nl_attr_u32(a[KEYCONF_KEY_ID], &key_id) || key_id > 7 ||
		!nl_attr_u32(a[KEYCONF_CIPHER_ALG], &cipher))
		return bad(why, "KEY_NEW needs a key slot, a key id and a cipher");
	k->material.key_id = (uint8_t)key_id;
	if (dco_read_keys(cipher, a[KEYCONF_ENCRYPT_DIR], a[KEYCONF_DECRYPT_DIR], k) < 0)
		return bad(why, "KEY_NEW needs a key and a nonce tail for both directions");
	return 0;
}

struct command {
	enum dco_verb verb;
	enum attr nest; /* PEER_ID and KEYCONF_PEER_ID are the same number */
	int (*read)(const attrs_t, struct dco_request *, const char **); /* what else there is */
};

static int read_command(
	const struct command *c, const struct nlattr *nest, struct dco_request *q, const char **why)
{
	attrs_t a = {NULL};
	unsigned int max = c->nest == ATTR_PEER ? PEER_ATTR_MAX : KEYCONF_MAX;

	if (nl_nest_read(nest, a, max) < 0 || !nl_attr_u32(a[PEER_ID], &q->peer_id))
		return bad(why, "a request without a peer id");
	return c->read != NULL ? c->read(a, q, why) : 0;
}

static int read_request(const struct nl_request *r, struct dco_request *q, const char **why)
{
	static const struct command commands[] = {
		[CMD_PEER_NEW] = {DCO_NEW_PEER, ATTR_PEER, read_peer_new},
		[CMD_PEER_SET] = {DCO_SET_PEER, ATTR_PEER, read_peer_set},
		[CMD_PEER_GET] = {DCO_GET_PEER, ATTR_PEER, NULL},
		[CMD_PEER_DEL] = {DCO_DEL_PEER, ATTR_PEER, NULL},
		[CMD_KEY_NEW] = {DCO_NEW_KEY, ATTR_KEYCONF, read_key_new},
		[CMD_KEY_GET] = {DCO_GET_KEY, ATTR_KEYCONF, read_slot},
		[CMD_KEY_SWAP] = {DCO_SWAP_KEYS, ATTR_KEYCONF, NULL},
		[CMD_KEY_DEL] = {DCO_DEL_KEY, ATTR_KEYCONF, read_slot},
	};
	const struct nlattr *a[ATTR_MAX + 1];

	memset(q, 0, sizeof(*q));
	*why = NULL;
	if (r->cmd >= ARRAY_LEN(commands) || commands[r->cmd].verb == 0) {
		*why = "ovpn has no such command";
		return -EOPNOTSUPP;
	}
	q->verb = commands[r->cmd].verb;
	if (nl_attrs_read(r->attrs, r->attrs_len, a, ATTR_MAX) < 0 ||
		!nl_attr_u32(a[ATTR_IFINDEX], &q->ifindex))
		return bad(why, "a request without an interface index");
	if (q->verb == DCO_GET_PEER && nl_request_is_dump(r)) {
		q->verb = DCO_DUMP_PEERS;
		q->peer_id = DP_NO_PEER;
		return 0;
	}
	return read_command(&commands[r->cmd], a[commands[r->cmd].nest], q, why);
}

/* --- answers and notifications ----------------------------------------------------------- */

/* A `uint` of netlink has 4 bytes when they are enough, else 8. */
static void put_uint(struct nlmsghdr *h, uint16_t type, uint64_t v)
{
	if (v <= UINT32_MAX)
		mnl_attr_put_u32(h, type, (uint32_t)v);
	else
		mnl_attr_put(h, type, sizeof(v), &v);
}

static void put_remote(struct nlmsghdr *h, const struct udp_addr *a)
{
	if (a->ip.family == IP_NONE)
		return;
	dco_put_ip(h, a->ip.family == IP_V4 ? PEER_REMOTE_IPV4 : PEER_REMOTE_IPV6, &a->ip);
	if (a->ip.family == IP_V6)
		mnl_attr_put_u32(h, PEER_REMOTE_IPV6_SCOPE_ID, a->scope);
	mnl_attr_put_u16(h, PEER_REMOTE_PORT, htons(a->port));
}

static void put_counters(struct nlmsghdr *h, const struct dp_peer_info *p)
{
	put_uint(h, PEER_VPN_RX_BYTES, p->vpn_rx_bytes);
	put_uint(h, PEER_VPN_TX_BYTES, p->vpn_tx_bytes);
	put_uint(h, PEER_VPN_RX_PACKETS, p->vpn_rx_packets);
	put_uint(h, PEER_VPN_TX_PACKETS, p->vpn_tx_packets);
	put_uint(h, PEER_LINK_RX_BYTES, p->link_rx_bytes);
	put_uint(h, PEER_LINK_TX_BYTES, p->link_tx_bytes);
	put_uint(h, PEER_LINK_RX_PACKETS, p->link_rx_packets);
	put_uint(h, PEER_LINK_TX_PACKETS, p->link_tx_packets);
}

static bool put_peer(struct nl_out *o, const struct nl_request *r, uint32_t ifindex,
	const struct dp_peer_info *p)
{
	uint16_t flags = nl_request_is_dump(r) ? NLM_F_MULTI : 0;
	struct nlmsghdr *h;
	struct nlattr *nest;

	if (nl_room(o) < PEER_MAX)
		return false;
	h = nl_msg_begin(o, r, DCO_OVPN_FAMILY_ID, flags, CMD_PEER_GET, VERSION);
	mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
	nest = mnl_attr_nest_start(h, ATTR_PEER);
	mnl_attr_put_u32(h, PEER_ID, p->id);
	if (!p->gone) {
		if (p->tx_id != p->id)
			mnl_attr_put_u32(h, PEER_TX_ID, p->tx_id);
		dco_put_ip(h, PEER_VPN_IPV4, &p->vpn4);
		dco_put_ip(h, PEER_VPN_IPV6, &p->vpn6);
		mnl_attr_put_u32(h, PEER_KEEPALIVE_INTERVAL, p->interval);
		mnl_attr_put_u32(h, PEER_KEEPALIVE_TIMEOUT, p->timeout);
		put_remote(h, &p->remote);
		dco_put_ip(h, p->local.ip.family == IP_V4 ? PEER_LOCAL_IPV4 : PEER_LOCAL_IPV6,
			&p->local.ip);
		mnl_attr_put_u16(h, PEER_LOCAL_PORT, htons(p->local.port));
	}
	put_counters(h, p);
	mnl_attr_nest_end(h, nest);
	nl_msg_end(o, h);
	return true;
}

static bool put_key(struct nl_out *o, const struct nl_request *r, const struct dco_request *q,
	const struct dp_key_info *key)
{
	struct nlmsghdr *h = nl_msg_begin(o, r, DCO_OVPN_FAMILY_ID, 0, CMD_KEY_GET, VERSION);
	struct nlattr *nest;

	mnl_attr_put_u32(h, ATTR_IFINDEX, q->ifindex);
	nest = mnl_attr_nest_start(h, ATTR_KEYCONF);
	mnl_attr_put_u32(h, KEYCONF_PEER_ID, q->peer_id);
	mnl_attr_put_u32(h, KEYCONF_SLOT, q->slot);
	mnl_attr_put_u32(h, KEYCONF_KEY_ID, key->key_id);
	mnl_attr_put_u32(h, KEYCONF_CIPHER_ALG, dco_cipher(key->alg));
	mnl_attr_nest_end(h, nest);
	nl_msg_end(o, h);
	return true;
}

static void put_notice_key(struct nlmsghdr *h, const struct dco_notice *n)
{
	struct nlattr *nest = mnl_attr_nest_start(h, ATTR_KEYCONF);

	mnl_attr_put_u32(h, KEYCONF_PEER_ID, n->peer_id);
	mnl_attr_put_u16(h, KEYCONF_KEY_ID, n->key_id); /* 16 bits, here alone */
	mnl_attr_nest_end(h, nest);
}

static void put_notice_peer(struct nlmsghdr *h, const struct dco_notice *n)
{
	struct nlattr *nest = mnl_attr_nest_start(h, ATTR_PEER);

	mnl_attr_put_u32(h, PEER_ID, n->peer_id);
	if (n->kind == DCO_NOTICE_GONE)
		mnl_attr_put_u32(h, PEER_DEL_REASON, n->why);
	else
		put_remote(h, &n->remote);
	mnl_attr_nest_end(h, nest);
}

static size_t put_notice(struct nl_out *o, const struct dco_notice *n)
{
	static const uint8_t cmds[] = {
		[DCO_NOTICE_GONE] = CMD_PEER_DEL_NTF,
		[DCO_NOTICE_FLOAT] = CMD_PEER_FLOAT_NTF,
		[DCO_NOTICE_KEY_SWAP] = CMD_KEY_SWAP_NTF,
	};
	struct nlmsghdr *h = nl_msg_begin(o, NULL, DCO_OVPN_FAMILY_ID, 0, cmds[n->kind], VERSION);

	mnl_attr_put_u32(h, ATTR_IFINDEX, n->ifindex);
	if (n->kind == DCO_NOTICE_KEY_SWAP)
		put_notice_key(h, n);
	else
		put_notice_peer(h, n);
	nl_msg_end(o, h);
	return o->len;
}

const struct dco_family dco_ovpn_family = {
	.genl =
		{
			.id = DCO_OVPN_FAMILY_ID,
			.name = "ovpn",
			.version = VERSION,
			.maxattr = ATTR_MAX,
			.group = "peers",
			.group_id = DCO_OVPN_GROUP_ID,
		},
	.kind = "ovpn",
	.read = read_request,
	.put_peer = put_peer,
	.put_key = put_key,
	.put_notice = put_notice,
};
