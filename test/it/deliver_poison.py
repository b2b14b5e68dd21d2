# SPDX-License-Identifier: BSD-2-Clause
"""A message that breaks the primary's connection each time does not hold up the others."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.primary import CLOSE
from lib.process import wait_until

OTHERS = 30


@scenario(limit=90)
def deliver_poison(lab):
    def rcpt(session):
        return CLOSE if 'poison' in session.recipient else None

    primary = lab.fake_primary(script={'rcpt': rcpt})
    holdfast = lab.holdfast().domain('example.test', primary.port, (), '--recipients', 'any')
    holdfast.start_queued()
    for name in ['poison'] + [f'joe{i}' for i in range(OTHERS)]:
        same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'{name}@example.test'],
                       smtp.text(name))[0].code, 250, name)
    primary.start()
    wait_until(lambda: len(primary.messages) == OTHERS, 40,
               lambda: f'the others to arrive; {len(primary.messages)} did')
    wait_until(lambda: holdfast.held() == 1, 10, 'only the poison to be held')
    left = holdfast.queue()[0]
    same(left['recipients'][0]['address'], 'poison@example.test', 'what is held')
    check(left['state'] != 'quarantined', f'it is not given up: {left}')
    wait_until(lambda: 'poison@example.test>, relay' in holdfast.queued.log(), 10,
               'the poison to be deferred like any other')
