/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic netlink family ovpn-dco-v2, the asking side. Numbers are of its own: not src/control's.
 */
#include <netinet/in.h>
#include <string.h>
#include <linux/genetlink.h>

#include "nlclient_private.h"

enum { ATTR_IFINDEX = 1, ATTR_NEW_PEER, ATTR_SET_PEER, ATTR_DEL_PEER, ATTR_NEW_KEY };
enum { ATTR_SWAP_KEYS = 6, ATTR_DEL_KEY, ATTR_GET_PEER, ATTR_MAX = ATTR_GET_PEER };
enum { CMD_NEW_PEER = 1, CMD_SET_PEER, CMD_DEL_PEER, CMD_NEW_KEY, CMD_SWAP_KEYS, CMD_DEL_KEY };
enum { CMD_GET_PEER = 7 };
enum { PEER_ID = 1, PEER_REMOTE, PEER_SOCKET, PEER_VPN4, PEER_VPN6 };
enum { GET_REMOTE = 2, GET_VPN4, GET_VPN6, GET_INTERVAL = 7, GET_TIMEOUT };
enum { GET_VPN_RX = 9, GET_VPN_TX, GET_LINK_RX = 13, GET_LINK_TX, GET_MAX = 16 };
enum { DEL_REASON = 1, DEL_ID, DEL_MAX = DEL_ID };
enum { KEY_SLOT = 2, KEY_ID, KEY_CIPHER, KEY_ENCRYPT, KEY_DECRYPT };
enum { CIPHER_AES_GCM = 1, CIPHER_CHACHA20_POLY1305 };

/* The request's nest, with the peer's id under that number. */
static struct nlattr *begin(
	struct nlmsghdr *h, uint32_t ifindex, uint16_t nest, uint16_t id_attr, uint32_t id)
{
	struct nlattr *n;

	mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
	n = nlc_nest(h, nest);
	mnl_attr_put_u32(h, id_attr, id);
	return n;
}

static void put_remote(struct nlmsghdr *h, const struct udp_addr *a)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	if (a->ip.family == IP_V4) {
		memcpy(&v4.sin_addr, a->ip.b, 4);
		mnl_attr_put(h, PEER_REMOTE, sizeof(v4), &v4);
	} else if (a->ip.family == IP_V6) {
		memcpy(&v6.sin6_addr, a->ip.b, 16);
		mnl_attr_put(h, PEER_REMOTE, sizeof(v6), &v6);
	}
}

static void put_ip(struct nlmsghdr *h, uint16_t attr, const struct ip_addr *a)
{
	if (a->family != IP_NONE)
		mnl_attr_put(h, attr, ip_len(a->family), a->b);
}

static void put_peer_new(struct nlmsghdr *h, uint32_t ifindex, const struct nlc_peer *p, int socket)
{
	struct nlattr *n = begin(h, ifindex, ATTR_NEW_PEER, PEER_ID, p->id);

	put_remote(h, &p->remote);
	mnl_attr_put_u32(h, PEER_SOCKET, (uint32_t)socket);
	put_ip(h, PEER_VPN4, &p->vpn4);
	put_ip(h, PEER_VPN6, &p->vpn6);
	mnl_attr_nest_end(h, n);
}

static void put_peer_set(
	struct nlmsghdr *h, uint32_t ifindex, uint32_t id, uint32_t interval, uint32_t timeout)
{
	struct nlattr *n = begin(h, ifindex, ATTR_SET_PEER, PEER_ID, id);

	mnl_attr_put_u32(h, 2, interval);
	mnl_attr_put_u32(h, 3, timeout);
	mnl_attr_nest_end(h, n);
}

static void put_peer_del(struct nlmsghdr *h, uint32_t ifindex, uint32_t id)
{
	mnl_attr_nest_end(h, begin(h, ifindex, ATTR_DEL_PEER, DEL_ID, id));
}

static void put_peer_get(struct nlmsghdr *h, uint32_t ifindex, const uint32_t *id)
{
	if (id != NULL)
		mnl_attr_nest_end(h, begin(h, ifindex, ATTR_GET_PEER, PEER_ID, *id));
	else
		mnl_attr_put_u32(h, ATTR_IFINDEX, ifindex);
}

static void put_key_new(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot,
	const struct nlc_key *k)
{
	struct nlattr *n = begin(h, ifindex, ATTR_NEW_KEY, PEER_ID, id);
	unsigned int len = nlc_key_len(k->cipher);

	mnl_attr_put_u8(h, KEY_SLOT, (uint8_t)slot);
	mnl_attr_put_u8(h, KEY_ID, k->id);
	mnl_attr_put_u16(h, KEY_CIPHER,
		k->cipher == NLC_CHACHA20_POLY1305 ? CIPHER_CHACHA20_POLY1305 : CIPHER_AES_GCM);
	nlc_key_dir(h, KEY_ENCRYPT, k->encrypt, len, k->encrypt_tail);
	nlc_key_dir(h, KEY_DECRYPT, k->decrypt, len, k->decrypt_tail);
	mnl_attr_nest_end(h, n);
}

static void put_key_swap(struct nlmsghdr *h, uint32_t ifindex, uint32_t id)
{
	mnl_attr_nest_end(h, begin(h, ifindex, ATTR_SWAP_KEYS, PEER_ID, id));
}

