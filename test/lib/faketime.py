# SPDX-License-Identifier: BSD-2-Clause
"""Weeks in seconds: holdfast-queued with clocks that are moved from outside (faketime.c).

    clock = Clock(lab, holdfast)        # before holdfast.start_queued()
    clock.to(3600)                      # an hour after the begin, by all of its clocks
    clock.set_wall(365 * DAY)           # only with monotonic=False: as if somebody set the clock

Time goes on at its usual pace between two moves. The daemon notices a move when anything wakes its
loop: to() does so by a question on the control socket.
"""
import json
import os
import socket
import struct

from .process import Failure

MINUTE, HOUR, DAY = 60, 3600, 86400


class Clock:
    def __init__(self, lab, holdfast, monotonic=True):
        self.holdfast, self.offset, self.both = holdfast, 0, monotonic
        self.path = lab.write('clock', struct.pack('qq', 0, 0))
        holdfast.queued.env.update(LD_PRELOAD=lab.library('faketime'), HOLDFAST_CLOCK=self.path)
        # A build with AddressSanitizer insists on being the first library.
        holdfast.queued.env['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'

    def monotonic(self, too):
        """Does the monotonic clock move along? For the next start."""
        self.both = too
        self.set_wall(self.offset)

    def set_wall(self, offset):
        self.offset = int(offset)
        with open(self.path, 'r+b', buffering=0) as f:      # in one write: no reader sees half of it
            f.write(struct.pack('qq', self.offset, self.offset if self.both else 0))

    def to(self, offset):
        self.set_wall(offset)
        self.poke()

    def poke(self):
        """Wakes the loop twice: what became due has run when this returns."""
        for _ in range(2):
            self.ask('status')

    def ask(self, command):
        for _ in range(5):
            data = self._ask(command)
            if b'"ok"' in data:
                return [json.loads(line) for line in data.splitlines()]
        raise Failure(f'no answer to {command}, but {data!r}')

    def _ask(self, command):
        """Cut off when the loop took this connection for one from before the move, and so silent for long."""
        data = b''
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(self.holdfast.conf['control_socket'])
            try:
                s.sendall(json.dumps({'cmd': command}).encode() + b'\n')
                while b'"ok"' not in data or not data.endswith(b'\n'):
                    more = s.recv(65536)
                    if not more:
                        break
                    data += more
            except ConnectionError:
                pass
        return data

    def totals(self):
        return self.ask('status')[0]
