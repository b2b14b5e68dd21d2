# SPDX-License-Identifier: BSD-2-Clause
"""Real mail in = mail out: the corpus through Postfix, milter and queued to a real primary.

Once with CHUNKING between queued and the primary and once without. What arrives is compared
byte for byte (but for the trace lines on top) and its DKIM signatures are verified there.
Each message goes to a recipient of its own, so that what arrives can be told apart.
"""
from lib import corpus, smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


def through(mta, primary, entries, what):
    primary.forget()
    for entry in entries:
        r = smtp.send(mta.port, entry.sender, [f'{entry.name}@example.test'], entry.message,
                      entry.options)
        same(r.code, 250, f'{entry.name}, {what}: {r}')
    primary.start()
    wait_until(lambda: len(primary.delivered()) >= len(entries), 60,
               lambda: f'all {len(entries)} messages, {what}; have {len(primary.delivered())}')
    arrived = {recipient.split('@')[0]: message
               for recipient, message in primary.by_recipient().items()}
    same(len(primary.delivered()), len(entries), f'each message once, {what}')
    primary.stop()
    verified = 0
    for entry in entries:
        message = arrived[entry.name]
        trace = corpus.trace_of(message, entry.message)
        same(len(trace), 2, f'{entry.name}, {what}: Received lines of the primary and of Holdfast')
        check(b'by mx2.test' in trace[1], f'{entry.name}: our line is {trace[1]!r}')
        signatures, good = corpus.signatures(message)
        same(good, signatures, f'{entry.name}, {what}: DKIM signatures that verify')
        verified += good
    check(verified >= 12, f'{verified} signatures verified, {what}')
    return verified


@scenario(limit=120)
def identity(lab):
    entries = corpus.entries()
    check(len(entries) >= 40, 'the corpus has at least 40 messages')
    spoilt = corpus.entries()[-1].message[:-3] + b'!\r\n'
    same(corpus.signatures(spoilt)[1], 0, 'the verifier refuses a message with one byte changed')

    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, [e.name for e in entries])
    holdfast.start()
    mta = lab.mta(holdfast).start()

    n = through(mta, primary, entries, 'with CHUNKING')
    primary.configure(smtpd_discard_ehlo_keywords='chunking')
    through(mta, primary, entries, 'without CHUNKING')
    same(holdfast.held(), 0, 'messages held at the end')
    lab.say(f'{len(entries)} messages identical twice, {n} DKIM signatures verified each time')
