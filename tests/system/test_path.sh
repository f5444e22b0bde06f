#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What senders learn of the path, and routers of the packets. Packets larger than the tunnel's
# device, or than a network behind the server, are answered by the server's kernel (ICMP, both
# families); full TCP segments need no pieces outside; DSCP and ECN pass the tunnel.
#
#   c1 --- outer IPv4 ---+                      +--- lan 192.168.9.2 fd99::2, MTU 4000
#                        +--- wire (nft) --- srv
#   c2 --- outer IPv6 ---+                      +--- narrow 192.168.8.2 fd98::2, MTU 1300

NAME='sizes, DSCP and ECN inside and outside'
. "$(dirname "$0")/lib.sh"

# network NAME NUMBER MTU: behind the server, with routes to the tunnel and from the clients.
network()
{
	local n

	ns_add "$1"
	ip -n "$ID-srv" link add "$1" mtu "$3" type veth peer name eth0 mtu "$3" netns "$ID-$1" ||
		fail "cannot make a veth pair for $1"
	plain_veth srv "$1"
	plain_veth "$1" eth0
	ip -n "$ID-srv" address add "192.168.$2.1/24" dev "$1"
	ip -n "$ID-srv" address add "fd9$2::1/64" dev "$1" nodad
	ip -n "$ID-$1" address add "192.168.$2.2/24" dev eth0
	ip -n "$ID-$1" address add "fd9$2::2/64" dev eth0 nodad
	ip -n "$ID-$1" route add 10.8.0.0/24 via "192.168.$2.1"
	ip -n "$ID-$1" -6 route add fd08::/64 via "fd9$2::1"
	for n in 1 2; do
		ip -n "$ID-c$n" route add "192.168.$2.0/24" via 10.8.0.1
		ip -n "$ID-c$n" -6 route add "fd9$2::/64" via fd08::1
	done
}

# told NAMESPACE ADDRESS BYTES MTU: an inner packet so long is answered with this MTU, is not
# delivered, and the sender's kernel remembers; one that is as long as the MTU passes.
told()
{
	local headers=28

	[[ $2 != *:* ]] || headers=48
	in_ns "$1" ping -n -c 2 -i 0.2 -W 1 -M 'do' -s $(($3 - headers)) "$2" >"$T/told.log" 2>&1 &&
		fail "a packet of $3 bytes from $1 reaches $2"
	grep -qE "(Frag needed.*mtu = |Packet too big: mtu=|message too long, mtu(=|: ))$4\b" \
		"$T/told.log" || fail "$1 is not told that $2 takes $4 bytes: $(cat "$T/told.log")"
	[ "$1" = srv ] || ip -n "$ID-$1" route get "$2" | grep -qE "mtu $4\b" ||
		fail "$1 does not remember that $2 takes $4 bytes"
	[ "$4" -gt 1500 ] || ping_all "$1" 2 0.1 "$2" $(($4 - headers)) # or the client has no room
}

wire_rules() { in_ns wire nft -f - || fail "nft took no rules on the wire"; }
on_wire() { in_ns wire nft -j list counter bridge look "$1" | jq '.nftables[1].counter.packets'; }
arrived() { in_ns srv nft -j list counter inet look "$1" | jq '.nftables[1].counter.packets'; }
total() { ctl show stats --json | jq ".worker_totals.$1"; }
counts() { [ "$($1 "$2")" = "$3" ]; }
drops_of() { ctl show drops --all --json | jq --arg r "$1" '.[] | select(.name == $r) | .count'; }

listens() { [ -n "$(in_ns lan ss -Hlnt 'sport = 5201')" ]; }

# segments CLIENT ADDRESS MSS: TCP from there to lan and back; both ends take this for a full
# segment (less 12 bytes of timestamps), and nothing travels in pieces.
segments()
{
	local way mss before

	before=$(total fragments_sent)
	for way in '' -R; do
		spawn lan iperf-server iperf3 -s -1 -B "$2"
		wait_for 5 listens || fail "iperf3 does not listen"
		# shellcheck disable=SC2086
		in_ns "$1" iperf3 -J -c "$2" -n 2M $way >"$T/iperf.json" ||
			fail "TCP from $1 to $2 $way: $(jq -r .error "$T/iperf.json")"
		mss=$(jq .start.tcp_mss_default "$T/iperf.json")
		[ "$mss" = $(($3 - 12)) ] || fail "TCP from $1 to $2 $way has segments of $mss bytes"
		wait "$SPAWNED"
	done
	[ "$(total fragments_sent)" = "$before" ] || fail "full segments from $2 travel in pieces"
}

