"""One ear a serial port: opened for reading alone, shared by all sources that listen there.

It opens the port, opens it again when it is lost, and passes on the exchanges of the bus. It has no mouth.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from iiotctl.errors import SourceError
from iiotctl.sources.modbus.outage import reconnect_wait
from iiotctl.sources.modbus.serialport import Port, open_port, settings_of
from iiotctl.sources.modbus.sniff import Exchange, Seen, Sniffer

if TYPE_CHECKING:
    from iiotctl.sources.base import SourceContext
    from iiotctl.sources.modbus.serialport import Line

_LOOK_S: Final = 0.1
_STALLED_S: Final = 2.0
"""This process did not run for so long: what the system kept meanwhile has holes, and nobody knows when it came."""


class Listener(Protocol):
    """Who wants to know; called on the loop."""

    def heard(self, exchange: Exchange) -> None:
        """An exchange of any unit."""

    def missed(self, start: int, end: int) -> None:
        """Nobody listened between two instants, µs UTC."""

    def port_lost(self, error: SourceError) -> None:
        """The port cannot be opened, or is gone; told after every fruitless attempt."""


class Ear:
    """Listens on one port while somebody is attached.

    Args:
        line: port and settings.
        now_us: wall clock, µs UTC.
        monotonic: seconds that never step back.
        key: under which the sources of a run find it.
    """

    def __init__(
        self, line: Line, now_us: Callable[[], int], monotonic: Callable[[], float], *, key: object = None
    ) -> None:
        self.line = line
        self.key = key
        self.is_open = False
        self.opened = 0
        """How often the port was opened."""
        self.last_byte: float | None = None
        """Monotonic time of the last byte of anybody."""
        self._now_us = now_us
        self._monotonic = monotonic
        self._sniffer = Sniffer()
        self._looked = (0.0, 0)
        """When this last ran: monotonic seconds, and µs UTC."""
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[SourceError] | None = None

    @property
    def seen(self) -> Seen:
        """What was heard since the port was opened."""
        return self._sniffer.seen

    @property
    def settings(self) -> str:
        """E.g. `19200 8E1`."""
        return settings_of(self.line)

    def attach(self, listener: Listener) -> None:
        """Begin to tell somebody."""
        self._listeners.append(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"listen on {self.line.port}")

    async def detach(self, listener: Listener) -> bool:
        """Tell somebody no more; true when nobody is left, and the port is closed."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if self._listeners:
            return False
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return True

    async def _keep(self) -> None:
        down_since = self._monotonic()
        while True:
            try:
                error = await self._listen()
                down_since = self._monotonic()
            except SourceError as refused:
                error = refused
            for listener in tuple(self._listeners):
                listener.port_lost(error)
            outage = self._monotonic() - down_since
            await asyncio.sleep(reconnect_wait(outage, random.random()))  # noqa: S311 - spreads attempts

    async def _listen(self) -> SourceError:
        """Listen until the port is lost, and return why; raises when it cannot be opened."""
        port: Port = open_port(self.line, listen_only=True)
        lost: asyncio.Future[SourceError] = asyncio.get_running_loop().create_future()
        self._sniffer = Sniffer()
        self._looked = (self._monotonic(), self._now_us())
        try:
            port.start(lambda data: self._received(port, data), lost.set_result)  # a port is lost once
            self.is_open = True
            self.opened += 1
            while not lost.done():
                await asyncio.wait([lost], timeout=_LOOK_S)
                if not self._stalled(port):
                    self._tell(self._sniffer.idle(self._now_us()))
            return lost.result()
        finally:
            self.is_open = False
            port.close()

    def _received(self, port: Port, data: bytes) -> None:
        if self._stalled(port):
            return
        self.last_byte = self._monotonic()
        self._tell(self._sniffer.feed(data, self._now_us()))

    def _stalled(self, port: Port) -> bool:
        """Whether this did not run for long; what waits is then thrown away, and the hole is told."""
        (steady, wall), self._looked = self._looked, (self._monotonic(), self._now_us())
        if self._looked[0] - steady < _STALLED_S:
            return False
        port.discard()
        self._sniffer = Sniffer(self._sniffer.seen)
        for listener in tuple(self._listeners):
            listener.missed(min(wall, self._looked[1]), self._looked[1])
        return True

    def _tell(self, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            for listener in tuple(self._listeners):
                listener.heard(exchange)


def ear_of(line: Line, context: SourceContext) -> Ear:
    """The ear of a port; made when nobody listens there yet."""
    key = ("listen", os.path.realpath(line.port))
    ear: Ear | None = context.shared.get(key)
    if ear is None:
        ear = context.shared[key] = Ear(line, context.now_us, context.monotonic, key=key)
    return ear
