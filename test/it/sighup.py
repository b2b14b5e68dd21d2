# SPDX-License-Identifier: BSD-2-Clause
"""SIGHUP takes the new configuration without losing a session or a message."""
import os
import signal
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


@scenario(limit=60)
def sighup(lab):
    holdfast = lab.holdfast(message_size_limit='1M').domain('example.test', 25, ['joe']).start()
    mta = lab.mta(holdfast).start()
    big = smtp.text('big', body=('x' * 70 + '\r\n') * 30000)

    def answer():
        return smtp.lmtp(holdfast.lmtp_socket, 'a@sender.example', ['joe@example.test'], big)[0].code

    same(answer(), 552, 'over the old limit')
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO x') as open_session:
        open_session.command('MAIL FROM:<a@sender.example>')
        holdfast.write_conf(message_size_limit='10M', hostname='renamed.test')
        holdfast.reload()
        wait_until(lambda: answer() == 250, 5, 'the new limit')
        same(open_session.command('RCPT TO:<joe@example.test>').code, 250, 'the open session goes on')
        same(open_session.command('DATA').code, 354, 'DATA')
        open_session.send(smtp.stuff(smtp.text('through the reload')))
        same(open_session.reply().code, 250, 'its message')
    with smtp.Client(holdfast.lmtp_socket, hello=None) as c:
        check('renamed.test' in str(c.banner), f'the new name in the greeting: {c.banner}')
    same(smtp.send(mta.port, 'a@sender.example', ['joe@example.test'], smtp.text('mta')).code, 250,
         'mail through Postfix')
    same(holdfast.held(), 3, 'messages held')
    for process in (holdfast.queued, holdfast.milter):
        check(process.alive(), f'{process.name} lives')

    # A SIGHUP as soon as the milter can be seen: libmilter itself would take it for "stop".
    socket = holdfast.milter_socket
    for _ in range(20):
        holdfast.milter.stop()
        holdfast.milter.start()
        deadline = time.monotonic() + 10
        while not os.path.exists(socket) and time.monotonic() < deadline:
            pass
        before = holdfast.milter.log().count('configuration reloaded')
        holdfast.milter.signal(signal.SIGHUP)
        wait_until(lambda: holdfast.milter.log().count('configuration reloaded') > before, 10,
                   f'the milter to reload; {holdfast.milter.log()[-300:]}')
        check(holdfast.milter.alive(), 'the milter lives')
