#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Packet buffers and crypto sessions: after traffic, rekeys, junk and goodbyes all are back.
#
#   c1 --- outer IPv4 ---+
#                        +--- wire --- srv
#   c2 --- outer IPv6 ---+

NAME='pools are back at their level'
. "$(dirname "$0")/lib.sh"

# level: the least that is in use of every pool, and of every crypto device's sessions. net_af_xdp
# keeps the buffers of the last burst it sent until it sends the next, be it of one packet or three;
# so some bursts of one packet, an answer of the kernel's, go out first.
level()
{
	local n

	for n in 1 2 3 4; do
		in_ns c1 ping -nqc 1 -W 1 10.9.0.1 >/dev/null
		{
			ctl show pools --json | jq 'map({(.name): .in_use}) | add'
			sessions
		} | jq -cs add
	done | jq -cs 'map(to_entries) | add | group_by(.key) |
		map({(.[0].key): (map(.value) | min)}) | add'
}
sessions() { ctl show crypto --json | jq 'map({(.name): .sessions}) | add'; }
no_sessions() { [ "$(sessions | jq 'add')" = 0 ]; }
# No more is in use than at LEVEL: that may have been read when something was under way.
back()
{
	jq -ne --argjson before "$LEVEL" --argjson now "$(level)" '$now | to_entries |
		all(.value <= ($before[.key] // 0))'
}

begin
topology 2
certificates server c1 c2
daemon_start
server_start 'reneg-sec 12'
offloaded

for round in 1 2; do
	# what the first round leaves is the level: what is kept for good has been taken by then
	client_start 1 4 'reneg-sec 12'
	first=$SPAWNED
	client_start 2 6 'reneg-sec 12'
	second=$SPAWNED
	pinging c1 700 0.02 10.8.0.1 1000
	ping_all c2 700 0.02 fd08::1 1000
	pinged
	in_ns c2 /usr/bin/python3 "$HERE/hostile.py" opcodes 10.9.0.1 >/dev/null
	in_ns c1 /usr/bin/python3 "$HERE/hostile.py" forge >/dev/null
	stop "$first" "$second"
	wait_status 30 not_in_status c1 || fail "round $round: client 1 does not leave"
	wait_status 30 not_in_status c2 || fail "round $round: client 2 does not leave"
	on_dpdk || continue
	wait_for 5 no_sessions || fail "round $round: sessions without peers: $(sessions | jq -c .)"
	if [ $round = 1 ]; then
		LEVEL=$(level)
	else
		wait_for 5 back || fail "in use were $LEVEL, and now $(level)"
	fi
done
passed
