# SPDX-License-Identifier: BSD-2-Clause
"""A real Sendmail in front: refused, taken over, screened inside, kept apart; and never open (F=T)."""
from lib import smtp
from lib.lab import Skip, check, same, scenario
from lib.process import wait_until
from lib.scanners import EICAR, GTUBE, Clamd, Spamd
from lib.sendmail import Sendmail


def started(kind, lab):
    """The scanner, or None where it is not installed."""
    try:
        return kind(lab).start()
    except Skip as e:
        lab.say(f'left out: {e}')
        return None


@scenario(limit=120)
def sendmail(lab):
    primary = lab.primary()
    holdfast = lab.holdfast().domain('example.test', primary.port, ['joe', 'mary', 'apart'])
    mta = Sendmail(lab, holdfast)
    clamd, spamd = started(Clamd, lab), started(Spamd, lab)
    for where, server in (('virus.clamd', clamd), ('spam.spamd', spamd)):
        if server:
            holdfast.cli('rule', 'set', where, server.at)
    holdfast.cli('rule', 'add', 'header', 'subject', '^buy', 'reject')
    holdfast.cli('rule', 'add', 'header', 'subject', '^hmm', 'quarantine')
    holdfast.cli('rule', 'set', 'threshold.spam_reject', 'never', '--for', 'apart@example.test')
    holdfast.start()
    mta.start()
    for server in (clamd, spamd):
        if server:
            server.wait()

    def send(message, to='joe@example.test'):
        return smtp.send(mta.port, 'ann@sender.example', [to], message)

    # --- at RCPT
    r = send(smtp.text('x'), 'nobody@example.test')
    check(r.code == 550 and 'User unknown' in r.text and r.dsn == '5.1.1', f'an unknown recipient: {r}')

    # --- taken over
    message = smtp.text('taken', 'one\r\n.two\r\n\r\n\tthree\r\n')
    r = send(message)
    same(r.code, 250, f'a known recipient: {r}')
    same(holdfast.held(), 1, 'messages held')
    wait_until(lambda: mta.queued() == 0, 10, 'Sendmail to have nothing left')
    primary.start()
    wait_until(lambda: len(primary.delivered()) == 1, 10, 'the message at the primary')
    arrived = primary.messages()[0]
    check(arrived.endswith(message), 'it arrived unchanged')
    same(arrived[:-len(message)].count(b'Received: '), 2, "Received lines: the primary's and ours")

    # --- inside
    r = send(smtp.text('Buy this'))
    check(r.code == 550 and 'Message rejected: header subject' in r.text, f'a header rule: {r}')
    same(send(smtp.text('Hmm')).code, 250, 'kept apart by a header rule')
    kept = ['header subject']
    if spamd:
        gtube = smtp.text('offer', GTUBE + '\r\n')
        r = send(gtube)
        check(r.code == 550 and 'Message looks like spam' in r.text, f'GTUBE: {r}')
        r = send(gtube, 'apart@example.test')
        same(r.code, 250, f'GTUBE for one who has it kept apart: {r}')
        kept.append('score ')
    if clamd:
        r = send(smtp.text('bill', EICAR + '\r\n'))
        check(r.code == 550 and 'contains a virus' in r.text, f'EICAR: {r}')
        clamd.kill()
        r = send(smtp.text('x'))
        check(r.code == 451 and 'Content scanner not available' in r.text, f'clamd is away: {r}')
        clamd.start().wait()
    reasons = [m['recipients'][0]['reason'] for m in holdfast.queue('--state', 'quarantined')]
    check(len(reasons) == len(kept) and all(r.startswith(k) for r, k in zip(reasons, kept)), str(reasons))
    same(len(primary.delivered()), 1, 'messages at the primary')
    holdfast.cli('queue', 'release', '--all', '--state', 'quarantined')
    wait_until(lambda: len(primary.delivered()) == 1 + len(kept), 10, 'what was released')
    same(holdfast.held(), 0, 'messages held')

    # --- queued is away: Sendmail keeps it and brings it later, or keeps it apart itself
    holdfast.queued.kill()
    same(send(smtp.text('kept')).code, 250, 'while queued is away')
    same(send(smtp.text('Hmm again')).code, 250, 'to be kept apart, while queued is away')
    same(mta.quarantined(), 1, "messages in Sendmail's own quarantine")
    holdfast.start_queued()
    wait_until(lambda: len(primary.delivered()) == 2 + len(kept), 30, 'what Sendmail has kept')
    same(mta.queued(), 1, "messages left with Sendmail")

    # --- the milter is away: nothing passes (F=T)
    holdfast.milter.stop()
    r = send(smtp.text('x'))
    same(r.code // 100, 4, f'without the milter: {r}')
    holdfast.start_milter()
    same(send(smtp.text('again')).code, 250, 'with it again')
    wait_until(lambda: len(primary.delivered()) == 3 + len(kept), 10, 'it at the primary')
