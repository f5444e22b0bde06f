#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Keys that wear out under openvpn 2.6, which cannot be asked for another. The daemon is one whose
# first keys have done nearly all that they may when they are made (tests/worn). openvpn 2.7, which
# can be asked: tests/chroot/test_rekey27.sh.
#
#   c1 AES-128-GCM, nearly all blocks used ------+
#   c2 CHACHA20-POLY1305, half of the ids used --+--- wire --- srv: reneg-sec 0
#
#   c2 CHACHA20-POLY1305, no ids left ----------------- wire --- srv: reneg-sec 0, then 12

NAME='worn keys with openvpn 2.6: a warning in time, once; at the last packet id cut off, and back'
. "$(dirname "$0")/lib.sh"

DAEMON_PROGRAM=$BUILD/tests/worn/ovpn-dpdkd-worn
LEFT=400 # pings of each first key (tests/worn)

# lines PATTERN: of the daemon's log
lines() { grep -c -e "$1" "$T/ovpn-dpdkd.log"; }
connects() { grep -c 'Initialization Sequence Completed' "$T/c$1.log"; }
worn() { peer_of "10.8.0.1$1" | jq -r '[.keys[] | select(.id == 0).worn][0]'; }
warned() { [ "$(lines 'this openvpn cannot be asked for another')" = 2 ]; }

# Nobody makes another key: all goes on with the old one, and the operator has been told.
warning()
{
	local n

	server_start 'reneg-sec 0'
	client_start 1 4 'data-ciphers AES-128-GCM' 'reneg-sec 0'
	client_start 2 6 'data-ciphers CHACHA20-POLY1305' 'reneg-sec 0'
	offloaded
	[ "$(lines 'cannot be asked')" = 0 ] || fail "the operator is warned of keys that are not worn"
	for n in 1 2; do
		ping_all c$n $((LEFT + 50)) 0.005 10.8.0.1
	done
	wait_for 5 warned || fail "the operator was not told of both keys: $(tail -n 3 "$T/ovpn-dpdkd.log")"
	[ "$(lines 'peer 0: key 0 has carried nearly as much as AES-GCM allows, and this')" = 1 ] &&
		[ "$(lines 'peer 1: key 0 has used half of its packet ids, and this')" = 1 ] ||
		fail "the reasons are not those: $(grep 'cannot be asked' "$T/ovpn-dpdkd.log")"
	[ "$(worn 1) $(worn 2)" = 'blocks packets' ] || fail "show peers says: $(worn 1), $(worn 2)"
	for n in 1 2; do
		ping_all c$n 50 0.005 10.8.0.1
	done
	warned || fail "more lines than one a key"
	ctl show stats --json | jq -e '.keys_worn == 2 and .rekeys_asked == 0' >/dev/null ||
		fail "show stats: $(ctl show stats | grep -E '^(keys worn|rekeys asked)')"
	stop "${PIDS[@]}"
}

cut_off() { [ "$(lines 'is gone: its key is used up')" = 1 ]; }
again() { [ "$(connects 2)" = 2 ]; }

# The last packet id: the peer ends, and comes back with a key of its own.
the_end()
{
	local answered

	export OVPN_DPDK_WORN=end
	daemon_start
	server_start 'reneg-sec 0' 'keepalive 1 4'
	client_start 2 4 'data-ciphers CHACHA20-POLY1305' 'reneg-sec 0'
	answered=$(in_ns c2 ping -q -n -c $((LEFT + 100)) -i 0.01 -W 2 10.8.0.1 |
		awk '/transmitted/ { print $4 }')
	[ "$answered" -gt $((LEFT - 50)) ] && [ "$answered" -le $LEFT ] ||
		fail "$answered pings were answered with a key that had $LEFT packet ids left"
	wait_for 3 cut_off || fail "a key has no packet ids, and its peer goes on"
	grep -q 'ovpn-dco: transport error' "$T/server.log" || fail "openvpn was not told why"
	wait_for 20 again || fail "c2 is not back after it was cut off: $(tail -n 1 "$T/c2.log")"
	wait_for 5 in_ns c2 ping -n -c 1 -W 1 10.8.0.1 || fail "nothing passes after c2 has come back"
}

begin
if ! on_dpdk; then
	passed
	exit
fi
topology 2
certificates server c1 c2
daemon_start
warning
the_end
passed
