# SPDX-License-Identifier: BSD-2-Clause
"""One scenario's private world: a directory, what runs in it, and the end of both.

A scenario is a function in a file of its own:

    from lib.lab import scenario

    @scenario(limit=60)
    def outage(lab):
        ...

`packaging/test NAME' builds and runs it; `test/run NAME' runs it on the last build. It passes
when the function returns. Skip("why") says that it cannot be shown here; anything else raised
is a failure, and then the directory's logs are printed.
"""
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback

from . import load, postfix
from .holdfast import Holdfast
from .primary import FakePrimary
from .process import Failure, Process, adopt, end_strays, patience, run

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Skip(Exception):
    """Cannot be shown on this machine or by this user."""


class Lab:
    def __init__(self, name):
        self.name = name
        self.root = os.geteuid() == 0
        self.build = os.path.abspath(os.environ.get('HOLDFAST_BUILD', 'build/plain'))
        self.source = os.path.dirname(HERE)
        self.dir = tempfile.mkdtemp(prefix='hf-', dir=os.environ.get('HOLDFAST_TMP', '/tmp'))
        os.chmod(self.dir, 0o755)
        self.has_ipv6 = has_ipv6()
        self._ends, self._holdfasts = [], []
        self.said, self.fates = [], []

    # --- files ----------------------------------------------------------------
    def path(self, name):
        return os.path.join(self.dir, name)

    def mkdir(self, name):
        path = self.path(name)
        os.makedirs(path, 0o755)
        return path

    def write(self, name, data):
        with open(self.path(name), 'wb' if isinstance(data, bytes) else 'w') as f:
            f.write(data)
        return self.path(name)

    def uid_library(self):
        """The preloaded library by which an ordinary user runs Postfix (uid.c)."""
        return self.library('uid')

    def library(self, name):
        """test/lib/NAME.c, built to be preloaded."""
        path = self.path(f'{name}.so')
        if not os.path.exists(path):
            run(['cc', '-shared', '-fPIC', '-O', '-D_GNU_SOURCE', '-o', path,
                 os.path.join(HERE, f'lib/{name}.c'), '-ldl', '-lpthread'])
        return path

    # --- parts ----------------------------------------------------------------
    def at_end(self, function):
        self._ends.append(function)

    def holdfast(self, **conf):
        h = Holdfast(self, **conf)
        self.at_end(h.kill)
        self._holdfasts.append(h)
        return h

    def mta(self, holdfast, **settings):
        p = postfix.front(self, holdfast, **settings)
        self.at_end(p.kill)
        return p

    def postfix(self, name, chroot=False, **settings):
        p = postfix.Postfix(self, name, settings, chroot=chroot)
        self.at_end(p.kill)
        return p

    def primary(self, **settings):
        p = postfix.primary(self, **settings)
        self.at_end(p.kill)
        return p

    def fake_primary(self, **options):
        return FakePrimary(self, **options)

    def sink(self, **options):
        s = load.Sink(self, **options)
        self.at_end(s.stop)
        return s

    def process(self, name, command, **options):
        p = Process(name, command, self.path(f'{name}.log'), **options)
        self.at_end(p.kill)
        return p

    def say(self, text):
        """A figure worth reading beside `passed'."""
        self.said.append(text)

    # --- the end ---------------------------------------------------------------
    def end(self):
        for h in self._holdfasts:
            self.fates += [f'{p.name} {p.fate()}' for p in (h.queued, h.milter) if p.fate()]
        for function in reversed(self._ends):
            try:
                function()
            except Exception:       # the rest must still be ended
                traceback.print_exc()
        self._ends = []
        end_strays()

    def finish(self):
        """What holds at the end of every scenario that passed so far."""
        for h in self._holdfasts:
            h.stop()
        for path in self.log_files():
            with open(path, errors='replace') as f:
                for line in f:
                    if 'Sanitizer' in line or 'runtime error:' in line or 'ssertion' in line:
                        raise Failure(f'{os.path.basename(path)}: {line.strip()}')

    def remove(self):
        for path, directories, _ in os.walk(self.dir):
            for d in directories:
                if not os.path.islink(os.path.join(path, d)):
                    os.chmod(os.path.join(path, d), stat.S_IRWXU)
        shutil.rmtree(self.dir)

    def logs(self):
        """Every log in the directory, its end only."""
        out = list(self.fates)
        for path in self.log_files():
            with open(path, errors='replace') as f:
                lines = f.read().splitlines()
            if lines:
                out.append(f'--- {os.path.relpath(path, self.dir)} '
                           f'(last {min(len(lines), 60)} of {len(lines)} lines)')
                out += lines[-60:]
        return '\n'.join(out)

    def log_files(self):
        for path, _, files in os.walk(self.dir):
            for name in sorted(files):
                if name in ('maillog', 'stderr') or name.endswith('.log'):
                    yield os.path.join(path, name)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(('::1', 0))
            return True
    except OSError:
        return False


