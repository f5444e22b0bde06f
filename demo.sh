#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The main job on real input: a stock openvpn server whose data channel runs on DPDK, two stock
# clients. The picture is in tests/system/lib.sh, whose parts this uses.

usage()
{
	cat <<-END
		usage: sudo ./demo.sh [--skip-install]

		Builds ovpn-dpdkd, attaches a stock openvpn server to it, connects two stock clients (one
		over IPv4, one over IPv6), sends pings and TCP through the tunnels, and shows what the
		daemon counted. All of it in network namespaces of its own; nothing is left behind but
		the build folder build-demo.

		  --skip-install  do not install missing packages
		  --help          this text
	END
}

install=yes
case $#${1:-} in
0) ;;
1--skip-install) install=no ;;
1--help | 1-h)
	usage
	exit 0
	;;
*)
	echo "demo.sh: the only options are --skip-install and --help, not '$*'" >&2
	exit 2
	;;
esac

cd "$(dirname "$0")" || exit 1
BUILD=$PWD/build-demo
NAME=demo
SECONDS_EACH=4
. tests/system/packages.sh
. tests/system/lib.sh

step=0
step()
{
	step=$((step + 1))
	printf '\n%d. %s\n' "$step" "$*"
}

build()
{
	local again=()

	[ -f "$BUILD/build.ninja" ] && again=(--reconfigure)
	meson setup "${again[@]}" "$BUILD" --buildtype=release -Dtests=disabled >"$T/build.log" 2>&1 &&
		ninja -C "$BUILD" >>"$T/build.log" 2>&1 && return
	tail -n 30 "$T/build.log"
	fail "it does not build"
}

# iperf CLIENT ADDRESS [-R]: prints Gbit/s as the receiver saw it.
iperf()
{
	in_ns "$1" timeout --foreground $((SECONDS_EACH + 15)) iperf3 -J -c "$2" -t $SECONDS_EACH "${@:3}" >"$T/iperf3-client.log" 2>&1 &&
		jq -r '.end.sum_received.bits_per_second / 1e7 | round / 100' "$T/iperf3-client.log"
}

# worker_packets decap|encap: of all workers.
worker_packets() { ctl show lcores --json | jq "map(.$1_packets) | add"; }

# client_packets tx|rx: of both clients' interfaces.
client_packets()
{
	local n

	for n in 1 2; do
		ip -n "$ID-c$n" -s -j link show tun0 | jq ".[0].stats64.$1.packets"
	done | jq -s add
}

# lost_before_the_workers: packets the veth or the port had no room for, as they counted them
lost_before_the_workers()
{
	local veth port

	veth=$(ip -n "$ID-srv" -s -j link show port0 | jq '.[0].stats64.rx.dropped')
	port=$(ctl show ports --json | jq '[.[] | .rx_missed + .rx_no_mbuf] | add')
	echo $((veth + port))
}

# lost_at_the_clients: datagrams for which the sockets of their openvpn had no room
lost_at_the_clients()
{
	local n

	for n in 1 2; do
		in_ns c$n nstat -asz UdpRcvbufErrors Udp6RcvbufErrors
	done | awk '/RcvbufErrors/ { sum += $2 } END { print sum + 0 }'
}

covered()
{
	local sent received decap encap lost lost_there

	# clients first: what they count later has not been counted by the workers yet
	sent=$(client_packets tx)
	received=$(client_packets rx)
	decap=$(worker_packets decap)
	encap=$(worker_packets encap)
	lost=$(lost_before_the_workers)
	say "   clients' interfaces:  $sent packets sent, $received received"
	lost_there=$(lost_at_the_clients)
	say "   workers:              $decap decapsulated, $encap encapsulated"
	[ "$lost" = 0 ] || say "   no room at the port:  $lost"
	[ "$lost_there" = 0 ] ||
		say "   no room at the sockets of the clients' openvpn: $lost_there"
	[ "$((sent < received ? sent : received))" -gt 1000 ] || fail "hardly a packet went through"
	[ "$((decap + lost))" -ge "$sent" ] || fail "the workers saw fewer packets than the clients sent"
	[ "$encap" -ge "$received" ] || fail "the clients got packets that no worker encapsulated"
}

begin
if [ $install = yes ]; then
	step "Installing what is missing from Debian's packages"
	install_packages || fail "the packages could not be installed"
fi
step "Building (in build-demo)"
build

step "Starting ovpn-dpdkd: port net_af_xdp on a veth, crypto_aesni_gcm, one worker"
topology 2
certificates server c1 c2
daemon_start
grep -h 'ready' "$T/ovpn-dpdkd.log" | sed 's/^/   /'

step "Attaching a stock openvpn server: ovpn-dpdkctl run -- openvpn --config server.conf"
openvpn --version | sed -n '1s/^/   /p'
server_start
offloaded
say "   its status file says: $(grep dco_enabled "$T/status")"

step "Connecting two stock clients (--disable-dco)"
client_start 1 4
say "   c1 over IPv4 has $(ip -n "$ID-c1" -br address show tun0 | awk '{ print $3, $4 }')"
client_start 2 6
say "   c2 over IPv6 has $(ip -n "$ID-c2" -br address show tun0 | awk '{ print $3, $4 }')"

step "Pings through the tunnels, 20 each"
for n in 1 2; do
	for address in 10.8.0.1 fd08::1; do
		ping_all c$n 20 0.05 $address
		say "   c$n to $address: 20 of 20 answered"
	done
done

step "TCP through the tunnels (iperf3, $SECONDS_EACH seconds each)"
spawn srv iperf3-server iperf3 -s
wait_for 5 in_ns srv sh -c 'ss -Hltn sport = 5201 | grep -q .' || fail "iperf3 -s does not listen"
up=$(iperf c1 10.8.0.1) || fail "iperf3: $(tail -n 3 "$T/iperf3-client.log")"
down=$(iperf c1 10.8.0.1 -R) || fail "iperf3 -R: $(tail -n 3 "$T/iperf3-client.log")"
say "   c1, IPv4 in IPv4: $up Gbit/s up, $down Gbit/s down"
up=$(iperf c2 fd08::1) || fail "iperf3: $(tail -n 3 "$T/iperf3-client.log")"
down=$(iperf c2 fd08::1 -R) || fail "iperf3 -R: $(tail -n 3 "$T/iperf3-client.log")"
say "   c2, IPv6 in IPv6: $up Gbit/s up, $down Gbit/s down"

step "ovpn-dpdkctl show peers"
ctl show peers || fail "show peers"
step "ovpn-dpdkctl show drops"
ctl show drops || fail "show drops"

step "Did the workers carry it all?"
covered
say
say "demo: done. openvpn offloaded its data channel, and every packet went through the workers."
