# SPDX-License-Identifier: BSD-2-Clause
"""The MTA's side of the milter protocol (version 6): many sessions at once, and how long each reply took.

    replies = burst(holdfast.milter_socket, [Client('192.0.2.1'), ...], 'joe@example.test')

Each session connects and sends everything up to RCPT at once, as an MTA does whose client
pipelines, and waits for the one reply. One thread looks after all of them.
"""
import selectors
import socket
import struct
import time

ALL_STEPS = 0x1fffff            # SMFIP_*: all that libmilter knows
ALL_ACTIONS = 0x1ff             # SMFIF_*


class Client:
    """One that brings a message; waits: seconds between the connection and RCPT."""

    def __init__(self, address, name=None, helo='client.example', sender='ann@sender.example', waits=0):
        self.address, self.name, self.helo, self.sender, self.waits = address, name, helo, sender, waits


class Reply:
    def __init__(self, client, kind, text, seconds):
        self.client, self.kind, self.text, self.seconds = client, kind, text, seconds

    @property
    def code(self):
        """0: continue."""
        return int(self.text[:3]) if self.kind == 'y' else {'c': 0, 't': 450, 'r': 550}[self.kind]


def packet(command, data=b''):
    return struct.pack('>I', len(data) + 1) + command + data


def words(*w):
    return b''.join((x if isinstance(x, bytes) else x.encode()) + b'\0' for x in w)


def opening(client):
    family = b'6' if ':' in client.address else b'4'
    return (packet(b'D', b'C' + words('j', 'mx2.test', '{client_name}', client.name or 'unknown')) +
            packet(b'C', words(client.name or f'[{client.address}]') + family + struct.pack('>H', 4711) +
                   words(('IPv6:' if family == b'6' else '') + client.address)) +
            packet(b'H', words(client.helo)))


def envelope(client, recipient):
    return packet(b'M', words(f'<{client.sender}>')) + packet(b'R', words(f'<{recipient}>'))


class _Session:
    def __init__(self, path, client, recipient):
        self.client, self.recipient = client, recipient
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(packet(b'O', struct.pack('>III', 6, ALL_ACTIONS, ALL_STEPS)))
        self.pending, self.sent, self.due = b'', None, None

    def readable(self):
        """The reply to RCPT, once it is there."""
        more = self.socket.recv(65536)
        if not more:
            raise EOFError('the milter closed the connection')
        self.pending += more
        while len(self.pending) >= 4:
            n = struct.unpack('>I', self.pending[:4])[0]
            if len(self.pending) < 4 + n:
                return None
            body, self.pending = self.pending[4:4 + n], self.pending[4 + n:]
            kind = chr(body[0])
            if kind == 'O':
                self.socket.sendall(opening(self.client))
                self.due = time.monotonic() + self.client.waits
                if not self.client.waits:
                    self.rcpt()
            else:
                return Reply(self.client, kind, body[1:].rstrip(b'\0').decode('utf-8', 'replace'),
                             time.monotonic() - self.sent)
        return None

    def rcpt(self):
        self.sent, self.due = time.monotonic(), None
        self.socket.sendall(envelope(self.client, self.recipient))

    def end(self):
        self.socket.sendall(packet(b'A') + packet(b'Q'))
        self.socket.close()


def ask(path, client, mail, rcpt):
    """One session with the arguments of MAIL and RCPT (lists) as they are; the reply to RCPT."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(packet(b'O', struct.pack('>III', 6, ALL_ACTIONS, ALL_STEPS)))
        stream = s.makefile('rb')

        def reply():
            n = struct.unpack('>I', stream.read(4))[0]
            return stream.read(n)

        reply()
        begin = time.monotonic()
        s.sendall(opening(client) + packet(b'M', words(*mail)) + packet(b'R', words(*rcpt)))
        body = reply()
        s.sendall(packet(b'A') + packet(b'Q'))
    return Reply(client, chr(body[0]), body[1:].rstrip(b'\0').decode('utf-8', 'replace'),
                 time.monotonic() - begin)


def burst(path, clients, recipient, seconds=60):
    """All at once; the replies, in the order in which they came."""
    selector, replies, waiting = selectors.DefaultSelector(), [], []
    for client in clients:
        s = _Session(path, client, recipient)
        selector.register(s.socket, selectors.EVENT_READ, s)
        if client.waits:
            waiting.append(s)
    end = time.monotonic() + seconds
    while len(replies) < len(clients):
        now = time.monotonic()
        if now > end:
            raise TimeoutError(f'{len(replies)} of {len(clients)} sessions had a reply after {seconds} s')
        for s in [s for s in waiting if s.due is not None and s.due <= now]:
            waiting.remove(s)
            s.rcpt()
        for key, _ in selector.select(0.01 if waiting else 1):
            reply = key.data.readable()
            if reply:
                replies.append(reply)
                selector.unregister(key.fileobj)
                key.data.end()
    selector.close()
    return replies


def percentile(replies, share):
    """Seconds within which this share of the replies came."""
    took = sorted(r.seconds for r in replies)
    return took[min(len(took) - 1, int(len(took) * share))]
