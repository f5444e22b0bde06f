#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# openvpn 2.7, which speaks netlink family ovpn, in each role against 2.6. It comes out of a chroot of
# a later Debian.
#
#   1. c1 2.6, outer IPv4 ---+
#      c2 2.6, outer IPv6 ---+--- wire --- srv: 2.7 on the daemon; then with a TCP socket, too
#
#   2. c1 2.7 ---------------+--- wire --- srv: 2.6 on the daemon, 10.8.0.1
#      c2 2.6, a server -----+             srv: 2.7 on the same daemon, a client, 10.7.0.2
#         10.7.0.1                         each speaks the family that it asked for

NAME='openvpn 2.7 and 2.6: server and client, new keys, counters, expiry, TCP refused'
. "$(dirname "$0")/openvpn.sh"

key_id() { peer_of "$1" | jq -e '[.keys[] | select(.transmits)][0].id'; }
has_key() { [ "$(key_id "$1")" = "$2" ]; }

# no_complaints LOG: openvpn has met no netlink answer or notification that it does not like.
no_complaints()
{
	local line

	line=$(grep -m 1 -E 'kernel error|failed to send netlink|netlink reports|unknown command|bogus' \
		"$T/$1.log") && fail "$1: $line"
}

# server: on one UDP socket for both families of addresses.
later_server()
{
	local killed c2 received sent n

	SERVER_RUN=("${LATER_DCO[@]}")
	server_start 'reneg-sec 12' 'keepalive 1 4'
	grep -q 'DCO version: ovpn-dpdk' "$T/server.log" ||
		fail "2.7 does not print the offload's version"
	client_start 1 4 'data-ciphers AES-128-GCM'
	killed=$SPAWNED
	client_start 2 6 'data-ciphers CHACHA20-POLY1305'
	c2=$SPAWNED
	offloaded
	for n in 1 2; do
		ping_all "c$n" 10 0.02 10.8.0.1 1300
		ping_all "c$n" 10 0.02 fd08::1
		ping_all srv 10 0.02 "10.8.0.1$n"
	done
	# new keys come, and nothing is lost meanwhile
	pinging c2 300 0.05 10.8.0.1
	pinged
	for n in 1 2; do
		wait_for 10 has_key "10.8.0.1$n" 1 || fail "no new key for c$n"
	done
	# openvpn has our counters: 330 pings of 84 bytes and more
	fresh_status
	read -r received sent < <(status_bytes c2)
	[ "$received" -gt 30000 ] && [ "$sent" -gt 30000 ] ||
		fail "the status file says $received received and $sent sent"
	kill -9 "$killed"
	wait "$killed" 2>/dev/null
	wait_for 30 not_in_status c1 || fail "the killed client is still in the status file"
	grep -q 'ovpn-dco: ping expired' "$T/server.log" ||
		fail "openvpn was not told: no 'ovpn-dco: ping expired' in its log"
	ping_all c2 10 0.02 10.8.0.1
	stop "$c2" "$SERVER_PID"
	no_complaints server
}

# A connected TCP socket is handed over without a remote address.
later_server_with_tcp()
{
	local c2

	server_start 'local 0.0.0.0 1194 udp4' 'local 0.0.0.0 1195 tcp4'
	client_start 2 4
	c2=$SPAWNED
	sed '/^explicit-exit-notify/d; s/^remote .*/remote 10.9.0.1 1195 tcp4-client/' \
		"$T/c1.conf" >"$T/tcp.conf"
	spawn c1 tcp openvpn --config "$T/tcp.conf"
	wait_for 15 grep -q 'AUTH_FAILED' "$T/tcp.log" || fail "a client on TCP was not refused"
	grep -q 'ovpn-dpdk carries UDP only' "$T/server.log" ||
		fail "openvpn did not print why a client on TCP is refused"
	stop "$SPAWNED"
	alive "$SERVER_PID" || fail "a client on TCP ended the server"
	ping_all c2 10 0.02 10.8.0.1
	stop "$c2" "$SERVER_PID"
}

# the server of part 2, in c2, without the daemon
other_server()
{
	server_config 'dev tun9' 'server 10.7.0.0 255.255.255.0' 'server-ipv6 fd07::/64' \
		'reneg-sec 12' 'keepalive 1 4' "status $T/other.status" disable-dco |
		sed '/^client-config-dir/d' >"$T/other.conf"
	spawn c2 other openvpn --config "$T/other.conf"
	OTHER_PID=$SPAWNED
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/other.log" ||
		fail "the server in c2 did not start: $(tail -n 1 "$T/other.log")"
}

# the client of part 2, in srv, on the daemon
later_client()
{
	cat >"$T/later.conf" <<-END
		client
		dev ovpn7
		dev-type tun
		nobind
		remote 10.9.0.12 1194 udp4
		remote-cert-tls server
		ca $T/ca.crt
		cert $T/c2.crt
		key $T/c2.key
		connect-retry 1
		verb 3
	END
	spawn srv later "${LATER_DCO[@]}" --config "$T/later.conf"
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/later.log" ||
		fail "the client of 2.7 did not connect: $(tail -n 1 "$T/later.log")"
}

both_roles()
{
	SERVER_RUN=()
	server_start
	CLIENT_RUN=("${LATER_PLAIN[@]}")
	client_start 1 6
	offloaded
	other_server
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
	kill -9 "$OTHER_PID"
	wait "$OTHER_PID" 2>/dev/null
	wait_for 15 grep -q 'ping-restart' "$T/later.log" ||
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
both_roles
passed
