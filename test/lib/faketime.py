# SPDX-License-Identifier: BSD-2-Clause
"""Weeks in seconds: holdfast-queued under libfaketime, its clocks moved from outside.

    clock = Clock(lab, holdfast)        # before holdfast.start_queued()
    clock.to(3600)                      # an hour after the begin, by all of its clocks
    clock.set_wall(365 * DAY)           # only with monotonic=False: as if somebody set the clock

Time goes on at its usual pace between two moves. The daemon notices a move when anything wakes its
loop: to() does so by a question on the control socket.
"""
import glob
import json
import os
import socket

from .lab import Skip

MINUTE, HOUR, DAY = 60, 3600, 86400


class Clock:
    def __init__(self, lab, holdfast, monotonic=True):
        library = glob.glob('/usr/lib*/*/faketime/libfaketime.so.1') + \
            glob.glob('/usr/lib*/faketime/libfaketime.so.1')
        if not library:
            raise Skip('needs libfaketime')
        if 'sanitizers' in lab.build:
            raise Skip('libfaketime and AddressSanitizer do not go together')
        self.lab, self.holdfast, self.offset = lab, holdfast, 0
        self.path = lab.write('offset', '+0')
        self.environment(LD_PRELOAD=library[0], FAKETIME_TIMESTAMP_FILE=self.path,
                         FAKETIME_NO_CACHE='1', NO_FAKE_STAT='1')
        self.monotonic(monotonic)

    def environment(self, **variables):
        self.holdfast.queued.env.update(variables)

    def monotonic(self, too):
        """Does the monotonic clock move along? For the next start."""
        self.holdfast.queued.env.pop('FAKETIME_DONT_FAKE_MONOTONIC', None)
        if not too:
            self.environment(FAKETIME_DONT_FAKE_MONOTONIC='1')

    def set_wall(self, offset):
        self.offset = offset
        # in one step, so that no reader meets an empty file
        self.lab.write('offset.new', f'{int(offset):+d}')
        os.rename(self.lab.path('offset.new'), self.path)

    def to(self, offset):
        self.set_wall(offset)
        self.poke()

    def poke(self):
        """Wakes the loop twice: what became due has run when this returns."""
        for _ in range(2):
            self.ask('status')

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(self.holdfast.conf['control_socket'])
            s.sendall(json.dumps({'cmd': command}).encode() + b'\n')
            data = b''
            while b'"ok"' not in data or not data.endswith(b'\n'):
                more = s.recv(65536)
                if not more:
                    break
                data += more
            return [json.loads(line) for line in data.splitlines()]

    def totals(self):
        return self.ask('status')[0]
