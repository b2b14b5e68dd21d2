# SPDX-License-Identifier: BSD-2-Clause
"""Real mail in = mail out: the corpus through Postfix, milter and queued to a real primary.

Once with CHUNKING between queued and the primary and once without. What arrives is compared
byte for byte (but for the trace lines on top) and its DKIM signatures are verified there.
Each message goes to a recipient of its own, so that what arrives can be told apart.

Then with SPF, by clients that it passes: with our Received line comes our Authentication-Results, and
nothing else changes; neither in what is taken over nor in what Postfix keeps and changes for us.
"""
from lib import corpus, smtp
from lib.dnszone import ZoneServer
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


def send_as(mta, entry):
    """As a client that is not this host."""
    with smtp.Client(mta.port) as c:
        c.command('XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]')
        c.command('EHLO mx.spf.test')
        r = c.mail(entry.sender, [f'{entry.name}@example.test'], entry.message, entry.options)
        c.quit()
    return r


def with_spf(mta, primary, entries, what, lines):
    """lines: how many Received lines are on top."""
    primary.forget()
    for entry in entries:
        same(send_as(mta, entry).code, 250, f'{entry.name}, {what}')
    primary.start()
    wait_until(lambda: len(primary.delivered()) >= len(entries), 60,
               lambda: f'all {len(entries)} messages, {what}; have {len(primary.delivered())}')
    arrived = {r.split('@')[0]: message for r, message in primary.by_recipient().items()}
    primary.stop()
    verified = 0
    for entry in entries:
        message = arrived[entry.name]
        trace = corpus.trace_of(message, entry.message, (b'received:', b'authentication-results:'))
        results = [line for line in trace if line.lower().startswith(b'authentication-results:')]
        same(len(results), 1, f'{entry.name}, {what}: Authentication-Results in {trace}')
        same(len(trace), lines + 1, f'{entry.name}, {what}: lines on top: {trace}')
        check(results[0].startswith(b'Authentication-Results: mx2.test;\r\n\tspf=') and
              results[0].endswith(b';\r\n\tspf=pass smtp.helo=mx.spf.test' if entry.sender else b'mx.spf.test'),
              f'{entry.name}, {what}: {results}')
        signatures, good = corpus.signatures(message)
        same(good, signatures, f'{entry.name}, {what}: DKIM signatures that verify')
        verified += good
    return verified


@scenario(limit=180)
def identity(lab):
    entries = corpus.entries()
    check(len(entries) >= 40, 'the corpus has at least 40 messages')
    spoilt = corpus.entries()[-1].message[:-3] + b'!\r\n'
    same(corpus.signatures(spoilt)[1], 0, 'the verifier refuses a message with one byte changed')

    primary = lab.primary()
    dns = ZoneServer({'mx.spf.test': [('TXT', 'v=spf1 ip4:192.0.2.1 -all')]}).start()
    lab.at_end(dns.stop)
    holdfast = lab.holdfast(resolver=dns.address).domain('example.test', primary.port, [e.name for e in entries])
    holdfast.start()
    mta = lab.mta(holdfast, lmtp_line_length_limit='0').start()

    n = through(mta, primary, entries, 'with CHUNKING')
    primary.configure(smtpd_discard_ehlo_keywords='chunking')
    through(mta, primary, entries, 'without CHUNKING')
    holdfast.cli('rule', 'set', 'spf.mode', 'enforce')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')
    wait_until(lambda: 'new rules are in force' in holdfast.milter.log(), 5, 'the new rules')
    with_spf(mta, primary, entries, 'with SPF', 2)
    # Postfix keeps them, with what we add, and brings them by LMTP.
    holdfast.milter.stop()
    holdfast.write_conf(handover='lmtp')
    holdfast.start_milter()
    same(with_spf(mta, primary, entries, 'with SPF, kept by Postfix', 3), n, 'signatures that verify, with SPF')
    same(holdfast.held(), 0, 'messages held at the end')
    lab.say(f'{len(entries)} messages identical four times, {n} DKIM signatures verified each time')
