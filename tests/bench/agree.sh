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

		  SIZES="64 512 1420" ROUNDS=5 SECONDS_EACH=2 EAL="..."   by the environment

		AES-256-GCM, encryption, burst 32, 4,096 buffers, one lcore. dpdk-test-crypto-perf counts
		the clock on the wall, so its cycles are multiplied with its lcore's on-CPU share (time
		run / time run or waiting to, of /proc/PID/task/TID/schedstat); those of ovpn-dpdk-bench
		are a median over batches, in which a batch that was interrupted does not count. Both are
		printed, with the median of the rounds' ratios, the least and the largest. Status 1: a
		median ratio is off by more than 5 %.

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
ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-2}
EAL=${EAL:---no-pci --lcores 0@0,1@1 -m 900}
PREFIX=agree-$$
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "/var/run/dpdk/$PREFIX" "/tmp/dpdk/$PREFIX"' EXIT
command -v dpdk-test-crypto-perf >/dev/null || {
	echo "agree.sh needs dpdk-test-crypto-perf (Debian: package dpdk)" >&2
	exit 2
}

# ours DRIVER SIZE: "cycles operations", so many as it does in SECONDS_EACH
ours()
{
	# shellcheck disable=SC2086
	"$BENCH" $EAL --file-prefix $PREFIX --log-level='*:error' -- --mode crypto --json \
		--device "$1" --crypto-mode queue --size "$2" --burst 32 --seconds "$SECONDS_EACH" \
		2>"$T/err" >"$T/out" && jq -r --arg s "$SECONDS_EACH" \
		'.[0] | "\(.device_cycles_per_op) \(.mpps * 1e6 * ($s | tonumber) | floor)"' "$T/out" || {
		cat "$T/err" >&2
		exit 2
	}
}

# share PID: of its worker lcore, while it lives
share()
{
	local task name line last

	while kill -0 "$1" 2>/dev/null; do
		for task in /proc/"$1"/task/*; do
			read -r name 2>/dev/null <"$task/comm" || continue
			case $name in
			*worker-1 | *worker1) # rte-worker-1, lcore-worker-1, dpdk-worker1
				read -r line 2>/dev/null <"$task/schedstat" && last=$line
				;;
			esac
		done
		sleep 0.02
	done
	echo "${last:-0 0}" | awk '{ print ($1 + $2 > 0 ? $1 / ($1 + $2) : "no lcore seen") }'
}

# theirs DRIVER SIZE OPERATIONS: "cycles share"
theirs()
{
	local pid share

	# shellcheck disable=SC2086
	dpdk-test-crypto-perf $EAL --file-prefix $PREFIX --log-level='*:error' --vdev "${1}0" -- \
		--ptest throughput --devtype "$1" --optype aead --aead-algo aes-gcm --aead-op encrypt \
		--aead-key-sz 32 --aead-iv-sz 12 --aead-aad-sz 8 --digest-sz 16 --total-ops "$3" \
		--burst-sz 32 --buffer-sz "$2" --pool-sz 4096 --silent >"$T/out" 2>"$T/err" &
	pid=$!
	share=$(share $pid)
	wait $pid || {
		cat "$T/err" >&2
		exit 2
	}
	awk -v size="$2" -v share="$share" 'NF >= 10 && $2 == size && share + 0 > 0 { print $NF, share; found = 1 }
		END { exit !found }' "$T/out" || {
		cat "$T/out" "$T/err" >&2
		exit 2
	}
}

for driver; do
	for size in $SIZES; do
		for ((round = 1; round <= ROUNDS; round++)); do
			a=$(ours "$driver" "$size") || exit
			b=$(theirs "$driver" "$size" "${a#* }") || exit
			echo "$driver $size ${a% *} $b" >>"$T/all"
		done
	done
done

awk '
	{ k = $1 " " $2; if (!(k in n)) order[++keys] = k
	  i = ++n[k]; ours[k, i] = $3; theirs[k, i] = $4 * $5; share[k, i] = $5 }
	function sort_of(a, k,   i, j, t) {
		for (i = 1; i <= n[k]; i++) r[i] = a[k, i]
		for (i = 2; i <= n[k]; i++)
			for (j = i; j > 1 && r[j] < r[j - 1]; j--) { t = r[j]; r[j] = r[j - 1]; r[j - 1] = t }
		return r[int((n[k] + 1) / 2)]
	}
	END {
		printf "%-18s %6s %10s %18s %8s %8s %8s %8s\n", "driver", "size", "our cycles",
			"theirs x on-CPU", "on-CPU", "ratio", "least", "largest"
		for (x = 1; x <= keys; x++) {
			k = order[x]
			for (i = 1; i <= n[k]; i++) ratio[k, i] = ours[k, i] / theirs[k, i]
			o = sort_of(ours, k); t = sort_of(theirs, k); s = sort_of(share, k)
			m = sort_of(ratio, k)
			split(k, w, " ")
			printf "%-18s %6s %10.1f %18.1f %7.0f%% %8.3f %8.3f %8.3f\n", w[1], w[2], o, t,
				100 * s, m, r[1], r[n[k]]
			off += m < 0.95 || m > 1.05
		}
		exit off > 0
	}' "$T/all"
