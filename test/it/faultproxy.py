# SPDX-License-Identifier: BSD-2-Clause
"""The connection to the primary is cut at every byte of a session, in both directions.

Each cut has a message and a destination of its own: its first connection ends after so many
bytes, the following ones are whole. Every message arrives, unchanged. It arrives twice only if its end had
gone out whole and the reply had not come back whole; then, and only then, queued says
"duplicate possible" (P4). Sessions with and without PIPELINING and CHUNKING, with XCLIENT, and with
the delivery header, by which the primary could have dropped every duplicate.

The tests of every day take some of the bytes; `test/it/faultproxy.py --all' takes each.
"""
import re
import sqlite3
import sys

from lib import smtp
from lib.faultproxy import Cut, FaultProxy
from lib.lab import check, same, scenario
from lib.process import wait_until



class Kind:
    def __init__(self, *extensions, body='first\r\n.second\r\n', client='none', mark=0):
        self.extensions, self.body, self.client, self.mark = extensions, body, client, mark


SIZE = 'SIZE 10000000'
LARGE = 'x' * 70 + '\r\n'
KINDS = {
    'plain': Kind(SIZE),
    'pipelining': Kind('PIPELINING', SIZE),
    'chunking': Kind('CHUNKING', SIZE),
    'both': Kind('PIPELINING', 'CHUNKING', '8BITMIME', SIZE),
    'xclient': Kind('PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO', client='xclient', mark=1),
    # bodies that are read from the store in pieces
    'large': Kind('PIPELINING', SIZE, body=LARGE * 5000),
    'large-bdat': Kind('CHUNKING', SIZE, body=LARGE * 5000, mark=1),
}
CLIENT = 'XFORWARD NAME=ann.test ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP HELO=ann.test'
BATCH = 200
ALL = '--all' in sys.argv
CUTS = 400              # of an everyday run, beside those around the ends of lines


class Probe:
    """One message with its own domain, wire and cut. All names have the same length."""

    def __init__(self, kind, number, cut):
        self.kind, self.number, self.cut = kind, number, cut
        self.domain = f'd{number:05}.test'
        self.recipient = f'joe@{self.domain}'
        self.text = smtp.text(f's{number:05}', KINDS[kind].body, to=self.recipient)
        self.received = []

    def __str__(self):
        return f'{self.kind} {self.cut}'


def insert_domains(holdfast, probes):
    """As an operator's script would: the schema is documented for it."""
    with sqlite3.connect(holdfast.rules_db) as db:
        db.executemany('INSERT INTO domain (name, primaries, recipients, tls, client, delivery_id) '
                       "VALUES (?, ?, 'any', 'off', ?, ?)",
                       [(p.domain, f'127.0.0.1:{p.wire.port}', KINDS[p.kind].client,
                         KINDS[p.kind].mark) for p in probes])
    db.close()


def run_batch(holdfast, proxies, primaries, probes):
    for p in probes:
        p.wire = proxies.wire(primaries[p.kind].port, p.cut)
    insert_domains(holdfast, probes)
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO mta.test') as c:
        for p in probes:
            same(c.command(CLIENT).code, 250, 'XFORWARD')
            same(c.mail('ann@sender.example', [p.recipient], p.text).code, 250, p.domain)
        c.quit()
    wait_until(lambda: holdfast.held() == 0, 30,
               lambda: f'all to be delivered; left: {[m["domain"] for m in holdfast.queue()]}')
    proxies.close()


def collect(primaries, probes):
    by_domain = {p.domain: p for p in probes}
    for primary in primaries.values():
        for message in primary.messages:
            by_domain[message.recipients[0].split('@')[1]].received.append(message.data)


