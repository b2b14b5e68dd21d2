# SPDX-License-Identifier: BSD-2-Clause
"""SPF through a real Postfix: each result and what becomes of it; what is recorded, and who is told of a bounce."""
import re

from lib import smtp
from lib.dns import Nsd, Unbound
from lib.lab import check, same, scenario
from lib.process import wait_until

GOOD, BAD = '192.0.2.1', '203.0.113.9'
ZONES = {
    'pass.test': f'@ TXT "v=spf1 ip4:{GOOD} -all"\nv6 TXT "v=spf1 ip6:2001:db8::/32 -all"\n'
                 'long TXT ( "v=spf1 ip4:198.51.100.0/24 " "ip4:192.0.2.0/24 -all" )\n'
                 'mx MX 10 h\nmx TXT "v=spf1 mx -all"\nh A 192.0.2.1\nh AAAA 2001:db8::1\n'
                 'macro TXT "v=spf1 exists:%{ir}.%{l}.%{d3} -all"\n1.2.0.192.ann.macro A 127.0.0.2\n',
    'soft.test': '@ TXT "v=spf1 ~all"\n',
    'neutral.test': '@ TXT "v=spf1 ?all"\n',
    'none.test': '@ TXT "hello"\n',
    'perm.test': '@ TXT "v=spf1 a:%{d2147483648}.perm.test -all"\ntwo TXT "v=spf1 a"\ntwo TXT "v=spf1 mx"\n',
    'temp.test': None,
    'client.test': f'mx TXT "v=spf1 ip4:{GOOD} -all"\nother TXT "v=spf1 ?all"\n',
}
RULES = {'spf.mode': 'enforce', 'spf.temperror': 'defer', 'spf.permerror': '1', 'spf.softfail': '2',
         'global.canary': '0'}

