# SPDX-License-Identifier: BSD-2-Clause
"""Rate limits with a real Postfix and clients of many addresses: what is too much, what it is told, how it
ends; an attack locks its client out, whoever refused the recipients; and all of it survives a kill -9."""
import threading
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until


def rcpt(c, to, sender='ann@sender.example'):
    c.command('RSET')
    c.command(f'MAIL FROM:<{sender}>')
    return c.command(f'RCPT TO:<{to}>')


def counters(holdfast):
    return {row['name']: row for row in holdfast.json('rule', 'counters')}


def explain(holdfast, client):
    return holdfast.cli('explain', '--client', client, '--name', '', '--helo', 'client.example', '--from',
                        'ann@sender.example', '--to', 'joe@example.test', check=False).stdout


def until_refused(ask, free, what):
    """Asks until it is refused: not for the first `free' times, and soon after them, though room comes back meanwhile."""
    for i in range(free * 3):
        r = ask(i)
        if r.code // 100 != 2:
            check(i >= free, f'{what} {i} is refused already: {r}')
            return r
    check(False, f'{what}: {free * 3} of them are accepted')


def connections(mta, holdfast):
    """Ten a minute and twenty at once; the next is closed."""
    def one(_):
        with smtp.stranger(mta.port, '192.0.2.1') as c:
            r = rcpt(c, 'joe@example.test')
            if r.code != 250:
                check(c.closed(), 'it is closed')
            return r
    r = until_refused(one, 20, 'connection')
    same(r.code, 421, 'one connection too many')
    check('4.7.0 Error: too many connections from 192.0.2.1' in str(r), f'its words: {r}')
    with smtp.stranger(mta.port, '192.0.2.2') as c:
        same(rcpt(c, 'joe@example.test').code, 250, 'another client')


def messages(mta):
    """Twenty a minute, thirty at once."""
    with smtp.stranger(mta.port, '192.0.2.10') as c:
        r = until_refused(lambda i: c.mail('ann@sender.example', ['joe@example.test'], smtp.text(f'm{i}')), 30,
                          'message')
        same(r.code, 450, 'one message too many')
        check('4.7.1 Error: too much mail from 192.0.2.10' in str(r), f'its words: {r}')


def recipients(mta):
    """A hundred a message; 200 a minute, 210 at once."""
    with smtp.stranger(mta.port, '192.0.2.20') as c:
        c.command('MAIL FROM:<ann@sender.example>')
        for i in range(100):
            same(c.command(f'RCPT TO:<r{i}@any.test>').code, 250, f'recipient {i}')
        r = c.command('RCPT TO:<r100@any.test>')
        same((r.code, r.dsn), (452, '4.5.3'), 'recipient 101 of a message')

        def one(i):
            if i % 90 == 0:
                c.command('RSET')
                c.command('MAIL FROM:<ann@sender.example>')
            return c.command(f'RCPT TO:<r{i}@any.test>')
        r = until_refused(one, 110, 'one more recipient')
        same(r.code, 450, 'too many recipients')
        check('too many recipients from 192.0.2.20' in str(r), f'its words: {r}')
        # One that was refused is not counted: a third of a second later there is room for another.
        wait_until(lambda: c.command('RCPT TO:<r@any.test>').code == 250, 5, 'room for one more')


def attack(mta, holdfast):
    """Many unknown recipients: everything from there is put off; and not a word of it to others."""
    with smtp.stranger(mta.port, '192.0.2.30') as c:
        for i in range(21):
            same(rcpt(c, f'guess{i}@example.test').code, 550, f'guess {i}')
        for to in ('guess@example.test', 'joe@example.test', 'x@any.test'):
            r = rcpt(c, to)
            same(r.code, 450, f'{to} of one who is locked out')
            check('4.7.0 Error: too many errors from 192.0.2.30, try again in 3' in str(r), f'its words: {r}')
    with smtp.stranger(mta.port, '192.0.2.31') as c:
        same(rcpt(c, 'joe@example.test').code, 250, 'his neighbour')
    wait_until(lambda: '450 4.7.0 Error: too many errors' in explain(holdfast, '192.0.2.30'), 5, 'explain to know it')
    check('too many errors' not in explain(holdfast, '192.0.2.31'), 'explain of his neighbour')
    check('client=[192.0.2.30] action=lockout seconds=3600 rule="limits unknown client"' in
          holdfast.milter.log(), 'the lockout is in the log')


