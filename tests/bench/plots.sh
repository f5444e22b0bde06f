#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Measures with ovpn-dpdk-bench, draws docs/images/*.svg and *.png and writes the figures as tables:
# throughput against size, cycles by stage, cost against the number of peers, two lcores against
# one, and what keys and peers cost that come and go. Beside each the bare crypto device, and the
# floor: libipsec_mb called directly (floor.c).

usage()
{
	cat <<-END
		usage: tests/bench/plots.sh [--only WHAT[,WHAT]...] [BUILD [FOLDER]]

		  BUILD   folder of a release build (default build-release)
		  FOLDER  where pictures, tables and measurements go (default docs/images)
		  --only  of: sizes peers lcores churn, or draw: what FOLDER has, drawn again

		  SECONDS_EACH=2 PEERS="1 16 256 4096 65536" ROUNDS=3 EAL="..." EAL2="..."
		          by the environment; EAL2 is for two lcores

		Needs gnuplot, jq and hugepages (3 GB for 65,536 peers; or fewer PEERS, or
		EAL="--no-huge ...", which is slower). Takes about three minutes. In FOLDER it leaves
		*.json, what was measured, and figures.md, the tables with machine, commands and date.
	END
}

set -u -o pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
ONLY=sizes,peers,lcores,churn
while [ $# -gt 0 ]; do
	case $1:${2:-} in
	--help:* | -h:*)
		usage
		exit
		;;
	--only:?*)
		ONLY=$2
		shift 2
		;;
	-*)
		usage >&2
		exit 2
		;;
	*) break ;;
	esac
done
for what in ${ONLY//,/ }; do
	case $what in
	sizes | peers | lcores | churn | draw) ;;
	*)
		echo "plots.sh --only $what: it is of sizes, peers, lcores, churn, draw" >&2
		exit 2
		;;
	esac
done

BUILD=${1:-$ROOT/build-release}
OUT=${2:-$ROOT/docs/images}
SECONDS_EACH=${SECONDS_EACH:-2}
PEERS=${PEERS:-1 16 256 4096 65536}
ROUNDS=${ROUNDS:-3}
EAL=${EAL:---no-pci --lcores 0@0,1@1 -m 3000}
EAL2=${EAL2:---no-pci --lcores 0@0,1@0,2@1 -m 1000}
PREFIX=plots-$$
SIZES=64,128,256,512,1024,1420
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "/var/run/dpdk/$PREFIX"' EXIT

# need COMMAND PACKAGE: says which package is missing.
need()
{
	command -v "$1" >/dev/null && return
	echo "plots.sh needs $1, which is not here: install the package '$2' (apt install $2)" >&2
	exit 1
}

need gnuplot gnuplot-nox
need jq jq
need lscpu util-linux
[ "$ONLY" = draw ] || [ -x "$BUILD/src/bench/ovpn-dpdk-bench" ] || {
	echo "plots.sh: no ovpn-dpdk-bench in $BUILD: give it the folder of a build" >&2
	exit 1
}
mkdir -p "$OUT" || exit 1

# --- measuring ------------------------------------------------------------------------------

# bench EAL-ARGUMENTS OPTION...: JSON on stdout.
bench()
{
	# shellcheck disable=SC2086
	"$BUILD/src/bench/ovpn-dpdk-bench" $1 --file-prefix $PREFIX --log-level='*:error' -- \
		--json --seconds "$SECONDS_EACH" "${@:2}" 2>"$T/err" || {
		cat "$T/err" >&2
		grep -qs 'HugePages_Total: *[1-9]' /proc/meminfo || [[ $1 == *--no-huge* ]] ||
			echo "plots.sh: this machine has no hugepages: see --help" >&2
		exit 1
	}
}

wants() { [[ ,$ONLY, == *,$1,* ]]; }

machine()
{
	jq -n --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1 | sed 's/(R)//g')" \
		--arg kernel "$(uname -r)" --arg date "$(date -u +%F)" \
		--arg system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
		--arg version "$(git -C "$ROOT" rev-parse --short HEAD 2>/dev/null)" \
		--arg eal "$EAL" --arg eal2 "$EAL2" --arg seconds "$SECONDS_EACH" \
		--arg virtual "$(systemd-detect-virt 2>/dev/null)" \
		--argjson cpus "$(nproc)" \
		--arg topology "$(lscpu -p=CPU,CORE | grep -v '^#' | tr '\n' ' ')" \
		'$ARGS.named' >"$OUT/machine.json"
}

