# SPDX-License-Identifier: BSD-2-Clause
"""A queue that cannot be trusted: queued refuses to start and names the path; nothing is changed."""
import os
import shutil
import sqlite3
import subprocess

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until


def digest(folder):
    """What lies in the folder: name, kind, size, mode, owner and the start of each file."""
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        st = os.lstat(path)
        content = b''
        if os.path.isfile(path):
            with open(path, 'rb') as f:
                content = f.read()
        # SQLite's index of the log, made anew at each start, and a log without anything in it.
        if name.endswith('-shm') or name.endswith('-wal') and not content:
            continue
        found.append((name, st.st_mode, st.st_uid, len(content), hash(content)))
    return found


@scenario(limit=120)
def bad_store(lab):
    holdfast = lab.holdfast().domain('example.test', 25, ['joe'])
    db, wal = holdfast.queue_db, holdfast.queue_db + '-wal'
    holdfast.start_queued()
    for i in range(3):
        smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'],
                  smtp.text(f'number {i}', body=('x' * 70 + '\r\n') * 5000))
    same(holdfast.held(), 3, 'messages held')

    def refused(name, words=(), path=db):
        before = digest(holdfast.queue_dir)
        child = subprocess.run(holdfast.queued.command, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=20 * patience())
        check(child.returncode not in (0, -6, -11), f'{name}: exit status {child.returncode}')
        check(path in child.stderr, f'{name}: the path is not named: {child.stderr!r}')
        for word in words:
            check(word in child.stderr, f'{name}: {word!r} is not in {child.stderr!r}')
        if name != 'second instance':
            same(digest(holdfast.queue_dir), before, f'{name}: the files after the refusal')

    refused('second instance')
    same(holdfast.held(), 3, 'the first instance goes on')

    # The log of a running store, copied without its database.
    hot = lab.path('hot-wal')
    shutil.copy(wal, hot)
    holdfast.stop()
    good = lab.path('good')
    shutil.copytree(holdfast.queue_dir, good)

    def restore():
        for f in os.listdir(holdfast.queue_dir):
            path = os.path.join(holdfast.queue_dir, f)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        for f in os.listdir(good):
            shutil.copy(os.path.join(good, f), holdfast.queue_dir)
        for f in os.listdir(holdfast.queue_dir):
            path = os.path.join(holdfast.queue_dir, f)
            os.chown(path, holdfast.uid(), -1)
            os.chmod(path, 0o600)

    def change(sql, *values):
        with sqlite3.connect(db) as c:
            c.execute('PRAGMA journal_mode')
            c.execute(sql, values)
        c.close()
        for f in os.listdir(holdfast.queue_dir):
            os.chown(os.path.join(holdfast.queue_dir, f), holdfast.uid(), -1)

    size = os.stat(db).st_size
    os.truncate(db, size // 2)
    refused('truncated to the half')
    restore()
    os.truncate(db, 100)
    refused('truncated to its header')
    restore()
    os.truncate(db, 0)
    refused('truncated to nothing')
    restore()
    with open(db, 'r+b') as f:
        f.write(b'#!/bin/sh\n' * 100)
    refused('overwritten at the start')
    restore()
    change('PRAGMA user_version = 4711')
    refused('newer version', ['4711'])
    restore()
    change('DELETE FROM clock')
    refused('without its clock', ['clock'])
    restore()
    change('DROP TABLE outage')
    refused('without a table', ['outage'])
    restore()
    change('PRAGMA application_id = 1')
    refused("another program's database")
    restore()
    os.unlink(db)
    shutil.copy(hot, wal)
    os.chown(wal, holdfast.uid(), -1)
    refused('hot log without its database')
    restore()
    os.rename(db, lab.path('elsewhere.db'))
    os.symlink(lab.path('elsewhere.db'), db)
    refused('symbolic link')
    os.unlink(db)
    restore()
    os.unlink(db)
    os.mkdir(db)
    refused('folder in place of the file')
    restore()
    os.chmod(db, 0o666)
    refused('mode 0666')
    restore()
    if lab.root:
        os.chown(db, 0, -1)
        refused("root's file")
        restore()
    os.chmod(holdfast.queue_dir, 0o500)
    refused('folder without write permission')
    os.chmod(holdfast.queue_dir, 0o700)
    restore()

    # A row without its body: the other mail must go out, this one is kept and named.
    primary = lab.fake_primary().start()
    with sqlite3.connect(db) as c:
        victim = c.execute('SELECT min(id) FROM message').fetchone()[0]
    c.close()
    change('DELETE FROM chunk WHERE id >> 12 = ?', victim)
    holdfast.cli('domain', 'set', 'example.test', '--primary', f'127.0.0.1:{primary.port}')
    holdfast.start_queued()
    wait_until(lambda: len(primary.messages) == 2, 10, 'the two whole messages')
    same(holdfast.held(), 1, 'the one without a body is kept')
    check(holdfast.queue()[0]['queue_id'] in holdfast.queued.log(), 'it is named in the log')
    same(len(primary.messages), 2, 'messages at the primary')
    lab.say('14 kinds of damage refused, the files untouched')
