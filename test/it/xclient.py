# SPDX-License-Identifier: BSD-2-Clause
"""XCLIENT: a real Postfix primary takes each message as if its own client had brought it.

Its log shows the original client's name, address and HELO, and SPF is checked against that
client: the same message passes with XCLIENT and fails without. Postfix asks the new client for the right to
XCLIENT, so each client has a connection of its own; where everybody has the right, one
connection carries them all. A client that the primary refuses is that message's trouble and nobody else's.

The primary is configured by the snippet that we ship for it; the one for rspamd passes rspamd's own check.
"""
import os
import re
import shutil

from lib import smtp
from lib.dns import Nsd
from lib.lab import check, same, scenario
from lib.process import run, wait_until
from lib.spf import policy_service

ZONES = {
    'sender.example': '@ TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/64 -all"\n'
                      'ann A 192.0.2.1\nbob A 192.0.2.2\n',
    'mx2.test': '@ A 127.0.0.1\n',
}
# name -> XFORWARD's words, the client in the primary's log, what SPF says of it
CLIENTS = {
    'ann': ('NAME=ann.sender.example ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=ann.sender.example',
            'ann.sender.example[192.0.2.1]', 'ann.sender.example', 'Pass'),
    'bob': ('NAME=[UNAVAILABLE] ADDR=192.0.2.2 PROTO=SMTP HELO=bob.sender.example',
            'unknown[192.0.2.2]', 'bob.sender.example', 'Pass'),
    'cat': ('NAME=cat.sender.example ADDR=IPv6:2001:db8::3 PROTO=ESMTP HELO=ann.sender.example',
            'cat.sender.example[2001:db8::3]', 'ann.sender.example', 'Pass'),
    'eve': ('NAME=eve.example ADDR=203.0.113.9 PROTO=ESMTP HELO=bob.sender.example',
            'eve.example[203.0.113.9]', 'bob.sender.example', 'Fail'),
}


def send(holdfast, domain, names):
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for name in names:
            same(c.command(f'XFORWARD {CLIENTS[name][0]}').code, 250, f'XFORWARD of {name}')
            r = c.mail('ann@sender.example', [f'{name}@{domain}'], smtp.text(name))
            same(r.code, 250, f'{name}@{domain}')
        c.quit()


def primary(lab, dns, name, **settings):
    p = lab.primary(domains=[f'{name}.test'], name=name,
                    **{'smtpd_authorized_xforward_hosts': '', **settings})
    service = policy_service(lab, p, dns)
    # The header of each message says who brought it, and what SPF thinks of that.
    p.configure(smtpd_recipient_restrictions=f'reject_unauth_destination, {service}')
    return p.start()


def arrived(p, user):
    found = wait_until(lambda: p.messages(user), 20, f'{user} at {p.name}')
    return found[0].decode('utf-8', 'replace').replace('\r\n', '\n')


def judged(p, user):
    """The client and HELO in the primary's Received line, and the result of SPF."""
    message = arrived(p, user)
    received = re.search(r'^Received: from (\S+) \((\S+ \S+)\)\n\s+by ' + re.escape(f'{p.name}.test'), message, re.M)
    spf = re.search(r'^Received-SPF: (\w+) \((\w+)', message, re.M)
    check(received and spf, f'{user}: no trace or SPF header in\n{message}')
    return received[2], received[1], spf[1]


def snippet(lab):
    """packaging/postfix/primary-xclient.cf as settings, its example addresses replaced."""
    settings = {}
    with open(os.path.join(lab.source, 'packaging/postfix/primary-xclient.cf')) as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                key, value = line.strip().split(' = ', 1)
                settings[key] = value.replace('192.0.2.25', '127.0.0.1').replace('2001:db8::25', '::1')
    return settings


