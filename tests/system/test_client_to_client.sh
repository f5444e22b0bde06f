#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# From client to client through the server's kernel: its forwarding and its firewall decide.
#
#   c1 --- outer IPv4 ---+
#                        +--- wire --- srv: ip_forward, nftables
#   c2 --- outer IPv6 ---+

NAME='client to client goes through the kernel'
. "$(dirname "$0")/lib.sh"

# refused NAMESPACE ADDRESS: no ping is answered.
refused()
{
	in_ns "$1" ping -q -n -c 3 -i 0.1 -W 1 "$2" >/dev/null &&
		fail "a ping from $1 reached $2, which the kernel was told to refuse"
}

# forwarding 0|1
forwarding()
{
	in_ns srv sysctl -qw "net.ipv4.ip_forward=$1" "net.ipv6.conf.all.forwarding=$1"
}

begin
topology 2
certificates server c1 c2
daemon_start
server_start
client_start 1 4
client_start 2 6
offloaded

forwarding 0
refused c1 10.8.0.12
refused c1 fd08::12
forwarding 1
for size in 56 1300; do
	ping_all c1 20 0.02 10.8.0.12 "$size"
	ping_all c1 20 0.02 fd08::12 "$size"
	ping_all c2 20 0.02 10.8.0.11 "$size"
	ping_all c2 20 0.02 fd08::11 "$size"
done

in_ns srv nft -f - <<END || fail "nft took no rules"
table inet t {
	chain forward {
		type filter hook forward priority 0;
		iifname ovpn0 oifname ovpn0 drop
	}
}
END
refused c2 10.8.0.11
refused c2 fd08::11
ping_all c2 5 0.02 10.8.0.1
passed
