#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_bench.sh BENCH [PART...]: ovpn-dpdk-bench keeps count and compares bytes, in every mode, with
# every kind of device and port; wrong options are refused in words. Under a minute in all.

set -u -o pipefail
BENCH=$1
shift
PREFIX=bench-test-$$
OUT=$(mktemp -d) || exit 1
trap 'rm -rf "$OUT" "/var/run/dpdk/$PREFIX" "/tmp/dpdk/$PREFIX"' EXIT
BURSTS="1 2 31 32 33 512"
STAGES="32 512"
PACKETS=100000
if grep -q -a __asan_init "$BENCH"; then # a thinner grid: all of it runs without, too
	BURSTS="1 32 33 512"
	STAGES=32
	PACKETS=40000
fi
CPUS=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)

fail()
{
	echo "FAIL: $*"
	cat "$OUT/err"
	exit 1
}

# bench EAL-ARGUMENT... -- OPTION...: lcores float, so that one CPU is enough.
bench()
{
	timeout -k 5 300 "$BENCH" --no-huge -m 768 --no-pci --file-prefix "$PREFIX" \
		--log-level='*:error' --lcores "(0-3)@($CPUS)" "$@" >"$OUT/out" 2>"$OUT/err"
}

# whole SIZES PACKETS OPTION...: nothing lost, nothing different, at least so many packets.
whole()
{
	local sizes=$1 packets=$2

	shift 2
	bench -- --mode loop --json --no-device --packets "$packets" --size "$sizes" "$@" ||
		fail "loop --size $sizes $*"
	jq -e --argjson n "$packets" 'all(.drops == {} and .packets >= $n)' "$OUT/out" >/dev/null ||
		fail "loop --size $sizes $*: $(jq -c '.[] | {size, packets, drops}' "$OUT/out")"
}

# expect WHAT JQ-ARGUMENT...: the last answer is so.
expect()
{
	local what=$1

	shift
	jq -e "$@" "$OUT/out" >/dev/null || fail "$what: $(jq -c . "$OUT/out")"
}

refused()
{
	local words=$1

	shift
	bench -- "$@" && fail "$* is accepted"
	grep -q -e "$words" "$OUT/err" || fail "$* is refused without '$words'"
}

# every inner length once, each cipher, both families
lengths()
{
	local cipher

	for cipher in AES-128-GCM AES-192-GCM AES-256-GCM CHACHA20-POLY1305; do
		whole 20-9000 8981 --cipher $cipher
		whole 40-9000 8961 --cipher $cipher --inner 6 --outer 6
	done
}

# both back ends, bursts around the edges, ten sizes
bursts()
{
	local mode burst

	for mode in cpu queue; do
		for burst in $BURSTS; do
			whole 20,21,63,64,65,127,512,1420,1500,9000 4096 --crypto-mode $mode \
				--burst $burst
		done
	done
}

# of many peers, each one's packets keep their order
peers()
{
	whole 64,imix 20000 --peers 300 --pattern zipf
	whole 64,imix 20000 --peers 300 --pattern random --lcores 2
	expect 'two workers' 'all((.on_cpu_each | length) == 2 and all(.on_cpu_each[]; . > 0 and . <= 1) and
		(.on_cpu_each | min) == .on_cpu)'
}

# what is shorter than an IP header is dropped, and counted
short()
{
	bench -- --mode loop --json --no-device --packets 4096 --size 1-19 || fail "short packets"
	expect "short packets" '.[0] | .packets == 0 and .drops == {"inner-malformed": 4096}'
	bench -- --mode loop --json --no-device --packets 4096 --size 1-39 --inner 6 ||
		fail "short IPv6 packets"
	expect "short IPv6 packets" '.[0] | .packets == 0 and .drops == {"inner-malformed": 4096}'
}

