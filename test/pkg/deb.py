#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The life of the Debian package beside a real MTA: install, set up, an outage, an upgrade under
traffic, removal, purge.

    test/pkg/deb.py --mta postfix --tarball TAR --packages FOLDER --scratch FOLDER

Called by packaging/test-deb, in namespaces of its own. One step is a line; the exit status is 1 if
one fails.
"""
import argparse
import glob
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
from chroot import Chroot, differences  # noqa: E402
from lib import smtp  # noqa: E402
from lib.lab import check, same  # noqa: E402
from lib.primary import FakePrimary  # noqa: E402
from lib.process import wait_until  # noqa: E402

DOMAIN, STATE = 'example.test', '/var/lib/holdfast'
PRIMARY_PORT = 2525


class Stranger(smtp.Client):
    """A client from another address than the host's own."""
    def __init__(self):
        import socket
        self.socket = socket.create_connection(('198.51.100.1', 25), 60, source_address=('198.51.100.10', 0))
        self.pending = b''
        self.banner = self.reply()
        self.hello = self.command('EHLO client.example')


def send(recipient=f'joe@{DOMAIN}', ident='m'):
    with Stranger() as c:
        r = c.mail('ann@sender.example', [recipient], smtp.text(ident, ident=ident))
        c.quit()
        return r


class Traffic(threading.Thread):
    """Mail without a pause; `acknowledged' has what was answered 250."""
    def __init__(self):
        super().__init__(daemon=True)
        self.acknowledged, self.put_off, self.refused = [], 0, []
        self.on = True

    def run(self):
        n = 0
        while self.on:
            n += 1
            ident = f'traffic-{n}'
            try:
                r = send(ident=ident)
            except (OSError, smtp.Lost, ValueError):
                self.put_off += 1
                time.sleep(0.05)
                continue
            if r.code == 250:
                self.acknowledged.append(ident)
            elif r.code // 100 == 4:
                self.put_off += 1
            else:
                self.refused.append(str(r))

    def stop(self):
        self.on = False
        self.join(60)


