"""RTU over TCP for the tests: a gateway whose answers come late, twice or never, and a transparent serial server.

The late gateway is a script: register A holds A, and the answer to request number n comes as `behave(n)` says, always
in the order of the requests, as a serial bus has it. The serial server only copies bytes between a TCP
connection and a port of `rtu_bus.RtuBus`, behind which libmodbus answers.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from tests.properties.rtu_model import Behaviour, checksum

READING = {1, 2, 3, 4}


class LateGateway:
    """Answers each request as told; one connection at a time.

    Attributes:
        seen: requests without checksum, in order.
    """

    def __init__(self, behave: Callable[[int], Behaviour]) -> None:
        self.behave = behave
        self.seen: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._due: queue.Queue[tuple[float, bytes] | None] = queue.Queue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._hear, self._speak)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._due.put(None)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join()
        assert {frame[1] for frame in self.seen} <= READING
        assert all(frame[0] for frame in self.seen), "a broadcast was sent"

    def drop(self) -> None:
        """Close the connection; what is due goes to the next one."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _hear(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            rest = b""
            with connection, suppress(OSError):
                while data := connection.recv(4096):
                    rest += data
                    while len(rest) >= 8:
                        self._take(rest[:8])
                        rest = rest[8:]

    def _take(self, frame: bytes) -> None:
        assert checksum(frame[:6]) == frame[6:]
        behaviour = self.behave(len(self.seen))
        self.seen.append(frame[:6])
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        data = b"".join((address + i).to_bytes(2, "big") for i in range(count))
        answer = bytes([frame[0], frame[1], len(data)]) + data
        if behaviour.delay is not None:
            at = time.monotonic() + behaviour.delay
            for extra in (0.0, *behaviour.copies):
                at += extra
                self._due.put((at, answer + checksum(answer)))

    def _speak(self) -> None:
        while (due := self._due.get()) is not None:
            time.sleep(max(0.0, due[0] - time.monotonic()))
            with suppress(OSError):
                if self._connection is not None:
                    self._connection.sendall(due[1])


class SerialServer:
    """Copies bytes between TCP clients and a serial port, as a transparent serial server does.

    Args:
        path: the port.
        piece: most bytes that are passed on at once.
    """

    def __init__(self, path: str, piece: int = 4096) -> None:
        self._tty = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._piece = piece
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for each in (self._listener, *self._clients):
            each.close()
        os.close(self._tty)

    def _copy(self) -> None:
        while not self._ended.is_set():
            for source in select.select([self._tty, self._listener, *self._clients], [], [], 0.02)[0]:
                if source is self._listener:
                    self._clients.append(self._listener.accept()[0])
                elif source == self._tty:
                    data = os.read(self._tty, self._piece)
                    for client in self._clients:
                        with suppress(OSError):
                            client.sendall(data)
                elif data := source.recv(4096):
                    os.write(self._tty, data)
                else:
                    self._clients.remove(source)
                    source.close()
