# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For tests of a later openvpn: the wire, the daemon and the checks of the system tests (lib.sh), and
# an openvpn out of a chroot, on the host's kernel, with the shim of this build.

. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"

# shellcheck disable=SC2034 # test scripts
{
	LATER_SUITE=forky
	LATER_DIR=$(chroot_dir "$LATER_SUITE")
	LATER_PLAIN=() # what starts it, with its own data channel
	LATER_DCO=()   # and with the daemon's
}

# Ends the script, with a sentence, if there is no such openvpn to be had.
later_openvpn()
{
	local run=("$CHROOT_ROOT/tests/chroot/chroot.sh" run "$LATER_DIR")

	export CHROOT_BIND="$BUILD ${CHROOT_BIND:-}"
	chroot_make "$LATER_SUITE" "$LATER_DIR" openvpn || exit
	LATER_VERSION=$("${run[@]}" openvpn --version | awk 'NR == 1 { print $2 }')
	case $LATER_VERSION in
	2.[7-9].*) say "openvpn $LATER_VERSION out of $LATER_SUITE" ;;
	*) fail "$LATER_SUITE has openvpn '$LATER_VERSION', none that speaks family ovpn" ;;
	esac
	LATER_PLAIN=("${run[@]}" openvpn)
	LATER_DCO=("${run[@]}" env OVPN_DPDK_SOCKET="$T/dco.sock" LD_PRELOAD="$SHIM" openvpn)
}

# the id of the key with which a peer is sent to
key_id() { peer_of "$1" | jq -e '[.keys[] | select(.transmits)][0].id'; }
has_key() { [ "$(key_id "$1" || echo 0)" -ge "$2" ]; }

# no_complaints LOG: openvpn has met no netlink answer or notification that it does not like.
no_complaints()
{
	local line

	line=$(grep -m 1 -E 'kernel error|failed to send netlink|netlink reports|unknown command|bogus' \
		"$T/$1.log") && fail "$1: $line"
}

# other_server [LINE...]: a 2.6 without the daemon, in c2, 10.7.0.1; its pid is in OTHER_PID.
other_server()
{
	server_config 'dev tun9' 'server 10.7.0.0 255.255.255.0' 'server-ipv6 fd07::/64' \
		'keepalive 1 4' "status $T/other.status" disable-dco "$@" |
		sed '/^client-config-dir/d' >"$T/other.conf"
	spawn c2 other openvpn --config "$T/other.conf"
	OTHER_PID=$SPAWNED
	wait_for 10 grep -q 'Initialization Sequence Completed' "$T/other.log" ||
		fail "the server in c2 did not start: $(tail -n 1 "$T/other.log")"
}

# later_client [LINE...]: its client, on the daemon in srv.
later_client()
{
	cat >"$T/later.conf" <<-END
		client
		dev ovpn7
		dev-type tun
		nobind
		remote 10.9.0.12 1194 udp4
		remote-cert-tls server
		ca $T/ca.crt
		cert $T/c2.crt
		key $T/c2.key
		connect-retry 1
		verb 3
	END
	printf '%s\n' "$@" >>"$T/later.conf"
	spawn srv later "${LATER_DCO[@]}" --config "$T/later.conf"
	wait_for 20 grep -q 'Initialization Sequence Completed' "$T/later.log" ||
		fail "the client of 2.7 did not connect: $(tail -n 1 "$T/later.log")"
}

# tcp_client_refused PORT: c1 by TCP, by a server of 2.7, which goes on.
tcp_client_refused()
{
	sed "/^explicit-exit-notify/d; s/^remote .*/remote 10.9.0.1 $1 tcp4-client/" \
		"$T/c1.conf" >"$T/tcp.conf"
	spawn c1 tcp openvpn --config "$T/tcp.conf"
	wait_for 15 grep -q 'AUTH_FAILED' "$T/tcp.log" || fail "a client on TCP was not refused"
	grep -q 'ovpn-dpdk carries UDP only' "$T/server.log" ||
		fail "openvpn did not print why a client on TCP is refused"
	stop "$SPAWNED"
	alive "$SERVER_PID" || fail "a client on TCP ended the server"
}
