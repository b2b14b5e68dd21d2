# SPDX-License-Identifier: BSD-2-Clause
"""The operator's command: what it prints, as people and as programs read it."""
import json
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


@scenario(limit=60)
def cli(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary'])

    # --- recipients: three formats, line numbers, all or nothing ------------------
    holdfast.cli('recipient', 'import', 'example.test', '-',
                 input='# people\njoe@example.test\nmary@example.test OK\nbob@example.test,Bob,1\n')
    listed = holdfast.cli('recipient', 'list', 'example.test').stdout
    for name in ('joe', 'mary', 'bob'):
        check(name in listed, f'{name} is listed:\n{listed}')
    bad = holdfast.cli('recipient', 'import', 'example.test', '-', check=False,
                       input='joe@example.test\n@@\nx@elsewhere.test\n')
    check(bad.returncode == 65, f'exit status of a bad import: {bad.returncode}')
    check(':2:' in bad.stderr and ':3:' in bad.stderr, f'the line numbers are told: {bad.stderr}')
    same(holdfast.cli('recipient', 'list', 'example.test').stdout, listed, 'the list after it')
    holdfast.cli('recipient', 'remove', 'bob@example.test')
    check('bob' not in holdfast.cli('recipient', 'list', 'example.test').stdout, 'bob is gone')

    # --- domains -------------------------------------------------------------------
    check('example.test' in holdfast.cli('domain', 'list').stdout, 'domain list')
    shown = holdfast.json('domain', 'show', 'example.test')[0]
    same(shown['name'], 'example.test', 'domain show')
    check(holdfast.cli('domain', 'add', 'x.test', '--primary', 'nonsense:0', check=False).returncode in
          (64, 65), 'a bad primary is refused')
    unknown = holdfast.cli('domain', 'show', 'no-such.test', check=False)
    check(unknown.returncode != 0 and 'no-such.test' in unknown.stderr, 'an unknown domain is an error')

    # --- schedules, settings, lists --------------------------------------------------
    holdfast.cli('schedule', 'add', 'quick', '5s 10s*', '--lifetime', '1m', '--jitter', '0',
                 '--warn-after', '20s', '--at-end', 'hold')
    begin = time.time()
    events = holdfast.json('schedule', 'show', 'quick')
    same([(e['event'], e['after']) for e in events],
         [('attempt', 0), ('attempt', 5), ('attempt', 15), ('warning', 20), ('attempt', 25), ('attempt', 35),
          ('attempt', 45), ('attempt', 55), ('attempt', 60), ('end', 60)], 'schedule show --json')
    check(0 <= events[0]['time'] - int(begin) <= 10, f'from now on: {events[0]} at {begin}')
    check(all(e['time'] - e['after'] == events[0]['time'] for e in events), f'the times: {events}')
    same(events[-1]['action'], 'hold', 'what happens at the end')
    holdfast.cli('domain', 'set', 'example.test', '--schedule', 'quick', '--client', 'none',
                 '--concurrency', '7')
    used = holdfast.cli('schedule', 'remove', 'quick', check=False)
    check(used.returncode == 65 and 'example.test' in used.stderr, f'a schedule in use: {used.stderr}')
    shown = holdfast.json('domain', 'show', 'example.test')[0]
    same([shown[key] for key in ('schedule', 'client', 'concurrency', 'destination')],
         ['quick', 'none', 7, f'127.0.0.1:{primary.port};client=none'], 'domain show after set')
    holdfast.cli('domain', 'set', 'example.test', '--schedule', 'default', '--client', 'xforward')
    holdfast.cli('schedule', 'remove', 'quick')
    holdfast.cli('rule', 'set', 'global.concurrency', '5')
    holdfast.cli('rule', 'add', 'mx_network', '2001:DB8::/32', '--note', 'ours')
    rules = holdfast.json('rule', 'list')
    same([(r['value'], r['default']) for r in rules if r.get('name') == 'global.concurrency'],
         [('5', '20')], 'a setting')
    same([r for r in rules if r['kind'] == 'mx_network'],
         [{'kind': 'mx_network', 'network': '2001:db8::/32', 'note': 'ours'}], 'a network')
    same(holdfast.cli('rule', 'add', 'mx_network', '10.1.0.0/8', check=False).returncode, 65,
         'a network with bits behind its length')
    holdfast.cli('rule', 'remove', 'mx_network', '2001:db8::/32')
    holdfast.cli('rule', 'unset', 'global.concurrency')

    # --- without queued ---------------------------------------------------------------
    alone = holdfast.cli('queue', 'count', check=False)
    same(alone.returncode, 69, f'exit status while queued is down: {alone.stderr}')
    check(holdfast.conf['control_socket'] in alone.stderr, f'it names the socket: {alone.stderr}')

    # --- the queue -----------------------------------------------------------------------
    holdfast.start_queued()
    same(holdfast.count(), {'messages': 0, 'recipients': 0, 'bytes': 0}, 'count of an empty queue')
    messages = [smtp.text(f'message {i}', body='.dot\r\nbinary: \x7f\r\n') for i in range(3)]
    for i, message in enumerate(messages):
        smtp.lmtp(holdfast.lmtp_socket, f'ann{i}@sender.example',
                  ['joe@example.test', 'mary@example.test'][:1 + i % 2], message)
    same((holdfast.count()['messages'], holdfast.count()['recipients']), (3, 4), 'count')
    queue = holdfast.queue()
    for m in queue:
        for key in ('queue_id', 'arrival_time', 'message_size', 'sender', 'domain', 'state',
                    'next_attempt', 'recipients'):
            check(key in m, f'{key} in queue list --json: {m}')
        for r in m['recipients']:
            check({'address', 'reason'} <= set(r), f'address and reason: {r}')
    same([m['sender'] for m in queue], [f'ann{i}@sender.example' for i in range(3)], 'oldest first')
    ident = queue[0]['queue_id']
    text = holdfast.cli('queue', 'list').stdout
    check(ident in text and 'joe@example.test' in text, f'queue list:\n{text}')
    same(holdfast.json('queue', 'show', ident)[0]['queue_id'], ident, 'queue show')
    cat = holdfast.cli('queue', 'cat', ident).stdout
    check(messages[0].decode().replace('\r\n', '\n') in cat.replace('\r\n', '\n'), f'queue cat:\n{cat}')
    same(len(holdfast.queue('--domain', 'example.test')), 3, 'queue list --domain')

    holdfast.cli('queue', 'hold', ident)
    same({m['queue_id']: m['state'] for m in holdfast.queue()}[ident], 'held', 'state after hold')
    primary.start()
    wait_until(lambda: len(primary.messages) == 2, 10, 'the two that are not held')
    wait_until(lambda: [m['queue_id'] for m in holdfast.queue()] == [ident], 5, 'the held one stays')
    holdfast.cli('queue', 'release', ident)
    wait_until(lambda: holdfast.held() == 0, 10, 'the released one to go out')

    primary.stop()
    smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'], smtp.text('gone'))
    ident = holdfast.queue()[0]['queue_id']
    same(holdfast.cli('queue', 'show', 'NOSUCHID', check=False).returncode != 0, True, 'unknown id')
    holdfast.cli('queue', 'delete', ident)
    same(holdfast.held(), 0, 'messages after delete')

    # --- primaries, status, help --------------------------------------------------------
    smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'], smtp.text('probe'))
    where = f'127.0.0.1:{primary.port}'
    wait_until(lambda: holdfast.json('primary', 'list')[0]['state'] in ('down', 'probing'), 10,
               'the primary to be known as down')
    down = holdfast.json('primary', 'list')[0]
    for key in ('destination', 'state', 'since', 'messages', 'next_probe', 'concurrency'):
        check(key in down, f'{key} in primary list --json: {down}')
    check(where in down['destination'], f'the destination: {down}')
    same(down['messages'], 1, 'messages that wait for it')
    check(where in holdfast.cli('primary', 'list').stdout, 'primary list')
    status = json.loads(holdfast.cli('--json', 'status').stdout.splitlines()[0])
    same([status[key] for key in ('rules', 'store', 'messages', 'destinations', 'destinations_down')],
         ['ok', 'ok', 1, 1, 1], 'status --json')
    check(abs(status['oldest'] - time.time()) < 60, f'the age of the oldest: {status}')
    check('1 message, 1 recipient' in holdfast.cli('status').stdout, 'status')
    begin = len(primary.messages)
    primary.start()
    holdfast.cli('flush')
    wait_until(lambda: len(primary.messages) == begin + 1, 3, 'flush')
    for command in ([], ['domain'], ['domain', 'add'], ['recipient', 'import'], ['schedule'],
                    ['schedule', 'show'], ['rule'], ['rule', 'set'], ['queue'],
                    ['queue', 'list'], ['explain'], ['primary'], ['flush'], ['status'], ['init']):
        help_text = holdfast.cli(*command, '--help').stdout
        check('holdfast' in help_text and len(help_text.splitlines()) > 2, f'{command} --help')
    same(holdfast.cli('no-such-command', check=False).returncode, 64, 'an unknown command')
