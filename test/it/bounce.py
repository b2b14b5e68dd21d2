# SPDX-License-Identifier: BSD-2-Clause
"""Who is told that the primary refused a message (P5), through a real Postfix, and how it reads."""
import email
import email.policy

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

REFUSAL = '5.7.1 Not <b>today</b>'

# name: MAIL's parameters, RCPT's, is the sender told?
CASES = {
    'pass': ('XSPF=pass', '', True),
    'envid': ('XSPF=pass RET=FULL ENVID=QQ+2B1', 'ORCPT=rfc822;Alias+40example.test', True),
    'failure': ('XSPF=pass', 'NOTIFY=FAILURE,DELAY', True),
    'none': ('XSPF=none', '', False),
    'absent': ('', '', False),
    'fail': ('XSPF=fail', '', False),
    'softfail': ('XSPF=softfail', '', False),
    'neutral': ('XSPF=neutral', 'NOTIFY=FAILURE', False),
    'temperror': ('XSPF=temperror', '', False),
    'permerror': ('XSPF=permerror', '', False),
    'never': ('XSPF=pass', 'NOTIFY=NEVER', False),
    'success': ('XSPF=pass', 'NOTIFY=SUCCESS', False),
}
TOLD = {name for name, case in CASES.items() if case[2]}


def submit(holdfast, name, mail, rcpt, sender=None, domain='example.test'):
    sender = f'{name}@client.test' if sender is None else sender
    message = smtp.text(name, body='The secret body.\r\n', sender=sender)
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for command in (f'MAIL FROM:<{sender}> {mail}', f'RCPT TO:<{name}@{domain}> {rcpt}'):
            r = c.command(command.strip())
            same(r.code, 250, f'{command}: {r}')
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff(message))
        same(c.reply().code, 250, 'the end of the data')
        c.quit()


def parse(data):
    m = email.message_from_bytes(data, policy=email.policy.default)
    same(m.defects, [], 'defects of the report')
    same(m.get_content_type(), 'multipart/report', 'type')
    same(m.get_param('report-type'), 'delivery-status', 'report-type')
    same(m['Auto-Submitted'], 'auto-replied', 'Auto-Submitted')
    same(m['From'].addresses[0].addr_spec, 'MAILER-DAEMON@mx2.test', 'From')
    parts = list(m.iter_parts())
    same([p.get_content_type() for p in parts],
         ['text/plain', 'message/delivery-status', 'text/rfc822-headers'], 'parts')
    status = [dict(block.items()) for block in parts[1].get_payload()]
    check(b'secret' not in data, 'the body is in the report')
    return m, parts, status[0], status[1:]


def check_report(name, data, queue_ids):
    m, parts, message, recipients = parse(data)
    same(m['To'].addresses[0].addr_spec, f'{name}@client.test', 'To')
    same(message['Reporting-MTA'], 'dns; mx2.test', 'Reporting-MTA')
    check(message['X-Holdfast-Queue-ID'] in queue_ids, 'the queue id of the original')
    same(len(recipients), 1, 'recipients')
    r = recipients[0]
    same(r['Final-Recipient'], f'rfc822; {name}@example.test', 'Final-Recipient')
    same((r['Action'], r['Status']), ('failed', '5.7.1'), 'Action and Status')
    same(r['Diagnostic-Code'], f'smtp; 550 {REFUSAL}', 'Diagnostic-Code')
    same(r['Remote-MTA'], 'dns; 127.0.0.1', 'Remote-MTA')
    check(f'Subject: {name}' in parts[2].get_content(), 'the header of the original')
    check(REFUSAL in ' '.join(parts[0].get_content().split()), 'the reason in the text')
    same(message.get('Original-Envelope-Id'), 'QQ+1' if name == 'envid' else None, 'ENVID')
    same(r.get('Original-Recipient'),
         'rfc822; Alias@example.test' if name == 'envid' else None, 'ORCPT')


