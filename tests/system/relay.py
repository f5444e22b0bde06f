#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client's way out that changes: UDP from here to the first server, after SIGUSR1 to the next,
and so on round, each time from another socket. No packet is held back; what comes to an old socket
is not read any more."""
import select
import signal
import socket
import sys

HERE = ('127.0.0.1', 1194)
servers = [(arg, 1194) for arg in sys.argv[1:]]
turn = 0


def outside():
    server = servers[turn % len(servers)]
    family = socket.AF_INET6 if ':' in server[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect(server)
    return sock


def on_signal(_sig, _frame):
    global turn, out
    turn += 1
    out = outside()


inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inside.bind(HERE)
out = outside()
client = None
signal.signal(signal.SIGUSR1, on_signal)
while True:
    for sock in select.select([inside, out], [], [], 0.1)[0]:
        if sock is inside:
            packet, client = inside.recvfrom(65535)
            out.send(packet)
        elif sock is out and client:
            inside.sendto(out.recv(65535), client)