def cuts_of(kind, streams):
    """Every byte, or about CUTS of them in all and those around each line's end."""
    for direction in ('c2s', 's2c'):
        stream = streams[kind][direction]
        step = 1 if ALL else max(1, len(stream) * len(KINDS) * 2 // CUTS)
        if len(stream) > 10000:
            step = len(stream) // (200 if ALL else 20)
        head = stream[:2000]
        ends = {m.end() + d for m in re.finditer(rb'\r\n', head) for d in (-1, 0)}
        ends |= {len(stream) - d for d in range(4)}
        yield from (Cut(direction, n) for n in range(len(stream) + 1) if n % step == 0 or n in ends)


def judge(probe, streams, unsure):
    """Is there a duplicate? Failure when a promise is broken."""
    first, stream = probe.wire.first, streams[probe.kind]
    sent = len(first.c2s) >= len(stream['c2s'])
    answered = len(first.s2c) >= len(stream['s2c'])
    may_send = len(first.s2c) >= stream['go']
    check(probe.cut.done, f'{probe}: the cut was made')
    check(len(probe.received) in (1, 2), f'{probe}: arrived {len(probe.received)} times')
    for data in probe.received:
        check(data.endswith(probe.text), f'{probe}: what arrived')
    if KINDS[probe.kind].mark:
        marks = {data.split(b'\r\n')[0] for data in probe.received}
        check(len(marks) == 1 and re.fullmatch(rb'Holdfast-Delivery: \w+@mx2\.test', *marks),
              f'{probe}: the same mark in each copy: {marks}')
    if sent and not answered:
        check(unsure, f'{probe}: sent, not answered, and no word of a possible duplicate')
    if unsure:
        check(may_send and not answered, f'{probe}: called a possible duplicate, but is none')
    if len(probe.received) == 2:
        check(sent and not answered and unsure, f'{probe}: a duplicate that nothing explains')
    return len(probe.received) == 2


def template(holdfast, proxies, primaries):
    """A whole session of each kind, to learn what there is to cut."""
    probes = [Probe(name, 90000 + i, None) for i, name in enumerate(KINDS)]
    run_batch(holdfast, proxies, primaries, probes)
    streams = {}
    for p in probes:
        c2s, s2c = bytes(p.wire.first.c2s), bytes(p.wire.first.s2c)
        c2s = c2s.removesuffix(b'QUIT\r\n')
        s2c = s2c[:s2c.rindex(b'queued\r\n') + len(b'queued\r\n')]
        # The last reply but one lets the message go.
        streams[p.kind] = {'c2s': c2s, 's2c': s2c, 'go': s2c.rindex(b'\r\n', 0, -2) + 2}
    for primary in primaries.values():
        primary.messages.clear()
    return streams


@scenario(limit=900 if ALL else 90)
def faultproxy(lab):
    primaries = {name: lab.fake_primary(extensions=kind.extensions).start()
                 for name, kind in KINDS.items()}
    holdfast = lab.holdfast()
    with sqlite3.connect(holdfast.rules_db) as db:
        db.execute("INSERT INTO setting (name, value) VALUES ('global.probe_interval', '1s')")
        db.execute("UPDATE schedule SET steps = '1s*' WHERE name = 'default'")
    db.close()
    holdfast.start_queued()
    proxies = FaultProxy(lab)
    streams = template(holdfast, proxies, primaries)

    cuts = [(name, cut) for name in KINDS for cut in cuts_of(name, streams)]
    probes = [Probe(name, i, cut) for i, (name, cut) in enumerate(cuts)]
    for start in range(0, len(probes), BATCH):
        run_batch(holdfast, proxies, primaries, probes[start:start + BATCH])
    collect(primaries, probes)

    unsure = set(re.findall(r'to=<joe@(d\d+\.test)>[^\n]*duplicate possible', holdfast.queued.log()))
    duplicates = sum(judge(p, streams, p.domain in unsure) for p in probes)
    check(duplicates > 0, 'the cut after the final dot shows a duplicate')
    lengths = ', '.join(f'{name} {len(s["c2s"])}+{len(s["s2c"])}' for name, s in streams.items())
    lab.say(f'sessions of {lengths} bytes')
    lab.say(f'{len(probes)} cuts: {len(probes)} delivered, {duplicates} duplicates, '
            f'{len(unsure)} called possible, 0 not explained')
