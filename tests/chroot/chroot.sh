#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A later Debian beside this one, for tests of other versions of DPDK and openvpn: its packages in a
# folder, the kernel is the host's. Source it, or
#   tests/chroot/chroot.sh make SUITE DIR PACKAGE...
#   tests/chroot/chroot.sh run DIR COMMAND...
#
#   CHROOTS=FOLDER         where chroots are kept (default: build-chroot of the checkout); several
#                          checkouts may share one
#   CHROOT_BIND="DIR..."   folders of the host that commands inside see too, at the same paths
#
# Folders are named by absolute paths.

CHROOT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CHROOTS=${CHROOTS:-$CHROOT_ROOT/build-chroot}
CHROOT_NONE=77 # what Meson and automake call a skipped test

# chroot_dir SUITE: the folder that tests share for it.
chroot_dir() { printf '%s\n' "$CHROOTS/$1"; }

# Where this machine's own packages come from. Debian 12 and later have deb822 files, older machines
# lines of "deb URI suite ...".
chroot_mirror()
{
	cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list 2>/dev/null | awk '
		/^#/ { next }
		/^URIs:/ { print $2 }
		/^deb[ \t]/ { sub(/\[[^]]*\]/, ""); print $2 }' |
		grep -E '/debian/?$' | head -n 1
}

# chroot_missing DIR PACKAGE...: those that are not installed there. A name may be a pattern, as
# apt-get and dpkg-query understand it: librte-net-tap*
chroot_missing()
{
	local dir=$1 p

	for p in "${@:2}"; do
		dpkg-query --admindir="$dir/var/lib/dpkg" -W -f '${db:Status-Status}\n' "$p" \
			2>/dev/null | grep -qx installed || printf '%s\n' "$p"
	done
}

# chroot_base SUITE DIR LOG: debootstrap into a folder that gets its name only when it is whole. In
# a mount namespace of its own: what debootstrap mounts ends with it.
chroot_base()
{
	local suite=$1 dir=$2 log=$3 mirror script=()

	mirror=$(chroot_mirror)
	[ -n "$mirror" ] || {
		echo 'the sources of apt name no mirror of Debian' >"$log"
		return 1
	}
	# a suite younger than this debootstrap is made as unstable is
	[ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/sid)
	echo "making a chroot of $suite in $dir"
	rm -rf --one-file-system "$dir.part"
	unshare --mount debootstrap --variant=minbase "$suite" "$dir.part" "$mirror" "${script[@]}" \
		>"$log" 2>&1 </dev/null || return 1
	# apt gets its packages there as it does here
	{
		apt-config dump | grep -E '^Acquire::(Check-|http)'
		printf 'APT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n'
	} >"$dir.part/etc/apt/apt.conf.d/90chroot"
	cp -L /etc/resolv.conf /etc/hosts "$dir.part/etc/"
	# what is there can be made again: no need to wait for the disk
	echo force-unsafe-io >"$dir.part/etc/dpkg/dpkg.cfg.d/chroot"
	# no service starts
	printf '#!/bin/sh\nexit 101\n' >"$dir.part/usr/sbin/policy-rc.d"
	chmod +x "$dir.part/usr/sbin/policy-rc.d"
	mv "$dir.part" "$dir"
}

# chroot_add DIR LOG PACKAGE...
chroot_add()
{
	# shellcheck disable=SC2016 # sh expands it
	chroot_run "$1" env DEBIAN_FRONTEND=noninteractive sh -c '
		dpkg --configure -a && apt-get -qq update &&
		apt-get -qq -y -o Dpkg::Use-Pty=0 install "$@" && apt-get -qq clean' \
		- "${@:3}" >"$2" 2>&1 </dev/null
}

# chroot_make SUITE DIR PACKAGE...: makes it or adds what is missing; returns 77, and says so, when
# that cannot be. Several may call it at once.
chroot_make()
{
	local suite=$1 dir=$2 lock missing=() ret=0

	mkdir -p "$(dirname "$dir")"
	exec {lock}>"$dir.lock"
	flock "$lock"
	if [ -d "$dir" ] || chroot_base "$suite" "$dir" "$dir.log"; then
		mapfile -t missing < <(chroot_missing "$dir" "${@:3}")
		if [ ${#missing[@]} -gt 0 ]; then
			echo "installing in $dir: ${missing[*]}"
			chroot_add "$dir" "$dir.log" "${missing[@]}" || ret=$CHROOT_NONE
		fi
	else
		ret=$CHROOT_NONE
	fi
	exec {lock}>&-
	[ $ret = 0 ] || {
		printf '%s\n' "NOT TESTED: there is no Debian $suite in $dir:" >&2
		tail -n 5 "$dir.log" >&2
	}
	return $ret
}

# chroot_exec DIR COMMAND...: the calling shell becomes that command, in that Debian, in the same
# folder if it is seen there, else in /. Seen are the host's /dev, /proc, /sys and /tmp, this
# checkout, and CHROOT_BIND. The mounts are in a namespace of the command's own, so they end with
# it, however it ends.
chroot_exec()
{
	# shellcheck disable=SC2016 # sh expands it
	exec unshare --mount --propagation slave sh -c '
		set -e
		dir=$1 at=$PWD binds=$2
		shift 2
		for d in /proc /dev /sys /tmp $binds; do
			mkdir -p "$dir$d"
			mount --rbind "$d" "$dir$d"
		done
		exec chroot "$dir" sh -c "cd \"\$1\" 2>/dev/null || cd /; shift; exec \"\$@\"" \
			- "$at" "$@"' - "$1" "$CHROOT_ROOT ${CHROOT_BIND:-}" "${@:2}"
}

# chroot_run DIR COMMAND...: the same, and returns what it ended with.
chroot_run() { (chroot_exec "$@"); }

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case ${1:-} in
	make) chroot_make "${@:2}" ;;
	run) chroot_exec "${@:2}" ;;
	*)
		echo 'usage: tests/chroot/chroot.sh make SUITE DIR PACKAGE... | run DIR COMMAND...' >&2
		exit 2
		;;
	esac
fi
