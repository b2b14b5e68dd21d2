# SPDX-License-Identifier: BSD-2-Clause
"""HELO, the client's name, the sender and his domain, through a real Postfix that looks its clients up in a
real DNS: 192.0.2.x are addresses of the scenario's own network, and each client speaks from his own."""
from lib import smtp
from lib.dns import Nsd, Unbound
from lib.lab import check, same, scenario
from lib.process import run, wait_until

ZONES = {
    '2.0.192.in-addr.arpa': '1 PTR good.client.example.\n2 PTR liar.client.example.\n4 PTR two.client.example.\n',
    'client.example': 'good A 192.0.2.1\nliar A 192.0.2.99\ntwo A 192.0.2.4\n',
    'sender.example': '@ MX 10 mx\nmx A 192.0.2.25\nhost A 192.0.2.25\nhost6 AAAA 2001:db8::25\n'
                      'alias CNAME sender.example.\nnull MX 0 .\nnohost MX 10 gone\naddress MX 10 192.0.2.25.\n'
                      'text TXT "no mail here"\nloop MX 10 a\na CNAME b\nb CNAME a\ncloop CNAME cloop2\n'
                      'cloop2 CNAME cloop\nbroken MX 10 mx.broken.example.\n'
                      'half MX 10 mx.broken.example.\nhalf MX 20 mx\nbig MX 10 mx\n'
                      'big TXT ' + ' '.join(f'"{"x" * 250}"' for _ in range(240)) + '\n',
    'xn--bcher-kva.example': '@ MX 10 mx.sender.example.\n',
    'broken.example': None,
}
OK = '250 2.1.5 Ok'
GOOD = ('192.0.2.1', 'good.client.example', 'ann@sender.example')


def rejected(who, why, code='550 5.5.2'):
    return f'{code} <{who}>: {why}'


def helo(name, why, code='550 5.5.2'):
    return ('192.0.2.1', name, 'ann@sender.example'), rejected(name, f'Helo command rejected: {why}', code)


def sender(address, why, code='550 5.5.2'):
    return ('192.0.2.1', 'good.client.example', address), rejected(address, f'Sender address rejected: {why}', code)


def no_name(address):
    return ((address, 'good.client.example', 'ann@sender.example', 'joe@strict.test'),
            f'550 5.7.25 Client host rejected: cannot find your hostname, [{address}]')


MISSING = 'Domain not found', '450 4.1.8'
OURS = 'that is not you but this site', '550 5.7.1'
FAILED = 'Domain lookup failed, try again later', '451 4.4.3'
TABLE = [
    (GOOD, OK),
    (('192.0.2.1', '[192.0.2.1]', 'ann@sender.example'), OK),
    (('192.0.2.1', 'good.client.example', ''), OK),
    # the client's name: the DNS has none, or one that does not lead back
    ((*GOOD, 'joe@strict.test'), OK),
    (('192.0.2.4', 'two.client.example', 'ann@sender.example', 'joe@strict.test'), OK),
    no_name('192.0.2.2'), no_name('192.0.2.3'),
    (('192.0.2.3', 'good.client.example', 'ann@sender.example'), OK),       # a point
    # HELO
    (('192.0.2.1', None, 'ann@sender.example'), '550 5.5.1 Error: send HELO/EHLO first'),
    helo('192.0.2.1', 'Invalid name'), helo('-bad-.example', 'Invalid name'),
    helo('[192.0.2]', 'Invalid name'), helo('[IPv6:zz]', 'Invalid name'),
    helo('localhost', 'need fully-qualified hostname'),
    helo('mx2.test', *OURS), helo('example.test', *OURS), helo('alias.test', *OURS),
    helo('[127.0.0.1]', *OURS), helo('[IPv6:::1]', *OURS),
    # the sender: by his address
    sender('ann@localhost', 'need fully-qualified address'),
    sender('joe@example.test', 'not logged in', '550 5.7.1'),
    sender('nobody@alias.test', 'not logged in', '550 5.7.1'),
    # … and his domain in the DNS
    ((*GOOD[:2], 'ann@host.sender.example'), OK), ((*GOOD[:2], 'ann@host6.sender.example'), OK),
    ((*GOOD[:2], 'ann@alias.sender.example'), OK), ((*GOOD[:2], 'ann@[192.0.2.25]'), OK),
    ((*GOOD[:2], 'ann@half.sender.example'), OK), ((*GOOD[:2], 'ann@big.sender.example'), OK),
    sender('ann@gone.sender.example', *MISSING), sender('ann@text.sender.example', *MISSING),
    sender('ann@nohost.sender.example', *MISSING), sender('ann@address.sender.example', *MISSING),
    sender('ann@null.sender.example', 'Domain null.sender.example does not accept mail (nullMX)', '550 5.7.27'),
    # the DNS fails: never for good, though the rules say `reject'
    sender('ann@broken.example', *FAILED), sender('ann@broken.sender.example', *FAILED),
    sender('ann@loop.sender.example', *FAILED), sender('ann@cloop.sender.example', *FAILED),
    # another recipient's rules: nobody is refused, and the log tells
    (('192.0.2.3', 'localhost', 'joe@example.test', 'joe@shadow.test'), OK),
]


