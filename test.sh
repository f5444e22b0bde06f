#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what is missing, builds, runs every test. The last line says how many passed and failed.

usage()
{
	cat <<-END
		usage: sudo ./test.sh [--tier TIER]... [--long] [--seed N]

		Builds and runs the tests, all but the tiers chroot and mutation without an argument.

		  --tier TIER   only this one; may be given again:
		                lint       source rules
		                unit       pure modules
		                contract   the same vectors through every crypto device
		                component  the data plane over software ports
		                control    agent, shim and command line
		                system     stock openvpn in network namespaces (tests/system)
		                soak       four minutes of all that happens in months (tests/soak)
		                chroot     later versions of DPDK and openvpn (tests/chroot)
		                mutation   each check broken once: is it noticed? (tests/mutation.sh)
		  --long        the soak tier for an hour, and no other that is not asked for
		  --seed N      of the soak, which prints it
		  --help        this text

		All but system and soak run on a build with the address and undefined-behaviour sanitizers
		(build-asan) and on a release build (build-release), system and soak on the latter; of soak
		a part runs on both.
		mutation builds in a folder of its own, some 400 times, and takes about half an hour.
		chroot makes later Debians in build-chroot, some 2 GB, by debootstrap; without a network
		its tests are skipped, and say so.
	END
}

set -u -o pipefail
ROOT=$(cd "$(dirname "$0")" && pwd)
LOG=$(mktemp -d) || exit 1
trap 'rm -rf "$LOG"' EXIT
trap 'exit 130' INT TERM
SOAK_SECONDS=85       # beside start and end: about two minutes
SOAK_LONG_SECONDS=3600
STORM_PEERS=16384     # of the family that is not tried with 65,536, to save time
STORM_ASAN_PEERS=4096 # with sanitizers
STORM_LONG_TIMES=5    # both families with 65,536
SKIP=77               # of a test in a chroot that cannot be had
tiers=()
long=
seed=1
passed=0
failed=0
skipped=0
summary=()

# wrong WHY: what is wrong with the arguments
wrong()
{
	echo "test.sh: $* (see ./test.sh --help)" >&2
	exit 2
}

# note WHAT PASSED FAILED
note()
{
	passed=$((passed + $2))
	failed=$((failed + $3))
	summary+=("$(printf '%-22s %4d passed %4d failed' "$1" "$2" "$3")")
}

finish()
{
	echo
	printf '%s\n' "${summary[@]}"
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ]
	exit
}

# build FOLDER SETUP-ARGUMENT...
build()
{
	local dir=$ROOT/$1 again=()

	shift
	echo "== building in ${dir#"$ROOT"/}"
	[ -f "$dir/build.ninja" ] && again=(--reconfigure)
	if ! meson setup "${again[@]}" "$dir" "$ROOT" -Dwerror=true -Dtests=enabled "$@" \
		>"$LOG/build" 2>&1 || ! ninja -C "$dir" >>"$LOG/build" 2>&1; then
		tail -n 60 "$LOG/build"
		note "build ${dir##*/}" 0 1
		finish
	fi
}

# tests FOLDER TIER: meson's tests of that tier; with a failure their output.
tests()
{
	local dir=$ROOT/$1 log ok bad

	echo "== $2 in $1"
	log=$dir/meson-logs/testlog.json
	rm -f "$log"
	# their timeouts are for a machine that is ours alone
	meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 4 --suite "$2" </dev/null
	[ -f "$log" ] || : >"$log"
	ok=$(jq -s '[.[] | select(.result == "OK" or .result == "EXPECTEDFAIL")] | length' "$log")
	bad=$(jq -s '[.[] | select(.result != "OK" and .result != "EXPECTEDFAIL")] | length' "$log")
	[ "$((ok + bad))" -gt 0 ] || bad=1 # a tier without tests is a mistake
	note "$2 ($1)" "$ok" "$bad"
}

system_tests()
{
	local counts

	echo "== system"
	VERBOSE=1 BUILD=$ROOT/build-release "$ROOT/tests/system/run.sh" </dev/null | tee "$LOG/system"
	counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$LOG/system" | tail -n 1)
	# shellcheck disable=SC2086
	note system ${counts:-0 1}
}

