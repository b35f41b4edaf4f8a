"""A TCP proxy that misbehaves on demand: delays, splits, resets, half-opens, garbles, swallows.

    with TcpProxy(("127.0.0.1", server_port)) as proxy:
        connect_to(proxy.port)
        proxy.blackhole = True        # accepts and reads, answers nothing
        ...
        proxy.reset()                 # RST on every connection

It runs in a thread with an event loop of its own, so that it serves sync and async tests alike. The
switches are plain attributes that may be set from any thread at any time.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

Change = Callable[[bytes], bytes]


@dataclass(eq=False)
class _Pair:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class TcpProxy:
    """A proxy on a free loopback port in front of `target`.

    Attributes:
        port: where to connect.
        target: (host, port) behind it; may be changed, new connections use the new one.
        accepts: connections accepted so far.
        delay: seconds that each chunk from the server waits before it is passed on.
        split: bytes a chunk from the server is cut into, with `split_pause` seconds between; 0 = whole.
        blackhole: swallow what the server says (and what the client says when `deaf`).
        deaf: swallow what the client says.
        refuse: close new connections at once.
        garble: a function over each chunk from the server, or None.
        garble_request: the same over chunks from the client.
        requests: bytes that clients sent, chunk by chunk (also those swallowed).
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self.accepts = 0
        self.delay = 0.0
        self.split = 0
        self.split_pause = 0.002
        self.blackhole = False
        self.deaf = False
        self.refuse = False
        self.garble: Change | None = None
        self.garble_request: Change | None = None
        self.requests: list[bytes] = []
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._pairs)

    def reset(self) -> None:
        """End every connection with a TCP reset."""
        self._call(lambda pair: self._end(pair, hard=True))

    def close_connections(self) -> None:
        """End every connection in an orderly way."""
        self._call(lambda pair: self._end(pair, hard=False))

    def half_open(self) -> None:
        """Forget the servers' ends while the clients' connections stay open and silent, as after a power cut."""

        def forget(pair: _Pair) -> None:
            for task in pair.tasks:
                task.cancel()
            if pair.server is not None:
                pair.server.transport.abort()

        self._call(forget)

    def inject(self, data: bytes) -> None:
        """Send bytes to every client that no server sent."""
        self._call(lambda pair: pair.client.write(data))

    def _call(self, act: Callable[[_Pair], None]) -> None:
        async def on_all() -> None:
            for pair in list(self._pairs):
                act(pair)

        asyncio.run_coroutine_threadsafe(on_all(), self._loop).result(10)

    def _end(self, pair: _Pair, *, hard: bool) -> None:
        for task in pair.tasks:
            task.cancel()
        if hard:
            sock = pair.client.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            pair.client.transport.abort()
        else:
            pair.client.close()
        if pair.server is not None:
            pair.server.transport.abort()
        self._pairs.discard(pair)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        running = [task for pair in list(self._pairs) for task in pair.tasks]
        for pair in list(self._pairs):
            self._end(pair, hard=True)
        await asyncio.gather(*running, return_exceptions=True)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepts += 1
        if self.refuse:
            writer.transport.abort()
            return
        pair = _Pair(writer)
        self._pairs.add(pair)
        try:
            server_reader, pair.server = await asyncio.open_connection(*self.target)
        except OSError:
            self._end(pair, hard=False)
            return
        pair.tasks = [
            asyncio.create_task(self._upward(pair, reader)),
            asyncio.create_task(self._downward(pair, server_reader)),
        ]

    async def _upward(self, pair: _Pair, reader: asyncio.StreamReader) -> None:
        assert pair.server is not None
        try:
            while chunk := await reader.read(65536):
                self.requests.append(chunk)
                if self.deaf:
                    continue
                pair.server.write(self.garble_request(chunk) if self.garble_request else chunk)
        except OSError:
            pass
        self._end(pair, hard=False)

    async def _downward(self, pair: _Pair, reader: asyncio.StreamReader) -> None:
        try:
            while chunk := await reader.read(65536):
                if self.blackhole:
                    continue
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.garble is not None:
                    chunk = self.garble(chunk)
                await self._pass_on(pair.client, chunk)
        except OSError:
            pass
        self._end(pair, hard=False)

    async def _pass_on(self, client: asyncio.StreamWriter, chunk: bytes) -> None:
        if not self.split:
            client.write(chunk)
            return
        for at in range(0, len(chunk), self.split):
            client.write(chunk[at : at + self.split])
            await asyncio.sleep(self.split_pause)