def refused_by_others(mta, holdfast):
    """The MTA's own refusals count: here a table of Postfix's refuses what our list would accept."""
    with smtp.stranger(mta.port, '192.0.2.40') as c:
        for i in range(21):
            r = rcpt(c, f'mta{i}@any.test')
            same((r.code, r.dsn), (550, '5.1.1'), f'refusal {i} of Postfix')
        check('User unknown to Postfix' in str(r), f'the words are Postfix\'s: {r}')
        r = rcpt(c, 'joe@example.test')
        same((r.code, r.dsn), (450, '4.7.0'), 'one that Postfix has refused too often')
    # What Postfix only puts off is no sign of an attack, nor are recipients that are not ours.
    with smtp.stranger(mta.port, '192.0.2.41') as c:
        for i in range(30):
            same(rcpt(c, f'later{i}@any.test').code, 450, f'deferral {i} of Postfix')
        for i in range(30):
            same(rcpt(c, f'x{i}@elsewhere.test').code, 554, f'relaying {i}')
        same(rcpt(c, 'joe@example.test').code, 250, 'one that Postfix has only put off')


def late(mta, holdfast):
    """Action `delay': the answer comes late; no more than so many wait at once, the others are put off."""
    holdfast.rule('set', 'limits.tarpit', '2s')
    holdfast.rule('set', 'limits.tarpit_at_once', '2')
    holdfast.rule('add', 'limits', 'recipients', 'recipient', '1/1h', '--match', 'slow@any.test', '--action', 'delay')
    with smtp.stranger(mta.port, '192.0.2.50') as c:
        code, took = slow(c)
        check(code == 250 and took < 1.9, f'the first: {code} after {took:.1f} s')
        code, took = slow(c)
        check(code == 250 and took >= 1.9, f'the second: {code} after {took:.1f} s')
    answers = []

    def client(i):
        with smtp.stranger(mta.port, f'192.0.2.{60 + i}') as c:
            answers.append(slow(c))
    threads = [threading.Thread(target=client, args=(i,)) for i in range(6)]
    begin = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - begin
    codes = [code for code, _ in answers]
    same(len(codes), 6, 'answers')
    check(set(codes) == {250, 450} and codes.count(450) >= 2, f'some wait, some are put off: {answers}')
    check(all((took >= 1.9) == (code == 250) for code, took in answers), f'who waits, and who does not: {answers}')
    check(took < 7 * patience(), f'six clients took {took:.1f} s')


def slow(c):
    begin = time.monotonic()
    r = rcpt(c, 'slow@any.test')
    return r.code, time.monotonic() - begin


def exceptions(mta, holdfast):
    """The most special row wins, and an exception of the lists skips the limits."""
    holdfast.rule('add', 'limits', 'messages', 'client', '2/1h', '--match', '198.51.100.0/24')
    holdfast.rule('add', 'limits', 'messages', 'client', 'none', '--match', '198.51.100.7')
    holdfast.rule('add', 'list', 'allow', 'client', '198.51.100.8', '--checks', 'limits')

    def messages_of(addr):
        with smtp.stranger(mta.port, addr) as c:
            return [rcpt(c, 'joe@example.test').code for _ in range(3)]
    same(messages_of('198.51.100.6'), [250, 250, 450], 'under the rule of its network')
    same(messages_of('198.51.100.7'), [250] * 3, 'the exception of one address')
    same(messages_of('198.51.100.8') + messages_of('198.51.100.8'), [250] * 6, 'the exception on the list')
    # It is no exception for unknown recipients.
    with smtp.stranger(mta.port, '198.51.100.8') as c:
        for i in range(40):
            same(rcpt(c, f'guess{i}@example.test').code, 550, f'guess {i} of an exception')