# every driver in every mode: without a cipher, at once, by queue, and on another lcore
drivers()
{
	local device mode

	for device in 'crypto_aesni_gcm' 'crypto_aesni_gcm --crypto-mode queue' \
		'crypto_aesni_mb --cipher CHACHA20-POLY1305' 'crypto_openssl' \
		'crypto_null --cipher null' 'crypto_scheduler'; do
		for mode in encap decap loop crypto; do
			# shellcheck disable=SC2086
			bench -- --mode $mode --json --packets 4096 --size 300 --device $device ||
				fail "$mode, $device"
			expect "$mode, $device" --arg m $mode 'length == 1 and all(.mode == $m and
				.cycles_per_packet > 0 and .mpps > 0 and .device_cycles_per_op > 0 and
				.packets >= 4096 and .drops == {} and .size == 300 and .peers == 1 and
				.gbps > 0 and .cipher != "" and (.on_cpu_each | length) == 1 and
				.on_cpu_each[0] == .on_cpu and .ratios.min > 0 and
				.ratios.min <= .ratios.median and .ratios.median <= .ratios.max)'
		done
		expect "crypto" 'all(.ratio == 1)'
	done
	whole 64,imix 8192 --device crypto_scheduler --peers 300 --pattern random
	# two workers share a scheduler, whose bare device would serve one of them only
	whole 64 8192 --device crypto_scheduler --peers 20 --lcores 2
	refused 'one lcore at a time' --device crypto_scheduler --peers 20 --lcores 2
}

# Runs a program, stops its thread of lcore 3 for ever after a second, and has its exit status.
STOPPER='
import ctypes, glob, os, signal, subprocess, sys, time
program = subprocess.Popen(sys.argv[1:])
threads = []
while not threads and program.poll() is None:
    time.sleep(0.1)
    for path in glob.glob("/proc/%d/task/*/comm" % program.pid):
        if open(path).read().strip().endswith(("worker-3", "worker3")):
            threads.append(int(path.split("/")[4]))
time.sleep(1)
libc = ctypes.CDLL(None)
libc.ptrace.argtypes = [ctypes.c_long] * 4
SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
if libc.ptrace(SEIZE, threads[0], 0, 0) < 0 or libc.ptrace(INTERRUPT, threads[0], 0, 0) < 0:
    sys.exit("ptrace is not allowed here")
os.waitpid(threads[0], WALL)
signal.alarm(100)
os.waitpid(threads[0], WALL) # its end
sys.exit(program.wait())
'

# a device that stops answering ends the run in words, not in a spin, and is left alone
stall()
{
	/usr/bin/python3 -c "$STOPPER" "$BENCH" --no-huge -m 768 --no-pci --file-prefix "$PREFIX" \
		--log-level='*:error' --lcores "(0-3)@($CPUS)" -- --mode loop --no-device \
		--seconds 60 --size 64 --device crypto_scheduler >"$OUT/out" 2>"$OUT/err" &&
		fail "a device that stops is not noticed"
	grep -q 'does not answer: no result' "$OUT/err" || fail "a device that stops: other words"
	grep -q 'still holds [0-9]* packets' "$OUT/err" || fail "what it holds is not told"
}

# stages_of MODE OPTION...: they are the whole, of the same batches. On a busy machine the one or two of
# a short run may have been interrupted between two stages: then once more.
stages_of()
{
	local whole='all((([.stages[]] | add) - .stages.source) / .staged_cycles | . > 0.95 and . < 1.05)'

	for try in 1 2 3; do
		bench -- --json --packets $PACKETS --size 64,512,1420 --mode "$@" || fail "stages of $*"
		jq -e "$whole" "$OUT/out" >/dev/null && return
	done
	expect "stages of $*, $try times" "$whole"
}

stages()
{
	local mode burst

	for mode in encap decap loop; do
		for burst in $STAGES; do
			stages_of $mode --burst "$burst"
		done
		stages_of $mode --cipher null # where the small ones weigh most
	done
}

