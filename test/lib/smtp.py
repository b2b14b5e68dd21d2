# SPDX-License-Identifier: BSD-2-Clause
"""A plain SMTP and LMTP client on a socket: sends exactly the bytes it is given."""
import socket


class Lost(Exception):
    """The peer closed the connection or said nothing in time."""


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.text = '\n'.join(line[4:] for line in lines)

    @property
    def dsn(self):
        word = self.lines[-1][4:].split(' ')[0]
        return word if word.count('.') == 2 and word[0] in '245' else ''

    def __str__(self):
        return '\n'.join(self.lines)


def connect(where, timeout=60, source=None):
    """where: a port on 127.0.0.1, (host, port), (host, port, source), or the path of a unix socket. source:
    our own address."""
    try:
        if isinstance(where, str):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(where)
            return s
        if isinstance(where, int):
            where = ('127.0.0.1', where)
        if len(where) > 2:
            where, source = where[:2], where[2]
        s = socket.create_connection(where, timeout, (source, 0) if source else None)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s
    except OSError as e:
        raise Lost(f'connect {where}: {e}') from e


def stuff(message):
    """Dot-stuffs CRLF text and adds the end of data."""
    if message.startswith(b'.'):
        message = b'.' + message
    message = message.replace(b'\r\n.', b'\r\n..')
    if message and not message.endswith(b'\r\n'):
        message += b'\r\n'
    return message + b'.\r\n'


class Client:
    def __init__(self, where, hello='EHLO client.example', timeout=60, source=None):
        self.socket = connect(where, timeout, source)
        self.pending = b''
        self.banner = self.reply()
        self.hello = self.command(hello) if hello else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            raise Lost(f'send: {e}') from e

    def line(self):
        while b'\r\n' not in self.pending:
            try:
                more = self.socket.recv(65536)
            except OSError as e:
                raise Lost(f'receive: {e}') from e
            if not more:
                raise Lost('connection closed')
            self.pending += more
        line, self.pending = self.pending.split(b'\r\n', 1)
        return line.decode('utf-8', 'replace')

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == '-':
            lines.append(self.line())
        return Reply(lines)

    def command(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b'\r\n')
        return self.reply()

    def closed(self):
        """Has the peer ended the connection (waiting for it as long as the timeout says)?"""
        try:
            return self.socket.recv(65536) == b''
        except ConnectionResetError:
            return True
        except OSError:
            return False

    def mail(self, sender, recipients, message, options=''):
        """One transaction; the last reply, or the first that is not positive."""
        r = self.command(f'MAIL FROM:<{sender}>{" " + options if options else ""}')
        if r.code != 250:
            return r
        for recipient in recipients:
            r = self.command(f'RCPT TO:<{recipient}>')
            if r.code // 100 != 2:
                return r
        r = self.command('DATA')
        if r.code != 354:
            return r
        self.send(stuff(message))
        return self.reply()

    def quit(self):
        try:
            self.command('QUIT')
        except Lost:
            pass
        self.socket.close()


def send(where, sender, recipients, message, options=''):
    with Client(where) as c:
        r = c.mail(sender, recipients, message, options)
        c.quit()
        return r


def text(subject='test', body='Hello.\r\n', sender='ann@sender.example', to='joe@example.test',
         ident=None):
    """A small message as bytes."""
    ident = ident or subject.replace(' ', '-')
    return (f'From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n'
            f'Message-ID: <{ident}@sender.example>\r\n'
            f'Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n{body}').encode()


def lmtp(where, sender, recipients, message, options=''):
    """One transaction over LMTP; the replies after the data, or the one that refused."""
    with Client(where, hello='LHLO mta.test') as c:
        r = c.mail(sender, recipients, message, options)
        if r.code // 100 != 2:
            return [r]
        replies = [r] + [c.reply() for _ in recipients[1:]]
        c.quit()
        return replies


def stranger(where, addr, name='[UNAVAILABLE]', hello='client.example', timeout=60):
    """A client that a Postfix which allows XCLIENT takes for one with this address."""
    c = Client(where, hello='EHLO gate.example', timeout=timeout)
    addr = f'IPv6:{addr}' if ':' in addr else addr
    c.banner = c.command(f'XCLIENT NAME={name} ADDR={addr}')
    if c.banner.code == 220:
        c.hello = c.command(f'EHLO {hello}')
    return c
