# SPDX-License-Identifier: BSD-2-Clause
"""A primary comes back without its users: nothing bounces, it is held, and all arrives in the end."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

USERS = [f'user{i}' for i in range(30)]
NOBODY = b'550 5.1.1 User unknown in local recipient table\r\n'


def bring(holdfast, users):
    with smtp.Client(holdfast.lmtp_socket, 'LHLO client.example') as c:
        for user in users:
            c.command('MAIL FROM:<ann@sender.example>')
            c.command(f'RCPT TO:<{user}@example.test>')
            c.command('DATA')
            c.send(smtp.stuff(smtp.text(f'for {user}')))
            same(c.reply().code, 250, f'the message for {user}')


def state(holdfast):
    return holdfast.json('primary', 'list')[0]['state']


def until(holdfast, wanted, seconds=20):
    wait_until(lambda: state(holdfast) == wanted, seconds,
               lambda: f'the primary to be {wanted}: {holdfast.json("primary", "list")}')


def nothing_lost(holdfast, n):
    same(holdfast.held(), n, 'messages waiting')
    status = holdfast.cli('--json', 'status', check=False)
    same(holdfast.queue('--state', 'quarantined'), [], 'quarantined')
    log = holdfast.queued.log()
    check('status=bounced' not in log and 'quarantined;' not in log, 'nobody was given up')
    return status.returncode


@scenario(limit=90)
def guard(lab):
    primary = lab.fake_primary(script={'rcpt': NOBODY})
    holdfast = lab.holdfast().domain('example.test', primary.port, USERS)
    for name, value in (('canary', 3), ('canary_interval', 2)):
        holdfast.cli('rule', 'set', f'global.{name}', str(value))
    holdfast.start_queued()
    bring(holdfast, USERS)
    until(holdfast, 'down')
    primary.start()
    until(holdfast, 'held')
    same(nothing_lost(holdfast, len(USERS)), 75, 'exit status of `status\'')
    text = holdfast.cli('primary', 'list').stdout
    check('holdfast primary release' in text and 'refused a known recipient' in text, text)
    check('error: destination=' in holdfast.queued.log(), 'a loud line in the log')
    tried = primary.sessions
    check(tried <= 4, f'{tried} connections before it was held')

    # Killed and started again it is held as before, and goes on with one message at a time.
    since = holdfast.json('primary', 'list')[0]['since']
    holdfast.queued.kill()
    holdfast.start_queued()
    until(holdfast, 'held')
    same(holdfast.json('primary', 'list')[0]['since'], since, 'held since')
    rcpts = sum(c.startswith(b'RCPT') for c in primary.commands)
    wait_until(lambda: sum(c.startswith(b'RCPT') for c in primary.commands) >= rcpts + 2, 20,
               'two more canaries')
    named = {c for c in primary.commands if c.startswith(b'RCPT')}
    check(len(named) >= 3, f'each canary is another message: {named}')
    nothing_lost(holdfast, len(USERS))

    # Its users are back. Nobody says so.
    primary.script.clear()
    wait_until(lambda: holdfast.held() == 0, 20, lambda: f'the queue to drain: {holdfast.held()}')
    same(sorted(m.recipients[0] for m in primary.messages),
         sorted(f'{u}@example.test' for u in USERS), 'each delivered once')
    until(holdfast, 'up')
    same(holdfast.cli('status').returncode, 0, 'exit status of `status\'')
    outage = holdfast.json('primary', 'history', 'example.test')[0]
    check(outage['held'] and outage['drained'] and outage['delivered'] == len(USERS), outage)

    # Without an outage, too: known recipients refused in a row.
    primary.script['rcpt'] = NOBODY
    holdfast.cli('rule', 'set', 'global.canary_interval', '1h')
    bring(holdfast, USERS[:8])
    until(holdfast, 'held')
    nothing_lost(holdfast, 8)

    # Released too early it is held again; released in time all goes out.
    same(holdfast.cli('primary', 'release', 'elsewhere.test', check=False).returncode, 65,
         'exit status for a domain that is not served')
    holdfast.cli('primary', 'release', 'example.test')
    until(holdfast, 'held')
    nothing_lost(holdfast, 8)
    primary.script.clear()
    holdfast.cli('primary', 'release', f'127.0.0.1:{primary.port}')
    holdfast.cli('queue', 'retry', '--all')     # what was retried by schedule before it was held
    wait_until(lambda: holdfast.held() == 0, 20, lambda: f'the queue to drain: {holdfast.held()}')
    same(len(primary.messages), len(USERS) + 8, 'messages delivered')
    same(holdfast.cli('primary', 'release', 'example.test', check=False).returncode, 65,
         'exit status for one that is not held')
    lab.say(f'{tried} connections until it was held')
