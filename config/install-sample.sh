#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# install-sample.sh FILE: installs the sample where the daemon looks, but never over an operator's own.
target="${DESTDIR:-}/etc/ovpn-dpdk/ovpn-dpdk.yaml"
[ -e "$target" ] || install -D -m 0644 "$1" "$target"
