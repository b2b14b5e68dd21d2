# SPDX-License-Identifier: BSD-2-Clause
"""A Debian of its own in a folder, and a network that ends at loopback.

The program that uses it runs in mount, network and PID namespaces of its own (packaging/test-deb
sees to that): when it ends, so does all that was started, and nothing of it was ever seen outside.
"""
import os
import shutil
import socket
import stat
import subprocess
import threading

from lib.process import Failure

# What files may differ in without being a change of the MTA: caches, logs, other packages' state.
OTHERS = ('/etc/ld.so.cache', '/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow', '/etc/.pwd.lock',
          '/etc/subuid', '/etc/subgid', '/etc/mtab', '/etc/machine-id')


class Chroot:
    def __init__(self, tarball, folder):
        self.dir = folder
        subprocess.run(['tar', '-x', '-f', tarball, '-C', folder, '--numeric-owner'], check=True)
        os.chmod(folder, 0o755)
        self.log = []
        self._mount()
        self._network()
        for path in ('/dev/log', '/var/spool/postfix/dev/log'):
            self._listen(path)
        shutil.copy(os.path.join(os.path.dirname(__file__), 'systemctl'), self.path('/usr/bin/systemctl'))
        os.chmod(self.path('/usr/bin/systemctl'), 0o755)

    def path(self, inside):
        return self.dir + inside

    def _mount(self):
        os.makedirs(self.path('/proc'), exist_ok=True)
        subprocess.run(['mount', '-t', 'proc', 'proc', self.path('/proc')], check=True)
        with open(self.path('/etc/hosts'), 'w') as f:
            f.write('127.0.0.1 localhost\n198.51.100.1 mx2.test mx2\n')
        with open(self.path('/etc/resolv.conf'), 'w') as f:
            f.write('# no name server is to be reached from here\nnameserver 127.0.0.1\noptions attempts:1 timeout:1\n')
        with open(self.path('/etc/mailname'), 'w') as f:
            f.write('mx2.test\n')

    @staticmethod
    def _network():
        """198.51.100.1 is the host, on loopback. 198.51.100.10 is a client: routed there, too, but no address of
        an interface, because an MTA trusts those."""
        subprocess.run(['hostname', 'mx2.test'], check=True)
        for command in ('link set lo up', 'addr add 198.51.100.1/32 dev lo', 'route add local 198.51.100.10/32 dev lo'):
            subprocess.run(['ip', *command.split()], check=True)

    def _listen(self, inside):
        """Takes the place of syslogd."""
        path = self.path(inside)
        if not os.path.isdir(os.path.dirname(path)):
            return
        if os.path.lexists(path):
            os.unlink(path)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(path)
        os.chmod(path, 0o666)

        def take():
            while True:
                self.log.append(s.recv(65536).decode('utf-8', 'replace'))
        threading.Thread(target=take, daemon=True).start()

    def run(self, *command, check=True, input=None, env=None, timeout=120):
        done = subprocess.run(['chroot', self.dir, *command], text=True, errors='replace', input=input,
                              stdin=None if input is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              env={'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
                                   'LC_ALL': 'C.UTF-8', 'HOME': '/root', 'DEBIAN_FRONTEND': 'noninteractive',
                                   **(env or {})})
        if check and done.returncode:
            raise Failure(f'{" ".join(command)}: exit {done.returncode}\n{done.stdout}')
        return done

    def install(self, deb, check=True):
        """From a file, as people do it."""
        name = os.path.basename(deb)
        shutil.copy(deb, self.path(f'/root/{name}'))
        return self.run('apt-get', 'install', '-y', '-q', '--no-install-recommends',
                        '--allow-downgrades', '-o', 'Dpkg::Use-Pty=0', f'/root/{name}', check=check)

    def exists(self, inside):
        return os.path.lexists(self.path(inside))

    def read(self, inside):
        with open(self.path(inside), errors='replace') as f:
            return f.read()

    def picture(self, *folders):
        """Each file's kind, mode, owner and content: to be compared with a later one."""
        found = {}
        for folder in folders:
            for where, dirs, files in os.walk(self.path(folder)):
                for name in dirs + files:
                    path = os.path.join(where, name)
                    inside = path[len(self.dir):]
                    try:
                        st = os.lstat(path)
                    except FileNotFoundError:
                        continue
                    if inside in OTHERS or inside.endswith('-') or stat.S_ISSOCK(st.st_mode) \
                            or stat.S_ISFIFO(st.st_mode):
                        continue
                    what = (oct(st.st_mode), st.st_uid, st.st_gid)
                    if stat.S_ISLNK(st.st_mode):
                        what += (os.readlink(path),)
                    elif stat.S_ISREG(st.st_mode):
                        with open(path, 'rb') as f:
                            what += (f.read(),)
                    found[inside] = what
        return found

    def processes(self, program):
        """Pids of those that run this program (in here: nothing else is in this PID namespace)."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.readlink(f'/proc/{pid}/exe').split(' ')[0].endswith(program):
                    found.append(int(pid))
            except OSError:
                pass
        return found


def differences(before, after):
    words = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            words.append(f'gone: {path}')
        elif path not in before:
            words.append(f'new: {path}')
        elif before[path] != after[path]:
            words.append(f'changed: {path} {before[path][:3]} {after[path][:3]}')
    return words
