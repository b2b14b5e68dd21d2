# SPDX-License-Identifier: BSD-2-Clause
"""holdfast explain: what it says beforehand is what a real session is told, and nothing changes by it."""
import hashlib
import json
import os
import re

from lib import smtp
from lib.dns import Nsd
from lib.lab import check, same, scenario
from lib.process import run, wait_until

ZONES = {
    '2.0.192.in-addr.arpa': '25 PTR mail.example.org.\n26 PTR liar.example.org.\n27 PTR gone.example.org.\n'
                            '28 PTR liar.example.org.\n28 PTR second.example.org.\n',
    '8.b.d.0.1.0.0.2.ip6.arpa': '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR six.example.org.\n',
    'example.org': 'mail A 192.0.2.99\nmail A 192.0.2.25\nliar A 192.0.2.1\nsecond A 192.0.2.28\n'
                   'six AAAA 2001:db8::1\n',
    '100.51.198.in-addr.arpa': None,
    'pass.test': '@ TXT "v=spf1 ip4:192.0.2.25 -all"\n',
    'fail.test': '@ TXT "v=spf1 -all"\n',
    'soft.test': '@ TXT "v=spf1 ~all"\n',
    'neutral.test': '@ TXT "v=spf1 ?all"\n',
    'none.test': '@ TXT "hello"\n',
    'elsewhere.test': '@ MX 10 mail\nmail A 192.0.2.99\n',
    'broken.test': None,
}


def files(*folders):
    """Name, time and content of all that is there."""
    found = {}
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                full = os.path.join(path, name)
                with open(full, 'rb') as f:
                    found[full] = os.stat(full).st_mtime_ns, hashlib.sha256(f.read()).hexdigest()
    return found


# sender, HELO; the result of the sender and of HELO, and the code that comes of it
SPF = [
    ('a@pass.test', 'mail.example.org', 'pass', 'none', 250),
    ('a@fail.test', 'mail.example.org', 'fail', 'none', 550),
    ('a@soft.test', 'mail.example.org', 'softfail', 'none', 450),
    ('a@neutral.test', 'mail.example.org', 'neutral', 'none', 250),
    ('a@none.test', 'mail.example.org', 'none', 'none', 250),
    ('a@broken.test', 'mail.example.org', 'temperror', 'none', 250),
    ('a@neutral.test', 'fail.test', 'neutral', 'fail', 550),
    ('', 'pass.test', None, 'pass', 250),
    ('', 'fail.test', None, 'fail', 550),
]


def spf(holdfast, mta, verdict, ask):
    """What SPF finds is shown whatever comes of it, and a real session comes to the same."""
    for sender, helo, result, of_helo, code in SPF:
        who = {'sender': sender, 'helo': helo}
        _, v, rows = verdict(**who)
        row = next(r for r in rows if r['check'] == 'spf')
        found = row['spf']
        same((found.get('sender', {}).get('result'), found['helo']['result'], found['result'], v['code']),
             (result, of_helo, result or of_helo, code), f'{who}: {row}')
        if sender:
            same(found['sender']['domain'], sender.split('@')[1], f'{who}: whose policy')
        text = ask(**who).stdout
        words = f'sender {result} ({sender.split("@")[1]}' if sender else f'HELO {of_helo} ({helo})'
        check(words in re.search(r'^rcpt +spf .*', text, re.M)[0], f'{who}: {words}: {text}')
        with smtp.Client(mta.port) as c:
            c.command('XCLIENT NAME=mail.example.org ADDR=192.0.2.25')
            c.command(f'EHLO {helo}')
            c.command(f'MAIL FROM:<{sender}>')
            reply = c.command('RCPT TO:<joe@example.test>')
        same(reply.code, code, f'{who} in a real session: {reply}')
        if code != 250:
            real = re.sub(r'trace=\w+', 'trace=explain', reply.text)
            same(real.split('; from=')[0], f'{v["dsn"]} {v["text"]}', f'{who}: the reply')
            check('; from=' in reply.text or 'trace=' in reply.text, f'{who}: it is the milter that refuses: {reply}')
    # It cannot be evaluated: that is said, and is no pass.
    holdfast.cli('rule', 'set', 'spf.temperror', 'defer')
    done = ask('--name', 'mail.example.org', sender='a@pass.test',
               before=('env', 'ASAN_OPTIONS=detect_leaks=0', 'prlimit', '--nproc=0'))   # that needs a process, too
    same(done.returncode, 75, f'no process can be started: {done.stdout}{done.stderr}')
    check('SPF cannot be evaluated: ' in done.stderr and 'the SPF process was not started' in done.stdout, f'{done}')
    # Mail from this host is nobody's forgery, whatever the lists say; and whose rules leave SPF out does not
    # have it asked.
    holdfast.cli('rule', 'set', 'lists.mode', 'off')
    _, v, rows = verdict(sender='a@fail.test', client='127.0.0.1')
    same((v['code'], next(r for r in rows if r['check'] == 'spf')['spf']), (250, None), 'from this host')
    check('not asked: mail from this host' in ask(sender='a@fail.test', client='127.0.0.1').stdout, 'in words')
    holdfast.cli('rule', 'set', 'spf.mode', 'off')
    check('spf' not in next(r for r in verdict(sender='a@fail.test')[2] if r['check'] == 'spf'), 'off')


