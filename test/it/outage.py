# SPDX-License-Identifier: BSD-2-Clause
"""The main job: the primary is down, mail is accepted and held; it comes back, mail goes out."""
import time

from lib.lab import check, same, scenario
from lib.process import run, wait_until


def swaks(mta, recipient, *options):
    return run(['swaks', '--server', f'127.0.0.1:{mta.port}', '--from', 'ann@sender.example',
                '--to', recipient, *options], check=False)


@scenario(limit=60)
def outage(lab):
    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary']).start()
    mta = lab.mta(holdfast).start()

    sent = swaks(mta, 'joe@example.test', '--header', 'Subject: during the outage')
    same(sent.returncode, 0, 'swaks to a known recipient while the primary is down')
    same(holdfast.held(), 1, 'messages held')
    queue_id = holdfast.json('queue', 'list')[0]['queue_id']
    check(f'queue_id={queue_id} ' in holdfast.log(), "the milter's log names queued's id")
    wait_until(lambda: mta.queued() == 0, 5, 'Postfix to have nothing left of it')

    unknown = swaks(mta, 'nobody-here@example.test')
    check('550 5.1.1 <nobody-here@example.test>: Recipient address rejected: User unknown'
          in unknown.stdout, f'an unknown recipient is refused in these words:\n{unknown.stdout}')
    foreign = swaks(mta, 'joe@elsewhere.test')
    check('554 5.7.1' in foreign.stdout, f'no relaying:\n{foreign.stdout}')
    same(holdfast.held(), 1, 'messages held after two refusals')

    primary.start()
    up = time.monotonic()
    wait_until(lambda: primary.delivered('joe'), 5, 'the message to arrive')
    took = time.monotonic() - up
    check(took <= 2, f'delivered {took:.2f} s after the primary was up, not within 2 s')
    lab.say(f'delivered {took * 1000:.0f} ms after the primary was up')

    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
    check(f'{queue_id}: removed' in holdfast.log(), 'the log says that the message is gone')
    message = primary.messages('joe')[0]
    check(b'Subject: during the outage' in message, 'it is the message that was sent')
    same(message.count(b'\r\nReceived:') + message.startswith(b'Received:'), 2,
         'Received lines: one of Holdfast, one of the primary')

    swaks(mta, 'Mary+news@EXAMPLE.test')
    wait_until(lambda: len(primary.delivered()) == 2, 5, 'mail to pass straight through')
    holdfast.stop()
