# SPDX-License-Identifier: BSD-2-Clause
"""A primary that talks nonsense: the message is kept, and delivered once it behaves.

One domain, one primary and one message for each kind of nonsense, all at the same time.
"""
import ssl
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.primary import CLOSE, HANG
from lib.process import wait_until

MEGABYTE = b'2' * (1 << 20)


def endless(session):
    """A reply that never ends, until the peer has had enough."""
    try:
        for _ in range(200000):
            session.wfile.write(b'250-more\r\n')
    except OSError:
        pass
    return CLOSE


def dies_after_dot(session):
    return CLOSE


# name -> what the primary says where
NONSENSE = {
    'banner-no-crlf': {'banner': lambda s: MEGABYTE},
    'banner-short': {'banner': b'22\r\n'},
    'banner-999': {'banner': b'999 hello\r\n'},
    'banner-554': {'banner': b'554 go away\r\n'},
    'banner-closes': {'banner': CLOSE},
    'banner-lf': {'banner': b'220 hello\n'},
    'ehlo-25': {'ehlo': b'25\r\n'},
    'ehlo-mixed': {'ehlo': b'250-one\r\n251 two\r\n'},
    'ehlo-endless': {'ehlo': endless},
    'ehlo-500': {'ehlo': b'421 4.3.2 not now\r\n'},
    'mail-421': {'mail': b'421 4.3.2 shutting down\r\n'},
    'mail-450': {'mail': b'450 4.7.1 slow down\r\n'},
    'rcpt-450': {'rcpt': b'450 4.2.0 greylisted\r\n'},
    'rcpt-nonsense': {'rcpt': b'hello?\r\n'},
    'rcpt-closes': {'rcpt': CLOSE},
    # One 250 too many must not pass for the answer to the message, which is refused.
    'rcpt-too-many': {'rcpt': b'250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n', 'dot': b'452 4.3.1 full\r\n'},
    'rcpt-one-more': {'rcpt': b'250 ok\r\n250 ok\r\n', 'dot': b'452 4.3.1 full\r\n'},
    'data-451': {'data': b'451 4.3.0 no\r\n'},
    'data-closes-after-354': {'data': lambda s: (s.wfile.write(b'354 go\r\n'), CLOSE)[1]},
    'dot-452': {'dot': b'452 4.3.1 full\r\n'},
    'dot-closes': {'dot': dies_after_dot},
    'dot-nonsense': {'dot': b'2\r\n'},
    'dot-hangs': {'dot': HANG},
}
# Without CHUNKING, so that DATA and 354 are used.
BY_DATA = {'data-451', 'data-closes-after-354'}


@scenario(limit=120)
def bad_primary(lab):
    holdfast = lab.holdfast(smtp_final_timeout='5s', smtp_greeting_timeout='5s')
    primaries = {}
    for name, script in NONSENSE.items():
        extensions = ('PIPELINING', '8BITMIME') if name in BY_DATA else \
            ('PIPELINING', '8BITMIME', 'CHUNKING')
        primaries[name] = lab.fake_primary(script=script, extensions=extensions)
        holdfast.domain(f'{name}.test', primaries[name].port, (), '--recipients', 'any')
    tls = {
        'tls-junk': {'starttls': b'220 2.0.0 Go\r\n250 injected\r\n'},
        'tls-refused': {'starttls': b'454 4.7.0 TLS not available\r\n'},
    }
    for name, script in tls.items():
        primaries[name] = lab.fake_primary(script=script, extensions=('PIPELINING',),
                                           tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        holdfast.domain(f'{name}.test', primaries[name].port, (), '--recipients', 'any')
    holdfast.start_queued()
    for p in primaries.values():
        p.start()
    for name in primaries:
        r = smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{name}.test'], smtp.text(name))
        same(r[0].code, 250, name)
    for name, p in primaries.items():
        wait_until(lambda: p.sessions > 0, 10, f'{name}: an attempt')
    # `may' goes on in plain text when TLS is refused; the rest stays.
    held = set(NONSENSE) | {'tls-junk'}
    end = time.monotonic() + 3
    while time.monotonic() < end:
        check(holdfast.queued.alive(), lambda: f'queued {holdfast.queued.fate()}')
        time.sleep(0.2)
    waiting = {m['domain']: m for m in holdfast.queue()}
    for name in held:
        check(f'{name}.test' in waiting, f'{name}: the message is held')
    for name in held - {'dot-closes', 'dot-nonsense', 'dot-hangs'}:
        same(len(primaries[name].messages), 0, f'{name}: messages the primary took')
    for message in waiting.values():
        check(message['state'] != 'quarantined', f'{message["domain"]} is not given up: {message}')

    log = holdfast.queued.log()
    check(any('uplicate' in line for line in log.splitlines()),
          'a connection lost after the final dot is logged as a possible duplicate')

    # They come to their senses.
    for p in primaries.values():
        p.script.clear()
        if p.tls:
            p.tls = None
    holdfast.cli('flush')
    wait_until(lambda: holdfast.held() == 0, 40,
               lambda: f'everything to be delivered; waiting: {[m["domain"] for m in holdfast.queue()]}')
    for name, p in primaries.items():
        # `2' is no answer; this primary counted the message all the same.
        same(len(p.messages), 2 if name == 'dot-nonsense' else 1, f'{name}: messages delivered')
        check(p.messages[0].data.endswith(smtp.text(name)), f'{name}: what arrived')
    lab.say(f'{len(primaries)} kinds of nonsense survived')
