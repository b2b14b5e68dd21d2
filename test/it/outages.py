# SPDX-License-Identifier: BSD-2-Clause
"""Each outage is remembered: from, until, what waited, first delivery, drained; through a kill as well."""
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

MESSAGES = 40


def bring(holdfast, n):
    with smtp.Client(holdfast.lmtp_socket, 'LHLO client.example') as c:
        for i in range(n):
            c.command('MAIL FROM:<ann@sender.example>')
            c.command(f'RCPT TO:<joe{i}@example.test>')
            c.command('DATA')
            c.send(smtp.stuff(smtp.text(f'number {i}')))
            same(c.reply().code, 250, f'message {i}')


def history(holdfast):
    return holdfast.json('primary', 'history', 'example.test')


@scenario(limit=60)
def outages(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, (), '--recipients', 'any')
    holdfast.cli('rule', 'set', 'global.probe_interval', '1s')
    holdfast.start_queued()
    same(history(holdfast), [], 'outages at first')
    bring(holdfast, MESSAGES)
    wait_until(lambda: len(history(holdfast)) == 1, 10, 'the outage to be noted')
    row = history(holdfast)[0]
    same((row['until'], row['drained']), (0, 0), 'an outage that goes on')
    check('refused' in row['reason'], row)
    check(abs(row['from'] - time.time()) < 20, row)

    # Killed in the middle: the same outage, and down since the same second.
    time.sleep(max(0, row['from'] + 2 - time.time()))       # so that another second would show
    holdfast.queued.kill()
    holdfast.start_queued()
    wait_until(lambda: holdfast.json('primary', 'list')[0]['state'] in ('down', 'probing'), 5,
               'the primary to be down')
    listed = holdfast.json('primary', 'list')[0]
    same(listed['since'], row['from'], 'down since')
    check('refused' in listed['reason'], listed)

    primary.start()
    wait_until(lambda: primary.messages, 5, 'the first message')
    took = primary.messages[0].time - primary.started
    check(took <= 1, f'first delivery {took:.2f} s after it listened; probe_interval is 1 s')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to drain')
    wait_until(lambda: history(holdfast)[0]['drained'], 10, 'the outage to be closed')
    rows = history(holdfast)
    same(len(rows), 1, 'outages')
    now = rows[0]
    same((now['from'], now['messages'], now['delivered'], now['held']),
         (row['from'], MESSAGES, MESSAGES, False), 'from, messages, delivered, held')
    check(now['from'] < now['until'] <= now['first_delivery'] <= now['drained'], now)
    same(now['length'], now['until'] - now['from'], 'length')

    # A second one is a row of its own, the newest first.
    primary.stop()
    bring(holdfast, 3)
    wait_until(lambda: len(history(holdfast)) == 2, 10, 'the second outage')
    check(history(holdfast)[0]['from'] > now['drained'] - 1, 'newest first')
    text = holdfast.cli('primary', 'show', 'example.test').stdout
    check('3 messages waiting' in text and f'{MESSAGES} messages waited' in text, text)
    same(len(holdfast.json('primary', 'history')), 2, 'outages of all')
    same(holdfast.cli('primary', 'show', 'elsewhere.test', check=False).returncode, 65,
         'exit status for a domain that is not served')
    primary.start()
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to drain')
    lab.say(f'first delivery after {took * 1000:.0f} ms (probe_interval 1 s)')
