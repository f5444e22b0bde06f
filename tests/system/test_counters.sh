#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Byte counters: the status file, show peers and what was sent agree to the byte.
#
#   c1 (IPv4 only, no keepalives: nothing but our packets) --- wire --- srv

NAME='byte counters equal what was sent'
. "$(dirname "$0")/lib.sh"

OVERHEAD=24 # of a data packet: opcode and peer id, packet id, tag

# counters: received and sent by the status file, then by show peers the same, inner bytes and
# inner packets
counters()
{
	fresh_status
	status_bytes c1
	on_dpdk && peer_of 10.8.0.11 | jq -r '"\(.link_rx_bytes) \(.link_tx_bytes)
\(.vpn_rx_bytes) \(.vpn_tx_bytes)
\(.vpn_rx_packets) \(.vpn_tx_packets)"'
}

# grown BEFORE AFTER: each value's growth.
grown()
{
	paste <(printf '%s\n' "$1") <(printf '%s\n' "$2") | awk '{ print $3 - $1, $4 - $2 }'
}

# tun: bytes and packets sent and received by the client's interface
tun()
{
	ip -n "$ID-c1" -s -j link show tun0 | jq -r '.[0].stats64 |
		"\(.tx.bytes) \(.rx.bytes)\n\(.tx.packets) \(.rx.packets)"'
}

# account BYTES-UP BYTES-DOWN PACKETS-UP PACKETS-DOWN: what the counters must have grown by.
account()
{
	local line="$(($1 + $3 * OVERHEAD)) $(($2 + $4 * OVERHEAD))"

	say "$line"
	on_dpdk && printf '%s\n' "$line" "$1 $2" "$3 $4"
}

begin
topology 1
certificates server c1
daemon_start
server_start 'keepalive 3600 7200'
in_ns c1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
client_start 1 4 'pull-filter ignore ifconfig-ipv6' 'pull-filter ignore tun-ipv6'
offloaded
sleep 3 # the control channel's last acknowledgements

# 200 echo requests and replies of 128 bytes; one or two more when answers are late
before=$(counters)
ping_all c1 200 0.01 10.8.0.1 100
got=$(grown "$before" "$(counters)")
want=$(account $((PINGED * 128)) $((PINGED * 128)) "$PINGED" "$PINGED")
[ "$got" = "$want" ] || fail "$PINGED pings: counters grew by
$got
and should have grown by
$want"

# 10 Mbit/s each way, whatever iperf3 makes of it: the client's interface says how much it was
in_ns srv iperf3 -s -B 10.8.0.1 -1 >"$T/iperf3.log" 2>&1 &
sleep 0.5
tun_before=$(tun)
before=$(counters)
in_ns c1 timeout 30 iperf3 -c 10.8.0.1 -u -b 10M -l 1200 -t 3 --bidir >"$T/iperf3-client.log" 2>&1 ||
	fail "iperf3: $(tail -n 1 "$T/iperf3-client.log")"
after=$(counters)
# shellcheck disable=SC2046
want=$(account $(grown "$tun_before" "$(tun)" | tr '\n' ' '))
got=$(grown "$before" "$after")
[ "$got" = "$want" ] || fail "iperf3: counters grew by
$got
and by the client's interface should have grown by
$want"

# an operator's zero point changes nothing for openvpn
if on_dpdk; then
	sleep 3
	fresh_status
	before=$(status_bytes c1)
	ctl clear stats || fail "clear stats: exit status $?"
	got=$(peer_of 10.8.0.11 | jq -r '"\(.vpn_rx_bytes) \(.link_tx_bytes)"')
	[ "$got" = "0 0" ] || fail "after clear stats the peer has $got"
	ping_all c1 10 0.01 10.8.0.1 100
	got=$(peer_of 10.8.0.11 | jq -r '"\(.vpn_rx_bytes) \(.link_tx_bytes)"')
	want="$((PINGED * 128)) $((PINGED * (128 + OVERHEAD)))"
	[ "$got" = "$want" ] || fail "$PINGED pings after clear stats the peer has $got"
	fresh_status
	got=$(paste -d ' ' <(echo "$before") <(status_bytes c1) | awk '{ print $3 - $1, $4 - $2 }')
	want="$((PINGED * (128 + OVERHEAD))) $((PINGED * (128 + OVERHEAD)))"
	[ "$got" = "$want" ] || fail "clear stats: openvpn's counters grew by $got, not $want"
fi
passed
