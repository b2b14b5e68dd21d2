# SPDX-License-Identifier: BSD-2-Clause
"""The wall clock jumps by a year, forth and back: nothing expires, nothing waits for a year."""
import glob
import os
import time

from lib import smtp
from lib.lab import Skip, same, scenario
from lib.process import wait_until


@scenario(limit=60)
def clock_jump(lab):
    library = glob.glob('/usr/lib*/*/faketime/libfaketime.so.1') + \
        glob.glob('/usr/lib*/faketime/libfaketime.so.1')
    if not library:
        raise Skip('needs libfaketime')
    if 'sanitizers' in lab.build:
        raise Skip('libfaketime and AddressSanitizer do not go together')
    offset = lab.write('offset', '+0')
    primary = lab.fake_primary(script={'rcpt': b'451 4.3.0 later\r\n'}).start()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe'])
    holdfast.queued.env.update(LD_PRELOAD=library[0], FAKETIME_TIMESTAMP_FILE=offset,
                               FAKETIME_NO_CACHE='1', FAKETIME_DONT_FAKE_MONOTONIC='1')
    holdfast.start_queued()

    def jump(to):
        # in one step, so that no reader meets an empty file
        lab.write('offset.new', to)
        os.rename(lab.path('offset.new'), offset)

    for number, to in enumerate(('+365d', '-365d', '+0'), 1):
        primary.script['rcpt'] = b'451 4.3.0 later\r\n'
        sessions = len(primary.commands)
        smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'], smtp.text(to))
        wait_until(lambda: any(c.startswith(b'RCPT') for c in primary.commands[sessions:]), 10,
                   'the primary to defer it')
        wait_until(lambda: holdfast.queue()[0]['recipients'][0]['attempts'] == 1, 5, 'one attempt')
        jump(to)
        time.sleep(2.5)         # let queued look at the clock
        same(holdfast.held(), 1, f'messages held after the jump {to}')
        message = holdfast.queue()[0]
        same(message['state'], 'queued', f'state after the jump {to}')
        wait = message['next_attempt'] - message['arrival_time']
        same(0 <= wait <= 600, True, f'the wait after the jump {to} is {wait} s')
        primary.script.clear()
        holdfast.cli('flush')
        wait_until(lambda: len(primary.messages) == number, 10, f'delivery after the jump {to}')
        wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
