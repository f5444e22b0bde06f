#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A server in use for a long time: real clients with numbered traffic, beside an "openvpn" whose
# clients come and go by the thousand (churn), while links are cut, and clients, servers and churn
# are restarted, told to restart, or killed. Nothing may be lost but in those cuts, and at the end
# nothing may be left: buffers, sessions, peers, descriptors, devices, routes.
#
#   c1 (IPv4, AES-256-GCM) --------+
#   c2 (IPv6, ChaCha20-Poly1305) --+-- wire -- srv: ovpn-dpdkd -- openvpn ovpn0 :1194
#   c3 (IPv4, AES-128-GCM) --------+                          \-- churn churn0 :1195
#      numbered datagrams to the server and back; c3 also plays clients of churn (noise)

usage()
{
	cat <<-END
		usage: sudo tests/soak/soak.sh [--seconds N] [--connects N] [--seed N] [--only EVENT]...

		  --seconds N   how long things happen, beside start and end (default 90)
		  --connects N  churn's, half of them at least (default 20 a second)
		  --seed N      decides what happens in which order (default 1)
		  --only EVENT  only these events, may be given again: ${EVENTS[*]}

		BUILD=FOLDER says where ovpn-dpdkd was built (default build-release); TOOLS=FOLDER
		where the rest was (default BUILD): a shim with sanitizers cannot be preloaded.
	END
}

EVENTS=(cut long_cut cut_all client_restart client_killed client_usr1 server_usr1 server_hup
	server_killed server_restart daemon_restart churn_killed bulk hostile routes calm calm)

NAME=soak
seconds=90 connects='' seed=1 only=()
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h)
		usage
		exit 0
		;;
	esac
	case $1:${2:-} in
	--seconds:[1-9]*) seconds=$2 ;;
	--connects:[1-9]*) connects=$2 ;;
	--seed:[0-9]*) seed=$2 ;;
	--only:?*) only+=("$2") ;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift 2
