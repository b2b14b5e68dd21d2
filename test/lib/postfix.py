# SPDX-License-Identifier: BSD-2-Clause
"""A private Postfix: own configuration, queue, data and log; the system's is not touched.

Its `master' is started directly, as our child, with MAIL_CONFIG pointing at the private
configuration: no `postfix start', hence no look at /etc/postfix/main.cf, which may not even
exist. An ordinary user runs it too: see uid.c.
"""
import os
import pwd
import grp
import shutil
import socket
import time

from .process import Failure, Process, free_port, run, wait_until
from .smtp import Client, Lost

# name type private unprivileged chroot wakeup maxproc command. What has `y' for chroot runs there
# only when a scenario asks for it, as on Debian.
MASTER = '''\
{listen} inet n - y - - smtpd
pickup unix n - y 60 1 pickup
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
verify unix - - y - 1 verify
flush unix n - y 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
showq unix n - y - - showq
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - y - - lmtp
anvil unix - - y - 1 anvil
scache unix - - y - 1 scache
postlog unix-dgram n - n - 1 postlogd
'''

COMMON = {
    'compatibility_level': '3.6',
    'inet_protocols': 'all',
    'inet_interfaces': 'loopback-only',
    'mydestination': '',
    'mynetworks': '127.0.0.0/8 [::1]/128',
    'alias_maps': '',
    'alias_database': '',
    'smtpd_peername_lookup': 'no',
    'smtp_dns_support_level': 'disabled',
    'notify_classes': '',
    'biff': 'no',
    'local_header_rewrite_clients': '',
    'message_size_limit': '104857600',
    'mailbox_size_limit': '0',
    'virtual_mailbox_limit': '0',
    'smtpd_client_event_limit_exceptions': 'static:all',
    'in_flow_delay': '0',
    'import_environment': 'MAIL_CONFIG LD_PRELOAD ASAN_OPTIONS TZ LANG=C',
}

PRIVATE = ('active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming',
           'private', 'saved', 'trace')


def owner():
    """The user Postfix's daemons run as: the package's, or ourselves when we are not root."""
    return 'postfix' if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


