#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Junk, truncated, forged and replayed packets while a tunnel is in use: each is counted under its
# reason and no other, none but control packets reach openvpn, and the tunnel feels nothing.
#
#   c1 (tunnel in use; forges as itself) ---+
#                                           +--- wire --- srv: verb 8 logs all that it reads
#   c2 (no tunnel; a stranger) -------------+

NAME='hostile packets are counted and do no harm'
. "$(dirname "$0")/lib.sh"

# our own device's multicast and the like: not what was sent to us
OWN='inner-multicast no-route inner-not-ip'

snapshot()
{
	ctl show drops --all --json | jq -c --arg own "$OWN" \
		'map(select(.name as $n | $own | split(" ") | index($n) | not)) |
			map({(.name): .count}) | add'
}

# grown BEFORE: what the counters have grown by since, zeros left out.
grown()
{
	jq -cnS --argjson a "$1" --argjson b "$(snapshot)" \
		'$b | with_entries(.value -= $a[.key]) | with_entries(select(.value != 0))'
}

# What of a stranger's control packets goes no further, so that openvpn is not drowned.
LIMITS='["handshake-limit", "source-limit", "stranger-limit"]'
counted()
{
	[ "$(grown "$1" | jq -cS --argjson l "$LIMITS" \
		'with_entries(select(.key as $k | $l | index($k) | not))')" = "$2" ]
}
limited() { grown "$1" | jq --argjson l "$LIMITS" '[.[$l[]] // 0] | add'; }

# attack NAMESPACE WHAT...: hostile.py's own account against the daemon's.
attack()
{
	local before account want

	on_dpdk && before=$(snapshot)
	account=$(in_ns "$1" /usr/bin/python3 "$HERE/hostile.py" "${@:2}") ||
		fail "hostile.py ${*:2} ended early"
	CONTROL=$((CONTROL + $(jq '.control // 0' <<<"$account")))
	on_dpdk || return 0
	want=$(jq -cS 'del(.control, .host)' <<<"$account")
	wait_for 3 counted "$before" "$want" ||
		fail "$2: drops should have grown by $want, but grew by $(grown "$before")"
	LIMITED=$((LIMITED + $(limited "$before")))
}

# openvpn at verb 8 looks up the sender of every packet it reads, and says so.
read_from() { grep -c "GET INST BY REAL: .*$1" "$T/server.log"; }
# And names the opcode of data packets, whoever sent them.
data_read() { grep -cE 'READ .*: P_DATA|No TLS state .*opcode=(6|9)$' "$T/server.log"; }

# The peers' own counts of a reason add up to that of all, and the last one can be told.
peers_know_why()
{
	local all of_peers names

	names='["unknown-key", "replayed", "too-old", "packet-id-zero", "auth-failed",
		"inner-malformed", "inner-source", "occ"]'
	all=$(ctl show drops --json | jq -cS --argjson n "$names" \
		'map(select(.name as $x | $n | index($x)) | {(.name): .count}) | add')
	of_peers=$(ctl show peers --all --json | jq -cS --argjson n "$names" \
		'[.[].drops[] | select(.name as $x | $n | index($x))] | group_by(.name) |
			map({(.[0].name): (map(.count) | add)}) | add')
	[ "$all" != null ] || fail "nothing of a peer was dropped: nothing was shown"
	[ "$all" = "$of_peers" ] ||
		fail "drops of all: $all, of the peers together: $of_peers"
	ctl show peer 0 | grep -q '^last drop .* ago: .*, packet id [0-9]*, from 10\.9\.0\.11:' ||
		fail "show peer does not tell the last drop: $(ctl show peer 0 | tail -n 1)"
}

begin
topology 2
certificates server c1
daemon_start
server_start 'verb 8'
client_start 1 4
offloaded
wait_for 5 in_ns c2 ping -n -c 1 10.9.0.1
wait_for 5 in_ns c2 ping -n -c 1 fd09::1

pinging c1 1500 0.02 10.8.0.1
CONTROL=0
LIMITED=0
attack c2 opcodes 10.9.0.1
attack c2 opcodes fd09::1
attack c2 frames 10.9.0.12 fd09::12
attack c1 forge
attack c2 elsewhere 0 0
# an authenticated OCC exit is a goodbye to openvpn alone: nothing to compare with
on_dpdk && attack c1 inner
on_dpdk && peers_know_why
alive "$PINGS_PID" || fail "the pings were over before the attacks: nothing was shown"
pinged

reached=$(($(read_from 10.9.0.12) + $(read_from fd09::12)))
all_read()
{
	reached=$(($(read_from 10.9.0.12) + $(read_from fd09::12)))
	[ "$reached" -ge $((CONTROL - LIMITED)) ]
}
! on_dpdk || wait_for 5 all_read
if on_dpdk; then
	[ "$(data_read)" = 0 ] || fail "openvpn was given $(data_read) data packets"
	[ "$reached" = $((CONTROL - LIMITED)) ] ||
		fail "the stranger sent $CONTROL control packets, of which $LIMITED were dropped by a" \
			"limit, openvpn read $reached of its packets"
else
	# what the checks above would have seen
	[ "$(data_read)" != 0 ] || fail "openvpn's log does not show data packets"
	[ "$reached" -gt "$CONTROL" ] || fail "openvpn's log does not show the stranger's packets"
fi
in_status c1 || fail "the client is gone"
ping_all c1 50 0.02 fd08::1
ping_all srv 50 0.02 10.8.0.11
passed
