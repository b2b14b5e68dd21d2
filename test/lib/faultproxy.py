# SPDX-License-Identifier: BSD-2-Clause
"""A wire with a cut in it: TCP proxies that end a connection after so many bytes.

    proxies = FaultProxy(lab)
    wire = proxies.wire(primary.port, Cut('c2s', 117))      # .port is where to connect
    ...
    wire.cut.done, wire.first.c2s, wire.first.s2c           # what got through on the first connection

A Cut lets exactly `at' bytes of one direction through and then closes both sides, on the wire's
first connection; the following ones are whole. All wires live on one event loop of their own
thread.
"""
import asyncio
import socket
import threading

from .process import free_port


class Cut:
    def __init__(self, direction, at):
        assert direction in ('c2s', 's2c')
        self.direction, self.at, self.done = direction, at, False

    def __repr__(self):
        return f'{self.direction}@{self.at}'


class Connection:
    """What a connection carried, cut or not."""

    def __init__(self):
        self.c2s, self.s2c = bytearray(), bytearray()


class Wire:
    def __init__(self, port, backend, cut):
        self.port, self.backend, self.cut = port, backend, cut
        self.connections = []

    @property
    def first(self):
        return self.connections[0]

    async def serve(self, reader, writer):
        connection = Connection()
        cut = self.cut if not self.connections else None
        self.connections.append(connection)
        try:
            far_reader, far_writer = await asyncio.open_connection('127.0.0.1', self.backend)
        except OSError:
            writer.close()
            return
        for w in (writer, far_writer):
            w.get_extra_info('socket').setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        both = (writer, far_writer)
        await asyncio.gather(
            self.pump(reader, far_writer, connection.c2s, cut, 'c2s', both),
            self.pump(far_reader, writer, connection.s2c, cut, 's2c', both))

    @staticmethod
    async def pump(reader, writer, carried, cut, direction, both):
        """Copies until the end, or the cut; either way both sides are closed."""
        limit = cut.at if cut is not None and cut.direction == direction else None
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    break
                if limit is not None and len(carried) + len(data) >= limit:
                    data = data[:limit - len(carried)]
                    cut.done = True
                carried += data
                writer.write(data)
                if cut is not None and cut.done:
                    break
                await writer.drain()
        except OSError:
            pass
        for w in both:
            w.close()


class FaultProxy:
    def __init__(self, lab):
        self.loop = asyncio.new_event_loop()
        self.servers = []
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        lab.at_end(self.stop)

    def wire(self, backend, cut=None):
        """A new port that leads to the backend's."""
        wire = Wire(free_port(), backend, cut)
        server = asyncio.start_server(wire.serve, '127.0.0.1', wire.port, backlog=16)
        self.servers.append(asyncio.run_coroutine_threadsafe(server, self.loop).result(10))
        return wire

    def close(self):
        """No wire accepts any more: for the next batch."""
        servers, self.servers = self.servers, []

        async def end():
            for server in servers:
                server.close()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)

    def stop(self):
        self.close()

        async def cancel():
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
