#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Clients whose address changes while they talk. openvpn 2.6 cannot be told; its control packets
# must find them nevertheless, so that they get new keys.
#
#   in1 --- c1: NAT that we change as we like --- wire --- srv: reneg-sec 12
#   in2 ---/                                       |
#   c2: a relay that goes over IPv4 and IPv6 in turn (the server listens on one dual-stack socket)
#
# Names below are what the NAT makes of a client: a.1 is address 10.9.0.11 (a) and port 20001.
# 10.9.0.111 is b.

NAME='float: data and control follow a client whose NAT changes, IPv4 to IPv6 too'
. "$(dirname "$0")/lib.sh"

declare -A MAPPED=() ADDRESS=([a]=10.9.0.11 [b]=10.9.0.111)
CHANGES=0

management() { /usr/bin/python3 "$HERE/management.py" "$T/management" "$@"; }

# inside N: client N behind the NAT, with address 172.31.N.2
inside()
{
	ns_add "in$1"
	ip -n "$ID-c1" link add "in$1" type veth peer name eth0 netns "$ID-in$1"
	plain_veth c1 "in$1"
	plain_veth "in$1" eth0
	ip -n "$ID-c1" address add "172.31.$1.1/24" dev "in$1"
	ip -n "$ID-in$1" address add "172.31.$1.2/24" dev eth0
	ip -n "$ID-in$1" route add default via "172.31.$1.1"
}

