#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the corpus: real-looking messages, one .eml each, and LIST, which says how to send them.

Run in this folder when a message is added; the same bytes come out each time. LIST has a line
for each message: file, envelope sender, MAIL parameters, separated by tabs. Left out is what
any Postfix changes by design: Bcc, Return-Path and Content-Length headers, NUL, a first line
`From '.
"""
import base64
import os
import quopri
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import keys  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DATE = 'Mon, 02 Nov 2026 10:00:00 +0000'
made = []


def add(name, message, sender='ann@sender.example', options=''):
    if isinstance(message, str):
        message = message.encode()
    message = message.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
    assert b'\0' not in message and (not message or message.endswith(b'\r\n')), name
    made.append((name, sender, options, message))


def head(name, subject=None, **more):
    """A usual header section, without the blank line."""
    fields = {'From': 'Ann Sender <ann@sender.example>', 'To': 'Joe <joe@example.test>',
              'Subject': subject or name, 'Date': DATE,
              'Message-ID': f'<{name}@sender.example>', **more}
    return ''.join(f'{k.replace("_", "-")}: {v}\n' for k, v in fields.items() if v is not None)


def mime(name, kind, encoding, **more):
    return head(name, MIME_Version='1.0', Content_Type=kind,
                Content_Transfer_Encoding=encoding, **more)


def parts(boundary, *pieces):
    out = ''
    for header, body in pieces:
        out += f'--{boundary}\n{header}\n{body}'
    return out + f'--{boundary}--\n'


def b64(data, width=76):
    text = base64.b64encode(data).decode()
    return ''.join(text[i:i + width] + '\n' for i in range(0, len(text), width))


def noise(label, n):
    return keys.Stream(label.encode()).take(n)


LOREM = ('Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor\n'
         'incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud\n'
         'exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat.\n\n')


def plain():
    add('plain', head('plain') + '\nHello Joe,\n\nshall we have lunch?\n\nAnn\n')
    add('plain-long', head('plain-long') + '\n' + LOREM * 120)
    add('body-empty', head('body-empty') + '\n')
    add('body-none', head('body-none'))
    add('body-blank-lines', head('body-blank-lines') + '\n' + '\n' * 12)
    add('body-blank-tail', head('body-blank-tail') + '\ntext\n' + '\n' * 7)
    add('body-trailing-space', head('body-trailing-space') + '\ntext   \n\t\n \nend \t\n')
    add('body-one-byte', head('body-one-byte') + '\nx\n')
    add('body-from-line', head('body-from-line') + '\nFrom here on it is body.\n>From too\n\nFrom x\n')
    add('body-headerlike', head('body-headerlike') + '\nSubject: not a header\nX: y\n\nend\n')


def dots():
    add('dot-alone', head('dot-alone') + '\nbefore\n.\nafter\n')
    add('dot-first', head('dot-first') + '\n.\n..\n...\n.x\n..x\n')
    add('dot-last', head('dot-last') + '\ntext\n.\n')
    add('dot-many', head('dot-many') + '\n' + '.\n' * 300 + '..\n' * 300)
    add('dot-header', head('dot-header', X_Dots='.') + '\n.\n\n.\n')
    add('dot-long', head('dot-long') + '\n.' + 'x' * 997 + '\n' + '.' * 998 + '\n')


def lines():
    add('line-998', head('line-998') + '\n' + 'y' * 998 + '\nend\n')
    add('line-2047', head('line-2047') + '\n' + 'z' * 2047 + '\n' + 'z' * 2048 + '\n' + 'z' * 2049 +
        '\nend\n')
    add('line-20000', head('line-20000') + '\n' + 'long ' * 4000 + '\nend\n')
    add('line-dots-2048', head('line-dots-2048') + '\n' + ('a' * 2047 + '.') * 4 + '.b\nend\n')
    add('line-many-short', head('line-many-short') + '\n' + 'a\n' * 9000)
    add('line-256k', head('line-256k') + '\n' + ('0123456789abcde\n' * 16384) + 'end\n')


def folding():
    add('fold-tabs', head('fold-tabs', subject='one\n\ttwo\n\t\tthree', X_A='a\n \t b') + '\nbody\n')
    add('fold-spaces', head('fold-spaces', subject='one\n    two\n                  three') + '\nbody\n')
    add('fold-blank', head('fold-blank', X_Blank='begin\n \n end', X_Tab='begin\n\t\n\tend') + '\nbody\n')
    add('fold-start', head('fold-start', X_Start='\n starts on the next line') + '\nbody\n')
    add('fold-trailing', head('fold-trailing', X_T='value   ', X_U='value\t\n  more \t') + '\nbody\n')
    add('header-nospace', 'From:ann@sender.example\nTo:joe@example.test\nSubject:tight\n'
        'Message-ID:<header-nospace@sender.example>\nX-Empty:\nX-Space: \nX-Tab:\t\nX-Two:  two\n'
        f'Date:\t{DATE}\n\nbody\n')
    add('header-case', 'FROM: ann@sender.example\nto: joe@example.test\nsUBJECT: Case\n'
        f'dAte: {DATE}\nMESSAGE-id: <header-case@sender.example>\nmime-VERSION: 1.0\n\nbody\n')
    add('header-twice', head('header-twice') + 'X-Same: 1\nX-Same: 2\nX-Same: 1\nX-same: 3\n\nbody\n')
    add('header-many', head('header-many') + ''.join(f'X-Field-{i}: value {i}\n' for i in range(400)) +
        '\nbody\n')
    add('header-long', head('header-long', X_Long='v' * 900, References=' '.join(
        f'<ref{i}.{"r" * 20}@sender.example>\n ' for i in range(60)).rstrip()) + '\nbody\n')
    add('header-odd', head('header-odd', X_Percent='%s%n%d', X_Sql="'); DROP TABLE q;--",
                           X_Colon=':a:b: c', X_Quote='"q\\"q"') + '\n%s%n\n')
    add('received-many', ''.join(
        f'Received: from relay{i}.sender.example (relay{i}.sender.example [192.0.2.{i + 1}])\n'
        f'\tby relay{i + 1}.sender.example (Postfix) with ESMTPS id 4F{i:06X}\n'
        f'\tfor <joe@example.test>; {DATE} (UTC)\n' for i in range(24)) + head('received-many') +
        '\nbody\n')
    add('no-message-id', 'From: ann@sender.example\nSubject: no id, no date, no To\n\nbody\n')


def charsets():
    latin = 'Grüße aus Köln, déjà vu: ½ £ ©\n'
    add('latin1-8bit', mime('latin1-8bit', 'text/plain; charset=iso-8859-1', '8bit').encode() + b'\n' +
        latin.encode('latin-1') * 5, options='BODY=8BITMIME')
    add('latin1-header', head('latin1-header').encode() + 'X-Raw: Grüße\n'.encode('latin-1') +
        b'\nbody\n', options='BODY=8BITMIME')
    add('utf8-8bit', mime('utf8-8bit', 'text/plain; charset=utf-8', '8bit') +
        '\nGrüße, Привет, こんにちは, 🙂, é (combining)\n', options='BODY=8BITMIME')
    add('utf8-no-mime', head('utf8-no-mime') + '\nčeština bez MIME\n', options='BODY=8BITMIME')
    add('utf8-rfc2047', mime('utf8-rfc2047', 'text/plain; charset=utf-8', 'quoted-printable',
        subject='=?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=\n =?UTF-8?Q?_und_=C3=A4hnliches?=') +
        '\n' + quopri.encodestring(latin.encode()).decode())
    add('utf8-headers', mime('utf8-headers', 'text/plain; charset=utf-8', '8bit',
        subject='Grüße – Привет', From='Jürgen Müller <jürgen@sender.example>') +
        '\nkörper\n', sender='jürgen@sender.example', options='BODY=8BITMIME SMTPUTF8')
    add('all-bytes', mime('all-bytes', 'application/octet-stream', '8bit').encode() + b'\n' + b''.join(
        bytes([c]) * 3 + b' ' + bytes([c]) + b'\n' for c in range(1, 256) if c not in (10, 13)),
        options='BODY=8BITMIME')
    add('gb18030', mime('gb18030', 'text/plain; charset=gb18030', '8bit').encode() + b'\n' +
        '你好，世界\n'.encode('gb18030'), options='BODY=8BITMIME')
    add('iso-2022-jp', mime('iso-2022-jp', 'text/plain; charset=iso-2022-jp', '7bit').encode() + b'\n' +
        'こんにちは\n'.encode('iso2022_jp'))
    add('esc-header', head('esc-header', X_Esc='\x1b[31mred\x1b[0m', X_Bell='\x07 \x7f') + '\n\x1b[2J\n')


def structured():
    text = ('Content-Type: text/plain; charset=us-ascii\n', 'Hello.\n')
    html = ('Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n',
            '<html><body style=3D"color:red">=\nHello=C3=A4</body></html>\n')
    add('alternative', mime('alternative', 'multipart/alternative; boundary="=_alt.1"', '7bit') +
        '\nThis is a multipart message.\n' + parts('=_alt.1', text, html) + 'epilogue\n')
    add('attachment', mime('attachment', 'multipart/mixed;\n boundary="----=_Part_1"', '7bit') + '\n' +
        parts('----=_Part_1', text, ('Content-Type: application/pdf; name="a b.pdf"\n'
              'Content-Disposition: attachment;\n filename*=UTF-8\'\'r%C3%A9sum%C3%A9.pdf\n'
              'Content-Transfer-Encoding: base64\n', b64(noise('pdf', 60000)))))
    inner = mime('inner', 'multipart/alternative; boundary=in', '7bit') + '\n' + parts('in', text, html)
    add('nested', mime('nested', 'multipart/mixed; boundary=out', '7bit') + '\n' + parts(
        'out', ('Content-Type: multipart/related; boundary=rel\n', parts('rel', html, (
            'Content-Type: image/png\nContent-ID: <i@x>\nContent-Transfer-Encoding: base64\n',
            b64(noise('png', 3000))))), ('Content-Type: message/rfc822\n', inner), text))
    deep = 'Content-Type: text/plain\n\ndeep\n'
    for i in range(40):
        deep = f'Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n{deep}--b{i}--\n'
    add('nested-deep', head('nested-deep', MIME_Version='1.0') + deep)
    add('no-final-boundary', mime('no-final-boundary', 'multipart/mixed; boundary=x', '7bit') +
        '\n--x\n\ntext without an end\n')
    add('qp-soft', mime('qp-soft', 'text/plain; charset=utf-8', 'quoted-printable') + '\n' +
        'soft =\nbreak =20\n=2E\n=\n.\n=46rom x\n')
    add('base64-wide', mime('base64-wide', 'application/octet-stream', 'base64') + '\n' +
        b64(noise('wide', 20000), 990))
    add('calendar', mime('calendar', 'text/calendar; charset=utf-8; method=REQUEST', '8bit') + '\n'
        'BEGIN:VCALENDAR\nMETHOD:REQUEST\nVERSION:2.0\nBEGIN:VEVENT\nUID:1@sender.example\n'
        'DTSTART:20261103T120000Z\nSUMMARY:Mittagessen\\, ümläutig\nATTENDEE;RSVP=TRUE:\n'
        ' mailto:joe@example.test\nEND:VEVENT\nEND:VCALENDAR\n', options='BODY=8BITMIME')
    add('smime-signed', mime('smime-signed', 'multipart/signed; protocol="application/pkcs7-signature";\n'
        '\tmicalg=sha-256; boundary="sig"', '7bit') + '\n' + parts('sig', text, (
            'Content-Type: application/pkcs7-signature; name=smime.p7s\n'
            'Content-Transfer-Encoding: base64\n', b64(noise('p7s', 2200), 64))))
    add('smime-encrypted', mime('smime-encrypted', 'application/pkcs7-mime; smime-type=enveloped-data;'
        ' name=smime.p7m', 'base64') + '\n' + b64(noise('p7m', 9000), 64))
    add('pgp', head('pgp') + '\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -- \n- .\nbody\n'
        '-----BEGIN PGP SIGNATURE-----\n\n' + b64(noise('pgp', 300), 64) + '-----END PGP SIGNATURE-----\n')
    add('mailing-list', 'Received: from lists.sender.example (localhost [127.0.0.1])\n'
        f'\tby lists.sender.example (Postfix) with ESMTP id ABC; {DATE}\n' +
        head('mailing-list', subject='[list] Re: a patch', Sender='list-bounces@sender.example',
             List_Id='A list <list.sender.example>', Precedence='list', In_Reply_To='<1@x.example>',
             List_Unsubscribe='<https://lists.sender.example/u>,\n\t<mailto:list-request@sender.example>',
             X_Mailman_Version='2.1.39', Errors_To='list-bounces@sender.example') +
        '\n> quoted\n>> more\n\nAnswer.\n-- \nAnn\n_______________\nlist mailing list\n',
        sender='list-bounces+joe=example.test@sender.example')
    add('bounce-null', mime('bounce-null', 'multipart/report; report-type=delivery-status; boundary=dsn',
        '7bit', From='MAILER-DAEMON@sender.example (Mail Delivery System)',
        subject='Undelivered Mail Returned to Sender', Auto_Submitted='auto-replied') + '\n' + parts(
            'dsn', text, ('Content-Type: message/delivery-status\n',
                          'Reporting-MTA: dns; sender.example\n\nFinal-Recipient: rfc822; x@y.example\n'
                          'Action: failed\nStatus: 5.1.1\n'),
            ('Content-Type: text/rfc822-headers\n', head('original'))), sender='')
    add('out-of-office', head('out-of-office', Auto_Submitted='auto-replied', Precedence='bulk',
                              X_Autoreply='yes') + '\nI am away.\n', sender='')
    add('spam', head('spam', subject='BUY N0W!!!', X_Spam_Flag='YES', From='"x" <x@sender.example>',
                     Reply_To='y@sender.example, <z@sender.example>') + '\n' + 'V1agra $$$\n' * 30)
    add('resent', f'Resent-From: bob@sender.example\nResent-To: joe@example.test\nResent-Date: {DATE}\n'
        'Resent-Message-ID: <re@sender.example>\n' + head('resent') + '\nbody\n')
    add('big-attachment', mime('big-attachment', 'application/octet-stream', 'base64') + '\n' +
        b64(noise('big', 400000)))


def dkim_sign(message, selector, canonicalization, headers=None):
    import dkim
    dkim.time.time = lambda: 1793613600.0       # the same signature each time
    message = message.encode() if isinstance(message, str) else message
    message = message.replace(b'\n', b'\r\n')
    key, algorithm = (keys.rsa()[0], b'rsa-sha256') if selector == b'rsa' else \
        (keys.ed25519()[0], b'ed25519-sha256')
    header = dkim.sign(message, selector, keys.DOMAIN, key, canonicalize=canonicalization,
                       signature_algorithm=algorithm, include_headers=headers)
    return header + message


def signed():
    r, s = b'relaxed', b'simple'
    body = '\nSigned.   \n\n.\n..two\nFrom x\nlast \t \n\n\n'
    odd = head('?', X_Fold='a\n\tb\n   c', X_Blank='a\n \n b') + 'X-Tight:none\n'
    for selector in (b'rsa', b'ed'):
        for h, b in ((s, s), (s, r), (r, s), (r, r)):
            name = f'dkim-{selector.decode()}-{h.decode()}-{b.decode()}'
            add(name, dkim_sign(odd.replace('<?@', f'<{name}@').replace(': ?\n', f': {name}\n') + body,
                                selector, (h, b),
                                [b'from', b'to', b'subject', b'date', b'message-id', b'x-fold',
                                 b'x-blank', b'x-tight']))
    multi = mime('dkim-multipart', 'multipart/mixed; boundary=m', '8bit') + '\n' + parts(
        'm', ('Content-Type: text/plain; charset=utf-8\n', 'Grüße\n.\n'),
        ('Content-Type: application/zip\nContent-Transfer-Encoding: base64\n', b64(noise('zip', 5000))))
    add('dkim-multipart', dkim_sign(multi, b'rsa', (s, s)), options='BODY=8BITMIME')
    both = head('dkim-two') + '\nTwo signatures.\n'
    first = dkim_sign(both, b'ed', (r, r))
    add('dkim-two', dkim_sign(first.replace(b'\r\n', b'\n'), b'rsa', (r, s)))
    add('dkim-long-lines', dkim_sign(head('dkim-long-lines') + '\n' + 'x' * 3000 + '\n.' + 'y' * 2046 +
                                     '.z\n', b'rsa', (s, s)))


def main():
    for group in (plain, dots, lines, folding, charsets, structured, signed):
        group()
    for old in os.listdir(HERE):
        if old.endswith('.eml'):
            os.unlink(os.path.join(HERE, old))
    for name, _, _, message in made:
        with open(os.path.join(HERE, name + '.eml'), 'wb') as f:
            f.write(message)
    with open(os.path.join(HERE, 'LIST'), 'w', encoding='utf-8') as f:
        for name, sender, options, _ in made:
            f.write(f'{name}.eml\t{sender}\t{options}\n')
    with open(os.path.join(HERE, 'dkim.txt'), 'wb') as f:
        for name, record in keys.records().items():
            f.write(name + b' ' + record + b'\n')
    print(f'{len(made)} messages, {sum(len(m) for *_, m in made):,} bytes')


if __name__ == '__main__':
    main()