# over ports: what went in came out, or was dropped by name (ovpn-dpdk-bench itself looks, too)
ports()
{
	local mode cipher

	for cipher in AES-256-GCM null; do # by crypto_aesni_gcm and crypto_null
		for mode in encap decap loop; do
			bench -- --mode $mode --json --seconds 0.2 --size 64 --port net_null0 \
				--cipher $cipher || fail "$mode, net_null, $cipher"
			expect "$mode, net_null, $cipher" 'all(.wire | .offered + .received > 1000)'
			[ $mode = decap ] ||
				expect "$mode, net_null, $cipher" 'all(.wire.mean_size == 64)'
		done
		for mode in encap loop; do
			bench --vdev net_ring0 -- --mode $mode --json --seconds 0.2 --size 64,1420 \
				--port net_ring0 --cipher $cipher || fail "$mode, net_ring, $cipher"
			# what was sent has come back, so that loop had something to compare
			expect "$mode, net_ring, $cipher" 'all(.packets > 1000 and .drops == {} and
				.wire.offered > 1000 and .wire.taken == .wire.offered)'
		done
	done
	capture
	compared
	wire
}

# what --static-peers says: pair CIPHER
pair()
{
	printf '%s\n' "seed 42 # of the keys" "peers 20" "cipher $1" \
		"a 198.18.0.1:1194 02:00:00:00:00:0a" "b 198.18.0.2:1194 02:00:00:00:00:0b" >"$OUT/pair"
}

# a file of what side a encapsulates; side b decapsulates all of it, and a replayed file not at all
capture()
{
	local sent file=$OUT/encap.pcap

	pair CHACHA20-POLY1305
	bench -- --mode encap --json --packets 5000 --size 20-1420 --static-peers "$OUT/pair" --side a \
		--port net_pcap0,tx_pcap="$file" || fail "encap into a capture file"
	sent=$(jq '.[0].wire.sent' "$OUT/out")
	[ "$sent" -ge 5000 ] || fail "encap into a capture file: $(cat "$OUT/out")"
	bench -- --mode decap --json --seconds 1 --size 1420 --static-peers "$OUT/pair" --side b \
		--port net_pcap0,rx_pcap="$file",tx_pcap=/dev/null || fail "decap of a capture file"
	expect "decap of $sent packets of a capture file" --argjson n "$sent" \
		'.[0] | .packets == $n and .wire.received == $n and .wire.taken == $n and .drops == {}'
	# sizes are those that came, whatever --size says: 20 to 1420 in turn
	expect "Gbit/s of a capture file" '.[0] | .wire.mean_size > 650 and .wire.mean_size < 720 and
		.gbps / .mpps * 125 > 650 and .gbps / .mpps * 125 < 720'
	bench -- --mode decap --json --packets 2000 --size 64 --static-peers "$OUT/pair" --side b \
		--port net_pcap0,rx_pcap="$file",tx_pcap=/dev/null || fail "decap of so many packets"
	expect "decap of so many packets" '.[0].packets >= 2000'
	again "$sent" -- --port "net_pcap0,rx_pcap=$file,tx_pcap=/dev/null"
	again "$sent" --vdev "net_pcap0,rx_pcap=$file,tx_pcap=/dev/null" -- --port net_pcap0
	bench -- --mode decap --json --seconds 1 --size 1420 --static-peers "$OUT/pair" --side b \
		--port net_pcap0,rx_pcap="$file",infinite_rx=1 || fail "a capture file over and over"
	expect "a capture file over and over" --argjson n "$sent" \
		'.[0] | .packets == $n and .wire.received == $n + .drops.replayed and
			(.drops | keys) == ["replayed"]'
	sed 's/seed 42/seed 43/' -i "$OUT/pair"
	bench -- --mode decap --json --seconds 1 --size 1420 --static-peers "$OUT/pair" --side b \
		--port net_pcap0,rx_pcap="$file",tx_pcap=/dev/null || fail "decap with other keys"
	expect "decap with other keys" --argjson n "$sent" \
		'.[0] | .packets == 0 and .drops == {"auth-failed": $n}'
}

