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
