# SPDX-License-Identifier: BSD-2-Clause
"""Thirty days without a primary, in a minute: attempts and ends exactly as the schedule says.

    test/run outage30d          1,000 messages without a primary; with one that defers, 150 by a
                                schedule that grows to a day and 3 by the default
    test/it/outage30d.py --all  1,000 of each: 700,000 attempts, many minutes
"""
import re
import sys
import time

from lib import smtp
from lib.faketime import DAY, HOUR, MINUTE, Clock
from lib.lab import Failure, check, same, scenario
from lib.process import free_port, wait_until

MESSAGES = 1000
LIFETIME = 28 * DAY
JITTER = 0.2
DEFAULT = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR]
SPARSE = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY]


def submit(holdfast, n, domain):
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for i in range(n):
            r = c.mail('ann@client.test', [f'u{i}@{domain}'], smtp.text(f'm{i}'))
            same(r.code, 250, f'message {i}: {r}')
        c.quit()


def new_lab(lab, name, primary, domain='example.test', *options):
    # a session at work when the clock moves is not to time out by it
    holdfast = lab.holdfast(name=name, **{f'smtp_{what}_timeout': '1d' for what in (
        'connect', 'greeting', 'mail', 'rcpt', 'data', 'block', 'final')})
    holdfast.cli('rule', 'set', 'global.canary', '0')
    holdfast.domain(domain, primary, [], '--recipients', 'any', *options)
    return holdfast


# --- (a) nobody listens ---------------------------------------------------------
def refused(lab):
    live = lab.fake_primary(script={'rcpt': b'450 4.2.1 later\r\n'}).start()
    holdfast = new_lab(lab, 'refused', free_port())
    holdfast.domain('live.test', live.port, [], '--recipients', 'any')
    clock = Clock(lab, holdfast, monotonic=False)
    holdfast.start_queued()
    submit(holdfast, MESSAGES, 'example.test')

    # the wall clock alone jumps a year and back: the mail is as young as it was
    for number, to in enumerate((365 * DAY, 0, -365 * DAY, 0, 365 * DAY), 1):
        clock.set_wall(to)
        submit(holdfast, 1, 'live.test')        # what is deferred has a look at the clock
        wait_until(lambda: holdfast.log().count('the clock was set by') == number, 70,
                   'queued to notice the jump')
    live.script.clear()
    holdfast.cli('flush', 'live.test')
    wait_until(lambda: clock.totals()['messages'] == MESSAGES, 20, 'the other mail to be gone')
    same(clock.totals()['quarantined'], 0, 'expired by a jump')
    holdfast.stop()             # it stays a year ahead over a restart

    clock.monotonic(True)
    holdfast.start_queued()
    base = 365 * DAY
    for day in range(1, 28):
        clock.to(base + day * DAY)
        clock.to(base + day * DAY + 2 * MINUTE)
    same(clock.totals()['quarantined'], 0, 'expired after 27 days')
    clock.to(base + LIFETIME - 2 * MINUTE)
    clock.to(base + LIFETIME - 1 * MINUTE)
    early = clock.totals()
    same((early['messages'], early['quarantined']), (MESSAGES, 0), 'a minute before the end')
    attempts = max(r['attempts'] for m in holdfast.queue() for r in m['recipients'])
    same(attempts, 0, 'attempts of a message behind a dead primary')
    last = 0
    for minute in range(2, 8):
        clock.to(base + LIFETIME + minute * MINUTE)
        last = minute
        if wait_quarantine(clock, 3):
            break
    same(clock.totals()['quarantined'], MESSAGES, f'expired {last} minutes after the end')
    log = holdfast.log()
    same(log.count('4.4.7, status=deferred (quarantined; expired'), MESSAGES, 'log lines of ends')
    lab.say(f'no primary: {MESSAGES} messages, 0 attempts, all expired 28 d after they came '
            f'(within {last} min), 0 by five jumps of a year')
    holdfast.stop()


def wait_quarantine(clock, seconds):
    try:
        wait_until(lambda: clock.totals()['quarantined'] == MESSAGES, seconds, 'the quarantine')
        return True
    except Failure:
        return False


# --- (b) it defers everything ---------------------------------------------------
class Attempts:
    """address -> ages (seconds) at which it was tried, by the log's delay=."""
    LINE = re.compile(r'to=<([^>]+)>, relay=[^,]+, delay=([\d.]+),.*status=(\w+) \((expired|'
                      r'quarantined; expired)?')

    def __init__(self, path):
        self.path, self.read, self.ages, self.ended = path, 0, {}, {}

    def update(self):
        with open(self.path, errors='replace') as f:
            f.seek(self.read)
            text = f.read()
        end = text.rfind('\n') + 1
        self.read += len(text[:end].encode())
        for address, delay, _, expired in self.LINE.findall(text[:end]):
            self.ages.setdefault(address, []).append(float(delay))
            if expired:
                self.ended[address] = self.ended.get(address, 0) + 1
        return self


