#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Numbered datagrams through a tunnel for a long time, and who lost which.

  traffic.py echo PORT                     sends back what comes, both families
  traffic.py send ADDRESS PORT RATE FILE   until SIGTERM; then writes to FILE what happened
  traffic.py judge CUTS FILE...            FILE is .../NAME.json; lines of CUTS: NAME START END WHY
                                           prints what was lost in deliberate cuts and outside
"""

import array
import json
import os
import select
import signal
import socket
import struct
import sys
import time

SIZES = (16, 64, 200, 576, 1000, 1372)
HEADER = struct.Struct('>QQ')  # who, number
LAST_ANSWERS = 6  # seconds
SO_RCVBUFFORCE = 33  # of Linux: whatever net.core.rmem_max says
stopped = False


def on_signal(_signal, _frame):
    global stopped
    stopped = True


def echo(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    s.bind(('::', port))
    while not stopped:
        ready, _, _ = select.select([s], [], [], 0.2)
        if not ready:
            continue
        data, sender = s.recvfrom(2000)
        try:
            s.sendto(data, sender)
        except OSError:  # no route to it just now
            pass


def read_answers(s, me, answered, found):
    while True:
        try:
            data = s.recv(2000)
        except OSError:
            return
        if len(data) < HEADER.size:
            continue
        who, number = HEADER.unpack_from(data)
        if who != me or number >= len(answered) or len(data) != SIZES[number % len(SIZES)]:
            found['strange'] += 1
        elif answered[number]:
            found['twice'].append(time.time())
        else:
            answered[number] = 1
            if number < found['newest']:
                found['late'].append(time.time())
            found['newest'] = max(number, found['newest'])


def send(address, port, rate, path):
    """Late: an answer came after one to a later datagram."""
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    s.setblocking(False)
    me = int.from_bytes(os.urandom(8), 'big')
    sent = array.array('d')
    answered = bytearray()
    found = {'strange': 0, 'twice': [], 'late': [], 'newest': 0}
    due = time.monotonic()
    while not stopped:
        due = max(due + 1 / rate, time.monotonic() - 0.2)
        wait = due - time.monotonic()
        while wait > 0:
            select.select([s], [], [], wait)
            read_answers(s, me, answered, found)
            wait = due - time.monotonic()
        number = len(sent)
        sent.append(time.time())
        answered.append(0)
        packet = HEADER.pack(me, number).ljust(SIZES[number % len(SIZES)], b'.')
        try:
            s.sendto(packet, (address, port))
        except OSError:  # without a tunnel, lost
            pass
        read_answers(s, me, answered, found)
    end = time.monotonic() + LAST_ANSWERS
    while time.monotonic() < end:
        select.select([s], [], [], 0.2)
        read_answers(s, me, answered, found)
    with open(path, 'w', encoding='ascii') as f:
        json.dump({'sent': len(sent), 'strange': found['strange'], 'twice': found['twice'],
                   'late': found['late'],
                   'lost': [t for n, t in enumerate(sent) if not answered[n]]}, f)


def read_cuts(path):
    cuts = []
    with open(path, encoding='utf-8') as f:
        for line in f:
            name, start, end, why = line.split(None, 3)
            cuts.append((name, float(start), float(end), why.strip()))
    return cuts


def judge(cuts_path, paths):
    """Exit status 1: something was lost that no cut explains."""
    cuts = read_cuts(cuts_path)
    sent = inside = 0
    faults = []
    for path in paths:
        name = os.path.basename(path)[:-len('.json')]
        own = [c for c in cuts if c[0] == name]
        with open(path, encoding='ascii') as f:
            account = json.load(f)
        sent += account['sent']
        if account['strange']:
            faults.append('%s: %d answers to nothing it had sent' % (name, account['strange']))
        for what in 'lost', 'twice', 'late':
            outside = [t for t in account[what] if not any(a <= t <= b for _, a, b, _ in own)]
            inside += len(account[what]) - len(outside) if what == 'lost' else 0
            if outside:
                faults.append('%s: %d of %d datagrams %s outside of cuts, first at %.3f, last '
                              'at %.3f' % (name, len(outside), account['sent'],
                                           {'lost': 'lost', 'twice': 'answered twice',
                                            'late': 'out of order'}[what],
                                           outside[0], outside[-1]))
    print('traffic: %d datagrams there and back, %d lost in deliberate cuts, %s' % (
        sent, inside, '; '.join(faults) if faults else 'none outside of them'))
    return 1 if faults or sent == 0 else 0


def main():
    what, args = sys.argv[1], sys.argv[2:]
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    if what == 'echo':
        echo(int(args[0]))
    elif what == 'send':
        send(args[0], int(args[1]), float(args[2]), args[3])
    elif what == 'judge':
        sys.exit(judge(args[0], args[1:]))
    else:
        sys.exit(__doc__)


main()
