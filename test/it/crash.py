# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 of queued, of the milter and of Postfix in the middle of 2,000 messages.

Our own sender notes each 250 it gets; a message without one is sent again, as a real client
would. In the end every acknowledged message must be at the primary. A second copy may exist only where some final dot
had no answer: the sender's (no reply, or 4xx after the dot), the milter's or Postfix's to queued,
or queued's to the primary. The logs tell: no submission was acknowledged by queued twice, and
no message went out again after queued had recorded its delivery.

HOLDFAST_CRASH_ROUNDS: kills of each part while mail comes in, and of queued while it goes out.
"""
import os
import re
import threading
import time
from collections import Counter

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

N = 2000
SENDERS = 8
ROUNDS = int(os.environ.get('HOLDFAST_CRASH_ROUNDS', '3'))


class Traffic:
    """SENDERS threads that send N messages, each until it is acknowledged."""

    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()
        self.todo = [f'message-{i:05}' for i in range(N)]
        self.acknowledged, self.doubtful = set(), set()
        self.problems = []
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(SENDERS)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def done(self):
        return len(self.acknowledged)

    def finished(self):
        return not any(t.is_alive() for t in self.threads)

    def work(self):
        while True:
            with self.lock:
                if not self.todo:
                    return
                ident = self.todo.pop(0)
            while not self.attempt(ident):
                time.sleep(0.02)

    def attempt(self, ident):
        dot_sent = False
        try:
            with smtp.Client(self.port, timeout=60) as c:
                for line in ('MAIL FROM:<ann@sender.example>', 'RCPT TO:<joe@example.test>', 'DATA'):
                    r = c.command(line)
                    if r.code >= 400:
                        return self.refused(ident, r)
                dot_sent = True
                c.send(smtp.stuff(smtp.text(ident, body='x' * 70 + '\r\n' + ('y' * 70 + '\r\n') * 60)))
                r = c.reply()
                if r.code == 250:
                    with self.lock:
                        self.acknowledged.add(ident)
                    return True
                with self.lock:
                    self.doubtful.add(ident)
                return self.refused(ident, r)
        except (smtp.Lost, ValueError):
            if dot_sent:
                with self.lock:
                    self.doubtful.add(ident)
            return False

    def refused(self, ident, reply):
        if reply.code >= 500:
            with self.lock:
                self.problems.append(f'{ident}: {reply}')
        return False


def idents(primary):
    found = []
    for path in primary.delivered():
        with open(path, 'rb') as f:
            found.append(re.search(rb'(?mi)^Message-ID: <(.*)@', f.read(4000)).group(1).decode())
    return Counter(found)


def acknowledgements(mta, holdfast):
    """Message-ID -> the queue ids by which queued acknowledged it, to the milter or to Postfix."""
    ident, reused = {}, set()
    for mta_id, name in re.findall(r'cleanup\[\d+\]: (\w+): message-id=<(.*?)@', mta.log()):
        if ident.setdefault(mta_id, name) != name:
            reused.add(mta_id)          # Postfix's short ids come again: whose is it?
    pairs = re.findall(r'mta_id=(\w+) queue_id=(\w+) .*action=taken', holdfast.milter.log())
    pairs += re.findall(r'lmtp\[\d+\]: (\w+): .*status=sent \(250 2.0.0 Ok: queued as (\w+)\)', mta.log())
    found = {}
    for mta_id, queue_id in pairs:
        if mta_id in reused or mta_id not in ident:     # a line that the kill took along
            continue
        found.setdefault(ident[mta_id], set()).add(queue_id)
    check(len(found) > N / 2, f'the logs tell of {len(found)} hand-overs only')
    return found


def sent_after_removed(log):
    """Queue ids that were delivered again although their delivery was on record."""
    removed, again = set(), set()
    for queue_id, what in re.findall(r': (\w+): (removed$|to=.*status=sent)', log, re.M):
        if what == 'removed':
            removed.add(queue_id)
        elif queue_id in removed:
            again.add(queue_id)
    # A kill may come between a batch's commit and its log lines.
    check(len(removed) >= N * 9 // 10, f'the log tells of {len(removed)} removals only')
    return again


@scenario(limit=300)
def crash(lab):
    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast, minimal_backoff_time='1s', maximal_backoff_time='2s',
                  queue_run_delay='1s', transport_retry_time='1s').start()
    traffic = Traffic(mta.port).start()

    kills = 0
    for i in range(3 * ROUNDS):
        wait_until(lambda: traffic.done() >= N * (i + 1) // (3 * ROUNDS + 2), 120,
                   lambda: f'traffic to flow ({traffic.done()} of {N} acknowledged)')
        kills += 1
        if i % 3 == 0:
            holdfast.queued.kill()
            time.sleep(0.05)        # let the milter meet the dead socket
            holdfast.start_queued()
        elif i % 3 == 1:
            holdfast.milter.kill()
            holdfast.start_milter()
        else:
            mta.kill()
            mta.restart()
    wait_until(traffic.finished, 120, lambda: f'all sent ({traffic.done()} of {N})')
    same(traffic.problems, [], 'permanent refusals')
    same(len(traffic.acknowledged), N, 'messages acknowledged')
    lab.say(f'{kills} kills while mail came in; {len(traffic.doubtful)} messages had an unclean end')

    primary.start()
    for i in range(ROUNDS):
        wait_until(lambda: len(primary.delivered()) >= N * (i + 1) // (ROUNDS + 2), 120,
                   lambda: f'the queue to drain ({len(primary.delivered())} of {N})')
        holdfast.queued.kill()
        holdfast.start_queued()
    wait_until(lambda: mta.queued() == 0, 90, lambda: f'Postfix to hand over {mta.queued()} messages')
    wait_until(lambda: holdfast.held() == 0, 90, lambda: f'{holdfast.held()} messages to be delivered')
    wait_until(lambda: primary.queued() == 0, 60, 'the primary to deliver into the mailbox')

    arrived = idents(primary)
    lost = traffic.acknowledged - set(arrived)
    same(sorted(lost), [], 'acknowledged and lost')
    twice = {ident for ident, n in arrived.items() if n > 1}
    lab.say(f'0 of {N} lost; {len(twice)} delivered twice, {len(twice & traffic.doubtful)} of them '
            f'after an unclean end at the sender')
    acknowledged = acknowledgements(mta, holdfast)
    same(sorted(i for i in twice - traffic.doubtful if len(acknowledged.get(i, ())) > 1), [],
         'sent once, acknowledged by queued twice')
    same(sorted(sent_after_removed(holdfast.queued.log())), [], 'delivered again after its removal')
