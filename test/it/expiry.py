# SPDX-License-Identifier: BSD-2-Clause
"""The end of the lifetime behind a dead primary: quarantine, bounce, hold; and warnings before it."""
import email
import email.policy

from lib import smtp
from lib.faketime import DAY, HOUR, MINUTE, Clock
from lib.lab import check, same, scenario
from lib.process import free_port, wait_until

# domain: what the schedule says about the end, XSPF, what becomes of it
DOMAINS = {
    'kept.test': ('quarantine', 'pass', 'quarantined'),
    'told.test': ('bounce', 'pass', None),
    'forged.test': ('bounce', 'fail', 'quarantined'),
    'held.test': ('hold', 'pass', 'held'),
}


def states(holdfast):
    return {m['domain']: m['state'] for m in holdfast.queue()}


def reports(relay, action):
    found = []
    for m in relay.messages:
        parsed = email.message_from_bytes(m.data, policy=email.policy.default)
        blocks = [dict(b.items()) for b in list(parsed.iter_parts())[1].get_payload()]
        found += [b for b in blocks[1:] if b['Action'] == action]
    return found


@scenario(limit=60)
def expiry(lab):
    relay = lab.fake_primary().start()
    holdfast = lab.holdfast(bounce_relay=f'127.0.0.1:{relay.port}')
    holdfast.cli('rule', 'set', 'global.digest_hour', '24')
    clock = Clock(lab, holdfast)
    dead = free_port()
    for domain, (end, _, _) in DOMAINS.items():
        holdfast.cli('schedule', 'add', end + domain[0], '1m 5m 1h*', '--lifetime', '5d',
                     '--warn-after', '4h', '--at-end', end)
        holdfast.domain(domain, dead, [], '--recipients', 'any', '--schedule', end + domain[0])
    holdfast.start_queued()
    for domain, (_, spf, _) in DOMAINS.items():
        smtp.lmtp(holdfast.lmtp_socket, 'ann@client.test', [f'joe@{domain}'], smtp.text(domain),
                  f'XSPF={spf}')

    # not a warning before its time, one for each that may be told, and never a second
    clock.to(4 * HOUR - 5 * MINUTE)
    clock.to(4 * HOUR - 3 * MINUTE)
    same(len(relay.messages), 0, 'reports before warn_after')
    for minute in range(1, 10):
        clock.to(4 * HOUR + minute * MINUTE)
    wait_until(lambda: len(relay.messages) == 3, 10, lambda: f'3 warnings: {len(relay.messages)}')
    clock.to(DAY)
    clock.to(DAY + 2 * MINUTE)
    same(len(reports(relay, 'delayed')), 3, 'warnings')
    check(all(b['Status'] == '4.4.1' and 'Will-Retry-Until' in b
              for b in reports(relay, 'delayed')), 'what a warning says')
    same(holdfast.log().count('sender delay notification: '), 3, 'log lines of warnings')

    # the schedule is changed under the mail: six days instead of five
    for domain, (end, _, _) in DOMAINS.items():
        holdfast.cli('schedule', 'set', end + domain[0], '--lifetime', '6d')
    wait_until(lambda: holdfast.log().count('new rules are in force') >= 1, 5, 'the new rules')
    for minute in (0, 2, 4, 6):
        clock.to(5 * DAY + minute * MINUTE)
    same(set(states(holdfast).values()), {'queued'}, 'states at the end of the old lifetime')

    # a stop over the end expires nothing by itself: the first failed probe does
    clock.to(6 * DAY - 10 * MINUTE)
    same(set(states(holdfast).values()), {'queued'}, 'states before the end')
    holdfast.stop()
    clock.set_wall(6 * DAY + MINUTE)
    holdfast.start_queued()
    same(set(states(holdfast).values()), {'queued'}, 'states right after the start')
    expected = {d: state for d, (_, _, state) in DOMAINS.items() if state}
    for minute in range(2, 8):
        clock.to(6 * DAY + minute * MINUTE)
    wait_until(lambda: states(holdfast) == expected, 10, lambda: f'the ends: {states(holdfast)}')
    wait_until(lambda: len(reports(relay, 'failed')) == 1, 10, 'the bounce')
    failed = reports(relay, 'failed')[0]
    same((failed['Final-Recipient'], failed['Status']), ('rfc822; joe@told.test', '5.4.7'), 'bounce')
    check('expired' in failed['Diagnostic-Code'], f"Diagnostic-Code: {failed['Diagnostic-Code']}")
    for m in holdfast.queue():
        check('expired; last: ' in m['recipients'][0]['reason'], f'reason of {m["domain"]}')
    lab.say('4 ends: 2 quarantined, 1 bounced, 1 held; 3 warnings')
