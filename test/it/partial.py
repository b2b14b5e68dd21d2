# SPDX-License-Identifier: BSD-2-Clause
"""The primary takes one recipient, defers another, refuses a third: each is settled alone."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

ANSWER = {
    'joe@example.test': b'250 2.1.5 Ok\r\n',
    'mary@example.test': b'450 4.2.2 Mailbox full\r\n',
    'bob@example.test': b'550 5.1.1 No such user here\r\n',
}


def states(holdfast):
    """address -> (state, reason) of what is held."""
    found = {}
    for message in holdfast.queue():
        for r in message['recipients']:
            found[r['address']] = (r.get('state', message['state']), r['reason'])
    return found


@scenario(limit=60)
def partial(lab):
    answers = dict(ANSWER)
    primary = lab.fake_primary(script={'rcpt': lambda s: answers[s.recipient]}).start()
    # bob is not on the list: of one who is, the refusal would have to be said twice
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary'])
    holdfast.start_queued()
    message = smtp.text('partial')
    replies = smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', list(ANSWER), message)
    same([r.code for r in replies], [250, 250, 250], 'one reply for each recipient')

    wait_until(lambda: len(primary.messages) == 1, 10, 'the first delivery')
    same(primary.messages[0].recipients, ['joe@example.test'], 'delivered to')
    wait_until(lambda: set(states(holdfast)) == {'mary@example.test', 'bob@example.test'} and
               all(reason for _, reason in states(holdfast).values()), 5,
               lambda: f'the other two to be settled: {states(holdfast)}')
    held = states(holdfast)
    check('450' in held['mary@example.test'][1] and 'Mailbox full' in held['mary@example.test'][1],
          f"mary's reason: {held['mary@example.test']}")
    same(held['bob@example.test'][0], 'quarantined', 'state of the one who was refused')
    check('550' in held['bob@example.test'][1], f"bob's reason: {held['bob@example.test']}")
    same(holdfast.count(), {'messages': 1, 'recipients': 2, 'bytes': holdfast.count()['bytes']}, 'count')

    answers['mary@example.test'] = b'250 2.1.5 Ok\r\n'
    ident = holdfast.queue()[0]['queue_id']
    holdfast.cli('queue', 'retry', ident)
    wait_until(lambda: len(primary.messages) == 2, 10, "mary's copy after `queue retry'")
    same(primary.messages[1].recipients, ['mary@example.test'], 'delivered to')
    same(list(states(holdfast)), ['bob@example.test'], 'still held')

    answers['bob@example.test'] = b'250 2.1.5 Ok\r\n'
    holdfast.cli('queue', 'release', ident)
    wait_until(lambda: len(primary.messages) == 3, 10, "bob's copy after `queue release'")
    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
    for m in primary.messages:
        check(m.data.endswith(message), 'what arrived is what was sent')
