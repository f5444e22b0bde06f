#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Networks behind clients: openvpn's iroutes and the operator's routes, policy rules, firewall and
# shaping, all with the kernel's own tools on the server's device.
#
#   c1 (lan: 192.168.11.1/24, fd11::1/64) --+
#                                           +--- wire --- srv: ovpn0 10.8.0.1
#   c2 (lan: 192.168.12.1/24, fd12::1/64) --+

NAME='routes, rules, filters and limits on the device choose, drop and slow'
. "$(dirname "$0")/lib.sh"

srv_ip() { ip -n "$ID-srv" "$@"; }

# lan N: a network behind client N, with one host in it.
lan()
{
	ip -n "$ID-c$1" link add lan type veth peer name lan-end
	ip -n "$ID-c$1" link set lan-end up
	ip -n "$ID-c$1" link set lan up
	ip -n "$ID-c$1" address add "192.168.1$1.1/24" dev lan
	ip -n "$ID-c$1" address add "fd1$1::1/64" dev lan nodad
	# and one that nobody is told of
	ip -n "$ID-c$1" address add "192.168.2$1.1/24" dev lan
	ip -n "$ID-c$1" address add "fd2$1::1/64" dev lan nodad
}

# reached ADDRESS WHAT: the server reaches it. unreached ADDRESS WHAT
reached()
{
	in_ns srv ping -q -n -c 3 -i 0.05 -W 5 "$1" >"$T/ping.log" || fail "$2: $1 is not reached"
}

unreached()
{
	in_ns srv ping -q -n -c 3 -i 0.05 -W 0.3 "$1" >"$T/ping.log" 2>&1 &&
		fail "$2: $1 is reached"
	return 0
}

# from N ADDRESS: client N sends three pings to the server with this source; is any answered?
# refused N ADDRESS: none is, all three are sent
from() { in_ns "c$1" ping -q -n -c 3 -i 0.05 -W "${WAIT:-5}" -I "$2" "$3" >"$T/ping.log"; }
refused() { ! WAIT=0.3 from "$@"; }

drops() { ctl show drops --all --json | jq --arg r "$1" '.[] | select(.name == $r) | .count'; }
drops_are() { [ "$(drops "$1")" = "$2" ]; }

# is_route PREFIX: the daemon has it from the kernel. no_route PREFIX
is_route()
{
	ctl show routes --json | jq -e --arg p "$1" \
		'any(.[]; .source == "kernel-route" and .prefix == $p)' >/dev/null
}
no_route() { ! is_route "$1"; }

# came N WHAT: packets or bytes that came out of client N's tunnel so far.
came() { in_ns "c$1" cat "/sys/class/net/tun0/statistics/rx_$2"; }

came_are() { [ "$(came "$1" "$2")" = "$3" ]; }

# goes_to N COMMAND...: its two pings come to client N, and none to the other.
goes_to()
{
	local here=$1 other=$((3 - $1)) before_here before_other

	before_here=$(came "$here" packets)
	before_other=$(came "$other" packets)
	shift
	"$@" >/dev/null 2>&1
	wait_for 2 came_are "$here" packets $((before_here + 2)) || fail "'$*': not to client $here"
	[ "$(came "$other" packets)" = "$before_other" ] || fail "'$*': to client $other, too"
}

# policy FAMILY ADDRESS CLIENT1 CLIENT2 SOURCE: a rule chooses the client for one and the same address.
policy()
{
	local ping=(in_ns srv ping -n -c 2 -i 0.05 -W 0.2)

	srv_ip address add "$5" dev lo
	srv_ip "$1" route add default via "$3" dev ovpn0 table 101
	srv_ip "$1" route add default via "$4" dev ovpn0 table 102
	srv_ip "$1" rule add fwmark 1 table 101
	srv_ip "$1" rule add fwmark 2 table 102
	srv_ip "$1" rule add from "$5" table 102
	goes_to 1 "${ping[@]}" -m 1 "$2"
	goes_to 2 "${ping[@]}" -m 2 "$2"
	goes_to 2 "${ping[@]}" -I "$5" "$2"
	srv_ip "$1" rule del fwmark 1
	srv_ip "$1" rule del fwmark 2
	srv_ip "$1" rule del from "$5"
	srv_ip "$1" route flush table 101
	srv_ip "$1" route flush table 102
}

second_time() { [ "$(grep -c 'Initialization Sequence Completed' "$T/$1.log")" -ge 2 ]; }

begin
topology 2
certificates server c1 c2
lan 1
lan 2
daemon_start
mkdir -p "$T/ccd"
server_start 'route 192.168.11.0 255.255.255.0' 'route-ipv6 fd11::/64' \
	'route 192.168.12.0 255.255.255.0' 'route-ipv6 fd12::/64'
for n in 1 2; do
	printf 'iroute 192.168.1%d.0 255.255.255.0\niroute-ipv6 fd1%d::/64\n' $n $n >>"$T/ccd/c$n"
done
client_start 1 4
first=$SPAWNED
client_start 2 6
second=$SPAWNED
offloaded

# --- iroutes: both families, both clients
for n in 1 2; do
	reached "192.168.1$n.1" 'an iroute'
	reached "fd1$n::1" 'an iroute'
	from $n "192.168.1$n.1" 10.8.0.1 || fail "client $n's LAN does not reach the server"
	from $n "fd1$n::1" fd08::1 || fail "client $n's IPv6 LAN does not reach the server"
done
if on_dpdk; then
	ctl show routes --json | jq -e 'map(select(.source == "kernel-route") | .prefix) | sort ==
		["192.168.11.0/24", "192.168.12.0/24", "fd11::/64", "fd12::/64"]' >/dev/null ||
		fail "show routes does not have the iroutes"
