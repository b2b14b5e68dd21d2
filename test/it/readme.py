# SPDX-License-Identifier: BSD-2-Clause
"""The lines that README.md tells people to put into main.cf work, with Debian's chroot if possible."""
import os
import re

from lib import smtp
from lib.lab import Skip, check, same, scenario
from lib.process import run, wait_until


def block(text, after):
    """The indented block behind a line of the README."""
    match = re.search(re.escape(after) + r'.*?\n\n((?:    [^\n]*\n)+)', text, re.S)
    check(match, f'README.md has a block after "{after}"')
    return [line.strip() for line in match.group(1).splitlines()]


@scenario(limit=60)
def readme(lab):
    primary = lab.primary()
    mta = lab.postfix('mx2', chroot=lab.root)
    if 'sqlite' not in run(['postconf', '-c', mta.etc, '-m']).stdout:
        raise Skip('needs Postfix with SQLite (package postfix-sqlite)')
    with open(os.path.join(lab.source, 'README.md')) as f:
        text = f.read()
    settings = dict(re.split(r'\s*=\s*', line, maxsplit=1)
                    for line in block(text, '/etc/postfix/main.cf`'))
    same(len(settings), 10, 'the ten lines of the README')
    maps = block(text, '/etc/postfix/holdfast-domains.cf`:')

    sockets = f'{mta.dir}/queue/holdfast'
    os.mkdir(sockets)
    holdfast = lab.holdfast(milter_listen=f'unix:{sockets}/milter.sock',
                            lmtp_listen=f'unix:{sockets}/queued.sock')
    holdfast.milter_socket, holdfast.lmtp_socket = f'{sockets}/milter.sock', f'{sockets}/queued.sock'
    os.chmod(sockets, 0o1777)
    holdfast.domain('example.test', primary.port, ['joe'])

    domains = lab.write('holdfast-domains.cf', '\n'.join(maps).replace(
        '/var/lib/holdfast/rules.db', holdfast.rules_db) + '\n')
    mta.configure(**{key: value.replace('/etc/postfix/holdfast-domains.cf', domains)
                     for key, value in settings.items()})
    mta.configure(mynetworks='192.0.2.0/24', lmtp_host_lookup='native')
    holdfast.start()
    mta.start()

    def answer(recipient):
        return smtp.send(mta.port, 'ann@sender.example', [recipient], smtp.text('readme'))

    same(answer('joe@example.test').code, 250, f'a known recipient; {mta.log()[-2000:]}')
    same(answer('nobody@example.test').code, 550, 'an unknown one')
    same(answer('joe@elsewhere.test').code, 554, 'another domain')
    same(holdfast.held(), 1, 'messages held')
    wait_until(lambda: mta.queued() == 0, 5, 'Postfix to have nothing left')

    # A domain added later needs no change in Postfix.
    holdfast.domain('new.test', primary.port, ['mary'])
    wait_until(lambda: answer('mary@new.test').code == 250, 10, 'the new domain to be taken')
    wait_until(lambda: holdfast.held() == 2 and mta.queued() == 0, 10, 'it to be held here')

    # Postfix may have heard of it a moment before the milter did; its LMTP transport brings it then.
    wait_until(lambda: mta.queued() == 0, 10, 'Postfix to have nothing left of it')

    # Nor does an alias of one.
    def rcpt(recipient):
        with smtp.Client(mta.port) as c:
            c.command('MAIL FROM:<ann@sender.example>')
            return c.command(f'RCPT TO:<{recipient}>').code

    same(rcpt('early@alias.test'), 554, 'an alias before it is one (Postfix remembers that of the address)')
    holdfast.cli('rule', 'add', 'alias_domain', 'alias.test', 'example.test')
    wait_until(lambda: rcpt('nobody@alias.test') == 550, 10, 'the alias to be known to both')
    same(answer('joe@alias.test').code, 250, 'an address of the alias')
    wait_until(lambda: holdfast.held() == 3 and mta.queued() == 0, 10, 'it to be held here as well')

    # The way around the milter, for what Postfix queued.
    holdfast.queued.kill()
    same(answer('joe@example.test').code, 250, 'while queued is down')
    same(mta.queued(), 1, 'messages kept by Postfix')
    wait_until(lambda: 'status=deferred' in mta.log(), 10, 'Postfix to have tried in vain')
    holdfast.start_queued()

    def brought():
        mta.flush()             # again and again: a flush misses what is just being put aside
        return mta.queued() == 0
    wait_until(brought, 20, "Postfix's LMTP transport to bring the message")

    primary.configure(virtual_mailbox_domains='example.test new.test alias.test')
    primary.start()
    wait_until(lambda: len(primary.delivered()) == 4, 10, 'all four at the primary')
