# SPDX-License-Identifier: BSD-2-Clause
"""The wall clock jumps by a year, forth and back: nothing expires, nothing waits for a year."""
import time

from lib import smtp
from lib.faketime import DAY, Clock
from lib.lab import same, scenario
from lib.process import wait_until


@scenario(limit=60)
def clock_jump(lab):
    primary = lab.fake_primary(script={'rcpt': b'451 4.3.0 later\r\n'}).start()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe'])
    clock = Clock(lab, holdfast, monotonic=False)
    holdfast.start_queued()

    for number, to in enumerate((365, -365, 0), 1):
        primary.script['rcpt'] = b'451 4.3.0 later\r\n'
        sessions = len(primary.commands)
        smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'], smtp.text(str(to)))
        wait_until(lambda: any(c.startswith(b'RCPT') for c in primary.commands[sessions:]), 10,
                   'the primary to defer it')
        wait_until(lambda: holdfast.queue()[0]['recipients'][0]['attempts'] == 1, 5, 'one attempt')
        clock.set_wall(to * DAY)
        time.sleep(2.5)         # let queued look at the clock
        same(holdfast.held(), 1, f'messages held after the jump to {to} days')
        message = holdfast.queue()[0]
        same(message['state'], 'queued', f'state after the jump to {to} days')
        wait = message['next_attempt'] - message['arrival_time']
        same(0 <= wait <= 600, True, f'the wait after the jump to {to} days is {wait} s')
        primary.script.clear()
        holdfast.cli('flush')
        wait_until(lambda: len(primary.messages) == number, 10, f'delivery after the jump to {to} days')
        wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
