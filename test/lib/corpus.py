# SPDX-License-Identifier: BSD-2-Clause
"""The messages of test/corpus, how to send them, and what may be on top of them on arrival."""
import os

from .process import Failure

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'corpus')


class Entry:
    def __init__(self, line):
        name, self.sender, self.options = line.rstrip('\n').split('\t')
        self.name = name[:-4]
        with open(os.path.join(FOLDER, name), 'rb') as f:
            self.message = f.read()


def entries():
    with open(os.path.join(FOLDER, 'LIST'), encoding='utf-8') as f:
        return [Entry(line) for line in f]


def trace_of(arrived, original, names=(b'received:',)):
    """
    The headers of these names that were put on top of original; Failure if anything else differs.
    A message without a body may arrive with the blank line that ends every header section.
    """
    for sent in (original, original + b'\r\n'):
        if arrived.endswith(sent):
            top = arrived[:len(arrived) - len(sent)]
            break
    else:
        raise Failure(difference(arrived, original))
    if sent is not original and b'\r\n\r\n' in original:
        raise Failure('a line was added at the end')
    trace = []
    for line in top.split(b'\r\n')[:-1]:
        if line[:1] in (b' ', b'\t') and trace:
            trace[-1] += b'\r\n' + line
        elif line.lower().startswith(names):
            trace.append(line)
        else:
            raise Failure(f'not a trace line on top: {line[:200]!r}')
    return trace


def difference(arrived, original):
    a, o = arrived.split(b'\r\n'), original.split(b'\r\n')
    while a and a[0] != o[0]:
        a.pop(0)
    for i, (x, y) in enumerate(zip(a, o)):
        if x != y:
            return f'line {i + 1}: sent {y[:120]!r} ({len(y)}), arrived {x[:120]!r} ({len(x)})'
    return f'sent {len(o)} lines, arrived {len(a)}' if a else 'the first line did not arrive'


def dkim_records():
    with open(os.path.join(FOLDER, 'dkim.txt'), 'rb') as f:
        return dict(line.rstrip(b'\n').split(b' ', 1) for line in f)


def signatures(message):
    """How many DKIM signatures the message has and how many of them verify."""
    import dkim
    records = dkim_records()

    def txt(name, timeout=5):
        return records.get(name if isinstance(name, bytes) else name.encode())

    def good(i):
        try:
            return bool(dkim.DKIM(message).verify(idx=i, dnsfunc=txt))
        except dkim.DKIMException:
            return False

    n = message.split(b'\r\n\r\n')[0].lower().count(b'dkim-signature:')
    return n, sum(good(i) for i in range(n))
