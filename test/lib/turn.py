# SPDX-License-Identifier: BSD-2-Clause
"""What a primary needs to fetch its mail: users, a certificate, and clients of ETRN and ATRN."""
import base64
import hashlib
import hmac
import os
import select
import shutil
import socket
import sqlite3
import ssl

from .holdfast import QUEUE_USER
from .process import free_port, run
from .smtp import Client, lmtp, text

USERS = 'ann a.test,b.test correct-horse\nfar far.test battery-staple\n'


def rules(holdfast, *statements):
    """Changes rules.db as an administrator may, with plain SQL."""
    with sqlite3.connect(holdfast.rules_db) as db:
        for s in statements:
            db.execute(s)
    db.close()


def setting(name, value):
    return (f"INSERT INTO setting (name, value) VALUES ('global.{name}', '{value}') "
            'ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value')


def write_users(holdfast, words=USERS):
    path = f'{holdfast.dir}/users'
    with open(path, 'w') as f:
        os.fchmod(f.fileno(), 0o640)
        f.write(words)
    if os.geteuid() == 0:
        shutil.chown(path, QUEUE_USER)
    return path


def listen(lab, holdfast, tls=True):
    """Configures the turn port; its number."""
    port = free_port()
    holdfast.write_conf(turn_listen=f'127.0.0.1:{port}')
    if not tls:
        return port
    key, cert = f'{holdfast.dir}/turn.key', lab.path('turn.crt')
    run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert,
         '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
    os.chmod(key, 0o640)
    if os.geteuid() == 0:
        shutil.chown(key, QUEUE_USER)
    holdfast.write_conf(turn_tls_cert=cert, turn_tls_key=key, turn_users=write_users(holdfast))
    return port


def fill(holdfast, domain, messages):
    for i in range(messages):
        code = lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'u{i}@{domain}'],
                    text(f'{domain} number {i}'))[0].code
        assert code == 250, code


def context(lab):
    c = ssl.create_default_context(cafile=lab.path('turn.crt'))
    return c


class TurnClient(Client):
    """Over STARTTLS unless tls is False; commands, AUTH, and the turn itself."""

    def __init__(self, lab, port, tls=True, timeout=20):
        super().__init__(port, timeout=timeout)
        if tls:
            assert self.command('STARTTLS').code == 220
            self.socket = context(lab).wrap_socket(self.socket, server_hostname='localhost')
            self.hello = self.command('EHLO client.test')

    def cram(self, user, secret):
        r = self.command('AUTH CRAM-MD5')
        if r.code != 334:
            return r
        digest = hmac.new(secret.encode(), base64.b64decode(r.text), 'md5').hexdigest()
        return self.command(base64.b64encode(f'{user} {digest}'.encode()))

    def scram(self, user, secret):
        bare = f'n={user},r={base64.b64encode(os.urandom(18)).decode()}'
        r = self.command(b'AUTH SCRAM-SHA-256 ' + base64.b64encode(f'n,,{bare}'.encode()))
        if r.code != 334:
            return r
        first = base64.b64decode(r.text).decode()
        nonce, salt, count = [part[2:] for part in first.split(',')]
        salted = hashlib.pbkdf2_hmac('sha256', secret.encode(), base64.b64decode(salt), int(count))

        def mac(key, data):
            return hmac.new(key, data, 'sha256').digest()
        key = mac(salted, b'Client Key')
        final = f'c=biws,r={nonce}'
        auth = f'{bare},{first},{final}'.encode()
        signature = mac(hashlib.sha256(key).digest(), auth)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        r = self.command(base64.b64encode(f'{final},p={proof}'.encode()))
        if r.code != 334:
            return r
        assert base64.b64decode(r.text) == b'v=' + base64.b64encode(mac(mac(salted, b'Server Key'), auth))
        return self.command('')

    def pipe(self, port):
        """After ATRN's 250: joins the connection to a server on this port until either ends."""
        server = socket.create_connection(('127.0.0.1', port))
        ends = {self.socket: server, server: self.socket}
        try:
            while all(copy(source, ends[source]) for source in readable(ends)):
                pass
        except (OSError, ValueError):
            pass
        for s in ends:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


# One thread for both ways: an SSL object must not be read and written at once.
def readable(sockets):
    """Those with bytes to read, in OpenSSL's hands or the kernel's."""
    waiting = [s for s in sockets if isinstance(s, ssl.SSLSocket) and s.pending()]
    return waiting or select.select(list(sockets), [], [])[0]


def copy(source, sink):
    """What is there now; False at the end."""
    data = source.recv(65536)
    sink.sendall(data)
    return bool(data)


def refused(client, line):
    """The reply to a line that ends the session, and whether it did."""
    client.send(line)
    r = client.reply()
    return r.code, client.closed()


def fetchmail(lab, *args, rc=None, timeout=40):
    """Runs the real one in the lab's directory; its exit status and output."""
    home = lab.path('fetchmail')
    os.makedirs(home, 0o700, exist_ok=True)
    path = f'{home}/rc'
    with open(path, 'w') as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(rc or '')
    done = run(['env', f'HOME={home}', f'FETCHMAILHOME={home}', 'LC_ALL=C', 'fetchmail', '--nodetach',
                '--nosyslog', '-v', '-f', path, '--pidfile', f'{home}/pid', *args],
               check=False, timeout=timeout)
    return done.returncode, done.stdout + done.stderr