# sender, client, HELO; code of RCPT, what is recorded, words of the refusal or the log's hits
CASES = [
    ('a@pass.test', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('a@PASS.test', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('a@long.pass.test', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('a@mx.pass.test', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('ann@macro.pass.test', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('bob@macro.pass.test', GOOD, 'mx.client.test', 550, None,
     f'5.7.23 <bob@macro.pass.test>: Sender address rejected: SPF fail: client [{GOOD}] may not send for '
     'macro.pass.test [trace='),
    ('a@v6.pass.test', 'IPV6:2001:db8::1', 'nobody', 250, 'pass', ''),
    ('b@mx.pass.test', 'IPV6:2001:db8::1', 'nobody', 250, 'pass', ''),
    ('b@pass.test', BAD, 'nobody', 550, None,
     f'5.7.23 <b@pass.test>: Sender address rejected: SPF fail: client [{BAD}] may not send for pass.test [trace='),
    ('b@soft.test', BAD, 'nobody', 250, 'softfail', 'spf=2'),
    ('b@neutral.test', BAD, 'nobody', 250, 'neutral', ''),
    ('b@none.test', BAD, 'nobody', 250, 'none', ''),
    ('b@perm.test', BAD, 'nobody', 250, 'permerror', 'spf=1'),
    ('b@two.perm.test', BAD, 'nobody', 250, 'permerror', 'spf=1'),
    ('b@temp.test', BAD, 'nobody', 451, None,
     '4.4.3 <b@temp.test>: Sender address rejected: SPF temperror: temp.test: the name servers do not answer'),
    ('c@neutral.test', BAD, 'other.client.test', 250, 'neutral', ''),
    ('c@neutral.test', BAD, 'mx.client.test', 550, None,
     f'5.7.23 <mx.client.test>: Helo command rejected: SPF fail: client [{BAD}] may not be mx.client.test [trace='),
    # The null sender is the host that HELO names.
    ('', GOOD, 'mx.client.test', 250, 'pass', ''),
    ('', GOOD, 'other.client.test', 250, 'neutral', ''),
    ('', BAD, 'nobody', 250, 'none', ''),
    ('', BAD, 'mx.client.test', 550, None,
     f'5.7.23 <mx.client.test>: Helo command rejected: SPF fail: client [{BAD}] may not be mx.client.test [trace='),
]
TAKEN = [c for c in CASES if c[3] == 250]


def helo_result(client, helo):
    return {'mx.client.test': 'pass' if client == GOOD else 'fail', 'other.client.test': 'neutral'}.get(helo)


def open_session(mta, client, helo):
    c = smtp.Client(mta.port)
    same(c.command(f'XCLIENT ADDR={client} NAME=[UNAVAILABLE]').code, 220, 'XCLIENT')
    same(c.command(f'EHLO {helo}').code, 250, 'EHLO')
    return c


def send(mta, client, helo, sender, recipients, message):
    """The last reply to RCPT, and that to the data."""
    with open_session(mta, client, helo) as c:
        r = c.command(f'MAIL FROM:<{sender}>')
        same(r.code, 250, f'MAIL FROM:<{sender}>')
        for recipient in recipients:
            r = c.command(f'RCPT TO:<{recipient}>')
            if r.code != 250:
                return r, None
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff(message))
        end = c.reply()
        c.quit()
    return r, end


def expected_header(sender, result, client, helo):
    lines = []
    if sender:
        local, domain = sender.split('@')
        lines.append(f'spf={result} smtp.mailfrom={local}@{domain}')
    if helo_result(client, helo):
        lines.append(f'spf={helo_result(client, helo)} smtp.helo={helo}')
    elif not sender:
        lines.append('spf=none')
    return 'Authentication-Results: mx2.test;\r\n\t' + ';\r\n\t'.join(lines) + '\r\n'


def each_result(mta, holdfast):
    """What the client is told, and what the queue knows."""
    for n, (sender, client, helo, code, result, words) in enumerate(CASES):
        r, end = send(mta, client, helo, sender, ['joe@example.test'], smtp.text(f'case {n}'))
        same(r.code, code, f'{sender} from {client}: {r}')
        if code != 250:
            check(words in str(r), f'{sender}: {words!r} in {r}')
            continue
        same(end.code, 250, f'{sender}: {end}')
        line = re.findall(r'queue_id=.* action=taken.*', holdfast.milter.log())[-1]
        same(re.findall(r'hits="(.*?)"', line), [words] if words else [], f'{sender}: hits in {line}')
    same(holdfast.held(), len(TAKEN), 'messages held')
    for m in holdfast.queue():
        shown = holdfast.json('queue', 'show', m['queue_id'])[0]
        text = holdfast.cli('queue', 'cat', m['queue_id']).stdout.replace('\r\n', '\n').replace('\n', '\r\n')
        n = int(re.search(r'^Subject: case (\d+)', text, re.M)[1])
        sender, client, helo, _, result, _ = CASES[n]
        same((shown['sender'], shown['spf']), (sender, result), f'queue show of case {n}')
        header = expected_header(sender, result, client, helo)
        check(text.count(header) == 1 and header in text.split('From:')[0], f'{header!r} in {text!r}')


def bounces(holdfast, relay, refusing):
    """Of what the primary refuses only those are told whose SPF passed (P5)."""
    refusing.start()
    passed = [c[0] for c in TAKEN if c[4] == 'pass' and c[0]]
    wait_until(lambda: len(relay.messages) == len(passed), 30, lambda: f'{len(passed)} bounces, have '
               f'{[m.recipients for m in relay.messages]}')
    wait_until(lambda: holdfast.held() == len(TAKEN) - len(passed) and
               all(m['state'] == 'quarantined' for m in holdfast.queue()), 10, 'the rest to be set aside')
    same(sorted(m.recipients[0] for m in relay.messages), sorted(passed), 'who was told')
    same({m.sender for m in relay.messages}, {''}, 'by whom')
    holdfast.cli('queue', 'delete', '--all', '--yes')
    return len(passed)


def forged(mta, holdfast, primary, other):
    """Results that bear our name go, others stay, in what is taken over and in what Postfix keeps."""
    message = (b'Authentication-Results: mx2.test; spf=pass smtp.mailfrom=x@bank.test\r\n'
               b'Authentication-Results: other.test;\r\n\tspf=pass\r\n'
               b'authentication-results: (hi)\r\n "MX2.test" 1;\r\n dkim=pass\r\n'
               b'X-Authentication-Results: mx2.test; spf=pass\r\n') + smtp.text('forged')
    kept = (b'Authentication-Results: other.test;\r\n\tspf=pass\r\n'
            b'X-Authentication-Results: mx2.test; spf=pass\r\n') + smtp.text('forged')
    r, end = send(mta, BAD, 'nobody', 'a@neutral.test', ['joe@fine.test', 'x@other.test'], message)
    same(end.code, 250, f'a forged header: {end}')
    header = expected_header('a@neutral.test', 'neutral', BAD, 'nobody').encode()
    wait_until(lambda: len(primary.messages) == 1 and len(other.messages) == 1, 15, 'both copies')
    for name, m in (('taken over', primary.messages[0]), ('kept by Postfix', other.messages[0])):
        check(m.data.endswith(kept), f'{name}: {m.data!r}')
        check(m.data.count(header) == 1 and m.data.index(header) < len(m.data) - len(kept), f'{name}: {m.data!r}')
        same(m.data.lower().count(b'\nauthentication-results: mx2.test') +
             m.data.lower().startswith(b'authentication-results: mx2.test'), 1, f'{name}: results that bear our name')
    same(holdfast.held(), 0, 'messages held')


def own_minds(mta, holdfast, primary):
    """Who lets a fail through, and with which result. Nobody gets one that is forged."""
    lie = b'Authentication-Results: mx2.test; spf=pass smtp.mailfrom=x@bank.test\r\n'
    primary.messages.clear()
    with open_session(mta, BAD, 'nobody') as c:
        same(c.command('MAIL FROM:<b@pass.test>').code, 250, 'MAIL')
        wait_until(lambda: c.command('RCPT TO:<lax@fine.test>').code == 250, 5, 'lax@fine.test')
        same(c.command('RCPT TO:<joe@fine.test>').code, 550, 'somebody else in the same message')
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff(smtp.text('lax')))
        same(c.reply().code, 250, 'the message to lax@fine.test')
        c.quit()
    for user in ('shadow', 'off'):
        wait_until(lambda: send(mta, BAD, 'nobody', 'b@pass.test', [f'{user}@fine.test'],
                                lie + smtp.text(user))[0].code == 250, 5, f'the rule for {user}@fine.test')
    for user, told in (('shadow', True), ('off', False)):
        lines = [x for x in holdfast.milter.log().splitlines() if f'to="{user}@fine.test"' in x]
        same(any('check=spf action=shadow-reject' in x for x in lines), told, f'{user} in the log: {lines}')
    wait_until(lambda: len(primary.messages) == 3, 10, 'the three messages')
    by_user = {m.recipients[0].split('@')[0]: m.data for m in primary.messages}
    for user in ('lax', 'shadow'):
        check(b'spf=fail smtp.mailfrom=b@pass.test' in by_user[user], f'{user}: {by_user[user]}')
        check(lie not in by_user[user], f'{user}: {by_user[user]}')
    check(b'spf=' not in by_user['off'], f'off: {by_user["off"]}')


@scenario(limit=120)
def spf(lab):
    refusing = lab.fake_primary(script={'rcpt': b'550 5.7.1 not here\r\n'})
    primary, relay, other = (lab.fake_primary() for _ in range(3))
    dns = Nsd(lab, ZONES).start()
    resolver = Unbound(lab, dns).start()
    holdfast = lab.holdfast(resolver=resolver.address, bounce_relay=f'127.0.0.1:{relay.port}')
    for name, value in RULES.items():
        holdfast.cli('rule', 'set', name, value)
    holdfast.domain('example.test', refusing.port, (), '--recipients', 'any')
    holdfast.domain('fine.test', primary.port, (), '--recipients', 'any')
    holdfast.start()
    mta = lab.mta(holdfast, domains=('example.test', 'fine.test', 'other.test'),
                  transport_maps=f'inline:{{other.test=smtp:[127.0.0.1]:{other.port}}}').start()

    relay.start()
    each_result(mta, holdfast)
    told = bounces(holdfast, relay, refusing)
    primary.start()
    other.start()
    forged(mta, holdfast, primary, other)

    # Recipients of their own minds.
    for name, value, scope in (('spf.fail', 'off', 'lax@fine.test'), ('spf.mode', 'shadow', 'shadow@fine.test'),
                               ('spf.mode', 'off', 'off@fine.test')):
        holdfast.cli('rule', 'set', name, value, '--for', scope)
    own_minds(mta, holdfast, primary)
    lab.say(f'{len(CASES)} transactions; {told} of {len(TAKEN)} refused messages bounced, the others set aside')