def quantum(age, steps):
    """How much is done in one step: what is due within it is tried together."""
    return 5 if age < 10 * MINUTE else MINUTE if age < 2 * HOUR else steps[-1] / 15


def deferred(lab, name, n, steps, *options):
    primary = lab.fake_primary(script={'rcpt': b'450 4.2.1 later\r\n'}).start()
    holdfast = new_lab(lab, name, primary.port)
    if options:
        holdfast.cli('schedule', 'add', 'sparse', *options)
        holdfast.cli('domain', 'set', 'example.test', '--schedule', 'sparse')
    clock = Clock(lab, holdfast)
    holdfast.start_queued()
    begin = clock.ask('status')[0]['started']
    submit(holdfast, n, 'example.test')
    attempts = Attempts(holdfast.queued.log_path)
    wait_until(lambda: len(attempts.update().ages) == n, 20, 'the first attempts')

    moves = drive(clock, begin, attempts, steps)
    attempts.update()
    figures(lab, name, attempts, n, steps, moves)
    same(holdfast.count()['messages'], n, 'messages kept')
    same({m['state'] for m in holdfast.queue()}, {'quarantined'}, 'their states')
    holdfast.stop()


def drive(clock, begin, attempts, steps):
    """Moves the clock from one planned attempt to the next; how often it was moved."""
    planned, low, moves = {}, {}, 0     # address -> age of the next attempt, or the least it can be
    while True:
        if not planned or low and min(low.values()) <= min(planned.values()) + HOUR / 4:
            planned, low = plan(clock, begin, attempts), {}
            if not planned:
                return moves
        age = min(planned.values())
        check(age < LIFETIME + HOUR, f'an attempt is planned {age - LIFETIME} s after the end')
        until = age + quantum(age, steps)
        counts = {a: len(attempts.ages[a]) for a in planned}
        due = [a for a, at in planned.items() if at <= until]
        # two seconds more: offsets are whole ones, and queued is late rather than early
        clock.to(max(clock.offset, begin + until + 2 - time.time()))
        moves += 1
        wait_until(lambda: poked(clock, attempts, due, counts), 30, f'attempts at {age} s')
        for address, count in counts.items():
            done = len(attempts.ages[address])
            if done > count:            # it was due, or became so while the clock went on
                low[address] = until + steps[min(done, len(steps)) - 1] * (1 - JITTER) - 2
                del planned[address]


def plan(clock, begin, attempts):
    """address -> age of its next attempt. An attempt is in the log a little before it is on record."""
    def recorded():
        attempts.update()
        queued = [(r, m) for m in clock.ask('queue.list')[:-1] if m['state'] == 'queued'
                  for r in m['recipients']]
        if all(r['attempts'] == len(attempts.ages[r['address']]) for r, _ in queued):
            return [(r['address'], m['next_attempt'] - begin) for r, m in queued] + [None]
    return dict(wait_until(recorded, 20, 'the attempts to be on record')[:-1])


def poked(clock, attempts, due, counts):
    clock.poke()
    attempts.update()
    return all(len(attempts.ages[a]) > counts[a] for a in due)


def figures(lab, name, attempts, n, steps, moves):
    total, worst = 0, 0.0
    for i in range(n):
        ages = attempts.ages[f'u{i}@example.test']
        total += len(ages)
        for k, (before, after) in enumerate(zip(ages, ages[1:])):
            step = steps[min(k, len(steps) - 1)]
            wait, slack = after - before, quantum(after, steps) + 3
            low, high = step * (1 - JITTER) - 3, step * (1 + JITTER) + slack
            if after >= LIFETIME - 1:           # the last one falls on the end
                low = 0
            check(low <= wait <= high, f'message {i}: attempt {k + 2} came {wait:.0f} s after the '
                  f'one before, the step is {step} s (ages {before:.0f}, {after:.0f})')
            if after < LIFETIME - 1:
                worst = max(worst, abs(wait - step) / step)
        check(LIFETIME - 1 <= ages[-1] <= LIFETIME + quantum(LIFETIME, steps) + 3,
              f'message {i} ended at {ages[-1] / DAY:.3f} d')
        same(attempts.ended.get(f'u{i}@example.test'), 1, f'ends of message {i}')
    lab.say(f'{name}: {n} messages, {total} attempts in {moves} moves of the clock, each within '
            f'{worst:.0%} of its step, each expired once, at 28 d')


@scenario(limit=900 if '--all' in sys.argv else 180)
def outage30d(lab):
    refused(lab)
    deferred(lab, 'growing', MESSAGES if '--all' in sys.argv else 150, SPARSE, '1m 5m 15m 30m 1h 6h 1d*')
    deferred(lab, 'default', MESSAGES if '--all' in sys.argv else 3, DEFAULT)
