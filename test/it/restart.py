# SPDX-License-Identifier: BSD-2-Clause
"""SIGTERM finishes what is in flight; restarts and kill -9 keep every message."""
import threading
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


@scenario(limit=90)
def restart(lab):
    gate = threading.Event()

    def slow(_):
        gate.wait(10)
        return b'250 2.0.0 Ok\r\n'

    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast).start()
    for i in range(20):
        same(smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text(f'n {i}')).code,
             250, f'message {i}')
    same(holdfast.held(), 20, 'messages held')
    ids = [m['queue_id'] for m in holdfast.queue()]

    holdfast.stop()
    holdfast.start()
    same([m['queue_id'] for m in holdfast.queue()], ids, 'the queue after SIGTERM and start')
    holdfast.kill()
    holdfast.start()
    same([m['queue_id'] for m in holdfast.queue()], ids, 'the queue after kill -9 and start')

    # SIGTERM while the primary thinks about a final dot: its answer is waited for.
    holdfast.cli('queue', 'hold', '--all')
    holdfast.cli('queue', 'release', ids[0])
    primary.script['dot'] = slow
    primary.start()
    wait_until(lambda: any(m['recipients'][0].get('active') for m in holdfast.queue()) and
               primary.sessions > 0, 10, 'the delivery to be under way')
    wait_until(lambda: any(c[:4] in (b'DATA', b'BDAT') for c in primary.commands), 10, 'the data')
    ended = []
    stopping = threading.Thread(target=lambda: ended.append(holdfast.queued.stop()))
    stopping.start()
    time.sleep(0.3)
    check(not ended, 'queued waits for the answer')
    gate.set()
    stopping.join(20)
    same(ended, [0], 'exit status')
    same(len(primary.messages), 1, 'messages delivered')
    holdfast.start_queued()
    same(holdfast.held(), 19, 'messages held: the delivered one is gone')

    holdfast.cli('queue', 'release', '--all')
    wait_until(lambda: holdfast.held() == 0, 20, 'the rest to be delivered')
    same(len(primary.messages), 20, 'messages delivered, each once')
