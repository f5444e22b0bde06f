#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# openvpn 2.7, which speaks netlink family ovpn, in each role against 2.6. It comes out of a chroot of
# a later Debian.
#
#   1. c1 2.6, outer IPv4 ---+
#      c2 2.6, outer IPv6 ---+--- wire --- srv: 2.7 on the daemon, 10.9.0.1 and .2, multihome; both
#                                          float, the daemon is killed and comes back. Then with
#                                          two UDP sockets and one of TCP, and in p2p
#
#   2. c1 2.7 ---------------+--- wire --- srv: 2.6 on the daemon, 10.8.0.1
#      c2 2.6, a server -----+             srv: 2.7 on the same daemon, a client, 10.7.0.2
#         10.7.0.1                         each speaks the family that it asked for
#
# What 2.7 would have to carry itself is refused (test_refused27.sh has the rest).

NAME='openvpn 2.7 and 2.6: roles, floats, new keys, counters, expiry, a new daemon, TCP refused'
. "$(dirname "$0")/openvpn.sh"

# nat PORT: c1's own port is 5000, and the wire has this one; nothing comes to c1 by its own.
nat()
{
	in_ns c1 nft -f - <<-END || fail "nft does not take the NAT's rules"
		table ip nat
		flush table ip nat
		table ip nat {
			chain out { type filter hook output priority 0; udp sport 5000 udp sport set $1; }
			chain in {
				type filter hook prerouting priority 0
				udp dport 5000 drop
				udp dport $1 udp dport set 5000 udp checksum set 0
			}
		}
	END
}

# floats_to N FROM TO: client N speaks from there now. The daemon follows, and openvpn is told, once.
floats_to()
{
	local to=$3

	# the server's kernel may have to ask who has the new address: what is in flight then is lost
	in_ns "c$1" ping -q -n -c 10 -i 0.02 -W 1 10.8.0.1 >/dev/null
	wait_for 3 is_at "10.8.0.1$1" "$to" ||
		fail "c$1 is at $to, and the daemon has it at $(peer_of "10.8.0.1$1" | jq -r .remote)"
	wait_for 3 told_of "(c$1) floated from .*$2.* to " ||
		fail "openvpn was not told that c$1 has floated, but: $(grep floated "$T/server.log")"
	wait_for 15 listed_at "c$1" "$to" || fail "openvpn does not list c$1 at $to: $(grep "^CLIENT_LIST,c$1" "$T/status")"
	ping_all "c$1" 10 0.02 10.8.0.1
}
is_at() { peer_of "$1" | jq -r .remote | grep -qF "$2"; }
told_of() { [ "$(grep -c "$1" "$T/server.log")" = 1 ]; }
listed_at() { awk -F , -v n="$1" '$1 == "CLIENT_LIST" && $2 == n { print $3 }' "$T/status" | grep -qF "$2"; }

# restarted LOG: openvpn was told that its only peer is gone. Options, too, have this word.
restarted() { grep -q 'Inactivity timeout (--ping-restart)' "$T/$1.log"; }

second_address() { ip -n "$ID-srv" address add 10.9.0.2/24 dev wan0; }
answered() { in_ns "$1" ping -n -c 1 -W 1 10.8.0.1; }

# Under a server that goes on.
new_daemon()
{
	local c

	kill -9 "$DAEMON_PID"
	wait "$DAEMON_PID" 2>/dev/null
	wait_for 5 grep -q 'waiting .* seconds for it to come back' "$T/server.log" ||
		fail "2.7 has not noticed that the daemon is gone"
	daemon_start
	second_address
	wait_for 10 grep -q 'attached to ovpn-dpdkd again' "$T/server.log" ||
		fail "2.7 has not attached again: $(tail -n 1 "$T/server.log")"
	for c in c1 c2; do
		wait_for 20 answered "$c" || fail "$c is not back after the daemon"
	done
}

# server: on one UDP socket for both families of addresses.
later_server()
{
	local killed c2 received sent n key1 key2

	SERVER_RUN=("${LATER_DCO[@]}")
	second_address
	server_start 'reneg-sec 12' 'keepalive 1 4' 'verb 4' multihome persist-tun
	grep -q 'DCO version: ovpn-dpdk' "$T/server.log" ||
		fail "2.7 does not print the offload's version"
	# a client takes answers from the address alone that it wrote to
	HOST4=10.9.0.2 LOCAL='lport 5000' client_start 1 4 'data-ciphers AES-128-GCM'
	killed=$SPAWNED
	client_start 2 6 'data-ciphers CHACHA20-POLY1305'
	c2=$SPAWNED
	offloaded
	for n in 1 2; do
		ping_all "c$n" 10 0.02 10.8.0.1 1300
		ping_all "c$n" 10 0.02 fd08::1
		ping_all srv 10 0.02 "10.8.0.1$n"
	done
	# another port, and another address
	nat 20003
	floats_to 1 10.9.0.11:5000 10.9.0.11:20003
	ip -n "$ID-c2" address add fd09::22/64 dev eth0 nodad
	ip -n "$ID-c2" address del fd09::12/64 dev eth0
	floats_to 2 fd09::12 fd09::22
	key1=$(key_id 10.8.0.11)
	key2=$(key_id 10.8.0.12)
	# the server asks for new keys, at the new places; nothing is lost meanwhile
	pinging c2 300 0.05 10.8.0.1
	pinged
	wait_for 10 has_key 10.8.0.11 $((key1 + 1)) || fail "no new key for c1"
	wait_for 10 has_key 10.8.0.12 $((key2 + 1)) || fail "no new key for c2"
	# openvpn has our counters: 330 pings of 84 bytes and more
	fresh_status
	read -r received sent < <(status_bytes c2)
	[ "$received" -gt 30000 ] && [ "$sent" -gt 30000 ] ||
		fail "the status file says $received received and $sent sent"
	ping_all c1 10 0.02 10.8.0.1
	for n in 1 2; do
		[ "$(grep -c 'Initialization Sequence Completed' "$T/c$n.log")" = 1 ] ||
			fail "c$n had to connect again"
	done
	no_complaints server # without a daemon there is reason for some
	new_daemon
	wait_for 15 in_status c1 || fail "c1 is not in the status file after the daemon"
	kill -9 "$killed"
	wait "$killed" 2>/dev/null
	in_ns c1 nft delete table ip nat
	wait_for 30 not_in_status c1 || fail "the killed client is still in the status file"
	grep -q 'ovpn-dco: ping expired' "$T/server.log" ||
		fail "openvpn was not told: no 'ovpn-dco: ping expired' in its log"
	ping_all c2 10 0.02 10.8.0.1
	stop "$c2" "$SERVER_PID"
}

