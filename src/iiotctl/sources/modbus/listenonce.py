"""Listening until each tag was heard once, for `tags check --live`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.sources.base import Reading
from iiotctl.sources.modbus.failure import Failure
from iiotctl.sources.modbus.overheard import BAD_NO_DATA, NOT_READ, Layouts, deafness

if TYPE_CHECKING:
    from iiotctl.sources.modbus.ear import Ear
    from iiotctl.sources.modbus.layout import Layout, ModbusTag
    from iiotctl.sources.modbus.sniff import Exchange


class Collector:
    """Takes the first value of each tag."""

    def __init__(self, tags: Mapping[int, ModbusTag], unit: int) -> None:
        self._tags = tags
        self._layouts = Layouts(tags, unit)
        self._found: dict[int, tuple[float | str | None, int, int, str]] = {}
        self._failures: dict[int, Failure] = {}
        self._error: SourceError | None = None
        self.done = asyncio.Event()
        """Every tag has an answer, or the port is not there."""

    def heard(self, exchange: Exchange) -> None:
        """See `Listener`."""
        layout = self._layouts.of(exchange.read)
        if layout is None or not len(layout):
            return
        if isinstance(exchange.result, Failure):
            self._failures.update(dict.fromkeys(layout.codes.tolist(), exchange.result))
        else:
            self._take(layout, exchange.result, exchange)
        if self._found.keys() | self._failures.keys() >= self._tags.keys():
            self.done.set()

    def _take(self, layout: Layout, data: bytes, exchange: Exchange) -> None:
        batch = layout.samples([data], [exchange.at])
        assert batch is not None
        for index, code in enumerate(batch.tag.tolist()):
            text = None if batch.text is None else batch.text[index]
            value = None if np.isnan(batch.value[index]) else float(batch.value[index])
            shown = text if value is None and not quality.is_bad(int(batch.quality[index])) else value
            self._found[code] = (shown, int(batch.quality[index]), exchange.at, str(exchange.read))

    def missed(self, start: int, end: int) -> None:
        """See `Listener`: the next read of the master is as good."""

    def port_lost(self, error: SourceError) -> None:
        """See `Listener`."""
        self._error = error
        self.done.set()

    def raise_when_deaf(self, ear: Ear, now: float, waited: float, endpoint: str) -> None:
        """Raise when nothing could be heard at all, for so many seconds; `now` is monotonic."""
        if self._found or self._failures:
            return
        if self._error is not None:
            raise self._error
        if (failure := deafness(ear, now, waited)) is not None:
            raise SourceError(
                "source-silent",
                "no read of a master was heard",
                where=endpoint,
                cause=failure.cause,
                hint="check the tap and its two wires, that the master runs, and speed and parity of the source",
                retriable=True,
            )

    def reading(self, tag: ModbusTag, now: int, took: float) -> Reading:
        """What was found of one tag."""
        if (found := self._found.get(tag.code)) is not None:
            value, status, at, read = found
            return Reading(tag.name, value, status, at, took, note=f"heard in `{read}`")
        failure = self._failures.get(tag.code, NOT_READ)
        status = BAD_NO_DATA if failure is NOT_READ else failure.status
        return Reading(tag.name, None, status, now, took, note=str(failure))
