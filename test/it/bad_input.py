# SPDX-License-Identifier: BSD-2-Clause
"""Bad input to queued's LMTP, group by group, each with its exact answer; and what must pass.

Every row opens a connection of its own. The daemon must be well afterwards and have kept
nothing of what it refused.
"""
import time

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import patience, wait_until

HELLO = ['LHLO mta.test']
MAIL = HELLO + ['MAIL FROM:<a@sender.example>']
RCPT = MAIL + ['RCPT TO:<joe@example.test>']
DATA = RCPT + ['DATA']

# group -> rows of (what, lines that must be answered 2xx or 3xx, raw bytes, answer)
CLOSED = [
    ('bare LF ends a command', HELLO, b'NOOP\n', '554 5.5.2 Bare LF in command; closing'),
    ('bare LF in MAIL', HELLO, b'MAIL FROM:<a@sender.example>\nRCPT TO:<joe@example.test>\r\n',
     '554 5.5.2 Bare LF in command; closing'),
    ('bare CR in a command', HELLO, b'NOOP\rNOOP\r\n', '554 5.5.2 Bare CR in command; closing'),
    ('NUL in a command', HELLO, b'NO\0OP\r\n', '554 5.5.2 NUL in command; closing'),
    ('an HTTP request', [], b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
     '554 5.5.1 This is LMTP, not HTTP; closing'),
    ('HTTP POST', [], b'POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nQUIT\r\n',
     '554 5.5.1 This is LMTP, not HTTP; closing'),
    ('LF.LF', DATA, b'text\n.\nMAIL FROM:<x@y>\r\n.\r\n', '554 5.6.0 Bare LF in message data; closing'),
    ('CRLF.LF', DATA, b'text\r\n.\nmore\r\n.\r\n', '554 5.6.0 Bare LF in message data; closing'),
    ('LF.CRLF', DATA, b'text\n.\r\n', '554 5.6.0 Bare LF in message data; closing'),
    ('CR.CR', DATA, b'text\r.\r\r\n.\r\n', '554 5.6.0 Bare CR in message data; closing'),
    ('CRLF.CR', DATA, b'text\r\n.\rx\r\n.\r\n', '554 5.6.0 Bare CR in message data; closing'),
    ('bare LF in data', DATA, b'a\nb\r\n.\r\n', '554 5.6.0 Bare LF in message data; closing'),
]

