# SPDX-License-Identifier: BSD-2-Clause
"""STARTTLS towards the primary: used when offered, and never a reason to lose mail."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.primary import CLOSE, certificate
from lib.process import wait_until


def send(holdfast, domain):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                   smtp.text(domain))[0].code, 250, domain)


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
    holdfast = lab.holdfast()
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
