"""An RS-485 bus of pseudo terminals: what one port sends all the others hear; every port's bytes are counted.

Ports are taken with `port()`; a thread copies. `cut(path)` takes a port off the bus. Peers of another codebase
(`peers/rtu_peer.c`, libmodbus) sit on some of them.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import threading
import tty
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.integration.modbus_server import build

SOURCE = Path(__file__).parent / "peers" / "rtu_peer.c"


class RtuBus:
    """A bus while the `with` lasts.

    Args:
        star: a device hears only requests to itself. libmodbus waits for the answer of the unit that a request went to,
            and when that is dead takes the next request for it.
    """

    def __init__(self, *, star: bool = False) -> None:
        self._star = star
        self._devices: dict[str, int] = {}
        self.sent: dict[str, bytearray] = {}
        """What each port has sent, by its path."""
        self._far: dict[str, int] = {}
        self._near: dict[str, int] = {}
        self._off: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._peers: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers:
            self.end(peer)
        self._ended.set()
        self._thread.join()
        for descriptor in (*self._far.values(), *self._near.values()):
            os.close(descriptor)

    def port(self) -> str:
        """A new port; its path."""
        far, near = pty.openpty()
        tty.setraw(near)
        os.set_blocking(far, False)
        path = os.ttyname(near)
        with self._lock:
            self._far[path] = far
            self._near[path] = near  # held open, so that a port that nobody uses is no hang-up
            self.sent[path] = bytearray()
        return path

    def cut(self, path: str) -> None:
        """The port hears nothing more, and nobody hears it."""
        self._off.add(path)

    def join(self, path: str) -> None:
        """The opposite of `cut`."""
        self._off.discard(path)

    def unplug(self, path: str) -> None:
        """The port is gone for good, as a converter that is pulled out."""
        with self._lock:
            os.close(self._near.pop(path))
            os.close(self._far.pop(path))

    def server(self, unit: int) -> str:
        """A device; the path of its port."""
        path = self.port()
        self._devices[path] = unit
        self._start("server", path, str(unit))
        return path

    def master(self, period_ms: int, *reads: str) -> Master:
        """A master that reads for ever."""
        path = self.port()
        return Master(path, self._start("master", path, str(period_ms), *reads))

    def end(self, peer: subprocess.Popen[str]) -> None:
        """End a peer."""
        peer.kill()
        peer.wait()
        assert peer.stdout is not None
        peer.stdout.close()

    def _start(self, *words: str) -> subprocess.Popen[str]:
        peer = subprocess.Popen([build(SOURCE), *words], stdout=subprocess.PIPE, text=True)
        self._peers.append(peer)
        assert peer.stdout is not None
        assert peer.stdout.readline() == "ready\n"
        return peer

    def _copy(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                ports = dict(self._far)
            try:
                ready = select.select(list(ports.values()), [], [], 0.02)[0]
            except OSError:  # unplugged meanwhile
                continue
            for path, far in ports.items():
                if far not in ready:
                    continue
                with suppress(OSError):
                    data = os.read(far, 4096)
                    self.sent[path] += data
                    if path not in self._off:
                        self._spread(path, data, ports)

    def _spread(self, path: str, data: bytes, ports: dict[str, int]) -> None:
        for other, far in ports.items():
            apart = self._star and other in self._devices and self._devices[other] != data[0]
            if other != path and other not in self._off and not apart:
                with suppress(OSError):
                    os.write(far, data)


class Master:
    """A libmodbus master and what it got, in its own words."""

    def __init__(self, path: str, peer: subprocess.Popen[str]) -> None:
        self.path = path
        self.peer = peer
        self.results: list[tuple[str, list[int] | None]] = []
        """(request, values or None for an error), in order."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def values(self, read: str) -> list[list[int]]:
        """What one request `unit:function:address:quantity` brought, in order, without its errors."""
        return [values for request, values in list(self.results) if request == read and values is not None]

    def _read(self) -> None:
        assert self.peer.stdout is not None
        with suppress(ValueError):  # closed
            for line in self.peer.stdout:
                words = line.split()
                got = None if "error" in words else [int(word) for word in words[4:]]
                self.results.append((":".join(words[:4]), got))
