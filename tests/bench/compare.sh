#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Is B faster than A? Runs ovpn-dpdk-bench of two builds alternately and prints what B costs in
# units of A, with the spread: before every change to the packet path, and after.

usage()
{
	cat <<-END
		usage: tests/bench/compare.sh BUILD-A BUILD-B [OPTION...]

		  BUILD     a build folder, or an ovpn-dpdk-bench
		  OPTION    for ovpn-dpdk-bench, e.g. --mode decap --peers 65536 --pattern random
		            (default: encap and decap, 64, 512 and 1420 bytes, one peer)

		  ROUNDS=9 SECONDS_EACH=0.5 EAL="..."   by the environment

		For each size: the median of B / A over the rounds, each round one run of both, and the
		least and largest. "best" compares the fastest batch of each side in all rounds: on a
		shared machine it is the steadier figure. Use hugepages, an idle machine and an isolated
		CPU if you have them.
	END
}

case ${1:-} in
'' | -*)
	usage
	[ "${1:-}" = --help ] || [ "${1:-}" = -h ]
	exit
	;;
esac
[ $# -ge 2 ] || {
	usage >&2
	exit 2
}

set -u -o pipefail
ROUNDS=${ROUNDS:-9}
SECONDS_EACH=${SECONDS_EACH:-0.5}
EAL=${EAL:---no-pci --lcores 0@0,1@1 -m 900}
PREFIX=compare-$$
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "/var/run/dpdk/$PREFIX"' EXIT

program()
{
	if [ -d "$1" ]; then
		echo "$1/src/bench/ovpn-dpdk-bench"
	else
		echo "$1"
	fi
}

A=$(program "$1")
B=$(program "$2")
shift 2

# run SIDE PROGRAM ROUND OPTION...: "mode size side round median best" lines.
run()
{
	local side=$1 program=$2 round=$3

	shift 3
	# shellcheck disable=SC2086
	"$program" $EAL --file-prefix $PREFIX --log-level='*:error' -- \
		--json --no-device --seconds "$SECONDS_EACH" "$@" 2>"$T/err" |
		jq -r --arg s "$side" --arg r "$round" \
			'.[] | "\(.mode) \(.size) \($s) \($r) \(.cycles.median) \(.cycles.min)"' >>"$T/all" || {
		cat "$T/err" >&2
		exit 1
	}
}

for ((round = 1; round <= ROUNDS; round++)); do
	if [ $# -gt 0 ]; then
		run A "$A" $round "$@"
		run B "$B" $round "$@"
	else
		for mode in encap decap; do
			run A "$A" $round --mode $mode
			run B "$B" $round --mode $mode
		done
	fi
done

awk '
	{ k = $1 " " $2; if (!(k in seen)) order[++n] = k; seen[k] = 1
	  median[k, $3, $4] = $5; rounds = $4 > rounds ? $4 : rounds
	  if (!((k, $3) in best) || $6 < best[k, $3]) best[k, $3] = $6 }
	function sorted(m,   i, j, t) {
		for (i = 2; i <= m; i++)
			for (j = i; j > 1 && r[j] < r[j - 1]; j--) { t = r[j]; r[j] = r[j - 1]; r[j - 1] = t }
	}
	END {
		printf "%-7s %-9s %9s %9s %9s %11s %9s %9s\n",
			"mode", "size", "B / A", "least", "largest", "best B / A", "A cyc", "B cyc"
		for (i = 1; i <= n; i++) {
			k = order[i]; m = 0
			for (j = 1; j <= rounds; j++) r[++m] = median[k, "B", j] / median[k, "A", j]
			sorted(m)
			split(k, w, " ")
			printf "%-7s %-9s %9.3f %9.3f %9.3f %11.3f %9.1f %9.1f\n", w[1], w[2],
				r[int((m + 1) / 2)], r[1], r[m], best[k, "B"] / best[k, "A"],
				best[k, "A"], best[k, "B"]
		}
	}' "$T/all"
