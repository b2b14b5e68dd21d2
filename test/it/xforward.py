# SPDX-License-Identifier: BSD-2-Clause
"""XFORWARD: a real Postfix primary logs the original client of each message, over one connection.

XFORWARD is for the log: the client that the primary judges is still the backup. A message
of which no client is known does not inherit the last one's.
"""
import re

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until

# user -> XFORWARD's words to queued, orig_client in the primary's log
CLIENTS = {
    'ann': ('NAME=ann.sender.example ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=ann.sender.example',
            'ann.sender.example[192.0.2.1]'),
    'bob': ('NAME=[UNAVAILABLE] ADDR=192.0.2.2 PROTO=SMTP HELO=b+20+3Db', 'unknown[192.0.2.2]'),
    'cat': ('NAME=[192.0.2.3] ADDR=192.0.2.3 PROTO=ESMTP', 'unknown[192.0.2.3]'),
    'dan': ('NAME=dan.sender.example ADDR=IPv6:2001:db8::4 PROTO=ESMTP HELO=' + 'd' * 255,
            'dan.sender.example[2001:db8::4]'),
    'own': (None, 'unknown'),
    'eve': ('NAME=eve.example ADDR=203.0.113.9 PROTO=ESMTP HELO=eve', 'eve.example[203.0.113.9]'),
}


def send(holdfast, domain):
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for name, (words, _) in CLIENTS.items():
            if words:
                same(c.command(f'XFORWARD {words}').code, 250, f'XFORWARD of {name}')
            r = c.mail('ann@sender.example', [f'{name}@{domain}'], smtp.text(name))
            same(r.code, 250, f'{name}@{domain}')
        c.quit()


def clients_in_log(p):
    """recipient -> client, orig_client (None: none), as Postfix logged them."""
    client = {m[1]: (m[2], m[4]) for m in re.finditer(
        r': (\w+): client=([^,\s]+)(?:, orig_queue_id=[^,\s]+)?(, orig_client=(\S+))?', p.log())}
    return {m[2]: client[m[1]] for m in re.finditer(r': (\w+): to=<(\w+)@', p.log())}


@scenario(limit=60)
def xforward(lab):
    told = lab.primary(domains=['told.test'], name='told').start()
    untold = lab.primary(domains=['untold.test'], name='untold').start()
    holdfast = lab.holdfast()
    holdfast.domain('told.test', told.port, (), '--recipients', 'any', '--concurrency', '1')
    holdfast.domain('untold.test', untold.port, (), '--recipients', 'any', '--client', 'none')
    holdfast.start_queued()
    send(holdfast, 'told.test')
    send(holdfast, 'untold.test')
    for p in (told, untold):
        wait_until(lambda: len(clients_in_log(p)) == len(CLIENTS) and len(p.delivered()) == len(CLIENTS),
                   20, lambda: f'all messages at {p.name}: {clients_in_log(p)}')
    for name, (client, original) in clients_in_log(told).items():
        check(client.endswith('[127.0.0.1]'), f'{name}: the client is the backup, not {client}')
        same(original, CLIENTS[name][1], f'{name}: the original client')
    for name, (_, original) in clients_in_log(untold).items():
        same(original, None, f'{name}: nothing is said with client=none')
    counts = wait_until(lambda: re.findall(r': disconnect from .* mail=(\d+)', told.log()), 15,
                        'the connection to end')
    same(counts, [str(len(CLIENTS))], 'messages by connection')
    check('xforward=' in told.log() and not re.search(r'xforward=\d+/', told.log()),
          'no XFORWARD is refused')
    same(holdfast.held(), 0, 'messages held')
