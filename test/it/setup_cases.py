# SPDX-License-Identifier: BSD-2-Clause
"""holdfast setup where not all is plain: conflicts, failures half-way, systemd, Postfix without SQLite."""
import os
import shutil
import signal
import subprocess

from lib.lab import check, same, scenario
from lib.machine import STRANGER, Machine
from lib.process import run, wait_until

SYSTEMCTL = '''#!/bin/sh
# As much of systemd as setup asks for: units are enabled, started and stopped.
echo "$*" >>/run/systemctl.log
verb=$1; shift
for unit; do
	case $unit in -*) continue ;; esac
	name=${unit%.service}
	case $verb in
	is-enabled) [ -e /run/enabled/$name ] || exit 1 ;;
	is-active) [ -e /run/active/$name ] || exit 3 ;;
	enable) : >/run/enabled/$name ;;
	disable) rm -f /run/enabled/$name ;;
	start|restart)
		[ -e /run/fail ] && { echo "Job for $unit failed." >&2; exit 1; }
		[ $verb = restart ] && $0 stop $unit
		drop=/etc/systemd/system/$unit.d/mta.conf
		groups=$(sed -n 's/^SupplementaryGroups=//p' $drop 2>/dev/null)
		user=${name%-queued}
		if [ "$groups" ]; then groups=--groups=$(getent group $groups | cut -d: -f3); fi
		setpriv --reuid=$user --regid=$user ${groups:---clear-groups} BUILD/$name -f \\
		    >>/run/$name.log 2>&1 </dev/null &
		echo $! >/run/active/$name ;;
	stop)
		[ -e /run/active/$name ] || continue
		read -r pid </run/active/$name
		rm -f /run/active/$name
		kill $pid && while grep -q '^State:.[^Z]' /proc/$pid/status 2>/dev/null; do sleep 0.1; done ;;
	esac
done
exit 0
'''


def setup(m, *options, **how):
    return m.cli('setup', '--yes', '--domain', 'example.test', '--primary', '127.0.0.1:2525', '--recipients', 'any',
                 *options, **how)


def config(m):
    return {p: w for p, w in m.snapshot('/etc').items() if not p.startswith(('/etc/group-', '/etc/gshadow-'))}


def diff(a, b):
    return [path for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]


def takes(m, recipient='anybody@example.test'):
    return m.send(recipient, where=STRANGER).code


def undo_all(m, before):
    done = m.cli('setup', '--undo', '--yes')
    while done.returncode == 0:
        done = m.cli('setup', '--undo', '--yes', check=False)
    same(done.returncode, 66, f'undo until nothing is left: {done.stdout}{done.stderr}')
    same(diff(config(m), before), [], 'what is different after undo')


def domains(m):
    return ' '.join(name for name, in m.rules('SELECT name FROM domain ORDER BY name'))


def refusals(m, before):
    """What setup will not touch, and says why; nothing is changed."""
    for settings, words in (
            (('mydestination = localhost, example.test',), "example.test is in Postfix's mydestination"),
            (('virtual_alias_maps = hash:/etc/postfix/virtual',), "virtual_alias_domains"),
            (('virtual_mailbox_domains = example.test',), "virtual_mailbox_domains"),
            (('mynetworks = 0.0.0.0/0',), 'open relay'),
            (('smtpd_relay_restrictions = permit',), 'open relay')):
        if 'hash:' in settings[0]:
            m.write('/etc/postfix/virtual', 'example.test anything\n')
            run(['postmap', '/etc/postfix/virtual'])
        for s in settings:
            run(['postconf', '-e', s])
        now = config(m)
        done = setup(m, status=78)
        check(words in done.stderr and 'nothing was changed' in done.stderr, f'{settings}: {done.stderr}')
        same(diff(config(m), now), [], f'what was changed in spite of {settings}')
        restore(m, before)
    for args, words in ((('--domain', 'a..test', '--primary', 'h'), 'not a domain name'),
                        (('--domain', 'a.test', '--primary', 'h:99999'), 'not a primary'),
                        (('--domain', 'a.test'), 'which is its primary'),
                        (('--domain', 'a.test', '--primary', 'h', '--recipients-file', '/nowhere'), '/nowhere'),
                        (('--domain', 'a.test', '--primary', 'h', '--recipients-file',
                          m.write(m.lab.path('bad'), 'joe@a.test\njoe@b.test\n')), ':2: ')):
        done = m.cli('setup', '--yes', *args, status=78)
        check(words in done.stderr, f'{args}: {done.stderr}')
    same(diff(config(m), before), [], 'what refused setups changed')

    # A main.cf behind a link belongs to somebody else's tool.
    shutil.move('/etc/postfix/main.cf', '/etc/postfix/main.cf.real')
    os.symlink('main.cf.real', '/etc/postfix/main.cf')
    done = setup(m, status=78)
    check('symbolic link' in done.stderr, done.stderr)
    os.unlink('/etc/postfix/main.cf')
    shutil.move('/etc/postfix/main.cf.real', '/etc/postfix/main.cf')
    same(diff(config(m), before), [], 'what was changed behind a link')


