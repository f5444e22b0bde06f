/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/dco_v2.h"

#include <errno.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>

#include "control/dco_attrs.h"
#include "dataplane/dp_view.h"

#define VERSION	 1
#define PEER_MAX 320 /* bytes of one peer in an answer, at most */

enum cmd {
	CMD_NEW_PEER = 1,
	CMD_SET_PEER,
	CMD_DEL_PEER,
	CMD_NEW_KEY,
	CMD_SWAP_KEYS,
	CMD_DEL_KEY,
	CMD_GET_PEER,
};

enum attr {
	ATTR_IFINDEX = 1,
	ATTR_NEW_PEER,
	ATTR_SET_PEER,
	ATTR_DEL_PEER,
	ATTR_NEW_KEY,
	ATTR_SWAP_KEYS,
	ATTR_DEL_KEY,
	ATTR_GET_PEER,
	ATTR_MAX = ATTR_GET_PEER,
};

enum new_peer_attr {
	NEW_PEER_ID = 1,
	NEW_PEER_REMOTE,
	NEW_PEER_SOCKET,
	NEW_PEER_VPN4,
	NEW_PEER_VPN6,
	NEW_PEER_LOCAL_IP,
	NEW_PEER_MAX = NEW_PEER_LOCAL_IP,
};

enum set_peer_attr {
	SET_PEER_ID = 1,
	SET_PEER_INTERVAL,
	SET_PEER_TIMEOUT,
	SET_PEER_MAX = SET_PEER_TIMEOUT
};

enum del_peer_attr { DEL_PEER_REASON = 1, DEL_PEER_ID, DEL_PEER_MAX = DEL_PEER_ID };

enum new_key_attr {
	NEW_KEY_PEER_ID = 1,
	NEW_KEY_SLOT,
	NEW_KEY_ID,
	NEW_KEY_ALG,
	NEW_KEY_ENCRYPT,
	NEW_KEY_DECRYPT,
	NEW_KEY_MAX = NEW_KEY_DECRYPT,
};

enum swap_keys_attr { SWAP_KEYS_PEER_ID = 1, SWAP_KEYS_MAX = SWAP_KEYS_PEER_ID };

enum del_key_attr { DEL_KEY_PEER_ID = 1, DEL_KEY_SLOT, DEL_KEY_MAX = DEL_KEY_SLOT };

enum get_peer_attr {
	GET_PEER_ID = 1,
	GET_PEER_REMOTE,
	GET_PEER_VPN4,
	GET_PEER_VPN6,
	GET_PEER_LOCAL_IP,
	GET_PEER_LOCAL_PORT,
	GET_PEER_INTERVAL,
	GET_PEER_TIMEOUT,
	GET_PEER_VPN_RX_BYTES,
	GET_PEER_VPN_TX_BYTES,
	GET_PEER_VPN_RX_PACKETS,
	GET_PEER_VPN_TX_PACKETS,
	GET_PEER_LINK_RX_BYTES,
	GET_PEER_LINK_TX_BYTES,
	GET_PEER_LINK_RX_PACKETS,
	GET_PEER_LINK_TX_PACKETS,
};

static bool read_sockaddr(const struct nlattr *a, struct udp_addr *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	size_t len = nl_attr_len(a);

	*out = (struct udp_addr){0};
	if (len == sizeof(v4)) {
		memcpy(&v4, nl_attr_data(a), sizeof(v4));
		out->ip = ip_from_bytes(IP_V4, &v4.sin_addr);
		out->port = ntohs(v4.sin_port);
		return v4.sin_family == AF_INET;
	}
	if (len == sizeof(v6)) {
		memcpy(&v6, nl_attr_data(a), sizeof(v6));
		out->ip = ip_from_bytes(IP_V6, &v6.sin6_addr);
		out->port = ntohs(v6.sin6_port);
		out->scope = v6.sin6_scope_id;
		dco_unmap(&out->ip);
		return v6.sin6_family == AF_INET6;
	}
	return false;
}

