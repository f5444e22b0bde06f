#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# openvpn in its other roles on the daemon: two clients at once, both ends of p2p TLS, and a client
# and a p2p peer of our own at the other end of ours; restarts, silent ends, goodbyes.
#
#   srv: openvpn on ovpn-dpdkd                                   the other side
#     ovpn1  client, udp4, nobind      ---------- wire ---------- c1: stock server
#     ovpn2  client, udp6, lport 0     ---------- wire ---------- c2: stock server
#     ovpn3  p2p, tls-server, udp4     ---------- wire ---------- c1: stock tls-client
#     ovpn4  p2p, tls-client, udp6     ---------- wire ---------- c2: stock tls-server
#     ovpn5  server, dual stack        ---------- wire ---------- two: client  on a daemon of its own
#     ovpn6  p2p, tls-server, udp6     ---------- wire ---------- two: tls-client,     likewise
#
# Tunnel N is 10.8.N.1 in srv, 10.8.N.2 (or what a server gives) at the other side, fd08:N:: too.

NAME='roles: clients, p2p TLS, both ends on DPDK'
. "$(dirname "$0")/lib.sh"

DAEMON_MEMORY=512

# --- a second daemon --------------------------------------------------------------------------

# second_namespace: as srv, with addresses 10.9.0.30 and fd09::30.
second_namespace()
{
	ns_add two
	on_dpdk && in_ns two sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	plug two port1 two
	on_dpdk && in_ns two sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	on_dpdk || outer_addresses two port1 30
}

# second_daemon: beside the first, with sockets of its own.
second_daemon()
{
	on_dpdk || return 0
	daemon_config | sed -e "s/--file-prefix, $ID/--file-prefix, $ID-two/" -e 's/wan0/wan1/' \
		-e 's/iface=port0/iface=port1/' -e 's/10\.9\.0\.1/10.9.0.30/; s/fd09::1/fd09::30/' \
		-e "s,$T/,$T/two-," >"$T/two.yaml"
	spawn two two "$BUILD/src/ovpn-dpdkd" --config "$T/two.yaml"
	wait_for 20 second_answers || fail "the second daemon did not start: $(tail -n 1 "$T/two.log")"
	wait_for 10 in_ns c1 ping -n -c 1 -W 1 10.9.0.30 || fail "10.9.0.30 does not answer"
	wait_for 10 in_ns c1 ping -n -c 1 -W 1 fd09::30 || fail "fd09::30 does not answer"
}

second_answers() { ctl_two show stats; }
ctl_two() { OVPN_DPDK_CTL_SOCKET=$T/two-ctl.sock "$CTL" "$@"; }

# what the second thought of it, too
eval "one_$(declare -f fail)"
fail()
{
	! [ -S "$T/two-ctl.sock" ] || ctl_two show drops --json >"$T/two-drops.json" 2>&1
	one_fail "$@"
}

# --- openvpn ----------------------------------------------------------------------------------

# openvpn_run NAMESPACE NAME LINE...: offloaded in srv and two, stock elsewhere; pid in SPAWNED.
openvpn_run()
{
	local command=(openvpn --config "$T/$2.conf") own=disable-dco

	if on_dpdk && [ "$1" = srv ]; then
		command=(env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "${command[@]}")
		own=
	elif on_dpdk && [ "$1" = two ]; then
		command=(env OVPN_DPDK_SOCKET="$T/two-dco.sock" "$CTL" run -- "${command[@]}")
		own=
	fi
	{
		cat <<-END
			dev-type tun
			ca $T/ca.crt
			data-ciphers AES-256-GCM:CHACHA20-POLY1305
			connect-retry 1 1
			verb 3
			$own
		END
		printf '%s\n' "${@:3}"
	} >"$T/$2.conf"
	spawn "$1" "$2" "${command[@]}"
}

# server N NAMESPACE LINE...
server()
{
	openvpn_run "$2" "server$1" "dev ovpn$1" "cert $T/server.crt" "key $T/server.key" 'dh none' \
		'topology subnet' "server 10.8.$1.0 255.255.255.0" "server-ipv6 fd08:$1::/64" \
		'keepalive 1 4' "${@:3}"
}

