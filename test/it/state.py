# SPDX-License-Identifier: BSD-2-Clause
"""What the milter remembers, in a file: no trouble with that file is trouble for mail, and the operator reads it."""
import glob
import hashlib
import json
import os
import sqlite3
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import run, wait_until


def answer(mta, addr, to='joe@example.test'):
    with smtp.stranger(mta.port, addr) as c:
        c.command('MAIL FROM:<ann@sender.example>')
        r = c.command(f'RCPT TO:<{to}>')
        c.quit()
        return r.code


def lock_out(mta, addr):
    """By guesses."""
    wait_until(lambda: answer(mta, addr, 'guess@example.test') == 450, 20, f'{addr} to be locked out')


def status(holdfast):
    return holdfast.json('status')[0]['milter']


def locked_out(holdfast):
    return {r['client'] for r in holdfast.json('limits', 'list') if r['kind'] == 'lockout'}


def fill(folder):
    """Until nothing more goes in there."""
    with open(f'{folder}/fill', 'wb', buffering=0) as f:
        try:
            while f.write(b'x' * 4096):
                pass
        except OSError:
            pass


def status_alone(holdfast):
    """holdfast status when queued does not run either: the milter's part is told all the same."""
    done = holdfast.cli('--json', 'status', check=False)
    same(done.returncode, 69, 'exit status without queued')
    return json.loads(done.stdout)['milter']


def damaged(path):
    return [p for p in glob.glob(f'{path}.damaged-*') if not p.endswith('-journal')]


def readable(holdfast):
    return holdfast.cli('limits', 'list', check=False).returncode == 0


def locked_out_by_key(path):
    """Texts are not known to the milter any more, so the rows of a new file are found by their keys."""
    with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as db:
        keys = {row[0] for row in db.execute('SELECT key FROM lockout')}
    db.close()
    return {a for a in (f'192.0.2.{i}' for i in range(10)) if hashlib.sha256(a.encode()).digest()[:16] in keys}


@scenario(limit=150, mounts=True)
def state(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe'])
    path = holdfast.conf['state_db']
    run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', holdfast.state_dir])
    lab.at_end(lambda: run(['umount', '-l', holdfast.state_dir]))
    holdfast.own()
    holdfast.cli('rule', 'add', 'limits', 'unknown', 'client', '2/10m', '--burst', '2', '--action', 'lockout')
    holdfast.cli('rule', 'add', 'limits', 'connections', 'client', 'none')

    # --- status ----------------------------------------------------------------------
    holdfast.start_queued()
    check(not status(holdfast)['running'] and 'does not exist' in status(holdfast)['error'], 'before the first start')
    check('milter        unknown' in holdfast.cli('status').stdout, 'the same for people')
    same(holdfast.cli('greylist', 'list', check=False).returncode, 69, 'greylist list before the first start')
    holdfast.start_milter()
    mta = lab.mta(holdfast, smtpd_error_sleep_time='0').start()
    wait_until(lambda: status(holdfast)['running'], 5, 'the milter in status')
    same((status(holdfast)['pid'], status(holdfast)['rules']), (holdfast.milter.pid, 'ok'), 'its pid and rules')
    check(f'pid {holdfast.milter.pid}' in holdfast.cli('status').stdout, 'the same for people')
    same(oct(os.stat(path).st_mode & 0o777), '0o600', 'the mode of the file')
    with sqlite3.connect(holdfast.rules_db) as db:
        db.execute('PRAGMA ignore_check_constraints = 1')
        db.execute("UPDATE domain SET primaries = 'host:99999'")
    db.close()
    wait_until(lambda: '99999' in status(holdfast)['rules'], 5, 'the bad row in status')
    with sqlite3.connect(holdfast.rules_db) as db:
        db.execute("UPDATE domain SET primaries = '127.0.0.1:%d'" % primary.port)
    db.close()
    wait_until(lambda: status(holdfast)['rules'] == 'ok', 5, 'the good row in status')
    first = status(holdfast)['updated']
    wait_until(lambda: status(holdfast)['updated'] > first, 10, 'its pulse')
    holdfast.stop()
    check(not status_alone(holdfast)['running'] and status_alone(holdfast)['stopped'] > 0, 'after its end')
    holdfast.start()
    wait_until(lambda: status(holdfast)['running'], 5, 'the milter in status again')

    # --- a full disk ---------------------------------------------------------------------
    fill(holdfast.state_dir)
    lock_out(mta, '192.0.2.1')
    wait_until(lambda: 'state.db: database or disk is full' in holdfast.milter.log(), 20, 'the log to tell')
    lock_out(mta, '192.0.2.2')
    time.sleep(2)
    same(holdfast.milter.log().count('is full'), 1, 'lines about it')
    check('192.0.2.1' not in locked_out(holdfast), 'there was really no room')
    os.unlink(f'{holdfast.state_dir}/fill')
    wait_until(lambda: {'192.0.2.1', '192.0.2.2'} <= locked_out(holdfast), 10, 'what waited to be written')
    check('is written again' in holdfast.milter.log(), 'the log tells that it is over')

    # --- damaged while it runs; and while it does not ---------------------------------------
    with open(path, 'r+b') as f:
        f.write(b'\x55' * 65536)
    lock_out(mta, '192.0.2.3')
    wait_until(lambda: damaged(path), 10, 'the damaged file to be set aside')
    wait_until(lambda: readable(holdfast) and {'192.0.2.1', '192.0.2.2', '192.0.2.3'} <= locked_out_by_key(path), 10,
               'all that was known to be in the new one')
    for old in glob.glob(f'{path}.damaged-*'):
        os.unlink(old)
    holdfast.milter.kill()
    with open(path, 'r+b') as f:
        f.truncate(5000)
    holdfast.start_milter()
    wait_until(lambda: len(damaged(path)) == 1, 10, 'the file that was cut off to be set aside')
    check(holdfast.milter.log().count('it is damaged') == 2, 'the log tells')
    same(answer(mta, '192.0.2.1'), 250, 'one who was locked out before')
    lock_out(mta, '192.0.2.4')
    wait_until(lambda: '192.0.2.4' in locked_out(holdfast), 10, 'the new file to be written')

    # --- no file at all -----------------------------------------------------------------------
    holdfast.milter.kill()
    os.rename(path, f'{path}.away')
    os.mkdir(path)
    holdfast.start_milter()
    lock_out(mta, '192.0.2.5')
    check('state.db: Is a directory' in holdfast.milter.log(), 'the log says why there is none')
    os.rmdir(path)
    os.rename(f'{path}.away', path)
    wait_until(lambda: {'192.0.2.4', '192.0.2.5'} <= locked_out(holdfast), 20, 'the file to be used when it is there')
    same(answer(mta, '192.0.2.5'), 450, 'one who is locked out')