COMMANDS = [
    ('a command of 2,049 bytes', HELLO, b'NOOP ' + b'x' * 2042 + b'\r\n', '500 5.5.2 Line too long'),
    ('unknown verb', HELLO, b'FROBNICATE now\r\n', '500 5.5.2 Command not recognized'),
    ('empty line', HELLO, b'\r\n', '500 5.5.2 Command not recognized'),
    ('HELO in LMTP', [], b'HELO x\r\n', '500 5.5.1 This is LMTP; use LHLO'),
    ('EHLO in LMTP', [], b'EHLO x\r\n', '500 5.5.1 This is LMTP; use LHLO'),
    ('MAIL before LHLO', [], b'MAIL FROM:<a@b>\r\n', '503 5.5.1 Send LHLO first'),
    ('DATA before MAIL', HELLO, b'DATA\r\n', '503 5.5.1 Need MAIL first'),
    ('DATA before RCPT', MAIL, b'DATA\r\n', '503 5.5.1 No valid recipients'),
    ('nested MAIL', MAIL, b'MAIL FROM:<a@sender.example>\r\n', '503 5.5.1 Nested MAIL command'),
    ('AUTH', HELLO, b'AUTH PLAIN\r\n', '502 5.5.1 Command not implemented'),
    ('SIZE=-1', HELLO, b'MAIL FROM:<a@b.test> SIZE=-1\r\n', '501 5.5.4 Bad SIZE value'),
    ('SIZE of 20 nines', HELLO, b'MAIL FROM:<a@b.test> SIZE=99999999999999999999\r\n', ('5', '')),
    ('SIZE of 21 digits', HELLO, b'MAIL FROM:<a@b.test> SIZE=100000000000000000000\r\n',
     '501 5.5.4 Bad SIZE value'),
    ('SIZE twice', HELLO, b'MAIL FROM:<a@b.test> SIZE=1 SIZE=2\r\n',
     '501 5.5.4 A parameter is given twice'),
    ('unknown parameter', HELLO, b'MAIL FROM:<a@b.test> FOO=1\r\n', '555 5.5.4 Unsupported parameter'),
    ('unknown RCPT parameter', MAIL, b'RCPT TO:<a@b.test> FOO\r\n', '555 5.5.4 Unsupported parameter'),
    ('ORCPT with +0A', MAIL, b'RCPT TO:<a@b.test> ORCPT=rfc822;a+0Ab@c\r\n', '501 5.5.4 Bad ORCPT value'),
    ('malformed xtext', MAIL, b'RCPT TO:<a@b.test> ORCPT=rfc822;a+zz@c\r\n', '501 5.5.4 Bad ORCPT value'),
    ('AUTH= with a newline', HELLO, b'MAIL FROM:<a@b.test> AUTH=a+0Ab\r\n', (('501', '555'), '5.5.4')),
    ('ENVID malformed', HELLO, b'MAIL FROM:<a@b.test> ENVID=+4\r\n', ('501', '5.5.4')),
    ('NOTIFY nonsense', MAIL, b'RCPT TO:<a@b.test> NOTIFY=NEVER,SUCCESS\r\n', ('501', '5.5.4')),
    ('BODY nonsense', HELLO, b'MAIL FROM:<a@b.test> BODY=9BIT\r\n',
     '501 5.5.4 BODY must be 7BIT or 8BITMIME'),
    ('BDAT without a size', RCPT, b'BDAT\r\n', '501 5.5.4 Syntax: BDAT size [LAST]'),
    ('BDAT -1', RCPT, b'BDAT -1 LAST\r\n', '501 5.5.4 Syntax: BDAT size [LAST]'),
    ('BDAT beyond 64 bits', RCPT, b'BDAT 99999999999999999999 LAST\r\n',
     '501 5.5.4 Syntax: BDAT size [LAST]'),
    ('BDAT without RCPT', MAIL, b'BDAT 4 LAST\r\nabcd', '503 5.5.1 No valid recipients'),
    ('DATA amid BDAT', RCPT + [b'BDAT 2\r\na\n'], b'DATA\r\n',
     '503 5.5.1 BDAT under way; only BDAT or RSET may follow'),
    ('MAIL syntax', HELLO, b'MAIL TO:<a@b.test>\r\n', '501 5.5.4 Syntax: MAIL FROM:<address>'),
]


def addresses():
    """(what, path, code and dsn for RCPT); MAIL answers 5.1.7 instead of 5.1.3."""
    bad = ('501', '5.1.3')
    rows = [
        ('no brackets', b'a@example.test', bad), ('<@>', b'<@>', bad), ('<a@>', b'<a@>', bad),
        ('<@b>', b'<@example.test>', bad), ('no @', b'<joe>', bad), ('<;id;@>', b'<;id;@>', bad),
        ('local part of 65', b'<' + b'l' * 65 + b'@example.test>', bad),
        ('domain of 256', b'<a@' + b'.'.join([b'd' * 50] * 5) + b'.test>', bad),
        ('label of 64', b'<a@' + b'd' * 64 + b'.test>', bad),
        ('unclosed quote', b'<"abc@example.test>', bad),
        ('backslash at the end', b'<"a\\"@example.test>', bad),
        ('two @', b'<a@b@example.test>', bad), ('bad literal', b'<a@[IPv6:zz]>', bad),
        ('overlong UTF-8', b'<a\xc0\xaf@example.test>', bad),
        ('UTF-8 without SMTPUTF8', 'jürgen@example.test'.join('<>').encode(), ('553', '5.6.7')),
        ('source route', b'<@relay.test:joe@example.test>', bad),
        ('ten thousand dots', b'<' + b'.' * 1900 + b'@example.test>', bad),
        ('blank inside', b'<a b@example.test>', bad), ('text behind', b'<a@example.test>x', bad),
    ]
    for what, path, (code, dsn) in rows:
        yield f'RCPT, {what}', MAIL, b'RCPT TO:' + path + b'\r\n', (code, dsn)
        yield (f'MAIL, {what}', HELLO, b'MAIL FROM:' + path + b'\r\n',
               (code, '5.1.7' if dsn == '5.1.3' else dsn))


