# SPDX-License-Identifier: BSD-2-Clause
"""DNS lists through a real Postfix, a real resolver and a real name server: points and thresholds, return codes,
lists of the good, each verdict, each thing that can be looked up, IPv6; and zones that fail: by errors, by
silence, by listing everything, and how they come back. XCLIENT plays the clients."""
import shutil

from lib import smtp
from lib.dns import DeafServer, Nsd, Unbound, reverse
from lib.lab import check, same, scenario
from lib.process import run, wait_until


def entries(**listed):
    """a192_0_2_1='127.0.0.2 127.0.0.4' … as lines of a zone."""
    lines = ''
    for name, answers in listed.items():
        address = name[1:].replace('_', ':' if name[0] == 's' else '.')
        lines += ''.join(f'{reverse(address)} A {a}\n' for a in answers.split())
    return lines


ZONES = {
    'bl.test': entries(a192_0_2_1='127.0.0.2', a192_0_2_2='127.0.0.4 127.0.0.10', a192_0_2_3='127.0.0.2') +
    f'{reverse("2001:db8::5")} A 127.0.0.2\n' +
    f'{reverse("192.0.2.1")} TXT "spam source, see https://bl.test/q?ip=192.0.2.1"\n' +
    f'{reverse("192.0.2.2")} TXT ' + ' '.join(f'"{"x" * 250}"' for _ in range(240)) + '\n',    # 60 KB
    'points.test': entries(a192_0_2_10='127.0.0.2', a192_0_2_11='127.0.0.2 127.0.0.4', a192_0_2_12='127.0.0.2'),
    'good.test': entries(a192_0_2_12='127.0.5.1'),
    'soft.test': entries(a192_0_2_20='127.0.0.2', a192_0_2_21='127.0.0.3'),
    'mask.test': entries(a192_0_2_30='127.0.0.6', a192_0_2_31='127.0.0.8'),
    'names.test': 'bad.client.example A 127.0.1.2\nbad.helo.example A 127.0.1.2\nbad.sender.example A 127.0.1.2\n',
    'shadow.test': entries(a192_0_2_40='127.0.0.2'),
    'error.test': '* A 127.255.255.254\n',
    'sold.test': '* A 203.0.113.80\n',
    'given-up.test': '* A 127.0.0.2\n',
}
LATE = {'late.test': entries(a192_0_2_50='127.0.0.2')}
ROWS = [
    ('bl.test', 'reject'), ('points.test', '5', '--codes', '127.0.0.2'), ('points.test', '3.5', '--codes', '127.0.0.4'),
    ('good.test', '--', '-4'), ('soft.test', 'defer', '--codes', '127.0.0.2'), ('soft.test', 'greylist', '--codes', '127.0.0.3'),
    ('mask.test', 'reject', '--codes', '127.0.0.0&2'), ('names.test', 'reject', '--what', 'client_name'),
    ('names.test', 'reject', '--what', 'helo'), ('names.test', 'reject', '--what', 'sender_domain'),
    ('shadow.test', 'reject', '--mode', 'shadow'),
]


class Mta:
    def __init__(self, port):
        self.port = port

    def rcpt(self, address, name='c.example', helo='c.example', sender='ann@sender.example',
             to='joe@example.test'):
        with smtp.Client(self.port) as c:
            family = 'IPV6:' if ':' in address else ''
            same(c.command(f'XCLIENT NAME={name} ADDR={family}{address}').code, 220, 'XCLIENT')
            same(c.command(f'EHLO {helo}').code, 250, 'EHLO')
            same(c.command(f'MAIL FROM:<{sender}>').code, 250, 'MAIL')
            reply = c.command(f'RCPT TO:<{to}>')
            c.quit()
        return str(reply).split(' [trace=')[0]


def listed(address, zone, text='', who='Client host', what=None):
    return f'554 5.7.1 Service unavailable; {who} [{what or address}] blocked using {zone}' + (text and f'; {text}')


def verdicts(mta, holdfast):
    accepted = '250 2.1.5 Ok'
    table = [
        # what the list says of it is told to the client, cut and cleaned
        (('192.0.2.1',), listed('192.0.2.1', 'bl.test', 'spam source, see https://bl.test/q?ip=192.0.2.1')),
        (('192.0.2.2',), listed('192.0.2.2', 'bl.test', 'x' * 255)),
        (('192.0.2.3',), listed('192.0.2.3', 'bl.test')),
        (('2001:db8::5',), listed('2001:db8::5', 'bl.test')),
        (('2001:db8::6',), accepted),
        (('192.0.2.9',), accepted),
        # 5 points are few, 8.5 too many; and 1 with a list of the good
        (('192.0.2.10',), accepted),
        (('192.0.2.11',), '550 5.7.1 Refused by local policy'),
        (('192.0.2.12',), accepted),
        (('192.0.2.20',), '450 4.7.1 Service unavailable; Client host [192.0.2.20] blocked using soft.test'),
        (('192.0.2.21',), accepted),
        (('192.0.2.30',), listed('192.0.2.30', 'mask.test')),
        (('192.0.2.31',), accepted),
        (('192.0.2.9', 'bad.client.example'), listed('', 'names.test', what='bad.client.example')),
        (('192.0.2.9', 'c.example', 'bad.helo.example'),
         listed('', 'names.test', who='Helo command', what='bad.helo.example')),
        (('192.0.2.9', 'c.example', 'c.example', 'x@bad.sender.example'),
         listed('', 'names.test', who='Sender address', what='x@bad.sender.example')),
        (('192.0.2.40',), accepted),
        # the same client, for somebody who does not want it
        (('192.0.2.1', 'c.example', 'c.example', 'ann@sender.example', 'joe@open.test'), accepted),
    ]
    for arguments, expected in table:
        same(mta.rcpt(*arguments), expected, f'{arguments}')
    for what in ('check=dnsbl action=reject code=554 reason="listed at bl.test (127.0.0.2)" rule="dnsbl bl.test"',
                 'check=rule action=shadow-reject code=554 reason="listed at shadow.test (127.0.0.2)"'):
        check(what in holdfast.milter.log(), f'the log has: {what}')


