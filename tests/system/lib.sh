# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Shared by the system tests, demo.sh and bench.sh: namespaces, certificates, processes, and the
# end of all of them.
#
#   <id>-srv                         <id>-wire           <id>-c1, <id>-c2, ...
#  +----------------------------+   +-------------+    +-------------------------+
#  | openvpn: tunnel 10.8.0.1   |   |             |    | openvpn: tunnel         |
#  |   |            fd08::1     |   |             |    |   10.8.0.1N fd08::1N    |
#  | ovpn-dpdkd                 |   |             |    |                         |
#  |   wan0 (mirror TAP)        |   | bridge br0  |    |                         |
#  |   |    10.9.0.1 fd09::1    |   |             |    |                         |
#  |   port0 (af_xdp on veth) ------- srv     cN ------- eth0                    |
#  |                            |   |             |    |   10.9.0.1N fd09::1N    |
#  +----------------------------+   +-------------+    +-------------------------+
#
# MODE=plain leaves the daemon out: the same test with openvpn alone, which carries the data itself.
# It answers "is the test right?"; what only the daemon can show is left out then.

set -u -o pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
BUILD=${BUILD:-$ROOT/build-release}
MODE=${MODE:-dpdk}
DAEMON_PROGRAM=${DAEMON_PROGRAM:-$BUILD/src/ovpn-dpdkd}
CTL=$BUILD/src/cli/ovpn-dpdkctl
SHIM=$BUILD/src/shim/libovpn-dpdk-shim.so
ID=${ID_PREFIX:-ovpn-dpdk}-$$
PATIENCE=4 # see wait_for
CLIENT_BUFFER=2097152 # of a client's UDP socket: the default holds 90 packets, a tenth of a second
T=
NAMESPACES=()
PIDS=()
SERVER_PID=
DAEMON_PID=
SERVER_RUN=() # another openvpn, with all that goes before --config
CLIENT_RUN=()

say() { printf '%s\n' "$*"; }
on_dpdk() { [ "$MODE" = dpdk ]; }

# fail WHY: ends the script. Not from a subshell: that would only end the subshell.
fail()
{
	local what

	say "FAIL ${NAME:-$(basename "$0")}: $*"
	# what the daemon thought of it, beside the logs
	if [ -S "$T/ctl.sock" ]; then
		for what in drops peers ports lcores pools; do
			ctl show "$what" --json >"$T/$what.json" 2>&1
		done
		ip -n "$ID-srv" -s link show >"$T/links.txt"
	fi
	exit 1
}

# --- life -----------------------------------------------------------------------------------

need_root()
{
	[ "$(id -u)" = 0 ] && return
	say "$(basename "$0") makes network namespaces: run it as root (sudo $0)." >&2
	exit 1
}

begin()
{
	need_root
	T=$(mktemp -d "/tmp/$ID.XXXXXX") || exit 1
	chmod 711 "$T"
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap 'finish $?' EXIT
}

# True while the process is there and still ours.
alive()
{
	grep -qsx "PPid:	$$" "/proc/$1/status"
}

# stop PID...: asks them to end, and after twenty seconds ends them.
stop()
{
	local pid i

	for pid in "$@"; do
		alive "$pid" && kill "$pid" 2>/dev/null
	done
	for pid in "$@"; do
		for ((i = 0; i < 200; i++)); do
			alive "$pid" || break
			sleep 0.1
		done
		alive "$pid" && kill -9 "$pid"
		wait "$pid" 2>/dev/null
	done
	return 0
}

# Everything of this run goes; the daemon last, because the others still talk to it.
stop_all()
{
	local pid others=()

	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$DAEMON_PID" ] || others=("$pid" "${others[@]}")
	done
	stop "${others[@]}" ${DAEMON_PID:+"$DAEMON_PID"}
	for pid in "${NAMESPACES[@]}"; do
		# what became a daemon by itself
		# shellcheck disable=SC2046
		kill -9 $(ip netns pids "$pid") 2>/dev/null
		ip netns del "$pid"
	done
	rm -rf "/var/run/dpdk/$ID" "/var/run/dpdk/$ID-"*
	PIDS=()
	NAMESPACES=()
	DAEMON_PID=
	SERVER_PID=
}

finish()
{
	trap '' INT TERM HUP
	trap - EXIT
	stop_all
	case $1 in
	0 | 130 | 143) rm -rf "$T" ;;
	*) say "logs and configuration are kept in $T" ;;
	esac
	exit "$1"
}

# --- processes ------------------------------------------------------------------------------

