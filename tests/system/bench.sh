#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The server side as ovpn-dpdkd + openvpn against openvpn alone without DCO, alternating, in the
# demo's topology (lib.sh) with one client over IPv4 (c1). No test: it takes long, and wants a
# machine that does nothing else.
#
# Measured, both ways: TCP for some seconds; UDP in inner packets of 1420 bytes (1392 of payload)
# at the highest rate with under 1 % loss in one of three tries, searched by bisection, counted at
# the receiver. CPU seconds are those the kernel charges to the daemon's and the server openvpn's
# threads (utime and stime); what softirqs do on their behalf is charged to nobody, on either side.

usage()
{
	cat <<-END
		usage: tests/system/bench.sh [--rounds N] [--seconds N] [--steps N] [--side plain|dpdk]
		                             [--output PREFIX] [--rows]

		  --rounds N       times each side is measured, alternating (default 5)
		  --seconds N      of each TCP run (default 10)
		  --steps N        of each UDP search, up to 3 runs of 2 seconds each (default 7)
		  --side SIDE      only openvpn alone, or only ovpn-dpdkd + openvpn
		  --output PREFIX  writes PREFIX.json and PREFIX.md (default ./bench)
		  --rows           the rows of the article on FreeBSD's if_ovpn, TCP both ways: openvpn alone;
		                   ours with crypto_openssl; with crypto_aesni_gcm; with an asynchronous
		                   device (crypto_scheduler over crypto_aesni_mb, on an lcore of its own that
		                   polls: it stands for QAT, which spends none of our CPU time)

		BUILD=FOLDER says where ovpn-dpdkd was built (default build-release).
	END
}

rounds=5 seconds=10 steps=7 sides='plain dpdk' output=bench rows=
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h)
		usage
		exit 0
		;;
	--rows)
		rows=yes sides='plain openssl aesni_gcm async'
		shift
		continue
		;;
	esac
	case $1:${2:-} in
	--rounds:[1-9]*) rounds=$2 ;;
	--seconds:[1-9]*) seconds=$2 ;;
	--steps:[1-9]*) steps=$2 ;;
	--side:plain | --side:dpdk) sides=$2 ;;
	--output:?*) output=$2 ;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift 2
done
output=$(realpath "$output") || exit 1

NAME=bench
. "$(dirname "$0")/lib.sh"

UDP_PAYLOAD=1392 # and 28 bytes of IPv4 and UDP: 1420
UDP_SECONDS=2
UDP_TRIES=3
UDP_TOP=3000 # Mbit/s: more than anything here does

processes() { echo "$SERVER_PID" ${DAEMON_PID:+"$DAEMON_PID"}; }

# iperf ARGUMENT...: leaves iperf3's JSON in $T/run.json and the CPU seconds it took in CPU.
iperf()
{
	local before after

	# shellcheck disable=SC2046
	before=$(cpu_seconds $(processes))
	in_ns c1 timeout $((seconds + 30)) iperf3 -J -c 10.8.0.1 "$@" >"$T/run.json" 2>"$T/run.err" ||
		fail "iperf3 $*: $(jq -r '.error // empty' "$T/run.json") $(<"$T/run.err")"
	# shellcheck disable=SC2046
	after=$(cpu_seconds $(processes))
	CPU=$(awk -v a="$before" -v b="$after" 'BEGIN { print b - a }')
}

# record WHAT MBIT/S GIGABITS: one line of the raw results.
record()
{
	jq -cn --arg side "$SIDE" --argjson round "$round" --arg what "$1" --argjson mbps "$2" \
		--argjson gigabits "$3" --argjson cpu "$CPU" \
		'$ARGS.named + {cpu_per_gigabit: ($cpu / $gigabits)}' >>"$T/raw.json"
	say "$(printf '%-9s %-9s %8.1f Mbit/s %8.2f CPU s/Gbit' "$SIDE" "$1" "$2" \
		"$(awk -v c="$CPU" -v g="$3" 'BEGIN { print c / g }')")"
}

# tcp WHAT [-R]
tcp()
{
	iperf -t "$seconds" "${@:2}"
	# shellcheck disable=SC2046
	record "$1" $(jq -r '.end.sum_received | .bits_per_second / 1e6, .bytes * 8 / 1e9' "$T/run.json")
}

