"""Polled reading: each period has its own fixed grid, each read takes as many nodes as the server allows.

For servers whose subscriptions cannot be trusted, and for rare readings. A cycle that is late is counted; the
ones that were skipped are reported per tag between the values around them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.site.model import OpcUaSource
from iiotctl.sources.base import Sink, SourceContext, SourceStatus
from iiotctl.sources.opcua.convert import Rule, to_batch
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.planning import period_of
from iiotctl.sources.opcua.resolve import GONE, Item, Refused
from iiotctl.sources.opcua.session import Session, batches
from iiotctl.sources.ticker import Ticker


class Poller:
    """Reads items on their periods; the counterpart of `Subscription`.

    Args:
        on_refused: told of items whose node vanished while running.
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
    ) -> None:
        self._session = session
        self._config = config
        self._context = context
        self._sink = sink
        self._status = status
        self._on_refused = on_refused
        self._groups: dict[float, dict[int, Item]] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._changed = asyncio.Event()

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
        self._changed.set()

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
            self._sink.failed(
                [item.captured.code for item in items], GapReason.REFUSED, error.code, self._context.now_us()
            )
            return
        rows: list[tuple[Rule, Any]] = []
        for item, value in zip(items, values, strict=True):
            status = 0 if value.StatusCode is None else int(value.StatusCode.value)
            if status & 0xFFFF0000 in GONE:
                self._on_refused(
                    Refused(item.captured, quality.BAD_NODE_ID_UNKNOWN, "the node vanished from the server")
                )
            else:
                rows.append((item.rule, value))
        batch = to_batch(rows, self._session.last_answer_us)
        if batch is None:
            return
        read_at = self._session.last_answer_us
        for code, ts in zip(batch.tag.tolist(), batch.ts.tolist(), strict=True):
            before_ts, before_at = self._last.get(code, (0, 0))
            # what was true at the last read is known, so the hole begins after it, however old that value was
            start, end = max(before_ts, before_at) + 1, ts - 1
            if skipped and before_at and start <= end:
                self._sink.lost([code], GapReason.OVERFLOW, start, end)
            self._last[code] = (ts, read_at)
        self._sink.samples(batch)

    async def close(self) -> None:
        """Nothing to close on the server."""
