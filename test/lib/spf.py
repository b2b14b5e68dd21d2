# SPDX-License-Identifier: BSD-2-Clause
"""policyd-spf, the SPF policy service that Postfix sites use, on a DNS server of the scenario's own."""
import os

from .lab import Skip

POLICYD = '/usr/bin/policyd-spf'
CONF = '''debugLevel = 1
TestOnly = 1
HELO_reject = False
Mail_From_reject = False
PermError_reject = False
TempError_Defer = False
skip_addresses = 192.0.2.254/32
'''
# Its resolver is the system's; this gives it ours.
WRAPPER = '''#!/usr/bin/python3
import sys
import dns.resolver
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ['127.0.0.1'], {port}
dns.resolver.default_resolver = resolver
from spf_engine.policyd_spf import main
sys.argv = ['policyd-spf', '{conf}']
sys.exit(main())
'''


def policy_service(lab, postfix, dns):
    """Adds the service to a private Postfix that is not started yet; returns what to check with."""
    if not os.path.exists(POLICYD):
        raise Skip('policyd-spf is not installed')
    name = f'spf-{postfix.name}'
    conf = lab.write(f'{name}.conf', CONF)
    wrapper = lab.write(f'{name}.py', WRAPPER.format(port=dns.port, conf=conf))
    with open(f'{postfix.etc}/master.cf', 'a') as f:
        f.write(f'policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/python3 -B {wrapper}\n')
    return 'check_policy_service unix:private/policyd-spf'
