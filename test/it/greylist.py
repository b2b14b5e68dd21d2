# SPDX-License-Identifier: BSD-2-Clause
"""The greylist with a real Postfix: first, too soon, again, too late; networks that are freed; after a kill -9."""
import sqlite3
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

DELAY = 3


def answer(mta, addr='192.0.2.1', to='joe@example.test', sender='ann@sender.example'):
    with smtp.stranger(mta.port, addr) as c:
        c.command(f'MAIL FROM:<{sender}>')
        r = c.command(f'RCPT TO:<{to}>')
        c.quit()
        return r


def passes(mta, **who):
    wait_until(lambda: answer(mta, **who).code == 250, DELAY + 10, f'{who} to pass')


def listed(holdfast):
    return {(r['network'], r['sender'], r['recipient']): r for r in holdfast.json('greylist', 'list')}


def age(holdfast, seconds):
    """So much time passes while the milter is stopped: all that it has written is older."""
    with sqlite3.connect(holdfast.conf['state_db']) as db:
        for table in ('greylist', 'greylist_network'):
            db.execute(f'UPDATE {table} SET since = since - ?1, until = until - ?1 * 1000000, '
                       'last = CASE last WHEN 0 THEN 0 ELSE last - ?1 END', (seconds,))
    db.close()


@scenario(limit=150)
def greylist(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'bob'])
    holdfast.domain('open.test', primary.port, ['joe'])
    for name, value in (('mode', 'enforce'), ('score', '0'), ('delay', f'{DELAY}s'), ('window', '60s'),
                        ('passes', '3')):
        holdfast.cli('rule', 'set', f'greylist.{name}', value)
    holdfast.cli('rule', 'set', 'greylist.mode', 'off', '--for', 'open.test')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')
    holdfast.start()
    mta = lab.mta(holdfast, domains=('example.test', 'open.test'), smtpd_error_sleep_time='0').start()

    # --- first, too soon, again -----------------------------------------------------
    begin = time.monotonic()
    r = answer(mta)
    same((r.code, r.dsn), (450, '4.7.1'), 'the first time')
    check(f'<joe@example.test>: Recipient address rejected: Greylisted, try again in {DELAY} seconds' in str(r),
          f'its words: {r}')
    r = answer(mta)
    if time.monotonic() - begin < DELAY - 1:
        same(r.code, 450, 'too soon')
        check('comes again too soon' in holdfast.milter.log(), 'the log says so')
    passes(mta)
    check(time.monotonic() - begin >= DELAY - 1, 'not before the delay is over')
    same([answer(mta).code for _ in range(2)], [250, 250], 'from then on')

    # --- what makes a triplet ----------------------------------------------------------
    holdfast.rule('set', 'greylist.passes', '0')
    same(answer(mta, addr='192.0.2.200').code, 250, 'another address of its network')
    same(answer(mta, sender='ANN@Sender.example', to='JOE@example.test').code, 250, 'in another case')
    same(answer(mta, addr='192.0.3.1').code, 450, 'another network')
    same(answer(mta, sender='').code, 450, 'the null sender')
    same(answer(mta, to='bob@example.test').code, 450, 'another recipient')
    same(answer(mta, addr='2001:db8:0:1::5').code, 450, 'IPv6')
    passes(mta, addr='2001:db8:0:1:ffff::6')
    same(answer(mta, addr='2001:db8:0:2::5').code, 450, 'another /64')

    # --- who is not greylisted -------------------------------------------------------------
    same(answer(mta, addr='192.0.9.1', to='nobody@example.test').code, 550, 'an unknown recipient')
    same(answer(mta, addr='192.0.9.1', to='joe@open.test').code, 250, 'a domain without')
    with smtp.Client(mta.port) as c:
        c.command('MAIL FROM:<new@sender.example>')
        same(c.command('RCPT TO:<joe@example.test>').code, 250, 'this host')
    holdfast.rule('add', 'list', 'allow', 'sender_domain', 'partner.example', '--checks', 'greylist')
    same(answer(mta, addr='192.0.9.2', sender='x@partner.example').code, 250, 'an exception')
    holdfast.rule('set', 'greylist.score', '3')
    same(answer(mta, addr='192.0.9.3').code, 250, 'one who is not suspicious')
    holdfast.rule('set', 'greylist.score', '0')

    # --- freed, and listed -------------------------------------------------------------------
    rows = listed(holdfast)
    wait_until(lambda: ('192.0.3.0/24', 'ann@sender.example', 'joe@example.test') in listed(holdfast), 5, 'the list')
    rows = listed(holdfast)
    same(rows[('192.0.3.0/24', 'ann@sender.example', 'joe@example.test')]['state'], 'waiting', 'who waits')
    same(rows[('192.0.2.0/24', 'ann@sender.example', 'joe@example.test')]['state'], 'passed', 'who has passed')
    check(rows[('192.0.2.0/24', '', '')]['passes'] >= 3, f'passes of the network: {rows}')
    check(('192.0.9.0/24', 'ann@sender.example', 'nobody@example.test') not in rows,
          'an unknown recipient leaves no trace')
    check('192.0.3.0/24' in holdfast.cli('greylist', 'list').stdout, 'the list for people')
    holdfast.rule('set', 'greylist.passes', '3')
    same(answer(mta, addr='192.0.2.9', sender='new@other.example').code, 250, 'a network that has passed often')
    same(next(r['state'] for r in holdfast.json('greylist', 'list') if r['kind'] == 'network' and
              r['network'] == '192.0.2.0/24'), 'free', 'its state')

    # --- after a kill -9 ------------------------------------------------------------------------
    wait_until(lambda: ('2001:db8:0:2::/64', 'ann@sender.example', 'joe@example.test') in listed(holdfast), 5,
               'the last one to be written')
    holdfast.milter.kill()
    holdfast.start_milter()
    same(answer(mta, addr='192.0.2.9', sender='newer@other.example').code, 250, 'the free network')
    passes(mta, addr='192.0.3.1')
    check(holdfast.milter.log().count('comes for the first time') < 20, 'nobody comes for the first time again')

    # --- shadow: nobody is put off, and who comes is learnt ------------------------------------------
    holdfast.rule('set', 'greylist.mode', 'shadow')
    same(answer(mta, addr='198.51.100.1').code, 250, 'in shadow mode')
    check('client=[198.51.100.1]' in holdfast.milter.log() and 'check=greylist action=shadow-defer' in
          holdfast.milter.log(), 'the log tells of it')
    time.sleep(DELAY)
    holdfast.rule('set', 'greylist.mode', 'enforce')
    same(answer(mta, addr='198.51.100.1').code, 250, 'who came in shadow mode')
    same(answer(mta, addr='198.51.101.1').code, 450, 'who did not')

    # --- too late ---------------------------------------------------------------------------------------
    same(answer(mta, addr='203.0.113.1').code, 450, 'a first time')
    holdfast.stop()
    age(holdfast, 100)
    holdfast.start()
    same(answer(mta, addr='203.0.113.1').code, 450, 'again when the window is over')
    same(answer(mta, addr='192.0.2.9', sender='last@other.example').code, 250, 'the free network 100 s later')
