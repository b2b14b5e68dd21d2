# SPDX-License-Identifier: BSD-2-Clause
"""A primary that talks nonsense: the message is kept, the connection closed, the reason logged once.

One domain, one primary and one message for each kind of nonsense, all at the same time. Then they come
to their senses, and everything arrives.
"""
import re
import socket

from lib import smtp
from lib.lab import check, same, scenario
from lib.primary import CLOSE, HANG, certificate
from lib.process import wait_until

BY_BDAT = ('PIPELINING', '8BITMIME', 'CHUNKING')
BY_DATA = ('PIPELINING', '8BITMIME')
BY_STEPS = ('8BITMIME',)
WITH_XCLIENT = ('PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO')
MEGABYTE = b'2' * (1 << 20)


class Row:
    """What the primary says where, and what queued says of it."""

    def __init__(self, reason, extensions=BY_BDAT, tls=False, unsure=False, copies=1, size=0, options=(),
                 **script):
        self.reason, self.extensions, self.tls, self.script = reason, extensions, tls, script
        self.unsure, self.copies, self.size, self.options = unsure, copies, size, options


def endless(session):
    """A reply that never ends, until the peer has had enough."""
    try:
        for _ in range(200000):
            session.wfile.write(b'250-more\r\n')
    except OSError:
        pass
    return CLOSE


def swallows_one(session):
    """Takes the recipient and does not say so."""
    session.transaction.recipients.append(session.recipient)
    return b''


def go_and_close(session):
    session.wfile.write(b'354 go\r\n')
    session.connection.shutdown(socket.SHUT_RDWR)
    return CLOSE


def close_in_bdat(session):
    """250 to RCPT, and the end while the message comes."""
    session.wfile.write(b'250 2.1.5 Ok\r\n')
    session.rfile.read(10000)
    session.connection.shutdown(socket.SHUT_RDWR)
    return CLOSE