def shadow(mta, holdfast):
    """A row in shadow mode counts, and changes nothing."""
    holdfast.rule('add', 'limits', 'messages', 'network', '1/1h', '--match', '203.0.113.0/24', '--mode', 'shadow')
    name = 'limits messages network 203.0.113.0/24'
    with smtp.stranger(mta.port, '203.0.113.1') as c:
        for i in range(6):
            same(rcpt(c, 'joe@example.test').code, 250, f'message {i} with a limit in shadow mode')
    check('action=shadow-defer' in holdfast.milter.log(), 'the log tells of it')
    wait_until(lambda: counters(holdfast).get(name), 5, 'the counter')
    wait_until(lambda: counters(holdfast)[name]['would'] == 5, 5, 'the counter to tell')
    same((counters(holdfast)[name]['seen'], counters(holdfast)[name]['hit']), (6, 0), 'seen and hit of it')

    # All of it in shadow mode: nobody is refused, not even who is locked out.
    holdfast.rule('set', 'global.mode', 'shadow')
    with smtp.stranger(mta.port, '192.0.2.30') as c:
        same(rcpt(c, 'joe@example.test').code, 250, 'one who is locked out, in shadow mode')
        same(rcpt(c, 'guess@example.test').code, 250, 'an unknown recipient in shadow mode')
    with smtp.stranger(mta.port, '192.0.2.90') as c:
        for i in range(25):
            same(rcpt(c, f'guess{i}@example.test').code, 250, f'guess {i} in shadow mode')
    holdfast.rule('unset', 'global.mode')
    with smtp.stranger(mta.port, '192.0.2.30') as c:
        same(rcpt(c, 'joe@example.test').code, 450, 'the same after the end of shadow mode')
    with smtp.stranger(mta.port, '192.0.2.90') as c:
        same(rcpt(c, 'joe@example.test').code, 250, 'one who attacked in shadow mode')


def listed(holdfast):
    rows = holdfast.json('limits', 'list')
    return ({r['client']: r for r in rows if r['kind'] == 'lockout'},
            {(r['what'], r['per'], r['value']): r for r in rows if r['kind'] == 'bucket'})


def survives(mta, holdfast):
    """A kill -9 loses a second at most."""
    wait_until(lambda: {'192.0.2.30', '192.0.2.40'} <= set(listed(holdfast)[0]), 5, 'the lockouts to be listed')
    lockouts, buckets = listed(holdfast)
    same(lockouts['192.0.2.30']['what'], 'unknown', 'why it is locked out')
    check(3000 < lockouts['192.0.2.30']['until'] - lockouts['192.0.2.30']['since'] <= 3600, f'for how long: {lockouts}')
    row = buckets[('messages', 'client', '198.51.100.6')]
    same((row['used'], row['burst']), (2, 2), 'a bucket as it is listed')
    check('192.0.2.30' in holdfast.cli('limits', 'list').stdout, 'the same for people')
    holdfast.milter.kill()
    holdfast.start_milter()
    for addr, code in (('192.0.2.30', 450), ('192.0.2.40', 450), ('198.51.100.6', 450), ('192.0.2.41', 250)):
        with smtp.stranger(mta.port, addr) as c:
            same(rcpt(c, 'joe@example.test').code, code, f'{addr} after a kill -9')


@scenario(limit=150)
def limits(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe'])
    holdfast.domain('any.test', primary.port, (), '--recipients', 'any').start()
    table = lab.write('refused', ''.join(f'mta{i}@any.test 550 5.1.1 User unknown to Postfix\n'
                                         f'later{i}@any.test 450 4.2.0 Not now\n' for i in range(30)))
    mta = lab.mta(holdfast, domains=('example.test', 'any.test'), smtpd_error_sleep_time='0',
                  smtpd_hard_error_limit='1000', smtpd_junk_command_limit='1000', smtpd_recipient_limit='2000',
                  smtpd_recipient_restrictions=f'check_recipient_access texthash:{table}').start()
    connections(mta, holdfast)
    messages(mta)
    recipients(mta)
    attack(mta, holdfast)
    refused_by_others(mta, holdfast)
    late(mta, holdfast)
    exceptions(mta, holdfast)
    shadow(mta, holdfast)
    survives(mta, holdfast)