# Two sockets of UDP, and one of TCP: a connected one is handed over without a remote address.
later_server_with_tcp()
{
	local c1 c2 n

	server_start 'local 10.9.0.1 1194 udp4' 'local 0.0.0.0 1196 udp4' 'local 0.0.0.0 1195 tcp4'
	client_start 2 4
	c2=$SPAWNED
	PORT=1196 client_start 1 4
	c1=$SPAWNED
	for n in 1 2; do
		ping_all "c$n" 10 0.02 10.8.0.1
		ping_all srv 10 0.02 "10.8.0.1$n"
	done
	stop "$c1"
	tcp_client_refused 1195
	ping_all c2 10 0.02 10.8.0.1
	stop "$c2" "$SERVER_PID"
}

# Peer to peer, with the peer id that both find in TLS.
peer_to_peer()
{
	local common=(dev-type\ tun "ca $T/ca.crt" 'dh none' 'reneg-sec 12' 'ping 1' 'ping-restart 4'
		'verb 3' 'data-ciphers AES-256-GCM' 'tran-window 60' "connect-retry 1 1") far near

	printf '%s\n' "${common[@]}" tls-client "cert $T/c1.crt" "key $T/c1.key" disable-dco \
		'dev tun5' 'remote 10.9.0.1 1197 udp4' nobind 'ifconfig 10.6.0.2 10.6.0.1' >"$T/far.conf"
	printf '%s\n' "${common[@]}" tls-server "cert $T/server.crt" "key $T/server.key" \
		'dev ovpn5' 'proto udp4' 'port 1197' 'ifconfig 10.6.0.1 10.6.0.2' >"$T/near.conf"
	spawn srv near "${LATER_DCO[@]}" --config "$T/near.conf"
	near=$SPAWNED
	spawn c1 far openvpn --config "$T/far.conf"
	far=$SPAWNED
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/near.log" ||
		fail "2.7 in p2p did not connect: $(tail -n 1 "$T/near.log")"
	wait_for 5 in_ns c1 ping -n -c 1 -W 1 10.6.0.1 || fail 'nothing passes in p2p'
	# a new key comes after 12 s, and openvpn waits another 6 before it is used
	pinging c1 400 0.05 10.6.0.1 1300
	ping_all srv 10 0.02 10.6.0.2
	pinged
	ctl show peers --json | jq -e '[.[] | select(.instance == "ovpn5" and (.gone | not))] |
		length == 1 and any(.[0].keys[]; .transmits and .id > 0)' >/dev/null ||
		fail "2.7 in p2p: not in the daemon, with a new key: $(ctl show peers)"
	restarted near && fail "2.7 in p2p was told that its peer is gone, and it is not"
	kill -9 "$far"
	wait "$far" 2>/dev/null
	wait_for 15 restarted near || fail "2.7 in p2p was not told that its peer is gone"
	spawn c1 far openvpn --config "$T/far.conf"
	wait_for 20 in_ns c1 ping -n -c 1 -W 1 10.6.0.1 || fail 'nothing passes in p2p to the next peer'
	no_complaints near
	stop "$SPAWNED" "$near"
}

both_roles()
{
	SERVER_RUN=()
	server_start
	CLIENT_RUN=("${LATER_PLAIN[@]}")
	client_start 1 6
	offloaded
	other_server 'reneg-sec 12'
	later_client
	[ "$(ctl show instances --json | jq -c '[.[].mode] | sort')" = '["multi-peer","p2p"]' ] ||
		fail "not a server and a client on the daemon: $(ctl show instances)"
	ping_all c1 10 0.02 10.8.0.1 1300
	ping_all c1 10 0.02 fd08::1
	pinging srv 300 0.05 10.7.0.1
	ping_all c2 10 0.02 10.7.0.2 1300
	ping_all c2 10 0.02 fd07::1000
	pinged
	ctl show peers --json | jq -e 'any(.[] | select(.instance == "ovpn7") | .keys[]; .id > 0)' \
		>/dev/null || fail "the client of 2.7 has no new key after 15 s"
	restarted later && fail "the client of 2.7 was told that its server is gone, and it is not"
	kill -9 "$OTHER_PID"
	wait "$OTHER_PID" 2>/dev/null
	wait_for 15 restarted later ||
		fail "the client of 2.7 was not told that its server is gone"
	no_complaints later
	no_complaints server
	ping_all c1 10 0.02 10.8.0.1
}

begin
later_openvpn
topology 2
certificates server c1 c2
daemon_start
later_server
later_server_with_tcp
peer_to_peer
both_roles
passed
