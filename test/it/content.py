# SPDX-License-Identifier: BSD-2-Clause
"""What is inside decides: header rules, thresholds of each domain, classes; marked, put apart, released, over."""
from lib import smtp
from lib.faketime import DAY, HOUR, Clock
from lib.lab import check, same, scenario
from lib.process import wait_until

# What three points amount to, by domain.
DOMAINS = {
    'mark.test': {'threshold.tag': '2'},
    'apart.test': {'threshold.quarantine': '2'},
    'later.test': {'threshold.spam_defer': '2'},
    'strict.test': {'threshold.spam_reject': '2'},
    'plain.test': {},
}


def with_header(name, value, subject='content', more=b''):
    return more + f'{name}: {value}\r\n'.encode() + smtp.text(subject)


def set_up(lab, primary):
    holdfast = lab.holdfast()
    for domain, settings in DOMAINS.items():
        holdfast.domain(domain, primary.port, [], '--recipients', 'any')
        for name, value in settings.items():
            holdfast.cli('rule', 'set', name, value, '--for', domain)
    holdfast.cli('rule', 'set', 'spam.header', 'X-Spam-Score')
    holdfast.cli('rule', 'set', 'global.digest_hour', '24')
    for row in (('x-points', '^3$', '3'), ('x-do', '^reject$', 'reject'), ('x-do', '^defer$', 'defer'),
                ('x-do', '^quarantine$', 'quarantine'), ('x-do', '^watch$', 'reject', '--mode', 'shadow'),
                ('x-slow', '^(a+)+$', 'reject'), ('x-mine', 'x', 'reject', '--for', 'joe@plain.test')):
        holdfast.cli('rule', 'add', 'header', *row)
    return holdfast


