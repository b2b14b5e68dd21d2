# SPDX-License-Identifier: BSD-2-Clause
"""holdfast setup on a Debian-like Postfix with its chroot: mail flows, twice is once, undo leaves no trace."""
import os
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.machine import STRANGER, Machine
from lib.process import run, wait_until

PLACES = ('/etc', '/var/spool/postfix', '/usr/lib/systemd')


def config(m):
    """What setup may change, as it is now."""
    seen = m.snapshot('/etc')
    return {path: what for path, what in seen.items() if not path.startswith('/etc/group-')
            and not path.startswith('/etc/gshadow-')}


def setup(m, *options, **how):
    return m.cli('setup', '--yes', '--domain', 'example.test', '--primary', f'127.0.0.1:{m.primary.port}',
                 '--recipients-file', m.list, *options, **how)


def diff(a, b):
    return [path for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]


def code(m, recipient, **how):
    return m.send(recipient, **how).code


@scenario(limit=180, network=True)
def setup_postfix(lab):
    m = Machine(lab)
    m.postfix()
    m.primary = lab.fake_primary(port=2525)
    m.list = lab.write('list', 'joe@example.test\nmary@example.test\n')
    before = config(m)

    # Looking changes nothing, whoever looks.
    done = m.cli('setup', '--dry-run', '--domain', 'example.test', '--primary', '127.0.0.1:2525')
    for words in ('+smtpd_milters = unix:holdfast/milter.sock', '+in_flow_delay = 0', 'everybody is put off (450)',
                  'nothing was changed'):
        check(words in done.stdout, f'the dry run says "{words}": {done.stdout}')
    same(config(m), before, 'the configuration after a dry run')
    check(not os.path.exists('/var/lib/holdfast'), 'a dry run makes no folder')
    run(['setpriv', '--reuid=nobody', '--clear-groups', f'{lab.build}/holdfast', 'setup', '--dry-run',
         '--domain', 'example.test', '--primary', 'h'])
    done = run(['setpriv', '--reuid=nobody', '--clear-groups', f'{lab.build}/holdfast', 'setup', '--yes',
                '--domain', 'example.test', '--primary', 'h'], check=False)
    same(done.returncode, 77, 'setup as nobody')
    m.cli('setup', '--domain', 'example.test', '--primary', 'h', status=64)     # nobody to ask

    # Set up, and mail flows through the chrooted daemons.
    setup(m)
    same(code(m, 'joe@example.test'), 250, f'a known recipient; {m.log()[-3000:]}')
    same(code(m, 'nobody@example.test'), 550, 'an unknown one')
    same(m.held(), 1, 'messages held')
    with smtp.Client(STRANGER) as c:       # a stranger: not in mynetworks
        c.command('MAIL FROM:<ann@sender.example>')
        check(c.command('RCPT TO:<joe@elsewhere.test>').code in (454, 554), 'strangers cannot relay')
        same(c.command('RCPT TO:<joe@example.test>').code, 250, 'a stranger to a known recipient')
        c.quit()
    m.primary.start()
    wait_until(lambda: len(m.primary.messages) == 1, 10, 'the message at the primary')

    # The way around the milter works through the chroot, too.
    m.stop_queued()
    same(code(m, 'joe@example.test'), 250, 'while queued is away')
    done = setup(m)
    check('holdfast-queued -c' in done.stdout and 'main.cf' not in done.stdout,
          f'setup starts what does not run, and only that: {done.stdout}')
    run(['postqueue', '-f'])
    wait_until(lambda: len(m.primary.messages) == 2, 30, lambda: f'the second message; {m.log()[-3000:]}')

    # Twice is once.
    now = config(m)
    done = setup(m)
    check('nothing to do' in done.stdout, f'a second run: {done.stdout}')
    check('nothing to do' in m.cli('setup', '--yes').stdout, 'also without naming the domain')
    same(config(m), now, 'the configuration after a second run')
    check(b'reload' not in b''.join(line.encode() for line in done.stdout.splitlines()), 'no reload')

    # A second domain needs nothing of Postfix.
    done = m.cli('setup', '--yes', '--domain', 'new.test', '--primary', '127.0.0.1:2525', '--recipients', 'any')
    check('main.cf' not in done.stdout and 'domain add new.test' in done.stdout, done.stdout)
    wait_until(lambda: code(m, 'anybody@new.test') == 250, 10, 'mail for the new domain')

    # Undo, newest first: the second changed no file, the first did.
    m.cli('queue', 'hold', '--all')
    m.primary.stop()
    same(code(m, 'mary@example.test'), 250, 'one more to stay in the queue')
    for _ in range(3):
        done = m.cli('setup', '--undo', '--yes', check=False)
        if done.returncode == 66:
            break
        same(done.returncode, 0, f'undo: {done.stdout}{done.stderr}')
    same(diff(config(m), before), [], 'what is different after undo')
    same(m.queued_pid(), 0, 'queued after undo')
    check(os.path.exists('/var/lib/holdfast/queue.db') and os.path.exists('/var/lib/holdfast/rules.db'),
          'queue and rules stay')
    check(code(m, 'joe@example.test', where=STRANGER) in (454, 554), 'Postfix no longer takes its mail')
    m.cli('setup', '--undo', '--yes', status=66)

    # And again: it is as before the undo, with what was held.
    setup(m)
    check(m.held() >= 1, 'what was held is there')

    # What somebody changed since is left alone, and told; the rest goes.
    run(['postconf', '-e', 'message_size_limit = 5000000'])
    done = m.cli('setup', '--undo', '--yes', status=65)
    check('main.cf was changed since' in done.stderr and 'remove   smtpd_milters' in done.stderr, done.stderr)
    check('message_size_limit = 5000000' in m.read('/etc/postfix/main.cf'), 'it is not overwritten')
    check(not os.path.exists('/etc/postfix/holdfast-domains.cf'), 'what is ours alone is gone')
