# SPDX-License-Identifier: BSD-2-Clause
"""DANE (RFC 7672) towards a real Postfix, with a zone that is really signed.

What the signed DNS says of a host must hold; where it says nothing, TLS is opportunistic; where
it cannot be asked, nothing goes out. A corrected record lets the mail leave by itself.
"""
from lib import smtp
from lib.ca import CA
from lib.dns import Nsd
from lib.lab import check, same, scenario
from lib.process import free_port, wait_until

VERIFIED, UNJUDGED = 'verified by TLSA', 'certificate not judged'


def services(lab, certs, domains):
    """A Postfix with an smtpd a certificate (None: no STARTTLS), and their ports."""
    postfix = lab.primary(domains=domains)
    ports = {}
    with open(f'{postfix.etc}/master.cf', 'a') as f:
        for kind, cert in certs.items():
            ports[kind] = free_port()
            f.write(f'127.0.0.1:{ports[kind]} inet n - n - - smtpd\n')
            f.write(f'  -o smtpd_tls_security_level=may -o smtpd_tls_cert_file={cert.cert}'
                    f' -o smtpd_tls_key_file={cert.key}\n' if cert else
                    '  -o smtpd_tls_security_level=none\n')
    return postfix.start(), ports


def signed_zone(ports, good, other, ca, mended=False):
    def tlsa(name, kind, usage, pin):
        return f'{name} A 127.0.0.1\n_{ports[kind]}._tcp.{name} TLSA {usage} 1 1 {pin}\n'

    return (tlsa('good', 'good', 3, good.pin) + tlsa('ta', 'chain', 2, ca.pin)
            + tlsa('wrong', 'good', 3, good.pin if mended else other.pin)
            + tlsa('clear', 'none', 3, good.pin) + tlsa('useless', 'good', 1, good.pin)
            + 'none A 127.0.0.1\n' + 'alias CNAME good\n' + 'byname MX 10 good\n'
            + tlsa('strict', 'good', 3, other.pin)
            # The zone below is signed, says this one, but nobody has its records: no "none".
            + f'lost A 127.0.0.1\n_tcp.lost NS ns\n_tcp.lost DS 4711 13 2 {"ab" * 32}\n')


# Domain, where its mail goes, and how it goes or why it does not.
CASES = {
    'good': ('good.signed.test:{good}', VERIFIED),
    'ta': ('ta.signed.test:{chain}', VERIFIED),
    'alias': ('alias.signed.test:{good}', VERIFIED),
    'mx': ('mx:byname.signed.test:{good}', VERIFIED),
    'none': ('none.signed.test:{good}', UNJUDGED),
    'unsigned': ('wrong.unsigned.test:{good}', UNJUDGED),
    'insecure-mx': ('mx:unsigned.test:{good}', UNJUDGED),
    'useless': ('useless.signed.test:{good}', UNJUDGED),
    'address': ('127.0.0.1:{good}', UNJUDGED),
    'wrong': ('wrong.signed.test:{good}', 'the certificate does not match the TLSA record'),
    'clear': ('clear.signed.test:{none}', 'TLS is required (tls=dane), but it did not offer STARTTLS'),
    'bogus': ('good.bogus.test:{good}', 'signature expired'),
    'lost': ('lost.signed.test:{good}', 'cannot look up the TLSA record of lost.signed.test'),
}


def fate(holdfast, postfix, name, where, before):
    """How the domain's one message went, or why it did not; None as long as nobody knows."""
    if f'joe@{name}.example' in postfix.by_recipient():
        said = [x for x in holdfast.queued.log()[before:].splitlines() if ' tls="' in x]
        return said[-1].split('tls="')[1].strip('"') if said else 'in the clear'
    for d in holdfast.json('primary', 'list'):
        if d['state'] in ('down', 'probing') and d.get('reason') and where in d['destination']:
            return 'held: ' + d['reason']
    return None


def send(holdfast, name):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{name}.example'],
                   smtp.text(name))[0].code, 250, name)


@scenario(limit=90)
def dane(lab):
    ca = CA(lab, 'ca')
    good, other, ta = (ca.issue(x, f'{x}.signed.test') for x in ('good', 'other', 'ta'))
    with open(ta.cert, 'a') as f, open(ca.file) as issuer:
        f.write(issuer.read())          # RFC 7672 3.1.2: the trust anchor goes along
    ca.pin = type(good)(ca.file, ca.key).pin
    postfix, ports = services(lab, {'good': good, 'chain': ta, 'none': None},
                              [f'{name}.example' for name in CASES])
    zone = signed_zone(ports, good, other, ca)
    dns = Nsd(lab, {'signed.test': zone, 'bogus.test': zone,
                    'unsigned.test': zone + '@ MX 10 strict.signed.test.\n'},
              signed=('signed.test', 'bogus.test'))
    dns.zone('bogus.test', zone, expired=True)
    dns.start()
    holdfast = lab.holdfast(resolver=dns.address, dnssec_anchor=dns.anchor)
    for name, (where, _) in CASES.items():
        holdfast.domain(f'{name}.example', where.format(**ports), (), '--recipients', 'any',
                        '--tls', 'dane')
    holdfast.start_queued()
    got = {}
    for name in CASES:
        before = len(holdfast.queued.log())
        send(holdfast, name)
        where = CASES[name][0].format(**ports)
        got[name] = wait_until(lambda: fate(holdfast, postfix, name, where, before), 20, name)
        lab.say(f'{name:12} {got[name]}')
    for name, (_, expected) in CASES.items():
        check(expected in got[name], f'{name}: expected {expected!r}, got {got[name]!r}')
    log = holdfast.queued.log()
    for host, why in (('none.signed.test', 'no TLSA'), ('wrong.unsigned.test', 'its zone is not signed'),
                      ('127.0.0.1', 'an address has no TLSA'),
                      ('strict.signed.test', 'the MX record is not signed')):
        same(log.count(f'host={host} reason="{why}: opportunistic TLS only"'), 1, f'{host} is told')
    same(holdfast.held(), 4, 'held messages')

    # The record is corrected; nobody tells Holdfast.
    dns.zone('signed.test', signed_zone(ports, good, other, ca, mended=True))
    wait_until(lambda: 'joe@wrong.example' in postfix.by_recipient(), 30,
               'mail to leave when the TLSA record is right')
    check('joe@clear.example' not in postfix.by_recipient(), 'nothing leaves in the clear')
