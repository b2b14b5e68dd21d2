# SPDX-License-Identifier: BSD-2-Clause
"""50 MB through Postfix, milter and queued: identical, and no process grows by more than 16 MB."""
import hashlib

from lib import corpus, smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

SIZE = 50 * 1000 * 1000
ALLOWED = 16 * 1024     # KiB


def peak(holdfast):
    return {p.name: p.status('VmHWM') for p in (holdfast.queued, holdfast.milter)}


@scenario(limit=150)
def big_message(lab):
    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast).start()
    # Warm up: what the first message costs, whatever its size.
    for i in range(3):
        smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text(f'warm {i}'))
    primary.start()
    wait_until(lambda: len(primary.delivered()) == 3, 10, 'the small messages')
    primary.stop()
    before = peak(holdfast)

    line = b''.join(hashlib.sha256(b'%d' % i).hexdigest().encode() + b'\r\n' for i in range(1000))
    message = smtp.text('big', body='') + line * (SIZE // len(line))
    r = smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], message,
                  f'SIZE={len(message)}')
    same(r.code, 250, f'the big message: {r}')
    same(holdfast.held(), 1, 'messages held')
    taken = peak(holdfast)
    primary.start()
    wait_until(lambda: len(primary.delivered()) == 4, 60, 'the big message at the primary')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
    after = peak(holdfast)

    arrived = max(primary.messages(), key=len)
    corpus.trace_of(arrived, message)
    for name in before:
        growth = after[name] - before[name]
        lab.say(f'{name}: {before[name] / 1024:.1f} MB before, +{(taken[name] - before[name]) / 1024:.1f} '
                f'taken, +{growth / 1024:.1f} delivered')
        # The sanitizers' own memory (quarantine of freed blocks) is not ours.
        if patience() == 1:
            check(growth <= ALLOWED, f'{name} grew by {growth / 1024:.1f} MB')