@scenario(limit=120)
def explain(lab):
    dns = Nsd(lab, ZONES).start()
    primary = lab.fake_primary()
    holdfast = lab.holdfast(resolver=dns.address, message_size_limit='20K')
    holdfast.domain('example.test', primary.port, ['joe'])
    holdfast.cli('rule', 'add', 'mx_network', '192.0.2.0/24')
    big = lab.write('big.eml', 'Subject: big\n\n' + ('x' * 70 + '\n') * 1000)
    small = lab.write('small.eml', 'Subject: small\n\nHello.\n')

    def ask(*more, client='192.0.2.25', to='joe@example.test', sender='ann@example.org',
            helo='mail.example.org', before=(), **options):
        return run([*before, f'{lab.build}/holdfast', '-c', holdfast.conf_path, 'explain', '--client', client,
                    '--helo', helo, '--from', sender, '--to', to, *more],
                   check=False, **options)

    def verdict(*more, **who):
        done = ask('--json', *more, **who)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        check(lines and lines[-1]['type'] == 'verdict', f'the last line is the verdict: {done}')
        return done.returncode, lines[-1], [j for j in lines if j['type'] == 'check']

    before = files(holdfast.dir)

    # --- who it is -------------------------------------------------------------------
    for client, name, how in (
            ('192.0.2.25', 'mail.example.org', 'by its PTR'),
            ('::ffff:192.0.2.25', 'mail.example.org', 'by its PTR'),
            ('192.0.2.26', '', 'no name: its PTR is liar.example.org, which has another address'),
            ('192.0.2.27', '', 'no name: its PTR is gone.example.org, which has another address'),
            ('192.0.2.28', 'second.example.org', 'by its PTR'),
            ('192.0.2.29', '', 'no name: no such name'),
            ('198.51.100.1', '', 'no name: '),
            ('2001:db8::1', 'six.example.org', 'by its PTR'),
            ('2001:db8::2', '', 'no name: no such name')):
        _, v, _ = verdict(client=client)
        same(v['name'], name, f'name of {client} ({v["name_how"]})')
        check(v['name_how'].startswith(how), f'{client}: {v["name_how"]}')
    same(verdict('--name', 'given.example')[1]['name'], 'given.example', 'a name that is given')

    # --- what comes of it, and the exit status ----------------------------------------------
    status, v, rows = verdict()
    same((status, v['action'], v['code'], v['content']), (0, 'accept', 250, False), 'a good one')
    row = next(r for r in rows if r['check'] == 'recipient')
    same([row[k] for k in ('stage', 'mode', 'state', 'action', 'cost', 'late')],
         ['rcpt', 'enforce', 'asked', 'pass', 'memory', False], 'a row')
    check(isinstance(row['us'], int) and 'score' in row, f'time and points: {row}')
    status, v, rows = verdict(to='jim@example.test')
    same((status, v['action'], v['code'], v['dsn'], v['by'], v['reason']),
         (65, 'reject', 550, '5.1.1', 'recipient', 'unknown recipient'), 'an unknown recipient')
    check(all(r['late'] for r in rows if r['check'] == 'size'), f'later ones are late: {rows}')
    status, v, _ = verdict(to='joe@elsewhere.test')
    same((status, v['action'], 'code' in v), (0, 'not-screened', False), 'not one of ours')
    status, v, _ = verdict(to='joe@broken.test')
    same((status, v['code'], v['dsn'], v['by']), (75, 451, '4.4.3', 'mx'), 'the DNS does not say whose it is')
    status, v, rows = verdict('--message', small)
    same((status, v['dsn'], v['content']), (0, '2.0.0', True), 'with a message')
    check(any(r['stage'] == 'eom' for r in rows), f'the checks of the content: {rows}')
    status, v, _ = verdict('--message', big)
    same((status, v['code'], v['by']), (65, 552, 'size'), 'a large message')
    same(ask('--message', '-', input='Subject: x\n\nx\n').returncode, 0, 'a message from standard input')
    holdfast.cli('rule', 'set', 'global.mode', 'shadow')
    status, v, _ = verdict(to='jim@example.test')
    same((status, v['code'], v['would'], v['would_by']), (0, 250, 'reject', 'recipient'), 'all in shadow mode')
    check('would be reject' in ask(to='jim@example.test').stdout, 'and in words')
    holdfast.cli('rule', 'unset', 'global.mode')

    # --- for people --------------------------------------------------------------------------
    text = ask(to='jim@example.test').stdout
    last = text.splitlines()[-1]
    same(last, 'verdict: 550 5.1.1 <jim@example.test>: Recipient address rejected: User unknown '
         '[trace=explain]', 'the last line')
    check(re.search(r'^STAGE +CHECK +MODE +RESULT +POINTS +COST +TIME +WHY$', text, re.M), text)
    check(re.search(r'^rcpt +recipient +enforce +reject +0 +memory +\d+ us +unknown recipient$', text, re.M),
          text)
    check('\033' not in text, 'no colours in a pipe')
    same(ask(to='joe@elsewhere.test').stdout.splitlines()[-1],
         'verdict: not screened here, the domain is not served by this host', 'a stranger')

    # --- wrong questions ---------------------------------------------------------------------------
    same(ask(client='mail.example.org').returncode, 64, 'a client that is no address')
    same(holdfast.cli('explain', '--client', '192.0.2.1', check=False).returncode, 64, 'half a question')
    same(ask('--message', lab.path('nowhere')).returncode, 66, 'a message that is not there')
    other = lab.write('other.conf', 'rules_db = /nowhere/rules.db\nmilter_user = daemon\n')
    same(ask('-c', other).returncode, 78, 'no rules')
    lab.write('other.conf', 'nonsense = 1\n')
    same(ask('-c', other).returncode, 78, 'a bad configuration')
    if lab.root:
        lab.write('other.conf', f'rules_db = {holdfast.rules_db}\nmilter_user = nosuchuser\n')
        done = ask('-c', other)
        same(done.returncode, 78, 'a user that is not there')
        check('nosuchuser' in done.stderr, done.stderr)

        # --- who may ask: all who may read rules.db -----------------------------------------------
        done = run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', f'{lab.build}/holdfast',
                    '-c', holdfast.conf_path, 'explain', '--client', '192.0.2.25', '--helo', 'x', '--from',
                    '', '--to', 'jim@example.test'], check=False)
        same(done.returncode, 65, f'an ordinary user: {done.stdout}{done.stderr}')
        os.chmod(holdfast.rules_db, 0o600)
        same(ask().returncode, 77, 'rules that the milter cannot read')
        os.chmod(holdfast.rules_db, 0o644)
    after = files(holdfast.dir)
    del before[holdfast.rules_db], after[holdfast.rules_db]     # global.mode was set
    same(sorted(after), sorted(before), 'the files that are there')
    same(after, before, 'what is in them')

    # --- and a real session says the same -----------------------------------------------------------
    holdfast.start()
    mta = lab.mta(holdfast).start()
    compared = 0
    for to, message in (('joe@example.test', small), ('jim@example.test', None), ('joe@example.test', big),
                        ('a..b@example.test', None)):
        _, v, _ = verdict(*(['--message', message] if message else []), to=to)
        with smtp.Client(mta.port) as c:
            c.command('XCLIENT NAME=mail.example.org ADDR=192.0.2.25')
            c.command('EHLO mail.example.org')
            c.command('MAIL FROM:<ann@example.org>')
            reply = c.command(f'RCPT TO:<{to}>')
            if reply.code == 250 and message:
                with open(message, 'rb') as f:
                    c.command('DATA')
                    c.send(smtp.stuff(f.read().replace(b'\n', b'\r\n')))
                    reply = c.reply()
        same(reply.code, v['code'], f'code for {to}: {reply}, explained as {v}')
        if v['code'] != 250 and 'trace=' in reply.text:
            compared += 1
            real = re.sub(r'trace=\w+', 'trace=explain', reply.text)
            same(real.split('; from=')[0], f'{v["dsn"]} {v["text"]}', f'reply for {to}')
    same(compared, 3, 'replies compared')
    same(len([l for l in holdfast.milter.log().splitlines() if 'trace=explain' in l]), 0,
         'lines of explain in the log')

    # --- SPF ------------------------------------------------------------------------------------------
    holdfast.cli('rule', 'set', 'spf.mode', 'enforce')
    holdfast.cli('rule', 'set', 'spf.softfail', 'defer')
    wait_until(lambda: holdfast.milter.log().count('new rules are in force') >= 1, 5, 'the new rules')
    spf(holdfast, mta, verdict, ask)
