# SPDX-License-Identifier: BSD-2-Clause
"""A configuration with a fault: exit 78 and `file:line: reason', from all three programs."""
import os

from lib.lab import check, same, scenario
from lib.process import run, wait_until

EX_CONFIG = 78

# what -> (lines put behind the good ones, words of the reason)
ROWS = {
    'unknown key': ('colour = red', 'unknown key "colour"'),
    'duplicate': ('hostname = other.test', 'duplicate key "hostname"'),
    'negative time': ('lmtp_timeout = -5s', 'lmtp_timeout'),
    'not a time': ('lmtp_timeout = soon', 'lmtp_timeout'),
    'time beyond bounds': ('smtp_connect_timeout = 4000w', 'smtp_connect_timeout'),
    'not a size': ('message_size_limit = big', 'message_size_limit'),
    'size of 0': ('message_size_limit = 0', 'message_size_limit'),
    'relative path': ('http_listen = 127.0.0.1', 'http_listen'),
    'no =': ('just words', ''),
    'no key': ('= value', ''),
    'bad choice': ('on_queued_down = shrug', 'pass or tempfail'),
    'bad store': ('store = oracle', 'sqlite'),
}
REPLACED = {
    'relative path': ('queue_db', 'queue.db', 'queue_db'),
    'bad endpoint': ('lmtp_listen', 'tcp:24', 'lmtp_listen'),
    'empty host name': ('hostname', '', 'hostname'),
    'bad host name': ('hostname', 'a b', 'hostname'),
}


@scenario(limit=60)
def bad_config(lab):
    holdfast = lab.holdfast()
    holdfast.domain('example.test', 25, ['joe'])
    good = dict(holdfast.conf)
    lines = ''.join(f'{k} = {v}\n' for k, v in good.items())

    def refused(name, text, where, reason, mode=0o644):
        path = lab.write('bad.conf', text)
        os.chmod(path, mode)
        for program in ('holdfast-queued', 'holdfast-milter', 'holdfast'):
            arguments = ['-t'] if program != 'holdfast' else ['queue', 'count']
            done = run([f'{lab.build}/{program}', '-c', path, *arguments], check=False)
            same(done.returncode, EX_CONFIG, f'{name}: exit status of {program}: {done.stderr}')
            check(f'{path}{where}' in done.stderr and reason in done.stderr,
                  f'{name}: {program} says {done.stderr!r}, expected {path}{where} … {reason}')
        os.unlink(path)

    n = lines.count('\n')
    for name, (line, reason) in ROWS.items():
        refused(name, f'{lines}{line}\n', f':{n + 1}: ', reason)
    for name, (key, value, reason) in REPLACED.items():
        text = ''.join(f'{k} = {value if k == key else v}\n' for k, v in good.items())
        refused(name, text, f':{list(good).index(key) + 1}: ', reason)
    refused('byte order mark', '\ufeff' + lines, ':1: ', '')
    refused('world-writable file', lines, ': ', 'write', mode=0o666)
    done = run([f'{lab.build}/holdfast-queued', '-c', '/nonexistent/holdfast.conf', '-t'], check=False)
    same(done.returncode, EX_CONFIG, 'exit status for a missing file')
    check('/nonexistent/holdfast.conf: ' in done.stderr, f'a missing file: {done.stderr!r}')

    # On SIGHUP a bad file is refused, and the daemons go on with the old one.
    holdfast.start()
    with open(holdfast.conf_path, 'a') as f:
        f.write('colour = red\n')
    holdfast.reload()
    where = f'{holdfast.conf_path}:{n + 1}: '
    for process in (holdfast.queued, holdfast.milter):
        wait_until(lambda: where in process.log(), 5, f'{process.name} to say why it refuses the file')
        check(process.alive(), f'{process.name} goes on')
    holdfast.write_conf()
    same(holdfast.held(), 0, 'messages held; the command works')
