#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One end of a stream of numbered UDP datagrams, both ways: what is lost, what is out of order.

stream.py OWN-ADDRESS OTHER-ADDRESS PORT COUNT PER-SECOND

Both ends wait for each other; then each sends COUNT datagrams, 0 to COUNT - 1, and takes those of
the other. At the end it prints one line; exit status 1 if one was missing, late or there twice.
"""

import socket
import struct
import sys
import time

HELLO = b"hello"
HELLO_EVERY = 0.1  # seconds
LENGTHS = (40, 200, 900, 1300)  # of datagrams, in turn
QUIET = 2  # seconds after the last one sent that one may come twice
LATEST = 20  # and that others may be under way: the other end may have had no CPU
LAG = 0.05  # seconds: who is later makes up for none of it, or its burst would fill queues
BUFFER = 4 << 20
SO_RCVBUFFORCE = 33  # of Linux: whatever net.core.rmem_max says


class Seen:
    """The numbers that came, in the order they came in."""

    def __init__(self, count):
        self.times = bytearray(count)
        self.top = -1
        self.out_of_order = 0
        self.gaps = []  # (first missing, seconds since start), when it was first missed

    def note(self, number, at):
        if number >= len(self.times):
            raise ValueError(f"number {number} was never sent")
        if number != self.top + 1 and number > self.top:
            self.gaps.append((self.top + 1, round(at, 3)))
        self.out_of_order += number < self.top
        self.top = max(self.top, number)
        self.times[number] = min(self.times[number] + 1, 255)

    def complete(self):
        return 0 not in self.times

    def report(self):
        lost = self.times.count(0)
        twice = sum(1 for t in self.times if t > 1)
        line = (f"{len(self.times)} expected, {lost} lost, {self.out_of_order} out of order, "
                f"{twice} twice")
        if self.gaps:
            line += f"; first missing: {self.gaps[:5]}"
        return line, not (lost or self.out_of_order or twice)


def receive(s):
    """The next datagram; None if there is none in time."""
    try:
        return s.recv(2048)
    except (TimeoutError, socket.timeout):
        return None
    except ConnectionRefusedError:
        return None  # the other end has not begun


def wait_for_other(s, to, seen):
    s.settimeout(HELLO_EVERY)
    for _ in range(600):
        s.sendto(HELLO, to)
        got = receive(s)
        if got == HELLO:
            s.sendto(HELLO, to)  # it may have begun after ours was sent
            return
        if got is not None:  # it has heard ours, and begun
            seen.note(struct.unpack_from("!Q", got)[0], 0)
            return
    raise TimeoutError("the other end does not begin")


def run(own, other, port, count, rate):
    seen = Seen(count)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        s.bind((own, port))
        wait_for_other(s, (other, port), seen)
        start = time.monotonic()
        sent = 0
        while True:
            start = max(start, time.monotonic() - sent / rate - LAG) if sent < count else start
            now = time.monotonic() - start
            while sent < count and sent / rate <= now:
                s.sendto(struct.pack("!Q", sent).ljust(LENGTHS[sent % len(LENGTHS)], b"."),
                         (other, port))
                sent += 1
            end = sent / rate
            if sent == count:
                end += QUIET if seen.complete() else LATEST
                if end <= now:
                    return seen
            s.settimeout(min(max(end - now, 0.0001), 1))
            got = receive(s)
            if got is not None and got != HELLO:
                seen.note(struct.unpack_from("!Q", got)[0], now)


def main():
    own, other, port, count, rate = sys.argv[1:]
    line, good = run(own, other, int(port), int(count), int(rate)).report()
    print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
