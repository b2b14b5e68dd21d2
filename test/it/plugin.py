# SPDX-License-Identifier: BSD-2-Clause
"""Checks from outside: built against what `make install' puts there, asked by a real Postfix.

The examples of packaging/example-check are what is built. Beside them lie files that are not fit;
mail flows all the same.
"""
import json
import os
import shutil

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import run, wait_until

STRICT = '-std=c99 -O2 -Wall -Wextra -Wconversion -pedantic -Werror'
CRASH = '__attribute__((constructor)) static void f(void) { *(volatile int *)16 = 1; }\n'


def install(lab):
    """`make install' into a folder of its own; pkg-config's answers from there."""
    dest = lab.path('dest')
    run(['make', '-C', lab.build, 'install', f'DESTDIR={dest}'])
    found = {name: path for path, _, names in os.walk(dest) for name in names}
    check('check.h' in found and found['check.h'].endswith('/include/holdfast'),
          f'the header is installed: {found.get("check.h")}')
    pkg = {'PKG_CONFIG_PATH': found['holdfast.pc'], 'PKG_CONFIG_SYSROOT_DIR': dest}
    flags = run(['pkg-config', '--cflags', 'holdfast'], env=pkg).stdout.split()
    same(flags, ['-I' + os.path.dirname(found['check.h'])], 'pkg-config --cflags')
    where = run(['pkg-config', '--variable=checksdir', 'holdfast'],
                env={'PKG_CONFIG_PATH': found['holdfast.pc']}).stdout.strip()
    check(where.endswith('/lib/holdfast/checks'), f'pkg-config --variable=checksdir: {where}')
    return pkg, os.path.dirname(found['check.h'])


def build(lab):
    """The examples, twice by their own Makefile: as it is, and by the rules that a purist has."""
    pkg, include = install(lab)
    example = lab.path('example')
    shutil.copytree(f'{lab.source}/packaging/example-check', example)
    env = {**pkg, 'MAKEFLAGS': ''}
    run(['make', '-C', example], env=env)
    run(['make', '-C', example, 'clean'], env=env)
    run(['make', '-C', example, f'CPPFLAGS=-I{include}', f'CFLAGS={STRICT}'], env=env)
    target = lab.path('target')
    run(['make', '-C', example, 'install', f'DESTDIR={target}', 'CHECKSDIR=/checks'], env=env)
    same(sorted(os.listdir(f'{target}/checks')), ['body_word.so', 'helo_suffix.so'], 'make install')
    if shutil.which('c++'):
        for name in ('helo_suffix', 'body_word'):
            run(['c++', '-x', 'c++', '-std=c++20', '-Wall', '-Werror', f'-I{include}', '-c', '-o',
                 '/dev/null', f'{example}/{name}.c'])
    return f'{target}/checks'


def say(mta, helo, body='Hello.\r\n', to='joe@example.test', ident='x'):
    """The reply to the whole, or to the first command that was refused, and which one that was."""
    with smtp.Client(mta.port, hello=f'EHLO {helo}') as c:
        c.command('MAIL FROM:<ann@sender.example>')
        reply = c.command(f'RCPT TO:<{to}>')
        if reply.code != 250:
            return 'RCPT', reply
        c.command('DATA')
        c.send(smtp.stuff(smtp.text('test', body, to=to, ident=ident)))
        return 'DATA', c.reply()


