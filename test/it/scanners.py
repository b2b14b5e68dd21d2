# SPDX-License-Identifier: BSD-2-Clause
"""SpamAssassin, rspamd and ClamAV, the real ones, behind a real Postfix: GTUBE, EICAR, a ham; and their absence.

They start together; each then has the mail to itself. What is not installed is named and left out.
"""
import os
import re

from lib import smtp
from lib.lab import Skip, check, same, scenario
from lib.process import wait_until
from lib.scanners import EICAR, GTUBE, Clamd, Rspamd, Spamd

HAM = '/usr/share/doc/spamassassin/examples/sample-nonspam.txt'
BODY = 'Hello Joe,\r\n\r\nthe minutes of the meeting are in the mail of last week.\r\n\r\nAnn\r\n'

DOMAINS = ('example.test', 'apart.test', 'lenient.test')
SETTINGS = '''
lenient.test:threshold.tag=5 lenient.test:threshold.quarantine=never lenient.test:threshold.spam_reject=never
lenient.test:spam.on_fault=off lenient.test:virus.on_fault=off
apart.test:threshold.spam_reject=never apart.test:virus.found=quarantine
'''


def ham():
    """A real message that is none; Debian ships one with SpamAssassin."""
    if not os.path.exists(HAM):
        return smtp.text('Minutes', BODY)
    with open(HAM, 'rb') as f:
        message = re.sub(rb'\r?\n', b'\r\n', f.read())
    return re.sub(rb'(?im)^(Return-Path|Content-Length):.*\r\n', b'', message)   # Postfix drops these


class World:
    def __init__(self, lab):
        self.lab = lab
        self.primary = lab.primary(domains=DOMAINS).start()
        self.holdfast = lab.holdfast()
        for domain in DOMAINS:
            self.holdfast.domain(domain, self.primary.port, [], '--recipients', 'any')
        for line in SETTINGS.split():
            self.put(line)
        self.holdfast.start()
        self.mta = lab.mta(self.holdfast, domains=DOMAINS).start()

    def put(self, line):
        name, value = line.split('=', 1)
        scope, _, name = name.rpartition(':')
        self.holdfast.cli('rule', 'set', name, value, *(['--for', scope] if scope else []))

    def set(self, *lines):
        """name=value; in force when this returns."""
        for line in lines:
            before = self.log().count('new rules are in force')
            self.put(line)
            wait_until(lambda: self.log().count('new rules are in force') > before, 5, 'the new rules')

    def send(self, message, to='joe@example.test'):
        return smtp.send(self.mta.port, 'ann@sender.example', [to], message)

    def log(self):
        return self.holdfast.milter.log()


def taken(world, message, what, to='joe@example.test'):
    """Accepted, and the primary gets just these bytes."""
    n = len(world.primary.delivered())
    r = world.send(message, to)
    same(r.code, 250, f'{what}: {r}')
    wait_until(lambda: len(world.primary.delivered()) == n + 1, 10, f'{what} at the primary')
    arrived = world.primary.messages()[-1]
    check(arrived.endswith(message), f'{what} arrived unchanged')
    return arrived


def away(world, scanner, setting, what):
    """Nobody answers: deferred, or passed where the rules say so; and back when it is back."""
    scanner.kill()
    r = world.send(ham())
    check(r.code == 451 and 'Content scanner not available' in r.text, f'{what} is away: {r}')
    taken(world, ham(), f'{what} is away, and may be', 'x@lenient.test')
    check(f'{setting}: mail passes unscanned' in world.log(), f'{what}: the log says that it passes')
    scanner.start().wait()
    taken(world, ham(), f'{what} is back')


def spam(world, scanner, setting, gtube):
    world.set(f'{setting}={scanner.at}')
    arrived = taken(world, ham(), f'ham by {scanner.name}')
    check(b'X-Spam-Flag' not in arrived, 'a ham is not marked')
    r = world.send(gtube)
    check(r.code == 550 and 'Message looks like spam' in r.text, f'GTUBE by {scanner.name}: {r}')
    # what each domain makes of it
    r = world.send(gtube, 'x@apart.test')
    same(r.code, 250, f'GTUBE for a domain that keeps it apart: {r}')
    held = world.holdfast.queue('--state', 'quarantined')
    same(len(held), 1, 'messages kept apart')
    reason = held[0]['recipients'][0]['reason']
    check(reason.startswith('score ') and f'spam {scanner.name}=' in reason, reason)
    world.holdfast.cli('queue', 'delete', held[0]['queue_id'], '--yes')
    arrived = taken(world, gtube, 'GTUBE for a domain that marks it', 'x@lenient.test')
    score = re.search(rb'^X-Spam-Flag: YES\r\nX-Spam-Score: ([\d.]+)\r$', arrived, re.M)
    check(score and float(score.group(1)) >= 15, f'the mark: {arrived[:600]}')
    away(world, scanner, 'spam', scanner.name)
    world.set(f'{setting}=')
    return float(score.group(1))


def virus(world, scanner, eicar):
    world.set(f'virus.clamd=unix:{scanner.socket}')
    taken(world, ham(), 'ham by clamd')
    r = world.send(eicar)
    check(r.code == 550 and 'Message contains a virus (Eicar-Test.UNOFFICIAL)' in r.text, f'EICAR: {r}')
    r = world.send(eicar, 'x@apart.test')
    same(r.code, 250, f'EICAR for a domain that keeps it apart: {r}')
    held = world.holdfast.queue('--state', 'quarantined')
    same([h['recipients'][0]['reason'] for h in held], ['virus Eicar-Test.UNOFFICIAL'], 'kept apart')
    world.holdfast.cli('queue', 'delete', held[0]['queue_id'], '--yes')
    # more than clamd takes, and more than it is asked about
    large = smtp.text('large', ('x' * 76 + '\r\n') * 20000)
    r = world.send(large)
    check(r.code == 451, f'over clamd\'s own limit: {r}')
    check('INSTREAM size limit exceeded' in world.log(), 'the log says why')
    world.set('virus.max_size=1M', f'virus.clamd={scanner.at}')
    taken(world, large, 'over virus.max_size')
    same(world.send(eicar).code, 550, 'EICAR over TCP')
    away(world, scanner, 'virus', 'clamd')
    world.set('virus.clamd=')


@scenario(limit=150)
def scanners(lab):
    there = []
    for kind in (Clamd, Spamd, Rspamd):
        try:
            there.append(kind(lab).start())
        except Skip as e:
            lab.say(f'left out: {e}')
    if not there:
        raise Skip('needs clamd, spamd or rspamd')
    world = World(lab)
    gtube, eicar = smtp.text('offer', GTUBE + '\r\n'), smtp.text('bill', EICAR + '\r\n')
    said = []
    for scanner in there:
        scanner.wait()
        if scanner.name == 'clamd':
            virus(world, scanner, eicar)
            said.append('clamd finds EICAR')
        else:
            said.append(f'{scanner.name} gives GTUBE '
                        f'{spam(world, scanner, f"spam.{scanner.name}", gtube):g} points')
    same(world.holdfast.held(), 0, 'messages held at the end')
    lab.say(', '.join(said))
