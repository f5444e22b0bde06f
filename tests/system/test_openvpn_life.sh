#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The lives of stock openvpn servers with Debian's sample server.conf, all on one daemon, each in a
# network namespace of its own: restarts, ends, dropped rights, management, scripts.
#
#   c1 ----------+                                    +-- s1: the sample as it is
#   c2 ----------+                                    +-- s2: user, group, chroot, --daemon
#   c3 IPv4 -----+--- wire --- srv: one ovpn-dpdkd ---+-- s3: the same, udp6 and multihome
#   c4 IPv6 -----+             10.9.0.1 fd09::1       |
#   c5 ----------+             1191 to 1194           +-- s4: no persist-tun, management, scripts
#   c6 ----------+
#
# Lines appended to the sample:
#   s2  port (one address, several servers), daemon with log and writepid (to see it), and what the
#       sample itself proposes for dropped rights: user, group, chroot
#   s3  the same, and proto udp6, multihome
#   s4  port, management, script-security and scripts, keepalive (a timeout that a test can await);
#       persist-tun and explicit-exit-notify are taken out
# With MODE=plain each server has an address of its own on the wire.

NAME='life of openvpn: the sample server.conf, restarts, dropped rights, management, scripts'
. "$(dirname "$0")/lib.sh"

SAMPLE=/usr/share/doc/openvpn/examples/sample-config-files/server.conf
UDP_IP=28 # bytes that nftables counts beside a datagram's payload

PORTS=(0 1194 1193 1192 1191)
SERVER_OF=(0 1 2 3 3 4 4) # by client
SERVER_PIDS=()
CALM=('connect-retry 2 2') # seconds between two sessions, so that we can tell them apart

# --- servers --------------------------------------------------------------------------------

# server_folder N [LINE...]: the sample and its files, and lines that come last.
server_folder()
{
	local dir=$T/s$1

	mkdir -p "$dir/log" "$dir/jail/tmp"
	chmod 1777 "$dir/jail/tmp"
	zcat -f "$SAMPLE" >"$dir/server.conf" || fail "no sample of Debian at $SAMPLE"
	cp "$T/ca.crt" "$T/server.crt" "$T/server.key" "$T/dh2048.pem" "$dir"
	shift
	[ $# = 0 ] || printf '\n%s' "$@" '' >>"$dir/server.conf"
}

# server_run N: as openvpn-server@.service does, in namespace sN; /var/log/openvpn, which the sample names, is
# a folder of the test's.
server_run()
{
	local command=(openvpn --cd "$T/s$1" --config server.conf)

	if on_dpdk; then
		command=(env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "${command[@]}")
	else
		command+=(--disable-dco)
	fi
	# shellcheck disable=SC2016 # sh expands it
	spawn "s$1" "s$1" sh -c 'mount --bind "$0/log" /var/log/openvpn && exec "$@"' \
		"$T/s$1" "${command[@]}"
	SERVER_PIDS[$1]=$SPAWNED
	wait_for 10 server_up "$1" ||
		fail "server $1 did not start: $(tail -n 1 "$T/s$1.log")"
	[ ! -e "$T/s$1/pid" ] || SERVER_PIDS[$1]=$(<"$T/s$1/pid")
}

server_up() { [ "$(starts "$1")" -gt 0 ]; }
# how often it has started, or started again
starts() { grep -c 'Initialization Sequence Completed' "$T/s$1.log"; }
started_again() { [ "$(starts "$1")" -gt "$2" ]; }
pid_gone() { [ ! -e "/proc/$1" ]; }

# What the operator sees of server N: its instance; with sockets; its peers.
instance_of() { ctl show instances --json | jq -ce --arg s ":${PORTS[$1]}" \
	'.[] | select(.sockets | any(endswith($s)))'; }

# ifindex N: of the server's device; nothing if there is none.
ifindex() { ip -n "$ID-s$1" -j link show tun0 2>/dev/null | jq '.[0].ifindex // empty'; }

# device_right N WHEN [PEERS]: there is one device, up, with its address, and the daemon says the
# same; with so many peers.
device_right()
{
	local instance want

	[ "$(ip -n "$ID-s$1" -4 -j addr show up | jq -r '[.[] | select(.ifname != "lo" and
		.ifname != "eth0")] | map(.ifname, .addr_info[].local) | join(" ")')" = \
		'tun0 10.8.0.1' ] || fail "server $1: $2: its device is not there as it should be"
	on_dpdk || return 0
	instance=$(instance_of "$1") || fail "server $1: $2: no instance with its port"
	want="tun0 $(ifindex "$1") multi-peer ${3:-$(jq .peers <<<"$instance")}"
	[ "$(jq -r '"\(.device) \(.ifindex) \(.mode) \(.peers)"' <<<"$instance")" = "$want" ] ||
		fail "server $1: $2: instance is $instance"
}

