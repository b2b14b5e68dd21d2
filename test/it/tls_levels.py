# SPDX-License-Identifier: BSD-2-Clause
"""Every TLS level against a real Postfix with every kind of certificate.

Mail goes out in TLS, in the clear, or not at all: as the level says, never weaker. What is
held is untouched, says in words what to do, and leaves by itself when that was done.
"""
import sqlite3

from lib import smtp
from lib.ca import CA, day, self_signed
from lib.lab import check, same, scenario
from lib.process import free_port, wait_until

NAME = 'primary.test'
LEVELS = ('off', 'may', 'verify', 'pinned')


def kinds(lab):
    """What the primary has, and what becomes of mail at each level: tls, clear, or a reason."""
    ca, other = CA(lab, 'ca'), CA(lab, 'other', 'Other CA')
    no_offer = 'TLS is required (tls={level}), but it did not offer STARTTLS'
    too_old = 'TLS handshake failed: the peer refused TLS 1.2 and newer: update it'
    return ca, {
        'good': (ca.issue('good', NAME), 'tls', 'tls', 'tls'),
        'expired': (ca.issue('expired', NAME, days=(-90, -30)), 'tls',
                    f'the certificate expired on {day(-30)}: renew it on the primary', 'tls'),
        'early': (ca.issue('early', NAME, days=(30, 90)), 'tls',
                  f'the certificate is valid only from {day(30)} on', 'tls'),
        'wrong-name': (ca.issue('wrong', 'a.test', 'b.test'), 'tls',
                       f'the certificate is for a.test, b.test, not for {NAME}: --tls-name', 'tls'),
        'self-signed': (self_signed(lab, 'self', NAME), 'tls',
                        'the certificate is self-signed: pin it', 'tls'),
        'unknown-ca': (other.issue('unknown', NAME), 'tls',
                       "the certificate's issuer Other CA is not known here: --tls-ca FILE", 'tls'),
        'no-starttls': (None, 'clear', no_offer, no_offer),
        'tls-1.0': (ca.issue('old', NAME), 'clear', too_old, too_old),
    }


def services(lab, what):
    """A Postfix with an smtpd for each kind, and their ports."""
    domains = [f'{level}.{kind}.test' for kind in what for level in LEVELS]
    postfix = lab.primary(domains=[*domains, 'mispinned.test', NAME], smtpd_tls_received_header='yes',
                          tls_medium_cipherlist='DEFAULT:@SECLEVEL=0')
    ports = {}
    with open(f'{postfix.etc}/master.cf', 'a') as f:
        for kind, (cert, *_) in what.items():
            port = ports[kind] = free_port()
            options = ['smtpd_tls_security_level=none']
            if cert:
                options = ['smtpd_tls_security_level=may', f'smtpd_tls_cert_file={cert.cert}',
                           f'smtpd_tls_key_file={cert.key}']
            if kind == 'tls-1.0':
                options += ['smtpd_tls_protocols=<=TLSv1']
            if kind == 'expired':       # a renewed one is read by the next process
                options += ['max_use=1']
            f.write(f'127.0.0.1:{port} inet n - n - - smtpd\n'
                    + ''.join(f'  -o {{ {o.replace("=", " = ", 1)} }}\n' for o in options))
    return postfix.start(), ports


def send(holdfast, domain):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                   smtp.text(domain))[0].code, 250, domain)


def in_tls(data):
    return b'(using TLSv1' in data


def destination(holdfast, port, level):
    suffix = '' if level == 'may' else f'tls={level}'
    found = [d for d in holdfast.json('primary', 'list')
             if d['destination'].startswith(f'127.0.0.1:{port}') and suffix in d['destination']]
    return found[0] if found else {'state': '', 'reason': ''}


def fate(holdfast, postfix, port, level, domain):
    """What has become of the domain's one message; None as long as nobody knows."""
    data = postfix.by_recipient().get(f'joe@{domain}')
    if data:
        return 'tls' if in_tls(data) else 'clear'
    state = destination(holdfast, port, level)
    if state['state'] in ('down', 'probing') and state.get('reason'):
        return state['reason'].split(': ', 1)[1]
    return None


