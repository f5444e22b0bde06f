# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What building, testing and the demo need, by the names of Debian 12.

PACKAGES=(
	# build
	gcc libc6-dev pkg-config meson ninja-build
	libdpdk-dev libipsec-mb-dev libssl-dev libcyaml-dev libyaml-dev libmnl-dev libjansson-dev
	# unit tests
	libcmocka-dev
	# run: DPDK's drivers are plugins, nothing pulls them in
	dpdk openvpn
	librte-mempool-ring23
	librte-net-af-xdp23 librte-net-memif23 librte-net-null23 librte-net-pcap23
	librte-net-ring23 librte-net-tap23
	librte-common-qat23 librte-crypto-ipsec-mb23 librte-crypto-null23
	librte-crypto-openssl23 librte-crypto-scheduler23
	# system tests and demo
	ethtool iperf3 iproute2 iputils-ping jq nftables openssl procps python3 tshark
)
# shellcheck disable=SC2034 # test.sh
CHROOT_PACKAGES=(debootstrap) # the tier chroot

# install_packages [PACKAGE...]: installs what is missing, and these; asks nothing.
install_packages()
{
	local missing=() p

	for p in "${PACKAGES[@]}" "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
			missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	echo "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update </dev/null &&
		apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "${missing[@]}" \
			</dev/null >/dev/null
}
