# SPDX-License-Identifier: BSD-2-Clause
"""A DNS server that answers from a dict, does as it is told, and remembers what it was asked.

    dns = ZoneServer({'example.com': [('TXT', 'v=spf1 -all'), ('MX', (10, 'mx.example.com')), 'TIMEOUT']})
    with dns: … dns.address … dns.queries -> [('example.com', 'TXT'), …]

Like a resolver, it follows CNAMEs. A name that has nothing is NXDOMAIN. `TIMEOUT' among a name's
records: whatever else is asked of it gets SERVFAIL, or with silent=True no answer at all. For all of the DNS
in the zones of a real server see dns.py; here, names may be as strange as SPF records make them.
"""
import ipaddress
import socket
import struct
import threading

from .process import free_port

TYPES = {'A': 1, 'CNAME': 5, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SPF': 99}
NAMES = {number: name for name, number in TYPES.items()}


def wire_name(name):
    out = b''
    for label in name.rstrip('.').split('.'):
        octets = label.encode('latin-1')
        out += bytes([len(octets)]) + octets
    return out + b'\0'


def rdata(kind, value):
    if kind in ('A', 'AAAA'):
        return ipaddress.ip_address(value).packed
    if kind in ('PTR', 'CNAME'):
        return wire_name(value)
    if kind == 'MX':
        return struct.pack('!H', int(value[0])) + (wire_name(value[1]) if value[1] else b'\0')
    strings = (value or ['']) if isinstance(value, list) else [value]
    out = b''
    for s in strings:
        octets = s.encode('latin-1')
        # One string of a record holds 255 octets; what is longer goes on in the next.
        for i in range(0, max(len(octets), 1), 255):
            out += bytes([len(octets[i:i + 255])]) + octets[i:i + 255]
    return out


class ZoneServer:
    def __init__(self, zone, silent=False):
        self.zone = {name.lower().rstrip('.'): records for name, records in zone.items()}
        self.silent = silent
        self.mute = False               # answers nothing at all
        self.queries = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.port = free_port()
        self.udp.bind(('127.0.0.1', self.port))
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(('127.0.0.1', self.port))
        self.tcp.listen(16)
        self.address = f'127.0.0.1:{self.port}'

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def stop(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def asked(self, ending='', kind=None):
        """How many questions there were about names that end so."""
        return sum(name.endswith(ending) and kind in (None, k) for name, k in self.queries)

    # --- the wire ---------------------------------------------------------------
    def _serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if not packet:              # stop() wakes us
                return
            answer = self.answer(packet, 1232)
            if answer:
                try:
                    self.udp.sendto(answer, peer)
                except OSError:
                    return

    def _serve_tcp(self):
        while True:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(s,), daemon=True).start()

    def _serve_one(self, s):
        with s, s.makefile('rb') as f:
            s.settimeout(10)
            try:
                while len(head := f.read(2)) == 2:
                    answer = self.answer(f.read(int.from_bytes(head, 'big')), 65535)
                    if answer:
                        s.sendall(len(answer).to_bytes(2, 'big') + answer)
            except OSError:
                pass

    def answer(self, packet, room):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode('latin-1'))
            at += packet[at] + 1
        question = packet[12:at + 5]
        name = '.'.join(labels).lower()
        kind = NAMES.get(int.from_bytes(packet[at + 1:at + 3], 'big'), '?')
        self.queries.append((name, kind))
        if self.mute:
            return None
        code, records = self.find(name, kind)
        if code == 2 and self.silent:
            return None
        body = b''.join(wire_name(owner) + struct.pack('!HHIH', TYPES[k], 1, 1, len(data)) + data
                        for owner, k, data in records)
        flags = 0x8580 | code
        if 12 + len(question) + len(body) > room:
            flags, body, records = flags | 0x200, b'', []
        return packet[:2] + struct.pack('!HHHHH', flags, 1, len(records), 0, 0) + question + body

    # --- the zone ----------------------------------------------------------------
    def find(self, name, kind):
        """RCODE and records (owner, type, RDATA)."""
        found = []
        for _ in range(10):
            entries = self.zone.get(name)
            if entries is None:
                below = any(other.endswith('.' + name) for other in self.zone)
                return (0 if found or below else 3), found
            records = [e for e in entries if e != 'TIMEOUT']
            same = [(name, k, rdata(k, v)) for k, v in records if k == kind]
            if same:
                return 0, found + same
            alias = [v for k, v in records if k == 'CNAME']
            if not alias:
                return (2 if 'TIMEOUT' in entries else 0), found
            found.append((name, 'CNAME', rdata('CNAME', alias[0])))
            name = alias[0].lower().rstrip('.')
        return 2, []