# clean RATE [-R]: UDP at that rate arrives with under 1 % loss, in one of a few tries: on a machine
# whose CPUs are taken away for milliseconds now and then, one bad run says little about a rate.
clean()
{
	local try

	for ((try = 0; try < UDP_TRIES; try++)); do
		iperf -u -l $UDP_PAYLOAD -b "${1}M" -t $UDP_SECONDS "${@:2}"
		jq -e '.end.sum.lost_percent < 1' "$T/run.json" >/dev/null && return
	done
	return 1
}

# udp WHAT [-R]: the rate is that of payload bytes received.
udp()
{
	local low=0 high=$UDP_TOP rate step best="" best_cpu=0

	rate=$((UDP_TOP / 8))
	for ((step = 0; step < steps; step++)); do
		if clean "$rate" "${@:2}"; then
			low=$rate
			best=$(jq -r --argjson payload $UDP_PAYLOAD '.end.sum |
				((.packets - .lost_packets) * $payload * 8) as $bits |
				$bits / .seconds / 1e6, $bits / 1e9' "$T/run.json")
			best_cpu=$CPU
		else
			high=$rate
		fi
		rate=$(((low + high) / 2))
		[ $high = $UDP_TOP ] && [ $((low * 2)) -lt $high ] && rate=$((low * 2))
		[ "$rate" -gt 0 ] || break
	done
	[ -n "$best" ] || fail "$1: no rate with under 1 % loss in $steps steps"
	CPU=$best_cpu
	# shellcheck disable=SC2086
	record "$1" $best
}

# crypto_of SIDE: the crypto device of the daemon; none: its usual ones.
crypto_of()
{
	DAEMON_LCORES="" DAEMON_LINES=""
	case $1 in
	openssl) DAEMON_LINES='crypto: [{device: crypto_openssl, mode: queue}]' ;;
	aesni_gcm) DAEMON_LINES='crypto: [{device: crypto_aesni_gcm, mode: auto}]' ;;
	async)
		DAEMON_LCORES='0@(0-1),1@(0-1),2@(0-1)'
		DAEMON_LINES='workers: 1
crypto:
  - device: crypto_scheduler0,worker=crypto_aesni_mb_s,mode=multi-core,coremask=0x4
    mode: queue'
		;;
	esac
}

# What openvpn's keys lie on, as the daemon says it: so that a row is what it is called.
check_crypto()
{
	local device

	on_dpdk || return 0
	device=$(ctl show crypto --json | jq -r '.[] | select(.sessions > 0) | .driver')
	case $SIDE:$device in
	openssl:crypto_openssl | aesni_gcm:crypto_aesni_gcm | async:crypto_scheduler | dpdk:?*) ;;
	*) fail "side $SIDE runs on '$device'" ;;
	esac
}

side()
{
	SIDE=$1
	MODE=$([ "$1" = plain ] && echo plain || echo dpdk)
	crypto_of "$1"
	topology 1
	daemon_start
	server_start
	client_start 1 4
	offloaded
	check_crypto
	spawn srv iperf3-server iperf3 -s
	sleep 1
	ping_all c1 20 0.02 10.8.0.1
	tcp tcp-up
	tcp tcp-down -R
	if [ -z "$rows" ]; then
		udp udp-up
		udp udp-down -R
	fi
	stop_all
}