done
connects=${connects:-$((seconds * 20))}
[ ${#only[@]} = 0 ] || EVENTS=("${only[@]}")

SOAK=$(cd "$(dirname "$0")" && pwd)
. "$SOAK/../system/lib.sh"

TOOLS=${TOOLS:-$BUILD}
CTL=$TOOLS/src/cli/ovpn-dpdkctl
CHURN=$TOOLS/tests/soak/churn
NOISE=$TOOLS/tests/soak/noise
CLIENTS=(1 2 3)
INSIDE=('' 10.8.0.1 fd08::1 10.8.0.1)
RATE=100          # numbered datagrams a second and client
RSS_GROWTH=8192   # KiB: what malloc and the kernel may keep
BURST=32          # buffers that a port's driver may keep or not
BACK=20           # seconds in which a client must be back, on a machine of ours alone
declare -A CLIENT_PID CUT_SINCE HAPPENED

now() { echo "$EPOCHREALTIME"; }

# pick N: 0 to N-1, as the seed wants it.
pick() { PICKED=$((RANDOM % $1)); }

# --- what is there --------------------------------------------------------------------------

# descriptors PID: how many of each kind.
descriptors()
{
	find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null | sed 's/:\[.*//' | sort | uniq -c |
		awk '{ print "descriptors " $2 " " $1 }'
}

# The fewest buffers in use in some looks, with a little traffic between them: a driver frees what
# it has sent when it sends again.
pools()
{
	local i

	for ((i = 0; i < 10; i++)); do
		in_ns c1 ping -q -n -c 2 -i 0.02 -W 1 10.9.0.1 >/dev/null
		ctl show pools --json
	done | jq -rs 'flatten | group_by(.name)[] | "buffers \(.[0].name) \(map(.in_use) | min)"'
}

# level: everything that must be the same at the end, a line each.
level()
{
	pools
	ctl show crypto --json | jq -r '.[] | "sessions \(.name) \(.sessions)"'
	ctl show instances --json | jq -r '"instances \(length)"'
	ctl show peers --all --json | jq -r '"peers \(length)"'
	descriptors "$DAEMON_PID"
	echo "threads $(find "/proc/$DAEMON_PID/task" -mindepth 1 -maxdepth 1 | wc -l)"
	ip -n "$ID-srv" -o link show | awk -F ': ' '{ print "device " $2 }'
	ip -n "$ID-srv" -o address show | awk '{ print "address " $2 " " $4 }'
	ip -n "$ID-srv" -4 route show table all | sed 's/^/route4 /'
	ip -n "$ID-srv" -6 route show table all | sed 's/ expires [0-9]*sec//; s/^/route6 /'
	ip -n "$ID-srv" neighbour show nud permanent | sed 's/^/neighbour /'
}

# A port's driver keeps what it sent last until it has sent more: a burst may be on its way back.
# libxdp opens less when the program of a killed daemon is still on the interface.
exact()
{
	local not='^buffers rx_'

	[ -z "${HAPPENED[daemon_restart]:-}" ] || not+='|^descriptors anon_inode:(bpf-|btf)'
	grep -vE "$not" "$1"
}
ports_differ()
{
	join -j 2 <(grep '^buffers rx_' "$T/level.begin") <(grep '^buffers rx_' "$T/level.now") |
		awk -v burst=$BURST '$5 - $3 > burst || $3 - $5 > burst {
			print "buffers of " $1 ": " $3 " then, " $5 " now"; bad = 1 } END { exit !bad }'
}

level_is()
{
	level >"$T/level.now"
	diff <(exact "$T/level.begin") <(exact "$T/level.now") >"$T/level.diff" &&
		! ports_differ >>"$T/level.diff"
}
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status"; }
sanitized() { grep -qs libasan "/proc/$DAEMON_PID/maps"; }

no_instance() { [ "$(ctl show instances --json | jq length)" = 0 ]; }

# The server process: its descriptors are those of its start, whatever happened since.
server_descriptors() { find "/proc/$SERVER_PID/fd" -type l | wc -l; }
server_has_its_own() { [ "$(server_descriptors)" = "$SERVER_FDS" ]; }
check_server()
{
	alive "$SERVER_PID" || fail "the server ended: $(tail -n 1 "$T/server.log")"
	# its status file is open now and then
	wait_for 5 server_has_its_own ||
		fail "openvpn has $(server_descriptors) descriptors, at its start $SERVER_FDS:
$(descriptors "$SERVER_PID")"
}

# --- who takes part -------------------------------------------------------------------------

server_up()
{
	# the last one's log would say that this one has started
	[ ! -e "$T/server.log" ] || cat "$T/server.log" >>"$T/server.all.log"
	rm -f "$T/server.log"
	server_start 'keepalive 1 5' 'reneg-sec 12' 'explicit-exit-notify 1'
	SERVER_FDS=$(server_descriptors)
}

client_up()
{
	local ciphers=('' AES-256-GCM CHACHA20-POLY1305 AES-128-GCM) outer=('' 4 6 4)

	[ ! -e "$T/c$1.log" ] || cat "$T/c$1.log" >>"$T/clients.all.log"
	rm -f "$T/c$1.log"
	client_launch "$1" "${outer[$1]}" 'reneg-sec 15' "data-ciphers ${ciphers[$1]}" \
		'txqueuelen 5000' # or a client that has no CPU for a moment loses bulk, and others' too
	CLIENT_PID[$1]=$SPAWNED
}

forget_pid()
{
	local pid kept=()

	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	PIDS=("${kept[@]}")
}

is_over() { ! alive "$1"; }
end_with()
{
	kill "-$1" "$2"
	[ "$1" = KILL ] || wait_for 15 is_over "$2" || fail "$(tr '\0' ' ' <"/proc/$2/cmdline")does not end by SIG$1"
	wait "$2" 2>/dev/null
	forget_pid "$2"
}

# churn_up CONNECTS SECONDS [OPTION...]
churn_up()
{
	local families=(ovpn-dco-v2 ovpn)

	CHURN_SEED=$((CHURN_SEED + 1))
	spawn srv churn env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "$CHURN" \
		--family "${families[CHURN_SEED % 2]}" --noise 10.9.0.13 \
		--seed "$CHURN_SEED" --connects "$1" --seconds "$2" "${@:3}" \
		--remote 10.9.0.11 --remote 10.9.0.13 --remote fd09::12 --remote 10.9.0.77
	CHURN_PID=$SPAWNED
}

churn_ended()
{
	local code

	wait "$CHURN_PID"
	code=$?
	forget_pid "$CHURN_PID"
	[ $code = 0 ] || fail "churn --seed $CHURN_SEED ended with $code: $(tail -n 1 "$T/churn.log")"
	cat "$T/churn.log" >>"$T/churn.all.log"
}

# The next portion, if the last one is done.
churn_on()
{
	alive "$CHURN_PID" && return
	churn_ended
	churn_up "$CHURN_PORTION" "$CHURN_SECONDS"
}

echo_listens() { in_ns srv ss -Hlun 'sport = :7' | grep -q .; }

traffic_up()
{
	local n

	spawn srv echo /usr/bin/python3 "$SOAK/traffic.py" echo 7
	OTHER_PIDS=("$SPAWNED")
	wait_for 10 echo_listens || fail 'traffic.py echo does not start'
	for n in "${CLIENTS[@]}"; do
		spawn "c$n" "traffic$n" /usr/bin/python3 "$SOAK/traffic.py" send "${INSIDE[$n]}" 7 \
			"$RATE" "$T/c$n.json"
		TRAFFIC_PIDS+=("$SPAWNED")
	done
	spawn srv noise-in "$NOISE" inside "$seed" 200
	OTHER_PIDS+=("$SPAWNED")
	spawn c3 noise-out "$NOISE" outside "$seed" 200 10.9.0.1 1195
	OTHER_PIDS+=("$SPAWNED")
}

traffic_down()
{
	stop "${TRAFFIC_PIDS[@]}"
	stop "${OTHER_PIDS[@]}"
}

reaches() { in_ns "c$1" ping -q -n -c 1 -W 1 "${INSIDE[$1]}"; }

# --- cuts -----------------------------------------------------------------------------------

# cut_begins N...: what these clients lose from now on is on purpose. What is under way counts.
cut_begins()
{
	local n

	for n; do
		CUT_SINCE[$n]=$(awk -v t="$(now)" 'BEGIN { printf "%.3f", t - 0.5 }')
	done
}

# cut_ends WHY N...: the clients are expected back.
cut_ends()
{
	local n why=$1

	shift
	for n; do
		wait_for $BACK reaches "$n" ||
			fail "client $n is not back long after: $why ($(tail -n 1 "$T/c$n.log"))"
		# what waited for a neighbour is sent when newer datagrams are
		awk -v t="$(now)" -v line="c$n ${CUT_SINCE[$n]}" -v why="$why" \
			'BEGIN { printf "%s %.3f %s\n", line, t + 1, why }' >>"$T/cuts"
		unset "CUT_SINCE[$n]"
	done
}

some_client() { pick 3; N=$((PICKED + 1)); }
plugged() { ip -n "$ID-wire" link set "$1" "$2"; }

event_cut()
{
	some_client
	cut_begins "$N"
	plugged "c$N" down
	sleep 1.5
	plugged "c$N" up
	cut_ends 'a short cut' "$N"
}

# Long enough for the client to notice, and sometimes for the server.
event_long_cut()
{
	some_client
	pick 2
	cut_begins "$N"
	plugged "c$N" down
	sleep $((7 + PICKED * 5))
	plugged "c$N" up
	cut_ends 'a long cut' "$N"
}

event_cut_all()
{
	cut_begins "${CLIENTS[@]}"
	plugged srv down
	sleep 2
	plugged srv up
	cut_ends "a cut of the server's port" "${CLIENTS[@]}"
}

event_client_restart()
{
	some_client
	cut_begins "$N"
	end_with TERM "${CLIENT_PID[$N]}"
	client_up "$N"
	cut_ends 'a restart of the client' "$N"
}

# It comes back from another port while its old self has not expired.
event_client_killed()
{
	some_client
	cut_begins "$N"
	end_with KILL "${CLIENT_PID[$N]}"
	client_up "$N"
	cut_ends "the client's sudden death" "$N"
}

event_client_usr1()
{
	some_client
	cut_begins "$N"
	kill -USR1 "${CLIENT_PID[$N]}"
	sleep 1
	cut_ends "the client's SIGUSR1" "$N"
}

inits() { grep -c 'Initialization Sequence Completed' "$T/server.log"; }
more_inits() { [ "$(inits)" -gt "$1" ]; }

server_signal()
{
	local before

	before=$(inits)
	cut_begins "${CLIENTS[@]}"
	kill "-$1" "$SERVER_PID"
	wait_for 15 more_inits "$before" || fail "the server does not come back from SIG$1"
	cut_ends "the server's SIG$1" "${CLIENTS[@]}"
}

event_server_usr1() { server_signal USR1; }
event_server_hup() { server_signal HUP; }

no_ovpn0() { ! ip -n "$ID-srv" link show ovpn0; }
server_gone() { no_ovpn0 && ctl show instances --json | jq -e 'all(.[]; .device != "ovpn0")'; }

server_again()
{
	local before=$SERVER_PID

	cut_begins "${CLIENTS[@]}"
	end_with "$1" "$SERVER_PID"
	wait_for 3 server_gone || fail "the device of a server that is no more is still there"
	server_up
	[ "$before" != "$SERVER_PID" ] || fail "the server is the same"
	cut_ends "the server's SIG$1" "${CLIENTS[@]}"
}

event_server_killed() { server_again KILL; }
event_server_restart() { server_again TERM; }

# The server attaches again by itself; churn, which does not, ends before and begins anew.
event_daemon_restart()
{
	local signals=(KILL TERM)

	pick 2
	end_with KILL "$CHURN_PID"
	cut_begins "${CLIENTS[@]}"
	end_with "${signals[$PICKED]}" "$DAEMON_PID"
	cat "$T/ovpn-dpdkd.log" >>"$T/ovpn-dpdkd.all.log"
	sleep 1
	daemon_start
	cut_ends "the daemon's SIG${signals[$PICKED]}" "${CLIENTS[@]}"
	churn_up "$CHURN_PORTION" "$CHURN_SECONDS"
}

event_churn_killed()
{
	end_with KILL "$CHURN_PID"
	churn_up "$CHURN_PORTION" "$CHURN_SECONDS"
}

# Long enough for new keys of everybody.
event_calm() { sleep 14; }

iperf_listens() { in_ns srv ss -Hltn 'sport = :5201' | grep -q .; }

# Not a cut: all else goes on beside it.
event_bulk()
{
	some_client
	spawn srv iperf-server iperf3 -s -1
	wait_for 5 iperf_listens || fail 'iperf3 does not listen'
	in_ns "c$N" timeout 60 iperf3 -c "${INSIDE[$N]}" -u -b 20M -l 1300 -t 3 -J >"$T/bulk.json" ||
		fail "iperf3 from client $N: $(jq -r '.error // empty' "$T/bulk.json")"
	wait "$SPAWNED"
	forget_pid "$SPAWNED"
}

event_hostile()
{
	in_ns c2 /usr/bin/python3 "$HERE/hostile.py" opcodes fd09::1 >/dev/null ||
		fail 'hostile.py opcodes ended early'
	in_ns c2 /usr/bin/python3 "$HERE/hostile.py" elsewhere 0 0 >/dev/null ||
		fail 'hostile.py elsewhere ended early'
	in_ns c1 /usr/bin/python3 "$HERE/hostile.py" forge >/dev/null ||
		fail 'hostile.py forge ended early'
}

# Networks behind clients come and go.
event_routes()
{
	local i

	for ((i = 0; i < 50; i++)); do
		ip -n "$ID-srv" route add "10.200.$i.0/24" via "10.8.0.1$((i % 3 + 1))" dev ovpn0
		ip -n "$ID-srv" -6 route add "fd20:$i::/64" via "fd08::1$((i % 3 + 1))" dev ovpn0
	done
	for ((i = 0; i < 50; i++)); do
		ip -n "$ID-srv" route del "10.200.$i.0/24" dev ovpn0
		ip -n "$ID-srv" -6 route del "fd20:$i::/64" dev ovpn0
	done
}

# deck: all events once, in an order that the seed decides.
deck()
{
	local i j t

	DECK=("${EVENTS[@]}")
	for ((i = ${#DECK[@]} - 1; i > 0; i--)); do
		pick $((i + 1))
		j=$PICKED t=${DECK[i]}
		DECK[i]=${DECK[j]} DECK[j]=$t
	done
}

# --- the run --------------------------------------------------------------------------------

all_up()
{
	local n

	server_up
	for n in "${CLIENTS[@]}"; do
		client_up "$n"
	done
	for n in "${CLIENTS[@]}"; do
		wait_for 20 reaches "$n" || fail "client $n: $(tail -n 1 "$T/c$n.log")"
	done
}

all_down()
{
	local n

	for n in "${CLIENTS[@]}"; do
		end_with TERM "${CLIENT_PID[$n]}"
	done
	check_server
	end_with TERM "$SERVER_PID"
	wait_for 10 no_instance || fail 'instances are left without openvpn'
}

# Whatever is taken once and kept is taken now.
warm_up()
{
	churn_up 300 0
	all_up
	event_hostile
	for N in 1 2 3; do
		ping_all "c$N" 20 0.02 "${INSIDE[$N]}" 1400
	done
	churn_ended
	all_down
}

happen()
{
	local end=$((SECONDS + seconds)) event

	deck
	while [ $SECONDS -lt $end ]; do
		[ ${#DECK[@]} -gt 0 ] || deck
		event=${DECK[0]}
		DECK=("${DECK[@]:1}")
		pick 20
		sleep "$((PICKED / 10)).$((PICKED % 10))"
		say "   $SECONDS s: $event"
		"event_$event"
		HAPPENED[$event]=$((${HAPPENED[$event]:-0} + 1))
		check_server
		churn_on
	done
}

count() { grep -hcs "$1" "${@:2}" | awk '{ n += $1 } END { print n + 0 }'; }

rekeys()
{
	echo $(($(count 'Control Channel: TLS' "$T/clients.all.log") -
		$(count 'Initialization Sequence Completed' "$T/clients.all.log")))
}

summary()
{
	local event what=''

	while read -r event; do
		what+=" $event ${HAPPENED[$event]:-0},"
	done < <(printf '%s\n' "${EVENTS[@]}" | sort -u)
	cat "$T"/c?.log >>"$T/clients.all.log"
	say "soak: $(count 'churn0: peer [0-9]* added' "$T"/ovpn-dpdkd*.log) connects of churn," \
		"$(count 'ovpn0: peer [0-9]* added' "$T"/ovpn-dpdkd*.log) of real clients," \
		"$(rekeys) rekeys of these;${what%,}"
}

daemon_ends()
{
	local code

	kill -TERM "$DAEMON_PID"
	wait "$DAEMON_PID"
	code=$?
	forget_pid "$DAEMON_PID"
	DAEMON_PID=
	[ $code = 0 ] || fail "ovpn-dpdkd ended with $code: $(tail -n 1 "$T/ovpn-dpdkd.log")"
	! grep -E 'Sanitizer|runtime error' "$T/ovpn-dpdkd.log" || fail 'ovpn-dpdkd has defects'
}

begin
say "soak: --seconds $seconds --connects $connects --seed $seed"
RANDOM=$((seed % 32768))
CHURN_SEED=$((seed * 1000))
CHURN_SECONDS=$((seconds < 300 ? (seconds + 1) / 2 : 150))
# a third more: it is killed now and then, and rests now and then
CHURN_PORTION=$((connects * CHURN_SECONDS * 4 / 3 / seconds + 20))
TRAFFIC_PIDS=()
: >"$T/cuts"
# libxdp, of its own
echo leak:xsk_umem__create >"$T/lsan"
export LSAN_OPTIONS=suppressions=$T/lsan
topology 3
certificates server c1 c2 c3
daemon_start
warm_up
# what is under way at one look is not at the next
steady()
{
	level >"$T/level.begin"
	sleep 0.5
	level >"$T/level.now"
	diff <(exact "$T/level.begin") <(exact "$T/level.now") >"$T/level.diff"
}
wait_for 20 steady || fail "nobody is attached, and yet there are changes: $(cat "$T/level.diff")"
! grep -E '^(sessions .*|instances|peers) [1-9]' "$T/level.begin" ||
	fail 'nobody is attached, but that is left of the first round'
rss_begin=$(rss)
before=$(count 'churn0: peer [0-9]* added' "$T/ovpn-dpdkd.log")

all_up
churn_up "$CHURN_PORTION" "$CHURN_SECONDS"
traffic_up
happen
traffic_down
kill -TERM "$CHURN_PID"
churn_ended
made=$(($(count 'churn0: peer [0-9]* added' "$T"/ovpn-dpdkd*.log) - before))
all_down
summary
tail -n 1 "$T/churn.all.log"
/usr/bin/python3 "$SOAK/traffic.py" judge "$T/cuts" "$T"/c?.json ||
	fail 'traffic was lost that nobody cut'
wait_for 20 level_is || fail "not as at the beginning (< then, > now):
$(cat "$T/level.diff")"
say "soak: all is as it was; RSS $rss_begin KiB then, $(rss) now"
sanitized || [ $(($(rss) - rss_begin)) -le $RSS_GROWTH ] ||
	fail "ovpn-dpdkd grew from $rss_begin to $(rss) KiB"
daemon_ends
# a slow machine has time for fewer
[ "$made" -ge $((connects / 2)) ] || fail "churn made $made connects, not $connects"
passed