begin
topology 2
certificates server c1 c2
# what is said of all others must not count for this device
DAEMON_LINES='mssfix: 1300
instances: [{device: ovpn1, mssfix: off}, {device: ovpn0, mssfix: auto}]'
daemon_start
server_start
# the clients' own clamp would hide the server's
client_start 1 4 'mssfix 0'
client_start 2 6 'mssfix 0'
offloaded
in_ns srv sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
network lan 9 4000
network narrow 8 1300

# --- sizes: the kernel answers ----------------------------------------------------------------
for n in 1 2; do
	told lan "10.8.0.1$n" 1501 1500
	told lan "fd08::1$n" 3900 1500
	told srv "10.8.0.1$n" 1501 1500
	told srv "fd08::1$n" 1501 1500
	told "c$n" 192.168.8.2 1301 1300
	told "c$n" fd98::2 1500 1300
done
on_dpdk || { passed; exit 0; }
[ "$(drops_of too-big)" = 0 ] || fail "packets were dropped as too big, and nobody was told"

# a device for which there is no room in our buffers gets the largest MTU for which there is
ip -n "$ID-srv" link set ovpn0 mtu 9000
most_is() { [ "$(ip -n "$ID-srv" -j link show ovpn0 | jq '.[0].mtu')" -lt 9000 ]; }
wait_for 3 most_is || fail "the device has an MTU of 9000, for which there is no room"
most=$(ip -n "$ID-srv" -j link show ovpn0 | jq '.[0].mtu')
wait_for 2 grep -q "ovpn0: MTU 9000 is more than there is room for: set to $most" "$T/ovpn-dpdkd.log" ||
	fail "the daemon does not say that it has changed the device's MTU"
in_ns lan ip route flush cache
in_ns lan ip -6 route flush cache
told lan 10.8.0.12 $((most + 1)) "$most"
told lan fd08::11 $((most + 1)) "$most"
[ "$(drops_of too-big)" = 0 ] || fail "packets were dropped as too big"
ip -n "$ID-srv" link set ovpn0 mtu 1500

# --- TCP: 1500 bytes, less 52 outside over IPv4 or 72 over IPv6, less 40 or 60 inside ----------
segments c1 192.168.9.2 1408
segments c1 fd99::2 1388
segments c2 192.168.9.2 1388
segments c2 fd99::2 1368
[ "$(total segments_lowered)" -ge 16 ] || fail "SYNs were lowered, but not counted"

# --- DSCP and ECN -----------------------------------------------------------------------------
wire_rules <<-END
	table bridge look {
		counter ef4 { }
		counter ef6 { }
		chain forward {
			type filter hook forward priority 0;
			iifname "srv" udp sport 1194 ip dscp ef ip ecn ect0 counter name ef4
			iifname "srv" udp sport 1194 ip6 dscp ef ip6 ecn ect0 counter name ef6
			iifname "c1" udp dport 1194 ip ecn set ce
			iifname "c2" udp dport 1194 ip6 ecn set ce
		}
	}
END
in_ns srv nft -f - <<-END || fail "nft took no rules"
	table inet look {
		counter ce { }
		chain input {
			type filter hook input priority 0;
			iifname "ovpn0" ip ecn ce counter name ce
			iifname "ovpn0" ip6 ecn ce counter name ce
		}
	}
END
# expedited forwarding and ECT(0), outward
sent4=0 sent6=0
for n in 1 2; do
	for a in 10.8.0.1$n fd08::1$n; do
		ping_all srv 3 0.05 "$a" 56 -Q 0xba
		[ $n = 1 ] && sent4=$((sent4 + PINGED)) || sent6=$((sent6 + PINGED))
	done
done
wait_for 2 counts on_wire ef4 $sent4 && wait_for 2 counts on_wire ef6 $sent6 ||
	fail "of $sent4 packets over IPv4 and $sent6 over IPv6 $(on_wire ef4) and $(on_wire ef6) have DSCP and ECN"
# the wire marks what clients send: who knows marks gets them, the others lose their packets
for n in 1 2; do
	for a in 10.8.0.1 fd08::1; do
		before=$(arrived ce)
		ping_marked() { in_ns "c$n" ping -q -n -c 3 -i 0.05 -W "$2" -Q "$1" "$a"; }
		ping_marked 2 5 >"$T/marked.log" || fail "marked packets of c$n to $a are lost"
		wait_for 2 counts arrived ce $((before + 3)) || fail "marks on packets of c$n to $a are lost"
		before=$(drops_of congestion)
		ping_marked 0 1 >"$T/marked.log" && fail "marked packets of c$n pass though nobody hears of it"
		wait_for 2 counts drops_of congestion $((before + 3)) ||
			fail "3 packets of c$n are lost, but congestion grows from $before to $(drops_of congestion)"
	done
done
passed
