# SPDX-License-Identifier: BSD-2-Clause
"""Real content scanners on loopback, without a network: spamd, rspamd, clamd; and what they know.

Each is started with start() and ready after wait(), so that several start at the same time.
Skip where the program is not installed.
"""
import os
import shutil
import socket
import urllib.request

from .process import Failure, free_port, listening, wait_until

# The test strings that every scanner knows, put together here so that no scanner finds them in this file.
GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*' + 'GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'
EICAR = r'X5O!P%@AP[4\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'


def program(name):
    """Where it is; Skip if it is nowhere."""
    from .lab import Skip
    path = shutil.which(name, path=f'{os.environ.get("PATH", "")}:/usr/sbin:/sbin')
    if not path:
        raise Skip(f'needs {name}')
    return path


class Scanner:
    """A server of ours with a directory for whom it runs as."""
    name = ''

    def __init__(self, lab):
        self.lab = lab
        self.port = free_port()
        self.at = f'127.0.0.1:{self.port}'
        self.dir = lab.mkdir(self.name)
        if os.geteuid() == 0:
            shutil.chown(self.dir, 'nobody')
        self.process = lab.process(self.name, self.command(), cwd=self.dir)

    def start(self):
        self.process.start()
        return self

    def wait(self):
        wait_until(self._ready, 60, f'{self.name} to be ready')
        return self

    def _ready(self):
        if not self.process.alive():
            raise Failure(f'{self.name} ended at its start:\n{self.process.log()[-3000:]}')
        return self.answers()

    def kill(self):
        self.process.kill()

    def answers(self):
        return listening(self.port)


class Spamd(Scanner):
    name = 'spamd'

    def command(self):
        self.socket = f'{self.dir}/socket'
        user = ['-u', 'nobody'] if os.geteuid() == 0 else []
        return [program('spamd'), '-L', '-x', '--max-children=2', '--min-children=1',
                f'--listen={self.at}', f'--listen={self.socket}', '--socketmode=0666',
                f'--pidfile={self.dir}/pid', f'--helper-home-dir={self.dir}', *user]

    def answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.port), 2) as s:
                s.settimeout(2)
                s.sendall(b'PING SPAMC/1.5\r\n\r\n')
                return b'PONG' in s.recv(100)
        except OSError:
            return False


class Clamd(Scanner):
    """Without the signatures that only its makers have: one of its own, for EICAR."""
    name = 'clamd'

    def command(self):
        self.socket = f'{self.dir}/socket'
        os.mkdir(f'{self.dir}/db', 0o755)
        self.lab.write('clamd/db/t.ndb', f'Eicar-Test:0:*:{EICAR.encode().hex()}\n')
        user = 'User nobody\n' if os.geteuid() == 0 else ''
        conf = self.lab.write('clamd/clamd.conf', f'''\
DatabaseDirectory {self.dir}/db
TemporaryDirectory {self.dir}
TCPSocket {self.port}
TCPAddr 127.0.0.1
LocalSocket {self.socket}
LocalSocketMode 666
Foreground yes
StreamMaxLength 1M
{user}''')
        return [program('clamd'), f'--config-file={conf}']


class Rspamd(Scanner):
    name = 'rspamd'

    def command(self):
        conf = self.lab.write('rspamd/rspamd.conf', f'''\
.include "$CONFDIR/common.conf"
options {{
    filters = "chartable,dkim,regexp";
    dns {{ nameserver = "127.0.0.1:{free_port()}"; timeout = 0.1s; retransmits = 1; }}
    pidfile = "{self.dir}/pid";
    control_socket = "{self.dir}/control mode=0600";
    history_file = "{self.dir}/history";
    hs_cache_dir = "{self.dir}";
    rrd = "{self.dir}/rrd";
    dynamic_conf = "{self.dir}/dynamic";
}}
logging {{ type = "console"; level = "warning"; }}
worker "normal" {{ bind_socket = "{self.at}"; count = 1; task_timeout = 5s; }}
''')
        return [program('rspamd'), '-f', '-i', '-c', conf, '--var', f'DBDIR={self.dir}']

    def answers(self):
        try:
            with urllib.request.urlopen(f'http://{self.at}/ping', timeout=2) as r:
                return b'pong' in r.read(100)
        except OSError:
            return False