measure_floor()
{
	echo '[]' >"$OUT/floor.json"
	if [ -x "$BUILD/tests/bench/floor" ]; then
		# shellcheck disable=SC2086
		taskset -c 1 "$BUILD/tests/bench/floor" ${SIZES//,/ } >"$OUT/floor.json" || exit 1
	else
		echo "no floor in the pictures: it is built where libipsec-mb-dev is installed" >&2
	fi
}

measure_sizes()
{
	local mode

	for mode in encap decap; do
		echo "measuring: $mode against size" >&2
		bench "$EAL" --mode $mode --size $SIZES >"$OUT/$mode-sizes.json" || exit
	done
	measure_floor
}

measure_peers()
{
	local mode n

	for mode in encap decap; do
		for n in $PEERS; do
			echo "measuring: $mode with $n peers" >&2
			bench "$EAL" --mode $mode --size 64,1420 --peers "$n" --pattern random || exit
		done | jq -s 'add' >"$OUT/$mode-peers.json" || exit
	done
}

# One lcore and two in turn. Each lcore has its own peers.
measure_lcores()
{
	local mode round lcores

	for mode in encap decap; do
		for ((round = 1; round <= ROUNDS; round++)); do
			for lcores in 1 2; do
				echo "measuring: $mode on $lcores lcores, round $round" >&2
				bench "$EAL2" --mode $mode --size 64,512,1420 --peers 16 \
					--lcores $lcores || exit
			done
		done
	done | jq -s 'add' >"$OUT/lcores.json" || exit
}

measure_churn()
{
	local mode options

	for mode in encap decap; do
		for options in '--key-installs 10000' '--peer-adds 10000' \
			'--key-installs max --rekey others' '--peer-adds max'; do
			echo "measuring: $mode, $options" >&2
			# shellcheck disable=SC2086
			bench "$EAL" --mode $mode --size 64,1420 --peers 4096 --pattern random $options |
				jq --arg options "$options" 'map(. + {$options})' || exit
		done
	done | jq -s 'add' >"$OUT/churn.json" || exit
}

# --- pictures -------------------------------------------------------------------------------

has() { [ -s "$OUT/$1.json" ]; }

tables()
{
	local mode dir size

	has floor || echo '[]' >"$OUT/floor.json"
	for mode in encap decap; do
		dir=$([ $mode = encap ] && echo encrypt || echo decrypt)
		# size, ours, device, floor (cycles), and the same as Gbit/s
		has $mode-sizes && jq -r --slurpfile floor "$OUT/floor.json" --arg dir $dir '.[] | . as $r |
			([$floor[0][] | select(.size == $r.size) | .[$dir]][0]) as $f |
			(.gbps * .cycles_per_packet) as $c |
			[.size, .cycles_per_packet, .device_cycles_per_op, $f // "nan",
			 .gbps, $c / .device_cycles_per_op, if $f then $c / $f else "nan" end] | @tsv' \
			"$OUT/$mode-sizes.json" >"$T/$mode-sizes"
		has $mode-sizes && jq -r '.[] | [.size, .stages.rx, .stages.classify, .stages.lookup,
			.stages.prepare, .stages.crypto, .stages.finish, .stages.tx, .stages.idle] | @tsv' \
			"$OUT/$mode-sizes.json" >"$T/$mode-stages"
		for size in 64 1420; do
			has $mode-peers && jq -r --argjson s $size '.[] | select(.size == $s) |
				[.peers, .cycles_per_packet, .device_cycles_per_op] | @tsv' \
				"$OUT/$mode-peers.json" >"$T/$mode-peers-$size"
		done
	done
}

# draw NAME WIDTH HEIGHT: the gnuplot commands on stdin, once for each kind of file.
draw()
{
	local commands

	commands=$(cat)
	gnuplot <<-END || exit 1
		set encoding utf8
		set terminal svg size $2,$3 font "sans,12" background "white"
		set output "$OUT/$1.svg"
		$commands
	END
	gnuplot <<-END || exit 1
		set encoding utf8
		set terminal pngcairo size $2,$3 font "sans,10" background "white"
		set output "$OUT/$1.png"
		$commands
	END
	drawn+=("$1")
}

