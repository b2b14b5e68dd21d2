# SPDX-License-Identifier: BSD-2-Clause
"""The quarantine: listed, shown, released, told of once a day, and over when a rule says so."""
import email
import email.policy
import time

from lib import smtp
from lib.faketime import DAY, HOUR, MINUTE, Clock
from lib.lab import check, same, scenario
from lib.process import wait_until


def quarantined(holdfast):
    return holdfast.queue('--state', 'quarantined')


@scenario(limit=60)
def quarantine(lab):
    relay = lab.fake_primary().start()
    primary = lab.fake_primary(script={'rcpt': b'550 5.7.1 <i> do not want\r\n'}).start()
    holdfast = lab.holdfast(bounce_relay=f'127.0.0.1:{relay.port}')
    holdfast.queued.env['TZ'] = 'UTC'
    for name, value in (('canary', '0'), ('operator', 'ops@admin.test'), ('digest_hour', '6')):
        holdfast.cli('rule', 'set', f'global.{name}', value)
    clock = Clock(lab, holdfast)
    for domain in ('a.test', 'b.test'):
        holdfast.domain(domain, primary.port, [], '--recipients', 'any')
    until_six = (6 * HOUR - int(time.time()) % DAY) % DAY
    clock.set_wall(until_six - HOUR)            # it is five
    holdfast.start_queued()
    for i in range(12):
        smtp.lmtp(holdfast.lmtp_socket, f'a{i}@client.test', ['joe@a.test'], smtp.text(f'a{i}'))
    smtp.lmtp(holdfast.lmtp_socket, 'b@client.test', ['joe@b.test'], smtp.text('b'), 'XSPF=fail')
    wait_until(lambda: len(quarantined(holdfast)) == 13, 10, 'all to be in quarantine')
    shown = holdfast.cli('queue', 'list', '--state', 'quarantined').stdout
    check('#' in shown and '5.7.1 <i> do not want' in shown, shown)

    # the digest: not before six, then one, and no other that day
    clock.to(until_six - 2 * MINUTE)
    same(len(relay.messages), 0, 'messages before six')
    for minute in range(0, 20, 2):
        clock.to(until_six + minute * MINUTE)
    wait_until(lambda: len(relay.messages) == 1, 10, 'the digest')
    same((relay.messages[0].sender, relay.messages[0].recipients), ('', ['ops@admin.test']), 'its envelope')
    digest = email.message_from_bytes(relay.messages[0].data, policy=email.policy.default)
    same(digest['Subject'], '13 messages in quarantine at mx2.test', 'its subject')
    text = digest.get_content()
    for words in ('a.test: 12 messages for 12 recipients', 'b.test: 1 message for 1 recipient',
                  'from=<b@client.test> to=<joe@b.test>', '… and 2 more', 'holdfast queue release ID'):
        check(words in text.replace('\n', ' '), f'{words}: {text}')

    # what somebody lets go is delivered
    primary.script.clear()
    ident = holdfast.queue('b.test')[0]['queue_id']
    check(ident in text, f'{ident} in the digest')
    holdfast.cli('queue', 'release', ident)
    wait_until(lambda: len(primary.messages) == 1, 10, 'the released message')

    # the day after, over a restart
    holdfast.stop()
    holdfast.start_queued()
    clock.to(until_six + 12 * HOUR)
    same(len(relay.messages), 1, 'digests of the first day')
    for minute in range(0, 6, 2):
        clock.to(until_six + DAY + minute * MINUTE)
    wait_until(lambda: len(relay.messages) == 2, 10, 'the next digest')
    same(len(quarantined(holdfast)), 12, 'in quarantine without a rule that ends it')

    # its end, and that of nothing else
    holdfast.cli('rule', 'set', 'global.quarantine_lifetime', '10d')
    wait_until(lambda: 'new rules are in force' in holdfast.log(), 5, 'the new rules')
    clock.to(until_six + 10 * DAY - 2 * HOUR)
    clock.to(until_six + 10 * DAY - 2 * HOUR + 2 * MINUTE)
    same(len(quarantined(holdfast)), 12, 'two hours before the end')
    for minute in range(0, 130, 10):
        clock.to(until_six + 10 * DAY + minute * MINUTE)
    wait_until(lambda: holdfast.held() == 0, 10, 'the quarantine to be empty')
    check('quarantine: expired=12 (quarantine_lifetime)' in holdfast.log(), 'the log tells of it')
