#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What is not carried for openvpn 2.7: `ovpn-dpdkctl check` says so before, and openvpn with the shim
# ends or refuses with a reason. Never does it carry data itself.
#
#   srv: ovpn-dpdkd, and one openvpn 2.7 after the other; c1: their clients, 2.6, or a server of TCP

NAME='openvpn 2.7: tap, programs for a tun and TCP are refused with a reason, nothing falls back'
. "$(dirname "$0")/openvpn.sh"

# named CONF PATTERN: check gives that reason for 2.7.
named()
{
	in_ns srv "$CTL" check --openvpn 2.7 "$T/$1.conf" >"$T/check.log" 2>&1
	[ $? = 1 ] || fail "check has nothing against $1: $(cat "$T/check.log")"
	grep -q "with openvpn 2.7: .*$2" "$T/check.log" ||
		fail "check does not say \"$2\" of $1: $(cat "$T/check.log")"
}
ended() { ! alive "$1"; }

# ends CONF PATTERN OPTION...: openvpn, not well, with a sentence of the shim, and without a peer.
ends()
{
	mkdir -p "$T/ccd"
	spawn srv "$1" "${LATER_DCO[@]}" --config "$T/$1.conf" "${@:3}"
	wait_for 10 ended "$SPAWNED" || fail "$1: openvpn goes on: $(tail -n 1 "$T/$1.log")"
	wait "$SPAWNED" && fail "$1: openvpn ends as if all were well"
	grep -q "^ovpn-dpdk: .*$2.*ovpn-dpdkctl check" "$T/$1.log" ||
		fail "$1: openvpn does not say why it ends: $(tail -n 1 "$T/$1.log")"
	grep -q 'Initialization Sequence Completed' "$T/$1.log" && fail "$1: openvpn was ready"
	say "  $1"
}

# nothing_carried: neither by the daemon nor by a tun of the kernel's
nothing_carried()
{
	local what

	[ "$(ctl show peers --json | jq length)" = 0 ] || fail "$1: the daemon has a peer"
	what=$(in_ns c1 ip -br link show type tun)
	[ -z "$what" ] || fail "$1: c1 has a tunnel: $what"
	say "  $1"
}

tcp_server()
{
	SERVER_RUN=("${LATER_DCO[@]}")
	server_start 'proto tcp4-server'
	named server 'only UDP is carried'
	PORT=1194 client_launch 1 4 # for its configuration
	stop "$SPAWNED"
	tcp_client_refused 1194
	nothing_carried 'proto tcp-server'
	stop "$SERVER_PID"
}

# It tries again for ever, as openvpn does, and says why each time.
tcp_client()
{
	local times

	server_config 'proto tcp4-server' disable-dco 'dev tun9' >"$T/far.conf"
	spawn c1 far openvpn --config "$T/far.conf"
	cat >"$T/near.conf" <<-END
		client
		dev ovpn7
		dev-type tun
		nobind
		remote 10.9.0.11 1194 tcp4-client
		ca $T/ca.crt
		cert $T/c1.crt
		key $T/c1.key
		connect-retry 1
		verb 3
	END
	named near 'only UDP is carried'
	spawn srv near "${LATER_DCO[@]}" --config "$T/near.conf"
	wait_for 15 tried_twice || fail "2.7 as a client on TCP: $(tail -n 1 "$T/near.log")"
	times=$(grep -c 'ovpn-dpdk carries UDP only' "$T/near.log")
	[ "$times" -ge 2 ] || fail "2.7 as a client on TCP does not say why it is refused"
	grep -q 'Initialization Sequence Completed' "$T/near.log" &&
		fail "2.7 as a client on TCP was ready"
	[ "$(ctl show peers --json | jq length)" = 0 ] || fail "2.7 as a client on TCP has a peer"
	say '  proto tcp-client'
}
tried_twice() { [ "$(grep -c 'SIGUSR1.*process-push-msg-failed' "$T/near.log")" -ge 2 ]; }

begin
later_openvpn
topology 1
certificates server c1
daemon_start
server_config 'dev tap0' 'dev-type tap' >"$T/tap.conf"
named tap 'not Ethernet'
ends tap '/dev/net/tun is refused'
server_config 'dev tun0' disable-dco >"$T/off.conf"
named off 'switches the offload off'
ends off '/dev/net/tun is refused'
server_config 'dev tun0' 'dev-node unix:/bin/true' >"$T/program.conf"
named program ''
ends program 'another program (dev-node unix:' --script-security 2
tcp_server
tcp_client
passed
