#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Configurations that lose their offload: `ovpn-dpdkctl check` names each reason, and openvpn with the
# shim, on a daemon, ends at it: not well, with a sentence, and without having carried anything.
#
#   srv: ovpn-dpdkd, and one openvpn after the other

NAME='what costs openvpn its offload is named before, and ends it'
. "$(dirname "$0")/lib.sh"

# base LINE...: a configuration that keeps its offload; "-WORD" leaves that line out.
base()
{
	local line out='' lines=(
		'dev ovpn0' 'dev-type tun' 'proto udp' 'port 1194' 'topology subnet'
		'server 10.8.0.0 255.255.255.0' "ca $T/ca.crt" "cert $T/server.crt"
		"key $T/server.key" 'dh none' 'keepalive 5 20' 'verb 4'
	)

	for line; do
		[ "${line#-}" = "$line" ] || out+=" ${line#-} "
	done
	for line in "${lines[@]}"; do
		[[ $out == *" ${line%% *} "* ]] || echo "$line"
	done
	for line; do
		[ "${line#-}" != "$line" ] || echo "$line"
	done
}

# wrong WHAT: the others are looked at all the same.
wrong()
{
	say "  $directive: $*"
	bad=$((bad + 1))
}

run_openvpn()
{
	in_ns srv timeout 60 "${UNDER[@]}" env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- \
		openvpn --config "$T/c.conf" </dev/null >"$T/openvpn.log" 2>&1
}

checked()
{
	in_ns srv "${UNDER[@]}" "$CTL" check --openvpn 2.6 "$T/c.conf" >"$T/check.log" 2>&1
}

UNDER=()  # what check and openvpn are started by
REASONS=1 # that check gives

# loses DIRECTIVE WHY OPENVPN-SAYS LINE...: check names directive and why; openvpn names its reason
# in its own words, and ends.
loses()
{
	local directive=$1 why=$2 says=$3 status

	base "${@:4}" >"$T/c.conf"
	checked
	status=$?
	[ $status = 1 ] || wrong "check ends with $status"
	[ "$(grep -c '^    \(lost\|refused\) with' "$T/check.log")" = "$REASONS" ] ||
		wrong "check does not give $REASONS reason(s): $(cat "$T/check.log")"
	grep -A 1 "^$T/c.conf:[0-9]*:[0-9]*: $directive" "$T/check.log" | grep -q "$why" ||
		wrong "check does not say \"$why\": $(cat "$T/check.log")"
	run_openvpn
	status=$?
	[ $status != 0 ] || wrong 'openvpn ended well'
	[ $status != 124 ] || wrong "openvpn went on: $(tail -n 3 "$T/openvpn.log")"
	grep -q -e "$says" "$T/openvpn.log" ||
		wrong "openvpn does not say \"$says\": $(tail -n 3 "$T/openvpn.log")"
	grep -q '^ovpn-dpdk: .*ovpn-dpdkctl check' "$T/openvpn.log" ||
		wrong "no sentence of the shim: $(tail -n 3 "$T/openvpn.log")"
	grep -q 'Peer Connection Initiated' "$T/openvpn.log" && wrong 'openvpn had a peer'
	say "  $directive"
}

# keeps LINE...: nothing is lost, and openvpn is offloaded.
keeps()
{
	local pid

	base "$@" >"$T/c.conf"
	checked || fail "$*: check says: $(cat "$T/check.log")"
	: >"$T/openvpn.log"
	run_openvpn &
	pid=$!
	wait_for 10 grep -q 'DCO device ovpn0 opened' "$T/openvpn.log" ||
		fail "$*: not offloaded: $(tail -n 3 "$T/openvpn.log")"
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/openvpn.log" ||
		fail "$*: openvpn did not start: $(tail -n 3 "$T/openvpn.log")"
	# timeout(1) passes it on
	kill "$(pgrep -P "$pid")" 2>/dev/null
	wait "$pid"
	say "  kept: $*"
}

# turns_away LINE: of client c1's file; check says so, and openvpn does.
turns_away()
{
	local directive=$1 server client

	checked
	[ $? = 1 ] || wrong "check does not end with 1"
	[ "$(grep -c "^$T/ccd/c1:1:[0-9]*: $1\$" "$T/check.log")" = 1 ] ||
		wrong "check does not name the line: $(cat "$T/check.log")"
	[ "$(grep -c '^    shuts out with' "$T/check.log")" = 1 ] ||
		wrong "check does not give one reason: $(cat "$T/check.log")"
	: >"$T/openvpn.log"
	run_openvpn &
	server=$!
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/openvpn.log" ||
		wrong "openvpn did not start: $(tail -n 3 "$T/openvpn.log")"
	client_launch 1 4
	client=$SPAWNED
	wait_for 10 grep -q 'rejected due to incompatible DCO options' "$T/openvpn.log" ||
		wrong "openvpn does not turn the client away: $(tail -n 3 "$T/openvpn.log")"
	grep -q 'Initialization Sequence Completed' "$T/c1.log" && wrong 'the client got in'
	stop "$client"
	kill "$(pgrep -P "$server")" 2>/dev/null
	wait "$server"
	say "  a client's $1"
}

