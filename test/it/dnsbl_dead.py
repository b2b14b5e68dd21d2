# SPDX-License-Identifier: BSD-2-Clause
"""A DNS list whose servers are dead, and 200 sessions at once: nobody waits longer than dnsbl.wait; then it is
off, and nobody waits any more. The other list answers all the time. The sessions speak the milter
protocol, since 200 smtpd processes would measure themselves."""
from lib import milter
from lib.dns import DeafServer, Nsd, Unbound
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

SESSIONS = 200
WAIT = 2


def clients(network):
    return [milter.Client(f'203.0.{network}.{i + 1}', name='c.example') for i in range(SESSIONS)]


def figures(lab, what, replies):
    p99 = milter.percentile(replies, 0.99)
    lab.say(f'{what}: RCPT p50 {milter.percentile(replies, 0.5) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, '
            f'worst {max(r.seconds for r in replies) * 1000:.0f} ms')
    return p99


@scenario(limit=90)
def dnsbl_dead(lab):
    deaf = DeafServer()
    lab.at_end(deaf.stop)
    dns = Nsd(lab, {'live.test': '*.113.0.203 A 127.0.0.2\n'}).start()
    resolver = Unbound(lab, dns, elsewhere={'dead.test': deaf.port}).start()
    holdfast = lab.holdfast(resolver=resolver.address)
    holdfast.domain('example.test', 9, (), '--recipients', 'any')
    for zone in ('dead.test', 'live.test'):
        holdfast.cli('rule', 'add', 'dnsbl', zone, 'reject')
    holdfast.start()
    log = holdfast.milter.log

    def burst(network):
        return milter.burst(holdfast.milter_socket, clients(network), 'joe@example.test')

    # 203.0.113.x is in the live list; nobody knows what the dead one has.
    replies = burst(113)
    figures(lab, f'{SESSIONS} sessions, the list just died', replies)
    same({r.code for r in replies}, {554}, 'what the listed clients are told')
    check(max(r.seconds for r in replies) < (WAIT + 1) * patience(), 'nobody waits beyond the deadline')
    wait_until(lambda: 'dnsbl=dead.test state=off' in log(), 5, 'the dead list to be switched off')
    for network in (112, 113, 111):
        replies = burst(network)
        p99 = figures(lab, f'{SESSIONS} sessions, it is off', replies)
        same({r.code for r in replies}, {554 if network == 113 else 0}, 'what the clients are told')
        check(p99 < 0.3 * patience(), f'p99 is {p99 * 1000:.0f} ms')
    same(log().count('dnsbl=dead.test'), 1, 'lines about it')
    same(log().count('dnsbl=live.test'), 0, 'lines about the other one')