static bool read_local(const struct nlattr *a, struct ip_addr *out)
{
	if (!dco_read_ip(a, a != NULL && nl_attr_len(a) == 4 ? IP_V4 : IP_V6, out))
		return false;
	dco_unmap(out);
	/* the wildcard asks for no source in particular */
	if (ip_is_any(out))
		*out = (struct ip_addr){0};
	return true;
}

static int read_new_peer(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[NEW_PEER_MAX + 1];
	struct dco_new_peer *p = &q->new_peer;

	if (nl_nest_read(nest, a, NEW_PEER_MAX) < 0 || !nl_attr_u32(a[NEW_PEER_ID], &q->peer_id)) {
		*why = "NEW_PEER without a peer id";
		return -EINVAL;
	}
	p->has_remote = a[NEW_PEER_REMOTE] != NULL;
	if (p->has_remote && !read_sockaddr(a[NEW_PEER_REMOTE], &p->remote)) {
		*why = "NEW_PEER with a remote that is no IPv4 or IPv6 address";
		return -EINVAL;
	}
	p->has_socket = a[NEW_PEER_SOCKET] != NULL;
	if (p->has_socket && !nl_attr_u32(a[NEW_PEER_SOCKET], &p->socket)) {
		*why = "NEW_PEER with a malformed socket";
		return -EINVAL;
	}
	if (!dco_read_ip(a[NEW_PEER_VPN4], IP_V4, &p->vpn4) ||
		!dco_read_ip(a[NEW_PEER_VPN6], IP_V6, &p->vpn6) ||
		!read_local(a[NEW_PEER_LOCAL_IP], &p->local)) {
		*why = "NEW_PEER with an address of a wrong length";
		return -EINVAL;
	}
	return 0;
}

static int read_set_peer(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[SET_PEER_MAX + 1];

	if (nl_nest_read(nest, a, SET_PEER_MAX) < 0 || !nl_attr_u32(a[SET_PEER_ID], &q->peer_id) ||
		!nl_attr_u32(a[SET_PEER_INTERVAL], &q->set.keepalive.interval) ||
		!nl_attr_u32(a[SET_PEER_TIMEOUT], &q->set.keepalive.timeout)) {
		*why = "SET_PEER needs a peer id, a keepalive interval and a timeout";
		return -EINVAL;
	}
	q->set.has_keepalive = true;
	return 0;
}

static int read_del_peer(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[DEL_PEER_MAX + 1];

	if (nl_nest_read(nest, a, DEL_PEER_MAX) < 0 || !nl_attr_u32(a[DEL_PEER_ID], &q->peer_id)) {
		*why = "DEL_PEER without a peer id";
		return -EINVAL;
	}
	return 0;
}

static bool read_slot(const struct nlattr *a, enum keyslot *slot)
{
	uint8_t v;

	return nl_attr_u8(a, &v) && dco_read_slot(v, slot);
}

static int read_new_key(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[NEW_KEY_MAX + 1];
	struct dco_key *k = &q->key;
	uint16_t cipher;

	if (nl_nest_read(nest, a, NEW_KEY_MAX) < 0 ||
		!nl_attr_u32(a[NEW_KEY_PEER_ID], &q->peer_id) ||
		!read_slot(a[NEW_KEY_SLOT], &k->slot) ||
		!nl_attr_u8(a[NEW_KEY_ID], &k->material.key_id) || k->material.key_id > 7 ||
		!nl_attr_u16(a[NEW_KEY_ALG], &cipher)) {
		*why = "NEW_KEY needs a peer id, a key slot, a key id and a cipher";
		return -EINVAL;
	}
	if (dco_read_keys(cipher, a[NEW_KEY_ENCRYPT], a[NEW_KEY_DECRYPT], k) < 0) {
		*why = "NEW_KEY needs a key and a nonce tail for both directions";
		return -EINVAL;
	}
	return 0;
}