# client N NAMESPACE LINE...
client()
{
	openvpn_run "$2" "client$1" client "dev ovpn$1" "cert $T/c1.crt" "key $T/c1.key" \
		'remote-cert-tls server' 'explicit-exit-notify 1' "${@:3}"
}

# p2p N NAMESPACE server|client OWN OTHER LINE...: OWN and OTHER: host parts of tunnel addresses
p2p()
{
	local name=c1

	[ "$3" = client ] || name=server
	openvpn_run "$2" "p2p-$3$1" "dev ovpn$1" "tls-$3" "cert $T/$name.crt" "key $T/$name.key" \
		'dh none' "ifconfig 10.8.$1.$4 10.8.$1.$5" "ifconfig-ipv6 fd08:$1::$4/64 fd08:$1::$5" \
		'ping 1' 'ping-restart 4' 'explicit-exit-notify 1' "${@:6}"
}

ups() { grep -c 'Initialization Sequence Completed' "$T/$1.log"; }
up_again() { [ "$(ups "$1")" -gt "${2:-0}" ]; }

# up SECONDS NAME [BEFORE]
up()
{
	wait_for "$1" up_again "$2" "${3:-0}" ||
		fail "$2 did not connect in $1 s: $(tail -n 1 "$T/$2.log")"
}

# tunnel N OTHER [OTHER6]: packets of many sizes pass from srv to 10.8.N.OTHER, both families.
tunnel()
{
	local size to

	for size in 56 1200 1452; do
		for to in "10.8.$1.$2" "fd08:$1::${3:-$2}"; do
			ping_all srv 5 0.02 "$to" "$size"
		done
	done
}

# carried CTL N: data packets of tunnel N went through the daemon, both ways
carried()
{
	on_dpdk || return 0
	"$1" show peers --json | jq -e --arg d "ovpn$2" '[.[] | select(.instance == $d and (.gone | not))] |
		length == 1 and .[0].vpn_rx_packets >= 20 and .[0].vpn_tx_packets >= 20' >/dev/null ||
		fail "tunnel $2: not in the daemon: $("$1" show peers)"
}

# peer_id N: of the only peer of tunnel N
peer_id() { ctl show peers --json | jq --arg d "ovpn$1" '.[] | select(.instance == $d and (.gone | not)) | .id'; }
peers_of() { ctl show peers --json | jq --arg d "ovpn$1" '[.[] | select(.instance == $d and (.gone | not))] | length'; }
no_peer() { [ "$(peers_of "$1")" = 0 ]; }


# noticed N NAME BEFORE: that the other end of tunnel N, here NAME's, is silent
noticed() { if on_dpdk; then no_peer "$1"; else [ "$(restarts "$2")" -gt "$3" ]; fi; }
restarts() { grep -c 'Inactivity timeout (--ping-restart)' "$T/$1.log"; }

peer_changed() { [ "$(peers_of "$1")" = 1 ] && [ "$(peer_id "$1")" != "$2" ]; }
answers() { in_ns srv ping -n -c 1 -W 1 "$1"; }

# killed PID...: without a word
killed()
{
	kill -9 "$@"
	wait "$@" 2>/dev/null
	return 0
}

# kept NAME PID: this openvpn lives yet
kept() { alive "$2" || fail "$1 ended: $(tail -n 1 "$T/$1.log")"; }

# --- the sides --------------------------------------------------------------------------------

server1() { server 1 c1 'proto udp4' 'port 1194'; SERVER1=$SPAWNED; }
client3() { p2p 3 c1 client 2 1 nobind 'remote 10.9.0.1 1203 udp4'; CLIENT3=$SPAWNED; }
server4() { p2p 4 c2 server 2 1 'proto udp6' 'lport 1204'; SERVER4=$SPAWNED; }
client6() { p2p 6 two client 2 1 nobind 'remote fd09::1 1206 udp6'; CLIENT6=$SPAWNED; }

begin
topology 2
second_namespace
certificates server c1
daemon_start
second_daemon

