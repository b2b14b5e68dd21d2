# SPDX-License-Identifier: BSD-2-Clause
"""Certificates to order, made by openssl.

    ca = CA(lab, 'ca')
    good = ca.issue('good', 'primary.test')             # good.cert, good.key: files
    old = ca.issue('old', 'primary.test', days=(-90, -30))
    alone = self_signed(lab, 'alone', 'primary.test')
    good.pin                                            # SHA-256 of the public key, hex
"""
import hashlib
import os
import time

from .process import run

CONFIG = '''
[ca]
default_ca = here
[here]
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
'''


class Certificate:
    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    @property
    def pin(self):
        pem = run(['openssl', 'x509', '-in', self.cert, '-noout', '-pubkey']).stdout
        return hashlib.sha256(der(pem)).hexdigest()

    def replace(self, other):
        """The server's certificate is another now; processes that start later read it."""
        for path, new in ((self.cert, other.cert), (self.key, other.key)):
            with open(new) as f:
                text = f.read()
            with open(path, 'w') as f:
                f.write(text)


class CA:
    def __init__(self, lab, name, subject='Test CA'):
        self.dir = lab.mkdir(name)
        self.file, self.key = f'{self.dir}/ca.crt', f'{self.dir}/ca.key'
        self.config = lab.write(f'{name}/ca.cnf', CONFIG.format(dir=self.dir))
        lab.write(f'{name}/index', '')
        lab.write(f'{name}/serial', '1000\n')
        run(['openssl', 'req', '-x509', *ec_key(self.key), '-out', self.file, '-days', '30',
             '-subj', f'/CN={subject}', '-addext', 'keyUsage=critical,keyCertSign'])
        os.chmod(self.dir, 0o755)

    def issue(self, name, *hosts, days=(-1, 30)):
        key, request, cert = (f'{self.dir}/{name}.{x}' for x in ('key', 'csr', 'crt'))
        run(['openssl', 'req', '-new', *ec_key(key), '-out', request, '-subj', f'/CN={hosts[0]}',
             '-addext', 'subjectAltName=' + ','.join(f'DNS:{h}' for h in hosts)])
        run(['openssl', 'ca', '-batch', '-notext', '-config', self.config, '-in', request,
             '-out', cert, '-startdate', date(days[0]), '-enddate', date(days[1])])
        return Certificate(cert, key)


def self_signed(lab, name, *hosts):
    key, cert = lab.path(f'{name}.key'), lab.path(f'{name}.crt')
    run(['openssl', 'req', '-x509', *ec_key(key), '-out', cert, '-days', '30', '-subj',
         f'/CN={hosts[0]}', '-addext', 'subjectAltName=' + ','.join(f'DNS:{h}' for h in hosts)])
    return Certificate(cert, key)


def ec_key(path):
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path]


def date(days):
    return time.strftime('%y%m%d%H%M%SZ', time.gmtime(time.time() + days * 86400))


def day(days):
    """As Holdfast's reasons write it."""
    return time.strftime('%Y-%m-%d', time.gmtime(time.time() + days * 86400))


def der(pem):
    import ssl
    body = pem.replace('PUBLIC KEY', 'CERTIFICATE')
    return ssl.PEM_cert_to_DER_cert(body)
