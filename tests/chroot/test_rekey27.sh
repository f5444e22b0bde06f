#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Keys that wear out, by a daemon whose keys have done nearly all that they may when they are made
# (tests/worn). Nobody else asks for new ones: reneg-sec 0 everywhere. openvpn 2.6, which cannot be
# asked: tests/system/test_worn.sh.
#
#      c1 2.6, AES-128-GCM, ----------+
#      by blocks                      |
#      c2 2.6, CHACHA20-POLY1305, ----+--- wire --- srv: 2.7, a server, 10.8.0.1
#      by packets                     |                  2.7, a client, 10.7.0.2
#      c2 2.6, a server, 10.7.0.1 ----+

NAME='worn keys: openvpn 2.7 is asked for another, once a key, and nothing is lost'
. "$(dirname "$0")/openvpn.sh"

DAEMON_PROGRAM=${WORN:-$BUILD/tests/worn/ovpn-dpdkd-worn}
LEFT=400 # pings of each first key (tests/worn)

declare -A PING=()

# ping_on NAMESPACE ADDRESS: until all_answered
ping_on()
{
	spawn "$1" "pings-$1" ping -q -n -i 0.01 -W 2 "$2"
	PING[$1]=$SPAWNED
}

# all_answered NAMESPACE: and there were enough
all_answered()
{
	local sent answered rest

	kill -INT "${PING[$1]}"
	wait "${PING[$1]}"
	read -r sent answered rest < <(awk '/transmitted/ { print $1, $4, $5 }' "$T/pings-$1.log")
	[ "$sent" -gt $((LEFT + 50)) ] || fail "$1 sent $sent pings only"
	[ $((sent - answered)) -le 1 ] && [ "$rest" = received, ] ||
		fail "pings of $1 over a new key: $(grep transmitted "$T/pings-$1.log")"
}

# key_of INSTANCE PEER: the id of the key with which a peer is sent to
key_of()
{
	ctl show peers --json | jq --arg i "$1" --argjson p "$2" '.[] |
		select(.instance == $i and .id == $p and (.gone | not)) | .keys[] | select(.transmits) | .id'
}
sends_with() { [ "$(key_of "$1" "$2")" = "$3" ]; }

# renewed INSTANCE PEER WHO
renewed()
{
	wait_for 25 sends_with "$1" "$2" 1 ||
		fail "openvpn made no new key for $3: it is sent to with key $(key_of "$1" "$2")"
}

# asked_once LOG PEER WHO: openvpn has read one request for it, to replace its first key
asked_once()
{
	local all

	all=$(grep -o "received CMD_KEY_SWAP_NTF, ifindex: [0-9]*, peer-id $2, key-id: .*" "$T/$1.log")
	[ "$(wc -l <<<"$all")" = 1 ] && [[ $all == *': 0' ]] ||
		fail "$3: openvpn was not asked once to replace key 0, but: ${all:-never}"
}

# log_lines PATTERN: of the daemon
log_lines() { grep -c -e "$1" "$T/ovpn-dpdkd.log"; }

openvpn_is_asked()
{
	local log

	SERVER_RUN=("${LATER_DCO[@]}")
	server_start 'reneg-sec 0' 'verb 6'
	client_start 1 4 'data-ciphers AES-128-GCM' 'reneg-sec 0'
	client_start 2 6 'data-ciphers CHACHA20-POLY1305' 'reneg-sec 0'
	offloaded
	other_server 'reneg-sec 0'
	later_client 'reneg-sec 0' 'verb 6'
	ping_on c1 10.8.0.1
	ping_on c2 10.8.0.1
	ping_on srv 10.7.0.1
	renewed ovpn0 0 c1
	renewed ovpn0 1 c2
	renewed ovpn7 0 '2.7 as a client'
	sleep 2 # on the new keys, and for a second request, if there were one
	for log in c1 c2 srv; do all_answered $log; done
	asked_once server 0 c1
	asked_once server 1 c2
	asked_once later 0 '2.7 as a client'
	for log in c1 c2 later; do
		[ "$(grep -c 'Initialization Sequence Completed' "$T/$log.log")" = 1 ] ||
			fail "$log had to connect again"
	done
	ctl show stats --json | jq -e '.rekeys_asked == 3 and .keys_worn == 3' >/dev/null ||
		fail "not three keys worn out: $(ctl show stats | grep -E '^(keys worn|rekeys asked)')"
	[ "$(log_lines 'peer 0: key 0 has carried nearly as much as AES-GCM allows: .* asked for')" = 2 ] &&
		[ "$(log_lines 'ovpn0: peer 1: key 0 has used half of its packet ids: .* asked for')" = 1 ] ||
		fail "the daemon does not give its reason for each key: $(grep 'is asked' "$T/ovpn-dpdkd.log")"
	no_complaints server
	no_complaints later
	stop "${PIDS[@]}"
}

begin
later_openvpn
topology 2
certificates server c1 c2
daemon_start
openvpn_is_asked
passed