static int read_swap_keys(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[SWAP_KEYS_MAX + 1];

	if (nl_nest_read(nest, a, SWAP_KEYS_MAX) < 0 ||
		!nl_attr_u32(a[SWAP_KEYS_PEER_ID], &q->peer_id)) {
		*why = "SWAP_KEYS without a peer id";
		return -EINVAL;
	}
	return 0;
}

static int read_del_key(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[DEL_KEY_MAX + 1];

	if (nl_nest_read(nest, a, DEL_KEY_MAX) < 0 ||
		!nl_attr_u32(a[DEL_KEY_PEER_ID], &q->peer_id) ||
		!read_slot(a[DEL_KEY_SLOT], &q->slot)) {
		*why = "DEL_KEY needs a peer id and a key slot";
		return -EINVAL;
	}
	return 0;
}

static int read_get_peer(const struct nlattr *nest, struct dco_request *q, const char **why)
{
	const struct nlattr *a[GET_PEER_ID + 1];

	if (nl_nest_read(nest, a, GET_PEER_ID) < 0 || !nl_attr_u32(a[GET_PEER_ID], &q->peer_id)) {
		*why = "GET_PEER without a peer id";
		return -EINVAL;
	}
	return 0;
}

static int read_request(const struct nl_request *r, struct dco_request *q, const char **why)
{
	static const struct {
		enum dco_verb verb;
		enum attr nest;
		int (*read)(const struct nlattr *, struct dco_request *, const char **);
	} commands[] = {
		[CMD_NEW_PEER] = {DCO_NEW_PEER, ATTR_NEW_PEER, read_new_peer},
		[CMD_SET_PEER] = {DCO_SET_PEER, ATTR_SET_PEER, read_set_peer},
		[CMD_DEL_PEER] = {DCO_DEL_PEER, ATTR_DEL_PEER, read_del_peer},
		[CMD_NEW_KEY] = {DCO_NEW_KEY, ATTR_NEW_KEY, read_new_key},
		[CMD_SWAP_KEYS] = {DCO_SWAP_KEYS, ATTR_SWAP_KEYS, read_swap_keys},
		[CMD_DEL_KEY] = {DCO_DEL_KEY, ATTR_DEL_KEY, read_del_key},
		[CMD_GET_PEER] = {DCO_GET_PEER, ATTR_GET_PEER, read_get_peer},
	};
	const struct nlattr *a[ATTR_MAX + 1];

	memset(q, 0, sizeof(*q));
	*why = NULL;
	if (r->cmd == 0 || r->cmd >= ARRAY_LEN(commands)) {
		*why = "ovpn-dco-v2 has no such command";
		return -EOPNOTSUPP;
	}
	q->verb = commands[r->cmd].verb;
	if (nl_attrs_read(r->attrs, r->attrs_len, a, ATTR_MAX) < 0 ||
		!nl_attr_u32(a[ATTR_IFINDEX], &q->ifindex)) {
		*why = "a request without an interface index";
		return -EINVAL;
	}
	if (q->verb == DCO_GET_PEER && nl_request_is_dump(r)) {
		q->verb = DCO_DUMP_PEERS;
		q->peer_id = DP_NO_PEER;
		return 0;
	}
	return commands[r->cmd].read(a[commands[r->cmd].nest], q, why);
}

static void put_sockaddr(struct nlmsghdr *h, uint16_t type, const struct udp_addr *a)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	if (a->ip.family == IP_V4) {
		memcpy(&v4.sin_addr, a->ip.b, 4);
		mnl_attr_put(h, type, sizeof(v4), &v4);
	} else if (a->ip.family == IP_V6) {
		memcpy(&v6.sin6_addr, a->ip.b, 16);
		v6.sin6_scope_id = a->scope;
		mnl_attr_put(h, type, sizeof(v6), &v6);
	}
}

