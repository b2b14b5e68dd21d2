# SPDX-License-Identifier: BSD-2-Clause
"""A primary that misbehaves to order, and one that only counts.

FakePrimary speaks SMTP properly but for the stages named in `script': there it says what the
script holds. A value is the bytes of a reply, CLOSE, a list of values (one a time, the last
repeats), or a function of the session that returns one of these. Stages: banner, ehlo, mail,
rcpt, data (before 354), dot (after the message), starttls, xclient, xehlo (the EHLO after it),
and `hang' as value: say nothing.
"""
import socket
import socketserver
import ssl
import threading
import time

from .process import free_port

CLOSE, HANG = object(), object()
DEFAULT_EXTENSIONS = ('PIPELINING', 'SIZE 104857600', '8BITMIME', 'SMTPUTF8', 'CHUNKING')


class Message:
    def __init__(self, sender, recipients, options, client=None):
        self.sender, self.recipients, self.options = sender, recipients, options
        self.client = client
        self.data = b''
        self.time = time.monotonic()


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        p = self.primary = self.server.primary
        self.tls = False
        self.transaction = None
        self.client = None              # XCLIENT's words
        p.sessions += 1
        p.peers.append(self.client_address[0])
        p.open.add(self.connection)
        try:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.say('banner', b'220 primary.test ESMTP fake\r\n'):
                while self.command():
                    pass
        except (ConnectionError, ssl.SSLError, OSError, ValueError):
            pass
        finally:
            p.open.discard(self.connection)

    def say(self, stage, default):
        """Sends the script's words for this stage or the default; False ends the session."""
        answer = self.primary.answer(stage, self)
        return self.tell(default if answer is None else answer)

    def tell(self, answer):
        if answer is HANG:
            self.primary.ended.wait(60)
            return False
        if answer is CLOSE:
            return False
        self.wfile.write(answer)
        self.said = answer
        return True

    def command(self):
        line = self.rfile.readline(65536)
        if not line:
            return False
        self.primary.commands.append(line)
        verb = line.split(b':')[0].split()[0].upper() if line.split() else b''
        rest = line.strip().decode('utf-8', 'replace')
        if verb in (b'EHLO', b'HELO'):
            lines = ['primary.test'] + list(self.primary.extensions)
            if self.primary.tls and not self.tls:
                lines.append('STARTTLS')
            text = ''.join(f'250{"-" if i < len(lines) - 1 else " "}{x}\r\n'
                           for i, x in enumerate(lines))
            return self.say('xehlo' if self.client else 'ehlo', text.encode())
        if verb == b'STARTTLS' and self.primary.tls:
            return self.start_tls()
        if verb == b'MAIL':
            self.transaction = Message(path(rest), [], rest, self.client)
            ok = self.say('mail', b'250 2.1.0 Ok\r\n')
            if ok and not self.said.startswith(b'2'):
                self.transaction = None
            return ok
        if verb == b'RCPT':
            self.recipient = path(rest)
            ok = self.say('rcpt', b'250 2.1.5 Ok\r\n')
            if ok and self.said.startswith(b'2') and self.transaction:
                self.transaction.recipients.append(self.recipient)
            return ok
        if verb == b'DATA':
            return self.data()
        if verb == b'BDAT':
            return self.bdat(line)
        if verb == b'XCLIENT':
            self.client = rest
            return self.say('xclient', b'220 primary.test ESMTP fake\r\n')
        if verb == b'QUIT':
            self.wfile.write(b'221 2.0.0 Bye\r\n')
            return False
        if verb == b'RSET':
            self.transaction = None
        if verb in (b'RSET', b'NOOP', b'VRFY', b'XFORWARD'):
            self.wfile.write(b'250 2.0.0 Ok\r\n')
            return True
        self.wfile.write(b'500 5.5.2 Unknown\r\n')
        return True

    def start_tls(self):
        if not self.say('starttls', b'220 2.0.0 Go ahead\r\n'):
            return False
        if not self.said.startswith(b'220 2.0.0 Go ahead\r\n'):
            return True
        self.wfile.flush()
        self.primary.open.discard(self.connection)
        self.connection = self.primary.tls.wrap_socket(self.connection, server_side=True)
        self.primary.open.add(self.connection)
        self.rfile = self.connection.makefile('rb', -1)
        self.wfile = socketserver._SocketWriter(self.connection)
        self.tls = True
        self.primary.tls_sessions += 1
        return True

    def data(self):
        if not self.transaction or not self.transaction.recipients:
            self.wfile.write(b'503 5.5.1 No valid recipients\r\n')
            return True
        if not self.say('data', b'354 Go\r\n'):
            return False
        if not self.said.startswith(b'354'):
            return True
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return False
            if line == b'.\r\n':
                break
            lines.append(line[1:] if line.startswith(b'.') else line)
        self.transaction.data = b''.join(lines)
        return self.complete()

    def bdat(self, line):
        words = line.split()
        if len(words) < 2 or int(words[1]) > 1 << 30:
            self.wfile.write(b'501 5.5.4 BDAT\r\n')
            return True
        piece = self.rfile.read(int(words[1]))
        if len(piece) < int(words[1]):
            return False
        if not self.transaction or not self.transaction.recipients:
            self.wfile.write(b'503 5.5.1 No valid recipients\r\n')
            return True
        self.transaction.data += piece
        if len(words) == 3 and words[2].upper() == b'LAST':
            return self.complete()
        self.wfile.write(b'250 2.0.0 Ok\r\n')
        return True

    def complete(self):
        message, self.transaction = self.transaction, None
        message.time = time.monotonic()
        self.message = message
        answer = self.primary.answer('dot', self) or b'250 2.0.0 Ok: queued\r\n'
        if answer is CLOSE or answer is HANG:
            self.primary.unanswered.append(message)
        elif answer.startswith(b'2'):
            self.primary.messages.append(message)
        return self.tell(answer)


def path(line):
    return line[line.index('<') + 1:line.index('>')]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class Server6(Server):
    address_family = socket.AF_INET6


class FakePrimary:
    def __init__(self, lab, port=None, script=None, extensions=DEFAULT_EXTENSIONS, tls=None,
                 host='127.0.0.1'):
        self.port, self.host = port or free_port(), host
        self.script, self.extensions, self.tls = dict(script or {}), extensions, tls
        self.messages, self.unanswered, self.commands, self.peers = [], [], [], []
        self.sessions = self.tls_sessions = 0
        self.open = set()
        self.ended = threading.Event()
        self.server = None
        lab.at_end(self.stop)

    def answer(self, stage, session):
        value = self.script.get(stage)
        if isinstance(value, list):
            value = value.pop(0) if len(value) > 1 else value[0]
        if callable(value):
            value = value(session)
        return value

    def start(self):
        self.ended.clear()
        server = Server6 if ':' in self.host else Server
        self.server = server((self.host, self.port), Session)
        self.server.primary = self
        self.started = time.monotonic()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """Listens no more and cuts its sessions, as a machine does that goes down."""
        if self.server:
            self.ended.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def data(self):
        return [m.data for m in self.messages]


def certificate(lab, name='primary.test'):
    """A self-signed certificate's server side."""
    from .process import run
    key, crt = lab.path('tls.key'), lab.path('tls.crt')
    run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', crt,
         '-days', '2', '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}'])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context
