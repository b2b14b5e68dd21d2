# SPDX-License-Identifier: BSD-2-Clause
"""The published SPF test suite (RFC 7208) against our SPF process, through a DNS server of its own.

Each part of the suite brings a zone and tests; a test says which results are right. Explanations are not
compared: we do not fetch them, as the suite allows. What we get wrong and why stands in test/spf/deviations, one a
line: NAME RESULT REASON. Anything else that differs is a failure, and so is a line there that is not true any more.
"""
import os
import subprocess

import yaml

from .dnszone import ZoneServer

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEVIATIONS = os.path.join(HERE, 'spf/deviations')
TIME = 60


def find(source):
    """The suite's file, or None: it is not part of Holdfast."""
    given = os.environ.get('HOLDFAST_SPF_SUITE')
    path = given or os.path.join(source, '../shared/data/spf/rfc7208-tests.yml')
    return path if os.path.exists(path) else None


def parts(path):
    with open(path, encoding='utf-8') as f:
        return list(yaml.safe_load_all(f))


def zone(data):
    """A part's zone. A name's SPF records are TXT records, too, unless it has TXT of its own (or NONE)."""
    out = {}
    for name, entries in data.items():
        records = ['TIMEOUT' if e == 'TIMEOUT' else next(iter(e.items())) for e in entries]
        kinds = {r[0] for r in records if r != 'TIMEOUT'}
        if 'TXT' not in kinds:
            records += [('TXT', r[1]) for r in records if r[0] == 'SPF']
        out[name] = [r for r in records if r != ('TXT', 'NONE')]
    return out


def ask(program, address, questions):
    """The results in order; a question is (client, helo, sender)."""
    text = ''.join('\t'.join(q) + '\n' for q in questions)
    done = subprocess.run([program, address], input=text.encode(), capture_output=True, timeout=TIME)
    if done.returncode:
        raise RuntimeError(f'{program}: {done.returncode}\n{done.stderr.decode("utf-8", "replace")}')
    return [line.split('\t') for line in done.stdout.decode().splitlines()], \
        done.stderr.decode('utf-8', 'replace')


def accepted():
    out = {}
    with open(DEVIATIONS, encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, result, reason = line.split(None, 2)
                out[name] = result, reason.strip()
    return out


def run(program, path):
    """(tests, right, what is wrong, the accepted deviations that were seen)"""
    known, seen, wrong, n, right = accepted(), [], [], 0, 0
    for part in parts(path):
        tests = part['tests']
        with ZoneServer(zone(part['zonedata'])) as dns:
            questions = [(t['host'], t['helo'], t['mailfrom']) for t in tests.values()]
            answers, stderr = ask(program, dns.address, questions)
        if len(answers) != len(tests):
            raise RuntimeError(f'{part["description"]}: {len(answers)} answers for {len(tests)}\n{stderr}')
        for (name, t), (result, _, terms, queries, why) in zip(tests.items(), answers):
            n += 1
            want = t['result'] if isinstance(t['result'], list) else [t['result']]
            if result in want:
                right += 1
                if name in known:
                    wrong.append(f'{name}: is right, but listed in deviations')
            elif name in known and known[name][0] == result:
                seen.append(f'{name}: {result} instead of {" or ".join(want)}: {known[name][1]}')
            else:
                wrong.append(f'{part["description"]}: {name} (RFC 7208 {t["spec"]}): {" or ".join(want)} '
                             f'expected, got {result} (terms={terms} queries={queries} {why})')
    missing = set(known) - {name for part in parts(path) for name in part['tests']}
    wrong += [f'{name}: listed in deviations, but not in the suite' for name in sorted(missing)]
    return n, right, wrong, seen