static void put_counters(struct nlmsghdr *h, const struct dp_peer_info *p)
{
	mnl_attr_put_u64(h, GET_PEER_VPN_RX_BYTES, p->vpn_rx_bytes);
	mnl_attr_put_u64(h, GET_PEER_VPN_TX_BYTES, p->vpn_tx_bytes);
	mnl_attr_put_u32(h, GET_PEER_VPN_RX_PACKETS, (uint32_t)p->vpn_rx_packets);
	mnl_attr_put_u32(h, GET_PEER_VPN_TX_PACKETS, (uint32_t)p->vpn_tx_packets);
	mnl_attr_put_u64(h, GET_PEER_LINK_RX_BYTES, p->link_rx_bytes);
	mnl_attr_put_u64(h, GET_PEER_LINK_TX_BYTES, p->link_tx_bytes);
	mnl_attr_put_u32(h, GET_PEER_LINK_RX_PACKETS, (uint32_t)p->link_rx_packets);
	mnl_attr_put_u32(h, GET_PEER_LINK_TX_PACKETS, (uint32_t)p->link_tx_packets);
}

static bool put_peer(struct nl_out *o, const struct nl_request *r, uint32_t ifindex,
	const struct dp_peer_info *p)
{
	uint16_t flags = nl_request_is_dump(r) ? NLM_F_MULTI : 0;
	struct nlmsghdr *h;
	struct nlattr *nest;

	if (nl_room(o) < PEER_MAX)
		return false;
	h = nl_msg_begin(o, r, DCO_V2_FAMILY_ID, flags, CMD_GET_PEER, VERSION);
	mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
	nest = mnl_attr_nest_start(h, ATTR_GET_PEER);
	mnl_attr_put_u32(h, GET_PEER_ID, p->id);
	if (!p->gone) {
		put_sockaddr(h, GET_PEER_REMOTE, &p->remote);
		dco_put_ip(h, GET_PEER_VPN4, &p->vpn4);
		dco_put_ip(h, GET_PEER_VPN6, &p->vpn6);
		dco_put_ip(h, GET_PEER_LOCAL_IP, &p->local.ip);
		mnl_attr_put_u16(h, GET_PEER_LOCAL_PORT, htons(p->local.port));
		mnl_attr_put_u32(h, GET_PEER_INTERVAL, p->interval);
		mnl_attr_put_u32(h, GET_PEER_TIMEOUT, p->timeout);
	}
	put_counters(h, p);
	mnl_attr_nest_end(h, nest);
	nl_msg_end(o, h);
	return true;
}

/* The module tells of peers that are gone, and of nothing else. */
static size_t put_notice(struct nl_out *o, const struct dco_notice *n)
{
	struct nlmsghdr *h;
	struct nlattr *nest;

	if (n->kind != DCO_NOTICE_GONE)
		return 0;
	h = nl_msg_begin(o, NULL, DCO_V2_FAMILY_ID, 0, CMD_DEL_PEER, VERSION);
	mnl_attr_put_u32(h, ATTR_IFINDEX, n->ifindex);
	nest = mnl_attr_nest_start(h, ATTR_DEL_PEER);
	mnl_attr_put_u8(h, DEL_PEER_REASON, (uint8_t)n->why);
	mnl_attr_put_u32(h, DEL_PEER_ID, n->peer_id);
	mnl_attr_nest_end(h, nest);
	nl_msg_end(o, h);
	return o->len;
}

const struct dco_family dco_v2_family = {
	.genl =
		{
			.id = DCO_V2_FAMILY_ID,
			.name = "ovpn-dco-v2",
			.version = VERSION,
			.maxattr = ATTR_MAX,
			.group = "peers",
			.group_id = DCO_V2_GROUP_ID,
		},
	.kind = "ovpn-dco",
	.read = read_request,
	.put_peer = put_peer,
	.put_notice = put_notice,
};
