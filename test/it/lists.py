# SPDX-License-Identifier: BSD-2-Clause
"""Exceptions and refusals by name: fields, scopes, days, and what they say to a client of a real Postfix."""
import datetime

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


def answer(mta, addr='192.0.2.1', to='joe@example.test', sender='ann@sender.example', **client):
    with smtp.stranger(mta.port, addr, **client) as c:
        c.command(f'MAIL FROM:<{sender}>')
        r = c.command(f'RCPT TO:<{to}>')
        c.quit()
        return r


def day(offset):
    return (datetime.date.today() + datetime.timedelta(days=offset)).isoformat()


@scenario(limit=120)
def lists(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'bob'])
    holdfast.domain('other.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast, domains=('example.test', 'other.test'), smtpd_error_sleep_time='0').start()

    def deny(code, words, *rule, **who):
        same(answer(mta, **who).code, 250, f'before `rule add list {" ".join(rule)}\'')
        holdfast.rule('add', 'list', *rule)
        r = answer(mta, **who)
        same(r.code, code, f'after `rule add list {" ".join(rule)}\'')
        check(words in str(r), f'its words: {r}')

    # --- fields ------------------------------------------------------------------
    deny(554, '5.7.1 <bad.example[192.0.2.1]>: Client host rejected: Access denied',
         'deny', 'client', '192.0.2.0/28', name='bad.example')
    deny(554, '5.7.1 <unknown[2001:db8:1::7]>: Client host rejected: Access denied',
         'deny', 'client', '2001:db8:1::/48', addr='2001:db8:1::7')
    deny(450, '4.7.1 <gw.late.example[192.0.2.50]>: Client host rejected: Try again later',
         'defer', 'client_name', '.late.example', addr='192.0.2.50', name='gw.late.example')
    deny(554, '5.7.1 <friend>: Helo command rejected: Access denied',
         'deny', 'helo', 'friend', addr='192.0.2.51', hello='friend')
    deny(554, '5.7.1 <eve@sender.example>: Sender address rejected: Access denied',
         'deny', 'sender', 'eve@sender.example', addr='192.0.2.52', sender='eve@sender.example')
    deny(554, '5.7.1 <x@sub.spam.example>: Sender address rejected: Access denied',
         'deny', 'sender_domain', '.spam.example', addr='192.0.2.53', sender='x@sub.spam.example')
    deny(554, '5.7.1 <bob@example.test>: Recipient address rejected: Access denied',
         'deny', 'recipient', 'bob@example.test', addr='192.0.2.54', to='bob@example.test')
    same(answer(mta, addr='192.0.2.55').code, 250, 'one whom no row names')
    check('rule="list deny sender_domain .spam.example"' in holdfast.milter.log(), 'the log names the row')

    # --- the more special row of a field counts ---------------------------------------
    holdfast.rule('add', 'list', 'allow', 'client', '192.0.2.5', '--checks', 'greylist')
    same(answer(mta, addr='192.0.2.5').code, 250, 'an exception within a network that is refused')
    same(answer(mta, addr='192.0.2.6').code, 554, 'its neighbour')
    # It is an exception for what it names, and for nothing else.
    same(answer(mta, addr='192.0.2.5', to='nobody@example.test').code, 550, 'an unknown recipient')
    same(answer(mta, addr='192.0.2.5', sender='eve@sender.example').code, 554, 'a sender who is refused')

    # --- scope ---------------------------------------------------------------------------
    holdfast.rule('add', 'list', 'deny', 'client', '198.51.100.1', '--for', 'example.test')
    same([answer(mta, addr='198.51.100.1', to=f'joe@{d}').code for d in ('example.test', 'other.test')],
         [554, 250], 'a refusal for one domain')

    # --- days -------------------------------------------------------------------------------
    holdfast.rule('add', 'list', 'deny', 'client', '198.51.100.2', '--expires', day(-2), '--note', 'over')
    same(answer(mta, addr='198.51.100.2').code, 250, 'a row that has expired')
    holdfast.rule('add', 'list', 'deny', 'client', '198.51.100.2', '--expires', day(0))
    same(answer(mta, addr='198.51.100.2').code, 554, 'a row on its last day')

    # --- shadow --------------------------------------------------------------------------------
    holdfast.rule('add', 'list', 'deny', 'client', '198.51.100.3', '--mode', 'shadow', '--note', 'is it he?')
    same(answer(mta, addr='198.51.100.3').code, 250, 'a row in shadow mode')
    check('check=rule action=shadow-reject code=554 reason="is it he?" rule="list deny client 198.51.100.3"' in
          holdfast.milter.log(), 'the log tells of it')

    def row():
        return next((r for r in holdfast.json('rule', 'counters') if r['name'] == 'list deny client 198.51.100.3'),
                    None)
    wait_until(row, 5, 'its counter')
    same((row()['seen'], row()['hit'], row()['would']), (1, 0, 1), 'its counters')
    holdfast.rule('add', 'list', 'deny', 'client', '198.51.100.3', '--mode', 'enforce')
    same(answer(mta, addr='198.51.100.3').code, 554, 'the same row, enforced')
    wait_until(lambda: row()['hit'] == 1, 5, 'its counter of hits')
    same(row()['would'], 1, 'and that of what it would have done')
    holdfast.rule('set', 'global.mode', 'shadow')
    same(answer(mta, addr='198.51.100.3').code, 250, 'the same with everything in shadow mode')
    wait_until(lambda: row()['would'] == 2, 5, 'its counter in shadow mode')
    same(row()['hit'], 1, 'and no hit')