in_ns() { ip netns exec "$ID-$1" "${@:2}"; }

# spawn NAMESPACE LOG COMMAND...: in the background; its pid is in SPAWNED, its output in $T/LOG.log.
spawn()
{
	: >"$T/$2.log" # now: whoever looks next must not find an older one's lines
	ip netns exec "$ID-$1" "${@:3}" </dev/null >"$T/$2.log" 2>&1 &
	SPAWNED=$!
	PIDS+=("$SPAWNED")
}

# wait_for SECONDS COMMAND...: until it succeeds. SECONDS are what it may take on a machine that is
# ours alone; it is waited for PATIENCE times as long, because a longer wait costs time in a test that
# fails and nowhere else. Not for what must happen within a time: that is measured where it is tested.
wait_for()
{
	local end=$((SECONDS + $1 * PATIENCE))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.1
	done
}

# wait_status SECONDS COMMAND...: the same of a command that looks into the server's status file. An
# openvpn with little to do writes it every ten seconds; whoever knocks at its management socket wakes
# it.
wait_status()
{
	local end=$((SECONDS + $1 * PATIENCE))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		[ ! -S "$T/management" ] ||
			/usr/bin/python3 "$HERE/management.py" "$T/management" >/dev/null 2>&1
		sleep 0.3
	done
}

# CPU seconds of processes, all their threads, as the kernel charges them.
cpu_seconds()
{
	local pid sum=0 hz stat

	hz=$(getconf CLK_TCK)
	for pid in "$@"; do
		stat=$(<"/proc/$pid/stat")
		# after the program's name: state is field 1, utime 12, stime 13
		read -ra stat <<<"${stat##*) }"
		sum=$((sum + stat[11] + stat[12]))
	done
	awk -v t="$sum" -v hz="$hz" 'BEGIN { printf "%.2f\n", t / hz }'
}

# --- the wire -------------------------------------------------------------------------------

ns_add()
{
	ip netns add "$ID-$1" || fail "cannot make network namespace $ID-$1"
	NAMESPACES+=("$ID-$1")
	ip -n "$ID-$1" link set lo up
	# router solicitations and the like would be traffic of its own in every count
	in_ns "$1" sysctl -qw net.ipv6.conf.default.router_solicitations=0 \
		net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0
}

# DPDK on veth wants whole checksums: offloads off at both ends.
plain_veth()
{
	in_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1
	ip -n "$ID-$1" link set "$2" up
}

# plug NAMESPACE INTERFACE PORT: a veth from there to the bridge.
plug()
{
	ip -n "$ID-wire" link add "$3" type veth peer name "$2" netns "$ID-$1" ||
		fail "cannot make a veth pair for $1"
	in_ns wire sysctl -qw "net.ipv6.conf.$3.disable_ipv6=1"
	ip -n "$ID-wire" link set "$3" master br0
	plain_veth wire "$3"
	plain_veth "$1" "$2"
}

# topology CLIENTS
topology()
{
	local n

	ns_add wire
	ip -n "$ID-wire" link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
	in_ns wire sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
	# a wire looks into no packet; kernels without br_netfilter have no such settings
	in_ns wire sysctl -eqw net.bridge.bridge-nf-call-iptables=0 \
		net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0
	ip -n "$ID-wire" link set br0 up
	ns_add srv
	# the port is the daemon's: the kernel's own stack says nothing on it
	on_dpdk && in_ns srv sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	plug srv port0 srv
	on_dpdk && in_ns srv sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	on_dpdk || outer_addresses srv port0 1
	for ((n = 1; n <= $1; n++)); do
		ns_add "c$n"
		plug "c$n" eth0 "c$n"
		outer_addresses "c$n" eth0 "1$n"
	done
}

outer_addresses()
{
	ip -n "$ID-$1" address add "10.9.0.$3/24" dev "$2"
	ip -n "$ID-$1" address add "fd09::$3/64" dev "$2" nodad
}

# certificates NAME...: one authority, one key and certificate each.
certificates()
{
	local name ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30'

	# shellcheck disable=SC2086
	{
		openssl req -x509 $ec -subj /CN=ca -keyout "$T/ca.key" -out "$T/ca.crt"
		for name in "$@"; do
			openssl req -x509 $ec -subj "/CN=$name" -CA "$T/ca.crt" -CAkey "$T/ca.key" \
				-addext basicConstraints=CA:FALSE -addext keyUsage=digitalSignature \
				-addext extendedKeyUsage="$([ "$name" = server ] && echo server ||
					echo client)Auth" \
				-keyout "$T/$name.key" -out "$T/$name.crt"
		done
	} >"$T/openssl.log" 2>&1 || fail "openssl made no certificates: see $T/openssl.log"
}

