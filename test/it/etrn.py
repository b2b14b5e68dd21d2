# SPDX-License-Identifier: BSD-2-Clause
"""ETRN: real counts, who may ask, how often; bad input on its port; fetchmail asks as well."""
import time

from lib import smtp, turn
from lib.lab import check, same, scenario
from lib.process import wait_until


def ask(client, argument, code, words=''):
    r = client.command(f'ETRN {argument}')
    same(r.code, code, f'ETRN {argument}: {r}')
    check(words in r.text, f'"{words}" in {r}')


def bad_input(lab, port):
    """Rows of commands that end the session, and rows that do not."""
    for line in (b'NOOP\nNOOP\r\n', b'NO\rOP\r\n', b'NO\0OP\r\n', b'GET / HTTP/1.1\r\nHost: x\r\n'):
        with smtp.Client(port, timeout=10) as c:
            same(turn.refused(c, line), (554, True), f'{line!r}')
    with smtp.Client(port, timeout=10) as c:
        for line, code in ((b'x' * 2049, 500), (b'FROB', 500), (b'ETRN', 501), (b'ETRN a..test', 501),
                           (b'ETRN <a.test>', 501), (b"ETRN '); DROP TABLE q;--", 501),
                           (b'ETRN ' + b'a' * 300, 501), (b'ETRN \xff\xfe', 501), (b'ETRN #all', 458),
                           (b'MAIL FROM:<a@a.test>', 502), (b'DATA', 502), (b'AUTH PLAIN AAAA', 502),
                           (b'ATRN a.test', 502), (b'STARTTLS', 502)):
            same(c.command(line).code, code, f'{line[:40]!r}')
        same(c.command('QUIT').code, 221, 'QUIT')
    many = [smtp.Client(port, timeout=10) for _ in range(10)]
    with smtp.Client(port, hello=None, timeout=10) as c:
        same(c.banner.code, 421, 'one session too many of one client')
    for c in many:
        c.quit()


@scenario(limit=90)
def etrn(lab):
    holdfast = lab.holdfast()
    port = turn.listen(lab, holdfast, tls=False)
    first, second = lab.fake_primary(), lab.fake_primary()
    holdfast.domain('a.test', first.port, (), '--recipients', 'any')
    holdfast.domain('sub.a.test', second.port, (), '--recipients', 'any')
    holdfast.domain('none.test', first.port, (), '--recipients', 'any')
    holdfast.domain('far.test', 'turn', (), '--recipients', 'any')
    # Nothing but ETRN makes these primaries be tried again within this scenario.
    turn.rules(holdfast, turn.setting('probe_interval', '60s'), turn.setting('turn_delay', '0'),
               turn.setting('turn_rate', '1000'),
               "INSERT INTO turn_network (network) VALUES ('127.0.0.0/8')")
    holdfast.start_queued()
    for domain, messages in (('a.test', 3), ('sub.a.test', 2), ('far.test', 1)):
        turn.fill(holdfast, domain, messages)
    wait_until(lambda: holdfast.queued.log().count('state=down') >= 2, 10, 'both to be found down')

    with smtp.Client(port) as c:
        check('ETRN' in c.hello.lines[-1] and 'STARTTLS' not in c.hello.text, c.hello)
        ask(c, 'none.test', 251, 'no messages waiting for node none.test')
        ask(c, 'a.test', 253, '3 pending messages for node a.test')
        ask(c, '@a.test', 252, 'pending messages for node @a.test')
        ask(c, 'far.test', 458, 'ATRN')
        ask(c, 'other.test', 459, 'not served here')
        first.start()
        ask(c, 'A.TEST', 253, '3 pending messages for node a.test')
        wait_until(lambda: len(first.messages) == 3, 5, 'ETRN to bring the mail of a.test')
        wait_until(lambda: holdfast.held() == 3, 5, 'the queue to know')
        same(len(second.messages), 0, 'messages for the other primary')
        ask(c, 'a.test', 251)
        c.quit()

    second.start()
    status, said = turn.fetchmail(lab, '-p', 'ETRN', '--port', str(port), '--fetchdomains', 'sub.a.test',
                                  '127.0.0.1')
    same(status, 0, said)
    check('253 2.0.0 OK, 2 pending messages for node sub.a.test' in said, said)
    wait_until(lambda: len(second.messages) == 2, 5, "fetchmail's ETRN to bring the mail of sub.a.test")
    wait_until(lambda: holdfast.held() == 1, 5, 'the queue to know')
    status, said = turn.fetchmail(lab, '-p', 'ETRN', '--port', str(port), '--fetchdomains', 'sub.a.test',
                                  '127.0.0.1')
    same(status, 0, said)
    check('No messages waiting for sub.a.test' in said, said)

    bad_input(lab, port)

    # Not from everywhere; a change of the rules holds within a second.
    turn.rules(holdfast, "UPDATE turn_network SET network = '192.0.2.0/24'")
    with smtp.Client(port) as c:
        wait_until(lambda: c.command('ETRN none.test').code == 459, 3, 'the new network to hold')
        ask(c, 'other.test', 459, 'your address')

    # Not too often, and not at once.
    turn.rules(holdfast, "UPDATE turn_network SET network = '127.0.0.1'")
    with smtp.Client(port) as c:
        wait_until(lambda: c.command('ETRN none.test').code == 251, 3, 'the old network to hold')
        turn.rules(holdfast, turn.setting('turn_rate', '1'), turn.setting('turn_delay', '1s'))
        wait_until(lambda: c.command('ETRN none.test').code == 458, 5, 'the limit to hold')
        begin = time.monotonic()
        ask(c, 'none.test', 458, 'too many requests')
        check(time.monotonic() - begin >= 0.9, 'the answer to take its time')

    log = holdfast.queued.log()
    for words in ('request="etrn=a.test", reply="253 2.0.0 OK, 3 pending messages for node a.test started"',
                  'client=127.0.0.1', 'reply="459 4.7.1', 'reply="458 4.3.0'):
        check(words in log, f'{words} in the log')
    same(len(first.messages) + len(second.messages), 5, 'messages in all')