static void put_key_del(struct nlmsghdr *h, uint32_t ifindex, uint32_t id, enum nlc_slot slot)
{
	struct nlattr *n = begin(h, ifindex, ATTR_DEL_KEY, PEER_ID, id);

	mnl_attr_put_u8(h, KEY_SLOT, (uint8_t)slot);
	mnl_attr_nest_end(h, n);
}

/* --- answers and notifications ------------------------------------------------------------ */

struct attrs {
	unsigned int max;
	const struct nlattr *a[GET_MAX + 1];
};

static int on_attr(const struct nlattr *a, void *arg)
{
	struct attrs *t = arg;

	if (mnl_attr_get_type(a) <= t->max)
		t->a[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

/* The attributes inside that nest of a message about our device. */
static bool open_nest(
	const struct nlmsghdr *h, uint32_t ifindex, unsigned int nest, struct attrs *inner)
{
	struct attrs top = {.max = ATTR_MAX};

	if (mnl_attr_parse(h, sizeof(struct genlmsghdr), on_attr, &top) < 0 ||
		top.a[ATTR_IFINDEX] == NULL || mnl_attr_get_u32(top.a[ATTR_IFINDEX]) != ifindex ||
		top.a[nest] == NULL)
		return false;
	return mnl_attr_parse_nested(top.a[nest], on_attr, inner) >= 0;
}

static struct ip_addr ip_of(const struct nlattr *a, uint8_t family)
{
	if (a == NULL || mnl_attr_get_payload_len(a) != ip_len(family))
		return (struct ip_addr){0};
	return ip_from_bytes(family, mnl_attr_get_payload(a));
}

static struct udp_addr remote_of(const struct nlattr *a)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct udp_addr r = {0};

	if (a != NULL && mnl_attr_get_payload_len(a) == sizeof(v4)) {
		memcpy(&v4, mnl_attr_get_payload(a), sizeof(v4));
		r.ip = ip_from_bytes(IP_V4, &v4.sin_addr);
		r.port = ntohs(v4.sin_port);
	} else if (a != NULL && mnl_attr_get_payload_len(a) == sizeof(v6)) {
		memcpy(&v6, mnl_attr_get_payload(a), sizeof(v6));
		r.ip = ip_from_bytes(IP_V6, &v6.sin6_addr);
		r.port = ntohs(v6.sin6_port);
	}
	return r;
}

static uint64_t u64_of(const struct nlattr *a)
{
	return a != NULL && mnl_attr_get_payload_len(a) == 8 ? mnl_attr_get_u64(a) : UINT64_MAX;
}

static bool read_peer(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_peer *p)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	struct attrs t = {.max = GET_MAX};

	if (g->cmd != CMD_GET_PEER || !open_nest(h, ifindex, ATTR_GET_PEER, &t) ||
		t.a[PEER_ID] == NULL)
		return false;
	*p = (struct nlc_peer){
		.id = mnl_attr_get_u32(t.a[PEER_ID]),
		.remote = remote_of(t.a[GET_REMOTE]),
		.vpn4 = ip_of(t.a[GET_VPN4], IP_V4),
		.vpn6 = ip_of(t.a[GET_VPN6], IP_V6),
		.interval = t.a[GET_INTERVAL] != NULL ? mnl_attr_get_u32(t.a[GET_INTERVAL]) : 0,
		.timeout = t.a[GET_TIMEOUT] != NULL ? mnl_attr_get_u32(t.a[GET_TIMEOUT]) : 0,
		.vpn_rx_bytes = u64_of(t.a[GET_VPN_RX]),
		.vpn_tx_bytes = u64_of(t.a[GET_VPN_TX]),
		.link_rx_bytes = u64_of(t.a[GET_LINK_RX]),
		.link_tx_bytes = u64_of(t.a[GET_LINK_TX]),
	};
	return true;
}

static bool read_notice(const struct nlmsghdr *h, uint32_t ifindex, struct nlc_notice *n)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	struct attrs t = {.max = DEL_MAX};

	if (h->nlmsg_seq != 0 || g->cmd != CMD_DEL_PEER ||
		!open_nest(h, ifindex, ATTR_DEL_PEER, &t) || t.a[DEL_ID] == NULL ||
		t.a[DEL_REASON] == NULL)
		return false;
	*n = (struct nlc_notice){
		.kind = NLC_PEER_GONE,
		.peer_id = mnl_attr_get_u32(t.a[DEL_ID]),
		.why = (enum nlc_gone)mnl_attr_get_u8(t.a[DEL_REASON]),
	};
	return true;
}

const struct nlc_family nlc_ovpn_dco_v2 = {
	.name = "ovpn-dco-v2",
	.kind = "ovpn-dco",
	.cmd_peer_new = CMD_NEW_PEER,
	.cmd_peer_set = CMD_SET_PEER,
	.cmd_peer_del = CMD_DEL_PEER,
	.cmd_peer_get = CMD_GET_PEER,
	.cmd_key_new = CMD_NEW_KEY,
	.cmd_key_swap = CMD_SWAP_KEYS,
	.cmd_key_del = CMD_DEL_KEY,
	.put_peer_new = put_peer_new,
	.put_peer_set = put_peer_set,
	.put_peer_del = put_peer_del,
	.put_peer_get = put_peer_get,
	.put_key_new = put_key_new,
	.put_key_swap = put_key_swap,
	.put_key_del = put_key_del,
	.read_peer = read_peer,
	.read_notice = read_notice,
};