class Postfix:
    def __init__(self, lab, name, settings, port=None, chroot=False):
        self.lab, self.name = lab, name
        self.port = port or free_port()
        self.dir = lab.mkdir(name)
        self.mailbox_dir = os.path.join(self.dir, 'mail')
        self.maillog = os.path.join(self.dir, 'maillog')
        self.settings = dict(COMMON, myhostname=f'{name}.test', mail_owner=owner(),
                             queue_directory=f'{self.dir}/queue', data_directory=f'{self.dir}/data',
                             maillog_file=self.maillog, maillog_file_prefixes=self.dir)
        if os.geteuid() != 0:
            self.settings['default_privs'] = 'daemon' if owner() == 'nobody' else 'nobody'
        self.settings.update(settings)
        self.etc = os.path.join(self.dir, 'etc')
        self._make_directories()
        self.configure()
        with open(f'{self.etc}/master.cf', 'w') as f:
            anywhere = self.settings.get('inet_interfaces') == 'all'
            services = MASTER.format(listen=self.port if anywhere else f'127.0.0.1:{self.port}')
            if lab.has_ipv6:
                services += f'[::1]:{self.port} inet n - y - - smtpd\n'
            f.write(services if chroot else services.replace(' - y ', ' - n '))
        directory = run(['postconf', '-c', self.etc, '-h', 'daemon_directory']).stdout.strip()
        env = {'MAIL_CONFIG': self.etc, 'LANG': 'C'}
        if os.geteuid() != 0:
            env['LD_PRELOAD'] = lab.uid_library()
        self.process = Process(name, [f'{directory}/master', '-c', self.etc, '-d'],
                               f'{self.dir}/stderr', env)

    def _make_directories(self):
        os.chmod(self.dir, 0o755)
        for d in ('etc', 'queue', 'data', 'mail', 'queue/pid'):
            os.mkdir(f'{self.dir}/{d}', 0o755)
        for d in PRIVATE:
            os.mkdir(f'{self.dir}/queue/{d}', 0o700)
        os.mkdir(f'{self.dir}/queue/maildrop', 0o730)
        os.mkdir(f'{self.dir}/queue/public', 0o710)
        if os.geteuid() == 0:
            user, drop = pwd.getpwnam('postfix').pw_uid, grp.getgrnam('postdrop').gr_gid
            for d in [f'queue/{d}' for d in PRIVATE] + ['data', 'mail']:
                os.chown(f'{self.dir}/{d}', user, -1)
            for d in ('maildrop', 'public'):
                os.chown(f'{self.dir}/queue/{d}', user, drop)

    def configure(self, **changes):
        """Writes main.cf; a running instance reads it after reload()."""
        self.settings.update(changes)
        with open(f'{self.etc}/main.cf', 'w') as f:
            for key, value in self.settings.items():
                f.write(f'{key} = {value}\n')
        # Postfix waits until a changed main.cf is some seconds old: it is.
        os.utime(f'{self.etc}/main.cf', (time.time() - 60,) * 2)

    def start(self):
        self.process.start()
        wait_until(self._greets, 30, f'{self.name} to greet on port {self.port}')
        return self

    def _greets(self):
        if not self.process.alive():
            raise Failure(f'{self.name} ended at its start: {self.process.log()}{self.log()}')
        try:
            with Client(self.port, hello=None, timeout=5):
                return True
        except Lost:
            return False

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()

    def restart(self):
        """After kill(): master takes its lock back and carries on with the queue."""
        return self.start()

    def log(self):
        try:
            with open(self.maillog, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def queued(self):
        """
        Messages in the queue, in any of its directories. A file without the x bit was not
        finished when Postfix died: nobody was told 250, and Postfix ignores it, too.
        """
        n = 0
        for d in ('incoming', 'active', 'deferred', 'hold', 'maildrop'):
            for path, _, files in os.walk(f'{self.dir}/queue/{d}'):
                for name in files:
                    try:
                        n += bool(os.stat(os.path.join(path, name)).st_mode & 0o100)
                    except FileNotFoundError:
                        pass
        return n

    def flush(self):
        """What `postqueue -f' does: deferred mail is due now."""
        for path, _, files in os.walk(f'{self.dir}/queue/deferred'):
            for name in files:
                try:
                    os.utime(os.path.join(path, name), (time.time() - 10,) * 2)
                except FileNotFoundError:
                    pass
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f'{self.dir}/queue/public/qmgr')
            s.sendall(b'DFA')

    # --- a primary's mailboxes ------------------------------------------------
    def delivered(self, user=None):
        """Paths of the delivered messages (to user's address if given), oldest first."""
        folder = f'{self.mailbox_dir}/all/new'
        if not os.path.isdir(folder):
            return []
        found = [os.path.join(folder, name) for name in os.listdir(folder)]
        if user:
            found = [p for p in found if recipient(p).split('@')[0] == user]
        return sorted(found, key=lambda p: os.stat(p).st_mtime_ns)

    def messages(self, user=None):
        """The delivered messages as bytes with CRLF line ends, without what delivery puts on top."""
        return [strip_delivery(path) for path in self.delivered(user)]

    def times(self):
        """When each message reached the mailbox (seconds since the epoch)."""
        return [os.stat(path).st_mtime for path in self.delivered()]

    def by_recipient(self):
        return {recipient(path): strip_delivery(path) for path in self.delivered()}

    def forget(self):
        """Empties the mailbox."""
        shutil.rmtree(self.mailbox_dir)
        os.mkdir(self.mailbox_dir, 0o755)
        if os.geteuid() == 0:
            os.chown(self.mailbox_dir, pwd.getpwnam('postfix').pw_uid, -1)


def recipient(path):
    """The envelope's recipient of a delivered message."""
    with open(path, 'rb') as f:
        for line in f:
            if line.startswith(b'X-Original-To:'):
                return line.split(None, 1)[1].strip().decode('utf-8', 'replace')
    return ''


def strip_delivery(path):
    with open(path, 'rb') as f:
        lines = f.read().split(b'\n')
    while lines and lines[0].split(b':')[0] in (b'Return-Path', b'X-Original-To', b'Delivered-To'):
        lines.pop(0)
    return b'\r\n'.join(lines)


def front(lab, holdfast, domains=('example.test',), name='mx2', port=None, **settings):
    """The MTA in front of Holdfast: its milter, and LMTP to queued as the way around it."""
    return Postfix(lab, name, {
        'smtpd_milters': f'unix:{holdfast.milter_socket}',
        'milter_default_action': 'tempfail',
        'relay_domains': ' '.join(domains),
        'relay_transport': f'lmtp:unix:{holdfast.lmtp_socket}',
        'lmtp_send_xforward_command': 'yes',
        'smtpd_relay_restrictions': 'reject_unauth_destination',
        'smtpd_authorized_xclient_hosts': '127.0.0.0/8',
        **settings}, port)


def primary(lab, domains=('example.test',), name='primary', port=None, **settings):
    """A primary that takes mail for any user of its domains into one Maildir."""
    user = pwd.getpwnam(owner())
    return Postfix(lab, name, {
        'virtual_mailbox_domains': ' '.join(domains),
        'virtual_mailbox_base': os.path.join(lab.dir, name, 'mail'),
        'virtual_mailbox_maps': 'static:all/',
        'virtual_uid_maps': f'static:{user.pw_uid}',
        'virtual_gid_maps': f'static:{user.pw_gid}',
        'virtual_minimum_uid': '1',
        'smtpd_authorized_xforward_hosts': '127.0.0.0/8',
        'smtpd_relay_restrictions': 'reject_unauth_destination',
        'smtputf8_enable': 'yes',
        **settings}, port)
