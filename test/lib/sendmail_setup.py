# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own Sendmail on a Machine: its packages installed there, scripts and all, in Postfix's place.

Debian's packages of the two exclude each other, and a test must not change what is installed; on a
Machine (machine.py) nothing is. fetch() is called when the scenario's file is read, before it
gets a network of its own without a way out.
"""
import glob
import os
import shutil
import subprocess

from .lab import Skip
from .process import run, wait_until

PACKAGES = ('sendmail-base', 'sendmail-bin', 'sendmail-cf', 'sensible-mda')


def folder():
    return os.path.join(os.path.abspath(os.environ.get('HOLDFAST_BUILD', 'build/plain')),
                        'sendmail-packages')


def found():
    return [p for name in PACKAGES for p in glob.glob(f'{folder()}/{name}_*.deb')]


def fetch():
    """Downloads the packages once for a build. What goes wrong is told later, by packages()."""
    if os.environ.get('HOLDFAST_NETWORK') or os.geteuid() != 0 or len(found()) == len(PACKAGES) or \
            not shutil.which('apt-get'):
        return
    try:
        os.makedirs(folder(), 0o755, exist_ok=True)
        subprocess.run(['apt-get', '-q', 'download', *PACKAGES], cwd=folder(), capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=90)
    except (OSError, subprocess.TimeoutExpired):
        pass


def packages():
    if not all(shutil.which(p) for p in ('dpkg', 'm4', 'make')):
        raise Skip('needs dpkg, m4 and make (for Sendmail)')
    if len(found()) < len(PACKAGES):
        raise Skip("Sendmail's packages cannot be fetched here")
    return found()


def install(machine):
    """Sendmail in Postfix's place, as Debian's packages leave it, but listening to the world."""
    debs = packages()
    env = {'DEBIAN_FRONTEND': 'noninteractive'}
    machine.write('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755)
    run(['dpkg', '--force-all', '--purge', 'postfix-sqlite', 'postfix'], env=env, check=False)
    done = run(['dpkg', '--force-all', '-i', *debs], env=env, check=False)
    if not os.path.exists('/etc/mail/sendmail.cf'):
        raise Skip(f'Sendmail cannot be installed here: {done.stderr[-300:]}')
    mc = machine.read('/etc/mail/sendmail.mc').replace(', Addr=127.0.0.1', '')
    # No pauses, no limits by rate: this is a test. No DNS is here to be asked.
    mc = mc.replace("FEATURE(`greet_pause', `1000')dnl", "dnl FEATURE(`greet_pause', `1000')dnl")
    mc = mc.replace("FEATURE(`conncontrol'", "dnl FEATURE(`conncontrol'")
    mc = mc.replace("FEATURE(`ratecontrol'", "dnl FEATURE(`ratecontrol'")
    mc = mc.replace("`confCONNECTION_RATE_THROTTLE', `15'", "`confCONNECTION_RATE_THROTTLE', `0'")
    mc = mc.replace('MAILER_DEFINITIONS\n', "FEATURE(`accept_unresolvable_domains')dnl\nFEATURE(`nocanonify')dnl\n"
                    "define(`confMIN_QUEUE_AGE', `0')dnl\ndefine(`confTO_IDENT', `0')dnl\nMAILER_DEFINITIONS\n", 1)
    machine.write('/etc/mail/sendmail.mc', mc)
    machine.write('/etc/mail/service.switch', 'hosts files\naliases files\n')
    with open('/etc/mail/sendmail.cf', 'w') as f:
        f.write(run(['m4', '/etc/mail/sendmail.mc']).stdout)
    return machine


def start(machine):
    os.makedirs('/run/sendmail/mta', 0o755, exist_ok=True)
    shutil.chown('/run/sendmail/mta', 'smmta', 'smmsp')
    process = machine.lab.process('sendmail', ['/usr/sbin/sendmail', '-Am', '-L', 'sm-mta', '-bd', '-q2s'])
    process.start()
    machine.lab.at_end(lambda: stop())
    wait_until(machine.greets, 40, lambda: f'Sendmail to greet; {machine.log()[-2000:]}{process.log()}')


def pid():
    for path in ('/run/sendmail/mta/sendmail.pid', '/var/run/sendmail.pid'):
        try:
            with open(path) as f:
                return int(f.readline())
        except (OSError, ValueError):
            pass
    return 0


def stop():
    if pid():
        try:
            os.kill(pid(), 15)
        except ProcessLookupError:
            pass


def queued():
    """Messages in Sendmail's own queue."""
    return len(glob.glob('/var/spool/mqueue/qf*'))
