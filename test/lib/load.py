# SPDX-License-Identifier: BSD-2-Clause
"""smtp-source and smtp-sink, Postfix's own load generator and bottomless primary."""
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
