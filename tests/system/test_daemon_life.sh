#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The daemon dies and is replaced under a running openvpn with the options of Debian's sample:
# openvpn and its device stay, the clients are back without anybody doing anything. Where that
# cannot be, openvpn says so and fails.
#
#   c1, c2 --- wire --- srv: ovpn-dpdkd, killed or stopped, and started again under openvpn

NAME='openvpn outlives the daemon'
. "$(dirname "$0")/lib.sh"

SHORT=('keepalive 1 5' 'management 127.0.0.1 7505')
SAMPLE=(persist-key persist-tun "${SHORT[@]}")

ifindex() { in_ns srv cat /sys/class/net/ovpn0/ifindex; }
attached() { ctl show instances --json | jq -e '.[0].device == "ovpn0"'; }
ended() { ! alive "$1"; }

# answered NAMESPACE: its tunnel carries a ping.
answered() { in_ns "$1" ping -n -c 1 -W 1 10.8.0.1; }

# ask COMMAND: the management interface's answer, soon (an openvpn that waits for the daemon waits for
# ten seconds) or not at all.
ask()
{
	# shellcheck disable=SC2016
	in_ns srv timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/7505 && echo "$0" >&3 &&
		while read -r -t 5 line <&3; do
			echo "$line"
			case $line in SUCCESS*|END*) exit 0 ;; esac
		done; exit 1' "$1"
}

# daemon_gone SIGNAL
daemon_gone()
{
	kill "-$1" "$DAEMON_PID"
	wait "$DAEMON_PID" 2>/dev/null
}

# daemon_back WHAT: starts it, and waits until both clients' tunnels carry again.
daemon_back()
{
	local start first pings

	spawn c1 back ping -n -D -i 0.1 10.8.0.1
	pings=$SPAWNED
	start=$(date +%s.%N)
	daemon_start
	wait_for 30 grep -q 'bytes from' "$T/back.log" || fail "$1: no traffic in 30 s"
	first=$(sed -n '/bytes from/ { s/^\[\([0-9.]*\)\].*/\1/p; q }' "$T/back.log")
	stop "$pings"
	wait_for 20 answered c2 || fail "$1: the second client is not back"
	awk -v what="$1" -v a="$start" -v b="$first" \
		'BEGIN { printf "%s: traffic %.1f s after the start of the daemon\n", what, b - a }'
}

# outlives WHAT SIGNAL MEANWHILE...: the daemon goes, something happens, and it is back.
outlives()
{
	local index

	index=$(ifindex)
	daemon_gone "$2"
	"${@:3}"
	[ "$(ifindex)" = "$index" ] || fail "$1: the device did not outlive the daemon"
	daemon_back "$1"
	alive "$SERVER_PID" || fail "$1: openvpn ended"
	[ "$(ifindex)" = "$index" ] || [ -n "${RENEWED:-}" ] || fail "$1: it is another device"
	wait_for 5 attached || fail "$1: openvpn is not attached"
	offloaded
}

# The daemon hangs for longer than openvpn waits for an answer (it asks each second or so, for its
# status file), and goes on: openvpn takes it for dead, then for a new one.
outlives_a_hang()
{
	local index

	index=$(ifindex)
	kill -STOP "$DAEMON_PID"
	wait_for 15 grep -q 'lost ovpn-dpdkd (no answer in time)' "$T/server.log" ||
		fail 'a hang: openvpn has not given up'
	sleep 1
	kill -CONT "$DAEMON_PID"
	wait_for 20 answered c1 || fail 'a hang: the client is not back'
	wait_for 20 answered c2 || fail 'a hang: the second client is not back'
	alive "$SERVER_PID" || fail 'a hang: openvpn ended'
	[ "$(ifindex)" = "$index" ] || fail 'a hang: it is another device'
	wait_for 5 attached || fail 'a hang: openvpn is not attached'
	offloaded
}

