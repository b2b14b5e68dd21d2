# SPDX-License-Identifier: BSD-2-Clause
"""Bad addresses and HELOs before the milter: each has its exact answer there, and none comes
through a real Postfix. The rows are those of bad_input.py; what looks odd and is an address passes."""
from bad_input import NUL, ODD_MAIL, addresses, arrived
from lib import milter, smtp
from lib.lab import check, same, scenario

GOOD = milter.Client('192.0.2.1', name='c.example')
HELOS = ['', '192.0.2.1', '2001:db8::1', '[192.0.2.1', '[192.0.2.256]', '[2001:db8::1]', '[IPv6:zz]', '[IPv6:]',
         '[]', '-a.example', 'a-.example', 'a..example', '.', '..', 'a b.example', 'a@b.example', '<a.example>',
         'bücher.example', 'x' * 64 + '.example', '.'.join(['d' * 50] * 6), 'localhost', 'mx2.test', 'example.test',
         '[127.0.0.1]', '.' * 500, 'a\x1b[2J.example', '%s%n', "'; DROP TABLE q;--"]
# The MTA decides about brackets: it may add them before we see anything.
MTA_DECIDES = ('no brackets',)
# A recipient in no domain of ours is the MTA's own affair, whatever it looks like.
NOT_OURS = ('<@>', '<a@>', 'no @', '<;id;@>', 'domain of 256', 'label of 64', 'unclosed quote',
            'backslash at the end', 'bad literal', 'text behind')
ODD = ["\"'); DROP TABLE q;--\"", '%s%n', '../../etc/passwd', '-oQ/tmp', 'a..b', '"a b"', 'a' * 64]


def rows():
    """(what, verb, path, code and dsn)"""
    for what, _, line, answer in addresses():
        verb, path = line[:4].decode(), line[line.index(b':') + 1:-2]
        yield what, verb, path, answer


def before_the_milter(path):
    def ask(mail=b'<ann@sender.example>', rcpt=b'<joe@example.test>', client=GOOD, options=()):
        return milter.ask(path, client, [mail, *options], [rcpt])

    same(ask().code, 0, 'a good envelope')
    for what, verb, bad, (code, dsn) in rows():
        reply = ask(mail=bad) if verb == 'MAIL' else ask(rcpt=bad)
        kind = what.split(', ')[1]
        if kind in MTA_DECIDES or verb == 'RCPT' and kind in NOT_OURS:
            same(reply.code, 0, what)
        else:
            check(reply.text.startswith(f'{code} {dsn} '), f'{what}: {reply.text!r}, not {code} {dsn}')
    for local in ODD:
        same(ask(mail=f'<{local}@sender.example>').code, 0, f'MAIL, {local}')
        same(ask(rcpt=f'<{local}@example.test>').code, 0, f'RCPT, {local}')
    same(ask(mail='<jürgen@bücher.example>', options=['SMTPUTF8']).code, 0, 'UTF-8 with SMTPUTF8')
    same(ask(mail=b'<>').code, 0, 'the null sender')
    for helo in HELOS:
        reply = ask(client=milter.Client('192.0.2.1', name='c.example', helo=helo))
        check(reply.text.startswith('550 5.') and ('Helo command rejected: ' in reply.text or not helo),
              f'HELO {helo!r}: {reply.text!r}')
        check(all(' ' <= c <= '~' for c in reply.text), f'HELO {helo!r}: {reply.text!r} is printable')


def through_postfix(mta):
    for what, verb, bad, _ in rows():
        if what.split(', ')[1] in MTA_DECIDES:
            continue
        with smtp.stranger(mta.port, '192.0.2.1') as c:     # this host's own clients are an exception
            mail = bad if verb == 'MAIL' else b'<ann@sender.example>'
            replies = [c.command(b'MAIL FROM:' + mail)]
            if replies[0].code == 250:
                replies.append(c.command(b'RCPT TO:' + (bad if verb == 'RCPT' else b'<joe@example.test>')))
            check(replies[-1].code // 100 == 5, f'{what}: Postfix says {[str(r) for r in replies]}')
            same(c.command('NOOP').code, 250, f'{what}: the session goes on')


def odd_mail(lab, looks_inside):
    """What is mail all the same, through a real Postfix, streamed to queued or kept until a check has seen it."""
    primary = lab.fake_primary()
    holdfast = lab.holdfast(name=f'odd{looks_inside}').domain('example.test', primary.port, (), '--recipients', 'any')
    for setting in ('helo.mode', 'sender.mode'):
        holdfast.cli('rule', 'set', setting, 'enforce')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')
    if looks_inside:
        holdfast.cli('rule', 'add', 'header', 'subject', '^you have won', 'reject')
    holdfast.start()
    mta = lab.mta(holdfast, name=f'postfix{looks_inside}', smtputf8_enable='yes', allow_min_user='yes',
                  allow_percent_hack='no', allow_untrusted_routing='yes').start()
    sent = []
    for sender, recipient, message, options in ODD_MAIL:
        with smtp.stranger(mta.port, '192.0.2.1') as c:
            r = c.mail(sender, [recipient], message, options)
        same(r.code, 250, f'{sender} to {recipient}: {r}')
        sent.append((sender, recipient, message))
    with smtp.stranger(mta.port, '192.0.2.1') as c:
        c.command('MAIL FROM:<a@sender.example>')
        c.command('RCPT TO:<joe@example.test>')
        c.send(b'BDAT %d LAST\r\n' % len(NUL) + NUL)
        same(c.reply().code, 250, 'NUL by BDAT')
    sent.append(('a@sender.example', 'joe@example.test', NUL))
    arrived(primary, sent)
    for log in (holdfast.queued.log(), holdfast.milter.log()):
        check('\x1b' not in log, 'no escape sequence in the log')


@scenario(limit=120)
def bad_envelope(lab):
    holdfast = lab.holdfast()
    holdfast.domain('example.test', 9, (), '--recipients', 'any')
    for kind in ('helo', 'sender'):
        holdfast.cli('rule', 'set', f'{kind}.mode', 'enforce')
    holdfast.cli('rule', 'set', 'limits.mode', 'off')       # one client asks for everything
    holdfast.start()
    before_the_milter(holdfast.milter_socket)
    through_postfix(lab.mta(holdfast, smtputf8_enable='yes').start())
    same(holdfast.held(), 0, 'messages held')
    check('\x1b' not in holdfast.milter.log(), 'control characters are escaped in the log')
    for looks_inside in (False, True):
        odd_mail(lab, looks_inside)