@scenario(limit=120)
def plugin(lab):
    checks = build(lab)
    lab.write('crash.c', CRASH)
    run(['cc', '-shared', '-fPIC', '-o', f'{checks}/crash.so', lab.path('crash.c')])
    lab.write('target/checks/text.so', 'No object, but a text that somebody has put into the wrong place.\n')
    os.chmod(f'{checks}/text.so', 0o644)
    suffixes = lab.write('suffixes', '# not wanted\n.dynamic.example\n\n.dsl.example   # nor these\n')
    os.chmod(suffixes, 0o644)
    env = {'HELO_SUFFIX_FILE': suffixes, 'BODY_WORD': 'frobnicate'}

    primary = lab.fake_primary().start()
    holdfast = lab.holdfast(checks_dir=checks).domain('example.test', primary.port, ['joe'])
    holdfast.domain('other.test', primary.port, ['joe'])
    holdfast.milter.env.update(env)
    tested = run([f'{lab.build}/holdfast-milter', '-c', holdfast.conf_path, '-t'])
    check('crash.so: this check is left out' in tested.stderr, f'-t names it: {tested.stderr}')
    holdfast.start()
    mta = lab.mta(holdfast, domains=('example.test', 'other.test')).start()
    log = holdfast.milter.log()
    for line in ('body_word.so: check body_word is in use (cost memory)',
                 'helo_suffix.so: check helo_suffix is in use (cost memory)',
                 'crash.so: this check is left out: it dies of signal 11 (Segmentation fault) when it is loaded',
                 'text.so: this check is left out: invalid ELF header'):
        check(line in log, f'the log says "{line}":\n{log}')

    # In force: refused at RCPT, in the words of the check; all others are delivered.
    stage, reply = say(mta, 'pc1.DSL.example')
    same((stage, reply.code, reply.dsn), ('RCPT', 554, '5.7.1'), f'an unwanted name: {reply}')
    check('Helo command rejected: Access denied [trace=' in reply.text, f'its words: {reply}')
    check('check=helo_suffix action=reject code=554 reason="unwanted ending" rule="helo_suffix .dsl.example"'
          in holdfast.milter.log(), 'and the log says by which rule')
    same(say(mta, 'mail.example', ident='wanted')[1].code, 250, 'another name')
    wait_until(lambda: len(primary.messages) == 1, 10, 'it to be delivered')

    # The content: the word lies across two pieces of what the check reads.
    long = ('x' * 70 + '\r\n') * 20
    for n, body in enumerate(('frobnicate\r\n', long * 30 + 'frobnicate' + '\r\n' + long)):
        same(say(mta, 'mail.example', body)[1].code, 250, 'a message with the word is accepted')
        wait_until(lambda: len(holdfast.queue('--state', 'quarantined')) == n + 1, 10,
                   'it to be in quarantine')
    check('fate=quarantine score=0 hits="body_word=quarantine"' in holdfast.milter.log(),
          'the log says why')
    same(len(primary.messages), 1, 'messages delivered')

    # In shadow mode nothing changes but the log; off, not even that; each by recipient.
    holdfast.cli('rule', 'set', 'plugin.mode', 'shadow')
    holdfast.cli('rule', 'set', 'plugin.mode', 'off', '--for', 'other.test')
    wait_until(lambda: holdfast.milter.log().count('new rules are in force') >= 1 and
               say(mta, 'pc1.dynamic.example')[0] == 'DATA', 5, 'the new mode')
    before = holdfast.milter.log()
    same(say(mta, 'pc1.dynamic.example', 'frobnicate\r\n', ident='shadow')[1].code, 250, 'in shadow mode')
    said = holdfast.milter.log()[len(before):]
    check('check=helo_suffix action=shadow-reject code=554' in said and
          'check=body_word action=shadow-quarantine' in said, f'what would have been: {said}')
    wait_until(lambda: any(b'Message-ID: <shadow@' in m.data for m in primary.messages), 10,
               'it to be delivered')
    same(len(holdfast.queue('--state', 'quarantined')), 2, 'messages in quarantine')
    before = holdfast.milter.log()
    same(say(mta, 'pc1.dynamic.example', 'frobnicate\r\n', to='joe@other.test')[1].code, 250, 'while off')
    said = holdfast.milter.log()[len(before):]
    check('helo_suffix' not in said and 'body_word' not in said, f'nobody asks them: {said}')

    # The same, asked by the command.
    def explain(to, *more):
        done = run([f'{lab.build}/holdfast', '-c', holdfast.conf_path, '--json', 'explain', '--client',
                    '192.0.2.1', '--name', '', '--helo', 'pc1.dynamic.example', '--from', 'ann@sender.example',
                    '--to', to, *more], check=False, env=env)
        return done, {(j['stage'], j['check']): j for j in map(json.loads, done.stdout.splitlines())
                      if j['type'] == 'check'}
    done, rows = explain('joe@other.test')
    same(rows['rcpt', 'helo_suffix']['state'], 'off', 'explained while off')
    check('crash.so: this check is left out' in done.stderr, f'it tells of what is not fit: {done.stderr}')
    done, rows = explain('joe@example.test')
    same([rows['rcpt', 'helo_suffix'][k] for k in ('mode', 'action', 'code')], ['shadow', 'reject', 554],
         'explained in shadow mode')
    holdfast.cli('rule', 'unset', 'plugin.mode')
    done, rows = explain('joe@example.test')
    same(done.returncode, 65, f'exit status: {done.stdout}')
