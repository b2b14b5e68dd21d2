# SPDX-License-Identifier: BSD-2-Clause
"""ATRN: a primary that nobody can reach fetches its mail, with fetchmail and by hand."""
import collections
import os
import re
import signal
import threading

from lib import smtp, turn
from lib.lab import check, same, scenario
from lib.primary import CLOSE, HANG
from lib.process import free_port, wait_until

MAN = 'packaging/man/holdfast-queued.8'


def odmr(lab, port, sink, domains, secret):
    """fetchmail's ODMR has no STARTTLS, and its own TLS stalls: openssl does it (holdfast-queued(8))."""
    plugin = f'openssl s_client -quiet -verify_return_error -CAfile {lab.path("turn.crt")} -connect %h:%p'
    return turn.fetchmail(lab, rc=f'''poll localhost proto ODMR service {port} plugin "{plugin}"
        user ann password "{secret}" sslproto '' fetchdomains {domains} smtphost localhost/{sink}\n''')


def once(messages, expected, what):
    """Each subject exactly once."""
    seen = collections.Counter(re.search(rb'Subject: (.*?)\r\n', m.data).group(1).decode() for m in messages)
    same(sorted(seen.elements()), sorted(expected), what)


def names(domain, n):
    return [f'{domain} number {i}' for i in range(n)]


def who_may_not(lab, holdfast, port):
    with turn.TurnClient(lab, port, tls=False) as c:
        same(c.cram('ann', 'correct-horse').code, 530, 'AUTH without TLS')
        same(c.command('ATRN').code, 530, 'ATRN without AUTH')
        c.send(b'STARTTLS\r\nETRN a.test\r\n')
        same(c.reply().code, 503, 'plaintext behind STARTTLS')
        check(c.closed(), 'the end of that session')
    status, said = odmr(lab, port, 9, 'a.test', 'wrong')
    check(status != 0 and '535 5.7.8' in said, f'{status} {said}')
    with turn.TurnClient(lab, port) as c:
        same(c.scram('nobody', 'correct-horse').code, 535, 'an unknown user')
        same(c.scram('ann', 'Correct-horse').code, 535, 'a wrong secret')
        same(c.cram('far', 'correct-horse').code, 535, "another one's secret")
        same(c.reply().code, 421, 'three are enough')
    with turn.TurnClient(lab, port) as c:
        same(c.scram('far', 'battery-staple').code, 235, 'SCRAM')
        same(c.command('ATRN a.test').code, 450, "another one's domain")
        same(c.command('ETRN far.test').code, 458, 'ETRN of a domain that is fetched')
    failed = [line for line in holdfast.queued.log().splitlines() if 'authentication failed' in line]
    with open(os.path.join(lab.source, MAN)) as f:
        regex = re.search(r'^failregex = (.*)$', f.read(), re.M).group(1).replace('\\e', '\\')
    regex = regex.replace('<HOST>', r'127\.0\.0\.1')
    same(len(failed), 4, f'lines about failed authentications: {failed}')
    for line in failed:
        check(re.search(regex, line), f'{regex} matches {line}')


def by_fetchmail(lab, holdfast, port, sink):
    turn.fill(holdfast, 'a.test', 25)
    turn.fill(holdfast, 'b.test', 25)
    status, said = odmr(lab, port, sink.port, 'a.test b.test', 'correct-horse')
    same(status, 0, said)
    wait_until(lambda: holdfast.held() == 1, 10, 'the queue to hold the mail of far.test alone')
    same(sink.sessions, 1, 'connections to the listener')
    once(sink.messages, names('a.test', 25) + names('b.test', 25), 'messages by fetchmail')
    status, said = odmr(lab, port, sink.port, 'a.test b.test', 'correct-horse')
    same(status, 0, f'no mail: {said}')
    check('You have no mail' in said, said)