@scenario(limit=90)
def content(lab):
    primary = lab.primary(domains=DOMAINS).start()
    holdfast = set_up(lab, primary)
    clock = Clock(lab, holdfast)
    holdfast.start()
    mta = lab.mta(holdfast, domains=DOMAINS).start()

    def send(to, message):
        return smtp.send(mta.port, 'ann@sender.example', [to], message)

    def arrived(n):
        wait_until(lambda: len(primary.delivered()) == n, 10, f'{n} messages at the primary')
        return primary.messages()[-1]

    # --- verdicts
    three = with_header('X-Points', '3')
    same(send('joe@plain.test', three).code, 250, 'three points where they amount to nothing')
    check(b'X-Spam' not in arrived(1), 'it is not marked')
    same(send('joe@mark.test', three).code, 250, 'three points where they make a mark')
    check(b'\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 3\r\n' + three in arrived(2), 'it is marked above the rest')
    for to, header, code, text in (
            ('joe@later.test', 'X-Points: 3', 451, 'Message looks like spam, try again later'),
            ('joe@strict.test', 'X-Points: 3', 550, 'Message looks like spam'),
            ('joe@plain.test', 'X-Do: reject', 550, 'Message rejected: header x-do'),
            ('joe@plain.test', 'X-Do: defer', 450, 'Message put off: header x-do'),
            ('joe@plain.test', 'X-Do: watch', 250, ''), ('joe@plain.test', 'X-Mine: x', 550, 'header x-mine'),
            ('ann@plain.test', 'X-Mine: x', 250, ''),
            # what a milter before us found, behind more headers than are looked at; and no stranger's word
            ('joe@plain.test', 'X-Spam-Score: 20', 550, 'Message looks like spam'),
            ('joe@plain.test', 'X-Spam-Score: Yes, score=20.5 required=5', 550, 'Message looks like spam'),
            ('joe@strict.test', 'X-Points: 3\r\nX-Spam-Score: -100', 550, 'Message looks like spam')):
        r = send(to, with_header(*header.split(': ', 1)))
        check(r.code == code and text in r.text, f'{header} to {to}: {r}')
    junk = b'X-Spam-Score: -5\r\n' + b'X-Junk: x\r\n' * 1200
    same(send('joe@plain.test', with_header('X-Spam-Score', '20', more=junk)).code, 550, 'behind 1,200 headers')
    for _ in range(3):
        same(send('joe@plain.test', with_header('X-Slow', 'a' * 40 + 'b')).code, 250, 'a slow pattern')
    same(holdfast.milter.log().count('takes too many steps'), 1, 'lines about it')
    arrived(7)

    # --- a source of spam, by an earlier milter's word: counted from the start, and put off once that is enforced
    holdfast.rule('add', 'limits', 'spam', 'client', '2/1h', '--match', '192.0.2.66', '--action', 'lockout')
    for n, code in enumerate((550, 550, 550, 450), 1):
        with smtp.stranger(mta.port, '192.0.2.66') as c:
            r = c.mail('ann@sender.example', ['joe@plain.test'], with_header('X-Spam-Score', '20'))
            same(r.code, code, f'message {n} of a source of spam: {r}')
    check('action=lockout' in holdfast.milter.log() and 'rule="limits spam client 192.0.2.66"' in holdfast.milter.log(),
          'the log names the row')
    for n in range(13):
        with smtp.stranger(mta.port, '192.0.2.77') as c:
            r = c.mail('ann@sender.example', ['joe@plain.test'], with_header('X-Spam-Score', '20'))
            same(r.code, 550, f'message {n}, its row in shadow mode: {r}')

    def shadow():
        return [(r['seen'], r['hit'], r['would']) for r in holdfast.json('rule', 'counters')
                if r['name'] == 'limits spam client']
    wait_until(lambda: shadow() == [(13, 0, 3)], 5, lambda: f'the row that comes in shadow mode: {shadow()}')

    # --- one message, one policy: the second comes by itself
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        same(c.command('RCPT TO:<joe@mark.test>').code, 250, 'the first')
        r = c.command('RCPT TO:<joe@strict.test>')
        same((r.code, r.dsn), (452, '4.5.3'), f'one with another policy: {r}')
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff(three))
        same(c.reply().code, 250, 'what it amounts to for the first')
        same(c.mail('ann@sender.example', ['joe@strict.test'], three).code, 550, 'and for the second')
    check(b'X-Spam-Flag' in arrived(8), 'the first got it')

    # --- apart: accepted, shown with its reason, and nobody delivers it
    same(send('joe@apart.test', three).code, 250, 'to be kept apart')
    same(send('joe@plain.test', with_header('X-Do', 'quarantine', 'rule')).code, 250, 'by a rule')
    check('fate=quarantine score=3 hits="header x-points ^3$=3"' in holdfast.milter.log(), 'the log says so')

    def apart():
        return sorted((r['address'], r['reason']) for m in holdfast.queue('--state', 'quarantined')
                      for r in m['recipients'])
    both = [('joe@apart.test', 'score 3: header x-points ^3$=3'), ('joe@plain.test', 'header x-do')]
    same(apart(), both, 'kept apart')
    ident = holdfast.queue('apart.test')[0]['queue_id']
    shown = holdfast.cli('queue', 'show', ident).stdout
    check('score 3: header x-points' in shown and 'quarantine' in shown, shown)
    check(f'{ident}: from=' in holdfast.queued.log() and 'quarantine="score 3' in holdfast.queued.log(),
          "queued's log says why")
    same(holdfast.json('status')[0]['quarantined'], 2, 'in the totals')
    holdfast.stop()
    holdfast.start()
    holdfast.cli('flush')
    clock.to(HOUR)
    same(send('joe@plain.test', smtp.text('ordinary')).code, 250, 'ordinary mail')
    arrived(9)
    clock.to(2 * HOUR)
    same(apart(), both, 'kept apart after a restart, a flush and two hours')

    # --- released by hand, as it came; the other ends by the rule
    holdfast.cli('queue', 'release', ident)
    message = arrived(10)
    check(message.endswith(b'\r\n' + three) and b'X-Spam' not in message, 'released as it came')
    holdfast.cli('rule', 'set', 'global.quarantine_lifetime', '10d')
    wait_until(lambda: 'new rules are in force' in holdfast.queued.log(), 5, 'the new rules')
    clock.to(9 * DAY)
    clock.to(9 * DAY + HOUR)
    same(len(apart()), 1, 'kept apart before its time is over')
    for minute in range(0, 130, 10):
        clock.to(10 * DAY + minute * 60)
    wait_until(lambda: holdfast.held() == 0, 10, 'the quarantine to be empty')
    same(len(primary.delivered()), 10, 'messages at the primary')