# Colours that are told apart in grey as well.
STYLES='set linetype 1 lc rgb "#0060ad" lw 2 pt 7
set linetype 2 lc rgb "#d95319" lw 2 pt 5
set grid xtics ytics lt -1 lw 0.5 lc rgb "#cccccc"
set key outside right center Left reverse samplen 2 spacing 1.2'

draw_sizes()
{
	draw throughput-against-size 900 420 <<-END
		$STYLES
		set title "Inner throughput of one lcore, one peer\n{/*0.8 $machine}"
		set xlabel "inner packet, bytes"
		set ylabel "inner throughput, Gbit/s"
		set yrange [0:*]
		set xrange [0:1480]
		set xtics (64, 256, 512, 1024, 1420)
		plot "$T/encap-sizes" using 1:7 with lines lt 1 dt 3 title "floor, encrypt", \
		     "$T/decap-sizes" using 1:7 with lines lt 2 dt 3 title "floor, decrypt", \
		     "$T/encap-sizes" using 1:6 with lines lt 1 dt 2 title "bare device, encrypt", \
		     "$T/decap-sizes" using 1:6 with lines lt 2 dt 2 title "bare device, decrypt", \
		     "$T/encap-sizes" using 1:5 with linespoints lt 1 title "encap", \
		     "$T/decap-sizes" using 1:5 with linespoints lt 2 title "decap"
	END
	draw cycles-by-stage 900 460 <<-END
		$STYLES
		set title "Cycles per packet by stage, one peer\n{/*0.8 $machine}"
		set style data histograms
		set style histogram rowstacked title offset 0,0.3
		set style fill solid 0.85 border rgb "white"
		set boxwidth 0.8
		set xlabel "inner packet, bytes" offset 0,-1.2
		set ylabel "TSC cycles per packet"
		set yrange [0:*]
		set xrange [-1:14]
		set grid noxtics
		set bmargin 5
		array names[8] = ["rx", "classify", "lookup", "prepare", "crypto", "finish", "tx", "idle"]
		array colours[8] = ["#999999", "#e6ab02", "#66a61e", "#1b9e77", "#7570b3", "#d95f02", "#e7298a", "#cccccc"]
		plot newhistogram "encap" at 0, \
		     for [i=2:9] "$T/encap-stages" using i:xtic(1) lc rgb colours[i-1] title names[i-1], \
		     newhistogram "decap" at 8, \
		     for [i=2:9] "$T/decap-stages" using i:xtic(1) lc rgb colours[i-1] notitle, \
		     "$T/encap-sizes" using (\$0):3 with points pt 9 ps 1.2 lc rgb "black" title "bare device", \
		     "$T/decap-sizes" using (\$0+8):3 with points pt 9 ps 1.2 lc rgb "black" notitle, \
		     "$T/encap-sizes" using (\$0):4 with points pt 2 ps 1.2 lw 2 lc rgb "black" title "floor", \
		     "$T/decap-sizes" using (\$0+8):4 with points pt 2 ps 1.2 lw 2 lc rgb "black" notitle
	END
}

draw_peers()
{
	local tics

	tics=$(cut -f 1 "$T/encap-peers-64" | awk '{ t = $1; n = $1
		while (match(t, /[0-9][0-9][0-9][0-9]($|,)/)) t = substr(t, 1, RSTART) "," substr(t, RSTART + 1)
		printf "%s\"%s\" %s", (NR > 1 ? ", " : ""), t, n }')
	draw cost-against-peers 900 420 <<-END
		$STYLES
		set multiplot layout 1,2 title "Cost against the number of peers, packets in random order\n{/*0.8 $machine; floor: the bare device over as many sessions}"
		set logscale x 2
		set xtics ($tics)
		set xrange [0.7:$(tail -n 1 "$T/encap-peers-64" | cut -f 1) * 1.4]
		set xlabel "peers (logarithmic)"
		set yrange [0:*]
		set key outside bottom center horizontal
		do for [size in "64 1420"] {
			set title size." bytes"
			if (size eq "64") { set ylabel "TSC cycles per packet" } else { unset ylabel }
			plot "$T/encap-peers-".size using 1:2 with linespoints lt 1 title "encap", \
			     "$T/encap-peers-".size using 1:3 with lines lt 1 dt 2 title "bare device, encrypt", \
			     "$T/decap-peers-".size using 1:2 with linespoints lt 2 title "decap", \
			     "$T/decap-peers-".size using 1:3 with lines lt 2 dt 2 title "bare device, decrypt"
		}
		unset multiplot
	END
}