# all_gone N: neither device nor instance nor port, and the daemon has no peer left behind.
all_gone()
{
	[ -z "$(ifindex "$1")" ] && { ! on_dpdk || ! instance_of "$1"; } &&
		! in_ns srv ss -Hnlu "sport = :${PORTS[$1]}" | grep -q .
}

# --- clients --------------------------------------------------------------------------------

# life_client N 4|6 [LINE...]
life_client()
{
	# shellcheck disable=SC2034 # for client_launch
	local s=${SERVER_OF[$1]} PORT HOST4 HOST6

	# shellcheck disable=SC2034
	PORT=${PORTS[s]}
	# shellcheck disable=SC2034
	on_dpdk || HOST4=10.9.0.10$s HOST6=fd09::10$s
	client_launch "$@"
}

connects() { grep -c 'Initialization Sequence Completed' "$T/c$1.log"; }
connected_again() { [ "$(connects "$1")" -gt "$2" ]; }

given_up() { grep -c 'process restarting' "$T/c$1.log"; }
given_up_again() { [ "$(given_up "$1")" -gt "$2" ]; }

# back SECONDS WHY CLIENT BEFORE...: each has connected since, and packets pass both ways.
back()
{
	local seconds=$1 why=$2 n

	shift 2
	while [ $# -gt 0 ]; do
		n=$1
		wait_for "$seconds" connected_again "$n" "$2" ||
			fail "$why: client $n is not back after $seconds s: $(tail -n 1 "$T/c$n.log")"
		ping_both "$n"
		shift 2
	done
}

ping_both()
{
	local address

	ping_all "c$1" 5 0.02 10.8.0.1
	address=$(ip -n "$ID-c$1" -4 -j addr show tun0 | jq -r '.[0].addr_info[0].local')
	ping_all "s${SERVER_OF[$1]}" 5 0.02 "$address"
}

# --- restarts -------------------------------------------------------------------------------

# restart SIGNAL SERVER...: all at once; then each is right, and its clients are back.
restart()
{
	local signal=$1 s n why=SIG$1
	local -A connected starts_before was

	shift
	for n in 1 2 3 4 5 6; do
		connected[$n]=$(connects $n)
	done
	for s; do
		starts_before[$s]=$(starts "$s")
		was[$s]=$(ifindex "$s")
		kill "-$signal" "${SERVER_PIDS[$s]}"
	done
	for s; do
		wait_for 10 started_again "$s" "${starts_before[$s]}" ||
			fail "$why: server $s has not restarted: $(tail -n 1 "$T/s$s.log")"
	done
	for s; do
		# without a number: its clients may be faster than this look
		device_right "$s" "after $why"
		# persist-tun is for SIGUSR1 only
		if [ "$signal" = USR1 ] && [ "$s" != 4 ]; then
			[ "${was[$s]}" = "$(ifindex "$s")" ] ||
				fail "$why: server $s has another device in spite of persist-tun"
		else
			[ "${was[$s]}" != "$(ifindex "$s")" ] ||
				fail "$why: server $s has the same device as before"
		fi
	done
	for n in 1 2 3 4 5 6; do
		case " $* " in
		*" ${SERVER_OF[n]} "*) back 20 "$why" "$n" "${connected[$n]}" ;;
		esac
	done
	for s; do
		device_right "$s" "$why, and all are back" "$(clients_of "$s")"
	done
}