soak()
{
	local seconds=${long:+$SOAK_LONG_SECONDS}

	seconds=${seconds:-$SOAK_SECONDS}
	echo "== soak"
	if BUILD=$ROOT/build-release timeout --foreground -k 20 $((seconds + 300)) \
		"$ROOT/tests/soak/soak.sh" --seed "$seed" --seconds "$seconds" </dev/null; then
		note soak 1 0
	else
		note soak 0 1
	fi
	if [ -n "$long" ]; then
		storm build-release --times "$STORM_LONG_TIMES"
	else
		storm build-release --family ovpn-dco-v2
		storm build-release --family ovpn --peers "$STORM_PEERS"
	fi
	storm build-asan --peers "$STORM_ASAN_PEERS" --active 1000
}

# storm FOLDER OPTION...
storm()
{
	if BUILD=$ROOT/$1 TOOLS=$ROOT/build-release timeout --foreground -k 20 1200 \
		"$ROOT/tests/soak/storm.sh" "${@:2}" </dev/null; then
		note storm 1 0
	else
		note storm 0 1
	fi
}

chroot_tests()
{
	local script ok=0 bad=0 start

	echo "== chroot"
	for script in "$ROOT"/tests/chroot/test_*.sh; do
		start=$SECONDS
		BUILD=$ROOT/build-release timeout --foreground -k 20 1800 "$script" </dev/null
		case $? in
		0) ok=$((ok + 1)) ;;
		"$SKIP") skipped=$((skipped + 1)) ;;
		*) bad=$((bad + 1)) ;;
		esac
		echo "   ${script##*/}: $((SECONDS - start)) s"
	done
	note chroot "$ok" "$bad"
}

mutation()
{
	local counts

	echo "== mutation"
	"$ROOT/tests/mutation.sh" </dev/null | tee "$LOG/mutation"
	counts=$(sed -n 's/^\([0-9]*\) broken checks noticed, \([0-9]*\) not.*/\1 \2/p' "$LOG/mutation")
	# shellcheck disable=SC2086
	note mutation ${counts:-0 1}
}

while [ $# -gt 0 ]; do
	case $1 in
	--help | -h)
		usage
		exit 0
		;;
	--tier)
		case ${2:-} in
		lint | unit | contract | component | control | system | soak | chroot | mutation) tiers+=("$2") ;;
		'') wrong "--tier needs a value" ;;
		*) wrong "no tier '$2'" ;;
		esac
		shift 2
		;;
	--long)
		long=yes
		shift
		;;
	--seed)
		case ${2:-} in
		'' | *[!0-9]*) wrong "--seed needs a number${2:+, not '$2'}" ;;
		esac
		seed=$2
		shift 2
		;;
	*) wrong "unknown argument '$1'" ;;
	esac
done
if [ -n "$long" ]; then
	case " ${tiers[*]} " in
	*\ soak\ *) ;;
	*) tiers+=(soak) ;;
	esac
fi
[ ${#tiers[@]} -gt 0 ] || tiers=(lint unit contract component control system soak)

[ "$(id -u)" = 0 ] || {
	echo "test.sh installs packages and makes network namespaces: run it as root (sudo ./test.sh)." >&2
	exit 1
}
. "$ROOT/tests/system/packages.sh"
extra=()
case " ${tiers[*]} " in
*\ chroot\ *) extra=("${CHROOT_PACKAGES[@]}") ;;
esac
install_packages "${extra[@]}" || {
	echo "the packages could not be installed" >&2
	exit 1
}

build build-release --buildtype=release
case " ${tiers[*]} " in
*\ unit\ * | *\ contract\ * | *\ component\ * | *\ control\ * | *\ soak\ *)
	build build-asan --buildtype=debug -Db_sanitize=address,undefined
	;;
esac
for tier in "${tiers[@]}"; do
	case $tier in
	system) system_tests ;;
	soak) soak ;;
	mutation) mutation ;;
	chroot) chroot_tests ;;
	lint) tests build-release lint ;;
	*)
		tests build-asan "$tier"
		tests build-release "$tier"
		;;
	esac
done
finish
