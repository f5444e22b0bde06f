#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Is the denominator of our ratios the truth? Runs ovpn-dpdk-bench --mode crypto and DPDK's own
# dpdk-test-crypto-perf alternately, on the same driver with the same sizes, bursts and pools.

usage()
{
	cat <<-END
		usage: tests/bench/agree.sh BUILD [DRIVER...]

		  BUILD     a build folder, or an ovpn-dpdk-bench
		  DRIVER    crypto drivers (default crypto_aesni_gcm crypto_aesni_mb)

		  SIZES="64 512 1420" ROUNDS=8 SECONDS_EACH=0.5 EAL="..."   by the environment

		AES-256-GCM, encryption, burst 32, 4,096 buffers, one lcore. Each program's figure is the
		least of its batches of 4,096 operations in all rounds, which no interruption is in. Each
		round puts one more idle device before the one that is measured, so that its memory lies
		elsewhere: to the same program that alone makes a quarter. Printed too: the largest of the
		rounds' leasts. Status 1: the ratio is off by more than 5 %.

		For an idle machine with hugepages; dpdk-test-crypto-perf is in Debian's package dpdk.
	END
}

case ${1:-} in
'' | -*)
	usage
	[ "${1:-}" = --help ] || [ "${1:-}" = -h ]
	exit
	;;
esac

set -u -o pipefail
BENCH=$1
[ -d "$BENCH" ] && BENCH=$BENCH/src/bench/ovpn-dpdk-bench
shift
[ $# -gt 0 ] || set -- crypto_aesni_gcm crypto_aesni_mb
SIZES=${SIZES:-64 512 1420}
ROUNDS=${ROUNDS:-8}
SECONDS_EACH=${SECONDS_EACH:-0.5}
EAL=${EAL:---no-pci --lcores 0@0,1@1 -m 900}
BATCH=4096
BATCHES=10 # sizes and bursts on the command line, each a batch: 100 of them
PREFIX=agree-$$
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "/var/run/dpdk/$PREFIX" "/tmp/dpdk/$PREFIX"' EXIT
command -v dpdk-test-crypto-perf >/dev/null || {
	echo "agree.sh needs dpdk-test-crypto-perf (Debian: package dpdk)" >&2
	exit 2
}

# idle ROUND: devices that nobody uses
idle()
{
	for ((i = 0; i < $1; i++)); do
		printf -- '--vdev=crypto_null_idle%d ' "$i"
	done
}

fail()
{
	cat "$T/out" "$T/err" >&2
	exit 2
}

# ours DRIVER SIZE ROUND: cycles of an operation, the least of all batches
ours()
{
	# shellcheck disable=SC2046,SC2086
	"$BENCH" $EAL $(idle "$3") --file-prefix $PREFIX --log-level='*:error' -- --mode crypto --json \
		--device "$1" --crypto-mode queue --size "$2" --burst 32 --seconds "$SECONDS_EACH" \
		2>"$T/err" >"$T/out" || fail
	jq -e '.[0].device_cycles.min' "$T/out" || fail
}

# times WORD N: WORD,WORD,...
times()
{
	local list=$1

	for ((i = 1; i < $2; i++)); do
		list+=,$1
	done
	echo "$list"
}

# theirs DRIVER SIZE ROUND: likewise
theirs()
{
	# shellcheck disable=SC2046,SC2086
	dpdk-test-crypto-perf $EAL $(idle "$3") --file-prefix $PREFIX --log-level='*:error' \
		--vdev "${1}0" -- --ptest throughput --devtype "$1" --optype aead \
		--aead-algo aes-gcm --aead-op encrypt --aead-key-sz 32 --aead-iv-sz 12 \
		--aead-aad-sz 8 --digest-sz 16 --total-ops $BATCH --pool-sz 4096 --silent \
		--burst-sz "$(times 32 $BATCHES)" --buffer-sz "$(times "$2" $BATCHES)" \
		2>"$T/err" >"$T/out" || fail
	awk -v size="$2" -v least=0 '
		NF >= 10 && $2 == size && (!least || $NF < least) { least = $NF }
		END { print least; exit !least }' "$T/out" || fail
}

for driver; do
	for size in $SIZES; do
		for ((round = 0; round < ROUNDS; round++)); do
			a=$(ours "$driver" "$size" $round) || exit
			b=$(theirs "$driver" "$size" $round) || exit
			echo "$driver $size $a $b" >>"$T/all"
		done
	done
done

awk '
	{ k = $1 " " $2; if (!(k in n)) order[++keys] = k
	  for (x = 3; x <= 4; x++) {
		if (!n[k] || $x < least[k, x]) least[k, x] = $x
		if (!n[k] || $x > most[k, x]) most[k, x] = $x
	  }
	  n[k]++ }
	END {
		printf "%-18s %6s %10s %18s %8s\n", "driver", "size", "ours (most)", "theirs (most)", "ratio"
		for (i = 1; i <= keys; i++) {
			k = order[i]
			split(k, w, " ")
			ratio = least[k, 3] / least[k, 4]
			printf "%-18s %6s %6.1f (%5.1f) %6.1f (%5.1f) %8.3f\n", w[1], w[2], least[k, 3],
				most[k, 3], least[k, 4], most[k, 4], ratio
			off += ratio < 0.95 || ratio > 1.05
		}
		exit off > 0
	}' "$T/all"
