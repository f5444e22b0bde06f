#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The daemon is built and tested with the versions of DPDK that later Debians have.
#   SUITES="trixie forky"  TIERS="unit contract component control"  JOBS=2

set -u -o pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/chroot.sh"
NAME='other versions of DPDK'
SUITES=${SUITES:-trixie forky}
TIERS=${TIERS:-unit contract component control}
JOBS=${JOBS:-2}
LOG=$(mktemp) || exit 1
trap 'rm -f "$LOG"' EXIT
declare -A WANT=([trixie]=24.11 [forky]=25.11)

# As in tests/system/packages.sh; the drivers' names end with the version of DPDK's ABI.
PACKAGES=(
	ccache gcc libc6-dev pkgconf meson ninja-build
	libdpdk-dev libipsec-mb-dev libssl-dev libcyaml-dev libyaml-dev libmnl-dev libjansson-dev
	libcmocka-dev dpdk 'librte-mempool-ring[0-9]*'
	'librte-net-af-xdp[0-9]*' 'librte-net-memif[0-9]*' 'librte-net-null[0-9]*'
	'librte-net-pcap[0-9]*' 'librte-net-ring[0-9]*' 'librte-net-tap[0-9]*'
	'librte-common-qat[0-9]*' 'librte-crypto-ipsec-mb[0-9]*' 'librte-crypto-null[0-9]*'
	'librte-crypto-openssl[0-9]*' 'librte-crypto-scheduler[0-9]*'
	iproute2 jq openssl procps
)

fail()
{
	echo "FAIL $NAME: $*"
	exit 1
}

# inside DIR COMMAND...: with the compiler's cache in the chroot.
inside()
{
	chroot_run "$1" env CCACHE_DIR=/var/cache/ccache CC='ccache gcc' "${@:2}" </dev/null
}

# build SUITE DIR FOLDER
build()
{
	local start=$SECONDS again=() built=yes

	[ -f "$3/build.ninja" ] && again=(--reconfigure)
	inside "$2" meson setup "${again[@]}" "$3" "$CHROOT_ROOT" --buildtype=release \
		-Dwerror=true -Dtests=enabled >"$LOG" 2>&1 || built=
	[ -z "$built" ] || inside "$2" ninja -C "$3" -j "$JOBS" >>"$LOG" 2>&1 || built=
	[ -n "$built" ] || {
		tail -n 60 "$LOG"
		fail "DPDK ${WANT[$1]} ($1): the build failed"
	}
	echo "$1: DPDK $version, gcc $(inside "$2" gcc -dumpfullversion): built in $((SECONDS - start)) s"
}

# run_tiers SUITE DIR FOLDER
run_tiers()
{
	local start tier

	for tier in $TIERS; do
		start=$SECONDS
		inside "$2" meson test -C "$3" --no-rebuild --print-errorlogs --suite "$tier" \
			--num-processes "$JOBS" >"$LOG" 2>&1 || {
			grep -v ' OK ' "$LOG" | tail -n 100
			fail "DPDK ${WANT[$1]} ($1): tier $tier"
		}
		grep -q '^Ok: *[1-9]' "$LOG" || fail "$1: no test of tier $tier was run"
		echo "$1: $tier: $(sed -n 's/^Ok: *//p' "$LOG") passed in $((SECONDS - start)) s"
	done
}

ran=
for suite in $SUITES; do
	dir=$(chroot_dir "$suite")
	chroot_make "$suite" "$dir" "${PACKAGES[@]}" || continue
	version=$(chroot_run "$dir" pkgconf --modversion libdpdk)
	case $version in
	"${WANT[$suite]}"*) ;;
	*) fail "$suite has DPDK $version, not ${WANT[$suite]}" ;;
	esac
	folder=$CHROOT_ROOT/build-$suite
	build "$suite" "$dir" "$folder"
	run_tiers "$suite" "$dir" "$folder"
	ran+=" $version"
done
[ "$(wc -w <<<"$ran")" = "$(wc -w <<<"$SUITES")" ] || {
	echo "NOT TESTED: $NAME, but for:${ran:- none}"
	exit "$CHROOT_NONE"
}
echo "ok $NAME:$ran"