pictures()
{
	local machine

	machine=$(jq -r '"\(.cpu), AES-256-GCM, \(.date)"' "$OUT/machine.json")
	drawn=()
	if has encap-sizes && has decap-sizes; then
		draw_sizes
	fi
	if has encap-peers && has decap-peers; then
		draw_peers
	fi
}

# --- the tables -----------------------------------------------------------------------------

figures_head()
{
	jq -r '"\(.date), \(.cpu)\(if .virtual == "" or .virtual == "none" then "" else ", a virtual machine" end), "
		+ "\(.cpus) CPUs, \(.system), Linux \(.kernel), commit \(.version):\n\n```\n"
		+ "EAL=\"\(.eal)\" EAL2=\"\(.eal2)\" SECONDS_EACH=\(.seconds) tests/bench/plots.sh\n```\n\n"
		+ "Medians. *Device*: the bare crypto device, measured alternately in the same run. *Floor*: "
		+ "libipsec_mb\ncalled directly, one hot buffer (over 4,096 buffers in random order)."' \
		"$OUT/machine.json"
}

figures_sizes()
{
	local mode dir

	for mode in encap decap; do
		has $mode-sizes || continue
		dir=$([ $mode = encap ] && echo encrypt || echo decrypt)
		printf '\n| %s, one peer: inner bytes | cycles/packet | device | ratio | floor | Mpps | Gbit/s | on-CPU |\n' $mode
		echo '|---|---|---|---|---|---|---|---|'
		jq -r --slurpfile floor "$OUT/floor.json" --arg dir $dir '
			def d($n): . * pow(10; $n) | round / pow(10; $n);
			.[] | . as $r | ([$floor[0][] | select(.size == $r.size)][0]) as $f |
			"| \(.size) | \(.cycles_per_packet | d(0)) | \(.device_cycles_per_op | d(0)) "
			+ "| \(.ratio | d(2)) | \(if $f then "\($f[$dir] | d(0)) (\($f[$dir + "_distinct"] | d(0)))"
				else "-" end) | \(.mpps | d(2)) | \(.gbps | d(2)) | \(.on_cpu * 100 | d(0)) % |"' \
			"$OUT/$mode-sizes.json"
	done
}