LOST = 'lost connection while '
ROWS = {
    'banner-no-crlf': Row('broken reply: line too long', banner=lambda s: MEGABYTE),
    'banner-short': Row('broken reply: not an SMTP reply', banner=b'22\r\n'),
    'banner-999': Row('broken reply: not an SMTP reply', banner=b'999 hello\r\n'),
    'banner-554': Row('said 554 go away', banner=b'554 go away\r\n'),
    'banner-closes': Row(LOST + 'receiving the initial server greeting', banner=CLOSE),
    'banner-lf': Row('broken reply: bare LF', banner=b'220 hello\n'),
    'banner-nul': Row('broken reply: NUL', banner=b'220 he\0llo\r\n'),
    'banner-hangs': Row('timed out while receiving the initial server greeting', banner=HANG),
    'ehlo-25': Row('broken reply: not an SMTP reply', ehlo=b'25\r\n'),
    'ehlo-mixed': Row('broken reply: different codes in one reply', ehlo=b'250-one\r\n251 two\r\n'),
    'ehlo-endless': Row('broken reply: a reply of too many lines', ehlo=endless),
    'ehlo-421': Row('said 421 4.3.2 not now', ehlo=b'421 4.3.2 not now\r\n'),
    'mail-421': Row('said 421 4.3.2 shutting down', mail=b'421 4.3.2 shutting down\r\n'),
    'mail-450': Row('said: 450 4.7.1 slow down', mail=b'450 4.7.1 slow down\r\n'),
    'mail-354': Row('unexpected reply to MAIL: 354', mail=b'354 go\r\n'),
    'rcpt-450': Row('said: 450 4.2.0 greylisted', rcpt=b'450 4.2.0 greylisted\r\n'),
    'rcpt-nonsense': Row('broken reply: not an SMTP reply', rcpt=b'hello?\r\n'),
    'rcpt-closes': Row(LOST + 'sending RCPT TO', rcpt=CLOSE),
    # One 250 too many must not pass for the answer to the message, which is refused.
    'rcpt-too-many': Row('reply before the end of the message: 250', rcpt=b'250 ok\r\n' * 4,
                         dot=b'452 4.3.1 full\r\n'),
    'rcpt-one-more': Row('reply before the end of the message: 250', rcpt=b'250 ok\r\n' * 2,
                         dot=b'452 4.3.1 full\r\n'),
    # … and one too few: 354 is no answer to RCPT.
    'rcpt-too-few': Row('unexpected reply to RCPT: 354', BY_DATA, rcpt=swallows_one),
    'data-451': Row('said: 451 4.3.0 no', BY_DATA, data=b'451 4.3.0 no\r\n'),
    'data-250': Row('unexpected reply to DATA: 250', BY_DATA, data=b'250 ok\r\n'),
    'data-closes': Row(LOST + 'sending the DATA command', BY_STEPS, data=CLOSE),
    '354-then-close': Row(LOST + 'sending message content|lost connection after the end of the message', BY_DATA,
                          data=go_and_close, unsure=None),
    '354-then-close-large': Row(LOST + 'sending message content', BY_DATA, data=go_and_close, size=8 << 20),
    'bdat-closes-large': Row(LOST + 'sending message content', rcpt=close_in_bdat, size=8 << 20),
    'dot-452': Row('said: 452 4.3.1 full', dot=b'452 4.3.1 full\r\n'),
    'dot-354': Row('unexpected reply to the message: 354', dot=b'354 more\r\n', unsure=True),
    'dot-closes': Row('lost connection after the end of the message', dot=CLOSE, unsure=True),
    # `2' is no answer; this primary counts the message all the same.
    'dot-nonsense': Row('broken reply: not an SMTP reply', dot=b'2\r\n', unsure=True, copies=2),
    'dot-hangs': Row('timed out after the end of the message', dot=HANG, unsure=True),
    'tls-junk': Row('plaintext after the reply to STARTTLS', BY_DATA, tls=True,
                    starttls=b'220 2.0.0 Go\r\n250 injected\r\n'),
    'tls-untrusted': Row('certificate', BY_DATA, tls=True, options=('--tls', 'verify')),
    'tls-ends-in-data': Row(LOST + 'sending message content', BY_DATA, tls=True, data=go_and_close,
                            size=8 << 20),
    'xclient-22': Row('broken reply: not an SMTP reply', WITH_XCLIENT, xclient=b'22\r\n'),
    'xclient-250': Row('unexpected reply to XCLIENT: 250', WITH_XCLIENT, xclient=b'250 ok\r\n'),
    'xclient-two': Row('unexpected reply to EHLO: 220', WITH_XCLIENT, xclient=b'220 p\r\n220 p\r\n'),
    'xclient-421': Row('said: 421 4.7.0 too much', WITH_XCLIENT, xclient=b'421 4.7.0 too much\r\n'),
    'xclient-450': Row('said: 450 4.7.25 no name', WITH_XCLIENT, xclient=b'450 4.7.25 no name\r\n'),
    'xclient-closes': Row(LOST + 'sending XCLIENT', WITH_XCLIENT, xclient=CLOSE),
    'xclient-hangs': Row('timed out while sending XCLIENT', WITH_XCLIENT, xclient=HANG),
    'xehlo-354': Row('unexpected reply to EHLO: 354', WITH_XCLIENT, xehlo=b'354 go\r\n'),
    'xehlo-closes': Row(LOST + 'performing the EHLO handshake after XCLIENT', WITH_XCLIENT, xehlo=CLOSE),
}
CLIENT = 'XFORWARD NAME=ann.test ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=ann.test'


