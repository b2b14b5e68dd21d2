# SPDX-License-Identifier: BSD-2-Clause
"""Load: smtp-source and smtp-sink, Postfix's own; and many small messages for many domains."""
import asyncio
import os
import re
import shutil
import time

from .process import Failure, Process, free_port, listening, run, wait_until

PATH = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postfix/sbin:/usr/libexec/postfix'


def tool(name):
    found = shutil.which(name, path=PATH)
    if not found:
        raise Failure(f'{name} is missing (package postfix)')
    return found


def source(where, messages, size=10000, sessions=20, recipient='joe@example.test',
           sender='ann@sender.example', lmtp=False, timeout=300):
    """Sends and returns the seconds it took; where: port or unix socket path."""
    target = f'unix:{where}' if isinstance(where, str) else f'127.0.0.1:{where}'
    command = [tool('smtp-source'), '-s', sessions, '-m', messages, '-l', size, '-f', sender,
               '-t', recipient] + (['-L'] if lmtp else []) + [target]
    begin = time.monotonic()
    done = run(command, check=False, timeout=timeout)
    seconds = time.monotonic() - begin
    if done.returncode:
        raise Failure(f'smtp-source: exit {done.returncode}: {done.stdout}{done.stderr}')
    return seconds


class Sink:
    """smtp-sink: takes everything, counts, keeps nothing."""

    def __init__(self, lab, name='sink', lmtp=False, port=None):
        self.port = port or free_port()
        user = [] if not lab.root else ['-u', 'daemon']
        self.process = Process(name, [tool('smtp-sink'), *user, '-c'] + (['-L'] if lmtp else []) +
                               [f'127.0.0.1:{self.port}', '512'], lab.path(f'{name}.log'))

    def start(self):
        self.process.start()
        wait_until(lambda: listening(self.port), 10, 'smtp-sink to listen')
        self.started = time.monotonic()
        return self

    def stop(self):
        self.process.kill()

    def count(self):
        """Messages so far (smtp-sink -c rewrites one line: sess=N quit=N mesg=N)."""
        with open(self.process.log_path, 'rb') as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - 200))
            found = re.findall(rb'mesg=(\d+)', log.read())
        return int(found[-1]) if found else 0


class Depositor(asyncio.Protocol):
    """One LMTP connection that hands in small messages by BDAT, an envelope and a body in one write."""

    def __init__(self, messages, done):
        self.messages, self.done = messages, done
        self.owed, self.pending, self.greeted = 0, b'', False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b'LHLO load.test\r\n')

    def data_received(self, data):
        *lines, self.pending = (self.pending + data).split(b'\r\n')
        for line in lines:
            if line[:1] != b'2':
                self.finish(Failure(f'deposit: {line.decode()}'))
                return
            if line[3:4] == b'-':
                continue
            if not self.greeted:
                self.greeted = None if self.greeted is False else True     # banner, then LHLO's reply
            else:
                self.owed -= 1
        if self.greeted and self.owed <= 0:
            self.next()

    def next(self):
        message = next(self.messages, None)
        if message is None:
            self.transport.write(b'QUIT\r\n')
            self.finish(None)
            return
        sender, recipient, body = message
        self.owed = 3
        self.transport.write(b'MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%s' %
                             (sender, recipient, len(body), body))

    def connection_lost(self, exc):
        self.finish(Failure(f'deposit: connection lost: {exc}'))

    def finish(self, failure):
        if not self.done.done():
            if failure:
                self.done.set_exception(failure)
            else:
                self.done.set_result(None)


def deposit(path, messages, sessions=100):
    """Hands (sender, recipient, body) triples (bytes) to queued over LMTP; seconds it took."""
    async def work():
        loop = asyncio.get_running_loop()
        shared, ends = iter(messages), []
        for _ in range(sessions):
            done = loop.create_future()
            ends.append(done)
            await loop.create_unix_connection(lambda done=done: Depositor(shared, done), path)
        await asyncio.gather(*ends)

    begin = time.monotonic()
    asyncio.run(work())
    return time.monotonic() - begin
