#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every cipher openvpn offloads, at the same time, on one server and one daemon.
#
#   c1 AES-256-GCM ---------+
#   c2 AES-192-GCM ---------+--- wire --- srv
#   c3 AES-128-GCM ---------+
#   c4 CHACHA20-POLY1305 ---+

NAME='AES-128, AES-192, AES-256-GCM and ChaCha20-Poly1305'
. "$(dirname "$0")/lib.sh"

ciphers=(none AES-256-GCM AES-192-GCM AES-128-GCM CHACHA20-POLY1305)

begin
topology 4
certificates server c1 c2 c3 c4
daemon_start
server_start 'data-ciphers AES-256-GCM:AES-192-GCM:AES-128-GCM:CHACHA20-POLY1305'
offloaded
for n in 1 2 3 4; do
	client_start $n 4 "data-ciphers ${ciphers[n]}"
	if on_dpdk; then
		used=$(peer_of "10.8.0.1$n" | jq -r '[.keys[] | select(.transmits)][0].cipher')
		[ "$used" = "${ciphers[n]}" ] ||
			fail "show peers says $used for the client that offers ${ciphers[n]} only"
	fi
done
# lengths around the block size, and the largest that needs no fragments
for size in 0 1 3 4 5 19 20 21 100 1300; do
	for n in 1 2 3 4; do
		ping_all "c$n" 10 0.02 10.8.0.1 "$size"
		ping_all srv 10 0.02 "10.8.0.1$n" "$size"
	done
done
passed