def text_of(name):
    return smtp.text(name, 'x' * 70 + '\r\n' if not ROWS[name].size else
                     ('x' * 70 + '\r\n') * (ROWS[name].size // 72))


def connected(port):
    """Established connections to this port, as the kernel has them."""
    with open('/proc/net/tcp') as f:
        return sum(line.split()[2].endswith(f':{port:04X}') and line.split()[3] == '01'
                   for line in f.readlines()[1:])


def said(log, port, reason):
    """The lines that give the reason for this primary, by what they decide."""
    mine = [line for line in log.splitlines() if f':{port}' in line and re.search(reason, line)]
    return ([line for line in mine if 'session ended' in line or ' state=' in line],
            [line for line in mine if 'status=' in line])


def start(lab, holdfast):
    context, primaries = certificate(lab), {}
    for name, row in ROWS.items():
        p = primaries[name] = lab.fake_primary(script=row.script, extensions=row.extensions,
                                               tls=context if row.tls else None)
        client = 'xclient' if row.extensions == WITH_XCLIENT else 'xforward'
        holdfast.domain(f'{name}.test', p.port, (), '--recipients', 'any', '--client', client, *row.options)
    # `may' goes on in plain text when TLS is refused.
    refused = lab.fake_primary(script={'starttls': b'454 4.7.0 TLS not available\r\n'}, tls=context)
    holdfast.domain('tls-refused.test', refused.port, (), '--recipients', 'any')
    holdfast.start_queued()
    for p in [*primaries.values(), refused]:
        p.start()
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for name in [*ROWS, 'tls-refused']:
            same(c.command(CLIENT).code, 250, 'XFORWARD')
            text = text_of(name) if name in ROWS else smtp.text(name)
            same(c.mail('ann@sender.example', [f'joe@{name}.test'], text).code, 250, name)
        c.quit()
    wait_until(lambda: refused.messages, 10, 'tls-refused: delivered in plain text')
    return primaries


@scenario(limit=120)
def bad_primary(lab):
    holdfast = lab.holdfast(smtp_final_timeout='3s', smtp_greeting_timeout='3s')
    primaries = start(lab, holdfast)

    for name, row in ROWS.items():
        port = primaries[name].port
        wait_until(lambda: any(said(holdfast.queued.log(), port, row.reason)), 30,
                   f'{name}: a line that says {row.reason!r}')
        wait_until(lambda: connected(port) == 0, 20, f'{name}: the connection to be closed')
        # What must not happen gets its chance: the next probe.
        if said(holdfast.queued.log(), port, row.reason)[0]:
            wait_until(lambda: primaries[name].sessions >= 2, 20, f'{name}: the next probe')
    check(holdfast.queued.alive(), lambda: f'queued {holdfast.queued.fate()}')

    log = holdfast.queued.log()
    waiting = {m['domain']: m for m in holdfast.queue()}
    for name, row in ROWS.items():
        p = primaries[name]
        check(f'{name}.test' in waiting, f'{name}: the message is held')
        check(waiting[f'{name}.test']['state'] != 'quarantined', f'{name} is given up: {waiting[f"{name}.test"]}')
        if row.copies == 1:
            same(len(p.messages), 0, f'{name}: messages the primary took')
        sessions, attempts = said(log, p.port, row.reason)
        check(len(sessions) <= 1 and len(attempts) <= 1 and sessions + attempts,
              f'{name}: the reason once for the destination, once for the message: {sessions} {attempts}')
        duplicate = f'joe@{name}.test' in ''.join(
            line for line in log.splitlines() if 'duplicate possible' in line)
        if row.unsure is not None:
            same(duplicate, row.unsure, f'{name}: called a possible duplicate')

    # They come to their senses.
    for name, p in primaries.items():
        p.script.clear()
        if p.tls:
            holdfast.cli('domain', 'set', f'{name}.test', '--tls', 'off')
    holdfast.cli('flush')
    wait_until(lambda: holdfast.held() == 0, 40,
               lambda: f'everything to be delivered; waiting: {[m["domain"] for m in holdfast.queue()]}')
    for name, p in primaries.items():
        same(len(p.messages), ROWS[name].copies, f'{name}: messages delivered')
        check(p.messages[0].data.endswith(text_of(name)), f'{name}: what arrived')
    lab.say(f'{len(primaries)} kinds of nonsense survived, each with its reason once')
