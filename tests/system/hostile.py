#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends what a hostile or broken host would send to an OpenVPN server, in a network namespace of
the system tests. Prints, as JSON, how many packets each drop reason must have grown by, and under
"control" how many must have reached openvpn."""

import collections
import json
import os
import socket
import struct
import subprocess
import sys
import time

PORT = 1194
SERVER4, SERVER6 = '10.9.0.1', 'fd09::1'
DATA_V1, DATA_V2 = 6, 9
CONTROL = (3, 4, 5, 7, 8, 10, 11)
DATA_HEADER = 24  # opcode and peer id, packet id, tag
UNKNOWN_PEER = 0xabcdef
OCC_MAGIC = bytes.fromhex('287f346bd4ef7a812d56b8d3afc5459c')
ETH_P_ALL = 3

expected = collections.Counter()


class Paced:
    """Few enough at a time for the smallest ring on the way, and for a receiver without a CPU for
    a third of a second."""

    def __init__(self, send):
        self.raw_send = send
        self.sent = 0

    def send(self, packet, reason):
        self.raw_send(packet)
        expected[reason] += 1
        self.sent += 1
        if self.sent % 16 == 0:
            time.sleep(0.006)


def udp(server):
    family = socket.AF_INET6 if ':' in server else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((server, PORT))

    def send(packet):
        try:
            s.send(packet)
        except ConnectionRefusedError:  # an answer to an earlier one
            s.send(packet)
    return Paced(send)


def raw(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, ETH_P_ALL))
    return Paced(s.send)


def data_v2(key_id, peer_id, packet_id, rest):
    return struct.pack('>II', (DATA_V2 << 3 | key_id) << 24 | peer_id, packet_id) + rest


def reason_of(payload):
    """For a sender that has no tunnel."""
    if not payload:
        return 'empty'
    opcode = payload[0] >> 3
    if opcode in CONTROL:
        return 'control'
    if opcode == DATA_V1:
        return 'data-v1'
    if opcode != DATA_V2:
        return 'bad-opcode'
    return 'data-short' if len(payload) < DATA_HEADER else 'unknown-peer'


def opcodes(server):
    """Every opcode with every length from 0 to 64, and some long ones."""
    out = udp(server)
    for length in list(range(65)) + [100, 500, 1400]:
        for opcode in range(32):
            start = struct.pack('>I', opcode << 27 | UNKNOWN_PEER)
            payload = (start + os.urandom(length))[:length]
            out.send(payload, reason_of(payload))


def checksum(header):
    total = sum(struct.unpack('>%dH' % (len(header) // 2), header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4_udp(source, payload, total=None, udp_length=None, fragment=0, break_checksum=False):
    length = 8 + len(payload)
    header = struct.pack('>BBHHHBBH4s4s', 0x45, 0, total or 20 + length, 1, fragment, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(SERVER4))
    value = checksum(header) ^ (0x5555 if break_checksum else 0)
    header = header[:10] + struct.pack('>H', value) + header[12:]
    return header + struct.pack('>HHHH', 4444, PORT,
                                length if udp_length is None else udp_length, 0) + payload


def ip6_udp(source, payload, udp_length):
    header = struct.pack('>IHBB16s16s', 6 << 28, 8 + len(payload), 17, 64,
                         socket.inet_pton(socket.AF_INET6, source),
                         socket.inet_pton(socket.AF_INET6, SERVER6))
    return header + struct.pack('>HHHH', 4444, PORT, udp_length, 0) + payload


def lladdr(text):
    return bytes.fromhex(text.replace(':', ''))


def eth_header(interface, neighbour, ethertype):
    """Towards a neighbour the kernel knows."""
    neigh = json.loads(subprocess.check_output(['ip', '-j', 'neigh', 'show', neighbour]))
    with open('/sys/class/net/%s/address' % interface) as f:
        own = f.read().strip()
    return lladdr(neigh[0]['lladdr']) + lladdr(own) + struct.pack('>H', ethertype)


def frames(source4, source6):
    """Outer headers that contradict themselves."""
    out = raw('eth0')
    eth4 = eth_header('eth0', SERVER4, 0x0800)
    eth6 = eth_header('eth0', SERVER6, 0x86dd)
    payload = data_v2(0, UNKNOWN_PEER, 1, os.urandom(60))
    whole = eth4 + ip4_udp(source4, payload)

    for udp_length in (0, 1, 7, 9 + len(payload), 1000, 65535):
        out.send(eth4 + ip4_udp(source4, payload, udp_length=udp_length), 'bad-length')
        out.send(eth6 + ip6_udp(source6, payload, udp_length), 'bad-length')
    out.send(eth4 + ip4_udp(source4, payload, break_checksum=True), 'ip-checksum')
    out.send(eth4 + ip4_udp(source4, payload, fragment=0x2000), 'fragment')
    # shorter than their IP header says: the kernel's, which drops them
    for length in range(14, len(whole)):
        out.send(whole[:length], 'host')


def captured():
    """A data packet of the client in this namespace, as it left: Ethernet, IPv4, UDP."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind(('eth0', ETH_P_ALL))
    s.settimeout(10)
    while True:
        frame, address = s.recvfrom(2000)
        if (address[2] == socket.PACKET_OUTGOING and frame[12:14] == b'\x08\x00' and
                frame[23] == 17 and struct.unpack('>H', frame[36:38])[0] == PORT and
                len(frame) > 42 + DATA_HEADER and frame[42] >> 3 == DATA_V2):
            return frame


