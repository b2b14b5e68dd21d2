# SPDX-License-Identifier: BSD-2-Clause
"""What a stranger's DNS can do to the milter by SPF: nothing. And what becomes of a check whose process dies."""
import os
import signal
import threading
import time

from lib import smtp
from lib.dnszone import ZoneServer
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

CLIENT = '192.0.2.1'
RULES = {'spf.mode': 'enforce', 'spf.temperror': 'defer', 'spf.permerror': 'reject', 'spf.none': 'off',
         'spf.fail': 'reject', 'limits.mode': 'off'}


def bomb():
    """Nine includes in each record, five levels deep: 7,381 look-ups for who follows them all."""
    zone, level = {}, ['bomb.test']
    for depth in range(5):
        deeper = [f'{i}.{name}' for name in level for i in range(9)]
        for name in level:
            below = '' if depth == 4 else ''.join(f' include:{i}.{name}' for i in range(9))
            zone[name] = [('TXT', f'v=spf1{below} ?all')]
        level = deeper
    return zone


# name -> its records; what RCPT says, and why
LONG = ' '.join(f'ip4:198.51.{i // 250}.{i % 250}' for i in range(235))
ATTACKS = {
    'void.test': ([('TXT', 'v=spf1 a:a.void.test a:b.void.test a:c.void.test ?all')],
                  '550 5.7.24', 'too many DNS look-ups without an answer'),
    'digits.test': ([('TXT', 'v=spf1 exists:%{d2147483648}.x.test ?all')], '550 5.7.24', 'syntax error'),
    'd2.test': ([('TXT', 'v=spf1 exists:%{d2}.ok.test -all')], '250', ''),
    'd2.test.ok.test': ([('A', '127.0.0.2')], None, None),
    'long.test': ([('TXT', 'v=spf1 ' + LONG + ' -all')], '550 5.7.23', 'may not send for long.test'),
    'toolong.test': ([('TXT', 'v=spf1 ' + LONG + ' ?all' + ' ' * 500)], '550 5.7.24', 'too long'),
    'huge.test': ([('TXT', 'x' * 60000), ('TXT', 'v=spf1 -all')], '550 5.7.23', 'may not send for huge.test'),
    'macros.test': ([('TXT', 'v=spf1 ' + 'exists:%{s}%{S}%{d}%{D}%{i}%{h}%{l1r+-}.x.test ' * 60 + '?all')],
                    '550 5.7.24', 'too many DNS look-ups'),
    'literal.test': ([('TXT', 'v=spf1 include:' + 'a' * 500 + '%{d}%{d}.x.test ?all')], '550 5.7.24', ''),
    'ptr.test': ([('TXT', 'v=spf1 ptr:ptr.test ?all')], '250', ''),
    '1.2.0.192.in-addr.arpa': ([('PTR', f'h{i}.ptr.test') for i in range(100)], None, None),
    'mx.test': ([('TXT', 'v=spf1 mx ?all')] + [('MX', (10, f'h{i}.mx.test')) for i in range(100)],
                '550 5.7.24', 'too many MX records'),
    'exp.test': ([('TXT', 'v=spf1 -all exp=secret.exp.test')], '550 5.7.23', 'may not send'),
    'secret.exp.test': ([('TXT', 'go away')], None, None),
    'mapped.test': ([('TXT', f'v=spf1 ip4:{CLIENT} -all')], '250', ''),
    'self.test': ([('TXT', 'v=spf1 include:self.test ?all')], '550 5.7.24', ''),
    'bytes.test': ([('TXT', 'v=spf1 \x00 ?all')], '550 5.7.24', 'not text'),
    'cname.test': ([('CNAME', 'cname.test')], '451 4.4.3', ''),
    'pass.test': ([('TXT', 'v=spf1 +all')], '250', ''),
}