server1
server 2 c2 'proto udp6' 'port 1194'
client 1 srv nobind 'remote 10.9.0.11 1194 udp4'
OURS=("client1 $SPAWNED")
client 2 srv 'lport 0' 'remote fd09::12 1194 udp6'
OURS+=("client2 $SPAWNED")
CLIENT2=$SPAWNED
p2p 3 srv server 1 2 'proto udp4' 'lport 1203'
OURS+=("p2p-server3 $SPAWNED")
client3
server4
p2p 4 srv client 1 2 nobind 'remote fd09::12 1204 udp6'
OURS+=("p2p-client4 $SPAWNED")
server 5 srv 'proto udp6' 'port 1205'
OURS+=("server5 $SPAWNED")
client 5 two nobind 'remote 10.9.0.1 1205 udp4'
p2p 6 srv server 1 2 'proto udp6' 'lport 1206'
OURS+=("p2p-server6 $SPAWNED")
client6
for name in client1 client2 p2p-server3 p2p-client4 client5 p2p-client6; do
	up 25 $name
done

say "tunnels of all kinds"
tunnel 1 1
tunnel 2 1
tunnel 3 2
tunnel 4 2
tunnel 5 2 1000
tunnel 6 2
for n in 1 2 3 4 5 6; do
	carried ctl $n
done
for n in 5 6; do
	carried ctl_two $n
done
if on_dpdk; then
	ctl show instances --json | jq -r '.[] | "\(.device) \(.mode)"' | sort >"$T/modes"
	diff "$T/modes" - <<-END >"$T/diff" || fail "instances: $(<"$T/diff")"
		ovpn1 p2p
		ovpn2 p2p
		ovpn3 p2p
		ovpn4 p2p
		ovpn5 multi-peer
		ovpn6 p2p
	END
fi

say "another at the other end, at once: p2p"
before=
on_dpdk && before=$(peer_id 3)
killed "$CLIENT3"
# openvpn alone takes a stranger's first packets for signs of life of the one before
on_dpdk || wait_for 12 noticed 3 p2p-server3 0 || fail "the silent peer of tunnel 3 did not end"
client3
up 20 p2p-client3
wait_for 15 answers 10.8.3.2 || fail "p2p: the new one at the other end is not reached"
if on_dpdk; then
	wait_for 5 peer_changed 3 "$before" ||
		fail "p2p: peer $before is still there: $(ctl show peers | grep ovpn3)"
fi
tunnel 3 2

say "the other ends fall silent, and come back"
# ping-restart 4; a server's `keepalive 1 4` makes 4 of its clients'
on_dpdk && before4=$(peer_id 4) before6=$(peer_id 6)
ups1=$(ups client1) ups4=$(ups p2p-client4)
ends=("1 client1" "4 p2p-client4" "6 p2p-server6")
for i in "${!ends[@]}"; do
	ends[i]+=" $(restarts "${ends[i]#* }")"
done
killed "$SERVER1" "$SERVER4" "$CLIENT6"
for end in "${ends[@]}"; do
	# shellcheck disable=SC2086 # tunnel, name and number
	wait_for 12 noticed $end || fail "the silent peer of tunnel ${end%% *} did not end"
done
server1
server4
client6
up 30 client1 "$ups1"
up 30 p2p-client4 "$ups4"
up 30 p2p-client6
tunnel 1 1
tunnel 4 2
wait_for 10 answers 10.8.6.2 || fail "p2p on DPDK at both ends: not reached after its restart"
tunnel 6 2
if on_dpdk; then
	wait_for 5 peer_changed 4 "$before4" || fail "p2p client: the peer has its old id"
	wait_for 5 peer_changed 6 "$before6" || fail "p2p, both ends on DPDK: the peer has its old id"
fi

say "goodbyes"
stop "$CLIENT3"
# said, so before ping-restart would have noticed
wait_for 3 grep -qE 'remote-exit|exit message' "$T/p2p-server3.log" ||
	fail "p2p: the goodbye was not heard: $(tail -n 1 "$T/p2p-server3.log")"
stop "$CLIENT2"
wait_for 3 grep -qE 'remote-exit|exit message' "$T/server2.log" ||
	fail "the client's goodbye was not heard: $(tail -n 1 "$T/server2.log")"
no_ovpn2() { ctl show instances --json | jq -e 'all(.[]; .device != "ovpn2")'; }
! on_dpdk || wait_for 2 no_ovpn2 ||
	fail "the client has gone, and its instance has not"
for ours in "${OURS[@]}"; do
	# shellcheck disable=SC2086 # name and pid
	[[ $ours == client2* ]] || kept $ours
done
tunnel 5 2 1000
passed
