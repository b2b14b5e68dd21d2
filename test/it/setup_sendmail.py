# SPDX-License-Identifier: BSD-2-Clause
"""holdfast setup on Debian's Sendmail: mail flows, also what Sendmail kept; twice is once; undo."""

from lib import sendmail_setup as sendmail
from lib import smtp
from lib.lab import check, same, scenario
from lib.machine import STRANGER, Machine
from lib.process import run, wait_until

sendmail.fetch()


def setup(m, *options, **how):
    done = m.cli('setup', '--yes', '--domain', 'example.test', '--primary', f'127.0.0.1:{m.primary.port}',
                 '--recipients-file', m.list, *options, **how)
    wait_until(m.greets, 30, lambda: f'Sendmail to greet again; {m.log()[-2000:]}')
    return done


def code(m, recipient, **how):
    return m.send(recipient, **how).code


def config(m):
    seen = m.snapshot('/etc')
    return {path: what for path, what in seen.items()
            if not path.startswith(('/etc/group-', '/etc/gshadow-', '/etc/mail/aliases.db'))}


def diff(a, b):
    return [path for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]


@scenario(limit=240, network=True)
def setup_sendmail(lab):
    m = Machine(lab)
    sendmail.install(m)
    sendmail.start(m)
    m.primary = lab.fake_primary(port=2525)
    m.list = lab.write('list', 'joe@example.test\n')
    before = config(m)

    done = m.cli('setup', '--dry-run', '--domain', 'example.test', '--primary', '127.0.0.1:2525')
    check("+include(`/etc/mail/holdfast.m4')dnl" in done.stdout, done.stdout)
    same(diff(config(m), before), [], 'what a dry run changed')

    setup(m)
    same(code(m, 'joe@example.test'), 250, f'a known recipient; {m.log()[-3000:]}')
    same(code(m, 'nobody@example.test'), 550, 'an unknown one')
    same(m.held(), 1, 'messages held')
    same(sendmail.queued(), 0, 'messages that Sendmail kept')
    check(code(m, 'joe@elsewhere.test', where=STRANGER) in (450, 550), 'strangers cannot relay')
    same(code(m, 'joe@example.test', where=STRANGER), 250, 'a stranger to a known recipient')
    ours = ('daemons', 'milter-socket', 'lmtp-socket', 'milters', 'relay-domains', 'own-domains', 'relay')
    verdicts = m.json('doctor', *ours)
    same([(v['check'], v['status']) for v in verdicts], [(name, 'ok') for name in ours], f'doctor: {verdicts}')
    m.primary.start()
    wait_until(lambda: len(m.primary.messages) == 2, 10, 'two messages at the primary')

    same(m.json('drill', '--hold', '1s')[-1]['result'], 'delivered', 'a drill')
    m.primary.messages.pop()

    # queued is away: Sendmail keeps the mail and brings it by its LMTP mailer.
    m.stop_queued()
    same(code(m, 'joe@example.test'), 250, 'while queued is away')
    same(sendmail.queued(), 1, 'messages that Sendmail kept')
    done = setup(m)
    check('sendmail' not in done.stdout, f'setup starts what does not run, and only that: {done.stdout}')
    wait_until(lambda: len(m.primary.messages) == 3, 60, lambda: f'the third message; {m.log()[-3000:]}')
    same(sendmail.queued(), 0, 'messages that Sendmail kept')
    expected = smtp.text('test', to='joe@example.test')
    check(m.primary.messages[2].data.endswith(expected),
          lambda: f'the message is as it was sent: {m.primary.messages[2].data!r}')

    # The milter is away: nothing passes unscreened.
    m.stop_milter()
    check(code(m, 'joe@example.test') // 100 == 4, 'a temporary error without the milter')
    setup(m)
    wait_until(lambda: code(m, 'joe@example.test') == 250, 20, 'mail with the milter back')

    now = config(m)
    check('nothing to do' in setup(m).stdout, 'a second run does nothing')
    same(diff(config(m), now), [], 'what a second run changed')

    # Another domain: one line, and Sendmail reads it.
    done = m.cli('setup', '--yes', '--domain', 'new.test', '--primary', '127.0.0.1:2525', '--recipients', 'any')
    check('sendmail.cf' not in done.stdout, f'sendmail.cf is left as it is: {done.stdout}')
    wait_until(m.greets, 30, 'Sendmail to greet again')
    wait_until(lambda: code(m, 'anybody@new.test', where=STRANGER) == 250, 10, 'mail for the new domain')

    # A domain of this host's own is refused.
    with open('/etc/mail/local-host-names', 'a') as f:
        f.write('mine.test\n')
    done = m.cli('setup', '--yes', '--domain', 'mine.test', '--primary', 'h', status=78)
    check('local-host-names' in done.stderr, done.stderr)
    with open('/etc/mail/local-host-names', 'a') as f:
        f.write('example.test\n')
    check('example.test' in m.json('doctor', 'own-domains', check=False)[0]['text'], 'doctor sees it, too')
    m.write('/etc/mail/holdfast-domains', 'example.test\n')
    check('new.test' in m.json('doctor', 'relay-domains', check=False)[0]['text'], 'what Sendmail does not relay')
    m.write('/etc/mail/holdfast-domains', 'example.test\nnew.test\n')
    m.write('/etc/mail/sendmail.cf', now['/etc/mail/sendmail.cf'][3].decode().replace('F=T', 'F=R'))
    check('F=T' in m.json('doctor', 'milters', check=False)[0]['text'], 'a filter that lets mail pass')
    open_mc = now['/etc/mail/sendmail.mc'][3].decode().replace(
        'MAILER_DEFINITIONS\n', "FEATURE(`promiscuous_relay')dnl\nMAILER_DEFINITIONS\n", 1)
    m.write('/etc/mail/sendmail.cf', run(['m4', m.write(lab.path('open.mc'), open_mc)]).stdout)
    check('OPEN RELAY' in m.json('doctor', 'relay', check=False)[0]['text'], 'an open relay')
    m.write('/etc/mail/sendmail.cf', now['/etc/mail/sendmail.cf'][3].decode())
    m.write('/etc/mail/local-host-names', before['/etc/mail/local-host-names'][3].decode())

    while m.cli('setup', '--undo', '--yes', check=False).returncode == 0:
        pass
    wait_until(m.greets, 30, 'Sendmail to greet again')
    same(diff(config(m), before), [], 'what is different after undo')
    check(code(m, 'joe@example.test', where=STRANGER) in (450, 550), 'Sendmail no longer takes its mail')
    same((m.queued_pid(), m.milter_pid()), (0, 0), 'daemons after undo')
    run(['sh', '-c', 'm4 /etc/mail/sendmail.mc >/dev/null'])
