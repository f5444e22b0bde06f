#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Clients that fall silent leave the server's status when keepalive says so, not before; one that
# stays is not touched.
#
#   c1 (killed) ---------+
#   c2 (cable pulled) ---+--- wire --- srv: keepalive 1 4, so 8 s at the server
#   c3 (stays, idle) ----+

NAME='keepalive expiry reaches the status file'
. "$(dirname "$0")/lib.sh"

begin
topology 3
certificates server c1 c2 c3
daemon_start
server_start 'keepalive 1 4'
client_start 1 4
killed=$SPAWNED
client_start 2 6
client_start 3 4
offloaded

since=$SECONDS
kill -9 "$killed"
wait "$killed" 2>/dev/null
ip -n "$ID-wire" link set c2 down
sleep 5
# what they sent last may have been a second before
early() { [ $((SECONDS - since)) -lt 7 ]; }
in_status c1 || ! early || fail "the killed client is gone after 5 s already"
in_status c2 || ! early || fail "the cut client is gone after 5 s already"
# openvpn renews its file every ten seconds or so when little happens
wait_status 15 not_in_status c1 || fail "the killed client is still in the status file after 20 s"
wait_status 10 not_in_status c2 || fail "the cut client is still in the status file"
in_status c3 || fail "the idle client is gone: its keepalives were not seen"
if on_dpdk; then
	grep -q 'ovpn-dco: ping expired' "$T/server.log" ||
		fail "openvpn was not told: no 'ovpn-dco: ping expired' in its log"
fi
grep -q 'Inactivity timeout' "$T/c3.log" &&
	fail "the idle client heard nothing from the server for 4 s"

# the one that was cut comes back by itself, as a new peer
ip -n "$ID-wire" link set c2 up
wait_status 30 in_status c2 || fail "the client that was cut does not come back"
ping_all c2 10 0.05 10.8.0.1
ping_all c3 10 0.05 10.8.0.1
passed
