# SPDX-License-Identifier: BSD-2-Clause
"""`holdfast queue … --offline': the queue's files, read while holdfast-queued is stopped."""
import os
import stat

from lib import smtp
from lib.lab import check, same, scenario


@scenario(limit=60)
def offline(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary'])

    # --- no queue yet: none is made -----------------------------------------------
    early = holdfast.cli('queue', 'count', '--offline', check=False)
    same(early.returncode, 66, f'exit status without a queue: {early.stderr}')
    check(holdfast.queue_db in early.stderr, f'the queue is named: {early.stderr}')
    check(not os.path.exists(holdfast.queue_db), 'a look makes no queue')

    # --- mail, and queued that dies ---------------------------------------------------
    holdfast.start_queued()
    messages = [smtp.text(f'message {i}', body='x' * 300000 * i + '\r\n.dot\r\n') for i in range(2)]
    for message in messages:
        smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test', 'mary@example.test'],
                  message)
    online = holdfast.queue()
    count = holdfast.count()
    same((count['messages'], count['recipients']), (2, 4), 'count')

    running = holdfast.cli('queue', 'count', '--offline', check=False)
    same(running.returncode, 69, f'exit status while queued runs: {running.stderr}')
    check('has it open' in running.stderr, f'it says why: {running.stderr}')
    same(holdfast.count(), count, 'queued goes on')
    holdfast.queued.kill()      # a log that nobody brought home

    # --- the same answers ---------------------------------------------------------------
    same(holdfast.json('queue', 'count', '--offline'), [count], 'count --offline')
    same(holdfast.json('--offline', 'queue', 'count'), [count], 'the option in front')
    text = holdfast.cli('queue', 'count', '--offline').stdout
    check(text.startswith('2 messages, 4 recipients'), f'for people: {text}')

    def settled(queue):         # what an attempt that was cut off may have changed
        return [(m['queue_id'], m['sender'], m['message_size'], m['arrival_time'],
                 [r['address'] for r in m['recipients']]) for m in queue]
    listed = holdfast.json('queue', 'list', '--offline')
    same(settled(listed), settled(online), 'list --offline')
    check(online[0]['queue_id'] in holdfast.cli('queue', 'list', '--offline').stdout, 'for people')
    same(len(holdfast.json('queue', 'list', 'elsewhere.test', '--offline')), 0, 'of another domain')
    ident = online[1]['queue_id']
    same(holdfast.json('queue', 'show', ident, '--offline')[0]['queue_id'], ident, 'show --offline')
    cat = holdfast.cli('queue', 'cat', ident, '--offline').stdout
    check(messages[1].decode().replace('\r\n', '\n') in cat.replace('\r\n', '\n'), 'cat --offline')
    unknown = holdfast.cli('queue', 'show', '05' + ident[2:], '--offline', check=False)
    check(unknown.returncode == 65 and 'no message' in unknown.stderr, f'unknown id: {unknown.stderr}')

    # --- it changes nothing ------------------------------------------------------------
    for command in (['queue', 'delete', ident], ['flush'], ['status'], ['domain', 'list']):
        refused = holdfast.cli(*command, '--offline', check=False)
        same(refused.returncode, 64, f'{command} --offline: {refused.stderr}')
    same(stat.S_IMODE(os.stat(holdfast.queue_db).st_mode), 0o600, 'the mode of queue.db')
    same(os.stat(holdfast.queue_db).st_uid, holdfast.uid(), 'its owner')
    os.chmod(holdfast.queue_db, 0o644)
    bad = holdfast.cli('queue', 'count', '--offline', check=False)
    check(bad.returncode == 69 and 'chmod 0600' in bad.stderr, f'as queued would refuse: {bad.stderr}')
    os.chmod(holdfast.queue_db, 0o600)

    holdfast.start_queued()
    same(holdfast.count(), count, 'queued has what it had')
