# SPDX-License-Identifier: BSD-2-Clause
"""A machine of a scenario's own: /etc, /var, /usr and /run are private copies, port 25 is free.

What changes a system by its real paths (`holdfast setup', doctor, drill, packages' scripts) is shown
on one of these. Overlays on a memory file system lie over the real directories, in a mount and a
network namespace of this process alone; nothing outside is touched, all is gone at its end.

    @scenario(limit=120, network=True)
    def something(lab):
        m = Machine(lab)
        m.postfix()             # a Debian-like /etc/postfix with its chroot
        m.cli('setup', '--yes', ...)
"""
import ctypes
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess

from . import smtp
from .lab import Skip, check
from .process import Failure, run, wait_until
from .smtp import Client, Lost

OVERLAID = ('/etc', '/var', '/usr')
HOSTNAME = 'mx2.example.net'
STRANGER = ('198.51.100.10', 25, '203.0.113.9')     # where to connect to, and from

# As Debian's package makes it for an "Internet Site".
MAIN_CF = '''\
# See /usr/share/postfix/main.cf.dist for a commented, more complete version

# Debian specific:  Specifying a file name will cause the first
# line of that file to be used as the name.  The Debian default
# is /etc/mailname.
#myorigin = /etc/mailname

smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no

# appending .domain is the MUA's job.
append_dot_mydomain = no

# Uncomment the next line to generate "delayed mail" warnings
#delay_warning_time = 4h

readme_directory = no

# See http://www.postfix.org/COMPATIBILITY_README.html -- default to 3.6 on
# fresh installs.
compatibility_level = 3.6

smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = {hostname}
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, localhost.example.net, , localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
'''


