# SPDX-License-Identifier: BSD-2-Clause
"""A real Sendmail in front, a real resolver behind: SPF, DNS lists, names of clients and of senders' domains,
lists, limits and the greylist decide as they do behind Postfix. Sendmail knows no XCLIENT: clients come from
addresses of their own, in a network of their own."""
import time

from lib import smtp
from lib.dns import Nsd, Unbound, reverse
from lib.lab import check, same, scenario
from lib.process import run, wait_until
from lib.scanners import GTUBE, Rspamd
from lib.sendmail import Sendmail
from lib.sendmail_setup import fetch

fetch()     # while there is a network

ZONES = {
    'sender.test': '@ MX 10 mx\nmx A 192.0.2.1\n@ TXT "v=spf1 ip4:192.0.2.1 -all"\n'
                   'soft MX 10 mx\nsoft TXT "v=spf1 ~all"\nnull MX 0 .\n',
    'client.test': 'good A 192.0.2.1\nother A 192.0.2.99\n',
    '2.0.192.in-addr.arpa': '1 PTR good.client.test.\n2 PTR other.client.test.\n10 PTR ten.client.test.\n',
    'bl.test': f'{reverse("192.0.2.10")} A 127.0.0.2\n',
}
SETTINGS = {'spf.mode': 'enforce', 'helo.mode': 'enforce', 'helo.rdns': '3', 'sender_domain.mode': 'enforce',
            'sender_domain.missing': 'reject', 'threshold.reject': '5', 'spf.softfail': '2'}

# the client's last byte, its HELO, the sender; the reply to RCPT, words of it or of the log
CASES = [
    (1, 'good.client.test', 'a@sender.test', 250, ''),
    (3, 'x.client.test', 'a@sender.test', 550, '<a@sender.test>: Sender address rejected: SPF fail'),
    (3, 'x.client.test', 'a@none.sender.test', 550, 'Sender address rejected: '),
    (3, 'x.client.test', 'a@null.sender.test', 550, 'Sender address rejected: '),
    (1, 'good.client.test', 'a@soft.sender.test', 250, 'hits="spf=2"'),
    # no name, or a name that is not its own, and the softfail: five points
    (3, 'x.client.test', 'a@soft.sender.test', 550, 'helo.rdns=3'),
    (2, 'other.client.test', 'a@soft.sender.test', 550, 'helo.rdns=3'),
    (10, 'ten.client.test', 'a@soft.sender.test', 554, 'blocked using bl.test'),
    (1, 'good.client.test', 'a@denied.sender.test', 554, 'check=lists'),
]


class Clients:
    def __init__(self, port):
        self.port = port

    def send(self, last, helo, sender, message=None, to='joe@example.test'):
        """The reply to RCPT, or to the message if there is one and RCPT was fine."""
        with smtp.Client(('127.0.0.1', self.port), f'EHLO {helo}', source=f'192.0.2.{last}') as c:
            same(c.command(f'MAIL FROM:<{sender}>').code, 250, f'MAIL FROM:<{sender}>')
            r = c.command(f'RCPT TO:<{to}>')
            if message and r.code == 250:
                same(c.command('DATA').code, 354, 'DATA')
                c.send(smtp.stuff(message))
                r = c.reply()
            c.quit()
        return r


@scenario(limit=120, network=True)
def sendmail_dns(lab):
    run(['ip', 'route', 'add', 'local', '192.0.2.0/24', 'dev', 'lo'])
    dns = Nsd(lab, ZONES).start()
    resolver = Unbound(lab, dns, port=53).start()
    primary = lab.primary()
    holdfast = lab.holdfast(resolver=resolver.address).domain('example.test', primary.port, ['joe', 'mary'])
    mta = Sendmail(lab, holdfast, switch='hosts dns files')
    for name, value in SETTINGS.items():
        holdfast.cli('rule', 'set', name, value)
    holdfast.cli('rule', 'add', 'dnsbl', 'bl.test', 'reject')
    holdfast.cli('rule', 'add', 'list', 'deny', 'sender_domain', 'denied.sender.test')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')
    holdfast.start()
    mta.start()
    primary.start()
    clients = Clients(mta.port)

    for last, helo, sender, code, words in CASES:
        what = f'192.0.2.{last} {helo} {sender}'
        log = len(holdfast.milter.log())
        r = clients.send(last, helo, sender, smtp.text('x', sender=sender) if code == 250 else None)
        same(r.code, code, f'{what}: {r}')
        check(words in str(r) or words in holdfast.milter.log()[log:], f'{what}: {r} {holdfast.milter.log()[log:]}')

    wait_until(lambda: len(primary.delivered()) == 2, 10, 'what was accepted')
    check(all(b'Authentication-Results: ' in m for m in primary.messages()), 'the results are in the messages')
    check(sum(b'spf=pass' in m for m in primary.messages()) == 1, 'one of them a pass')

    # --- the greylist
    holdfast.rule('set', 'greylist.delay', '1s')
    holdfast.rule('set', 'greylist.score', '0')
    holdfast.rule('set', 'greylist.mode', 'enforce')
    r = clients.send(1, 'good.client.test', 'a@sender.test')
    same(r.code, 450, f'the first time: {r}')
    time.sleep(1.5)
    same(clients.send(1, 'good.client.test', 'a@sender.test').code, 250, 'the second time')
    holdfast.rule('set', 'greylist.mode', 'off')

    # --- limits: three messages a minute, then a dictionary
    holdfast.rule('set', 'limits.mode', 'enforce')
    holdfast.rule('add', 'limits', 'messages', 'client', '3/1h', '--match', '192.0.2.1')
    codes = [clients.send(1, 'good.client.test', 'a@sender.test').code for _ in range(5)]
    check(codes[0] == 250 and codes[-1] // 100 == 4, f'messages over the limit: {codes}')
    holdfast.rule('add', 'limits', 'unknown', 'client', '2/1h', '--match', '192.0.2.3', '--action', 'lockout')
    codes = [clients.send(3, 'x.client.test', 'a@none.sender.test', to=f'x{i}@example.test').code for i in range(5)]
    check(codes[0] == 550 and codes[-1] // 100 == 4, f'a dictionary: {codes}')

    # --- rspamd
    rspamd = Rspamd(lab).start()
    holdfast.rule('set', 'spam.rspamd', rspamd.at)
    holdfast.rule('set', 'limits.mode', 'off')
    rspamd.wait()
    r = clients.send(1, 'good.client.test', 'a@sender.test', smtp.text('offer', GTUBE + '\r\n', sender='a@sender.test'))
    check(r.code == 550 and 'Message looks like spam' in r.text, f'GTUBE: {r}')
    r = clients.send(1, 'good.client.test', 'a@sender.test', smtp.text('lunch', 'At noon?\r\n', sender='a@sender.test'))
    same(r.code, 250, f'a ham: {r}')