# Where the cycles are that the device does not have, for one peer and for the most.
figures_stages()
{
	local files=() name

	for name in encap-sizes decap-sizes encap-peers decap-peers; do
		! has $name || files+=("$OUT/$name.json")
	done
	[ ${#files[@]} -gt 0 ] || return 0
	printf '\n| packets | cycles | device | classify | lookup | prepare | crypto less device | finish | rx, tx, idle |\n'
	echo '|---|---|---|---|---|---|---|---|---|'
	jq -rs 'add | def d: round; ([.[].peers] | max) as $most |
		[.[] | select((.size == 64 or .size == 512 or .size == 1420) and
			((.peers == 1 and .pattern == "rr") or (.peers > 1 and .peers == $most)))] |
		sort_by(.peers)[] | .stages as $s |
		"| \(.mode) \(.size), \(.peers) peer\(if .peers == 1 then "" else "s" end) "
		+ "| \(.staged_cycles | d) | \(.device_cycles_per_op | d) | \($s.classify | d) "
		+ "| \($s.lookup | d) | \($s.prepare | d) | \($s.crypto - .device_cycles_per_op | d) "
		+ "| \($s.finish | d) | \($s.rx + $s.tx + $s.idle | d) |"' "${files[@]}"
	echo
	echo 'Cycles of the batches whose stages are measured (every eighth), which take a little longer.'
}

figures_peers()
{
	has encap-peers && has decap-peers || return 0
	printf '\n| peers, random order | encap 64 (floor; ratio) | encap 1420 | decap 64 | decap 1420 | memory, KiB/peer |\n'
	echo '|---|---|---|---|---|---|'
	jq -rn --slurpfile e "$OUT/encap-peers.json" --slurpfile d "$OUT/decap-peers.json" '
		def r($n): . * pow(10; $n) | round / pow(10; $n);
		def cell($l; $n; $s): [$l[] | select(.peers == $n and .size == $s)][0] |
			"\(.cycles_per_packet | r(0)) (\(.device_cycles_per_op | r(0)); \(.ratio | r(2)))";
		[$e[0][].peers] | unique[] as $n |
		"| \($n) | \(cell($e[0]; $n; 64)) | \(cell($e[0]; $n; 1420)) | \(cell($d[0]; $n; 64)) "
		+ "| \(cell($d[0]; $n; 1420)) | \([$e[0][] | select(.peers == $n)][0].memory.bytes_a_peer / 1024 | r(1)) |"'
	echo
	echo 'Floor here: the bare device over as many sessions in the same order. Memory: what grows with'
	echo 'peers of two keys each (`show memory`); small numbers share the first pool of 512 sessions.'
}

# Whether a second CPU is a second core, as far as the kernel says; the bare device tells the rest.
cores_words()
{
	local topology cores

	topology=$(jq -r .topology "$OUT/machine.json")
	cores=$(tr ' ' '\n' <<<"$topology" | sed -n 's/.*,//p' | sort -u | wc -l)
	if [ "$cores" -lt 2 ]; then
		echo "\`lscpu -e\`: both CPUs are hyperthreads of one core: 1.9 cannot be reached here."
	elif [ "$(jq -r .virtual "$OUT/machine.json")" != none ]; then
		echo "\`lscpu -e\`: $cores cores; but this is a virtual machine, whose CPUs may still share one: the"
		echo "bare device, which shares nothing either, shows what two CPUs can bring here."
	else
		echo "\`lscpu -e\`: $cores cores."
	fi
}

figures_lcores()
{
	has lcores || return 0
	printf '\n| two lcores against one, packets per second | 64 | 512 | 1420 |\n|---|---|---|---|\n'
	jq -r '
		def r: . * 100 | round / 100;
		def m: sort | .[(length - 1) / 2 | floor];
		# the bare device: operations of all lcores, by the cycles of one
		def rate($what): if $what == "ours" then .mpps else .lcores / .device_cycles_per_op end;
		def ratios($all; $what; $mode; $size):
			[$all[] | select(.mode == $mode and .size == $size)] |
			[[.[] | select(.lcores == 1) | rate($what)], [.[] | select(.lcores == 2) | rate($what)]] |
			transpose | map(.[1] / .[0]);
		. as $all | ("encap", "decap") as $mode | ("ours", "device") as $what |
		"| \($mode)\(if $what == "ours" then "" else ", the bare device" end) | "
		+ ([64, 512, 1420 | ratios($all; $what; $mode; .) |
			"\(m | r) (\(min | r)-\(max | r))"] | join(" | ")) + " |"' "$OUT/lcores.json"
	echo
	echo 'Target 1.9. Median (least-most) of alternating pairs; 16 peers.'
	cores_words
}

figures_churn()
{
	has churn || return 0
	printf '\n| 4,096 peers random, beside it | bytes | reached/s | cycles without | with | cost | lost | longest burst, us: without | with |\n'
	echo '|---|---|---|---|---|---|---|---|---|'
	jq -r 'def d($n): . * pow(10; $n) | round / pow(10; $n);
		.[] | "| \(.mode) `\(.options)` | \(.size) "
		+ "| \([.churn.key_installs_per_s, .churn.peer_adds_per_s] | max | d(0)) "
		+ "| \(.cycles_per_packet | d(0)) | \(.churn.cycles.median | d(0)) | \(.churn.cost | "\(.median * 100 | d(1)) (\(.min * 100 | d(0)) to \(.max * 100 | d(0)))") % "
		+ "| \(.churn.lost) | \(.churn.gap_us.calm | d(0)) | \(.churn.gap_us.churning | d(0)) |"' \
		"$OUT/churn.json"
	echo
	echo 'With and without in turns of 50 ms of one run; cost: of neighbouring turns, median (least to most).'
	echo 'Target: 10,000 key installs a second, under 5 %. A burst that takes long was interrupted: what the machine itself does so is *without*.'
}

# What was measured is stored as it was: of a part of it, the rest may be older.
if ! wants draw; then
	machine
	for what in sizes peers lcores churn; do
		wants $what && "measure_$what"
	done
fi
tables
pictures
{
	figures_head
	figures_sizes
	figures_stages
	figures_peers
	figures_lcores
	figures_churn
} >"$OUT/figures.md" || exit 1
echo "drawn: ${drawn[*]/#/$OUT/} (.svg, .png); tables: $OUT/figures.md"
