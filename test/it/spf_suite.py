# SPDX-License-Identifier: BSD-2-Clause
"""The published SPF test suite (RFC 7208) through the SPF process of the milter."""
import os

from lib import spf_suite as suite
from lib.lab import Skip, check, scenario


@scenario(limit=120)
def spf_suite(lab):
    path = suite.find(lab.source)
    if path is None:
        raise Skip('the SPF test suite is not here (HOLDFAST_SPF_SUITE, or '
                   '../shared/data/spf/rfc7208-tests.yml beside the checkout)')
    n, right, wrong, seen = suite.run(os.path.join(lab.build, 'test/spf/spf_query'), path)
    lab.say(f'{right} of {n} tests of RFC 7208 pass: {100 * right / n:.1f} %')
    for line in seen:
        lab.say(f'accepted: {line}')
    check(not wrong, '\n'.join(wrong))
    check(n >= 200, f'only {n} tests in {path}')
