#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Asks an openvpn's management interface: management.py SOCKET COMMAND...

Prints the answers. Exit status 1: the interface does not answer, or refuses a command.
"""

import socket
import sys

TIMEOUT = 5  # seconds of silence


def ask(stream, command):
    """Sends one command; prints its answer up to END, SUCCESS or ERROR. False: refused."""
    stream.write(command + "\n")
    stream.flush()
    for line in stream:
        line = line.rstrip()
        if line.startswith(">"):  # real-time messages
            continue
        if line == "END":
            return True
        print(line)
        if line.startswith(("SUCCESS:", "ERROR:")):
            return line.startswith("SUCCESS:")
    return False


def main():
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(TIMEOUT)
        s.connect(sys.argv[1])
        with s.makefile("rw", newline=None) as stream:
            done = [ask(stream, command) for command in sys.argv[2:]]
    return 0 if all(done) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as e:
        print(f"management.py: {sys.argv[1]}: {e}", file=sys.stderr)
        sys.exit(1)
