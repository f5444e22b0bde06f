#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Sockets of every kind, in eight openvpn processes on one daemon: the same port on different
# addresses, both families, link-local, dual stack, --multihome; what is taken is taken; errors of
# the way reach openvpn's log.
#
#                           +-- ovpn1  udp4, local 10.9.0.1          port 1194
#   c1 --- IPv4 ---+        |-- ovpn2  udp4, local 10.9.0.2          port 1194
#                  +- wire -+-- ovpn3  udp6, local fd09::1           port 1194
#   c2, c3 IPv6 ---+   wan0 |-- ovpn4  udp6, local fe80::...%wan0    port 1194
#                           |-- ovpn5  udp6, dual stack, multihome   port 1195
#                           |-- ovpn6  udp4, multihome               port 1196
#                           |-- ovpn7  client whose first remote no route leads to, and whose
#                           |          second one's port is closed
#                           +-- ovpn8  what finds its port in use
#
# Clients take packets from the address they wrote to only, so an answer from another is a failure.

NAME='sockets: addresses, families, multihome, ports in use, errors of the way'
. "$(dirname "$0")/lib.sh"

WAN=wan0
on_dpdk || WAN=port0

srv_ip() { ip -n "$ID-srv" "$@"; }

# under CONFIG: the command that runs openvpn with it, offloaded.
under()
{
	COMMAND=(openvpn --config "$1")
	! on_dpdk || COMMAND=(env OVPN_DPDK_SOCKET="$T/dco.sock" "$CTL" run -- "${COMMAND[@]}")
}

# server N LINE...: the server with device ovpnN and tunnel 10.8.N.0/24 fd08:N::/64.
server()
{
	local n=$1

	{
		server_config | grep -v -e '^server' -e '^dev ' -e '^proto' -e '^port' -e '^client-config' \
			-e '^status '
		cat <<-END
			dev ovpn$n
			server 10.8.$n.0 255.255.255.0
			server-ipv6 fd08:$n::/64
			status $T/status$n 1
			duplicate-cn
		END
		printf '%s\n' "${@:2}"
	} >"$T/s$n.conf"
	under "$T/s$n.conf"
	spawn srv "s$n" "${COMMAND[@]}"
}

# client NAMESPACE NAME SERVER REMOTE: its tunnel is called NAME.
client()
{
	cat >"$T/$2.conf" <<-END
		client
		disable-dco
		dev $2
		dev-type tun
		nobind
		remote $4
		remote-cert-tls server
		ca $T/ca.crt
		cert $T/c1.crt
		key $T/c1.key
		connect-retry 1 1
		verb 3
	END
	spawn "$1" "$2" openvpn --config "$T/$2.conf"
	CLIENTS+=("$1 $2 $3")
}

up() { grep -q 'Initialization Sequence Completed' "$T/$1.log"; }

# inner NAMESPACE DEVICE 4|6: the address of a tunnel
inner()
{
	ip -n "$ID-$1" -j "-$3" address show dev "$2" scope global |
		jq -r '.[].addr_info[]?.local // empty'
}

# in_use WHY LINE...: openvpn with these lines finds its port taken, and ends.
in_use()
{
	server 8 "${@:2}"
	wait_for 10 ended "$SPAWNED" || fail "$1: openvpn did not end"
	grep -q 'Address already in use' "$T/s8.log" ||
		fail "$1: openvpn did not say that the port is in use: $(tail -n 1 "$T/s8.log")"
	wait_for 1 no_ovpn8 || fail "$1: its device is still there"
}
ended() { ! alive "$1"; }
no_ovpn8() { ! srv_ip link show ovpn8; }

# holding FAMILY ADDRESS PORT: a program that is none of ours holds that port, or ends at once.
holding()
{
	in_ns srv /usr/bin/python3 -c 'import socket, sys, time
s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM)
s.bind((sys.argv[2], int(sys.argv[3])))
print("bound", flush=True)
time.sleep(float(sys.argv[4]))' "$@"
}

begin
topology 3
certificates server c1
daemon_start
srv_ip address add 10.9.0.2/24 dev "$WAN"
srv_ip address add fd09::2/64 dev "$WAN" nodad
LINK_LOCAL=$(srv_ip -j -6 address show dev "$WAN" scope link |
	jq -r '.[].addr_info[]?.local // empty')
CLIENTS=()

server 1 'proto udp4' 'local 10.9.0.1' 'port 1194'
server 2 'proto udp4' 'local 10.9.0.2' 'port 1194'
server 3 'proto udp6' 'local fd09::1' 'port 1194'
server 4 'proto udp6' "local $LINK_LOCAL%$WAN" 'port 1194'
server 5 'proto udp6' 'multihome' 'port 1195'
server 6 'proto udp4' 'multihome' 'port 1196'
for n in 1 2 3 4 5 6; do
	wait_for 15 up "s$n" || fail "server $n did not start: $(tail -n 1 "$T/s$n.log")"
done