def utf8(lab, holdfast, relay):
    """RFC 6533, and a report about two recipients at once."""
    sender = 'jörg@client.test'
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        same(c.command(f'MAIL FROM:<{sender}> SMTPUTF8 XSPF=pass').code, 250, 'MAIL')
        for rcpt in ('bü@example.test', 'x@example.test'):
            same(c.command(f'RCPT TO:<{rcpt}>').code, 250, 'RCPT')
        same(c.command('DATA').code, 354, 'DATA')
        c.send(smtp.stuff('Subject: Grüße\r\n\r\nHi\r\n'.encode()))
        c.reply()
    wait_until(lambda: len(relay.delivered()) == 1, 20, 'the report in UTF-8')
    data = relay.messages()[0]
    m = email.message_from_bytes(data, policy=email.policy.default)
    same([p.get_content_type() for p in m.iter_parts()],
         ['text/plain', 'message/global-delivery-status', 'message/global-headers'], 'parts')
    check('Final-Recipient: utf-8; bü@example.test'.encode() in data, 'Final-Recipient in UTF-8')
    check(b'Final-Recipient: rfc822; x@example.test' in data, 'the other recipient')
    check('Subject: Grüße'.encode() in data, 'the header')


@scenario(limit=90)
def bounce(lab):
    primary = lab.fake_primary(script={'rcpt': f'550 {REFUSAL}\r\n'.encode()}).start()
    relay = lab.primary(domains=('client.test',), name='relay').start()
    holdfast = lab.holdfast(bounce_relay=f'127.0.0.1:{relay.port}')
    holdfast.cli('rule', 'set', 'global.canary', '0')       # guard.py has that
    holdfast.cli('rule', 'set', 'global.bounce_rate', '4')
    holdfast.domain('example.test', primary.port, [], '--recipients', 'any')
    holdfast.start_queued()
    for name, (mail, rcpt, _) in CASES.items():
        submit(holdfast, name, mail, rcpt)
    submit(holdfast, 'null', 'XSPF=pass', '', sender='')

    wait_until(lambda: len(relay.delivered()) == len(TOLD), 20, 'the reports to be delivered')
    kept = len(CASES) + 1 - len(TOLD)
    wait_until(lambda: holdfast.held() == kept, 10, lambda: f'{kept} messages in the queue')
    queue = holdfast.queue()
    same({m['state'] for m in queue}, {'quarantined'}, 'state of what is left')
    same({m['recipients'][0]['address'].split('@')[0] for m in queue},
         set(CASES) - TOLD | {'null'}, 'who was not told')
    by_recipient = relay.by_recipient()
    same(set(by_recipient), {f'{n}@client.test' for n in TOLD}, 'who was told')
    log = holdfast.log()
    for name in TOLD:
        check_report(name, by_recipient[f'{name}@client.test'], log)
    same(log.count('sender non-delivery notification: '), len(TOLD), 'log lines of reports')
    same(log.count('status=bounced'), len(TOLD), 'status=bounced')
    check(all(b'from=<>' in line for line in relay.log().encode().splitlines()
              if b'from=<' in line), 'the reports come from <>')
    shown = holdfast.json('queue', 'show', next(
        m['queue_id'] for m in queue if m['recipients'][0]['address'].startswith('softfail@')))
    same(shown[0]['spf'], 'softfail', 'queue show: spf')

    # one left in this hour for client.test: that is the UTF-8 one, the next is kept
    relay.forget()
    utf8(lab, holdfast, relay)
    submit(holdfast, 'toomuch', 'XSPF=pass', '')
    wait_until(lambda: holdfast.held() == kept + 1, 10, 'the one over the rate to be quarantined')
    check('bounce_rate' in holdfast.log(), 'a log line about the rate')

    # a report that is refused is kept, and nobody is told of it
    relay.configure(virtual_mailbox_domains='other.test')
    relay.stop()
    relay.start()
    submit(holdfast, 'lost', 'XSPF=pass', '', sender='x@gone.test')
    wait_until(lambda: holdfast.held() == kept + 2, 20, 'the refused report to be quarantined')
    wait_until(lambda: [m for m in holdfast.queue()
                        if m['sender'] == '' and m['state'] == 'quarantined'
                        and m['recipients'][0]['address'] == 'x@gone.test'], 10,
               lambda: f'the report in quarantine: {holdfast.queue()}')

    # success was asked for, and the primary offers no DSN: the sender hears that it went on
    relay.configure(virtual_mailbox_domains='client.test')
    relay.stop()
    relay.start()
    relay.forget()
    primary.script.clear()
    submit(holdfast, 'relayed', 'XSPF=pass', 'NOTIFY=SUCCESS', sender='r@sub.client.test')
    wait_until(lambda: len(primary.messages) == 1, 10, 'the delivery')
    wait_until(lambda: 'sender delivery status notification' in holdfast.log(), 10,
               'the report of the hand-over')
    lab.say(f'{len(CASES) + 1} refusals: {len(TOLD)} bounced, {kept} quarantined')