def answers(where, before, raw, answer, what, closes):
    with smtp.Client(where, hello=None, timeout=20) as c:
        for line in before:
            if isinstance(line, bytes):
                c.send(line)
                r = c.reply()
            else:
                r = c.command(line)
            check(r.code < 400, f'{what}: {line!r} was answered with {r}')
        c.send(raw)
        r = c.reply()
        if isinstance(answer, str):
            same(str(r), answer, what)
        else:
            codes, dsn = answer
            check(str(r.code).startswith(codes) and r.dsn.startswith(dsn), f'{what}: {r}')
        if closes:
            check(c.closed(), f'{what}: the connection is closed after {r}')
        else:
            same(c.command('NOOP').code, 250, f'{what}: the session goes on')


def limits(lab, where):
    """552, 452, 554: what is too big, too many or has gone round too often."""
    with smtp.Client(where, hello=None) as c:
        for line in MAIL:
            c.command(line)
        for i in range(1000):
            same(c.command(f'RCPT TO:<r{i}@example.test>').code, 250, f'recipient {i + 1}')
        same(str(c.command('RCPT TO:<r1000@example.test>')), '452 4.5.3 Too many recipients',
             'recipient 1,001')
        same(c.command('RSET').code, 250, 'RSET')
    size = 1 << 20
    body = ('x' * 78 + '\r\n') * (size // 80)
    head = smtp.text('size', body='')
    exact = head + (body + 'y' * 80)[:size - len(head) - 2].encode() + b'\r\n'
    over = exact[:-2] + b'z\r\n'
    same(len(exact), size, 'the size of the message that just fits')
    same(str(send(where, over)), '552 5.3.4 Message size exceeds fixed limit', 'size + 1 by DATA')
    answers(where, HELLO, b'MAIL FROM:<a@b.test> SIZE=%d\r\n' % (size + 1),
            '552 5.3.4 Message size exceeds fixed limit', 'size + 1 by SIZE', False)
    answers(where, RCPT, b'BDAT %d LAST\r\n' % len(over) + over,
            '552 5.3.4 Message size exceeds fixed limit', 'size + 1 by BDAT', False)
    same(send(where, exact).code, 250, 'the exact size')

    hop = b'Received: from a by b; Mon, 02 Nov 2026 10:00:00 +0000\r\n'
    same(str(send(where, hop * 60 + smtp.text('hops'))), '554 5.4.6 Too many hops', '60 hops')
    same(send(where, hop * 40 + smtp.text('hops')).code, 250, '40 hops')


def big_headers(lab, where):
    """A header section over 1 MB is refused; many headers cost linear time."""
    big = b'X-Big: ' + b'h' * 900 + b'\r\n'
    same(str(send(where, big * 1300 + smtp.text('header'))),
         '552 5.3.4 Message header exceeds fixed limit', 'a header section over 1 MB')
    took = []
    for n in (20000, 80000):
        begin = time.monotonic()
        same(send(where, b'X: y\r\n' * n + smtp.text('many')).code, 250, f'{n} headers')
        took.append(time.monotonic() - begin)
    check(took[1] < (took[0] + 0.1) * 4 * 3, f'80,000 headers took {took[1]:.2f} s, 20,000 {took[0]:.2f}')
    begin = time.monotonic()
    same(str(send(where, b'X: y\r\n' * 500000 + smtp.text('many'))),
         '552 5.3.4 Message header exceeds fixed limit', '500,000 headers')
    check(time.monotonic() - begin < 10 * patience(), '500,000 headers are refused in linear time')


def send(where, message, sender='a@sender.example', recipient='joe@example.test', options=''):
    return smtp.lmtp(where, sender, [recipient], message, options)[0]


# What looks like an attack and is mail: sender, recipient, message, options
ODD_MAIL = [
    ("\"'); DROP TABLE q;--\"@sender.example", 'joe@example.test', smtp.text('sql'), ''),
    ('%s%n@sender.example', '"%s%n"@example.test', smtp.text('format', body='%s%n%s\r\n'), ''),
    ('../../etc/passwd@sender.example', '../../etc/passwd@example.test', smtp.text('path'), ''),
    ('-oQ/tmp@sender.example', '-oQ/tmp@example.test', smtp.text('option'), ''),
    ('a@sender.example', 'joe@example.test', smtp.text('esc \x1b[31m red', ident='esc'), ''),
    ('', 'joe@example.test', smtp.text('null sender'), ''),
    ('a@sender.example', 'joe@example.test', smtp.text('dots', body='.\r\n..\r\n.x\r\n\r\n.\r\n'), ''),
    ('a@sender.example', 'joe@example.test',
     smtp.text('8-bit') + bytes(range(128, 256)) + b'\r\n', 'BODY=8BITMIME'),
    ('jürgen@sender.example', 'jürgen@example.test', smtp.text('utf8'), 'SMTPUTF8'),
]
NUL = smtp.text('nul', body='a\0b\r\n')


def arrived(primary, sent):
    """All of it, byte for byte. sent: sender, recipient, message"""
    primary.start()
    wait_until(lambda: len(primary.messages) >= len(sent), 30,
               lambda: f'{len(sent)} odd messages at the primary; have {len(primary.messages)}')
    for sender, recipient, message in sent:
        check(any(m.sender == sender and m.recipients == [recipient] and m.data.endswith(message)
                  for m in primary.messages), f'from {sender} to {recipient}: {message!r}')


def accepted_as_data(holdfast, primary):
    """What looks like an attack and is mail: accepted, kept and delivered byte for byte."""
    sent = []
    for sender, recipient, message, options in ODD_MAIL:
        same(send(holdfast.lmtp_socket, message, sender, recipient, options).code, 250, sender)
        sent.append((sender, recipient, message))
    with smtp.Client(holdfast.lmtp_socket, hello='LHLO x') as c:
        c.command('MAIL FROM:<a@sender.example>')
        c.command('RCPT TO:<joe@example.test>')
        c.send(b'BDAT %d\r\n' % len(NUL[:-1]) + NUL[:-1] + b'BDAT 1 LAST\r\n' + NUL[-1:])
        same((c.reply().code, c.reply().code), (250, 250), 'NUL by BDAT')
    sent.append(('a@sender.example', 'joe@example.test', NUL))

    arrived(primary, sent)
    check('\x1b' not in holdfast.queued.log(), 'no escape sequence in the log')


@scenario(limit=180)
def bad_input(lab):
    primary = lab.fake_primary()
    holdfast = lab.holdfast(message_size_limit='1M').domain(
        'example.test', primary.port, (), '--recipients', 'any')
    holdfast.start_queued()
    where = holdfast.lmtp_socket
    for what, before, raw, answer in CLOSED:
        answers(where, before, raw, answer, what, True)
    for what, before, raw, answer in COMMANDS:
        answers(where, before, raw, answer, what, False)
    tested = len(CLOSED) + len(COMMANDS)
    for what, before, raw, answer in addresses():
        answers(where, before, raw, answer, what, False)
        tested += 1
    same(holdfast.held(), 0, 'messages kept of all that')
    limits(lab, where)
    same(holdfast.held(), 2, 'messages kept: the one that just fitted, and 40 hops')
    holdfast.cli('queue', 'delete', '--all', '--yes')
    accepted_as_data(holdfast, primary)
    holdfast.stop()

    roomy = lab.holdfast(name='roomy', message_size_limit='20M')
    roomy.domain('example.test', primary.port, (), '--recipients', 'any').start_queued()
    big_headers(lab, roomy.lmtp_socket)
    lab.say(f'{tested} kinds of bad input answered as they should be')
