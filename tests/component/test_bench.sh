#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_bench.sh BENCH: ovpn-dpdk-bench keeps count and compares bytes, in every mode, with every
# kind of device and port; wrong options are refused in words. Under a minute in all.

set -u -o pipefail
BENCH=$1
PREFIX=bench-test-$$
OUT=$(mktemp -d) || exit 1
trap 'rm -rf "$OUT" "/var/run/dpdk/$PREFIX" "/tmp/dpdk/$PREFIX"' EXIT
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
	"$BENCH" --no-huge -m 768 --no-pci --file-prefix "$PREFIX" --log-level='*:error' \
		--lcores "(0-3)@($CPUS)" "$@" >"$OUT/out" 2>"$OUT/err"
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

refused()
{
	local words=$1

	shift
	bench -- "$@" && fail "$* is accepted"
	grep -q -e "$words" "$OUT/err" || fail "$* is refused without '$words'"
}

# every inner length once, each cipher, both families
for cipher in AES-128-GCM AES-192-GCM AES-256-GCM CHACHA20-POLY1305; do
	whole 20-9000 8981 --cipher $cipher
	whole 40-9000 8961 --cipher $cipher --inner 6 --outer 6
done

# both back ends, bursts around the edges
for mode in cpu queue; do
	for burst in 1 2 31 32 33 512; do
		whole 20,21,63,64,65,127,512,1420,1500,9000 4096 --crypto-mode $mode --burst $burst
	done
done
whole 64,imix 20000 --peers 300 --pattern zipf
whole 64,imix 20000 --peers 300 --pattern random --lcores 2
whole 64 20000 --device \
	crypto_scheduler0,worker=crypto_aesni_mb_s,mode=multi-core,coremask=0x8 \
	--crypto-mode queue
whole 64,1420 20000 --cipher null

# what is shorter than an IP header is dropped, and counted
bench -- --mode loop --json --no-device --packets 4096 --size 1-19 || fail "short packets"
jq -e '.[0] | .packets == 0 and .drops == {"inner-malformed": 4096}' "$OUT/out" >/dev/null ||
	fail "short packets: $(cat "$OUT/out")"

# the other modes, and ports
for mode in encap decap crypto; do
	bench -- --mode $mode --json --packets 8192 --size 64,imix || fail "mode $mode"
	jq -e --arg m $mode 'all(.mode == $m and .cycles_per_packet > 0 and .mpps > 0)' "$OUT/out" \
		>/dev/null || fail "mode $mode: $(cat "$OUT/out")"
done
jq -e 'all(.device_cycles_per_op > 0 and .ratio == 1)' "$OUT/out" >/dev/null || fail "crypto"
for mode in encap decap loop; do
	bench -- --mode $mode --json --seconds 0.2 --size 64 --port net_null0 || fail "$mode, net_null"
done
bench --vdev net_ring0 -- --mode loop --json --seconds 0.2 --size 64,1420 --port net_ring0 ||
	fail "net_ring"
jq -e 'all(.packets > 1000 and .drops == {})' "$OUT/out" >/dev/null ||
	fail "net_ring: $(cat "$OUT/out")"

# keys and peers that come and go beside it: nothing is lost, and all that went is freed
churn()
{
	local what=$1

	shift
	bench -- --mode loop --json --no-device --seconds 0.4 --size 64 "$@" || fail "churn: $*"
	jq -e "all(.drops == {} and .churn.lost == 0 and $what)" \
		"$OUT/out" >/dev/null || fail "churn, $what: $(cat "$OUT/out")"
}
churn '.churn.key_installs_per_s > 0' --peers 512 --pattern random --key-installs 10000
churn '.churn.key_installs_per_s > 0 and .churn.peer_adds_per_s > 0' \
	--key-installs max --peer-adds max --crypto-mode queue
churn '.churn.key_installs_per_s > 0' --rekey others --key-installs max --lcores 2 --peers 16
churn '.churn.key_installs_per_s > 0' --peers 16 --key-installs 5000 --peer-adds 1000 \
	--crypto-mode queue --device \
	crypto_scheduler0,worker=crypto_aesni_mb_s,mode=multi-core,coremask=0x8

# the stages are the whole
bench -- --mode decap --json --seconds 1 --size 512 || fail "stages"
jq -e '.[0] | ([.stages[]] | add) - .stages.source | . > 0' "$OUT/out" >/dev/null ||
	fail "stages: $(cat "$OUT/out")"

# the prompt
printf 'set size 100\nset peers 3\nstart\nshow stats\nstop\nnonsense\nquit\n' |
	bench -- -i --no-device || fail "the prompt"
grep -q '^ *100 ' "$OUT/out" || fail "the prompt shows no result: $(cat "$OUT/out")"

refused 'one of encap, decap' --mode up
refused 'number from 1 to 9000' --size 0
refused 'number from 1 to 9000' --size 9001
refused 'number from 1 to 9000' --size 80-20
refused 'whole number from 1 to 1000000' --peers 0
refused 'one of rr, random, zipf' --pattern some
refused 'one of AES-128-GCM' --cipher DES
refused 'one of auto, cpu, queue' --crypto-mode fast
refused 'whole number from 1 to 512' --burst 513
refused 'needs .* EAL lcores' --lcores 8
refused 'number of seconds' --seconds soon
refused '4 or 6' --inner 5
refused 'no option' extra
refused 'unrecognized' --nonsense
refused 'needs a --port' --static-peers /nonexistent
refused 'No such file' --static-peers /nonexistent --port net_null0
echo 'peers none' >"$OUT/pair"
refused 'pair:1: peers: a whole number' --static-peers "$OUT/pair" --port net_null0
refused 'whole number from 0 to 10000000, or max' --key-installs many
refused 'whole number from 0 to 10000000, or max' --key-installs -1
refused 'whole number from 0 to 10000000, or max' --peer-adds 10000001
refused 'one of live, others' --rekey some
refused 'has no peers' --mode crypto --key-installs 1
refused 'far end' --port net_null0 --peer-adds 1
refused 'waits for commands' -i --key-installs 1
refused 'no null cipher' --cipher null --device crypto_aesni_gcm
echo "ok"
