#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

usage()
{
	cat <<-END
		usage: tests/soak/storm.sh [--family NAME]... [--peers N] [--active N] [--times N]

		Everything happens at once to an openvpn with very many peers: keys wear out, new keys,
		floats, expiry with dumps in flight. Every event must arrive once, and in the end all
		tables agree.

		  --family NAME  ovpn-dco-v2 or ovpn; both without it
		  --peers N      (default 65536)
		  --active N     of these move (default 10000)
		  --times N      on one daemon (default 1)

		BUILD=FOLDER and TOOLS=FOLDER as for soak.sh; ANSWER_MS=N: what an answer to another
		openvpn may take the agent, beside waits for a CPU (default 100, with sanitizers 1000).
	END
}

#   srv: ovpn-dpdkd; storm (openvpn with all peers); storm --watch (another openvpn)
#   c1:  storm --send: the peers' other ends, at 32 IPv4 and 32 IPv6 addresses in turn

NAME=storm
peers=65536 active=10000 times=1 families=()
while [ $# -gt 0 ]; do
	case $1:${2:-} in
	--help:* | -h:*)
		usage
		exit 0
		;;
	--family:ovpn-dco-v2 | --family:ovpn) families+=("$2") ;;
	--peers:[1-9]*) peers=$2 ;;
	--active:[1-9]*) active=$2 ;;
	--times:[1-9]*) times=$2 ;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift 2
done
[ ${#families[@]} -gt 0 ] || families=(ovpn-dco-v2 ovpn)

SOAK=$(cd "$(dirname "$0")" && pwd)
. "$SOAK/../system/lib.sh"

TOOLS=${TOOLS:-$BUILD}
CTL=$TOOLS/src/cli/ovpn-dpdkctl
STORM=$TOOLS/tests/soak/storm
DAEMON_PROGRAM=$BUILD/tests/worn/ovpn-dpdkd-worn
export OVPN_DPDK_WORN=next
PLACES=()
seed=0

# What peers there are, as the daemon has them: id, places, primary key, floats.
shown()
{
	ctl show peers --json | jq -r '.[] | select(.instance == "storm0" and (.gone | not)) |
		"\(.id) \(.remote) \(.vpn4) \(.vpn6) \(([.keys[] | select(.slot == "primary") |
		.id][0]) // "-") \(.floats)"' | sort
}

same_as_book()
{
	sort "$T/book" >"$T/book.sorted"
	shown >"$T/shown"
	diff "$T/book.sorted" "$T/shown" >"$T/book.diff" ||
		fail "$family, $1: ovpn-dpdkctl shows other peers (> shown): $(head -n 3 "$T/book.diff")"
}

# routes: of the device; those of the kernel's own, as IPv6's multicast, too
routes()
{
	ip -n "$ID-srv" -4 route show table all dev storm0
	ip -n "$ID-srv" -6 route show table all dev storm0
}

# Peers whose first key wore out, as the daemon's log has it since this storm began: a line each.
worn_lines()
{
	local then='openvpn is asked for another'

	[ "$family" = ovpn ] || then='and this openvpn cannot be asked for another: .*'
	tail -n "+$((log_from + 1))" "$T/ovpn-dpdkd.log" |
		sed -n "s/.*storm0: peer \([0-9]*\): key 0 has used half of its packet ids[:,] $then\$/\1/p"
}
worn_by_now() { [ "$(worn_lines | wc -l)" -ge "$1" ]; }

worn_once()
{
	wait_for 20 worn_by_now "$2"
	worn_lines | sort -n >"$T/worn"
	seq 0 $(($2 - 1)) | diff - "$T/worn" >"$T/worn.diff" ||
		fail "$family, $1: worn keys in the daemon's log (> logged): $(head -n 3 "$T/worn.diff")"
}

# Keys that wore out, and for how many another was asked, in the daemon's life.
counted() { ctl show stats --json | jq -r '"\(.keys_worn) \(.rekeys_asked)"'; }

