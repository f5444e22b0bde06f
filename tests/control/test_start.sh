#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_start.sh OVPN-DPDKD: what the daemon refuses at start because memory does not hold it, in
# which words, and with which exit status. It says so before it opens a port.

daemon=$1
dir=$(mktemp -d)
prefix=ovpn-start-$$
failed=0

cleanup() {
	rm -rf "$dir" "/var/run/dpdk/$prefix"
}
trap cleanup EXIT

# config MEGABYTES MAX-PEERS [DESCRIPTORS]
config() {
	cat >"$dir/c.yaml" <<-END
		eal: [--no-huge, -m, "$1", --no-pci, --no-telemetry, -l, "0,1", --file-prefix, $prefix]
		max-peers: $2
		ports:
		  - name: start0
		    devargs: net_no_such_driver0
		    rx-descriptors: ${3:-1024}
		    tx-descriptors: ${3:-1024}
		sockets:
		  control: $dir/dco.sock
		  operator: $dir/ctl.sock
	END
}

# starts STATUS PATTERN: it ends with this status and says this.
starts() {
	"$daemon" --config "$dir/c.yaml" >"$dir/log" 2>&1
	local got=$?
	if [ $got -ne "$1" ] || ! grep -Eqx "$2" "$dir/log"; then
		echo "FAILED: $2"
		echo "status $got, expected $1"
		cat "$dir/log"
		failed=1
	fi
}

# unsaid PATTERN
unsaid() {
	if grep -Eq "$1" "$dir/log"; then
		echo "FAILED: said, but should not be: $1"
		cat "$dir/log"
		failed=1
	fi
}

n='[0-9]+'
config 512 1000000
starts 1 "ovpn-dpdkd: error: not enough memory for max-peers 1000000: packet buffers and workers need\
 $n MiB and the peers' keys $n MiB of EAL's memory, of which $n MiB are free: lower max-peers\
 \($n fit\), or give it more by -m in 'eal:'"
unsaid 'no ethdev comes of'

# as many as it says fit, and not one more
fit=$(grep -Eo '[0-9]+ fit' "$dir/log" | grep -Eo '[0-9]+')
config 512 "$fit"
starts 1 "ovpn-dpdkd: error: port start0: no ethdev comes of .*"
unsaid 'not enough memory'
config 512 $((fit + 1))
starts 1 "ovpn-dpdkd: error: not enough memory for max-peers .*"

config 96 10 8192
starts 1 "ovpn-dpdkd: error: not enough memory: packet buffers and workers need $n MiB of EAL's\
 memory, of which $n MiB are free: give it more by -m in 'eal:', or set fewer rx-descriptors and\
 tx-descriptors, or fewer workers"
unsaid 'no ethdev comes of'

config 256 4096
starts 1 "ovpn-dpdkd: error: port start0: no ethdev comes of .*"
unsaid 'not enough memory'

# 127 beside the program's name: 9 of the file, and so many more
extra() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo --no-huge
	done
}
# shellcheck disable=SC2046
starts_with() {
	local real=$daemon
	daemon="$dir/daemon"
	printf '#!/bin/sh\nexec "%s" %s -- "$@"\n' "$real" "$(extra "$1" | tr '\n' ' ')" >"$daemon"
	chmod +x "$daemon"
	starts "${@:2}"
	daemon=$real
}
starts_with 118 1 "ovpn-dpdkd: error: port start0: no ethdev comes of .*"
starts_with 119 1 "ovpn-dpdkd: error: EAL gets 127 arguments at most, .*"
unsaid 'no ethdev comes of'

exit $failed
