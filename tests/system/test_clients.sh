#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Clients that leave, come again before their old self has expired, and are cut off all at once:
# openvpn's tables and the daemon's are the same afterwards, and so is what both had counted.
#
#   c1 (20 clients) ---+
#   c2 ----------------+--- wire --- srv: keepalive 1 4, so 8 s at the server; max-clients 22
#   c3 (port 5000) ----+

NAME='clients: exit, reconnect, twenty cut off at once'
. "$(dirname "$0")/lib.sh"

CROWD=20

management() { /usr/bin/python3 "$HERE/management.py" "$T/management" "$@"; }

# crowd_launch N: client mN, one of those in c1
crowd_launch()
{
	cat >"$T/m$1.conf" <<-END
		client
		disable-dco
		dev tun$1
		nobind
		remote 10.9.0.1 1194 udp4
		remote-cert-tls server
		ca $T/ca.crt
		cert $T/m$1.crt
		key $T/m$1.key
		connect-retry 1 1
		connect-timeout 3
		verb 3
	END
	spawn c1 "m$1" openvpn --config "$T/m$1.conf"
}

# openvpn_table: of those connected: peer id, transport address, VPN addresses; and the addresses
# that it routes, as often as it has them
openvpn_table()
{
	management 'status 2' | awk -F , '
		$1 == "CLIENT_LIST" && $4 != "" { print $12, $3, $4, $5 }
		$1 == "ROUTING_TABLE" { print "route", $2, $4 }' | sort
}

daemon_table()
{
	ctl show peers --json | jq -r '.[] | select(.gone | not) | "\(.id) \(.remote) \(.vpn4) \(.vpn6)",
		"route \(.vpn4) \(.remote)", "route \(.vpn6) \(.remote)"' | sort
}

nb_connected() { openvpn_table | grep -c '^route [0-9.]* '; }
connected() { [ "$(nb_connected)" = "$1" ]; }
tables_equal() { ! on_dpdk || [ "$(openvpn_table)" = "$(daemon_table)" ]; }

# both_know COUNT WHEN: so many are connected, and both tables say the same
both_know()
{
	wait_for 25 connected "$1" || fail "$2: openvpn has $(nb_connected) clients and not $1"
	wait_for 5 tables_equal || fail "$2: openvpn's table and the daemon's differ:
$(diff <(openvpn_table) <(daemon_table))"
}

reaches() { in_ns c1 ping -q -n -c 1 -W 1 -I "tun$1" 10.8.0.1; }

# pings of the crowd: each its own size, so that counters tell who is who. openvpn at the server has
# a client in its table before the client has made its device.
crowd_pings()
{
	local n pids=()

	for ((n = 1; n <= CROWD; n++)); do
		wait_for 10 reaches $n || fail "$1: m$n does not reach the server"
	done
	for ((n = 1; n <= CROWD; n++)); do
		in_ns c1 ping -q -n -c 20 -i 0.02 -W 2 -s $((n * 50)) -I tun$n 10.8.0.1 \
			>"$T/ping$n.log" 2>&1 &
		pids[n]=$!
	done
	for ((n = 1; n <= CROWD; n++)); do
		wait "${pids[n]}" || fail "$1: ping of m$n: $(grep transmitted "$T/ping$n.log")"
	done
}

# the VPN address of client N in its namespace
address_of() { ip -n "$ID-c$1" -4 -j addr show tun0 | jq -r '.[0].addr_info[0].local'; }
# has_left NAME TIMES: its client-disconnect ran so often
has_left() { [ "$(grep -c "^$1 " "$T/left")" = "$2" ]; }
more_left() { [ "$(grep -c "^$1 " "$T/left")" -ge "$2" ]; }

# up N: the tunnel of client N is
up()
{
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/c$1.log" ||
		fail "client $1 did not connect: $(tail -n 1 "$T/c$1.log")"
}

# again N PID: client N is killed and started again; it keeps its address
again()
{
	local was

	was=$(address_of "$1")
	kill -9 "$2"
	wait "$2" 2>/dev/null
	client_launch "$1" 4
	up "$1"
	[ "$(address_of "$1")" = "$was" ] || fail "client $1 came again and has another address"
	ping_all "c$1" 20 0.02 10.8.0.1
	ping_all srv 20 0.02 "$was"
}

begin
topology 3
# shellcheck disable=SC2046
certificates server c2 c3 $(seq -f 'm%.0f' $CROWD)
daemon_start
: >"$T/left"
chmod 666 "$T/left"
cat >"$T/left.sh" <<-END
	#!/bin/sh
	echo "\$common_name \$bytes_received \$bytes_sent" >>$T/left
END
chmod 755 "$T/left.sh"
server_start 'proto udp' 'keepalive 1 4' "management $T/management unix" \
	'max-clients 22' 'script-security 2' "client-disconnect $T/left.sh"
rm "$T/ccd/"* # all addresses are of the pool
in_ns c1 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
for ((n = 1; n <= CROWD; n++)); do
	crowd_launch $n
done
LOCAL='lport 5000' client_launch 3 4
client3=$SPAWNED
client_launch 2 4
client2=$SPAWNED
up 2
up 3
both_know 22 'at start'
crowd_pings 'at start'

# killed, and there again from another port, long before it expires
again 2 "$client2"
client2=$SPAWNED
both_know 22 'one has come again'
has_left c2 1 || fail "client-disconnect has not run for the old self of c2"

# leaves with a word
kill "$client2"
wait_for 8 has_left c2 2 || fail "a client that has left is still there"
grep -q ' c2/.*delayed-exit' "$T/server.log" || fail "a client's goodbye was not heard: it has expired"
both_know 21 'one has left'

# all of c1 cut off, for longer than they are believed in
ip -n "$ID-wire" link set c1 down
both_know 1 'twenty are cut off'
ip -n "$ID-wire" link set c1 up
both_know 21 'the twenty are back'
crowd_pings 'the twenty are back'
ping_all c3 10 0.02 10.8.0.1

# and again, with the first already coming back while the last are still believed in
ip -n "$ID-wire" link set c1 down
sleep 7.5
wait_for 5 more_left 'm[0-9]*' 21
ip -n "$ID-wire" link set c1 up
sleep 3
both_know 21 'the twenty are back again'
crowd_pings 'the twenty are back again'

# killed, and there again from the same port: a new session of the same openvpn client instance.
# (Within 30 s of the last one openvpn does not answer; that time has passed.)
LOCAL='lport 5000' again 3 "$client3"
both_know 21 'one has come again from its port'
passed
