#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What other tests of this tier stand on: chroot.sh itself.

set -u -o pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/chroot.sh"
NAME='chroots are made once, used by many, and leave no mount'
SUITE=trixie
DIR=$(chroot_dir "$SUITE")
T=$(mktemp -d /tmp/chroot-test.XXXXXX) || exit 1
trap 'rm -rf "$T"' EXIT

fail()
{
	echo "FAIL $NAME: $*"
	exit 1
}

nothing_mounted() { ! grep -qF " $CHROOTS/" /proc/self/mountinfo; }

# Two at once: one makes it, or installs, the other waits and finds it done.
chroot_make "$SUITE" "$DIR" hostname >"$T/one" 2>&1 &
other=$!
chroot_make "$SUITE" "$DIR" 'hostnam*' || exit
wait "$other" || fail "the other of two at once: $(cat "$T/one")"
[ -z "$(chroot_missing "$DIR" hostname)" ] || fail 'a package that was asked for is not there'
[ "$(chroot_missing "$DIR" hostname no-such-package)" = no-such-package ] ||
	fail 'a package that is not there is taken for installed'

chroot_run "$DIR" grep -qx "VERSION_CODENAME=$SUITE" /etc/os-release || fail "it is no $SUITE"
chroot_run "$DIR" sh -c 'exit 7'
[ $? = 7 ] || fail 'the exit status is lost'
# shellcheck disable=SC2016 # nobody shall expand it
[ "$(chroot_run "$DIR" printf '%s|' 'a  b' '$HOME "c"')" = 'a  b|$HOME "c"|' ] ||
	fail 'arguments are changed on the way'
[ "$(cd "$HERE" && chroot_run "$DIR" pwd)" = "$HERE" ] || fail "the caller's folder is not seen"
chroot_run "$DIR" test -d /dev/pts -a -d "/proc/$$" -a -d /sys/class/net -a -d "$T" ||
	fail 'folders of the host are not seen'

"$HERE/chroot.sh" run "$DIR" sleep 60 &
sleeper=$!
inside() { [ "$(readlink "/proc/$sleeper/root")" = "$DIR" ]; }
for ((i = 0; i < 50; i++)); do
	inside && break
	sleep 0.1
done
inside || fail 'what was started in the background is not the command itself'
[ -d "$DIR/tmp/${T##*/}" ] && fail "a command's mounts are seen by others"
kill -9 "$sleeper"
wait "$sleeper" 2>/dev/null
nothing_mounted || fail 'something stays mounted'

message=$(chroot_make no-such-suite "$T/none" 2>&1)
[ $? = "$CHROOT_NONE" ] || fail 'a suite that does not exist can be had'
grep -q 'NOT TESTED' <<<"$message" || fail "nothing says so loudly: $message"
[ ! -e "$T/none" ] || fail 'half a chroot is taken for a whole one'
nothing_mounted || fail 'debootstrap leaves mounts'

echo "ok $NAME"