def private_mounts():
    """Runs this program again where it may mount; Skip if the system does not let us."""
    if os.environ.get('HOLDFAST_MOUNTS'):
        return
    os.environ['HOLDFAST_MOUNTS'] = '1'
    how = ['unshare', '--mount', '--propagation=unchanged'] if os.geteuid() == 0 else \
        ['unshare', '--user', '--map-current-user', '--keep-caps', '--mount']
    if subprocess.run([*how, 'true'], capture_output=True).returncode:
        raise Skip('needs root or unprivileged user namespaces (to mount a small tmpfs)')
    os.execvp(how[0], [*how, sys.executable, *sys.argv])


def private_network():
    """Runs this program again in a network of its own: every port is free there, 25 and 53 too, the
    loopback interface is all there is, and its resolv.conf names 127.0.0.1."""
    if not os.environ.get('HOLDFAST_NETWORK'):
        os.environ['HOLDFAST_NETWORK'] = '1'
        how = ['unshare', '--net', '--mount'] if os.geteuid() == 0 else \
            ['unshare', '--user', '--map-current-user', '--keep-caps', '--net', '--mount']
        if subprocess.run([*how, 'ip', 'link', 'set', 'lo', 'up'], capture_output=True).returncode:
            raise Skip('needs root or unprivileged user namespaces (for a network of its own)')
        os.execvp(how[0], [*how, sys.executable, *sys.argv])
    run(['ip', 'link', 'set', 'lo', 'up'])
    with tempfile.NamedTemporaryFile('w') as f:
        f.write('nameserver 127.0.0.1\n')
        f.flush()
        os.chmod(f.name, 0o644)
        run(['mount', '--bind', f.name, os.path.realpath('/etc/resolv.conf')])


def check(condition, what):
    if not condition:
        raise Failure(what() if callable(what) else what)


def same(got, expected, what):
    if got != expected:
        raise Failure(f'{what}: expected {expected!r}, got {got!r}')


def _too_late(*_):
    raise Failure('the time limit of the scenario is over')


def _ended(number, _):
    raise SystemExit(128 + number)


def scenario(limit=60, mounts=False, network=False):
    """Marks the function of a scenario and runs it when its file is run."""
    def decorate(function):
        if function.__globals__['__name__'] == '__main__':
            sys.exit(_run(function, limit, mounts, network))
        return function
    return decorate


def _run(function, limit, mounts, network):
    lab, status = None, 1
    adopt()
    signal.signal(signal.SIGALRM, _too_late)
    signal.signal(signal.SIGTERM, _ended)
    signal.alarm(int(limit * patience()))
    begin = time.monotonic()
    try:
        if mounts:
            private_mounts()
        if network:
            private_network()
        lab = Lab(function.__name__)
        function(lab)
        lab.finish()
        status = 0
    except Skip as e:
        print(f'skipped: {e}')
        status = 77
    except Failure as e:
        print(f'FAILED: {e}')
        frames = traceback.extract_tb(e.__traceback__)
        print('\n'.join(f'  at {os.path.basename(f.filename)}:{f.lineno}: {f.line}'
                        for f in frames[1:]))
    except Exception:
        traceback.print_exc(file=sys.stdout)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if lab:
            lab.end()
            if status == 1:
                print(lab.logs())
            if status == 1 and os.environ.get('HOLDFAST_KEEP'):
                print(f'kept: {lab.dir}')
            else:
                lab.remove()
            for line in lab.said:
                print(f'  {line}')
    print(f'{function.__name__}: {["passed", "FAILED"][status] if status < 2 else "skipped"} '
          f'in {time.monotonic() - begin:.1f} s')
    return status
