#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_cli.sh OVPN-DPDKCTL CTL_SERVE: what an operator sees, first without a daemon, then against
# the real ctl_answer() over a fake data plane.

ctl=$1
serve=$2
dir=$(mktemp -d)
sock=$dir/ctl.sock
export OVPN_DPDK_CTL_SOCKET=$sock
server=
failed=0

cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

# expect STATUS STDOUT STDERR ARGUMENTS...: exactly these.
expect() {
	local status=$1 out=$2 err=$3
	shift 3
	"$ctl" "$@" >"$dir/out" 2>"$dir/err"
	local got=$?
	# how long the daemon has counted depends on the machine
	sed -i -E '/^counting for/s/ +[0-9][0-9.ms]*$/           0.Xs/' "$dir/out"
	if [ $got -ne "$status" ] || [ "$(cat "$dir/out")" != "$out" ] ||
		[ "$(cat "$dir/err")" != "$err" ]; then
		echo "FAILED: ovpn-dpdkctl $*"
		echo "status $got, expected $status"
		diff <(echo "$out") "$dir/out"
		diff <(echo "$err") "$dir/err"
		failed=1
	fi
}

# wrong MESSAGE ARGUMENTS...: one line with a hint, status 2.
wrong() {
	local message=$1
	shift
	expect 2 "" "ovpn-dpdkctl: $message (see ovpn-dpdkctl --help)" "$@"
}

check() {
	local what=$1
	shift
	if ! "$@"; then
		echo "FAILED: $what"
		failed=1
	fi
}

start_server() {
	[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; }
	rm -f "$sock"
	"$serve" "$sock" "$1" &
	server=$!
	for _ in $(seq 600); do
		"$ctl" show pools >/dev/null 2>&1 && return
		sleep 0.05
	done
	echo "FAILED: ctl_serve does not answer"
	exit 1
}

things="peers, routes, neighbours, drops, stats, ports, lcores, crypto, instances, pools, memory"
absent="ovpn-dpdkctl: no ovpn-dpdkd answers on $sock: is it running? (systemctl status ovpn-dpdkd)"

# --- without a daemon
expect 3 "" "$absent" show peers
expect 3 "" "$absent" show drops --json
expect 3 "" "${absent//$sock/$dir/other}" --socket "$dir/other" show peers
expect 3 "" "${absent//$sock/$dir/other}" show peers --socket="$dir/other"
expect 3 "" "ovpn-dpdkctl: '' cannot be a socket's path: 1 to 107 characters" -s "" show peers
touch "$dir/file"
expect 3 "" "${absent//$sock/$dir/file}" -s "$dir/file" show peers
wrong "say what to do: show, clear, run or check"
wrong "unknown command 'shwo': one of show, clear, run, check, help" shwo
wrong "say which thing: one of $things" show
wrong "unknown thing 'keys': one of $things" show keys
expect 3 "" "$absent" clear stats
wrong "say which thing: one of stats" clear
wrong "unknown thing 'peers': one of stats" clear peers
wrong "clear stats takes no 'now'" clear stats now
wrong "unknown option '--all'" clear stats --all
wrong "'p' may be peers or ports" show p
wrong "unknown option '--jsn'" show peers --jsn
wrong "unknown option '--bogus'" --bogus show peers
wrong "unknown option '-x'" show peers -x
wrong "--watch needs a value" show peers --watch
wrong "--watch must be a number up to 86400, not 'often'" show peers --watch often
wrong "unknown filter 'tun0': one of instance, peer" show peers tun0
wrong "'instance' needs a value" show peers instance
wrong "a peer's id must be a number up to 16777214, not 'x'" show peers peer x
wrong "a peer's id must be a number up to 16777214, not '16777215'" show peers 16777215
check "--version" grep -qx 'ovpn-dpdkctl [0-9.]*' <("$ctl" --version)
check "--help" grep -q '^usage: ovpn-dpdkctl' <("$ctl" --help)
check "show --help" grep -q '^usage: ovpn-dpdkctl' <("$ctl" show --help)
for thing in ${things//,/}; do
	check "help has show $thing" grep -q "^show $thing " <("$ctl" help)
done
check "help" diff <("$ctl" help) <("$ctl" -h)

# --- run: its words; what it starts is tested with a daemon
check "run --help" grep -q '^usage: ovpn-dpdkctl run' <("$ctl" run --help)
nobody="ovpn-dpdkctl: no daemon answers on $dir/other: start ovpn-dpdkd first (No such file or directory)"
expect 3 "" "$nobody" run --socket "$dir/other" -- true
expect 3 "" "$nobody" run --socket="$dir/other" true --version
expect 3 "" "$nobody" run -s "$dir/other" -- true
wrong "run has a socket of its own: run --socket PATH -- ..." --socket "$dir/other" run -- true
for words in '' '--' '--bogus -- true' '--socket'; do
	# shellcheck disable=SC2086
	"$ctl" run $words >"$dir/out" 2>"$dir/err"
	check "run $words: wrong usage" [ $? -eq 2 ]
	check "run $words: says how" grep -q '^usage: ovpn-dpdkctl run' "$dir/err"
done

# --- an openvpn configuration, which needs no daemon
printf 'dev tun\ntopology subnet\nserver 10.8.0.0 255.255.255.0\nclient-to-client\n' >"$dir/good"
expect 0 "$(cat <<END
$dir/good:4:1: client-to-client
    note with openvpn 2.6 and 2.7: packets between clients go through the kernel, whose routes and firewall decide
    instead: remove the line; allow or forbid them in the firewall
$dir/good: openvpn 2.6 keeps its offload
$dir/good: openvpn 2.7 keeps its offload
END
)" "" check "$dir/good"
printf '# x\ndev tun\nconfig %s/more\nserver 10.8.0.0 255.255.255.0\n' "$dir" >"$dir/bad"
printf '\ncomp-lzo no\n' >"$dir/more"
expect 1 "$(cat <<END
$dir/more:2:1: comp-lzo no
    lost with openvpn 2.6 and 2.7: with it, even with "no" or "stub", packets have a byte that no offload knows
    instead: remove it at both ends; a server whose clients still have it: compress migrate
