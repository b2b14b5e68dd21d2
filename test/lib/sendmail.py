# SPDX-License-Identifier: BSD-2-Clause
"""A private Sendmail. Debian's packages of it and of Postfix exclude each other, so its packages
are fetched and unpacked into the scenario's directory, and nothing of it is installed."""
import glob
import os

from .process import Failure, free_port, run, wait_until
from .sendmail_setup import fetch, packages
from .smtp import Client, Lost

MC = '''\
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx2.test')dnl
define(`confPID_FILE', `{dir}/pid')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`HELP_FILE', `{dir}/helpfile')dnl
define(`ALIAS_FILE', `')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confDEF_USER_ID', `daemon')dnl
define(`confLOG_LEVEL', `9')dnl
define(`confTO_IDENT', `0')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `0')dnl
define(`confDELAY_LA', `0')dnl
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confPRIVACY_FLAGS', `nobodyreturn')dnl
define(`confDONT_PROBE_INTERFACES', `true')dnl
define(`confBIND_OPTS', `')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/service.switch')dnl
undefine(`USE_CW_FILE')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
DAEMON_OPTIONS(`Name=MTA, Port={port}, Addr=127.0.0.1')dnl
define(`LOCAL_MAILER_PATH', `/bin/false')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
define(`HOLDFAST_MILTER', `unix:{milter}')dnl
define(`HOLDFAST_QUEUED', `{queued}')dnl
define(`HOLDFAST_DOMAINS', `{dir}/domains')dnl
include(`{snippet}')dnl
'''


def unpack(lab):
    """The unpacked packages; Skip if they cannot be had."""
    from .lab import Skip
    if not lab.root:
        raise Skip('needs root (for Sendmail)')
    fetch()
    where = lab.mkdir('sendmail-packages')
    for package in packages():
        run(['dpkg', '-x', package, f'{where}/root'])
    program = f'{where}/root/usr/libexec/sendmail/sendmail'
    if not os.path.exists(program):         # it was there in other releases
        program = f'{where}/root/usr/lib/sm.bin/sendmail'
    if not os.path.exists(program):
        raise Skip(f'no sendmail in its packages')
    missing = [line.split()[0] for line in run(['ldd', program]).stdout.splitlines() if 'not found' in line]
    if missing:
        raise Skip(f'Sendmail needs {" ".join(missing)}')
    return program, f'{where}/root/usr/share/sendmail/cf/'


class Sendmail:
    """In front of a Holdfast, as packaging/sendmail/holdfast.m4 sets it up."""

    def __init__(self, lab, holdfast, domains=('example.test',), switch='hosts files'):
        self.program, macros = unpack(lab)
        self.port = free_port()
        self.dir = lab.mkdir('sendmail')
        self.queue = lab.mkdir('sendmail/queue')
        os.chmod(self.queue, 0o700)
        lab.write('sendmail/domains', ''.join(f'{d}\n' for d in domains))
        lab.write('sendmail/helpfile', '')
        lab.write('sendmail/service.switch', f'{switch}\naliases files\n')
        mc = lab.write('sendmail/sendmail.mc', MC.format(
            dir=self.dir, port=self.port, milter=holdfast.milter_socket, queued=holdfast.lmtp_socket,
            snippet=os.path.join(lab.source, 'packaging/sendmail/holdfast.m4')))
        self.cf = lab.write('sendmail/sendmail.cf', run(
            ['m4', f'-D_CF_DIR_={macros}', f'{macros}m4/cf.m4', mc]).stdout)
        os.chmod(self.cf, 0o644)
        # It sleeps a minute at its start on a host whose name has no dot: it gets a name of its own.
        self.process = lab.process('sendmail-daemon', [
            'unshare', '--uts', 'sh', '-c', 'hostname mx2.test && exec "$@"', 'sendmail', self.program,
            '-C', self.cf, '-bD', '-q1s', '-X', f'{self.dir}/traffic.log'])

    def start(self):
        self.process.start()
        wait_until(self._greets, 30, 'sendmail to greet')
        return self

    def _greets(self):
        if not self.process.alive():
            raise Failure(f'sendmail ended at its start: {self.process.log()}')
        try:
            with Client(self.port, hello=None, timeout=5):
                return True
        except Lost:
            return False

    def queued(self):
        """Messages in its queue; (those put on hold by a milter) have names of their own."""
        return len(glob.glob(f'{self.queue}/qf*')) + self.quarantined()

    def quarantined(self):
        return len(glob.glob(f'{self.queue}/hf*'))
