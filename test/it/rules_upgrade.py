# SPDX-License-Identifier: BSD-2-Clause
"""A rules.db of an older version: the daemons say what to do, `holdfast init' does it, mail flows."""
import os
import sqlite3

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../unit')


def old_file(path, version):
    """rules.db as that version had it, with one domain."""
    with open(f'{UNIT}/rules_v{version}.sql', encoding='utf-8') as f:
        schema = f.read()
    if os.path.exists(path):
        os.unlink(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(schema)
    db.execute("INSERT INTO domain (name, primaries) VALUES ('example.test', '127.0.0.1:1')")
    db.execute("INSERT INTO recipient VALUES ('example.test', 'joe')")
    db.execute("INSERT INTO setting VALUES ('concurrency', '7')")
    db.close()
    os.chmod(path, 0o644)


def answer(mta, recipient):
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        code = c.command(f'RCPT TO:<{recipient}>').code
        c.quit()
        return code


@scenario(limit=60)
def rules_upgrade(lab):
    primary = lab.fake_primary().start()
    holdfast = lab.holdfast()
    old_file(holdfast.rules_db, 1)
    for daemon in (holdfast.queued, holdfast.milter):
        daemon.start()
        wait_until(lambda: not daemon.alive(), 10, f'{daemon.name} to refuse the old file')
        check("`holdfast init' upgrades it" in daemon.log(), f'the reason:\n{daemon.log()}')
    same(holdfast.cli('domain', 'list', check=False).returncode, 78, 'a command that only reads')

    told = holdfast.cli('init').stderr
    check('upgraded' in told and f'{holdfast.rules_db}.v1' in told, f'what init says: {told}')
    holdfast.cli('domain', 'set', 'example.test', '--primary', f'127.0.0.1:{primary.port}',
                 '--client', 'none')
    holdfast.start()
    mta = lab.mta(holdfast, domains=('example.test',)).start()
    same(answer(mta, 'joe@example.test'), 250, 'a recipient of the old file')
    same(answer(mta, 'mary@example.test'), 550, 'one who is not in it')
    smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text('upgraded'))
    wait_until(lambda: len(primary.messages) == 1, 10, 'delivery under the upgraded rules')

    # An old file put under running daemons is refused; upgraded by any command that
    # changes the rules, it counts.
    keep = f'{holdfast.rules_db}.keep'
    os.rename(holdfast.rules_db, keep)
    old_file(holdfast.rules_db, 2)
    wait_until(lambda: all('schema 2' in d.log() for d in (holdfast.milter, holdfast.queued)), 5,
               'both daemons to say that the file is old')
    same(answer(mta, 'joe@example.test'), 250, 'the rules before that stay')
    told = holdfast.cli('recipient', 'add', 'mary@example.test').stderr
    check('upgraded' in told, f'what the command says: {told}')
    wait_until(lambda: answer(mta, 'mary@example.test') == 250, 5, 'the upgraded file to count')
    same([r['value'] for r in holdfast.json('rule', 'list', 'global') if r['name'] == 'global.concurrency'],
         ['7'], 'a setting of the old file')