# nat: what MAPPED says, at once. Without connection tracking, which would keep the old mapping for
# traffic that never pauses: two rules for each client, port 5000 inside. nft would make a wrong
# checksum of none.
nat()
{
	local n a p

	{
		echo 'table ip nat'
		echo 'flush table ip nat'
		echo 'table ip nat {'
		echo 'chain out { type filter hook postrouting priority 0;'
		for n in "${!MAPPED[@]}"; do
			a=${ADDRESS[${MAPPED[$n]%.*}]} p=$((20000 + ${MAPPED[$n]#*.}))
			echo "ip saddr 172.31.$n.2 udp sport 5000 udp sport set $p ip saddr set $a udp checksum set 0"
		done
		echo '}; chain in { type filter hook prerouting priority 0;'
		for n in "${!MAPPED[@]}"; do
			a=${ADDRESS[${MAPPED[$n]%.*}]} p=$((20000 + ${MAPPED[$n]#*.}))
			echo "ip daddr $a udp dport $p udp dport set 5000 ip daddr set 172.31.$n.2 udp checksum set 0"
		done
		echo '}; }'
	} >"$T/nat.nft"
	in_ns c1 nft -f "$T/nat.nft" || fail "nft does not take the NAT's rules"
}

# floats N NAME: client N, whose tunnel is 10.8.0.1N, is mapped to that now, and the daemon follows
floats()
{
	MAPPED[$1]=$2
	nat
	CHANGES=$((CHANGES + 1))
	! on_dpdk || wait_for 2 is_at "10.8.0.1$1" "${ADDRESS[${2%.*}]}:$((20000 + ${2#*.}))" ||
		fail "client $1 is at $2 and the daemon has it at $(peer_of "10.8.0.1$1" | jq -r .remote)"
}
is_at() { [ "$(peer_of "$1" | jq -r .remote)" = "$2" ]; }

# relay_turns 4|6: client 3 goes over the other family
relay_turns()
{
	local was

	was=$(on_dpdk && peer_of 10.8.0.13 | jq -r .remote)
	kill -USR1 "$RELAY"
	CHANGES=$((CHANGES + 1))
	! on_dpdk || wait_for 2 over "$1" || fail "client 3 went over IPv$1 and is still at $was"
}
over() { [[ $(peer_of 10.8.0.13 | jq -r .remote) == "$([ "$1" = 6 ] && echo '['fd09::12 || echo 10.9.0.12)"* ]]; }

# inside_start N NAME: a client behind the NAT
inside_start()
{
	MAPPED[$1]=$2
	nat
	client_config "$1" 'remote 10.9.0.1 1194 udp4' 'lport 5000'
	spawn "in$1" "c$1" openvpn --config "$T/c$1.conf"
	CLIENT[$1]=$SPAWNED
	up "$1"
}

# up N
up()
{
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/c$1.log" ||
		fail "client $1 did not connect: $(tail -n 1 "$T/c$1.log")"
}

client_config()
{
	cat >"$T/c$1.conf" <<-END
		client
		disable-dco
		dev tun0
		remote-cert-tls server
		ca $T/ca.crt
		cert $T/c$1.crt
		key $T/c$1.key
		reneg-sec 0
		connect-retry 1
		ping-restart 60
		verb 4
		$(printf '%s\n' "${@:2}")
	END
}

# pings NAMESPACE: until lost_few
pings()
{
	spawn "$1" "pings-$1" ping -q -n -i 0.02 -W 1 10.8.0.1
	PING[$1]=$SPAWNED
}
# rekeyed N TIMES: client N has negotiated so many keys beside the first
rekeyed() { [ "$(grep -c 'Outgoing Data Channel' "$T/c$1.log")" -gt "$2" ]; }

# all_rekeyed TIMES
all_rekeyed()
{
	local n

	for n in 1 2 3; do
		wait_for 16 rekeyed $n "$1" ||
			fail "client $n has no new key since it floated: $(tail -n 1 "$T/c$n.log")"
	done
}

# lost_few NAMESPACE CHANGES: of the pings, what was in flight
lost_few()
{
	local sent answered

	kill -INT "${PING[$1]}"
	wait "${PING[$1]}"
	read -r sent answered < <(awk '/transmitted/ { print $1, $4 }' "$T/pings-$1.log")
	[ "$sent" -gt 500 ] || fail "the pings of $1 ended early"
	# 20 ms each: less than half a second for a change
	[ $((sent - answered)) -le $((20 * $2)) ] ||
		fail "$((sent - answered)) pings of $1 were lost in $2 changes"
}

# again N: client N has connected twice
again() { [ "$(grep -c 'Initialization Sequence Completed' "$T/c$1.log")" -ge 2 ]; }

declare -A CLIENT=() PING=()
begin
topology 2
certificates server c1 c2 c3 c4
inside 1
inside 2
ip -n "$ID-c1" address add 10.9.0.111/24 dev eth0
in_ns c1 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
daemon_start
server_start 'reneg-sec 12 12' 'hand-window 10' "management $T/management unix"
inside_start 1 a.1
inside_start 2 a.2
spawn c2 relay /usr/bin/python3 "$HERE/relay.py" 10.9.0.1 fd09::1
RELAY=$SPAWNED
client_config 3 'remote 127.0.0.1 1194 udp4' nobind
spawn c2 c3 openvpn --config "$T/c3.conf"
up 3
offloaded
for ns in in1 in2 c2; do pings $ns; done

# another port; another address; what another has left, and back to it
floats 1 a.3
floats 1 b.1
floats 2 a.1
floats 2 a.4
floats 2 a.1
relay_turns 6
relay_turns 4
relay_turns 6
all_rekeyed 1

# somebody else comes from where client 2 was when it connected: a session of its own
inside 4
inside_start 4 a.2
wait_status 15 in_status c4 || fail "client 4 is not in the server's status file"
ping_all in4 20 0.02 10.8.0.1
! on_dpdk || is_at 10.8.0.14 10.9.0.11:20002 || fail "client 4 is not where it is"
all_rekeyed 2
wait_for 15 rekeyed 4 1 || fail "client 4 got no new key"
for ns in in1 in2 c2; do lost_few $ns 3; done
for n in 1 2 3; do
	[ "$(grep -c 'Initialization Sequence Completed' "$T/c$n.log")" = 1 ] ||
		fail "client $n had to connect again"
done

# openvpn's goodbye finds a client that has floated; it is back from where it is, as a new one
management "client-kill $(management 'status 2' | awk -F , '$2 == "c1" && /^CLIENT_LIST/ { print $11 }')" >/dev/null
wait_for 3 grep -q 'server-pushed-connection-reset' "$T/c1.log" ||
	fail "client 1 has not heard that it was removed"
wait_for 15 again 1 || fail "client 1 is not back after it was removed"
ping_all in1 20 0.02 10.8.0.1
for ns in in2 in4; do ping_all $ns 20 0.02 10.8.0.1; done
! on_dpdk || is_at 10.8.0.11 10.9.0.111:20001 || fail "client 1 is not where it is"
if on_dpdk; then
	counted=$(ctl show stats --json | jq .floats)
	[ "$counted" = "$CHANGES" ] || fail "$CHANGES changes, and show stats counts $counted floats"
	[ "$(peer_of 10.8.0.12 | jq .floats)" = 3 ] || fail "client 2 floated thrice, show peers differs"
	[ "$(grep -c 'peer [0-9]* floated from' "$T/ovpn-dpdkd.log")" = "$CHANGES" ] ||
		fail "not every float has its line in the log"
fi
passed
