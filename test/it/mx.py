# SPDX-License-Identifier: BSD-2-Clause
"""Routes by MX: preference, balance, ourselves in the middle, IPv6, no MX at all, source address."""
from lib import smtp
from lib.dns import Nsd
from lib.lab import Skip, check, same, scenario
from lib.process import free_port, wait_until


def send(holdfast, domain, n=1):
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for i in range(n):
            same(c.mail('ann@sender.example', [f'joe@{domain}'], smtp.text(f'{domain} {i}')).code, 250,
                 domain)
        c.quit()


def reason(holdfast, domain):
    found = [d for d in holdfast.json('primary', 'list') if f'mx:{domain}:' in d['destination']]
    return found[0].get('reason', '') if found else ''


@scenario(limit=90)
def mx(lab):
    if not lab.has_ipv6:
        raise Skip('needs IPv6 on the loopback interface')
    port = free_port()
    first, second, late, worse = (lab.fake_primary(port=port, host=f'127.0.0.{n}')
                                  for n in (2, 3, 4, 5))
    six = lab.fake_primary(port=port, host='::1')
    for p in (first, second, worse, six):
        p.start()
    hosts = '\n'.join(f'p{n} A 127.0.0.{n}' for n in range(2, 10)) + '\nsix AAAA ::1\n'
    dns = Nsd(lab, {
        'order.test': '@ MX 20 p3\n@ MX 10 p2\n' + hosts,
        'equal.test': '@ MX 10 p2\n@ MX 10 p3\n' + hosts,
        'dead.test': '@ MX 10 p9\n@ MX 20 p3\n' + hosts,
        'middle.test': '@ MX 30 p5\n@ MX 20 MX2.test.\n@ MX 20 p5\n@ MX 10 p4\n' + hosts,
        'six.test': '@ MX 10 six\n' + hosts,
        'both.test': '@ MX 10 both\nboth AAAA 2001:db8::1\nboth A 127.0.0.2\n',
        'none.test': '@ A 127.0.0.2\n',
        'sub.order.test': '@ MX 10 p9.order.test.\n',
    }).start()
    holdfast = lab.holdfast(resolver=dns.address, smtp_connect_timeout='2s')
    holdfast.cli('rule', 'set', 'global.connection_messages', '5')
    for domain in ('order', 'equal', 'dead', 'middle', 'six', 'both', 'none'):
        holdfast.domain(f'{domain}.test', f'mx:{domain}.test:{port}', (), '--recipients', 'any')
    holdfast.domain('sub.order.test', f'mx:order.test:{port}', (), '--recipients', 'any')
    holdfast.start_queued()

    def got(primary, domain, n, what):
        def arrived():
            return [m for m in primary.messages if m.recipients == [f'joe@{domain}']]
        wait_until(lambda: len(arrived()) == n, 15, lambda: f'{what} ({len(arrived())} of {n})')

    send(holdfast, 'middle.test')           # its better MX is dead, so this one waits
    send(holdfast, 'order.test', 3)
    got(first, 'order.test', 3, 'the preferred host to get all')
    send(holdfast, 'sub.order.test')
    got(first, 'sub.order.test', 1, 'the MX of another name to be used')
    send(holdfast, 'dead.test', 2)
    got(second, 'dead.test', 2, 'the second host to be tried')
    send(holdfast, 'six.test')
    got(six, 'six.test', 1, 'a host that has only IPv6')
    send(holdfast, 'both.test', 2)
    got(first, 'both.test', 2, 'IPv4 to be tried when IPv6 does not work')
    send(holdfast, 'none.test')
    got(first, 'none.test', 1, 'a domain without MX to get it at its address')

    send(holdfast, 'equal.test', 200)
    wait_until(lambda: sum(m.recipients == ['joe@equal.test'] for p in (first, second)
                           for m in p.messages) == 200, 20, 'equal hosts to get all')
    share = [sum(m.recipients == ['joe@equal.test'] for m in p.messages) for p in (first, second)]
    lab.say(f'two equal MX hosts got {share[0]} and {share[1]} of 200')
    check(min(share) >= 20, 'equal hosts share the load')

    # The first host dies: the other one gets the rest. It returns: it is used again.
    first.stop()
    send(holdfast, 'order.test', 2)
    got(second, 'order.test', 2, 'the second host to take over')

    # Ourselves in the middle: neither what equals us nor what is worse is ever connected to.
    wait_until(lambda: 'Connection refused' in reason(holdfast, 'middle.test'), 10,
               'the one better MX to be tried')
    late.start()
    got(late, 'middle.test', 1, 'the better MX to get it when it is there')
    same(worse.sessions, 0, 'connections to hosts that are no better than we are')
    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')

    # From an address of the rule's, or not at all.
    holdfast.domain('from.test', f'127.0.0.3:{port}', (), '--recipients', 'any',
                    '--source', '127.0.0.7')
    send(holdfast, 'from.test')
    got(second, 'from.test', 1, 'delivery from a given address')
    same(second.peers[-1], '127.0.0.7', 'where the connection came from')
    before = second.sessions
    holdfast.cli('domain', 'set', 'from.test', '--source', '203.0.113.77')
    wait_until(lambda: any('203.0.113.77' in d['destination'] for d in holdfast.json('primary', 'list')),
               5, 'the new rule to be in force')
    send(holdfast, 'from.test')
    wait_until(lambda: 'source address 203.0.113.77: this host does not have it' in
               holdfast.queued.log(), 10, 'the wrong source to be named')
    same(second.sessions, before, 'connections from another address')
    holdfast.cli('domain', 'set', 'from.test', '--source', '127.0.0.8')
    got(second, 'from.test', 2, 'the message to go when the source is right')
    same(second.peers[-1], '127.0.0.8', 'where the connection came from')