# --- the daemon -----------------------------------------------------------------------------

daemon_config()
{
	cat <<-END
		eal: [--no-huge, -m, "${DAEMON_MEMORY:-1024}", --no-pci, --file-prefix, $ID, --lcores, "${DAEMON_LCORES:-0@(0-1),1@(0-1)}"]
		ports:
		  - name: wan0
		    devargs: net_af_xdp0,iface=port0
		    addresses: [10.9.0.1/24, "fd09::1/64"]
		sockets:
		  control: $T/dco.sock
		  operator: $T/ctl.sock
	END
	[ -z "${DAEMON_GROUP:-}" ] || echo "  group: $DAEMON_GROUP"
	[ -z "${DAEMON_LINES:-}" ] || printf '%s\n' "$DAEMON_LINES"
}

daemon_start()
{
	on_dpdk || return 0
	daemon_config >"$T/ovpn-dpdk.yaml"
	spawn srv ovpn-dpdkd "$DAEMON_PROGRAM" --config "$T/ovpn-dpdk.yaml"
	DAEMON_PID=$SPAWNED
	wait_for 20 daemon_answers || fail "ovpn-dpdkd did not start"
	alive "$DAEMON_PID" || fail "ovpn-dpdkd ended: $(tail -n 1 "$T/ovpn-dpdkd.log")"
	wait_for 10 in_ns c1 ping -n -c 1 -W 1 10.9.0.1 ||
		fail "the daemon's mirror TAP does not answer on 10.9.0.1"
	wait_for 10 in_ns c1 ping -n -c 1 -W 1 fd09::1 ||
		fail "the daemon's mirror TAP does not answer on fd09::1"
}

# Or has ended: then there is nothing to wait for.
daemon_answers() { ! alive "$DAEMON_PID" || ctl show stats; }

ctl() { OVPN_DPDK_CTL_SOCKET=$T/ctl.sock "$CTL" "$@"; }

# peer_of ADDRESS: show peers, the one with this inner IPv4 address, as JSON.
peer_of()
{
	ctl show peers --json | jq -ce --arg a "$1" '.[] | select(.vpn4 == $a and (.gone | not))'
}

# --- openvpn --------------------------------------------------------------------------------

# server_config [LINE...]: lines of its own come last, and win.
server_config()
{
	cat <<-END
		dev ovpn0
		dev-type tun
		proto udp6
		port 1194
		topology subnet
		server 10.8.0.0 255.255.255.0
		server-ipv6 fd08::/64
		client-config-dir $T/ccd
		ca $T/ca.crt
		cert $T/server.crt
		key $T/server.key
		dh none
		data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305
		keepalive 5 20
		status $T/status 1
		status-version 2
		verb 3
	END
	on_dpdk || echo disable-dco
	printf '%s\n' "$@"
}

# server_start [LINE...]
server_start()
{
	local n line command=(openvpn) socket=("management $T/management unix")

	mkdir -p "$T/ccd"
	for n in 1 2 3 4; do
		printf 'ifconfig-push 10.8.0.1%d 255.255.255.0\nifconfig-ipv6-push fd08::1%d/64 fd08::1\n' \
			$n $n >"$T/ccd/c$n"
	done
	for line; do
		[ "${line%% *}" != management ] || socket=()
	done
	server_config "${socket[@]}" "$@" >"$T/server.conf"
	if on_dpdk; then
		command=(env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- openvpn)
	fi
	[ ${#SERVER_RUN[@]} -eq 0 ] || command=("${SERVER_RUN[@]}")
	spawn srv server "${command[@]}" --config "$T/server.conf"
	SERVER_PID=$SPAWNED
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/server.log" ||
		fail "the openvpn server did not start: $(tail -n 1 "$T/server.log")"
}

# client_launch N 4|6|REMOTE [LINE...]: client N over IPv4 or IPv6, or to that address (as in
# "fe80::1%eth0 1194 udp6"); its pid is in SPAWNED. PORT, HOST4 and HOST6 name another server than
# server_start's; LOCAL: a line instead of nobind.
client_launch()
{
	local n=$1 remote

	case $2 in
	4) remote="${HOST4:-10.9.0.1} ${PORT:-1194} udp4" ;;
	6) remote="${HOST6:-fd09::1} ${PORT:-1194} udp6" ;;
	*) remote=$2 ;;
	esac
	{
		cat <<-END
			client
			disable-dco
			dev tun0
			${LOCAL:-nobind}
			remote $remote
			remote-cert-tls server
			ca $T/ca.crt
			cert $T/c$n.crt
			key $T/c$n.key
			explicit-exit-notify 1
			connect-retry 1
			rcvbuf $CLIENT_BUFFER
			sndbuf $CLIENT_BUFFER
			verb 3
		END
		printf '%s\n' "${@:3}"
	} >"$T/c$n.conf"
	spawn "c$n" "c$n" "${CLIENT_RUN[@]:-openvpn}" --config "$T/c$n.conf"
}

