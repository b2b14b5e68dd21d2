# SPDX-License-Identifier: BSD-2-Clause
"""The walk through one outage that packaging/run shows.

Everything lives in one temporary folder and listens on loopback only; the parts and their
start are those of the tests (test/lib).
"""
import argparse
import os
import select
import signal
import sys
import time

from lib import smtp
from lib.lab import Lab
from lib.process import Failure, adopt, wait_until

COLOUR = sys.stdout.isatty() and not os.environ.get('NO_COLOR')
MORE = 20           # messages that arrive during the outage besides the first


def bold(text):
    return f'\033[1m{text}\033[0m' if COLOUR else text


def faint(text):
    return f'\033[2m{text}\033[0m' if COLOUR else text


def say(text=''):
    print(text, flush=True)


def ms(seconds):
    return f'{seconds * 1000:,.0f} ms'


class Walk:
    def __init__(self, lab):
        self.lab = lab
        self.primary = lab.primary()
        self.holdfast = lab.holdfast()
        self.mta = lab.mta(self.holdfast)

    def start(self):
        self.holdfast.domain('example.test', self.primary.port, ['joe', 'mary'])
        self.holdfast.start()
        self.mta.start()
        say()
        say(bold('Holdfast: a backup MX and one outage'))
        say()
        mx, primary = (f'127.0.0.1:{p.port:<6}' for p in (self.mta, self.primary))
        say(f'  Postfix          {mx} takes mail from the world, as the backup MX')
        say('  holdfast-milter  beside it       says who may pass')
        say('  holdfast-queued  behind it       keeps the mail on disk until the primary has it')
        say(f'  the primary      {primary} another Postfix, with the mailboxes of example.test')

    def send(self, recipient, subject):
        begin = time.monotonic()
        reply = smtp.send(self.mta.port, 'ann@sender.example', [recipient],
                          smtp.text(subject, body=f'This is "{subject}".\r\n', to=recipient))
        return reply, time.monotonic() - begin

    def outage(self):
        say()
        say(bold('1. The primary is down.') + ' Ann writes to joe@example.test all the same.')
        reply, took = self.send('joe@example.test', 'lunch on Friday')
        self.expect(reply.code == 250, reply)
        say(f'     {reply}   {faint(f"(after {ms(took)})")}')
        say('   She need not know. Her message is on our disk, safe against a power cut:')
        for line in self.holdfast.cli('queue', 'list').stdout.rstrip().splitlines():
            say(f'     {line}')

    def unknown(self):
        say()
        say(bold('2. Someone writes to nobody@example.test,') + ' whom the primary does not know.')
        reply, took = self.send('nobody@example.test', 'hello')
        self.expect(reply.code == 550, reply)
        say(f'     {reply}   {faint(f"(after {ms(took)})")}')
        say('   Refused at once. Had we taken it, we would have to bounce it later, mostly to a')
        say('   forged sender.')

    def more(self):
        say()
        say(bold('3. The outage goes on;') + f' {MORE} more messages arrive.')
        begin = time.monotonic()
        for i in range(MORE):
            reply, _ = self.send('mary@example.test', f'message number {i + 1}')
            self.expect(reply.code == 250, reply)
        count = self.holdfast.count()
        say(f'     taken in {ms(time.monotonic() - begin)}; held now: {count["messages"]} '
            f'messages, {count["bytes"]:,} bytes')
        for line in self.holdfast.cli('primary', 'list').stdout.rstrip().splitlines():
            say(f'     {line}')

    def recovery(self):
        say()
        say(bold('4. The primary comes back.') + ' Nobody types a command.')
        total = MORE + 1
        self.primary.start()
        up = time.monotonic()
        wait_until(lambda: self.primary.delivered(), 10, 'the first message at the primary')
        first = time.monotonic() - up
        wait_until(lambda: len(self.primary.delivered()) == total, 10, 'all messages')
        say(f'     first message delivered after {ms(first)}, all {total} after '
            f'{ms(time.monotonic() - up)}')
        wait_until(lambda: self.holdfast.held() == 0, 10, 'the queue to be empty')
        expected = smtp.text('lunch on Friday', body='This is "lunch on Friday".\r\n',
                             to='joe@example.test')
        message = self.primary.messages('joe')[0]
        self.expect(message.endswith(expected), 'the message changed on its way')
        say("   Joe's message arrived byte for byte as Ann sent it, under two Received: lines.")
        say(f'     held now: {self.holdfast.count()["messages"]} messages')

    @staticmethod
    def expect(condition, what):
        if not condition:
            raise Failure(f'not what should have happened: {what}')

    def stay(self):
        holdfast = f'{self.holdfast.build}/holdfast -c {self.holdfast.conf_path}'
        say()
        say(bold('It is running now.') + ' To try in another terminal:')
        say()
        say(f'  swaks --server 127.0.0.1:{self.mta.port} --from you@sender.example '
            '--to joe@example.test')
        say(f'  {holdfast} queue list')
        say(f'  {holdfast} primary list')
        say(f'  {holdfast} status')
        say(f'  less {self.holdfast.queued.log_path}')
        say(f'  ls {self.primary.mailbox_dir}/all/new')
        say()
        tty = sys.stdin is not None and sys.stdin.isatty()
        say('Enter switches the primary off and on, Ctrl-C ends everything.' if tty
            else 'Ctrl-C ends everything.')
        up = True
        while True:
            if not tty:
                signal.pause()
                continue
            if not select.select([sys.stdin], [], [], 3600)[0]:
                continue
            if not sys.stdin.readline():
                tty = False
                continue
            if up:
                self.primary.stop()
                say('The primary is down.')
            else:
                self.primary.start()
                say('The primary is up.')
            up = not up


def stop(*_):
    raise KeyboardInterrupt


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--build', required=True)
    options.add_argument('--once', action='store_true')
    options.add_argument('--keep', action='store_true')
    options = options.parse_args()
    os.environ['HOLDFAST_BUILD'] = options.build
    signal.signal(signal.SIGINT, stop)      # the shell that started us may have ignored it
    signal.signal(signal.SIGTERM, stop)
    adopt()
    lab, status = Lab('walk'), 0
    try:
        walk = Walk(lab)
        walk.start()
        walk.outage()
        walk.unknown()
        walk.more()
        walk.recovery()
        if not options.once:
            walk.stay()
        walk.holdfast.stop()
    except KeyboardInterrupt:
        say()
        status = 0
    except Failure as e:
        say(f'\nSomething went wrong: {e}\n\n{lab.logs()}')
        status = 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        lab.end()
        if options.keep:
            say(f'\nEverything has ended. Logs, queue and mailboxes: {lab.dir}')
        else:
            lab.remove()
            say('\nEverything has ended; nothing is left behind.')
    return status


if __name__ == '__main__':
    sys.exit(main())
