# SPDX-License-Identifier: BSD-2-Clause
"""Hosts in order, names from the hosts file, routes that change under queued mail, mail without a rule."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import free_port, wait_until


def send(holdfast, domain):
    same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                   smtp.text(domain))[0].code, 250, domain)


@scenario(limit=90)
def deliver_routes(lab):
    nobody = free_port()
    second = lab.fake_primary().start()
    busy = lab.fake_primary(script={'banner': b'554 5.3.2 no service here\r\n'}).start()
    holdfast = lab.holdfast()
    holdfast.domain('second.test', f'127.0.0.1:{nobody},127.0.0.1:{busy.port},127.0.0.1:{second.port}',
                    (), '--recipients', 'any')
    holdfast.domain('named.test', f'localhost:{second.port}', (), '--recipients', 'any')
    holdfast.domain('moves.test', nobody, (), '--recipients', 'any')
    holdfast.domain('goes.test', nobody, (), '--recipients', 'any')
    holdfast.start_queued()

    send(holdfast, 'second.test')
    wait_until(lambda: len(second.messages) == 1, 10, 'the third host to get what the first two refuse')
    send(holdfast, 'named.test')
    wait_until(lambda: len(second.messages) == 2, 10, 'localhost to be resolved')

    # The rule changes while the mail waits: it takes the new way at once.
    send(holdfast, 'moves.test')
    same(holdfast.held(), 1, 'messages held')
    holdfast.cli('domain', 'set', 'moves.test', '--primary', f'127.0.0.1:{second.port}')
    wait_until(lambda: len(second.messages) == 3, 5, 'queued mail to follow the new route')

    # The rule goes: the mail stays, and the listing says why.
    send(holdfast, 'goes.test')
    holdfast.cli('domain', 'remove', 'goes.test')
    wait_until(lambda: any('no rule' in d.get('reason', '') for d in holdfast.json('primary', 'list')),
               10, 'the listing to name mail without a rule')
    same(holdfast.held(), 1, 'messages held without a rule')
    check('no rule for domain' in holdfast.queued.log(), 'it is in the log')
    holdfast.domain('goes.test', second.port, (), '--recipients', 'any')
    wait_until(lambda: len(second.messages) == 4, 5, 'a new rule to set it going')
    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
