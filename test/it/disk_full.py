# SPDX-License-Identifier: BSD-2-Clause
"""The disk is full: 452 4.3.1, nothing acknowledged is lost, and it recovers by itself.

The queue lies on a tmpfs of 8 MB. Once the reserve stops the intake early, as it should in
service; once, with hardly any reserve, SQLite really meets ENOSPC.
"""
import ctypes
import os

from lib import smtp
from lib.lab import check, same, scenario
from lib.process import Failure, wait_until

MNT_DETACH = 2


def small_disk(path, size='8m'):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b'tmpfs', path.encode(), b'tmpfs', 0, f'size={size},mode=0777'.encode()):
        raise Failure(f'mount: {os.strerror(ctypes.get_errno())}')
    return lambda: libc.umount2(path.encode(), MNT_DETACH)


def fill(holdfast, start, options='SIZE=310000'):
    """Sends messages of 300 KB until one is refused; (those acknowledged, the refusal)."""
    body = ('z' * 70 + '\r\n') * 4200
    for i in range(start, start + 60):
        reply = smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'],
                          smtp.text(f'fill {i}', body=body), options)[-1]
        if reply.code != 250:
            return i - start, reply
    raise Failure('60 messages of 300 KB fit into 8 MB')


def run(lab, name, reserve):
    primary = lab.fake_primary()
    holdfast = lab.holdfast(name=name, queue_reserve=reserve)
    unmount = small_disk(holdfast.queue_dir)
    lab.at_end(unmount)
    holdfast.own()
    holdfast.domain('example.test', primary.port, ['joe'])
    holdfast.start_queued()
    ballast = os.path.join(holdfast.queue_dir, 'ballast')
    with open(ballast, 'wb') as f:
        f.write(b'b' * (3 << 20))

    stored, reply = fill(holdfast, 0)
    same((reply.code, reply.dsn), (452, '4.3.1'), f'{name}: the answer of a full disk')
    check(stored >= 1, f'{name}: something fitted')
    same(holdfast.held(), stored, f'{name}: messages held')
    # Without SIZE it is found out later. One more may fit: the log was tidied meanwhile.
    more, reply = fill(holdfast, stored, '')
    same((reply.code, reply.dsn), (452, '4.3.1'), f'{name}: the same without SIZE')
    stored += more

    os.unlink(ballast)
    wait_until(lambda: smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'],
                                 smtp.text('after', body='y\r\n'))[-1].code == 250, 10,
               f'{name}: mail to be taken again once there is room')
    again, reply = fill(holdfast, stored)
    same((reply.code, reply.dsn), (452, '4.3.1'), f'{name}: full once more')
    same(holdfast.held(), stored + again + 1, f'{name}: messages held')

    # The full disk must not keep mail from leaving.
    primary.start()
    wait_until(lambda: holdfast.held() == 0, 20, f'{name}: the full queue to drain')
    got = {m.data.split(b'Subject: ')[1].split(b'\r\n')[0] for m in primary.messages}
    for i in range(stored + again):
        check(f'fill {i}'.encode() in got, f'{name}: message {i} was acknowledged and did not arrive')
    wait_until(lambda: smtp.lmtp(holdfast.lmtp_socket, 'ann@sender.example', ['joe@example.test'],
                                 smtp.text('end'), 'SIZE=2000000')[-1].code == 250, 20,
               f'{name}: room after the drain')
    holdfast.stop()
    lab.say(f'{name}: {stored} + {again} messages of 300 KB fitted, all arrived')


@scenario(limit=120, mounts=True)
def disk_full(lab):
    run(lab, 'with-reserve', '1M')
    run(lab, 'to-the-last-byte', '0')