def rcpt(mta, domain, client=CLIENT):
    """The reply to RCPT for a sender of that domain, and the seconds it took."""
    with smtp.Client(mta.port) as c:
        same(c.command(f'XCLIENT ADDR={client} NAME=[UNAVAILABLE]').code, 220, 'XCLIENT')
        c.command('EHLO nobody')
        same(c.command(f'MAIL FROM:<a@{domain}>').code, 250, domain)
        begun = time.monotonic()
        r = c.command('RCPT TO:<joe@example.test>')
        took = time.monotonic() - begun
        c.quit()
    return r, took


def children(pid):
    found = []
    for entry in os.listdir('/proc'):
        try:
            with open(f'/proc/{entry}/stat') as f:
                state, parent = f.read().rsplit(')', 1)[1].split()[:2]
            if int(parent) == pid and state != 'Z':
                found.append(int(entry))
        except (OSError, ValueError):
            pass
    return found


def processes(holdfast):
    """The supervisor and the worker, None if it is not there now."""
    supervisor = children(holdfast.milter.pid)
    same(len(supervisor), 1, 'children of the milter')
    worker = children(supervisor[0])
    return supervisor[0], worker[0] if worker else None


def worker_of(holdfast):
    return wait_until(lambda: processes(holdfast)[1], 10, 'a worker')


