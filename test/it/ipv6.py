# SPDX-License-Identifier: BSD-2-Clause
"""Routes: an IPv6 primary, and a list whose first host is dead."""
from lib import smtp
from lib.lab import Skip, same, scenario
from lib.process import free_port, wait_until


@scenario(limit=60)
def ipv6(lab):
    if not lab.has_ipv6:
        raise Skip('no IPv6 on loopback')
    six = lab.fake_primary(host='::1').start()
    second = lab.fake_primary().start()
    holdfast = lab.holdfast()
    holdfast.domain('six.test', f'[::1]:{six.port}', (), '--recipients', 'any')
    holdfast.domain('list.test', f'127.0.0.1:{free_port()},[::1]:{free_port()},127.0.0.1:{second.port}',
                    (), '--recipients', 'any')
    holdfast.domain('name.test', f'localhost:{second.port}', (), '--recipients', 'any')
    holdfast.start_queued()
    for domain in ('six.test', 'list.test', 'name.test'):
        same(smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', [f'joe@{domain}'],
                       smtp.text(domain))[0].code, 250, domain)
    wait_until(lambda: len(six.messages) == 1, 10, 'delivery over IPv6')
    wait_until(lambda: len(second.messages) == 2, 10, 'delivery to the last of the list, and by name')
    wait_until(lambda: holdfast.held() == 0, 5, 'the queue to be empty')