def rcpt(port, source, name, address, to='joe@example.test', options=''):
    with smtp.Client(port, hello=None, source=source) as c:
        if name:
            same(c.command(f'EHLO {name}').code, 250, f'EHLO {name}')
        same(c.command(f'MAIL FROM:<{address}>{options}').code, 250, f'MAIL FROM {address}')
        reply = c.command(f'RCPT TO:<{to}>')
        c.quit()
    return str(reply).split(' [trace=')[0]


@scenario(limit=120, network=True)
def sender_and_helo(lab):
    # Anybody here may speak from these addresses, but no interface has them: they are not "our own".
    run(['ip', 'route', 'add', 'local', '192.0.2.0/24', 'dev', 'lo'])
    dns = Nsd(lab, ZONES).start()
    Unbound(lab, dns, port=53).start()
    holdfast = lab.holdfast()               # with the system's resolver, like Postfix
    domains = ('example.test', 'strict.test', 'shadow.test')
    for domain in domains:
        holdfast.domain(domain, 9, (), '--recipients', 'any')
    holdfast.cli('rule', 'add', 'alias_domain', 'alias.test', 'example.test')
    for kind in ('helo', 'sender', 'spoof', 'sender_domain'):
        holdfast.cli('rule', 'set', f'{kind}.mode', 'enforce')
        holdfast.cli('rule', 'set', f'{kind}.mode', 'shadow', '--for', 'shadow.test')
    holdfast.cli('rule', 'set', 'helo.rdns', 'reject', '--for', 'strict.test')
    holdfast.cli('rule', 'set', 'sender_domain.temperror', 'reject')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')       # one client asks for everything
    holdfast.start()
    mta = lab.mta(holdfast, domains=domains, smtpd_peername_lookup='yes', smtputf8_enable='yes').start()
    for arguments, expected in TABLE:
        same(rcpt(mta.port, *arguments), expected, f'{arguments}')

    # UTF-8: by its name in the DNS.
    same(rcpt(mta.port, *GOOD[:2], 'ann@bücher.example', options=' SMTPUTF8'), OK, 'a sender in bücher.example')
    same(rcpt(mta.port, *GOOD[:2], 'ann@bäcker.sender.example', options=' SMTPUTF8'),
         rejected('ann@bäcker.sender.example', 'Sender address rejected: Domain not found', '450 4.1.8'),
         'a sender in bäcker.sender.example')

    log = holdfast.milter.log()
    for rule in ('helo.required', 'helo.syntax', 'helo.fqdn', 'helo.self', 'helo.rdns', 'sender.fqdn',
                 'sender_domain.missing', 'sender_domain.null_mx', 'sender_domain.temperror'):
        check(f'rule="{rule}"' in log, f'the log names {rule}')
    shadow = [line for line in log.splitlines() if 'to="joe@shadow.test"' in line]
    same(sorted(line.split(' check=')[1].split(' ')[0] for line in shadow if 'action=shadow-reject' in line),
         ['helo', 'spoof'], 'what would have refused the last one')
    # The names are those that Postfix has found.
    check('from good.client.example[192.0.2.1]' in mta.log() and 'from unknown[192.0.2.2]' in mta.log(),
          "Postfix's clients have names from the DNS")

    # The rules change, and the next command follows.
    holdfast.cli('rule', 'set', 'sender_domain.missing', 'reject')
    wait_until(lambda: rcpt(mta.port, *GOOD[:2], 'ann@gone.sender.example').startswith('550 5.1.8'), 5,
               'sender_domain.missing = reject')