begin
if ! on_dpdk; then
	passed
	exit
fi
topology 1
certificates server c1
openvpn --genkey secret "$T/static.key"
daemon_start
bad=0

keeps 'data-ciphers aes-256-gcm:?CHACHA20-POLY1305' 'compress migrate' 'client-to-client' 'mssfix 1200'
keeps 'allow-compression no' 'management 127.0.0.1 7505' 'cipher AES-256-CBC' 'user nobody'

off='disabl.* data channel offload'
loses 'disable-dco' 'switches the offload off' 'Cannot open TUN/TAP' disable-dco
loses 'dev tap0' 'not Ethernet' 'Cannot open TUN/TAP' -dev -dev-type 'dev tap0'
loses 'dev-type tap' 'not Ethernet' "dev-type not tun, $off" -dev-type 'dev-type tap'
loses 'fragment 1300' 'own fragments' "fragment disables" 'fragment 1300'
loses 'comp-lzo no' 'packets have a byte' "allow-compression.*$off" 'comp-lzo no'
loses 'compress' 'packets have a byte' "allow-compression.*$off" compress
loses 'compress lz4-v2' 'packets have a byte' "allow-compression.*$off" 'compress lz4-v2'
loses 'allow-compression asym' 'decompress' "allow-compression.*$off" 'allow-compression asym'
loses 'allow-compression yes' 'decompress' "allow-compression.*$off" 'allow-compression yes'
loses 'server ' 'net30' 'topology subnet.* disables' -topology
loses 'topology p2p' 'topology subnet only' 'topology subnet.* disables' -topology -server \
	'topology p2p' 'mode server' 'tls-server' 'ifconfig 10.8.0.1 10.8.0.2'
loses 'data-ciphers' 'AES-256-CBC: only AES-GCM' "cipher 'AES-256-CBC' in --data-ciphers" \
	'data-ciphers AES-256-GCM:AES-256-CBC'
loses 'data-ciphers-fallback' 'only AES-GCM' 'data-ciphers-fallback with cipher' \
	'data-ciphers-fallback AES-256-CBC'
loses 'cipher BF-CBC' 'compat-mode 2.4.0' "cipher 'BF-CBC' in --data-ciphers" 'cipher BF-CBC' \
	'compat-mode 2.4.0' 'providers legacy default'
loses 'cipher AES-256-CBC' 'between two peers' 'data-ciphers-fallback with cipher' -server \
	-topology tls-server 'ifconfig 10.8.0.1 10.8.0.2' 'cipher AES-256-CBC'
loses 'secret' 'static key' 'No tls-client or tls-server' -server -topology -dh -ca -cert -key \
	'ifconfig 10.8.0.1 10.8.0.2' "secret $T/static.key" 'providers legacy default'
loses 'socks-proxy' 'through a proxy' 'socks-proxy disables' -server -topology -dh -port \
	tls-client 'ifconfig 10.8.0.1 10.8.0.2' 'remote 10.9.0.11' 'socks-proxy 10.9.0.11 1080'
loses 'ncp-ciphers' 'AES-256-CBC: only AES-GCM' "cipher 'AES-256-CBC' in --data-ciphers" \
	'ncp-ciphers AES-256-GCM:AES-256-CBC'
loses 'dev null' 'no device' "dev-type not tun, $off" -server -topology -dev -dev-type tls-server \
	'dev null'
UNDER=(setpriv --bounding-set -setpcap)
loses 'user nobody' 'CAP_SETPCAP' 'lacking CAP_SETPCAP' 'user nobody'
UNDER=()
REASONS=2 # TCP, too
loses 'http-proxy' 'means TCP' 'http-proxy disables' -server -topology -dh -port -proto \
	'proto tcp-client' client 'remote 10.9.0.11' 'http-proxy 10.9.0.11 8080'
REASONS=1
ip -n "$ID-srv" link add ovpn0 type bridge
loses 'dev ovpn0' 'exists already' 'exists and is non-DCO'
ip -n "$ID-srv" link delete ovpn0
loses 'proto tcp-server' 'only UDP' 'configured for TCP' -proto 'proto tcp-server'
loses 'proto tcp-client' 'only UDP' 'configured for TCP' -proto -server -topology -dh -port \
	'proto tcp-client' client 'remote 10.9.0.11'

# What is said about one client: the server stays, and is offloaded; the client is turned away.
mkdir "$T/ccd"
base "client-config-dir $T/ccd" >"$T/c.conf"
for line in 'comp-lzo no' 'compress stub-v2' 'data-ciphers aes-256-gcm' \
	'data-ciphers-fallback AES-256-CBC'; do
	echo "$line" >"$T/ccd/c1"
	turns_away "$line"
done

ctl show instances --json | jq -e 'length == 0' >/dev/null || fail 'an openvpn is still attached'
alive "$DAEMON_PID" || fail 'the daemon ended'
[ $bad = 0 ] || fail "$bad of the above"
passed