# a file's packets that loop expects as they are, longer, and later ones first: two of these have no
# result. They are authentic, so the comparison alone can tell.
compared()
{
	local file=$OUT/compare.pcap

	pair AES-256-GCM
	bench -- --mode encap --json --packets 2000 --size 100 --static-peers "$OUT/pair" --side a \
		--port net_pcap0,tx_pcap="$file" || fail "encap into a second capture file"
	/usr/bin/python3 - "$file" "$OUT/backwards.pcap" <<-'END'
		import struct, sys
		data = open(sys.argv[1], 'rb').read()
		records, at = [], 24
		while at < len(data):
		    end = at + 16 + struct.unpack_from('=I', data, at + 8)[0]
		    records.append(data[at:end])
		    at = end
		open(sys.argv[2], 'wb').write(data[:24] + b''.join(reversed(records)))
	END
	loop_of "$file" 100 || fail "loop over a capture file"
	expect "loop over a capture file" '.[0] | .drops == {} and .wire.taken >= 2000'
	loop_of "$file" 101 && fail "loop takes packets of 100 bytes for 101"
	grep -q 'came back with other bytes than were sent: no result' "$OUT/err" && no_result ||
		fail "packets that are not as expected: other words"
	loop_of "$OUT/backwards.pcap" 100 && fail "loop takes packets in another order"
	grep -q 'came back in another order than they were sent: no result' "$OUT/err" && no_result ||
		fail "packets in another order: other words"
}
loop_of()
{
	bench -- --mode loop --json --seconds 0.3 --size "$2" --static-peers "$OUT/pair" --side b \
		--port net_pcap0,rx_pcap="$1",tx_pcap=/dev/null
}
no_result() { [ "$(jq length "$OUT/out")" = 0 ]; }

# side SIDE MODE ROLE: one of two processes, which obeys "$OUT/SIDE.in".
side()
{
	mkfifo "$OUT/$1.in"
	"$BENCH" --no-huge -m 256 --no-pci --file-prefix "$PREFIX-$1" --log-level='*:error' \
		--lcores "(0-1)@($CPUS)" \
		--vdev "net_memif0,role=$3,socket=$OUT/memif.sock,socket-abstract=no,mac=02:00:00:00:00:0$1" \
		-- -i --json --mode "$2" --size 20-1420 --port net_memif0 \
		--static-peers "$OUT/pair" --side "$1" <"$OUT/$1.in" >"$OUT/$1.out" 2>"$OUT/$1.err" &
}

# until_said WORDS FILE [TIMES]: they stand in so many of its lines; a minute at most.
until_said()
{
	local i

	for ((i = 0; i < 600; i++)); do
		[ "$(grep -c -e "$1" "$2")" -ge "${3:-1}" ] && return
		sleep 0.1
	done
	cat "$OUT"/[ab].err
	fail "no '$1' in ${2##*/}: $(cat "$2")"
}

# the newest count of "show stats" of b
count_of_b()
{
	echo 'show stats' >&4
	sleep 0.1
	sed -n 's/.*so far: \([0-9]*\) packets.*/\1/p' "$OUT/b.err" | tail -n 1
}

# again PACKETS ARGUMENT... -- OPTION...: the prompt opens a port twice, as it was given
again()
{
	local sent=$1 pid round told i

	shift
	rm -f "$OUT/c.in"
	mkfifo "$OUT/c.in"
	: >"$OUT/out"
	: >"$OUT/err"
	bench "$@" -i --mode decap --json --static-peers "$OUT/pair" --side b <"$OUT/c.in" &
	pid=$!
	exec 5>"$OUT/c.in"
	for round in 1 2; do
		told=$(grep -c "so far: $sent packets" "$OUT/err")
		echo start >&5
		until_said 'decap started' "$OUT/err" $round
		for ((i = 0; i < 600 && $(grep -c "so far: $sent packets" "$OUT/err") == told; i++)); do
			echo 'show stats' >&5
			sleep 0.1
		done
		printf '%s\n' stop 'set size 100' >&5
		until_said '^\]' "$OUT/out" $round
	done
	exec 5>&-
	wait $pid || fail "a port of the prompt, twice: $*"
	jq -s -e --argjson n "$sent" 'map(.[0].packets) == [$n, $n]' "$OUT/out" >/dev/null ||
		fail "a port of the prompt, twice: $*: $(cat "$OUT/out")"
}