def restore(m, before):
    for path in diff(config(m), before):
        if path not in before:
            os.unlink(path)
        elif path == '/etc/postfix/main.cf':
            m.write(path, before[path][3].decode())


def failures(m, before):
    """What fails half-way is taken back, whatever it is."""
    # postfix check fails: queue_directory is no directory any more, when main.cf is in place.
    real = shutil.which('postfix')
    shutil.copy(real, '/usr/sbin/postfix.real')
    m.write(real, '#!/bin/sh\ncase "$*" in *check) echo "no good" >&2; exit 1;; esac\nexec /usr/sbin/postfix.real "$@"\n',
            0o755)
    done = setup(m, status=73)
    check('no good' in done.stderr and 'taken back' in done.stderr, done.stderr)
    same(diff(config(m), before), [], 'what a failed check left behind')
    same((m.queued_pid(), m.milter_pid()), (0, 0), 'the daemons after that')
    same(domains(m), '', 'the domain that was added is gone again')
    shutil.move('/usr/sbin/postfix.real', real)

    # A daemon does not start: its socket's place is taken.
    os.makedirs('/run/holdfast')
    os.makedirs('/run/holdfast/control.sock')
    done = setup(m, status=73)
    check('control.sock' in done.stderr, done.stderr)
    same(diff(config(m), before), [], 'what a daemon that did not start left behind')
    os.rmdir('/run/holdfast/control.sock')
    os.rmdir('/run/holdfast')

    # Killed in the middle: --undo puts it right.
    shutil.copy(real, '/usr/sbin/postfix.real')
    m.write(real, '#!/bin/sh\ncase "$*" in *check) echo $$ >/run/slow; exec sleep 30;; esac\n'
            'exec /usr/sbin/postfix.real "$@"\n', 0o755)
    child = subprocess.Popen([f'{m.build}/holdfast', 'setup', '--yes', '--domain', 'example.test', '--primary', 'h'],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists('/run/slow') and m.read('/run/slow').strip(), 30, 'it to be in the middle')
    child.kill()
    child.wait()
    os.kill(int(m.read('/run/slow')), signal.SIGKILL)
    shutil.move('/usr/sbin/postfix.real', real)
    check(diff(config(m), before), 'it was in the middle')
    undo_all(m, before)


def crowded(m, before):
    """An MTA that does more than this: what it does stays."""
    for s in ('smtpd_milters = inet:127.0.0.1:8891', 'milter_default_action = accept',
              'relay_domains = other.test', 'relay_transport = smtp:[127.0.0.1]:2626',
              'relay_recipient_maps = inline:{known@other.test=x}', 'message_size_limit = 0'):
        run(['postconf', '-e', s])
    run(['postfix', 'reload'])
    now = config(m)
    done = setup(m)
    text = m.read('/etc/postfix/main.cf')
    for words in ('inet:127.0.0.1:8891, { unix:holdfast/milter.sock, default_action=tempfail, protocol=6 }',
                  'milter_default_action = accept', 'relay_domains = other.test, proxy:sqlite:',
                  'relay_transport = smtp:[127.0.0.1]:2626', 'transport_maps = proxy:sqlite:',
                  'message_size_limit = 0'):
        check(words in text, f'{words}: {text}')
    wait_until(lambda: takes(m) == 250, 10, lambda: f'mail to be taken; {m.log()[-2000:]}')
    same(takes(m, 'nobody@other.test'), 550, 'the other domain keeps its own list')
    same(run(['postmap', '-q', 'example.test', 'sqlite:/etc/postfix/holdfast-transport.cf']).stdout.strip(),
         'lmtp:unix:holdfast/queued.sock', 'the transport of ours')
    check('nothing to do' in setup(m).stdout, 'a second run')
    undo_all(m, now)
    restore(m, before)
    run(['postfix', 'reload'])


