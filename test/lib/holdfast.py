# SPDX-License-Identifier: BSD-2-Clause
"""A private Holdfast: its configuration, databases, sockets, both daemons and the command."""
import json
import os
import pwd
import shutil
import signal
import socket

from .process import Failure, Process, run, wait_until
from .smtp import Client, Lost

QUEUE_USER, MILTER_USER = 'mail', 'daemon'     # any two that every system has


class Holdfast:
    def __init__(self, lab, name='holdfast', **conf):
        self.lab, self.name = lab, name
        self.dir = lab.mkdir(name)
        self.build = lab.build
        self.socket_dir = lab.mkdir(f'{name}/sock')
        self.run_dir = lab.mkdir(f'{name}/run')
        self.queue_dir = lab.mkdir(f'{name}/queue')
        self.state_dir = lab.mkdir(f'{name}/state')
        self.rules_dir = lab.mkdir(f'{name}/rules')
        self.milter_socket = f'{self.socket_dir}/milter.sock'
        self.lmtp_socket = f'{self.socket_dir}/queued.sock'
        self.rules_db = f'{self.rules_dir}/rules.db'
        self.queue_db = f'{self.queue_dir}/queue.db'
        self.conf_path = f'{self.dir}/holdfast.conf'
        self.conf = {
            'hostname': 'mx2.test',
            'queue_user': QUEUE_USER,
            'milter_user': MILTER_USER,
            'rules_db': self.rules_db,
            'state_db': f'{self.state_dir}/state.db',
            'queue_db': self.queue_db,
            'milter_listen': f'unix:{self.milter_socket}',
            'lmtp_listen': f'unix:{self.lmtp_socket}',
            'control_socket': f'{self.run_dir}/control.sock',
        }
        self.conf.update(conf)
        self.write_conf()
        self.own()
        self.queued = Process('holdfast-queued', self._command('holdfast-queued'),
                              f'{self.dir}/queued.log')
        self.milter = Process('holdfast-milter', self._command('holdfast-milter'),
                              f'{self.dir}/milter.log')
        self.cli('init')

    def own(self):
        """The folders belong to whom the daemons become; the sockets' folder to both."""
        os.chmod(self.dir, 0o755)
        for d in (self.rules_dir, self.run_dir):
            os.chmod(d, 0o755)
        os.chmod(self.socket_dir, 0o1777)
        for d in (self.queue_dir, self.state_dir):
            os.chmod(d, 0o700)
        if os.geteuid() == 0:
            shutil.chown(self.queue_dir, QUEUE_USER)
            shutil.chown(self.run_dir, QUEUE_USER)
            shutil.chown(self.state_dir, MILTER_USER)

    def _command(self, program):
        return [os.path.join(self.build, program), '-c', self.conf_path, '-f']

    def write_conf(self, **changes):
        self.conf.update(changes)
        with open(self.conf_path, 'w') as f:
            for key, value in self.conf.items():
                f.write(f'{key} = {value}\n')
        os.chmod(self.conf_path, 0o644)

    # --- the command ----------------------------------------------------------
    def cli(self, *args, check=True, input=None, timeout=60):
        return run([os.path.join(self.build, 'holdfast'), '-c', self.conf_path, *args],
                   check=check, input=input, timeout=timeout)

    def json(self, *args):
        """The JSON lines that a command prints, as a list."""
        return [json.loads(line) for line in self.cli('--json', *args).stdout.splitlines() if line]

    def domain(self, name, primary, recipients=(), *options):
        """primary: a port on 127.0.0.1 or HOST:PORT,…"""
        where = f'127.0.0.1:{primary}' if isinstance(primary, int) else primary
        self.cli('domain', 'add', name, '--primary', where, *options)
        if recipients:
            self.cli('recipient', 'import', name, '-',
                     input=''.join(f'{r}@{name}\n' for r in recipients))
        return self

    def rule(self, *args):
        """`holdfast rule ARGS', and the running milter has it."""
        told = 'rules: new rules are in force'
        before = self.milter.log().count(told)
        self.cli('rule', *args)
        wait_until(lambda: self.milter.log().count(told) > before, 10, f'rule {" ".join(args)} to be in force')

    def count(self):
        return self.json('queue', 'count')[0]

    def held(self):
        return self.count()['messages']

    def queue(self, *args):
        return self.json('queue', 'list', *args)

    # --- the daemons ----------------------------------------------------------
    def start(self):
        self.start_queued()
        return self.start_milter()

    def start_queued(self, seconds=20):
        self.queued.start()
        wait_until(lambda: self._answers(), seconds, 'holdfast-queued to answer LMTP')
        wait_until(lambda: self._listens(self.conf['control_socket']), seconds,
                   'holdfast-queued to open its control socket')
        return self

    def start_milter(self):
        self.milter.start()
        wait_until(lambda: self._milter_listens(), 20, 'holdfast-milter to listen')
        return self

    def _answers(self):
        self._running(self.queued)
        try:
            with Client(self.lmtp_socket, hello=None, timeout=5):
                return True
        except Lost:
            return False

    def _milter_listens(self):
        self._running(self.milter)
        return self._listens(self.milter_socket)

    @staticmethod
    def _listens(path):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                return True
        except OSError:
            return False

    @staticmethod
    def _running(process):
        if not process.alive():
            raise Failure(f'{process.name} ended at its start:\n{process.log()}')

    def stop(self):
        """Both end by SIGTERM and say so by exit status 0."""
        for process in (self.milter, self.queued):
            if process.child is not None:
                status = process.stop()
                if status != 0:
                    raise Failure(f'{process.name} ended with {status}:\n{process.log()[-3000:]}')

    def reload(self):
        self.queued.signal(signal.SIGHUP)
        self.milter.signal(signal.SIGHUP)

    def kill(self):
        self.queued.kill()
        self.milter.kill()

    def log(self):
        return self.queued.log() + self.milter.log()

    def uid(self):
        return pwd.getpwnam(QUEUE_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
