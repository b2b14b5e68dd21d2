# SPDX-License-Identifier: BSD-2-Clause
"""A queue that the version before left, its log not brought home: all of it is delivered, byte for byte."""
import os
import shutil
import sqlite3
import time

from lib.lab import check, same, scenario
from lib.process import wait_until

CHUNK = 256 * 1024


def body(number, size):
    line = f'line of message {number} {"x" * 50}\r\n'
    return (f'Subject: {number}\r\n\r\n' + line * (size // len(line))).encode()


@scenario(limit=60)
def old_queue(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary'])
    db = holdfast.queue_db
    now = int(time.time())
    with open(os.path.join(lab.source, 'queued', 'schema.sql'), encoding='utf-8') as f:
        schema = f.read()

    made = lab.path('made.db')
    c = sqlite3.connect(made, isolation_level=None)
    c.execute('PRAGMA page_size = 8192')
    c.execute('PRAGMA auto_vacuum = INCREMENTAL')
    c.execute('PRAGMA journal_mode = WAL')
    c.execute('PRAGMA wal_autocheckpoint = 0')
    c.executescript('BEGIN;' + schema + 'PRAGMA application_id = 0x48464451;'
                    'PRAGMA user_version = 1; COMMIT')
    sent = [body(0, 2000), body(1, 700000), body(2, 10)]
    c.execute('BEGIN')
    for number, data in enumerate(sent):
        ident = ((now - 3600) * 1000 + number) << 10
        c.execute("INSERT INTO message (id, arrival, size, sender, body, ret, smtputf8, client_addr)"
                  " VALUES (?, ?, ?, 'ann@sender.example', 0, 0, 0, '192.0.2.1')",
                  (ident, now - 3600, len(data)))
        # The last one waits for a person.
        c.execute("INSERT INTO rcpt (id, domain, state, next_attempt, attempts, address)"
                  " VALUES (?, 'example.test', ?, ?, 3, 'joe@example.test')",
                  (ident << 10, 1 if number == 2 else 0, now - 10))
        for seq, at in enumerate(range(0, len(data), CHUNK)):
            c.execute('INSERT INTO chunk VALUES (?, ?)', (ident << 12 | seq, data[at:at + CHUNK]))
    c.execute("INSERT INTO ledger (message_id, queue_id, arrival, ended, disposition, sender,"
              " recipient) VALUES (1, 'before', ?, ?, 'delivered', 'a@b.test', 'joe@example.test')",
              (now, now))
    c.execute('UPDATE totals SET messages = 3, recipients = 3, held = 1, bytes = ?',
              (sum(map(len, sent)),))
    c.execute('COMMIT')
    for suffix in ('', '-wal'):     # as a kill leaves it
        shutil.copy(made + suffix, db + suffix)
        os.chmod(db + suffix, 0o600)
        os.chown(db + suffix, holdfast.uid(), -1)
    check(os.stat(db + '-wal').st_size > 700000, 'the messages are in the log alone')
    c.close()

    holdfast.start_queued()
    check('from version 1 to 2' in holdfast.queued.log(), 'the log says so')
    same(holdfast.count(), {'messages': 3, 'recipients': 3, 'bytes': sum(map(len, sent))}, 'count')
    same([m['arrival_time'] for m in holdfast.queue()], [now - 3600] * 3, 'arrival')
    same([m['recipients'][0]['attempts'] for m in holdfast.queue()], [3] * 3, 'attempts')
    primary.start()
    wait_until(lambda: len(primary.messages) == 2, 15, 'the two that are queued')
    holdfast.cli('queue', 'release', '--all', '--state', 'held')
    wait_until(lambda: len(primary.messages) == 3, 15, 'the held one, released')
    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
    got = sorted(primary.messages, key=lambda m: m.data.index(b'Subject: '))
    for data in sent:
        check(any(m.data.endswith(data) for m in got), 'a message is not as it was sent')
    holdfast.stop()
    with sqlite3.connect(db) as c:
        same(c.execute('SELECT count(*), sum(queue_id = ?) FROM ledger', ('before',)).fetchone(),
             (4, 1), 'rows of the ledger, and the one of before')
    c.close()
    lab.say('3 messages of version 1, one of 700 KB in the log alone: delivered')