def lines(holdfast, zone):
    return [line for line in holdfast.milter.log().splitlines() if f'dnsbl={zone} state=' in line]


def failures(mta, holdfast):
    """Errors at once, silence after five in a row; one line each; and back."""
    for zone in ('error.test', 'sold.test', 'given-up.test', 'late.test'):
        holdfast.cli('rule', 'add', 'dnsbl', zone, 'reject')
    holdfast.cli('rule', 'set', 'dnsbl.pause', '1s')
    holdfast.cli('rule', 'set', 'dnsbl.wait', '1s')
    wait_until(lambda: mta.rcpt('192.0.2.60').startswith('250') and lines(holdfast, 'error.test'), 10,
               'the zone with errors to be off')
    check('reason="it answers 127.255.255.254, which is an error"' in lines(holdfast, 'error.test')[0],
          lines(holdfast, 'error.test')[0])
    wait_until(lambda: lines(holdfast, 'sold.test'), 5, 'the zone that was sold to be off')
    check('reason="it lists everything"' in lines(holdfast, 'given-up.test')[0], 'the zone that lists everything is off')
    # A dead zone: each session waits for its second at most, five of them.
    wait_until(lambda: mta.rcpt('192.0.2.50').startswith('250') and lines(holdfast, 'late.test'), 30,
               'the dead zone to be off')
    check('state=off' in lines(holdfast, 'late.test')[0] and len(lines(holdfast, 'late.test')) == 1, 'one line')


@scenario(limit=120)
def dnsbl(lab):
    deaf = DeafServer()
    lab.at_end(deaf.stop)
    dns = Nsd(lab, ZONES).start()
    resolver = Unbound(lab, dns, elsewhere={'late.test': deaf.port}).start()
    holdfast = lab.holdfast(resolver=resolver.address)
    for domain in ('example.test', 'open.test'):
        holdfast.domain(domain, 9, (), '--recipients', 'any')
    for row in ROWS:
        holdfast.cli('rule', 'add', 'dnsbl', *row)
    holdfast.cli('rule', 'set', 'dnsbl.mode', 'off', '--for', 'open.test')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')       # one client asks for everything
    holdfast.start()
    postfix = lab.mta(holdfast, domains=('example.test', 'open.test')).start()
    mta = Mta(postfix.port)
    verdicts(mta, holdfast)

    # The words are those that stock fail2ban looks for.
    log = postfix.log()
    check('milter-reject: RCPT from c.example[192.0.2.1]: 554 5.7.1 Service unavailable; Client host [192.0.2.1] '
          'blocked using bl.test; spam source' in log, 'Postfix logs the reply')
    if shutil.which('fail2ban-regex'):
        done = run(['fail2ban-regex', '--print-all-matched', postfix.maillog, 'postfix'])
        check('RCPT from c.example[192.0.2.1]: 554' in done.stdout, lambda: f'fail2ban finds it: {done.stdout[-2000:]}')

    failures(mta, holdfast)
    # The dead zone's server is there again.
    deaf.stop()
    Nsd(lab, LATE, name='nsd2', port=deaf.port).start()
    wait_until(lambda: mta.rcpt('192.0.2.50').startswith('554') or None, 30, 'the dead zone to come back')
    same(mta.rcpt('192.0.2.50'), listed('192.0.2.50', 'late.test'), 'what the dead zone says now')
    wait_until(lambda: lines(holdfast, 'late.test')[-1].endswith('state=on'), 5, 'the line that it is on')
    same(len(lines(holdfast, 'late.test')), 2, 'lines about the dead zone')
    for zone in ('error.test', 'sold.test', 'given-up.test'):
        same(len(lines(holdfast, zone)), 1, f'lines about {zone}, probed all the time')
    dns.zone('error.test', entries(a192_0_2_51='127.0.0.2'))
    wait_until(lambda: mta.rcpt('192.0.2.51').startswith('554') or None, 30, 'the zone with errors to come back')
    same(len(lines(holdfast, 'error.test')), 2, 'lines about it')
    same([line for z in ZONES for line in lines(holdfast, z) if z not in ('error.test', 'sold.test', 'given-up.test')], [],
         'lines about the others')

    # Our own resolver is gone for a moment: all lists are off, and soon back again.
    seen = holdfast.milter.log().count('new rules are in force')
    holdfast.cli('rule', 'unset', 'dnsbl.pause')
    wait_until(lambda: holdfast.milter.log().count('new rules are in force') > seen, 5, 'the rules')
    resolver.stop()
    wait_until(lambda: mta.rcpt('192.0.2.1').startswith('250') and lines(holdfast, 'bl.test'), 20,
               'the lists to be off without a resolver')
    check('pause=15s' in lines(holdfast, 'bl.test')[0], lines(holdfast, 'bl.test')[0])
    resolver.start()
    wait_until(lambda: mta.rcpt('192.0.2.1').startswith('554') or None, 40, 'the lists to be back with it')