# While there is no daemon: the management interface answers, and openvpn takes no CPU to speak of.
patient()
{
	local used

	ask pid | grep -q "pid=$SERVER_PID" || fail 'the management interface does not answer'
	used=$(cpu_seconds "$SERVER_PID")
	sleep 2
	awk -v a="$used" -v b="$(cpu_seconds "$SERVER_PID")" 'BEGIN { exit b - a > 0.3 }' ||
		fail 'openvpn spins while the daemon is away'
	ask pid | grep -q "pid=$SERVER_PID" || fail 'the management interface ends to answer'
}

# server_ends STATUS: by itself, its device with it.
server_ends()
{
	local status

	wait_for 8 ended "$SERVER_PID" || fail "$1: openvpn is still there"
	wait "$SERVER_PID" 2>/dev/null
	status=$?
	[ "$status" = "$2" ] || fail "$1: openvpn ended with status $status"
	in_ns srv ip link show ovpn0 >/dev/null 2>&1 && fail "$1: the device is still there"
}

# A client that is attached; its server is plain, in c2.
client_outlives()
{
	local client

	spawn c2 far openvpn --config <(MODE=plain server_config 'keepalive 1 5' 'dev tun9' \
		'server 10.7.0.0 255.255.255.0' 'client-config-dir /' "status $T/far-status 1")
	cat >"$T/near.conf" <<-END
		client
		dev ovpn1
		dev-type tun
		nobind
		persist-tun
		remote 10.9.0.12 1194 udp4
		ca $T/ca.crt
		cert $T/c1.crt
		key $T/c1.key
		connect-retry 1
		verb 3
	END
	spawn srv near env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- \
		openvpn --config "$T/near.conf"
	client=$SPAWNED
	wait_for 20 in_ns srv ping -n -c 1 -W 1 10.7.0.1 || fail 'the attached client has no tunnel'
	daemon_gone KILL
	daemon_start
	wait_for 20 in_ns srv ping -n -c 1 -W 1 10.7.0.1 || fail 'the attached client is not back'
	alive "$client" || fail 'the attached client ended'
	stop "$client"
}

begin
if ! on_dpdk; then
	passed
	exit
fi
topology 2
certificates server c1 c2
DAEMON_GROUP=nogroup
daemon_start
server_start "${SAMPLE[@]}" 'explicit-exit-notify 1' 'user nobody' 'group nogroup'
client_start 1 4
client_start 2 6
offloaded
ping_all c1 10 0.02 10.8.0.1

outlives 'killed, persist-tun, explicit-exit-notify' KILL patient
outlives 'stopped, persist-tun, explicit-exit-notify' TERM true
outlives_a_hang
stop "$SERVER_PID"

DAEMON_GROUP=
server_start "${SHORT[@]}"
wait_for 20 answered c1 || fail 'the client is not back'
wait_for 20 answered c2 || fail 'the second client is not back'
RENEWED=1 outlives 'killed, nothing persists' KILL sleep 2

# SIGTERM is heard while no daemon is there
daemon_gone KILL
wait_for 5 grep -q 'lost ovpn-dpdkd' "$T/server.log" || fail 'openvpn did not notice'
kill "$SERVER_PID"
server_ends 'SIGTERM without a daemon' 0

# where openvpn cannot attach again, one sentence and a failure that systemd acts on
daemon_start
mkdir -p "$T/jail/tmp" "$T/jail$T/ccd"
server_start "${SAMPLE[@]}" 'user nobody' 'group nogroup' "chroot $T/jail"
daemon_gone KILL
server_ends 'user and chroot' 1
[ "$(grep -c 'ovpn-dpdk: ' "$T/server.log")" = 1 ] ||
	fail "not one sentence: $(grep 'ovpn-dpdk: ' "$T/server.log")"
grep -q 'ovpn-dpdk: lost ovpn-dpdkd (.*chroot.*ending this process' "$T/server.log" ||
	fail "the sentence is: $(grep 'ovpn-dpdk: ' "$T/server.log")"

# killed while no daemon is there: nobody else keeps its device
daemon_start
server_start "${SAMPLE[@]}"
daemon_gone KILL
wait_for 5 grep -q 'lost ovpn-dpdkd' "$T/server.log" || fail 'openvpn did not notice'
kill -9 "$SERVER_PID"
server_ends 'SIGKILL without a daemon' 137

daemon_start
client_outlives
passed
