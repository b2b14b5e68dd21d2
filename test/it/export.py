# SPDX-License-Identifier: BSD-2-Clause
"""holdfast-export lists whom a real Postfix accepts, and ends without a list where it cannot know."""
import os
import re
import shutil
import subprocess

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import run

DOMAIN, MAILBOX, ALIAS, RELAY = 'example.test', 'box.test', 'alias.test', 'relay.test'
PASSWD = '''\
root:x:0:0:root:/root:/bin/bash
www-data:x:33:33::/var/www:/usr/sbin/nologin
ann:x:1000:1000:Ann:/home/ann:/bin/bash
ben:x:1001:1001:Ben:/home/ben:/usr/sbin/nologin
nobody:x:65534:65534::/:/usr/sbin/nologin
+::::::
'''


def addresses(text):
    return [line for line in text.splitlines() if not line.startswith('#')]


@scenario(limit=90)
def export(lab):
    script = os.path.join(lab.source, 'packaging/export/holdfast-export')

    def ask(*args, status=0, env=None):
        done = subprocess.run(['sh', script, *args], capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, **(env or {})))
        same(done.returncode, status, f'exit status of holdfast-export {args}: {done.stderr}')
        if status:
            same(done.stdout, '', f'what a failure prints: {args}')
        else:
            end = re.match(r'# holdfast-export \S+ serial=\d+ count=(\d+) ', done.stdout)
            check(end, f'the first line: {done.stdout[:200]}')
            found = addresses(done.stdout)
            same(found, sorted(set(found), key=str.encode), 'sorted, each once')
            same(int(end.group(1)), len(found), 'the count')
            same(done.stdout.splitlines()[-1], f'# end {len(found)}', 'the last line')
        return done

    # --- Postfix: each class of domain, real tables ---------------------------------
    lab.write('aliases', 'MAILER-DAEMON: postmaster\npostmaster: root\nabuse: root\nsales: ann,\n ben\n'
              'prog: "|/bin/false"\n"two words": ann\n')
    lab.write('virtual', f'{ALIAS} anything\ninfo@{ALIAS} ann@{DOMAIN}\nJoe.Doe ann\n'
              f'extra@{MAILBOX} ann@{DOMAIN}\n# no@{ALIAS} x\n')
    lab.write('mailboxes', f'kim@{MAILBOX} kim/\nlee@{MAILBOX}\tlee/\n')
    lab.write('relay', f'pat@{RELAY} OK\n')
    mta = lab.postfix('primary', mydestination=f'{DOMAIN}, localhost.{DOMAIN}, localhost',
                      alias_maps=f'hash:{lab.path("aliases")}',
                      virtual_alias_maps=f'hash:{lab.path("virtual")}',
                      virtual_mailbox_domains=MAILBOX, virtual_mailbox_base=lab.path('primary/mail'),
                      virtual_mailbox_maps=f'hash:{lab.path("mailboxes")}',
                      relay_domains=RELAY, relay_recipient_maps=f'hash:{lab.path("relay")}',
                      smtpd_error_sleep_time='0',
                      smtpd_relay_restrictions='reject_unauth_destination')
    for name in ('virtual', 'mailboxes', 'relay'):
        run(['postmap', '-c', mta.etc, f'hash:{lab.path(name)}'])
    run(['postalias', '-c', mta.etc, f'hash:{lab.path("aliases")}'])
    postfix = ('--config', mta.etc)
    out = ask(*postfix).stdout
    listed = addresses(out)
    for want in (f'sales@{DOMAIN}', f'abuse@{DOMAIN}', f'mailer-daemon@{DOMAIN}', f'prog@{DOMAIN}',
                 f'joe.doe@{DOMAIN}', f'"two words"@{DOMAIN}', f'info@{ALIAS}', f'kim@{MAILBOX}', f'lee@{MAILBOX}',
                 f'extra@{MAILBOX}', f'pat@{RELAY}'):
        check(want in listed, f'{want} is listed:\n{out}')
    for domain in (DOMAIN, MAILBOX, ALIAS, RELAY):
        check(f'postmaster@{domain}' in listed, f'postmaster@{domain}')
    check(not any(a.startswith(('@', ALIAS, 'localhost', 'no@', 'www-data', 'root@')) or 'localhost' in a
                  for a in listed), f'nothing else:\n{out}')

    mta.start()
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<x@sender.example>')
        refused = [a for a in listed if c.command(f'RCPT TO:<{a}>').code != 250]
        same([a for a in refused if not a.startswith('postmaster@')], [], 'refused by Postfix itself')
        for unknown in (f'nobody-here@{DOMAIN}', f'x@{MAILBOX}', f'x@{ALIAS}', f'x@{RELAY}'):
            same(c.command(f'RCPT TO:<{unknown}>').code, 550, unknown)
    mta.stop()

    same(addresses(ask(*postfix, '--domain', MAILBOX).stdout),
         [f'extra@{MAILBOX}', f'kim@{MAILBOX}', f'lee@{MAILBOX}', f'postmaster@{MAILBOX}'], 'one domain')
    both = addresses(ask(*postfix, f'--domain={MAILBOX.upper()}', '--domain', RELAY).stdout)
    same({a.split('@')[1] for a in both}, {MAILBOX, RELAY}, 'two domains')
    check('does not receive mail for other.test' in ask(*postfix, '--domain', 'other.test', status=1).stderr,
          'a domain that is not here')

    # The source is read where there is no database to read.
    os.unlink(lab.path('mailboxes.db'))
    check(f'kim@{MAILBOX}' in addresses(ask(*postfix, '--domain', MAILBOX).stdout), 'from the source')
    os.unlink(lab.path('mailboxes'))
    gone = ask(*postfix, '--domain', MAILBOX, status=1).stderr
    check('mailboxes' in gone and 'virtual_mailbox_maps' in gone, f'no list without it: {gone}')
    ask(*postfix, '--domain', ALIAS)        # it does not concern the others

    # Anybody, patterns, and what cannot be listed.
    mta.configure(virtual_mailbox_maps='static:all')
    check(f'@{MAILBOX}' in addresses(ask(*postfix, '--domain', MAILBOX).stdout), 'anybody')
    mta.configure(virtual_mailbox_maps='')
    check(f'@{MAILBOX}' in addresses(ask(*postfix, '--domain', MAILBOX).stdout), 'no table is anybody')
    lab.write('catch', f'@{MAILBOX} ann@{DOMAIN}\n')
    mta.configure(virtual_alias_maps=f'texthash:{lab.path("catch")}', virtual_mailbox_maps='static:all')
    check(f'@{MAILBOX}' in addresses(ask(*postfix, '--domain', MAILBOX).stdout), 'a catch-all alias')
    lab.write('pattern', '/^x.*/ ann\n')
    table = f'regexp:{lab.path("pattern")}'
    mta.configure(virtual_alias_maps=f'hash:{lab.path("virtual")}, {table}')
    check(table in ask(*postfix, status=1).stderr, 'patterns cannot be listed')
    check(f'info@{ALIAS}' in addresses(ask(*postfix, '--domain', ALIAS, '--ignore', table).stdout), '--ignore')

    # --- users of the system ------------------------------------------------------------
    users = lab.write('passwd', PASSWD)
    plain = ('--source', 'passwd', '--passwd', users, '--domain', DOMAIN)
    same(addresses(ask(*plain).stdout), [f'{u}@{DOMAIN}' for u in ('ann', 'ben', 'postmaster')], 'passwd')
    same(addresses(ask(*plain, '--skip-disabled').stdout), [f'{u}@{DOMAIN}' for u in ('ann', 'postmaster')],
         'without those who cannot log in')
    check(f'www-data@{DOMAIN}' in ask(*plain, '--system-users').stdout, '--system-users')

    # --- Sendmail -----------------------------------------------------------------------
    mail = lab.mkdir('mail')
    for name, text in (('local-host-names', f'localhost\n{DOMAIN} # ours\n'),
                       ('aliases', 'postmaster: root\nsales: ann\n'),
                       ('virtusertable', f'info@{ALIAS}\tann\n@{ALIAS}\terror:nouser No such user\n'
                                         f'@{MAILBOX} ben\n')):
        with open(f'{mail}/{name}', 'w') as f:
            f.write(text)
    sendmail = ('--source', 'sendmail', '--mail-dir', mail, '--passwd', users)
    same(addresses(ask(*sendmail).stdout),
         sorted([f'{u}@{DOMAIN}' for u in ('ann', 'ben', 'sales', 'postmaster')] +
                [f'info@{ALIAS}', f'postmaster@{ALIAS}', f'@{MAILBOX}', f'postmaster@{MAILBOX}']), 'Sendmail')

    # --- a command, LDIF, Dovecot -----------------------------------------------------
    ldif = lab.write('people.ldif', f'# people\ndn: cn=ann\nmail: ann@{DOMAIN}\nmailAlternateAddress: a@{DOMAIN}\n\n'
                     f'dn: cn=ben\nproxyAddresses: SMTP:ben@{DOMAIN}\nmail: out@other.test\n')
    found = ask('--domain', DOMAIN, '--command', f'cat {ldif}')
    same(addresses(found.stdout), [f'{u}@{DOMAIN}' for u in ('a', 'ann', 'ben', 'postmaster')], 'LDIF')
    check('failed' in ask('--domain', DOMAIN, '--command', 'false', status=1).stderr, 'a command that fails')
    check('nobody' in ask('--domain', DOMAIN, '--command', 'true', status=1).stderr, 'an empty list')
    ask('--command', 'true', status=64)
    ask('--source', 'exchange', status=64)
    ask('--domain', 'a b', status=64)
    if shutil.which('doveadm'):
        people = lab.write('people', f'ann@{DOMAIN}:{{PLAIN}}x::::::\nben:{{PLAIN}}x::::::\n')
        conf = lab.write('dovecot.conf', f'userdb {{\n driver = passwd-file\n args = {people}\n}}\n'
                         f'passdb {{\n driver = passwd-file\n args = {people}\n}}\n'
                         f'base_dir = {lab.mkdir("dovecot")}\nlog_path = /dev/stderr\nssl = no\n')
        # Without a running Dovecot doveadm asks its own userdb driver.
        done = subprocess.run(['doveadm', '-c', conf, 'user', '*'], capture_output=True, text=True)
        if done.returncode == 0:
            same(addresses(ask('--source', 'dovecot', '--domain', DOMAIN, env={'DOVECOT_CONFIG': conf}).stdout),
                 [f'{u}@{DOMAIN}' for u in ('ann', 'ben', 'postmaster')], 'Dovecot')
        else:
            check('doveadm cannot list' in ask('--source', 'dovecot', '--domain', DOMAIN, status=1,
                                               env={'DOVECOT_CONFIG': conf}).stderr, 'Dovecot that is not there')

    # --- the backup reads it, and notices what is missing -------------------------------
    holdfast = lab.holdfast().domain(DOMAIN, 1)
    holdfast.cli('recipient', 'import', DOMAIN, '-', input=found.stdout)
    check('ben' in holdfast.cli('recipient', 'list', DOMAIN).stdout, 'imported')
    for cut in (len(found.stdout) - 8, len(found.stdout) - 20, 90):
        bad = holdfast.cli('recipient', 'import', DOMAIN, '-', '--force', input=found.stdout[:cut], check=False)
        check(bad.returncode == 65 and 'cut off' in bad.stderr, f'cut at {cut}: {bad.stderr}')
    check('ben' in holdfast.cli('recipient', 'list', DOMAIN).stdout, 'the list stays')
