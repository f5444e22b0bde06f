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

# agree BEFORE WANTED-BY: the counters have grown since by what that command prints: GOT and WANT.
agree()
{
	WANT=$("${@:2}")
	GOT=$(grown "$1" "$(counters)")
	[ "$GOT" = "$WANT" ]
}

# What was lost beside the daemon: between it and the client's interface, by who had no CPU to read.
lost_outside()
{
	{
		in_ns c1 cat /proc/net/snmp | awk '$1 == "Udp:" && $2 ~ /^[0-9]/ { print $6 + $7 }'
		ip -n "$ID-c1" -s -j link show | jq '.[].stats64 | .rx.dropped + .tx.dropped'
		ip -n "$ID-wire" -s -j link show | jq '.[].stats64 | .rx.dropped + .tx.dropped'
		ip -n "$ID-srv" -s -j link show | jq '.[].stats64 | .rx.dropped + .tx.dropped'
	} | awk '{ n += $1 } END { print n + 0 }'
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
wait_for 5 agree "$before" account $((PINGED * 128)) $((PINGED * 128)) "$PINGED" "$PINGED" ||
	fail "$PINGED pings: counters grew by
$GOT
and should have grown by
$WANT"

# 10 Mbit/s each way, whatever iperf3 makes of it: the client's interface says how much it was. Only
# where nothing was lost on the way there.
by_tun()
{
	# shellcheck disable=SC2046
	account $(grown "$1" "$(tun)" | tr '\n' ' ')
}
listens() { [ -n "$(in_ns srv ss -Hlnt 'sport = 5201')" ]; }
for try in 1 2 3; do
	spawn srv iperf3 iperf3 -s -B 10.8.0.1 -1
	wait_for 5 listens || fail "iperf3 does not listen"
	lost=$(lost_outside)
	tun_before=$(tun)
	before=$(counters)
	in_ns c1 timeout 60 iperf3 -c 10.8.0.1 -u -b 10M -l 1200 -t 3 --bidir >"$T/iperf3-client.log" 2>&1 ||
		fail "iperf3: $(tail -n 1 "$T/iperf3-client.log")"
	wait_for 5 agree "$before" by_tun "$tun_before" && break
	[ "$(lost_outside)" != "$lost" ] && [ $try -lt 3 ] || fail "iperf3: counters grew by
$GOT
and by the client's interface should have grown by
$WANT"
	say "packets were lost beside the daemon: once more"
done

# an operator's zero point changes nothing for openvpn
if on_dpdk; then
	sleep 3
	fresh_status
	before=$(status_bytes c1)
	ctl clear stats || fail "clear stats: exit status $?"
	got=$(peer_of 10.8.0.11 | jq -r '"\(.vpn_rx_bytes) \(.link_tx_bytes)"')
	[ "$got" = "0 0" ] || fail "after clear stats the peer has $got"
	ping_all c1 10 0.01 10.8.0.1 100
	peer_has()
	{
		got=$(peer_of 10.8.0.11 | jq -r '"\(.vpn_rx_bytes) \(.link_tx_bytes)"')
		[ "$got" = "$1" ]
	}
	wait_for 2 peer_has "$((PINGED * 128)) $((PINGED * (128 + OVERHEAD)))" ||
		fail "$PINGED pings after clear stats the peer has $got"
	openvpn_has()
	{
		fresh_status
		got=$(paste -d ' ' <(echo "$before") <(status_bytes c1) | awk '{ print $3 - $1, $4 - $2 }')
		[ "$got" = "$1" ]
	}
	want="$((PINGED * (128 + OVERHEAD))) $((PINGED * (128 + OVERHEAD)))"
	wait_for 2 openvpn_has "$want" || fail "clear stats: openvpn's counters grew by $got, not $want"
fi
passed
