# SPDX-License-Identifier: BSD-2-Clause
"""The corpus's DKIM keys, computed from a phrase: test data, worthless elsewhere.

No private key lies in a file, and make.py signs the same bytes each time. The public halves
are in dkim.txt, as DNS would hold them.
"""
import base64
import hashlib

PHRASE = b'holdfast test corpus'
DOMAIN = b'sender.example'


class Stream:
    """Bytes that only look random."""

    def __init__(self, label):
        self.label, self.counter, self.pool = label, 0, b''

    def take(self, n):
        while len(self.pool) < n:
            self.pool += hashlib.sha256(PHRASE + self.label + b'%d' % self.counter).digest()
            self.counter += 1
        out, self.pool = self.pool[:n], self.pool[n:]
        return out

    def integer(self, bits):
        return int.from_bytes(self.take(bits // 8), 'big')


def is_prime(n, stream):
    if any(n % p == 0 for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(24):         # Miller-Rabin
        x = pow(stream.integer(1024) % (n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(stream, e):
    while True:
        p = stream.integer(1024) | (3 << 1022) | 1
        if p % e != 1 and is_prime(p, stream):
            return p


def der(tag, body):
    n = len(body)
    length = bytes([n]) if n < 128 else (
        bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, 'big'))
    return bytes([tag]) + length + body


def der_integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, 'big'))


def rsa():
    """(private key as PEM, public key as DER) of 2,048 bits."""
    stream, e = Stream(b'rsa'), 65537
    p, q = prime(stream, e), prime(stream, e)
    n, d = p * q, pow(e, -1, (p - 1) * (q - 1))
    private = der(0x30, b''.join(map(der_integer, (
        0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)))))
    bits = der(0x30, der_integer(n) + der_integer(e))
    public = der(0x30, der(0x30, der(6, bytes.fromhex('2a864886f70d010101')) + der(5, b'')) +
                 der(3, b'\0' + bits))
    pem = b'-----BEGIN RSA PRIVATE KEY-----\n' + base64.encodebytes(private) + \
        b'-----END RSA PRIVATE KEY-----\n'
    return pem, public


def ed25519():
    """(seed in base64, public key)"""
    import nacl.signing
    seed = Stream(b'ed25519').take(32)
    return base64.b64encode(seed), bytes(nacl.signing.SigningKey(seed).verify_key)


def records():
    """name -> TXT record, both selectors."""
    return {
        b'rsa._domainkey.' + DOMAIN + b'.':
            b'v=DKIM1; k=rsa; p=' + base64.b64encode(rsa()[1]),
        b'ed._domainkey.' + DOMAIN + b'.':
            b'v=DKIM1; k=ed25519; p=' + base64.b64encode(ed25519()[1]),
    }
