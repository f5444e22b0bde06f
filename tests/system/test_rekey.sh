#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# New keys every 12 seconds for a minute under 50 pings a second, both ways: none may be lost.
#
#   c1 --- outer IPv4 --- wire --- srv

NAME='rekey every 12 s loses nothing'
. "$(dirname "$0")/lib.sh"

begin
topology 1
certificates server c1
daemon_start
server_start 'reneg-sec 12'
client_start 1 4 'reneg-sec 12'
offloaded

pinging c1 3000 0.02 10.8.0.1
ping_all srv 3000 0.02 10.8.0.11
pinged

keys=$(grep -c 'Control Channel: TLS' "$T/server.log")
[ "$keys" -ge 5 ] || fail "only $keys keys were made: the test did not test"
if on_dpdk; then
	top=$(ctl show peers --json | jq -e '[.[0].keys[].id] | max')
	[ "$top" -ge 2 ] || fail "the peer's newest key id is $top"
fi
passed