# client_start N 4|6|REMOTE [LINE...]: and waits until its tunnel is up.
client_start()
{
	client_launch "$@"
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/c$1.log" ||
		fail "client $1 did not connect: $(tail -n 1 "$T/c$1.log")"
	wait_status 15 in_status "c$1" || fail "client $1 is not in the server's status file"
}

# in_status NAME: openvpn's status file lists this client with an address.
in_status() { grep -q "^CLIENT_LIST,$1,[^,]*,10\." "$T/status"; }
not_in_status() { ! in_status "$1"; }

# fresh_status: waits for a status file that openvpn wrote after now.
fresh_status() { wait_status 15 status_newer "$(date +%s)" || fail "the status file is not renewed"; }
status_newer() { awk -F , -v t="$1" '$1 == "TIME" && $3 > t { new = 1 } END { exit !new }' "$T/status"; }

# status_bytes NAME: "received sent" of the status file.
status_bytes() { awk -F , -v n="$1" '$1 == "CLIENT_LIST" && $2 == n { print $6, $7 }' "$T/status"; }

# --- checks ---------------------------------------------------------------------------------

# ping_command COUNT INTERVAL ADDRESS [SIZE [OPTION...]]: in PING_COMMAND. Ping alone gives its last
# answer no longer than INTERVAL, or twice the slowest before: on a busy machine that is a loss where
# none was. With a deadline it waits for COUNT answers, and asks on meanwhile. Its INTERVAL is longer
# on a busy machine, too: the deadline is for a tunnel that carries nothing.
ping_command()
{
	local seconds

	seconds=$(awk -v n="$1" -v i="$2" 'BEGIN { print int(3 * n * i) + 20 }')
	PING_COMMAND=(ping -n -c "$1" -i "$2" -w "$seconds" ${4:+-s "$4"} "${@:5}" "$3")
}

# ping_check FILE COUNT: the first COUNT were answered, once each; else says how many were not.
ping_check()
{
	awk -v count="$2" '
		/ bytes from / && match($0, /icmp_seq=[0-9]+/) {
			answers[substr($0, RSTART + 9, RLENGTH - 9) + 0]++
		}
		END {
			for (i = 1; i <= count; i++) {
				none += !answers[i]
				twice += answers[i] > 1
				if (!answers[i] && !first)
					first = i
			}
			if (none)
				printf "%d of %d without an answer, number %d is the first", none, count, first
			else if (twice)
				printf "%d of %d answered twice", twice, count
			exit none + twice > 0
		}' "$1"
}

# ping_all NAMESPACE COUNT INTERVAL ADDRESS [SIZE [OPTION...]]: every one is answered, once.
# PINGED: how many were sent.
ping_all()
{
	local why

	ping_command "${@:2}"
	in_ns "$1" "${PING_COMMAND[@]}" >"$T/ping.log" 2>&1
	PINGED=$(awk '/ packets transmitted/ { print $1 }' "$T/ping.log")
	why=$(ping_check "$T/ping.log" "$2") ||
		fail "ping from $1 to $4${5:+, $5 bytes}: $why"
}

# pinging NAMESPACE COUNT INTERVAL ADDRESS [SIZE]: the same meanwhile; pinged waits and checks.
pinging()
{
	PINGS="$1 to $4"
	PINGS_COUNT=$2
	ping_command "${@:2}"
	spawn "$1" pings "${PING_COMMAND[@]}"
	PINGS_PID=$SPAWNED
}

pinged()
{
	local why

	wait "$PINGS_PID"
	why=$(ping_check "$T/pings.log" "$PINGS_COUNT") || fail "ping from $PINGS meanwhile: $why"
}

# offloaded: openvpn itself says that the data channel is not its own.
offloaded()
{
	on_dpdk || return 0
	wait_status 15 grep -qx 'GLOBAL_STATS,dco_enabled,1' "$T/status" ||
		fail "the server does not say dco_enabled 1"
}

passed() { say "ok ${NAME:-$(basename "$0")}"; }
