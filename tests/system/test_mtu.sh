#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Inner packets of 28 to 1500 bytes (tun-mtu 1500) over paths of 1500 and of 1280 bytes, over outer
# IPv4 and IPv6: whatever is too long travels in pieces. Pieces that the wire loses are counted.
#
#   c1 --- outer IPv4, 1500, then 1280 ---+
#                                         +--- wire (nftables loses pieces) --- srv
#   c2 --- outer IPv6, 1500, then 1280 ---+

NAME='packets of all sizes over paths of 1280 and 1500 bytes'
. "$(dirname "$0")/lib.sh"

# The largest that need no outer pieces on a path of 1280 and of 1500 bytes, and one more: outer
# headers take 52 (IPv4) or 72 bytes (IPv6), inner ones 28.
SIZES='0 1 100 1180 1181 1200 1201 1252 1253 1400 1401 1420 1421 1471 1472'

# crossing NAMESPACE ADDRESS: packets of many sizes, none in pieces inside the tunnel.
crossing()
{
	local size most=1472

	[[ $2 != *:* ]] || most=1452
	for size in $SIZES; do
		[ "$size" -gt $most ] || ping_all "$1" 3 0.01 "$2" "$size" -M 'do'
	done
}

all_crossing()
{
	local n

	say "paths of $1 bytes"
	for n in 1 2; do
		crossing "c$n" 10.8.0.1
		crossing srv "10.8.0.1$n"
		crossing srv "fd08::1$n"
	done
}

drops_of() { ctl show drops --all --json | jq --arg r "$1" '.[] | select(.name == $r) | .count'; }
fragments_are() { [ "$(drops_of fragment)" = "$1" ]; }

# paths MTU: what the server's kernel knows of the way to the clients, and the clients' end of it,
# which loses what is longer.
paths()
{
	local dev=wan0

	on_dpdk || dev=port0
	ip -n "$ID-srv" route replace 10.9.0.11/32 dev $dev mtu lock "$1"
	ip -n "$ID-srv" -6 route replace fd09::12/128 dev $dev mtu lock "$1"
	ip -n "$ID-c1" link set eth0 mtu "$1"
	ip -n "$ID-c2" link set eth0 mtu "$1"
	# a full packet from the server arrives when the daemon knows
	wait_for 5 in_ns srv ping -q -n -c 1 -W 1 -M 'do' -s 1472 10.8.0.11 &&
		wait_for 5 in_ns srv ping -q -n -c 1 -W 1 -M 'do' -s 1472 10.8.0.12 ||
		fail "the daemon does not know of a path of $1 bytes"
}

# losing RULE...: the wire loses these packets of clients; counted by the rules' own counters.
losing()
{
	in_ns wire nft -f - <<-END || fail "nft took no rules"
		table bridge lost {
			counter pieces { }
			chain forward {
				type filter hook forward priority 0;
				iifname "c1" ip frag-off & 0x1fff != 0 counter name pieces drop
				iifname "c2" frag frag-off != 0 counter name pieces drop
			}
		}
	END
}

lost() { in_ns wire nft -j list counter bridge lost pieces | jq '.nftables[1].counter.packets'; }

begin
topology 2
certificates server c1 c2
daemon_start
server_start
client_start 1 4
client_start 2 6
offloaded

all_crossing 1500
paths 1280
all_crossing 1280
ping_all c1 50 0.01 10.8.0.1 1472
ping_all srv 50 0.01 10.8.0.12 1472
on_dpdk && before=$(drops_of fragment)

# second pieces are lost: the first ones wait for half a second, and are counted
losing
for n in 1 2; do
	in_ns "c$n" ping -q -n -c 10 -i 0.02 -W 1 -s 1400 10.8.0.1 >"$T/lost.log" 2>&1 &&
		fail "packets of c$n arrive though their second pieces are lost"
	ping_all "c$n" 10 0.02 10.8.0.1 1000
done
[ "$(lost)" = 20 ] || fail "the wire has lost $(lost) pieces, not 20"
if on_dpdk; then
	wait_for 5 fragments_are $((before + 20)) ||
		fail "20 pieces wait in vain, but fragment went from $before to $(drops_of fragment)"
fi
in_ns wire nft delete table bridge lost
say 'nothing is lost any more'
crossing c1 10.8.0.1
crossing c2 10.8.0.1
! on_dpdk || fragments_are $((before + 20)) || fail "fragment has grown without a loss"
passed