clients_of() { printf '%s\n' "${SERVER_OF[@]}" | grep -cx "$1"; }

# --- management and scripts -----------------------------------------------------------------

management() { /usr/bin/python3 "$HERE/management.py" "$T/s4/management" "$@"; }

# cid NAME: of the server's client
cid() { management 'status 2' | awk -F , -v n="$1" '$1 == "CLIENT_LIST" && $2 == n { print $11 }'; }

# count_datagrams N: all that client N exchanges with its server, from the packet on for which the
# server makes a client instance (it answers openers without one); and the data packets of it.
count_datagrams()
{
	in_ns "c$1" nft -f - <<-END
		table inet count {
			counter sent { }
			counter received { }
			counter data_sent { }
			counter data_received { }
			chain out {
				type filter hook output priority 0;
				udp dport ${PORTS[4]} @th,64,5 != 7 counter name sent
				udp dport ${PORTS[4]} @th,64,5 9 counter name data_sent
			}
			chain in {
				type filter hook input priority 0;
				udp sport ${PORTS[4]} @th,64,5 != 8 counter name received
				udp sport ${PORTS[4]} @th,64,5 9 counter name data_received
			}
		}
	END
}

# datagrams N: bytes sent and received since the last time, all and of data packets
datagrams()
{
	in_ns "c$1" nft -j reset counters table inet count | jq -r --argjson o $UDP_IP \
		'[.nftables[].counter | values | {(.name): (.bytes - .packets * $o)}] | add |
		"\(.sent) \(.received) \(.data_sent) \(.data_received)"'
}