# Two processes over shared memory: what a has sent is what b has received. a stays until b has all.
# Then b stops first: what it still gets is none of its speed; and goes, which a is told.
wire()
{
	local a b before=-1 n=0 i

	pair AES-256-GCM
	side a encap server
	a=$!
	exec 3>"$OUT/a.in"
	side b decap client
	b=$!
	exec 4>"$OUT/b.in"
	echo start >&3 # the server first: net_memif's client tries once
	until_said 'encap started' "$OUT/a.err"
	echo start >&4
	until_said 'decap started' "$OUT/b.err"
	for ((i = 0; i < 300 && ${n:-0} < 1000; i++)); do
		n=$(count_of_b)
	done
	echo stop >&3
	until_said '^\]' "$OUT/a.out"
	for ((i = 0; i < 50 && ${n:-0} != before; i++)); do
		before=${n:-0}
		n=$(count_of_b)
	done
	echo stop >&4
	until_said '^\]' "$OUT/b.out"
	grep -q 'so far: [1-9][0-9]* packets, [1-9]' "$OUT/b.err" || fail "net_memif: no cycles told"
	echo start >&3
	for ((i = 2; i < 30; i++)); do # a may have no CPU in b's last moments
		echo start >&4
		until_said 'decap started' "$OUT/b.err" $i
		sleep 0.2
		echo stop >&4
		until_said '^\]' "$OUT/b.out" $i
		jq -s '.[-1]' "$OUT/b.out" >"$OUT/out"
		jq -e '.[0] | .mpps > 0 and .packets > 1.001 * .mpps * 1e6 * .seconds' "$OUT/out" >/dev/null &&
			break
	done
	[ $i -lt 30 ] || fail "net_memif: what came after the clock counts: $(cat "$OUT/out")"
	echo quit >&4
	wait $b || fail "net_memif: $(cat "$OUT/b.err")"
	echo stop >&3
	until_said 'no link any more' "$OUT/a.err"
	echo quit >&3
	exec 3>&- 4>&-
	wait $a && fail "net_memif: no result, but a status of 0"
	for i in a b; do
		jq -s . "$OUT/$i.out" >"$OUT/$i.json"
		rm -rf "/var/run/dpdk/$PREFIX-$i" "/tmp/dpdk/$PREFIX-$i"
	done
	jq -s 'map(.[0][0])' "$OUT/a.json" "$OUT/b.json" >"$OUT/out"
	expect "net_memif" '.[0] as $a | .[1] as $b | $a.wire.sent > 1000 and
		$a.wire.offered == $a.wire.sent + ([$a.drops[]] | add // 0) and
		$b.wire.received == $a.wire.sent and
		$b.packets == $b.wire.taken and
		$b.wire.received == $b.packets + ([$b.drops[]] | add // 0)'
}

# churning WHAT OPTION...: keys and peers come and go beside it: nothing is lost, all that went is freed.
# A live peer gets its next key when the packets of its last one are through, which takes a while where
# an asynchronous device waits for a CPU.
churning()
{
	local what=$1 seconds

	shift
	for seconds in 0.4 2 8; do
		bench -- --mode loop --json --no-device --seconds $seconds --size 64 "$@" ||
			fail "churn: $*"
		expect "churn: $*" 'all(.drops == {} and .churn.lost == 0)'
		jq -e "all($what)" "$OUT/out" >/dev/null && return
	done
	expect "churn: $*" "all($what)"
}

churn()
{
	churning '.churn.key_installs_per_s > 0' --peers 512 --pattern random --key-installs 10000
	churning '.churn.key_installs_per_s > 0 and .churn.peer_adds_per_s > 0' \
		--key-installs max --peer-adds max --crypto-mode queue
	churning '.churn.key_installs_per_s > 0' --rekey others --key-installs max --lcores 2 --peers 16
	churning '.churn.key_installs_per_s > 0' --peers 16 --key-installs 5000 --peer-adds 1000 \
		--device crypto_scheduler
}

only=$#
[ $only -gt 0 ] || set -- lengths bursts peers short drivers stall stages ports churn
for part; do
	start=$SECONDS
	$part
	echo "$part: $((SECONDS - start)) s"
done
[ "$only" = 0 ] || exit 0
whole 64,1420 20000 --cipher null

# says LINE...: what the prompt makes of these commands
says()
{
	printf '%s\n' "$@" | bench -- -i --no-device "${PROMPT[@]}"
}

# the prompt: as often as wanted, each report whole; what is no value changes nothing
PROMPT=()
says 'set size 100' 'set peers 3' start 'show stats' 'stop' nonsense quit || fail "the prompt"
grep -q '^ *100 ' "$OUT/out" || fail "the prompt shows no result: $(cat "$OUT/out")"
says 'set peers 5x' 'set peers 0' 'set size 5x' 'show stats' || fail "the prompt, wrong values"
[ "$(tail -n 1 "$OUT/out")" = 'nothing runs: size 64, 1 peers' ] ||
	fail "the prompt takes wrong values: $(cat "$OUT/out")"
PROMPT=(--json)
says start stop 'set peers 2' start stop start stop || fail "the prompt, three runs"
jq -s -e 'map(.[0].peers) == [1, 2, 2]' "$OUT/out" >/dev/null ||
	fail "the prompt, three runs: $(cat "$OUT/out")"
PROMPT=(--device crypto_none)
says start quit && fail "a prompt that could not start says all is well"

# lines while it runs
bench -- --seconds 1 --stats-period 0.1 --size 64 --no-device || fail "--stats-period"
[ "$(grep -c 'so far: [1-9][0-9]* packets, [1-9]' "$OUT/err")" -ge 3 ] ||
	fail "--stats-period 0.1 has other lines"

# a signal ends it
rm -f "$OUT/c.in"
mkfifo "$OUT/c.in"
"$BENCH" --no-huge -m 256 --no-pci --file-prefix "$PREFIX" --log-level='*:error' \
	--lcores "(0-1)@($CPUS)" -- -i --no-device <"$OUT/c.in" >"$OUT/out" 2>"$OUT/err" &
pid=$!
exec 3>"$OUT/c.in"
echo start >&3
until_said 'encap started' "$OUT/out"
kill -INT $pid
for _ in $(seq 300); do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
kill -KILL $pid 2>/dev/null && fail "the prompt does not end by a signal"
wait $pid || fail "the prompt, ended by a signal: status $?"
exec 3>&-

# what is wrong with our options, and what they are, is said without EAL
"$BENCH" --no-such-eal-option -- --mode up 2>"$OUT/err" && fail "--mode up is accepted"
grep -q 'one of encap, decap' "$OUT/err" && [ "$(wc -l <"$OUT/err")" = 1 ] ||
	fail "a wrong option is not told first"
for words in '-- --help' '--help' '--no-such-eal-option -- -h'; do
	# shellcheck disable=SC2086
	"$BENCH" $words >"$OUT/out" 2>"$OUT/err" || fail "$words"
	grep -q '^Usage: ovpn-dpdk-bench' "$OUT/out" && [ ! -s "$OUT/err" ] || fail "$words: other words"
done

refused 'one of encap, decap' --mode up
refused 'number from 1 to 9000' --size 0
refused 'number from 1 to 9000' --size 9001
refused 'number from 1 to 9000' --size 80-20
refused 'whole number from 1 to 1000000' --peers 0
refused 'one of rr, random, zipf' --pattern some
refused 'one of AES-128-GCM' --cipher DES
refused 'one of auto, cpu, queue' --crypto-mode fast
refused 'whole number from 1 to 512' --burst 513
refused 'whole number from 32 to 1024' --window 31
refused 'needs .* EAL lcores' --lcores 8
refused 'number of seconds' --seconds soon
refused '4 or 6' --inner 5
refused 'no option' extra
refused 'unrecognized' --nonsense
"$BENCH" -l 0,1 2>"$OUT/err" && fail "-l 0,1 without a '--' is accepted"
grep -q "EAL options stand before a '--'" "$OUT/err" || fail "-l 0,1 without a '--': other words"
refused 'needs a --port' --static-peers /nonexistent
refused 'No such file' --static-peers /nonexistent --port net_null0
refused 'one of --static-peers' --side a
refused 'one of a, b' --side c
refused 'whole number from 1 to 512' --burst 0
refused 'whole number from 1 to 512' --burst many
refused 'whole number from 1 to 128' --lcores 0
refused 'whole number from 1 to 128' --lcores 129
refused 'fewer peers than lcores' --lcores 2
refused 'whole number from 1 to 1000000000' --packets 0
refused 'number of seconds' --seconds 0
refused 'number of seconds' --stats-period never
refused '4 or 6' --outer 46
refused 'at least one size' --size ,
refused 'at most 16 sizes' --size "$(seq -s , 17)"
refused 'too long a list' --size "$(seq -s , 100)"
# shellcheck disable=SC2046
refused 'at most 8 ports' $(printf -- '--port net_null%d ' 0 1 2 3 4 5 6 7 8)
refused 'cannot be made' --port net_nothing0
refused 'it has no ports' --mode crypto --port net_null0
refused 'leaves nothing' --mode crypto --no-device
refused 'requires an argument' --mode
refused "doesn't allow an argument" --json=yes
# wrong_pair WORDS LINE: refused so, if it stands in the file
wrong_pair()
{
	echo "$2" >"$OUT/pair"
	refused "pair:1: $1" --static-peers "$OUT/pair" --side a --port net_null0
}
wrong_pair 'peers: a whole number' 'peers none'
wrong_pair 'peers: a whole number' 'peers 1000001'
wrong_pair 'seed: a number' 'seed -1'
wrong_pair 'no such cipher' 'cipher null'
wrong_pair 'no such word' 'keys 5'
wrong_pair 'a value is missing' 'seed'
wrong_pair 'too many words' 'seed 1 2'
wrong_pair 'too many words' 'a 198.18.0.1:1194 02:00:00:00:00:0a b'
wrong_pair 'an address with its port' 'a 198.18.0.1 02:00:00:00:00:0a'
wrong_pair 'a MAC address' 'a 198.18.0.1:1194 02:00'
wrong_pair 'both sides' 'b 198.18.0.1:1194 02:00:00:00:00:0a'
pair AES-256-GCM
refused 'needs --side' --static-peers "$OUT/pair" --port net_null0
sed 's/198.18.0.2/[2001:db8::2]/' -i "$OUT/pair"
refused 'one IP version' --static-peers "$OUT/pair" --side a --port net_null0
sed 's/198.18.0.1/[2001:db8::1]/' -i "$OUT/pair"
bench -- --static-peers "$OUT/pair" --side a --port net_null0 --packets 100 --size 64 ||
	fail "a pair of IPv6"
grep -q '20 peers rr, outer IPv6, .* 100 packets each' "$OUT/out" ||
	fail "a pair of IPv6: $(head -n 1 "$OUT/out")"
refused 'cannot be made: No such device$' --device crypto_none
refused 'whole number from 0 to 10000000, or max' --key-installs many
refused 'whole number from 0 to 10000000, or max' --key-installs -1
refused 'whole number from 0 to 10000000, or max' --peer-adds 10000001
refused 'one of live, others' --rekey some
refused 'needs one above 0' --rekey live
refused 'needs one above 0' --rekey others --peer-adds 1
refused 'needs one above 0' --key-installs 0 --rekey others
refused 'has no peers' --mode crypto --key-installs 1
refused 'far end' --port net_null0 --peer-adds 1
refused 'waits for commands' -i --key-installs 1
refused 'show stats' -i --stats-period 1
refused 'no null cipher' --cipher null --device crypto_aesni_gcm
echo "ok"
