# SPDX-License-Identifier: BSD-2-Clause
"""A scanner is named by a name that nobody resolves: each message is deferred in time, however many there are."""
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

TIMEOUT = 2     # the rule's; the system's resolver tries for ten seconds and more
MANY = 24       # more than look-ups may be on their way
SILENT = 'clamd.scanners.example: the resolver does not answer'


def said(holdfast, send):
    before = len(holdfast.milter.log())
    same(send('one more')[0].code, 451, 'one more')
    return holdfast.milter.log()[before:]


@scenario(limit=90, network=True)
def scanner_name(lab):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(('127.0.0.1', 53))
    lab.at_end(silent.close)
    primary = lab.fake_primary().start()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe'])
    for name, value in (('virus.clamd', 'clamd.scanners.example:3310'), ('virus.timeout', f'{TIMEOUT}s'),
                        ('limits.mode', 'off')):
        holdfast.cli('rule', 'set', name, value)
    holdfast.start()
    mta = lab.mta(holdfast).start()

    def send(n):
        begun = time.monotonic()
        r = smtp.send(mta.port, 'ann@sender.example', ['joe@example.test'], smtp.text(str(n)))
        return r, time.monotonic() - begun

    with ThreadPoolExecutor(MANY) as pool:
        for n, (r, took) in enumerate(pool.map(send, range(MANY))):
            same(r.code, 451, f'message {n}: {r}')
            check(took < TIMEOUT + 3 * patience(), f'message {n} waited for {took:.1f} s')
    same(holdfast.milter.log().count('action=defer') >= MANY, True, 'a line for each')
    check(SILENT in holdfast.milter.log(), 'the log says why')

    # It says no at once: those that were on their way end, and others can begin.
    silent.close()
    wait_until(lambda: SILENT not in said(holdfast, send), 40, 'look-ups that nobody waits for to end')
    holdfast.rule('set', 'virus.clamd', '127.0.0.1:1')
    check('127.0.0.1:1: Connection refused' in said(holdfast, send), 'an address needs no resolver')