def gone(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def confined(pid):
    with open(f'/proc/{pid}/status') as f:
        status = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
    same(status['NoNewPrivs'], '1', 'the worker cannot gain rights')
    check(os.geteuid() != 0 or '0' not in status['Uid'].split(), f'the worker is not root: {status["Uid"]}')
    with open(f'/proc/{pid}/limits') as f:
        limits = {line[:26].strip(): line[26:].split()[0] for line in f}
    same(limits['Max core file size'], '0', 'core files of the worker')
    check(patience() > 1 or limits['Max address space'] != 'unlimited', f'its memory: {limits}')
    links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
    check(not any('/rules.db' in link or 'milter.sock' in link for link in links), f'its descriptors: {links}')


def killed_while(mta, holdfast, dns, number):
    """A worker that dies during a check."""
    worker, replies = worker_of(holdfast), []
    dns.mute = True
    before = len(dns.queries)
    thread = threading.Thread(target=lambda: replies.append(rcpt(mta, f'n{number}.pass.test')))
    thread.start()
    wait_until(lambda: len(dns.queries) > before, 5, 'the check to ask')
    os.kill(worker, number)
    thread.join(20)
    dns.mute = False
    r, took = replies[0]
    check(str(r).startswith('451 4.4.3') and 'SPF temperror: the SPF process died' in str(r), f'signal {number}: {r}')
    check(took < 3 * patience(), f'signal {number}: at once, not after {took:.1f} s')
    wait_until(lambda: gone(worker), 5, 'the worker to be gone')
    check(worker_of(holdfast) != worker, 'another worker')
    same(rcpt(mta, 'pass.test')[0].code, 250, 'the next check')
    wait_until(lambda: f'died of signal {number}' in holdfast.milter.log(), 5, f'a line about signal {number}')


@scenario(limit=120)
def spf_attacks(lab):
    zone = {name: records for name, (records, _, _) in ATTACKS.items()}
    zone.update(bomb())
    dns = ZoneServer(zone).start()
    lab.at_end(dns.stop)
    holdfast = lab.holdfast(resolver=dns.address).domain('example.test', 1, (), '--recipients', 'any')
    for name, value in RULES.items():
        holdfast.cli('rule', 'set', name, value)
    holdfast.start()
    mta = lab.mta(holdfast).start()
    confined(worker_of(holdfast))
    worker = worker_of(holdfast)

    # The bomb: the policy itself, and ten.
    dns.queries.clear()
    r, took = rcpt(mta, 'bomb.test')
    check(str(r).startswith('550 5.7.24') and 'too many DNS look-ups' in str(r), f'the bomb: {r}')
    check(took < 5, f'the bomb took {took:.1f} s')
    includes = {name for name, _ in dns.queries if name.endswith('.bomb.test')}
    same(dns.asked('bomb.test') - len(includes), 1, 'questions about the policy itself')
    check(len(includes) <= 10, f'{len(includes)} includes were looked up')
    lab.say(f'the bomb of 7,381 look-ups: {len(includes)} and its policy, {took * 1000:.0f} ms')

    for domain, (_, reply, why) in ATTACKS.items():
        if reply is None:
            continue
        client = f'IPV6:::ffff:{CLIENT}' if domain == 'mapped.test' else CLIENT
        r, took = rcpt(mta, domain, client)
        check(str(r).startswith(reply) and why in str(r), f'{domain}: {r}')
        check(took < 5.5 * patience(), f'{domain}: {took:.1f} s')
    same(dns.asked('secret.exp.test'), 0, 'questions about an explanation')
    same(worker_of(holdfast), worker, 'the worker lived through all of it')
    most = max(sum(name.endswith('.' + d) for name, _ in dns.queries) for d in ('ptr.test', 'mx.test'))
    check(most <= 10, f'{most} names of one answer were looked up')

    # A process that dies. (AddressSanitizer would make a report of SIGSEGV, and the report a failure.)
    for number in (signal.SIGKILL, signal.SIGILL if patience() > 1 else signal.SIGSEGV, signal.SIGABRT):
        killed_while(mta, holdfast, dns, int(number))

    # A resolver that says nothing.
    dns.mute = True
    r, took = rcpt(mta, 'silent.test')
    check(str(r).startswith('451 4.4.3'), f'a silent resolver: {r}')
    check(took < 5.5 * patience(), f'a silent resolver: {took:.1f} s')
    lab.say(f'a silent resolver: {r.text[:70]}… after {took:.1f} s')
    many = [threading.Thread(target=lambda i=i: replies.append(rcpt(mta, f'silent{i}.test'))) for i in range(60)]
    replies = []
    for t in many:
        t.start()
    for t in many:
        t.join(40)
    same(len(replies), 60, 'answers while 60 wait at once')
    check(all(str(r).startswith('451 4.4.3') and took < 8 * patience() for r, took in replies),
          f'60 at once: {[(str(r), took) for r, took in replies][:3]}, longest {max(t for _, t in replies):.1f} s')
    dns.mute = False
    wait_until(lambda: rcpt(mta, 'pass.test')[0].code == 250, 15, 'checks when the resolver is back')

    # Signals for all of the group (Ctrl-C, a service's stop) do not end it before the milter.
    supervisor, worker = processes(holdfast)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        os.kill(supervisor, number)
        os.kill(worker, number)
    same(rcpt(mta, 'pass.test')[0].code, 250, 'a check after signals')
    same(processes(holdfast), (supervisor, worker), 'the same processes')

    # It ends with the milter, whatever ends that.
    os.kill(holdfast.milter.pid, signal.SIGKILL)
    wait_until(lambda: gone(supervisor) and gone(worker), 10, 'both to be gone after kill -9 of the milter')
    holdfast.milter.kill()
    holdfast.start_milter()
    supervisor, worker = processes(holdfast)[0], worker_of(holdfast)
    same(rcpt(mta, 'pass.test')[0].code, 250, 'a check after the restart')
    holdfast.milter.stop()
    wait_until(lambda: gone(supervisor) and gone(worker), 10, 'both to be gone after SIGTERM of the milter')

    # Without the supervisor no worker will ever be there: the milter ends, to be started again.
    holdfast.start_milter()
    os.kill(processes(holdfast)[0], signal.SIGKILL)
    wait_until(lambda: not holdfast.milter.alive(), 10, 'the milter to end')
    same(holdfast.milter.child.returncode, 75, 'its exit status')
    holdfast.milter.kill()
    holdfast.start_milter()
