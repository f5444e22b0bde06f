#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The daemon is stopped for longer than its clients' keepalive: nobody expires when it goes on, and
# who is silent from then on does.
#
#   c1 (stays), c2 (killed at the end) --- wire --- srv: keepalive 1 3, so 6 s at the server

NAME='a stall of the daemon is no silence of its clients'
. "$(dirname "$0")/lib.sh"

begin
on_dpdk || { say "ok $NAME: nothing to test without the daemon" && exit 0; }
topology 2
certificates server c1 c2
daemon_start
# the clients wait for us: theirs is another clock
server_start 'keepalive 1 3'
client_start 1 4 'pull-filter ignore ping-restart' 'ping-restart 60'
client_start 2 6 'pull-filter ignore ping-restart' 'ping-restart 60'
killed=$SPAWNED
offloaded
ping_all c1 5 0.05 10.8.0.1

kill -STOP "$DAEMON_PID"
sleep 8 # not the 10 s after which openvpn, if it has just asked, takes the daemon for dead
kill -CONT "$DAEMON_PID"
sleep 3
grep -E 'is gone' "$T/ovpn-dpdkd.log" && fail "a client has expired over a stall of the daemon"
ping_all c1 10 0.05 10.8.0.1
ping_all c2 10 0.05 10.8.0.1

kill -9 "$killed"
wait "$killed" 2>/dev/null
wait_for 20 grep -q 'peer 1 is gone: keepalive expired' "$T/ovpn-dpdkd.log" ||
	fail "a killed client does not expire any more"
ping_all c1 10 0.05 10.8.0.1
passed
