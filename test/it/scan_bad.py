# SPDX-License-Identifier: BSD-2-Clause
"""Scanners that answer badly, all three protocols: each message is deferred or passed by the rules, in time."""
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

GOOD = {
    'clamd': b'stream: OK\0',
    'spamd': b'SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: False ; 1.0 / 5.0\r\n\r\nA,B',
    'rspamd': b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"score": 1.0}',
}
LIES = {        # more than there is, less than there is
    'clamd': (b'stream: OK', b'stream: OK\0stream: OK\0'),
    'spamd': (GOOD['spamd'].replace(b'length: 3', b'length: 99999'),
              GOOD['spamd'].replace(b'length: 3', b'length: 1')),
    'rspamd': (GOOD['rspamd'].replace(b'Length: 14', b'Length: 999999999999'),
               GOOD['rspamd'].replace(b'Length: 14', b'Length: 9')),
}
BAD = ('cut', 'drip', 'huge', 'more', 'less', 'closes', 'at_once', 'silent', 'garbage')


class Bad:
    """Good, but to the message that asks for something else in its header: X-Bad: PROTOCOL-HOW."""

    def __init__(self, lab, protocol):
        self.protocol, self.good = protocol, GOOD[protocol]
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=100)
        self.at = f'127.0.0.1:{self.socket.getsockname()[1]}'
        lab.at_end(self.socket.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        with s:
            try:
                s.settimeout(20)
                how = self.read(s)
                if how not in ('at_once', 'closes'):
                    self.answer(s, how)
            except OSError:
                pass

    def whole(self, data):
        if self.protocol == 'clamd':
            return data.endswith(b'.\r\n\0\0\0\0')     # the last line of all our messages, and the end
        head, _, body = data.partition(b'\r\n\r\n')
        length = re.search(rb'(?i)content-length: (\d+)', head)
        return length and len(body) >= int(length.group(1))

    def read(self, s):
        data, how = b'', None
        while not self.whole(data):
            more = s.recv(65536)
            if not more:
                break
            data += more
            wanted = re.search(rb'X-Bad: (\w+)-(\w+)', data)
            if wanted and wanted.group(1).decode() == self.protocol:
                how = wanted.group(2).decode()
            if how == 'at_once':
                break
        return how

    def answer(self, s, how):
        if how == 'cut':
            s.sendall(self.good[:-4])
        elif how == 'drip':
            for byte in self.good:
                s.sendall(bytes([byte]))
                time.sleep(0.3)
        elif how == 'huge':
            for _ in range(5000):
                s.sendall(self.good[:5] + b'x' * 60000 + b'\r\n')
        elif how in ('more', 'less'):
            s.sendall(LIES[self.protocol][how == 'less'])
        elif how == 'silent':
            s.recv(1)
            time.sleep(15)
        elif how == 'garbage':
            s.sendall(bytes(range(256)) * 3)
        else:
            s.sendall(self.good)


@scenario(limit=90)
def scan_bad(lab):
    primary = lab.primary(domains=('strict.test', 'lenient.test')).start()
    holdfast = lab.holdfast()
    for domain in ('strict.test', 'lenient.test'):
        holdfast.domain(domain, primary.port, [], '--recipients', 'any')
    servers = [Bad(lab, protocol) for protocol in GOOD]
    for name, value in (('virus.clamd', servers[0].at), ('spam.spamd', servers[1].at),
                        ('spam.rspamd', servers[2].at), ('virus.timeout', '2s'), ('spam.timeout', '2s')):
        holdfast.cli('rule', 'set', name, value)
    for name in ('virus.on_fault', 'spam.on_fault'):
        holdfast.cli('rule', 'set', name, 'off', '--for', 'lenient.test')
    holdfast.start()
    mta = lab.mta(holdfast, domains=('strict.test', 'lenient.test')).start()
    filler = ('x' * 70 + '\r\n') * 3000

    def send(case):
        how, to = case
        begin = time.monotonic()
        message = smtp.text(how, filler + '.\r\n').replace(b'Subject:', f'X-Bad: {how}\r\nSubject:'.encode())
        r = smtp.send(mta.port, 'ann@sender.example', [to], message)
        return how, to, r, time.monotonic() - begin

    how, to, r, _ = send(('none-none', 'joe@strict.test'))
    same(r.code, 250, f'all answer well: {r}')
    cases = [(f'{protocol}-{how}', to) for protocol in GOOD for how in BAD
             for to in ('joe@strict.test', 'joe@lenient.test')]
    slowest = 0
    with ThreadPoolExecutor(8) as pool:
        for how, to, r, took in pool.map(send, cases):
            if 'strict' in to:
                check(r.code == 451 and 'Content scanner not available' in r.text, f'{how}: {r}')
            else:
                same(r.code, 250, f'{how}, where mail may pass: {r}')
            check(took < 10 * patience(), f'{how} took {took:.1f} s')
            slowest = max(slowest, took)
    wait_until(lambda: len(primary.delivered()) == 1 + len(cases) // 2, 20, 'what passes at the primary')
    same(send(('none-none', 'joe@strict.test'))[2].code, 250, 'all answer well again')
    most = holdfast.milter.status('VmHWM')
    check(patience() > 1 or most < 200 * 1024, f'{most} KiB of memory')
    lab.say(f'{len(BAD)} ways to answer badly for {len(GOOD)} protocols: {len(cases)} messages, '
            f'the slowest {slowest:.1f} s; {most // 1024} MiB at most')
