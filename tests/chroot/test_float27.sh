#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# openvpn 2.7 with a socket of each family, and clients that move from one to the other and back. It
# is told where they are, and writes by the socket to which they connected all the same: new keys
# show that its control packets find them.
#
#   c1: a relay, over IPv6 first ---+
#   c2: a relay, over IPv4 first ---+--- wire --- srv: 2.7, 10.9.0.1 and fd09::1, reneg-sec 8

NAME='float: clients of openvpn 2.7 move between its IPv4 and its IPv6 socket, and get new keys'
. "$(dirname "$0")/openvpn.sh"

declare -A RELAY=() KEYS=()

# relayed N SERVER...: client N behind a relay that goes to these addresses in turn
relayed()
{
	spawn "c$1" "relay$1" /usr/bin/python3 "$CHROOT_ROOT/tests/system/relay.py" "${@:2}"
	RELAY[$1]=$SPAWNED
	client_start "$1" '127.0.0.1 1194 udp4' 'ping-restart 60' 'reneg-sec 0' 'verb 4'
}

remote() { peer_of "10.8.0.1$1" | jq -r .remote; }
over() { [[ $(remote "$1") == "$([ "$2" = 6 ] && echo '[fd09' || echo 10.9)"* ]]; }
keys() { grep -c 'Outgoing Data Channel' "$T/c$1.log"; }
more_keys() { [ "$(keys "$1")" -gt "$2" ]; }

# turn N 4|6: client N goes over that family
turn()
{
	kill -USR1 "${RELAY[$1]}"
	# what it sends moves it
	in_ns "c$1" ping -q -n -c 5 -i 0.05 -W 1 10.8.0.1 >/dev/null
	wait_for 3 over "$1" "$2" || fail "client $1 went over IPv$2 and is still at $(remote "$1")"
	KEYS[$1]=$(keys "$1")
}

# drops REASON: how many
drops() { ctl show drops --json | jq "[.[] | select(.name == \"$1\").count] | add // 0"; }

begin
later_openvpn
topology 2
certificates server c1 c2
daemon_start
SERVER_RUN=("${LATER_DCO[@]}")
server_start 'local 10.9.0.1 1194 udp4' 'local fd09::1 1194 udp6' 'reneg-sec 8' 'hand-window 6' \
	'keepalive 1 20'
relayed 1 fd09::1 10.9.0.1
relayed 2 10.9.0.1 fd09::1
offloaded
over 1 6 && over 2 4 || fail "the clients did not begin where they should"
for family in 4 6; do
	turn 1 $family
	turn 2 $((10 - family))
	for n in 1 2; do
		ping_all "c$n" 10 0.02 10.8.0.1
		wait_for 20 more_keys $n "${KEYS[$n]}" ||
			fail "client $n got no new key at $(remote $n): $(tail -n 1 "$T/c$n.log")"
		ping_all "c$n" 10 0.02 10.8.0.1
	done
done
for n in 1 2; do
	[ "$(grep -c 'Initialization Sequence Completed' "$T/c$n.log")" = 1 ] ||
		fail "client $n had to connect again"
	# openvpn has been told, and puts the address of now in front of what it says
	for to in '10\.9\.' '\[fd09'; do
		grep -q "c$n/udp[46]:$to.* Control Channel:" "$T/server.log" ||
			fail "openvpn has made no key with client $n at $to"
	done
done
[ "$(drops agent-no-family) $(drops agent-send-failed)" = '0 0' ] ||
	fail "control packets were dropped: $(ctl show drops)"
passed