$dir/bad:4:1: server 10.8.0.0 255.255.255.0
    lost with openvpn 2.6: without a topology a server of 2.6 has net30, which is not offloaded
    instead: topology subnet, as a line of its own
$dir/bad: openvpn 2.6 gets no offload: 2 reasons
$dir/bad: openvpn 2.7 gets no offload: 1 reason
END
)" "" check "$dir/bad"
sed -i 2d "$dir/more"
check "2.7 has topology subnet by itself" "$ctl" check -o 2.7 "$dir/bad" >"$dir/out"
"$ctl" check --openvpn 2.6 "$dir/bad" >/dev/null
check "2.6 has not" [ $? -eq 1 ]
check "JSON" jq -e '. == [{file: $f, line: 4, column: 1, directive: "server 10.8.0.0 255.255.255.0",
	effect: "lost", openvpn: ["2.6"], why: .[0].why, instead: .[0].instead}]' --arg f "$dir/bad" \
	<("$ctl" check --json "$dir/bad")
mkdir "$dir/ccd"
printf 'cd %s\nclient-config-dir ccd\npush "compress lzo"\n' "$dir" | cat "$dir/good" - >"$dir/clients"
printf 'ifconfig-push 10.8.0.2 255.255.255.0\n' | tee "$dir/ccd/b~" >"$dir/ccd/a"
printf '\ncomp-lzo no\nno "end\n' >"$dir/ccd/b"
expect 1 "$(cat <<END
$dir/clients:4:1: client-to-client
    note with openvpn 2.6 and 2.7: packets between clients go through the kernel, whose routes and firewall decide
    instead: remove the line; allow or forbid them in the firewall
$dir/clients:7:16: push compress lzo
    shuts out with openvpn 2.6 and 2.7: clients that obey put a byte before each packet, which no offload knows; the others do not connect
    instead: compress migrate, which tells each client what it needs to hear
$dir/ccd/b:2:1: comp-lzo no
    shuts out with openvpn 2.6 and 2.7: this client is turned away: an offload knows no such packets
    instead: remove the line; compress migrate in the server's own file
$dir/ccd/b:3:1:
    note with openvpn 2.6 and 2.7: openvpn leaves the line out: the quotation is not closed: no second "
    instead: a line that openvpn can read
$dir/clients: openvpn 2.6 keeps its offload, but 2 lines shut clients out
$dir/clients: openvpn 2.7 keeps its offload, but 2 lines shut clients out
END
)" "" check "$dir/clients"
rm "$dir/ccd/b"
sed -i '/^push/d' "$dir/clients"
check "clients' files without a fault" "$ctl" check "$dir/clients" >"$dir/out"
chmod 700 "$dir/ccd"
chmod 755 "$dir"
check "clients' files that only root reads" setpriv --reuid 65534 --clear-groups \
	"$ctl" check "$dir/clients" >"$dir/out"