def lists(m, before):
    """A Postfix that cannot read SQLite: lists, which setup writes anew."""
    shutil.move('/etc/postfix/dynamicmaps.cf', '/etc/postfix/dynamicmaps.off')
    now = config(m)
    setup(m)
    same(run(['postconf', '-h', 'relay_domains']).stdout.strip(), 'texthash:/etc/postfix/holdfast-domains', 'the list')
    wait_until(lambda: takes(m) == 250, 10, lambda: f'mail to be taken; {m.log()[-2000:]}')
    done = m.cli('setup', '--yes', '--domain', 'new.test', '--primary', '127.0.0.1:2525', '--recipients', 'any')
    check('holdfast-domains' in done.stdout and 'main.cf' not in done.stdout, done.stdout)
    wait_until(lambda: takes(m, 'a@new.test') == 250, 10, 'mail for the second domain')
    undo_all(m, now)
    shutil.move('/etc/postfix/dynamicmaps.off', '/etc/postfix/dynamicmaps.cf')
    same(domains(m), 'example.test new.test', 'the rules stay')
    m.rules("DELETE FROM domain WHERE name = 'new.test'")


def systemd(m, before):
    """With systemd in charge: drop-ins, enable, start; a unit that fails; undo."""
    os.makedirs('/run/systemd/system')
    for d in ('/run/enabled', '/run/active'):
        os.makedirs(d)
    m.write('/usr/bin/systemctl', SYSTEMCTL.replace('BUILD', m.build), 0o755)
    done = setup(m, status=78)
    check('there is no unit' in done.stderr, f'without units: {done.stderr}')
    for unit in ('holdfast-queued', 'holdfast-milter'):
        m.write(f'/etc/systemd/system/{unit}.service', '[Service]\n')
    now = config(m)
    open('/run/fail', 'w').close()
    done = setup(m, status=73)
    check('systemctl start' in done.stderr and 'taken back' in done.stderr, done.stderr)
    same(diff(config(m), now), [], 'what a unit that did not start left behind')
    same(os.listdir('/run/enabled'), [], 'enabled units')
    os.unlink('/run/fail')

    done = setup(m, '--no-start')
    check('to start: systemctl enable' in done.stdout, done.stdout)
    check('start holdfast' not in m.read('/run/systemctl.log').split('taken')[-1].splitlines()[-1], 'nothing is started')
    setup(m)
    for unit in ('holdfast-queued', 'holdfast-milter'):
        text = m.read(f'/etc/systemd/system/{unit}.service.d/mta.conf')
        for words in ('SupplementaryGroups=postfix', 'ReadWritePaths=/var/spool/postfix/holdfast'):
            check(words in text, text)
    log = m.read('/run/systemctl.log')
    check('daemon-reload' in log and 'enable holdfast-queued.service holdfast-milter.service' in log, log)
    check('holdfast-milter' not in run(['getent', 'group', 'postfix']).stdout, 'no lasting group with systemd')
    wait_until(lambda: takes(m) == 250, 10, lambda: f'mail to be taken; {m.log()[-2000:]}')
    same(m.json('doctor', 'units', 'milter-socket', 'lmtp-socket', check=False)[0]['status'], 'ok', 'units')
    check('nothing to do' in setup(m).stdout, 'a second run')
    run(['systemctl', 'disable', 'holdfast-milter.service'])
    v = m.json('doctor', 'units', check=False)[0]
    check(v['status'] == 'fail' and 'systemctl enable' in v['fix'], v)
    run(['sh', '-c', v['fix']])
    same(m.json('doctor', 'units')[0]['status'], 'ok', 'units')
    undo_all(m, now)
    same((os.listdir('/run/enabled'), os.listdir('/run/active')), ([], []), 'units after undo')
    same((m.queued_pid(), m.milter_pid()), (0, 0), 'daemons after undo')
    check(m.read('/run/systemctl.log').rstrip().endswith('daemon-reload'), 'systemd has read its units again')
    shutil.rmtree('/run/systemd')


@scenario(limit=300, network=True)
def setup_cases(lab):
    m = Machine(lab)
    m.postfix()
    before = config(m)
    refusals(m, before)
    failures(m, before)
    lab.fake_primary(port=2525).start()
    crowded(m, before)
    lists(m, before)
    systemd(m, before)
    # Its users are made by packages, not by setup.
    run(['userdel', 'holdfast-milter'])
    check('useradd --system' in setup(m, status=78).stderr, 'setup says how a user is made')
