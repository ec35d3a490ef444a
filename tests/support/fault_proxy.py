# SPDX-License-Identifier: Apache-2.0
"""A proxy between an app and the server of its cache, which does to the server's answers what networks and broken servers do.

    with FaultProxy(("127.0.0.1", 6379)) as proxy:
        …                   # everything goes through proxy.address
        proxy.delay(2.0)    # from now on answers are late by so many seconds
        proxy.heal()

A fault holds for connections that are open and for those that come. The proxy has a thread of its own; its controls return when the fault
is in force.
"""
import asyncio
import random
import socket
import threading

PIECE = 65536


class Passing:
    """What becomes of a piece of the server's answers. One for each connection, made when the fault begins or the connection comes."""

    over = False   # the connection ends after what was just answered

    async def answer(self, piece):
        """Returns what the client gets."""
        return piece


class Delaying(Passing):
    def __init__(self, seconds):
        self.seconds = seconds

    async def answer(self, piece):
        await asyncio.sleep(self.seconds)
        return piece


class Cutting(Passing):
    def __init__(self, size):
        self.left = size

    async def answer(self, piece):
        piece = piece[:self.left]
        self.left -= len(piece)
        self.over = self.left == 0
        return piece


class Halving(Passing):
    """The first half of a piece, and then nothing any more on a connection that stays open."""

    def __init__(self):
        self.silent = False

    async def answer(self, piece):
        piece = b"" if self.silent else piece[:len(piece) // 2]
        self.silent = True
        return piece


class Scrambling(Passing):
    def __init__(self, seed):
        self.random = random.Random(seed)

    async def answer(self, piece):
        return self.random.randbytes(len(piece))


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.fault, self.writers = proxy, proxy.make_fault(), [client]

    async def run(self, reader):
        client = self.writers[0]
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.proxy.upstream) if isinstance(self.proxy.upstream, tuple) \
                else await asyncio.open_unix_connection(self.proxy.upstream)
            self.writers.append(up_writer)
            await asyncio.gather(self.ask(reader, up_writer), self.answer(up_reader, client))
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.end()

    async def ask(self, reader, writer):
        while piece := await reader.read(PIECE):
            await self.proxy.running.wait()
            writer.write(piece)
            await writer.drain()
        raise EOFError

    async def answer(self, reader, writer):
        while piece := await reader.read(PIECE):
            await self.proxy.running.wait()
            fault = self.fault
            changed = await fault.answer(piece)
            await self.proxy.running.wait()
            self.proxy.answered += len(changed)
            writer.write(changed)
            await writer.drain()
            if fault.over:
                break
        raise EOFError

    def end(self):
        """With a reset: what was sent and not yet read is lost, as it is with a server that dies."""
        for writer in self.writers:
            writer.transport.abort()


class FaultProxy:
    """`upstream` is (host, port) or the path of a unix socket; `address`, where the proxy listens, is always (host, port). Without one it
    finds a port for itself. `answered` counts bytes."""

    def __init__(self, upstream, address=("127.0.0.1", 0)):
        self.upstream, self.make_fault, self.answered = upstream, Passing, 0
        self.socket = socket.create_server(address)
        self.address = self.socket.getsockname()
        self.connections, self.server = set(), None
        self.loop = asyncio.new_event_loop()
        self.running = asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.running.set()
        self.thread.start()
        self.do(self.listen())
        return self

    def __exit__(self, *_):
        self.do(self.shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def listen(self):
        if not self.server:
            listening = self.socket or socket.create_server(self.address)
            self.server = await asyncio.start_server(self.accept, sock=listening)
            self.socket = None

    async def shut(self):
        if self.server:
            self.server.close()
            await self.server.wait_closed()
            self.server = None
        await self.drop_all()

    async def drop_all(self):
        tasks = list(self.connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def accept(self, reader, writer):
        task = asyncio.current_task()
        self.connections.add(task)
        task.connection = Connection(self, writer)
        try:
            await task.connection.run(reader)
        finally:
            self.connections.discard(task)

    async def change(self, make_fault, running=True):
        self.make_fault = make_fault
        for task in self.connections:
            task.connection.fault = make_fault()
        if running:
            self.running.set()
        else:
            self.running.clear()
        await self.listen()

    async def begin_to_refuse(self):
        self.running.set()
        await self.shut()

    # What a test says.

    def heal(self):
        """Connections whose answers were spoilt are ended: their client has no way to find its place again."""
        spoilt = self.make_fault is not Passing
        self.do(self.change(Passing))
        if spoilt:
            self.do(self.drop_all())

    def delay(self, seconds):
        """Each piece of an answer comes so much later."""
        self.do(self.change(lambda: Delaying(seconds)))

    def freeze(self):
        """Connections are accepted and nothing passes, in either direction, until heal(); then all of it does."""
        self.do(self.change(Passing, running=False))

    def refuse(self):
        """Connections are ended, and no new ones are accepted."""
        self.do(self.begin_to_refuse())

    def cut(self, size):
        """Each connection is reset after so many bytes of answers."""
        self.do(self.change(lambda: Cutting(size)))

    def halve(self):
        """Of the next answer half comes, and nothing after it."""
        self.do(self.change(Halving))

    def scramble(self, seed=1):
        """Random bytes instead of answers, as many."""
        self.do(self.change(lambda: Scrambling(seed)))