class Machine:
    def __init__(self, lab, hostname=HOSTNAME):
        if os.geteuid() != 0 or not os.environ.get('HOLDFAST_NETWORK'):
            raise Skip('needs root (for a machine of its own)')
        self.lab, self.hostname, self.build = lab, hostname, lab.build
        self.dir = lab.mkdir('machine')
        self._own_name()
        self._private_files()
        self._users()
        self.smtp = 25
        self.maillog = '/var/log/mail.log'
        self.log_socket = None
        self.syslog()

    def _own_name(self):
        if ctypes.CDLL(None, use_errno=True).unshare(0x04000000):      # CLONE_NEWUTS
            raise Skip('needs a UTS namespace')
        socket.sethostname(self.hostname)

    # --- files ----------------------------------------------------------------
    def _private_files(self):
        # What must not be seen through an overlay (the build, the test's own directory) lies elsewhere.
        if any(self.build.startswith(d + '/') or self.dir.startswith(d + '/') for d in OVERLAID):
            raise Skip('the build lies under a directory that would be overlaid')
        run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', self.dir])
        self.lab.at_end(lambda: subprocess.run(['umount', '-l', self.dir], capture_output=True))
        for d in OVERLAID:
            name = d.strip('/')
            upper, work = f'{self.dir}/{name}.upper', f'{self.dir}/{name}.work'
            os.mkdir(upper)
            os.mkdir(work)
            done = subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o',
                                   f'lowerdir={d},upperdir={upper},workdir={work}', d], capture_output=True)
            if done.returncode:
                raise Skip('needs overlay mounts')
        run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run'])
        os.makedirs('/run/lock', exist_ok=True)
        if os.path.islink('/var/run') is False and os.path.isdir('/var/run'):
            run(['mount', '--bind', '/run', '/var/run'])
        self._private_devices()
        for leftover in ('/etc/holdfast', '/var/lib/holdfast', '/var/spool/postfix', '/var/log/mail.log'):
            if os.path.isdir(leftover):
                shutil.rmtree(leftover)
            elif os.path.exists(leftover):
                os.unlink(leftover)
        os.unlink('/etc/resolv.conf')
        self.write('/etc/resolv.conf', 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
        self.write('/etc/hosts', f'127.0.0.1 localhost\n::1 localhost\n198.51.100.10 {self.hostname} '
                   f'{self.hostname.split(".")[0]}\n')
        self.write('/etc/mailname', self.hostname + '\n')
        self.write('/etc/aliases', 'postmaster: root\n')
        # An address of its own beside the loopback's; and a network to be a stranger from, on no interface,
        # for what has an address of this host's is no stranger.
        run(['ip', 'address', 'add', '198.51.100.10/24', 'dev', 'lo'])
        run(['ip', 'route', 'add', 'local', '203.0.113.0/24', 'dev', 'lo'])

    def _private_devices(self):
        """/dev with a /dev/log of its own."""
        real = f'{self.dir}/dev'
        os.mkdir(real)
        run(['mount', '--bind', '/dev', real])
        run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/dev'])
        for name in ('null', 'zero', 'full', 'random', 'urandom', 'tty'):
            open(f'/dev/{name}', 'w').close()
            run(['mount', '--bind', f'{real}/{name}', f'/dev/{name}'])
        for name in ('pts', 'shm'):
            os.mkdir(f'/dev/{name}')
        run(['mount', '-t', 'devpts', '-o', 'newinstance,ptmxmode=0666', 'devpts', '/dev/pts'], check=False)
        os.symlink('pts/ptmx', '/dev/ptmx')
        os.symlink('/proc/self/fd', '/dev/fd')
        run(['mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', '/dev/shm'])
        run(['umount', '-l', real])

    @staticmethod
    def write(path, text, mode=0o644):
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    @staticmethod
    def read(path):
        with open(path) as f:
            return f.read()

    @staticmethod
    def _users():
        for user in ('holdfast', 'holdfast-milter'):
            try:
                pwd.getpwnam(user)
            except KeyError:
                run(['useradd', '--system', '--user-group', '--home-dir', '/', '--shell',
                     '/usr/sbin/nologin', user])

    def syslog(self):
        """What is logged is in /var/log/mail.log."""
        self.log_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log_socket.bind('/dev/log')
        os.chmod('/dev/log', 0o666)
        pid = os.fork()
        if pid == 0:
            self._collect()
        self.lab.at_end(lambda: _end(pid))

    def _collect(self):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        with open(self.maillog, 'ab', 0) as f:
            while True:
                line = self.log_socket.recv(65536)
                f.write(re.sub(rb'^<\d+>', b'', line).rstrip(b'\0\n') + b'\n')

    # --- MTAs -----------------------------------------------------------------
    def postfix(self, main=MAIN_CF, start=True, **changes):
        """A Postfix as Debian's package configures it: real paths, daemons chrooted."""
        for old in ('/etc/postfix/main.cf', '/etc/postfix/master.cf'):
            if os.path.exists(old):
                os.unlink(old)
        shutil.copy('/usr/share/postfix/master.cf.dist', '/etc/postfix/master.cf')
        self.write('/etc/postfix/main.cf', main.format(hostname=self.hostname))
        for key, value in changes.items():
            run(['postconf', '-e', f'{key} = {value}'])
        shutil.rmtree('/var/spool/postfix', ignore_errors=True)
        shutil.rmtree('/var/lib/postfix', ignore_errors=True)
        run(['postfix', 'set-permissions'], check=False)
        run(['postfix', 'check'], check=False)      # makes the queue's directories
        for d in ('etc', 'lib', 'usr', 'dev'):
            os.makedirs(f'/var/spool/postfix/{d}', exist_ok=True)
        for f in ('services', 'resolv.conf', 'hosts', 'localtime', 'nsswitch.conf'):
            if os.path.exists(f'/etc/{f}'):
                shutil.copy(f'/etc/{f}', f'/var/spool/postfix/etc/{f}')
        run(['newaliases'], check=False)
        if start:
            self.start_postfix()
        return self

    def start_postfix(self):
        done = run(['postfix', 'start'], check=False)
        if done.returncode:
            raise Failure(f'postfix start: {done.stdout}{done.stderr}{self.log()[-2000:]}')
        self.lab.at_end(lambda: run(['postfix', 'stop'], check=False))
        wait_until(lambda: self.greets(), 30, lambda: f'Postfix to greet; {self.log()[-2000:]}')

    def greets(self, port=25):
        try:
            with Client(port, hello=None, timeout=5):
                return True
        except Lost:
            return False

    def log(self):
        try:
            with open(self.maillog, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    # --- Holdfast -------------------------------------------------------------
    def cli(self, *args, check=True, input=None, timeout=120, status=None):
        done = run([os.path.join(self.build, 'holdfast'), *args], check=check and status is None,
                   input=input, timeout=timeout)
        if status is not None and done.returncode != status:
            raise Failure(f'holdfast {" ".join(args)}: exit {done.returncode}, not {status}\n'
                          f'{done.stdout}{done.stderr}')
        return done

    def json(self, *args, **how):
        return [json.loads(line) for line in self.cli('--json', *args, **how).stdout.splitlines() if line]

    def stop_queued(self):
        self._stop(self.queued_pid, 'queued')

    def stop_milter(self):
        self._stop(self.milter_pid, 'the milter')

    @staticmethod
    def _stop(pid, name):
        check(pid() > 0, f'{name} runs')
        os.kill(pid(), signal.SIGTERM)
        wait_until(lambda: pid() == 0, 20, f'{name} to end')

    @staticmethod
    def queued_pid():
        """The process that answers on the control socket, 0 if none does."""
        return peer('/run/holdfast/control.sock')

    @staticmethod
    def milter_pid():
        return max(peer('/var/spool/postfix/holdfast/milter.sock'), peer('/run/holdfast-mta/milter/milter.sock'))

    @staticmethod
    def rules(sql):
        """Runs SQL on rules.db, as somebody with sqlite3 does."""
        db = sqlite3.connect('/var/lib/holdfast/rules.db')
        try:
            with db:
                return db.execute(sql).fetchall()
        finally:
            db.close()

    def held(self):
        return self.json('queue', 'count')[0]['messages']

    def send(self, recipient, subject='test', sender='ann@sender.example', where=25):
        return smtp.send(where, sender, [recipient], smtp.text(subject, to=recipient))

    def snapshot(self, *paths):
        """Everything in some folders, with bytes, modes and owners; sockets and databases aside."""
        seen = {}
        for top in paths:
            for path, dirs, files in os.walk(top):
                for name in dirs + files:
                    full = os.path.join(path, name)
                    st = os.lstat(full)
                    data = b''
                    if os.path.isfile(full) and not os.path.islink(full):
                        with open(full, 'rb') as f:
                            data = f.read()
                    seen[full] = (oct(st.st_mode), st.st_uid, st.st_gid, data)
        return seen


def peer(path):
    """Who listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError:
            return 0
        return struct.unpack('3i', s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def _end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
