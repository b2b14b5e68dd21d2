# SPDX-License-Identifier: BSD-2-Clause
"""Processes, ports and waiting.

Whatever a scenario starts is a Process in a session of its own, so that it and all
of its children can be ended by their process group and nobody else's. adopt() makes
this process the parent of orphans; strays() then finds whatever was left behind.
"""
import ctypes
import os
import random
import signal
import socket
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """What a scenario expected did not happen."""


def patience():
    """How much slower than a plain build this one may be (sanitizers, coverage)."""
    return float(os.environ.get('HOLDFAST_PATIENCE', '1'))


def wait_until(condition, seconds, what):
    """Polls until condition() is true and returns its value; Failure after the deadline."""
    end = time.monotonic() + seconds * patience()
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f'waited {seconds} s in vain: {what() if callable(what) else what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


_given = set()


def free_port():
    """A port nobody uses, outside the range that outgoing connections take theirs from."""
    while True:
        port = random.randrange(11000, 32000)
        if port in _given:
            continue
        try:
            for family, address in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
                with socket.socket(family) as s:
                    if family == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    s.bind((address, port))
        except OSError as e:
            if e.errno in (97, 99):     # no IPv6 here
                pass
            else:
                continue
        _given.add(port)
        return port


def listening(port, host='127.0.0.1'):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def adopt():
    """Orphaned grandchildren become our children instead of init's."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def strays():
    """(pid, command line) of every child of this process that is still there."""
    me, found = os.getpid(), []
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open(f'/proc/{entry}/stat') as f:
                state, parent = f.read().rsplit(')', 1)[1].split()[:2]
            with open(f'/proc/{entry}/cmdline', 'rb') as f:
                command = f.read().replace(b'\0', b' ').decode('utf-8', 'replace')
        except OSError:
            continue
        if int(parent) == me:
            if state == 'Z':
                try:
                    os.waitpid(int(entry), os.WNOHANG)
                except ChildProcessError:
                    pass
            else:
                found.append((int(entry), command.strip() or '?'))
    return found


def end_strays():
    """Ends what strays() finds, children of children too, and returns what it was."""
    ended = []
    for _ in range(100):
        found = strays()
        if not found:
            break
        for pid, command in found:
            ended.append(f'{pid} {command}')
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
    return ended


class Process:
    """A program started by us, its output in a log file, restartable."""

    def __init__(self, name, command, log, env=None, cwd='/'):
        self.name, self.command, self.log_path = name, [str(c) for c in command], log
        self.env = dict(os.environ, **(env or {}))
        self.cwd = cwd
        self.child = None

    def start(self):
        with open(self.log_path, 'ab') as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.env, cwd=self.cwd,
                                          start_new_session=True)
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def fate(self):
        """How it ended by itself, in words; None if it runs or was stopped by us."""
        if self.child is None or self.child.poll() is None:
            return None
        n = self.child.returncode
        return f'ended with exit status {n}' if n >= 0 else f'died of {signal.Signals(-n).name}'

    def kill(self):
        """kill -9 of the whole process group: nothing gets to say goodbye."""
        if self.child is None:
            return
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        self._group_gone(5)
        self.child = None

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self, seconds=40):
        """SIGTERM and wait; returns the exit status. Failure if it does not end in time."""
        if self.child is None:
            return None
        self.child.terminate()
        try:
            status = self.child.wait(seconds * patience())
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f'{self.name} did not end {seconds} s after SIGTERM')
        if not self._group_gone(10):
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child = None
        return status

    def _group_gone(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            strays()                    # reaps orphans that have become ours
            try:
                os.killpg(self.child.pid, 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                pass
            time.sleep(0.01)
        return False

    def log(self):
        try:
            with open(self.log_path, encoding='utf-8', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def status(self, field):
        """A figure from /proc/PID/status, in KiB (VmRSS, VmHWM) or as it is."""
        with open(f'/proc/{self.pid}/status') as f:
            for line in f:
                if line.startswith(field + ':'):
                    return int(line.split()[1])
        raise KeyError(field)

    def cpu_seconds(self):
        with open(f'/proc/{self.pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def run(command, check=True, input=None, timeout=120, env=None):
    """Runs to the end; Failure with its output when check is set and it fails."""
    done = subprocess.run([str(c) for c in command], input=input, capture_output=True, text=True,
                          errors='replace', timeout=timeout * patience(),
                          env=dict(os.environ, **(env or {})),
                          **({} if input is not None else {'stdin': subprocess.DEVNULL}))
    if check and done.returncode:
        raise Failure(f'{" ".join(str(c) for c in command)}: exit {done.returncode}\n'
                      f'{done.stdout}{done.stderr}')
    return done
