#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# No daemon: openvpn says why, and never carries the data itself.
#
#   c1 --- wire --- srv: without ovpn-dpdkd

NAME='without the daemon openvpn gets no tunnel device'
. "$(dirname "$0")/lib.sh"

no_tun()
{
	[ -z "$(in_ns srv ip -o link show ovpn0 2>/dev/null)" ] || fail "$1: there is a device ovpn0"
	in_ns srv ip -o link show type tun | grep -qv wan0 && fail "$1: there is a tun device"
	return 0
}

# without HOW COMMAND...: ends by itself, not well, and leaves no device.
without()
{
	local how=$1

	shift
	in_ns srv timeout 20 "$@" >"$T/without.log" 2>&1
	case $? in
	0) fail "$how: openvpn ended well" ;;
	124) fail "$how: openvpn was still running after 20 s" ;;
	esac
	grep -q "ovpn-dpdkd" "$T/without.log" ||
		fail "$how: nothing says that ovpn-dpdkd is missing: $(tail -n 1 "$T/without.log")"
	no_tun "$how"
}

begin
if ! on_dpdk; then
	passed
	exit
fi
topology 1
certificates server c1
mkdir "$T/ccd"
server_config >"$T/server.conf"
export OVPN_DPDK_SOCKET=$T/dco.sock

without 'ovpn-dpdkctl run' "$CTL" run -- openvpn --config "$T/server.conf"
without 'shim alone' env LD_PRELOAD="$SHIM" openvpn --config "$T/server.conf"
for what in peers drops stats ports lcores crypto instances; do
	ctl show "$what" >"$T/show.log" 2>&1 && fail "show $what without a daemon ends well"
	grep -q 'ovpn-dpdkd' "$T/show.log" ||
		fail "show $what does not name the daemon: $(cat "$T/show.log")"
done

passed
