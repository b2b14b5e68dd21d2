# SPDX-License-Identifier: BSD-2-Clause
"""What the DNS can do to a route: the mail stays, one line says why, and it goes when that is mended."""
from lib import smtp
from lib.dns import Nsd, Unbound
from lib.lab import check, same, scenario
from lib.process import free_port, wait_until

HOSTS = 'p2 A 127.0.0.2\nself A 127.0.0.1\nbig TXT {}\n'.format(
    ' '.join(f'"{"x" * 250}"' for _ in range(240)))     # 60 KB: nobody asks for it

# domain: its zone at first (None: no data), and the reason that is logged
BAD = {
    'servfail.test': (None, 'cannot resolve the MX of servfail.test: '
                            'the name servers cannot answer (SERVFAIL)'),
    'loop.test': ('@ MX 10 a\na CNAME b\nb CNAME a\n', 'cannot resolve a.loop.test: '),
    'cloop.test': ('x CNAME y\ny CNAME x\n', 'cannot resolve the MX of x.cloop.test: '),
    'null.test': ('@ MX 0 .\n', 'null.test takes no mail (5.1.10): it has a null MX'),
    'us.test': ('@ MX 10 mx2.test.\n@ MX 20 p2\n' + HOSTS,
                'mail for us.test loops back to me (5.4.6): its best MX is this host'),
    'nohost.test': ('@ MX 10 gone\n', 'cannot resolve gone.nohost.test: no such name'),
    'address.test': ('@ MX 10 127.0.0.2.\n', 'the MX records of address.test name no host'),
    'nodomain.test': ('', 'no such domain'),
    'nothing.test': ('', 'cannot resolve nothing.test: no address'),
}
GOOD = '@ MX 10 p2\nx MX 10 p2\nsub MX 10 p2\n' + HOSTS


def route(domain):
    return {'cloop.test': 'x.cloop.test', 'nodomain.test': 'sub.nodomain.test'}.get(domain, domain)


def send(holdfast, domain):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                   smtp.text(domain))[0].code, 250, domain)


@scenario(limit=90)
def dns_bad(lab):
    primary = lab.fake_primary(host='127.0.0.2').start()
    port = primary.port
    dns = Nsd(lab, {**{d: zone for d, (zone, _) in BAD.items()},
                    'alias.test': '@ MX 10 alias\nalias CNAME p2\n' + HOSTS,
                    'port25.test': '@ MX 10 self\n' + HOSTS,
                    'late.test': GOOD}).start()
    resolver = Unbound(lab, dns)
    holdfast = lab.holdfast(resolver=resolver.address)
    for domain in BAD:
        holdfast.domain(domain, f'mx:{route(domain)}:{port}', (), '--recipients', 'any')
    holdfast.domain('alias.test', f'mx:alias.test:{port}', (), '--recipients', 'any')
    holdfast.domain('late.test', f'mx:late.test:{port}', (), '--recipients', 'any')
    holdfast.domain('host.test', f'p2.late.test:{port}', (), '--recipients', 'any')
    holdfast.domain('port25.test', 'mx', (), '--recipients', 'any')
    holdfast.domain('self25.test', '127.0.0.1:25', (), '--recipients', 'any')
    holdfast.start_queued()
    log = holdfast.queued.log

    # Nobody answers at all: a name server that is dead when Holdfast starts.
    send(holdfast, 'late.test')
    send(holdfast, 'host.test')
    for what in ('cannot resolve the MX of late.test: ', 'cannot resolve p2.late.test: '):
        wait_until(lambda: what in log(), 15, what)
    same(holdfast.held(), 2, 'messages held without a name server')
    resolver.start()
    wait_until(lambda: len(primary.messages) == 2, 20, 'delivery when the name server is back')

    # An MX that is an alias is wrong (RFC 5321 5.1), but harmless.
    send(holdfast, 'alias.test')
    wait_until(lambda: len(primary.messages) == 3, 10, 'an MX that is a CNAME')

    # Each fault: kept, said once, delivered when it is mended.
    reasons = {d: why for d, (_, why) in BAD.items()}
    reasons['port25.test'] = 'mail for port25.test loops back to me (5.4.6): its best MX is this host'
    reasons['self25.test'] = '127.0.0.1[127.0.0.1]:25: mail loops back to me (5.4.6)'
    for domain in reasons:
        send(holdfast, domain)
    for domain, why in reasons.items():
        wait_until(lambda: f'state=down reason="{why}' in log() or
                   ('state=down reason="' in log() and f'{why}"' in log()), 15,
                   f'{domain}: {why}')
    same(holdfast.held(), len(reasons), 'messages held')
    same(len(primary.messages), 3, 'messages delivered so far')
    listed = [d['reason'] for d in holdfast.json('primary', 'list') if d['state'] in ('down', 'probing')]
    for domain, why in reasons.items():
        check(any(why in r for r in listed), f'primary list shows: {why}')

    for domain in BAD:
        dns.zone(domain, GOOD)
    dns.stop()                  # a zone that had no data needs a restart
    dns.start()
    wait_until(lambda: len(primary.messages) == 3 + len(BAD), 30,
               lambda: f'delivery when the DNS is mended; still held: '
               f'{[m["domain"] for m in holdfast.queue()]}')
    for domain in ('port25.test', 'self25.test'):
        holdfast.cli('domain', 'set', domain, '--primary', f'127.0.0.2:{port}')
    wait_until(lambda: holdfast.held() == 0, 10, 'the rest to follow the new rule')
    for domain, why in reasons.items():
        n = sum(why in line for line in log().splitlines())
        check(1 <= n <= 2, f'{domain}: {n} lines say: {why}')

    # The name servers die again: the last answers serve.
    dns.stop()
    resolver.stop()
    before = len(primary.messages)
    send(holdfast, 'late.test')
    wait_until(lambda: len(primary.messages) == before + 1, 20, 'delivery by the last known answer')