# counting_anew: counts again from nothing for each client that has given its session up; true: both
counting_anew()
{
	local n

	for n in "${!given_up[@]}"; do
		given_up_again "$n" "${given_up[$n]}" || continue
		datagrams "$n" >/dev/null
		unset "given_up[$n]"
	done
	[ ${#given_up[@]} = 0 ]
}

disconnects() { grep -c "^client-disconnect $1 " "$T/s4/events"; }
disconnected_again() { [ "$(disconnects "$1")" -gt "$2" ]; }
# last_bytes NAME: received and sent, as the last client-disconnect was told
last_bytes() { awk -v n="$1" '$1 == "client-disconnect" && $2 == n { b = $3 " " $4 } END { print b }' \
	"$T/s4/events"; }

# peer_id N: of client N of server 4
peer_id()
{
	peers_of_4 | jq --arg r "10.9.0.1$1:" 'select(.remote | startswith($r)).id'
}

# gone_bytes ID: received and sent; nothing if there is no such peer
gone_bytes()
{
	peers_of_4 | jq -r --argjson id "$1" 'select(.id == $id and .gone) |
		"\(.link_rx_bytes) \(.link_tx_bytes)"'
}

peers_of_4()
{
	ctl show peers --all --json | jq -c --argjson i "$(instance_of 4 | jq .instance_id)" \
		'.[] | select(.instance_id == $i)'
}

# --- what the daemon holds ------------------------------------------------------------------

descriptors() { find "/proc/$DAEMON_PID/fd" -mindepth 1 | wc -l; }
# sessions and buffers; receive queues hold some, more or less, all the time
leftovers() { ctl show crypto --json | jq -c '[.[].sessions]'; }

# --- the test -------------------------------------------------------------------------------

begin
topology 6
certificates server c1 c2 c3 c4 c5 c6
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out "$T/dh2048.pem" 2>/dev/null
daemon_start
for s in 1 2 3 4; do
	ns_add s$s
	on_dpdk || { plug s$s eth0 s$s && outer_addresses s$s eth0 10$s; }
done

dropped=('user nobody' 'group nogroup' 'chroot jail')
server_folder 1
server_folder 2 'port 1193' 'daemon' "log $T/s2.log" "writepid $T/s2/pid" "${dropped[@]}"
server_folder 3 'port 1192' 'daemon' "log $T/s3.log" "writepid $T/s3/pid" "${dropped[@]}" \
	'proto udp6' 'multihome'
server_folder 4 'port 1191' "management $T/s4/management unix" 'script-security 2' \
	"client-connect $T/s4/event.sh" "client-disconnect $T/s4/event.sh" 'keepalive 1 3'
sed -i '/^persist-tun/d; /^explicit-exit-notify/d' "$T/s4/server.conf"
cat >"$T/s4/event.sh" <<-END
	#!/bin/sh
	echo "\$script_type \$common_name \$bytes_received \$bytes_sent" >>$T/s4/events
END
chmod 755 "$T/s4/event.sh"
count_datagrams 5
count_datagrams 6
descriptors=$(on_dpdk && descriptors)
leftovers=$(on_dpdk && leftovers)
for s in 1 2 3 4; do
	server_run $s
	device_right $s 'at start' 0
done
for n in 1 2 3 5 6; do
	life_client $n 4 "${CALM[@]}"
	CLIENT_PIDS[n]=$SPAWNED
done
life_client 4 6
back 20 'at start' 1 0 2 0 3 0 4 0 5 0 6 0
for s in 1 2 3 4; do
	device_right $s 'with its clients' "$(clients_of $s)"
	[ $s = 2 ] || [ $s = 3 ] || continue
	grep -q '^Uid:.*65534.*65534.*65534' "/proc/${SERVER_PIDS[s]}/status" ||
		fail "server $s has not become nobody"
	[ "$(readlink "/proc/${SERVER_PIDS[s]}/root")" = "$T/s$s/jail" ] ||
		fail "server $s is not in its jail"
done

restart USR1 1 2 3 4
restart USR1 2 3
restart HUP 1 4

# SIGUSR2: the status goes to the log
pattern='^([^ ]+ ){2}c1,10\.9\.0\.11:[0-9]+,[1-9][0-9]+,[1-9][0-9]+,'
kill -USR2 "${SERVER_PIDS[1]}"
wait_for 5 grep -qE "$pattern" "$T/s1.log" || fail "SIGUSR2: no status in the log"

# management: what there is, and two ways to throw out a client, which comes back
[ "$(management 'status 2' | grep -c '^CLIENT_LIST,c[56],10\.9\.0\.1[56]:[0-9]*,10\.8\.0\.')" = 2 ] ||
	fail "management: status does not list both clients"
management load-stats | grep -qE '^SUCCESS: nclients=2,bytesin=[1-9][0-9]+,bytesout=[1-9][0-9]+$' ||
	fail "management: load-stats: $(management load-stats)"
before=("$(connects 5)" "$(connects 6)" "$(disconnects c5)" "$(disconnects c6)")
given_up=([5]="$(given_up 5)" [6]="$(given_up 6)")
management 'kill c5' "client-kill $(cid c6)" >"$T/kill.log" ||
	fail "management: kill: $(tail -n 1 "$T/kill.log")"
wait_for 2 disconnected_again c5 "${before[2]}" || fail "kill: no client-disconnect for c5"
wait_for 2 disconnected_again c6 "${before[3]}" || fail "client-kill: no client-disconnect for c6"
# they say something in the old session until they give it up, and begin the next two seconds later
wait_for 10 counting_anew || fail "clients do not notice the end of their sessions"
back 15 'kill and client-kill' 5 "${before[0]}" 6 "${before[1]}"
device_right 4 'after kill and client-kill' 2

# one client leaves, one is killed: their last counters stay, until their ids are used again.
# (What openvpn 2.6.14 tells client-disconnect is what it knew before: it asks too late for more.)
before=("$(disconnects c5)" "$(disconnects c6)")
ping_all c5 300 0.005 10.8.0.1 300
ping_all c6 200 0.005 10.8.0.1 700
on_dpdk && ids=([5]="$(peer_id 5)" [6]="$(peer_id 6)")
kill "${CLIENT_PIDS[5]}"
kill -9 "${CLIENT_PIDS[6]}"
wait "${CLIENT_PIDS[6]}" 2>/dev/null
for n in 5 6; do
	wait_for 15 disconnected_again c$n "${before[n - 5]}" || fail "no client-disconnect for c$n"
	# openvpn runs its script first, and then removes the peer
	is_gone() { [ -n "$(gone_bytes "${ids[n]}")" ]; }
	! on_dpdk || wait_for 2 is_gone || fail "the peer of client $n is not gone"
	bytes=$(datagrams $n | cut -d ' ' -f 3,4)
	! on_dpdk || [ "$bytes" = "$(gone_bytes "${ids[n]}")" ] ||
		fail "client $n sent and received $bytes bytes of data, its last counters are
$(gone_bytes "${ids[n]}")"
done
device_right 4 'after both have left' 0

life_client 6 4 "${CALM[@]}"
CLIENT_PIDS[6]=$SPAWNED
back 15 'after its old self expired' 6 0
life_client 5 4 "${CALM[@]}"
CLIENT_PIDS[5]=$SPAWNED
back 15 'after it had left' 5 0
device_right 4 'after both came back' 2
if on_dpdk; then
	[ -z "$(gone_bytes "${ids[5]}")$(gone_bytes "${ids[6]}")" ] ||
		fail "ids are used again, and their old counters still shown"
fi

# SIGUSR1 ends sessions in a way in which openvpn asks in time: client-disconnect is told all, to
# the byte. The clients hold still meanwhile.
before=("$(connects 5)" "$(connects 6)" "$(disconnects c5)" "$(disconnects c6)")
ping_all c5 200 0.005 10.8.0.1 700
ping_all c6 300 0.005 10.8.0.1 300
kill -STOP "${CLIENT_PIDS[5]}" "${CLIENT_PIDS[6]}"
sleep 1 # what they have sent is there
kill -USR1 "${SERVER_PIDS[4]}"
for n in 5 6; do
	wait_for 5 disconnected_again c$n "${before[n - 3]}" || fail "no client-disconnect for c$n"
	bytes=$(datagrams $n | cut -d ' ' -f 1,2)
	[ "$bytes" = "$(last_bytes c$n)" ] || fail "client $n sent and received $bytes bytes, its
client-disconnect was told $(last_bytes c$n)"
done
kill -CONT "${CLIENT_PIDS[5]}" "${CLIENT_PIDS[6]}"
back 20 'after holding still' 5 "${before[0]}" 6 "${before[1]}"

# ends
kill "${SERVER_PIDS[1]}" "${SERVER_PIDS[2]}"
kill -HUP "${SERVER_PIDS[3]}" # cannot read its files again from its jail
kill -9 "${SERVER_PIDS[4]}"
since=$(date +%s%3N)
wait_for 2 all_gone 4 || fail "kill -9: device, instance or port of server 4 are still there"
took=$(($(date +%s%3N) - since))
wait "${SERVER_PIDS[4]}" 2>/dev/null
# at once, and not when somebody looks after it now and then
[ "$took" -le 4000 ] || fail "kill -9: server 4 was gone after $took ms only"
wait "${SERVER_PIDS[1]}"
[ $? = 0 ] || fail "SIGTERM: server 1 ended with a status that is not 0"
for s in 1 2 3; do
	wait_for 8 pid_gone "${SERVER_PIDS[s]}" || fail "server $s has not ended"
	wait_for 1 all_gone $s || fail "device, instance or port of server $s are still there"
done
if on_dpdk; then
	[ "$(ctl show instances --json)" = '[]' ] || fail "instances are left: $(ctl show instances)"
	[ "$(ctl show peers --all --json)" = '[]' ] || fail "peers are left: $(ctl show peers --all)"
	same_descriptors() { [ "$(descriptors)" = "$descriptors" ]; }
	wait_for 2 same_descriptors ||
		fail "the daemon had $descriptors descriptors before all, and has $(descriptors) now"
	[ "$(leftovers)" = "$leftovers" ] || fail "buffers or sessions are left:
$leftovers
before, and now
$(leftovers)"
fi

# and the next one, on the port of the killed one: its clients come back by themselves
before=("$(connects 5)" "$(connects 6)")
server_run 4
back 20 'after kill -9' 5 "${before[0]}" 6 "${before[1]}"
device_right 4 'after kill -9 and a new start' 2
passed
