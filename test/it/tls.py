# SPDX-License-Identifier: BSD-2-Clause
"""STARTTLS towards the primary: used when offered, and never a reason to lose mail."""
from lib import smtp
from lib.ca import Certificate
from lib.lab import check, same, scenario
from lib.primary import CLOSE, HANG, certificate
from lib.process import wait_until


def send(holdfast, domain):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                   smtp.text(domain))[0].code, 250, domain)


def cut_off(holdfast, primary):
    """TLS ends in the middle of a message: half of it is none, and later it arrives whole."""
    def cut(session):
        session.wfile.write(b'354 Go\r\n')
        session.rfile.read(1000)
        return CLOSE

    before = len(primary.messages)
    primary.extensions = ('PIPELINING', '8BITMIME')         # no CHUNKING: DATA
    primary.script['data'] = cut
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@offers.test'],
                   smtp.text('large', ('x' * 70 + '\r\n') * 30000))[0].code, 250, 'a large message')
    wait_until(lambda: 'while sending message content' in holdfast.queued.log(), 10, 'the cut')
    same(len(primary.messages), before, 'messages of which only a part was sent')
    primary.script.clear()
    wait_until(lambda: len(primary.messages) == before + 1, 20, 'the large message')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
    check(len(primary.messages[-1].data) > 2000000, 'the whole message')


def silent(lab, holdfast):
    """Whoever says 220 and then nothing: in the clear where the level allows it, else not at all."""
    def hang(session):
        session.wfile.write(b'220 2.0.0 Go\r\n')
        return HANG

    primaries = {}
    for level in ('may', 'verify'):
        p = primaries[level] = lab.fake_primary(tls=object(), script={'starttls': hang}).start()
        holdfast.domain(f'{level}.silent.test', p.port, (), '--recipients', 'any', '--tls', level)
        send(holdfast, f'{level}.silent.test')
    wait_until(lambda: len(primaries['may'].messages) == 1, 20, 'the message in the clear')
    wait_until(lambda: f":{primaries['verify'].port}: timed out while negotiating TLS" in
               holdfast.queued.log(), 20, 'the reason')
    check(not any(c.startswith(b'MAIL') for c in primaries['verify'].commands), 'no fallback')
    same(holdfast.held(), 1, 'held messages')


def injected(lab, holdfast, context):
    """Somebody in between adds a reply after the 220 of STARTTLS, at every level (RFC 3207 6)."""
    own = Certificate(lab.path('tls.crt'), lab.path('tls.key'))
    options = {'may': (), 'verify': ('--tls-ca', own.cert, '--tls-name', 'primary.test'),
               'pinned': ('--tls-pin', own.pin)}
    primaries = {}
    for level, more in options.items():
        p = primaries[level] = lab.fake_primary(tls=context, script={
            'starttls': b'220 2.0.0 Go ahead\r\n250-primary.test\r\n250 PIPELINING\r\n'}).start()
        holdfast.domain(f'{level}.injected.test', p.port, (), '--recipients', 'any', '--tls', level,
                        *more)
        send(holdfast, f'{level}.injected.test')
    for level, p in primaries.items():
        wait_until(lambda: f'127.0.0.1[127.0.0.1]:{p.port}: plaintext after the reply to STARTTLS'
                   in holdfast.queued.log(), 10, f'the reason at level {level}')
        check(not any(c.startswith(b'MAIL') for c in p.commands), f'no mail goes out at {level}')
        p.script.clear()
        wait_until(lambda: len(p.messages) == 1, 20, f'the message at level {level}')
        check(p.tls_sessions > 0, f'{level} used TLS')


@scenario(limit=60)
def tls(lab):
    context = certificate(lab)
    offers = lab.fake_primary(tls=context).start()
    plain = lab.fake_primary().start()
    off = lab.fake_primary(tls=context).start()
    breaks = lab.fake_primary(tls=context, script={'starttls': [b'220 2.0.0 Go ahead \r\n', CLOSE]}).start()
    real = lab.primary(smtpd_tls_security_level='may', smtpd_tls_loglevel='1',
                       smtpd_tls_cert_file=lab.path('tls.crt'), smtpd_tls_key_file=lab.path('tls.key'),
                       virtual_mailbox_domains='real.test').start()
    holdfast = lab.holdfast(smtp_tls_timeout='2s')
    for name, primary, level in (('offers.test', offers, 'may'), ('plain.test', plain, 'may'),
                                 ('off.test', off, 'off'), ('real.test', real, 'may'),
                                 ('breaks.test', breaks, 'may')):
        holdfast.domain(name, primary.port, (), '--recipients', 'any', '--tls', level)
    holdfast.start_queued()
    for name in ('offers.test', 'plain.test', 'off.test', 'real.test', 'breaks.test'):
        send(holdfast, name)
    for name, primary in (('offers', offers), ('plain', plain), ('off', off)):
        wait_until(lambda: len(primary.messages) == 1, 10, f'{name}.test')
    wait_until(lambda: real.delivered(), 10, 'real.test')
    same(offers.tls_sessions, 1, 'TLS where it is offered')
    same(off.tls_sessions, 0, 'TLS where it is switched off')
    check('TLS connection established' in real.log(), 'TLS with a real Postfix')
    check('TLSv1.' in holdfast.queued.log(), "the protocol's name in queued's log")

    # A server whose STARTTLS leads nowhere is tried in plain text or later, never given up.
    breaks.tls = None
    breaks.script.clear()
    holdfast.cli('flush')
    wait_until(lambda: len(breaks.messages) == 1, 20, 'breaks.test')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
    injected(lab, holdfast, context)
    cut_off(holdfast, offers)
    silent(lab, holdfast)
