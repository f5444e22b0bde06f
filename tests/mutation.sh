#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Are the checks checked? Breaks each of them in a copy of the sources, one at a time, and runs the
# test that must notice. A check that can be broken without a failure is not tested. By hand, or by
# test.sh --tier mutation; needs root for the tier control only.

usage()
{
	cat <<-END
		usage: tests/mutation.sh [--list | --check] [WORD]...

		Each line of the table in this script names a check, a file, a sed program that breaks the
		check, and the test that must fail then. With WORDs only the lines that have one of them.

		  --list   the checks' names
		  --check  builds nothing: does each line still change what it means to, is its test there?
	END
}

set -u -o pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)

# check | file | sed | test, its arguments: as meson has them, or those that the program takes besides
# Behind a file's name: how many lines the sed changes, if more than it has commands.
table()
{
	cat <<-'END'
		authentication: the tag decides | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_decap cpu
		authentication: the tag decides (queue) | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_decap queue
		replay: look before decryption | dataplane/decap.c | s/replay_check(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/ | component/test_decap cpu
		replay: commit after it | dataplane/decap.c | s/replay_commit(rx, run->pkts/replay_check(rx, run->pkts/ | component/test_decap cpu
		replay: ids are remembered | crypto/replay.h | s/\*word . 1ull << id % 64/*word/ | unit/test_replay
		replay: the top is told last | crypto/replay.c | s/uint64_t \*last = .*/&\nif (id - r->top < r->window) replay_top_set(r, id);/ | unit/test_replay
		peer: of this id only | dataplane/peertab.h:2 | s/id & (PEERTAB_PAGE - 1)/id \& 15/ | component/test_decap cpu
		peer: of a burst all are compared | dataplane/decap.c | s/b->who\[i\] == b->who\[0\]/true/ | component/test_decap cpu
		peer: no id twice | dataplane/peer.c | s/inst->mode != DP_MODE_P2P && peertab_find(&inst->peers, conf->id) != NULL/false/ | component/test_life cpu
		peer: no more than max-peers | dataplane/peer.c | s/dp->nb_peers - replaces >= dp->max_peers/false/ | component/test_life cpu
		peer: ids have 24 bits | dataplane/peer.c | s/conf->id > WIRE_PEER_MAX .. // | component/test_life cpu
		peer: of this instance | dataplane/state.h | s/inst != NULL && inst->iid == iid/inst != NULL/ | component/test_events cpu
		key: a run's key is compared | dataplane/decap.c | s/pkts\[run.n\]->key == run.key/true/ | component/test_decap cpu
		source: IPv4 address | dataplane/decap.c | s/peer->has_vpn4 && memcmp(src, peer->vpn4, 4) == 0/peer->has_vpn4/ | component/test_decap cpu
		source: IPv6 address | dataplane/decap.c | s/peer->has_vpn6 && memcmp(src, peer->vpn6, 16) == 0/peer->has_vpn6/ | component/test_decap cpu
		source: a peer without addresses | dataplane/decap.c | s/family == IP_V4 && peer->has_vpn4/family == IP_V4/ | component/test_decap cpu
		source: iroutes of this peer only | dataplane/decap.c | s/fib_lookup(fib, family, src) == peer->id/true/ | component/test_decap cpu
		source: it is asked at all | dataplane/decap.c | s/!source_is_peers(.*inner_source(inner, family))/false/ | component/test_decap cpu
		source: martians | dataplane/decap.c | s/!inner_source_is_martian(src, family)/true/ | component/test_decap cpu
		inner: lengths of IPv4 | dataplane/inner.h | s/total >= hdr && total <= len/true/ | component/test_decap cpu
		inner: lengths of IPv6 | dataplane/inner.h | s/be16_load(p + 4) <= len - 40/true/ | component/test_decap cpu
		inner: a peer's MAC is of its own time | dataplane/encap.c | s/peer->generation == (uint16_t)(who >> 32)/true/ | component/test_device cpu
		inner: multicast goes to nobody | dataplane/encap.c | s/if (mac.0. & 1) {/if (false) {/ | component/test_device cpu
		inner: only a peer's MAC | dataplane/inner.h | s/return mac.0. == 0x02;/return true;/ | component/test_device cpu
		inner: IP only | dataplane/encap.c | s/type != ETHERTYPE_IP4 && type != ETHERTYPE_IP6/false/ | component/test_device cpu
		DATA never to openvpn: V2 | dataplane/classify.c | s/c->verdict = VERDICT_DATA/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: V1 | dataplane/classify.c | s/drop(c, DROP_DATA_V1)/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: short | dataplane/classify.c | s/drop(c, DROP_DATA_SHORT)/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: no such peer | dataplane/decap.c | s/drop_pkt(w, p, DROP_UNKNOWN_PEER)/worker_send_exception(w, pkt_mbuf(p))/ | component/test_events cpu
		DATA never to openvpn: the agent looks again | control/datagrams.c | s/opcode == P_DATA_V1 .. opcode == P_DATA_V2/false/ | control/test_agent
		sockets: names of one family only | control/datagrams.c | s/return shim_addr_fits(name, arrived->k.family) ? arrived : NULL/return arrived/ | control/test_agent_crossing
		sockets: addresses of one family only | control/datagrams.c | s/!shim_addr_fits(&remote, by->k.family)/false/ | control/test_agent_crossing
		sockets: openvpn reads where it expects a peer | control/datagrams.c | s/known != NULL && shim_addr_fits(name, known->k.family)/false/ | control/test_agent_crossing
		sockets: answers leave where the peer is | control/datagrams.c | s/find_transport(t, p->tid)/s/ | control/test_agent_crossing
		sockets: another port is another socket | control/places.c | s/ .. p->tid != p->name_tid// | control/test_agent_crossing
		errors: openvpn is told a few | control/datagrams.c | s/t->nb_errors == ERRORS_HZ/false/ | control/test_agent_errors
		errors: then the kernel keeps them | control/datagrams.c | s/ksock_listen(&s->k, false)/(void)s/ | control/test_agent_errors
		netlink: nests end where they say | control/nl.c | s/a.nla_len > len)/false)/ | unit/test_dco_ovpn
		netlink: TCP is refused | control/requests.c | s/!q->new_peer.has_remote/false/ | control/test_agent_families
		netlink: key ids have three bits | control/dco_ovpn.c | s/key_id > 7/false/ | unit/test_dco_ovpn
		netlink: nonce tails have eight bytes | control/dco_attrs.c | s/nl_attr_len(a\[KEY_DIR_NONCE_TAIL\]) != KEY_NONCE_TAIL_LEN/false/ | unit/test_dco_ovpn
		netlink: ids for sending have 24 bits | control/dco_ovpn.c | s/ && s->tx_id <= DP_TX_ID_MAX// | unit/test_dco_ovpn
		netlink: an id for sending comes with the peer | control/requests.c | s/set.set = q->new_peer.set/(void)set/ | control/test_agent_families
		peer: ids for sending have 24 bits | dataplane/peer.c | s/tx_id > DP_TX_ID_MAX/false/ | component/test_encap cpu
		peer: packets bear its id for sending | dataplane/encap.c | s/atomic_load_explicit(&p->peer->tx_id, memory_order_relaxed)/p->peer->id/ | component/test_encap cpu
		peer: keepalives, too | dataplane/encap.c | s/atomic_load_explicit(&p->peer->tx_id, memory_order_relaxed)/p->peer->id/ | component/test_life cpu
		netlink: PEER_SET moves nobody | control/dco_ovpn.c | s/a\[PEER_REMOTE_IPV4\] != NULL .. a\[PEER_REMOTE_IPV6\] != NULL/false/ | unit/test_dco_ovpn
		netlink: a message has a header | control/nl.c | s/if (len < sizeof(r->hdr))/if (false)/ | unit/test_nl
		netlink: one message a datagram | control/nl.c | s/len - r->hdr.nlmsg_len >= NLMSG_ALIGNTO/false/ | unit/test_nl
		netlink: requests only | control/nl.c | s/!(r->hdr.nlmsg_flags & NLM_F_REQUEST)/false/ | unit/test_nl
		netlink: an attribute has a header | control/nl.c | s/a.nla_len < NLA_HDRLEN .. // | unit/test_nl
		netlink: attributes that we do not know | control/nl.c | s/if ((a.nla_type & NLA_TYPE_MASK) <= max)/if (true)/ | unit/test_dco_ovpn
		netlink: nothing behind the last attribute | control/nl.c | s/return len == 0 ? 0 : -EINVAL;/return 0;/ | unit/test_nl
		netlink: numbers have their length | control/nl.c | s/a == NULL .. nl_attr_len(a) != size/a == NULL/ | unit/test_nl
		netlink: no errno that ends openvpn | control/nl.c | /^int nl_safe_error/,/^}/ s/return -EINVAL;/return err;/ | unit/test_nl
		netlink: a family's whole name | control/nl.c | s/strlen(families.i.->name) == len &&/true \&\&/ | unit/test_nl
		netlink: keys are not sent back | control/nl.c | s/e->msg = r->hdr;/memcpy(\&e->msg, \&r->hdr, sizeof(e->msg)); mnl_attr_put(h, 1, (uint16_t)r->attrs_len, r->attrs);/ | unit/test_nl
		netlink: key slots are two | control/dco_attrs.c | s/value > KEYSLOT_SECONDARY/false/ | unit/test_dco_ovpn
		netlink: keys for both directions | control/dco_attrs.c | s/ .. decrypt_len == 0)/)/ | unit/test_dco_ovpn
		netlink: both of the same length | control/dco_attrs.c | s/encrypt_len == decrypt_len && // | unit/test_dco_ovpn
		netlink: keys fit AES | control/dco_attrs.c | s/ && (key_len == 16 .. key_len == 24 .. key_len == 32)// | unit/test_dco_ovpn
		netlink: keys fit ChaCha20 | control/dco_attrs.c | s/return key_len == 32;/return true;/ | unit/test_dco_ovpn
		netlink: other ciphers are not AES | control/dco_attrs.c | s/return cipher == CIPHER_AES_GCM && /return / | unit/test_dco_ovpn
		netlink: one remote address | control/dco_ovpn.c | s/(v4 != NULL && v6 != NULL) .. !nl_attr/!nl_attr/ | unit/test_dco_ovpn
		netlink: with a port | control/dco_ovpn.c | s/!nl_attr_u16(a.PEER_REMOTE_PORT., &port))/(nl_attr_u16(a[PEER_REMOTE_PORT], \&port), false))/ | unit/test_dco_ovpn
		netlink: no port alone | control/dco_ovpn.c | s/return a.PEER_REMOTE_PORT. == NULL;/return true;/ | unit/test_dco_ovpn
		netlink: one address of our own | control/dco_ovpn.c | /^static bool read_local/,/^}/ s/if (v4 != NULL && v6 != NULL)/if (false)/ | unit/test_dco_ovpn
		netlink: of the remote's family | control/dco_ovpn.c | s/p->local.family == p->remote.ip.family;/true;/ | unit/test_dco_ovpn
		netlink: PEER_SET sets something | control/dco_ovpn.c | s/!q->set.has_keepalive && !q->set.has_tx_id/false/ | unit/test_dco_ovpn
		netlink: commands that we do not know | control/dco_ovpn.c | s/r->cmd >= ARRAY_LEN(commands) .. // | unit/test_dco_ovpn
		netlink: commands that nobody sends | control/dco_ovpn.c | s/ .. commands.r->cmd..verb == 0)/)/ | unit/test_dco_ovpn
		netlink: dumps fit their datagram | control/dco_ovpn.c | s/if (nl_room(o) < PEER_MAX)/if (false)/ | unit/test_dco_ovpn
		netlink: and has its own header, too | control/nl.c | s/r->hdr.nlmsg_len < sizeof(r->hdr) + GENL_HDRLEN/false/ | unit/test_nl
		netlink: addresses have their length | control/dco_attrs.c | s/nl_attr_len(a) != ip_len(family)/false/ | unit/test_dco_ovpn
		netlink: a key longer than any | control/dco_attrs.c | s/len < AEAD_KEY_MAX ? len : AEAD_KEY_MAX/len/ | unit/test_dco_ovpn
		netlink: a keepalive's numbers | control/dco_ovpn.c | s/!nl_attr_u32(timeout, &s->keepalive.timeout)))/(nl_attr_u32(timeout, \&s->keepalive.timeout), false)))/ | unit/test_dco_ovpn
		netlink: a socket's number | control/dco_ovpn.c | s/p->has_socket && !nl_attr_u32(a.PEER_SOCKET., &p->socket)/p->has_socket \&\& (nl_attr_u32(a[PEER_SOCKET], \&p->socket), false)/ | unit/test_dco_ovpn
		netlink: a device is named | control/dco_ovpn.c | s/!nl_attr_u32(a.ATTR_IFINDEX., &q->ifindex))/(nl_attr_u32(a[ATTR_IFINDEX], \&q->ifindex), false))/ | unit/test_dco_ovpn
		netlink: a peer is named | control/dco_ovpn.c | s/!nl_attr_u32(a.PEER_ID., &q->peer_id))/(nl_attr_u32(a[PEER_ID], \&q->peer_id), false))/ | unit/test_dco_ovpn
		netlink 2.6: key ids have three bits | control/dco_v2.c | s/k->material.key_id > 7/false/ | unit/test_dco_v2
		netlink 2.6: commands that we do not know | control/dco_v2.c | s/r->cmd == 0 .. r->cmd >= ARRAY_LEN(commands)/r->cmd == 0/ | unit/test_dco_v2
		netlink 2.6: command 0 | control/dco_v2.c | s/r->cmd == 0 .. r->cmd >= ARRAY_LEN(commands)/r->cmd >= ARRAY_LEN(commands)/ | unit/test_dco_v2
		netlink 2.6: dumps fit their datagram | control/dco_v2.c | s/if (nl_room(o) < PEER_MAX)/if (false)/ | unit/test_dco_v2
		netlink 2.6: a remote's family, IPv4 | control/dco_v2.c | s/return v4.sin_family == AF_INET;/return true;/ | unit/test_dco_v2
		netlink 2.6: a remote's family, IPv6 | control/dco_v2.c | s/return v6.sin6_family == AF_INET6;/return true;/ | unit/test_dco_v2
		netlink 2.6: a device is named | control/dco_v2.c | s/!nl_attr_u32(a.ATTR_IFINDEX., &q->ifindex))/(nl_attr_u32(a[ATTR_IFINDEX], \&q->ifindex), false))/ | unit/test_dco_v2
		netlink 2.6: a socket's number | control/dco_v2.c | s/p->has_socket && !nl_attr_u32(a.NEW_PEER_SOCKET., &p->socket)/p->has_socket \&\& (nl_attr_u32(a[NEW_PEER_SOCKET], \&p->socket), false)/ | unit/test_dco_v2
		netlink 2.6: a remote has a known length | control/dco_v2.c | s/if (len == sizeof(v6)) {/if (true) {/ | unit/test_dco_v2
		netlink 2.6: a peer is named, NEW_PEER | control/dco_v2.c | s/!nl_attr_u32(a.NEW_PEER_ID., &q->peer_id)/(nl_attr_u32(a[NEW_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, SET_PEER | control/dco_v2.c | s/!nl_attr_u32(a.SET_PEER_ID., &q->peer_id)/(nl_attr_u32(a[SET_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, DEL_PEER | control/dco_v2.c | s/!nl_attr_u32(a.DEL_PEER_ID., &q->peer_id)/(nl_attr_u32(a[DEL_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, NEW_KEY | control/dco_v2.c | s/!nl_attr_u32(a.NEW_KEY_PEER_ID., &q->peer_id)/(nl_attr_u32(a[NEW_KEY_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, SWAP_KEYS | control/dco_v2.c | s/!nl_attr_u32(a.SWAP_KEYS_PEER_ID., &q->peer_id)/(nl_attr_u32(a[SWAP_KEYS_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, DEL_KEY | control/dco_v2.c | s/!nl_attr_u32(a.DEL_KEY_PEER_ID., &q->peer_id)/(nl_attr_u32(a[DEL_KEY_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a peer is named, GET_PEER | control/dco_v2.c | s/!nl_attr_u32(a.GET_PEER_ID., &q->peer_id)/(nl_attr_u32(a[GET_PEER_ID], \&q->peer_id), false)/ | unit/test_dco_v2
		netlink 2.6: a keepalive's interval | control/dco_v2.c | s/!nl_attr_u32(a.SET_PEER_INTERVAL., &q->set.keepalive.interval)/(nl_attr_u32(a[SET_PEER_INTERVAL], \&q->set.keepalive.interval), false)/ | unit/test_dco_v2
		netlink 2.6: a keepalive's timeout | control/dco_v2.c | s/!nl_attr_u32(a.SET_PEER_TIMEOUT., &q->set.keepalive.timeout)/(nl_attr_u32(a[SET_PEER_TIMEOUT], \&q->set.keepalive.timeout), false)/ | unit/test_dco_v2
		netlink 2.6: a key's cipher | control/dco_v2.c | s/!nl_attr_u16(a.NEW_KEY_ALG., &cipher)/(nl_attr_u16(a[NEW_KEY_ALG], \&cipher), false)/ | unit/test_dco_v2
		netlink 2.6: a key's id | control/dco_v2.c | s/!nl_attr_u8(a.NEW_KEY_ID., &k->material.key_id)/(nl_attr_u8(a[NEW_KEY_ID], \&k->material.key_id), false)/ | unit/test_dco_v2
		netlink 2.6: a key's slot | control/dco_v2.c | s/!read_slot(a.NEW_KEY_SLOT., &k->slot)/(read_slot(a[NEW_KEY_SLOT], \&k->slot), false)/ | unit/test_dco_v2
		netlink 2.6: the slot of a key that goes | control/dco_v2.c | s/!read_slot(a.DEL_KEY_SLOT., &q->slot)/(read_slot(a[DEL_KEY_SLOT], \&q->slot), false)/ | unit/test_dco_v2
		netlink 2.6: VPN addresses, IPv4 | control/dco_v2.c | s/!dco_read_ip(a.NEW_PEER_VPN4., IP_V4, &p->vpn4)/(dco_read_ip(a[NEW_PEER_VPN4], IP_V4, \&p->vpn4), false)/ | unit/test_dco_v2
		netlink 2.6: VPN addresses, IPv6 | control/dco_v2.c | s/!dco_read_ip(a.NEW_PEER_VPN6., IP_V6, &p->vpn6)/(dco_read_ip(a[NEW_PEER_VPN6], IP_V6, \&p->vpn6), false)/ | unit/test_dco_v2
		netlink 2.6: our address | control/dco_v2.c | s/!read_local(a.NEW_PEER_LOCAL_IP., &p->local)/(read_local(a[NEW_PEER_LOCAL_IP], \&p->local), false)/ | unit/test_dco_v2
		netlink 2.6: only a question is a dump | control/dco_v2.c | s/q->verb == DCO_GET_PEER && // | unit/test_dco_v2
		netlink 2.6: of the dead there are counters only | control/dco_v2.c | s/if (!p->gone) {/if (true) {/ | unit/test_dco_v2
		netlink 2.6: the wildcard is no source | control/dco_v2.c | s/if (ip_is_any(out))/if (false)/ | unit/test_dco_v2
		netlink 2.6: a remote in its family | control/dco_v2.c | s/if (a->ip.family == IP_V4) {/if (false) {/ | unit/test_dco_v2
		netlink: IPv4 has no scope | control/dco_ovpn.c | s/if (p->remote.ip.family == IP_V4)/if (false)/ | unit/test_dco_ovpn
		netlink: PEER_SET moves nobody, IPv6 | control/dco_ovpn.c | s/ .. a.PEER_REMOTE_IPV6. != NULL// | unit/test_dco_ovpn
		netlink: a key's slot | control/dco_ovpn.c | /^static int read_key_new/,/^}/ s/!nl_attr_u32(a.KEYCONF_SLOT., &slot) .. !dco_read_slot(slot, &k->slot)/(slot = 0, nl_attr_u32(a[KEYCONF_SLOT], \&slot), !dco_read_slot(slot, \&k->slot))/ | unit/test_dco_ovpn
		netlink: a key's id | control/dco_ovpn.c | s/!nl_attr_u32(a.KEYCONF_KEY_ID., &key_id)/(key_id = 0, nl_attr_u32(a[KEYCONF_KEY_ID], \&key_id), false)/ | unit/test_dco_ovpn
		netlink: a key's cipher | control/dco_ovpn.c | s/!nl_attr_u32(a.KEYCONF_CIPHER_ALG., &cipher)/(nl_attr_u32(a[KEYCONF_CIPHER_ALG], \&cipher), false)/ | unit/test_dco_ovpn
		netlink: the slot of a key that goes | control/dco_ovpn.c | /^static int read_slot/,/^}/ s/!nl_attr_u32(a.KEYCONF_SLOT., &slot)/(slot = 0, false)/ | unit/test_dco_ovpn
		netlink: VPN addresses | control/dco_ovpn.c | s/!dco_read_ip(a.PEER_VPN_IPV4., IP_V4, &p->vpn4)/(dco_read_ip(a[PEER_VPN_IPV4], IP_V4, \&p->vpn4), false)/ | unit/test_dco_ovpn
		netlink: a scope's number | control/dco_ovpn.c | s/v6 != NULL && scope != NULL && !nl_attr_u32(scope, &p->remote.scope)/false/ | unit/test_dco_ovpn
		netlink: PEER_SET moves nothing of ours | control/dco_ovpn.c | s/a.PEER_LOCAL_IPV4. != NULL .. a.PEER_LOCAL_IPV6. != NULL/false/ | unit/test_dco_ovpn
		netlink: a key's own bytes | control/dco_attrs.c | s/encrypt_len == 0 .. decrypt_len/decrypt_len/ | unit/test_dco_ovpn
		opcodes: others are dropped | dataplane/classify.c | s/drop(c, DROP_BAD_OPCODE)/c->verdict = VERDICT_CONTROL/ | component/test_decap cpu
		outer: UDP length | dataplane/classify.c | s/len < UDP_HDR_LEN .. len > l4_len/false/ | unit/test_classify
		alike: type, version, header length | dataplane/classify.h | s/{255, 255, 255},/{0},/ | unit/test_classify
		alike: no fragment, UDP | dataplane/classify.h | s/{63, 255, 0, 255},/{0},/ | unit/test_classify
		alike: destination and port | dataplane/classify.h | s/{255, 255, 255, 255, 0, 0, 255, 255},/{0},/ | unit/test_classify
		alike: the frame holds the packet | dataplane/classify.h | s/total > len - ETH_HDR_LEN ..// | unit/test_classify
		alike: the packet holds the datagram | dataplane/classify.h | s/udp > total - IP4_HDR_LEN ..// | unit/test_classify
		alike: the datagram holds a data packet | dataplane/classify.h | s/udp < UDP_HDR_LEN + WIRE_DATA_HDR_LEN ..// | unit/test_classify
		alike: of a data packet | dataplane/classify.h | s/wire_opcode(frame\[ALIKE_PAYLOAD\]) != WIRE_DATA_V2 ..// | unit/test_classify
		alike: IPv4 checksum | dataplane/classify.h | s/(!ip_ok .. !ip4_checksum_ok(ip))/false/ | unit/test_classify
		alike: something was learned | dataplane/classify.h | s/a->local == NULL .. // | unit/test_classify
		alike: learned from data packets | dataplane/classify.h | s/c->verdict == VERDICT_DATA .. // | unit/test_classify
		alike: learned from plain headers | dataplane/classify.h | s/ .. c->payload == ALIKE_PAYLOAD// | unit/test_classify
		outer: IPv4 checksum | dataplane/classify.c | s/c->local != NULL && !ip_ok/false/ | component/test_decap cpu
		outer: IPv4 total length | dataplane/classify.c | s/total > len - ETH_HDR_LEN .. // | unit/test_classify
		outer: IPv4 header length | dataplane/classify.c | s/hdr_len < IP4_HDR_LEN .. total < hdr_len/false/ | unit/test_classify
		outer: IPv6 payload length | dataplane/classify.c | s/ .. l4_len > len - ETH_HDR_LEN - IP6_HDR_LEN)/)/ | unit/test_classify
		outer: a fragment header in whole | dataplane/classify.c | s/ && l4_len >= IP6_FRAG_HDR_LEN &&/ \&\&/ | unit/test_classify
		outer: a UDP header in whole | dataplane/classify.c | s/l4_len < UDP_HDR_LEN .. // | unit/test_classify
		outer: an Ethernet header in whole | dataplane/classify.c | s/if (len < ETH_HDR_LEN) {/if (false) {/ | unit/test_classify
		outer: nothing inside | dataplane/classify.c | s/if (c->len < 1) {/if (false) {/ | unit/test_classify
		outer: our ports | dataplane/classify.c | s/a->port == port && a->ip.family/a->ip.family/ | unit/test_classify
		outer: our addresses | dataplane/classify.c | s/ && memcmp(a->ip.b, ip, len) == 0)/)/ | unit/test_classify
		outer: of this family | dataplane/classify.c | s/a->ip.family == family && // | unit/test_classify
		outer: port 0 | dataplane/classify.c | s/ .. be16_load(frame + udp + 2) == 0)/)/ | unit/test_classify
		outer: openers are two | dataplane/classify.c | s/c->opener = true;/;/ | unit/test_classify
		limit: a network's share | dataplane/limit.c | s/return take(&l->sources\[slot\].*/return true;/ | unit/test_limit
		limit: all openers | dataplane/limit.c | s/!take(&l->openers, &l->all, now)/false/ | unit/test_limit
		limit: all strangers | dataplane/limit.c | s/return take(&l->strangers.*/return true;/ | unit/test_limit
		limit: peers are known | dataplane/limit.c | s/known_has(known, hash)/false/ | unit/test_limit
		limit: one session | dataplane/limit.c | s/return take(&l->sessions.*/return true;/ | unit/test_limit
		limit: an opener pays | dataplane/limit.c | s/if (spend(l, hash, now))/if (false)/ | unit/test_limit
		limit: and not for ever | dataplane/limit.c | s/p->credit--;// | unit/test_limit
		limit: and not for long | dataplane/limit.c | s/ .. (uint16_t)(time_of(l, now) - p->time) > l->lately// | unit/test_limit
		limit: slots have a secret | dataplane/source.h | s/low ^ s->word\[1\]/low ^ 7/ | unit/test_limit
		flood: the kernel's frames have a ring of their own | dataplane/worker.c | s/outbox_put(&w->mirror, m, NULL);/worker_send_host(w, m, NULL);/ | component/test_device cpu
		flood: devices come first | dataplane/hostout.c | s/BURST_MAX - n, MIRROR_LEAST/BURST_MAX, MIRROR_LEAST/ | component/test_device cpu
		flood: and the kernel comes, too | dataplane/hostout.c | s/BURST_MAX - n, MIRROR_LEAST/BURST_MAX - n, 0u/ | component/test_device cpu
		limit: it is asked | dataplane/sort.c | s/!limit_pass(.*/false) {/ | component/test_device cpu
		limit: new peers are known | dataplane/peer.c | s/known_add(&dp->known.*;// | component/test_device cpu
		limit: gone peers are not | dataplane/peer.c | s/known_remove(&dp->known.*;// | component/test_device cpu
		limit: shared by those who receive | dataplane/dp.c | s/receiving += .*/receiving += 1;/ | component/test_device cpu
		limit: an opener's network pays | dataplane/limit.c | /if (opener) {/,/}/ s/!pass_source(l, src, now, why)/false/ | unit/test_limit
		limit: an opener buys the answers | dataplane/limit.c | s/^\t\tnote_passed(l, hash, now);/\t\t;/ | unit/test_limit
		limit: of this sender | dataplane/limit.c | s/set.i..tag == hash >> 32 && // | unit/test_limit
		limit: an entry is used up | dataplane/limit.c | s/return p->credit == 0 .. /return / | unit/test_limit
		limit: the strangers' network pays | dataplane/limit.c | s/^\tif (!pass_source(l, src, now, why))$/\tif (false)/ | unit/test_limit
		stalled device: keys wait for it | dataplane/worker.c | s/if (aead_inflight(w->aead) > 0) {/if (false) {/ | component/test_stall scheduler
		stalled device: others do not | dataplane/worker.c | s/ .. w->now < w->drain_again// | component/test_stall scheduler
		stalled device: nothing is freed under it | dataplane/dp.c | s/return left == 0;/return true;/ | component/test_stall scheduler
		stalled device: it is not waited for for ever | dataplane/worker.c | s/aead_inflight(w->aead) > 0 && rte_rdtsc() < until/aead_inflight(w->aead) > 0/ | component/test_stall scheduler
		stalled device: what it does not take is dropped | dataplane/encap.c | s/run_drop(w, run, taken, DROP_CRYPTO_FULL);// | component/test_stall scheduler
		device: jobs come back in their order | crypto/aead_queue.c | s/l->jobs\[l->tail++ % AEAD_LANE_SIZE\] = jobs\[i\]/l->jobs[l->tail++ % AEAD_LANE_SIZE] = jobs[n - 1 - i]/ | component/test_stall scheduler
		float: a forgery moves nothing | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_float cpu
		float: a replay moves nothing | dataplane/decap.c | s/replay_commit(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/ | component/test_float cpu
		float: nor what is too old | dataplane/decap.c | s/(verdicts\[i\] == REPLAY_FRESH)/(true)/ | component/test_float cpu
		float: late packets move nothing | dataplane/floats.c | s/!is_newest(p) .. //  | component/test_float cpu
		float: an undefined peer moves nothing | dataplane/floats.c | s/ .. is_of_undefined_peer(p)// | component/test_float cpu
		float: one proposal a second | dataplane/floats.c | s/w->now < atomic_load_explicit.*/false)/ | component/test_float cpu
		float: the remote's address is compared | dataplane/decap.c | s/!endpoint_is_flow(.*)/false/ | component/test_float cpu
		float: our own is, too | dataplane/endpoint.h | s/return memcmp(frame + 14 + 16, e->hdr + 14 + 12, 4) == 0/return true/ | component/test_float cpu
		float: and our port | dataplane/endpoint.h | s/ .. memcmp(theirs + 2, ours, 2) != 0// | component/test_float cpu
		float: not without end | dataplane/floats.c | s/!pay(p, rte_rdtsc())/false/ | component/test_float cpu
		float: workers know when not | dataplane/floats.c | s/from + cost - depth/0/ | component/test_float cpu
		float: nobody is at 0.0.0.0 | dataplane/floats.c | s/ .. inner_source_is_martian(.*))$/)/ | component/test_float cpu
		float: the new address is known | dataplane/floats.c | s/known_add(.*;// | component/test_float cpu
		float: the old address is not | dataplane/floats.c | s/known_remove(.*;// | component/test_float cpu
		float: not to where another peer is | control/ways.c | s/ .. is_taken(ws, w, &ev->remote, other)/ \&\& false/ | control/test_agent_float
		float: but to where one was | control/ways.c | s/ .. !info.gone// | control/test_agent_float
		float: nothing follows what was not done | control/ways.c | s/if (ret < 0) {/if (false) {/ | control/test_agent_float
		float: control packets have names, in | control/datagrams.c | s/!places_in(.*)) {/false) {/ | control/test_agent_float
		float: control packets have names, out | control/datagrams.c | s/if (!places_out(places, &remote, &local.ip)) {/if (false) {/ | control/test_agent_float
		float: a name is of the socket's family, in | control/datagrams.c | s/!shim_addr_fits(.*)) {$/false) {/ | control/test_agent_float
		float: a newcomer has another name | control/places.c | s/\*remote = p->at;$/;/ | unit/test_places
		float: a newcomer's name leads back | control/iface.c | s/!places_out(.*)) {/false) {/ | control/test_agent_float
		float: 2.7 is told, and told later | control/notices.c | /^static void tell_floats/,/^}/ s/ret == -EAGAIN/false/ | control/test_agent_told
		float: names last until it has read | control/notices.c | s/ .. !sockets_notified(t))/)/ | control/test_agent_told
		float: and no longer | control/datagrams.c | s/^\tsockets_settle(t);/;/ | control/test_agent_told
		float: either name, meanwhile | control/places.c | s/ .. p->told)/)/ | unit/test_places
		float: answered from where it writes to | control/places.c | s/(p->told .. p->read)/false/ | unit/test_places
		names: of another, not of oneself | control/places.c | s/return p != w->but && /return / | unit/test_places
		names: chains of them have an end, in | control/places.c | /^bool places_in/,/^}/ s/^\treturn false;$/\treturn true;/ | unit/test_places
		names: chains of them have an end, out | control/places.c | s/return !places_differ(t);/return true;/ | unit/test_places
		names: who is elsewhere has one | control/places.c | s/!udp_addr_equal(&p->at, &p->name) .. // | unit/test_places
		names: of our own address, in | control/places.c | s/if (p->aliased && p->name_here.family != IP_NONE)/if (false)/ | unit/test_places
		names: of our own address, out | control/places.c | /^static bool place_of/,/^}/ s/if (p->here.family != IP_NONE)/if (false)/ | unit/test_places
		names: who is at home leads nowhere else | control/places.c | s/!p->aliased .. // | unit/test_places
		names: an address of ours that is not known is no other | control/places.c | s/p->here.family != IP_NONE && // | unit/test_places
		names: an address of ours that is not known is left alone, in | control/places.c | s/if (p->aliased && p->name_here.family != IP_NONE)/if (p->aliased)/ | unit/test_places
		names: an address of ours that is not known is left alone, out | control/places.c | s/ (p->told .. p->read) && p->here.family != IP_NONE)/ (p->told + p->read != 0))/ | unit/test_places
		names: who has read is counted until it goes | control/places.c | s/^\tt->nb_read -= p->read;$/\t;/ | unit/test_places
		path: a source that is gone is none | control/hostif_paths.c | s/hostif_ports_have(.*);$/true;/ | control/test_hostif_paths
		peer ids: those of the past take no memory | control/ways.c | s/if (--(\*leaf)->nb == 0)/if (false)/ | control/test_agent_ways
		float: aliases end with the peer | control/places.c | s/htab_del(&t->name, &p->by_name);// | unit/test_places
		float: too many | dataplane/floats.c | s/bool enough = from - now + cost <= depth;/bool enough = true;/ | component/test_float cpu
		float: a peer in the past has none | dataplane/floats.c | s/if (p == NULL)$/if (false)/ | component/test_float cpu
		float: port 0 | dataplane/floats.c | s/remote->port == 0 .. // | component/test_float cpu
		float: a path of the other family | dataplane/peer.c | s/path->local.ip.family != remote->ip.family/false/ | component/test_float cpu
		float: no path to a port that is not there | dataplane/peer.c | s/path->port >= dp->nb_ports .. // | component/test_events cpu
		undefined peer id: from where the peer is | dataplane/decap.c | s/ .. !pkt_is_from(p, only)// | component/test_float cpu
		undefined peer id: this one only | dataplane/decap.c | s/wire_peer_id(word) != WIRE_PEER_UNDEF .. // | component/test_float cpu
		undefined peer id: in p2p only | dataplane/peer.c | s/if (inst->mode == DP_MODE_P2P) {$/{/ | component/test_float cpu
		fragments: overlap | dataplane/frag.c | s/FIT_TWICE : FIT_NOT/FIT_TWICE : FIT_NEW/ | component/test_frag cpu
		fragments: equal pieces are equal | dataplane/frag.c | s/a->offset == b->offset && a->len == b->len/true/ | component/test_frag cpu
		fragments: and their bytes | dataplane/frag.c | s/rte_pktmbuf_mtod_offset(b->m, void \*, b->at), a->len) == 0/NULL, 0) == 0/ | component/test_frag cpu
		fragments: one end | dataplane/frag.c | s/d->total != 0 && (!more .. end > d->total)/false/ | component/test_frag cpu
		fragments: nothing behind the end | dataplane/frag.c | s/d->pieces\[i\].offset > p->offset/false/ | component/test_frag cpu
		fragments: conflicts are remembered | dataplane/frag.c | s/d->state = FRAG_DEAD;// | component/test_frag cpu
		fragments: a flood is bounded | dataplane/frag.c | s/w->frag.held >= FRAG_HELD_MAX/false/ | component/test_frag cpu
		fragments: they expire | dataplane/frag.c | s/w->now - d->born > w->frag.timeout/false/ | component/test_frag cpu
		fragments: the kernel's are its own | dataplane/frag.c | s/p->offset == 0 && !is_ours(locals, &d->key, p)/false/ | component/test_frag cpu
		fragments: ids are new, IPv4 | dataplane/encap.c | s/(uint16_t)(id + i)/(uint16_t)id/ | component/test_frag cpu
		fragments: ids are new, IPv6 | dataplane/frag.c | s/worker_ipid(w, e, 1)/7/ | component/test_frag cpu
		order: a p2p device has one worker | dataplane/state.h | s/inst->mode == DP_MODE_P2P)/false)/ | component/test_encap cpu
		fragments: old ids are thrown away | dataplane/ipid.h | s/now - s->end > IPID_OLD/false/ | unit/test_ipid
		fragments: ids are shared by workers | dataplane/state.h | s/ipid_take(&w->dp->ipids\[e->ipid\],/ipid_take(\&w->dp->ipids[w->index],/ | component/test_frag cpu
		fragments: so many and no more | dataplane/frag.c | s/d->n < FRAG_PIECES ? FIT_NEW : FIT_NOT/FIT_NEW/ | component/test_frag cpu
		fragments: of one datagram only | dataplane/frag.c | s/if (memcmp(&d->key, k, sizeof(\*k)) == 0)/if (true)/ | component/test_frag cpu
		fragments: so many datagrams | dataplane/frag.c | s/if (LIST_EMPTY(&w->frag.unused))/if (false)/ | component/test_frag cpu
		fragments: an empty piece | dataplane/frag.c | s/p->len == 0 .. // | component/test_frag cpu
		fragments: multiples of eight | dataplane/frag.c | s/(more && p->len % 8 != 0) .. // | component/test_frag cpu
		fragments: none longer than a datagram | dataplane/frag.c | s/ .. end > UINT16_MAX)/)/ | component/test_frag cpu
		fragments: so many bytes and no more | dataplane/frag.c | s/first->at + d->total > FRAG_ROOM/false/ | component/test_frag cpu
		fragments: the first piece's buffer has room | dataplane/frag.c | s/need <= (uint32_t)m->buf_len - m->data_off)/true)/ | component/test_frag cpu
		fragments: a shared buffer is not written to | dataplane/frag.c | s/RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&/true \&\&/ | component/test_frag cpu
		fragments: an equal piece has an equal end | dataplane/frag.c | s/same_bytes(p, q) && more == (d->total != end)/same_bytes(p, q)/ | component/test_frag cpu
		fragments: nothing comes behind the end | dataplane/frag.c | s/ .. end > d->total))/))/ | component/test_frag cpu
		mss: options past the end | dataplane/mss.c | s/tcp\[at + 1\] > end - at/false/ | unit/test_mss
		mss: options without length | dataplane/mss.c | s/tcp\[at + 1\] < 2/tcp[at + 1] < 1/ | unit/test_mss
		mss: the option's own length | dataplane/mss.c | s/tcp\[at + 1\] == MSS_LEN ? at : 0/at/ | unit/test_mss
		mss: later fragments, IPv4 | dataplane/mss.c | s/(be16_load(p + 6) & 0x1fff) != 0/false/ | unit/test_mss
		mss: later fragments, IPv6 | dataplane/mss.c | s/(be16_load(p + at + 2) & 0xfff8) != 0/false/ | unit/test_mss
		mss: lengths of IPv4 | dataplane/mss.c | s/total > len/false/ | unit/test_mss
		mss: lengths of IPv6 | dataplane/mss.c | s/be16_load(p + 4) > len - IP6_HDR_LEN/false/ | unit/test_mss
		mss: lengths of extension headers | dataplane/mss.c | s/hdr > end - at/false/ | unit/test_mss
		mss: lengths of TCP | dataplane/mss.c | s/end > s.len/false/ | unit/test_mss
		mss: SYN alone | dataplane/mss.c | s/(s.p\[13\] & (TCP_SYN . TCP_RST)) != TCP_SYN/false/ | unit/test_mss
		mss: never raised | dataplane/mss.c | s/old <= mss/false/ | unit/test_mss
		mss: checksum at odd places | dataplane/mss.c | s/at % 2 != 0/false/ | unit/test_mss
		mss: clamped inward | dataplane/decap.c | s/if (mss_may_be_said(inner, len))/if (false)/ | component/test_path cpu
		mss: clamped outward | dataplane/encap.c | s/if (mss_may_be_said(.*/if (false)/ | component/test_path cpu
		mss: off is off | dataplane/segment.c | s/mssfix == DP_MSSFIX_OFF/false/ | component/test_path cpu
		mss: an instance's own size | dataplane/segment.c | s/RTE_MIN(mssfix, e->mtu)/e->mtu/ | component/test_path cpu
		mss: of this instance | control/hostif.c | s/strcmp(s->device, d->name) == 0/true/ | control/test_hostif_device
		ecn: a mark that nobody would see drops | dataplane/decap.c | s/!tos_decap(inner, family, p->tos_outer)/(tos_decap(inner, family, p->tos_outer), false)/ | component/test_path cpu
		ecn: marks are carried inward | dataplane/decap.c | s/tos_matters(p->tos_outer)/false/ | component/test_path cpu
		ecn: the table | dataplane/tos.c:2 | s/= DROP/= ECN_NONE/ | unit/test_tos
		ecn: the checksum follows | dataplane/tos.c | s/checksum_replace(p + 10, old, new)// | unit/test_tos
		ecn: a mark on a piece | dataplane/frag.c | s/if ((d->ecns & 1 << ECN_CE) != 0)/if (false)/ | component/test_path cpu
		ecn: pieces that contradict each other | dataplane/frag.c | s/if (is_unmarkable(d))/if (false)/ | component/test_path cpu
		device: a process leaves only its own | control/client.c | s/ && iface_ifindex(in) == link.ifindex// | control/test_agent_life only_its_own*
		device: a process without one leaves none | control/client.c | s/if (in != NULL && iface_ifindex(in)/if (iface_ifindex(in)/ | control/test_agent_life only_its_own*
		device: its openvpn's last word is read | control/client.c | s/i < LAST_WORDS/i > LAST_WORDS/ | control/test_agent_life
		device: it stays if it is to be left | control/hostif.c | s/ && !d->leave// | control/test_agent_life
		device: nothing is asked of what others give | control/hostif_tap.c | s/ . AT_STATX_DONT_SYNC// | control/test_agent_life descriptors_that_are_no_such_device_are_refused
		device: nobody waits for it | control/hostif_tap.c | s/!never_waits(fd) .. // | control/test_agent_life descriptors_that_are_no_such_device_are_refused
		device: taken back in its own namespace | control/hostif_tap.c | s/^\t\t!in_netns(fd, netns_fd))$/\t\tfalse)/ | control/test_agent_life descriptors_that_are*
		device: taken back as it was made | control/hostif_tap.c | s/ifr.ifr_flags & all) !=$/ifr.ifr_flags \& 0) == 1 +/ | control/test_agent_life descriptors_that_are*
		device: taken back by its own index | control/hostif_device.c | s/strcmp(l.name, d->name) != 0 .. // | control/test_agent_life descriptors_that_are*
		device: taken back from nobody who has it | control/hostif_device.c | s/if (is_in_use(d->ns, d->ifindex))/if (false)/ | control/test_agent_life descriptors_that_are*
		mtu: a device's has room | control/hostif_device.c | s/if (mtu > most)/if (false)/ | control/test_hostif_device
		key: blocks sent are counted | dataplane/encap.c | s/key_count_tx(key, blocks);// | component/test_limits cpu
		key: blocks received are counted | dataplane/decap.c | s/key_count_rx(run->key, blocks);/(void)blocks;/ | component/test_limits cpu
		key: blocks are rounded up | crypto/key.h | s/(len + 15u) . 16/len \/ 16/ | component/test_limits cpu
		key: asked for by packets | crypto/key.c | s/pktid_used(&k->tx) >= KEY_PACKETS_ASK/false/ | component/test_limits cpu
		key: asked for by blocks sent | crypto/key.c | s/tx > KEY_BLOCKS_ASK/false/ | component/test_limits cpu
		key: asked for by blocks received | crypto/key.c | s/rx > KEY_BLOCKS_ASK/false/ | component/test_limits cpu
		key: packets count beside blocks | crypto/key.c | s/tx += pktid_used(&k->tx);// | component/test_limits cpu
		key: asked for by failures | crypto/key.c | s/> KEY_FAILED_ASK/> KEY_FAILED_MAX/ | component/test_limits cpu
		key: refused after too many | dataplane/decap.c | s/if (key_is_refused(run.key))/if (false)/ | component/test_limits cpu
		key: asked for once | dataplane/wear.c | s/now_ms - k->asked_ms < WEAR_ASK_AGAIN_MS/false/ | component/test_limits cpu
		key: not if it is good meanwhile | dataplane/wear.c | s/key_wear(k) != KEY_GOOD) {/true) {/ | component/test_limits cpu
		key: exhausted, its peer ends | dataplane/liveness.c | s/wear_check(dp, inst, p, dp_now_ms())/false/ | component/test_limits cpu
		key: exhausted, its successor is used | dataplane/wear.c | s/newest->generation <= k->generation/true/ | component/test_limits cpu
		key: asked for when somebody listens | control/notices.c:2 | s/if (ret == -EAGAIN)/if (0)/ | control/test_agent_families
		key: seven eighths of the blocks | crypto/key.h | s/(KEY_BLOCKS_MAX . 8 \* 7)/KEY_BLOCKS_MAX/ | contract/test_key
		key: 2^36 blocks | crypto/key.h | s/((1ull << 36) - 1)/((1ull << 37) - 1)/ | contract/test_key
		key: refused, not before | dataplane/decap.c | s/if (key_is_refused(run.key))/if (key_wear(run.key) == KEY_WORN_FAILED)/ | component/test_limits cpu
		key: failures are counted | dataplane/decap.c | s/atomic_fetch_add_explicit(&p->key->failed, 1, memory_order_relaxed);/;/ | component/test_limits cpu
		key: ChaCha20-Poly1305 has no limit of blocks | crypto/key.c | s/if (k->alg == AEAD_CHACHA20_POLY1305)/if (false)/ | contract/test_key
		key: asked for again when that failed | dataplane/wear.c | s/(k->asked_ms != 0 && now_ms - k->asked_ms < WEAR_ASK_AGAIN_MS)/k->asked_ms != 0/ | component/test_limits cpu
		key: a worn one in the old slot asks for nothing | dataplane/wear.c | /^static void ask/,/^}/ s/keyslots_newest(&p->keys)/keyslots_tx_key(\&p->keys)/ | component/test_limits cpu
		key: ids have three bits | dataplane/peer.c | s/if (m->key_id > 7)/if (false)/ | component/test_life cpu
		key: half of the packet ids | crypto/key.h | s/KEY_PACKETS_ASK (1ull << 31)/KEY_PACKETS_ASK (1ull << 31) + 1/ | contract/test_key
		key: half of the packet ids, not before | crypto/key.h | s/KEY_PACKETS_ASK (1ull << 31)/KEY_PACKETS_ASK (1ull << 31) - 1/ | contract/test_key
		key: 2^35 failures | crypto/key.h | s/(1ull << 35)/(1ull << 34)/ | contract/test_key
		key: 2^36 failures | crypto/key.h | s/KEY_FAILED_MAX\t(1ull << 36)/KEY_FAILED_MAX\t(1ull << 37)/ | contract/test_key
		key: packets received count beside blocks | crypto/key.c | s/rx += __atomic_load_n.*;// | contract/test_key
		nonce: ids end | crypto/pktid.c | s/if (id > p->limit)/if (0)/; s/memory_order_relaxed) > p->limit)/memory_order_relaxed) > p->limit + 99)/ | unit/test_pktid
		nonce: a closed key gives none | crypto/pktid.c | s/next, p->limit + 1, mem/next, 1, mem/ | unit/test_pktid
		nonce: a key installed twice is one | dataplane/wear.c | s/first = pktid_close(&same->tx);/first = 1;/ | component/test_limits cpu
		nonce: a key removed is remembered | dataplane/wear.c | s/first = RTE_MAX(first, w->keys.i..first_id);/;/ | component/test_limits cpu
		nonce: a peer's end, too | dataplane/peer.c | s/^\tremember_keys(dp, p);// | component/test_limits cpu
		nonce: its tail belongs to a key | dataplane/wear.c | s/memcpy(&words.AEAD_KEY_MAX.*;// | component/test_limits cpu
		nonce: no more than there are | crypto/pktid.c | s/return left < n ? (uint16_t)left : n;/return n;/ | unit/test_pktid
		nonce: each id once | crypto/pktid.c | s/atomic_fetch_add_explicit(&p->next, n, /atomic_fetch_add_explicit(\&p->next, n - 1, / | unit/test_pktid
		nonce: one that lost its label counts, too | dataplane/wear.c | s/i < 2 ? &p->keys.slot.i. : &p->keys.left/\&p->keys.slot[i % 2]/ | component/test_limits cpu
		nonce: it goes on where it was | dataplane/wear.c | s/if (first > 1)/if (false)/ | component/test_limits cpu
		nonce: the key that goes hands on once | dataplane/wear.c | s/same->fingerprint = 0;/;/ | component/test_limits cpu
		nonce: one that lost its label is remembered | dataplane/peer.c | s/i < 2 ? &p->keys.slot.i. : &p->keys.left/\&p->keys.slot[i % 2]/ | component/test_limits cpu
		nonce: the key in use is the new one | dataplane/peer.c | s/if (wear_inherit(dp, p, key, m))$/if (wear_inherit(dp, p, key, m) \&\& false)/ | component/test_limits cpu
		nonce: its key belongs to it | dataplane/wear.c | s/memcpy(words, m->encrypt, aead_key_len(m->alg));/;/ | component/test_limits cpu
		nonce: a key that goes is remembered | dataplane/grace.c | s/wear_remember(.*;// | component/test_limits cpu
		replay: a key installed twice is one | dataplane/wear.c | s/top = received(same);/;/ | component/test_limits cpu
		replay: a key removed is remembered | dataplane/wear.c | s/top = RTE_MAX(top, .*;/;/ | component/test_limits cpu
		replay: id 0 is none | crypto/replay.h | s/if (id == 0)$/if (false)/ | unit/test_replay
		replay: the window's end | crypto/replay.h | s/top - id >= r->window/top - id > r->window/ | unit/test_replay
		replay: what slides out is forgotten | crypto/replay.c | s/replay_word_set(word, .word & keep);/;/ | unit/test_replay
		replay: a new window can be closed | crypto/replay.c | s/memset(r->seen, 0xff, /memset(r->seen, 0, / | unit/test_replay
		replay: windows are powers of two | crypto/replay.c | s/(window & (window - 1)) == 0/true/ | unit/test_replay
		replay: it goes on where it was | dataplane/wear.c | s/if (top > 0)/if (false)/ | component/test_limits cpu
		goodbye: authenticated | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_limits cpu
		goodbye: not seen before | dataplane/decap.c | s/replay_check(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/; s/replay_commit(rx, run->pkts.*pktid)/REPLAY_FRESH/ | component/test_limits cpu
		goodbye: its length | dataplane/inner.c | s/len == sizeof(occ) + 1/len > sizeof(occ)/ | component/test_limits cpu
		goodbye: its word | dataplane/inner.c | s/p.sizeof(occ). == OCC_EXIT/true/ | component/test_limits cpu
		goodbye: an OCC message is not delivered | dataplane/inner.c | s/len >= sizeof(occ) && memcmp(p, occ, sizeof(occ)) == 0/false/ | unit/test_inner
		silence: what waits is heard first | dataplane/hearing.c | s/if (!has_caught_up(dp, i, now))/if (false)/ | component/test_limits cpu
		silence: up to the mark | dataplane/hearing.c | s/hear(&dp->hearing, dp->hearing.mark)/hear(\&dp->hearing, now)/ | component/test_limits cpu
		silence: a busy worker's queues | dataplane/hearing.c | s/>= TURNS_BUSY &&/>= 1 \&\&/ | component/test_limits cpu
		silence: a stall is none | dataplane/hearing.c | s/silence -= RTE_MIN.*;/;/ | component/test_limits cpu
		silence: many stalls | dataplane/hearing.c | s/h->deaf.1..length += h->deaf.0..length;// | component/test_limits cpu
		silence: a stall before the last packet is none | dataplane/hearing.c | s/if (end > last)/if (true)/ | component/test_limits cpu
		silence: from when the peer came | dataplane/liveness.c | s/RTE_MAX(last_rx, p->since)/last_rx/ | component/test_limits cpu
		silence: who has no keepalive does not expire | dataplane/liveness.c | s/return p->timeout != 0 &&/return true \&\&/ | component/test_limits cpu
		silence: forgeries keep nobody | dataplane/decap.c | s/if (authenticated(w, pkts.i.))/if (__atomic_store_n(\&pkts[i]->peer->stats[w->index].last_rx, w->now, __ATOMIC_RELAXED), authenticated(w, pkts[i]))/ | component/test_limits cpu
		silence: packets inside a device | dataplane/hearing.c | s/ && aead_inflight(w->aead) == 0)/)/ | component/test_stall scheduler
		silence: a busy worker has its time | dataplane/hearing.c | s/now - h->mark >= rte_get_tsc_hz.*;/true;/ | component/test_limits cpu
		silence: a worker without ports | dataplane/hearing.c | s/if (w->nb_rx == 0)/if (false)/ | component/test_limits cpu
		silence: a worker that is stuck is not busy | dataplane/hearing.c | s/if (rcu_behind(.*)$/if (false)/ | component/test_stall scheduler
		keepalive: one ping at a time | dataplane/liveness.c | s/p->pinged = now;/;/ | component/test_limits cpu
		keepalive: none to a peer without a key | dataplane/liveness.c | s/keyslots_tx_key(&p->keys) != NULL &&/true \&\&/ | component/test_life cpu
		keepalive: swallowed | dataplane/wire.h | s/return len == WIRE_PING_LEN && memcmp(p, wire_ping, WIRE_PING_LEN) == 0;/return false;/ | unit/test_wire
		agent: bodies as long as their kind | control/client.c | s/return bodies.h->type..variable .. h->len == bodies.h->type..len;/return true;/ | control/test_agent
		agent: of this version | control/client.c | s/hello.version != SHIM_VERSION/false/ | control/test_agent
		agent: to the socket that it came for | control/datagrams.c | s/s->claimed && s->tid == tid/s->claimed/ | control/test_agent_sockets
		agent: a record is as long as it says | control/client.c | s/ .. h->len != len - sizeof(\*h))/)/ | control/test_agent_records
		agent: a record is of this protocol | control/client.c | s/h->magic != SHIM_MAGIC .. // | control/test_agent_records
		agent: records that there are | control/client.c | s/h->type < SHIM_HELLO .. h->type >= ARRAY_LEN(bodies)/false/ | control/test_agent_records
		agent: HELLO first | control/client.c | s/return h->type == SHIM_HELLO && h->len/return h->len/ | control/test_agent_records
		agent: a HELLO in whole | control/client.c | s/ && h->len >= sizeof(struct shim_hello);/;/ | control/test_agent_records
		agent: one HELLO | control/client.c | s/if (c->hello) {$/if (false) {/ | control/test_agent_records
		agent: with a network namespace | control/client.c | s/!conn_is_netns(\*fd)/false/ | control/test_agent_records
		agent: a network namespace, not a file | control/conn.c | s/n > 5 && memcmp(target, "net:.", 5) == 0/n > 5/ | control/test_agent_records
		agent: names for the log | control/client.c | s/^\tprintable(c->program);// | control/test_agent_records
		agent: devices of our kinds | control/client.c | s/dco_family_by_kind(link->kind) == NULL/false/ | control/test_agent_records
		agent: modes that there are | control/client.c | s/link->mode != DP_MODE_P2P && link->mode != DP_MODE_MP/false/ | control/test_agent_records
		agent: a device's name has an end | control/client.c | s/link.name.sizeof(link.name) - 1. = .*;/;/ | control/test_agent_records
		agent: keys do not stay in records | control/client.c | s/^\texplicit_bzero(c->conn.record, (size_t)n);.*$/\t;/ | control/test_agent_records
		agent: a process's own device only | control/requests.c | s/ifindex != 0 && iface_ifindex(in) == ifindex/true/ | control/test_agent_records
		agent: its own peers in a dump | control/requests.c | s/bool own = is_own(rq, q.ifindex);/bool own = true;/ | control/test_agent_records
		agent: a key for another's device is passed over | control/requests.c | s/q->verb == DCO_NEW_KEY ? 0 : -EINVAL/-EINVAL/ | control/test_agent_records
		agent: netlink by genl sockets only | control/requests.c | s/ .. !sockets_has_genl(rq->sockets, h->id))/)/ | control/test_agent_records
		agent: a peer's socket is one of this process | control/sockets.c | s/ && (uint32_t)s->fd_there == p->socket)/)/ | control/test_agent_records
		agent: a peer's socket is bound | control/sockets.c | s/ .. !s->claimed \(..\)$/ \1/ | control/test_agent_records
		agent: sockets are socket pairs | control/sockets.c | s/!conn_is_socketpair(fd) .. // | control/test_agent_records
		agent: that keep records apart | control/conn.c | s/type == SOCK_SEQPACKET/true/ | control/test_agent_records
		agent: socket ids are not 0 | control/sockets.c | s/ .. id == 0)/)/ | control/test_agent_records
		agent: socket ids are not used twice | control/sockets.c | s/if (find(t, id) != NULL)/if (false)/ | control/test_agent
		agent: sockets of two kinds | control/sockets.c | s/o->kind != SHIM_KIND_GENL && o->kind != SHIM_KIND_UDP/false/ | control/test_agent_records
		agent: so many sockets | control/sockets.c | s/return t->nb < SOCKETS_MAX ? 0 : -EMFILE;/return 0;/ | control/test_agent_records
		agent: what is bound is a UDP socket | control/sockets.c | s/s != NULL && s->kind == SHIM_KIND_UDP ? s : NULL/s/ | control/test_agent_records
		agent: an option's length | control/ksock.c | s/if (o->len > sizeof(o->value))/if (false)/ | control/test_agent_records
		agent: a socket's family | control/ksock.c | s/family != AF_INET && family != AF_INET6/false/ | control/test_agent_records
		agent: IPv6 does not fit IPv4 sockets | control/ksock.c | s/ .. (family == AF_INET && a.ip.family != IP_V4))/)/ | control/test_agent_records
		agent: nor as a source | control/ksock.c | s/k->family == AF_INET && source.ip.family != IP_V4/false/ | control/test_agent_records
		agent: options that matter here only | control/ksock.c | s/o->level == applied.i..level && o->name == applied.i..name/true/ | control/test_agent_records
		agent: one removes its own device | control/sockets.c | s/ .. iface_ifindex(t->iface) != ifindex)/)/ | control/test_agent_records
		agent: datagrams longer than their header | control/datagrams.c | s/if (len <= sizeof(d)) {/if (false) {/ | control/test_agent_records
		agent: groups that there are | control/notices.c | s/if (f == NULL)$/if (false)/ | control/test_agent_records
		agent: a group's number has its length | control/notices.c | s/f = o->len == sizeof(group) ? /f = true ? / | control/test_agent_records
		agent: an end that finds no room is told later | control/notices.c | s/if (sockets_notice(t, &n) < 0)/if (sockets_notice(t, \&n) < 0 \&\& false)/ | control/test_agent_peers
		agent: peer ids have 24 bits | control/iface.c | s/if (q->peer_id > DP_PEER_ID_MAX) {/if (false) {/ | control/test_agent_records
		agent: a key that cannot be had ends its peer | control/iface.c | s/} else if (!info.gone) {/} else if (false) {/ | control/test_agent_peers
		agent: unknown ciphers are not tried | control/iface.c | s/if (k->known)/if (true)/ | control/test_agent_peers
		agent: openvpn hears of peers that we do not have | control/iface.c | s/^\t\tnote_unknown(in, q->peer_id);/\t\t;/ | control/test_agent_peers
		agent: to a client all ends are expiry | control/iface.c | s/return in->mode == DP_MODE_P2P ? DP_GONE_EXPIRED : why;/return why;/ | control/test_agent_peers
		agent: who says nothing is closed | control/client.c | s/(!c->hello && now_ms > c->hello_by_ms)/false/ | control/test_agent_life connection_without_hello_is_closed
		agent: a peer has a socket | control/sockets.c | s/!p->has_socket .. // | control/test_agent_records
		agent: the kernel's socket takes nothing in | control/ksock.c | s/BPF_RET . BPF_K, 0)/BPF_RET + BPF_K, 65535)/ | control/test_agent_records
		agent: a device in use stays | control/sockets.c | s/t->iface != NULL && iface_ifindex(t->iface) != 0/false/ | control/test_agent_records
		agent: empty control packets | control/datagrams.c | s/s == NULL .. ev->len == 0/s == NULL/ | control/test_agent_records
		agent: also of peers that cannot be | control/iface.c | s/id > DP_PEER_ID_MAX .. // | control/test_agent_records
		agent: keys do not stay in requests | control/requests.c | s/^\tdco_request_wipe(&q);$/\t;/ | control/test_agent_records
		agent: keys of a peer that is gone | control/requests.c | s/ret < 0 .. info.gone/ret < 0/ | control/test_agent_families
		agent: a refused peer sets nothing of the one there is | control/requests.c | /^static int new_peer/,/^}/ s/if (ret < 0)$/if (false)/ | control/test_agent_families
		agent: no device, no peers | control/requests.c | s/ifindex != 0 && // | control/test_agent_records
		agent: nothing at all, no peers | control/requests.c | s/return in != NULL && /return / | control/test_agent_records
		agent: an error is always said | control/requests.c | s/if (err != 0 .. nl_request_wants_ack(r))/if (nl_request_wants_ack(r))/ | control/test_agent_records
		agent: what is no netlink is answered without | control/requests.c | s/ret == -EBADMSG .. // | control/test_agent_records
		agent: what was written before is sent before | control/requests.c | s/^\t\tsockets_flush(rq->sockets);$/\t\t;/ | control/test_agent_float
		agent: all of it | control/datagrams.c | s/i < FLUSH_MAX && take_burst(s)/i < 1 \&\& take_burst(s)/ | control/test_agent_float
		agent: a new peer inherits no end | control/iface.c | /^static int new_peer/,/^}/ s/^\tforget(in, q->peer_id);$/\t;/ | control/test_agent_peers
		agent: nor names | control/iface.c | /^static int new_peer/,/^}/ s/^\t\tforget_all(in);$/\t\t;/ | control/test_agent_float
		agent: a removed peer leaves nothing | control/iface.c | /^static int del_peer/,/^}/ s/^\tforget(in, q->peer_id);$/\t;/ | control/test_agent_float
		agent: a removal that crosses an expiry is told to nobody | control/iface.c | s/^\t\tdp_gone_ack(in->dp, in->iid, q->peer_id);$/\t\t;/ | control/test_agent_peers
		agent: no peer without the kernel's side | control/iface.c | s/^\t\tdp_peer_del(in->dp, in->iid, q->peer_id, DP_GONE_USERSPACE);$/\t\t;/ | control/test_agent_peers
		agent: unknown peers are told once | control/iface.c | s/^\t\tin->nb_unknown--;$/\t\t;/ | control/test_agent_peers
		agent: floats of many make few lines | control/iface.c | s/if (in->said == FLOAT_LINES) {/if (false) {/ | control/test_agent_float
		agent: each process hears of its own peers | control/client.c | s/ .. iface_iid(in) != ev->iid// | control/test_agent_float
		agent: requests wait for a dump's end | control/client.c | s/^\t\t\trequests_busy(&c->requests))$/\t\t\tfalse)/ | control/test_agent_peers
		agent: descriptors that nobody asked for are closed | control/client.c:2 | s/^\(\t*\)conn_close_foreign(fd);$/\1;/ | control/test_agent descriptors_that_nobody*
		agent: one descriptor at most | control/conn.c | s/.msg_controllen = CMSG_LEN(sizeof(int))}/.msg_controllen = sizeof(control)}/ | control/test_agent of_two_descriptors*
		agent: descriptors that linger | control/conn.c | s/^\tsetsockopt(fd, SOL_SOCKET, SO_LINGER.*$/\t(void)now;/ | control/test_agent descriptors_that_linger*
		agent: answers in their order | control/conn.c | s/c->first != NULL .. send_now/send_now/ | control/test_conn
		agent: and again when nothing waits any more | control/conn.c | s/^\t\tc->last = &c->first;$/\t\t;/ | control/test_conn
		agent: descriptors that have waited are closed | control/conn.c | s/if (u->fd >= 0)/if (false)/ | control/test_agent_life each_new_device*
		agent: a device with index 0 is not removed | control/sockets.c | s/ifindex == 0 .. // | control/test_agent_records
		agent: so many processes | control/agent.c | s/a->nb_clients == ARRAY_LEN(a->clients)/false/ | control/test_agent so_many_come_in*
		agent: so many operators | control/agent.c | s/a->nb_ctlconns == ARRAY_LEN(a->ctlconns)/false/ | control/test_agent so_many_come_in*
		operator: ten seconds for a question | control/ctlconn.c | s/ .. now_ms >= c->deadline_ms;/;/ | control/test_ctlconn
		operator: and for each piece of the answer | control/ctlconn.c | s/^\t\tc->deadline_ms = .*;$/\t\t;/ | control/test_ctlconn
		operator: a question has an end | control/ctlconn.c | s/c->ended = c->request_len == sizeof(c->request);/;/ | control/test_ctlconn
		operator: an answer for nobody | control/ctlconn.c | s/if (n < 0 && errno != EAGAIN && errno != EINTR)/if (false)/ | control/test_ctlconn
		agent: dumps leave the dead out | control/dump.c | s/(info.gone && !info.owed)/false/ | control/test_agent_peers
		agent: the last counters may be read twice | control/dump.c | s/if (info.gone && d->settled)/if (info.gone)/ | control/test_agent_peers
		gate: closed until it is open | control/gate.c | s/umask(0177)/umask(0)/ | control/test_gate
		gate: one daemon | control/gate.c | s/flock(fd, LOCK_EX . LOCK_NB) < 0/false/ | control/test_gate
		gate: root and the group only | control/gate.c | s/(peer.uid == 0 /(true / | control/test_gate
		gate: of this group | control/gate.c | s/if (groups.i. == wanted)/if (true)/ | control/test_gate
		gate: the group that is set | control/gate.c | s/g->has_group && in_group/in_group/ | control/test_gate
		gate: whoever listens keeps the path | control/gate.c | s/if (ret != ECONNREFUSED) {/if (false) {/ | control/test_gate
		gate: a file that is no socket stays | control/gate.c | s/if (!S_ISSOCK(st.st_mode)) {/if (false) {/ | control/test_gate
		gate: one's own socket is removed | control/gate.c | s/ && st.st_dev == g->dev &&$/ \&\&/; s/^\t\tst.st_ino == g->ino)/\t\ttrue)/ | control/test_gate
		keys: an id names one key | crypto/keyslots.c | s/k != NULL && k->id == key_id ? k : NULL/k/ | unit/test_keyslots
		keys: of two with one id the newer | crypto/keyslots.c | s/b->generation > a->generation/false/ | unit/test_keyslots
		keys: nothing is sent with one that the peer may not have | crypto/keyslots.c | s/k != NULL && atomic_load_explicit(&k->confirmed, memory_order_relaxed) ? k : NULL/k/ | unit/test_keyslots
		keys: nor with a spent one | crypto/keyslots.c | s/a_spent ? NULL : if_confirmed(a), b_spent ? NULL : if_confirmed(b)/if_confirmed(a), if_confirmed(b)/ | unit/test_keyslots
		keys: the primary one is used | crypto/keyslots.c:2 | s/^\t\tkeyslots_confirm(k);$/\t\t;/ | unit/test_keyslots
		keys: one that left is found still | crypto/keyslots.c | s/if (k == NULL) .\* after/if (false) \/* after/ | unit/test_keyslots
		keys: both ends of a key | crypto/key.c | s/m->decrypt, &k->decrypt/m->encrypt, \&k->decrypt/ | contract/test_key
		keys: one that cannot be made leaves no session | crypto/key.c | s/^\taead_session_free(a, k->encrypt);$/\t;/ | contract/test_key
		keys: sessions end with it, decrypt | crypto/key.c | s/^\taead_session_free(a, k->decrypt);$/\t;/ | contract/test_key
		keys: sessions end with it, encrypt | crypto/key.c | s/^\t\taead_session_free(a, k->encrypt);$/\t\t;/ | contract/test_key
		keys: a spent session is not freed twice | crypto/key.c | s/if (!atomic_load_explicit(&k->spent, memory_order_relaxed))/if (true)/ | component/test_life cpu
		keys: not in core dumps | crypto/aead_pool.c | s/rte_mempool_mem_iter(mp, keep_from_dumps, d->name);/(void)keep_from_dumps;/ | contract/test_secrets
		keys: no bytes stay where a key was | crypto/key.c | s/^\texplicit_bzero(k, size);$/\t;/ | contract/test_key
		keys: a forgery confirms none | dataplane/decap.c | s/^\treplay_look(w, &run);/\tkeyslots_confirm(run.key); replay_look(w, \&run);/ | component/test_life cpu
		self-test: the text is OpenSSL's | crypto/aead_selftest.c | s/memcmp(p + HEAD, text, lengths.i.) != 0/false/ | contract/test_devices
		self-test: the tag is OpenSSL's | crypto/aead_selftest.c | s/memcmp(p + AEAD_AAD_LEN, t->tag.i., AEAD_TAG_LEN) != 0/false/ | contract/test_devices
		self-test: errors of the device | crypto/aead_selftest.c | s/j->status == AEAD_DEVICE_ERROR/false/ | contract/test_devices
		self-test: a device that does not answer | crypto/aead_selftest.c | s/if (timed_out(&start))/if (false)/ | contract/test_devices
		self-test: it is done | crypto/aead.c | s/prove(a, d, conf->devices.i..mode);/0;/ | contract/test_devices
		self-test: what only claims CPU crypto is tried by queue | crypto/aead.c | s/if (mode == AEAD_MODE_CPU)$/if (true)/ | contract/test_devices
		self-test: no CPU crypto where it is demanded | crypto/aead.c | s/mode == AEAD_MODE_CPU && !promised/false/ | contract/test_devices
		self-test: what the device says of a tag | crypto/aead_selftest.c | s/if (j->status != expected)/if (false)/ | contract/test_devices
		self-test: decryption is tried with all that can be wrong | crypto/aead_selftest.c | s/dir == AEAD_DECRYPT ? NB_SPOILS : SPOIL_NOTHING + 1/SPOIL_NOTHING + 1/ | contract/test_devices
		self-test: nothing is written behind the text | crypto/aead_selftest.c | s/p.HEAD + lengths.i. + g. != 0xa5/false/ | contract/test_devices
		self-test: nothing is written before the tag | crypto/aead_selftest.c | s/memcmp(p, t->aad.i., AEAD_AAD_LEN) != 0/false/ | contract/test_devices
		instance: no address twice | dataplane/instance.c | s/if (conflict(&dp->transports.i., local, v4_too))/if (false)/ | component/test_events cpu
		instance: the specific address first | dataplane/instance.c | s/ip_is_any(&t->local.ip) == any)/any == 0)/ | component/test_events cpu
		instance: its transports end with it | dataplane/instance.c | s/if (dp->transports.i..iid == iid)/if (false)/ | component/test_events cpu
		instance: what went is withdrawn without memory | dataplane/instance.c | s/replace_locals(dp, dp->no_locals);/;/ | component/test_events cpu
		instance: what came waits for memory | dataplane/liveness.c | s/locals_tick(dp);/;/ | component/test_events cpu
		bounded: objects that are freed | dataplane/rcu.c | s/RCU_BURST + r->nb_deferred . PART/UINT32_MAX/ | component/test_memory cpu
		bounded: peers of a deleted instance | dataplane/instance.c | s/end_peers(dp, inst, END_BURST)/end_peers(dp, inst, UINT32_MAX)/ | component/test_memory cpu
		bounded: peers whose silence is looked at | dataplane/liveness.c | s/n++ == SCAN_ALL/false/ | component/test_life cpu
		bounded: each instance has its turn | dataplane/liveness.c | s/inst->scan_left = part_of(dp, inst);/inst->scan_left = dp->nb_peers \/ SCAN_PARTS + 1;/ | component/test_life cpu
		bounded: nothing is freed before its time | dataplane/rcu.c | s/rte_rcu_qsbr_check(r->qsbr, r->head->token, false) != 1/false/ | component/test_memory cpu
		bounded: peers that an operator asks for at once | control/ctl_peers.c | s/\*looked_at == CTL_PEERS_PAGE/false/ | control/test_ctl
		early: the next key only | dataplane/early.c | s/!comes_next(p->peer, key_id) .. // | component/test_decap cpu
		early: from where the peer is | dataplane/early.c | s/ .. !pkt_is_from(p, p->peer))/)/ | component/test_life cpu
		early: so many packets | dataplane/early.c | s/s->n == EARLY_PKTS/false/ | component/test_life cpu
		early: not for ever | dataplane/early.c | s/w->now - s->since > WAIT_MS .*)/false)/ | component/test_life cpu
		known: a slot that was full stays so | dataplane/known.c | s/.s > 0 && .s < FULL/*s > 0/ | unit/test_limit
		known: one that is not there is not removed | dataplane/known.c | s/.s > 0 && .s < FULL/*s < FULL/ | unit/test_limit
		gone: told once | dataplane/liveness.c | s/if (t == NULL .. t->reported)$/if (t == NULL)/ | component/test_life cpu
		gone: who was removed is not told of | dataplane/peer.c | s/peer_end(dp, inst, p, why, why == DP_GONE_USERSPACE)/peer_end(dp, inst, p, why, false)/ | component/test_life cpu
		encap: nothing leaves that was not encrypted | dataplane/encap.c | s/if (pkts.i.->job.status == AEAD_OK)/if (true)/ | component/test_encap cpu
		shim: an answer is of this protocol | shim/rpc.c | s/h->magic != SHIM_MAGIC .. // | control/test_shim answers_that_are_none_end_the_connection
		shim: and to this request | shim/rpc.c | s/h->seq != request->seq .. // | control/test_shim answers_that_are_none_end_the_connection
		shim: of its kind | shim/rpc.c | s/h->magic != SHIM_MAGIC .. h->type != request->type/h->magic != SHIM_MAGIC/ | control/test_shim answers_that_are_none_end_the_connection
		shim: as long as it says | shim/rpc.c | s/return (size_t)n - sizeof(.h) == h->len ? 0 : -EPROTO;/return 0;/ | control/test_shim answers_that_are_none_end_the_connection
		shim: errors are negative | shim/rpc.c | s/ .. h->error > 0)/)/ | control/test_shim answers_that_are_none_end_the_connection
		shim: a daemon of another version | shim/rpc.c | s/h.error == 0 && version == SHIM_VERSION/h.error == 0/ | control/test_shim agent_of_another_version_is_refused
		shim: no tun for an openvpn of ours | shim/shim.c | s/!is_path(path, TUN_FILE)/true/ | control/test_shim tun_is_refused_to_an_attached_openvpn
		shim: paths are there | shim/shim.c | s/return path != NULL && strcmp/return strcmp/ | control/test_shim other*
		shim: a tun only | shim/shim.c | s/!is_path(path, TUN_FILE) .. // | control/test_shim tun_is_refused_to_an*
		shim: a tun for programs of another name | shim/shim.c | s/ .. !is_openvpn() .. !in_main_executable(caller))/)/ | control/test_shim other*
		shim: a tun for others | shim/shim.c | s/ .. strncmp(program_invocation_short_name, "openvpn", 7) == 0;/ + 1;/ | control/test_shim other_programs_do_not_notice_the_shim
		shim: no packets to another program | shim/shim.c | s/program_refused(__builtin_return_address(0))/false/ | control/test_shim tun_is_refused_to_an_attached_openvpn
		shim: TCP ends openvpn 2.6 | shim/shim.c | s/^\t\tend_if_tcp_carries(fd, level, name);/\t\t;/ | control/test_shim tcp_ends_openvpn_26_with_a_sentence
		shim: not 2.7 | shim/shim.c | s/genl_mixes()/false/ | control/test_shim tcp_does_not_end_openvpn_27
		shim: a failed openvpn ends with failure | shim/shim.c | s/if (status == 0 && shim.state == SHIM_FAILED/if (false \&\& status == 0 \&\& shim.state == SHIM_FAILED/ | control/test_shim tcp_ends_openvpn_26_with_a_sentence
		shim: families of ours | shim/genl.c | s/len == n && memcmp(name, families.i..name, n) == 0/true/ | control/test_shim other_programs_do_not_notice_the_shim
		shim: groups of ours | shim/genl.c | s/(group & 0xffff0000) == SHIM_GROUPS && // | control/test_shim server_start*
		shim: without a daemon keys are taken | shim/genl.c | s/p.0. == shim.genl->new_key/false/ | control/test_shim agent_death*
		shim: without a daemon there is nothing new | shim/genl.c | s/ .. p.0. == shim.genl->get_peer);/);/ | control/test_shim agent_death*
		shim: without a daemon dumps are empty | shim/genl.c | s/if (ours && (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)/if (false)/ | control/test_shim agent_death*
		shim: datagrams no longer than the protocol's | shim/udp.c | s/if (len > SHIM_DGRAM_MAX)/if (false)/ | control/test_shim datagrams_keep_their_bounds_and_addresses
		shim: the end of a socket is no datagram | shim/fds.c | s/(n == 0 && (msg_flags & MSG_TRUNC) == 0)/false/ | control/test_shim agent_death*
		shim: no errno that ends openvpn | shim/genl.c | s/ret = replies_error(&s->replies, &h, -EINVAL);/ret = replies_error(\&s->replies, \&h, ret);/ | control/test_shim no_error_of_the_agent_ends_openvpn
		shim: programs of openvpn get no socket | shim/fds.c | s/socketpair(AF_UNIX, SOCK_SEQPACKET . SOCK_CLOEXEC, 0, pair)/socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)/ | control/test_shim server_start*
		shim: no UDP for an openvpn that is not offloaded | shim/shim.c | s/(shim.state == SHIM_IDLE && !is_openvpn())/shim.state == SHIM_IDLE/ | control/test_shim not_offloaded*
		shim: no TCP either | shim/shim.c | s/? is_openvpn() /? false / | control/test_shim not_offloaded*
		shim: UDP only | shim/shim.c | s/protocol == IPPROTO_UDP &&/true \&\&/ | control/test_shim server_start*
		shim: links of our kinds | shim/rtnl.c | s/strcmp(link->kind, "ovpn-dco") != 0 && strcmp(link->kind, "ovpn") != 0/false/ | control/test_shim server_start*
		bench: bytes that came over a port | bench/feed.c | s/return feed_check(s, .n, m);/return true;/ | component/test_bench.sh compared
		bench: their order | bench/traffic.c | s/n != FEED_UNKNOWN && !lane_in_order(l, n)/false/ | component/test_bench.sh compared
		bench: bytes that the worker changed | dataplane/encap.c | s/^\tmemcpy(data, &head, sizeof(head));/&\n\tif (pktid % 1000 == 0) data[WIRE_DATA_HDR_LEN + len - 1] ^= 1;/ | component/test_bench.sh peers
		bench: packets that nobody counted | dataplane/decap.c | s/^\tdeliver(w, p, family, dev);/\tif (p->pktid % 1000 == 0) { rte_pktmbuf_free(pkt_mbuf(p)); return 0; }\n&/ | component/test_bench.sh peers
		shim: a request has parts | shim/nl.c | s/msg->msg_iovlen == 0 .. // | unit/test_shim_nl
		shim: and bytes | shim/nl.c | s/iov.0..iov_base == NULL/false/ | unit/test_shim_nl
		shim: and a header | shim/nl.c | s/iov.0..iov_len < sizeof(.h))/false)/ | unit/test_shim_nl
		shim: and its header's length | shim/nl.c | s/h->nlmsg_len < sizeof(.h) .. // | unit/test_shim_nl
		shim: and no more than is there | shim/nl.c | s/ .. h->nlmsg_len > iov.0..iov_len)/)/ | unit/test_shim_nl
		shim: an attribute has a header | shim/nl.c | s/while (len >= sizeof(a))/while (len != 0)/ | unit/test_shim_nl
		shim: and is no shorter than that | shim/nl.c | s/a.nla_len < sizeof(a) .. // | unit/test_shim_nl
		shim: and no longer than all | shim/nl.c | s/ .. a.nla_len > len)/)/ | unit/test_shim_nl
		shim: padding ends with all | shim/nl.c | s/if (PAD(a.nla_len) >= len)/if (false)/ | unit/test_shim_nl
		shim: netlink sockets only | shim/nl.c | s/ .. value != AF_NETLINK)/)/ | unit/test_shim_nl
		shim: of one protocol only | shim/nl.c | s/ && value == protocol;/;/ | unit/test_shim_nl
		shim: answers have memory | shim/nl.c | s/if (mem == MAP_FAILED)/if (false)/ | unit/test_shim_nl
		shim: answers end where openvpn's buffer does | shim/nl.c | s/if (n > len - done)/if (false)/ | unit/test_shim_nl
		shim: the kernel's address, too | shim/nl.c | s/room < sizeof(kernel) ? room : sizeof(kernel)/sizeof(kernel)/ | unit/test_shim_nl
		shim: families by their whole name | shim/genl.c | s/len == n && memcmp/memcmp/ | unit/test_shim_nl
		shim: questions to the kernel's controller | shim/genl.c | s/h.nlmsg_type != GENL_ID_CTRL .. // | unit/test_shim_nl
		shim: questions with a header | shim/genl.c | s/ .. h.nlmsg_len < sizeof(h) + sizeof(g))/)/ | unit/test_shim_nl
		shim: questions for a family | shim/genl.c | s/if (g.cmd != CTRL_CMD_GETFAMILY)/if (false)/ | unit/test_shim_nl
		shim: what is not there has no length | shim/nl.c | s/^\t\*attr_len = 0;/\t;/ | unit/test_shim_nl
		shim: without a daemon there is no family | shim/genl.c | s/bool ours = h->nlmsg_type != GENL_ID_CTRL &&/bool ours =/ | unit/test_shim_rpc
		shim: questions by generic netlink | shim/genl.c | s/return nl_is(fd, NETLINK_GENERIC) && names/return names/ | unit/test_shim_nl
		shim: groups when openvpn has asked | shim/genl.c | s/shim.state == SHIM_IDLE .. // | unit/test_shim_nl
		shim: groups are netlink's | shim/genl.c | s/level != SOL_NETLINK .. // | unit/test_shim_nl
		shim: groups that are joined | shim/genl.c | s/name != NETLINK_ADD_MEMBERSHIP/false/ | unit/test_shim_nl
		shim: groups have four bytes | shim/genl.c | s/len != sizeof(group))/false)/ | unit/test_shim_nl
		shim: groups by generic netlink | shim/genl.c | s/== SHIM_GROUPS && nl_is(fd, NETLINK_GENERIC)/== SHIM_GROUPS/ | unit/test_shim_nl
		shim: netlink addresses go where there is room | shim/genl.c | s/.len < sizeof(name) ? .len : sizeof(name)/sizeof(name)/ | unit/test_shim_nl
		shim: without a daemon requests have commands | shim/genl.c | s/h->nlmsg_len >= sizeof(.h) + sizeof(struct genlmsghdr);/true;/ | unit/test_shim_rpc
		shim: requests that are none | shim/genl.c | /^ssize_t genl_send/,/^}/ s/if (p == NULL)/if (false)/ | unit/test_shim_rpc
		shim: the error queue of netlink is empty | shim/genl.c | s/if ((flags & MSG_ERRQUEUE) != 0)/if (false)/ | unit/test_shim_rpc
		shim: names of links fit | shim/rtnl.c | s/if (n >= size)/if (false)/ | unit/test_shim_nl
		shim: and are not cut | shim/rtnl.c | s/if (!copy_name(link->name, sizeof(link->name), value, n))/if (copy_name(link->name, sizeof(link->name), value, n), false)/ | unit/test_shim_nl
		shim: links have a header | shim/rtnl.c | s/if (len < sizeof(struct ifinfomsg))/if (false)/ | unit/test_shim_nl
		shim: a mode has a byte | shim/rtnl.c | s/if (n >= 1)/if (value != NULL)/ | unit/test_shim_nl
		shim: links have a table | shim/rtnl.c | s/if (k == NULL)/if (false)/ | unit/test_shim_nl
		shim: links are made by rtnetlink | shim/rtnl.c | s/if (!nl_is(fd, NETLINK_ROUTE))/if (false)/ | unit/test_shim_nl
		shim: and removed by it | shim/rtnl.c | s/entry == NULL .. !nl_is(fd, NETLINK_ROUTE)/entry == NULL/ | unit/test_shim_nl
		shim: requests that remove | shim/rtnl.c | s/h->nlmsg_type != RTM_DELLINK .. // | unit/test_shim_nl
		shim: in whole | shim/rtnl.c | s/ .. len < sizeof(ifi))/)/ | unit/test_shim_nl
		shim: no link has the number 0 | shim/rtnl.c | s/ifi.ifi_index > 0 ? link_entry((uint32_t)ifi.ifi_index) : NULL/link_entry((uint32_t)ifi.ifi_index)/ | unit/test_shim_nl
		shim: requests in one part | shim/rtnl.c | s/ .. msg->msg_iovlen != 1// | unit/test_shim_nl
		shim: a link's answer in whole | shim/rpc.c | s/if (ret == (int)sizeof(.made))/if (ret >= 0)/ | unit/test_shim_nl
		shim: or its descriptor is closed | shim/rpc.c | /^int rpc_link/,/^}/ s/^\tif (came >= 0)/\tif (false)/ | unit/test_shim_nl
		away: the same device | shim/rtnl.c | s/ret == 0 && made.ifindex != k->link.ifindex/false/ | control/test_shim_away another_device_ends_openvpn
		away: a device that nothing keeps | shim/away.c | s/else if (link_unkept())/else if (false)/ | control/test_shim_away device_that_nothing_keeps*
		shim: an address has its own length | shim/udp.c | s/memcpy(&a, addr, len < sizeof(a) ? len : sizeof(a));/memcpy(\&a, addr, sizeof(a));/ | unit/test_shim_udp
		shim: and no more than there is room for | shim/udp.c | s/memcpy(&a, addr, len < sizeof(a) ? len : sizeof(a));/memcpy(\&a, addr, len);/ | unit/test_shim_udp
		shim: an IPv4 address in whole | shim/udp.c | s/ && len >= sizeof(a.v4))/)/ | unit/test_shim_udp
		shim: an IPv6 address in whole | shim/udp.c | s/ .. len < sizeof(a.v6))/)/ | unit/test_shim_udp
		shim: no address | shim/udp.c | s/if (addr == NULL)/if (false)/ | unit/test_shim_udp
		shim: a socket's own family | shim/udp.c | s/if (ret == 0 && wish.family != s->family)/if (false)/ | unit/test_shim_udp
		shim: names go where there is room | shim/udp.c | s/memcpy(addr, &a, .len < n ? .len : n);/memcpy(addr, \&a, n);/ | unit/test_shim_udp
		shim: senders, too | shim/udp.c | s/msg->msg_namelen < len ? msg->msg_namelen : len/len/ | unit/test_shim_udp
		shim: control messages end with all | shim/udp.c | s/c != NULL && c->cmsg_len > msg->msg_controllen/false/ | unit/test_shim_udp
		shim: a source in whole, IPv4 | shim/udp.c | s/c->cmsg_len >= CMSG_LEN(sizeof(v4))/true/ | unit/test_shim_udp
		shim: a source in whole, IPv6 | shim/udp.c | s/c->cmsg_len >= CMSG_LEN(sizeof(v6))/true/ | unit/test_shim_udp
		shim: datagrams to send have parts | shim/udp.c | /^ssize_t udp_send/,/^}/ s/if (msg->msg_iovlen > SHIM_IOV)/if (false)/ | unit/test_shim_udp
		shim: datagrams to read have parts | shim/udp.c | /^ssize_t udp_recv/,/^}/ s/if (msg->msg_iovlen > SHIM_IOV)/if (false)/ | unit/test_shim_udp
		shim: netlink requests have parts | shim/rpc.c | s/if (msg->msg_iovlen > SHIM_IOV)/if (false)/ | unit/test_shim_rpc
		shim: and fit a record | shim/rpc.c | s/if (len > SHIM_RECORD_MAX - sizeof(.request))/if (false)/ | unit/test_shim_rpc
		shim: control messages go where there is room | shim/udp.c | s/ .. msg->msg_controllen < CMSG_SPACE(len))/)/ | unit/test_shim_udp
		shim: if there is any | shim/udp.c | s/if (c == NULL .. msg->msg_controllen/if (msg->msg_controllen/ | unit/test_shim_udp
		shim: packet information was asked for | shim/udp.c | s/if (!s->pktinfo .. /if (/ | unit/test_shim_udp
		shim: datagrams have addresses and a byte | shim/udp.c | s/len = n > (ssize_t)sizeof(d) ? udp_make_address(s->family, &d.remote, &from) : 0;/len = udp_make_address(s->family, \&d.remote, \&from);/ | unit/test_shim_udp
		shim: senders of the socket's family | shim/udp.c | s/if (from->family != AF_INET)/if (false)/ | unit/test_shim_udp
		shim: errors in whole | shim/udp.c | s/n < sizeof(error) .. // | unit/test_shim_udp
		shim: errors in one part | shim/udp.c | s/msg->msg_iov.0..iov_len < sizeof(error))/false)/ | unit/test_shim_udp
		shim: errors without a part | shim/udp.c | s/msg->msg_iovlen == 0 .. // | unit/test_shim_udp
		shim: errors go where there is room | shim/errqueue.c | s/msg->msg_namelen < len ? msg->msg_namelen : len/len/ | unit/test_shim_udp
		shim: as many errors as there is room for | shim/errqueue.c | s/if (q->nb == ERRQUEUE_MAX) {/if (false) {/ | control/test_shim errors_on_a_dual_stack*
		shim: no error is there | shim/errqueue.c | s/if (q->nb == 0)/if (false)/ | unit/test_shim_udp
		shim: an error without an offender | shim/errqueue.c | s/if (e->offender.family != 0)/if (true)/ | unit/test_shim_udp
		shim: refused to this family | shim/errqueue.c | s/r->family != remote->family .. // | unit/test_shim_udp
		shim: refused to this port | shim/errqueue.c | s/ .. r->port != remote->port// | unit/test_shim_udp
		shim: refused to this address | shim/errqueue.c | s/memcmp(r->ip, remote->ip, sizeof(r->ip)) != 0/false/ | unit/test_shim_udp
		shim: options have 64 bytes | shim/fds.c | s/if (len > sizeof(opt.value))/if (false)/ | unit/test_shim_udp
		shim: options have a table | shim/fds.c | s/if (i == SHIM_OPTS)/if (false)/ | unit/test_shim_udp
		shim: numbers in whole | shim/fds.c | s/if (len < sizeof(size))/if (false)/ | unit/test_shim_udp
		shim: numbers in whole, of the agent | shim/udp.c | s/ && len >= sizeof(on))/)/ | unit/test_shim_udp
		shim: sockets have a table | shim/udp.c | /^int udp_socket/,/^}/ s/if (s == NULL)/if (false)/ | unit/test_shim_rpc
		shim: netlink sockets, too | shim/genl.c | /^int genl_adopt/,/^}/ s/if (s == NULL)/if (false)/ | unit/test_shim_rpc
		shim: answers are cut | shim/rpc.c | s/if (h.len > reply_max)/if (false)/ | unit/test_shim_rpc
		shim: sentences, too | shim/rpc.c | s/if ((msg.msg_flags & MSG_TRUNC) != 0)/if (false)/ | unit/test_shim_rpc
		shim: records without bytes | shim/rpc.c | s/if (ret == 0 && h.len != 0)/if (ret == 0)/ | unit/test_shim_rpc
		shim: paths fit an address | shim/rpc.c | s/if (strlen(path) >= sizeof(addr.sun_path))/if (false)/ | unit/test_shim_rpc
		shim: the connection is openvpn's own | shim/rpc.c | s/return shim.state == SHIM_ATTACHED && shim.owner == getpid();/return shim.state == SHIM_ATTACHED;/ | unit/test_shim_rpc
		shim: plugins have sockets of their own | shim/shim.c | /^static bool is_tunnel_udp/,/^}/ s/in_main_executable(caller);/true;/ | control/test_shim plugins*
		shim: plugins have files | shim/shim.c | /^static bool tun_refused/,/^}/ s/!in_main_executable(caller))/false)/ | control/test_shim plugins*
		shim: plugins have pairs | shim/shim.c | /^static bool program_refused/,/^}/ s/ .. !in_main_executable(caller))/)/ | control/test_shim plugins*
		shim: plugins use TCP | shim/shim.c | /^EXPORT int getsockopt/,/^}/ s/in_main_executable(__builtin_return_address(0)))/true)/ | control/test_shim tcp_ends*
		shim: TCP is of a stream | shim/shim.c | s/type != SOCK_STREAM .. // | control/test_shim tcp_ends*
		shim: and of a network | shim/shim.c | s/ .. (family != AF_INET && family != AF_INET6))/)/ | control/test_shim tcp_ends*
		shim: UDP of a network | shim/shim.c | s/(family == AF_INET .. family == AF_INET6) &&/true \&\&/ | control/test_shim server_start*
		shim: UDP in datagrams | shim/shim.c | s/(type & ~(SOCK_CLOEXEC . SOCK_NONBLOCK)) == SOCK_DGRAM &&/true \&\&/ | control/test_shim server_start*
		away: helpers of plugins wait for nothing | shim/away.c | s/shim.state == SHIM_AWAY && shim.owner == getpid()/shim.state == SHIM_AWAY/ | control/test_shim_away what*
		away: a daemon that is slow | shim/rpc.c | s/if (ret == -ETIMEDOUT)/if (false)/ | control/test_shim_away what*
		away: a daemon that ends before its answer | shim/rpc.c | s/if (n == 0)/if (false)/ | control/test_shim_away what*
		away: devices that were removed | shim/away.c | s/shim.links.i..link.ifindex != 0 && shim.links.i..fd < 0/shim.links[i].fd < 0/ | control/test_shim_away end_of*
		away: sockets of the kernel stay | shim/away.c | /^static void silence/,/^}/ s/if (!carries(s))/if (false)/ | unit/test_shim_rpc
		away: a device has one descriptor | shim/rtnl.c | s/^\tif (fd >= 0)$/\tif (false)/ | unit/test_shim_nl
		shim: no room is not the end of a socket | shim/fds.c | s/n == 0 && (msg_flags & MSG_TRUNC) == 0/n == 0/ | unit/test_shim_rpc
		shim: a reset is the end of a socket | shim/fds.c | s/errno != ECONNRESET && // | unit/test_shim_udp
		shim: so is a pipe without an end | shim/fds.c | s/errno != EPIPE && // | unit/test_shim_udp
		shim: options of this level | shim/fds.c | s/s->opts.i..level != opt->level .. // | unit/test_shim_udp
		shim: TCP, IPv6 | shim/shim.c | s/(family != AF_INET && family != AF_INET6)/family != AF_INET/ | control/test_shim not_offloaded*
		shim: links of openvpn only | shim/shim.c | s/shim.state != SHIM_IDLE && rtnl_send/rtnl_send/ | control/test_shim other*
		away: sockets that are refused | shim/fds.c | s/if (ours < 0)/if (false)/ | unit/test_shim_rpc
		away: options that are refused | shim/fds.c | s/if (ret >= 0 && s->bound)/if (s->bound)/ | unit/test_shim_rpc
		shim: an agent that speaks something else | shim/rpc.c | /^static int hear_hello/,/^}/ s/if (ret == -EPROTO)/if (false)/ | control/test_shim agent_that_speaks*
		shim: an address of no network | shim/udp.c | s/a.any.sa_family != AF_INET6 .. // | unit/test_shim_udp
		away: another root directory | shim/away.c | s/if (root_changed())/if (false)/ | control/test_shim_away another_root_directory_ends_openvpn_at_once
		away: no right to come back | shim/away.c | s/else if (ret == -EACCES)/else if (false)/ | control/test_shim_away lost_rights_end_openvpn
		away: sessions begin anew | shim/away.c | s/^\t\tkill(getpid(), SIGUSR1);/\t\t;/ | control/test_shim_away next_daemon_gets_everything_in_place
	END
}

# trim VARIABLE...: no blanks at either end.
trim()
{
	local -n text

	for text in "$@"; do
		text=${text#"${text%%[![:space:]]*}"}
		text=${text%"${text##*[![:space:]]}"}
	done
}

# rows: name, file, number of lines, sed and test of each line that was asked for, in tabs.
rows()
{
	local line name file program test lines word

	while IFS= read -r line; do
		for word in "${words[@]}"; do
			[[ $line != *"$word"* ]] || break
		done
		[ ${#words[@]} = 0 ] || [[ $line == *"$word"* ]] || continue
		IFS='|' read -r name file program test <<<"$line"
		trim name file program test
		lines=1
		if [[ $file == *:* ]]; then
			lines=${file#*:}
		else # one for each command
			word=${program//; s?/}
			lines=$((1 + (${#program} - ${#word}) / 4))
		fi
		printf '%s\t%s\t%s\t%s\t%s\n' "$name" "src/${file%:*}" "$lines" "$program" "$test"
	done < <(table)
}

# changes NAME FILE LINES SED TEST: is the row what it was when it was written?
changes()
{
	local name=$1 file=$2 lines=$3 program=$4 test=${5%% *} n

	if [ ! -f "$ROOT/$file" ]; then
		echo "NO FILE     $name: $file"
		return 1
	fi
	if [ ! -f "$ROOT/tests/$test.c" ] && [ ! -f "$ROOT/tests/$test" ]; then
		echo "NO TEST     $name: tests/$test"
		return 1
	fi
	n=$(sed "$program" "$ROOT/$file" | diff - "$ROOT/$file" | grep -c '^<')
	if [ "$n" != "$lines" ]; then
		echo "CHANGES     $name: $n lines of $file, not $lines: $program"
		return 1
	fi
}

check()
{
	local faults=0 n=0 row

	while IFS=$'\t' read -r -a row; do
		n=$((n + 1))
		changes "${row[@]}" || faults=$((faults + 1))
	done < <(rows)
	echo "$n rows, $faults stale"
	[ "$n" -gt 0 ] && [ "$faults" = 0 ]
}

# How meson would run the tests, by the names of the table: what is built for it, its environment,
# its command.
declare -A targets environment command
read_tests()
{
	local key needs env cmd

	while IFS=$'\t' read -r key needs env cmd; do
		targets[$key]=$needs environment[$key]=$env command[$key]=$cmd
	done < <(jq -r --slurpfile targets "$T/build/meson-info/intro-targets.json" --arg build "$T/build/" \
		--arg tests "$T/tree/tests/" '
		($targets[0] | map({key: .id, value: (.filename[0] | ltrimstr($build))}) | from_entries) as $file
		| .[] | (.cmd[0] | endswith(".sh")) as $script
		| [ (if $script then .cmd[0:1] else .cmd end | join(" ") | ltrimstr($build + "tests/") | ltrimstr($tests)),
			(.depends | map($file[.]) | join(" ")),
			(.env | to_entries | map(.key + "=" + .value) | join(" ") | if . == "" then "A=" else . end),
			(.cmd | join(" ")) ] | join("\t")' "$T/build/meson-info/intro-tests.json")
}

# known TEST: with arguments that meson does not give it, it is the test without them.
known()
{
	local whole=${1%% *}

	[ -z "${targets[$1]:-}" ] && [ -n "${targets[$whole]:-}" ] || return 0
	targets[$1]=${targets[$whole]} environment[$1]=${environment[$whole]}
	command[$1]="${command[$whole]} ${1#* }"
}

build()
{
	# shellcheck disable=SC2086
	ninja -C "$T/build" ${targets[$1]} >"$T/log" 2>&1
}

# run TEST: a broken build may hang, so it has its time, and some more.
run()
{
	# shellcheck disable=SC2086
	{
		(set -f && cd "$T/build" && env ${environment[$1]} timeout -k 5 "${allowed[$1]:-120}" ${command[$1]}) \
			>"$T/log" 2>&1 </dev/null
	} 2>/dev/null # bash tells of crashes
}

# passes TEST: with nothing broken it must.
declare -A allowed
passes()
{
	local start=$SECONDS

	[ -z "${allowed[$1]:-}" ] || return 0
	build "$1" && run "$1" && allowed[$1]=$(((SECONDS - start) * 3 + 15))
}

# try NAME FILE LINES SED TEST: true if the test fails with the check broken.
try()
{
	local name=$1 file=$2 program=$4 test=$5 status start=$SECONDS

	known "$test"
	if [ -z "${targets[$test]:-}" ]; then
		echo "NO TEST     $name: $test"
		return 1
	fi
	if ! passes "$test"; then
		echo "FAILS       $name: $test, with nothing broken"
		tail -n 5 "$T/log"
		return 1
	fi
	sed -i "$program" "$T/tree/$file"
	if cmp -s "$T/$file" "$T/tree/$file"; then
		echo "NO CHANGE   $name: the code is not what the table expects"
		return 1
	fi
	if ! build "$test"; then
		echo "NO BUILD    $name"
		grep -m 3 error "$T/log"
		return 1
	fi
	run "$test"
	status=$?
	case $status in
	0)
		echo "NOT NOTICED $name: $test passes"
		return 1
		;;
	124 | 137) status="it hangs" ;;
	1[3-9][0-9]) status="signal $((status - 128))" ;; # a crash is as good as a failure
	*) status="$(grep -E "^(\[  (FAILED|ERROR ) +\] [a-z]|not ok|FAIL)" "$T/log" | sort -u | wc -l) failures" ;;
	esac
	echo "noticed     $name ($status, $((SECONDS - start)) s)"
}

words=()
only_check=
while [ $# -gt 0 ]; do
	case $1 in
	--list)
		table | cut -d '|' -f 1
		exit 0
		;;
	--check) only_check=yes ;;
	--help | -h)
		usage
		exit 0
		;;
	-*)
		usage >&2
		exit 2
		;;
	*) words+=("$1") ;;
	esac
	shift
done
if [ -n "$only_check" ]; then
	check
	exit
fi

T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
export RUNTIME_DIRECTORY=$T # of DPDK: what fails does not tidy up
trap 'exit 130' INT TERM
# meson takes ccache if it is there; its entries shall do for another folder, too
export CCACHE_BASEDIR=$T CCACHE_NOHASHDIR=1
mkdir "$T/tree"
(cd "$ROOT" && tar -c --exclude="./build*" --exclude=./.git .) | tar -x -C "$T/tree" || exit 1
cp -a "$T/tree/src" "$T/src" # as it is, whatever happens to the checkout meanwhile
# without optimisation it builds faster, and -Werror would refuse what a broken check leaves unused
meson setup "$T/build" "$T/tree" -Doptimization=0 -Ddebug=false -Db_ndebug=false -Dtests=enabled \
	>"$T/log" 2>&1 || {
	tail -n 20 "$T/log"
	exit 1
}
read_tests
noticed=0
missed=0
while IFS=$'\t' read -r -a row; do
	if try "${row[@]}"; then
		noticed=$((noticed + 1))
	else
		missed=$((missed + 1))
	fi
	cp "$T/${row[1]}" "$T/tree/${row[1]}"
done < <(rows)
echo "$noticed broken checks noticed, $missed not, $((SECONDS / 60)) min $((SECONDS % 60)) s"
[ "$missed" = 0 ]