def show(lab, got):
    lab.say(f'{"":12}' + ''.join(f'{x:8}' for x in LEVELS))
    for kind in dict.fromkeys(k for k, _ in got):
        words = [got[kind, x] if got[kind, x] in ('tls', 'clear') else 'held' for x in LEVELS]
        lab.say(f'{kind:12}' + ''.join(f'{x:8}' for x in words))
    for reason in dict.fromkeys(x for x in got.values() if x not in ('tls', 'clear')):
        lab.say(f'  {reason}')


def mended(holdfast, postfix, what, ca):
    """The operator does what the reason says; nobody tells Holdfast."""
    what['expired'][0].replace(ca.issue('renewed', NAME))
    wait_until(lambda: 'joe@verify.expired.test' in postfix.by_recipient(), 20,
               'mail to leave when the certificate is renewed')
    holdfast.cli('domain', 'set', 'verify.wrong-name.test', '--tls-name', 'b.test')
    wait_until(lambda: 'joe@verify.wrong-name.test' in postfix.by_recipient(), 20,
               'mail to leave when the name is right')


def resumed(holdfast, postfix):
    """A second connection resumes the first one's session, and says so."""
    def lines():
        return [x for x in holdfast.queued.log().splitlines() if ', verified by CA, resumed' in x]

    before = len(lines())
    for _ in range(2):          # connection_messages is 1: one connection each
        send(holdfast, 'verify.good.test')
    wait_until(lambda: len(lines()) > before, 20, 'a resumed session')
    check('verified by CA' in lines()[-1], 'how it was verified')


def wrong_pin(holdfast, what):
    send(holdfast, 'mispinned.test')
    wait_until(lambda: "the certificate's key is not the pinned one: --tls-pin "
               f"{what['good'][0].pin} if it was changed on purpose" in holdfast.queued.log(), 10,
               'the pin in the log, ready to copy')
    same([m['state'] for m in holdfast.queue() if m['domain'] == 'mispinned.test'], ['queued'],
         'the mispinned message')


@scenario(limit=90)
def tls_levels(lab):
    ca, what = kinds(lab)
    postfix, ports = services(lab, what)
    holdfast = lab.holdfast()
    expected = {}
    for kind, (cert, *outcomes) in what.items():
        for level, outcome in zip(LEVELS, ['clear', *outcomes]):
            options = {'verify': ['--tls-name', NAME, '--tls-ca', ca.file],
                       'pinned': ['--tls-pin', cert.pin if cert else 'ab' * 32]}.get(level, [])
            holdfast.domain(f'{level}.{kind}.test', ports[kind], (), '--recipients', 'any',
                            '--tls', level, *options)
            expected[kind, level] = outcome.format(level=level)
    holdfast.domain('mispinned.test', ports['good'], (), '--recipients', 'any', '--tls', 'pinned',
                    '--tls-pin', what['expired'][0].pin)
    with sqlite3.connect(holdfast.conf['rules_db']) as rules:
        rules.execute("INSERT INTO setting (name, value) VALUES ('global.connection_messages', '1')")
    holdfast.start_queued()
    for kind, level in expected:
        send(holdfast, f'{level}.{kind}.test')
    got = {}
    for (kind, level), outcome in expected.items():
        domain = f'{level}.{kind}.test'
        got[kind, level] = wait_until(
            lambda: fate(holdfast, postfix, ports[kind], level, domain), 20, f'news of {domain}')
    show(lab, got)
    for key, outcome in expected.items():
        check(got[key].split('failed: ')[-1].startswith(outcome.split('failed: ')[-1]),
              f'{key}: expected {outcome!r}, got {got[key]!r}')
    held = sum(x not in ('tls', 'clear') for x in got.values())
    same(holdfast.held(), held, 'held messages')
    for message in holdfast.queue():
        same(message['state'], 'queued', 'a held message is as before')
        same(message['recipients'][0]['attempts'], 0, 'no attempt is charged')
    listed = holdfast.cli('queue', 'list').stdout
    for outcome in expected.values():
        check(outcome in ('tls', 'clear') or outcome in listed, f'queue list: {outcome}')
    mended(holdfast, postfix, what, ca)
    resumed(holdfast, postfix)
    wrong_pin(holdfast, what)
