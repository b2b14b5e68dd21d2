# SPDX-License-Identifier: BSD-2-Clause
"""A private DNS: a real nsd with zones of the scenario's own, and a validating unbound before it.

    dns = Nsd(lab, {'example.test': '@ MX 10 mx1\\nmx1 A 127.0.0.1\\n'}).start()
    holdfast = lab.holdfast(resolver=dns.address)
    dns.zone('example.test', '@ MX 10 mx2\\nmx2 A 127.0.0.2\\n')    # changed, and served when it returns

Zones get their SOA and NS from here and a TTL of one second. A zone named in `signed' is
signed; `anchor' is the file with the trust anchors of all of them (for dnssec_anchor). A zone
whose text is None is configured without data: nsd answers SERVFAIL. Unbound(lab, dns) is a
recursive resolver for all of this; Holdfast may ask either.
"""
import ipaddress
import os
import signal
import socket
import time

from .process import Process, free_port, run, wait_until

HEAD = '''$ORIGIN {name}.
$TTL {ttl}
@ SOA ns.{name}. hostmaster.{name}. {serial} 3600 600 86400 {ttl}
@ NS ns.{name}.
ns A 127.0.0.1
'''


class Nsd:
    def __init__(self, lab, zones, signed=(), name='nsd', port=None, ttl=1):
        self.lab, self.port, self.ttl = lab, port or free_port(), ttl
        self.dir = lab.mkdir(name)
        self.address = f'127.0.0.1:{self.port}'
        self.anchor = f'{self.dir}/anchor'
        self.zones, self.signed, self.keys, self.serial = {}, set(signed), {}, 0
        for zone, text in zones.items():
            self._write(zone, text)
        self._write_anchor()
        config = f'''server:
  ip-address: 127.0.0.1@{self.port}
  username: ""
  chroot: ""
  zonesdir: "{self.dir}"
  pidfile: "{self.dir}/pid"
  xfrdfile: "{self.dir}/xfrd"
  xfrdir: "{self.dir}"
  zonelistfile: "{self.dir}/zonelist"
  database: ""
  server-count: 1
  hide-version: yes
{unlimited()}remote-control:
  control-enable: no
'''
        for zone in zones:
            config += f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
        path = lab.write(f'{name}/nsd.conf', config)
        self.process = lab.process(name, ['nsd', '-d', '-c', path])

    def start(self):
        self.process.start()
        for zone, (text, serial) in self.zones.items():
            if text is not None:
                wait_until(lambda: self.serves(zone, serial), 10, f'nsd to serve {zone}')
        return self

    def stop(self):
        self.process.stop()

    def zone(self, name, text, **how):
        """Replaces the zone and waits until it is served (at once if nsd is not running)."""
        serial = self._write(name, text, **how)
        self._write_anchor()
        if not self.process.alive():
            return
        self.process.signal(signal.SIGHUP)
        if text is not None:
            wait_until(lambda: self.serves(name, serial), 10, f'nsd to serve the new {name}')

    def serves(self, zone, serial):
        return soa_serial(self.port, zone) == serial

    def _write(self, name, text, expired=False, ttl=None):
        self.serial += 1
        self.zones[name] = text, self.serial
        path = f'{self.dir}/{name}.zone'
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
            return self.serial
        head = HEAD.format(name=name, serial=self.serial, ttl=ttl or self.ttl)
        target = f'{path}.new'
        with open(target, 'w') as f:
            f.write(head + text)
        if name in self.signed:
            if name not in self.keys:
                made = run(['sh', '-c', 'cd "$0" && ldns-keygen -a ECDSAP256SHA256 -k "$1"',
                            self.dir, name])
                self.keys[name] = f'{self.dir}/{made.stdout.strip()}'
            day = 86400
            begin, end = (-60 * day, -30 * day) if expired else (-day, 30 * day)
            run(['ldns-signzone', '-f', f'{target}.signed', '-i', date(begin), '-e', date(end),
                 target, self.keys[name]])
            target += '.signed'
        # nsd reads a file again when its time has changed, by the second in some versions.
        os.utime(target, (time.time(), time.time() - 1000 + self.serial))
        os.rename(target, path)
        return self.serial

    def _write_anchor(self):
        with open(self.anchor, 'w') as f:
            for key in self.keys.values():
                with open(f'{key}.key') as k:
                    f.write(k.read())


class Unbound:
    """A resolver that asks the given nsd for its zones and validates what is signed there.

    elsewhere: zones that are delegated to another port, zone -> port."""

    def __init__(self, lab, nsd, name='unbound', elsewhere=None, port=None):
        self.lab, self.port = lab, port or free_port()
        self.dir = lab.mkdir(name)
        self.address = f'127.0.0.1:{self.port}'
        anchor = f'  trust-anchor-file: "{nsd.anchor}"\n' if nsd.keys else ''
        config = f'''server:
  interface: 127.0.0.1@{self.port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{self.dir}"
  pidfile: "{self.dir}/pid"
  use-syslog: no
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  cache-max-negative-ttl: {nsd.ttl}
  infra-host-ttl: 1
  local-zone: "test." nodefault
  unblock-lan-zones: yes
{anchor}remote-control:
  control-enable: no
'''
        for zone, port in {**{z: nsd.port for z in nsd.zones}, **(elsewhere or {})}.items():
            config += f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{port}\n'
        path = lab.write(f'{name}/unbound.conf', config)
        self.process = lab.process(name, ['unbound', '-d', '-c', path])
        self.zone = next(name for name, (text, _) in nsd.zones.items() if text is not None)

    def start(self):
        self.process.start()
        wait_until(lambda: soa_serial(self.port, self.zone) is not None, 10, 'unbound to answer')
        return self

    def stop(self):
        self.process.stop()


class DeafServer:
    """A port that takes questions and never answers."""

    def __init__(self):
        # Both, since whoever comes after it needs both.
        self.sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        self.sockets[0].bind(('127.0.0.1', 0))
        self.port = self.sockets[0].getsockname()[1]
        self.sockets[1].bind(('127.0.0.1', self.port))

    def stop(self):
        for s in self.sockets:
            s.close()


def unlimited():
    """nsd drops answers beyond 200 a second to one client, where it is built to do so."""
    version = run(['nsd', '-v'], check=False)
    return '  rrl-ratelimit: 0\n' if 'enable-ratelimit' in version.stdout + version.stderr else ''


def reverse(address):
    """An address as RFC 5782 wants it below a list's zone, or without `in-addr.arpa'."""
    name = ipaddress.ip_address(address).reverse_pointer
    return name.replace('.in-addr.arpa', '').replace('.ip6.arpa', '')


def date(offset):
    return time.strftime('%Y%m%d%H%M%S', time.gmtime(time.time() + offset))


def soa_serial(port, zone):
    """The serial number of the zone as the server on that port has it, or None."""
    name = b''.join(bytes([len(x)]) + x.encode() for x in zone.split('.')) + b'\0'
    question = b'\x48\x46\x01\0\0\1\0\0\0\0\0\0' + name + b'\0\x06\0\1'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            s.connect(('127.0.0.1', port))
            s.send(question)
            answer = s.recv(4096)
        except OSError:
            return None
    if int.from_bytes(answer[6:8], 'big') == 0 or answer[3] & 15:
        return None
    at = skip_name(answer, len(question)) + 10      # type, class, TTL, length
    at = skip_name(answer, skip_name(answer, at))
    return int.from_bytes(answer[at:at + 4], 'big')


def skip_name(packet, at):
    while packet[at]:
        if packet[at] & 0xc0:
            return at + 2
        at += packet[at] + 1
    return at + 1
