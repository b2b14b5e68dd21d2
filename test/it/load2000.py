# SPDX-License-Identifier: BSD-2-Clause
"""2,000 messages during an outage: all held; the primary returns, all delivered once, unasked."""
import re
import time

from lib.lab import check, same, scenario
from lib import load
from lib.process import patience, wait_until

N = 2000


def message_ids(primary):
    found = []
    for path in primary.delivered():
        with open(path, 'rb') as f:
            found.append(re.search(rb'(?mi)^Message-Id: (<.*>)', f.read(20000)).group(1))
    return found


@scenario(limit=150)
def load2000(lab):
    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast).start()

    took = load.source(mta.port, N)
    lab.say(f'accepted {N} in {took:.1f} s, {N / took:.0f}/s')
    same(holdfast.count()['messages'], N, 'messages held')
    same(mta.queued(), 0, 'messages in the queue of Postfix')

    before = time.time()
    primary.start()
    up = time.time()
    wait_until(lambda: len(primary.delivered()) == N, 90,
               lambda: f'{N} messages at the primary; have {len(primary.delivered())}')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')

    times = sorted(primary.times())
    first, last = times[0] - up, times[-1] - up
    check(times[0] >= before, 'nothing was delivered before')
    check(first <= 2 * patience(), f'first delivery {first:.2f} s after the primary was up')
    same(len(set(message_ids(primary))), N, 'different messages delivered')
    same(len(primary.delivered()), N, 'messages delivered')
    same(mta.queued(), 0, 'messages in the queue of Postfix')
    lab.say(f'first delivery {first * 1000:.0f} ms after the primary was up, the last {last:.1f} s')