check "are not looked at, and it says so" \
	grep -q "depends .*not looked at: cannot read $dir/ccd: Permission denied" "$dir/out"
expect 2 "" "ovpn-dpdkctl: cannot read $dir/nothing: No such file or directory" check "$dir/nothing"
for words in '' "$dir/good $dir/bad" "--openvpn 2.5 $dir/good" "--all $dir/good"; do
	# shellcheck disable=SC2086
	"$ctl" check $words >"$dir/out" 2>"$dir/err"
	check "check $words: wrong usage" [ $? -eq 2 ]
	check "check $words: says how" grep -q '^usage: ovpn-dpdkctl check' "$dir/err"
done
check "and what is wrong" grep -q "unknown option --all" "$dir/err"
printf 'dev x0\ndev-type tun\nclient\nuser nobody\n' >"$dir/x0"
check "root may become another user" "$ctl" check "$dir/x0"
setpriv --bounding-set -setpcap "$ctl" check "$dir/x0" >"$dir/out"
check "but not without CAP_SETPCAP" [ $? -eq 1 ]
check "CAP_SETPCAP" grep -q 'lost .*CAP_SETPCAP' "$dir/out"
chmod 755 "$dir"
check "who starts openvpn is not known" setpriv --reuid 65534 --clear-groups "$ctl" check "$dir/x0"
for made in 'x0 type bridge|1' 'x0 address 02:6f:76:00:00:01 type bridge|0' 'x1 type bridge|0'; do
	# shellcheck disable=SC2016
	unshare -n sh -c 'ip link add $1 && "$2" check "$3"' - "${made%|*}" "$ctl" "$dir/x0" >"$dir/out"
	check "a device ${made%|*}" [ $? -eq "${made#*|}" ]
done

# --- a daemon without anything
start_server none
expect 0 "no peers" "" show peers
expect 0 "no routes to peers" "" show routes
expect 0 "no next hops in use" "" show neighbours
expect 0 "no packet was dropped" "" show drops
expect 0 "no ports" "" show ports
expect 0 "no workers" "" show lcores
expect 0 "no crypto devices" "" show crypto
expect 0 "no openvpn is attached" "" show instances
expect 0 "no pools" "" show pools
expect 0 "[]" "" show peers --json
expect 1 "" "ovpn-dpdkctl: no instance has the device 'tun9': none is attached" \
	show peers instance tun9

# --- a daemon with five peers, 0 and 4 of them gone
start_server 5
expect 0 "$(cat <<'END'
INSTANCE               PEER  STATE    REMOTE              VPN ADDRESSES     RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  LAST RX  LAST TX  DROPPED  KEEPALIVE  KEY
tun1      5, to it 11719749  no path  [2001:db8::9]:5000  fd00::2                   15   4.7 GiB          20   2.0 KiB     1.2s    1m15s        0      10/60  1 AES-256-GCM
tun0                      1  up       198.51.100.7:40001  10.8.0.2 fd00::2          11   4.7 GiB          20   2.0 KiB     1.2s    1m15s        5      10/60  1 AES-256-GCM
tun0                      2  up       198.51.100.7:40001  10.8.0.2 fd00::2          12   4.7 GiB          20   2.0 KiB     1.2s    1m15s        0      10/60  1 AES-256-GCM
tun0                      3  up       198.51.100.7:40001  10.8.0.2 fd00::2          13   4.7 GiB          20   2.0 KiB     1.2s    1m15s        0      10/60  1 AES-256-GCM
END
)" "" sh pe
expect 0 "$(cat <<'END'
instance       tun0
peer           1
state          up
remote         198.51.100.7:40001
local          192.0.2.1:1194
vpn addresses  10.8.0.2 fd00::2
mac            02:6f:76:00:01:02
floats         3
keepalive      10/60
last received  1.2s
last sent      1m15s
fragmented     7

                     PACKETS       BYTES    ABOUT
from peers, inside        11  5000000000  4.7 GiB
to peers, inside          20        2048  2.0 KiB
from peers, outside       11  5000000264  4.7 GiB
to peers, outside         21        2552  2.5 KiB

KEY  SLOT       CIPHER               AGE  IDS SENT  TOP ID RECEIVED  FAILED  USE
  1  primary    AES-256-GCM        1h02m        21               11       2  both ways, worn out: blocks
  0  secondary  CHACHA20-POLY1305  2h02m         1                9       0  receives

