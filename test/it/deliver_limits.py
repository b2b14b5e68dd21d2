# SPDX-License-Identifier: BSD-2-Clause
"""A primary that bears two connections and refuses a third: all mail arrives, nothing is deferred."""
import threading

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

MESSAGES = 200


class TwoAtOnce:
    """The banner: 421 for whoever comes third."""

    def __init__(self):
        self.open, self.most, self.refused = 0, 0, 0
        self.lock = threading.Lock()

    def banner(self, session):
        with self.lock:
            if self.open >= 2:
                self.refused += 1
                return b'421 4.7.0 too many connections\r\n'
            self.open += 1
            self.most = max(self.most, self.open)
        finish = session.finish

        def leave():
            with self.lock:
                self.open -= 1
            finish()
        session.finish = leave
        return None


@scenario(limit=90)
def deliver_limits(lab):
    two = TwoAtOnce()
    primary = lab.fake_primary(script={'banner': two.banner})
    holdfast = lab.holdfast().domain('example.test', primary.port, (), '--recipients', 'any')
    holdfast.start_queued()
    with smtp.Client(holdfast.lmtp_socket, 'LHLO client.example') as c:
        for i in range(MESSAGES):
            c.command('MAIL FROM:<ann@sender.example>')
            c.command(f'RCPT TO:<joe{i}@example.test>')
            c.command('DATA')
            c.send(smtp.stuff(smtp.text(f'number {i}')))
            same(c.reply().code, 250, f'message {i}')
    same(holdfast.held(), MESSAGES, 'messages held')
    primary.start()
    wait_until(lambda: holdfast.held() == 0, 60, lambda: f'the queue to be empty: {holdfast.held()}')
    same(len(primary.messages), MESSAGES, 'messages delivered')
    log = holdfast.queued.log()
    check('status=deferred' not in log, 'no message was deferred for it')
    same(log.count('state=down'), 1, 'times that the destination was called down')
    check(two.refused <= 10, f'{two.refused} connections too many, for {MESSAGES} messages')
    lab.say(f'{two.refused} refused connections, {two.most} used')
