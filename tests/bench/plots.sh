#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Measures with ovpn-dpdk-bench and draws docs/images/*.svg and *.png: throughput against size,
# cycles by stage, cost against the number of peers, each with the bare crypto device beside it.

usage()
{
	cat <<-END
		usage: tests/bench/plots.sh [BUILD [FOLDER]]

		  BUILD   folder of a release build (default build-release)
		  FOLDER  where the pictures go (default docs/images)

		  SECONDS_EACH=2 PEERS="1 16 256 4096 65536" EAL="..."   by the environment

		Needs gnuplot and hugepages (3 GB for 65,536 peers, or fewer PEERS). The measurements
		stay in FOLDER as *.json, with the machine and the date.
	END
}

case ${1:-} in
-*)
	usage
	[ "$1" = --help ] || [ "$1" = -h ]
	exit
	;;
esac

set -u -o pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${1:-$ROOT/build-release}
OUT=${2:-$ROOT/docs/images}
SECONDS_EACH=${SECONDS_EACH:-2}
PEERS=${PEERS:-1 16 256 4096 65536}
EAL=${EAL:---no-pci --lcores 0@0,1@1 -m 3000}
PREFIX=plots-$$
SIZES=64,128,256,512,1024,1420
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "/var/run/dpdk/$PREFIX"' EXIT
mkdir -p "$OUT"
command -v gnuplot >/dev/null || {
	echo "plots.sh draws with gnuplot: install it" >&2
	exit 1
}

# bench OPTION...: JSON on stdout.
bench()
{
	# shellcheck disable=SC2086
	"$BUILD/src/bench/ovpn-dpdk-bench" $EAL --file-prefix $PREFIX --log-level='*:error' -- \
		--json --seconds "$SECONDS_EACH" "$@" 2>"$T/err" || {
		cat "$T/err" >&2
		exit 1
	}
}

measure()
{
	local mode n

	for mode in encap decap; do
		echo "measuring: $mode against size" >&2
		bench --mode $mode --size $SIZES >"$OUT/$mode-sizes.json" || exit
		for n in $PEERS; do
			echo "measuring: $mode with $n peers" >&2
			bench --mode $mode --size 64,1420 --peers "$n" --pattern random || exit
		done | jq -s 'add' >"$OUT/$mode-peers.json"
	done
	jq -n --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
		--arg kernel "$(uname -r)" --arg date "$(date -u +%F)" \
		--arg version "$(git -C "$ROOT" rev-parse --short HEAD)" \
		'{$cpu, $kernel, $date, $version}' >"$OUT/machine.json"
}

tables()
{
	local mode

	for mode in encap decap; do
		jq -r '.[] | [.size, .cycles_per_packet, .device_cycles_per_op, .gbps,
			.gbps * .cycles_per_packet / .device_cycles_per_op, .mpps] | @tsv' \
			"$OUT/$mode-sizes.json" >"$T/$mode-sizes"
		jq -r '.[] | [.size, .stages.rx, .stages.classify, .stages.lookup, .stages.prepare,
			.stages.crypto, .stages.finish, .stages.tx, .stages.idle] | @tsv' \
			"$OUT/$mode-sizes.json" >"$T/$mode-stages"
		for size in 64 1420; do
			jq -r --argjson s $size '.[] | select(.size == $s) |
				[.peers, .cycles_per_packet, .device_cycles_per_op] | @tsv' \
				"$OUT/$mode-peers.json" >"$T/$mode-peers-$size"
		done
	done
}

# draw NAME: the gnuplot commands on stdin, once for each kind of file.
draw()
{
	local commands

	commands=$(cat)
	gnuplot <<-END || exit 1
		set terminal svg size 800,420 font "sans,12" background "white"
		set output "$OUT/$1.svg"
		$commands
	END
	gnuplot <<-END || exit 1
		set terminal pngcairo size 1000,525 font "sans,11" background "white"
		set output "$OUT/$1.png"
		$commands
	END
}

pictures()
{
	local machine

	machine=$(jq -r '"\(.cpu), one lcore, AES-256-GCM, \(.date)"' \
		"$OUT/machine.json" | sed 's/(R)//g')
	draw throughput <<-END
		set title "Inner throughput of one lcore\n{/*0.8 $machine}"
		set xlabel "inner packet, bytes"
		set ylabel "Gbit/s"
		set yrange [0:*]
		set xrange [0:1450]
		set key top left
		set grid
		plot "$T/encap-sizes" using 1:4 with linespoints lw 2 pt 7 title "encap", \
		     "$T/decap-sizes" using 1:4 with linespoints lw 2 pt 5 title "decap", \
		     "$T/encap-sizes" using 1:5 with lines dt 2 lc 1 title "bare device, encrypt", \
		     "$T/decap-sizes" using 1:5 with lines dt 2 lc 2 title "bare device, decrypt"
	END
	draw stages <<-END
		set title "Cycles per packet by stage, one peer\n{/*0.8 $machine}"
		set style data histograms
		set style histogram rowstacked title offset 0,-1
		set style fill solid 0.8 border -1
		set boxwidth 0.75
		set ylabel "TSC cycles"
		set yrange [0:*]
		set key outside right
		set grid y
		set bmargin 4
		array names[8] = ["rx", "classify", "lookup", "prepare", "crypto", "finish", "tx", "idle"]
		plot newhistogram "encap", for [i=2:9] "$T/encap-stages" using i:xtic(1) lc i-1 title names[i-1], \
		     newhistogram "decap", for [i=2:9] "$T/decap-stages" using i:xtic(1) lc i-1 notitle
	END
	draw peers <<-END
		set title "Cost against the number of peers, packets in random order\n{/*0.8 $machine}"
		set logscale x 4
		set xlabel "peers"
		set ylabel "TSC cycles per packet"
		set yrange [0:*]
		set key top left
		set grid
		plot "$T/encap-peers-64" using 1:2 with linespoints lw 2 pt 7 lc 1 title "encap, 64 bytes", \
		     "$T/encap-peers-64" using 1:3 with lines dt 2 lc 1 title "bare device, encrypt, 64", \
		     "$T/decap-peers-64" using 1:2 with linespoints lw 2 pt 5 lc 2 title "decap, 64 bytes", \
		     "$T/encap-peers-1420" using 1:2 with linespoints lw 2 pt 6 lc 3 title "encap, 1420 bytes", \
		     "$T/encap-peers-1420" using 1:3 with lines dt 2 lc 3 title "bare device, encrypt, 1420", \
		     "$T/decap-peers-1420" using 1:2 with linespoints lw 2 pt 4 lc 4 title "decap, 1420 bytes"
	END
}

measure
tables
pictures
echo "drawn: $OUT/throughput.svg, stages.svg, peers.svg, and the same as .png"
