"""Polled reading: each period has its own fixed grid, each read takes as many nodes as the server allows.

For servers whose subscriptions cannot be trusted, and for rare readings. A cycle that is late is counted; the
ones that were skipped are reported per tag between the values around them. What has not changed since the
last read is not delivered again; what the server denies is told once and asked for again all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from iiotctl import quality
from iiotctl.samples import NULL_TIME, GapReason, SampleBatch
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import CapturedTag, Sink, SourceContext, SourceStatus
from iiotctl.sources.opcua.convert import Rule, time_or_null, to_batch
from iiotctl.sources.opcua.denial import denial, denied
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.planning import period_of
from iiotctl.sources.opcua.resolve import Item, Refused
from iiotctl.sources.opcua.session import Session, batches
from iiotctl.sources.ticker import Ticker

_BAD: Final = 1 << 31


class Poller:
    """Reads items on their periods; the counterpart of `Subscription`.

    Args:
        on_refused: told of items that the server denies, once until it gives them.
        on_back: told of them when it does.
    """

    def __init__(
        self,
        session: Session,
        config: OpcUaSource,
        context: SourceContext,
        sink: Sink,
        *,
        status: SourceStatus,
        on_refused: Callable[[Refused], None],
        on_back: Callable[[CapturedTag], None],
    ) -> None:
        self._session = session
        self._config = config
        self._context = context
        self._sink = sink
        self._status = status
        self._on_refused = on_refused
        self._on_back = on_back
        self._groups: dict[float, dict[int, Item]] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._said: dict[int, tuple[object, ...]] = {}
        """What was delivered last: source time, value, text, status."""
        self._denied: dict[int, int] = {}
        self._changed = asyncio.Event()

    def asks(self, code: int) -> bool:
        """True for a tag that is denied though its node is there: every cycle asks for it anyway."""
        return self._denied.get(code, quality.BAD_NODE_ID_UNKNOWN) != quality.BAD_NODE_ID_UNKNOWN

    async def open(self) -> None:
        """Nothing to open: reads need no state in the server."""

    async def add(self, items: Sequence[Item]) -> list[Refused]:
        """Read more items; none is refused before it is read."""
        for item in items:
            group = self._groups.setdefault(period_of(item.captured, self._config), {})
            group[item.captured.code] = item
        self._changed.set()
        return []

    async def remove(self, codes: Sequence[int]) -> None:
        """Stop reading tags by code; unknown ones are ignored."""
        for group in self._groups.values():
            for code in codes:
                group.pop(code, None)
        for code in codes:
            self._forget(code)
            self._denied.pop(code, None)
        self._changed.set()

    def _forget(self, code: int) -> None:
        """The next value ends a gap, so it is delivered even if it is the one from before."""
        self._said.pop(code, None)

    async def run(self) -> None:
        """Deliver until the session is gone.

        Raises:
            SessionLostError: the connection is gone.
            ServiceError: the server refuses to read at all.
        """
        tasks: dict[float, asyncio.Task[None]] = {}
        gone = asyncio.create_task(self._session.wait_lost())
        try:
            while True:
                self._changed.clear()
                for period in self._groups:
                    if period not in tasks:
                        tasks[period] = asyncio.create_task(self._cycle(period))
                change = asyncio.create_task(self._changed.wait())
                await asyncio.wait({*tasks.values(), gone, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await change
                if gone.done():
                    raise gone.result()
                for task in tasks.values():
                    if task.done():
                        task.result()
        finally:
            gone.cancel()
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), gone, return_exceptions=True)

    async def _cycle(self, period: float) -> None:
        ticker = Ticker(period, monotonic=self._context.monotonic)
        while True:
            tick = await ticker.next()
            self._status.cycles += 1
            self._status.late_cycles += tick.skipped
            self._status.lag_s = tick.lag
            items = list(self._groups[period].values())
            for batch in batches(items, self._session.limits.read):
                await self._read(batch, skipped=tick.skipped > 0)

    async def _read(self, items: Sequence[Item], *, skipped: bool) -> None:
        ranges = [item.index_range if item.rule.ranged else None for item in items]
        try:
            values = await self._session.read([item.node for item in items], ranges=ranges)
        except ServiceError as error:
            codes = [item.captured.code for item in items]
            self._sink.failed(codes, GapReason.REFUSED, error.code, self._context.now_us())
            for code in codes:
                self._forget(code)
            return
        rows: list[tuple[Rule, Any]] = []
        for item, value in zip(items, values, strict=True):
            if status := denial(value):
                self._deny(item.captured, status)
            else:
                rows.append((item.rule, value))
                if self._denied and self._denied.pop(item.captured.code, None) is not None:
                    self._on_back(item.captured)
        batch = to_batch(rows, self._session.last_answer_us)
        if batch is None:
            return
        if skipped:
            self._report_skipped(batch)
        read_at = self._session.last_answer_us
        for code, ts in zip(batch.tag.tolist(), batch.ts.tolist(), strict=True):
            self._last[code] = (ts, read_at)
        fresh = self._fresh(batch, [time_or_null(value.SourceTimestamp) for _, value in rows])
        if fresh:
            self._sink.samples(batch if len(fresh) == len(batch) else batch.take(np.array(fresh, np.intp)))

    def _deny(self, captured: CapturedTag, status: int) -> None:
        if self._denied.get(captured.code) != status:
            self._denied[captured.code] = status
            self._forget(captured.code)
            self._on_refused(denied(captured, status))

    def _fresh(self, batch: SampleBatch, sources: Sequence[int]) -> list[int]:
        """Positions of samples that say something new, compared by the times that the server gave."""
        texts = batch.text or [None] * len(batch)
        columns = zip(batch.tag.tolist(), sources, batch.value.tolist(), texts, batch.quality.tolist(), strict=True)
        fresh = []
        for position, (code, source, value, text, status) in enumerate(columns):
            said = (source, None if value != value else value, text, status)  # noqa: PLR0124 - NaN is not itself
            # a value without a time of its own was read anew, so it is news even when it is the same
            if said != self._said.get(code) or (source == NULL_TIME and status < _BAD):
                self._said[code] = said
                fresh.append(position)
        return fresh

    def _report_skipped(self, batch: SampleBatch) -> None:
        for code, ts in zip(batch.tag.tolist(), batch.ts.tolist(), strict=True):
            before_ts, before_at = self._last.get(code, (0, 0))
            # what was true at the last read is known, so the hole begins after it, however old that value was
            start, end = max(before_ts, before_at) + 1, ts - 1
            if before_at and start <= end:
                self._sink.lost([code], GapReason.OVERFLOW, start, end)

    async def close(self) -> None:
        """Nothing to close on the server."""
