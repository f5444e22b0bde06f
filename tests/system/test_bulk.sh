#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Many more packets than there are packet buffers, up and down: all that the daemon hands to its
# port leaves it, and the workers' counters cover what the client's interface counted.
#
#   c1 --- outer IPv4 --- wire --- srv: iperf3

NAME='bulk traffic goes through the workers, all of it'
. "$(dirname "$0")/lib.sh"

begin
topology 1
certificates server c1
daemon_start
server_start
client_start 1 4
offloaded
listens() { [ -n "$(in_ns srv ss -Hlnt 'sport = 5201')" ]; }
spawn srv iperf3-server iperf3 -s
wait_for 5 listens || fail "iperf3 does not listen"
for direction in '' -R; do
	# more than 64 MiB, three times the buffers of the port, however long it takes
	# shellcheck disable=SC2086
	in_ns c1 timeout 120 iperf3 -J -c 10.8.0.1 -n 80M $direction >"$T/iperf3.json" ||
		fail "iperf3 $direction: $(jq -r '.error // empty' "$T/iperf3.json")"
	bytes=$(jq '.end.sum_received.bytes' "$T/iperf3.json")
	[ "$bytes" -gt 67108864 ] || fail "only $bytes bytes (${direction:-up})"
	say "  ${direction:-up}: $(jq '.end.sum_received.seconds * 10 | floor / 10' "$T/iperf3.json") s"
done
ping_all c1 50 0.02 10.8.0.1

# link NAMESPACE NAME COUNTER: of the kernel's
link() { ip -n "$ID-$1" -s -j link show "$2" | jq ".[0].stats64.$3"; }
by_workers() { ctl show lcores --json | jq "map(.${1}_packets) | add"; }

# what the daemon sent, and what left its port, or found the kernel's queue behind it full
port_left()
{
	SENT=$(ctl show ports --json | jq '.[0].tx_packets')
	LEFT=$(($(link srv port0 tx.packets) + $(link srv port0 tx.dropped)))
	[ "$SENT" = "$LEFT" ]
}

# what the client sent came to the workers, or was lost before: by its socket, on the wire, at the port
all_decapsulated()
{
	FROM_CLIENT=$(link c1 tun0 tx.packets)
	LOST=$(($(ctl show ports --json | jq '.[0] | .rx_missed + .rx_no_mbuf') +
		$(link srv port0 rx.dropped) + $(link wire srv tx.dropped) + $(link c1 eth0 tx.dropped) +
		$(in_ns c1 awk '$1 == "Udp:" && $2 ~ /^[0-9]/ { print $7 }' /proc/net/snmp)))
	DECAP=$(by_workers decap)
	[ $((DECAP + LOST)) -ge "$FROM_CLIENT" ]
}

if on_dpdk; then
	wait_for 3 port_left || fail "the daemon sent other than left its port: $SENT against $LEFT"
	wait_for 2 all_decapsulated || fail "$DECAP decapsulated, $LOST lost before, of $FROM_CLIENT"
	received=$(link c1 tun0 rx.packets)
	encap=$(by_workers encap)
	[ "$encap" -ge "$received" ] || fail "$encap encapsulated, but $received came out"
fi
passed
