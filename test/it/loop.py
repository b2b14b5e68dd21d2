# SPDX-License-Identifier: BSD-2-Clause
"""Mail that goes in circles is refused with 5.4.6 at both doors, and a real circle comes to its end."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


def in_force(holdfast, change):
    """Makes a change of the rules and waits until the milter has it."""
    said = holdfast.milter.log().count('new rules are in force')
    change()
    wait_until(lambda: holdfast.milter.log().count('new rules are in force') > said, 5, 'the rule')


def hops(n, by='relay.example (Postfix)'):
    return (f'Received: from a.example (a.example [192.0.2.1])\r\n\tby {by} with ESMTP id X;\r\n'
            '\tMon, 02 Nov 2026 10:00:00 +0000\r\n' * n).encode()


@scenario(limit=60)
def loop(lab):
    holdfast = lab.holdfast().domain('example.test', 9, ['joe']).start()
    mta = lab.mta(holdfast, domains=('example.test', 'circle.test'), hopcount_limit='200').start()

    def doors(message):
        yield 'LMTP', smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'],
                                message)[0]
        yield 'SMTP', smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], message)

    ours = 'mx2.test (Holdfast)'
    for what, message, code, words in (
            # Coming in by SMTP adds one of ours.
            ('49 hops', hops(49), 250, ''),
            ('51 hops', hops(51), 554, '5.4.6 Too many hops'),
            ('twice here', hops(2, ours), 250, ''),
            ('four times here', hops(4, ours), 554, '5.4.6 Mail loops back to me'),
            ('four times at another', hops(4, 'mx3.test (Holdfast)'), 250, '')):
        for door, reply in doors(message + smtp.text(what.replace(' ', '-'))):
            same(reply.code, code, f'{what} by {door}: {reply}')
            check(words in str(reply), f'{what} by {door}: {reply}')
    held = holdfast.held()
    same(held, 6, 'messages held')
    same(mta.queued(), 0, 'messages that stay with Postfix')

    # The limit is a rule.
    holdfast.cli('rule', 'set', 'global.hop_limit', '5')
    wait_until(lambda: 'new rules are in force' in holdfast.queued.log(), 5, 'the rule to be in force')
    for door, reply in doors(hops(6) + smtp.text('six')):
        same(reply.code, 554, f'six hops by {door}')
    in_force(holdfast, lambda: holdfast.cli('rule', 'set', 'global.hop_limit', '50'))

    # A primary that is ourselves by mistake: the circle ends by itself, and the mail is kept.
    in_force(holdfast, lambda: holdfast.domain('circle.test', mta.port, ['joe']))
    ends = holdfast.queued.log().count('Mail loops back to me')
    same(smtp.send(mta.port, 'ann@sender.example', ['joe@circle.test'], smtp.text('circle')).code, 250,
         'the first time')
    wait_until(lambda: holdfast.queued.log().count('Mail loops back to me') > ends, 15,
               'the circle to end')
    wait_until(lambda: mta.queued() == 0, 10, 'Postfix to have nothing of it')
    same(holdfast.held(), held + 1, 'messages held at the end of it')
    shown = [m for m in holdfast.queue() if m['domain'] == 'circle.test']
    same(len(shown), 1, 'copies of the message')
