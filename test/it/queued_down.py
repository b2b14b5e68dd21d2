# SPDX-License-Identifier: BSD-2-Clause
"""holdfast-queued is away: the MTA queues and brings the mail later, or answers 4xx; as configured."""
from lib import smtp
from lib.lab import check, same, scenario
from lib.process import wait_until


def send(mta, subject, recipient='joe@example.test'):
    return smtp.send(mta.port, 'ann@sender.example', [recipient], smtp.text(subject))


@scenario(limit=60)
def queued_down(lab):
    primary = lab.primary()
    holdfast = lab.holdfast(on_queued_down='pass').domain('example.test', primary.port, ['joe'])
    holdfast.start()
    mta = lab.mta(holdfast, minimal_backoff_time='1s', maximal_backoff_time='1s',
                  queue_run_delay='1s', transport_retry_time='1s').start()

    # pass, with queued gone from the start of the session and gone in between.
    same(send(mta, 'while it is up').code, 250, 'the first message')
    same(holdfast.held(), 1, 'messages held')
    holdfast.queued.kill()
    same(send(mta, 'while it is down').code, 250, 'a message while queued is down (pass)')
    same(send(mta, 'unknown', 'nobody@example.test').code, 550, 'screening goes on')
    same(mta.queued(), 1, 'messages kept by Postfix')
    holdfast.start_queued()
    wait_until(lambda: holdfast.held() == 2, 20, "Postfix's LMTP transport to bring the message")
    wait_until(lambda: mta.queued() == 0, 10, 'Postfix to have nothing left')

    # A stopped process: the socket is there, nobody answers. Ends with a reply all the same.
    holdfast.queued.stop()
    same(send(mta, 'after a clean stop').code, 250, 'a message after SIGTERM of queued (pass)')
    holdfast.start_queued()
    wait_until(lambda: holdfast.held() == 3, 20, 'the third message')

    # tempfail
    holdfast.milter.stop()
    holdfast.write_conf(on_queued_down='tempfail')
    holdfast.start_milter()
    holdfast.queued.kill()
    r = send(mta, 'tempfail')
    check(r.code // 100 == 4, f'tempfail answers 4xx, not {r}')
    wait_until(lambda: mta.queued() == 0, 5, 'Postfix to keep nothing of it')
    holdfast.start_queued()
    same(send(mta, 'tempfail, later').code, 250, 'the same once queued is back')
    same(holdfast.held(), 4, 'messages held')

    primary.start()
    wait_until(lambda: len(primary.delivered()) == 4, 10, 'all four messages')
    wait_until(lambda: holdfast.held() == 0, 10, 'the queue to be empty')
