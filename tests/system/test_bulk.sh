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
spawn srv iperf3-server iperf3 -s
sleep 0.5
for direction in '' -R; do
	# shellcheck disable=SC2086
	in_ns c1 timeout 30 iperf3 -J -c 10.8.0.1 -t 5 $direction >"$T/iperf3.json" ||
		fail "iperf3 $direction: $(jq -r '.error // empty' "$T/iperf3.json")"
	bytes=$(jq '.end.sum_received.bytes' "$T/iperf3.json")
	# 64 MiB: three times the buffers of the port
	[ "$bytes" -gt 67108864 ] || fail "only $bytes bytes in five seconds (${direction:-up})"
done
ping_all c1 50 0.02 10.8.0.1
if on_dpdk; then
	port_left() {
		[ "$(ctl show ports --json | jq '.[0].tx_packets')" = \
			"$(ip -n "$ID-srv" -s -j link show port0 | jq '.[0].stats64.tx.packets')" ]
	}
	wait_for 3 port_left || fail "the daemon sent other than left its port: $(
		ctl show ports --json | jq '.[0].tx_packets') against $(
		ip -n "$ID-srv" -s -j link show port0 | jq '.[0].stats64.tx.packets')"
	sent=$(ip -n "$ID-c1" -s -j link show tun0 | jq '.[0].stats64.tx.packets')
	received=$(ip -n "$ID-c1" -s -j link show tun0 | jq '.[0].stats64.rx.packets')
	ctl show lcores --json >"$T/lcores.json"
	ctl show ports --json >"$T/ports.json"
	lost=$(jq '.[0].rx_missed + .[0].rx_no_mbuf' "$T/ports.json")
	lost=$((lost + $(ip -n "$ID-srv" -s -j link show port0 | jq '.[0].stats64.rx.dropped')))
	decap=$(jq 'map(.decap_packets) | add' "$T/lcores.json")
	encap=$(jq 'map(.encap_packets) | add' "$T/lcores.json")
	[ $((decap + lost)) -ge "$sent" ] || fail "$decap decapsulated, $lost lost before, of $sent"
	[ "$encap" -ge "$received" ] || fail "$encap encapsulated, but $received came out"
fi
passed