DROPPED  REASON       WHAT IT MEANS
      3  replayed     the packet id was seen before
      2  auth-failed  decryption failed: forged, damaged, or another key

last drop 4.3s ago: auth-failed, packet id 17, from 203.0.113.66:666
END
)" "" show peer 1
expect 0 "$(cat <<'END'
instance  tun0
peer      4
state     gone: expired

                     PACKETS       BYTES    ABOUT
from peers, inside        14  5000000000  4.7 GiB
to peers, inside          20        2048  2.0 KiB
from peers, outside       11  5000000264  4.7 GiB
to peers, outside         21        2552  2.5 KiB
END
)" "" show peers inst tun0 peer 4
expect 0 "$(cat <<'END'
   COUNT  REASON              WHAT IT MEANS
       3  replayed            the packet id was seen before
18446744  no-peer             no peer has this id
       6  agent-openvpn-busy  openvpn did not read its control packets in time
END
)" "" show drops
expect 0 "$(cat <<'END'
openvpn instances         2
peers                     4
gone peers                2
dropped packets    18446753
floats                    2
floats refused            1
fragmented paths          1
keys worn out             3
rekeys asked for          4
counting for           0.Xs

                     PACKETS        BYTES     ABOUT
from peers, inside        51  20000000000  18.6 GiB
to peers, inside          80         8192   8.0 KiB
from peers, outside       44  20000001056  18.6 GiB
to peers, outside         84        10208  10.0 KiB

workers                  2
packets received       600
packets decrypted      500
packets encrypted      400
packets to openvpn      60
packets to the kernel   40
keepalives received     30
fragments received      20
fragments sent          10
TCP sizes lowered        6
packets in crypto        4

packets from the kernel      410
  read in calls               41
packets given to the kernel  540
  written in calls            54
END
)" "" show stats
expect 0 "$(cat <<'END'
PORT    DEVICE       DRIVER      MAC                LINK   MTU  QUEUES  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  MISSED  NO MBUF  TX DROPPED
outer0  net_af_xdp0  net_af_xdp  02:00:00:00:00:00  10G   1500     2/3        1000   1.4 MiB         900     900 B       1        2           3
outer1  net_af_xdp1  net_af_xdp  02:00:00:00:00:01  down  1500     2/3        1000   1.4 MiB         900     900 B       1        2           3
END
)" "" show ports
expect 0 "$(cat <<'END'
LCORE  BUSY %  CYCLES/PACKET  PACKETS/BURST  RECEIVED  DECAP  ENCAP  CONTROL  HOST  IN CRYPTO  SLEEPS  STATE
    1    25.0           1000            7.5       600    500    400       60    40          4      77  runs
    2       -              -              -         0      0      0        0     0          0      77  stuck
END
)" "" show lcores
expect 0 "$(cat <<'END'
DEVICE            DRIVER            MODE   SESSIONS     OF  CIPHERS
crypto_aesni_gcm  crypto_aesni_gcm  cpu           0  16384  AES-128-GCM AES-192-GCM AES-256-GCM
crypto_aesni_mb   crypto_aesni_mb   queue         2  16384  AES-128-GCM AES-192-GCM AES-256-GCM CHACHA20-POLY1305
END
)" "" show crypto
expect 0 "$(cat <<'END'
INSTANCE  ID  IFINDEX  MODE        PEERS  PROGRAM     PID  SOCKETS
tun0       7       12  multi-peer      5  openvpn    4242  0.0.0.0:1194 [::]:1194
tun1       3       12  p2p             1  o?vpn?[2J  4242  0.0.0.0:1194
END
)" "" show instances
expect 0 "$(cat <<'END'
POOL  IN USE  SIZE  USED %  ELEMENT BYTES
rx0     1024  8191    12.5           2688
END
)" "" show pools
expect 0 "$(cat <<'END'
INSTANCE  PREFIX          PEER  VIA       TABLE  METRIC  SOURCE
tun1      10.8.0.2           5  -         -           -  vpn-address
tun1      192.168.7.0/24     5  10.8.0.2  main      100  kernel-route
tun1      ::/0               -  fd00::9   77          0  kernel-route
tun0      10.0.0.0           0  10.8.0.9  main        0  kernel-route
tun0      10.0.0.1           1  10.8.0.9  main        0  kernel-route
tun0      10.0.0.2           2  10.8.0.9  main        0  kernel-route
tun0      10.0.0.3           0  10.8.0.9  main        0  kernel-route
tun0      10.0.0.4           1  10.8.0.9  main        0  kernel-route
END
)" "" show routes
expect 0 "$(cat <<'END'
INSTANCE  PREFIX          PEER  VIA       TABLE  METRIC  SOURCE
tun1      10.8.0.2           5  -         -           -  vpn-address
tun1      192.168.7.0/24     5  10.8.0.2  main      100  kernel-route
END
)" "" show routes peer 5
expect 0 "$(cat <<'END'
PORT    ADDRESS    MAC                STATE              PEERS
outer0  192.0.0.0  02:00:00:00:00:07  managed REACHABLE      1
outer0  192.0.0.1  -                  INCOMPLETE             2
END
)" "" show neighbours
expect 1 "" "ovpn-dpdkctl: show neighbours takes no 'peer'" show neighbours peer 3
expect 1 "" "ovpn-dpdkctl: no instance has the device 'tun9': there are tun1, tun0" \
	show peers instance tun9
