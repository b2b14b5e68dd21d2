# SPDX-License-Identifier: BSD-2-Clause
"""Domains that no row of the rules names: served because their MX names us, by Postfix's rules."""
import sqlite3

from lib import smtp
from lib.dns import Nsd
from lib.lab import check, same, scenario
from lib.process import wait_until

OURS = '@ MX 10 p\n@ MX 20 mx2.test.\np A 127.0.0.2\n'


def rcpt(mta, address):
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        reply = c.command(f'RCPT TO:<{address}>')
        c.quit()
        return reply


@scenario(limit=90, network=True)
def derived(lab):
    dns = Nsd(lab, {
        'mx2.test': '@ A 127.0.0.1\n',
        'ours.test': OURS,
        'address.test': '@ MX 10 p\n@ MX 20 back\np A 127.0.0.2\nback A 127.0.0.1\n',
        'stranger.test': OURS.replace('127.0.0.2', '127.0.0.66'),
        'mixed.test': OURS + '@ MX 10 other\nother A 127.0.0.66\n',
        'unnamed.test': '@ MX 10 p\np A 127.0.0.2\n',
        'first.test': '@ MX 10 mx2.test.\n@ MX 20 p\np A 127.0.0.2\n',
        'nomx.test': '@ A 127.0.0.2\n',
        'never.test': OURS,
        'always.test': '@ MX 10 p\np A 127.0.0.2\n',
        'late.test': '@ MX 10 p\np A 127.0.0.2\n',
        'broken.test': None,
    }, port=53).start()
    primary = lab.fake_primary(port=25, host='127.0.0.2')
    holdfast = lab.holdfast()           # and with the system's resolver
    holdfast.domain('listed.test', 9, ['joe']).start()
    # Postfix itself decides by permit_mx_backup; the second one lets everything pass to the milter.
    mta = lab.mta(holdfast, domains=(), smtpd_relay_restrictions='permit_mx_backup, reject',
                  permit_mx_backup_networks='127.0.0.2/32').start()
    wide = lab.mta(holdfast, domains=(), name='wide', smtpd_relay_restrictions='permit_mynetworks, reject',
                   default_transport='smtp:[127.0.0.66]:9').start()

    # Nothing is derived unless the rules say so: mail stays with the MTA.
    same(smtp.send(wide.port, 'ann@sender.example', ['joe@ours.test'], smtp.text('before')).code, 250,
         'without mx_network')
    same(holdfast.held(), 0, 'messages taken over without mx_network')
    with sqlite3.connect(holdfast.rules_db) as db:      # all at once, so that one line says it
        db.execute("INSERT INTO mx_network (network) VALUES ('127.0.0.2')")
        db.execute("INSERT INTO mx_domain (name, serve) VALUES ('never.test', 'never'), "
                   "('always.test', 'always')")
    db.close()
    for daemon in (holdfast.milter, holdfast.queued):
        wait_until(lambda: 'new rules are in force' in daemon.log(), 5, f'{daemon.name} to have the rules')

    # Ours: by name, by address, by decree.
    for n, domain in enumerate(('ours.test', 'address.test'), 1):
        same(smtp.send(mta.port, 'ann@sender.example', [f'joe@{domain}'], smtp.text(domain)).code, 250,
             domain)
        same(holdfast.held(), n, f'messages held after {domain}')
    same(smtp.send(wide.port, 'ann@sender.example', ['joe@always.test'], smtp.text('always')).code, 250,
         'always.test')
    same(holdfast.held(), 3, 'messages held after always.test')
    shown = {d for row in holdfast.json('primary', 'list') for d in row['domains']}
    check({'ours.test', 'address.test', 'always.test'} <= shown, f'primary list shows {shown}')

    # Not ours, in each way.
    for domain in ('stranger.test', 'mixed.test', 'unnamed.test', 'first.test', 'nomx.test', 'never.test',
                   'nowhere.invalid'):
        same(smtp.send(wide.port, 'ann@sender.example', [f'joe@{domain}'], smtp.text(domain)).code, 250,
             domain)
        same(holdfast.held(), 3, f'messages held after {domain}')
    reply = rcpt(mta, 'joe@stranger.test')
    check(reply.code // 100 == 5, f'Postfix relays for a stranger: {reply.code}')

    # The DNS fails: nobody knows, so the client comes again.
    reply = rcpt(wide, 'joe@broken.test')
    same(reply.code, 451, 'reply when the DNS fails')
    check('4.4.3' in str(reply), f'it says 4.4.3: {reply.lines}')
    check('to="joe@broken.test" stage=rcpt check=mx action=defer code=451' in holdfast.milter.log(),
          'it is in the log')

    # The primary is there: all goes to it, and no bounce anywhere.
    primary.start()
    wait_until(lambda: holdfast.held() == 0, 15, 'the queue to be empty')
    same(sorted(m.recipients[0] for m in primary.messages),
         ['joe@address.test', 'joe@always.test', 'joe@ours.test'], 'what the primary has')

    # Mail for a domain whose MX does not name us stays, and is said; the MX is mended: it goes.
    smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@late.test'], smtp.text('late'))
    wait_until(lambda: 'late.test is not served now: its best MX does not stand before this host' in
               holdfast.queued.log(), 10, 'the reason to be logged')
    same(holdfast.held(), 1, 'messages held')
    dns.zone('late.test', OURS)
    wait_until(lambda: holdfast.held() == 0, 15, 'late.test to be served when its MX names us')
    same(primary.messages[-1].recipients, ['joe@late.test'], 'what came last')