client c1 a1 1 '10.9.0.1 1194 udp4'
client c1 a2 2 '10.9.0.2 1194 udp4'
client c1 a5 5 '10.9.0.2 1195 udp4'
client c1 a6 6 '10.9.0.2 1196 udp4'
client c2 b3 3 'fd09::1 1194 udp6'
client c2 b4 4 "$LINK_LOCAL%eth0 1194 udp6"
client c2 b5 5 'fd09::2 1195 udp6'
client c3 l5 5 "$LINK_LOCAL%eth0 1195 udp6"
for c in "${CLIENTS[@]}"; do
	read -r ns name n <<<"$c"
	wait_for 25 up "$name" || fail "client $name did not connect: $(tail -n 1 "$T/$name.log")"
done

say "each by the address it wrote to, both ways"
for c in "${CLIENTS[@]}"; do
	read -r ns name n <<<"$c"
	ping_all "$ns" 5 0.05 "10.8.$n.1"
	ping_all "$ns" 5 0.05 "fd08:$n::1"
	ping_all srv 5 0.05 "$(inner "$ns" "$name" 4)"
done
if on_dpdk; then
	# what the daemon sends data packets from is what the client wrote to
	sort >"$T/want" <<-END
		10.9.0.1:1194
		10.9.0.2:1194
		10.9.0.2:1195
		10.9.0.2:1196
		[fd09::1]:1194
		[fd09::2]:1195
		[$LINK_LOCAL]:1194
		[$LINK_LOCAL]:1195
	END
	ctl show peers --json | jq -r '.[] | select(.gone | not) | .local' | sed 's/%[^]]*//' |
		sort >"$T/have"
	diff "$T/want" "$T/have" >"$T/diff" || fail "peers are answered from: $(<"$T/diff")"
	[ "$(ctl show instances --json | jq length)" = 6 ] || fail "there are not six instances"
fi

say "a port that is taken"
in_use 'the same address' 'proto udp4' 'local 10.9.0.1' 'port 1194'
in_use 'all addresses, where one is taken' 'proto udp4' 'port 1194'
in_use 'both families, where IPv4 is taken' 'proto udp6' 'port 1196'
in_use 'one address, where all are taken' 'proto udp4' 'local 10.9.0.1' 'port 1195'
in_use 'IPv4, where dual stack has it' 'proto udp4' 'port 1195'
in_use 'link-local' 'proto udp6' "local $LINK_LOCAL%$WAN" 'port 1194'
holding AF_INET 10.9.0.2 1197 300 >"$T/holder.log" &
PIDS+=($!)
wait_for 5 grep -q bound "$T/holder.log" || fail "port 1197 cannot be bound"
in_use 'a program that is none of ours' 'proto udp4' 'port 1197'
in_use 'a program that is none of ours, dual stack' 'proto udp6' 'port 1197'
for where in 'AF_INET 10.9.0.1 1194' 'AF_INET 0.0.0.0 1194' 'AF_INET 10.9.0.1 1195' \
	'AF_INET6 fd09::1 1194' 'AF_INET6 :: 1196'; do
	# shellcheck disable=SC2086
	holding $where 0 >/dev/null 2>"$T/holding" && fail "$where can be bound beside openvpn"
	grep -q 'Address already in use' "$T/holding" || fail "$where: $(tail -n 1 "$T/holding")"
done
# others are not
server 8 'proto udp4' 'local 10.9.0.1' 'port 1197'
wait_for 10 up s8 || fail "10.9.0.1 beside another program's 10.9.0.2: $(tail -n 1 "$T/s8.log")"
stop "$SPAWNED"

say "errors of the way"
cat >"$T/lost.conf" <<-END
	client
	$(on_dpdk || echo disable-dco)
	dev ovpn7
	dev-type tun
	nobind
	remote 203.0.113.1 1194 udp4
	remote 10.9.0.11 4999 udp4
	remote fd09::12 4999 udp6
	remote-cert-tls server
	ca $T/ca.crt
	cert $T/c1.crt
	key $T/c1.key
	connect-retry 1 1
	connect-timeout 5
	verb 3
END
under "$T/lost.conf"
spawn srv lost "${COMMAND[@]}"
wait_for 10 grep -q 'Network unreachable, restarting' "$T/lost.log" ||
	fail "openvpn does not know that its network is unreachable: $(tail -n 1 "$T/lost.log")"
wait_for 10 grep -q 'read UDPv4 \[ECONNREFUSED\]: Connection refused' "$T/lost.log" ||
	fail "openvpn does not know that the port is closed: $(tail -n 1 "$T/lost.log")"
wait_for 15 grep -q 'read UDPv6 \[ECONNREFUSED\]: Connection refused' "$T/lost.log" ||
	fail "openvpn does not know that the IPv6 port is closed: $(tail -n 1 "$T/lost.log")"
stop "$SPAWNED"

# the servers' data and control have not minded any of that
for c in "${CLIENTS[@]}"; do
	read -r ns name n <<<"$c"
	ping_all srv 3 0.05 "$(inner "$ns" "$name" 4)"
done
passed