class Test:
    def __init__(self, args):
        self.args = args
        self.mta = args.mta
        self.systemd = args.mta == 'postfix'    # one with, one without
        self.ends = []
        self.root = Chroot(args.tarball, args.scratch)
        if self.systemd:
            os.makedirs(self.root.path('/run/systemd/system'), exist_ok=True)
        else:
            os.unlink(self.root.path('/usr/bin/systemctl'))
        self.primary = FakePrimary(self, port=PRIMARY_PORT)
        self.deb = None if args.rpm else one(f'{args.packages}/holdfast_*.deb')
        self.passed = self.failed = 0

    def at_end(self, function):
        self.ends.append(function)

    # --- the host ---------------------------------------------------------------
    def hf(self, *words, **options):
        return self.root.run('holdfast', *words, **options)

    def start_mta(self):
        if self.mta == 'postfix':
            self.root.run('postconf', '-e', 'myhostname=mx2.test')
            self.root.run('postfix', 'start')
        else:
            # What its init script does for a daemon. As Debian ships it, it listens to nobody else, and takes its
            # time; and it wants a DNS.
            self.root.run('sh', '-ec', """
                cd /etc/mail
                sed -i -e 's/Port=smtp, Addr=127.0.0.1/Port=smtp/' -e '/greet_pause\|ratecontrol\|conncontrol\|RATE_THROTTLE/d' \\
                    -e '/^MAILER_DEFINITIONS/i FEATURE(`accept_unresolvable_domains'"'"')dnl' \\
                    -e '/^MAILER_DEFINITIONS/i FEATURE(`nocanonify'"'"')dnl' sendmail.mc
                m4 sendmail.mc >sendmail.cf
                install -d -o smmta -g smmsp -m 2755 /run/sendmail /run/sendmail/mta
                exec /usr/sbin/sendmail-mta -L sm-mta -bd -q10m""")
        wait_until(lambda: greets() is not None, 30, 'the MTA to greet')

    def greeting(self):
        return greets() or ''

    def count(self):
        return int(re.search(r'"messages": *(\d+)', self.hf('queue', 'count', '--json').stdout).group(1))

    def setup(self):
        with open(self.root.path('/root/people'), 'w') as f:
            f.write(f'joe@{DOMAIN}\nmary@{DOMAIN}\n')
        return self.hf('setup', '--domain', DOMAIN, '--primary', f'127.0.0.1:{PRIMARY_PORT}',
                       '--recipients-file', '/root/people', '--yes')

    def mta_folders(self):
        return ('/etc', '/var/spool/postfix') if self.mta == 'postfix' else ('/etc',)

    def picture(self):
        """Of the MTA, without what is the package's own."""
        return {path: what for path, what in self.root.picture(*self.mta_folders()).items()
                if not re.match(r'/etc/holdfast|/var/spool/postfix/(active|incoming|deferred|defer|bounce|maildrop|'
                                r'pid|private|public|flush|trace|etc|dev|lib|usr)|/etc/(mail|postfix)/.*\.db$', path)}

    def daemons(self):
        return self.root.processes('holdfast-queued') + self.root.processes('holdfast-milter')

    def delivered(self, ident):
        wanted = f'Message-ID: <{ident}@sender.example>'.encode()
        return sum(wanted in data for data in self.primary.data())

    # --- the steps ----------------------------------------------------------------
    def step_install(self):
        self.start_mta()
        before = self.picture()
        if self.args.rpm:
            self.rpm('-i', self.args.rpm)
        else:
            self.root.install(self.deb)
        same(differences(before, {p: w for p, w in self.picture().items() if p in before}), [],
             'what the installation changed of the MTA')
        same(self.daemons(), [], 'daemons that run')
        for user in ('holdfast', 'holdfast-milter'):
            check(re.search(f'^{user}:.*nologin$', self.root.read('/etc/passwd'), re.M), f'the user {user}')
        st = os.stat(self.root.path(STATE))
        same(oct(st.st_mode & 0o7777), '0o755', f'the mode of {STATE}')
        same(oct(os.stat(self.root.path(f'{STATE}/milter')).st_mode & 0o7777), '0o700', 'the mode of the milter\'s')
        check(not self.root.exists('/etc/systemd/system/multi-user.target.wants/holdfast-queued.service'),
              'nothing is enabled')
        check(not self.root.exists('/etc/holdfast/holdfast.conf'), 'nothing is configured')
        check('complet' in self.root.read('/usr/share/bash-completion/completions/holdfast'), 'completion')
        self.before = self.picture()    # with the package, without setup

    def step_setup(self):
        said = self.setup().stdout
        check('smtpd_milters' in said or 'INPUT_MAIL_FILTER' in said, f'it shows what it changes:\n{said}')
        wait_until(lambda: len(self.daemons()) >= 2, 10, 'both daemons')
        if self.mta == 'postfix':
            check(re.search(r'^smtp\s+inet\s+n\s+-\s+y\s+', self.root.read('/etc/postfix/master.cf'), re.M),
                  'smtpd runs in its chroot')
        again = self.setup().stdout
        check('nothing to do' in again, f'a second time it does nothing:\n{again}')

    def step_outage(self):
        same(send(ident='held').code, 250, 'a known recipient')
        same(self.count(), 1, 'messages held')
        same(send(f'nobody@{DOMAIN}').code, 550, 'an unknown one')
        check(send('joe@elsewhere.test').code in (450, 454, 550, 553, 554), 'another domain')
        self.primary.start()
        wait_until(lambda: self.delivered('held') == 1, 15, 'the message at the primary')
        wait_until(lambda: self.count() == 0, 10, 'the queue to be empty')

    def step_upgrade(self):
        """Under traffic; with rules of an older version that come along."""
        newer = self.newer_package()
        if self.systemd:
            self.old_rules()
        self.hf('rule', 'set', 'limits.mode', 'off')    # it comes from one client
        traffic = Traffic()
        traffic.start()
        wait_until(lambda: len(traffic.acknowledged) > 20, 30, 'some traffic')
        pids = set(self.daemons())
        self.root.install(newer)
        if self.systemd:
            check(not pids & set(self.daemons()), 'both daemons were started anew')
        else:
            same(set(self.daemons()), pids, 'daemons that systemd did not start are left alone')
            self.restart_by_hand()
        at = len(traffic.acknowledged)
        wait_until(lambda: len(traffic.acknowledged) > at + 20, 60, 'traffic after the upgrade')
        traffic.stop()
        same(traffic.refused, [], 'answers 5xx on the way')
        wait_until(self.all_gone, 60, 'all queues to be empty')
        lost = [i for i in traffic.acknowledged if not self.delivered(i)]
        same(lost, [], 'acknowledged and lost')
        twice = sum(self.delivered(i) > 1 for i in traffic.acknowledged)
        print(f'      {len(traffic.acknowledged)} messages acknowledged, {traffic.put_off} put off, none lost, '
              f'{twice} delivered twice')
        if self.systemd:
            check(self.root.exists(f'{STATE}/rules.db.v1'), 'a copy of the old rules')
            check('joe' in self.hf('recipient', 'list', DOMAIN).stdout, 'the rules that came along')

    def rpm(self, *words):
        """From outside, where there is an rpm; its scripts run inside. Debian's packages are unknown to it."""
        done = subprocess.run(['rpm', '--root', self.root.dir, '--nodeps', '--nosignature', *words],
                              capture_output=True, text=True)
        check(done.returncode == 0, f'rpm {" ".join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}')

    def step_remove(self):
        """One message stays behind."""
        self.primary.stop()
        same(send(ident='kept').code, 250, 'mail in an outage')
        same(self.count(), 1, 'messages held')
        if self.args.rpm:
            self.rpm('-e', 'holdfast')
        else:
            said = self.root.run('apt-get', 'remove', '-y', '-q', 'holdfast').stdout
            check('1 messages stay' in said, f'the removal says what stays:\n{said}')
        same(self.daemons(), [], 'daemons that run')
        same(differences(self.without_package(self.before), self.without_package(self.picture())), [],
             'the MTA is as it was')
        check(self.root.exists(f'{STATE}/queue.db'), 'the queue stays')
        check(self.greeting().startswith('220'), 'the MTA goes on')
        check(send().code in (450, 451, 454, 550, 553, 554), 'the domain is nobody\'s now')

    def step_purge_refused(self):
        done = self.root.run('apt-get', 'purge', '-y', '-q', 'holdfast', check=False)
        check(done.returncode != 0, 'a purge fails while mail is held')
        check('1 message is held' in done.stdout and 'HOLDFAST_PURGE_QUEUE' in done.stdout, f'it says why:\n{done.stdout}')
        check(self.root.exists(f'{STATE}/queue.db') and self.root.exists(f'{STATE}/rules.db'), 'nothing is gone')

    def step_again(self):
        """Installed again, the mail of last time is delivered."""
        self.root.install(self.deb)
        self.setup()
        same(self.count(), 1, 'the message that stayed')
        self.primary.start()
        wait_until(lambda: self.delivered('kept') == 1, 30, 'it at the primary')
        wait_until(lambda: self.count() == 0, 10, 'the queue to be empty')
        self.primary.stop()

    def step_purge_told(self):
        same(send(ident='given-up').code, 250, 'mail in an outage')
        same(self.count(), 1, 'messages held')
        self.root.run('apt-get', 'purge', '-y', '-q', 'holdfast', env={'HOLDFAST_PURGE_QUEUE': 'yes'})
        self.expect_nothing_left()

    def step_purge_empty(self):
        """With nothing held nobody needs to say anything."""
        self.root.run('apt-get', 'purge', '-y', '-q', 'holdfast')
        self.expect_nothing_left()

    def step_autopkgtest(self):
        """What debian/tests does on a testbed."""
        self.root.install(self.deb)
        script = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'packaging/debian/tests/outage')
        shutil.copy(script, self.root.path('/root/outage'))
        said = self.root.run('sh', '-c', 'cd /root && python3 ./outage').stdout
        check(said.endswith('passed\n'), said)
        self.root.run('apt-get', 'purge', '-y', '-q', 'holdfast')
        self.expect_nothing_left()

    # --- parts of steps -------------------------------------------------------------
    def expect_nothing_left(self):
        for path in (STATE, '/etc/holdfast', '/etc/tmpfiles.d/holdfast-mta.conf',
                     '/etc/systemd/system/holdfast-queued.service.d'):
            check(not self.root.exists(path), f'{path} is gone')
        same(differences(self.without_package(self.before), self.without_package(self.picture())), [],
             'the MTA is as it was')
        check(self.greeting().startswith('220'), 'the MTA goes on')

    @staticmethod
    def without_package(picture):
        return {p: w for p, w in picture.items() if 'holdfast' not in p and
                not re.match(r'/etc/systemd/system(/multi-user.target.wants)?$|/etc/tmpfiles.d$|/etc/rc|/etc/init', p)}

    def all_gone(self):
        """What the MTA kept while holdfast-queued was away would come by itself, a few minutes later."""
        if self.mta == 'postfix':
            empty = 'is empty' in self.root.run('mailq').stdout
            if not empty:
                self.root.run('postqueue', '-f')
        else:
            empty = 'Total requests: 0' in self.root.run('/usr/sbin/sendmail-mta', '-bp').stdout
            if not empty:
                self.root.run('/usr/sbin/sendmail-mta', '-q')
        return empty and self.count() == 0

    def newer_package(self):
        """The same with another version: what an upgrade does is up to the scripts."""
        folder, name = f'{self.args.packages}/newer', f'{self.args.packages}/newer.deb'
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(['dpkg-deb', '-R', self.deb, folder], check=True)
        with open(f'{folder}/DEBIAN/control') as f:
            control = f.read()
        with open(f'{folder}/DEBIAN/control', 'w') as f:
            f.write(re.sub(r'^(Version: .*)$', r'\1+newer1', control, flags=re.M))
        subprocess.run(['dpkg-deb', '-Znone', '--root-owner-group', '-b', folder, name], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)
        return name

    def old_rules(self):
        """rules.db as version 1 had it; the daemons that run keep what they know."""
        path = self.root.path(f'{STATE}/rules.db')
        st = os.stat(path)
        made = f'{path}.made'
        db = sqlite3.connect(made)
        with open(os.path.join(os.path.dirname(HERE), 'unit', 'rules_v1.sql'), encoding='utf-8') as f:
            db.executescript(f.read())
        db.execute('INSERT INTO domain (name, primaries, recipients) VALUES (?, ?, ?)',
                   (DOMAIN, f'127.0.0.1:{PRIMARY_PORT}', 'list'))
        for name in ('joe', 'mary'):
            db.execute('INSERT INTO recipient (domain, local_part) VALUES (?, ?)', (DOMAIN, name))
        db.commit()
        db.close()
        os.chown(made, st.st_uid, st.st_gid)
        os.chmod(made, st.st_mode & 0o7777)
        os.rename(made, path)

    def restart_by_hand(self):
        for program in ('holdfast-queued', 'holdfast-milter'):
            for pid in self.root.processes(program):
                os.kill(pid, 15)
            wait_until(lambda p=program: not self.root.processes(p), 60, f'{program} to end')
            self.root.run(f'/usr/sbin/{program}')

    # --- all of it ---------------------------------------------------------------------
    def run(self):
        steps = ['install', 'setup', 'outage', 'upgrade', 'remove', 'purge_refused', 'again']
        steps += ['purge_told' if self.mta == 'postfix' else 'purge_empty', 'autopkgtest']
        if self.args.rpm:
            steps = ['install', 'setup', 'outage', 'remove']
        for name in steps:
            if name == 'setup' and not re.search(r'^  setup ', self.hf('--help').stdout, re.M):
                print('  the rest is skipped: this build has no `holdfast setup\'')
                break
            begin = time.monotonic()
            try:
                getattr(self, f'step_{name}')()
            except Exception:
                self.failed += 1
                print(f'  {self.mta} {name:14} FAILED')
                traceback.print_exc(file=sys.stdout)
                self.show_logs()
                break
            self.passed += 1
            print(f'  {self.mta} {name:14} passed {time.monotonic() - begin:6.1f} s', flush=True)
        for end in self.ends:
            end()
        return self.failed

    def show_logs(self):
        print('--- syslog'.ljust(70, '-'))
        print('\n'.join(self.root.log[-60:]))
        for path in glob.glob(self.root.path('/var/log/holdfast*.log')):
            with open(path, errors='replace') as f:
                print(f'--- {path}'.ljust(70, '-'))
                print(''.join(f.readlines()[-30:]))


def one(pattern):
    found = glob.glob(pattern)
    if len(found) != 1:
        sys.exit(f'{pattern}: {len(found)} files')
    return found[0]


def greets():
    try:
        with Stranger() as c:
            return str(c.banner)
    except (OSError, smtp.Lost, ValueError):
        return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--mta', choices=('postfix', 'sendmail'), required=True)
    for name in ('tarball', 'packages', 'scratch'):
        p.add_argument(f'--{name}', required=True)
    p.add_argument('--rpm', help='this instead of the Debian package')
    test = Test(p.parse_args())
    failed = test.run()
    with open(f'{test.args.packages}/result-{test.mta}', 'w') as f:
        f.write(f'{test.passed} {test.failed}\n')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
