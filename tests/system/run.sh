#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs the system tests one after the other: they share the machine's cores.
#   BUILD=FOLDER  where ovpn-dpdkd was built (default build-release)
#   MODE=plain    openvpn alone: do the tests themselves hold?

usage='usage: tests/system/run.sh [TEST...]    e.g. tests/system/run.sh rekey expiry'

case ${1:-} in
--help | -h)
	echo "$usage"
	exit
	;;
-*)
	echo "run.sh: there is no option '$1'; $usage" >&2
	exit 2
	;;
esac

cd "$(dirname "$0")" || exit 1
for name; do
	name=${name#test_}
	[ -x "./test_${name%.sh}.sh" ] || {
		echo "run.sh: there is no test '$name' here" >&2
		exit 2
	}
done
[ "$(id -u)" = 0 ] || {
	echo "run.sh makes network namespaces: run it as root" >&2
	exit 1
}
[ $# -gt 0 ] || set -- test_*.sh
pass=0 bad=0
for name; do
	name=${name#test_}
	start=$SECONDS
	if timeout --foreground -k 20 420 "./test_${name%.sh}.sh"; then
		pass=$((pass + 1))
	else
		code=$?
		[ $code = 130 ] && exit 130
		[ $code = 124 ] && echo "FAIL ${name%.sh}: took longer than seven minutes"
		bad=$((bad + 1))
	fi
	[ -z "${VERBOSE:-}" ] || echo "   $((SECONDS - start)) s"
done
echo "$pass passed, $bad failed"
[ "$bad" = 0 ]