fi

# --- a source that is not routed to the client goes no further
spoofed=0
on_dpdk && spoofed=$(drops inner-source)
refused 1 192.168.21.1 10.8.0.1 || fail "a network that is nobody's came in"
refused 1 fd21::1 fd08::1 || fail "an IPv6 network that is nobody's came in"
ip -n "$ID-c1" address add 192.168.12.99/32 dev lan
refused 1 192.168.12.99 10.8.0.1 || fail "the other client's network came in"
if on_dpdk; then
	wait_for 2 drops_are inner-source $((spoofed + 9)) ||
		fail "9 packets with foreign sources, $(($(drops inner-source) - spoofed)) counted"

	# --- live, with `ip route` alone. openvpn knows nothing of it: without the daemon it drops these
	srv_ip route add 192.168.21.0/24 via 10.8.0.11 dev ovpn0
	srv_ip route add fd21::/64 via fd08::11 dev ovpn0
	wait_for 1 is_route 192.168.21.0/24 && wait_for 1 is_route fd21::/64 ||
		fail 'routes that were added are not in the daemon'
	reached 192.168.21.1 'a route that was added'
	reached fd21::1 'a route that was added'
	from 1 192.168.21.1 10.8.0.1 || fail "a source that is routed now does not come in"
	srv_ip route del 192.168.21.0/24
	srv_ip route del fd21::/64
	wait_for 1 no_route 192.168.21.0/24 && wait_for 1 no_route fd21::/64 ||
		fail 'routes that were removed are still in the daemon'
	unreached 192.168.21.1 'a route that was removed'
	spoofed=$(drops inner-source)
	refused 1 192.168.21.1 10.8.0.1 || fail "a source that is routed no more is answered"
	refused 1 fd21::1 fd08::1 || fail "an IPv6 source that is routed no more is answered"
	wait_for 2 drops_are inner-source $((spoofed + 6)) ||
		fail "of 6 packets with sources routed no more $(($(drops inner-source) - spoofed)) are dropped"

	# --- from one client to the other
	srv_ip route replace 192.168.30.0/24 via 10.8.0.11 dev ovpn0
	goes_to 1 in_ns srv ping -n -c 2 -i 0.05 -W 0.2 192.168.30.1
	srv_ip route replace 192.168.30.0/24 via 10.8.0.12 dev ovpn0
	goes_to 2 in_ns srv ping -n -c 2 -i 0.05 -W 0.2 192.168.30.1

	# --- policy: the same destination, and the rule chooses the client
	policy -4 198.18.0.1 10.8.0.11 10.8.0.12 10.77.0.1
	policy -6 fd99::1 fd08::11 fd08::12 fd77::1
fi

# --- the firewall drops what it is told to, and counts
in_ns srv nft -f - <<-END || fail "nft took no rules"
	table inet t {
		chain in {
			type filter hook input priority 0;
			iifname ovpn0 ip saddr 192.168.11.1 counter drop
		}
		chain out {
			type filter hook output priority 0;
			oifname ovpn0 ip6 daddr fd12::1 counter drop
		}
	}
END
refused 1 192.168.11.1 10.8.0.1 || fail "nftables did not drop what came in"
unreached fd12::1 'nftables drops it'
nft_counted() { in_ns srv nft -j list ruleset | jq -e '[.. | .counter? // empty | .packets] == [3, 3]'; }
wait_for 2 nft_counted ||
	fail "nftables counted $(in_ns srv nft list ruleset | grep counter)"
in_ns srv nft flush ruleset
from 1 192.168.11.1 10.8.0.1 || fail "it is dropped without rules, too"

# --- a token bucket on the device limits it: 4 Mbit/s are 500,000 bytes a second
in_ns srv tc qdisc replace dev ovpn0 root tbf rate 4mbit burst 16k latency 50ms ||
	fail "tc took no token bucket"
spawn c1 iperf-server iperf3 --server --one-off --port 5201
wait_for 5 in_ns c1 sh -c 'ss -Hltn sport = 5201 | grep -q .' || fail "iperf3 does not listen"
before=$(came 1 bytes)
in_ns srv iperf3 --client 10.8.0.11 --udp --bitrate 20M --length 1200 --time 2 --json >"$T/iperf.json" ||
	fail "iperf3: see $T/iperf.json"
bytes=$(($(came 1 bytes) - before))
# iperf3 may have had no CPU when it should have stopped, or sent
most=$(jq '.end.sum.seconds * 500000 * 1.2 | floor' "$T/iperf.json")
say "  4 Mbit/s for 2 s: $bytes bytes of 1000000, at most $most in the time it took"
[ "$bytes" -gt 500000 ] && [ "$bytes" -lt "$most" ] ||
	fail "a limit of 1,000,000 bytes in 2 s let $bytes through"
in_ns srv tc qdisc del dev ovpn0 root
reached 10.8.0.11 'without the limit'

# --- iroutes are there again when the client is: killed and started anew, and told to reconnect
kill -9 "$first"
wait "$first" 2>/dev/null
client_start 1 4
reached 192.168.11.1 'after a reconnect'
reached fd11::1 'after a reconnect'
from 1 192.168.11.1 10.8.0.1 || fail "after a reconnect: client 1's LAN does not reach the server"
kill -USR1 "$second"
wait_for 15 second_time c2 || fail "client 2 does not come back"
reached 192.168.12.1 'after a restart'
reached fd12::1 'after a restart'
from 2 fd12::1 fd08::1 || fail "after a restart: client 2's LAN does not reach the server"
passed