at_stage()
{
	local name=$1 live=$2 n

	case $name in
	made)
		routes >"$T/routes.begin"
		log_from=$(wc -l <"$T/ovpn-dpdkd.log")
		;;
	worn)
		worn_once "$name" "$live"
		return
		;;
	*) routes | diff "$T/routes.begin" - >"$T/routes.diff" ||
		fail "$family, $name: other routes: $(head -n 3 "$T/routes.diff")" ;;
	esac
	[ "$name" != floated ] || worn_once "$name" "$live"
	same_as_book "$name"
	n=$(wc -l <"$T/shown")
	[ "$n" = "$live" ] || fail "$family, $name: $n peers are shown, not $live"
}

storm_ended()
{
	local code

	wait "$1"
	code=$?
	[ $code = 0 ] || fail "$2 $family ended with $code: $(tail -n 1 "$T/$2.log")"
}

# one storm, from the device to its end
run_storm()
{
	local word name live storm watch send

	seed=$((seed % 255 + 1))
	rm -f "$T/orders" "$T/reports" "$T/go" "$T/said"
	mkfifo "$T/orders" "$T/reports" "$T/go" "$T/said"
	ip netns exec "$ID-c1" "$STORM" --send 10.9.0.1 --send fd09::1 "${PLACES[@]}" --seed "$seed" \
		<"$T/orders" >"$T/reports" 2>"$T/send.log" &
	send=$!
	spawn srv watch env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "$STORM" \
		--family "$family" "${PLACES[@]}" --watch "$ANSWER_MS" --agent "$DAEMON_PID" --device watch0 --port 1197
	watch=$SPAWNED
	ip netns exec "$ID-srv" env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "$STORM" \
		--family "$family" "${PLACES[@]}" --peers "$peers" --active "$active" \
		--seed "$seed" --orders "$T/orders" --reports "$T/reports" --book "$T/book" <"$T/go" >"$T/said" 2>"$T/storm.log" &
	storm=$!
	PIDS+=("$send" "$storm")
	exec 5>"$T/go" 6<"$T/said"
	while read -r word name live <&6; do
		if [ "$word" = stage ]; then
			at_stage "$name" "$live"
			echo on >&5
		else
			say "   $((SECONDS - began)) s: $word $name $live"
		fi
	done
	exec 5>&- 6<&-
	storm_ended "$send" send
	storm_ended "$storm" storm
	alive "$watch" || fail "storm --watch ended: $(tail -n 1 "$T/watch.log")"
	kill -TERM "$watch"
	storm_ended "$watch" watch
	say "   $(tail -n 1 "$T/watch.log")"
}

begin
topology 1
for ((i = 0; i < 32; i++)); do
	ip -n "$ID-c1" address add "10.9.0.$((100 + i))/24" dev eth0
	ip -n "$ID-c1" address add "fd09::$((100 + i))/64" dev eth0 nodad
	PLACES+=(--source "10.9.0.$((100 + i))" --source "fd09::$((100 + i))")
done
# packet sockets have it before; the kernel would answer that the ports are closed
in_ns c1 nft -f - <<END || fail "nft took no rules"
table inet storm {
	chain input {
		type filter hook input priority 0
		udp dport >= 9000 drop
	}
}
END
# libxdp, of its own
echo leak:xsk_umem__create >"$T/lsan"
export LSAN_OPTIONS=suppressions=$T/lsan
DAEMON_MEMORY=${DAEMON_MEMORY:-2048}
DAEMON_LINES="max-peers: $((peers + 16))"
daemon_start
sanitized() { grep -qs libasan "/proc/$DAEMON_PID/maps"; }
sanitized && ANSWER_MS=${ANSWER_MS:-1000}
ANSWER_MS=${ANSWER_MS:-100}
worn=0 asked=0
for ((time = 0; time < times; time++)); do
	for family in "${families[@]}"; do
		say "storm: $family, $peers peers, $active of them move"
		began=$SECONDS
		run_storm
		worn=$((worn + peers))
		[ "$family" != ovpn ] || asked=$((asked + peers))
		[ "$(counted)" = "$worn $asked" ] ||
			fail "$family: keys worn out and keys asked for are '$(counted)', not '$worn $asked'"
		say "   $((SECONDS - began)) s"
	done
done
kill -TERM "$DAEMON_PID"
storm_ended "$DAEMON_PID" ovpn-dpdkd
! grep -E 'Sanitizer|runtime error' "$T/ovpn-dpdkd.log" || fail 'ovpn-dpdkd has defects'
passed