def with_payload(frame, payload):
    """The same sender and receiver, another UDP payload."""
    ip = bytearray(frame[14:34])
    ip[2:4] = struct.pack('>H', 28 + len(payload))
    ip[10:12] = bytes(2)
    ip[10:12] = struct.pack('>H', checksum(bytes(ip)))
    ports = frame[34:38]
    return frame[:14] + bytes(ip) + ports + struct.pack('>HH', 8 + len(payload), 0) + payload


def forge():
    """From the very address and port of a client that is connected: replays and forgeries."""
    frame = captured()
    time.sleep(0.1)
    out = raw('eth0')
    packet = frame[42:]
    key_id = packet[0] & 7
    peer_id = int.from_bytes(packet[1:4], 'big')
    packet_id = int.from_bytes(packet[4:8], 'big')

    def fresh(n, rest=packet[8:], key=key_id, peer=peer_id):
        return data_v2(key, peer, packet_id + n, rest)

    for _ in range(100):
        out.send(frame, 'replayed')
    # new ids: neighbours, far ahead, and the last one there is; none may move the window
    for n in (1000, 5000, 100000, 0xfffffff0 - packet_id):
        for _ in range(10):
            out.send(with_payload(frame, fresh(n)), 'auth-failed')
    for bit in range(64, len(packet) * 8):
        bad = bytearray(fresh(1000))
        bad[bit // 8] ^= 1 << bit % 8
        out.send(with_payload(frame, bytes(bad)), 'auth-failed')
    for length in range(1, len(packet)):
        out.send(with_payload(frame, fresh(1000)[:length]),
                 'data-short' if length < DATA_HEADER else 'auth-failed')
    for key in range(8):
        if key != key_id:
            out.send(with_payload(frame, fresh(1000, key=key)), 'unknown-key')
    for peer in (peer_id + 1, 0xfffffe, 0xffffff):
        out.send(with_payload(frame, fresh(1000, peer=peer)), 'unknown-peer')
    out.send(with_payload(frame, data_v2(key_id, peer_id, 0, packet[8:])), 'packet-id-zero')
    # what openvpn, given it as plaintext, takes for the client's goodbye
    out.send(with_payload(frame, fresh(1000, OCC_MAGIC + b'\x06')), 'auth-failed')


def elsewhere(peer_id, key_id):
    """The same forgeries from an address that is not the client's: no float."""
    for server in (SERVER4, SERVER6):
        out = udp(server)
        for n in range(100):
            out.send(data_v2(key_id, peer_id, 2000 + n, os.urandom(16 + n)), 'auth-failed')
        out.send(data_v2(key_id, peer_id, 3000, OCC_MAGIC + b'\x06'), 'auth-failed')


def inner_ip4(source):
    return struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20, 1, 0, 64, 1, 0,
                       socket.inet_aton(source), socket.inet_aton('10.8.0.1'))


def inner_ip6(source):
    return struct.pack('>IHBB16s16s', 6 << 28, 0, 59, 64,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, 'fd08::1'))


def inner():
    """Through the tunnel, so properly encrypted: sources of others, and what is no IP packet."""
    out = raw('tun0')
    for source in ('10.8.0.12', '10.8.0.1', '10.8.0.200', '8.8.8.8', '127.0.0.1', '0.0.0.0',
                   '224.0.0.1', '10.8.0.255', '255.255.255.255'):
        for _ in range(5):
            out.send(inner_ip4(source), 'inner-source')
    for source in ('fd08::12', 'fd08::1', '2001:db8::1', '::1', '::', 'ff02::1',
                   '::ffff:10.8.0.11', '::10.8.0.11'):
        for _ in range(5):
            out.send(inner_ip6(source), 'inner-source')
    good4, good6 = inner_ip4('10.8.0.11'), inner_ip6('fd08::11')
    for length in range(1, 20):
        out.send(good4[:length], 'inner-malformed')
    for length in range(1, 40):
        out.send(good6[:length], 'inner-malformed')
    for version in (0, 1, 2, 3, 5, 7, 8, 15):
        out.send(bytes([version << 4 | 5]) + good4[1:], 'inner-malformed')
    out.send(good4[:2] + struct.pack('>H', 21) + good4[4:], 'inner-malformed')
    out.send(good4[:2] + struct.pack('>H', 19) + good4[4:], 'inner-malformed')
    out.send(bytes([0x44]) + good4[1:], 'inner-malformed')
    out.send(good6[:4] + struct.pack('>H', 1) + good6[6:], 'inner-malformed')
    out.send(OCC_MAGIC + b'\x00', 'occ')  # 6 is a goodbye, and ends the peer


def main():
    what, args = sys.argv[1], sys.argv[2:]
    {
        'opcodes': opcodes,
        'frames': frames,
        'forge': forge,
        'elsewhere': lambda peer, key: elsewhere(int(peer), int(key)),
        'inner': inner,
    }[what](*args)
    print(json.dumps(expected))


main()