report()
{
	/usr/bin/python3 - "$T/raw.json" "$output" "$rounds" "$seconds" "$steps" "$rows" <<-'END'
		import json, os, platform, statistics, subprocess, sys

		raw_path, output, rounds, seconds, steps, rows = sys.argv[1:]
		raw = [json.loads(line) for line in open(raw_path)]


		def values(side, kind, what):
		    return [r[what] for r in raw if r['side'] == side and r['what'] == kind]


		def summary(v):
		    return {'median': statistics.median(v), 'min': min(v), 'max': max(v), 'n': len(v)}


		def show(s, digits):
		    return '%.*f (%.*f-%.*f)' % (digits, s['median'], digits, s['min'], digits, s['max'])


		def ratio(side, kind, what):
		    """Of a side to openvpn alone: of the medians, and the spread of the pairs."""
		    plain, ours = values('plain', kind, what), values(side, kind, what)
		    pairs = [d / p for p, d in zip(plain, ours)]
		    return {'of_medians': statistics.median(ours) / statistics.median(plain),
		            'min': min(pairs), 'max': max(pairs)}


		def entry(kind, what, sides):
		    e = {s: summary(v) for s in sides if (v := values(s, kind, what))}
		    if 'plain' in e:
		        e['ratio'] = {s: ratio(s, kind, what) for s in e if s != 'plain'}
		    return e


		def show_ratio(e, side):
		    r = e.get('ratio', {}).get(side)
		    return '%.2f (%.2f-%.2f)' % (r['of_medians'], r['min'], r['max']) if r else '-'


		WHAT = (('mbps', 0, 'Mbit/s'), ('cpu_per_gigabit', 2, 'CPU s/Gbit'))


		def table_of_two():
		    """openvpn alone against ours, a line for each kind of traffic."""
		    out = ['| | openvpn alone, Mbit/s | ovpn-dpdkd + openvpn, Mbit/s | ratio '
		           '| alone, CPU s/Gbit | with ovpn-dpdkd, CPU s/Gbit | ratio |',
		           '|---|---|---|---|---|---|---|']
		    for kind in ('tcp-up', 'tcp-down', 'udp-up', 'udp-down'):
		        cells = [kind]
		        results[kind] = {}
		        for what, digits, _ in WHAT:
		            e = results[kind][what] = entry(kind, what, ('plain', 'dpdk'))
		            cells += [show(e[s], digits) if s in e else '-' for s in ('plain', 'dpdk')]
		            cells.append(show_ratio(e, 'dpdk'))
		        out.append('| ' + ' | '.join(cells) + ' |')
		    return out


		def table_of_rows():
		    """The article's: a line for each crypto device."""
		    names = {'plain': 'openvpn alone', 'openssl': 'ours, crypto_openssl',
		             'aesni_gcm': 'ours, crypto_aesni_gcm',
		             'async': 'ours, crypto_scheduler (asynchronous)'}
		    kinds = ('tcp-up', 'tcp-down')
		    columns = [(k, w, d, u) for k in kinds for w, d, u in WHAT]
		    for k, w, _, _ in columns:
		        results.setdefault(k, {})[w] = entry(k, w, names)
		    out = ['| | ' + ' | '.join('%s, %s | ratio' % (k, u) for k, _, _, u in columns) + ' |',
		           '|' + '---|' * (1 + 2 * len(columns))]
		    for side, name in names.items():
		        cells = [name]
		        for k, w, d, _ in columns:
		            e = results[k][w]
		            cells += [show(e[side], d), show_ratio(e, side)]
		        out.append('| ' + ' | '.join(cells) + ' |')
		    return out


		cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if 'model name' in l), '?')
		openvpn = subprocess.run(['openvpn', '--version'], capture_output=True, text=True).stdout
		results = {}
		lines = table_of_rows() if rows else table_of_two()
		result = {
		    'machine': {'cpu': cpu, 'cpus': os.cpu_count(), 'kernel': platform.release(),
		                'openvpn': openvpn.split('\n')[0]},
		    'command': 'tests/system/bench.sh %s--rounds %s --seconds %s%s'
		               % ('--rows ' if rows else '', rounds, seconds,
		                  '' if rows else ' --steps ' + steps),
		    'results': results, 'raw': raw,
		}
		text = '%s, %d CPUs, Linux %s, %s\n`%s`\nMedian (least-most) of %s; ratio of medians ' \
		       '(least-most of the pairs).\n\n%s\n' % (
		           cpu, os.cpu_count(), platform.release(), result['machine']['openvpn'],
		           result['command'], rounds, '\n'.join(lines))
		with open(output + '.json', 'w') as f:
		    json.dump(result, f, indent=2)
		with open(output + '.md', 'w') as f:
		    f.write(text)
		print(text, end='')
	END
}

begin
certificates server c1
for ((round = 1; round <= rounds; round++)); do
	for s in $sides; do
		side "$s"
	done
done
report || fail "no report"
say "written: $output.json $output.md"
