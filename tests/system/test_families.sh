#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Inner IPv4 and IPv6 over outer IPv4 and IPv6, small and large packets, from both ends.
#
#   c1 --- outer IPv4 ---+
#                        +--- wire --- srv: one dual-stack socket
#   c2 --- outer IPv6 ---+

NAME='inner 4 and 6 over outer 4 and 6'
. "$(dirname "$0")/lib.sh"

begin
topology 2
certificates server c1 c2
daemon_start
server_start
client_start 1 4
client_start 2 6
offloaded

# 1372: about the largest that needs no outer fragments; 1472: full packets of the default tun-mtu,
# which always do; 4000: fragments inside as well. IPv6 headers are 20 bytes longer.
for size in 0 56 1372 1472 4000; do
	for n in 1 2; do
		ping_all "c$n" 20 0.02 10.8.0.1 "$size"
		ping_all "c$n" 20 0.02 fd08::1 "$((size < 20 ? size : size - 20))"
		ping_all srv 20 0.02 "10.8.0.1$n" "$size"
		ping_all srv 20 0.02 "fd08::1$n" "$((size < 20 ? size : size - 20))"
	done
done
passed
