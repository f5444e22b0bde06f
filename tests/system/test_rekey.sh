#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every cipher openvpn offloads, on one server; new keys every 12 seconds for all clients in the same
# second, until key ids have come round (0, 1 to 7, 1), while numbered datagrams and pings run both
# ways: none may be lost, and no datagram may overtake another.
#
#   c1 AES-256-GCM ---------+
#   c2 AES-192-GCM ---------+--- wire --- srv: reneg-sec 12 12
#   c3 AES-128-GCM ---------+             (c3, c4 ask for new keys, too)
#   c4 CHACHA20-POLY1305 ---+

NAME='four ciphers, new keys every 12 s until ids come round: nothing lost, all in order'
. "$(dirname "$0")/lib.sh"

CIPHERS=(none AES-256-GCM AES-192-GCM AES-128-GCM CHACHA20-POLY1305)
SECONDS_LONG=${SECONDS_LONG:-112} # eight times 12, and 2 for each handshake
RATE=500 # datagrams a second, each way, each client
PINGS=40 # with 20 ms between them

STREAMS=()

# stream N: both ends for client N
stream()
{
	local from=10.8.0.1 to=10.8.0.1$1 count=$((SECONDS_LONG * RATE))

	spawn srv "stream-at-srv-$1" /usr/bin/python3 "$HERE/stream.py" $from $to 500$1 $count $RATE
	STREAMS+=("$SPAWNED:stream-at-srv-$1")
	spawn "c$1" "stream-at-c$1" /usr/bin/python3 "$HERE/stream.py" $to $from 500$1 $count $RATE
	STREAMS+=("$SPAWNED:stream-at-c$1")
}

# pings FROM TO LOG
pings()
{
	ping_command $((SECONDS_LONG * PINGS)) 0.02 "$2"
	spawn "$1" "$3" "${PING_COMMAND[@]}"
	STREAMS+=("$SPAWNED:$3")
}

# key_ids: "address id" of every key there is
key_ids() { ctl show peers --json | jq -r '.[] | "\(.vpn4) \(.keys[].id)"'; }

# come_round N: client N has had key id 7, and then 1, and so eight new keys.
come_round()
{
	! on_dpdk || key_ids >>"$T/ids"
	[ "$(grep -c " c$1/.* Control Channel: TLS" "$T/server.log")" -ge 8 ] && { ! on_dpdk ||
		awk -v a="10.8.0.1$1" '$1 == a && $2 == 7 { last = 1 }
			$1 == a && $2 == 1 && last { round = 1 } END { exit !round }' "$T/ids"; }
}

begin
topology 4
certificates server c1 c2 c3 c4
daemon_start
server_start 'data-ciphers AES-256-GCM:AES-192-GCM:AES-128-GCM:CHACHA20-POLY1305' \
	'reneg-sec 12 12'
# of 2,200 packets a second the kernel's queue to the daemon holds 1,000
! on_dpdk || ip -n "$ID-srv" link set ovpn0 txqueuelen 10000
for n in 1 2 3 4; do
	client_launch $n 4 "data-ciphers ${CIPHERS[n]}" "reneg-sec $((n > 2 ? 12 : 0))" \
		'txqueuelen 5000'
done
for n in 1 2 3 4; do
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/c$n.log" ||
		fail "client $n did not connect: $(tail -n 1 "$T/c$n.log")"
	on_dpdk || continue
	used=$(peer_of "10.8.0.1$n" | jq -r '[.keys[] | select(.transmits)][0].cipher')
	[ "$used" = "${CIPHERS[n]}" ] ||
		fail "show peers says $used for the client that offers ${CIPHERS[n]} only"
done

since=$SECONDS
for n in 1 2 3 4; do
	stream $n
	pings c$n 10.8.0.1 "pings-from-$n"
	pings srv "10.8.0.1$n" "pings-to-$n"
done

# meanwhile: lengths around the block size, and the largest that needs no fragments
for size in 0 1 3 4 5 19 20 21 100 1300; do
	for n in 1 2 3 4; do
		ping_all "c$n" 10 0.02 10.8.0.1 "$size"
		ping_all srv 10 0.02 "10.8.0.1$n" "$size"
		! on_dpdk || key_ids >>"$T/ids"
	done
done
offloaded
while [ $((SECONDS - since)) -lt "$SECONDS_LONG" ]; do
	! on_dpdk || key_ids >>"$T/ids"
	sleep 2
done
for stream in "${STREAMS[@]}"; do
	wait "${stream%%:*}"
	log=$T/${stream#*:}.log
	if [[ $log == */pings-* ]]; then
		why=$(ping_check "$log" $((SECONDS_LONG * PINGS)))
	else
		why=$(tail -n 1 "$log")
		grep -q ' 0 lost, 0 out of order, 0 twice' "$log"
	fi || bad="${bad:-}
${stream#*:}: $why"
done
[ -z "${bad:-}" ] || fail "lost or out of order:$bad"

# did the test test? (On a slow machine the last keys come when nothing is sent any more.)
for n in 1 2 3 4; do
	wait_for 10 come_round $n || fail "client $n had $(grep -c " c$n/.* Control Channel: TLS" \
		"$T/server.log") keys, and their ids have not come round"
done
passed
