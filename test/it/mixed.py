# SPDX-License-Identifier: BSD-2-Clause
"""One message for recipients of ours and of others: each copy goes its own way, once."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


@scenario(limit=60)
def mixed(lab):
    primary = lab.primary()
    other = lab.fake_primary().start()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary']).start()
    mta = lab.mta(holdfast, domains=('example.test', 'other.test'),
                  transport_maps=f'inline:{{other.test=smtp:[127.0.0.1]:{other.port}}}').start()

    # Ours, not ours, ours and unknown.
    message = smtp.text('mixed')
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        for recipient, code in (('joe@example.test', 250), ('x@other.test', 250),
                                ('nobody@example.test', 550), ('mary@example.test', 250)):
            same(c.command(f'RCPT TO:<{recipient}>').code, code, f'reply to {recipient}')
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff(message))
        same(c.reply().code, 250, 'end of data')
        c.quit()

    wait_until(lambda: len(other.messages) == 1, 10, 'the copy that is not ours')
    same(other.messages[0].recipients, ['x@other.test'], 'its recipients')
    held = holdfast.queue()
    same(len(held), 1, 'messages held')
    same(sorted(r['address'] for r in held[0]['recipients']),
         ['joe@example.test', 'mary@example.test'], 'recipients held')
    wait_until(lambda: mta.queued() == 0, 10, 'Postfix to have nothing left')

    # Only others: the milter must not touch it.
    r = smtp.send(mta.port, 'ann@sender.example', ['x@other.test', 'y@other.test'], smtp.text('theirs'))
    same(r.code, 250, 'mail for others alone')
    wait_until(lambda: len(other.messages) == 2, 10, 'mail for others alone')
    same(holdfast.held(), 1, 'messages held after that')

    primary.start()
    wait_until(lambda: len(primary.delivered()) == 2, 10, 'our two copies')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
    same(sorted(primary.by_recipient()), ['joe@example.test', 'mary@example.test'], 'delivered to')
    for arrived in primary.messages():
        check(arrived.endswith(message), 'it is the message that was sent')
    same(len(other.messages), 2, 'copies for others')
