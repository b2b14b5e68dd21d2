# SPDX-License-Identifier: BSD-2-Clause
"""Rule changes count within a second; broken rules are refused whole and the old ones stay."""
import sqlite3
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until


def answer(mta, recipient):
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        code = c.command(f'RCPT TO:<{recipient}>').code
        c.quit()
        return code


def changes(mta, recipient, code):
    begin = time.monotonic()
    wait_until(lambda: answer(mta, recipient) == code, 3, f'{recipient} to be answered with {code}')
    took = time.monotonic() - begin
    check(took <= 1.0 * patience(), f'the change took {took:.2f} s')
    return took


@scenario(limit=60)
def rules_reload(lab):
    primary, second = lab.fake_primary().start(), lab.fake_primary().start()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe']).start()
    mta = lab.mta(holdfast, domains=('example.test', 'new.test')).start()

    same(answer(mta, 'mary@example.test'), 550, 'mary before she is added')
    holdfast.cli('recipient', 'add', 'mary@example.test')
    took = [changes(mta, 'mary@example.test', 250)]
    holdfast.cli('recipient', 'remove', 'mary@example.test')
    took.append(changes(mta, 'mary@example.test', 550))
    same(answer(mta, 'joe@example.test'), 250, 'joe, whom no change named')
    holdfast.cli('recipient', 'import', 'example.test', '-', input='joe@example.test\nbob@example.test\n')
    took.append(changes(mta, 'bob@example.test', 250))
    lab.say(f'changes counted after {", ".join(f"{t * 1000:.0f}" for t in took)} ms')

    # A route that changes applies to queued mail, too.
    primary.stop()
    smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text('moved'))
    same(holdfast.held(), 1, 'messages held')
    holdfast.cli('domain', 'set', 'example.test', '--primary', f'127.0.0.1:{second.port}')
    wait_until(lambda: len(second.messages) == 1, 10, 'the held message at the new primary')

    # A row that no command would write: refused whole, also what was right in it.
    with sqlite3.connect(holdfast.rules_db) as db:
        db.execute('PRAGMA ignore_check_constraints = 1')
        db.execute("INSERT INTO recipient (domain, local_part) VALUES ('example.test', 'late')")
        db.execute("UPDATE domain SET primaries = 'host:99999' WHERE name = 'example.test'")
    db.close()
    wait_until(lambda: all('99999' in d.log() for d in (holdfast.milter, holdfast.queued)), 5,
               'the reason in the logs of both daemons')
    same(answer(mta, 'late@example.test'), 550, 'a new recipient in broken rules')
    same(answer(mta, 'joe@example.test'), 250, 'the old rules')
    r = smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text('still'))
    same(r.code, 250, 'mail under the old rules')
    wait_until(lambda: len(second.messages) == 2, 10, 'delivery by the old rules')

    with sqlite3.connect(holdfast.rules_db) as db:
        db.execute("UPDATE domain SET primaries = '127.0.0.1:%d' WHERE name = 'example.test'"
                   % second.port)
    db.close()
    changes(mta, 'late@example.test', 250)