expect 1 "" "ovpn-dpdkctl: no instance has the device 'tun9': there are tun1, tun0" \
	show routes instance tun9
expect 1 "" "ovpn-dpdkctl: no peer 99" show peer 99
expect 1 "" "ovpn-dpdkctl: no peer 99999 in instance tun0" show peer 99999 instance tun0
expect 1 "" "ovpn-dpdkctl: show ports takes no 'peer'" show ports peer 3
check "--all shows the gone" [ "$("$ctl" show peers --all | grep -c 'gone: expired')" -eq 2 ]
check "show drops --all shows zeros" grep -q '^ *0  auth-failed' <("$ctl" show drops -a)
check "JSON numbers are exact" grep -q '"vpn_rx_bytes": 5000000000' <("$ctl" show peers -j)

# --- where the output goes
"$ctl" show peers >/dev/full 2>"$dir/err"
check "a full disk is an error" [ $? -eq 1 ]
check "a full disk is told" \
	grep -qx 'ovpn-dpdkctl: cannot write the output: No space left on device' "$dir/err"
"$ctl" show peers >&- 2>"$dir/err"
check "a closed stdout is an error" [ $? -eq 1 ]
check "a closed stdout is told" grep -q 'cannot write the output' "$dir/err"
timeout 60 "$ctl" show drops --watch 1 >"$dir/out" &
for _ in $(seq 200); do
	[ "$(grep -c COUNT "$dir/out")" -lt 2 ] || break
	sleep 0.1
done
kill $!
wait $!
check "--watch repeats" [ "$(grep -c COUNT "$dir/out")" -ge 2 ]

# --- an operator's zero point
expect 0 "" "" clear stats
expect 0 "{}" "" clear stats --json
check "drops begin anew and say so" grep -q "^counted since .clear stats., [0-9.]*s ago\$" \
	<("$ctl" show drops)
check "and show nothing" grep -qx 'no packet was dropped' <("$ctl" show drops)
check "ports begin anew" grep -q '^outer0 .* 1500  *2/3  *0  *0 B  *0  *0 B  *0  *0  *0$' \
	<("$ctl" show ports)
check "stats say so" grep -q '^counting for .*(cleared)$' <("$ctl" show stats)
check "JSON is the answer alone" [ "$("$ctl" show drops --json)" = "[]" ]

# --- 65,536 peers in pages
start_server 65536
check "all pages arrive" [ "$("$ctl" show peers --all | wc -l)" -eq 65538 ]
# each fourth of tun0 is gone, the others have received 10 packets and as many as their id
stats() { "$ctl" show stats --json | jq "$1"; }
check "stats are of all pages: peers" [ "$(stats .peers)" -eq 49153 ]
check "stats are of all pages: gone peers" [ "$(stats .gone_peers)" -eq 16384 ]
check "stats are of all pages: packets" \
	[ "$(stats .peer_totals.vpn_rx_packets)" -eq $((65536 * 65535 / 2 - 2 * 16384 * 16383 + 491530 + 5)) ]
check "stats are of all pages: what all have in common counts once" [ "$(stats .worker_totals.rx_packets)" -eq 600 ]
"$ctl" show peers --all 2>"$dir/err" | head -n 1 >"$dir/out"
check "a pipe that closes early gets its line" grep -q '^INSTANCE' "$dir/out"
check "a pipe that closes early is quiet" [ ! -s "$dir/err" ]

exit $failed
