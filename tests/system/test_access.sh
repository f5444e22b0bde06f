#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Who may use the daemon's sockets: root, and the group of the configuration; nobody else.
#
#   srv: ovpn-dpdkd, no openvpn

NAME='sockets are for root and one group only'
. "$(dirname "$0")/lib.sh"

# as_nobody COMMAND...: as a user who is in no group of ours. AS_GROUP: in this one too.
as_nobody()
{
	setpriv --reuid nobody --regid nogroup --groups "${AS_GROUP:-nogroup}" "$@"
}

# Any client at all, through a copy that nobody may execute.
show_as_nobody()
{
	OVPN_DPDK_CTL_SOCKET=$T/ctl.sock as_nobody "$T/ovpn-dpdkctl" show stats
}

begin
if ! on_dpdk; then
	passed
	exit
fi
topology 1
install -m 755 "$CTL" "$T/ovpn-dpdkctl"
daemon_start
for socket in dco ctl; do
	[ "$(stat -c '%a %U' "$T/$socket.sock")" = '600 root' ] ||
		fail "$socket.sock is $(stat -c '%a %U:%G' "$T/$socket.sock")"
done
show_as_nobody >"$T/nobody.log" 2>&1 && fail "nobody may ask the daemon"
stop "$DAEMON_PID"
[ -e "$T/dco.sock" ] && fail "the daemon ended and left its socket"

DAEMON_GROUP=games
daemon_start
for socket in dco ctl; do
	[ "$(stat -c '%a %U:%G' "$T/$socket.sock")" = '660 root:games' ] ||
		fail "with a group $socket.sock is $(stat -c '%a %U:%G' "$T/$socket.sock")"
done
show_as_nobody >"$T/nobody.log" 2>&1 && fail "nobody may ask the daemon that has a group"
AS_GROUP=games show_as_nobody >"$T/group.log" 2>&1 ||
	fail "a member of the group may not ask: $(cat "$T/group.log")"
passed