def cut(lab, holdfast, port, sink):
    """The connection ends in the middle: what is left stays queued, and comes with the next call."""
    sink.messages.clear()
    turn.fill(holdfast, 'a.test', 30)
    sink.script['rcpt'] = [b'250 2.1.5 Ok\r\n'] * 10 + [CLOSE]
    with turn.TurnClient(lab, port) as c:
        same(c.scram('ann', 'correct-horse').code, 235, 'SCRAM')
        same(c.command('ATRN').code, 250, 'ATRN')
        c.pipe(sink.port)
    wait_until(lambda: 'delivered=10,' in holdfast.queued.log(), 10, 'the end of the first session')
    same(len(sink.messages), 10, 'messages before the cut')
    wait_until(lambda: holdfast.held() == 21, 5, 'the others to be queued')
    del sink.script['rcpt']
    with turn.TurnClient(lab, port) as c:
        same(c.cram('ann', 'correct-horse').code, 235, 'CRAM-MD5')
        same(c.command('ATRN b.test').code, 453, 'no mail for b.test')
        same(c.command('ATRN a.test,b.test').code, 250, 'ATRN')
        c.pipe(sink.port)
    wait_until(lambda: holdfast.held() == 1, 10, 'the rest to be fetched')
    once(sink.messages, names('a.test', 30), 'messages in two calls')


def fetched_only(lab, holdfast, port, sink):
    """A domain that is nowhere to be reached; meanwhile a second call for it is refused."""
    sink.messages.clear()
    sink.script['dot'] = HANG
    first = turn.TurnClient(lab, port)
    same(first.scram('far', 'battery-staple').code, 235, 'SCRAM')
    same(first.command('ATRN').code, 250, 'ATRN')
    pipe = threading.Thread(target=first.pipe, args=(sink.port,), daemon=True)
    pipe.start()
    wait_until(lambda: len(sink.unanswered) == 1, 10, 'the message to be at its end')
    with turn.TurnClient(lab, port) as c:
        same(c.scram('far', 'battery-staple').code, 235, 'SCRAM')
        same(c.command('ATRN').code, 450, 'ATRN while another one is at work')
    listed = [d['destination'] for d in holdfast.json('primary', 'list')]
    check(any(n.startswith('atrn:far[127.0.0.1]:') for n in listed), f'the session is listed: {listed}')
    sink.stop()
    pipe.join(10)
    wait_until(lambda: 'duplicate possible' in holdfast.queued.log(), 10, 'the unanswered message to be told')
    sink.script.clear()
    sink.start()
    with turn.TurnClient(lab, port) as c:
        same(c.scram('far', 'battery-staple').code, 235, 'SCRAM')
        same(c.command('ATRN').code, 250, 'ATRN, though the message waits by its schedule')
        c.pipe(sink.port)
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
    once(sink.messages, names('far.test', 1), 'messages for far.test')


def users_change(lab, holdfast, port):
    turn.write_users(holdfast, turn.USERS + 'zoe z.test\n')
    holdfast.queued.signal(signal.SIGHUP)
    wait_until(lambda: ':3: not of the form' in holdfast.queued.log(), 5, 'the fault to be named')
    with turn.TurnClient(lab, port) as c:
        same(c.scram('ann', 'correct-horse').code, 235, 'the old users stay')
    turn.write_users(holdfast, 'zoe a.test new-secret\n')
    holdfast.queued.signal(signal.SIGHUP)

    def known():
        with turn.TurnClient(lab, port) as c:
            return c.scram('zoe', 'new-secret').code == 235
    wait_until(known, 5, 'the new user to be known')


@scenario(limit=120)
def atrn(lab):
    holdfast = lab.holdfast()
    port = turn.listen(lab, holdfast)
    sink = lab.fake_primary().start()
    nobody = free_port()
    for domain in ('a.test', 'b.test'):
        holdfast.domain(domain, nobody, (), '--recipients', 'any')
    holdfast.domain('far.test', 'turn', (), '--recipients', 'any')
    turn.rules(holdfast, turn.setting('turn_delay', '0'), turn.setting('turn_rate', '1000'))
    holdfast.start_queued()
    turn.fill(holdfast, 'far.test', 1)

    who_may_not(lab, holdfast, port)
    by_fetchmail(lab, holdfast, port, sink)
    cut(lab, holdfast, port, sink)
    fetched_only(lab, holdfast, port, sink)
    users_change(lab, holdfast, port)
    with smtp.Client(port, hello=None) as c:       # after a pause for TLS, like any server
        same(c.banner.code, 220, 'the greeting')