def check_rspamd_snippet(lab):
    if not shutil.which('rspamadm'):
        lab.say('rspamd is not installed: its snippet was not checked')
        return
    os.makedirs(lab.path('rspamd/local.d/maps.d'))
    shutil.copy(os.path.join(lab.source, 'packaging/rspamd/external_relay.conf'), lab.path('rspamd/local.d'))
    lab.write('rspamd/local.d/maps.d/backup_mx.map', 'mx2.test\n')
    done = run(['rspamadm', f'--var=LOCAL_CONFDIR={lab.path("rspamd")}', 'configtest'])
    check('syntax OK' in done.stdout, f'rspamadm configtest: {done.stdout}{done.stderr}')
    check('schema error' not in done.stdout + done.stderr, f'the module takes it: {done.stdout}{done.stderr}')


def messages_by_connection(p, total):
    """How many messages each connection brought, once all have ended."""
    def found():
        counts = [int(n) for n in re.findall(r': disconnect from .* mail=(\d+)', p.log())]
        return counts if sum(counts) >= total else None
    return wait_until(found, 15, f'the connections to {p.name} to end')


@scenario(limit=60)
def xclient(lab):
    dns = Nsd(lab, ZONES).start()
    usual = primary(lab, dns, 'usual', **snippet(lab))
    anybody = primary(lab, dns, 'anybody', smtpd_authorized_xclient_hosts='0.0.0.0/0 [::]/0')
    nobody = primary(lab, dns, 'nobody')
    strict = primary(lab, dns, 'strict', smtpd_authorized_xclient_hosts='127.0.0.0/8', smtpd_delay_reject='no',
                     smtpd_client_restrictions='check_client_access inline:{ {203.0.113.9=REJECT listed here} }')
    holdfast = lab.holdfast()
    primaries = {'usual': usual, 'anybody': anybody, 'nobody': nobody, 'strict': strict}
    for name, p in primaries.items():
        holdfast.domain(f'{name}.test', p.port, (), '--recipients', 'any', '--client', 'xclient',
                        '--bounce', 'never', '--concurrency', '1')
    holdfast.start_queued()

    # The client's name, address, HELO and SPF result, with XCLIENT and without.
    for name in ('usual', 'anybody'):
        send(holdfast, f'{name}.test', CLIENTS)
        for user, (_, client, helo, spf) in CLIENTS.items():
            in_header = client.replace('[2001', '[IPv6:2001').replace('[', ' [')
            same(judged(primaries[name], user), (in_header, helo, spf),
                 f'{user} as {name} saw it')
            check(f'client={client}' in primaries[name].log(), f'{client} in the log of {name}')
    send(holdfast, 'nobody.test', ['ann'])
    client, helo, spf = judged(nobody, 'ann')
    check(client.endswith('[127.0.0.1]'), f'without XCLIENT the client is {client}')
    same((helo, spf), ('mx2.test', 'Fail'), 'without XCLIENT: HELO and SPF')
    check(re.search(r'warning: destination=\S+ relay=\S+ client=xclient: the server does not offer XCLIENT',
                    holdfast.queued.log()), 'the operator is told that XCLIENT is not offered')

    same(messages_by_connection(usual, 4), [1, 1, 1, 1], 'where each client needs its own connection')
    same(messages_by_connection(anybody, 4), [4], 'where one connection carries all')

    # Refused by what the client is, in the place of the greeting: this message, and no other.
    send(holdfast, 'strict.test', ['ann'])
    arrived(strict, 'ann')
    send(holdfast, 'strict.test', ['eve', 'bob'])
    arrived(strict, 'bob')
    eve = wait_until(lambda: [m for m in holdfast.queue() if m['state'] == 'quarantined'], 20,
                     "eve's message to be set aside")
    same([m['recipients'][0]['address'] for m in eve], ['eve@strict.test'], 'what is set aside')
    check('listed here' in eve[0]['recipients'][0]['reason'] and
          'XCLIENT' in eve[0]['recipients'][0]['reason'], f'the reason: {eve[0]["recipients"]}')
    check('state=down' not in holdfast.queued.log(), 'no destination went down over it')
    same(holdfast.held(), 1, 'all the rest is delivered')
    check_rspamd_snippet(lab)
    lab.say('client, HELO and SPF of 4 clients over 4 connections, and over 1, as if they had come themselves')
